"""Outages of what servers are made of, in virtual time: they are no failure of the servers."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.resources import Resource
from controller.planning.circuit import CircuitState
from controller.providers.memory.machines import MachineSettings
from controller.providers.memory.provider import MemoryProvider
from controller.providers.openstack.reasons import CloudReason
from controller.reasons import ForeignReason
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
CALL_SECONDS = 0.1
# The least patient policies that one can write: any failure that counts is the end.
STRICT: Json = {
    "recovery": {"attempts": 1, "giveUp": True, "failureBudget": 0,
                 "onBudgetSpent": "RevertComponent"},
    "rollout": {"maxUnavailable": "100%", "inPlace": "Never", "progressDeadlineSeconds": 60,
                "onDeadline": "RollBack"},
}  # fmt: skip
FLEET: Json = {
    "apiVersion": "argosy.dev/v1alpha1",
    "kind": "Fleet",
    "metadata": {"name": "metal"},
    "spec": {"provider": "memory", "limits": {"concurrentCalls": 16, "callsPerSecond": 100}},
}


def unreachable(verb: str) -> errors.ArgosyError:
    """Return how a call ends that does not get through."""
    return errors.Outage(f"{verb}: the cloud does not answer", reason=CloudReason.CLOUD_UNREACHABLE)


def silent(verb: str) -> errors.ArgosyError:
    """Return how a call ends of which nobody knows whether it took effect."""
    return errors.UnknownOutcome(f"{verb}: no answer in time", reason=ForeignReason("CloudTimeout"))


class Silence(errors.UnknownOutcome):
    """An answer was lost, as those of the API server are: its siblings would meet the same."""

    policy = dataclasses.replace(
        errors.UnknownOutcome.policy, costs_attempt=False, shared=True, told_after=3
    )


def silent_for_all(verb: str) -> errors.ArgosyError:
    """Return how a call ends of which nobody knows, and which would be so for all made alike."""
    return Silence(f"{verb}: no answer in time", reason=ForeignReason("CloudTimeout"))


class Outage:
    """The provider does not work until it is told to; how many calls ran at once is counted."""

    def __init__(self, universe: Universe, failure: Any) -> None:
        self.universe, self.failure = universe, failure
        self.calls: list[float] = []
        self._well = universe.machines.interfere
        universe.machines.interfere = self._fail

    def _fail(self, verb: str, *, after: bool) -> None:
        if not after:
            self.calls.append(self.universe.server.now())
            raise self.failure(verb)

    def end(self) -> None:
        """Have the provider work again."""
        self.universe.machines.interfere = self._well


async def struck(
    universe: Universe, before: int, after: int, how: Callable[[str], Exception]
) -> Outage:
    """Let so many servers come up, and an outage begin as the application grows."""
    await universe.server.create(Resource.FLEETS, "", FLEET)
    await universe.apply(application("shop", component("web", before), fleet="metal"))
    await universe.until(lambda: well(universe))
    outage = Outage(universe, how)
    await universe.apply(application("shop", component("web", after), fleet="metal"))
    return outage


async def in_time(universe: Universe, true: Callable[[], bool], *, patience: float) -> None:
    """Let much time pass until something is so, which is looked at every few seconds."""
    end = universe.server.now() + patience
    while not true():
        assert universe.server.now() < end, universe.describe()
        await asyncio.sleep(5)


def failed(universe: Universe) -> list[str]:
    """Return the servers that count as failed for good, or have an attempt counted."""
    found = []
    for (_, name), body in universe.server.objects[Resource.SERVERS].items():
        attempts = body.get("status", {}).get("attempts") or {}
        if attempts.get("exhausted") or attempts.get("count"):
            found.append(name)
    return found


def well(universe: Universe) -> bool:
    """Return whether the application says that it is ready."""
    return universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"


def set_status(universe: Universe) -> Json:
    """Return what the set says of itself."""
    return dict(universe.get(Resource.SERVERSETS, "shop-web")["status"])


class Meter:
    """Notes when creates come through to the machines, each of which takes CALL_SECONDS."""

    def __init__(self, universe: Universe) -> None:
        self.ended: list[float] = []
        self._universe = universe
        universe.machines.interfere = self._note

    def _note(self, verb: str, *, after: bool) -> None:
        if verb == "create" and not after:
            self.ended.append(self._universe.server.now())

    def most(self, within: float) -> int:
        """Return how many came through within so many seconds, at most."""
        ends = (
            sum(1 for each in self.ended if first <= each < first + within) for first in self.ended
        )
        return max(ends, default=0)


@pytest.mark.parametrize("failure", [unreachable, silent])
async def test_an_hour_without_the_provider_while_500_servers_are_made(failure: Any) -> None:
    """None failed for good, nothing was reverted, and all come up, never above the limits."""
    async with Universe() as universe:
        universe.machines.settings = MachineSettings(call_seconds=CALL_SECONDS)
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 500, **STRICT), fleet="metal"))
        await universe.until(lambda: len(universe.machines.machines) > 100)
        revision = universe.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"]
        began, outage = universe.server.now(), Outage(universe, failure)
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        before = 0
        while universe.server.now() - began < 3600:
            await asyncio.sleep(60)
            before = before or len(universe.server.writes)
            assert failed(universe) == []
            assert not set_status(universe).get("budgetSpent")
            assert not set_status(universe).get("deadlineMissed")
        written = len(universe.server.writes) - before
        waiting = universe.get(Resource.SERVERS, "shop-web-499")["status"]["blockedBy"]
        assert [(each["object"], each["reason"]) for each in waiting] == [
            ("Fleet/metal", "CircuitOpen")
        ]
        assert waiting[0]["nextAttemptTime"]
        meter = Meter(universe)
        await in_time(universe, lambda: well(universe), patience=1200)
        assert len(universe.machines.machines) == 500
        assert failed(universe) == []
        assert {each.revision for each in universe.machines.machines} == {revision}
        # No more at once than concurrentCalls, and in a second than callsPerSecond.
        assert 1 < meter.most(0.99 * CALL_SECONDS) <= 16
        assert meter.most(0.99) <= 100
        # One call a trial: after 30, 60, 120 … seconds, and every ten minutes in the end.
        tries = [each for each in outage.calls if each > began + 10]
        assert 6 <= len(tries) <= 10
        # Whoever waits tells the next trial anew ever more seldom, and not each of them.
        assert written < 2 * 500


@pytest.mark.parametrize("failure", [unreachable, silent])
async def test_an_outage_in_the_middle_of_a_rollout_reverts_nothing(failure: Any) -> None:
    """The rollout stands still for an hour with all its clocks, and goes on to its end."""
    policies: Json = {
        "rollout": {"inPlace": "Never", "progressDeadlineSeconds": 120, "onDeadline": "RollBack"},
        "recovery": {
            "attempts": 1,
            "giveUp": True,
            "failureBudget": 0,
            "onBudgetSpent": "RevertApplication",
        },
    }
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 60, **policies), fleet="metal"))
        await universe.until(lambda: well(universe))
        changed = component("web", 60, image="app:2", **policies)
        await universe.apply(application("shop", changed, fleet="metal"))
        await universe.until(lambda: 10 < set_status(universe)["updated"] < 30)
        target = universe.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"]
        began, outage = universe.server.now(), Outage(universe, failure)
        while universe.server.now() - began < 3600:
            await asyncio.sleep(60)
            assert not set_status(universe)["deadlineMissed"]
        outage.end()
        await in_time(universe, lambda: well(universe), patience=1500)
        assert {each.revision for each in universe.machines.machines} == {target}
        assert failed(universe) == []


async def test_a_server_whose_own_calls_are_never_answered_fails_all_the_same() -> None:
    """Where others are made well it is no outage: its attempts are spent, one after the other."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)

        def befall(key: tuple[str, str], verb: str) -> None:
            if key[1] == "shop-web-3" and verb == "create":
                raise silent(verb)

        before = universe.machines.before

        def interfere(key: tuple[str, str], verb: str) -> None:
            befall(key, verb)
            before(key, verb)

        universe.machines.before = interfere  # type: ignore[method-assign]
        await universe.apply(application("shop", component("web", 30), fleet="metal"))
        await universe.until(lambda: len(universe.machines.machines) == 29)
        await universe.until(lambda: failed(universe) == ["shop-web-3"])
        body = universe.get(Resource.SERVERS, "shop-web-3")
        await universe.until(
            lambda: universe.get(Resource.SERVERS, "shop-web-3")["status"]["attempts"].get(
                "exhausted", False
            )
        )
        assert body["status"]["attempts"]["lastError"]["reason"] == "CloudTimeout"


