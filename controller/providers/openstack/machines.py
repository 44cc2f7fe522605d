"""Servers of the cloud as Nova lists them, and whose each is by its tags.

A server is ours when its tags, its fleet's tag and its metadata agree: one that somebody tagged by
hand is left alone.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from controller.api import clock, objects, tags

_PREFIX: Final = "argosy"
_FLEET: Final = "fleet"
# Not of the form of the others: releases of before would take it for that of a Server.
_BEGAN: Final = "argosy-began."
SERVER, REVISION = "argosy.server", "argosy.revision"
ALTERNATIVE, ALTERNATIVE_NAME = "argosy.alternative", "argosy.alternativeName"
CONTENTS, READINESS = "argosy.contents", "argosy.readiness"
TOKEN, READY = "argosy.token", "argosy.ready"
FLAVOR, RESIZING = "argosy.flavor", "argosy.resizing"
GROUP, SECURITY = "argosy.group", "argosy.securityGroups"
# The revision that a change was begun for which is not whole yet.
CHANGING = "argosy.changing"
# Followed by a number: the network whose port is to have a floating IP, and where that comes from.
FLOATING = "argosy.floating."
BOOTS_FROM, VOLUME = "argosy.bootsFrom", "volume"


def server_tag(uid: str, incarnation: int) -> str:
    """Return the tag of what is made for a Server at an incarnation."""
    return f"{_PREFIX}.{uid}.{incarnation}"


def began_tag(began: float) -> str:
    """Return the tag that tells when a server was begun anew, by our clock, in whole seconds.

    Nova keeps its own stamp of when it was first launched.
    """
    return f"{_BEGAN}{int(began)}"


def fleet_tag(uid: str) -> str:
    """Return the tag of all servers of a fleet."""
    return f"{_PREFIX}.{_FLEET}.{uid}"


class Address(msgspec.Struct, frozen=True):
    """One address of a port."""

    addr: str = ""


class Fault(msgspec.Struct, frozen=True):
    """Why a server is in ERROR."""

    message: str = ""


class Flavor(msgspec.Struct, frozen=True):
    """The size of a server, as it was when it was made or resized."""

    name: str = msgspec.field(name="original_name", default="")


class ServerRow(msgspec.Struct, frozen=True):
    """One server in a detailed list; of a cell that is down, little more than its id."""

    id: str
    status: str = ""
    created: str = ""
    updated: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    addresses: dict[str, tuple[Address, ...]] = {}
    fault: Fault | None = None
    flavor: Flavor = Flavor()
    # An id that tells hosts apart without naming them; empty until the server has one.
    host: str = msgspec.field(name="hostId", default="")
    task: str | None = msgspec.field(name="OS-EXT-STS:task_state", default=None)
    launched: str | None = msgspec.field(name="OS-SRV-USG:launched_at", default=None)
    zone: str = msgspec.field(name="OS-EXT-AZ:availability_zone", default="")

    @property
    def going(self) -> bool:
        """Whether it is on its way out; its status need not say so yet."""
        return self.task in {"deleting", "soft-deleting"} or self.status in {
            "DELETED",
            "SOFT_DELETED",
        }

    @property
    def is_half(self) -> bool:
        """Whether a change of it was begun that is not whole."""
        return CHANGING in self.metadata

    @property
    def asked_for(self) -> bool:
        """Whether its flavor is one that we had it resized to.

        Releases of before noted no change, and which flavor it was by its id alone.
        """
        named = self.metadata.get(RESIZING)
        return named is not None and (not self.is_half or named == self.flavor.name)

    @property
    def resized(self) -> bool:
        """Whether it has the flavor that we wanted, and Nova asks whether that may stay."""
        return self.status == "VERIFY_RESIZE" and not self.task and self.asked_for


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A server of the cloud that was made for a Server of ours.

    `listed` tells what the cloud has told from what we asked for and have not seen yet.
    """

    id: str
    namespace: str
    name: str
    uid: str
    incarnation: int
    row: ServerRow
    # When it was begun anew as this incarnation; 0 where it was made as this one.
    began: float = 0.0
    listed: bool = True
    # Whether it bears all marks by which it is ours: what somebody took them off is left alone.
    marked: bool = True
    # Nova's stamp of when it was first seen to be on its way out; empty while that is not known.
    leaving: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and name of its Server."""
        return self.namespace, self.name

    @property
    def age(self) -> tuple[str, str]:
        """The rank among two with one tag: the smaller stays."""
        return self.row.created, self.id


def machine(row: ServerRow, fleet: str) -> Machine | None:
    """Return whose a server is; None where it is none that we made for this fleet's UID."""
    if fleet_tag(fleet) not in row.tags:
        return None
    namespace, _, name = row.metadata.get(SERVER, "").partition("/")
    told = [(parts[1], tags.number(parts[2])) for parts in map(_parts, row.tags) if parts]
    for uid, incarnation in told:
        if incarnation is not None and uid != _FLEET and name:
            return Machine(
                id=row.id, namespace=namespace, name=name, uid=uid,
                incarnation=incarnation, row=row, began=_began(row),
            )  # fmt: skip
    return None


