"""Mistakes of reporting: what is told of failures, of Ready, and of what was done."""

from __future__ import annotations

from proof.mutants.mechanism import one

_SLOW = "tests/execution/test_slow_start.py"
_OUTCOMES = "tests/simulation/test_outcomes.py"
_DRIFT = "tests/simulation/test_drift.py"
_SET = "tests/kinds/serverset/test_planner.py"
_STORIES = "tests/kinds/operation/test_stories.py"
_ROLLOUTS = "tests/kinds/test_rollout_stories.py"

_SLOW_START = (
    one(
        "what fails for one cause is tried as often as ever",
        "controller.execution.slow_start:SlowStart._wait",
        "FIRST_WAIT * 2.0 ** min(tries - 1, 16)",
        "FIRST_WAIT",
        f"{_SLOW}::test_what_fails_for_one_cause_is_tried_ever_more_seldom",
    ),
    one(
        "what failed for one is tried for all",
        "controller.execution.slow_start:SlowStart.begin",
        "now < brake.until or len(brake.flying) >= brake.width",
        "False",
        f"{_OUTCOMES}::test_a_set_that_meets_a_quota_asks_little_and_then_makes_all",
    ),
    one(
        "what fails alone holds everybody back",
        "controller.execution.slow_start:SlowStart.failed",
        "len(brake.failed) < ENOUGH",
        "False",
        f"{_SLOW}::test_one_that_fails_alone_holds_nobody_back",
    ),
    one(
        "what is wrong with one holds everybody back",
        "controller.execution.slow_start:SlowStart.failed",
        "not error.policy.shared",
        "False",
        f"{_SLOW}::test_what_is_not_shared_holds_nobody_back",
    ),
    one(
        "those that waited are not called when the cause is gone",
        "controller.execution.slow_start:SlowStart.succeeded",
        "self._call(brake, 2)",
        "self._call(brake, 0)",
        f"{_SLOW}::test_all_are_made_once_the_cause_is_gone",
    ),
    one(
        "nobody who says that the cause is gone is believed",
        "controller.execution.slow_start:SlowStart.release",
        "brake.wish, brake.until = (wish, 0.0)",
        "brake.wish = wish",
        f"{_SLOW}::test_a_cause_that_is_said_to_be_gone_is_tried_at_once",
    ),
    one(
        "each server of a set says by itself that the cause is gone",
        "controller.execution.slow_start:SlowStart.release",
        "brake.wish != wish",
        "True",
        f"{_SLOW}::test_one_wish_to_try_again_has_one_create_tried_where_the_cause_stands",
    ),
)

_TOLD = (
    one(
        "a pod that lost its labels as it was made is waited for like one of before",
        "controller.providers.pod.provider:PodProvider._seen",
        "manifest.mend(pod, own)",
        "{}",
        "tests/simulation/test_stripped_labels.py"
        "::test_labels_that_a_webhook_takes_off_are_put_back_at_once",
    ),
    one(
        "a pod that is not seen counts as an older one for ever",
        "controller.providers.pod.provider:PodProvider._adopt",
        "pod.metadata.deletion_timestamp is None and not drift.is_seen(pod, server)",
        "False",
        "tests/simulation/test_stripped_labels.py"
        "::test_a_pod_that_loses_its_labels_while_it_starts_is_replaced",
    ),
    one(
        "an operation does not tell of a server that does not come back",
        "controller.kinds.operation.stuck:among",
        "server is None or first is None",
        "True",
        "tests/simulation/test_waits.py"
        "::test_an_operation_names_the_server_that_does_not_come_back",
    ),
    one(
        "what is nobody's failure costs attempts",
        "controller.kinds.server.assessment:_answered",
        "not answer.costs_attempt",
        "False",
        f"{_OUTCOMES}::test_a_quota_is_told_and_over_when_it_is_raised",
    ),
    one(
        "servers that used their attempts are given up",
        "controller.kinds.server.making:_tried_on",
        "situation.spec.recovery.give_up",
        "True",
        f"{_OUTCOMES}::test_a_full_fleet_counts_attempts_and_is_tried_for_ever",
    ),
    one(
        "servers that were to be given up are tried on",
        "controller.kinds.server.making:_tried_on",
        "situation.spec.recovery.give_up",
        "False",
        f"{_OUTCOMES}::test_who_gives_up_waits_for_a_person",
    ),
    one(
        "a status is written as long as it is",
        "controller.execution.statuses:change",
        "texts.fit(resource, msgspec.to_builtins(after))",
        "msgspec.to_builtins(after)",
        "tests/execution/test_statuses.py::test_what_is_written_of_a_status_fits_its_schema",
    ),
    one(
        "lists of a status are as long as they are",
        "controller.api.texts:_fit",
        "value[:most]",
        "value",
        "tests/api/test_texts.py::test_whatever_is_too_long_in_a_status_is_cut_to_fit",
    ),
    one(
        "a refused status is not told",
        "controller.execution.status_writer:StatusWriter._tell_refused",
        "await self._writer.write(smaller) if smaller.body else ()",
        "()",
        "tests/simulation/test_long_texts.py::test_a_status_that_is_refused_is_told_in_a_smaller_one",
    ),
)

