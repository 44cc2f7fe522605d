"""What an invariant answers when it does not hold, and how a person is told.

Every invariant returns Violations; `judgement` gathers them into one report with the story of each
object: who did what to it, line by line.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # journal's changes are only read here
    from proof.history.journal import Change, History

STORY_LINES = 30
SHOWN = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One promise broken: which, by what, and the changes that show it."""

    invariant: str
    message: str
    evidence: tuple[Change, ...] = ()

    def __str__(self) -> str:
        lines = ", ".join(str(each.line) for each in self.evidence)
        return f"{self.invariant}: {self.message}" + (f" (lines {lines})" if lines else "")


def story(history: History, violation: Violation) -> list[str]:
    """Tell what happened to the objects of a violation, around the moment that broke it."""
    objects = {(each.resource, each.namespace, each.name) for each in violation.evidence}
    chosen = [
        each for each in history.changes if (each.resource, each.namespace, each.name) in objects
    ]
    if len(chosen) > STORY_LINES:
        lines = {each.line for each in violation.evidence}
        middle = max(index for index, each in enumerate(chosen) if each.line in lines)
        start = max(0, min(middle - STORY_LINES // 2, len(chosen) - STORY_LINES))
        chosen = chosen[start : start + STORY_LINES]
    return [told(each) for each in chosen]


def told(change: Change) -> str:
    """Tell one change in one line."""
    moment = dt.datetime.fromtimestamp(change.received, tz=dt.UTC).strftime("%H:%M:%S.%f")
    target = change.object + (f"/{change.subresource}" if change.subresource else "")
    who = "operator" if change.ours else change.user
    version = f" version {change.version}" if change.version else ""
    uid = f" uid {change.meta.uid[:8]}" if change.meta.uid else ""
    return (
        f"line {change.line}: {moment} {who} {change.verb} {target}"
        f" -> {change.code} {change.effect}{version}{uid}"
    )


def report(history: History, violations: Sequence[Violation]) -> str:
    """Return everything a person needs to start looking; empty if nothing is wrong."""
    return "\n".join(_paragraphs(history, violations))


def _paragraphs(history: History, violations: Sequence[Violation]) -> Iterable[str]:
    if not violations:
        return
    source = f" of {history.source}" if history.source else ""
    # The first line is all that some reports show.
    yield (
        f"{violations[0]} — {len(violations)} violations in {len(history.changes)} changes{source}"
    )
    for each in violations[:SHOWN]:
        yield f"- {each}"
        yield from (f"    {line}" for line in story(history, each))
    if len(violations) > SHOWN:
        yield f"… and {len(violations) - SHOWN} more"
