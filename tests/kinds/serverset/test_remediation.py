"""Remediation as a policy, in virtual time: it neither latches nor stampedes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from controller.api import clock, names, objects
from controller.api.resources import Resource
from controller.planning.budget import limit
from tests.kinds.rehearsal import Rehearsal, component

SET = "shop-web"
AFTER, HOLD = 300, 1800


def rehearse(replicas: int, **fields: Any) -> Rehearsal:
    """Return a rehearsal in which one component has come up."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", replicas, **fields))
    rehearsal.run()
    return rehearsal


def fall_ill(rehearsal: Rehearsal, ordinals: Iterable[int]) -> None:
    """Let servers stop doing their work, all at once."""
    for each in ordinals:
        rehearsal.fall_ill(f"{SET}-{each}")


def get_well(rehearsal: Rehearsal, ordinal: int) -> None:
    """Let a server work again by itself."""
    rehearsal.machines[f"{SET}-{ordinal}"].ill = False


def replaced(rehearsal: Rehearsal) -> list[int]:
    """Return the ordinals of servers that were made anew."""
    found = rehearsal.servers(SET).items()
    return [ordinal for ordinal, each in found if each.spec.incarnation > 1]


def down(rehearsal: Rehearsal) -> int:
    """Return how many servers are being made anew and are not back yet."""
    return sum(
        1
        for each in rehearsal.servers(SET).values()
        if each.spec.incarnation > 1
        and any(told.type == "Ready" and told.status != "True" for told in each.status.conditions)
        and each.status.incarnation != each.spec.incarnation
    )


def blocked(rehearsal: Rehearsal) -> list[tuple[str, str | None]]:
    """Return what the set says is in its way, and when that is looked at again."""
    told = rehearsal.get(objects.ServerSet, SET).status.blocked_by
    return [(each.reason, each.next_attempt_time) for each in told]


def test_most_are_ill_for_ten_minutes_and_well_again_one_by_one() -> None:
    """Six of ten are ill, and get well one after the other: nobody is replaced, then or later."""
    rehearsal = rehearse(10)
    fall_ill(rehearsal, range(6))
    rehearsal.run_for(600)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RemediationHeld")
    for ordinal in range(6):
        get_well(rehearsal, ordinal)
        rehearsal.run_for(30)
    rehearsal.rest()
    assert replaced(rehearsal) == []
    assert rehearsal.condition(objects.ServerSet, SET) == ("True", "Available")


def test_two_of_three_that_stay_ill_are_healed_within_the_bound() -> None:
    """Held for half an hour; then one at a time is tried, and the second follows the first."""
    rehearsal = rehearse(3)
    fall_ill(rehearsal, (0, 1))
    rehearsal.run_for(HOLD - 10)
    assert replaced(rehearsal) == []
    most = 0
    for _ in range(60):
        rehearsal.tick()
        most = max(most, down(rehearsal))
    assert most == 1
    assert replaced(rehearsal) == [0, 1]
    assert rehearsal.condition(objects.ServerSet, SET) == ("True", "Available")


def test_all_ill_for_good_are_healed_one_at_a_time() -> None:
    """However many are ill, a way out remains: the bound, and then each in its turn."""
    rehearsal = rehearse(6, rollout={"maxUnavailable": 3})
    fall_ill(rehearsal, range(6))
    most = 0
    for _ in range(HOLD + AFTER + 120):
        rehearsal.tick()
        most = max(most, down(rehearsal))
    assert replaced(rehearsal) == list(range(6))
    # Once most are well, as many at a time as the budget allows.
    assert 1 <= most <= 3


def test_right_after_a_hold_it_is_still_one_at_a_time() -> None:
    """Two of six get well shortly before the bound: the four others are no stampede at it."""
    rehearsal = rehearse(10, rollout={"maxUnavailable": 5})
    fall_ill(rehearsal, range(6))
    rehearsal.run_for(HOLD - 50)
    for ordinal in (0, 1):
        get_well(rehearsal, ordinal)
    most = 0
    for _ in range(100):
        rehearsal.tick()
        most = max(most, down(rehearsal))
    assert most == 1
    assert replaced(rehearsal) == [2, 3, 4, 5]


def test_a_hold_says_when_it_ends() -> None:
    """The set names the time at which the first ill server is tried, and the way to see why."""
    rehearsal = rehearse(3)
    began = rehearsal.now
    fall_ill(rehearsal, (0, 1))
    rehearsal.run_for(AFTER + 60)
    told = rehearsal.get(objects.ServerSet, SET).status.blocked_by
    held = [each for each in told if each.reason == "RemediationHeld"]
    assert len(held) == 1
    assert held[0].object == f"ServerSet/{SET}"
    assert held[0].remedy == "kubectl get nodes"
    assert 0 <= clock.parse(held[0].next_attempt_time) - (began + HOLD) <= 5


