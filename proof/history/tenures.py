"""Who had which slot, as the Leases of replicas that share the work tell it, for `owners`."""

from __future__ import annotations

import dataclasses
import re

import msgspec

from proof.history import records, salvage

_LEASE = re.compile(r"argosy-slot-(\d\d)")
# Who holds the leader's Lease where replicas share the work: all of them.
TOGETHER = "argosy-replicas"
_WRITES = frozenset({"create", "update", "patch"})
_REFUSED = 400


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str = ""
    lease_transitions: int = 0


_spec = salvage.reader(_Spec)
_body = salvage.reader(records.Body)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """From when on a replica, told by its user agent, had a slot; nobody had it without one."""

    since: float
    agent: str
    epoch: int


def holder(line: records.Line) -> str | None:
    """Return who holds the Lease that a line has written; None where that is not told."""
    found = _written(line)
    return found.holder_identity if found is not None else None


def tenure(line: records.Line, answered: float) -> tuple[int, Tenure] | None:
    """Return the slot whose Lease a line has written, and whose it is from then on."""
    named = _LEASE.fullmatch(line.object_ref.name)
    found = _written(line) if named else None
    if named is None or found is None:
        return None
    agent = line.user_agent if found.holder_identity else ""
    return int(named[1]), Tenure(since=answered, agent=agent, epoch=found.lease_transitions)


def _written(line: records.Line) -> _Spec | None:
    if line.verb not in _WRITES or not 0 < line.response_status.code < _REFUSED:
        return None
    body = _body(line.response_object)
    return _spec(body.spec) if body is not None else None
