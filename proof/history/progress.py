"""I8: whatever is asked of the operator is looked at within a bound, however much else there is.

The audit log shows no looking, only answers: a generation counts as looked at when a status says
so, or when its object has gone or has been replaced by a newer generation.
"""

from __future__ import annotations

from collections.abc import Iterator

from proof.history import journal, pods, verdict

ANSWERED = ("applications", "serversets", "servers", "operations")


def check(history: journal.History, *, bound: float) -> Iterator[verdict.Violation]:
    """Yield generations that no status spoke of for `bound` seconds, the operator being there."""
    for life in history.lives.values():
        if life.resource in ANSWERED:
            yield from _unseen(life, bound, history.ended)


def _unseen(life: pods.Life, bound: float, ended: float) -> Iterator[verdict.Violation]:
    waiting: journal.Change | None = None
    for each in life.versions:
        if waiting is not None and each.answered - waiting.answered > bound:
            break
        if each.status.observed_generation >= each.meta.generation or each.terminating:
            waiting = None
        elif waiting is None or each.meta.generation > waiting.meta.generation:
            waiting = each
    if waiting is None:
        return
    until = life.gone.answered if life.gone else ended
    later = [each for each in life.versions if each.place > waiting.place]
    if later:
        until = min(until, next((e.answered for e in later if _covers(e, waiting)), until))
    if until - waiting.answered > bound:
        yield verdict.Violation(
            invariant="I8",
            message=f"nobody looked at generation {waiting.meta.generation} of {life.label} for"
            f" {until - waiting.answered:.0f} s",
            evidence=(waiting,),
        )


def _covers(change: journal.Change, waiting: journal.Change) -> bool:
    return (
        change.status.observed_generation >= waiting.meta.generation
        or change.terminating
        or change.meta.generation > waiting.meta.generation
    )
