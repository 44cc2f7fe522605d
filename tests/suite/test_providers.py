"""A provider is told apart from others in its own folder, and by its descriptor everywhere else."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller
from controller.api.resources import PLACES
from controller.contract import PLAIN
from controller.providers import registry

ROOT = Path(controller.__file__).parent
LISTED = registry.kinds()
NAMES = set(LISTED)
# Rooms of providers, and what all of them are made with.
ROOMS = tuple(f"controller.providers.{name}" for name in sorted(NAMES))
# How a server of one of them is named where something is in the way: "Pod/".
SHOWN = tuple(
    f"{PLACES[each.display.resource].kind}/"
    for each in LISTED.values()
    if each.display.resource is not None
)
# The first words of commands that are for one of them.
PROGRAMS = tuple(f"{name} " for name in sorted(NAMES))
HOME = {"providers"}
# Where one is meant by its nature, or where its name is a word for something else.
MEANT = {
    "admission/probes.py": "a dry run is of what the provider of pods itself would create",
    "api/application.py": "the default of a field, in the CRD",
    "api/fleet.py": "the CRD keeps the name of the built-in fleet for its provider",
    "api/serverset.py": "the default of a field, in the CRD",
    "api/views/fleet_parts.py": "the default of a view, for who makes a Fleet in memory",
    "kinds/build/jobs.py": "memory that a container may use",
    "kinds/build/starts.py": "a Job of a build has a pod, wherever servers are made",
    "presentation/fields.py": "memory that a container may use",
    "presentation/translation.py": "a manifest that names no fleet means the default of the CRD",
}


# So many there were when this was written; there are to be fewer.
MOST = 9


def told_apart(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield each place that names one of our providers, its fleet, or what only it makes."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text) if is_told(text):
                yield node
            case (
                ast.Attribute(attr="BUILT_IN_FLEET")
                | ast.Name(id="BUILT_IN_FLEET", ctx=ast.Load())
                | ast.alias(name="BUILT_IN_FLEET")
            ):
                yield node
            case ast.ImportFrom() if is_room(node):
                yield node


def is_told(text: str) -> bool:
    """Return whether a text is the name of a provider, of what it makes, or for its program."""
    quoted = any(f"'{name}'" in text for name in NAMES)
    return text in NAMES or quoted or text.startswith((*SHOWN, *PROGRAMS))


def is_room(node: ast.ImportFrom) -> bool:
    """Return whether something of one provider is imported."""
    module = node.module or ""
    found = {module, *(f"{module}.{each.name}" for each in node.names)}
    return any(each == room or each.startswith(f"{room}.") for each in found for room in ROOMS)


@pytest.mark.parametrize(
    "code",
    [
        "if fleet.spec.provider == 'pod': pass",
        "PODS = 'pod'",
        "FleetSpec(provider='memory')",
        "match provider:\n    case 'openstack':\n        pass",
        "thing.startswith('Pod/')",
        "thing = f'Pod/{name}'",
        "SHOWN = {'Volume': 'openstack volume show {name}'}",
        "rule = \"self.spec.provider == 'pod'\"",
        "if fleet == names.BUILT_IN_FLEET: pass",
        "from controller.api.names import BUILT_IN_FLEET",
        "from controller.providers.openstack import rights",
        "from controller.providers.pod.manifest import build",
        "from controller.providers import memory",
    ],
)
def test_a_provider_told_apart_would_be_found(code: str) -> None:
    """The search below sees each way of naming a provider."""
    assert len(list(told_apart(ast.parse(code)))) == 1


def test_what_all_providers_have_is_no_providers_own() -> None:
    """The registry, shared steps, and views of the cluster's own objects may be used anywhere."""
    for code in (
        "from controller.providers import registry",
        "from controller.providers.steps import job_step",
        "caches.of(objects.Pod); resources.thing(Resource.PODS, name)",
    ):
        assert not list(told_apart(ast.parse(code)))


def test_no_provider_is_told_apart_elsewhere() -> None:
    """What differs between providers is a field of their descriptors; other meanings are listed.

    The list may shrink, and grows for nobody: a field of `contract/kind.py` is the way.
    """
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        asked = list(told_apart(ast.parse(path.read_text())))
        if asked and place.parts[0] not in HOME:
            found[place.as_posix()] = [ast.unparse(each) for each in asked]
    assert {place: asked for place, asked in found.items() if place not in MEANT} == {}
    assert set(MEANT) - set(found) == set(), "no longer so"
    assert len(MEANT) <= MOST


def test_two_lists_name_the_same_providers() -> None:
    """What AGENTS.md says of a new provider: the registry and the layers, by its folder's name."""
    known = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (
        each["layers"]
        for each in known["contracts"]
        if each.get("containers") == ["controller.providers"]
    )
    shared = {"models", "registry", "steps"}
    assert {each for layer in layers for each in layer.split(" | ")} == NAMES | shared
    assert {each.parent.name for each in (ROOT / "providers").glob("*/kind.py")} == NAMES


def test_what_is_in_the_cluster_is_shown_as_what_it_is() -> None:
    """A server that is an object is named as one, and a built-in fleet is a fleet of one of them.

    Of each provider whose templates the API server can try, the calls are answered by it, too.
    """
    for kind in LISTED.values():
        assert kind.in_cluster == (kind.display.resource is not None), kind.name
        assert kind.in_cluster or not kind.dry_runs, kind.name
    built_in = [each.built_in for each in LISTED.values() if each.built_in is not None]
    assert len({each.fleet for each in built_in}) == len(built_in) == 1
    assert PLAIN.resource is None
    assert PLAIN.commands == {}
