"""Mistakes about operations: their order, what they remember, undo and wait for."""

from __future__ import annotations

from proof.mutants.mechanism import one

_ORDER = "tests/simulation/test_operation_order.py"
_STOPPED = "tests/simulation/test_stopped_sets.py"
_STORIES = "tests/kinds/operation/test_stories.py"
_PARTS = "tests/kinds/operation/test_parts.py"
_REVERSAL = "tests/kinds/operation/test_reversal.py"
_ALTERNATIVES = "tests/simulation/test_alternatives.py"
_ONCE = "tests/simulation/test_restart_and_rollout.py"
_WAITS = "tests/simulation/test_waits.py"
_LINE = "tests/simulation/test_waiting_operations.py"
_SCALING = "tests/kinds/serverset/test_scaling.py"
_ROLLOUTS = "tests/kinds/test_rollout_stories.py"
_TASK = "tests/kinds/server/test_task.py"

_TURNS = (
    one(
        "an operation without concurrency takes down all of a component",
        "controller.kinds.operation.allotment:_limit",
        "budget.limit(found.spec.replicas, found.spec.rollout)",
        "found.spec.replicas",
        f"{_ORDER}::test_a_restart_of_everything_keeps_each_component_within_its_budget",
    ),
    one(
        "losses are a share of the sum of all components",
        "controller.kinds.operation.allotment:of",
        "amounts.down(spec.failure_budget, count)",
        "amounts.down(spec.failure_budget, sum(counts.values()))",
        f"{_ORDER}::test_losses_are_a_share_of_each_component",
    ),
    one(
        "a restart does not follow dependsOn",
        "controller.kinds.operation.slots:_has_turn",
        "not component.after & busy",
        "True",
        f"{_ORDER}::test_a_restart_of_everything_keeps_each_component_within_its_budget",
    ),
    one(
        "a stop follows dependsOn as a start does",
        "controller.kinds.operation.allotment:_order",
        "if action in FORWARD:\n    ANY_rest",
        "if True:\n    ANY_rest",
        f"{_ORDER}::test_a_stop_goes_against_the_order",
    ),
    one(
        "dependencies of dependencies do not count",
        "controller.kinds.operation.templates:reached",
        "ahead.extend(needs.get(each, ()))",
        "ahead.extend(())",
        f"{_ORDER}::test_a_stop_of_some_goes_against_what_is_needed_through_others",
    ),
    one(
        "targets that are down use up the concurrency",
        "controller.kinds.operation.slots:_admit",
        "_is_free(each) or room.has_place(key)",
        "room.has_place(key)",
        f"{_ORDER}::test_servers_that_are_down_cost_nothing_however_many_they_are",
    ),
    one(
        "operations on different servers each take down what one may",
        "controller.kinds.operation.slots:_Room.has_place",
        "0 if key in self.down else self.others",
        "0",
        f"{_ORDER}::test_operations_on_different_servers_share_the_limit_of_a_component",
    ),
    one(
        "two operations that plan in one moment do not wait for each other's writes",
        "controller.kinds.operation.kind:_beside",
        "each != own",
        "False",
        f"{_ORDER}::test_operations_on_different_servers_share_the_limit_of_a_component",
    ),
    one(
        "an operation does not name what is down beside it",
        "controller.kinds.operation.slots:hindered",
        "run.down_beside.get(component, ())",
        "()",
        f"{_ORDER}::test_an_operation_leaves_a_server_that_is_down_beside_it_its_place",
    ),
    one(
        "an operation that may take no server down says nothing",
        "controller.kinds.operation.slots:hindered",
        "not run.allotments[name].limit",
        "False",
        f"{_ORDER}::test_a_component_that_lets_no_server_be_down_is_named_by_what_waits_for_it",
    ),
    one(
        "a scale-down takes what a rollout has down",
        "controller.kinds.serverset.scaling:_is_unhealthy",
        "as_told or facts.failed or seen.attempts.count > 0",
        "True",
        f"{_SCALING}::test_scaling_down_during_a_rollout_takes_the_highest",
    ),
    one(
        "a scale-down takes what an operation has down",
        "controller.kinds.serverset.scaling:_is_unhealthy",
        "facts.ready or facts.operated or told.power == Power.STOPPED",
        "facts.ready or told.power == Power.STOPPED",
        f"{_ONCE}::test_scaling_down_spares_what_a_restart_has_down",
    ),
)

