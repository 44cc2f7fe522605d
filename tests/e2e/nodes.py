"""Fake nodes that take the pods of one test alone."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

from controller.api import names, resources
from controller.api.resources import Resource
from controller.providers.pod import placement
from devcluster import client, kwok
from tests.e2e.driving import App, Kube, Place


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


@contextlib.contextmanager
def zoned(place: Place, kube: Kube, count: int, zones: int) -> Iterator[tuple[str, list[str]]]:
    """Give nodes in so many zones, and a fleet of the label's name that has these for its domains.

    The application shop goes at the end, as its fleet must outlive it.
    """
    with made(place, count, zones) as (label, every):
        kind = resources.PLACES[Resource.FLEETS]
        fleet = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": label},
            "spec": {"provider": "pod", "failureDomains": domains(label, zones)},
        }
        place.api.create(resources.path(Resource.FLEETS), fleet)
        yield label, every
        kube.delete(Resource.APPLICATIONS, "shop")
        kube.remove_fleet(label)


def domains(label: str, zones: int, *, evacuating: int | None = None) -> list[dict[str, str]]:
    """Return the zones as a fleet names its failure domains, one of them to be emptied."""
    return [
        {"name": zone(label, each), "state": "Evacuating" if each == evacuating else "Active"}
        for each in range(zones)
    ]


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
