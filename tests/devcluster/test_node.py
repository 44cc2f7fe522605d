"""The real node: containers that run, images that are built, and nothing left afterwards."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster import (
    cgroups,
    client,
    cluster,
    containerd,
    controlplane,
    errors,
    images,
    kubelet,
    network,
    node,
    oci,
    processes,
    registry,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]
PODS = "/api/v1/namespaces/default/pods"
PATIENCE = 240
DOCKERFILE = """
FROM python:3.11-slim-bookworm
ARG WORD
RUN echo "$WORD" > /word
USER 1000:1000
"""
# What a pod sees, written to its log: its file, the cluster's DNS, a Service, and no way out. It
# is let into Services some seconds after they were made: kube-proxy follows.
LOOK = """
import socket, time, urllib.request
print(open("/word").read().strip())
deadline = time.monotonic() + 120
def until(look):
    while True:
        try:
            return look()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
print(until(lambda: socket.gethostbyname("kubernetes.default.svc.cluster.local")))
print(until(
    lambda: urllib.request.urlopen("http://web.default.svc.cluster.local", timeout=10).status
))
try:
    socket.create_connection(("198.51.100.1", 80), timeout=60)
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    """A cluster with a real node and no fake one."""
    # Not below `tmp_path`, which has the test's long name: a node's sockets have short paths.
    one = cluster.Cluster(tmp_path_factory.mktemp("node"))
    try:
        one.start(controlplane.Settings(nodes=0, real_node=True))
        yield one
    finally:
        one.stop()


def run(api: client.Client, name: str, image: str, command: list[str]) -> None:
    """Create a pod that ends when its command does."""
    spec = {"containers": [{"name": "c", "image": image, "command": command}]}
    labels = {"app": name}
    api.create(
        PODS,
        {"metadata": {"name": name, "labels": labels}, "spec": {**spec, "restartPolicy": "Never"}},
    )


def reaches(api: client.Client, name: str, phase: str) -> None:
    """Wait for a pod's phase; the last status is in the failure."""
    last: list[Any] = [None]

    def look() -> bool:
        last[0] = api.get(f"{PODS}/{name}")["status"]
        return bool(last[0].get("phase") == phase)

    assert processes.wait_until(look, PATIENCE), last[0]


def test_an_image_is_built_and_its_pods_meet_dns_services_and_no_way_out(
    real: cluster.Cluster, tmp_path: Path
) -> None:
    """From a Dockerfile to a running pod, whose network is the cluster and nothing else."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    built = images.build(real, context, "look:1", arguments={"WORD": "ahoy"})
    assert built.image == "docker.io/library/look:1"
    run(real.client, "web", built.image, ["python", "-m", "http.server", "8000"])
    real.client.create(
        "/api/v1/namespaces/default/services",
        {
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    )
    reaches(real.client, "web", "Running")
    pod = real.client.get(f"{PODS}/web")["status"]["podIP"]
    assert processes.wait_until(lambda: _serves(pod), PATIENCE)
    run(real.client, "look", built.image, ["python", "-c", LOOK])
    reaches(real.client, "look", "Succeeded")
    net = real.plan().network
    assert net is not None
    log = real.client.get(f"{PODS}/look/log").splitlines()
    assert log == ["ahoy", real.plan().service_address(1), "200", "ConnectionRefusedError"]


def test_an_image_goes_through_the_clusters_registry(real: cluster.Cluster, tmp_path: Path) -> None:
    """What was pushed is pulled by the node after its own copy is gone."""
    address = registry.start(real)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    built = images.build(
        real, tmp_path, f"{address}/team/look:1", arguments={"WORD": "pulled"}, push=True
    )
    containerd.ctr(real.dir, "images", "rm", "--sync", built.image)
    run(real.client, "look", built.image, ["cat", "/word"])
    reaches(real.client, "look", "Succeeded")
    assert real.client.get(f"{PODS}/look/log") == "pulled\n"


def test_a_pod_builds_from_git_and_the_node_runs_the_result(
    real: cluster.Cluster, tmp_path: Path
) -> None:
    """Source in git, built and pushed by a pod with the kit, then pulled and run."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "Dockerfile").write_text(DOCKERFILE.replace("ARG WORD", "ARG WORD=built"))
    kit = images.kit(real, "default")
    target = f"{kit.registry}/team/app:1"
    build = [
        *kit.command,
        "build",
        "--frontend=dockerfile.v0",
        "--local=context=/tmp/app",
        "--local=dockerfile=/tmp/app",
        "--opt=image-resolve-mode=local",
        f"--output=type=image,name={target},push=true",
    ]
    script = f"git clone /source /tmp/app && {shlex.join(build)}"
    git = ["git", "-C", str(source), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *words], check=True)
    mounts = {"kit": "/kit", "source": "/source"}
    container = {
        "name": "c",
        "image": kit.image,
        "command": ["sh", "-c", f"git config --global safe.directory '*' && {script}"],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
    }
    volumes = [
        {"name": "kit", "secret": {"secretName": kit.secret}},
        {"name": "source", "hostPath": {"path": str(source)}},
    ]
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    real.client.create(PODS, {"metadata": {"name": "build"}, "spec": spec})
    reaches(real.client, "build", "Succeeded")
    containerd.ctr(real.dir, "images", "rm", "--sync", target)
    run(real.client, "app", target, ["cat", "/word"])
    reaches(real.client, "app", "Succeeded")
    assert real.client.get(f"{PODS}/app/log") == "built\n"


