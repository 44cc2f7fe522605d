"""Replicas that share the work: whatever becomes of one, nothing is done twice and all goes on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import members, slots, tallies
from controller.planning.keys import Key
from fakes.api_server import chaos
from proof import history
from proof.mutants import arena, audit, stories
from proof.mutants.crew import Crew, Mate

pytestmark = pytest.mark.looptime

# Whether each replica follows its slots alone: `test_replicas_by_slot` has it so.
BY_SLOT = False
NAMES = [f"shop{number}" for number in range(8)]


@contextlib.asynccontextmanager
async def crewed(*, slack: float = 5.0, bound: int = 0) -> AsyncIterator[Crew]:
    """Give a stage for replicas; hold what was written to all invariants.

    `bound` is how many servers a namespace may have; 0: any number.
    """
    stage = arena.Stage(seed=7)
    try:
        yield Crew(stage, by_slot=BY_SLOT, servers_per_namespace=bound)
        log = audit.lines(stage.server, stage.doors, stage.writers, alive_every=2.0)
        found = history.check(log, expectations=history.Expectations(slack=slack))
        assert found.history.slots
        found.require()
    finally:
        await stage.kill()


async def rolled_out(crew: Crew, image: str) -> None:
    """Have all applications run an image, and wait for them."""
    for name in NAMES:
        spec = stories.shop(stories.component("web", 3, image))
        if crew.stage.find(Resource.APPLICATIONS, name) is None:
            crew.stage.put(Resource.APPLICATIONS, name, spec)
        else:
            crew.stage.change(Resource.APPLICATIONS, name, spec)
    await all_ready(crew)


async def all_ready(crew: Crew) -> None:
    """Wait until all applications are what they should be."""
    for name in NAMES:
        await crew.stage.ready(name)


async def test_replicas_divide_what_there_is_to_do() -> None:
    """Each of four has a quarter of the slots and writes; together they make each server once."""
    async with crewed() as crew:
        mates = [crew.join() for _ in range(4)]
        await crew.shared(*mates)
        await rolled_out(crew, "web:1")
        await rolled_out(crew, "web:2")
        assert len(crew.stage.all(Resource.PODS)) == 3 * len(NAMES)
        assert [each.sharing.sharers() for each in mates] == [4] * 4
        writers = set(crew.stage.writers.values())
        assert {f"argosy {each.identity}" for each in mates} <= writers


async def test_what_a_killed_replica_had_is_planned_again_in_time() -> None:
    """One of four is killed in a rollout: its slots are others' within one and a half Leases."""
    async with crewed() as crew:
        mates = [crew.join() for _ in range(4)]
        await crew.shared(*mates)
        await rolled_out(crew, "web:1")
        for name in NAMES:
            spec = stories.shop(stories.component("web", 3, "web:2"))
            crew.stage.change(Resource.APPLICATIONS, name, spec)
        await asyncio.sleep(1.5)
        victim = mates[0]
        await victim.kill()
        began = asyncio.get_running_loop().time()
        await crew.shared(*mates[1:])
        assert asyncio.get_running_loop().time() - began <= 22.5
        await all_ready(crew)
        assert len(crew.stage.all(Resource.PODS)) == 3 * len(NAMES)


async def roll(crew: Crew, image: str) -> None:
    """Have all applications run an image; do not wait."""
    for name in NAMES:
        spec = stories.shop(stories.component("web", 3, image))
        crew.stage.change(Resource.APPLICATIONS, name, spec)
    await asyncio.sleep(1.5)


async def test_one_that_is_cut_off_gives_up_before_others_take_over() -> None:
    """Cut off from the API server, a replica ends; back again, it starts as another."""
    async with crewed() as crew:
        first, second, third = (crew.join() for _ in range(3))
        await crew.shared(first, second, third)
        await rolled_out(crew, "web:1")
        await roll(crew, "web:2")
        first.door.part()
        crew.stage.faults.drop_watches()
        await crew.shared(second, third)
        assert "not renewed" in first.ended
        await all_ready(crew)
        await first.kill()
        back = crew.join(first.name)
        await crew.shared(back, second, third)
        await rolled_out(crew, "web:3")


