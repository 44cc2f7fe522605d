"""Writes of planners: built in one place, about one object, and only of the version seen."""

from __future__ import annotations

import ast
from pathlib import Path

import controller
from controller.api import objects
from controller.planning import finalizers, writes

ROOT = Path(controller.__file__).parent
META = objects.Meta(name="shop", namespace="default", uid="u1", resource_version="7")
SERVER = objects.Server(
    metadata=META,
    spec=objects.ServerSpec(application="shop", component="web", ordinal=0, fleet="pods"),
)


def _built() -> set[tuple[str, str]]:
    """Return who makes a patch or a delete without the builders: the file and what it makes."""
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        if path.name == "writes.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            given = {each.arg for each in node.keywords}
            if name in ("Patch", "Delete") and "uid" in given:
                found.add((path.relative_to(ROOT).as_posix(), name))
    return found


def test_patches_and_deletes_are_built_in_one_place() -> None:
    """Nobody writes down a UID and a version by hand, so nobody can forget one of them."""
    assert _built() == set()


def test_no_planner_handles_the_finalizer_itself() -> None:
    """Whether the finalizer is on, and how it is put on and lifted, is decided in one place."""
    allowed = {"finalizers.py", "server_manifests.py", "set_manifests.py"}
    found = {
        path.name
        for layer in ("planning", "kinds")
        for path in (ROOT / layer).rglob("*.py")
        if "FINALIZER" in path.read_text() and path.name not in allowed
    }
    assert found == set()


def test_a_guarded_write_is_of_the_version_seen_and_another_is_of_the_object_alone() -> None:
    """Both name the UID; a version is named by whoever said that it matters."""
    for guarded, version in ((True, "7"), (False, "")):
        patch = writes.patch(SERVER, {"spec": {}}, why="a test", guarded=guarded)
        delete = writes.delete(SERVER, why="a test", guarded=guarded)
        for each in (patch, delete):
            assert (each.uid, each.name, each.namespace) == ("u1", "shop", "default")
            assert each.resource_version == version


def test_the_finalizer_is_lifted_and_anothers_is_kept() -> None:
    """What somebody else put on stays, and the write is only of the version seen."""
    on = finalizers.add(SERVER).body["metadata"]["finalizers"]
    meta = objects.Meta(
        name="shop", namespace="default", uid="u1", resource_version="8",
        finalizers=("other.io/keep", *on),
    )  # fmt: skip
    assert finalizers.is_on(meta)
    lifted = finalizers.remove(objects.Server(metadata=meta, spec=SERVER.spec))
    assert lifted.body == {"metadata": {"finalizers": ["other.io/keep"]}}
    assert lifted.resource_version == "8"
