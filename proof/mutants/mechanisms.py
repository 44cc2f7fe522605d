"""Mistakes that no history need show: a mechanism is broken, and a test nearby must notice.

`definitions` has the mistakes that break an invariant in a story. These here break a promise that
one test holds, and `trial.check` runs that test alone on a copy with the mistake in it.
"""

from __future__ import annotations

from proof.mutants import (
    adoption,
    budgets,
    builds,
    checker,
    clouds,
    content,
    dashboard,
    data,
    doors,
    forge,
    keys,
    operations,
    reporting,
    resizing,
    scraping,
    sharing,
)
from proof.mutants.definitions import Edit
from proof.mutants.mechanism import Mechanism, one

_REFERENCES = "tests/kinds/revisions/test_references.py"
_APPLICATION = "tests/kinds/application/test_planner.py"
_LIVES = "tests/simulation/test_references.py"

_FLEETS = "tests/execution/test_fleets.py"
_OUTAGES = "tests/simulation/test_outages.py"
_NAMESPACES = "tests/simulation/test_slow_namespaces.py"
_NO_BACKOFF = "test_a_trial_waits_for_no_servers_own_backoff"
_STORIES = "tests/kinds/test_rollout_stories.py"

# Servers refer to their revision and their set.
REFERENCES = (
    one(
        "a revision is pruned while servers name it",
        "controller.kinds.application.revisions:_prune",
        "ANY_each.metadata.name not in named | in_use",
        "ANY_each.metadata.name not in named",
        f"{_APPLICATION}::test_revisions_that_servers_name_are_kept",
    ),
    one(
        "a revision goes with its component while servers name it",
        "controller.kinds.application.revisions:decide",
        "gone and each.metadata.name not in in_use",
        "gone",
        f"{_APPLICATION}::test_a_record_that_servers_name_outlives_its_component",
    ),
    one(
        "nobody looks which revisions servers name",
        "controller.planning.relations:named_by_servers",
        "caches.by(SERVERS_BY_REVISION, (each.namespace, each.name))",
        "False",
        f"{_APPLICATION}::test_revisions_that_servers_name_are_kept",
    ),
    one(
        "a revision that a set still says is not made again",
        "controller.kinds.application.revisions:_restore",
        "data is None",
        "True",
        f"{_APPLICATION}::test_the_record_of_what_a_set_says_is_made_again",
    ),
    one(
        "a server is torn down for want of its revision",
        "controller.kinds.server.records:_is_harmless",
        "situation.spec.power == 'Stopped'",
        "True",
        f"{_REFERENCES}::test_nothing_is_made_or_torn_down_for_want_of_a_record",
    ),
    one(
        "a server is made of nothing for want of its revision",
        "controller.kinds.server.records:_is_harmless",
        "action.verb is not contract.Verb.CREATE",
        "True",
        f"{_REFERENCES}::test_nothing_is_made_or_torn_down_for_want_of_a_record",
    ),
    one(
        "a server says nothing of the revision that it lacks",
        "controller.kinds.server.records:keep",
        "situation.snapshot.recorded",
        "situation.seen.ready",
        f"{_REFERENCES}::test_what_runs_without_a_record_runs_on_and_says_so",
    ),
    one(
        "servers name a revision before it is seen on record",
        "controller.kinds.serverset.records:Records.has_target",
        "self.find(self._spec.revision) is not None",
        "self is not None",
        f"{_LIVES}::test_a_record_that_comes_late_is_waited_for",
    ),
    one(
        "what a server of the last release carries is not honoured",
        "controller.kinds.revisions.references:complete",
        "template, claims = (spec.template, spec.volume_claims)",
        "template, claims = (objects.NULL, spec.volume_claims)",
        f"{_REFERENCES}::test_a_copy_counts_only_where_nothing_else_is_known",
    ),
    one(
        "a server's own copy of the policies outlives its set's word",
        "controller.kinds.revisions.references:complete",
        "policies.deletion",
        "spec.deletion",
        f"{_LIVES}::test_a_policy_changed_after_the_upgrade_writes_no_server",
    ),
    one(
        "copies of the last release stay for ever",
        "controller.kinds.serverset.updates:Upkeep.bring",
        "ANY_told.template != objects.NULL",
        "False",
        f"{_LIVES}::test_the_next_write_drops_the_copies",
    ),
    one(
        "an upgrade moves the hashes of revisions",
        "controller.kinds.revisions.contents:of_component",
        "not ranked",
        "True",
        f"{_LIVES}::test_objects_of_the_last_release_need_no_write",
    ),
)

