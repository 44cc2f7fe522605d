"""How a server is told to come to its next incarnation, whoever raises it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import objects
from controller.contract import incarnations
from tests.kinds.server.props import make

SECOND: dict[str, Any] = {"incarnation": 2, "restart_as": 2}


@pytest.mark.parametrize(
    ("spec", "seen", "restart", "change"),
    [
        pytest.param({}, 1, True, {"restartAs": 2}, id="a restart of what is there"),
        pytest.param({}, 1, False, {}, id="by a new instance, which is how it is anyway"),
        pytest.param(SECOND, 2, False, {}, id="which an earlier restart does not change"),
        pytest.param(SECOND, 2, True, {"restartAs": 3}, id="a restart after another one"),
        pytest.param({"incarnation": 2}, 1, True, {}, id="no restart of what has yet to go"),
        pytest.param(SECOND, 1, True, {}, id="nor of what has yet to begin anew"),
    ],
)
def test_an_incarnation_says_how_it_comes_about(
    spec: dict[str, Any], seen: int, change: dict[str, Any], *, restart: bool
) -> None:
    """It rises by one; only what is there as the one before may begin anew as it."""
    found = make(status=objects.ServerStatus(incarnation=seen), **spec)
    expected = {"incarnation": found.spec.incarnation + 1, **change}
    assert incarnations.raised(found, restart=restart) == expected


def test_a_restart_is_said_of_one_incarnation() -> None:
    """Whoever raises the incarnation by hand asks for a new instance, whatever was asked before."""
    once = make(status=objects.ServerStatus(incarnation=1), **SECOND)
    assert incarnations.is_restart(once.spec, 1)
    assert not incarnations.is_restart(make(incarnation=3, restart_as=2).spec, 2)
    assert not incarnations.is_restart(make(incarnation=3, restart_as=3).spec, 1)
