"""What a server says is wrong with it is told of its application as well.

People look at the application. While one of its servers names a cause (a command that helps beside
it, and not the advice to ask it), and the application is not Ready, that has a `blockedBy`, too,
whose object is there. Time is `attention`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from proof.history import journal, pods, readiness, spans, verdict, waiting

INVARIANT = "ToldAbove"
# A server that knows no more than that it is on its way says so by this.
ASK_IT = "kubectl argosy why "
# What servers say of an object above them, which says so itself.
OF_OTHERS = frozenset({"Paused"})


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield applications that do not pass on why their servers are not Ready."""
    below: dict[str, list[pods.Life]] = defaultdict(list)
    named: dict[tuple[str, str], list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        below[life.controller].append(life)
        named[life.resource, life.name].append(life)
    # The set's status and the application's follow the server's, one after the other.
    bound = slack + 3 * readiness.NOTICE_SECONDS + readiness.QUIET_SECONDS
    for life in history.lives.values():
        if life.resource == "applications":
            servers = [
                server
                for each in below[life.uid]
                if each.resource == "serversets"
                for server in below[each.uid]
                if server.resource == "servers"
            ]
            yield from _silent(history, life, servers, named, bound)


def _silent(
    history: journal.History,
    application: pods.Life,
    servers: list[pods.Life],
    named: waiting.Names,
    bound: float,
) -> Iterator[verdict.Violation]:
    told = {each for version in application.versions for each in version.status.blocked_by}
    said = spans.joined(waiting.said(application, each, named) for each in told)
    silent = list(spans.without(spans.of(application, _waits), said))
    anew = sorted(
        after.answered
        for before, after in zip(application.versions, application.versions[1:], strict=False)
        if after.meta.generation != before.meta.generation
    )
    for server in servers:
        for since, until in spans.cut(spans.meeting(spans.of(server, _says), silent), anew):
            if history.attention.seconds(since, until) > bound:
                version = max(
                    (each for each in server.versions if each.answered <= since),
                    key=lambda each: each.place,
                )
                yield verdict.Violation(
                    invariant=INVARIANT,
                    message=f"{server.label} says why it is not Ready, and for more than"
                    f" {bound:.0f} s {application.label} names nothing",
                    evidence=(version,),
                )


def _waits(change: journal.Change) -> bool:
    return not change.status.is_true("Ready") and not change.terminating


def _says(change: journal.Change) -> bool:
    """Whether a server that nobody acts on names what is wrong."""
    if change.status.is_true("Ready") or change.terminating or change.spec.task is not None:
        return False
    return any(
        each.remedy and not each.remedy.startswith(ASK_IT) and each.reason not in OF_OTHERS
        for each in change.status.blocked_by
    )