# Errors, facts and targets have one meaning each.
MEANINGS = (
    one(
        "what an act found out is dropped",
        "controller.execution.acts:_Act.told",
        "{name: each for name, each in ANY_items if name != 'message'}",
        "{}",
        "tests/execution/test_acts.py",
    ),
    one(
        "a breaker that does not hear that a provider is away",
        "controller.execution.fleet_branch:_failed",
        "not policy.works",
        "False",
        "tests/suite/test_error_policies.py",
    ),
    one(
        "a class of errors without a policy",
        "controller.errors:ArgosyError.__init_subclass__",
        "not hasattr(cls, 'policy')",
        "False",
        "tests/suite/test_error_policies.py",
    ),
    one(
        "a rollback takes revisions for targets",
        "controller.kinds.operation.planner:_begin",
        "msgspec.structs.replace(status, run=ANY_run, leaving=leaving)",
        "msgspec.structs.replace(status, run=ANY_run, targets=leaving)",
        "tests/kinds/operation/test_targets.py",
    ),
)

# What people brought, each as one of their manifests.
CASES = (
    one(
        "a pod that its node rejects costs an attempt",
        "controller.providers.pod.observation:_end",
        "status.message.startswith(_REJECTED)",
        "False",
        "tests/simulation/test_cases.py::test_case[21-rejected]",
    ),
    one(
        "servers go although the application names another number",
        "controller.kinds.serverset.resizing:_agreed",
        "named is None or named == spec.replicas or not sized.removals",
        "True",
        "tests/simulation/test_cases.py::test_case[43-scale-by-hand]",
    ),
    one(
        "a server that waits for a node fails",
        "controller.kinds.server.assessment:_failed_start",
        "seen.error_class == attempts.WAITING and not elsewhere",
        "False",
        "tests/simulation/test_cases.py::test_case[34-late-node]",
    ),
)

