"""Servers that have to move, whatever the reason: which go now, and which wait for a spare one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.kinds import serverset
from controller.kinds.serverset.moves import Move
from controller.planning import plan
from tests.kinds.rehearsal import Rehearsal, component

SET = "shop-web"
AWAY = Move(why="its failure domain is given up", object="Fleet/pods")
EVICTED = dataclasses.replace(AWAY, evicted=True)


def rehearse(replicas: int, **rollout: Any) -> Rehearsal:
    """Return a rehearsal in which one component has come up."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", replicas, rollout=rollout))
    rehearsal.run()
    return rehearsal


def planned(rehearsal: Rehearsal, move: Move, *ordinals: int, **changes: Any) -> plan.Plan:
    """Return the plan of a set of which these servers have to move."""
    snapshot = rehearsal.set_snapshot(SET)
    moving = dict.fromkeys(ordinals, move)
    return serverset.plan(dataclasses.replace(snapshot, moving=moving, **changes))


def moved(made: plan.Plan) -> list[str]:
    """Return the names of the servers that the plan makes anew."""
    return [
        each.name
        for each in made.actions
        if isinstance(each, plan.Patch)
        and each.resource is Resource.SERVERS
        and "incarnation" in each.body.get("spec", {})
    ]


def made_anew(made: plan.Plan) -> list[str]:
    """Return the names of the servers that the plan creates."""
    return [each.body["metadata"]["name"] for each in made.actions if isinstance(each, plan.Create)]


@pytest.mark.parametrize(("unavailable", "going"), [(1, 1), (2, 2), ("50%", 3)])
def test_without_surge_they_go_within_the_budget(unavailable: int | str, going: int) -> None:
    """As many as may be down, and no more while those are."""
    rehearsal = rehearse(6, maxUnavailable=unavailable)
    made = planned(rehearsal, AWAY, 0, 1, 2, 3, 4)
    assert len(moved(made)) == going
    assert made_anew(made) == []
    assert any("moving" in each for each in made.notes)


def test_without_surge_what_is_evicted_anyway_stays_until_then() -> None:
    """A place that takes nobody else any more is no reason to be down."""
    rehearsal = rehearse(6, maxUnavailable=2)
    made = planned(rehearsal, EVICTED, 0, 1, 2)
    assert made.actions == ()


@pytest.mark.parametrize("move", [AWAY, EVICTED])
def test_with_surge_a_spare_one_comes_first(move: Move) -> None:
    """However many may be down: nobody goes before one stands in."""
    rehearsal = rehearse(6, maxUnavailable=2, maxSurge=2)
    made = planned(rehearsal, move, 0, 1, 2)
    assert made_anew(made) == ["shop-web-6", "shop-web-7"]
    assert moved(made) == []


def test_what_is_down_moves_for_nothing() -> None:
    """It costs no budget, and need not wait for a spare one; an eviction takes it as it is."""
    rehearsal = rehearse(4, maxUnavailable=1)
    rehearsal.fall_ill("shop-web-2")
    rehearsal.run_for(2)
    assert moved(planned(rehearsal, AWAY, 0, 2)) == ["shop-web-2"]
    assert moved(planned(rehearsal, EVICTED, 0, 2)) == []


def test_whoever_is_down_beside_counts() -> None:
    """One that is ill uses up the budget of those that are to move."""
    rehearsal = rehearse(4, maxUnavailable=1)
    rehearsal.fall_ill("shop-web-3")
    rehearsal.run_for(2)
    assert moved(planned(rehearsal, AWAY, 0, 1)) == []


def test_a_held_server_stays() -> None:
    """It is a person's."""
    rehearsal = rehearse(3, maxUnavailable=3)
    rehearsal.edit(Resource.SERVERS, "shop-web-1", {"spec": {"held": True}})
    assert moved(planned(rehearsal, AWAY, 0, 1, 2)) == ["shop-web-0", "shop-web-2"]


def test_what_is_being_evicted_counts_before_its_server_says_so() -> None:
    """Its pod is on the way out: the server itself has yet to be looked at."""
    rehearsal = rehearse(4, maxUnavailable=1)
    assert moved(planned(rehearsal, AWAY, 0, 1)) == ["shop-web-0"]
    assert moved(planned(rehearsal, AWAY, 0, 1, evicted=frozenset({3}))) == []


@pytest.mark.parametrize("move", [AWAY, EVICTED])
def test_a_drain_may_evict_before_a_server_is_moved(move: Move) -> None:
    """Whoever drains tries again by name: moved meanwhile, its drain would go on for ever."""
    rehearsal = rehearse(1, maxUnavailable=0, maxSurge=1)
    rehearsal.apply(
        "shop", component("web", "web:v1", 2, rollout={"maxUnavailable": 0, "maxSurge": 1})
    )
    rehearsal.run()
    spare = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: "spare"}}}
    rehearsal.edit(Resource.SERVERS, "shop-web-1", spare)
    rehearsal.edit(Resource.SERVERSETS, SET, {"spec": {"replicas": 1}})
    now = rehearsal.set_snapshot(SET).now
    soon = planned(rehearsal, move, 0, now=now)
    assert moved(soon) == ([] if move.evicted else ["shop-web-0"])
    assert (soon.wake_after is not None) == move.evicted
    assert moved(planned(rehearsal, move, 0, now=now + 60)) == ["shop-web-0"]