class Whose(NamedTuple):
    """The Server that has an instance on record, and as which incarnation of it."""

    namespace: str
    name: str
    uid: str
    incarnation: int


def whose(server: objects.Server) -> Whose:
    """Return whose an instance is that a Server has on record."""
    meta = server.metadata
    incarnation = server.status.incarnation or server.spec.incarnation
    return Whose(meta.namespace, meta.name, meta.uid, incarnation)


def unmarked(row: ServerRow, whose: Whose) -> Machine | None:
    """Return what a Server has on record and bears not all of our marks.

    None where what it bears is another's.
    """
    named = row.metadata.get(SERVER, f"{whose.namespace}/{whose.name}")
    uids = {parts[1] for parts in map(_parts, row.tags) if parts} - {_FLEET}
    if named != f"{whose.namespace}/{whose.name}" or uids - {whose.uid}:
        return None
    return Machine(
        id=row.id, namespace=whose.namespace, name=whose.name, uid=whose.uid,
        incarnation=whose.incarnation, row=row, began=_began(row), marked=False,
    )  # fmt: skip


def _began(row: ServerRow) -> float:
    """Return when a server was begun anew; 0 where it was not, or where somebody wrote nonsense."""
    said = (each.removeprefix(_BEGAN) for each in row.tags if each.startswith(_BEGAN))
    return float(next((number for each in said if (number := tags.number(each))), 0))


def _parts(tag: str) -> list[str] | None:
    """Return the three parts of a tag of ours; None for one that somebody else gave."""
    parts = tag.split(".")
    return parts if len(parts) == 3 and parts[0] == _PREFIX else None  # noqa: PLR2004


def time_of(stamp: str | None) -> float:
    """Return the time of one of Nova's stamps, which have a zone or none; 0 for none."""
    if not stamp:
        return 0.0
    if stamp.endswith("Z"):
        return clock.parse(stamp)
    try:
        return dt.datetime.fromisoformat(stamp).replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        return 0.0


def addresses(row: ServerRow) -> tuple[str, ...]:
    """Return all addresses of a server, sorted."""
    return tuple(sorted({each.addr for port in row.addresses.values() for each in port}))


def outside(row: ServerRow) -> dict[str, str]:
    """Return where floating IPs of a server are to come from, by the network of its port."""
    said = [value for key, value in row.metadata.items() if key.startswith(FLOATING)]
    pairs = [each.split(" ") for each in sorted(said)]
    return {each[0]: each[1] for each in pairs if len(each) == 2}  # noqa: PLR2004 - a pair


def metadata(
    *,
    namespace: str,
    name: str,
    revision: str,
    place: int,
    alternative: str,
    more: Mapping[str, str],
) -> dict[str, str]:
    """Return the metadata of what is made for a Server; what users gave cannot replace ours."""
    mine = {SERVER: f"{namespace}/{name}", REVISION: revision, ALTERNATIVE: str(place)}
    if alternative:
        mine[ALTERNATIVE_NAME] = alternative
    return {**more, **mine}
