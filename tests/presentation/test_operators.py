"""Which operators are installed."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from controller.presentation import operators
from fakes.universe import Universe

pytestmark = pytest.mark.looptime


def deployment(component: str, version: str) -> dict[str, Any]:
    """Return a Deployment of the chart."""
    labels = {"app.kubernetes.io/part-of": "argosy", "app.kubernetes.io/component": component}
    labels |= {"app.kubernetes.io/version": version} if version else {}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [{"name": component, "image": f"registry.example.com/argosy:{version}"}]
        },
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": component, "labels": labels}, "spec": spec}


async def test_each_operator_is_found_and_nothing_else() -> None:
    """By what the chart calls it, in whatever namespace; its dashboard is no operator."""
    async with Universe() as universe:
        for namespace, body in (
            ("default", deployment("operator", "1.2.3")),
            ("default", deployment("dashboard", "1.2.3")),
        ):
            await universe.server.create(Resource.DEPLOYMENTS, namespace, body)
        (found,) = await operators.read(universe.server)
        assert (found.namespace, found.name, found.version) == ("default", "operator", "1.2.3")
        assert (found.ready, found.replicas) == (0, 0)
