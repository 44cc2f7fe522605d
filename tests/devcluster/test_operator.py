"""The operator on a cluster of devcluster: the chart's objects, local processes, one leader."""

from collections.abc import Callable

import pytest
import yaml

from devcluster import client, cluster, operator, processes

pytestmark = pytest.mark.e2e
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases"
PATIENCE = 90


def holder(api: client.Client) -> str:
    """Who leads; empty while nobody does."""
    leases = api.get(LEASES)["items"]
    return str(leases[0]["spec"].get("holderIdentity") or "") if leases else ""


def test_replicas_of_the_operator_elect_one_and_replace_it(
    new_cluster: Callable[..., cluster.Cluster],
) -> None:
    """Two replicas under the chart's ServiceAccount; the leader killed, the other leads."""
    one = new_cluster(audit="full")
    operators = operator.run(one, replicas=2)
    assert [each.name for each in operators] == ["operator-0", "operator-1"]
    assert all(each.alive for each in operators)
    assert processes.wait_until(lambda: bool(holder(one.client)), PATIENCE)
    leader = next(each for each in operators if holder(one.client).startswith(each.name))
    other = next(each for each in operators if each is not leader)
    leader.kill()
    assert processes.wait_until(lambda: holder(one.client).startswith(other.name), PATIENCE), (
        other.log.read_text()[-3000:]
    )
    config = yaml.safe_load((one.dir / "kubeconfigs" / "serviceaccount-argosy-argosy").read_text())
    assert list(config["users"][0]["user"]) == ["token"]
    assert '"username":"system:serviceaccount:argosy:argosy"' in one.audit_log.read_text()
    again = operator.run(one, replicas=1)
    assert [each.name for each in operator.running(one)] == ["operator-0"]
    assert not other.alive
    assert again[0].alive