async def test_one_to_four_and_back_again() -> None:
    """Replicas come and go one by one during rollouts; each leaves all that it had at once."""
    async with crewed() as crew:
        mates = [crew.join()]
        await crew.shared(*mates)
        await rolled_out(crew, "web:1")
        for number in range(2, 5):
            await roll(crew, f"web:{number}")
            mates.append(crew.join())
            await crew.shared(*mates)
        await all_ready(crew)
        while len(mates) > 1:
            await roll(crew, f"web:1{len(mates)}")
            began = asyncio.get_running_loop().time()
            await mates.pop().leave()
            await crew.shared(*mates)
            assert asyncio.get_running_loop().time() - began < 10
        await all_ready(crew)


async def test_only_as_many_slots_move_as_must() -> None:
    """A third replica takes the excess of two, and those two exchange nothing."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        before = [first.owned(), second.owned()]
        third = crew.join()
        await crew.shared(first, second, third)
        assert first.owned() < before[0]
        assert second.owned() < before[1]
        assert len(third.owned()) == 20


async def test_a_crowd_that_joins_moves_few_slots_more_than_must() -> None:
    """Three come to one within a second: at most a fifth more moves than the 48 that must."""
    async with crewed() as crew:
        mates = [crew.join()]
        await crew.shared(*mates)
        await rolled_out(crew, "web:1")
        mates += [crew.join() for _ in range(3)]
        await crew.shared(*mates)
        leases = [
            each
            for each in crew.stage.all(Resource.LEASES)
            if each["metadata"]["name"] in slots.LEASES
        ]
        moved = sum(each["spec"]["leaseTransitions"] - 1 for each in leases)
        fewest = slots.SLOTS * 3 // 4
        assert len(leases) == slots.SLOTS
        assert fewest <= moved <= 1.2 * fewest


async def test_four_write_no_more_than_one_would() -> None:
    """But for Leases, four replicas roll out all applications by as many writes as one does."""
    counts = []
    for number in (1, 4):
        async with crewed() as crew:
            mates = [crew.join() for _ in range(number)]
            await crew.shared(*mates)
            for image in ("web:1", "web:2"):
                await rolled_out(crew, image)
            await asyncio.sleep(60)
            counts.append(
                sum(each.resource is not Resource.LEASES for each in crew.stage.server.writes)
            )
    alone, together = counts
    assert together <= 1.01 * alone


async def test_a_new_owner_whose_watch_lags_plans_nothing_before_it_sees() -> None:
    """One is killed while the other sees nothing for minutes, which waits, and then goes on."""
    async with crewed(slack=400.0) as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        await roll(crew, "web:2")
        second.door.hold_watches()
        await asyncio.sleep(3)
        had = second.owned()
        await first.kill()
        await asyncio.sleep(180)
        assert second.owned() == had
        second.door.release_watches()
        await crew.shared(second)
        await all_ready(crew)


async def test_what_an_owner_whose_watch_lags_gives_on_keeps_it_from_nothing() -> None:
    """It has begun nothing of it yet; the rest that it took then it plans once it sees."""
    async with crewed(slack=400.0) as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        second.door.hold_watches()
        await roll(crew, "web:2")
        await asyncio.sleep(3)
        await first.kill()
        await asyncio.sleep(60)
        third = crew.join()
        await crew.stage.until("the newcomer has its part", lambda: len(third.owned()) == 32)
        await asyncio.sleep(30)
        second.door.release_watches()
        await crew.shared(second, third)
        await all_ready(crew)


async def test_a_namespaces_bound_holds_for_all_replicas_together() -> None:
    """Servers that another replica plans take room, too: here those of a set made later."""
    async with crewed(bound=10) as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        older = next(each for each in NAMES if slot_of(each) in first.owned())
        newer = next(each for each in NAMES if slot_of(each) in second.owned())

        def there() -> int:
            return len(crew.stage.all(Resource.SERVERS))

        crew.stage.put(
            Resource.APPLICATIONS, older, stories.shop(stories.component("web", 6, "web:1"))
        )
        await crew.stage.ready(older)
        crew.stage.put(
            Resource.APPLICATIONS, newer, stories.shop(stories.component("web", 8, "web:1"))
        )
        await crew.stage.until("the namespace is full", lambda: there() == 10)
        await asyncio.sleep(40)
        crew.stage.change(
            Resource.APPLICATIONS, older, stories.shop(stories.component("web", 9, "web:1"))
        )
        await asyncio.sleep(60)
        assert there() == 10
        crew.stage.change(
            Resource.APPLICATIONS, newer, stories.shop(stories.component("web", 1, "web:1"))
        )
        await crew.stage.ready(older)
        assert there() == 10


async def test_a_fleet_counts_the_servers_of_all_replicas() -> None:
    """Whoever plans it, and however parts move: one in use never says that it has none."""
    async with crewed() as crew:
        spec = {"provider": "pod", "pod": {}}
        body = {"metadata": {"name": "cloud"}, "spec": spec}
        crew.stage.server.registry.create(Resource.FLEETS, "", body, actor="person")

        def counted() -> int:
            return int(fleet(crew).get("status", {}).get("servers", 0))

        mates = [crew.join(), crew.join()]
        await crew.shared(*mates)
        for name in NAMES:
            web = stories.component("web", 3, "web:1")
            crew.stage.put(Resource.APPLICATIONS, name, stories.shop(web) | {"fleet": "cloud"})
        await all_ready(crew)
        whole = 3 * len(NAMES)
        await crew.stage.until("all are counted", lambda: counted() == whole)
        since = len(crew.stage.server.writes)
        mates.append(crew.join())
        await crew.shared(*mates)
        await mates[0].kill()
        await crew.shared(*mates[1:])
        await mates[1].leave()
        await crew.shared(mates[2])
        await asyncio.sleep(20)
        assert [
            each.after["status"]["servers"]
            for each in crew.stage.server.writes[since:]
            if each.resource is Resource.FLEETS and each.after and each.after != each.before
        ] == []
        for name in NAMES[1:]:
            crew.stage.remove(Resource.APPLICATIONS, name)
        await crew.stage.until("only one is left", lambda: counted() == 3)
        mates.append(crew.join())
        await crew.shared(*mates[2:])
        crew.stage.remove(Resource.APPLICATIONS, NAMES[0])
        await crew.stage.until("none is left", lambda: counted() == 0)


def fleet(crew: Crew) -> dict[str, Any]:
    """Return the Fleet as it is."""
    return crew.stage.server.objects[Resource.FLEETS]["", "cloud"]


async def test_all_die_and_come_back() -> None:
    """Nobody is left to hand anything over: those that come wait for the Leases to run out."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        await roll(crew, "web:2")
        await first.kill()
        await second.kill()
        again = [crew.join(first.name), crew.join(second.name)]
        await crew.shared(*again)
        await all_ready(crew)