def test_while_held_nothing_is_written() -> None:
    """A hold is told once: at rest there are no writes, however long it lasts."""
    rehearsal = rehearse(3)
    fall_ill(rehearsal, (0, 1))
    rehearsal.run_for(60)
    before = rehearsal.writes
    rehearsal.run_for(1000)
    assert rehearsal.writes == before


def test_the_policy_says_how_long_how_many_and_how_long_held() -> None:
    """afterSeconds, maxIll and maxHoldSeconds are what the component says."""
    policy = {"afterSeconds": 30, "maxIll": 2, "maxHoldSeconds": 100}
    rehearsal = rehearse(4, recovery={"remediation": policy})
    fall_ill(rehearsal, (0, 1))
    rehearsal.run_for(25)
    assert replaced(rehearsal) == []
    rehearsal.run_for(30)
    assert replaced(rehearsal) == [0, 1]
    fall_ill(rehearsal, (1, 2, 3))
    rehearsal.run_for(90)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RemediationHeld")
    assert replaced(rehearsal) == [0, 1]
    rehearsal.run_for(200)
    assert replaced(rehearsal) == [0, 1, 2, 3]


def test_the_next_waits_until_the_one_before_is_back() -> None:
    """A server that is being made anew uses the budget until it does its work again."""
    rehearsal = rehearse(10, rollout={"maxUnavailable": 1})
    spec = rehearsal.get(objects.ServerSet, SET).spec
    assert limit(10, spec.rollout) == 1
    fall_ill(rehearsal, (1, 4, 7))
    rehearsal.run_for(AFTER - 5)
    most = 0
    for _ in range(60):
        rehearsal.tick()
        servers = rehearsal.servers(SET).values()
        coming = [
            each
            for each in servers
            if each.spec.incarnation > 1
            and not any(
                told.type == "Ready" and told.status == "True" for told in each.status.conditions
            )
        ]
        most = max(most, len(coming))
    assert most == 1
    assert replaced(rehearsal) == [1, 4, 7]


def test_a_server_that_does_not_come_back_keeps_the_others_waiting_no_longer_than_the_bound() -> (
    None
):
    """What is being made and never gets ready is no reason to heal nobody else for ever."""
    rehearsal = rehearse(10, rollout={"maxUnavailable": 1})
    fall_ill(rehearsal, (1, 4))
    for _ in range(AFTER + 30):
        rehearsal.tick()
        first = rehearsal.machines[f"{SET}-1"]
        if first.incarnation > 1:
            first.ready_at = rehearsal.now + 10**6
    assert replaced(rehearsal) == [1]
    rehearsal.run_for(HOLD)
    assert replaced(rehearsal) == [1, 4]


def test_repeats_on_one_server_back_off() -> None:
    """A server that falls ill again and again is replaced ever more seldom, then hourly."""
    rehearsal = rehearse(5)
    times: list[float] = []
    seen = 1
    fall_ill(rehearsal, (3,))
    until = rehearsal.now + 4 * 3600
    while rehearsal.now < until:
        # Nothing here is a matter of seconds.
        rehearsal.now += 0 if rehearsal.tick() else 9
        server = rehearsal.get(objects.Server, f"{SET}-3")
        if server.spec.incarnation > seen:
            seen = server.spec.incarnation
            times.append(rehearsal.now)
        running = rehearsal.machines[f"{SET}-3"]
        if running.incarnation == seen and rehearsal.now >= running.ready_at + 20:
            running.ill = True
    gaps = [round(after - before, -2) for before, after in itertools.pairwise(times)]
    assert gaps[:4] == sorted(gaps[:4])
    assert gaps[0] >= 2 * AFTER
    assert gaps[1] >= 4 * AFTER
    assert max(gaps) <= 3600 + 2 * AFTER


def test_a_server_that_was_well_for_long_starts_afresh() -> None:
    """An old remediation says nothing of a new illness."""
    rehearsal = rehearse(5)
    fall_ill(rehearsal, (3,))
    rehearsal.run_for(AFTER + 60)
    rehearsal.pass_by(2 * 3600)
    fall_ill(rehearsal, (3,))
    rehearsal.run_for(AFTER + 60)
    assert rehearsal.get(objects.Server, f"{SET}-3").spec.incarnation == 3


