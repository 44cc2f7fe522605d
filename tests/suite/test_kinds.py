"""A kind is told apart from others in its own folder, and by its descriptor everywhere else."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller
from controller.api import kinds as models
from controller.api import objects, resources
from controller.api.resources import PLACES, Resource
from controller.kinds.registry import KINDS
from controller.presentation import answers

ROOT = Path(controller.__file__).parent
RESOURCES = {each.resource.name for each in KINDS}
NAMES = {PLACES[each.resource].kind for each in KINDS}
# How `blockedBy` and people name objects of a kind: `api.resources.thing` does, and
# `presentation.references.told` reads it.
BEGINNINGS = tuple(f"{name}/" for name in sorted(NAMES))
# What stands beside the rooms of kinds.
SHARED = {"kind", "registry", "revisions"}
# A room for each kind.
ROOMS = tuple(f"controller.kinds.{name.lower()}" for name in sorted(NAMES))
# Kinds themselves, and what is written down of them.
HOME = {"kinds", "api"}
# Where a kind is meant by its nature, and not one of several that are handled alike.
MEANT = {
    "cli/commands/logs.py": "a Build has pods of its own, which no application's servers are",
    "cli/forwarding.py": "a port is of one server, or of all of a component",
    "cli/operations.py": "`force` takes one server, or all of an application",
    "dashboard/acting.py": "a server has no page of its own but that of why",
    "dashboard/pages.py": "what can be done to a server is offered where why speaks of it",
    "handover/export.py": "an application lets go of its sets, and a set of its servers",
    "planning/management.py": "only an application says that it is observed alone",
    "planning/relations.py": "servers belong to sets, and sets to applications",
    "planning/targets.py": "a call to a provider is about a server, as the contract says",
    "presentation/answers.py": "a remedy names the application, and pods print what servers do",
    "presentation/consequences.py": "a changed application has a plan, an operation what it leaves",
    "presentation/events.py": "an operation's name may be a server's, too",
    "presentation/forecast.py": "applications, sets and servers play their own parts in it",
    "presentation/manifests.py": "of what is handed in, applications are previewed",
    "presentation/recollection.py": "an operation alone waits for its application to move",
    "presentation/report.py": "some kinds say of which application they are by a label alone",
    "presentation/requests.py": "of what is handed in, operations are created, or retried",
    "presentation/surroundings.py": "budgets of others select pods as a set asks for its own",
    "providers/pod/observation.py": "a pod is controlled by a server, as the contract says",
    "wiring/operator.py": "gauges are of servers and sets; a namespace has a bound of servers",
}


def told_apart(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield each place that asks whether something is of one of our kinds, or uses its room.

    A text that begins with one and a slash is one, whether it is compared or put together.
    """
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Constant) and str(node.value).startswith(BEGINNINGS):
            yield node
        if isinstance(node, ast.Import | ast.ImportFrom) and is_of_a_room(node):
            yield node
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = node.args[1:]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        yield from (each for side in asked for each in ast.walk(side) if is_named(each))


def is_named(node: ast.AST) -> bool:
    """Return whether code is the name of one of our kinds."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value in NAMES
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return False
    if node.value.id == "Resource":
        return node.attr in RESOURCES
    return node.value.id == "objects" and node.attr in NAMES


def is_of_a_room(node: ast.Import | ast.ImportFrom) -> bool:
    """Return whether something of one kind is imported: what all share is none's own."""
    module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    found = {module, *(f"{module}.{each.name}".lstrip(".") for each in node.names)}
    return any(each == room or each.startswith(f"{room}.") for each in found for room in ROOMS)


@pytest.mark.parametrize(
    "code",
    [
        "if kind == 'Server': pass",
        "if key.resource is Resource.FLEETS: pass",
        "if resource in (Resource.PODS, Resource.SERVERS): pass",
        "if isinstance(item, objects.Application): pass",
        "match item:\n    case objects.Operation():\n        pass",
        "match resource:\n    case Resource.SERVERSETS:\n        pass",
        "thing.startswith('Server/')",
        "thing.removeprefix('Fleet/')",
        "thing = f'Server/{name}'",
        "kind == PLACES[Resource.OPERATIONS].kind",
        "kind in {PLACES[Resource.SERVERS].kind, PLACES[Resource.PODS].kind}",
        "from controller.kinds.operation.reasons import OperationReason",
        "from controller.kinds.serverset import selectors",
        "from controller.kinds import fleet",
        "import controller.kinds.server.task",
    ],
)
def test_a_kind_told_apart_would_be_found(code: str) -> None:
    """The search below sees each way of asking for a kind."""
    assert len(list(told_apart(ast.parse(code)))) == 1
    for same in (
        "caches.of(objects.Server); call(Resource.SERVERS)",
        "thing(Resource.FLEETS, name)",
        "from controller.kinds import registry",
        "from controller.kinds.kind import Kind",
        "from controller.kinds.revisions import rejection",
    ):
        assert not list(told_apart(ast.parse(same)))


def test_no_kind_is_told_apart_elsewhere() -> None:
    """What differs between kinds is a field of their descriptors; who means one kind is listed."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        asked = list(told_apart(ast.parse(path.read_text())))
        if asked and place.parts[0] not in HOME:
            found[place.as_posix()] = [ast.unparse(each) for each in asked]
    assert {place: asked for place, asked in found.items() if place not in MEANT} == {}
    assert set(MEANT) - set(found) == set(), "no longer so"


def test_five_lists_name_the_same_kinds() -> None:
    """What AGENTS.md says of a new kind: registry, models, resources, views, layers."""
    assert set(models.KINDS) == NAMES
    assert {PLACES[each].kind for each in resources.OURS} == NAMES
    views = {each.view for each in KINDS}
    assert {each.__name__ for each in views} == NAMES
    assert all(getattr(objects, each.__name__) is each for each in views)
    known = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (
        each["layers"]
        for each in known["contracts"]
        if each.get("containers") == ["controller.kinds"]
    )
    rooms = {each.gather.__module__.split(".")[2] for each in KINDS}
    assert {each for layer in layers for each in layer.split(" | ")} == rooms | SHARED
    folders = {each.parent.name for each in (ROOT / "kinds").glob("*/kind.py")}
    assert rooms == folders == {each.lower() for each in NAMES}


def test_the_walk_of_why_knows_every_kind() -> None:
    """Each kind of a namespace has its step, without a word about it where the walk is."""
    wanted = {each.resource for each in KINDS if PLACES[each.resource].namespaced}
    assert set(answers._DOWNWARDS) == wanted
    assert len(answers._DOWNWARDS) == len(wanted)
    assert answers._DOWNWARDS[0] is Resource.OPERATIONS
    below = [answers._depth(each) for each in (Resource.APPLICATIONS, Resource.SERVERSETS)]
    assert [answers._depth(Resource.OPERATIONS), *below] == sorted({0, *below})
    assert answers._depth(Resource.PODS) > answers._depth(Resource.SERVERS)


def test_execution_names_a_fleet_and_a_server_alone() -> None:
    """The supervisor follows Fleets, and a provider is called for a Server: no other kind."""
    known = RESOURCES | NAMES
    found = {
        node.attr
        for path in (ROOT / "execution").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in known
        and ast.unparse(node.value) in {"objects", "Resource"}
    }
    assert found == {"Fleet", "Server"}
