"""`kubectl argosy import` of thirteen public manifests: each field is carried, or told aloud.

The sources are those of `test_manifests`, where people translated them. Here the command does, and
what it writes and says is all that is looked at: of every field of a StatefulSet or Deployment, and
of every Service and budget beside it, somebody who reads the dry run must learn where it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api.resources import Resource
from controller.cli.commands.import_ import KINDS
from controller.cli.drawing import handover as drawing
from controller.handover.imports import IMPORTS
from controller.presentation import surroundings, translation
from controller.presentation.translation import Translation
from fakes.universe import Universe
from tests.simulation.test_handover import handover
from tests.simulation.test_manifests import FILES, PLAIN, Leaf, has, leaves

pytestmark = pytest.mark.looptime
Json = dict[str, Any]
RESOURCES = {
    "StatefulSet": Resource.STATEFULSETS,
    "Deployment": Resource.DEPLOYMENTS,
    "Service": Resource.SERVICES,
    "PodDisruptionBudget": Resource.DISRUPTION_BUDGETS,
}
START = {"Ordered": "OrderedReady", "Parallel": "Parallel"}


def sources(file: Path) -> list[Json]:
    """Return what people have."""
    found: list[Json] = yaml.safe_load(file.read_text())["source"]
    return found


def workloads() -> Iterator[tuple[Path, str, str]]:
    """Yield each StatefulSet and Deployment of the files."""
    for file in FILES:
        for each in sources(file):
            if each["kind"] in PLAIN:
                yield file, each["kind"], each["metadata"]["name"]


async def imported(file: Path, kind: str, name: str) -> tuple[Translation, list[str]]:
    """Return what the command would write, and all that its dry run says."""
    async with Universe() as universe:
        universe.server.registry.storage.listeners.clear()  # nobody makes pods of it
        for each in sources(file):
            body = {**each, "metadata": {**each["metadata"], "namespace": "default"}}
            universe.server.registry.create(RESOURCES[each["kind"]], "default", body)
        # A name that fits no component is in the way, told, and all else is told beside it.
        told = await IMPORTS[kind.lower()].preview(handover(universe), name, "")
        return told, list(drawing.lines(told))


def of_name(leaf: Leaf, body: Json, said: str) -> bool:
    """The component's servers have it in their names, or it is told that they cannot."""
    part = body["spec"]["components"][0]
    adopted = part.get("adopt", {}).get("name") or f"{body['metadata']['name']}-{part['name']}"
    return bool(adopted == leaf.value) or f"the name {leaf.value} does not fit" in said


def of_replicas(leaf: Leaf, body: Json, said: str) -> bool:
    """As many, or none at first where the dry run says that they come step by step."""
    part = body["spec"]["components"][0]
    return bool(part["replicas"] == leaf.value) or "replicas rises step by step" in said


def of_service_name(leaf: Leaf, body: Json, said: str) -> bool:
    """Servers have it in their names in DNS, where it is not the usual one."""
    part = body["spec"]["components"][0]
    usual = f"{body['metadata']['name']}-{part['name']}"
    named = part.get("service", {}).get("name", usual)
    return bool(named == leaf.value) or f"the name {leaf.value} does not fit" in said


def of_start(leaf: Leaf, body: Json, said: str) -> bool:
    """Servers start in the same way."""
    del said
    return bool(START[body["spec"]["components"][0].get("start", "Parallel")] == leaf.value)


def of_strategy(leaf: Leaf, body: Json, said: str) -> bool:
    """So are they brought to another revision."""
    del said
    rollout = body["spec"]["components"][0]["rollout"]
    return bool(rollout.get("strategy", "RollingUpdate") == leaf.value)


def of_claims(leaf: Leaf, body: Json, said: str) -> bool:
    """Each server has its own of each template."""
    del said
    wanted = [_claim({**each, "name": each["metadata"]["name"]}) for each in leaf.value]
    return [_claim(each) for each in body["spec"]["components"][0]["volumeClaims"]] == wanted


FIELDS: Mapping[str, Callable[[Leaf, Json, str], bool]] = {
    "metadata.name": of_name,
    "spec.replicas": of_replicas,
    "spec.serviceName": of_service_name,
    "spec.podManagementPolicy": of_start,
    "spec.strategy.type": of_strategy,
    "spec.updateStrategy.type": of_strategy,
    "spec.volumeClaimTemplates": of_claims,
}


def is_told(leaf: Leaf, body: Json, said: str) -> bool:
    """Return whether a field of the workload is carried, or told."""
    if leaf.path in ("apiVersion", "kind"):
        return True
    if leaf.path in FIELDS:
        return FIELDS[leaf.path](leaf, body, said)
    template = body["spec"]["components"][0]["template"]
    if (keys := leaf.below("spec.template")) is not None:
        return has(template, keys, leaf.value)
    if (keys := leaf.below("spec.selector.matchLabels")) is not None:
        return has(template["metadata"]["labels"], keys, leaf.value)
    rollout = body["spec"]["components"][0]["rollout"]
    if has(rollout, leaf.keys[-1:], leaf.value) or has(body, leaf.keys, leaf.value):
        return True
    told = (f"# lost: spec.{leaf.keys[1]}", f"# note: {leaf.path}", _mark(leaf))
    return any(each in said for each in told)


def _mark(leaf: Leaf) -> str:
    return f"# note: metadata.{leaf.keys[1]}: {'.'.join(leaf.keys[2:])} is"


