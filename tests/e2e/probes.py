"""Whether an API server knows yet what was just written: admission follows it by a cache."""

from __future__ import annotations

from typing import Any

from devcluster import client, processes

# By seconds, on a busy machine.
PATIENCE_SECONDS = 300
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def pod_refusal(api: client.Client, namespace: str, **spec: Any) -> str:
    """Return why a pod would be refused now, or nothing; none is made."""
    containers = [{"name": "main", "image": "example.com/probe"}]
    body = {
        "metadata": {"generateName": "probe-"},
        "spec": {"containers": containers, **spec},
    }
    try:
        api.create(f"/api/v1/namespaces/{namespace}/pods?dryRun=All", body)
    except client.ApiError as error:
        return str(error)
    return ""


def restrict(api: client.Client, namespace: str) -> None:
    """Have a namespace take restricted pods only; return once that is so."""
    api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    wait_for_refusal(api, namespace, "PodSecurity", hostNetwork=True)


def wait_for_refusal(api: client.Client, namespace: str, words: str, **spec: Any) -> None:
    """Return once such a pod is refused in these words."""
    known = processes.wait_until(
        lambda: words in pod_refusal(api, namespace, **spec), PATIENCE_SECONDS
    )
    assert known, f"no pod is refused with {words!r} in {namespace}"
