"""How long an instance is given to end: what people say, and never less than its template says.

Called by teardown, for servers that are deleted, replaced, restarted and stopped alike. A template
knows what its program needs; a database that is killed before it has flushed loses data.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import objects
from controller.kinds.server.snapshot import ServerSnapshot

# The seconds that the API server writes into pods whose template says nothing: nobody's word.
UNSAID = 30


@dataclasses.dataclass(frozen=True, slots=True)
class Grace:
    """How long an instance has to end."""

    # The seconds that the provider is told; None leaves them to the instance.
    asked: int | None
    # How long that is, as far as is known.
    seconds: int


class _Spec(objects.View, frozen=True, kw_only=True):
    termination_grace_period_seconds: int | None = None


class _Template(objects.View, frozen=True, kw_only=True):
    spec: _Spec = _Spec()


def of(snapshot: ServerSnapshot) -> Grace:
    """Return the grace of the server's instance, which may be of another revision than is wanted.

    So what the instance itself carries goes before the template of today.
    """
    asked = snapshot.server.spec.deletion.drain_seconds
    own = snapshot.observation.grace_seconds
    if asked is None:
        return Grace(None, own if own is not None else _said(snapshot.server.spec))
    least = _said(snapshot.server.spec) if own is None or own == UNSAID else own
    seconds = max(asked, least)
    return Grace(seconds, seconds)


def _said(spec: objects.ServerSpec) -> int:
    """Return what the template says; what cannot be read says nothing, lest a teardown end here."""
    try:
        found = msgspec.json.decode(bytes(spec.template), type=_Template)
    except msgspec.MsgspecError:
        return 0
    return max(found.spec.termination_grace_period_seconds or 0, 0)
