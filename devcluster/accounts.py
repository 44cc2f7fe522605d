"""Accounts of few rights in a cluster: what tests and benchmarks act as, as people do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from devcluster import client, cluster, errors, processes

HOUR = 3600
GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
# API servers judge by a cache that follows what is written: by seconds, on a busy machine.
PATIENCE_SECONDS = 180
Rule = Mapping[str, Any]


def account(
    owner: cluster.Cluster,
    namespace: str,
    name: str,
    *rules: Rule,
    folder: Path,
    everywhere: Sequence[Rule] = (),
    role: str = "",
    seconds: int = HOUR,
) -> Path:
    """Return the kubeconfig of a new ServiceAccount with these rights, and no others.

    `rules` and the ClusterRole `role` hold in its namespace, `everywhere` in the whole cluster; all
    of them hold when this returns. The file is `folder`/`name`, and its token is good for so many
    seconds.

    Raises:
        DevclusterError: The API server does not grant the rights.
    """
    api = owner.client
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.create(accounts, {"metadata": {"name": name}})
    if rules:
        grant(api, namespace, name, *rules)
    if everywhere:
        grant(api, namespace, name, *everywhere, everywhere=True)
    if role:
        bind(api, namespace, name, role)
    given = api.create(f"{accounts}/{name}/token", {"spec": {"expirationSeconds": seconds}})
    return client.kubeconfig(
        folder / name,
        server=api.server,
        authority=owner.dir / "pki" / "ca.crt",
        user={"token": given["status"]["token"]},
    )


def grant(
    api: client.Client, namespace: str, name: str, *rules: Rule, everywhere: bool = False
) -> None:
    """Give a ServiceAccount these rules, in its namespace or everywhere; return once they hold.

    Raises:
        DevclusterError: The API server does not grant them.
    """
    space = "" if everywhere else namespace
    role = f"{namespace}-{name}" if everywhere else name
    kind = "ClusterRole" if everywhere else "Role"
    body = {"metadata": {"name": role}, "rules": [*rules]}
    api.create(f"{_place(space)}/{kind.lower()}s", body)
    _bind(api, space, {"kind": kind, "name": role}, namespace, name)
    _wait(api, space, f"system:serviceaccount:{namespace}:{name}", rules)


def bind(api: client.Client, namespace: str, name: str, role: str) -> None:
    """Give a ServiceAccount a ClusterRole in its namespace; return once all of the role holds.

    Raises:
        DevclusterError: The API server does not grant it.
    """
    _bind(api, namespace, {"kind": "ClusterRole", "name": role}, namespace, name)
    rules = api.get(f"{RBAC}/clusterroles/{role}")["rules"]
    _wait(api, namespace, f"system:serviceaccount:{namespace}:{name}", rules)


def wait_for_release(
    api: client.Client, manifest: Sequence[Mapping[str, Any]], namespace: str, name: str
) -> None:
    """Return once a ServiceAccount has all that the objects of a release bind to it.

    Raises:
        DevclusterError: The API server does not grant it.
    """
    user = f"system:serviceaccount:{namespace}:{name}"
    roles = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each[
            "rules"
        ]
        for each in manifest
        if each["kind"] in ("Role", "ClusterRole")
    }
    for bound in manifest:
        if name in [each["name"] for each in bound.get("subjects", ())]:
            space = bound["metadata"].get("namespace", "")
            kind, role = bound["roleRef"]["kind"], bound["roleRef"]["name"]
            # What is bound of others' roles, the cluster has had for long.
            known = roles.get((kind, space if kind == "Role" else "", role), ())
            _wait(api, space, user, known)


def _place(namespace: str) -> str:
    return f"{RBAC}/namespaces/{namespace}" if namespace else RBAC


def _bind(
    api: client.Client, space: str, role: Mapping[str, str], namespace: str, name: str
) -> None:
    body = {
        "metadata": {"name": f"{name}-{role['name']}"},
        "roleRef": {"apiGroup": GROUP, **role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    api.create(f"{_place(space)}/{'role' if space else 'clusterrole'}bindings", body)


def _wait(api: client.Client, space: str, user: str, rules: Iterable[Rule]) -> None:
    """Return once a user has these rules; a rule is known as a whole, so one verb of it tells."""
    for rule in rules:
        asked = {"spec": {"user": user, **_attributes(rule, space)}}

        def granted(asked: Mapping[str, Any] = asked) -> bool:
            return bool(api.create(REVIEWS, asked)["status"]["allowed"])

        if not processes.wait_until(granted, PATIENCE_SECONDS):
            raise errors.DevclusterError(f"{user} is not granted {rule}")


def _attributes(rule: Rule, space: str) -> dict[str, Any]:
    verb = rule["verbs"][0]
    if "nonResourceURLs" in rule:
        return {"nonResourceAttributes": {"verb": verb, "path": rule["nonResourceURLs"][0]}}
    resource, _, sub = rule["resources"][0].partition("/")
    names = rule.get("resourceNames") or [""]
    return {
        "resourceAttributes": {
            "verb": verb,
            "group": rule["apiGroups"][0],
            "resource": resource,
            "subresource": sub,
            "name": names[0],
            "namespace": space,
        }
    }
