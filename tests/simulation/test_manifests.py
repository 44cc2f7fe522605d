"""Public StatefulSets, Deployments and charts, said as applications, and where each field went.

`manifests/` has a file for each: what people have (`source`), and the same said to Argosy.
The application comes up, and every field of the source is looked for in the world; a field that
Argosy refuses is named in `REFUSED`, and in `where-fields-go.md`. A field of which nobody says
where it went fails the test.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml

from controller.api import names
from controller.api.component import Component
from controller.api.resources import Resource
from fakes.api_server import Faults
from fakes.universe import Universe
from tests.simulation.answers import blocked

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

FILES = sorted((Path(__file__).parent / "manifests").glob("*.yaml"))
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "where-fields-go.md"
MADE = {"Service": Resource.SERVICES}
# Fields of the sources that cannot be said; the page names each.
REFUSED = {
    ("Fleet", "spec.scheduling"),
    ("Fleet", "spec.template.spec.ports"),
    ("Fleet", "spec.template.spec.health"),
    ("LeaderWorkerSet", "spec.leaderWorkerTemplate.size"),
    ("LeaderWorkerSet", "spec.leaderWorkerTemplate.restartPolicy"),
}
# Kinds whose template is a pod's, and the templates of all kinds, with the component of each; None
# is the component that has it.
PLAIN = ("StatefulSet", "Deployment")
TEMPLATES: dict[str, int | None] = {
    "spec.template.spec.template": 0,
    "spec.leaderWorkerTemplate.leaderTemplate": 0,
    "spec.leaderWorkerTemplate.workerTemplate": 1,
    "spec.template": None,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """One field of a source: where it stands, and what it says."""

    kind: str
    keys: tuple[str, ...]
    value: Any

    @property
    def path(self) -> str:
        """The keys with dots between them."""
        return ".".join(self.keys)

    def below(self, path: str) -> tuple[str, ...] | None:
        """Return the keys below a path; None where the field is elsewhere."""
        above = tuple(path.split("."))
        return self.keys[len(above) :] if self.keys[: len(above)] == above else None

    def refused(self) -> bool:
        """Return whether Argosy has no such field."""
        return any(self.kind == kind and self.below(path) is not None for kind, path in REFUSED)


class World(Universe):
    """A cluster to which the objects of one file are brought."""

    def __init__(self, file: Path) -> None:
        super().__init__(faults=Faults())
        read: Json = yaml.safe_load(file.read_text())
        self.source: list[Json] = read["source"]
        brought: list[Json] = read["argosy"]
        self.beside = [each for each in brought if each["kind"] != "Application"]
        self.application = next(each for each in brought if each["kind"] == "Application")
        self.application["metadata"]["namespace"] = "default"
        self.name: str = self.application["metadata"]["name"]

    async def come_up(self) -> None:
        """Make what is beside the application, apply that, and wait until all is Ready."""
        for each in self.beside:
            body = json.loads(json.dumps(each))
            body["metadata"]["namespace"] = "default"
            self.server.registry.create(MADE[each["kind"]], "default", body)
        await self.apply(self.application)
        await self.until(
            lambda: self.condition(Resource.APPLICATIONS, self.name).get("status") == "True"
        )
        await self.settle()

    def component(self, source: Json) -> Json:
        """Return the component that a StatefulSet or Deployment became: the one of its template."""
        parts: list[Json] = self.application["spec"]["components"]
        template = source["spec"].get("template")
        return next((each for each in parts if each["template"] == template), parts[0])

    def pods(self, component: str) -> list[Json]:
        """Return the pods of a component, by ordinal."""
        found = (self.get(Resource.PODS, each) for each in self.names(Resource.PODS))
        return [
            each for each in found if each["metadata"]["labels"][names.COMPONENT_LABEL] == component
        ]

    def selected(self, labels: Json) -> list[Json]:
        """Return the pods that have labels."""
        found = (self.get(Resource.PODS, each) for each in self.names(Resource.PODS))
        return [each for each in found if labels.items() <= each["metadata"]["labels"].items()]


def leaves(kind: str, value: Any, keys: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield each field of an object that says something."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from leaves(kind, each, (*keys, key))
    elif value is not None:
        yield Leaf(kind, keys, value)


def has(found: Any, keys: tuple[str, ...], value: Any) -> bool:
    """Return whether an object says just that at a path."""
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return bool(found == value)


def is_kept(world: World, source: Json, leaf: Leaf) -> bool:
    """Return whether the world has what one field of a source says."""
    if leaf.path in ("apiVersion", "kind"):
        return True
    if leaf.kind == "Service":
        return of_service(world, source, leaf)
    if leaf.kind == "PodDisruptionBudget":
        return of_budget(world, source, leaf)
    return of_set(world, source, leaf)


def of_service(world: World, source: Json, leaf: Leaf) -> bool:
    """A Service is as it was, or Argosy's own says the same and selects the same pods."""
    found = world.get(Resource.SERVICES, source["metadata"]["name"])
    if leaf.path.startswith("spec.selector"):
        ours = world.selected(found["spec"]["selector"])
        return bool(ours) and ours == world.selected(source["spec"]["selector"])
    if leaf.path == "spec.ports":
        return [plain(each) for each in found["spec"]["ports"]] == [plain(x) for x in leaf.value]
    return has(found, leaf.keys, leaf.value)