_POWER = (
    one(
        "no set remembers a Stop",
        "controller.kinds.operation.power:owed",
        "not power",
        "True",
        f"{_STOPPED}::test_what_scaling_up_adds_to_a_stopped_set_is_stopped_until_a_start",
    ),
    one(
        "a set remembers a Stop that was cancelled",
        "controller.kinds.operation.power:settle",
        "not power or ANY_start is None or ANY_other",
        "True",
        f"{_STOPPED}::test_a_cancelled_stop_is_remembered_of_those_it_stopped_alone",
    ),
    one(
        "a server made as a Stop begins runs on",
        "controller.kinds.operation.power:strays",
        "server.spec.power != power",
        "False",
        f"{_STORIES}::test_a_server_made_as_a_stop_begins_is_stopped_with_the_others",
    ),
    one(
        "Steps that end with a Stop are not remembered",
        "controller.kinds.operation.power:left_by",
        "next(ANY_found, None)",
        "_LEAVES.get(operation.spec.action)",
        f"{_STOPPED}::test_steps_that_end_with_a_stop_are_remembered_too",
    ),
    one(
        "new servers of a stopped set are made at the count alone",
        "controller.kinds.serverset.scaling:_surge",
        "each.server.spec.power != Power.STOPPED",
        "True",
        f"{_STOPPED}::test_a_rollout_of_a_stopped_set_adds_no_spare_servers",
    ),
)

_UNDONE = (
    one(
        "what was cancelled is not undone",
        "controller.kinds.operation.planner:_end_early",
        "not reversal.is_due(snapshot)",
        "True",
        f"{_REVERSAL}::test_a_cancelled_operation_undoes_what_was_done",
    ),
    one(
        "what ran out of time is not undone",
        "controller.kinds.operation.planner:_late",
        "return _end_early(snapshot, Reason.TIMED_OUT, message)",
        "return completion.call_off(snapshot, _seen(snapshot), Reason.TIMED_OUT, message)",
        f"{_REVERSAL}::test_an_operation_that_is_out_of_time_undoes_what_was_done",
    ),
    one(
        "a revert ends with its cause",
        "controller.kinds.operation.planner:_run",
        "_trouble(run) or reversal.goes_on(snapshot, run)",
        "_trouble(run)",
        "tests/kinds/operation/test_reversal.py::test_a_run_that_undoes_goes_not_back_to_doing",
    ),
    one(
        "a revert that no server remembers is forgotten",
        "controller.kinds.operation.reversal:goes_on",
        "told or begun or under_way",
        "begun or under_way",
        "tests/kinds/operation/test_reversal.py::test_a_run_that_undoes_goes_not_back_to_doing",
    ),
    one(
        "what has no compensation is not named",
        "controller.kinds.operation.reversal:_without_compensation",
        "each.compensation is None and counts[each.name]",
        "False",
        f"{_REVERSAL}::test_what_cannot_be_undone_is_said_of_each_step",
    ),
    one(
        "a server that was not undone is not named",
        "controller.kinds.operation.reversal:_left",
        "step.name in _begun(each) - each.undone",
        "False",
        f"{_REVERSAL}::test_a_held_server_is_named_as_not_undone",
    ),
    one(
        "nothing undone counts as reverted",
        "controller.kinds.operation.reversal:is_complete",
        "any(each.undone for each in run.progress)",
        "True",
        f"{_REVERSAL}::test_what_nothing_undoes_has_failed_and_is_not_reverted",
    ),
    one(
        "undoing has no end",
        "controller.kinds.operation.reversal:seconds_left",
        "since + operation.spec.timeout_seconds - snapshot.now",
        "operation.spec.timeout_seconds",
        f"{_REVERSAL}::test_undoing_takes_no_longer_than_the_operation_itself_may",
    ),
)

