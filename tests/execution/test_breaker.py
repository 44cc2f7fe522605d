"""Calls that pass a circuit by, and those that are tried: tenants choose how acts go."""

from __future__ import annotations

import asyncio

import pytest

from controller import contract, errors
from controller.contract import Verb, tasks
from controller.execution.breaker import PROMISE_SECONDS
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.planning.circuit import CircuitState
from tests.execution.test_fleets import OUT, Harbour, answer, fail, harbour

pytestmark = pytest.mark.looptime


async def hang(_provider: contract.Provider) -> str:
    """Be a command whose end nobody has seen in time."""
    await asyncio.sleep(45)
    raise errors.UnknownOutcome("it has not ended after 45 s", reason=KubeReason.EXEC_TIMEOUT)


async def last(_provider: contract.Provider) -> str:
    """Be a command that takes an hour."""
    await asyncio.sleep(3600)
    return "done"


async def opened(one: Harbour) -> None:
    """Have calls fail until the circuit is open."""
    for _ in range(20):
        with pytest.raises(errors.Outage):
            await one.fleets.ask("attic", Verb.CREATE, fail)
    assert one.fleets.circuit("attic").state is CircuitState.OPEN


async def half_opened(one: Harbour) -> None:
    """Have the circuit be half open, and nothing tried yet."""
    await opened(one)
    await one.until(lambda: one.fleets.circuit("attic").state is CircuitState.HALF_OPEN)


async def test_deletes_take_turns_while_the_circuit_is_open() -> None:
    """One that comes while another is under way is put off, and one that succeeds shows life."""
    async with harbour() as one:
        await opened(one)

        async def slow(_provider: contract.Provider) -> str:
            await asyncio.sleep(5)
            raise OUT

        delete = asyncio.create_task(one.fleets.ask("attic", Verb.DELETE, slow))
        await asyncio.sleep(1)
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.DELETE, answer)
        with pytest.raises(errors.Outage):
            await delete
        assert not one.fleets.tries("attic")
        assert await one.fleets.ask("attic", Verb.DELETE, answer) == "done"
        assert one.fleets.tries("attic")


async def test_cancels_open_no_circuit() -> None:
    """Whose commands hang has as many cancels that end in vain, each of another server."""
    async with harbour() as one:
        cancels = [
            one.fleets.ask("attic", Verb.CANCEL, hang, namespace="team", whose=str(number))
            for number in range(60)
        ]
        ends = await asyncio.gather(*cancels, return_exceptions=True)
        assert {type(each) for each in ends} == {errors.UnknownOutcome}
        assert one.fleets.circuit("attic").state is CircuitState.CLOSED


PASSING_BY = [(Verb.CANCEL, ""), (Verb.CANCEL, tasks.EXEC), (Verb.ACT, tasks.HTTP),
              (Verb.RESUME, tasks.HTTP), (Verb.ACT, tasks.JOB),
              (Verb.RESUME, tasks.JOB)]  # fmt: skip


@pytest.mark.parametrize(("verb", "action"), PASSING_BY)
async def test_what_passes_a_circuit_by_waits_for_nothing_and_takes_nobodys_place(
    verb: Verb, action: str
) -> None:
    """However many are under way, a delete goes while it is open, and a create as the trial."""
    async with harbour() as one:
        await opened(one)

        def begin() -> asyncio.Task[str]:
            one.fleets.promise("attic", verb, "team", action)
            return asyncio.create_task(
                one.fleets.ask("attic", verb, last, namespace="team", action=action)
            )

        under_way = [begin() for _ in range(3)]
        await asyncio.sleep(1)
        with pytest.raises(errors.Outage):
            await one.fleets.ask("attic", Verb.DELETE, fail)
        await one.until(lambda: one.fleets.circuit("attic").state is CircuitState.HALF_OPEN)
        under_way += [begin() for _ in range(3)]
        await asyncio.sleep(1)
        assert one.fleets.facts("attic", "other").pause is None
        assert await one.fleets.ask("attic", Verb.CREATE, answer, namespace="other") == "done"
        assert await asyncio.gather(*under_way) == ["done"] * 6


@pytest.mark.parametrize(("verb", "action"), PASSING_BY)
async def test_what_passes_a_circuit_by_is_no_sign_of_life(verb: Verb, action: str) -> None:
    """In an outage it succeeds, before each call that fails and while the circuit is open."""
    async with harbour() as one:
        for _ in range(11):
            await one.fleets.ask("attic", verb, answer, namespace="team", action=action)
            with pytest.raises(errors.Outage):
                await one.fleets.ask("attic", Verb.CREATE, fail)
            await asyncio.sleep(6)
        assert one.fleets.circuit("attic").state is CircuitState.OPEN
        await one.fleets.ask("attic", verb, answer, namespace="team", action=action)
        assert one.fleets.circuit("attic").state is CircuitState.OPEN