def slot_of(name: str) -> int:
    """Return the slot of an application."""
    return slots.of(arena.NAMESPACE, name)


def change_lease(
    crew: Crew, name: str, spec: dict[str, object], said: dict[str, str | None] | None = None
) -> None:
    """Edit a Lease, and what is said on it, as an administrator does."""
    body = {"spec": spec, "metadata": {"annotations": said or {}}}
    crew.stage.server.registry.patch(Resource.LEASES, arena.NAMESPACE, name, body, actor="person")


def mine(mate: Mate) -> list[int]:
    """Return the slots of a replica that have applications."""
    found = sorted(mate.owned() & {slot_of(name) for name in NAMES})
    assert found
    return found


async def test_a_heartbeat_that_is_deleted_ends_its_replica_alone() -> None:
    """Whose heartbeat a person deletes stops at once; its slots are others' after a Lease."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        await roll(crew, "web:2")
        crew.stage.remove(Resource.LEASES, members.heartbeat(first.name))
        await crew.shared(second)
        assert "deleted" in first.ended
        await all_ready(crew)


def show_heartbeat(crew: Crew, name: str, holder: str, tally: str) -> None:
    """Write a heartbeat that is no replica's, as whoever may write Leases can."""
    body = {
        "metadata": {"name": members.heartbeat(name), "annotations": {tallies.ANNOTATION: tally}},
        "spec": {"holderIdentity": holder, "leaseTransitions": 1},
    }
    crew.stage.server.registry.create(Resource.LEASES, arena.NAMESPACE, body, actor="person")


