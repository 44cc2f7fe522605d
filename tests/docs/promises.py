"""Which tests hold what the pages promise: by page, by the words of the promise on that page.

`test_promises` asks that the words and the tests are there, and that no heading goes without. Who
changes a promise changes it here, too, and looks at the tests that held it.
"""

from __future__ import annotations

from tests.docs import acts, comparison, doors, extras, fronts, guides, upkeep

Promises = dict[str, tuple[str, ...]]


def _together(*rooms: dict[str, Promises]) -> dict[str, Promises]:
    """Return what all rooms have; a page may have promises in several."""
    found: dict[str, Promises] = {}
    for room in rooms:
        for page, told in room.items():
            found[page] = found.get(page, {}) | told
    return found


_OWN: dict[str, Promises] = {
    "docs/explanation/deletion.md": {
        "it is seen in the cache before anything below is made": (
            "test_i4_no_orphans",
            "test_only_our_finalizer_is_taken",
        ),
        "neither order nor drain can hold": ("test_foreground_delete_takes_everything",),
        "what is no longer ours is left alone": (
            "test_orphaned_children_are_let_go",
            "test_orphaning_leaves_everything_as_it_is",
        ),
        "takes up what was let go of": (
            "test_an_application_that_was_orphaned_is_taken_up_as_it_runs",
            "test_orphaned_children_are_taken_up_again",
        ),
        "name the object and the finalizer": (
            "test_what_others_keep_is_named_while_all_else_goes",
            "test_what_others_keep_is_told_and_then_left_behind",
        ),
        "components that were relied upon are taken down meanwhile": (
            "test_what_others_keep_is_named_while_all_else_goes",
            "test_an_order_holds_while_what_is_told_of_claims_is_old",
        ),
        "the Event `LeftBehind` names": ("test_what_others_keep_is_not_waited_for_for_ever",),
        "goes by itself and is not waited for": (
            "test_claims_that_only_their_pods_protect_are_not_waited_for",
        ),
        "is left alone and told as `NameTaken`": (
            "test_name_of_a_pod_that_is_taken_is_not_stolen",
        ),
        "both policies are `Retain` unless somebody says otherwise": (
            "test_claims_are_kept_or_deleted_by_policy_when_deleted",
            "test_claims_are_kept_or_deleted_by_policy_when_scaled",
        ),
        "its claims go only where both would let them go": (
            "test_claims_of_a_renamed_component_stay_in_doubt",
        ),
        "whatever is still waiting to be written for it is withdrawn": (
            "test_withdrawn_calls_never_start",
            "test_a_delete_cuts_across_a_create_of_thousands",
        ),
        "creates of others may have only three of the eight": (
            "test_other_calls_make_room_for_a_teardown",
        ),
        "`Force` deletes without grace": ("test_stuck_teardown_is_told_and_forced",),
        "`Abandon` lets go too, and records an orphan on the Fleet": (
            "test_an_abandoned_machine_is_on_record_and_collected_when_it_returns",
        ),
        "so it is kept, told as `Unclaimed` on the Fleet": (
            "test_what_lost_its_server_is_told_kept_and_collected_on_demand",
        ),
        "A Fleet whose cloud is gone for good can be deleted": (
            "test_fleet_with_unclaimed_instances_stays_while_it_is_ready",
        ),
        "they are decided by the API server itself": ("test_protected_application_is_not_deleted",),
        "The first two step aside when the namespace is terminating": (
            "test_policies_step_aside_for_a_namespace_that_goes",
        ),
    },
    "docs/explanation/concurrency.md": {
        "for as long as there is a pod that it can mean": (
            "test_a_record_is_believed_of_a_pod_that_it_can_mean",
        ),
        "Argosy has yet to see that pod go": (
            "test_an_eviction_that_only_the_disruption_controller_has_seen_to_counts",
            "test_what_was_taken_off_the_record_counts_of_a_pod_that_was_there_before",
        ),
        "or were evicted and are not back": (
            "test_healing_counts_a_server_that_was_evicted_and_is_not_back",
            "test_an_ill_server_waits_for_one_that_was_evicted",
            "test_one_that_is_evicted_and_never_comes_back_delays_healing_no_longer_than_the_bound",
        ),
        "that have yet to come up for the first time keep no ill one waiting": (
            "test_servers_that_have_yet_to_come_up_delay_no_healing",
        ),
        "Two operations conflict when their servers could be the same": (
            "test_the_matrix_of_conflicts_is_the_codes",
        ),
        "is `Superseded` by a later one that asks for the same": (
            "test_a_queued_restart_is_superseded_by_a_later_one_with_the_same_spec",
            "test_a_later_duplicate_supersedes_one_that_waits_behind_another",
        ),
        "names the operation right before it": (
            "test_a_waiting_operation_names_the_one_before_it_and_is_left_alone",
        ),
        "An application may have 100 operations that have not ended": (
            "test_an_application_has_a_bounded_number_of_open_operations",
        ),
        "at most the larger of the two is ever down": (
            "test_g5_a_rollout_that_took_servers_down_uses_the_same_allowance",
            "test_a_rollout_and_a_restart_that_begin_at_once_share_one_allowance",
        ),
        "at every resourceVersion at most the *largest limit in force* is": (
            "test_all_at_once_keep_to_the_largest_limit",
        ),
        "whoever is about to take a server down waits for that": (
            "test_an_operation_takes_no_server_down_before_evictions_have_ended",
            "test_remediation_waits_until_evictions_have_ended",
        ),
        "An operation counts servers that it is not about, too": (
            "test_servers_that_are_down_beside_an_operation_count",
        ),
        "the rollout leaves it to the operation, and says so in `blockedBy`": (
            "test_a_rollout_behind_a_restart_names_it",
        ),
        "a new template and a restart at the same time make each server once": (
            "test_a_rollout_in_place_leaves_servers_to_a_restart",
            "test_a_rollout_that_may_do_more_at_once_leaves_servers_to_a_restart",
        ),
        "the set remembers which ordinals are stopped, until they are started": (
            "test_what_scaling_up_adds_to_a_stopped_set_is_stopped_until_a_start",
        ),
        "keeps it waiting for no longer than `maxHoldSeconds`": (
            "test_the_policy_says_how_long_how_many_and_how_long_held",
        ),
        "counts against everybody's budget": ("test_healing_counts_against_the_one_budget",),
        "stops everything but deletes": (
            "test_paused_application_is_left_alone_and_says_so",
            "test_paused_application_can_be_deleted",
        ),
        "scaling down takes it last": ("test_held_servers_go_last", "test_case"),
        "it is deleted with the rest": ("test_held_and_failed_servers_go_with_the_rest",),
        "A deletion waits for nobody": (
            "test_delete_cuts_into_a_create",
            "test_delete_cuts_into_an_update",
            "test_delete_cuts_into_a_rollback",
        ),
        "Components go in the reverse order of `dependsOn`": (
            "test_components_go_in_reverse_order",
        ),
        "end a wait that Argosy would sit out": (
            "test_force_is_an_act_on_what_is_going_now",
            "test_g10_retry_now_cuts_the_backoff_short",
        ),
    },
    "docs/how-to/delete.md": {
        "A delete goes to the head of every queue": (
            "test_delete_cuts_across_a_queue",
            "test_a_teardown_overtakes_its_own_application_s_creates",
        ),
        "while the application is paused": ("test_paused_application_can_be_deleted",),
        "never less than the template says": (
            "test_no_instance_is_given_less_time_than_its_template_says",
            "test_the_template_says_how_long_servers_have_to_end",
        ),
        "A delete is then refused by the API server": (
            "test_protected_application_is_not_deleted",
        ),
        "Deleting the namespace still works": ("test_whole_namespace_can_be_deleted",),
        "the application takes it up as it runs": (
            "test_an_application_that_was_orphaned_is_taken_up_as_it_runs",
        ),
        "`kubectl argosy force server/NAME` does not wait so long": (
            "test_force_is_an_act_on_what_is_going_now",
        ),
        "A spec change to an application that is being deleted is refused": (
            "test_change_to_an_application_that_is_going_is_refused",
        ),
        "`kubectl argosy delete` names them before it asks": (
            "test_a_delete_names_the_claims_that_go_and_those_that_stay",
        ),
    },
    "docs/explanation/outages.md": {
        "An outage of the provider is not a failure of its servers": (
            "test_an_hour_without_the_provider_while_500_servers_are_made",
            "test_an_outage_while_servers_are_made_is_nobodys_failure",
            "test_servers_outlast_an_api_that_is_down",
        ),
        "when half of at least 20 calls within a minute failed": (
            "test_a_few_failures_open_nothing",
            "test_many_failures_open_it_for_a_while",
            "test_failures_of_long_ago_do_not_count",
        ),
        "when no call succeeded for a whole minute and at least three failed": (
            "test_where_none_succeeds_for_a_whole_window_few_calls_open_it",
            "test_one_that_succeeds_tells_that_the_provider_works",
            "test_what_befalls_one_server_alone_is_its_own_trouble",
        ),
        "these are told in that namespace, and cost no attempt": (
            "test_a_quota_is_told_and_over_when_it_is_raised",
            "test_a_webhook_that_is_down_is_told_and_over_when_it_is_gone",
            "test_what_a_provider_refuses_opens_no_circuit",
        ),
        "a write that is not answered in time does not count against the fleet": (
            "test_a_tenants_dead_webhook_never_delays_anothers_create",
            "test_several_tenants_of_bad_will_delay_nobody_either",
            "test_what_is_not_answered_in_time_holds_its_own_namespace_alone",
            "test_a_webhook_that_is_slower_than_anybody_waits",
        ),
        "It costs no attempt": ("test_a_webhook_that_is_slower_than_anybody_waits",),
        "name `Namespace/NAME` in `blockedBy`": (
            "test_a_namespace_that_is_held_is_told_costs_little_and_comes_back",
        ),
        "nobody else's calls are held back": (
            "test_a_fleet_comes_back_for_all_but_the_namespace_that_is_never_answered",
            "test_a_trial_of_the_fleet_is_for_no_namespace_that_is_held",
        ),
        "says in how many namespaces that is so": (
            "test_a_fleet_counts_the_namespaces_that_are_held_by_themselves",
        ),
        "is no failed attempt. The attempt is made again": (
            "test_an_hour_without_the_provider_while_500_servers_are_made",
            "test_attempts_of_before_the_outage_are_not_given_back",
        ),
        "the progress deadline of a rollout, and the time in which a server must come up": (
            "test_an_outage_in_the_middle_of_a_rollout_reverts_nothing",
            "test_no_deadline_runs_while_calls_are_tried_again_after_an_outage",
        ),
        "says how long they stood still": (
            "test_an_operations_clock_stands_still_while_the_provider_is_away",
        ),
        "An act that did not get through is no attempt": (
            "test_acts_that_do_not_get_through_spend_no_attempt",
        ),
        "nothing is abandoned or forced because its provider is away": (
            "test_deletes_are_tried_one_at_a_time_and_close_the_circuit",
        ),
        "Deletes are tried one at a time": (
            "test_deletes_take_turns_while_the_circuit_is_open",
            "test_a_delete_under_way_is_the_trial_of_a_circuit_that_is_half_open_by_then",
            "test_deletes_are_tried_one_at_a_time_and_close_the_circuit",
        ),
        "a cancel of any act, however that was": ("test_cancels_open_no_circuit",),
        "One delete may begin beside the trials": ("test_a_delete_goes_beside_the_trial",),
        "it brings the next trial forward": (
            "test_what_a_provider_shows_brings_the_next_trial_forward",
            "test_what_the_provider_shows_brings_the_next_trial_forward",
        ),
        "what is seen counts no more until the circuit is closed": (
            "test_a_provider_that_shows_much_and_does_nothing_is_not_run_over",
        ),
        "the circuit is open for twice as long, at most ten minutes": (
            "test_each_trial_in_vain_doubles_the_pause",
        ),
        "then 2, 4, 8, up to `concurrentCalls`": ("test_it_is_tried_by_one_then_by_more",),
        "Each trial is another server's in turn": ("test_a_trial_is_each_servers_in_turn",),
        "waits for no backoff of its own": ("test_a_trial_waits_for_no_servers_own_backoff",),
        "a provider that comes back is not run over": (
            "test_all_that_waited_for_the_end_of_an_outage_at_once_is_caught",
            "test_a_whole_operator_keeps_every_promise",
        ),
        "Servers that wait say `CircuitOpen` in `blockedBy`": (
            "test_a_trial_waits_for_no_servers_own_backoff",
        ),
        "names the Fleet, since when its circuit is open": (
            "test_why_names_the_circuit_that_is_open_and_its_next_trial",
            "test_an_outage_while_servers_are_made_is_nobodys_failure",
        ),
        "An operator that starts in an outage has to learn of it again": (
            "test_an_operator_that_starts_in_an_outage_learns_of_it_again",
        ),
        "After a minute the attempts of that server count": (
            "test_a_server_whose_own_calls_are_never_answered_fails_all_the_same",
        ),
    },
    "docs/how-to/failures.md": {
        "are held by themselves, too": ("test_servers_of_no_domain_are_held_by_themselves",),
        "Of what Argosy makes beside pods it keeps what it sets": (
            "test_one_edited_or_deleted_by_hand_is_put_right",
            "test_labels_of_the_budget_are_mended",
            "test_labels_of_a_claim_are_mended_while_its_pod_mounts_it",
            "test_a_claim_of_that_name_that_no_pod_mounts_is_left_alone",
            "test_labels_of_a_claim_that_a_program_insists_on_are_left",
        ),
        "An object that is named there exists, or has to come": (
            "test_only_what_is_there_is_named",
            "test_what_is_shown_is_there_and_its_words_lead_to_the_end",
        ),
        "Failures are counted on the Server": ("test_a_new_leader_says_what_the_last_one_said",),
        "tries the next one, by itself": (
            "test_g10_alternatives_are_tried_in_turn_with_backoff",
            "test_a_full_zone_leads_to_the_next_alternative",
        ),
        "each is tried again, one every `maxSeconds`": (
            "test_a_full_fleet_counts_attempts_and_is_tried_for_ever",
        ),
        "With `giveUp: true` it waits for you instead": ("test_who_gives_up_waits_for_a_person",),
        "To add, move or remove alternatives restarts nobody": (
            "test_a_changed_list_restarts_nobody",
        ),
        "A failure that is nobody's fault costs no attempt": ("test_case",),
        "ask as one, ever more seldom": (
            "test_a_set_that_meets_a_quota_asks_little_and_then_makes_all",
        ),
        "Up to `failureBudget`, the others go on": (
            "test_g4_within_the_failure_budget_the_others_are_done",
        ),
        "the component returns to its proven revision": (
            "test_g10_spent_budget_takes_back_what_its_policy_says",
        ),
        "remediation is held, and `blockedBy` of the application has `RemediationHeld`": (
            "test_six_of_ten_ill_for_ten_minutes_and_well_again_keep_their_pods",
        ),
        "is replaced all the same, one at a time": (
            "test_two_of_three_ill_for_good_are_healed_one_at_a_time_within_the_bound",
        ),
        "exempts a server from remediation alone": (
            "test_a_server_that_skips_remediation_is_left_ill",
        ),
        "is then replaced on another node": ("test_a_server_without_data_is_replaced_elsewhere",),
        "One with claims waits for its node": ("test_a_server_with_data_or_a_hold_is_waited_for",),
        "the fleet's circuit opens": ("test_a_circuit_opens_holds_calls_back_and_closes",),
        "A refusal, such as of a template or a quota, does not count": (
            "test_what_a_provider_refuses_opens_no_circuit",
        ),
        "each time that fails the pause doubles": ("test_each_trial_in_vain_doubles_the_pause",),
        "Argosy changes the image back on the same pod": (
            "test_an_image_edited_by_hand_is_not_ready_and_comes_back",
        ),
        "A held server is told and left as it is": (
            "test_a_held_server_keeps_the_image_that_a_person_gave_it",
        ),
        "A change that an admission webhook writes into a new pod is no drift": (
            "test_a_webhook_that_rewrites_images",
            "test_an_image_that_is_rewritten_at_admission_is_what_was_asked",
        ),
        "only a new pod undoes them": (
            "test_what_cannot_be_put_back_is_told_and_harms_nobody",
            "test_what_no_living_pod_gives_back_is_told_and_replaces_nobody",
        ),
        "The change stays, the server is Ready, and its message tells of it": (
            "test_images_are_mended_but_for_those_that_are_left_to_others",
        ),
        "mended it three times is left": (
            "test_an_image_that_is_set_again_and_again_is_left_and_told",
            "test_a_label_that_a_program_insists_on_is_left_and_told",
        ),
    },
    "docs/how-to/roll-out.md": {
        "same pod, same process, no restart": (
            "test_a_new_size_keeps_every_pod_and_its_containers",
            "test_a_size_reaches_real_containers_and_none_restarts",
        ),
        "a container restarts only where its `resizePolicy` says `RestartContainer`": (
            "test_a_container_that_restarts_for_it_counts_within_the_budget",
        ),
        "amounts that give the pod another QoS class": (
            "test_which_resources_change_in_place",
            "test_nothing_else_may_differ",
        ),
        "or on an older cluster, every such change replaces the pod": (
            "test_pods_are_replaced_where_they_cannot_or_may_not_be_resized",
            "test_what_was_served_once_and_is_no_more_ends_in_a_new_pod",
        ),
        "The node has no room now: the server says `Deferred`": (
            "test_a_node_without_room_is_told_and_one_that_is_too_small_is_left",
        ),
        "as on a node that does not know how": (
            "test_pods_whose_nodes_know_no_resize_are_replaced",
            "test_only_what_a_new_pod_might_get_replaces_one",
        ),
        "The API server forbids it, for a ResourceQuota": (
            "test_only_what_a_new_pod_might_get_replaces_one",
            "test_a_size_reaches_real_containers_and_none_restarts",
        ),
        "is left to them: the server stays Ready": ("test_somebody_elses_resize_is_left_and_said",),
        "A later revision touches only what it changes itself": (
            "test_only_what_the_revisions_differ_in_is_asked_for",
        ),
        "The budget is one for the component": (
            "test_rolling_update_keeps_its_budget",
            "test_healing_counts_against_the_one_budget",
        ),
        "A component that depends on others changes after them": (
            "test_a_chain_of_dependencies_names_what_has_been_made",
        ),
        "`Ready` with a current `observedGeneration` means what it says": (
            "test_a_change_in_place_is_complete_when_its_containers_are_new",
        ),
        "only ordinals 8 and 9 change": ("test_partition_keeps_the_lowest_ordinals",),
        "It takes over at once, from a stuck rollout too": (
            "test_first_rollout_that_is_stuck_is_taken_over",
        ),
        "Paused, Argosy plans and reports, and changes nothing": (
            "test_pause_and_resume_freeze_a_component",
            "test_paused_application_is_left_alone_and_says_so",
        ),
    },
}
PROMISES = _together(
    acts.ACTS,
    comparison.COMPARISON,
    doors.DOORS,
    extras.EXTRAS,
    fronts.FRONTS,
    guides.GUIDES,
    upkeep.UPKEEP,
    _OWN,
)
# Headings that only lead elsewhere.
POINTERS = (
    acts.POINTERS
    | extras.POINTERS
    | fronts.POINTERS
    | guides.POINTERS
    | {"When a rollout makes no progress"}
)
