"""Writes of planners: built in one place, about one object, and only of the version seen."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

import controller
from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.planning import finalizers, ownership, writes

ROOT = Path(controller.__file__).parent
META = objects.Meta(name="shop", namespace="default", uid="u1", resource_version="7")
SERVER = objects.Server(
    metadata=META,
    spec=objects.ServerSpec(application="shop", component="web", ordinal=0, fleet="pods"),
)


def _built() -> set[tuple[str, str]]:
    """Return who makes a write without the builders: the file and what it makes."""
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
            if (name in ("Patch", "Delete") and "uid" in given) or (
                # A case of a match looks alike, and has no body.
                name == "Create" and given & {"body", "why"}
            ):
                found.add((path.relative_to(ROOT).as_posix(), name))
    return found


def test_writes_are_built_in_one_place() -> None:
    """Nobody writes down a UID, a version or a kind by hand, so nobody can forget one of them."""
    assert _built() == set()


def test_no_planner_handles_the_finalizer_itself() -> None:
    """Whether the finalizer is on, and how it is put on and lifted, is decided in one place."""
    allowed = {"finalizers.py", "server_manifests.py", "set_manifests.py", "build_manifests.py"}
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


@pytest.mark.parametrize("resource", list(PLACES))
def test_a_create_is_of_the_kind_that_its_body_says(resource: Resource) -> None:
    """What is sent and where it is sent to cannot differ."""
    body = {**ownership.kind_of(resource), "metadata": {"name": "shop"}}
    made = writes.create(body, why="a test")
    assert (made.resource, made.body, made.why) == (resource, body, "a test")


@pytest.mark.parametrize("resource", list(Resource))
def test_an_object_of_which_nothing_but_its_metadata_is_read_is_written_alike(
    resource: Resource,
) -> None:
    """What could not be decoded has a name and a UID all the same, and is held to both."""
    known = writes.HasMetadata(resource, META)
    patch = writes.patch(known, {"spec": {}}, why="a test", guarded=True)
    delete = writes.delete(known, why="a test", guarded=True)
    for each in (patch, delete):
        assert each.resource is resource
        assert (each.uid, each.name, each.resource_version) == ("u1", "shop", "7")


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


def test_a_patch_of_a_server_brings_the_label_of_its_part_of_the_work() -> None:
    """Where it lacks that or has another; never to what goes, to a status, or as all of a write."""
    labels = {names.APPLICATION_LABEL: "shop"}
    wanted = names.bucket_label("default", "shop")
    body: dict[str, object] = {"spec": {"incarnation": 2}, "metadata": {"labels": {"a": "b"}}}
    for before in ({}, {names.BUCKET_LABEL: "none"}):
        made = writes.patch(labelled({**labels, **before}), body, why="", guarded=False)
        assert made.body == {
            "spec": {"incarnation": 2},
            "metadata": {"labels": {"a": "b", **wanted}},
        }
    going = msgspec.structs.replace(META, labels=labels, deletion_timestamp="2026-01-01T00:00:00Z")
    for item, written, subresource in (
        (labelled({**labels, **wanted}), body, ""),
        (labelled({}), body, ""),
        (labelled(labels), {}, ""),
        (labelled(labels), body, "status"),
        (msgspec.structs.replace(SERVER, metadata=going), body, ""),
    ):
        made = writes.patch(item, written, why="", guarded=False, subresource=subresource)
        assert made.body == written


@pytest.mark.parametrize("bucket", [None, "7"])
def test_a_label_of_a_part_is_put_on_or_taken_off_by_itself(bucket: str | None) -> None:
    """Whatever else the object lacks, and only of the version that was seen."""
    made = writes.relabel(labelled({names.APPLICATION_LABEL: "shop"}), bucket, why="")
    assert made.body == {"metadata": {"labels": {names.BUCKET_LABEL: bucket}}}
    assert (made.uid, made.resource_version) == ("u1", "7")


def labelled(labels: dict[str, str]) -> objects.Server:
    """Return the server with these labels."""
    return msgspec.structs.replace(SERVER, metadata=msgspec.structs.replace(META, labels=labels))