async def test_attempts_of_before_the_outage_are_not_given_back() -> None:
    """What failed by itself, long before the provider did, stays counted."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        universe.machines.settings = MachineSettings(broken_percent=100.0)
        recovery: Json = {"recovery": {"attempts": 2, "giveUp": True, "failureBudget": "100%"}}
        await universe.apply(application("shop", component("old", 3, **recovery), fleet="metal"))
        await universe.until(lambda: len(failed(universe)) == 3)
        await universe.settle()
        counted = failed(universe)
        universe.machines.settings = MachineSettings()
        await asyncio.sleep(300)
        outage = Outage(universe, silent)
        await universe.apply(
            application(
                "shop", component("old", 3, **recovery), component("web", 40), fleet="metal"
            )
        )
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        await asyncio.sleep(300)
        assert failed(universe) == counted
        outage.end()


async def test_an_operator_that_starts_in_an_outage_learns_of_it_again() -> None:
    """Killed in the middle of it, another one opens the circuit anew, and all come up after it."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        outage = Outage(universe, silent)
        await universe.apply(application("shop", component("web", 60), fleet="metal"))
        for _ in range(4):
            await universe.until(
                lambda: universe.process.fleets.circuit("metal").state is CircuitState.OPEN
            )
            await asyncio.sleep(200)
            await universe.crash()
        outage.end()
        await in_time(universe, lambda: well(universe), patience=1500)
        assert len(universe.machines.machines) == 60


