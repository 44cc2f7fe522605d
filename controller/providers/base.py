"""What a provider promises: the contract between the engine and what servers are made of.

A provider never decides. It says what it sees, and does what a plan's Call asks, once. Adding one
is a new file here and a line in `registry.py`; one suite under `tests/contracts/` holds them all to
this page.

Which error means what: `errors.Stalled` a refusal that retrying cannot help (reasons `NameTaken`,
`TemplateRefused`, `NotSupported`, …); `errors.Transient` may pass; `errors.UnknownOutcome` the call
may have taken effect, observe first; `errors.Waiting` not now (a limit, an older instance still
going). Anything else is a bug and is reported as Transient with reason `InternalError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from controller.api import objects
from controller.planning import plan, snapshot


class Provider(Protocol):
    """One kind of substance, such as pods, for the servers of the fleets that name it."""

    @property
    def capabilities(self) -> frozenset[snapshot.Capability]:
        """What this provider can do beyond create, observe and delete; constant."""

    def observe(self, server: objects.Server) -> snapshot.Observation:
        """Return what is seen of `server`, from memory and at once.

        UNKNOWN until the provider has seen a consistent state that is at least as new as its own
        last calls for this server. Never raises for the server's sake.
        """

    async def create(self, server: objects.Server, call: plan.Call) -> None:
        """Make the substance of `server` at its incarnation from `call.template`.

        Idempotent by server and incarnation: repeated after an unknown outcome it adopts what the
        first call made. What is somebody else's is never touched: Stalled, `NameTaken`.
        """

    async def change(self, server: objects.Server, call: plan.Call) -> None:
        """Change the instance `call.instance` in place to `call.template`, or mend its drift."""

    async def act(self, server: objects.Server, call: plan.Call) -> Mapping[str, str]:
        """Carry out `call.task` (exec, snapshot, restore, stop, start); return facts of it.

        Raises Stalled with `NotSupported` where the capability is missing.
        """

    async def cancel(self, server: objects.Server, call: plan.Call) -> None:
        """End what `act` runs for `call.task`, as far as that is possible."""

    async def delete(self, server: objects.Server, call: plan.Call) -> None:
        """Begin to tear down `call.instance`, and no other; gone already is success.

        With `call.grace_seconds` 0 the instance is given up without asking it.
        """