_READY = (
    one(
        "an image edited by hand goes unnoticed",
        "controller.providers.pod.drift:of_spec",
        "not _is_touched(pod.metadata)",
        "True",
        f"{_DRIFT}::test_an_image_edited_by_hand_is_not_ready_and_comes_back",
    ),
    one(
        "an image of an admission webhook counts as an edit once anything else is changed",
        "controller.providers.pod.drift:by_others",
        "not entries",
        "True",
        f"{_DRIFT}::test_an_image_of_a_webhook_is_nobodys_edit_whatever_else_is_changed",
    ),
    one(
        "an image that is left to others is mended beside another one",
        "controller.kinds.server.rules:_mend",
        "situation.seen.ignored",
        "()",
        f"{_DRIFT}::test_images_are_mended_but_for_those_that_are_left_to_others",
    ),
    one(
        "servers hear at their next change alone that an image is left to others no more",
        "controller.kinds.server.wakes:_policies",
        "ANY_spec.drift",
        "None",
        f"{_DRIFT}::test_what_is_ignored_no_more_is_mended",
    ),
    one(
        "an image that a person edited is Ready",
        "controller.kinds.server.rules:_drifted",
        "dataclasses.replace(verdict, reason=ANY_r, ready=False, trouble=True, blocked=ANY_b)",
        "dataclasses.replace(verdict, reason=ANY_r, trouble=True, blocked=ANY_b)",
        f"{_DRIFT}::test_an_image_that_is_set_again_and_again_is_left_and_told",
    ),
    one(
        "what somebody insists on is mended for ever",
        "controller.providers.pod.drift:is_left",
        "tags.mended(meta)[0] >= MOST",
        "False",
        f"{_DRIFT}::test_a_label_that_a_program_insists_on_is_left_and_told",
    ),
    one(
        "a rollout's own change of an image counts as drift",
        "controller.providers.pod.manifest:_generation",
        "pod.metadata.generation + 1",
        "pod.metadata.generation",
        f"{_DRIFT}::test_an_image_of_a_rollout_is_no_drift",
    ),
)

_CLOCK = (
    one(
        "a rollout that is held back has its clock run",
        "controller.kinds.serverset.progress:assess",
        "not acting and held_back(census)",
        "False",
        f"{_SET}::test_an_operation_that_holds_a_rollout_back_stops_the_clock",
    ),
    one(
        "a paused rollout has its clock run",
        "controller.kinds.serverset.progress:idle",
        "Progress(proven_revision=ANY_p, since=None, missed=before.deadline_missed)",
        "Progress(proven_revision=ANY_p, since=before.last_progress_time,"
        " missed=before.deadline_missed)",
        f"{_SET}::test_pausing_stops_the_clock",
    ),
    one(
        "the clock runs while no operator is there",
        "controller.kinds.serverset.progress:assess",
        "max(min(clock.parse(since) + GRAIN, now), watching_since)",
        "min(clock.parse(since) + GRAIN, now)",
        f"{_SET}::test_time_in_which_nobody_watched_is_no_missed_deadline",
    ),
    one(
        "a deadline is missed within its last second",
        "controller.kinds.serverset.progress:assess",
        "clock.parse(since) + GRAIN",
        "clock.parse(since) - GRAIN",
        f"{_SET}::test_the_deadline_is_never_missed_early",
    ),
    one(
        "a paused operation times out",
        "controller.kinds.operation.deadline:seconds_left",
        "clock.parse(told.pause_time) if told.pause_time else snapshot.now",
        "snapshot.now",
        f"{_STORIES}::test_time_spent_paused_is_no_time_of_the_run",
    ),
    one(
        "time spent paused counts when an operation goes on",
        "controller.kinds.operation.planner:_unpause",
        "told.paused_seconds + max(0, round(paused))",
        "told.paused_seconds",
        f"{_STORIES}::test_time_spent_paused_is_no_time_of_the_run",
    ),
)