def test_a_failed_build_says_which_line(real: cluster.Cluster, tmp_path: Path) -> None:
    """The error holds the builder's own words."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim-bookworm\nRUN exit 7\n")
    with pytest.raises(errors.DevclusterError, match=r"(?s)RUN exit 7.*exit code: 7"):
        images.build(real, tmp_path, "never")


def test_a_crashed_node_is_repaired_and_keeps_its_pods(real: cluster.Cluster) -> None:
    """With containerd and kubelet killed, start again: the same container still runs."""
    dns = "/api/v1/namespaces/kube-system/pods"
    before = [_container_ids(each) for each in real.client.get(dns)["items"]]
    for name in (kubelet.NAME, containerd.NAME):
        real.kill(name)
    real.start()
    assert all(map(real.alive, node.COMPONENTS))
    assert [_container_ids(each) for each in real.client.get(dns)["items"]] == before


def test_down_after_everything_was_killed_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process, mount, bridge, packet filter, control group or setting outlives the cluster."""
    forwarding = network.FORWARDING.read_text()
    folder = tmp_path_factory.mktemp("node")
    monkeypatch.chdir(folder)
    one = cluster.Cluster(folder)
    try:
        one.start(controlplane.Settings(nodes=0, real_node=True))
        name = network.name(one.dir)
        containers = set(cgroups.members(name))
        assert containers
        for component in (*cluster.COMPONENTS, *node.COMPONENTS):
            one.kill(component)
    finally:
        one.stop()
    assert list(processes.marked(one.dir)) == []
    assert not [pid for pid in containers if processes.identity(pid)]
    assert not network.present(one.dir)
    assert str(one.dir) not in Path("/proc/self/mountinfo").read_text()
    assert not [path for path in cgroups.hierarchies() if (path / name).exists()]
    assert not network.succeeds("nft", "list", "table", "inet", name)
    assert not network.succeeds("nft", "list", "table", "ip", "kube-proxy")
    assert network.FORWARDING.read_text() == forwarding
    assert {path.name for path in one.dir.iterdir()} == {"logs", "lock"}


def test_no_socket_of_a_node_has_a_longer_path_than_is_judged(real: cluster.Cluster) -> None:
    """Else a folder that was found short enough would end a program after it has started."""
    found = [each.relative_to(real.dir) for each in real.dir.rglob("*") if each.is_socket()]
    assert any(each.is_relative_to(node.LONGEST_SOCKET.parent) for each in found)
    longest = max(found, key=lambda each: len(bytes(each)))
    assert len(bytes(longest)) <= len(bytes(node.LONGEST_SOCKET)), longest


def test_a_second_real_node_is_refused(
    real: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One kube-proxy per machine: the second cluster says so and leaves the first alone."""
    second = cluster.Cluster(tmp_path_factory.mktemp("second"))
    with pytest.raises(errors.DevclusterError, match="there can be one"):
        second.start(controlplane.Settings(real_node=True))
    second.stop()
    assert processes.wait_until(lambda: real.running, PATIENCE)
    assert all(map(real.alive, node.COMPONENTS))


def test_what_a_killed_cluster_left_stops_no_other_one(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nobody says `down` to a cluster whose run was killed: the next one takes its place."""
    killed = cluster.Cluster(tmp_path_factory.mktemp("killed"))
    following = cluster.Cluster(tmp_path_factory.mktemp("next"))
    try:
        killed.start(controlplane.Settings(nodes=0, real_node=True))
        for component in (*cluster.COMPONENTS, *node.COMPONENTS):
            killed.kill(component)
        following.start(controlplane.Settings(nodes=0, real_node=True))
        assert all(map(following.alive, node.COMPONENTS))
        name = network.name(killed.dir)
        assert not network.succeeds("ip", "link", "show", name)
        assert not network.succeeds("nft", "list", "table", "inet", name)
    finally:
        following.stop()
        killed.stop()


def test_the_same_files_are_the_same_image(tmp_path: Path) -> None:
    """An archive does not depend on when it was made, or where."""
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/true\n")
    archives = []
    for stamp in (1, 2):
        os.utime(program, (stamp, stamp))
        root = oci.layer(tmp_path / f"{stamp}.layer", {"program": program})
        archives.append(oci.archive(tmp_path / f"{stamp}.tar", "a.test/b:1", root).read_bytes())
    assert archives[0] == archives[1]


def _container_ids(pod: dict[str, Any]) -> list[str]:
    return [each["containerID"] for each in pod["status"]["containerStatuses"]]


def _serves(address: str) -> bool:
    return registry.listens(f"{address}:8000")
