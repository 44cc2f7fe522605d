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
_DELETE = "delete"
_REFUSED = 400
# For how long a replica may write for a slot whose Lease is not in its name any more, which it did
# not write itself: it looks every other second, and believes what it saw for ten, with a request.
NOTICE_SECONDS = 15.0


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


def tenure(line: records.Line, answered: float, *, ours: bool) -> tuple[int, Tenure] | None:
    """Return the slot whose Lease a line has written, and whose it is from then on.

    A Lease that is deleted, or that somebody else than a replica has written, is nobody's once its
    owner must have noticed.
    """
    named = _LEASE.fullmatch(line.object_ref.name)
    if named is None:
        return None
    slot = int(named[1])
    if line.verb == _DELETE:
        gone = 0 < line.response_status.code < _REFUSED
        return (slot, _nobodys(answered)) if gone else None
    found = _written(line)
    if found is None:
        return None
    if not ours:
        return slot, _nobodys(answered, found.lease_transitions)
    agent = line.user_agent if found.holder_identity else ""
    return slot, Tenure(since=answered, agent=agent, epoch=found.lease_transitions)


def follow(found: list[Tenure], latest: Tenure) -> None:
    """Note a tenure after those before it; one that was yet to end is cut short by the next."""
    while found and found[-1].since > latest.since:
        found.pop()
    found.append(latest)


def _nobodys(answered: float, epoch: int = 0) -> Tenure:
    return Tenure(since=answered + NOTICE_SECONDS, agent="", epoch=epoch)


def _written(line: records.Line) -> _Spec | None:
    if line.verb not in _WRITES or not 0 < line.response_status.code < _REFUSED:
        return None
    body = _body(line.response_object)
    return _spec(body.spec) if body is not None else None
