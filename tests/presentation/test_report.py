"""What a support bundle has of the operator itself."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults
from controller.presentation import operators, report
from controller.reasons import ForeignReason
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

SECRET = "hunter2Hunter2"  # noqa: S105 - what must not be found again
LABELS = dict(each.split("=") for each in operators.SELECTOR.split(","))


class Cluster:
    """The API server in memory, whose pods have logged something."""

    def __init__(self, universe: Universe) -> None:
        self._server = universe.server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    async def raw(self, _path: str, _query: str = "") -> bytes:
        """Return no Leases and no version."""
        return json.dumps({"items": []}).encode()

    async def logs(
        self, namespace: str, pod: str, *, tail_lines: int, previous: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield what the operator said; before that there was no process."""
        assert tail_lines == report.MOST_LINES
        if previous:
            raise faults.Refused(
                "previous terminated container not found", reason=ForeignReason("BadRequest")
            )
        yield f'{{"event": "leading", "pod": "{namespace}/{pod}"}}\n'.encode()
        yield f'{{"event": "call failed", "why": "GET http://x?token={SECRET}"}}\n'.encode()


async def test_the_bundle_has_the_operators_own_deployment_and_logs() -> None:
    """How it is installed and what it said, of all its pods, without credentials."""
    container = {
        "name": "operator",
        "image": "argosy:1",
        "args": ["run", "--log-level=info", f"--allowed-url=https://hooks/{SECRET}"],
        "env": [{"name": "HTTPS_PROXY", "value": f"http://u:{SECRET}@proxy"}],
    }
    pod = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "argosy", "labels": LABELS},
        "spec": {"replicas": 2, "template": pod},
    }
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        await universe.server.create(Resource.DEPLOYMENTS, "argosy-system", deployment)
        for name in ("argosy-1", "argosy-2"):
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                **pod,
                "metadata": {"name": name, "labels": LABELS},
            }
            await universe.server.create(Resource.PODS, "argosy-system", body)
        api: Any = Cluster(universe)
        parts = {name: str(part) async for name, part in report.parts(api, "default", "shop", 0)}
    assert "--log-level=info" in parts["operator/deployments.yaml"]
    assert "name: argosy-2" in parts["operator/pods.yaml"]
    for name in ("argosy-1", "argosy-2"):
        log = parts[f"operator/argosy-system-{name}.log"]
        assert "leading" in log
        assert "call failed" in log
    assert not [name for name in parts if name.endswith("-previous.log")]
    assert "HTTPS_PROXY" in parts["operator/deployments.yaml"]
    assert [name for name, text in parts.items() if SECRET in text] == []


async def test_what_of_the_operator_may_not_be_read_is_said() -> None:
    """A person of one namespace gets the rest of the bundle, and an error in its place."""
    async with Universe() as universe:

        class Forbidding(Cluster):
            async def list(self, resource: Resource, namespace: str, **options: Any) -> bytes:
                if not namespace and resource in (Resource.DEPLOYMENTS, Resource.PODS):
                    raise faults.Forbidden("you may not", reason=Reason.FORBIDDEN)
                return bytes(await universe.server.list(resource, namespace, **options))

        api: Any = Forbidding(universe)
        parts = {name: part async for name, part in report.parts(api, "default", "", 0)}
    assert parts["operator/deployments.error.txt"] == "you may not\n"
    assert parts["operator/pods.error.txt"] == "you may not\n"
    assert "applications.yaml" in parts