# A provider that is away is no failure of its servers.
OUTAGES = (
    one(
        "a circuit that few calls do not open",
        "controller.planning.circuit:_Row.tells",
        "ANY_enough and ANY_now - self.since >= ANY_window",
        "False",
        "tests/planning/test_circuit.py"
        "::test_where_none_succeeds_for_a_whole_window_few_calls_open_it",
    ),
    one(
        "lost answers that count while it is not known whose trouble that is",
        "controller.kinds.server.assessment:_may_be_an_outage",
        "answer.time - answer.since < fleet.window",
        "False",
        f"{_OUTAGES}::test_an_outage_in_the_middle_of_a_rollout_reverts_nothing",
    ),
    one(
        "all deletes at once while the circuit is open",
        "controller.execution.breaker:Breaker.may_begin",
        "not self._probing",
        "True",
        f"{_OUTAGES}::test_deletes_are_tried_one_at_a_time_and_close_the_circuit",
    ),
    one(
        "a trial beside a delete that began while the circuit was open",
        "controller.execution.breaker:Breaker.room",
        "free - self._probing",
        "free",
        f"{_FLEETS}::test_a_delete_under_way_is_the_trial_of_a_circuit_that_is_half_open_by_then",
    ),
    one(
        "an answer that knows nothing of open circuits",
        "controller.presentation.answers:_in_an_outage",
        "each.reason == Reason.CIRCUIT_OPEN",
        "False",
        "tests/presentation/test_answers.py"
        "::test_why_names_the_circuit_that_is_open_and_its_next_trial",
    ),
    one(
        "one server that is tried for ever",
        "controller.execution.fleet_waiters:Waiters.wake_next",
        "tried.update(chosen)",
        "tried.clear()",
        f"{_OUTAGES}::test_a_trial_is_each_servers_in_turn",
    ),
    one(
        "a provider that shows that it is back and is not tried",
        "controller.execution.breaker:Breaker.seen",
        "self.circuit.state is State.OPEN",
        "False",
        f"{_OUTAGES}::test_what_a_provider_shows_brings_the_next_trial_forward",
    ),
    one(
        "a provider that is read and not called, and is tried at all that it shows",
        "controller.planning.circuit:Circuit.seen",
        "self.deceived",
        "False",
        f"{_OUTAGES}::test_a_provider_that_shows_much_and_does_nothing_is_not_run_over",
    ),
    one(
        "a trial that waits for what its siblings met",
        "controller.execution.slow_start:SlowStart.begin",
        "brake.is_on() and held and not trial",
        "brake.is_on() and held",
        f"{_OUTAGES}::{_NO_BACKOFF}[silent_for_all]",
    ),
    one(
        "a trial that waits for its server's own backoff",
        "controller.kinds.server.making:_waits_for_fleet",
        "situation.snapshot.fleet.outage.includes(clock.parse(error.time))",
        "False",
        f"{_OUTAGES}::{_NO_BACKOFF}[silent]",
    ),
    one(
        "a server whose turn it is and that is not told so",
        "controller.execution.fleet_waiters:Waiters.wake_next",
        "self.nudge(keys.server(*path))",
        "self.touch(keys.server(*path))",
        f"{_OUTAGES}::{_NO_BACKOFF}[silent_for_all]",
    ),
    one(
        "a half open circuit that wakes nobody but servers",
        "controller.execution.breaker:Breaker.turn",
        "not self._wake_waiting()",
        "self._wake_waiting() is None",
        f"{_OUTAGES}::test_a_set_that_waits_for_a_provider_needs_no_server_that_does",
    ),
    one(
        "a half open circuit that nobody needs any more",
        "controller.planning.circuit:Circuit.at",
        "now < self.succeeded + self.rule.open_seconds",
        "True",
        f"{_OUTAGES}::test_a_set_that_waits_for_a_provider_needs_no_server_that_does",
    ),
    one(
        "another provider that waits for the pause of the one before",
        "controller.execution.fleet_branch:Branch.anew",
        "each.anew()",
        "each.circuit",
        f"{_OUTAGES}::test_another_provider_in_the_fleets_place_is_tried_anew",
    ),
    one(
        "a namespace that is not answered, and opens the fleet's circuit for everybody",
        "controller.execution.fleet_branch:ended",
        "error.policy.local",
        "False",
        f"{_NAMESPACES}::test_a_tenants_dead_webhook_never_delays_anothers_create",
    ),
    one(
        "trials of a fleet that go to a namespace which is never answered",
        "controller.execution.fleet_waiters:Waiters.wake_next",
        "p[0] not in held",
        "True",
        "tests/execution/test_fleets.py"
        "::test_a_trial_of_the_fleet_is_for_no_namespace_that_is_held",
    ),
    one(
        "a fleet's outage that opens the breaker of each namespace, too",
        "controller.execution.fleet_branch:Branch.end",
        "how.local == bool(breaker.namespace)",
        "True",
        "tests/execution/test_fleets.py::test_an_outage_of_the_fleet_says_nothing_of_a_namespace",
    ),
    one(
        "breakers of namespaces that are kept for ever",
        "controller.execution.fleet_branch:Branch._opened",
        "self._own.keys() - left",
        "()",
        "tests/execution/test_fleets.py::test_a_namespace_without_servers_is_forgotten",
    ),
    Mechanism(
        name="an operation whose clock runs while the provider is away",
        edits=(
            Edit(
                "controller.kinds.operation.checks:_outage",
                "snapshot.fleet.outage.lasts",
                "False",
            ),
            Edit(
                "controller.kinds.operation.planner:_advance",
                "snapshot.fleet.outage.lasts",
                "False",
            ),
        ),
        test=f"{_OUTAGES}::test_an_operations_clock_stands_still_while_the_provider_is_away",
    ),
    one(
        "an act that did not get through and is counted",
        "controller.execution.acts:_class",
        "away or error.reason == Reason.CIRCUIT_OPEN",
        "False",
        f"{_OUTAGES}::test_acts_that_do_not_get_through_spend_no_attempt",
    ),
    one(
        "a rollout whose deadline runs while the provider is away",
        "controller.kinds.serverset.planner:_assess",
        "snapshot.fleet.outage.lasts",
        "False",
        f"{_STORIES}::test_no_deadline_runs_while_calls_are_tried_again_after_an_outage",
    ),
    one(
        "a teardown that gives up while the provider is away",
        "controller.kinds.server.teardown:next_teardown_step",
        "snapshot.fleet.outage.clock(since or snapshot.now, snapshot.now)",
        "since or snapshot.now",
        f"{_OUTAGES}::test_deletes_are_tried_one_at_a_time_and_close_the_circuit",
    ),
    one(
        "an operation that may take no server down, and holds drains for ever",
        "controller.planning.evictions:must_end",
        "limit > 0 or down or operation.spec.concurrency is not None",
        "True",
        "tests/simulation/test_moves.py"
        "::test_an_operation_that_may_take_no_server_down_holds_no_drain[operation-Restart]",
    ),
    one(
        "a halted rollout that makes no spare servers for a drain",
        "controller.kinds.serverset.resizing:_stand_in",
        "draft.standing_in and known.find(proven) is not None",
        "False",
        "tests/simulation/test_moves.py::test_a_drain_ends_while_a_rollout_is_halted[True-1]",
    ),
    one(
        "a halt that is lifted since its spare server had to go",
        "controller.kinds.serverset.progress:halted_before",
        "not any((each.spec.revision == census.target for each in census.servers.values()))",
        "False",
        "tests/simulation/test_moves.py::test_a_drain_ends_while_a_rollout_is_halted[True-1]",
    ),
    one(
        "a failure budget that is whole again once its failed spare server made room",
        "controller.kinds.serverset.progress:budget_spent",
        "not status.budget_spent or status.revision != census.target",
        "True",
        "tests/simulation/test_moves.py::test_a_drain_ends_beside_a_spent_failure_budget[1-0-3000]",
    ),
    one(
        "a spare server that goes before the one it stands in for is back",
        "controller.kinds.serverset.resizing:_misfits",
        "missing and (not moving)",
        "False",
        "tests/simulation/test_moves.py::test_a_drain_ends_while_a_rollout_is_halted[False-1]",
    ),
    one(
        "a claim that others relabelled, and that no other pod gets",
        "controller.providers.pod.claims:Claims.count_lost",
        "not volumes.is_known(server, claim)",
        "False",
        "tests/simulation/test_claims.py"
        "::test_labels_of_a_claim_are_mended_while_its_pod_mounts_it[edit2]",
    ),
    one(
        "a claim that is taken from whoever has it, and no pod mounts",
        "controller.providers.pod.claims:Claims._kept",
        "volumes.is_known(server, claim) or standing is None"
        " or drift.is_left(standing.pod.metadata)",
        "volumes.is_known(server, claim)",
        "tests/simulation/test_claims.py"
        "::test_a_claim_of_that_name_that_no_pod_mounts_is_left_alone",
    ),
    one(
        "a claim whose labels are mended for ever",
        "controller.providers.pod.provider:PodProvider.change",
        "tuple(standing.relabelled)",
        "()",
        "tests/simulation/test_claims.py"
        "::test_labels_of_a_claim_that_a_program_insists_on_are_left",
    ),
    one(
        "a claim whose change its server does not hear of, as its label is gone",
        "controller.kinds.server.wakes:by_what_is_labelled",
        "(change.old, change.new)",
        "(change.new,)",
        "tests/simulation/test_claims.py"
        "::test_labels_of_a_claim_are_mended_while_its_pod_mounts_it[edit0]",
    ),
    one(
        "labels of a PodDisruptionBudget that nobody puts back",
        "controller.kinds.serverset.disruption_budget:_write",
        "names.missing_or_changed(found.metadata.labels, labels)",
        "{}",
        "tests/simulation/test_evictions.py::test_labels_of_the_budget_are_mended",
    ),
    one(
        "an evicted server that is not back, and that healing does not count",
        "controller.planning.availability:is_new",
        "clock.parse(ready.last_transition_time) <= made",
        "True",
        "tests/kinds/serverset/test_remediation.py"
        "::test_healing_counts_a_server_that_was_evicted_and_is_not_back",
    ),
    one(
        "a server that has yet to come up, and that healing waits for",
        "controller.kinds.serverset.remediation:_given_up",
        "availability.is_new(server) and (not facts.operated)",
        "False",
        "tests/kinds/serverset/test_remediation.py"
        "::test_servers_that_have_yet_to_come_up_delay_no_healing",
    ),
    one(
        "a pod on its way out that healing does not see",
        "controller.kinds.serverset.remediation:_visit",
        "evicted & census.servers.keys()",
        "()",
        "tests/simulation/test_healing.py::test_an_ill_server_waits_for_one_that_was_evicted[200]",
    ),
    one(
        "a new server that forgets that it never was ready",
        "controller.kinds.server.summary:_conditions",
        "availability.is_new(snapshot.server)",
        "False",
        "tests/kinds/server/test_planner.py"
        "::test_a_server_that_never_was_ready_is_not_ready_since_it_was_made",
    ),
    one(
        "a sick domain that holds the healing of another",
        "controller.kinds.serverset.remediation:_domain",
        "policy.per == 'Domain'",
        "False",
        "tests/kinds/serverset/test_remediation.py"
        "::test_a_sick_domain_does_not_hold_the_healing_of_another",
    ),
    one(
        "a rollout that keeps to itself for which domain it waits",
        "controller.kinds.serverset.blockers:_over_budget",
        "not ANY_spent and _waits_for_a_domain(outlook)",
        "False",
        "tests/simulation/test_domains.py"
        "::test_a_server_that_is_merely_coming_up_is_named_by_the_rollout_that_waits",
    ),
    one(
        "a move that keeps to itself for whom it waits",
        "controller.kinds.serverset.blockers:of",
        "outlook.census.due or outlook.moving",
        "outlook.census.due",
        "tests/simulation/test_domains.py"
        "::test_a_server_that_is_merely_coming_up_is_named_by_an_evacuation_that_waits[False]",
    ),
    one(
        "a server without a node that keeps why to itself",
        "controller.kinds.server.making:ill",
        "situation.seen.blocker",
        "''",
        "tests/simulation/test_unplaced.py::test_the_schedulers_words_reach_the_application",
    ),
    one(
        "a set that keeps what ails one server to itself",
        "controller.kinds.serverset.causes:find",
        "tuple(own.values())",
        "()",
        "tests/simulation/test_causes.py::test_the_cause_is_told_of_the_application[image]",
    ),
    one(
        "healing takes no account of servers that others took down",
        "controller.kinds.serverset.remediation:_given_up",
        "availability.is_new(server) and (not facts.operated)",
        "not _repeats(server, now, now)",
        "tests/kinds/serverset/test_remediation.py"
        "::test_healing_counts_servers_that_others_took_down[Restart]",
    ),
    one(
        "spare servers that let evictions into a second domain",
        "controller.kinds.serverset.disruption_budget:_least",
        "least + more - (more > 0 and (not one))",
        "least",
        # The moment at which two go is by chance; some of the attacks always meet it.
        "tests/simulation/test_one_domain.py",
    ),
    one(
        "a claim without a volume that is told as a fleet without room",
        "controller.providers.pod.observation:_blocker",
        "resources.thing(Resource.CLAIMS, claim)",
        "resources.thing(Resource.FLEETS, server.spec.fleet)",
        "tests/simulation/test_causes.py::test_the_cause_is_told_of_the_application[claim]",
    ),
    one(
        "a viewer's fleet that is said not to exist",
        "controller.presentation.inspection:Inspection.is_hidden",
        "bool(unseen and fleet)",
        "False",
        "tests/presentation/test_desired.py"
        "::test_a_fleet_that_cannot_be_seen_is_not_said_to_be_missing",
    ),
    one(
        "claims without the labels that are asked for",
        "controller.providers.pod.manifest:claim",
        "_theirs(asked.labels)",
        "{}",
        "tests/simulation/test_claims.py::test_claims_bear_what_is_asked_of_them_from_their_making",
    ),
    one(
        "evictions in two domains at once",
        "controller.planning.evictions:least",
        "min(limit, 1)",
        "limit",
        "tests/simulation/test_one_domain.py"
        "::test_one_zone_is_down_whatever_happens_beside_drains[6.0-scaled-0]",
    ),
    one(
        "limits of a pod fleet that nobody heeds",
        "controller.execution.fleets:Fleets._pool_of",
        "in_cluster and (not bounded) and branch.pool is self._pool",
        "in_cluster",
        "tests/simulation/test_fleets.py::test_limits_hold_for_pods_too",
    ),
)

