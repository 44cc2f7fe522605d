"""All that can befall replicas that share the work, where each follows its slots alone."""

from __future__ import annotations

import asyncio
import collections
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import errors
from controller.api import names
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.execution import labels, sharing
from controller.kube import faults, members, slots, tallies
from fakes.api_server import chaos
from proof.mutants import stories
from proof.mutants.crew import Crew, Mate
from tests.simulation import test_replicas as whole

pytestmark = pytest.mark.looptime

BUCKETED = [each for each, place in PLACES.items() if place.bucketed]


@pytest.fixture(autouse=True)
def by_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each replica follow its slots alone."""
    monkeypatch.setattr(whole, "BY_SLOT", True)


# Whatever is promised of replicas that follow all there is, is promised of these: but for what is
# of Leases alone, and takes hours of virtual time.
_LEASES_ALONE = {
    whole.test_heartbeats_of_replicas_long_gone_are_swept_away,
    whole.test_of_two_with_one_name_the_later_waits,
    whole.test_many_heartbeats_to_sweep_away_keep_no_replica_from_its_look,
}
# By these it is known of mistakes that they are found; they stand below.
_NAMED = {
    whole.test_a_namespaces_bound_holds_for_all_replicas_together,
    whole.test_a_fleet_counts_the_servers_of_all_replicas,
}
globals().update(
    {
        name: each
        for name, each in inspect.getmembers(whole, inspect.isfunction)
        if name.startswith("test_") and each not in _LEASES_ALONE | _NAMED
    }
)


async def test_a_namespaces_bound_holds_by_slot() -> None:
    """Servers that are not seen here take room, as their sets say."""
    await whole.test_a_namespaces_bound_holds_for_all_replicas_together()


async def test_a_fleet_counts_all_servers_by_slot() -> None:
    """Those that are not seen here, as other replicas tell, and no fewer while slots move."""
    await whole.test_a_fleet_counts_the_servers_of_all_replicas()


async def test_a_fleet_in_use_counts_what_a_copied_heartbeat_denies() -> None:
    """A copy from when there was nothing yet takes the place of no heartbeat, nor is it added."""
    async with whole.crewed() as crew:
        spec = {"provider": "pod", "pod": {}}
        body = {"metadata": {"name": "cloud"}, "spec": spec}
        crew.stage.server.registry.create(Resource.FLEETS, "", body, actor="person")
        mates = [crew.join(), crew.join()]
        await crew.shared(*mates)
        await asyncio.sleep(5)
        old = {
            each.name: crew.stage.find(Resource.LEASES, members.heartbeat(each.name))
            for each in mates
        }
        for name in whole.NAMES:
            web = stories.component("web", 3, "web:1")
            crew.stage.put(Resource.APPLICATIONS, name, stories.shop(web) | {"fleet": "cloud"})
        await whole.all_ready(crew)
        count = 3 * len(whole.NAMES)

        def counted() -> int:
            return int(whole.fleet(crew)["status"]["servers"])

        await crew.stage.until("all are counted", lambda: counted() == count)
        for mate in mates:
            lease = old[mate.name]
            assert lease is not None
            tally = lease["metadata"]["annotations"][tallies.ANNOTATION]
            whole.show_heartbeat(crew, f"{mate.name}-copy", mate.identity, tally)
        await asyncio.sleep(60)
        assert counted() == count


def strangers(mate: Mate) -> set[str]:
    """Return what a replica has cached of slots that it does not follow."""
    return {
        f"{resource}/{name}"
        for resource in BUCKETED
        for (space, name), each in mate.operator.caches.informers[resource].objects.items()
        if slots.of(space, each.metadata.labels[names.APPLICATION_LABEL])
        not in mate.operator.caches.slots
    }


def cached(mate: Mate) -> int:
    """Return how much a replica has cached of what there is one a server of."""
    return sum(len(mate.operator.caches.informers[each].objects) for each in BUCKETED)


def there(crew: Crew) -> int:
    """Return how much there is of that."""
    return sum(len(crew.stage.all(each)) for each in BUCKETED)


async def test_each_caches_what_is_its_own_and_together_they_cache_all_once() -> None:
    """However slots move; and what was given is forgotten without a server being told gone."""
    async with whole.crewed() as crew:
        mates = [crew.join()]
        await crew.shared(*mates)
        await whole.rolled_out(crew, "web:1")
        assert cached(mates[0]) == there(crew) > 0
        told: list[str] = []
        for resource in BUCKETED:
            mates[0].operator.caches.informers[resource].subscribe(
                lambda _old, new: told.append("gone") if new is None else None
            )
        mates += [crew.join() for _ in range(3)]
        await crew.shared(*mates)
        await asyncio.sleep(10)
        assert [each.operator.caches.slots for each in mates] == [each.owned() for each in mates]
        assert [strangers(each) for each in mates] == [set()] * 4
        assert sum(map(cached, mates)) == there(crew)
        assert told == []
        await whole.rolled_out(crew, "web:2")
        for each in mates[1:]:
            await each.leave()
        await crew.shared(mates[0])
        await asyncio.sleep(10)
        assert cached(mates[0]) == there(crew)


@pytest.mark.parametrize("value", [None, "999"])
async def test_objects_whose_label_is_gone_are_still_looked_after(value: str | None) -> None:
    """All see them, their owner alone plans them, and the next write labels them again."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        for resource in BUCKETED:
            for body in crew.stage.all(resource):
                crew.stage.server.registry.patch(
                    resource,
                    body["metadata"]["namespace"],
                    body["metadata"]["name"],
                    {"metadata": {"labels": {names.BUCKET_LABEL: value}}},
                    actor="user",
                )
        await asyncio.sleep(5)
        assert cached(first) == cached(second) == there(crew)
        await whole.rolled_out(crew, "web:2")
        await asyncio.sleep(5)
        assert len(crew.stage.all(Resource.PODS)) == 3 * len(whole.NAMES)
        for mate in (first, second):
            assert {
                slots.labelled(each.metadata.labels)
                for each in mate.operator.caches.informers[Resource.SERVERS].objects.values()
            } <= mate.operator.caches.slots