@pytest.mark.parametrize(
    "tally",
    [
        pytest.param("[" * 100_000, id="garbage"),
        pytest.param(f'{{"more": {"[" * 100_000}{"]" * 100_000}}}', id="bottomless"),
        pytest.param(f'{{"counts": {{"fleets": {{"cloud": {10**30}}}}}}}', id="beyond an int64"),
    ],
)
async def test_a_forged_heartbeat_ends_no_replica(tally: str) -> None:
    """Whatever it tells: nobody has the part that it is given for long, and then all goes on."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        show_heartbeat(crew, "ghost", "ghost", tally)
        await asyncio.sleep(10)
        assert first.sharing.sharers() == 3
        await crew.shared(first, second)
        await rolled_out(crew, "web:2")
        assert not first.ended + second.ended


@pytest.mark.parametrize(
    "hand", ["delete", "stranger", "other", "nobody", "restored", "counted on"]
)
async def test_a_slots_lease_in_a_persons_hands_never_makes_two_owners(hand: str) -> None:
    """Deleted, given to a stranger, to another replica or to nobody: the slot rests, then goes on.

    So is one that is restored from when it was handed over, or whose epoch is made up. Its owner
    sees that, or stops, before anybody else believes it.
    """
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        # The worst moment: for as long as it may, the owner goes on without a look at its Leases,
        # and there is one who is to have more.
        first.door.failing = frozenset({"list"})
        third = crew.join()
        await asyncio.sleep(4)
        for slot in mine(first):
            name = slots.lease(slot)
            if hand == "delete":
                crew.stage.remove(Resource.LEASES, name)
                continue
            holder = {"stranger": "someone", "other": second.identity}.get(hand, "")
            specs: dict[str, dict[str, object]] = {
                "restored": {"holderIdentity": "", "leaseTransitions": 0},
                "counted on": {"leaseTransitions": 2**31 - 1},
            }
            spec = specs.get(hand, {"holderIdentity": holder})
            given = "0" if hand == "restored" else None
            change_lease(crew, name, spec, {members.GIVEN_ANNOTATION: given})
        for number in range(6):
            await roll(crew, f"web:2{number}")
        first.door.failing = frozenset()
        await asyncio.sleep(40)
        await crew.shared(first, second, third)
        await all_ready(crew)
        assert not first.ended
        assert not second.ended


async def test_who_cannot_look_at_leases_stops_writing() -> None:
    """A replica that renews its heartbeat, but sees no slot, writes no more; nor does anybody else.

    Its slots are deleted meanwhile, so that another has them when it looks again.
    """
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        first.door.failing = frozenset({"list"})
        had = mine(first)
        for slot in had:
            crew.stage.remove(Resource.LEASES, slots.lease(slot))
        await asyncio.sleep(12)
        assert not first.sharing.fresh
        before = len(crew.stage.server.writes)
        await roll(crew, "web:2")
        await asyncio.sleep(2)
        late = crew.stage.server.writes[before:]
        agent = f"argosy {first.identity}"
        by_first = {each.resource for each in late if crew.stage.writers[each.version] == agent}
        assert by_first <= {Resource.LEASES}
        assert len(late) > len(NAMES)
        await asyncio.sleep(60)
        first.door.failing = frozenset()
        await crew.shared(first, second)
        await all_ready(crew)
        assert not first.ended


async def test_those_that_disagree_on_who_is_there_wait_for_one_another() -> None:
    """One sees a newcomer five seconds after the others do: no slot has two owners meanwhile."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        first.door.failing = frozenset({"list"})
        third = crew.join()
        await roll(crew, "web:2")
        await asyncio.sleep(5)
        first.door.failing = frozenset()
        await crew.shared(first, second, third)
        await all_ready(crew)


