"""Which servers scaling down takes: the order that `scale.md` promises, in every situation."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.planning import census
from tests.kinds.rehearsal import Rehearsal, component

SET = "shop-web"


def rehearse(replicas: int, **fields: Any) -> Rehearsal:
    """Return a rehearsal whose servers are all up."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", replicas, **fields))
    rehearsal.run()
    return rehearsal


def updating(rehearsal: Rehearsal) -> list[int]:
    """Return the ordinals that do not run what they were told."""
    return [
        ordinal
        for ordinal, each in rehearsal.servers(SET).items()
        if (each.status.revision, each.status.incarnation)
        != (each.spec.revision, each.spec.incarnation)
    ]


def test_scaling_down_during_a_rollout_takes_the_highest() -> None:
    """Servers that the rollout has down are not unhealthy: those of the highest ordinals go."""
    rollout = {"maxUnavailable": 2, "inPlace": "Never"}
    rehearsal = rehearse(8, rollout=rollout)
    rehearsal.apply("shop", component("web", "web:v2", 8, rollout=rollout))
    for _ in range(60):
        rehearsal.tick()
        if updating(rehearsal) and max(updating(rehearsal)) <= 5:
            break
    assert updating(rehearsal), "the rollout was to be in the middle"
    rehearsal.apply("shop", component("web", "web:v2", 6, rollout=rollout))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == list(range(6))
    assert set(rehearsal.images(SET).values()) == {"web:v2"}


def test_scaling_down_during_a_restart_takes_the_highest() -> None:
    """Neither is a server that an operation has down unhealthy."""
    rehearsal = rehearse(6)
    rehearsal.submit("again", "Restart", servers="0-1", concurrency=1)
    for _ in range(20):
        rehearsal.tick()
        if updating(rehearsal) == [0]:
            break
    rehearsal.apply("shop", component("web", "web:v1", 4))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == list(range(4))


def test_stopped_servers_are_not_unhealthy() -> None:
    """What was stopped on purpose stays; the highest go."""
    rehearsal = rehearse(4)
    rehearsal.submit("rest", "Stop", servers="0")
    rehearsal.run()
    rehearsal.apply("shop", component("web", "web:v1", 3))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [0, 1, 2]


def test_an_unhealthy_server_goes_first_also_during_a_rollout() -> None:
    """One that stopped working by itself goes before those that work."""
    rollout = {"maxUnavailable": 1, "partition": 2}
    rehearsal = rehearse(4, rollout=rollout)
    rehearsal.fall_ill("shop-web-0")
    rehearsal.apply("shop", component("web", "web:v2", 4, rollout=rollout))
    rehearsal.run_for(3)
    rehearsal.apply("shop", component("web", "web:v2", 3, rollout=rollout))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [1, 2, 3]


def test_a_failed_server_keeps_a_surplus_one_that_works() -> None:
    """Scaling down counts those that are down, for good or not, against the one limit."""
    rollout = {"maxUnavailable": 0, "maxSurge": 1}
    rehearsal = rehearse(4, rollout=rollout)
    for number in (1, 3):
        rehearsal.edit(Resource.SERVERS, f"shop-web-{number}", {"spec": {"held": True}})
    rehearsal.fall_ill("shop-web-1")
    rehearsal.run_for(3)
    rehearsal.apply("shop", component("web", "web:v1", 2, rollout=rollout))
    rehearsal.run_for(60)
    assert list(rehearsal.servers(SET)) == [0, 1, 3]
    rehearsal.edit(Resource.SERVERS, "shop-web-1", {"spec": {"held": False}})
    rehearsal.run_for(600)
    assert list(rehearsal.servers(SET)) == [0, 3]


def test_servers_that_failed_for_good_keep_those_that_work() -> None:
    """Were they not missed, the last servers that work would go: a person holds two that failed."""
    rollout = {"maxUnavailable": 0, "maxSurge": 1}
    rehearsal = rehearse(4, rollout=rollout)
    for number in (0, 1):
        name = f"shop-web-{number}"
        rehearsal.edit(Resource.SERVERS, name, {"spec": {"held": True}})
        rehearsal.machines[name].image = "fatal"
    rehearsal.run_for(5)
    rehearsal.apply("shop", component("web", "web:v1", 2, rollout=rollout))
    rehearsal.run_for(60)
    assert list(rehearsal.servers(SET)) == [0, 1, 2, 3]
    for number in (0, 1):
        rehearsal.machines[f"shop-web-{number}"].image = "web:v1"
    rehearsal.run_for(60)
    assert list(rehearsal.servers(SET)) == [0, 1]


def test_held_servers_go_last() -> None:
    """A server that a person holds goes when no other is left, whatever its ordinal."""
    rehearsal = rehearse(4)
    rehearsal.edit(Resource.SERVERS, "shop-web-3", {"spec": {"held": True}})
    rehearsal.apply("shop", component("web", "web:v1", 2))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [0, 3]
    rehearsal.apply("shop", component("web", "web:v1", 0))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == []


def test_a_held_server_outlives_one_that_is_marked() -> None:
    """A mark says which goes first, a hold which goes last."""
    rehearsal = rehearse(3)
    mark = {"metadata": {"annotations": {"argosy.dev/delete-first": "true"}}}
    rehearsal.edit(Resource.SERVERS, "shop-web-0", mark)
    rehearsal.edit(Resource.SERVERS, "shop-web-2", {"spec": {"held": True}})
    rehearsal.apply("shop", component("web", "web:v1", 2))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [1, 2]


@pytest.mark.parametrize(
    ("marked", "ill", "claims", "kept"),
    [
        (1, 2, False, [0, 2, 3, 4]),
        (None, 2, False, [0, 1, 3, 4]),
        (None, None, False, [0, 1, 2, 3]),
        (1, 2, True, [0, 1, 2, 3]),
    ],
)
def test_the_worked_example_of_the_comment(
    marked: int | None,
    ill: int | None,
    claims: bool,
    kept: list[int],
) -> None:
    """Of six servers two go: the spare one, then the marked, the ill, the highest not held."""
    volume = {"name": "data", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    fields = {"volumeClaims": [volume]} if claims else {}
    rehearsal = rehearse(6, **fields)

    def mark(ordinal: int, value: str) -> None:
        body = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: value}}}
        rehearsal.edit(Resource.SERVERS, f"{SET}-{ordinal}", body)

    mark(5, census.SPARE)
    rehearsal.edit(Resource.SERVERS, f"{SET}-3", {"spec": {"held": True}})
    if marked is not None:
        mark(marked, "true")
    if ill is not None:
        rehearsal.fall_ill(f"{SET}-{ill}")
    rehearsal.tick()
    rehearsal.apply("shop", component("web", "web:v1", 4, **fields))
    rehearsal.run_for(20)
    assert list(rehearsal.servers(SET)) == kept
