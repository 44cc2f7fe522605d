"""Which records of evictions are believed, of which pods: tables, to the second."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, cast

import msgspec
import pytest

from controller.api import clock, objects
from controller.api.conditions import Condition
from controller.planning import departures
from controller.planning.caches import Cache, Caches, Index, Path

T = 1_800_000_000.0
SET = objects.ServerSet(
    metadata=objects.Meta(name="shop-web", namespace="default", uid="s"),
    spec=objects.ServerSetSpec(application="shop", component="web", replicas=3),
)
SERVER = objects.Server(
    metadata=objects.Meta(name="shop-web-1", namespace="default", uid="w"),
    spec=objects.ServerSpec(application="shop", component="web", ordinal=1),
)


class _Seen:
    def __init__(self, found: Mapping[Path, Any]) -> None:
        self.objects = found
        self.malformed: Mapping[Path, Any] = {}


def kept(record: dict[str, str]) -> objects.DisruptionBudget:
    """Return the set's PodDisruptionBudget, with evictions on record."""
    meta = objects.Meta(name="shop-web", namespace="default")
    status = objects.DisruptionBudgetStatus(disrupted_pods=record)
    return objects.DisruptionBudget(metadata=meta, status=status)


class Told(Caches):
    """Caches of one PodDisruptionBudget, one pod and one Server."""

    def __init__(
        self,
        record: dict[str, str],
        pod: objects.Pod | None,
        server: objects.Server | None = None,
    ) -> None:
        budget = kept(record)
        self.off = departures.TakenOff.over(self)
        self._found: dict[type, Mapping[Path, Any]] = {
            objects.DisruptionBudget: {("default", "shop-web"): budget},
            objects.Pod: {("default", pod.metadata.name): pod} if pod is not None else {},
            objects.Server: {("default", "shop-web-1"): server} if server is not None else {},
        }

    def of(self, view: type[Any]) -> Cache[Any]:
        """Return what there is of a view."""
        return cast("Cache[Any]", _Seen(self._found[view]))

    def by(self, index: Index[Any], key: Hashable) -> Mapping[Path, Any]:
        """Return what the index has."""
        return {
            path: each for path, each in self._found[index.view].items() if index.key(each) == key
        }

    def is_whole(self, view: type[Any]) -> bool:
        """Return whether there is anything of a view."""
        return view in self._found

    def kept(self, keeper: type[Any]) -> Any:
        """Return what was taken off the record."""
        assert keeper is departures.TakenOff
        return self.off

    def shows_all(self) -> bool:
        """Return that everything is seen."""
        return True

    def shows(self, bucket: int) -> bool:
        """Return that everything is seen."""
        del bucket
        return True


def pod(made: float, *, going: bool = False, marked: str = "") -> objects.Pod:
    """Return the pod that has the name of shop-web-1, made at that second."""
    marks = (objects.PodCondition(type="DisruptionTarget", status=marked),)
    return objects.Pod(
        metadata=objects.Meta(
            name="shop-web-1",
            namespace="default",
            creation_timestamp=clock.stamp(made),
            deletion_timestamp=clock.stamp(made + 9) if going else None,
            labels={"argosy.dev/application": "shop", "argosy.dev/component": "web"},
        ),
        status=objects.PodStatus(conditions=marks if marked else ()),
    )


def look(
    there: objects.Pod | None, after: float, name: str = "shop-web-1"
) -> departures.Departures:
    """Return who is on the way out, so long after an eviction was put on record at T."""
    return departures.of(Told({name: clock.stamp(T)}, there), SET, T + after)


@pytest.mark.parametrize(
    ("made", "after", "believed"),
    [
        # The pod stood there when the record was made: it goes, for as long as anybody thinks so.
        (-60, 0.1, True),
        (-60, 30, True),
        (-1, 119, True),
        (-1, 121, False),
        # It was made in the same second: it may be the one, and would have begun to go by now.
        (0, 0.2, True),
        (0, 4.9, True),
        (0, 5.1, False),
        # It was made later, as one clock says. Another API server's may be ahead for a moment.
        (1, 1.2, True),
        (3, 5.1, False),
        (30, 31, False),
        # The clock of whoever looks is behind: no harm but a wait.
        (0, -300, True),
    ],
)
def test_a_record_is_believed_of_a_pod_that_it_can_mean(
    made: float, after: float, believed: bool
) -> None:
    """The disruption controller takes every pod of the name for the one that is to go."""
    found = look(pod(T + made), after)
    assert (1 in found.ordinals) is believed
    # The pod is there: it counts, and may stay.
    assert found.doubtful == found.ordinals


def test_a_pod_that_an_eviction_has_marked_is_going_whenever_it_was_made() -> None:
    """The mark is the last write before the pod goes; a mark that came to nothing holds nobody."""
    assert look(pod(T, marked="True"), 10).ordinals == {1}
    assert look(pod(T, marked="False"), 10).ordinals == set()
    assert look(pod(T, marked="True"), 130).ordinals == set()


@pytest.mark.parametrize("after", [1.0, 60.0, 300.0])
def test_a_pod_that_goes_or_has_gone_counts_however_old_the_record_is(after: float) -> None:
    """Its server may not have said so yet; nobody is told to wait for a record, though."""
    for there in (pod(T - 60, going=True), None):
        found = look(there, after)
        assert found.ordinals == {1}
        assert found.recorded == set()
        assert found.doubtful == set()


