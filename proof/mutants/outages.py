"""Mistakes about providers that are away, and circuits that are open; `mechanisms` lists them."""

from __future__ import annotations

from proof.mutants.definitions import Edit
from proof.mutants.mechanism import Mechanism, one

_FLEETS = "tests/execution/test_fleets.py"
_BREAKER = "tests/execution/test_breaker.py"
_TENANTS = "tests/simulation/test_tenants.py"
_NAMESPACES = "tests/simulation/test_slow_namespaces.py"
_NO_BACKOFF = "test_a_trial_waits_for_no_servers_own_backoff"
_OUTAGES = "tests/simulation/test_outages.py"
_STORIES = "tests/kinds/test_rollout_stories.py"

# A provider that is away is no failure of its servers.
MECHANISMS: tuple[Mechanism, ...] = (
    one(
        "a circuit that few calls do not open",
        "controller.planning.circuit:_Row.tells",
        "self.calls >= _FEW_CALLS and ANY_lasts",
        "False",
        "tests/planning/test_circuit.py"
        "::test_where_none_succeeds_for_a_whole_window_few_calls_open_it",
    ),
    one(
        "what one server met alone counts as the time in which calls failed",
        "controller.planning.circuit:_Row.with_one",
        "_Row(since=row.last, last=now, calls=ANY_calls, servers=ANY_servers, shared=now)",
        "_Row(since=row.since, last=now, calls=ANY_calls, servers=ANY_servers, shared=row.since)",
        "tests/planning/test_circuit.py"
        "::test_a_server_that_fails_for_hours_opens_nothing_with_one_failure_of_another",
    ),
    one(
        "trials of one server alone that keep a circuit open",
        "controller.planning.circuit:_Trials.blame_one",
        "self.failed >= ANY_enough",
        "False",
        "tests/planning/test_circuit.py::test_trials_of_one_server_alone_do_not_keep_it_open",
    ),
    one(
        "failures that are forgotten as they come ever more seldom",
        "controller.planning.circuit:_Row.with_one",
        "max(ANY_window, 2.0 * (self.last - self.since))",
        "ANY_window",
        "tests/planning/test_circuit.py::test_who_asks_ever_more_seldom_opens_it_too",
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
        "not self._probing()",
        "True",
        f"{_OUTAGES}::test_deletes_are_tried_one_at_a_time_and_close_the_circuit",
    ),
    one(
        "cancels that wait for an open circuit, and open it",
        "controller.execution.fleet_branch:Branch.asked",
        "verb is contract.Verb.CANCEL",
        "False",
        f"{_TENANTS}::test_commands_that_hang_and_are_cancelled_keep_nobody_waiting",
    ),
    one(
        "requests that say of a provider that it works",
        "controller.execution.fleet_branch:Branch.asked",
        "action in tasks.ELSEWHERE",
        "False",
        f"{_TENANTS}::test_requests_of_another_namespace_hide_no_outage",
    ),
    one(
        "a long act that is all that is tried",
        "controller.execution.breaker:Breaker.begin",
        "verb in ACTS",
        "False",
        f"{_TENANTS}::test_a_long_command_is_not_all_that_is_tried_after_an_outage",
    ),
    one(
        "a long act that gives the place of another up as it ends",
        "controller.execution.breaker:Breaker.end",
        "begun.late",
        "False",
        f"{_BREAKER}::test_where_nothing_but_long_acts_is_asked_for_their_ends_count",
    ),
    one(
        "acts of an earlier trial that count as the next one",
        "controller.execution.breaker:Breaker.stop",
        "each.state is CircuitState.HALF_OPEN",
        "False",
        f"{_BREAKER}::test_an_act_of_an_earlier_trial_is_none_of_the_next_one",
    ),
    one(
        "promises that are kept for who came in vain",
        "controller.execution.breaker:Breaker.redeem",
        "verb not in PROBES",
        "False",
        f"{_BREAKER}::test_a_promise_is_kept_for_nobody_whose_turn_has_come_in_vain",
    ),
    one(
        "a trial beside a delete that began while the circuit was open",
        "controller.execution.breaker:Breaker.room",
        "free - ANY_before",
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
        "self.circuit.state is CircuitState.OPEN",
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
        "controller.execution.breaker:Breaker._wake_next",
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
        "away or not error.policy.sent",
        "False",
        f"{_OUTAGES}::test_acts_that_do_not_get_through_spend_no_attempt",
    ),
    one(
        "an act that could not be followed is begun again",
        "controller.kinds.server.task:finished",
        "before.state == TaskState.UNKNOWN and outcome.error_class == ErrorClass.WAITING",
        "False",
        f"{_OUTAGES}::test_a_command_whose_end_nobody_saw_is_not_begun_again_by_an_outage",
    ),
    one(
        "an act that was left is begun again from the same claim",
        "controller.kinds.server.task:_go_on",
        "now.state == TaskState.STARTED and snapshot.left == (now.id, now.attempt)",
        "False",
        "tests/simulation/test_ownership.py"
        "::test_a_server_that_comes_back_has_no_act_begun_again[Fail-Failed-1]",
    ),
    one(
        "an act that crashed in the middle counts as a passing failure",
        "controller.execution.acts:Acts._carry_out",
        "errors.Crashed(repr(error), reason=Reason.INTERNAL_ERROR)",
        "errors.Transient(repr(error), reason=Reason.INTERNAL_ERROR)",
        "tests/execution/test_acts.py"
        "::test_a_bug_in_the_middle_of_an_act_leaves_its_outcome_unknown",
    ),
    one(
        "an outcome that is refused holds up all else of its server",
        "controller.execution.dispatcher:Dispatcher.finish_act",
        "failed is not None and failed.again > self._clock()",
        "False",
        "tests/simulation/test_unwritten_acts.py"
        "::test_a_deletion_does_not_wait_for_an_outcome_that_is_not_taken[invalid]",
    ),
    one(
        "an act that has ended can still be ended",
        "controller.kinds.server.task:course",
        "snapshot.acting == task.id and snapshot.concluded",
        "False",
        "tests/simulation/test_unwritten_acts.py"
        "::test_an_outcome_that_was_not_taken_is_written_once_it_may_be[invalid]",
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
        "policy.per == HeldTogether.DOMAIN",
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