_DONE = (
    one(
        "an operation that touches nothing ends well",
        "controller.kinds.operation.checks:_nothing_targeted",
        "presence.nothing_targeted(snapshot)",
        "''",
        f"{_STORIES}::test_what_targets_nothing_fails",
    ),
    one(
        "held servers alone are done",
        "controller.kinds.operation.presence:nothing_targeted",
        "targets.choose(snapshot.operation, snapshot.application, snapshot.servers)",
        "snapshot.servers",
        f"{_STORIES}::test_held_servers_alone_are_nothing_to_act_on",
    ),
    one(
        "a rollback is done before its servers are",
        "controller.kinds.operation.rollback:_arrived",
        "not _behind(snapshot, found)",
        "True",
        f"{_ROLLOUTS}::test_a_rollback_is_not_done_before_its_servers_are_seen_to_be",
    ),
    one(
        "a rollback believes what a set said of an older spec",
        "controller.kinds.operation.rollback:_arrived",
        "ready.observed_generation == found.metadata.generation",
        "True",
        "tests/kinds/operation/test_rollback.py::test_a_set_is_believed_of_its_present_spec_alone",
    ),
    one(
        "a cancelled rollback goes on",
        "controller.kinds.operation.planner:_cancel",
        "rollback.take_back(snapshot) if _rolls_back(snapshot) else ()",
        "()",
        f"{_ROLLOUTS}::test_a_cancelled_rollback_is_taken_back",
    ),
    one(
        "a paused rollback goes on",
        "controller.kinds.operation.checks:_paused",
        "operation.spec.paused",
        "False",
        f"{_ROLLOUTS}::test_a_paused_rollback_moves_nothing_and_goes_on_later",
    ),
)

_OUTCOMES = "tests/planning/test_outcomes.py"
_FAILING = "tests/kinds/test_failing_writes.py"
_RUNS = "tests/kinds/operation/test_failing_writes.py"
_NEWS = (
    one(
        "each retry is an Event",
        "controller.planning.outcomes:news",
        "(thing, each.reason) in known",
        "False",
        f"{_OUTCOMES}::test_a_refusal_is_one_event_however_often_it_is_tried",
    ),
    one(
        "a refusal is no Event",
        "controller.planning.outcomes:news",
        "not each.told or not each.event or (thing, each.reason) in known",
        "True",
        f"{_OUTCOMES}::test_another_cause_is_another_event",
    ),
    one(
        "what is told of a retry moves with each",
        "controller.planning.outcomes:_steady",
        "before is None or not before.next_attempt_time or not after.next_attempt_time",
        "True",
        f"{_OUTCOMES}::test_retries_change_nothing_that_is_told",
    ),
    one(
        "what was told of a retry once is never told anew",
        "controller.planning.outcomes:_steady",
        "now > due + max(COARSE, due - clock.parse(before.since))",
        "False",
        f"{_OUTCOMES}::test_what_is_told_of_the_next_attempt_is_never_long_out_of_date",
    ),
    one(
        "a write that goes alone fails in silence",
        "controller.planning.outcomes:alone",
        "not failed.told",
        "True",
        f"{_FAILING}::test_a_write_that_fails_is_told",
    ),
    one(
        "an operation does not tell what its writes meet",
        "controller.kinds.operation.planner:plan",
        "summary.with_failures(snapshot, _next(snapshot))",
        "_next(snapshot)",
        f"{_RUNS}::test_a_run_goes_on_when_its_writes_fail",
    ),
    one(
        "a server whose hold may not end is left to itself",
        "controller.kinds.server.planner:_release",
        "not failed.told",
        "True",
        f"{_FAILING}::test_a_hold_that_cannot_be_ended_keeps_the_server_up",
    ),
    one(
        "a set that goes warns of nothing",
        "controller.kinds.serverset.teardown:_warnings",
        "outcomes.of(snapshot.outcomes)",
        "outcomes.of(())",
        f"{_FAILING}::test_a_write_that_fails_is_told",
    ),
    one(
        "a claim that does not go is told as a server",
        "controller.planning.targets:of_what_is_left",
        "ClaimTarget(ANY_fleet, ANY_name)",
        "ServerTarget(ANY_fleet, ANY_name)",
        f"{_FAILING}::test_an_event_names_what_does_not_go",
    ),
)
_LABELS = (
    one(
        "labels of Argosy's own choice outrank the template's",
        "controller.providers.pod.manifest:pod",
        "{**names.recommended(ANY_a, ANY_c), ANY_key: ANY_index, **parts.labels, **own}",
        "{ANY_key: ANY_index, **parts.labels, **names.recommended(ANY_a, ANY_c), **own}",
        "tests/providers/pod/test_manifest.py"
        "::test_labels_of_the_template_win_over_the_recommended_ones",
    ),
)

MECHANISMS = (*_NEWS, *_LABELS, *_SLOW_START, *_TOLD, *_READY, *_CLOCK, *_DONE)
