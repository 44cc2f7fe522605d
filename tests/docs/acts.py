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
}
# Headings that only lead elsewhere.
POINTERS = frozenset({"When it fails"})