async def test_a_trial_is_each_servers_in_turn() -> None:
    """One whose own calls are never answered must not be the one that is tried for ever."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        outage = Outage(universe, silent)
        await universe.apply(application("shop", component("web", 30), fleet="metal"))
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        outage.end()
        before = universe.machines.before

        def befall(key: tuple[str, str], verb: str) -> None:
            if key[1] in ("shop-web-0", "shop-web-1"):
                raise silent(verb)
            before(key, verb)

        universe.machines.before = befall  # type: ignore[method-assign]
        await in_time(universe, lambda: len(universe.machines.machines) == 28, patience=900)


def ready(universe: Universe, application: str) -> int:
    """Return how many servers of an application are ready."""
    servers = universe.server.objects[Resource.SERVERS].values()
    return sum(
        each["type"] == "Ready" and each["status"] == "True"
        for body in servers
        if body["spec"]["application"] == application
        for each in body.get("status", {}).get("conditions", ())
    )


@pytest.mark.parametrize(("outage_seconds", "wanted"), [(0.0, 3), (400.0, 5)])
async def test_a_server_that_is_never_made_takes_the_fleet_from_nobody(
    outage_seconds: float, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with one lost answer of another's, nor once a real outage beside it is over."""
    async with Universe() as universe:
        universe.machines.settings = MachineSettings(call_seconds=20.0)
        before, end, losses = universe.machines.before, 0.0, 0

        def answer(key: tuple[str, str], verb: str) -> None:
            nonlocal losses
            once = verb == "create" and key[1] == "shop-web-2" and losses > 0
            losses -= once
            lone = verb == "create" and key[1] == "lone-web-0"
            if lone or once or universe.server.now() < end:
                raise silent(verb)
            before(key, verb)

        monkeypatch.setattr(universe.machines, "before", answer)
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 2), fleet="metal"))
        await in_time(universe, lambda: ready(universe, "shop") == 2, patience=120)
        await universe.apply(application("lone", component("web", 1), fleet="metal"))
        await asyncio.sleep(1800)
        losses, end = 1, universe.server.now() + outage_seconds
        await universe.apply(application("shop", component("web", wanted), fleet="metal"))
        await asyncio.sleep(600)
        await in_time(universe, lambda: ready(universe, "shop") == wanted, patience=600)
        await universe.apply(application("late", component("web", 4), fleet="metal"))
        await in_time(universe, lambda: ready(universe, "late") == 4, patience=600)
        assert ready(universe, "lone") == 0
        await universe.delete(Resource.APPLICATIONS, "lone")


async def test_a_set_that_waits_for_a_provider_needs_no_server_that_does() -> None:
    """Those whose calls opened the circuit are gone: the set is woken to try, and closes it."""
    async with Universe() as universe:
        outage = await struck(universe, 30, 60, unreachable)
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        for ordinal in range(30, 60):
            await universe.delete(Resource.SERVERS, f"shop-web-{ordinal}")
        await universe.until(lambda: len(universe.names(Resource.SERVERS)) == 30)
        outage.end()
        await in_time(universe, lambda: well(universe), patience=300)
        assert len(universe.machines.machines) == 60
        # Thirty calls are one too few to reach its full width; nobody needs more of them.
        await asyncio.sleep(60)
        assert fleets.circuit("metal").state is CircuitState.CLOSED


