"""Every rehearsal ends before the checker: what was read was true, and the ill were healed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.execution import key_state
from controller.execution.phases import IllegalMoveError, KeyPhase
from fakes import universe
from proof import history
from proof.history import judgement
from proof.mutants import audit

# Rehearsals whose operator is broken on purpose, or whose world lies.
UNJUDGED = "unjudged"
# Rehearsals in which watches stand still: what nobody can see is told that much later.
LAGGING, LAG_SECONDS = "lagging", 200.0
# How often an operator of a rehearsal, which has no Lease, shows that it is there.
ALIVE_SECONDS = 2.0


@pytest.fixture(autouse=True)
def honest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Judge what each universe of the test wrote, unless the test says why not."""
    told: list[list[bytes]] = []
    end = universe.Universe.__aexit__

    async def close(one: universe.Universe, *why: object) -> None:
        told.append(audit.lines(one.server, (), {}, alive_every=ALIVE_SECONDS))
        await end(one, *why)

    monkeypatch.setattr(universe.Universe, "__aexit__", close)
    yield
    if request.node.get_closest_marker(UNJUDGED):
        return
    late = request.node.get_closest_marker(LAGGING)
    expected = history.Expectations(slack=LAG_SECONDS) if late else None
    rules = (*judgement.HONESTY, judgement.heal)
    for each in told:
        history.check(each, expectations=expected, rules=rules).require()


@pytest.fixture(autouse=True)
def legal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test in which a key was to make a move that the table of phases does not have.

    A crash is told on its object and passes; whoever waits for the end alone might never see it.
    """
    made: list[str] = []

    class NotedError(IllegalMoveError):
        def __init__(self, before: KeyPhase, after: KeyPhase) -> None:
            super().__init__(before, after)
            made.append(str(self))

    monkeypatch.setattr(key_state, "IllegalMoveError", NotedError)
    yield
    assert made == []
