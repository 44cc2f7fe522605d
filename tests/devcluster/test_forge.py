"""What building from source takes, on the real node: a BuildKit without root, git, registries."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster import (
    binaries,
    client,
    cluster,
    controlplane,
    forge,
    processes,
    registry,
    repositories,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]
DEFAULT = "/api/v1/namespaces/default"
PATIENCE = 120
DOCKERFILE = """
FROM python:3.11-slim-bookworm
COPY word /word
RUN id -u >/who && chown 1:1 /word
USER 1000:1000
"""


@pytest.fixture
def real(tmp_path: Path) -> Iterator[cluster.Cluster]:
    """A cluster with a real node and no fake one."""
    one = cluster.Cluster(tmp_path)
    try:
        one.start(controlplane.Settings(nodes=0, real_node=True))
        yield one
    finally:
        one.stop()


def daemon(api: client.Client, started: forge.Forge) -> str:
    """Run BuildKit as a pod that has no right of root; return its address."""
    config = {"metadata": {"name": "buildkitd"}, "data": {"b.toml": started.configuration}}
    api.create(f"{DEFAULT}/configmaps", config)
    unconfined = {"type": "Unconfined"}
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": unconfined,
            "appArmorProfile": unconfined,
        },
        "containers": [
            {
                "name": "buildkitd",
                "image": forge.DAEMON,
                "imagePullPolicy": "Never",
                "args": [
                    "--config=/etc/buildkit/b.toml",
                    "--addr=tcp://0.0.0.0:1234",
                    "--oci-worker-no-process-sandbox",
                ],
                "readinessProbe": {"tcpSocket": {"port": 1234}, "periodSeconds": 1},
                "volumeMounts": [
                    {"name": "state", "mountPath": "/home/user/.local/share/buildkit"},
                    {"name": "config", "mountPath": "/etc/buildkit"},
                ],
            }
        ],
        "volumes": [
            {"name": "state", "emptyDir": {}},
            {"name": "config", "configMap": {"name": "buildkitd"}},
        ],
    }
    api.create(f"{DEFAULT}/pods", {"metadata": {"name": "buildkitd"}, "spec": spec})
    status: dict[str, Any] = {}

    def ready() -> bool:
        status.update(api.get(f"{DEFAULT}/pods/buildkitd")["status"])
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        return conditions.get("Ready") == "True"

    assert processes.wait_until(ready, PATIENCE), status
    return f"tcp://{status['podIP']}:1234"


def test_builds_without_root_from_a_guarded_repository_to_a_guarded_registry(
    real: cluster.Cluster, tmp_path: Path
) -> None:
    """A pod without a right of root builds a commit, and the node pulls it by its digest.

    Git and registry both ask for passwords; the build's steps are root in a namespace alone.
    """
    started = forge.start(real)
    source = repositories.create(real, "shop", password="hunter22")  # noqa: S106 - of this test
    made = source.commit({"web/Dockerfile": DOCKERFILE, "web/word": "ahoy\n"})
    address = daemon(real.client, started)
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(registry.login(started.guarded))
    (folder / "git").write_text("basic Z2l0Omh1bnRlcjIy")
    result = folder / "result.json"
    image = f"{started.guarded}/shop/web"
    argv = [
        str(binaries.ensure(binaries.BUILDKIT, real.say) / "buildctl"),
        f"--addr={address}",
        "build",
        "--frontend=dockerfile.v0",
        f"--opt=context={source.url}#{made}:web",
        f"--secret=id=GIT_AUTH_HEADER,src={folder / 'git'}",
        f"--output=type=image,name={image},push=true,push-by-digest=true",
        f"--metadata-file={result}",
    ]
    environment = {**os.environ, "DOCKER_CONFIG": str(folder)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    digest = json.loads(result.read_text())["containerimage.digest"]
    secret = {
        "metadata": {"name": "pull"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": registry.login(started.guarded)},
    }
    real.client.create(f"{DEFAULT}/secrets", secret)
    container = {"name": "c", "image": f"{image}@{digest}", "command": ["cat", "/word", "/who"]}
    spec = {
        "containers": [container],
        "restartPolicy": "Never",
        "imagePullSecrets": [{"name": "pull"}],
    }
    real.client.create(f"{DEFAULT}/pods", {"metadata": {"name": "web"}, "spec": spec})

    def ended() -> bool:
        return bool(real.client.get(f"{DEFAULT}/pods/web")["status"].get("phase") == "Succeeded")

    assert processes.wait_until(ended, PATIENCE), real.client.get(f"{DEFAULT}/pods/web")["status"]
    assert real.client.get(f"{DEFAULT}/pods/web/log") == "ahoy\n0\n"
