"""The application of the examples, on pods and on virtual machines of a cloud."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cloud.conftest import World

EXAMPLES = Path(__file__).parents[2] / "examples"
ON_PODS, ON_MACHINES = EXAMPLES / "shop.yaml", EXAMPLES / "shop-on-openstack.yaml"


def read(path: Path) -> dict[str, Any]:
    """Return an example of one document."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def bare(application: dict[str, Any]) -> dict[str, Any]:
    """Return an application without what says where its servers come from, and of what."""
    left = copy.deepcopy(application)
    left["spec"].pop("fleet", None)
    for each in left["spec"]["components"]:
        del each["template"]
    return left


def test_the_shop_differs_by_fleet_and_templates_alone() -> None:
    """Whoever moves from pods to a cloud keeps all else of an application."""
    on_pods, on_machines = read(ON_PODS), read(ON_MACHINES)
    assert bare(on_pods) == bare(on_machines)
    assert on_pods != on_machines


@pytest.mark.cloud
@pytest.mark.parametrize("path", [ON_PODS, ON_MACHINES], ids=["pods", "openstack"])
def test_the_shop_comes_up_and_goes(world: World, path: Path) -> None:
    """All thirteen are Ready, the web servers after the database, and nothing is left of them."""
    wanted = read(path)
    world.create(wanted)
    world.wait_ready("shop", 13)
    world.wait_application("shop")
    made = {each["metadata"]["name"]: each for each in world.servers("shop")}
    assert sorted(made) == sorted(
        f"shop-{component['name']}-{ordinal}"
        for component in wanted["spec"]["components"]
        for ordinal in range(component["replicas"])
    )
    born = {name: each["metadata"]["creationTimestamp"] for name, each in made.items()}
    first_web = min(each for name, each in born.items() if name.startswith("shop-web-"))
    assert all(each <= first_web for name, each in born.items() if name.startswith("shop-db-"))
    on_cloud = len(world.made("shop"))
    assert on_cloud == (13 if path == ON_MACHINES else 0)
    world.delete("shop")
