"""What leader election promises: never two leaders, and always one before long."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.kube import lease
from fakes.api_server import ApiServer, Faults, Verdict
from fakes.api_server.chaos import lost, refused

pytestmark = pytest.mark.looptime

HOME = "argosy-system"


def elector(server: ApiServer, identity: str, **options: Any) -> lease.Elector:
    """Return a candidate with the usual timings; its wall clock is wrong, as clocks are."""
    rng = random.Random(identity)
    skew = rng.uniform(-5000, 5000)
    return lease.Elector(
        server,
        HOME,
        "argosy",
        identity,
        wall_clock=lambda: server.now() + skew,
        rng=rng,
        **options,
    )


async def test_first_candidate_leads_at_once() -> None:
    """Without a Lease the first candidate makes it and leads in its first epoch."""
    server = ApiServer()
    first = elector(server, "a")
    assert not first.leading
    await first.acquire()
    assert first.leading
    assert first.epoch == 1
    spec = server.objects[Resource.LEASES][(HOME, "argosy")]["spec"]
    assert spec["holderIdentity"] == "a"
    assert spec["leaseDurationSeconds"] == 15


async def test_each_write_of_a_lease_says_what_its_holder_has_to_say() -> None:
    """From the first one on; what was said before goes once there is nothing to say."""
    server = ApiServer()
    first, said = elector(server, "a"), {"argosy.dev/tally": "1"}

    def told() -> Any:
        return server.objects[Resource.LEASES][(HOME, "argosy")]["metadata"].get("annotations")

    first.says = lambda: dict(said)
    await first.acquire()
    assert told() == {"argosy.dev/tally": "1"}
    said["argosy.dev/tally"] = "2"
    holding = asyncio.create_task(first.hold())
    await asyncio.sleep(3)
    assert told() == {"argosy.dev/tally": "2"}
    holding.cancel()
    second = elector(server, "b")
    second.says = lambda: {"argosy.dev/tally": None}
    await second.acquire()
    assert not told()


async def test_standby_waits_while_the_leader_renews() -> None:
    """As long as the leader renews, a standby waits, whatever either wall clock says."""
    server = ApiServer()
    leader, standby = elector(server, "a"), elector(server, "b")
    await leader.acquire()
    holding = asyncio.create_task(leader.hold())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(standby.acquire(), 600)
    assert leader.leading
    assert not standby.leading
    assert standby.holder == "a"
    holding.cancel()


async def test_release_hands_over_at_once() -> None:
    """After a clean stop the standby leads within its retry period, in a new epoch."""
    server = ApiServer()
    leader, standby = elector(server, "a"), elector(server, "b")
    await leader.acquire()
    waiting = asyncio.create_task(standby.acquire())
    await asyncio.sleep(10)
    await leader.release()
    assert not leader.leading
    await asyncio.wait_for(waiting, 2.5)
    assert standby.leading
    assert standby.epoch == leader.epoch + 1


async def test_release_hands_over_while_a_renewal_is_on_its_way() -> None:
    """A renewal that the API server took meanwhile makes the Lease look changed, and is ours."""
    server = ApiServer()
    leader, standby = elector(server, "a"), elector(server, "b")
    await leader.acquire()
    await server.patch(Resource.LEASES, HOME, "argosy", {"spec": {"renewTime": "later"}})
    await leader.release()
    assert not leader.leading
    await asyncio.wait_for(standby.acquire(), 1)
    assert standby.leading


async def test_dead_leader_is_succeeded_after_the_duration() -> None:
    """A leader that died is succeeded no sooner than its Lease lasts, and not much later."""
    server = ApiServer()
    leader, standby = elector(server, "a"), elector(server, "b")
    await leader.acquire()
    began = asyncio.get_running_loop().time()
    await standby.acquire()
    took = asyncio.get_running_loop().time() - began
    assert 15 <= took <= 15 + 2 * 2.5


async def test_leader_that_cannot_renew_gives_up_in_time() -> None:
    """Cut off, a leader stops leading at its renew deadline, well before it can be succeeded."""
    server = ApiServer()
    leader = elector(server, "a")
    await leader.acquire()
    holding = asyncio.create_task(leader.hold())
    await asyncio.sleep(30)
    server.faults.down = True
    began = asyncio.get_running_loop().time()
    with pytest.raises(lease.LeaseLost):
        await holding
    assert asyncio.get_running_loop().time() - began <= 10.1
    assert not leader.leading


async def test_leader_whose_requests_hang_gives_up_in_time() -> None:
    """Requests that are never answered do not keep a leader beyond its deadline."""
    server = ApiServer()
    leader = elector(server, "a")
    await leader.acquire()
    server.faults.on(verdict=Verdict(there=10_000.0), times=None)
    began = asyncio.get_running_loop().time()
    with pytest.raises(lease.LeaseLost):
        await leader.hold()
    assert asyncio.get_running_loop().time() - began <= 10.1


async def test_short_troubles_do_not_cost_the_lead() -> None:
    """Refused, lost and slow renewals within the deadline are lived through in one epoch."""
    server = ApiServer()
    leader = elector(server, "a")
    await leader.acquire()
    holding = asyncio.create_task(leader.hold())
    for verdict in (
        Verdict(before=refused("a hiccup")),
        Verdict(after=lost("a hiccup")),
        Verdict(there=3.0),
        Verdict(back=30.0),
    ):
        await asyncio.sleep(20)
        server.faults.on("patch", Resource.LEASES, verdict=verdict)
    await asyncio.sleep(60)
    assert leader.leading
    assert leader.epoch == 1
    assert not holding.done()
    holding.cancel()


@pytest.mark.parametrize("how", ["stolen", "deleted"])
async def test_lost_lease_ends_the_lead(how: str) -> None:
    """A Lease that somebody takes or deletes ends the lead at the next renewal."""
    server = ApiServer()
    leader = elector(server, "a")
    await leader.acquire()
    if how == "stolen":
        theft = {"spec": {"holderIdentity": "thief"}}
        server.registry.patch(Resource.LEASES, HOME, "argosy", theft)
    else:
        server.registry.delete(Resource.LEASES, HOME, "argosy")
    with pytest.raises(lease.LeaseLost):
        await asyncio.wait_for(leader.hold(), 3)
    assert not leader.leading


async def test_foreign_edit_of_the_lease_costs_nothing() -> None:
    """An edit of the Lease that leaves the holder alone does not end the lead."""
    server = ApiServer()
    leader = elector(server, "a")
    await leader.acquire()
    edit = {"metadata": {"labels": {"touched": "yes"}}}
    server.registry.patch(Resource.LEASES, HOME, "argosy", edit)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(leader.hold(), 30)
    assert leader.leading


async def test_two_who_create_at_once_make_one_leader() -> None:
    """Of candidates that start together, exactly one leads."""
    server = ApiServer()
    candidates = [elector(server, name) for name in "abcde"]
    waiting = [asyncio.create_task(each.acquire()) for each in candidates]
    await asyncio.sleep(5)
    assert sum(each.leading for each in candidates) == 1
    for each in waiting:
        each.cancel()


@pytest.mark.parametrize("seed", range(10))
async def test_never_two_leaders(seed: int) -> None:
    """Under seeded faults and kills there are never two leaders, epochs rise, and one returns."""
    rng = random.Random(seed)
    server = ApiServer(faults=Faults(seed=seed, refused=0.2, lost=0.2, slow=0.3, slow_seconds=12.0))
    epochs: list[int] = []
    current: dict[str, lease.Elector] = {}

    async def live(place: str) -> None:
        for life in range(1000):
            mine = elector(server, f"{place}-{life}")
            current[place] = mine
            await mine.acquire()
            epochs.append(mine.epoch)
            with contextlib.suppress(lease.LeaseLost, TimeoutError):
                await asyncio.wait_for(mine.hold(), rng.uniform(1, 120))
            if rng.random() < 0.5:
                await mine.release()
            # Otherwise it is killed: it stops, and tells nobody.
            mine.holder = ""

    tasks = [asyncio.create_task(live(place)) for place in "abc"]
    for _ in range(6_000):
        await asyncio.sleep(0.2)
        assert sum(each.leading for each in current.values()) <= 1
    assert len(epochs) > 5
    assert epochs == sorted(set(epochs)), "each leadership has an epoch of its own, upwards"
    for each in tasks:
        each.cancel()


async def test_processes_of_a_shared_identity_lead_together() -> None:
    """Each renews what all of them hold, in one epoch; a stranger waits until the last is gone."""
    server = ApiServer()
    first, second = (elector(server, "all", shared=True) for _ in range(2))
    stranger = elector(server, "alone")
    holding = []
    for each in (first, second):
        await each.acquire()
        holding.append(asyncio.create_task(each.hold()))
    await asyncio.sleep(60)
    assert first.leading
    assert second.leading
    assert first.epoch == second.epoch == 1
    holding[0].cancel()
    await asyncio.sleep(11)
    # Another's renewals keep nobody leading.
    assert not first.leading
    assert not await stranger.attempt()
    holding[1].cancel()
    await stranger.acquire()
    assert not second.leading


async def test_a_shared_lease_is_let_go_of_only_as_it_was_last_seen() -> None:
    """Whoever leaves lets go of nothing that another has renewed since."""
    server = ApiServer()
    first, second = (elector(server, "all", shared=True) for _ in range(2))
    await first.acquire()
    await second.acquire()
    await first.release()
    spec = server.objects[Resource.LEASES][(HOME, "argosy")]["spec"]
    assert spec["holderIdentity"] == "all"
    await second.release()
    spec = server.objects[Resource.LEASES][(HOME, "argosy")]["spec"]
    assert spec["holderIdentity"] == ""


async def test_many_renew_one_lease_through_a_slow_server() -> None:
    """However many share it, and however long a write takes, none keeps another from renewing."""
    server = ApiServer(latency=0.7)
    crew = [elector(server, "all", shared=True) for _ in range(8)]
    holding = []
    for each in crew:
        await each.acquire()
        holding.append(asyncio.create_task(each.hold()))
    await asyncio.sleep(300)
    assert all(each.leading for each in crew)
    assert not any(each.done() for each in holding)


async def test_a_shared_lease_that_is_anothers_is_lost() -> None:
    """An administrator who gives it to somebody else ends the leading of all that shared it."""
    server = ApiServer()
    first = elector(server, "all", shared=True)
    await first.acquire()
    holding = asyncio.create_task(first.hold())
    await asyncio.sleep(1)
    patch = {"spec": {"holderIdentity": "alone"}}
    await server.patch(Resource.LEASES, HOME, "argosy", patch)
    with pytest.raises(lease.LeaseLost, match="alone holds it"):
        await holding
    assert not first.leading
