"""The promises of a provider: the contract between the engine and what servers are made of.

A provider never decides: it says what it sees, and does what a plan's Call asks, once. Adding one
is a folder under `providers/` and its name in two lists: their `registry.py`, and the layers of
`pyproject.toml`. One suite under `tests/contracts/` holds them all to this page.

Which error means what: `errors.Stalled` a refusal that retrying cannot help (reasons `NameTaken`,
`TemplateRefused`, `NotSupported`, …); `errors.Transient` may pass; `errors.UnknownOutcome` the call
may have taken effect, observe first; `errors.Waiting` not now (a limit, an older instance still
going). Anything else is a bug in a call that may have taken effect: `errors.Crashed`, with reason
`InternalError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from controller import errors
from controller.api import objects
from controller.api.resources import Resource
from controller.contract.call import Call
from controller.contract.claims import Claim
from controller.contract.observation import Observation, Phase
from controller.contract.reasons import ProviderReason
from controller.kube.receipts import WriteReceipt

# The objects that the API server wrote for a call: nothing is planned before caches show them.
# Empty where a provider sees its own calls at once.
Receipt = tuple[WriteReceipt, ...]
NOTHING: Receipt = ()

# An object in the API: resource, namespace, name.
Place = tuple[Resource, str, str]
# The findings of an act, by name: an exit code, the id of a snapshot. `message` is for people.
Facts = Mapping[str, str]

# Called with the namespace and name of a server of which something else may now be seen.
Changed = Callable[[str, str], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance that exists, whether or not its server still does.

    `server` is the "namespace/name" of the Server that it was made for, `uid` that Server's UID.
    """

    id: str
    server: str
    uid: str
    phase: Phase

    @property
    def path(self) -> tuple[str, str]:
        """Return the namespace and the name of its Server."""
        namespace, _, name = self.server.partition("/")
        return namespace, name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """For how many `seconds` a provider has heard nothing of its servers, and what it met last."""

    seconds: float
    error: errors.ArgosyError


class Provider(Protocol):
    """The provider of one fleet's servers, for as long as it is open."""

    def observe(self, server: objects.Server) -> Observation:
        """Return what is seen of `server`, from memory and at once.

        The server is complete: what it refers to is filled in.
        UNKNOWN until the provider has seen a consistent state. A state older than the provider's
        own last calls is told apart by what those calls returned. Never raises for the server's
        sake.
        """

    def instance(self, server: objects.Meta) -> str | None:
        """Return the id of what there is of a server, known by its name and UID alone.

        Empty where there is nothing, None where that is not known yet. Teardown relies on it when
        all else fails: nothing that anybody wrote may make it raise.
        """

    def instances(self) -> Iterable[Instance] | None:
        """Return all instances of this fleet, for orphans and adoption; None while not known.

        An instance that is not among them certainly exists no more. UNREACHABLE while nothing of
        one is heard.
        """

    def silence(self) -> Silence | None:
        """Return for how long nothing has been heard of the servers at all, and why.

        None while they are heard. Observations that `observe` returns meanwhile are of before: no
        call need fail that would tell of it.
        """

    def home(self) -> str:
        """Return where the servers are, in people's words; empty where that needs no saying.

        Their ids mean nothing elsewhere. The Fleet has on record what was told first, and a
        provider that finds itself elsewhere does not open.
        """

    def claims(
        self, namespace: str, application: str, component: str = ""
    ) -> Iterable[Claim] | None:
        """Return the claims that servers of a component have or had; None while not known.

        Of all components where none is named. A volume that a provider keeps for its servers and
        deletes by itself is none.
        """

    def can_change(self, before: bytes, after: bytes) -> bool:
        """Return whether an instance of template `before` can become one of `after` in place.

        A function of the two alone, and the same for as long as the provider is open.
        """

    def own_addresses(self, server: objects.Server) -> tuple[str, ...]:
        """Return the addresses that are the server's alone, none that it shares with its host.

        Only these may the operator itself call on a user's behalf.
        """

    def writes(self, server: objects.Server, call: Call) -> tuple[Place, ...]:
        """Return what `call` for `server` may write to the API server.

        Each is read once more where the answer to a call is lost.
        """

    async def create(self, server: objects.Server, call: Call) -> Receipt:
        """Make the substance of `server` at its incarnation from the call's template and claims.

        Idempotent by server and incarnation: repeated after an unknown outcome it adopts what the
        first call made. An object that is somebody else's is never touched: Stalled, `NameTaken`.
        While an older instance is there: Waiting.
        """

    async def change(self, server: objects.Server, call: Call) -> Receipt:
        """Bring the instance `call.instance` to `server` and `call.template` in place.

        Without a template the instance stays what it is made from: drift is mended, and claims
        grow. With the capability Stop it also stops or starts the instance as the server's power
        says, with a template or without. With the capability Restart an instance of the
        incarnation before, whose server says that it came to its own by a restart, is stopped and
        started as that one, a step at each call. Stalled, `NotSupported`, when it would take a new
        instance by what the two templates say; `CannotChange` where that shows only now: then the
        planner has the instance replaced.
        """

    async def act(self, server: objects.Server, call: Call) -> Facts:
        """Carry out `call.task` on the instance `call.instance` to its end; return facts of it.

        `contract.tasks` says what a task carries; it is bounded by the timeout given there. Raises
        Stalled with `NotSupported` where the capability is missing.
        """

    async def resume(self, server: objects.Server, call: Call) -> Facts:
        """Follow to its end what another process began for `call.task`, at the same attempt.

        Acts that find their own beginning (snapshots, restores, jobs, harmless requests) may begin
        here; no other does. Raises UnknownOutcome, `NoTrace`, where nothing can be followed.
        """

    async def cancel(self, server: objects.Server, call: Call) -> Facts:
        """End what `act` runs for `call.task`, as far as that is possible; return facts of it."""

    async def delete(self, server: objects.Server, call: Call) -> Receipt:
        """Begin to tear down `call.instance`, and no other; gone already is success.

        With `call.grace_seconds` 0 the instance is given up without asking it.
        """

    async def collect(self, instance: str, server: str) -> Receipt:
        """Begin to tear down an orphan that can be reached again; gone already is success.

        `server` is the "namespace/name" of the Server that it was, which may exist anew.
        """

    async def discard(self, claim: Claim) -> Receipt:
        """Begin to delete a claim that is no object, with its data; gone already is success.

        Waiting while an instance has it, whosever that is.
        """


class AlwaysHeard:
    """The silence of a provider whose servers the API server shows, or its own memory: none."""

    def silence(self) -> Silence | None:
        """Return that there is none."""
        return None

    def home(self) -> str:
        """Return nothing: they are where the operator is."""
        return ""


class NoClaims:
    """The claims of a provider that makes none, or none but objects: none."""

    def claims(
        self, namespace: str, application: str, component: str = ""
    ) -> Iterable[Claim] | None:
        """Return nothing."""
        del namespace, application, component
        return ()

    async def discard(self, claim: Claim) -> Receipt:
        """Refuse: what is an object is deleted as such."""
        message = f"the provider has no claims such as {claim.name}"
        raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