_ALTERNATIVES_OF_A_SERVER = (
    one(
        "the last alternative is the end",
        "controller.kinds.server.attempts:record",
        "(failed.alternative + 1) % ways(recovery)",
        "min(failed.alternative + 1, ways(recovery) - 1)",
        f"{_ALTERNATIVES}::test_alternatives_wrap_around",
    ),
    one(
        "an alternative is remembered by its place",
        "controller.kinds.server.attempts:_placed",
        "alternatives.place_of(server, seen.alternative_name)",
        "seen.alternative",
        f"{_ALTERNATIVES}::test_what_worked_is_remembered_by_its_name",
    ),
    one(
        "what used up its attempts stays at one alternative",
        "controller.kinds.server.attempts:_tried_on",
        "(failed.alternative + 1) % ways(recovery)",
        "failed.alternative",
        f"{_ALTERNATIVES}::test_all_used_up_is_failed_and_still_tried_in_turn",
    ),
)

_MADE_ONCE = (
    one(
        "a rollout takes the servers that a restart is to make",
        "controller.kinds.serverset.remakers:is_one",
        "is_at_work(operation)",
        "False",
        f"{_ONCE}::test_a_template_in_the_middle_of_a_restart_makes_the_rest_once",
    ),
    one(
        "a restart makes servers at the revision that they had",
        "controller.kinds.operation.templates:revision_for",
        "spec.revision if there else ''",
        "''",
        f"{_ONCE}::test_a_template_in_the_middle_of_a_restart_makes_the_rest_once",
    ),
    one(
        "a restart does not wait for the template that waits",
        "controller.kinds.operation.slots:_has_turn",
        "component.waits is None",
        "True",
        f"{_ONCE}::test_a_restart_while_a_template_waits_makes_each_server_once",
    ),
    one(
        "what was in the making before a restart counts for it",
        "controller.kinds.operation.steps:is_in_the_making",
        "ready.last_transition_time <= asked",
        "False",
        f"{_PARTS}::test_what_was_in_the_making_before_an_operation_counts_for_none",
    ),
    one(
        "a restart takes servers out of the partition",
        "controller.kinds.operation.templates:revision_for",
        "told.ordinal < ordinals.free_from(spec)",
        "False",
        f"{_ONCE}::test_a_restart_keeps_what_the_partition_keeps",
    ),
    one(
        "a paused restart keeps its servers from the rollout",
        "controller.kinds.serverset.remakers:is_one",
        "spec.paused or spec.cancelled or told.cancel_time is not None",
        "spec.cancelled or told.cancel_time is not None",
        f"{_ONCE}::test_a_paused_restart_holds_no_rollout_up",
    ),
)

_NAMED = (
    one(
        "a rollout behind an operation does not name it",
        "controller.kinds.serverset.remakers:awaited",
        "sorted(found)",
        "()",
        f"{_WAITS}::test_a_rollout_behind_an_operation_names_it",
    ),
    one(
        "a rollout without budget does not name who has it",
        "controller.kinds.serverset.remakers:awaited",
        "each.operated and each.server.spec.task is not None",
        "False",
        f"{_WAITS}::test_a_rollout_behind_an_operation_names_it",
    ),
    one(
        "an operation does not name whom it waits for at a server",
        "controller.kinds.operation.planner:_run",
        "() if given else slots.hindered(run)",
        "()",
        f"{_WAITS}::test_compatible_operations_name_one_another_for_a_busy_server",
    ),
    one(
        "a set below a paused application does not name it",
        "controller.planning.obstacles:resting",
        "(blocked,)",
        "()",
        f"{_WAITS}::test_a_paused_application_is_named_by_all_that_waits_below_it",
    ),
    one(
        "a restart that waits for a template does not name the set",
        "controller.kinds.operation.templates:awaited",
        "_dependency(snapshot, application, found)",
        "None",
        f"{_ONCE}::test_a_waiting_restart_names_what_its_template_waits_for",
    ),
    one(
        "a waiting operation names all that are before it",
        "controller.kinds.operation.planner:_hindrances",
        "turn.behind[-1:]",
        "turn.behind",
        f"{_LINE}::test_a_waiting_operation_names_the_one_before_it_and_is_left_alone",
    ),
    one(
        "an application has operations without end",
        "controller.kinds.operation.open_operations:refusal",
        "ahead < MOST_OPEN",
        "True",
        f"{_LINE}::test_an_application_has_a_bounded_number_of_open_operations",
    ),
    one(
        "a name that sorts first gets past the bound",
        "controller.kinds.operation.open_operations:_is_known",
        "operation.status.observed_generation > 0",
        "bool(operation.metadata.finalizers)",
        f"{_LINE}::test_neither_names_nor_finalizers_get_an_operation_past_the_bound",
    ),
)