async def test_a_request_that_is_not_answered_opens_no_circuit_of_its_namespace() -> None:
    """A webhook that keeps a Job waiting is no more of the provider than the Job."""

    async def keep(_provider: contract.Provider) -> str:
        raise faults.Unanswered("no answer in time", reason=KubeReason.CONNECTION_LOST)

    async with harbour() as one:
        for _ in range(30):
            with pytest.raises(faults.Unanswered):
                await one.fleets.ask("attic", Verb.ACT, keep, namespace="team", action=tasks.JOB)
        assert one.fleets.held("attic") == ()


@pytest.mark.parametrize("verb", [Verb.ACT, Verb.RESUME])
async def test_an_act_that_takes_long_gives_its_place_as_the_trial_up(verb: Verb) -> None:
    """Whoever waits is told, and tried next; a few that go well close the circuit."""
    async with harbour() as one:
        await half_opened(one)
        act = asyncio.create_task(one.fleets.ask("attic", verb, last, namespace="team"))
        await asyncio.sleep(PROMISE_SECONDS - 1)
        assert one.fleets.facts("attic", "other").pause is not None
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.CREATE, answer, namespace="other")
        one.touched.clear()
        await asyncio.sleep(2)
        assert one.touched
        assert one.fleets.facts("attic", "other").pause is None
        for _ in range(20):
            await one.fleets.ask("attic", Verb.CREATE, answer, namespace="other")
        assert one.fleets.circuit("attic").state is CircuitState.CLOSED
        assert await act == "done"


async def test_a_create_that_takes_long_stays_the_trial() -> None:
    """A cloud may need minutes to answer; while it does, nothing more is asked of it."""
    async with harbour() as one:
        await half_opened(one)
        create = asyncio.create_task(one.fleets.ask("attic", Verb.CREATE, last))
        await asyncio.sleep(10 * PROMISE_SECONDS)
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.CREATE, answer)
        assert await create == "done"


async def test_a_delete_goes_beside_the_trial() -> None:
    """One, as while the circuit is open; how it ends counts as how a trial does."""
    async with harbour() as one:
        await half_opened(one)
        trial = asyncio.create_task(one.fleets.ask("attic", Verb.CREATE, last))
        await asyncio.sleep(1)

        async def slow(_provider: contract.Provider) -> str:
            await asyncio.sleep(5)
            return "done"

        delete = asyncio.create_task(one.fleets.ask("attic", Verb.DELETE, slow))
        await asyncio.sleep(1)
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.DELETE, answer)
        assert await delete == "done"
        assert one.fleets.circuit("attic").width == 2
        assert await one.fleets.ask("attic", Verb.CREATE, answer) == "done"
        assert await trial == "done"


@pytest.mark.parametrize(
    ("ends", "state"), [(True, CircuitState.CLOSED), (False, CircuitState.OPEN)]
)
async def test_where_nothing_but_long_acts_is_asked_for_their_ends_count(
    ends: bool, state: CircuitState
) -> None:
    """Each has given its place up by then, and all the same nothing else is there to learn from."""

    async def minute(_provider: contract.Provider) -> str:
        await asyncio.sleep(60)
        if not ends:
            raise OUT
        return "done"

    async with harbour() as one:
        await half_opened(one)
        acts = []
        for gap in (10.5, 10.5, 10.5, 10.5, 10.5, 8.0):
            acts.append(asyncio.create_task(one.fleets.ask("attic", Verb.ACT, minute)))
            await asyncio.sleep(gap)
        # The first has ended, and the last is being tried and keeps its place.
        assert one.fleets.circuit("attic").running == int(ends)
        await asyncio.gather(*acts, return_exceptions=True)
        assert one.fleets.circuit("attic").running == 0
        await asyncio.sleep(45 if ends else 0)
        assert one.fleets.circuit("attic").state is state


async def test_an_act_of_an_earlier_trial_is_none_of_the_next_one() -> None:
    """Once the circuit is half open anew it fails: that was tried before, and found out then."""
    async with harbour() as one:
        await half_opened(one)

        async def slow(_provider: contract.Provider) -> str:
            await asyncio.sleep(90)
            raise OUT

        act = asyncio.create_task(one.fleets.ask("attic", Verb.ACT, slow))
        await asyncio.sleep(PROMISE_SECONDS + 1)
        with pytest.raises(errors.Outage):
            await one.fleets.ask("attic", Verb.CREATE, fail)
        await one.until(lambda: one.fleets.circuit("attic").state is CircuitState.HALF_OPEN)
        with pytest.raises(errors.Outage):
            await act
        assert one.fleets.circuit("attic").state is CircuitState.HALF_OPEN
        assert await one.fleets.ask("attic", Verb.CREATE, answer) == "done"


async def test_a_promise_is_kept_for_nobody_whose_turn_has_come_in_vain() -> None:
    """Thirty acts are planned at once, and one begins: the others keep no place from anybody."""
    async with harbour() as one:
        await half_opened(one)
        for _ in range(30):
            one.fleets.promise("attic", Verb.ACT, "team")

        async def short(_provider: contract.Provider) -> str:
            await asyncio.sleep(1)
            return "done"

        acts = [one.fleets.ask("attic", Verb.ACT, short, namespace="team") for _ in range(30)]
        ends = await asyncio.gather(*acts, return_exceptions=True)
        assert ends.count("done") == 1
        assert one.fleets.facts("attic", "other").pause is None
