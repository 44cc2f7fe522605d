"""What holds of every operation, whatever is asked, whatever fails, whenever the operator dies."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.api import objects
from controller.contract import tasks
from controller.planning import amounts
from tests.kinds.operation.stage import Stage

ACTS = ("exec", "restart", "once", "component")


def step_of(index: int, kind: str, *, rerun: bool, undo: bool) -> dict[str, Any]:
    """Return a step of an operation."""
    step: dict[str, Any] = {"name": f"s{index}"}
    if kind == "restart":
        return {**step, "action": "Restart"}
    if kind != "exec":
        step["scope"] = kind.capitalize()
    if undo:
        step["compensate"] = {"exec": {"command": ["undo"]}}
    if rerun:
        step["onUnknown"] = "Rerun"
    return {**step, "exec": {"command": ["do"]}, "timeoutSeconds": 60}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Any operation: a built-in act, or steps of all scopes."""
    spec: dict[str, Any] = {
        "concurrency": draw(st.sampled_from([1, 2, 3, "25%", "50%", "100%"])),
        "failureBudget": draw(st.sampled_from([0, 1, "50%"])),
        "onFailure": draw(st.sampled_from(["Halt", "Revert"])),
        "order": draw(st.sampled_from(["Ascending", "Descending"])),
        "recovery": {"attempts": draw(st.integers(1, 3)), "backoff": {"maxSeconds": 3}},
        "timeoutSeconds": 600,
        "startDeadlineSeconds": 600,
        "cancelGraceSeconds": 10,
    }
    if draw(st.booleans()):
        return {**spec, "action": draw(st.sampled_from(["Restart", "Replace", "Stop", "Start"]))}
    kinds = draw(st.lists(st.sampled_from(ACTS), min_size=1, max_size=4))
    rerun, undo = draw(st.booleans()), draw(st.booleans())
    steps = [step_of(i, kind, rerun=rerun, undo=undo) for i, kind in enumerate(kinds)]
    return {**spec, "action": "Steps", "steps": steps}


@dataclasses.dataclass(slots=True)
class Watcher:
    """Holds what is true at every instant against what was true before."""

    limit: int
    ends: dict[str, str] = dataclasses.field(default_factory=dict)
    passed: dict[tuple[str, str, str], int] = dataclasses.field(default_factory=dict)

    def __call__(self, stage: Stage) -> None:
        """Look at the stage as it is now."""
        mine = [
            each
            for name in stage.under_task()
            if (each := stage.servers[name]).spec.task is not None
        ]
        assert len(mine) <= self.limit
        for name in stage.operations:
            if name in self.ends and stage.status(name).run == self.ends[name].split("/")[0]:
                assert self.ends[name] == f"{stage.status(name).run}/{stage.reason(name)}"
            if stage.ended(name):
                self.ends[name] = f"{stage.status(name).run}/{stage.reason(name)}"
        for name, server in stage.servers.items():
            self._advance(name, server)

    def _advance(self, name: str, server: objects.Server) -> None:
        """A checkpoint stays until the step is undone, and its incarnation never falls."""
        marks = {each.step: each for each in server.status.checkpoints if not each.failed}
        for step, mark in marks.items():
            key = (name, mark.operation, step)
            assert self.passed.get(key, 0) <= mark.incarnation
            self.passed[key] = mark.incarnation
        for owner, operation, step in list(self.passed):
            if owner == name and step not in marks and not tasks.undoes(step):
                assert tasks.undo(step) in marks, (step, marks)
                del self.passed[owner, operation, step]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs(), seed=st.integers(0, 2**32), count=st.integers(1, 7), data=st.data())
def test_every_operation_ends_and_keeps_its_word(
    spec: dict[str, Any], seed: int, count: int, data: st.DataObject
) -> None:
    """Concurrency holds at every instant, nothing acts twice in a run, an end is an end."""
    chance = random.Random(seed)
    stage = Stage(count)
    stage.settle()
    fails, dies = data.draw(st.sampled_from([0.0, 0.2, 0.6])), data.draw(st.booleans())
    stage.verdict = lambda _server, _task: (
        chance.choice(["Transient: x", "Terminal: y", "Unknown: z"])
        if chance.random() < fails
        else ""
    )
    stage.act_seconds = chance.choice([0.5, 2.0, 5.0])
    watcher = Watcher(limit=amounts.at_least_one(spec["concurrency"], count))
    stage.watchers.append(watcher)
    stage.submit("go", **spec)
    cancel_at = chance.choice([None, None, 1.0, 4.0, 9.0])
    began = stage.now
    for _ in range(3000):
        if stage.ended("go"):
            break
        if dies and chance.random() < 0.1:
            stage.crash()
        if cancel_at is not None and stage.now - began >= cancel_at:
            stage.change("go", cancelled=True)
            cancel_at = None
        if chance.random() < 0.02:
            stage.change("go", paused=not stage.operations["go"].spec.paused)
        if stage.operations["go"].spec.paused and chance.random() < 0.3:
            stage.change("go", paused=False)
        stage.step()
    assert stage.ended("go"), stage.told
    stage.play(5)
    assert stage.under_task() == []
    told = stage.status("go")
    assert told.succeeded + told.failed + told.pending + told.running == told.total
    at_most = spec["recovery"]["attempts"]
    _never_more_often(stage, spec, at_most if fails else 1, once=not dies)


def _never_more_often(stage: Stage, spec: dict[str, Any], attempts: int, *, once: bool) -> None:
    """Each step began at most as often as its attempts allow, and Once for all of them."""
    rerun = any(each.get("onUnknown") == "Rerun" for each in spec.get("steps", []))
    if rerun:
        return
    restarts = sum(each.get("action") == "Restart" for each in spec.get("steps", []))
    for key in set(stage.began):
        assert stage.began.count(key) <= attempts, key
    if once:
        for each in spec.get("steps", []):
            if each.get("scope") == "Once":
                assert len({name for name, step in stage.began if step == each["name"]}) <= 1
    if spec["action"] in ("Restart", "Replace"):
        assert all(each.spec.incarnation <= 2 for each in stage.servers.values())
    else:
        assert all(each.spec.incarnation <= 1 + restarts for each in stage.servers.values())