async def test_of_two_with_one_name_the_later_waits() -> None:
    """A second process of a replica's name is none while the first one lives."""
    async with crewed() as crew:
        first = crew.join("one")
        await crew.shared(first)
        second = crew.join("one")
        await asyncio.sleep(60)
        await crew.shared(first)
        assert not second.owned()
        await rolled_out(crew, "web:1")
        await first.leave()
        # As the last one that shows a heartbeat it lets go of all: whoever waited begins anew.
        await crew.stage.until("it ends or has all", lambda: bool(second.ended or second.owned()))
        if second.ended:
            await second.kill()
            second = crew.join("one")
        await crew.shared(second)


async def test_beside_one_that_leads_alone_nobody_acts() -> None:
    """Replicas of before and those that share never act at one time, in either direction."""
    stage = arena.Stage(seed=7)
    try:
        crew = Crew(stage)
        alone = stage.stand()
        await rolled_out(crew, "web:1")
        first, second = crew.join(), crew.join()
        await rolled_out(crew, "web:2")
        assert not first.owned() | second.owned()
        alone.part()
        await crew.shared(first, second)
        # It comes back, as a standby, while the others work; they go one by one.
        alone.heal()
        await rolled_out(crew, "web:3")
        await first.leave()
        await asyncio.sleep(60)
        await crew.shared(second)
        await second.kill()
        await rolled_out(crew, "web:4")
    finally:
        await stage.kill()


async def test_a_slot_waits_for_a_command_that_runs_before_it_moves() -> None:
    """A newcomer gets the slot once the command has ended, which runs once; the rest at once."""
    async with crewed() as crew:
        runs: list[str] = []

        async def run(_namespace: str, pod: str, _command: object) -> kube.ExecResult:
            runs.append(pod)
            await asyncio.sleep(100)
            return kube.ExecResult(exit_code=0)

        crew.stage.server.on_exec = run
        first = crew.join()
        await crew.shared(first)
        await rolled_out(crew, "web:1")
        for name in NAMES:
            step = {"name": "act", "exec": {"command": ["act"]}, "timeoutSeconds": 300}
            spec = {"application": name, "action": "Steps", "steps": [step], "servers": "0"}
            crew.stage.put(Resource.OPERATIONS, name, spec)
        await crew.stage.until("all run", lambda: len(runs) == len(NAMES))
        second = crew.join()
        await asyncio.sleep(40)
        # The operation that waits says so; those of slots that stay run on.
        for name in NAMES:
            found = crew.stage.find(Resource.OPERATIONS, name)
            assert found is not None
            told = found["status"].get("blockedBy", [])
            lease = f"Lease/{slots.lease(slot_of(name))}"
            key = Key(Resource.OPERATIONS, arena.NAMESPACE, name)
            if first.sharing.moving(key):
                assert [(each["object"], each["reason"]) for each in told] == [(lease, "Moving")]
                assert "Nothing new begins" in str(found["status"]["conditions"])
            else:
                assert told == []
        assert any(
            first.sharing.moving(Key(Resource.OPERATIONS, arena.NAMESPACE, name)) for name in NAMES
        )
        assert first.owned() >= {slot_of(name) for name in NAMES}
        assert second.owned()
        await crew.shared(first, second)
        await crew.stage.until(
            "all done",
            lambda: all(
                arena.condition(crew.stage.find(Resource.OPERATIONS, name), "Succeeded") == "True"
                for name in NAMES
            ),
        )
        assert len(runs) == len(NAMES)


