"""The mistakes: one piece of our own code in each mutant, found by its shape and replaced.

`trial` applies them to a copy. `at` names module and function, `find` is code as `syntax` reads it.
A definition whose piece is no longer there, or is there twice, fails by itself: a mutant that
breaks nothing proves nothing. So whoever renames what a `find` names is told by one test, and
mends it here.
"""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

from proof.mutants import syntax


class NotFoundOnceError(Exception):
    """A definition does not fit the code any more: mend the definition."""


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A piece of a function, `module:name`, or of a `module:`, and what stands there instead."""

    at: str
    find: str
    replace: str

    @property
    def file(self) -> str:
        """The file that is edited."""
        return self.at.partition(":")[0].replace(".", "/") + ".py"

    def apply(self, checkout: Path) -> None:
        """Edit a copy of the code; raises NotFoundOnceError if the piece is not there once."""
        path = checkout / self.file
        if not path.exists():
            raise NotFoundOnceError(f"there is no {self.file}")
        module = ast.parse(path.read_text())
        place = syntax.scope(module, self.at.partition(":")[2])
        if place is None:
            raise NotFoundOnceError(f"{self.at}: there is no such function, or there are more")
        swap = syntax.Swap(self.find, self.replace)
        swap.visit(place)
        if swap.count != 1:
            raise NotFoundOnceError(f"{self.at} has {swap.count} places like {self.find!r}")
        path.write_text(ast.unparse(ast.fix_missing_locations(module)) + "\n")


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
                "controller.providers.pod.provider:PodProvider._delete",
                "ANY_api.delete(Resource.PODS, ANY_space, ANY_n, uid=ANY_uid,"
                " resource_version=ANY_v, grace_seconds=ANY_g)",
                "ANY_api.delete(Resource.PODS, ANY_space, ANY_n, uid='', grace_seconds=ANY_g)",
            ),
        ),
        story="life",
        caught_by="I2",
    ),
    Mutant(
        name="patches without a UID",
        edits=(
            Edit(
                "controller.execution.writer:Writer._patch",
                '{"uid": ANY_action.uid}',
                "{}",
            ),
            Edit(
                "controller.execution.writer:Writer._patch",
                "if ANY_action.resource_version:\n    ANY_guard",
                "if not ANY_action:\n    ANY_guard",
            ),
        ),
        story="life",
        caught_by="I2",
    ),
    Mutant(
        name="pods with generated names",
        edits=(
            Edit(
                "controller.providers.pod.manifest:pod",
                '{"name": ANY_name, "namespace": ANY_space, "labels": ANY_labels,'
                ' "ownerReferences": ANY_owners}',
                '{"generateName": ANY_name, "namespace": ANY_space, "labels": ANY_labels,'
                ' "ownerReferences": ANY_owners}',
            ),
        ),
        story="life",
        caught_by="I1",
    ),
    Mutant(
        name="no cache gate",
        edits=(
            Edit(
                "controller.execution.gate:Gate.passes",
                "ANY_informer is None or ANY_informer.reached(ANY_floor, ANY_space, ANY_slot)",
                "True",
            ),
        ),
        story="lag",
        caught_by="I6",
    ),
    Mutant(
        name="a server's finalizer goes while its pod is ending",
        edits=(
            Edit(
                "controller.kinds.server.teardown:next_teardown_step",
                "ANY_seen.phase in (contract.Phase.ABSENT, contract.Phase.FOREIGN)",
                "ANY_seen.phase.value in ('Absent', 'Foreign', 'Terminating')",
            ),
        ),
        story="slow-end",
        caught_by="I4",
    ),
    Mutant(
        name="a set's finalizer goes without waiting for its servers",
        edits=(
            Edit(
                "controller.kinds.serverset.teardown:plan",
                "if mine:\n    return _take_down(snapshot, mine)",
                "if any(each.metadata.deletion_timestamp is None for each in mine):\n"
                "    return _take_down(snapshot, mine)",
            ),
        ),
        story="slow-end",
        caught_by="I4",
    ),
    Mutant(
        name="claims go while the servers that were scaled away are ending",
        edits=(
            Edit(
                "controller.kinds.serverset.claims:after_scaling",
                "ANY_ordinal not in wanted and ANY_ordinal not in ANY_snapshot.servers",
                "ANY_ordinal not in wanted",
            ),
        ),
        story="shrinking",
        caught_by="I4",
    ),
    Mutant(
        name="claims go while the servers that stay are at work",
        edits=(
            Edit(
                "controller.kinds.serverset.claims:after_scaling",
                "ANY_ordinal not in wanted and ANY_ordinal not in ANY_snapshot.servers",
                "ANY_ordinal >= 0",
            ),
        ),
        story="shrinking",
        caught_by="I4",
    ),
    Mutant(
        name="one spare server too many",
        edits=(
            Edit(
                "controller.kinds.serverset.scaling:_surge",
                "return min(ANY_allowed, ANY_unfinished)",
                "return min(ANY_allowed + 1, ANY_unfinished)",
            ),
        ),
        story="life",
        caught_by="I1",
    ),
    Mutant(
        name="one server too many is taken down",
        edits=(
            Edit(
                "controller.planning.budget:Budget.allowance",
                "self.limit - self.desired",
                "self.limit + 1 - self.desired",
            ),
        ),
        story="rolling",
        caught_by="Budget",
    ),
    Mutant(
        name="evictions go on while a rollout takes servers down",
        edits=(
            Edit(
                "controller.kinds.serverset.disruption_budget:_is_acting",
                "if ANY_rolling and not ANY_halted:\n    return True",
                "if ANY_rolling and ANY_halted:\n    return True",
            ),
        ),
        story="rolling",
        caught_by="Evictions",
    ),
    Mutant(
        name="a rollout does not wait until no eviction is allowed",
        edits=(
            Edit(
                "controller.kinds.serverset.disruption_budget:keep",
                "acting and close is not None",
                "False",
            ),
        ),
        story="rolling",
        caught_by="Evictions",
    ),
    Mutant(
        name="Ready before the pod is",
        edits=(
            Edit(
                "controller.providers.pod.observation:observe",
                "ANY_up and ANY_seen is Phase.RUNNING",
                "True",
            ),
            Edit(
                "controller.providers.pod.observation:_phase",
                "ANY_status.phase == PodPhase.RUNNING",
                "True",
            ),
        ),
        story="life",
        caught_by="I9",
    ),
    Mutant(
        name="a set counts servers that it only ordered",
        edits=(
            Edit(
                "controller.planning.register:Register.census",
                "ANY_count.ready + ANY_well",
                "spec.replicas",
            ),
        ),
        story="life",
        caught_by="I9",
    ),
    Mutant(
        name="pods are made while their application goes",
        edits=(
            Edit(
                "controller.planning.obstacles:application_deleting",
                "ANY_application.metadata.deletion_timestamp is None",
                "True",
            ),
        ),
        story="upkeep",
        caught_by="I3",
    ),
    Mutant(
        name="a second task before the first has ended",
        edits=(
            Edit(
                "controller.kinds.operation.conflicts:conflict",
                "return ANY_conflict",
                "return False",
            ),
            Edit(
                "controller.kinds.operation.slots:can_take",
                "not tasks.ended(ANY_server)",
                "False",
            ),
        ),
        story="operations",
        caught_by="I7",
    ),
    Mutant(
        name="one server too many at work for an operation",
        edits=(
            Edit(
                "controller.kinds.operation.slots:_Room.has_place",
                "ANY_load < self.limit",
                "ANY_load <= self.limit",
            ),
        ),
        story="operations",
        caught_by="Budget",
    ),
    Mutant(
        name="commands without a claim",
        edits=(
            Edit(
                "controller.kinds.server.task:_begin",
                "return _write(ANY_at, _claim(ANY_at, ANY_now, TaskState.STARTED, ANY_attempt))",
                "return Course(actions=(contract.Call(verb=contract.Verb.ACT, why='', task=task,"
                " instance=ANY_at.observation.id),), wake=left)",
            ),
        ),
        story="operations",
        caught_by="I7",
    ),
    Mutant(
        name="an attempt claimed again and again",
        edits=(
            Edit(
                "controller.kinds.server.task:_begin",
                "_claim(ANY_snapshot, ANY_now, TaskState.STARTED, ANY_now.attempt + 1)",
                "_claim(ANY_snapshot, ANY_now, TaskState.STARTED, 1)",
            ),
        ),
        story="crashes",
        caught_by="I7",
    ),
    Mutant(
        name="a stranger's pod adopted",
        edits=(
            Edit(
                "controller.providers.pod.observation:is_ours",
                "return ANY_ours",
                "return True",
            ),
            Edit(
                "controller.providers.pod.provider:PodProvider._adopt",
                "ANY_seen != ANY_server.spec.incarnation",
                "False",
            ),
        ),
        story="strangers",
        caught_by="I2",
    ),
    Mutant(
        name="what has a name that is needed taken up, whoever made it",
        edits=(
            Edit(
                "controller.planning.ownership:is_let_go",
                "names.missing_or_changed(ANY_found.labels, ANY_identity)",
                "{}",
            ),
        ),
        story="strangers",
        caught_by="I2",
    ),
    Mutant(
        name="a status that never rests",
        edits=(
            Edit(
                "controller.api.conditions:merge",
                "ANY_old is None or ANY_old.status != ANY_each.status",
                "True",
            ),
        ),
        story="quiet",
        caught_by="I5",
    ),
    Mutant(
        name="teardowns before everything else, for ever",
        edits=(
            Edit(
                "controller.execution.schedule:Schedule.pop",
                "min(ANY_lines, key=ANY_order)",
                "next(ANY_lines)",
            ),
        ),
        story="rush",
        caught_by="I8",
    ),
    Mutant(
        name="a Lease taken before it has run out",
        edits=(
            Edit(
                "controller.kube.lease:Elector._try_acquire",
                "ANY_began - self._seen_at < ANY_patience",
                "ANY_began - self._seen_at < -1e9",
            ),
        ),
        story="succession",
        caught_by="I10",
    ),
    Mutant(
        name="a leader that has lost its Lease goes on",
        edits=(
            Edit(
                "controller.kube.lease:Elector.hold",
                "raise self._lost(ANY_why) from ANY_error",
                "await asyncio.sleep(1e9)",
            ),
            Edit(
                "controller.execution.writer:Writer.write",
                "not self._may_write()",
                "False",
            ),
        ),
        story="succession",
        caught_by="I10",
    ),
    Mutant(
        name="a task left behind by each call",
        edits=(
            Edit(
                "controller.execution.pool:Pool._run",
                "self._leave(ANY_call)",
                "self._leave(ANY_call)\nasyncio.get_running_loop().create_task(asyncio.sleep(1e6))",
            ),
        ),
        story="rolling",
        caught_by="I11",
    ),
    Mutant(
        name="readiness that is not taken back",
        edits=(
            Edit(
                "controller.kinds.server.planner:_lost",
                "snapshot.namespace_terminating",
                "True",
            ),
        ),
        story="upkeep",
        caught_by="Ready",
    ),
    Mutant(
        name="a pod of the revision before taken for what is asked for",
        edits=(
            Edit(
                "controller.kinds.server.changing:changed",
                "situation.seen.revision == situation.spec.revision",
                "True",
            ),
        ),
        story="rolling",
        caught_by="Ready",
    ),
    Mutant(
        name="a pod of the incarnation before taken for what is asked for",
        edits=(
            Edit(
                "controller.providers.pod.observation:incarnation",
                "return status.incarnation",
                "return server.spec.incarnation",
            ),
        ),
        story="loss",
        caught_by="I9",
    ),
    Mutant(
        name="restarts that restart nothing",
        edits=(
            Edit(
                "controller.contract.incarnations:raised",
                "spec.incarnation + 1",
                "spec.incarnation",
            ),
        ),
        story="loss",
        caught_by="Completed",
    ),
    Mutant(
        name="ill servers made anew however many they are",
        edits=(
            Edit(
                "controller.kinds.serverset.remediation:_Group.is_held",
                "len(self.ill) + len(self.awaited) > ANY_most",
                "False",
            ),
        ),
        story="epidemic",
        caught_by="Healing",
    ),
    Mutant(
        name="servers that do not say what they wait for",
        edits=(
            Edit(
                "controller.kinds.server.summary:tell",
                "outcomes.steady(ANY_before, ANY_blocked, ANY_now)",
                "()",
            ),
        ),
        story="epidemic",
        caught_by="Blocked",
    ),
    Mutant(
        name="a rollout's clock that runs on while its application is paused",
        edits=(
            Edit(
                "controller.kinds.serverset.progress:idle",
                "Progress(proven_revision=before.proven_revision, since=None,"
                " missed=before.deadline_missed)",
                "Progress(proven_revision=before.proven_revision,"
                " since=before.last_progress_time, missed=before.deadline_missed)",
            ),
        ),
        story="pause",
        caught_by="Deadline",
    ),
    Mutant(
        name="all that are ill for long made anew at once",
        edits=(
            Edit(
                "controller.kinds.serverset.remediation:_heal",
                "ANY_overdue[: max(0, ANY_room)]",
                "ANY_overdue",
            ),
        ),
        story="epidemic",
        caught_by="Healing",
    ),
    Mutant(
        name="a hold without an end",
        edits=(
            Edit(
                "controller.kinds.serverset.remediation:_due",
                "ANY_ill.since + ANY_policy.max_hold_seconds",
                "ANY_ill.since + ANY_policy.max_hold_seconds * 1e6",
            ),
        ),
        story="epidemic",
        caught_by="Healing",
    ),
    Mutant(
        name="servers taken down in whichever domain",
        edits=(
            Edit(
                "controller.planning.focus:Focus.admits",
                "not self.on or self.down <= {domains.place(server)}",
                "True",
            ),
        ),
        story="domains",
        caught_by="Domains",
    ),
    Mutant(
        name="operations in whichever domain",
        edits=(
            Edit(
                "controller.kinds.operation.slots:_admit",
                "ANY_server is not None and ANY_one.take(ANY_server)",
                "ANY_server is not None",
            ),
        ),
        story="domains",
        caught_by="Domains",
    ),
    Mutant(
        name="a fleet that is run over when its outage is over",
        edits=(
            Edit(
                "controller.execution.fleets:Fleets._pool_of",
                "Pool(width=width, per_second=per_second, strict=True, sharers=ANY_s)",
                "Pool(width=width, per_second=0, strict=True, sharers=ANY_s)",
            ),
            Edit(
                "controller.execution.fleets:Fleets._pool_of",
                "branch.pool.limit(width=width, per_second=per_second)",
                "branch.pool.limit(width=width, per_second=0)",
            ),
        ),
        story="outage",
        caught_by="Limits",
    ),
)
