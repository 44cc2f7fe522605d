"""Pods are placed as their set decided, and not otherwise made than before where it did not."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import names, objects
from controller.kinds.revisions import contents
from controller.providers.pod import changes, manifest, placement

Json = dict[str, Any]
SERVER = objects.Server(
    metadata=objects.Meta(name="shop-web-0", namespace="default", uid="1"),
    spec=objects.ServerSpec(application="shop", component="web", ordinal=0, revision="r1"),
)
WHOLE: Json = {
    "metadata": {"labels": {"tier": "front"}, "annotations": {"note": "x"}},
    "spec": {
        "nodeSelector": {"disk": "ssd"},
        "affinity": {
            "nodeAffinity": {
                placement.REQUIRED: {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "gpu", "operator": "In", "values": ["a"]}]}
                    ]
                },
                placement.PREFERRED: [{"weight": 1, "preference": {}}],
            }
        },
        "hostname": "web",
        "activeDeadlineSeconds": 7,
        "volumes": [{"name": "data", "emptyDir": {}}],
        "initContainers": [
            {"name": "side", "image": "side:1", "restartPolicy": "Always", "resources": {}}
        ],
        "containers": [
            {"name": "main", "image": "app:1", "resources": {"requests": {"cpu": "1"}}}
        ],
    },
}  # fmt: skip
LABELS = {names.APPLICATION_LABEL: "shop", names.COMPONENT_LABEL: "web"}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value within, from the outside to the inside."""
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield from _paths(value[key], (*path, key))


def _put(value: Json, path: tuple[Any, ...], odd: Any) -> Json:
    """Return a copy of `value` in which something else stands at the end of a way."""
    changed = copy.deepcopy(value)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    return changed


def made(placed: contract.Placement, **spec: Any) -> Json:
    """Return the pod that is made of a template with that spec."""
    template = msgspec.json.encode({"spec": spec})
    found: Json = msgspec.json.decode(manifest.pod(SERVER, template, 0, (), placed))
    return found


def rule(operator: str, *values: str) -> Json:
    """Return a rule about the zone of a node."""
    return {"key": placement.ZONE, "operator": operator, "values": list(values)}


def test_without_domains_and_spread_a_pod_is_made_as_before() -> None:
    """Nothing is rendered where nothing was decided."""
    spec = made(contract.ANYWHERE)["spec"]
    assert spec.keys() == {"hostname", "subdomain"}


def test_a_pod_that_must_be_in_a_zone_is_scheduled_nowhere_else() -> None:
    """The zone is required; the domain is on the pod for people and for its server's status."""
    pod = made(contract.Placement(domain="a", must=True, closed=("b",)))
    required = pod["spec"]["affinity"]["nodeAffinity"][placement.REQUIRED]
    assert required == {"nodeSelectorTerms": [{"matchExpressions": [rule("In", "a")]}]}
    assert pod["metadata"]["annotations"] == {names.DOMAIN_ANNOTATION: "a"}


def test_a_pod_that_may_be_elsewhere_is_still_not_in_a_closed_zone() -> None:
    """The zone is preferred, and what is closed excluded; the template's own terms hold as well."""
    own = {
        "nodeAffinity": {
            placement.REQUIRED: {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]},
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
                ]
            }
        },
        "podAntiAffinity": {"x": 1},
    }
    affinity = made(contract.Placement(domain="a", closed=("b",)), affinity=own)["spec"]["affinity"]
    nodes = affinity["nodeAffinity"]
    terms = nodes[placement.REQUIRED]["nodeSelectorTerms"]
    assert [each["matchExpressions"][-1] for each in terms] == [rule("NotIn", "b")] * 2
    assert terms[0]["matchExpressions"][0]["key"] == "gpu"
    (preferred,) = nodes[placement.PREFERRED]
    assert preferred["preference"]["matchExpressions"] == [rule("In", "a")]
    assert affinity["podAntiAffinity"] == {"x": 1}


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {placement.ZONE: "z"}},
        {
            "affinity": {
                "nodeAffinity": {
                    placement.REQUIRED: {
                        "nodeSelectorTerms": [{"matchExpressions": [rule("In", "z")]}]
                    }
                }
            }
        },
    ],
    ids=["selector", "affinity"],
)
def test_a_template_that_names_a_zone_wins(spec: Json) -> None:
    """An alternative may do so: the pod is where that says, and says so."""
    pod = made(contract.Placement(domain="a", must=True), **spec)
    assert {key: pod["spec"][key] for key in spec} == spec
    if "nodeSelector" in spec:
        assert "affinity" not in pod["spec"]
        assert pod["metadata"]["annotations"][names.DOMAIN_ANNOTATION] == "z"


