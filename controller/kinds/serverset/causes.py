"""The causes in the way of a set's servers, in the words of whoever said so, found in one pass.

Called by `summary`: what is found is the set's own reason and message, and so the application's.
"""

from __future__ import annotations

import dataclasses

from controller.api import objects, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.kinds.serverset import service
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import outcomes, remedies
from controller.planning.census import Census, Facts

# The reasons that servers give of an object above them, which gives them itself.
OF_OTHERS = frozenset({Reason.PAUSED})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """Each cause once: `shared` ones have an object of their own, `own` ones are of one server.

    Example: one quota keeps fifty servers from being made, and two others find no image: the quota
    is shared, and the image is told of the first of the two.
    """

    shared: tuple[Blocked, ...] = ()
    own: tuple[Blocked, ...] = ()

    @property
    def first(self) -> Blocked | None:
        """The cause that is told where there is room for one."""
        return next(iter((*self.shared, *self.own)), None)


def find(snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes) -> Causes:
    """Return what is in the way of the set's calls, and of its servers."""
    shared: dict[tuple[str, str], Blocked] = {}
    own: dict[str, Blocked] = {}
    calls = failed.blocked(snapshot.server_set)
    for each in (*service.taken(snapshot), *calls):
        shared.setdefault((each.object, each.reason), each)
    told = {(each.object, each.reason) for each in snapshot.server_set.status.blocked_by}
    for facts in census.odd:
        for each in facts.server.status.blocked_by:
            if each.reason in OF_OTHERS:
                continue
            if not is_of(facts.server, each):
                shared.setdefault((each.object, each.reason), each)
            elif _ails(facts, each) and (
                # The server that was told of stays so: a status must rest.
                each.reason not in own or (each.object, each.reason) in told
            ):
                own[each.reason] = each
    for server in census.leaving:
        for each in server.status.blocked_by:
            if not is_of(server, each) and each.reason not in OF_OTHERS:
                shared.setdefault((each.object, each.reason), each)
    return Causes(shared=tuple(shared.values()), own=tuple(own.values()))


def is_of(server: objects.Server, blocked: Blocked) -> bool:
    """Return whether a server says this of itself."""
    return blocked.object == f"Server/{server.metadata.name}"


def own_of(facts: Facts) -> Blocked | None:
    """Return what the server says is wrong with itself, where it does."""
    told = facts.server.status.blocked_by
    return next((each for each in told if is_of(facts.server, each) and _ails(facts, each)), None)


def _ails(facts: Facts, blocked: Blocked) -> bool:
    """Return whether the server does not come up by itself, as far as it knows, and says why.

    One that is merely on its way knows no better than to be asked.
    """
    meta = facts.server.metadata
    if facts.available or facts.failed or facts.operated:
        return False
    return blocked.remedy != remedies.why("server", meta.name, meta.namespace)


def words(blocked: Blocked) -> str:
    """Return what is told of a cause in a sentence: of a server, with its name."""
    kind, name = resources.parts(blocked.object)
    return f"{name}: {blocked.message}" if kind == "Server" else blocked.message
