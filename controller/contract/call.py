"""The calls by which a provider is asked to do something with one server."""

from __future__ import annotations

import dataclasses
import enum

from controller.api import objects


class Verb(enum.StrEnum):
    """The act that a provider is asked to do with one server."""

    CREATE = "create"
    CHANGE = "change"
    ACT = "act"
    RESUME = "resume"
    CANCEL = "cancel"
    DELETE = "delete"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a server is to be.

    In `domain`, if that is not empty: elsewhere only where there is no room, and not at all if it
    `must`; never in one of those that are `closed`. `spread` asks for hosts, and for zones where no
    domain is named, that have none of its component yet. A template that names a zone itself wins.
    """

    domain: str = ""
    must: bool = False
    closed: tuple[str, ...] = ()
    spread: objects.Spread | None = None


ANYWHERE = Placement()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Ask the server's provider.

    `adopt` names what ran the server before, as Kind/name: a create takes up what that left.
    `template` is the one to use, alternatives merged in; `volume_claims` are those that the server
    is to have. `subdomain` is the name of the Service by which it is found, where that is not the
    usual one. A change that only mends what others did names the fields to `leave` as they are, and
    each one names what it `mends`.
    """

    verb: Verb
    why: str
    template: bytes = b""
    volume_claims: tuple[objects.VolumeClaim, ...] = ()
    subdomain: str = ""
    alternative: int = 0
    adopt: str = ""
    placement: Placement = ANYWHERE
    instance: str = ""
    leave: tuple[str, ...] | None = None
    mends: tuple[str, ...] = ()
    grace_seconds: int | None = None
    task: objects.Task | None = None
