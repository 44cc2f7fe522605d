"""An audit log is read whatever stands in it: odd objects keep no history from being judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof import history
from proof.history import __main__ as shell
from proof.history import audit_reader, salvage

Json = Any
READY = {"conditions": [{"type": "Ready", "status": "True"}]}

# What people, webhooks and broken clients write where something else is expected.
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def whole() -> list[bytes]:
    """Return a short log in which a pod is deleted twice, the second time without saying which."""
    log = audit_reader.AuditLog()
    application = log.create("applications", "shop", by=audit_reader.PERSON)
    server_set = log.create(
        "serversets",
        "shop-web",
        owner=application,
        spec={"application": "shop", "replicas": 1, "rollout": {"maxUnavailable": "50%"}},
    )
    server = log.create("servers", "shop-web-0", owner=server_set, spec={"ordinal": 0})
    pod = log.create("pods", "shop-web-0", owner=server)
    log.patch(pod, status=READY, by="kwok")
    log.patch(server, status=READY)
    asked = log.create("operations", "now", spec={"action": "Restart"}, by=audit_reader.PERSON)
    log.patch(asked, status={"targets": ["web/0"], "conditions": READY["conditions"]})
    log.lease("argosy")
    log.delete(pod, unidentified=True)
    return log.lines


def broken(lines: list[bytes]) -> set[str]:
    """Return which invariants a log breaks."""
    return {each.invariant for each in history.check(lines).violations}


def places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all that stands in a value."""
    found = [path] if path else []
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    return [*found, *(place for key, each in pairs for place in places(each, (*path, key)))]


@given(data=st.data())
def test_whatever_stands_in_a_line_is_read(data: st.DataObject) -> None:
    """Any part of any line may be anything, or missing: the checker comes to its verdict."""
    lines = [json.loads(each) for each in whole()]
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(st.sampled_from(lines))
        place = data.draw(st.sampled_from(places(line) or [("stage",)]))
        held = line
        for step in place[:-1]:
            held = held[step]
        if data.draw(st.booleans()) or not isinstance(held, dict):
            held[place[-1]] = data.draw(ANYTHING)
        else:
            held.pop(place[-1], None)
    found = history.check([json.dumps(each).encode() for each in lines])
    assert str(found) or not found.violations


@given(text=st.binary(max_size=60), cut=st.integers(0, 400), number=st.integers(0, 8))
def test_bytes_that_are_no_line_are_passed_by(text: bytes, cut: int, number: int) -> None:
    """Cut lines and bytes that are no text hide nothing of what stands beside them."""
    lines = whole()
    lines[number:number] = [text, lines[number][:cut], b"\xff\xfe" + lines[0]]
    assert "I2" in broken(lines)


@pytest.mark.parametrize(
    ("part", "odd"),
    [
        ("metadata", None),
        ("metadata", "text"),
        ("metadata", {"name": "odd", "uid": "u", "labels": "text", "finalizers": None}),
        ("metadata", {"name": "odd", "uid": "u", "annotations": [1], "ownerReferences": None}),
        ("metadata", {"name": "odd", "uid": "u", "resourceVersion": "9" * 5000}),
        ("metadata", {"name": "odd", "uid": "u", "resourceVersion": "x"}),
        ("spec", None),
        ("spec", []),
        ("spec", {"incarnation": "x", "rollout": 3, "task": [], "deletion": {"onTimeout": None}}),
        ("status", "text"),
        ("status", {"conditions": None, "blockedBy": {}, "checkpoints": "x", "task": "x"}),
        ("status", {"conditions": [None, 3, {"type": 7}], "observedGeneration": "1"}),
    ],
)
@pytest.mark.parametrize(
    "resource", ["applications", "serversets", "servers", "pods", "operations"]
)
def test_an_odd_object_hides_nothing(resource: str, part: str, odd: Json) -> None:
    """What is wrong elsewhere in the log is found all the same."""
    log = audit_reader.AuditLog()
    log.create(resource, "odd")
    line = json.loads(log.lines[0])
    line["responseObject"][part] = odd
    assert "I2" in broken([json.dumps(line).encode(), *whole()])


def test_what_can_be_read_of_an_odd_object_is_judged() -> None:
    """A server with labels that are no map says Ready over no pod, and is caught."""
    log = audit_reader.AuditLog()
    server = log.create("servers", "shop-web-0", spec={"ordinal": 0})
    server["metadata"]["labels"] = "none"
    log.patch(server, status=READY)
    assert broken(log.lines) == {"I9"}


def test_a_line_that_is_nested_too_deeply_is_read_as_far_as_it_goes() -> None:
    """The object is there; what is below the depth is as if it were not."""
    deep = "[" * 20_000 + "]" * 20_000
    line = whole()[0].replace(b'"spec": {}', b'"spec": {"template": ' + deep.encode() + b"}")
    assert "I2" in broken([line, *whole()])


def test_a_log_cut_in_its_last_line_is_judged_from_a_shell(tmp_path: Path) -> None:
    """`python -m proof.history` tells what is wrong, and fails by nothing else."""
    path = tmp_path / "audit.log"
    lines = whole()
    path.write_bytes(b"\n".join([*lines, b"\xff\n", lines[-1][:40]]))
    assert shell.main([str(path)]) == 1


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("", 0), ("x", 0), ("-1", 0), ("٣", 0), ("9" * 400, 0)]
)
def test_a_version_that_is_no_number_stands_for_none(text: str, number: int) -> None:
    """Versions are compared as numbers, and nobody promises that they are."""
    assert salvage.number(text) == number
