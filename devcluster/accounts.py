"""Accounts of few rights in a cluster: what tests and benchmarks act as, as people do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devcluster import client, cluster

HOUR = 3600


def account(
    owner: cluster.Cluster,
    namespace: str,
    name: str,
    *rules: dict[str, Any],
    folder: Path,
    seconds: int = HOUR,
) -> Path:
    """Return the kubeconfig of a ServiceAccount with these rules in a namespace, and no others.

    It is `folder`/`name`, and its token is good for so many seconds.
    """
    api, meta = owner.client, {"name": name, "namespace": namespace}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.create(accounts, {"metadata": meta})
    api.create(f"{rbac}/roles", {"metadata": meta, "rules": [*rules]})
    bound = {
        "metadata": meta,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", **meta}],
    }
    api.create(f"{rbac}/rolebindings", bound)
    given = api.create(f"{accounts}/{name}/token", {"spec": {"expirationSeconds": seconds}})
    return client.kubeconfig(
        folder / name,
        server=api.server,
        authority=owner.dir / "pki" / "ca.crt",
        user={"token": given["status"]["token"]},
    )