def _claim(found: Json) -> Json:
    meta = {
        key: each
        for key, each in (found.get("metadata") or {}).items()
        if key in ("labels", "annotations") and each
    }
    return {"name": found["name"], "spec": found["spec"], "metadata": meta}


@pytest.mark.parametrize(
    ("file", "kind", "name"), [*workloads()], ids=lambda each: getattr(each, "stem", each)
)
async def test_each_field_is_carried_or_told(file: Path, kind: str, name: str) -> None:
    """And of what stands beside the workload, the dry run names each that selects its pods."""
    told, said = await imported(file, kind, name)
    spoken = "\n".join(said)
    named = {(each["kind"], each["metadata"]["name"]): each for each in sources(file)}
    source = named[kind, name]
    assert [x.path for x in leaves(kind, source) if not is_told(x, told.body, spoken)] == []
    labels = source["spec"]["template"]["metadata"]["labels"]
    for each in sources(file):
        if each["kind"] in PLAIN:
            continue
        selector = each["spec"].get("selector") or {"of": "no pod"}
        if selector.get("matchLabels", selector).items() <= labels.items():
            assert f"{each['kind'].lower()}/{each['metadata']['name']}" in spoken


def test_all_thirteen_are_asked_for() -> None:
    """Eleven files hold what the command takes over; the kinds of the others it refuses by name."""
    known = {file for file, _, _ in workloads()}
    others = {each["kind"] for file in FILES if file not in known for each in sources(file)}
    assert len(FILES) == 13
    assert len(known) + 2 == len(FILES)
    assert others == {"Fleet", "LeaderWorkerSet"}
    assert not {each.lower() for each in others} & KINDS.keys()


MARKS = {
    "argocd.argoproj.io/instance": "shop",
    "app.kubernetes.io/managed-by": "Helm",
    "kubectl.kubernetes.io/last-applied-configuration": "{}",
}


@pytest.mark.parametrize("kind", PLAIN)
def test_labels_and_annotations_go_along_and_marks_of_keepers_stay(kind: str) -> None:
    """With its own mark on an Application, Argo CD would delete that as a leftover."""
    source = workload(kind)
    meta = {"labels": {"team": "a", **MARKS}, "annotations": {"note": "b", **MARKS}}
    source["metadata"] |= meta
    told = translate(source)
    assert told.body["metadata"]["labels"] == {"team": "a"}
    assert told.body["metadata"]["annotations"] == {"note": "b"}
    for key in ("labels", "annotations"):
        for mark in MARKS:
            assert any(each.startswith(f"metadata.{key}: {mark} is") for each in told.notes)
    assert any(each.startswith(f"Argo CD keeps this {kind}") for each in told.notes)


@pytest.mark.parametrize("kind", PLAIN)
def test_what_an_application_cannot_say_wants_consent(kind: str) -> None:
    """A field that nobody knows, and more history than there is."""
    source = workload(kind)
    source["spec"] |= {"paused": True, "revisionHistoryLimit": 500}
    told = translate(source)
    assert [each.partition(":")[0] for each in told.losses] == [
        "spec.paused", "spec.revisionHistoryLimit",
    ]  # fmt: skip
    assert told.body["spec"]["revisionHistoryLimit"] == 100


def test_percentages_of_a_deployment_are_told_with_what_they_became() -> None:
    """Of four pods, a quarter is one; of forty it would be ten."""
    source = workload("Deployment")
    source["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
    told = translate(source)
    assert told.body["spec"]["components"][0]["rollout"]["maxSurge"] == 1
    (said,) = told.notes
    assert said.startswith("spec.strategy.rollingUpdate.maxSurge: 25% of 4 is written as 1")


def workload(kind: str) -> Json:
    """Return a plain workload of four pods."""
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a"}]}}
    return {
        "kind": kind,
        "metadata": {"name": "shop-web"},
        "spec": {"replicas": 4, "template": template, "selector": {"matchLabels": {"app": "a"}}},
    }


def translate(source: Json) -> Translation:
    """Return what a workload becomes."""
    if source["kind"] == "StatefulSet":
        return translation.application_of(source)
    return translation.application_of_deployment(source)


LABELS = {"app": "a", "tier": "b"}


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ({"app": "a"}, "service/s stays as it is, and selects the servers' pods too"),
        (
            {"app": "a", "statefulset.kubernetes.io/pod-name": "shop-web-0"},
            (
                "service/s would find no pod that Argosy makes anew: have it select by"
                " argosy.dev/server instead of statefulset.kubernetes.io/pod-name"
            ),
        ),
        ({"app": "z"}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_services_that_would_lose_pods_are_told_from_those_that_go_on(
    selector: dict[str, str] | None, said: str
) -> None:
    """A Service of one pod each selects by a label that only a StatefulSet writes."""
    found = {"metadata": {"name": "s"}, "spec": {"selector": selector}}
    assert "".join(surroundings.services([found], LABELS)) == said


@pytest.mark.parametrize(
    ("selector", "is_said"),
    [
        ({"matchLabels": {"app": "a"}}, True),
        ({}, True),
        (None, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["b"]}]}, False),
    ],
)
def test_budgets_of_the_pods_are_told(selector: Json | None, *, is_said: bool) -> None:
    """As the API server reads their selectors: of two budgets for a pod neither lets it go."""
    spec = {"maxUnavailable": 1, "selector": selector}
    found = {"metadata": {"name": "b"}, "spec": spec}
    said = list(surroundings.budgets([found], LABELS))
    assert [each[:45] for each in said] == (
        ["poddisruptionbudget/b (maxUnavailable 1) deci"] if is_said else []
    )
