"""What is broken in each mutant: one piece of our own code, found exactly once and replaced.

`trial` applies them to a copy. A definition whose text is no longer there, or is there twice, fails
by itself: a mutant that breaks nothing proves nothing.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path


class NotFoundOnceError(Exception):
    """A definition does not fit the code any more: mend the definition."""


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A piece of a file, and what stands there instead."""

    file: str
    find: str
    replace: str

    def apply(self, checkout: Path) -> None:
        """Edit a copy of the code; raises NotFoundOnceError if the piece is not there once."""
        path = checkout / self.file
        text = path.read_text()
        if text.count(self.find) != 1:
            raise NotFoundOnceError(
                f"{self.file} has {text.count(self.find)} places like {self.find!r}"
            )
        path.write_text(text.replace(self.find, self.replace))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mistake, the story that has the trouble it needs, the invariant that it breaks."""

    name: str
    edits: tuple[Edit, ...]
    story: str
    caught_by: str

    def apply(self, checkout: Path) -> None:
        """Make the mistake in a copy of the code."""
        for each in self.edits:
            each.apply(checkout)


MUTANTS = (
    Mutant(
        name="pods deleted without a UID precondition",
        edits=(
            Edit(
                "controller/providers/pod/provider.py",
                "Resource.PODS, namespace, name, uid=uid, grace_seconds=grace_seconds",
                'Resource.PODS, namespace, name, uid="", grace_seconds=grace_seconds',
            ),
        ),
        story="life",
        caught_by="I2",
    ),
    Mutant(
        name="patches without a UID",
        edits=(
            Edit(
                "controller/execution/writer.py",
                'guard: dict[str, Any] = {"uid": action.uid}\n        if action.resource_version:',
                "guard: dict[str, Any] = {}\n        if not action:",
            ),
        ),
        story="life",
        caught_by="I2",
    ),
    Mutant(
        name="pods with generated names",
        edits=(
            Edit(
                "controller/providers/pod/manifest.py",
                '        "name": name,\n        "namespace": server.metadata.namespace,\n'
                '        "labels": {**parts.labels',
                '        "generateName": name, "namespace": server.metadata.namespace,\n'
                '        "labels": {**parts.labels',
            ),
        ),
        story="life",
        caught_by="I1",
    ),
    Mutant(
        name="no cache gate",
        edits=(
            Edit(
                "controller/execution/engine.py",
                "if informer is None or informer.reached(floor, namespace):",
                "if True:",
            ),
        ),
        story="lag",
        caught_by="I6",
    ),
    Mutant(
        name="a server's finalizer goes while its pod is ending",
        edits=(
            Edit(
                "controller/kinds/server/teardown.py",
                "if seen.phase in (contract.Phase.ABSENT, contract.Phase.FOREIGN):",
                "if seen.phase.value in ('Absent', 'Foreign', 'Terminating'):",
            ),
        ),
        story="slow-end",
        caught_by="I4",
    ),
    Mutant(
        name="a set's finalizer goes without waiting for its servers",
        edits=(
            Edit(
                "controller/kinds/serverset/planner.py",
                "    if mine:\n        going = ",
                "    if [each for each in mine if each.metadata.deletion_timestamp is None]:\n"
                "        going = ",
            ),
        ),
        story="slow-end",
        caught_by="I4",
    ),
    Mutant(
        name="claims go while the servers that were scaled away are ending",
        edits=(
            Edit(
                "controller/kinds/serverset/claims.py",
                "if ordinal >= desired and ordinal not in snapshot.servers",
                "if ordinal >= desired",
            ),
        ),
        story="shrinking",
        caught_by="I4",
    ),
    Mutant(
        name="claims go while the servers that stay are at work",
        edits=(
            Edit(
                "controller/kinds/serverset/claims.py",
                "if ordinal >= desired and ordinal not in snapshot.servers",
                "if ordinal >= 0",
            ),
        ),
        story="shrinking",
        caught_by="I4",
    ),
    Mutant(
        name="one spare server too many",
        edits=(
            Edit(
                "controller/kinds/serverset/scaling.py",
                "    return min(allowed, unfinished)",
                "    return min(allowed + 1, unfinished)",
            ),
        ),
        story="life",
        caught_by="I1",
    ),
    Mutant(
        name="one server too many is taken down",
        edits=(
            Edit(
                "controller/planning/budget.py",
                "max(0, self.limit - self.desired + self.available)",
                "max(0, self.limit + 1 - self.desired + self.available)",
            ),
        ),
        story="rolling",
        caught_by="Budget",
    ),
    Mutant(
        name="Ready before the pod is",
        edits=(
            Edit(
                "controller/providers/pod/observation.py",
                "ready=up and seen is Phase.RUNNING,",
                "ready=True,",
            ),
            Edit(
                "controller/providers/pod/observation.py",
                '    if status.phase == "Running":\n        return',
                "    if status:\n        return",
            ),
        ),
        story="life",
        caught_by="I9",
    ),
    Mutant(
        name="a set counts servers that it only ordered",
        edits=(
            Edit(
                "controller/planning/register.py",
                "            ready=count.ready + well,\n",
                "            ready=spec.replicas,\n",
            ),
        ),
        story="life",
        caught_by="I9",
    ),
    Mutant(
        name="pods are made while their application goes",
        edits=(
            Edit(
                "controller/kinds/server/planner.py",
                "    if application.metadata.deletion_timestamp is not None:\n",
                "    if application.metadata.uid is None:\n",
            ),
        ),
        story="upkeep",
        caught_by="I3",
    ),
    Mutant(
        name="a second task before the first has ended",
        edits=(
            Edit(
                "controller/kinds/operation/conflicts.py",
                "    return other.action not in COMMUTES[one.action] and targets.meet(one, other)",
                "    return False",
            ),
            Edit(
                "controller/kinds/operation/slots.py",
                "if server is None or server.spec.held or not tasks.ended(server):",
                "if server is None or server.spec.held:",
            ),
        ),
        story="operations",
        caught_by="I7",
    ),
    Mutant(
        name="one server too many at work for an operation",
        edits=(
            Edit(
                "controller/kinds/operation/slots.py",
                "        if load >= run.limit or not fits(each):",
                "        if load > run.limit or not fits(each):",
            ),
        ),
        story="operations",
        caught_by="Budget",
    ),
    Mutant(
        name="commands without a claim",
        edits=(
            Edit(
                "controller/kinds/server/task.py",
                "    return _write(snapshot, _claim(snapshot, now, tasks.STARTED, now.attempt"
                " + 1))",
                "    return Course(actions=(plan.Call(verb=plan.Verb.ACT, why='', task=task,"
                " instance=snapshot.observation.id),), wake=left)",
            ),
        ),
        story="operations",
        caught_by="I7",
    ),
    Mutant(
        name="an attempt claimed again and again",
        edits=(
            Edit(
                "controller/kinds/server/task.py",
                "_claim(snapshot, now, tasks.STARTED, now.attempt + 1)",
                "_claim(snapshot, now, tasks.STARTED, 1)",
            ),
        ),
        story="crashes",
        caught_by="I7",
    ),
    Mutant(
        name="a stranger's pod adopted",
        edits=(
            Edit(
                "controller/providers/pod/observation.py",
                "    return controller is not None and controller.uid == server.metadata.uid",
                "    return True",
            ),
            Edit(
                "controller/providers/pod/provider.py",
                "or seen != server.spec.incarnation:",
                "or False:",
            ),
        ),
        story="strangers",
        caught_by="I2",
    ),
    Mutant(
        name="a status that never rests",
        edits=(
            Edit(
                "controller/api/conditions.py",
                "        moved = old is None or old.status != each.status",
                "        moved = True",
            ),
        ),
        story="quiet",
        caught_by="I5",
    ),
    Mutant(
        name="teardowns before everything else, for ever",
        edits=(
            Edit(
                "controller/execution/schedule.py",
                "line = min(self._waiting(others=others), key=lambda each: each.turn)",
                "line = next(self._waiting(others=others))",
            ),
        ),
        story="rush",
        caught_by="I8",
    ),
    Mutant(
        name="a Lease taken before it has run out",
        edits=(
            Edit(
                "controller/kube/lease.py",
                "if began - self._seen_at < min(max(patience, self._duration), longest):",
                "if began - self._seen_at < -patience:",
            ),
        ),
        story="succession",
        caught_by="I10",
    ),
    Mutant(
        name="a leader that has lost its Lease goes on",
        edits=(
            Edit(
                "controller/kube/lease.py",
                'raise self._lost(f"not renewed for {self._renew_deadline:g} s") from error',
                "await asyncio.sleep(1e9)",
            ),
            Edit(
                "controller/execution/writer.py",
                "        if not self._may_write():",
                "        if self._may_write is None:",
            ),
        ),
        story="succession",
        caught_by="I10",
    ),
    Mutant(
        name="a task left behind by each call",
        edits=(
            Edit(
                "controller/execution/pool.py",
                "            self._others -= entry.urgency is not Urgency.TEARDOWN\n",
                "            self._others -= entry.urgency is not Urgency.TEARDOWN\n"
                "            asyncio.get_running_loop().create_task(asyncio.sleep(1e6))\n",
            ),
        ),
        story="rolling",
        caught_by="I11",
    ),
)
