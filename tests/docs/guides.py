"""Which tests hold what the pages about every day's work promise; `promises` has the others.

As there: by page, by the words of the promise on that page.
"""

from __future__ import annotations

GUIDES: dict[str, dict[str, tuple[str, ...]]] = {
    "docs/explanation/admission.md": {
        "nothing is stored, and nothing is dropped in silence": (
            "test_a_review_is_answered_and_leaves_nothing_behind",
            "test_fields_that_would_be_dropped_are_told",
        ),
        "the pod of each component, and the pod that each of its `recovery.alternatives`": (
            "test_pods_are_tried_as_they_would_be_made",
            "test_alternatives_do_not_repeat_what_the_template_says",
        ),
        "the Job of each step of an Operation": (
            "test_jobs_of_operations_are_tried",
            "test_paths_of_jobs_begin_where_the_step_does",
        ),
        "Servers of fleets that are not made of pods are not tried": (
            "test_other_fleets_are_warned_of_and_not_tried",
        ),
        "an error that names component and path": (
            "test_each_component_with_a_mistake_is_named",
            "test_what_is_refused",
        ),
        "nested more than 100 levels deep": (
            "test_nesting_that_no_decoder_takes_is_refused_with_a_sentence",
        ),
        "an error, unless it asks for no more than before": (
            "test_what_a_namespace_has_no_room_for_is_refused_and_not_tried",
            "test_an_editor_of_a_namespace_gets_no_more_servers_than_it_may_have",
        ),
        "a warning, in its own words": (
            "test_what_may_pass_is_a_warning",
            "test_what_may_pass_by_itself_is_a_warning",
        ),
        "a warning that this was not checked": (
            "test_what_says_nothing_of_the_manifest_refuses_nobody",
            "test_a_slow_api_server_is_not_waited_for",
        ),
        "nobody is refused for what was stored before": (
            "test_nobody_is_refused_for_what_was_stored_before",
            "test_only_what_an_update_changes_is_looked_at",
        ),
        "At most 16 dry runs are under way at a time": (
            "test_dry_runs_are_bounded",
            "test_memory_is_bounded",
        ),
        "A template that slips through is refused when a pod is made": (
            "test_a_terminal_error_moves_on_at_once",
            "test_refusals_have_reasons_that_say_what_to_do",
        ),
        "neither holds up the engine nor ends with it": (
            "test_kopf_that_ends_by_itself_begins_anew_and_takes_nobody_along",
        ),
        "Reviews are read up to 4 MiB": (
            "test_reviews_as_large_as_objects_get_are_read",
            "test_what_is_nested_too_deep_is_still_too_deep",
        ),
    },
    "docs/explanation/lifecycles.md": {
        "a quota, a webhook or a taken name is in the way": (
            "test_a_quota_is_told_and_over_when_it_is_raised",
            "test_a_webhook_that_is_down_or_denies_is_told_and_over",
            "test_a_name_that_is_free_again_is_taken_soon",
        ),
        "after a growing pause, or in the next alternative": (
            "test_alternatives_are_tried_in_turn_and_then_it_has_failed_for_good",
            "test_g10_alternatives_are_tried_in_turn_with_backoff",
        ),
        "every maxSeconds unless giveUp, retry-now, or a new template": (
            "test_a_full_fleet_counts_attempts_and_is_tried_for_ever",
            "test_who_gives_up_waits_for_a_person",
            "test_another_revision_starts_afresh_in_the_way_that_worked",
        ),
        "ill for five minutes, and not too many others": (
            "test_the_policy_says_how_long_how_many_and_how_long_held",
            "test_servers_that_fall_ill_are_replaced",
        ),
        "old containers gone, Ready": (
            "test_a_change_in_place_is_complete_when_its_containers_are_new",
        ),
        "Replacing --> Creating: the old instance is gone": (
            "test_whatever_happens_it_converges_and_rests",
        ),
        "Stopped --> Creating: Start": (
            "test_stop_takes_pods_away_and_start_brings_them_back",
            "test_stop_and_start_leave_the_server_and_its_history",
        ),
        "it went, or onTimeout gave it up": (
            "test_a_server_that_cannot_be_reached_is_waited_for_within_bounds",
        ),
        "they are done when the server is seen to be so": (
            "test_a_restart_is_done_when_the_new_incarnation_is_ready",
            "test_a_rollback_is_not_done_before_its_servers_are_seen_to_be",
        ),
        "claimed, with the resourceVersion it was planned from": (
            "test_a_claim_is_written_alone_before_anything_is_done",
        ),
        "a passing failure, and attempts are left": (
            "test_how_an_act_ended_is_recorded",
            "test_g10_a_transient_failure_is_tried_again_with_backoff",
        ),
        "or no attempts left, or over its time": (
            "test_attempts_run_out",
            "test_an_act_that_takes_too_long_is_cancelled_and_failed",
        ),
        "claimed by a process that is no more": (
            "test_the_act_begins_from_our_own_claim_and_no_other",
        ),
        "followed to its end": ("test_a_successor_follows_a_detached_command",),
        "onUnknown Rerun": ("test_g2_a_step_that_may_rerun_is_begun_again_after_a_crash",),
        "onUnknown Fail": ("test_g2_a_crash_between_claim_and_result_acts_at_most_once",),
        "ended, within cancelGraceSeconds": (
            "test_cancel_gives_an_act_its_grace_and_no_more",
            "test_cancel_before_the_beginning_and_after_a_crash_is_immediate",
        ),
        "Succeeded --> [*]: a checkpoint": (
            "test_a_checkpoint_is_of_the_incarnation_that_is_there",
        ),
        "a later one asks for the same": (
            "test_a_queued_restart_is_superseded_by_a_later_one_with_the_same_spec",
        ),
        "Waiting --> TimedOut: startDeadlineSeconds": (
            "test_an_operation_whose_turn_never_comes_times_out",
        ),
        "more than failureBudget, or not every server": (
            "test_g4_beyond_the_failure_budget_nothing_new_begins",
            "test_g4_last_server_fails_for_good_and_the_others_are_kept",
        ),
        "Running --> TimedOut: timeoutSeconds": ("test_a_run_that_takes_too_long_is_called_off",),
        "compensated, last step first": ("test_g10_a_revert_undoes_steps_last_first",),
        "Running --> Cancelling: cancelled, or deleted": (
            "test_cancel_and_delete_end_every_phase",
        ),
        "acts have ended, onFailure Revert": ("test_a_cancelled_operation_undoes_what_was_done",),
        "compensated, and it was out of time": (
            "test_an_operation_that_is_out_of_time_undoes_what_was_done",
        ),
        "Running --> ApplicationDeleted": (
            "test_deleting_the_application_ends_operations_at_once",
        ),
        "Failed --> Waiting: retry": (
            "test_the_remedy_makes_it_better",
            "test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step",
        ),
        "Waiting, Running, Paused, Cancelling and Reverting are `Succeeded=Unknown`": (
            "test_several_operations_never_count_twice_and_all_end",
        ),
        "the next server, from the highest ordinal, not below partition": (
            "test_partition_keeps_the_lowest_ordinals",
            "test_rolling_update_by_percent",
        ),
        "room in maxUnavailable or maxSurge?": (
            "test_rolling_update_keeps_its_budget",
            "test_rolling_update_with_surge",
        ),
        "only images, requests, limits changed, and inPlace?": (
            "test_images_change_in_place",
            "test_nothing_is_changed_in_place_where_that_is_not_wanted",
        ),
        "Ready for minReadySeconds?": ("test_min_ready_seconds_are_waited_for",),
        "nothing new; the rest runs on": ("test_a_missed_deadline_halts",),
        "rejected; the proven revision is the target": ("test_a_missed_deadline_rolls_back",),
        "A newer template at any point begins again at the top, and takes over": (
            "test_a_newer_revision_takes_over_from_a_stuck_one",
            "test_a_newer_template_outranks_a_rollback_under_way",
        ),
    },
    "docs/explanation/outages.md": {
        "The circuit opens when half of at least 20 calls within a minute failed": (
            "test_many_failures_open_it_for_a_while",
            "test_a_few_failures_open_nothing",
        ),
        "no call succeeded for a whole minute and at least three failed": (
            "test_where_none_succeeds_for_a_whole_window_few_calls_open_it",
        ),
        "The attempt is made again": (
            "test_an_outage_of_the_provider_is_no_failure_of_its_servers",
            "test_an_hour_without_the_provider_while_500_servers_are_made",
        ),
        "(`status.pausedSeconds` says how long they stood still)": (
            "test_an_operations_clock_stands_still_while_the_provider_is_away",
        ),
        "An act that did not get through is no attempt": (
            "test_acts_that_do_not_get_through_spend_no_attempt",
        ),
        "no budget is spent and nothing is reverted": (
            "test_an_outage_in_the_middle_of_a_rollout_reverts_nothing",
        ),
        "Deletes are tried one at a time": (
            "test_deletes_are_tried_one_at_a_time_and_close_the_circuit",
        ),
        "it brings the next trial forward": (
            "test_what_a_provider_shows_brings_the_next_trial_forward",
            "test_a_provider_that_shows_much_and_does_nothing_is_not_run_over",
        ),
        "the circuit is open for twice as long": ("test_each_trial_in_vain_doubles_the_pause",),
        "one more may begin at a time, then 2, 4, 8": ("test_it_is_tried_by_one_then_by_more",),
        "Each trial is another server's in turn": ("test_a_trial_is_each_servers_in_turn",),
        "has to learn of it again, by as many failed calls": (
            "test_an_operator_that_starts_in_an_outage_learns_of_it_again",
        ),
        "After a minute the attempts of that server count": (
            "test_a_server_whose_own_calls_are_never_answered_fails_all_the_same",
        ),
    },
    "docs/how-to/failure-domains.md": {
        "is given the domain that it burdens least, by `weight`": (
            "test_new_servers_go_to_the_domain_that_has_the_fewest_for_its_weight",
        ),
        "no pod is restarted by an upgrade, nor by a change of the domains": (
            "test_domains_restart_no_pod_that_runs",
        ),
        "or an alternative that does, wins": ("test_an_alternative_that_names_a_zone_wins",),
        "They are given one when a rollout makes them anew": (
            "test_servers_made_before_there_were_domains_stay_until_they_are_made_anew",
        ),
        "A domain that servers wait for is in `blockedBy`": (
            "test_a_server_waits_where_no_domain_takes_it_and_goes_on_once_one_does",
        ),
        "after a domain was added, for example": ("test_servers_move_to_a_domain_that_is_new",),
        "a server waits for room in its domain, and says so": (
            "test_only_a_server_that_must_waits_for_room_in_its_domain",
        ),
        "then from the fullest domain": ("test_scaling_down_takes_from_the_fullest_domain",),
        "is never given another domain: its volumes are where they are": (
            "test_a_server_with_claims_stays_where_its_volumes_are",
        ),
        "no new server lands there": ("test_nothing_new_lands_in_a_cordoned_domain",),
        "its servers are made anew elsewhere as well, within `maxUnavailable`": (
            "test_a_domain_is_evacuated_within_the_budget",
        ),
        "`Active` again ends an evacuation": (
            "test_an_evacuation_that_is_called_off_moves_nobody_further",
        ),
        "take servers down in one domain only": (
            "test_servers_are_taken_down_in_one_domain_at_a_time",
            "test_a_drain_and_a_rollout_take_servers_down_in_one_domain",
        ),
        "the set names its domain in `blockedBy` (`DomainSick`)": (
            "test_a_sick_domain_holds_the_others_and_is_named",
        ),
        "an evacuation waits, and `blockedBy` names them": (
            "test_a_server_that_is_merely_coming_up_is_named_by_an_evacuation_that_waits",
        ),
        "A server that is merely coming up, as one whose pod was deleted, is named itself": (
            "test_a_server_that_is_merely_coming_up_is_named_by_the_rollout_that_waits",
        ),
    },
    "docs/how-to/roll-back.md": {
        "Argosy never writes an Application's spec": (
            "test_whatever_happens_it_converges_and_rests",
            "test_whatever_other_hands_do_it_ends_as_the_application_says",
        ),
        "the newest proven revision that is older than the one in use; said again, one further": (
            "test_a_proven_revision_is_left_for_the_one_before",
            "test_what_a_missed_deadline_returned_to_can_be_left_too",
        ),
        "Only a revision that once was proven can be gone back to": (
            "test_a_named_revision_is_gone_back_to",
        ),
        "only while it is kept (`revisionHistoryLimit`)": (
            "test_revisions_count_upwards_and_old_ones_go",
        ),
        "one that all its servers outside the partition have run": (
            "test_missed_deadline_rolls_back_to_what_is_proven",
        ),
        "The application then says so, and keeps saying so": ("test_a_missed_deadline_rolls_back",),
        "The rejection ends when you change the template": (
            "test_a_newer_template_outranks_a_rollback_under_way",
        ),
        "when you ask for another try of the same": (
            "test_retry_now_ends_a_rollback",
            "test_rejected_revision_is_tried_again_when_asked_to",
            "test_the_remedy_makes_it_better",
        ),
        "servers stay as they are, within the budget, and wait for you": (
            "test_a_missed_deadline_halts",
            "test_missed_deadline_halts_the_rollout",
        ),
        "attempts with growing delays, alternatives in turn": (
            "test_g10_alternatives_are_tried_in_turn_with_backoff",
        ),
        "beyond which the component halts, or reverts": (
            "test_g10_spent_budget_takes_back_what_its_policy_says",
            "test_spent_budget_halts_where_nothing_is_proven",
        ),
    },
    "docs/how-to/operations.md": {
        "is fixed when it is created: whatever else is wanted is another operation": (
            "test_all_of_an_operation_but_three_fields_is_fixed",
        ),
        "At most `concurrency` of them are in flight": (
            "test_g5_never_more_than_twelve_of_fifty_are_down_and_each_restarts_once",
        ),
        "a server that is down for any other reason takes up a place too": (
            "test_an_operation_leaves_a_server_that_is_down_beside_it_its_place",
        ),
        "what its `rollout.maxUnavailable` allows": (
            "test_a_restart_of_everything_keeps_each_component_within_its_budget",
        ),
        "Where that is 0, nothing begins, and `blockedBy` says so": (
            "test_a_component_that_lets_no_server_be_down_is_named_by_what_waits_for_it",
        ),
        "share the limit: each counts what is down beside its own servers": (
            "test_operations_on_different_servers_share_the_limit_of_a_component",
        ),
        "A server that is down already goes first and takes no place": (
            "test_a_server_that_is_down_is_replaced_first_and_costs_nothing",
            "test_servers_that_are_down_cost_nothing_however_many_they_are",
        ),
        "of a component have failed, nothing new begins": (
            "test_g4_beyond_the_failure_budget_nothing_new_begins",
            "test_losses_are_a_share_of_each_component",
        ),
        "does not make a healthy application unready": (
            "test_a_failed_operation_does_not_make_it_unready",
        ),
        "Stop goes the other way round": (
            "test_a_stop_goes_against_the_order",
            "test_a_stop_of_some_goes_against_what_is_needed_through_others",
        ),
        "Servers that a person holds, or that are going, are passed by": (
            "test_a_held_server_is_passed_by",
        ),
        "what runs comes to its end and nothing new begins; deadlines stand still": (
            "test_pause_holds_in_the_middle_and_resume_goes_on",
            "test_time_spent_paused_is_no_time_of_the_run",
        ),
        "what was done is then undone, the last step first, for at most `timeoutSeconds`": (
            "test_a_cancelled_operation_undoes_what_was_done",
            "test_undoing_takes_no_longer_than_the_operation_itself_may",
        ),
        "Undoing that has begun goes on to its end": (
            "test_a_run_that_undoes_goes_not_back_to_doing",
        ),
        "names what could not be undone": (
            "test_what_cannot_be_undone_is_said_of_each_step",
            "test_a_held_server_is_named_as_not_undone",
        ),
        "each unfinished server at the first step it has not passed": (
            "test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step",
        ),
        "its parameters are for that next run": (
            "test_a_retry_that_comes_during_a_run_leaves_its_parameters_to_the_next_run",
        ),
        "Deleting the Operation cancels it first, and waits for no compensation": (
            "test_deleting_a_running_operation_cancels_it_first",
            "test_a_deleted_operation_goes_at_once_and_says_what_is_left",
        ),
        "Servers remember what they have passed as long as an operation may go on": (
            "test_a_server_remembers_the_steps_of_every_operation_that_can_be_retried",
        ),
        "waits with the reason `CheckpointsFull`": (
            "test_an_operation_without_room_for_its_checkpoints_waits_and_says_so",
        ),
        "that has just been created waits for the servers": (
            "test_an_operation_waits_for_servers_that_are_still_to_come",
        ),
        "is `Failed` with a message that begins with `NothingTargeted`": (
            "test_what_targets_nothing_fails",
            "test_held_servers_alone_are_nothing_to_act_on",
        ),
        "its status names the servers that it would touch": (
            "test_an_operation_created_paused_lists_its_targets_in_order_and_touches_nothing",
        ),
        "take turns in the order of their creation": (
            "test_g7_a_conflicting_operation_waits_and_says_for_whom",
        ),
        "has waited for `startDeadlineSeconds` ends as `TimedOut`": (
            "test_an_operation_whose_turn_never_comes_times_out",
        ),
        "is kept for `ttlSecondsAfterFinished`": (
            "test_a_finished_operation_is_deleted_after_its_time",
        ),
        "remembers for longer who asked for what, when, and what came of it": (
            "test_history_tells_who_asked_for_what_and_how_it_ended",
        ),
        "could write any name there, so none is told": (
            "test_nobody_is_believed_to_have_asked_where_anybody_could_say_so",
        ),
    },
    "docs/how-to/scale.md": {
        "New servers take the lowest ordinals that are free": (
            "test_apply_adds_and_takes_away_the_highest",
        ),
        "whoever scales its ServerSet decides": (
            "test_replicas_left_out_belong_to_whoever_scales",
        ),
        "from then on `kubectl apply` of a manifest without a number leaves it": (
            "test_an_apply_leaves_the_number_that_kubectl_scale_gave",
            "test_an_application_of_one_component_is_scaled_as_one",
        ),
        "An autoscaler reads that number before it changes it": (
            "test_autoscaler_owns_replicas_that_are_left_out",
        ),
        "the API server refuses the number and says so": (
            "test_an_application_whose_number_is_not_one_cannot_be_scaled",
        ),
        "it wins, and a scale is undone and reported": (
            "test_override_of_named_replicas_is_undone_and_reported",
            "test_a_set_scaled_by_hand_against_its_application_loses_nobody",
            "test_nothing_goes_before_both_agree",
        ),
        "the current number stays": ("test_replicas_are_handed_over_without_losing_servers",),
        "a ServerSet that somebody deletes comes back at its last number": (
            "test_deleted_set_comes_back_at_its_size",
        ),
        "starts each server once the one before it is available": (
            "test_each_server_starts_once_the_one_before_is_available",
            "test_those_that_fail_together_come_back_one_after_the_other",
        ),
        "Servers that are stopped are passed over": (
            "test_whoever_is_stopped_keeps_nobody_waiting",
        ),
        "keeps those after it waiting": (
            "test_one_that_does_not_come_up_keeps_those_after_it_waiting",
        ),
        "takes one server after the other": ("test_servers_that_start_in_order_go_one_by_one",),
        "the lowest servers go and the others run on": (
            "test_servers_are_handed_over_one_by_one_as_ordinals_move",
        ),
        "what is below is replaced at the upper end": (
            "test_raised_ordinals_replace_what_is_below_within_the_budget",
        ),
        "`rollout.partition` counts from there": (
            "test_a_partition_counts_from_the_lowest_ordinal",
        ),
        "At its end the server is released by itself": (
            "test_a_hold_ends_by_itself_and_the_rollout_goes_on",
        ),
        "not while the application is paused": ("test_a_paused_application_keeps_its_holds",),
        "a person has to release it": ("test_a_hold_without_an_end_lasts_until_it_is_released",),
        "show who holds it": ("test_who_holds_a_server_is_shown",),
        "and held ones last": (
            "test_marked_servers_go_first_then_the_unhealthy",
            "test_held_servers_go_last",
        ),
        "servers that work stay as far as `maxUnavailable` asks": (
            "test_a_failed_server_keeps_a_surplus_one_that_works",
            "test_servers_that_failed_for_good_keep_those_that_work",
        ),
        "or that is stopped, is not unhealthy": (
            "test_stopped_servers_are_not_unhealthy",
            "test_scaling_down_during_a_restart_takes_the_highest",
            "test_scaling_down_during_a_rollout_takes_the_highest",
        ),
        "it is strictly the highest, as with a StatefulSet, but for held ones": (
            "test_servers_with_claims_go_strictly_from_the_top",
            "test_held_servers_go_last_with_claims_too",
        ),
        "or `deletion.drainSeconds` where that is more": (
            "test_no_instance_is_given_less_time_than_its_template_says",
        ),
        "takes no part in rollouts and operations, while it still counts": (
            "test_a_held_server_is_left_alone_but_counted",
            "test_held_and_failed_servers_go_with_the_rest",
        ),
    },
    "docs/how-to/reach-servers.md": {
        "so the component has `type: ClusterIP`, and ports": (
            "test_another_type_makes_the_service_anew_and_no_server",
            "test_the_api_server_takes_every_manifest",
        ),
        "take turns, a connection each, those that are ready first": (
            "test_servers_take_turns_by_the_name_of_their_port",
        ),
        "was replaced meanwhile is reached again": (
            "test_a_server_that_is_replaced_is_reached_again",
        ),
        "`open` chooses the port named": ("test_open_shows_the_page_of_the_port_named_http",),
        "is cut after a minute of waiting": (
            "test_a_client_that_ends_its_half_is_cut_after_a_while",
        ),
        "Each component has a headless Service": ("test_servers_have_stable_names_in_dns",),
        "later changes are refused": ("test_bad_manifest_is_refused",),
        "and the servers run on": ("test_another_type_makes_the_service_anew_and_no_server",),
        "each under its name, where `ports` is left out": (
            "test_ports_that_containers_name_are_the_services",
        ),
        "taken off when the component no longer says so": (
            "test_what_the_component_says_of_its_service_is_on_it_and_goes_with_the_words",
            "test_a_service_that_somebody_edits_is_put_right",
        ),
        "A fleet that gives servers no names in DNS refuses `service`": (
            "test_a_fleet_without_names_refuses_a_service_aloud",
        ),
        "stops no server: it is left as it is, and told as `NameTaken`": (
            "test_a_service_of_the_name_that_is_somebody_elses_stops_nobody",
        ),
        "With `type: None` it is not told either": ("test_a_component_may_have_no_service",),
        "A template's `subdomain` is its pods'": ("test_a_template_may_say_its_own_names",),
    },
    "docs/how-to/volumes.md": {
        "They stay with the ordinal": (
            "test_each_server_has_claims_of_its_own",
            "test_the_claim_of_a_server_that_comes_back_is_kept",
        ),
        "Scaling down takes strictly the highest ordinals": (
            "test_with_claims_the_highest_ordinals_go_first",
        ),
        "the claims that are there grow while their servers run": (
            "test_a_claim_grows_while_its_server_runs",
            "test_claims_grow_where_their_class_allows_it",
        ),
        "says so: `ClaimCannotGrow`, in the API server's words": (
            "test_a_claim_that_may_not_grow_is_told_and_its_server_runs_on",
        ),
        "Claims never shrink": (
            "test_claims_are_not_asked_to_shrink",
            "test_a_claim_never_shrinks_and_nothing_restarts",
            "test_claims_grow_and_never_shrink",
        ),
        "claims that are there keep their class and modes": (
            "test_another_storage_class_restarts_nobody",
        ),
        "One claim more, or fewer, replaces the servers": ("test_a_claim_more_needs_another_pod",),
        "go only if both policies say `Delete`": (
            "test_claims_of_a_renamed_component_stay_in_doubt",
        ),
        "To rename a component is to drop it": (
            "test_a_rename_names_the_claims_that_are_left_behind",
        ),
        "the claims that were made for it stay, even when the application goes": (
            "test_claims_whose_entry_was_dropped_stay",
        ),
        "only after its server": ("test_a_scaled_away_server_keeps_its_claims_until_it_is_gone",),
        "name the claims that would go, and those that would be left behind": (
            "test_a_delete_names_the_claims_that_go_and_those_that_stay",
            "test_scaling_down_names_the_claims_of_the_servers_that_go",
        ),
    },
}
# Headings that only lead elsewhere, or tell of Kubernetes alone.
POINTERS = frozenset({"Start one"})