_REMEMBERED = (
    one(
        "checkpoints of what may be retried are forgotten",
        "controller.kinds.operation.retention:_may_go_on",
        "not completion.can_be_retried(operation)",
        "True",
        f"{_STORIES}::test_a_server_remembers_the_steps_of_every_operation_that_can_be_retried",
    ),
    one(
        "tasks name every operation that was refused before it ran",
        "controller.kinds.operation.retention:_may_go_on",
        "not told.run",
        "False",
        "tests/simulation/test_waiting_operations.py"
        "::test_operations_that_are_over_cost_the_next_ones_nothing",
    ),
    one(
        "checkpoints of what goes on are forgotten by age",
        "controller.contract.checkpoints:after",
        "{each for each in owners if each[1] in given.open}",
        "set()",
        f"{_STORIES}::test_a_server_remembers_the_steps_of_every_operation_that_can_be_retried",
    ),
    one(
        "an operation begins without room for its checkpoints",
        "controller.kinds.operation.retention:without_room",
        "ANY_sum <= checkpoints.CAPACITY",
        "True",
        f"{_STORIES}::test_an_operation_without_room_for_its_checkpoints_waits_and_says_so",
    ),
    one(
        "an operation that has ended has something in flight",
        "controller.kinds.operation.completion:end",
        "msgspec.structs.replace(status, running=0, steps=stopped)",
        "msgspec.structs.replace(status, steps=stopped)",
        f"{_ROLLOUTS}::test_a_cancelled_rollback_is_taken_back",
    ),
    one(
        "retries are listed without end",
        "controller.kinds.operation.completion:begin_retry",
        "ANY_all[-MOST:]",
        "ANY_all",
        f"{_STORIES}::test_retries_roll_over",
    ),
    one(
        "a retry during a run changes the run's parameters",
        "controller.kinds.operation.steps:arguments",
        "begun = told.parameters",
        "begun = spec.retry.parameters if spec.retry is not None else told.parameters",
        f"{_STORIES}::test_a_retry_that_comes_during_a_run_leaves_its_parameters_to_the_next_run",
    ),
    one(
        "a task that no operation asks for is carried out",
        "controller.kinds.server.task:_waits",
        "snapshot.unasked",
        "False",
        f"{_TASK}::test_what_no_operation_asks_for_never_begins",
    ),
    one(
        "an operation of another application stands behind a task",
        "controller.kinds.server.gather:_is_unasked",
        "found is None or found.spec.application != server.spec.application",
        "found is None",
        f"{_TASK}::test_an_operation_stands_behind_the_tasks_of_its_own_application",
    ),
    one(
        "the end of a late act is recorded while the act runs",
        "controller.kinds.server.task:_call_off",
        "grace > 0",
        "False",
        f"{_TASK}::test_an_act_that_takes_too_long_is_cancelled_and_failed",
    ),
    one(
        "an act that was ended for its time counts as cancelled",
        "controller.kinds.server.task:finished",
        "late and outcome.state == TaskState.CANCELLED and not task.cancel",
        "False",
        f"{_TASK}::test_an_act_that_was_ended_for_its_time_has_failed_for_good",
    ),
    one(
        "a Once step's Job is the Job of the server that carries it",
        "controller.kinds.operation.steps:_job_key",
        "key if given.step.scope == StepScope.ONCE else ''",
        "''",
        f"{_PARTS}::test_a_job_that_is_run_once_is_known_by_its_step",
    ),
)

MECHANISMS = (
    *_TURNS,
    *_POWER,
    *_UNDONE,
    *_ALTERNATIVES_OF_A_SERVER,
    *_MADE_ONCE,
    *_NAMED,
    *_REMEMBERED,
)
