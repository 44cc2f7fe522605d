"""The life of each object: its versions, when it began to go, when it was gone.

`journal` traces lives once; the invariants ask them what was certainly so at some moment. An
answer's commit lies somewhere between its request and its answer, so "certainly" leaves that
interval out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # journal calls this module
    from proof.history.journal import Change


# From here on an answer says nothing of whether the request took effect.
SERVER_ERROR = 500


@dataclasses.dataclass(slots=True, kw_only=True)
class Life:
    """One object by its UID. `born` is the first that is known of it."""

    uid: str
    resource: str
    namespace: str
    name: str
    born: Change
    seen_born: bool
    versions: list[Change] = dataclasses.field(default_factory=list)
    ending: Change | None = None  # the first version with a deletionTimestamp
    gone: Change | None = None
    # Requests that may have changed it, for all that is known of their answers.
    doubts: list[Change] = dataclasses.field(default_factory=list)

    @property
    def last(self) -> Change:
        """The last version that is known."""
        return self.versions[-1]

    @property
    def controller(self) -> str:
        """The UID of the controlling owner at the last version, or nothing."""
        return self.last.controller

    @property
    def owners(self) -> frozenset[str]:
        """The UIDs of all that controlled it, or may have: a request without an answer asked it."""
        asked = (one for each in self.doubts for one in each.asked.metadata.owner_references)
        perhaps = {each.uid for each in asked if each.controller}
        return frozenset({each.controller for each in self.versions} | perhaps) - {""}

    @property
    def label(self) -> str:
        """The object as people write it."""
        return f"{self.resource}/{self.name}"

    def alive_throughout(self, since: float, until: float) -> bool:
        """Whether the object certainly was there from `since` to `until`."""
        return self.born.answered <= since and (self.gone is None or self.gone.received >= until)

    def at(self, place: tuple[float, float]) -> Change | None:
        """Return the version that was current at a place in the history."""
        current = None
        for each in self.versions:
            if each.place > place:
                break
            current = each
        return current


def trace(changes: Iterable[Change]) -> dict[str, Life]:
    """Return the life of each object that a history tells of, by UID; `changes` in order."""
    lives: dict[str, Life] = {}
    named: dict[tuple[str, str, str], str] = {}
    doubts: dict[str, list[Change]] = {}
    for each in changes:
        if each.verb == "deletecollection" and each.effect == "none":
            doubts.setdefault(each.meta.uid, []).append(each)
        elif each.code >= SERVER_ERROR:
            uid = each.asked.metadata.uid or each.asked.preconditions.uid
            doubts.setdefault(uid, []).append(each)
        if not each.effective or not each.meta.uid:
            continue
        life = lives.get(each.meta.uid)
        if life is None:
            life = _begin(each, lives, named)
        _live(life, each)
    for uid, found in doubts.items():
        if uid in lives:
            lives[uid].doubts = found
            _perhaps_end(lives[uid], found[-1])
    return lives


def _perhaps_end(life: Life, change: Change) -> None:
    """End a life with the last that is known of it, where that may have been its end.

    A deletecollection answers with objects as they were before, and a request whose client was
    killed is recorded as failed although it took effect. What lives on has later versions.
    """
    if life.gone is not None or life.last.place > change.place:
        return
    if "delete" in change.verb or life.ending is not None:
        life.ending = life.ending or change
        life.gone = change


def _begin(change: Change, lives: dict[str, Life], named: dict[tuple[str, str, str], str]) -> Life:
    key = (change.resource, change.namespace, change.name)
    former = lives.get(named.get(key, ""))
    if former is not None and former.gone is None:
        # Its end was not recorded, but a name belongs to one object at a time.
        former.gone = change
    named[key] = change.meta.uid
    life = Life(
        uid=change.meta.uid,
        resource=change.resource,
        namespace=change.namespace,
        name=change.name,
        born=change,
        seen_born=change.effect == "created",
    )
    lives[life.uid] = life
    return life


def _live(life: Life, change: Change) -> None:
    if change.subresource == "scale" and life.versions:
        _scale(life.versions[-1], change)
    elif life.versions and change.partial:
        # Who asks for metadata alone, as the garbage collector does, is answered with no more.
        change.spec, change.status = life.versions[-1].spec, life.versions[-1].status
    if change.effect == "gone":
        life.gone = life.gone or change
        if not life.versions:
            life.versions.append(change)
        if change.terminating:
            life.ending = life.ending or change
        return
    life.versions.append(change)
    if change.terminating:
        life.ending = life.ending or change


def _scale(before: Change, change: Change) -> None:
    """Make the answer of a `scale` write, which is a Scale, a version of the scaled object."""
    change.meta = msgspec.structs.replace(
        before.meta, resource_version=change.meta.resource_version
    )
    change.status = before.status
    change.spec = msgspec.structs.replace(before.spec, replicas=change.spec.replicas)