async def test_a_cancel_is_heeded_while_a_slot_waits_for_the_command() -> None:
    """The command is ended, and the slot moves at once instead of after ten minutes."""
    async with crewed() as crew:
        runs: list[str] = []

        async def run(_namespace: str, pod: str, _command: object) -> kube.ExecResult:
            runs.append(pod)
            if runs.count(pod) == 1:
                await asyncio.sleep(500)
            return kube.ExecResult(exit_code=0)

        crew.stage.server.on_exec = run
        first = crew.join()
        await crew.shared(first)
        await rolled_out(crew, "web:1")
        steps = [{"name": "act", "exec": {"command": ["act"]}, "timeoutSeconds": 550}]
        asked = {
            name: {"application": name, "action": "Steps", "steps": steps, "servers": "0"}
            for name in NAMES
        }
        for name, spec in asked.items():
            crew.stage.put(Resource.OPERATIONS, name, spec)
        await crew.stage.until("all run", lambda: len(runs) == len(NAMES))
        second = crew.join()
        await asyncio.sleep(20)
        assert len(first.owned()) > slots.SLOTS // 2
        for name, spec in asked.items():
            crew.stage.change(Resource.OPERATIONS, name, {**spec, "cancelled": True})
        began = asyncio.get_running_loop().time()
        await crew.shared(first, second)
        assert asyncio.get_running_loop().time() - began < 60
        for name in NAMES:
            found = crew.stage.find(Resource.OPERATIONS, name)
            assert arena.condition(found, "Succeeded") == "False"


async def test_at_rest_only_heartbeats_are_written() -> None:
    """No slot's Lease and nothing else is written once all is well."""
    async with crewed() as crew:
        mates = [crew.join() for _ in range(3)]
        await crew.shared(*mates)
        await rolled_out(crew, "web:1")
        await asyncio.sleep(30)
        before = len(crew.stage.server.writes)
        await asyncio.sleep(600)
        written = crew.stage.server.writes[before:]
        assert {each.resource for each in written} == {Resource.LEASES}
        beats = {members.heartbeat(each.name) for each in mates}
        assert {each.name for each in written} == beats | {"argosy-leader"}


async def test_calls_in_flight_end_before_a_slot_is_given() -> None:
    """Writes that take three seconds each are answered before the slots that they are for move."""
    async with crewed(slack=30.0) as crew:
        first = crew.join()
        await crew.shared(first)
        await rolled_out(crew, "web:1")
        slow = chaos.Verdict(there=3.0)
        for verb in ("create", "patch", "replace", "delete"):
            for each in (Resource.SERVERS, Resource.PODS, Resource.SERVERSETS):
                crew.stage.faults.on(verb, each, verdict=slow, times=None)
        await roll(crew, "web:2")
        second = crew.join()
        await crew.shared(first, second)
        await all_ready(crew)


async def test_a_process_that_slept_knows_before_its_next_write() -> None:
    """By its own clock, without a look at anything: neither the heartbeat nor the list is new."""
    async with crewed() as crew:
        first = crew.join()
        await crew.shared(first)
        await rolled_out(crew, "web:1")
        key = Key(Resource.APPLICATIONS, arena.NAMESPACE, NAMES[0])
        assert first.sharing.may_write(key)
        for lease in (first.heartbeat, first.guard):
            lease._renewed_at -= 10.0
            assert not first.sharing.may_write(key)
            lease._renewed_at += 10.0
            assert first.sharing.may_write(key)


