"""Fake nodes that take the pods of one test alone."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

from controller.api import names
from controller.providers.pod import placement
from devcluster import client, kwok
from tests.e2e.driving import App, Place


@contextlib.contextmanager
def made(place: Place, count: int, zones: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Give so many nodes, and the label that selects them; those that are left go at the end.

    They are dealt out to so many `zones` of their own, each named as `zone` says.
    """
    label = f"test-{secrets.token_hex(4)}"
    every = [f"{label}-{number}" for number in range(count)]
    for number, name in enumerate(every):
        node = kwok.node(0)
        node["metadata"]["name"] = name
        node["metadata"]["labels"] |= {"kubernetes.io/hostname": name, "owner": label}
        if zones:
            node["metadata"]["labels"][placement.ZONE] = zone(label, number % zones)
        node["spec"] = {"taints": [{"key": "owner", "value": label, "effect": "NoSchedule"}]}
        place.api.create("/api/v1/nodes", node)
    yield label, every
    for name in every:
        try:
            place.api.delete(f"/api/v1/nodes/{name}")
        except client.ApiError as error:
            if error.status != client.NOT_FOUND:
                raise


def zone(label: str, number: int) -> str:
    """Return the name of one of the zones in which a test has its nodes."""
    return f"{label}-zone-{number}"


def settle_on(app: App, label: str) -> None:
    """Have the application's servers spread over those nodes, and wait until they are up."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {names.APPLICATION_LABEL: "shop"}},
    }
    app.component()["template"]["spec"] |= {
        "nodeSelector": {"owner": label},
        "tolerations": [{"key": "owner", "operator": "Exists"}],
        "topologySpreadConstraints": [spread],
    }
    app.apply()
    app.wait_ready()
