"""Fake nodes, whose pods are played by kwok after the stages in `stages/`; `cluster` starts it.

The stages are ours for pods (they must know container ids, observed generations, changes in
place, and failures on demand) and kwok's own for nodes and volumes.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from devcluster import controlplane

NAME = "kwok"
STAGES = Path(__file__).parent / "stages"
ANNOTATION = "kwok.x-k8s.io/node"
# Generous: thousands of servers on a few nodes.
CAPACITY = {"cpu": "1k", "memory": "4Ti", "ephemeral-storage": "100Ti", "pods": "5k"}
ZONES = ("zone-a", "zone-b", "zone-c")
VOLUMES = "/tmp/kwok-local-path-provisioner"  # noqa: S108  as kwok's stage has it
POD_RANGE = "10.64.0.1/12"
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "kwok-volume",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "kwok.x-k8s.io/volume",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}
OPTIONS = {
    "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
    "kind": "KwokConfiguration",
    # Its defaults of four would make kwok, not what is measured, the slow part.
    "options": {"podPlayStageParallelism": 16, "nodePlayStageParallelism": 8},
}


def command(plan: controlplane.Plan, binaries: Path) -> list[str]:
    """Return kwok's command line; its stages are written into the cluster's folder."""
    config = plan.folder / "kwok.yaml"
    config.write_text(
        yaml.safe_dump_all([OPTIONS, *stages(binaries, plan.folder)], sort_keys=False)
    )
    user = plan.user_config("kwok", "devcluster:kwok", ["system:masters"])
    return [
        str(binaries / NAME),
        f"--kubeconfig={user}",
        f"--config={config}",
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={ANNOTATION}=fake",
        f"--cidr={POD_RANGE}",
        "--node-ip=127.0.0.1",
        f"--server-address=127.0.0.1:{plan.ports[NAME]}",
        *plan.settings.flags.get(NAME, ()),
    ]


def stages(binaries: Path, folder: Path) -> Iterator[Any]:
    """Yield every stage: kwok's for nodes and volumes, ours for pods with their parts put in."""
    for path in sorted(binaries.glob("*.yaml")):
        # A real node's pods write into such volumes: they belong into the cluster's folder.
        yield yaml.safe_load(path.read_text().replace(VOLUMES, f"{folder}/volumes"))
    for stage in yaml.safe_load_all((STAGES / "pods.yaml").read_text()):
        yield _completed(stage)


def _completed(value: Any) -> Any:
    """Replace `@file@` in every string of a stage by the file of that name."""
    if isinstance(value, dict):
        return {key: _completed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_completed(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"@([\w.]+)@", lambda match: (STAGES / match[1]).read_text(), value)
    return value


def node(number: int) -> dict[str, Any]:
    """Return the nth fake node; zones are dealt out in turn."""
    name = f"fake-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {ANNOTATION: "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": "local",
                "topology.kubernetes.io/zone": ZONES[number % len(ZONES)],
                "type": "kwok",
            },
        },
        "status": {"capacity": CAPACITY, "allocatable": CAPACITY},
    }
