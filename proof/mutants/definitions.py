"""What is broken in each mutant: one piece of our own code, found exactly once and replaced.

`trial` applies them to a copy. A definition whose text is no longer there, or is there twice, fails
by itself: a mutant that breaks nothing proves nothing.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path


class NotFoundOnceError(Exception):
    """A definition does not fit the code any more: mend the definition."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mistake, the story that has the trouble it needs, the invariant that it breaks."""

    name: str
    file: str
    find: str
    replace: str
    story: str
    caught_by: str

    def apply(self, checkout: Path) -> None:
        """Make the mistake in a copy of the code; raises NotFoundOnceError if it does not fit."""
        path = checkout / self.file
        text = path.read_text()
        if text.count(self.find) != 1:
            raise NotFoundOnceError(
                f"{self.name}: {self.file} has {text.count(self.find)} places like {self.find!r}"
            )
        path.write_text(text.replace(self.find, self.replace))


PLANNING, PROVIDERS = "controller/planning", "controller/providers"

MUTANTS = (
    Mutant(
        name="pods deleted without a UID precondition",
        file=f"{PROVIDERS}/pod.py",
        find="Resource.PODS, namespace, name, uid=uid, grace_seconds=grace_seconds",
        replace='Resource.PODS, namespace, name, uid="", grace_seconds=grace_seconds',
        story="life",
        caught_by="I2",
    ),
    Mutant(
        name="patches without a UID",
        file="controller/execution/writer.py",
        find='guard: dict[str, Any] = {"uid": action.uid}\n        if action.resource_version:',
        replace="guard: dict[str, Any] = {}\n        if not action:",
        story="life",
        caught_by="I2",
    ),
    Mutant(
        name="pods with generated names",
        file=f"{PROVIDERS}/pod_manifest.py",
        find='        "name": server.metadata.name,\n',
        replace='        "generateName": server.metadata.name + "-",\n',
        story="life",
        caught_by="I1",
    ),
    Mutant(
        name="no cache gate",
        file="controller/execution/engine.py",
        find="if informer is None or informer.reached(floor, namespace):",
        replace="if True:",
        story="lag",
        caught_by="I6",
    ),
    Mutant(
        name="a server's finalizer goes while its pod is ending",
        file=f"{PLANNING}/teardown.py",
        find="if seen.phase in (snapshot.Phase.ABSENT, snapshot.Phase.FOREIGN):",
        replace="if seen.phase.value in ('Absent', 'Foreign', 'Terminating'):",
        story="slow-end",
        caught_by="I4",
    ),
    Mutant(
        name="a set's finalizer goes without waiting for its servers",
        file=f"{PLANNING}/serverset.py",
        find="    if mine:\n        going = ",
        replace="    if [each for each in mine if each.metadata.deletion_timestamp is None]:\n"
        "        going = ",
        story="slow-end",
        caught_by="I4",
    ),
    Mutant(
        name="one spare server too many",
        file=f"{PLANNING}/scaling.py",
        find="    return min(allowed, unfinished)",
        replace="    return min(allowed + 1, unfinished)",
        story="life",
        caught_by="I1",
    ),
    Mutant(
        name="one server too many is taken down",
        file=f"{PLANNING}/budget.py",
        find="max(0, self.limit - self.desired + self.available)",
        replace="max(0, self.limit + 1 - self.desired + self.available)",
        story="rolling",
        caught_by="Budget",
    ),
    Mutant(
        name="Ready before the pod is",
        file=f"{PROVIDERS}/pod_observation.py",
        find='up = ready is not None and ready.status == "True" and not changing',
        replace="up = ready is not None",
        story="life",
        caught_by="I9",
    ),
    Mutant(
        name="a set counts servers that it only ordered",
        file=f"{PLANNING}/census.py",
        find="        ready=count.ready,\n",
        replace="        ready=given.server_set.spec.replicas,\n",
        story="life",
        caught_by="I9",
    ),
    Mutant(
        name="pods are made while their application goes",
        file=f"{PLANNING}/server.py",
        find="    if application.metadata.deletion_timestamp is not None:\n",
        replace="    if application.metadata.uid is None:\n",
        story="upkeep",
        caught_by="I3",
    ),
    Mutant(
        name="a second task before the first has ended",
        file=f"{PLANNING}/turns.py",
        find="if server is None or server.spec.held or not task.ended(server):",
        replace="if server is None or server.spec.held:",
        story="operations",
        caught_by="I7",
    ),
    Mutant(
        name="one server too many at work for an operation",
        file=f"{PLANNING}/turns.py",
        find="        if load >= run.limit or not fits(each):",
        replace="        if load > run.limit or not fits(each):",
        story="operations",
        caught_by="Budget",
    ),
    Mutant(
        name="commands without a claim",
        file=f"{PLANNING}/task.py",
        find="    return _write(look, _claim(look, now, STARTED, now.attempt + 1))",
        replace="    return Course(actions=(plan.Call(verb=plan.Verb.ACT, reason='', task=task,"
        " instance=look.observation.id),), wake=left)",
        story="operations",
        caught_by="I7",
    ),
    Mutant(
        name="an attempt claimed again and again",
        file=f"{PLANNING}/task.py",
        find="_claim(look, now, STARTED, now.attempt + 1)",
        replace="_claim(look, now, STARTED, 1)",
        story="crashes",
        caught_by="I7",
    ),
    Mutant(
        name="a stranger's pod adopted",
        file=f"{PROVIDERS}/pod_observation.py",
        find="    return controller is not None and controller.uid == server.metadata.uid",
        replace="    return True",
        story="strangers",
        caught_by="I2",
    ),
    Mutant(
        name="a status that never rests",
        file="controller/api/conditions.py",
        find="        moved = old is None or old.status != each.status",
        replace="        moved = True",
        story="quiet",
        caught_by="I5",
    ),
)