@pytest.mark.parametrize(
    ("made", "after", "told", "again"),
    [
        (0, 0.5, False, 1.5),
        (0, 3, True, 2),
        (-9, 3, True, 2),
        (-9, 50, True, 70),
        (0, 50, False, None),
    ],
)
def test_a_record_is_told_once_it_lasts_and_looked_at_again_when_it_may_be_over(
    made: float, after: float, told: bool, again: float | None
) -> None:
    """An eviction that is over in a moment costs no write of a status."""
    found = look(pod(T + made), after)
    assert found.recorded == ({1} if told else set())
    assert found.again == again


@pytest.mark.parametrize(
    ("made", "after", "counts"),
    [(-60, 1, True), (-60, 119, True), (-60, 121, False), (0, 1, False), (5, 6, False)],
)
def test_what_was_taken_off_the_record_counts_of_a_pod_that_was_there_before(
    made: float, after: float, counts: bool
) -> None:
    """It was seen to go, by the disruption controller; here that is yet to be heard of."""
    told = Told({}, pod(T + made))
    told.off.change(kept({"shop-web-1": clock.stamp(T)}), kept({}))
    found = departures.of(told, SET, T + after)
    assert found.ordinals == ({1} if counts else set())


def test_what_was_taken_off_the_record_is_nobodys_once_the_pod_or_the_budget_has_gone() -> None:
    """Nor is it kept for longer than it can count."""
    record = kept({"shop-web-1": clock.stamp(T)})
    told = Told({}, None)
    told.off.change(None, record)
    told.off.change(record, kept({}))
    assert departures.of(told, SET, T + 1).ordinals == set()
    later = kept({"shop-web-2": clock.stamp(T + 500)})
    told.off.change(later, kept({}))
    assert list(told.off.of(("default", "shop-web"))) == ["shop-web-2"]
    told.off.change(kept({}), None)
    assert not told.off.of(("default", "shop-web"))


@pytest.mark.parametrize(
    ("there", "ready", "of", "after", "counts"),
    [
        # The pod has gone, and its Server has yet to say so.
        (None, "True", "gone", 1, True),
        (None, "True", "gone", 121, False),
        # The next one is there, and the Server speaks of the one before.
        (pod(T + 1), "True", "gone", 2, True),
        # It speaks of the one that is there, says that it is down, or does not say of which.
        (pod(T + 1), "True", "new", 2, False),
        (None, "False", "gone", 1, False),
        (None, "True", "", 1, False),
    ],
)
def test_an_eviction_counts_until_its_server_says_what_became_of_it(
    there: objects.Pod | None, ready: str, of: str, after: float, counts: bool
) -> None:
    """Between the end of a pod and the word of its Server nobody takes one more down for it."""
    said = Condition(type="Ready", status=ready, reason="Running", message="")
    about = objects.ServerStatus(conditions=(said,), provider=objects.ProviderStatus(id=of))
    if there is not None:
        meta = msgspec.structs.replace(there.metadata, uid="new")
        there = msgspec.structs.replace(there, metadata=meta)
    told = Told({}, there, msgspec.structs.replace(SERVER, status=about))
    told.off.change(kept({"shop-web-1": clock.stamp(T)}), kept({}))
    found = departures.of(told, SET, T + after)
    assert found.ordinals == ({1} if counts else set())
    assert not found.doubtful
    assert not found.recorded


@pytest.mark.parametrize(
    ("after", "waits"),
    [(0.0, 5.0), (0.9, 4.1), (4.5, 0.5), (5.0, None), (90.0, None), (-0.5, 5.5), (-60.0, None)],
)
def test_the_next_instance_waits_a_moment_for_the_record_to_go(
    after: float, waits: float | None
) -> None:
    """Neither for a controller that does not look, nor for a clock that is another."""
    found = departures.seconds_on_record(
        Told({"shop-web-1": clock.stamp(T)}, None), SERVER, T + after
    )
    assert found == (None if waits is None else pytest.approx(waits))


@pytest.mark.parametrize("record", [{}, {"shop-web-2": clock.stamp(T)}])
def test_nobody_waits_for_the_record_of_another(record: dict[str, str]) -> None:
    """Nor where there is none."""
    assert departures.seconds_on_record(Told(record, None), SERVER, T) is None


def test_what_is_over_is_what_was_on_record_and_is_not_any_more() -> None:
    """Also where the budget goes."""
    one, two = clock.stamp(T), clock.stamp(T + 1)
    before = kept({"shop-web-1": one, "shop-web-2": two})
    assert departures.over(before, kept({"shop-web-2": two})) == {"shop-web-1"}
    assert departures.over(before, before) == set()
    assert departures.over(before, None) == {"shop-web-1", "shop-web-2"}
    assert departures.over(None, before) == set()


@pytest.mark.parametrize("name", ["shop-web-x", "shop-webb-1", "other-web-1", "shop-web-"])
def test_names_of_others_are_nobodys(name: str) -> None:
    """A budget may be about pods that are not the set's."""
    assert look(None, 1, name).ordinals == set()


def test_what_is_told_names_the_budget_and_the_servers() -> None:
    """In the order of their ordinals, the first few: a status must rest."""
    one = departures.told("shop", "web", "default", {3})
    assert one.object == "PodDisruptionBudget/shop-web"
    assert "the eviction of shop-web-3 on record, so that it counts as down" in one.message
    assert one.remedy == "kubectl get poddisruptionbudgets shop-web -n default -o yaml"
    many = departures.told("shop", "web", "default", {9, 2, 11, 4, 5, 6})
    assert "shop-web-2, shop-web-4, shop-web-5, shop-web-6, shop-web-9 and 1 more" in many.message