_OUTCOMES = "tests/simulation/test_outcomes.py"
_STORIES = "tests/kinds/operation/test_stories.py"
_METRICS = "tests/wiring/test_operator.py::test_every_metric_has_a_sample_after_a_reconcile"

# Each was a fault of the structure once, not of a line.
STRUCTURE = (
    one(
        "calls to a fleet count as writes of its name",
        "controller.planning.targets:of_call",
        "Call(ANY_fleet, ANY_name)",
        "Write(ANY_fleet, item.metadata.namespace, ANY_name)",
        f"{_OUTCOMES}::test_a_fleet_may_be_named_like_a_resource",
    ),
    one(
        "whoever looks on knows nothing of refusals",
        "controller.presentation.recollection:recall",
        "tuple(_outcomes(caches, item, found, why))",
        "()",
        f"{_OUTCOMES}::test_whoever_looks_on_says_what_the_operator_says",
    ),
    one(
        "a provider is not closed when its fleet goes",
        "controller.execution.provider_life:ProviderLife.end",
        "self._ending.set()",
        "self._ending.is_set()",
        f"{_FLEETS}::test_a_fleet_that_goes_is_closed_and_unknown",
    ),
    one(
        "a provider is closed under the calls that it was lent for",
        "controller.execution.provider_life:ProviderLife._serve",
        "self._returned.wait()",
        "asyncio.sleep(0)",
        f"{_FLEETS}::test_a_lent_provider_stays_open_until_it_is_given_back",
    ),
    one(
        "nobody asks whether a fleet can give volumes",
        "controller.kinds.serverset.checks:_claims",
        "not spec.volume_claims or contract.Capability.CLAIMS in fleet.capabilities",
        "True",
        "tests/simulation/test_fleets.py::test_claims_that_a_fleet_cannot_give_are_refused_aloud",
    ),
    one(
        "a capability that nobody reads",
        "controller.kinds.serverset.checks:_claims",
        "contract.Capability.CLAIMS in fleet.capabilities",
        "bool(fleet.capabilities)",
        "tests/contracts/test_capabilities.py",
    ),
    one(
        "the gauge of circuits is fed by nobody",
        "controller.wiring.operator:Operator.start",
        "metrics.ask_circuits(self.fleets.circuits)",
        "metrics.ask_circuits",
        _METRICS,
    ),
    one(
        "the gauge of silent watches is fed by nobody",
        "controller.wiring.operator:Operator.start",
        "metrics.ask_watch_silence(self.caches.silences)",
        "metrics.ask_watch_silence",
        _METRICS,
    ),
    one(
        "a reason that is a literal text",
        "controller.kinds.serverset.summary:_spent",
        "Reason.FAILURE_BUDGET_SPENT",
        "'FailureBudgetSpent'",
        "tests/docs/test_reasons.py::test_no_reason_is_a_literal_text",
    ),
    one(
        "a reason that nothing gives",
        "controller.kinds.serverset.summary:_epidemic",
        "Reason.REMEDIATION_HELD",
        "Reason.SERVERS_UNAVAILABLE",
        "tests/docs/test_reasons.py::test_every_reason_is_given",
    ),
    one(
        "the history does not read the mark of a rejection as it is written",
        "controller.presentation.revisions:_revision",
        "rejection.read(stored)",
        "None",
        "tests/presentation/test_revisions.py::test_a_mark_is_read_as_it_is_written",
    ),
    one(
        "a rollback goes on out of its turn",
        "controller.kinds.operation.planner:_run",
        "_hindrances(snapshot, turn)",
        "() if _rolls_back(snapshot) else _hindrances(snapshot, turn)",
        f"{_STORIES}::test_a_rollback_keeps_its_turn_once_begun",
    ),
    one(
        "a retry brings its parameters into the run under way",
        "controller.kinds.operation.steps:arguments",
        "begun is None and spec.retry is not None and spec.retry.id == told.run",
        "spec.retry is not None",
        f"{_STORIES}::test_a_retry_that_comes_during_a_run_leaves_its_parameters_to_the_next_run",
    ),
)

