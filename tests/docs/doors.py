"""Which tests hold what the pages about coming in and going out promise; see `promises`.

As there: by page, by the words of the promise on that page.
"""

from __future__ import annotations

DOORS: dict[str, dict[str, tuple[str, ...]]] = {
    "docs/how-to/come-from-a-statefulset.md": {
        "pods and claims keep their names, UIDs and data": (
            "test_a_stateful_set_comes_in_and_goes_out_and_comes_in_again",
            "test_real_pods_come_in_and_go_out_under_load",
        ),
        "shows all of it, and changes nothing": ("test_showing_changes_nothing",),
        "if somebody scales it meanwhile, the application follows first": (
            "test_a_set_that_is_scaled_meanwhile_comes_in_as_it_is_by_then",
        ),
        "with `--retarget-hpa` autoscalers are pointed at the Application": (
            "test_an_autoscaler_follows_if_that_is_asked_for_and_else_stands_in_the_way",
        ),
        "Killed half way, the same command goes on from there": (
            "test_a_kill_at_any_write_is_made_good_by_the_same_command",
            "test_real_pods_come_in_and_go_out_under_load",
        ),
        "Nothing is begun unless you may do all of it": (
            "test_whoever_lacks_any_right_that_is_needed_touches_nothing",
        ),
        "add the component to it by hand, as below": (
            "test_an_application_of_that_name_is_not_changed",
            "test_what_cannot_be_taken_over_is_told_before_anything_is_touched",
            "test_names_that_do_not_fit_are_refused",
        ),
        "Rights to read are enough for it": (
            "test_whoever_may_only_look_is_shown_what_would_be_done",
            "test_a_viewer_is_shown_both_ways",
        ),
        "the StatefulSet let go of it, mostly for somebody to look at": (
            "test_a_pod_that_its_set_let_go_of_is_in_the_way",
            "test_a_pod_that_somebody_set_aside_is_in_the_way",
        ),
        "Labels and annotations of the StatefulSet go along to the Application": (
            "test_labels_annotations_and_the_fate_of_claims_go_both_ways",
            "test_labels_and_annotations_go_along_and_marks_of_keepers_stay",
            "test_each_field_is_carried_or_told",
        ),
        "Each Service and PodDisruptionBudget that selects the pods is named": (
            "test_services_and_budgets_beside_a_set_are_named_and_go_on",
            "test_services_that_would_lose_pods_are_told_from_those_that_go_on",
            "test_budgets_of_the_pods_are_told",
        ),
        "Nothing is taken from a StatefulSet that is still there": (
            "test_nothing_is_taken_from_a_stateful_set_that_is_there",
        ),
        "None that run what the template says": (
            "test_pods_and_claims_become_servers_as_they_are",
        ),
        "holds just that template, and nobody changed the pod's images since": (
            "test_a_record_that_is_gone_is_no_proof",
            "test_an_image_changed_by_hand_is_not_our_revision",
        ),
        "as many at a time as `maxUnavailable` allows": (
            "test_pods_of_another_revision_are_replaced_within_the_budget",
        ),
        "`rollout.partition` keeps them as they are": (
            "test_a_pod_of_before_stays_while_the_partition_keeps_it",
        ),
        "the server says `NameTaken`, and the pod is left alone": (
            "test_what_no_stateful_set_left_is_left_alone",
        ),
        "Its data would go with its owner": (
            "test_a_claim_that_would_be_collected_is_refused_until_it_is_free",
        ),
        "The pods keep every label that is not of `argosy.dev`": (
            "test_a_stateful_set_comes_in_and_goes_out_and_comes_in_again",
        ),
    },
    "docs/how-to/come-from-a-deployment.md": {
        "and never fewer are available than its `maxUnavailable` does": (
            "test_a_deployment_is_shifted_within_its_budgets",
            "test_a_deployment_is_shifted",
        ),
        "With `Recreate` all of its pods go first": (
            "test_a_deployment_that_recreates_never_runs_beside_its_successor",
        ),
        "the rest of the Deployment runs on": (
            "test_servers_that_do_not_come_up_leave_the_deployment_as_it_is",
        ),
        "Killed half way, the same command goes on": (
            "test_a_kill_at_any_write_costs_no_pod_anything",
        ),
        "A percentage in `rollingUpdate` becomes the number that it is": (
            "test_percentages_of_a_deployment_are_told_with_what_they_became",
        ),
        "An autoscaler of the Deployment is in the way": (
            "test_an_autoscaler_of_a_deployment_is_in_the_way",
        ),
    },
    "docs/how-to/leave-again.md": {
        "Labels and annotations of the Application go along": (
            "test_labels_annotations_and_the_fate_of_claims_go_both_ways",
        ),
        "Pods that Argosy runs go back to StatefulSets without a restart": (
            "test_pods_that_argosy_made_go_out_without_a_restart",
            "test_real_pods_come_in_and_go_out_under_load",
        ),
        "there is no moment at which nobody would make a pod anew": (
            "test_a_kill_at_any_write_is_made_good_by_the_same_command",
        ),
        "nothing is begun unless you have them": (
            "test_whoever_lacks_any_right_that_is_needed_touches_nothing",
        ),
        "to be shown takes rights to read alone": (
            "test_whoever_may_only_look_is_shown_what_would_be_done",
            "test_a_viewer_is_shown_both_ways",
        ),
        "and holds of servers": (
            "test_a_held_server_is_a_loss",
            "test_an_export_beside_a_hold_asks_and_then_restarts_nothing",
        ),
        "Each pod needs the labels of its template": (
            "test_a_pod_that_no_stateful_set_would_know_is_in_the_way",
            "test_a_pod_that_somebody_set_aside_is_in_the_way",
        ),
        "and its servers numbered without a gap": (
            "test_an_export_is_refused_where_a_stateful_set_could_not_say_it",
        ),
        "the application finds all of it": (
            "test_a_stateful_set_comes_in_and_goes_out_and_comes_in_again",
        ),
        "The PodDisruptionBudget that Argosy kept goes": (
            "test_a_stateful_set_comes_in_and_goes_out_and_comes_in_again",
        ),
    },
    "docs/how-to/observe.md": {
        "writes nothing but objects of `argosy.dev`": (
            "test_nothing_outside_argosy_is_written_for_what_is_observed",
        ),
        "is told as `Observed`, and nothing is made for it": (
            "test_a_new_application_is_told_and_nothing_is_made",
        ),
        "Pods that go stay gone": ("test_what_runs_is_watched_and_left_as_it_is",),
        "stays until the application is managed again": (
            "test_a_server_that_is_deleted_keeps_its_pod",
        ),
        "is taken down all the same": ("test_a_delete_of_the_application_runs_all_the_same",),
    },
    "docs/how-to/operations.md": {
        "at the pace of the servers that are done, and before any is,": (
            "test_what_is_left_goes_on_at_the_pace_so_far",
            "test_the_first_servers_are_told_by_one_of_its_kind",
            "test_how_long_it_takes_is_told_by_why_and_beside_its_bar",
        ),
        "Where neither says it, nothing is told": ("test_nothing_is_made_up",),
    },
    "docs/reference/questions.md": {
        "and which names are somebody else's": (
            "test_a_set_of_another_application_is_told_before_anything_is_applied",
            "test_a_pod_of_a_servers_name_is_told_unless_it_would_be_taken_up",
        ),
        "Rights to read are enough": (
            "test_a_preview_takes_no_right_to_write",
            "test_a_viewer_plans_a_change",
        ),
    },
}
