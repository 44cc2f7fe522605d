"""What holds of every rollout, whatever people do meanwhile.

The rehearsal itself watches over each plan: no surplus server, no budget broken by our own doing,
no second write to one object, no write that changes nothing.
"""

from __future__ import annotations

import hypothesis
from hypothesis import strategies

from controller.api import names, objects
from controller.api.resources import Resource
from tests.kinds.rehearsal import Body, Rehearsal, component

SHARES = strategies.sampled_from([0, 1, 2, "10%", "25%", "50%", "100%"])
SET = "shop-web"
Events = list[tuple[str, int]]


@strategies.composite
def rollouts(draw: strategies.DrawFn) -> Body:
    """Draw a rollout policy that the API server would accept."""
    unavailable, surge = draw(SHARES), draw(SHARES)
    if unavailable == 0 and surge == 0:
        surge = 1
    return {
        "maxUnavailable": unavailable,
        "maxSurge": surge,
        "partition": draw(strategies.sampled_from([0, 0, 0, 1, 3])),
        "inPlace": draw(strategies.sampled_from(["WhenPossible", "Never"])),
        "strategy": draw(
            strategies.sampled_from(["RollingUpdate", "RollingUpdate", "Recreate", "OnDelete"])
        ),
        "minReadySeconds": draw(strategies.sampled_from([0, 0, 2])),
        "progressDeadlineSeconds": draw(strategies.sampled_from([6, 30, 600])),
        "onDeadline": draw(strategies.sampled_from(["Halt", "RollBack"])),
    }


@strategies.composite
def specs(draw: strategies.DrawFn) -> Body:
    """Draw a component: some of its images never come up, some fail for good."""
    image = draw(strategies.sampled_from(["web:v1", "web:v2", "web:v3", "web:broken", "web:fatal"]))
    policies: Body = {
        "rollout": draw(rollouts()),
        "recovery": {
            "failureBudget": draw(SHARES),
            "onBudgetSpent": draw(strategies.sampled_from(["Halt", "RevertComponent"])),
        },
    }
    return component("web", image, draw(strategies.integers(0, 7)), **policies)


@strategies.composite
def acts(draw: strategies.DrawFn) -> tuple[str, int]:
    """Draw what happens to some server, or nothing, and for how long nothing else does."""
    act = draw(strategies.sampled_from(["wait", "delete", "ill", "hold", "mark", "spoil", "retry"]))
    return act, draw(strategies.integers(0, 8))


def perform(rehearsal: Rehearsal, act: str, number: int) -> None:
    """Let one thing happen to the server that `number` points at, if there is one."""
    if not rehearsal.has(Resource.SERVERSETS, SET):
        return
    alive = [
        each.metadata.name
        for each in rehearsal.servers(SET).values()
        if not each.metadata.deletion_timestamp
    ]
    if act == "retry":
        note = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: str(rehearsal.now)}}}
        rehearsal.edit(Resource.APPLICATIONS, "shop", note)
    if not alive:
        return
    name = alive[number % len(alive)]
    held = rehearsal.store[Resource.SERVERS, name]["spec"].get("held", False)
    mark = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: str(rehearsal.now)}}}
    if act == "delete":
        rehearsal.delete(Resource.SERVERS, name)
    elif act == "ill" and name in rehearsal.machines:
        rehearsal.fall_ill(name)
    elif act == "hold":
        rehearsal.edit(Resource.SERVERS, name, {"spec": {"held": not held}})
    elif act == "mark":
        rehearsal.edit(Resource.SERVERS, name, mark)
    elif act == "spoil":
        lie = {"metadata": {"labels": {names.COMPONENT_LABEL: f"x{rehearsal.now}"}}}
        rehearsal.edit(Resource.SERVERS, name, lie)


def release_all(rehearsal: Rehearsal) -> None:
    """Let go of every server that a person holds."""
    for each in rehearsal.servers(SET).values():
        if each.spec.held:
            rehearsal.edit(Resource.SERVERS, each.metadata.name, {"spec": {"held": False}})


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(
    history=strategies.lists(
        strategies.tuples(specs(), strategies.lists(acts(), max_size=4)), min_size=1, max_size=4
    )
)
def test_whatever_happens_it_converges_and_rests(history: list[tuple[Body, Events]]) -> None:
    """Any changes, ills and deletes; then a good revision: all run it, and nothing is written."""
    rehearsal = Rehearsal()
    for spec, events in history:
        rehearsal.apply("shop", spec)
        for act, number in events:
            rehearsal.run_for(number)
            perform(rehearsal, act, number)
    final = component(
        "web", "web:final", 5, rollout={"maxUnavailable": 2}, recovery={"failureBudget": "100%"}
    )
    rehearsal.apply("shop", final)
    rehearsal.run_for(2)
    release_all(rehearsal)
    rehearsal.rest()
    assert set(rehearsal.images(SET).values()) == {"web:final"}
    assert len(rehearsal.servers(SET)) == 5
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
    writes = rehearsal.writes
    rehearsal.run_for(60)
    assert rehearsal.writes == writes


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(
    spec=specs(), seconds=strategies.integers(0, 12), other=specs(), later=strategies.integers(0, 9)
)
def test_a_delete_at_any_moment_leaves_nothing(
    spec: Body, seconds: int, other: Body, later: int
) -> None:
    """From wherever it stands, a deleted application makes nothing more and goes altogether."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", spec)
    rehearsal.run_for(seconds)
    rehearsal.apply("shop", other)
    rehearsal.run_for(later)
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    there = set(rehearsal.store)
    for _ in range(15):
        rehearsal.tick()
        assert set(rehearsal.store) <= there
    assert rehearsal.store == {}