# Who may do what, and what leaves a cluster.
_INSTALLS = "tests/wiring/test_installs.py"
SECURITY = (
    one(
        "two installs look after one namespace",
        "controller.kube.installs:Claim.held",
        "claimed and self._above.clear",
        "True",
        f"{_INSTALLS}::test_second_install_does_nothing_and_says_so",
    ),
    one(
        "an install for a namespace does not see one for the whole cluster",
        "controller.kube.installs:_Above.look",
        "ANY_found.holder_identity or '' if ANY_other and ANY_alive else ''",
        "''",
        f"{_INSTALLS}::test_install_for_the_cluster_goes_before_one_for_a_namespace",
    ),
    one(
        "an install for the whole cluster does not wait until others have seen it",
        "controller.kube.installs:Claim.attempt",
        "self.scope == EVERYWHERE and not ours and (others := await self._narrower())",
        "False",
        f"{_INSTALLS}::test_install_for_the_cluster_goes_before_one_for_a_namespace",
    ),
    one(
        "an install that takes over looks at nothing",
        "controller.wiring.operator:Operator._survey",
        "await self.engine.survey()",
        "await asyncio.sleep(0)",
        f"{_INSTALLS}::test_install_takes_over_when_the_other_is_gone",
    ),
    one(
        "whoever an operation says asked for it is believed",
        "controller.kinds.application.operation_history:_line",
        "tags.requested_by(meta) if requesters_known else ''",
        "tags.requested_by(meta)",
        f"{_APPLICATION}::test_nobody_is_believed_to_have_asked_where_anybody_could_say_so",
    ),
    one(
        "whatever stands in a named field leaves the cluster",
        "controller.presentation.fields:_leaf",
        "_PATTERNS[wanted].fullmatch(value)",
        "True",
        "tests/presentation/test_fields.py::test_a_secret_planted_in_any_field_is_not_in_the_bundle",
    ),
    one(
        "servers are left behind in silence",
        "controller.kinds.application.planner:_left",
        "not snapshot.left",
        "True",
        "tests/simulation/test_adoption.py"
        "::test_servers_that_strangers_took_before_are_named_when_all_else_is_gone",
    ),
    one(
        "a record that somebody numbered too high leaves no number",
        "controller.kinds.application.revisions:_record",
        "each.revision < _MOST",
        "True",
        "tests/simulation/test_forged.py"
        "::test_nothing_that_fits_a_schema_stops_the_engine_or_a_teardown",
    ),
)

