"""Which tests hold what the pages about single acts promise; `promises` has the others.

As there: by page, by the words of the promise on that page.
"""

from __future__ import annotations

ACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "docs/how-to/acts/roll-back.md": {
        "The Application's spec stays as you wrote it": (
            "test_whatever_happens_it_converges_and_rests",
            "test_a_rollback_by_hand_runs_the_proven_revision",
        ),
        "All servers of web run a proven revision": (
            "test_roll_back_returns_to_the_last_proven_revision",
        ),
        "went to the newest proven revision that is older than the one it left": (
            "test_a_proven_revision_is_left_for_the_one_before",
            "test_roll_back_leaves_a_proven_revision_for_the_one_before",
        ),
        "says which one: a hash or a number as `history` shows them": (
            "test_a_named_revision_is_gone_back_to",
        ),
        "there is nothing to go back to, and nothing changes": (
            "test_nothing_proven_means_a_halt",
            "test_the_remedy_makes_it_better",
        ),
        "Paused later, the operation decides nothing more": (
            "test_a_paused_rollback_moves_nothing_and_goes_on_later",
        ),
        "Cancelled, the operation takes its rejections back": (
            "test_a_cancelled_rollback_is_taken_back",
        ),
        "only once every server of its components is seen to run a proven revision": (
            "test_a_rollback_is_not_done_before_its_servers_are_seen_to_be",
            "test_a_set_is_believed_of_its_present_spec_alone",
        ),
    },
    "docs/how-to/acts/restart.md": {
        "restart there picks up no changed image behind a name": (
            "test_a_restart_keeps_a_virtual_machine_and_its_disk",
            "test_a_restart_keeps_a_real_server",
        ),
        "restart replaces it in a cloud, too: one with `readiness.console`": (
            "test_every_act_on_a_virtual_machine",
            "test_what_prints_that_it_is_ready_is_replaced",
        ),
        "Two of ten at a time, by ordinal": (
            "test_g5_never_more_than_twelve_of_fifty_are_down_and_each_restarts_once",
        ),
        "Servers that a person holds are passed by": ("test_a_held_server_is_passed_by",),
        "Servers that are stopped stay stopped, and count as done": (
            "test_a_restart_counts_for_servers_that_are_stopped",
            "test_a_replacement_of_a_stopped_set_stays_stopped",
        ),
        "A server that Argosy had given up takes part": (
            "test_a_restart_of_a_server_that_failed_for_good_ends_too",
        ),
        "holds its place, so at most `concurrency` servers are ever down": (
            "test_several_operations_never_count_twice_and_all_end",
        ),
        "go on with those that are left": ("test_the_remedy_makes_it_better",),
        "what had not begun is left alone": (
            "test_cancel_ends_what_runs_and_begins_nothing",
            "test_a_cancelled_restart_gives_its_servers_back_to_the_rollout",
        ),
        "is `Superseded` by a later one that is the same": (
            "test_queued_duplicate_is_superseded_by_the_later_one",
        ),
    },
    "docs/how-to/acts/stop.md": {
        "keeps the servers: name, ordinal, claims, history": (
            "test_stop_and_start_leave_the_server_and_its_history",
        ),
        "Their pods are gone": ("test_stop_takes_pods_away_and_start_brings_them_back",),
        "is stopped, too, until a Start": (
            "test_what_scaling_up_adds_to_a_stopped_set_is_stopped_until_a_start",
            "test_a_lost_server_of_a_stopped_set_comes_back_stopped",
            "test_a_set_deleted_by_hand_comes_back_stopped",
        ),
        "with the command that starts them": ("test_a_stopped_set_says_so_and_how_to_start_it",),
        "Steps are remembered alike": ("test_steps_that_end_with_a_stop_are_remembered_too",),
        "A Stop that ends early is remembered of the servers that it had stopped": (
            "test_a_cancelled_stop_is_remembered_of_those_it_stopped_alone",
        ),
        "is waited for until the operation's `timeoutSeconds`": (
            "test_a_run_that_takes_too_long_is_called_off",
        ),
        "A Stop and a Start of the same servers conflict": (
            "test_the_table_of_verbs_is_complete_and_symmetric",
            "test_the_matrix_of_conflicts_is_the_codes",
        ),
    },
    "docs/how-to/acts/start.md": {
        "at the revision that their component is at now": (
            "test_a_start_goes_in_order_and_no_rollout_was_missed",
        ),
        "Components start in the order of `dependsOn`": (
            "test_a_start_goes_in_order_and_no_rollout_was_missed",
        ),
        "starts at the revision that it had, and is updated then": (
            "test_a_start_goes_in_order_and_no_rollout_was_missed",
        ),
        "The set forgets that the servers were stopped": (
            "test_a_start_of_some_leaves_the_others_remembered",
        ),
        "A retry goes on with servers that do not run": (
            "test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step",
        ),
    },
    "docs/how-to/acts/replace.md": {
        "keeps its name and its claims; its pod has another UID": (
            "test_replace_makes_servers_anew",
        ),
        "When more fail than `failureBudget`, nothing new begins": (
            "test_g4_beyond_the_failure_budget_nothing_new_begins",
        ),
        "As Restart": (
            "test_cancel_ends_what_runs_and_begins_nothing",
            "test_pause_holds_in_the_middle_and_resume_goes_on",
        ),
    },
    "docs/how-to/acts/snapshot.md": {
        "Servers run on while they are copied": (
            "test_a_snapshot_is_an_image_that_can_be_used",
            "test_a_snapshot_is_taken_once_and_restored",
        ),
        "Two snapshots never stand for one another": (
            "test_one_snapshot_waits_for_another",
            "test_the_matrix_of_conflicts_is_the_codes",
        ),
        "the operation fails before it touches a server": (
            "test_what_the_fleet_cannot_do_is_refused_before_any_server_is_touched",
        ),
        "finds its own earlier beginning by name": (
            "test_a_snapshot_that_was_begun_is_followed",
            "test_a_snapshot_is_taken_once_and_restored",
        ),
        "A retry takes those that are missing": (
            "test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step",
        ),
    },
    "docs/how-to/acts/restore.md": {
        "at most `concurrency` of them at a time": (
            "test_every_operation_ends_and_keeps_its_word",
        ),
        "is no passing trouble, so it is not tried again": (
            "test_a_snapshot_or_a_restore_that_breaks_is_told",
            "test_nobody_restores_what_is_anothers",
        ),
        "Parameters can be put right in a retry": (
            "test_a_retry_that_comes_during_a_run_leaves_its_parameters_to_the_next_run",
            "test_a_run_keeps_the_parameters_that_it_began_with",
        ),
        "a retry restores it again": (
            "test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step",
        ),
    },
    "docs/how-to/acts/steps.md": {
        "is done once, by the first server that is well": (
            "test_a_component_step_runs_once_in_each_component_after_all_have_come_so_far",
            "test_a_job_that_is_run_once_is_taken_up_by_the_next_server",
        ),
        "An argument stays one argument, whatever is put into it": (
            "test_variables_are_replaced_once_and_stay_one_argument",
        ),
        "So two operators never both act": (
            "test_a_claim_is_written_alone_before_anything_is_done",
            "test_a_rival_who_lags_and_says_everything_twice",
        ),
        "the server's incarnation tells whether it has been done": (
            "test_g2_a_restart_goes_on_after_a_crash_and_takes_effect_once",
        ),
        "the Job is found by its name": (
            "test_a_lost_answer_makes_no_second_job",
            "test_a_job_is_made_once_and_waited_for",
        ),
        "the default, fails the step; `Rerun` does it again": (
            "test_g2_a_crash_between_claim_and_result_acts_at_most_once",
            "test_g2_a_step_that_may_rerun_is_begun_again_after_a_crash",
        ),
        "under a small wrapper that outlives the connection": (
            "test_a_detached_command_survives_its_connection",
            "test_a_successor_follows_a_detached_command",
        ),
        "the same on every attempt": (
            "test_a_request_carries_its_key_and_nothing_of_the_answer_is_kept",
        ),
        "with growing pauses": (
            "test_g10_a_transient_failure_is_tried_again_with_backoff",
            "test_backoff_grows_is_bounded_and_differs_between_servers",
        ),
        "nothing new begins, and the operation ends": (
            "test_g4_beyond_the_failure_budget_nothing_new_begins",
            "test_g4_last_server_fails_for_good_and_the_others_are_kept",
        ),
        "so `drain` is not done again on servers 0 and 1": (
            "test_g8_a_retry_reruns_only_later_steps_and_only_where_needed",
            "test_retry_from_a_checkpoint",
        ),
        "forget that step and later ones; finished servers are left alone": (
            "test_g8_retry_from_a_step_resumes_unfinished_servers_alone",
        ),
        "A checkpoint counts for the instance that passed it": (
            "test_a_checkpoint_is_of_the_incarnation_that_is_there",
        ),
        "`compensate` of the last step first": (
            "test_g10_a_revert_undoes_steps_last_first",
            "test_g10_revert_undoes_last_step_first",
        ),
        "without `compensate` has nothing to undo": (
            "test_what_nothing_undoes_has_failed_and_is_not_reverted",
            "test_what_cannot_be_undone_is_said_of_each_step",
        ),
        "Paused, steps under way are finished and no other begins": (
            "test_pause_holds_in_the_middle_and_resume_goes_on",
        ),
        "are ended within `cancelGraceSeconds`": (
            "test_a_cancel_ends_within_its_grace_even_when_an_act_never_returns",
            "test_cancelling_ends_a_detached_command_and_its_children",
        ),
        "undoes what was done, too; without it what was done stays": (
            "test_a_cancelled_operation_undoes_what_was_done",
            "test_an_operation_that_is_out_of_time_undoes_what_was_done",
            "test_one_without_revert_is_cancelled_as_ever",
        ),
        "never one that runs on its node's network": (
            "test_requests_go_to_the_servers_own_address_alone",
            "test_a_pods_request_goes_to_its_own_address_only",
        ),
        "Redirects are not followed, and answers are never kept": (
            "test_redirects_are_not_followed",
            "test_a_request_carries_its_key_and_nothing_of_the_answer_is_kept",
        ),
    },
}
# Headings that only lead elsewhere.
POINTERS = frozenset({"When it fails"})
