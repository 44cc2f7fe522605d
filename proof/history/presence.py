"""Which servers are up at a write, as their pods tell and not these servers alone.

A pod goes, whoever has it gone, before its server says so, and the operator sees that. So who is
taken down then loses nothing; and one whose pod was evicted a while ago is not up, whatever its
server says. Called by the rules of budgets, domains and evictions.

Example: shop-web-1 says that it is ready; its pod was evicted this moment. A restart of it costs
nothing. Five seconds later it counts as down beside shop-web-0, whether or not it has said so.
"""

from __future__ import annotations

from proof.history import journal, losses, pods


class Presence:
    """What is known of a history's servers at each of the operator's writes to one of them."""

    def __init__(self, history: journal.History, slack: float) -> None:
        """Look at the history once; whoever writes may lag behind it by `slack` seconds."""
        self._slack = slack
        # The lines of writes to servers whose pod had gone by then, or was just going.
        self._free: set[int] = set()
        # By line and UID: the servers that every writer had to know as away, and since when.
        self._away: dict[int, dict[str, tuple[float, float]]] = {}
        watcher = losses.Watcher()
        asked = [each for each in history.changes if losses.is_eviction(each)]
        for each in history.changes:
            if each.ours and each.resource == "servers":
                away = {one.server.meta.uid: one.by for one in watcher.away(each.answered)}
                if each.meta.uid in away or any(_is_beside(each, one) for one in asked):
                    self._free.add(each.line)
                self._away[each.line] = {
                    uid: by.place for uid, by in away.items() if by.answered < each.received - slack
                }
            watcher.see(each)

    def takes_down(self, before: journal.Change, after: journal.Change) -> bool:
        """Whether a write to this server found it up, so that somebody may lose something by it."""
        return is_up(before) and after.line not in self._free

    def counts(self, life: pods.Life, change: journal.Change) -> bool:
        """Whether the writer could still take a server for available."""
        if life.born.place > change.place or self._is_away(life, change):
            return False
        current = life.at(change.place)
        if current is None or (life.gone is not None and life.gone.place < change.place):
            return False
        if is_doubtful(life, current, change):
            return True
        if current.spec.incarnation != current.status.incarnation or current.terminating:
            return False
        past = [each for each in life.versions if each.place <= change.place]
        # Whoever lags behind sees what was so then: the last version from before, and all since.
        old = sum(each.answered < change.received - self._slack for each in past)
        return any(is_up(each) for each in past[max(0, old - 1) :])

    def _is_away(self, life: pods.Life, change: journal.Change) -> bool:
        """Whether the server's pod had gone; one that was told as ready since is back.

        What its next pod said may be missing, as where an API server was killed.
        """
        since = self._away.get(change.line, {}).get(life.uid)
        later = zip(life.versions, life.versions[1:], strict=False)
        return since is not None and not any(
            since < after.place <= change.place and is_up(after) and not is_up(before)
            for before, after in later
        )


def _is_beside(write: journal.Change, eviction: journal.Change) -> bool:
    """Whether the pod of the server that is written was being evicted in that moment.

    A budget says which pod may go, and the pod is going, before the eviction is answered.
    """
    same = (write.namespace, write.name) == (eviction.namespace, eviction.name)
    return same and eviction.received <= write.answered and write.received <= eviction.answered


def is_up(change: journal.Change) -> bool:
    """Whether a server is available, as far as it was told itself."""
    told = change.spec.incarnation == change.status.incarnation
    return told and change.status.is_true("Ready") and not change.terminating


def is_doubtful(life: pods.Life, current: journal.Change, change: journal.Change) -> bool:
    """Whether a write since `current` may have taken effect, such as a killed operator's last.

    It may have said that the server is up again, or that its task has ended. An API server that is
    killed does not even log its last writes; but who writes next finds what they left.
    """
    following = next((each for each in life.versions if each.place > current.place), None)
    if following and following.subresource != "status" and following.status != current.status:
        return True
    return any(
        doubt.answered >= current.received and doubt.received <= change.answered
        for doubt in life.doubts
    )
