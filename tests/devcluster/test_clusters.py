"""devcluster on this machine: clusters that start, bend as asked, and leave nothing behind."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import pytest
import yaml

from devcluster import client, cluster, controlplane, errors, kwok, operator, ports, processes

pytestmark = pytest.mark.e2e
PODS = "/api/v1/namespaces/default/pods"
PATIENCE = 180

NewCluster = Callable[..., cluster.Cluster]


def pod(name: str, **hooks: str) -> dict[str, Any]:
    """A pod of two containers; hooks are what it asks of the fake kubelet."""
    annotations = {
        f"kwok.argosy.dev/{key.replace('_', '-')}": value for key, value in hooks.items()
    }
    return {
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]},
    }


def ready(found: dict[str, Any]) -> bool:
    """Whether a pod says it is Ready."""
    conditions = found["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def eventually(read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Read until it holds and return what was read; the last reading is in the failure."""
    last: list[Any] = [None]

    def look() -> bool:
        last[0] = read()
        return holds(last[0])

    assert processes.wait_until(look, PATIENCE), last[0]
    return last[0]


def ids(found: dict[str, Any]) -> list[str]:
    """A pod's container ids, in the order of its containers."""
    return [each["containerID"] for each in found["status"]["containerStatuses"]]


def test_up_gives_an_api_nodes_volumes_and_accounts(new_cluster: NewCluster) -> None:
    """After start, at once: nodes are Ready, a pod with a claim runs, and RBAC is on."""
    one = new_cluster(nodes=3, audit="full")
    assert processes.wait_until(lambda: one.running, PATIENCE)
    nodes = one.client.get("/api/v1/nodes")["items"]
    assert [node["metadata"]["name"] for node in nodes] == ["fake-0", "fake-1", "fake-2"]
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    one.client.create("/api/v1/namespaces/default/persistentvolumeclaims", claim)
    body = pod("web")
    body["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    one.client.create(PODS, body)
    found = eventually(lambda: one.client.get(f"{PODS}/web"), ready)
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert len(set(ids(found))) == 2
    account = _account_client(one, "default", "default")
    with pytest.raises(client.ApiError) as refusal:
        account.get(PODS)
    assert refusal.value.status == 403
    # The last line may be on its way.
    whole = one.audit_log.read_text().rpartition("\n")[0].splitlines()
    entries = [json.loads(line) for line in whole]
    created = [
        each
        for each in entries
        if each["verb"] == "create" and each.get("requestObject", {}).get("kind") == "Pod"
    ]
    assert [each["objectRef"]["name"] for each in created] == ["web"]


def test_pods_fail_as_they_are_asked_to(new_cluster: NewCluster) -> None:
    """fail, hang, unready and a broken image each end in their own state; `only` limits them."""
    one = new_cluster()
    one.client.create(PODS, pod("spared", outcome="fail", only="failing,another"))
    one.client.create(PODS, pod("failing", outcome="fail", only="failing,another"))
    one.client.create(PODS, pod("unready", outcome="unready"))
    one.client.create(PODS, pod("hanging", outcome="hang"))
    broken = pod("broken")
    broken["spec"]["containers"][0]["image"] = "a:broken"
    one.client.create(PODS, broken)

    def phase(name: str, wanted: str) -> dict[str, Any]:
        found: dict[str, Any] = eventually(
            lambda: one.client.get(f"{PODS}/{name}"), lambda each: each["status"]["phase"] == wanted
        )
        return found

    assert ready(phase("spared", "Running"))
    assert not ready(phase("failing", "Failed"))
    assert not ready(phase("unready", "Running"))
    waiting = eventually(
        lambda: one.client.get(f"{PODS}/broken"), lambda each: "containerStatuses" in each["status"]
    )
    assert waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == (
        "ImagePullBackOff"
    )
    hanging = one.client.get(f"{PODS}/hanging")
    assert hanging["spec"]["nodeName"] == "fake-0"
    assert hanging["status"]["phase"] == "Pending"
    one.client.merge(f"{PODS}/hanging", {"metadata": {"annotations": None}})
    eventually(lambda: one.client.get(f"{PODS}/hanging"), ready)


def test_an_image_change_in_place_replaces_that_container_after_ready_has_lied(
    new_cluster: NewCluster,
) -> None:
    """The old container stays Ready under the new generation; then a new id, and one restart."""
    one = new_cluster()
    one.client.create(PODS, pod("web", stop_delay="1h"))
    before = eventually(lambda: one.client.get(f"{PODS}/web"), ready)
    change = {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}
    changed = one.client.strategic(f"{PODS}/web", change)
    lying = eventually(
        lambda: one.client.get(f"{PODS}/web"),
        lambda each: each["status"]["observedGeneration"] == changed["metadata"]["generation"],
    )
    assert ready(lying)
    assert ids(lying) == ids(before)
    hurried = {"metadata": {"annotations": {"kwok.argosy.dev/stop-delay": "1ms"}}}
    one.client.merge(f"{PODS}/web", hurried)
    after = eventually(
        lambda: one.client.get(f"{PODS}/web"), lambda each: ready(each) and ids(each) != ids(before)
    )
    assert ids(after)[0] != ids(before)[0]
    assert ids(after)[1] == ids(before)[1]
    statuses = after["status"]["containerStatuses"]
    assert [each["restartCount"] for each in statuses] == [1, 0]
    assert [each["image"] for each in statuses] == ["a:2", "b:1"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_deleted_pods_go_and_jobs_complete(new_cluster: NewCluster) -> None:
    """A graceful delete ends, and a Job runs to its end."""
    one = new_cluster()
    one.client.create(PODS, pod("web"))
    eventually(lambda: one.client.get(f"{PODS}/web"), ready)
    one.client.delete(f"{PODS}/web")
    template = {"spec": {**pod("job")["spec"], "restartPolicy": "Never"}}
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    one.client.create(jobs, {"metadata": {"name": "once"}, "spec": {"template": template}})
    eventually(
        lambda: one.client.get(f"{jobs}/once"), lambda each: each["status"].get("succeeded") == 1
    )
    eventually(
        lambda: [each["metadata"]["name"] for each in one.client.get(PODS)["items"]],
        lambda names: "web" not in names,
    )


def test_fake_nodes_end_no_pod_that_was_not_asked_to_go(new_cluster: NewCluster) -> None:
    """A late delete by name, as kwok sends it, spares whatever has the name since."""
    one = new_cluster()
    one.client.create(PODS, pod("web"))
    before = eventually(lambda: one.client.get(f"{PODS}/web"), ready)["metadata"]["uid"]
    node = client.Client(one.plan().user_config(kwok.NAME, kwok.USER, ["system:masters"]))

    def refused(**options: Any) -> str:
        try:
            node.delete(f"{PODS}/web", {"gracePeriodSeconds": 0, **options})
        except client.ApiError as error:
            return str(error)
        return ""

    eventually(lambda: refused(dryRun=["All"]), lambda said: "asked to go" in said)
    assert "must end only pods that were asked to go" in refused()
    assert one.client.get(f"{PODS}/web")["metadata"]["uid"] == before


def test_exec_in_a_fake_pod_runs_on_this_machine_if_asked_for(new_cluster: NewCluster) -> None:
    """With local_exec a command's output comes back through the API server, and its failure."""
    one = new_cluster(local_exec=True)
    one.client.create(PODS, pod("web"))
    eventually(lambda: one.client.get(f"{PODS}/web"), ready)
    out, _ = execute(one, "pwd")
    assert out.strip() == str(one.dir / "exec")
    _, status = execute(one, "exit 3")
    assert status["status"] == "Failure"
    assert "exit status 3" in status["message"]


def execute(one: cluster.Cluster, script: str) -> tuple[str, dict[str, Any]]:
    """Run a shell script in the pod `web`: its output, and the API server's verdict."""
    config = kubernetes.client.Configuration()
    load = kubernetes.config.load_kube_config
    load(str(one.kubeconfig), client_configuration=config)  # type: ignore[no-untyped-call]  # theirs
    with kubernetes.client.ApiClient(config) as connection:
        answer = kubernetes.stream.stream(
            kubernetes.client.CoreV1Api(connection).connect_get_namespaced_pod_exec,
            "web",
            "default",
            container="a",
            command=["sh", "-c", script],
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        try:
            answer.run_forever(timeout=PATIENCE)
            verdict = yaml.safe_load(answer.read_channel(kubernetes.stream.ws_client.ERROR_CHANNEL))
            return str(answer.read_stdout(timeout=1)), verdict
        finally:
            answer.sock.shutdown()  # close() would leave the socket open


def test_two_clusters_live_side_by_side(new_cluster: NewCluster) -> None:
    """Each has its own data and its own authority: neither sees or trusts the other."""
    one, two = new_cluster(), new_cluster()
    one.client.create(PODS, pod("mine"))
    assert two.client.get(PODS)["items"] == []
    config = yaml.safe_load(one.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = two.client.server
    crossed = one.dir / "crossed"
    crossed.write_text(yaml.safe_dump(config))
    with pytest.raises(OSError, match="certificate"):
        client.Client(crossed).get("/api")


def test_down_after_everything_was_killed_leaves_no_process(new_cluster: NewCluster) -> None:
    """After kill -9 of every component, stop leaves only logs, and start works."""
    one = new_cluster()
    for name in cluster.COMPONENTS:
        one.kill(name)
        assert not one.alive(name)
    one.stop()
    assert list(processes.marked(one.dir)) == []
    assert {path.name for path in one.dir.iterdir()} == {"logs", "lock"}
    one.start()
    assert processes.wait_until(lambda: one.running, PATIENCE)


def test_down_ends_frozen_and_half_started_clusters(new_cluster: NewCluster) -> None:
    """Frozen components end too, also when only some of a cluster is left."""
    one = new_cluster()
    one.kill(controlplane.ETCD)
    one.pause(controlplane.APISERVER)
    one.stop()
    assert list(processes.marked(one.dir)) == []


def test_start_repairs_what_ended_and_keeps_the_data(new_cluster: NewCluster) -> None:
    """A killed API server comes back at its address with what etcd remembers."""
    one = new_cluster()
    one.client.create(PODS, pod("web"))
    server, survivor = one.client.server, one.processes.all()[controlplane.ETCD].pid
    one.restart_apiserver()
    assert one.client.server == server
    assert one.processes.all()[controlplane.ETCD].pid == survivor
    assert one.client.get(f"{PODS}/web")["metadata"]["name"] == "web"
    one.start(controlplane.Settings(nodes=4))
    assert len(one.client.get("/api/v1/nodes")["items"]) == 4
    with pytest.raises(errors.DevclusterError, match="other settings"):
        one.start(controlplane.Settings(audit="full"))


def test_pause_and_resume_freeze_a_component(new_cluster: NewCluster) -> None:
    """A frozen API server does not answer; resumed, it does."""
    one = new_cluster()
    one.pause(controlplane.APISERVER)
    assert not one.client.ready()
    one.resume(controlplane.APISERVER)
    assert processes.wait_until(one.client.ready, PATIENCE)


def test_a_port_taken_meanwhile_is_named(new_cluster: NewCluster) -> None:
    """A cluster does not talk to whoever took its port: start is refused."""
    one = new_cluster()
    port = one.plan().ports[controlplane.APISERVER]
    one.kill(controlplane.APISERVER)
    squatter = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(squatter, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        try:
            assert processes.wait_until(lambda: ports.taken(port), PATIENCE)
            with pytest.raises(errors.PortTakenError, match=rf"{port}.*kube-apiserver"):
                one.start()
        finally:
            other.send_signal(signal.SIGKILL)


def test_the_command_line_from_up_to_down(tmp_path: Path) -> None:
    """up, env, status and down as a person types them, each with its exit status."""

    def devcluster(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "devcluster", *words, "--dir", str(tmp_path / "d")]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    try:
        up = devcluster("up", "--nodes", "2")
        assert up.returncode == 0, up.stderr
        assert devcluster("env").stdout == f"export KUBECONFIG={tmp_path / 'd' / 'kubeconfig'}\n"
        assert processes.wait_until(lambda: devcluster("status").returncode == 0, PATIENCE)
        assert all(name in devcluster("status").stdout for name in cluster.COMPONENTS)
        cluster.Cluster(tmp_path / "d").kill(controlplane.SCHEDULER)
        assert devcluster("status").returncode == 1
    finally:
        down = devcluster("down")
    assert down.returncode == 0, down.stderr
    assert list(processes.marked(tmp_path / "d")) == []


def test_a_service_account_kubeconfig_carries_that_account_alone(
    new_cluster: NewCluster,
) -> None:
    """What the operator runs with is its ServiceAccount's token, refused what that may not do."""
    one = new_cluster()
    one.client.create("/api/v1/namespaces", {"metadata": {"name": operator.NAMESPACE}})
    collection = f"/api/v1/namespaces/{operator.NAMESPACE}/serviceaccounts"
    one.client.create(collection, {"metadata": {"name": "sailor"}})
    account = client.Client(operator.service_account_config(one, "sailor"))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = account.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:argosy:sailor"
    with pytest.raises(client.ApiError) as refusal:
        account.get("/api/v1/nodes")
    assert refusal.value.status == 403


def _account_client(one: cluster.Cluster, namespace: str, name: str) -> client.Client:
    answer = one.client.create(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    return client.Client(
        client.kubeconfig(
            one.dir / "account",
            server=one.client.server,
            authority=one.dir / "pki" / "ca.crt",
            user={"token": answer["status"]["token"]},
        )
    )


def test_a_claim_gets_no_volume_but_its_own_from_kwok(new_cluster: NewCluster) -> None:
    """What kwok has to do to a claim may come late, and meet another one of the same name."""
    one = new_cluster()
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    made = one.client.create(claims, {**body, "spec": {**spec, "storageClassName": "none"}})
    fake = client.Client(one.plan().user_config(kwok.NAME, kwok.USER, ["system:masters"]))

    def refused(volume: str) -> str:
        try:
            fake.merge(f"{claims}/data?dryRun=All", {"spec": {"volumeName": volume}})
        except client.ApiError as error:
            return str(error)
        return ""

    eventually(lambda: refused("pvc-of-another"), lambda said: "the one before it" in said)
    assert refused(f"pvc-{made['metadata']['uid']}") == ""