# What one namespace does is not felt by another.
TENANTS = (
    one(
        "a namespace that has no call in flight waits for those of others to end",
        "controller.execution.pool:Pool._has_guests",
        "beyond < self._guests",
        "False",
        "tests/execution/test_pool.py::test_a_guest_does_not_wait_for_a_place",
    ),
    one(
        "a namespace that has no call in flight waits while others make room",
        "controller.execution.pool:Pool._admitted",
        "too_many >= 0 and self._has_guests(max(beyond, too_many))",
        "False",
        "tests/execution/test_newcomers.py::test_a_guest_does_not_wait_while_room_is_made",
    ),
    one(
        "newcomers without end leave others one place",
        "controller.execution.pool:Pool._most_behind",
        "cutting_in < WIDTH - NARROW",
        "True",
        "tests/execution/test_newcomers.py::test_endless_newcomers_starve_nobody",
    ),
    one(
        "a crowd of small applications makes no room for another namespace",
        "controller.execution.newcomers:Newcomers.first",
        "self._namespaces.any()",
        "False",
        "tests/execution/test_newcomers.py::test_a_guest_stands_beside_one_call_of_a_crowd",
    ),
    one(
        "guests have as many places as they like",
        "controller.execution.pool:Pool._has_guests",
        "beyond < self._guests",
        "True",
        "tests/execution/test_pool.py::test_guests_have_few_places",
    ),
)

MECHANISMS: tuple[Mechanism, ...] = (
    *REFERENCES,
    *MEANINGS,
    *CASES,
    *TENANTS,
    *OUTAGES,
    *STRUCTURE,
    *SECURITY,
    *adoption.MECHANISMS,
    *clouds.MECHANISMS,
    *content.MECHANISMS,
    *data.MECHANISMS,
    *dashboard.MECHANISMS,
    *doors.MECHANISMS,
    *forge.MECHANISMS,
    *keys.MECHANISMS,
    *reporting.MECHANISMS,
    *operations.MECHANISMS,
    *resizing.MECHANISMS,
    *scraping.MECHANISMS,
    *checker.MECHANISMS,
    *budgets.MECHANISMS,
    *sharing.MECHANISMS,
    *builds.MECHANISMS,
)
