"""Mistakes that no history need show: a mechanism is broken, and a test nearby must notice.

`definitions` has the mistakes that break an invariant in a story. These here break a promise that
one test holds, and `trial.check` runs that test alone on a copy with the mistake in it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from proof.mutants.definitions import Edit

_REFERENCES = "tests/kinds/revisions/test_references.py"
_APPLICATION = "tests/kinds/application/test_planner.py"
_LIVES = "tests/simulation/test_references.py"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One mistake, and the test, as pytest names it, that fails with it."""

    name: str
    edits: tuple[Edit, ...]
    test: str

    def apply(self, checkout: Path) -> None:
        """Make the mistake in a copy of the code."""
        for each in self.edits:
            each.apply(checkout)


def _one(name: str, at: str, find: str, replace: str, test: str) -> Mechanism:
    return Mechanism(name=name, edits=(Edit(at, find, replace),), test=test)


# Servers refer to their revision and their set.
REFERENCES = (
    _one(
        "a revision is pruned while servers name it",
        "controller.kinds.application.revisions:_prune",
        "ANY_each.metadata.name not in named | in_use",
        "ANY_each.metadata.name not in named",
        f"{_APPLICATION}::test_revisions_that_servers_name_are_kept",
    ),
    _one(
        "a revision goes with its component while servers name it",
        "controller.kinds.application.revisions:decide",
        "gone and each.metadata.name not in in_use",
        "gone",
        f"{_APPLICATION}::test_a_record_that_servers_name_outlives_its_component",
    ),
    _one(
        "nobody looks which revisions servers name",
        "controller.planning.relations:named_by_servers",
        "caches.by(SERVERS_BY_REVISION, (each.namespace, each.name))",
        "False",
        f"{_APPLICATION}::test_revisions_that_servers_name_are_kept",
    ),
    _one(
        "a revision that a set still says is not made again",
        "controller.kinds.application.revisions:_restore",
        "data is None",
        "True",
        f"{_APPLICATION}::test_the_record_of_what_a_set_says_is_made_again",
    ),
    _one(
        "a server is torn down for want of its revision",
        "controller.kinds.server.records:_is_harmless",
        "situation.spec.power == 'Stopped'",
        "True",
        f"{_REFERENCES}::test_nothing_is_made_or_torn_down_for_want_of_a_record",
    ),
    _one(
        "a server is made of nothing for want of its revision",
        "controller.kinds.server.records:_is_harmless",
        "action.verb is not contract.Verb.CREATE",
        "True",
        f"{_REFERENCES}::test_nothing_is_made_or_torn_down_for_want_of_a_record",
    ),
    _one(
        "a server says nothing of the revision that it lacks",
        "controller.kinds.server.records:keep",
        "situation.snapshot.recorded",
        "situation.seen.ready",
        f"{_REFERENCES}::test_what_runs_without_a_record_runs_on_and_says_so",
    ),
    _one(
        "servers name a revision before it is seen on record",
        "controller.kinds.serverset.records:Records.has_target",
        "self.find(self._spec.revision) is not None",
        "self is not None",
        f"{_LIVES}::test_a_record_that_comes_late_is_waited_for",
    ),
    _one(
        "what a server of the last release carries is not honoured",
        "controller.kinds.revisions.references:complete",
        "template, claims = (spec.template, spec.volume_claims)",
        "template, claims = (objects.NULL, spec.volume_claims)",
        f"{_REFERENCES}::test_a_copy_counts_only_where_nothing_else_is_known",
    ),
    _one(
        "a server's own copy of the policies outlives its set's word",
        "controller.kinds.revisions.references:complete",
        "policies.deletion",
        "spec.deletion",
        f"{_LIVES}::test_a_policy_changed_after_the_upgrade_writes_no_server",
    ),
    _one(
        "copies of the last release stay for ever",
        "controller.kinds.serverset.updates:Upkeep.bring",
        "ANY_told.template != objects.NULL",
        "False",
        f"{_LIVES}::test_the_next_write_drops_the_copies",
    ),
    _one(
        "an upgrade moves the hashes of revisions",
        "controller.kinds.revisions.contents:of_component",
        "not ranked",
        "True",
        f"{_LIVES}::test_objects_of_the_last_release_need_no_write",
    ),
)

# Errors, facts and targets have one meaning each.
MEANINGS = (
    _one(
        "what an act found out is dropped",
        "controller.execution.acts:_Act.told",
        "{name: each for name, each in ANY_items if name != 'message'}",
        "{}",
        "tests/execution/test_acts.py",
    ),
    _one(
        "a breaker that does not hear that a provider is away",
        "controller.execution.fleets:_failed",
        "not policy.works",
        "False",
        "tests/suite/test_error_policies.py",
    ),
    _one(
        "a class of errors without a policy",
        "controller.errors:ArgosyError.__init_subclass__",
        "not hasattr(cls, 'policy')",
        "False",
        "tests/suite/test_error_policies.py",
    ),
    _one(
        "a rollback takes revisions for targets",
        "controller.kinds.operation.planner:_begin",
        "msgspec.structs.replace(status, run=ANY_run, leaving=leaving)",
        "msgspec.structs.replace(status, run=ANY_run, targets=leaving)",
        "tests/kinds/operation/test_targets.py",
    ),
)

# What people brought, each as one of their manifests.
CASES = (
    _one(
        "a pod that its node rejects costs an attempt",
        "controller.providers.pod.observation:_end",
        "status.message.startswith(_REJECTED)",
        "False",
        "tests/simulation/test_cases.py::test_case[21-rejected]",
    ),
    _one(
        "servers go although the application names another number",
        "controller.kinds.serverset.planner:_agreed",
        "named is None or named == spec.replicas or not sized.removals",
        "True",
        "tests/simulation/test_cases.py::test_case[43-scale-by-hand]",
    ),
    _one(
        "a server that waits for a node fails",
        "controller.kinds.server.assessment:_failed_start",
        "seen.error_class == attempts.WAITING and not elsewhere",
        "False",
        "tests/simulation/test_cases.py::test_case[34-late-node]",
    ),
)

MECHANISMS = (*REFERENCES, *MEANINGS, *CASES)