@pytest.mark.parametrize("value", ["", "x", "9" * 400, "3", "3 never", "-1 -1", "3 99999999999999"])
def test_what_anybody_writes_into_the_record_stops_nothing(value: str) -> None:
    """A record that makes no sense, or is of the future, reads as if there were none."""
    rehearsal = rehearse(5)
    note = {"metadata": {"annotations": {names.REMEDIATED_ANNOTATION: value}}}
    rehearsal.edit(Resource.SERVERS, f"{SET}-3", note)
    fall_ill(rehearsal, (3,))
    rehearsal.run_for(AFTER + 60)
    assert replaced(rehearsal) == [3]


def test_a_pause_in_the_middle_of_a_hold_changes_nothing() -> None:
    """What was held before the pause is held after it, and nobody is replaced at its end."""
    rehearsal = rehearse(10)
    fall_ill(rehearsal, range(6))
    rehearsal.run_for(400)
    rehearsal.apply("shop", component("web", "web:v1", 10), paused=True)
    rehearsal.run_for(100)
    for ordinal in range(4):
        get_well(rehearsal, ordinal)
    rehearsal.apply("shop", component("web", "web:v1", 10))
    rehearsal.run_for(100)
    assert replaced(rehearsal) == []
    assert rehearsal.get(objects.ServerSet, SET).status.last_remediation_hold


def spread(replicas: int, **policy: Any) -> Rehearsal:
    """Return a rehearsal in which one component has come up in the domains a and b by turns."""
    rehearsal = Rehearsal()
    known = tuple(objects.FailureDomain(name=each) for each in "ab")
    rehearsal.fleets.told = dataclasses.replace(rehearsal.fleets.told, domains=known)
    recovery = {"remediation": policy}
    rehearsal.apply("shop", component("web", "web:v1", replicas, recovery=recovery))
    rehearsal.run()
    found = rehearsal.servers(SET).items()
    assert {each.spec.domain for _, each in found} == {"a", "b"}
    return rehearsal


def of(rehearsal: Rehearsal, domain: str) -> list[int]:
    """Return the ordinals of the servers in a domain."""
    found = rehearsal.servers(SET).items()
    return [ordinal for ordinal, each in found if each.spec.domain == domain]


@pytest.mark.parametrize("per", ["Domain", "Component"])
def test_a_sick_domain_does_not_hold_the_healing_of_another(per: str) -> None:
    """All of a are ill, and one of b: that one is healed in its time, unless all are held alike."""
    rehearsal = spread(10, per=per)
    sick, well = of(rehearsal, "a"), of(rehearsal, "b")
    fall_ill(rehearsal, [*sick, well[0]])
    rehearsal.run_for(AFTER + 60)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RemediationHeld")
    assert replaced(rehearsal) == ([well[0]] if per == "Domain" else [])
    for each in sick:
        get_well(rehearsal, each)
    rehearsal.run_for(60)
    assert not set(replaced(rehearsal)) & set(sick)


