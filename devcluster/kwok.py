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
USER = "devcluster:kwok"
_POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


def _guard(
    name: str, *, operation: str, resource: str, holds: str, message: str
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the policy, and its binding, that keeps kwok from what must not be done by name.

    A kubelet says which object it means; kwok says a name, at times twice, and late.
    """
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": [operation],
        "resources": [resource],
    }
    by_kwok = {"name": "by-kwok", "expression": f"request.userInfo.username == '{USER}'"}
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [by_kwok],
        "validations": [{"expression": holds, "message": message}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return (
        (_POLICIES, {**head, "kind": "ValidatingAdmissionPolicy", "spec": policy}),
        (_BINDINGS, {**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding}),
    )


# What it needs in the cluster, by collection, beside its nodes.
OBJECTS = (
    ("/apis/storage.k8s.io/v1/storageclasses", STORAGE_CLASS),
    *_guard(
        "devcluster-kwok",
        operation="DELETE",
        resource="pods",
        holds="has(oldObject.metadata.deletionTimestamp)",
        message="a fake node must end only pods that were asked to go",
    ),
    *_guard(
        "devcluster-kwok-claims",
        operation="UPDATE",
        resource="persistentvolumeclaims",
        holds="object.spec.?volumeName.orValue('') in ['', 'pvc-' + string(object.metadata.uid)]",
        message="a claim that was made anew must not get the volume of the one before it",
    ),
)
OPTIONS: dict[str, Any] = {
    "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
    "kind": "KwokConfiguration",
    # Given a file, kwok takes no defaults of its own; without Leases its nodes look lost.
    "options": {
        "nodeLeaseDurationSeconds": 40,
        "nodeLeaseParallelism": 8,
        "nodePlayStageParallelism": 8,
        "podsOnNodeSyncParallelism": 4,
        "enablePodsOnNodeSyncListPager": True,
        # Four workers would make kwok, not what is measured, the slow part.
        "podPlayStageParallelism": 16,
    },
}


def command(plan: controlplane.Plan, binaries: Path) -> list[str]:
    """Return kwok's command line; its stages are written into the cluster's folder."""
    config = plan.folder / "kwok.yaml"
    options = {**OPTIONS["options"], "enableDebuggingHandlers": plan.settings.local_exec}
    documents = [{**OPTIONS, "options": options}, *stages(binaries, plan.folder)]
    documents += [_local_exec(plan), _logs(plan)] if plan.settings.local_exec else []
    config.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    user = plan.user_config(NAME, USER, ["system:masters"])
    return [
        str(binaries / NAME),
        f"--kubeconfig={user}",
        f"--config={config}",
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={ANNOTATION}=fake",
        f"--cidr={POD_RANGE}",
        "--node-ip=127.0.0.1",
        f"--server-address=127.0.0.1:{plan.ports[NAME]}",
        *(_kubelet_flags(plan) if plan.settings.local_exec else ()),
        *plan.settings.flags.get(NAME, ()),
    ]


def _local_exec(plan: controlplane.Plan) -> dict[str, Any]:
    """Let `exec` in any fake pod be a command of this machine, in a folder of the cluster's."""
    folder = plan.folder / "exec"
    folder.mkdir(exist_ok=True)
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterExec",
        "metadata": {"name": "local"},
        "spec": {"execs": [{"local": {"workDir": str(folder)}}]},
    }


def _logs(plan: controlplane.Plan) -> dict[str, Any]:
    """Let the log of every fake pod be one file, in the format that kubelets read."""
    file = log_file(plan.folder)
    file.touch()
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "local"},
        "spec": {"logs": [{"logsFile": str(file), "follow": True}]},
    }


def log_file(folder: Path) -> Path:
    """Return the file that holds what the fake pods of the cluster in `folder` print."""
    return folder / "exec" / "log"


def _kubelet_flags(plan: controlplane.Plan) -> list[str]:
    """Make kwok the kubelet that the API server asks, under a certificate it trusts."""
    pair = plan.authority().issue("kwok-serving", common_name=NAME, hosts=["127.0.0.1"])
    return [
        f"--node-port={plan.ports[NAME]}",
        f"--tls-cert-file={pair.certificate}",
        f"--tls-private-key-file={pair.key}",
    ]


def stages(binaries: Path, folder: Path) -> Iterator[Any]:
    """Yield every stage: kwok's for nodes and volumes, ours for pods with their parts put in."""
    for path in sorted(binaries.glob("*.yaml")):
        # A real node's pods write into such volumes: they belong into the cluster's folder.
        yield _guarded(yaml.safe_load(path.read_text().replace(VOLUMES, f"{folder}/volumes")))
    for stage in yaml.safe_load_all((STAGES / "pods.yaml").read_text()):
        yield _completed(stage)


def _guarded(stage: dict[str, Any]) -> dict[str, Any]:
    """Have what a stage does to an object's metadata name its UID.

    kwok patches by name and may come late: it would bind a claim made anew to the old one's volume.
    """
    for step in stage["spec"].get("steps", ()):
        patch = step.get("patch", {})
        if patch.get("root") == "metadata":
            patch["template"] = f"uid: {{{{ .metadata.uid | Quote }}}}\n{patch['template']}"
    return stage


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