@pytest.mark.parametrize("require", [True, False])
def test_without_domains_a_spread_is_left_to_the_scheduler(*, require: bool) -> None:
    """Over zones as is asked for, over hosts where that is possible."""
    spread = objects.Spread(max_skew=2, require=require)
    zone, host = made(contract.Placement(spread=spread))["spec"]["topologySpreadConstraints"]
    assert (zone["topologyKey"], zone["maxSkew"]) == (placement.ZONE, 2)
    assert zone["whenUnsatisfiable"] == ("DoNotSchedule" if require else "ScheduleAnyway")
    assert (host["topologyKey"], host["whenUnsatisfiable"]) == (placement.HOST, "ScheduleAnyway")
    assert zone["labelSelector"] == {"matchLabels": LABELS} == host["labelSelector"]


def test_a_templates_own_spread_stands() -> None:
    """Who wrote one knows better."""
    own = [{"topologyKey": "rack"}]
    placed = contract.Placement(spread=objects.Spread())
    found = made(placed, topologySpreadConstraints=own)["spec"]["topologySpreadConstraints"]
    assert found == own


def test_no_revision_moves_by_a_spread() -> None:
    """Where servers go is no part of what they are: nothing is made anew for it."""
    template = msgspec.Raw(b'{"spec":{"containers":[{"name":"main","image":"app:1"}]}}')
    plain = objects.Component(name="web", template=template)
    spread = objects.Component(name="web", template=template, spread=objects.Spread(require=True))
    assert contents.of_component(plain).revision == contents.of_component(spread).revision


def test_a_claim_remembers_the_domain_that_is_meant() -> None:
    """A later server of its name is to be where its volume is."""
    wanted = objects.VolumeClaim(name="data", spec=msgspec.Raw(b"{}"))
    found = manifest.claim(SERVER, wanted, contract.Placement(domain="a"))
    assert found["metadata"]["annotations"] == {names.DOMAIN_ANNOTATION: "a"}
    assert "annotations" not in manifest.claim(SERVER, wanted)["metadata"]


@pytest.mark.parametrize(
    "term", [None, "x", 7, [], {"matchExpressions": 7}, {"matchExpressions": {"key": "gpu"}}]
)
def test_a_term_that_is_none_is_left_to_the_api_server(term: Any) -> None:
    """Whatever a template says in the place of a term of nodes is sent as it is, to be refused."""
    own = {"nodeAffinity": {placement.REQUIRED: {"nodeSelectorTerms": [{}, term]}}}
    pod = made(contract.Placement(domain="a", must=True), affinity=own)
    required = pod["spec"]["affinity"]["nodeAffinity"][placement.REQUIRED]
    ours, theirs = required["nodeSelectorTerms"]
    assert ours == {"matchExpressions": [rule("In", "a")]}
    assert theirs == term


@pytest.mark.parametrize("placed", [contract.ANYWHERE, contract.Placement(domain="a", must=True)])
@pytest.mark.parametrize("odd", [None, True, -1, "x", "9" * 5000, [], [None], {}, {"x": [None]}])
def test_no_part_of_a_template_crashes_what_makes_pods(
    odd: Any, placed: contract.Placement
) -> None:
    """Anything in the place of anything makes a pod, which the API server judges, or is refused."""
    for path in _paths(WHOLE):
        template = msgspec.json.encode(_put(WHOLE, path, odd))
        for read in (
            lambda text: manifest.pod(SERVER, text, 0, (), placed),
            manifest.images,
            manifest.deadline,
            changes.wanted,
            lambda text: changes.can_become(msgspec.json.encode(WHOLE), text),
            lambda text: changes.can_become(text, msgspec.json.encode(WHOLE)),
        ):
            with contextlib.suppress(errors.TemplateRefused):
                read(template)