def older(young: int) -> tuple[Rehearsal, list[int]]:
    """Return a rehearsal of four servers that are older than the fleet's domains, and of others."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 4))
    rehearsal.run()
    old = list(rehearsal.servers(SET))
    known = tuple(objects.FailureDomain(name=each) for each in "ab")
    rehearsal.fleets.told = dataclasses.replace(rehearsal.fleets.told, domains=known)
    rehearsal.apply("shop", component("web", "web:v1", 4 + young))
    rehearsal.run()
    assert of(rehearsal, "") == old
    return rehearsal, old


def test_servers_of_no_domain_are_held_by_themselves() -> None:
    """All four that are older than the domains are ill: they are not made anew as few of 20."""
    rehearsal, old = older(16)
    fall_ill(rehearsal, old)
    rehearsal.run_for(AFTER + 60)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RemediationHeld")
    assert replaced(rehearsal) == []
    for each in old:
        get_well(rehearsal, each)
    rehearsal.run_for(60)
    assert replaced(rehearsal) == []


def test_a_sick_domain_does_not_hold_who_is_in_none() -> None:
    """All of a are ill, and one that is in no domain: that one is healed in its time."""
    rehearsal, old = older(16)
    fall_ill(rehearsal, [*of(rehearsal, "a"), old[0]])
    rehearsal.run_for(AFTER + 60)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RemediationHeld")
    assert replaced(rehearsal) == old[:1]


def test_a_domain_that_is_empty_or_unknown_holds_nobody() -> None:
    """A domain without a server, and one whose last server goes, are nothing to be held by."""
    rehearsal = spread(10)
    known = tuple(objects.FailureDomain(name=each) for each in "abc")
    rehearsal.fleets.told = dataclasses.replace(rehearsal.fleets.told, domains=known)
    ill = of(rehearsal, "b")[0]
    fall_ill(rehearsal, [ill])
    rehearsal.run_for(AFTER + 60)
    assert replaced(rehearsal) == [ill]
    # Nobody says of b any more that it is a domain: its servers are still held together.
    rehearsal.fleets.told = dataclasses.replace(rehearsal.fleets.told, domains=known[:1])
    sick = of(rehearsal, "b")
    before = replaced(rehearsal)
    fall_ill(rehearsal, sick)
    rehearsal.run_for(AFTER + 60)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RemediationHeld")
    assert replaced(rehearsal) == before


def test_domains_share_one_budget() -> None:
    """One ill in each of two domains, and one server may be down: the one after the other."""
    rehearsal = spread(10)
    fall_ill(rehearsal, [of(rehearsal, "a")[0], of(rehearsal, "b")[0]])
    rehearsal.run_for(AFTER - 5)
    most = 0
    for _ in range(60):
        rehearsal.tick()
        most = max(most, down(rehearsal))
    assert most == 1
    assert len(replaced(rehearsal)) == 2


def held_up_by(rehearsal: Rehearsal, ordinal: int) -> None:
    """Have a server that was made anew by others stay down."""
    running = rehearsal.machines[f"{SET}-{ordinal}"]
    if running.incarnation > 1:
        running.ready_at = rehearsal.now + 10**6


@pytest.mark.parametrize("by", ["Restart", "Replace"])
def test_healing_counts_servers_that_others_took_down(by: str) -> None:
    """One server may be down, and one is, by an operation: the ill one waits until it is back."""
    rehearsal = rehearse(10, rollout={"maxUnavailable": 1})
    fall_ill(rehearsal, (7,))
    rehearsal.run_for(AFTER - 20)
    rehearsal.submit("again", by, servers="3", concurrency=2)
    for _ in range(120):
        rehearsal.tick()
        held_up_by(rehearsal, 3)
    assert replaced(rehearsal) == [3]
    rehearsal.machines[f"{SET}-3"].ready_at = rehearsal.now
    rehearsal.run_for(60)
    assert replaced(rehearsal) == [3, 7]


def lose(rehearsal: Rehearsal, ordinal: int, since: str = "") -> None:
    """Take a server's pod away, as an eviction does: it says so, and is long in coming back."""
    name = f"{SET}-{ordinal}"
    running = rehearsal.machines[name]
    running.ready_at = rehearsal.now + 10**6
    ready = {"type": "Ready", "status": "False", "reason": "Starting", "message": "",
             "lastTransitionTime": since or clock.stamp(rehearsal.now)}  # fmt: skip
    told = {"revision": running.revision, "incarnation": running.incarnation, "power": "Running"}
    rehearsal.tell(Resource.SERVERS, name, {**told, "conditions": [ready]})


def test_healing_counts_a_server_that_was_evicted_and_is_not_back() -> None:
    """One server may be down, and one is, as its node was drained: the ill one waits for it."""
    rehearsal = rehearse(10, rollout={"maxUnavailable": 1})
    fall_ill(rehearsal, (7,))
    rehearsal.run_for(AFTER - 20)
    lose(rehearsal, 3)
    rehearsal.run_for(120)
    assert replaced(rehearsal) == []
    rehearsal.machines[f"{SET}-3"].ready_at = rehearsal.now
    rehearsal.run_for(60)
    assert replaced(rehearsal) == [7]


def test_one_that_is_evicted_and_never_comes_back_delays_healing_no_longer_than_the_bound() -> None:
    """A server that finds no node to run on is no reason to heal nobody else for ever."""
    rehearsal = rehearse(10, rollout={"maxUnavailable": 1})
    fall_ill(rehearsal, (7,))
    lose(rehearsal, 3)
    rehearsal.run_for(HOLD - 30)
    assert replaced(rehearsal) == []
    rehearsal.run_for(60)
    assert replaced(rehearsal) == [7]


def test_servers_that_have_yet_to_come_up_delay_no_healing() -> None:
    """A set that has grown, and whose new servers find no room, heals the others in their time."""
    rehearsal = rehearse(4, rollout={"maxUnavailable": 1})
    fall_ill(rehearsal, (1,))
    rehearsal.apply("shop", component("web", "web:v1", 8, rollout={"maxUnavailable": 1}))
    for _ in range(AFTER + 60):
        rehearsal.tick()
        for ordinal in range(4, 8):
            if f"{SET}-{ordinal}" in rehearsal.machines:
                # One that never was ready is not ready since it was made.
                made = rehearsal.get(objects.Server, f"{SET}-{ordinal}").metadata
                lose(rehearsal, ordinal, made.creation_timestamp or "")
    assert replaced(rehearsal) == [1]