def plain(port: Json) -> Json:
    """Return a port of a Service without what is said by its absence, too."""
    return {"protocol": "TCP", "targetPort": port["port"], **port}


def of_budget(world: World, source: Json, leaf: Leaf) -> bool:
    """A budget is the component's own: it is kept for the same pods, and leaves as many."""
    (kept,) = world.server.objects[Resource.DISRUPTION_BUDGETS].values()
    wanted = world.selected(source["spec"]["selector"]["matchLabels"])
    ours = world.selected(kept["spec"]["selector"]["matchLabels"])
    if leaf.path == "spec.maxUnavailable":
        return bool(kept["spec"]["minAvailable"] == len(wanted) - leaf.value)
    return leaf.path.startswith("metadata.") or (bool(ours) and ours == wanted)


def of_set(world: World, source: Json, leaf: Leaf) -> bool:
    """A StatefulSet or the like is a component: pods, claims, policies, names."""
    for path, number in TEMPLATES.items():
        if (keys := leaf.below(path)) is not None and (number is not None or leaf.kind in PLAIN):
            parts = world.application["spec"]["components"]
            part = world.component(source) if number is None else parts[number]
            return of_template(world, part, keys, leaf.value)
    part = world.component(source)
    pods = world.pods(part["name"])
    if (keys := leaf.below("metadata.labels")) is not None:
        return has(world.application, leaf.keys, leaf.value)
    if (keys := leaf.below("spec.selector.matchLabels")) is not None:
        return all(has(each["metadata"]["labels"], keys, leaf.value) for each in pods)
    if (keys := leaf.below("spec.template.metadata")) is not None:
        # Of a game server: of its pod, here.
        return all(has(each["metadata"], keys, leaf.value) for each in pods)
    if leaf.path in FIELDS:
        return FIELDS[leaf.path](world, part, pods, leaf)
    return has(part.get("rollout", {}), leaf.keys[-1:], leaf.value)


def of_name(_: World, part: Json, pods: list[Json], leaf: Leaf) -> bool:
    """A StatefulSet's name is in the names of its pods; those of others have no names."""
    del part
    named = [f"{leaf.value}-{each}" for each in range(len(pods))]
    return leaf.kind != "StatefulSet" or named == [each["metadata"]["name"] for each in pods]


def of_replicas(world: World, part: Json, pods: list[Json], leaf: Leaf) -> bool:
    """As many pods, or as many of each component of a group."""
    del part, pods
    parts = world.application["spec"]["components"]
    return all(len(world.pods(each["name"])) == leaf.value for each in parts)


def of_service_name(world: World, part: Json, pods: list[Json], leaf: Leaf) -> bool:
    """It is in the names of pods in DNS."""
    del world, part
    return {each["spec"]["subdomain"] for each in pods} == {leaf.value}


def of_start(world: World, part: Json, pods: list[Json], leaf: Leaf) -> bool:
    """Servers start in the same way."""
    del world, pods
    said = {"OrderedReady": "Ordered", "Parallel": "Parallel"}[leaf.value]
    return bool(part.get("start", "Parallel") == said)


