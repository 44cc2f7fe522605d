"""Answers short enough to be read by an assistant: what needs a look is told, the rest is counted.

Pure. `questions` comes here with what `presentation` tells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from controller.presentation import documents, pictures, redaction
from controller.presentation.pictures import ApplicationPicture, ComponentPicture, ServerPicture
from controller.presentation.problems import Refusal

T = TypeVar("T")
# Applications, events and revisions that one answer lists.
MOST_LISTED = 100
# Of a component, so many servers are listed: those that need a look, then those that change.
MOST_SERVERS = 30
# An answer takes its reader's attention: four characters are about one of a model's tokens.
MOST_CHARACTERS = 100_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListExcerpt:
    """The items that are listed of a list, and how many there are."""

    total: int
    listed: int
    items: tuple[Any, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """How an application stands, without its parts."""

    namespace: str
    name: str
    ready: str
    reason: str
    message: str
    since: str
    paused: bool
    deleting: bool
    desired: int
    available: int
    updated: int
    failed: int


def first(found: Sequence[T]) -> ListExcerpt:
    """Return the first of a list, and how long it is."""
    some = tuple(found[:MOST_LISTED])
    return ListExcerpt(total=len(found), listed=len(some), items=some)


def headline(found: ApplicationPicture) -> Headline:
    """Return an application in a line."""
    return Headline(
        namespace=found.namespace,
        name=found.name,
        ready=found.ready,
        reason=found.reason,
        message=found.message,
        since=found.since,
        paused=found.paused,
        deleting=found.deleting,
        desired=found.desired,
        available=found.available,
        updated=found.updated,
        failed=found.failed,
    )


def application(found: ApplicationPicture) -> ApplicationPicture:
    """Return an application with those servers alone that need a look, or change.

    `states` of a component count them all.
    """
    parts = tuple(map(_component, found.components))
    return dataclasses.replace(found, components=parts)


def text(value: Any) -> str:
    """Return an answer as JSON, without what looks like a credential.

    Raises Refusal where it is too long to be read.
    """
    told = redaction.scrub(documents.document(value, "json"))
    if len(told) > MOST_CHARACTERS:
        raise Refusal(
            f"the answer has {len(told):,} characters, and {MOST_CHARACTERS:,} are told at most;"
            " ask for one application, or one server"
        )
    return told


def _component(found: ComponentPicture) -> ComponentPicture:
    meant = [each for each in found.servers if each.state != pictures.READY]
    return dataclasses.replace(found, servers=tuple(sorted(meant, key=_rank)[:MOST_SERVERS]))


def _rank(found: ServerPicture) -> tuple[int, int]:
    return -pictures.STATES.index(found.state), found.ordinal
