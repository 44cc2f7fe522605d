"""The Jobs of a Build: one for each attempt of each phase, without any privilege.

Called by the Build planner. All are valid under the restricted pod security profile. Credentials
are mounted by name, so the operator never reads a Secret; no Job has a ServiceAccount's token. Each
text that people wrote reaches a program as one argument, never a shell, and Kubernetes expands
nothing in it. Pods of Builds are of an application, and of no component: so no Service, autoscaler
or PodDisruptionBudget takes them for servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kinds.build import phases
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import ownership
from controller.planning.plan import Manifest

PROGRAM = "argosy-forge"
# Where the program looks for credentials.
GIT, PUSH, DAEMON = "/credentials/git", "/credentials/push", "/credentials/daemon"
USER = 65532
_SAFE: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
_MOST_SCRATCH = "256Mi"
_RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}


def manifest(snapshot: BuildSnapshot, phase: objects.BuildPhase) -> Manifest:
    """Return the Job of the latest attempt of a phase."""
    build, source = snapshot.build, snapshot.build.spec.source
    bodies = {phases.RESOLVE: _resolve, phases.BUILD: _build, phases.TEST: _test}
    container, volumes = bodies[phase.name](snapshot)
    pull = source.push_secret_ref if phase.name == phases.TEST else None
    labels = labels_of(build)
    return {
        **ownership.kind_of(Resource.JOBS),
        "metadata": {
            "name": phase.job,
            "namespace": build.metadata.namespace,
            "labels": labels,
            "ownerReferences": [ownership.owner_reference(Resource.BUILDS, build)],
        },
        "spec": {
            # Attempts are the Build's to count.
            "backoffLimit": 0,
            "activeDeadlineSeconds": phases.seconds(build, phase.name),
            "template": {
                "metadata": {"labels": {**labels, **_bucket(build)}},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": source.service_account_name,
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "fsGroup": USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    **({"imagePullSecrets": [{"name": pull.name}]} if pull else {}),
                    "containers": [{"name": phase.name, **container}],
                    **({"volumes": volumes} if volumes else {}),
                },
            },
        },
    }


def labels_of(build: objects.Build) -> dict[str, str]:
    """Return the labels of a Build's Jobs and pods: of no component, for they are no servers."""
    return {
        names.APPLICATION_LABEL: build.spec.application,
        names.BUILD_LABEL: build.metadata.name,
        names.MANAGED_BY: "argosy",
    }


def _bucket(build: objects.Build) -> dict[str, str]:
    """Return the label of the part of the work that a pod is in; Jobs are watched in one."""
    return names.bucket_label(build.metadata.namespace, build.spec.application)


def _resolve(snapshot: BuildSnapshot) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    git = snapshot.build.spec.source.git
    command = [PROGRAM, "resolve", *_options(url=git.url, ref=git.ref)]
    return _ours(snapshot, command, {GIT: git.secret_ref})


def _build(snapshot: BuildSnapshot) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    build, builder = snapshot.build, snapshot.builder
    source = build.spec.source
    command = [
        PROGRAM,
        "build",
        *_options(
            url=source.git.url,
            commit=build.status.commit,
            path=source.git.path,
            dockerfile=source.dockerfile,
        ),
        *(_option("argument", f"{key}={value}") for key, value in sorted(source.arguments.items())),
        *_options(image=source.image, cache=source.cache, daemon=builder.address),
    ]
    client = builder.client_secret
    secrets = {
        GIT: source.git.secret_ref,
        PUSH: source.push_secret_ref,
        DAEMON: objects.SecretReference(name=client) if client else None,
    }
    return _ours(snapshot, command, secrets)


def _test(snapshot: BuildSnapshot) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    build = snapshot.build
    test = build.spec.source.test
    container = {
        "image": f"{build.spec.source.image}@{build.status.digest}",
        # As in a pod of the user's own: Kubernetes expands what the user wrote.
        "command": list(test.command) if test is not None else [],
        "securityContext": dict(_SAFE),
        # A test prints for people: its last lines are its word.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return container, []


def _ours(
    snapshot: BuildSnapshot,
    command: list[str],
    secrets: Mapping[str, objects.SecretReference | None],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a container of the program's image, with the Secrets that it is to find."""
    volumes: list[dict[str, Any]] = [
        # A server of git may answer without end.
        {"name": "work", "emptyDir": {"sizeLimit": _MOST_SCRATCH}}
    ]
    mounts: list[dict[str, Any]] = [{"name": "work", "mountPath": "/tmp"}]  # noqa: S108 - its own
    for path, secret in secrets.items():
        if secret is None:
            continue
        name = path.rpartition("/")[2]
        volumes.append({"name": name, "secret": {"secretName": secret.name, "defaultMode": 0o440}})
        mounts.append({"name": name, "mountPath": path, "readOnly": True})
    container = {
        "image": snapshot.builder.image,
        "command": command,
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - its own
        "securityContext": {**_SAFE, "readOnlyRootFilesystem": True},
        "resources": dict(_RESOURCES),
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }
    return container, volumes


def _options(**given: str) -> list[str]:
    return [_option(name, value) for name, value in given.items()]


def _option(name: str, value: str) -> str:
    """Return an option as one argument: whatever the value is, it is no option of its own."""
    return f"--{name}={value}".replace("$(", "$$(")