def holders(crew: Crew) -> dict[str, str]:
    """Return who has each slot, by its Lease."""
    return {
        each["metadata"]["name"]: each["spec"]["holderIdentity"]
        for each in crew.stage.all(Resource.LEASES)
        if each["metadata"]["name"] in slots.LEASES
    }


async def test_who_cannot_list_a_slot_does_not_take_it() -> None:
    """Another may be able to; once it can, it takes what nobody has."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        before = holders(crew)
        busy = chaos.Verdict(before=chaos.busy("busy", 1.0))
        rule = crew.stage.faults.on("list", Resource.PODS, verdict=busy, times=None)
        await first.kill()
        await asyncio.sleep(60)
        assert holders(crew) == before
        crew.stage.faults.rules.remove(rule)
        await crew.shared(second)
        await whole.rolled_out(crew, "web:2")


class SlowLists:
    """Lists of some slots that are answered `quickly` so many times, and then not until told."""

    def __init__(self, crew: Crew, slow: set[int], *, quickly: int = 0) -> None:
        self.answered = asyncio.Event()
        self._really = crew.stage.server.list
        self._ends = tuple(map(slots.selector, slow))
        self._quickly = quickly
        self._asked: collections.Counter[tuple[Resource, str]] = collections.Counter()

    async def list(self, resource: Resource, *about: Any, **options: Any) -> bytes:
        """Answer as the API server does, sooner or later."""
        selector = options.get("label_selector", "")
        if selector.endswith(self._ends):
            self._asked[resource, selector] += 1
            if self._asked[resource, selector] > self._quickly:
                await self.answered.wait()
        return await self._really(resource, *about, **options)


async def test_a_slot_that_is_slow_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are caught up with at a time: all others are planned as if there were none.

    They are said to be looked after once they are, and no sooner.
    """
    async with whole.crewed(slack=400.0) as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        slow = set(sorted(first.owned())[:10])
        lists = SlowLists(crew, slow, quickly=1)
        monkeypatch.setattr(crew.stage.server, "list", lists.list)
        await first.kill()
        began = asyncio.get_running_loop().time()
        others = set(range(slots.SLOTS)) - slow
        await crew.stage.until("all others are planned", lambda: second.owned() == others)
        assert asyncio.get_running_loop().time() - began <= 22.5
        await asyncio.sleep(10)
        assert second.sharing.owned() == len(others)
        assert set(holders(crew).values()) == {second.identity}
        lists.answered.set()
        await crew.shared(second)
        await whole.rolled_out(crew, "web:2")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(faults.Gone("simulated: too old", reason=Reason.FORBIDDEN), id="410"),
        pytest.param(chaos.busy("busy", 1.0), id="429"),
        pytest.param(chaos.cut("failed"), id="500"),
    ],
)
async def test_slots_that_are_refused_wait_for_themselves_alone(
    monkeypatch: pytest.MonkeyPatch, error: errors.ArgosyError
) -> None:
    """Of what is refused of some slots, nothing is lost, and all others are planned meanwhile."""
    async with whole.crewed(slack=400.0) as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        refused = {whole.slot_of(whole.NAMES[0]), whole.slot_of(whole.NAMES[1])}
        ends = tuple(map(slots.selector, refused))
        really, watch = crew.stage.server.list, crew.stage.server.watch

        async def listed(*about: Any, **options: Any) -> bytes:
            if options.get("label_selector", "").endswith(ends):
                raise error
            return await really(*about, **options)

        async def watched(*about: Any, **options: Any) -> AsyncIterator[bytes]:
            if options.get("label_selector", "").endswith(ends):
                raise error
            async for line in watch(*about, **options):
                yield line

        monkeypatch.setattr(crew.stage.server, "list", listed)
        monkeypatch.setattr(crew.stage.server, "watch", watched)
        crew.stage.faults.drop_watches()
        for name in whole.NAMES:
            spec = stories.shop(stories.component("web", 3, "web:2"))
            crew.stage.change(Resource.APPLICATIONS, name, spec)
        for name in whole.NAMES:
            if whole.slot_of(name) not in refused:
                await crew.stage.ready(name)
        await asyncio.sleep(60)
        assert not first.ended + second.ended
        monkeypatch.undo()
        monkeypatch.setattr(whole, "BY_SLOT", True)
        await crew.shared(first, second)
        await whole.all_ready(crew)