def of_strategy(world: World, part: Json, pods: list[Json], leaf: Leaf) -> bool:
    """So are they brought to another revision."""
    del world, pods
    return bool(part.get("rollout", {}).get("strategy", "RollingUpdate") == leaf.value)


def of_claims(world: World, part: Json, pods: list[Json], leaf: Leaf) -> bool:
    """Each pod has its own of each template."""
    del part
    return all(of_claim(world, pods, each) for each in leaf.value)


FIELDS: dict[str, Callable[[World, Json, list[Json], Leaf], bool]] = {
    "metadata.name": of_name,
    "spec.replicas": of_replicas,
    "spec.serviceName": of_service_name,
    "spec.podManagementPolicy": of_start,
    "spec.updateStrategy.type": of_strategy,
    "spec.strategy.type": of_strategy,
    "spec.volumeClaimTemplates": of_claims,
}


def of_template(world: World, part: Json, keys: tuple[str, ...], value: Any) -> bool:
    """What a template says is in every pod; volumes of claims are the pod's own."""
    claims = {each["name"] for each in part.get("volumeClaims", ())}
    pods = world.pods(part["name"])
    if keys == ("spec", "volumes"):
        value = [each for each in value if each["name"] not in claims]
        return all(
            [each for each in pod["spec"]["volumes"] if each["name"] not in claims] == value
            for pod in pods
        )
    return bool(pods) and all(has(pod, keys, value) for pod in pods)


def of_claim(world: World, pods: list[Json], template: Json) -> bool:
    """Each pod has a claim of its own, with the spec, labels and annotations of the template."""
    meta = template["metadata"]
    for pod in pods:
        name = f"{meta['name']}-{pod['metadata']['name']}"
        claim = world.get(Resource.CLAIMS, name)
        mine = {"name": meta["name"], "persistentVolumeClaim": {"claimName": name}}
        if claim["spec"] != template["spec"] or mine not in pod["spec"]["volumes"]:
            return False
        for kind in ("labels", "annotations"):
            if not meta.get(kind, {}).items() <= claim["metadata"].get(kind, {}).items():
                return False
    return bool(pods)


def test_all_thirteen_are_there() -> None:
    """None has been lost: an empty folder would let the tests below pass."""
    assert [int(each.name[:2]) for each in FILES] == list(range(51, 64))


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.stem)
async def test_everything_that_a_source_says_is_kept(file: Path) -> None:
    """The application comes up as it stands, and has each field of the source, or refuses it."""
    async with World(file) as world:
        await world.come_up()
        assert blocked(world, Resource.APPLICATIONS, world.name) == []
        lost = [
            f"{source['kind']}/{source['metadata']['name']}: {leaf.path}"
            for source in world.source
            for leaf in leaves(source["kind"], source)
            if not leaf.refused() and not is_kept(world, source, leaf)
        ]
        assert lost == []


@pytest.mark.parametrize(("kind", "path"), sorted(REFUSED))
def test_what_cannot_be_said_is_refused_aloud_and_documented(kind: str, path: str) -> None:
    """A component takes no field of that name, and the page says what there is instead."""
    field = path.rpartition(".")[2]
    written = {"name": "web", "template": {"spec": {"containers": [{"name": "a"}]}}}
    Component.model_validate(written)
    with pytest.raises(pydantic.ValidationError, match="Extra inputs are not permitted"):
        Component.model_validate({**written, field: "x"})
    assert f"`{path}`" in PAGE.read_text()
    assert any(
        leaf.kind == kind and leaf.below(path) is not None
        for file in FILES
        for source in yaml.safe_load(file.read_text())["source"]
        for leaf in leaves(source["kind"], source)
    )


def test_the_page_names_each_field_of_the_sources() -> None:
    """Who looks for a field of a StatefulSet, a Deployment or a Service finds where it goes."""
    page = PAGE.read_text()
    listed = set(re.findall(r"`([a-z][A-Za-z.\[\]]+)`", page))
    for file in FILES:
        for source in yaml.safe_load(file.read_text())["source"]:
            for leaf in leaves(source["kind"], source):
                ways = {".".join(leaf.keys[:end]) for end in range(1, len(leaf.keys) + 1)}
                assert ways & listed or leaf.path in ("apiVersion", "kind"), leaf
