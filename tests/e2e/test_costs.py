"""What an application costs: writes and CPU, which are counts and do not depend on how fast it is.

The benchmark measures the same at ten times the size, beside others.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import pytest

from bench import arena as arenas
from bench import bodies, ratios, runs, tally
from bench.arms import argosy
from controller.api import resources
from controller.api.resources import PLACES, Resource
from controller.execution import statuses
from devcluster import processes
from devcluster.client import ApiError
from tests.e2e import conftest

pytestmark = pytest.mark.e2e

SERVERS = 300
# A server that takes this long to become Ready may say why, which costs another write.
PATIENT_SECONDS = 25.0
QUIET_SECONDS = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """One application that was brought up, and what that cost."""

    arena: arenas.Arena
    namespace: str
    run: runs.Run
    counts: Counter[tally.Kind]
    surplus: float


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costs]:
    """An application of some hundred servers, converged, on a cluster of its own."""
    if conftest.is_given():
        pytest.skip("this reads the audit log and the CPU time of a cluster of its own")
    folder = tmp_path_factory.mktemp("costs") / "cluster"
    with arenas.opened(folder, lambda _: None, audit="metadata") as arena:
        argosy.warm_up(arena)
        arena.start_operator()
        book = ratios.Book()
        counted = arena.tally()
        namespace = arena.make_namespace()
        run = argosy.bring_up(arena, namespace, SERVERS, book)
        # What comes late, such as a last status, is in the counts.
        arena.calm()
        surplus = max(each.value for each in book.findings)
        yield Costs(
            arena=arena, namespace=namespace, run=run, counts=counted.counts(), surplus=surplus
        )
        arena.operator.terminate()


def test_servers_cost_three_writes(costs: Costs) -> None:
    """Ratio 3: a Server, a pod, a status, and next to nothing for the application around them."""
    counts = costs.counts
    assert counts["servers", "", "create"] == SERVERS
    assert counts["pods", "", "create"] == SERVERS
    excused = SERVERS if costs.run.slowest > PATIENT_SECONDS else 0
    assert SERVERS <= counts["servers", "status", "update"] <= SERVERS + excused
    assert sum(counts.values()) - excused <= 1.03 * 3 * SERVERS, counts


def test_who_wrote_a_server_is_kept_of_the_whole(costs: Costs) -> None:
    """Ratio 14: no field of a server's spec or status has an owner that is stored beside it."""
    name = bodies.server_name(argosy.APPLICATION, 0)
    server = costs.arena.client.get(resources.path(Resource.SERVERS, costs.namespace, name))
    owned = [each["fieldsV1"] for each in server["metadata"]["managedFields"]]
    assert [each["f:spec"] for each in owned if "f:spec" in each] == [{}]
    assert [each["f:status"] for each in owned if "f:status" in each] == [{}]


def test_who_applies_a_server_gives_all_of_its_spec(costs: Costs) -> None:
    """One field by server-side apply would take the others away: that is refused, none is lost."""
    name = bodies.server_name(argosy.APPLICATION, 1)
    path = resources.path(Resource.SERVERS, costs.namespace, name)
    before = costs.arena.client.get(path)["spec"]
    place = PLACES[Resource.SERVERS]
    part = {"apiVersion": place.api_version, "kind": place.kind, "metadata": {"name": name}}
    with pytest.raises(ApiError, match=r"spec\.application: Required value"):
        costs.arena.client.apply(path, {**part, "spec": {"held": True}})
    assert costs.arena.client.get(path)["spec"] == before


@pytest.mark.parametrize("resource", ["applications", "serversets"])
def test_statuses_of_many_servers_are_written_a_few_times(costs: Costs, resource: str) -> None:
    """Ratio 3: what speaks for N servers is written about log N times while they come up.

    On a machine that takes minutes for it, once more in each half minute: people look on.
    """
    slow = max(costs.run.ready, costs.run.told) / statuses.LONGEST_INTERVAL
    most = ratios.status_bound(SERVERS) + slow
    assert 1 <= costs.counts[resource, "status", "patch"] <= most


def test_no_server_is_made_twice(costs: Costs) -> None:
    """No server or pod more than asked for was ever seen."""
    assert costs.surplus == 0


def test_operator_costs_a_fraction_of_the_server(costs: Costs) -> None:
    """Ratio 11: the operator's CPU is at most a third of the API server's and etcd's."""
    cost = arenas.Cost(costs.run.cpu)
    assert 0 < cost.operator <= ratios.BY_KEY["11"].target * cost.server, cost.seconds


def test_nothing_is_written_at_rest(costs: Costs) -> None:
    """Ratio 6: watches that break, a list from the start and a new operator are no reasons."""
    arena = costs.arena
    counted, listed = arena.tally(), arena.lists()
    arena.cluster.restart_apiserver()

    def listed_anew() -> bool:
        if not arena.operator.alive:
            # The API server was away for longer than a Lease may go without renewal.
            arena.operator.start()
        return bool(listed.counts()["servers", "", "list"])

    arena.until("servers are listed anew", listed_anew, arenas.START_SECONDS)
    assert not processes.wait_until(lambda: bool(counted.counts()), QUIET_SECONDS)
    arena.operator.terminate()
    arena.start_operator()
    assert not processes.wait_until(lambda: bool(counted.counts()), QUIET_SECONDS)