async def test_a_slot_that_cannot_be_listed_delays_no_look_at_leases(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For as long as that lasts a replica looks as often as ever, so that slots move as soon."""
    async with whole.crewed() as crew:
        lists = SlowLists(crew, {0, 1, 2})
        monkeypatch.setattr(crew.stage.server, "list", lists.list)
        only = crew.join()
        await crew.stage.until("the rest is planned", lambda: len(only.owned()) == slots.SLOTS - 3)
        looks: list[chaos.Request] = []

        def counted(request: chaos.Request) -> bool:
            if (request.verb, request.resource) == ("list", Resource.LEASES):
                looks.append(request)
            return False

        rule = chaos.Rule(matches=counted, verdict=chaos.Verdict(), times=None)
        crew.stage.faults.rules.append(rule)
        await asyncio.sleep(60)
        assert len(looks) >= 60 / (1.2 * sharing.ROUND_SECONDS) - 1
        lists.answered.set()
        await crew.shared(only)


async def test_slots_are_listed_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once they would be in the way of the heartbeat: its replica would lose all again."""
    async with whole.crewed() as crew:
        really = crew.stage.server.list
        asked, most = 0, 0

        async def slow(*about: Any, **options: Any) -> bytes:
            nonlocal asked, most
            if f"{names.BUCKET_LABEL} in" not in options.get("label_selector", ""):
                return await really(*about, **options)
            asked += 1
            most = max(most, asked)
            await asyncio.sleep(0.2)
            asked -= 1
            return await really(*about, **options)

        monkeypatch.setattr(crew.stage.server, "list", slow)
        await crew.shared(crew.join())
        assert 0 < most <= 8 * len(BUCKETED)


async def test_a_slot_is_forgotten_once_its_lease_says_so() -> None:
    """While nobody knows that it was given, it may yet have to be looked after here."""
    async with whole.crewed() as crew:
        first = crew.join()
        await crew.shared(first)
        await whole.rolled_out(crew, "web:1")
        second = crew.join()

        def is_given(request: chaos.Request) -> bool:
            return request.verb == "patch" and request.name in slots.LEASES

        lost = chaos.Verdict(before=chaos.busy("busy", 1.0))
        rule = chaos.Rule(matches=is_given, verdict=lost, times=None)
        crew.stage.faults.rules.append(rule)
        await crew.stage.until("given", lambda: len(first.owned()) == slots.SLOTS // 2)
        await asyncio.sleep(5)
        assert set(holders(crew).values()) == {first.identity}
        assert len(first.operator.caches.slots) == slots.SLOTS
        crew.stage.faults.rules.remove(rule)
        await crew.shared(first, second)
        await asyncio.sleep(5)
        assert first.operator.caches.slots == first.owned()


def bucket_of(body: dict[str, Any]) -> str | None:
    """Return what an object says of its part of the work."""
    found: str | None = body["metadata"].get("labels", {}).get(names.BUCKET_LABEL)
    return found


def right(body: dict[str, Any]) -> str:
    """Return what an object of one of the applications should say of its part of the work."""
    name = next(each for each in whole.NAMES if f"{each}-web" in body["metadata"]["name"])
    return its(name)


def its(name: str) -> str:
    """Return what an object of an application should say of its part of the work."""
    return str(names.bucket("default", name))


def other_than(bucket: str) -> str:
    """Return another part of the work, far away."""
    return str((int(bucket) + 128) % names.BUCKETS)


def relabel(crew: Crew, body: dict[str, Any], resource: Resource, **labels: str | None) -> None:
    """Have a person write labels of an object."""
    crew.stage.server.registry.patch(
        resource,
        body["metadata"]["namespace"],
        body["metadata"]["name"],
        {"metadata": {"labels": {f"argosy.dev/{name}": text for name, text in labels.items()}}},
        actor="person",
    )


def uids(crew: Crew) -> set[str]:
    """Return the UIDs of all there is one a server of."""
    return {each["metadata"]["uid"] for one in BUCKETED for each in crew.stage.all(one)}


async def test_older_objects_get_the_label_one_after_another() -> None:
    """Each by one write of its owner's, so many a second; then each replica sees its own alone."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        await asyncio.sleep(40)
        before = uids(crew)
        for resource in BUCKETED:
            for body in crew.stage.all(resource):
                relabel(crew, body, resource, bucket=None)
        since = len(crew.stage.server.writes)

        def labelled() -> bool:
            return all(bucket_of(e) == right(e) for one in BUCKETED for e in crew.stage.all(one))

        await crew.stage.until("all are labelled", labelled)
        await asyncio.sleep(60)
        written = [each for each in crew.stage.server.writes[since:] if each.resource in BUCKETED]
        for mate in (first, second):
            who = f"argosy {mate.identity}"
            times = [each.time for each in written if crew.stage.writers[each.version] == who]
            assert max(times) - min(times) > 0.99 * (len(times) - 1) / labels.PER_SECOND > 0
        assert len(written) == there(crew) == len(before)
        assert uids(crew) == before
        assert [strangers(each) for each in (first, second)] == [set(), set()]


async def test_what_bears_the_label_of_anothers_part_is_seen_by_its_owner_again() -> None:
    """Its owner cannot see it, and whoever can may not plan it, but may take the label off."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        before = uids(crew)
        wrong = {mate: str(4 * min(mate.owned()) + 1) for mate in (first, second)}
        for resource in BUCKETED:
            for body in crew.stage.all(resource):
                mine = int(right(body)) // 4 in first.owned()
                relabel(crew, body, resource, bucket=wrong[second if mine else first])
        # One that says in all that it is another's, too.
        pod = crew.stage.all(Resource.PODS)[0]
        other = next(
            each for each in whole.NAMES if str(names.bucket("default", each)) != right(pod)
        )
        relabel(
            crew, pod, Resource.PODS, application=other, bucket=str(names.bucket("default", other))
        )
        asked: list[chaos.Request] = []

        def counted(request: chaos.Request) -> bool:
            if request.resource in BUCKETED:
                asked.append(request)
            return False

        rule = chaos.Rule(matches=counted, verdict=chaos.Verdict(), times=None)
        crew.stage.faults.rules.append(rule)

        def labelled() -> bool:
            return all(bucket_of(e) == right(e) for one in BUCKETED for e in crew.stage.all(one))

        await crew.stage.until("all are labelled", labelled)
        await whole.all_ready(crew)
        assert uids(crew) == before
        # Nobody asks again and again for a name that is taken.
        assert len(asked) < 20 * there(crew)


async def test_what_goes_with_the_label_of_anothers_part_goes_all_the_same() -> None:
    """Nobody else lifts its finalizer than its owner, which has to see it."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        wrong = {mate: str(4 * min(mate.owned()) + 1) for mate in (first, second)}
        before = uids(crew)
        for body in crew.stage.all(Resource.SERVERS):
            mine = int(right(body)) // 4 in first.owned()
            relabel(crew, body, Resource.SERVERS, bucket=wrong[second if mine else first])
            crew.stage.remove(Resource.SERVERS, body["metadata"]["name"])

        def made_anew() -> bool:
            return not before & uids(crew) and there(crew) == len(before)

        await crew.stage.until("they are gone, and made anew", made_anew)
        await whole.all_ready(crew)


@pytest.mark.parametrize("rests", [{"paused": True}, {"management": "Observe"}])
async def test_labels_of_an_application_at_rest_are_left_alone(rests: dict[str, Any]) -> None:
    """Nothing is written for it but what a delete takes; afterwards they are put right."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        await whole.rolled_out(crew, "web:1")
        name = whole.NAMES[0]
        crew.stage.change(Resource.APPLICATIONS, name, rests)
        await asyncio.sleep(5)
        found = [(one, e) for one in BUCKETED for e in crew.stage.all(one) if right(e) == its(name)]
        for number, (resource, body) in enumerate(found):
            wrong = other_than(its(name)) if number % 2 else None
            relabel(crew, body, resource, bucket=wrong)

        def labels() -> set[bool]:
            bodies = [crew.stage.find(one, e["metadata"]["name"]) for one, e in found]
            return {bucket_of(each) == its(name) for each in bodies if each is not None}

        await asyncio.sleep(60)
        assert labels() == {False}
        if "paused" in rests:
            resource, body = found[0]
            relabel(crew, body, resource, bucket=other_than(its(name)))
            crew.stage.remove(resource, body["metadata"]["name"])
            gone = body["metadata"]["uid"]
            await crew.stage.until("it goes", lambda: gone not in uids(crew))
        crew.stage.change(Resource.APPLICATIONS, name, dict.fromkeys(rests))
        await crew.stage.until("all are labelled", lambda: labels() == {True})
        await whole.all_ready(crew)


@pytest.mark.parametrize(
    "theirs",
    [
        {"apiVersion": "v1", "kind": "Service"},
        # Others, too, call something a server.
        {"apiVersion": "machines.example/v1", "kind": "Server"},
    ],
)
async def test_what_somebody_else_controls_keeps_its_labels(theirs: dict[str, Any]) -> None:
    """Whatever they say: it is not Argosy's to write."""
    async with whole.crewed() as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        made = crew.stage.put(Resource.SERVICES, "theirs", {"ports": [{"port": 80}]})
        owner = theirs | {"name": "theirs", "uid": made["metadata"]["uid"], "controller": True}
        for number, bucket in enumerate((None, "7", "200")):
            said = {"argosy.dev/application": "shop0"} | (
                {names.BUCKET_LABEL: bucket} if bucket else {}
            )
            crew.stage.put(
                Resource.PODS,
                f"stranger-{number}",
                {"containers": [{"name": "main", "image": "web:1"}]},
                labels=said,
                ownerReferences=[owner],
            )
        await asyncio.sleep(40)
        found = {
            each["metadata"]["name"]: bucket_of(each) for each in crew.stage.all(Resource.PODS)
        }
        assert found == {"stranger-0": None, "stranger-1": "7", "stranger-2": "200"}


async def test_those_that_watch_all_and_those_that_watch_slots_share_the_work() -> None:
    """Replaced one by one, in both directions, amid rollouts: as those of one kind do."""
    async with whole.crewed() as crew:
        mates = [crew.join(by_slot=False) for _ in range(2)]
        await crew.shared(*mates)
        await whole.rolled_out(crew, "web:1")
        for image, by_slot in (("web:2", True), ("web:3", False)):
            for _ in range(2):
                await whole.roll(crew, image)
                old = mates.pop(0)
                await old.leave()
                mates.append(crew.join(by_slot=by_slot))
                await crew.shared(*mates)
            await whole.all_ready(crew)
        assert len(crew.stage.all(Resource.PODS)) == 3 * len(whole.NAMES)