async def test_deletes_are_tried_one_at_a_time_and_close_the_circuit() -> None:
    """A teardown in an outage asks little, loses nothing, and is through soon after."""
    async with Universe() as universe:
        impatient = {"timeoutSeconds": 300, "onTimeout": "Abandon"}
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(
            application("shop", component("web", 60), fleet="metal", deletion=impatient)
        )
        await universe.until(lambda: well(universe))
        universe.machines.settings = MachineSettings(call_seconds=CALL_SECONDS)
        outage = Outage(universe, unreachable)
        await universe.delete(Resource.APPLICATIONS, "shop")
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        await asyncio.sleep(1)
        began = universe.server.now()
        await asyncio.sleep(1800)
        tries = sorted(each for each in outage.calls if each > began)
        gaps = [after - one for one, after in itertools.pairwise(tries)]
        assert min(gaps) >= 0.9 * CALL_SECONDS
        assert len(universe.machines.machines) == 60
        outage.end()
        await in_time(universe, lambda: not universe.names(Resource.APPLICATIONS), patience=400)
        assert universe.machines.machines == ()
        orphans = universe.server.objects[Resource.FLEETS]["", "metal"]["status"].get("orphans")
        assert not orphans


async def test_an_operations_clock_stands_still_while_the_provider_is_away() -> None:
    """A restart with ten minutes to end is interrupted for an hour, and ends well."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 40), fleet="metal"))
        await universe.until(lambda: well(universe))
        await universe.apply(
            operation("again", "shop", "Restart", concurrency=8, timeoutSeconds=600)
        )
        await universe.until(lambda: restarted(universe) > 8)
        outage = Outage(universe, unreachable)
        await asyncio.sleep(1800)
        told = universe.condition(Resource.OPERATIONS, "again", "Succeeded")
        assert (told["status"], told["reason"]) == ("Unknown", "CircuitOpen")
        await asyncio.sleep(1800)
        outage.end()
        await in_time(
            universe,
            lambda: (
                universe.condition(Resource.OPERATIONS, "again", "Succeeded")["status"] == "True"
            ),
            patience=1500,
        )
        assert restarted(universe) == 40
        assert universe.get(Resource.OPERATIONS, "again")["status"]["pausedSeconds"] >= 3400


def restarted(universe: Universe) -> int:
    """Return how many machines are of a second incarnation."""
    return sum(1 for each in universe.machines.machines if each.incarnation == 2)


async def test_acts_that_do_not_get_through_spend_no_attempt() -> None:
    """A command with one attempt, to be run in 30 servers, runs once in each after an hour."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 30), fleet="metal"))
        await universe.until(lambda: well(universe))
        outage = Outage(universe, unreachable)
        step = {"name": "say", "exec": {"command": ["true"]}, "timeoutSeconds": 300}
        await universe.apply(
            operation(
                "say", "shop", "Steps", steps=[step], concurrency="100%", timeoutSeconds=600,
                recovery={"attempts": 1},
            )
        )  # fmt: skip
        await asyncio.sleep(3600)
        told = universe.condition(Resource.OPERATIONS, "say", "Succeeded")
        assert told["status"] == "Unknown"
        outage.end()
        await in_time(
            universe,
            lambda: (
                universe.condition(Resource.OPERATIONS, "say", "Succeeded")["status"] != "Unknown"
            ),
            patience=1500,
        )
        told = universe.condition(Resource.OPERATIONS, "say", "Succeeded")
        assert (told["status"], told["reason"]) == ("True", "Completed")
        attempts = {
            body["status"]["task"]["attempt"]
            for body in universe.server.objects[Resource.SERVERS].values()
        }
        assert attempts == {1}