async def test_the_parts_of_an_application_are_in_its_slot() -> None:
    """Whatever a tenant writes on a server, its owner is that of its application."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        for name in NAMES:
            labels = {"argosy.dev/application": "elsewhere", "argosy.dev/bucket": "7"}
            crew.stage.server.registry.patch(
                Resource.SERVERS,
                arena.NAMESPACE,
                f"{name}-web-0",
                {"metadata": {"labels": labels}},
                actor="person",
            )
        await asyncio.sleep(5)
        for mate in (first, second):
            for name in NAMES:
                for resource, path in (
                    (Resource.APPLICATIONS, name),
                    (Resource.SERVERSETS, f"{name}-web"),
                    (Resource.SERVERS, f"{name}-web-0"),
                ):
                    key = Key(resource, arena.NAMESPACE, path)
                    mine = slot_of(name) in mate.owned()
                    if BY_SLOT and resource is Resource.SERVERS and not mine:
                        assert key.path not in mate.operator.caches.informers[resource].objects
                        continue
                    assert mate.sharing.slot(key) == slot_of(name)
                    assert mate.sharing.owns(key) is mine
        await rolled_out(crew, "web:2")


async def test_a_slot_that_is_lost_is_planned_no_more_whatever_runs_in_it() -> None:
    """Its Lease in another's name by hand: a command that runs keeps the slot nowhere but there."""
    async with crewed(slack=30.0) as crew:
        runs: list[str] = []

        async def run(_namespace: str, pod: str, _command: object) -> kube.ExecResult:
            runs.append(pod)
            await asyncio.sleep(500)
            return kube.ExecResult(exit_code=0)

        crew.stage.server.on_exec = run
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        had = mine(first)
        acting = [name for name in NAMES if slot_of(name) in had]
        for name in acting:
            step = {"name": "act", "exec": {"command": ["act"]}, "timeoutSeconds": 600}
            spec = {"application": name, "action": "Steps", "steps": [step], "servers": "0"}
            crew.stage.put(Resource.OPERATIONS, name, spec)
        await crew.stage.until("all run", lambda: len(runs) >= len(acting))
        for slot in had:
            change_lease(crew, slots.lease(slot), {"holderIdentity": second.identity})
        await asyncio.sleep(5)
        assert not first.owned() & set(had)
        await crew.stage.until("another has them", lambda: second.owned() >= set(had))
        for name in NAMES:
            crew.stage.change(
                Resource.APPLICATIONS, name, stories.shop(stories.component("web", 3, "web:2"))
            )
        await asyncio.sleep(60)


async def test_a_slot_whose_lease_is_deleted_has_one_again() -> None:
    """Whoever had it has lost it, and takes it anew, in a later epoch: nothing is done without."""
    async with crewed() as crew:
        only = crew.join()
        await crew.shared(only)
        await rolled_out(crew, "web:1")
        for slot in mine(only):
            crew.stage.remove(Resource.LEASES, slots.lease(slot))
        await asyncio.sleep(40)
        await crew.shared(only)
        for slot in mine(only):
            found = crew.stage.find(Resource.LEASES, slots.lease(slot))
            assert found is not None
            assert found["spec"]["leaseTransitions"] == 2
        await rolled_out(crew, "web:2")


async def test_the_leaders_lease_in_a_persons_hands_ends_all_who_hold_it() -> None:
    """Deleted or given to a stranger: all end at once, and whoever comes next goes on.

    A stranger that is not there is waited for as long as a Lease lasts.
    """
    async with crewed() as crew:
        names = ["one", "two"]
        for holder in (None, "someone"):
            mates = [crew.join(each) for each in names]
            await crew.shared(*mates)
            await rolled_out(crew, f"web:{holder}")
            await asyncio.sleep(10)
            if holder is None:
                crew.stage.remove(Resource.LEASES, "argosy-leader")
            else:
                change_lease(crew, "argosy-leader", {"holderIdentity": holder})
            for each in mates:
                await crew.stage.until("it ends", functools.partial(getattr, each, "ended"))
                await each.kill()
        mates = [crew.join(each) for each in names]
        await crew.shared(*mates)
        await all_ready(crew)


