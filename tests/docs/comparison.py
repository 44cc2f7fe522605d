"""Which tests hold what the comparison says of Argosy and of TaskFlow, row by row.

As in `promises`: by page, by the words on that page. What it says of TaskFlow is run as TaskFlow.
"""

from __future__ import annotations

COMPARISON: dict[str, dict[str, tuple[str, ...]]] = {
    "docs/explanation/comparison.md": {
        "Argosy waits for its own writes to be seen without any timeout": (
            "test_a_watch_that_lags_for_minutes_makes_no_surplus",
            "test_no_surplus_in_the_dark",
        ),
        "a wide graph ran all ten finished tasks again (a chain: none)": (
            "test_a_flow_that_was_killed_is_resumed_by_its_atoms",
        ),
        "RETRY up to n times, then REVERT | `recovery.attempts`": (
            "test_times_tries_its_subflow_so_often",
            "test_attempts_run_out",
        ),
        "RETRY with the next value each time | `recovery.alternatives`": (
            "test_for_each_tries_the_next_value",
            "test_alternatives_are_tried_in_turn_and_then_it_has_failed_for_good",
            "test_g10_alternatives_are_tried_in_turn_with_backoff",
        ),
        "the values come from the flow's store | `retry.parameters`": (
            "test_for_each_tries_the_next_value",
            "test_g8_retry_from_a_step_resumes_unfinished_servers_alone",
        ),
        "REVERT the subflow | `onBudgetSpent: RevertComponent`": (
            "test_always_revert_undoes_its_subflow_or_all",
            "test_g10_spent_budget_takes_back_what_its_policy_says",
        ),
        "REVERT_ALL the flow | `onBudgetSpent: RevertApplication`": (
            "test_always_revert_undoes_its_subflow_or_all",
            "test_g10_spent_budget_takes_back_what_its_policy_says",
            "test_one_component_takes_the_application_back",
        ),
        "undoes it, given its result | `compensate` of a step": (
            "test_a_revert_is_given_what_its_atom_returned",
            "test_g10_a_revert_undoes_steps_last_first",
        ),
        "that compensation is not tried again in that run": (
            "test_a_revert_that_fails_leaves_the_flow_to_a_person",
            "test_a_revert_that_fails_is_tried_once_and_said",
        ),
        "only what is not finished, only where it is not": (
            "test_a_flow_that_was_killed_is_resumed_by_its_atoms",
            "test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step",
        ),
        "an act whose effect nobody can observe has to be claimed, and is at most once": (
            "test_g2_a_crash_between_claim_and_result_acts_at_most_once",
        ),
    },
}