async def test_a_command_whose_end_nobody_saw_is_not_begun_again_by_an_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The operator dies in the middle of a command, in an outage: its successor runs no second one.

    Until the provider can be asked the outcome is unknown; then onUnknown says what becomes of it.
    """
    away, resume = [True], MemoryProvider.resume

    async def follow(
        provider: MemoryProvider, server: objects.Server, call: contract.Call
    ) -> contract.Facts:
        if away:
            raise unreachable("resume")
        return await resume(provider, server, call)

    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 1), fleet="metal"))
        await universe.until(lambda: well(universe))
        step = {"name": "say", "exec": {"command": ["sleep", "600"]}, "timeoutSeconds": 3000}
        await universe.apply(operation("say", "shop", "Steps", steps=[step], timeoutSeconds=7200))
        (machine,) = universe.machines.machines
        await universe.until(lambda: bool(machine.acts))
        monkeypatch.setattr(MemoryProvider, "resume", follow)
        await universe.crash()
        before = len(universe.server.writes)
        await asyncio.sleep(900)
        told = universe.get(Resource.SERVERS, "shop-web-0")["status"]["task"]
        assert (told["state"], told["attempt"]) == ("Unknown", 1)
        assert len(universe.server.writes) - before < 60, "it is asked about less and less"
        away.clear()
        await in_time(
            universe,
            lambda: (
                universe.condition(Resource.OPERATIONS, "say", "Succeeded")["reason"] == "Failed"
            ),
            patience=1500,
        )
        (failure,) = universe.get(Resource.OPERATIONS, "say")["status"]["failures"]
        assert failure["class"] == "Unknown"
        assert len(machine.acts) == 1


async def test_another_provider_in_the_fleets_place_is_tried_anew() -> None:
    """Whoever mends a Fleet's settings need not wait for the pause of the provider before."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        outage = Outage(universe, unreachable)
        await universe.apply(application("shop", component("web", 30), fleet="metal"))
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        await asyncio.sleep(1500)
        outage.end()
        settings = {"spec": {"memory": {"bootSeconds": 2}}}
        await universe.server.patch(Resource.FLEETS, "", "metal", settings, field_manager="admin")
        await in_time(universe, lambda: well(universe), patience=120)


@pytest.mark.parametrize("failure", [unreachable, silent, silent_for_all])
async def test_a_trial_waits_for_no_servers_own_backoff(failure: Any) -> None:
    """All that wait have failed before, and often: each pause ends with a trial all the same."""
    patient: Json = {"recovery": {"backoff": {"initialSeconds": 300, "maxSeconds": 300}}}
    limits = {**FLEET["spec"]["limits"], "circuit": {"openSeconds": 2}}
    async with Universe() as universe:
        fleet = {**FLEET, "spec": {**FLEET["spec"], "limits": limits}}
        await universe.server.create(Resource.FLEETS, "", fleet)
        outage = Outage(universe, failure)
        await universe.apply(application("shop", component("web", 10, **patient), fleet="metal"))
        fleets = universe.process.fleets
        await in_time(
            universe, lambda: fleets.circuit("metal").state is CircuitState.OPEN, patience=300
        )
        for _ in range(5):
            due, tried = fleets.circuit("metal").until, len(outage.calls)
            await asyncio.sleep(max(due - universe.server.now(), 0.0) + 1.0)
            assert len(outage.calls) == tried + 1, universe.describe()
            assert fleets.circuit("metal").state is CircuitState.OPEN
        servers = universe.server.objects[Resource.SERVERS].values()
        told = [each for body in servers for each in body["status"]["blockedBy"]]
        assert {each["reason"] for each in told} == {"CircuitOpen"}
        assert all(each["nextAttemptTime"] for each in told)
        outage.end()
        due = fleets.circuit("metal").until
        await asyncio.sleep(due - universe.server.now() + 15.0)
        assert len(universe.machines.machines) == 10
        assert failed(universe) == []


def show(universe: Universe) -> None:
    """Have the provider show one of its machines, as one does that is polled, or watched."""
    universe.machines.tell(universe.machines.machines[0])


async def test_what_a_provider_shows_brings_the_next_trial_forward() -> None:
    """It is back in the middle of a pause of ten minutes, and shows so: servers come up at once."""
    async with Universe() as universe:
        outage = await struck(universe, 20, 60, unreachable)
        circuit = universe.process.fleets.circuit
        await in_time(universe, lambda: circuit("metal").times >= 6, patience=3600)
        await asyncio.sleep(120)
        outage.end()
        assert circuit("metal").until - universe.server.now() > 300
        show(universe)
        await in_time(universe, lambda: len(universe.machines.machines) == 60, patience=60)


async def test_a_provider_that_shows_much_and_does_nothing_is_not_run_over() -> None:
    """It may be read and not called: of all that it shows, one trial comes early, and no more."""
    async with Universe() as universe:
        outage = await struck(universe, 20, 60, unreachable)
        circuit = universe.process.fleets.circuit
        await universe.until(lambda: circuit("metal").state is CircuitState.OPEN)
        await asyncio.sleep(1)
        before = len(outage.calls)
        for _ in range(1800):
            await asyncio.sleep(1)
            show(universe)
        # 30, 60, 120, 240, 480 and 600 seconds, and the one that came before its time.
        assert 4 <= len(outage.calls) - before <= 7
        assert circuit("metal").deceived
        outage.end()
        await in_time(universe, lambda: well(universe), patience=900)
