"""How objects stand, as they are on the wire: pods that are the same, owners, labels, readiness."""

from __future__ import annotations

from typing import Any

import pytest

from controller.handover import state

Json = dict[str, Any]


def pod(name: str = "shop-db-0", uid: str = "u", restarts: tuple[int, ...] = (1, 2)) -> Json:
    """Return a pod whose containers were restarted so often."""
    status = {"containerStatuses": [{"restartCount": each} for each in restarts]}
    return {"metadata": {"name": name, "uid": uid}, "status": status}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ([pod()], []),
        ([pod(restarts=(2, 1))], []),
        ([pod(restarts=(2, 2))], ["shop-db-0 was restarted"]),
        ([pod(uid="other")], ["shop-db-0 is another pod"]),
        ([pod(name="shop-db-1")], ["shop-db-0 is gone"]),
        ([], ["shop-db-0 is gone"]),
    ],
)
def test_a_pod_that_did_not_run_on_is_named_with_the_reason(
    now: list[Json], said: list[str]
) -> None:
    """Gone, another one of that name, or restarted; a pod that came since is nobody's loss."""
    before = {"shop-db-0": state.life(pod())}
    assert state.changed(before, now) == said


def test_a_pod_without_a_status_was_never_restarted() -> None:
    """No container has been started yet, and that is what a later run compares with."""
    assert state.life({"metadata": {"name": "a", "uid": "u"}}) == ["u", 0]


@pytest.mark.parametrize(
    ("owners", "found"),
    [
        (None, ("", "")),
        ([], ("", "")),
        ([{"kind": "Node", "name": "a"}], ("", "")),
        (
            [
                {"kind": "Node", "name": "a", "controller": False},
                {"kind": "StatefulSet", "name": "shop-db", "controller": True},
            ],
            ("StatefulSet", "shop-db"),
        ),
    ],
)
def test_only_who_controls_an_object_is_its_controller(
    owners: list[Json] | None, found: tuple[str, str]
) -> None:
    """Others may own it beside: with these it is deleted, but they make no other one."""
    meta: Json = {"name": "shop-db-0"}
    if owners is not None:
        meta["ownerReferences"] = owners
    assert state.controller({"metadata": meta}) == found


def test_an_object_is_of_the_very_one_that_controls_it() -> None:
    """Not of one that had the name before, and not of one that merely owns it beside."""
    above = {"metadata": {"name": "shop-db", "uid": "u"}}
    controlled = [{"uid": "u", "controller": True}]
    assert state.is_of({"metadata": {"ownerReferences": controlled}}, above)
    for others in (None, [{"uid": "u"}], [{"uid": "older", "controller": True}, {"uid": "u"}]):
        assert not state.is_of({"metadata": {"ownerReferences": others}}, above)


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({}, False),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, False),
        ({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}, True),
        ({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}, False),
        ({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "False"}]}, False),
        ({"observedGeneration": 2, "conditions": [{"type": "Stalled", "status": "True"}]}, False),
    ],
)
def test_an_object_is_ready_when_it_says_so_of_its_latest_generation(
    status: Json, *, ready: bool
) -> None:
    """What was said before the last change is no word about what it is now."""
    assert state.is_ready({"metadata": {"generation": 2}, "status": status}) is ready


def test_each_label_that_keeps_a_pod_from_its_set_is_named() -> None:
    """With the value that is there, or as missing; labels that the set does not ask for are not."""
    found = {"metadata": {"labels": {"app": "quarantine", "team": "a"}}}
    wanted = {"tier": "data", "app": "db"}
    assert state.differing(found, wanted) == [
        "the label app is quarantine, not db",
        "no label tier=data",
    ]
    assert state.differing({"metadata": {}}, {"app": "db"}) == ["no label app=db"]
    assert state.differing(found, {"team": "a"}) == []