async def test_one_that_crashes_again_and_again_keeps_nobody_from_going_on() -> None:
    """Each time its part comes back to the others, and rollouts end meanwhile."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        for number in range(2, 6):
            third = crew.join("three")
            await crew.shared(first, second, third)
            await roll(crew, f"web:{number}")
            await third.kill()
            await all_ready(crew)
        await crew.shared(first, second)


@pytest.mark.parametrize("years", [-60, 500])
async def test_a_wall_clock_that_jumps_changes_nothing(years: int) -> None:
    """Only spans of each replica's own clock count; the times in Leases are for people."""
    async with crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await rolled_out(crew, "web:1")
        parts = first.owned(), second.owned()

        def jumped() -> float:
            # Before 1970 there is nothing to be written but that year.
            return time.time() + years * 365.25 * 86_400

        for each in (first.heartbeat, first.guard, first.members):
            each._wall_clock = jumped
        await rolled_out(crew, "web:2")
        await asyncio.sleep(60)
        assert (first.owned(), second.owned()) == parts
        third = crew.join()
        await crew.shared(first, second, third)
        await third.kill()
        await crew.shared(first, second)
        assert not first.ended + second.ended


async def test_a_slot_whose_giving_is_not_written_is_not_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is written again until it is: taken back, it would have to be given once more."""
    async with crewed() as crew:
        first = crew.join()
        await crew.shared(first)
        await rolled_out(crew, "web:1")
        really = first.members.give

        async def refused(_slot: int, _epoch: int) -> bool:
            raise chaos.refused("not for now")

        monkeypatch.setattr(first.members, "give", refused)
        second = crew.join()
        await asyncio.sleep(60)
        assert len(first.owned()) == slots.SLOTS // 2
        epochs = {
            each["spec"]["leaseTransitions"]
            for each in crew.stage.all(Resource.LEASES)
            if each["metadata"]["name"] in slots.LEASES
        }
        assert epochs == {1}
        monkeypatch.setattr(first.members, "give", really)
        await crew.shared(first, second)


async def test_many_heartbeats_to_sweep_away_keep_no_replica_from_its_look() -> None:
    """However slowly the API server deletes them: who does not look for long must not write."""
    async with crewed() as crew:
        only = crew.join()
        await crew.shared(only)
        for number in range(12):
            show_heartbeat(crew, f"gone-{number}", f"gone-{number}", "")
        await crew.shared(only)
        await asyncio.sleep(560)
        slow = chaos.Verdict(there=3.0)
        crew.stage.faults.on("delete", Resource.LEASES, verdict=slow, times=None)
        for _ in range(1500):
            await asyncio.sleep(0.1)
            assert only.sharing.fresh
        left = {each["metadata"]["name"] for each in crew.stage.all(Resource.LEASES)}
        assert left == {*slots.LEASES, members.heartbeat(only.name), "argosy-leader"}


async def test_heartbeats_of_replicas_long_gone_are_swept_away() -> None:
    """Ten minutes after a replica was killed its heartbeat is deleted; living ones keep theirs."""
    async with crewed() as crew:
        first, second, third = (crew.join() for _ in range(3))
        await crew.shared(first, second, third)
        await third.kill()

        def shown() -> set[str]:
            found = {each["metadata"]["name"] for each in crew.stage.all(Resource.LEASES)}
            return {each for each in found if each.startswith("argosy-replica-")}

        beats = {members.heartbeat(each.name) for each in crew.mates}
        await asyncio.sleep(580)
        assert shown() == beats
        await asyncio.sleep(40)
        assert shown() == beats - {members.heartbeat(third.name)}
        await crew.shared(first, second)
        assert not first.ended + second.ended
        back = crew.join(third.name)
        await crew.shared(first, second, back)
