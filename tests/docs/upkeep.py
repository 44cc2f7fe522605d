"""Which tests hold what the pages for those who run Argosy promise; `promises` has the others.

As there: by page, by the words of the promise on that page.
"""

from __future__ import annotations

UPKEEP: dict[str, dict[str, tuple[str, ...]]] = {
    "docs/how-to/drain-nodes.md": {
        "An evicted pod is no failure of its server or its template": (
            "test_a_pod_that_its_node_gave_up_comes_back_and_is_no_failure",
        ),
        "for a pod that stays is waited for, for two": (
            "test_a_pod_whose_eviction_is_on_record_and_that_stays_is_waited_for_and_named",
            "test_who_waits_for_an_eviction_goes_on_once_it_is_taken_off_the_record",
        ),
        "the evicted pod has gone holds no rollout up": (
            "test_nobody_waits_for_an_eviction_that_the_disruption_controller_overlooks",
        ),
        "with `minAvailable` as a number": (
            "test_a_component_has_one_budget_for_evictions",
            "test_evictions_leave_what_the_limit_says",
        ),
        "less those that were stopped on purpose": (
            "test_stopped_servers_are_not_asked_of_a_drain",
        ),
        "healing or because there are too many, no eviction is allowed": (
            "test_a_drain_during_a_rollout_keeps_to_the_limit",
            "test_a_drain_of_ten_nodes_during_a_restart_keeps_to_the_limit",
        ),
        "stand in for what moves. The rollout stays halted": (
            "test_a_drain_ends_while_a_rollout_is_halted",
            "test_a_drain_ends_beside_a_spent_failure_budget",
            "test_nodes_are_drained_beside_a_rollout_that_is_halted",
        ),
        "Without `maxSurge` nothing stands in: a drain waits": (
            "test_without_surge_a_drain_waits_for_what_does_not_come_up",
        ),
        "a server whose eviction is asked for gets a spare one first": (
            "test_a_server_whose_eviction_is_asked_for_moves_and_nobody_is_missed",
            "test_a_server_whose_eviction_is_asked_for_moves_within_the_surge",
        ),
        "that is no more moves nobody": (
            "test_requests_that_ask_for_nothing_move_nobody",
            "test_a_request_that_is_withdrawn_lets_the_spare_server_go",
        ),
        "is noticed within ten minutes": (
            "test_a_kind_that_this_cluster_does_not_serve_is_empty_at_once",
        ),
        "takes no ready server down, and holds no drain up": (
            "test_an_operation_that_may_take_no_server_down_holds_no_drain",
            "test_nodes_are_drained_beside_an_operation_that_may_take_no_server_down",
        ),
        "A rollout that halts holds no drain up": (
            "test_a_rollout_that_halts_does_not_hold_a_drain_up",
        ),
        "at no moment are more servers down than the limit": (
            "test_all_at_once_keep_to_the_largest_limit",
            "test_whoever_is_killed_in_between_nobody_takes_down_too_many",
        ),
        "is drained without ever being down": (
            "test_a_component_of_one_server_is_never_at_0_while_its_node_is_drained",
            "test_a_component_of_one_server_is_drained_without_being_down",
        ),
        "Held and stopped servers stay": ("test_what_a_person_holds_stays_on_a_cordoned_node",),
        "A component without surge": ("test_a_cordon_without_surge_moves_nobody",),
        "rollouts go on, and evictions within the limit are still allowed": (
            "test_a_spare_server_without_a_node_holds_no_rollout_up",
            "test_a_drain_ends_where_no_spare_server_finds_a_node",
        ),
        "Argosy removes its own": (
            "test_ours_gives_way_to_one_that_a_person_made",
            "test_a_budget_that_a_person_wrote_decides_alone",
        ),
        "with the reason `ForeignBudget`": ("test_a_set_says_that_somebody_elses_budget_decides",),
        "where Argosy's own cannot be written": (
            "test_a_budget_that_cannot_be_written_holds_no_operation_up",
        ),
        "counts such sets by reason": (
            "test_the_metric_counts_sets_whose_evictions_keep_to_no_budget",
        ),
        "None of these is a failure of the template": (
            "test_servers_of_a_lost_node_come_back_and_are_no_failures",
        ),
        "Servers that were deleted after the hour come back elsewhere as lost ones do": (
            "test_a_server_without_data_is_replaced_elsewhere",
        ),
    },
    "docs/how-to/install.md": {
        "nothing is installed there": ("test_it_runs_where_nothing_is_installed",),
        "once and whole": (
            "test_it_runs_where_nothing_is_installed",
            "test_one_that_was_ended_while_unpacking_is_in_nobodys_way",
        ),
        "the minor version of Python that packed it": (
            "test_another_python_is_told_which_one_it_needs",
        ),
        "The test makes an application without servers": ("test_helm_test_sees_the_operator_act",),
        "the pods, volume claims and Jobs that would come of it are created as dry runs": (
            "test_pods_are_tried_as_they_would_be_made",
            "test_jobs_of_operations_are_tried",
        ),
        "unknown field": ("test_a_misspelt_field_is_an_error_at_apply",),
        "The chart makes the certificate": (
            "test_certificate_is_for_the_service_that_the_webhook_calls",
        ),
        "let cert-manager make it": ("test_cert_manager_makes_the_certificate",),
        "names an issuer of your own": ("test_an_issuer_can_be_named",),
        "`admission.enabled=false`": ("test_without_admission_there_is_no_trace_of_it",),
        "makes Roles in these namespaces and nothing cluster-wide": (
            "test_namespaced_install_has_nothing_cluster_wide",
            "test_namespaced_install_grants_the_table",
            "test_it_does_the_main_job_where_it_may",
        ),
        "Such an install lacks": (
            "test_notes_say_what_a_namespaced_install_lacks",
            "test_notes_of_a_namespaced_install_say_what_nobody_enforces",
        ),
        "applications may then name Fleets that allow their namespace": (
            "test_namespaced_install_may_read_fleets",
            "test_it_reads_fleets_where_it_may",
        ),
        "An application that alone asks for more is refused by a policy": (
            "test_the_operator_and_the_policy_keep_to_one_bound_of_a_namespace",
            "test_an_editor_of_a_namespace_gets_no_more_servers_than_it_may_have",
        ),
        "One that asks for more beside all others is refused by the webhook": (
            "test_what_a_namespace_has_no_room_for_is_refused_and_not_tried",
        ),
        "the sets that were made first have their servers": (
            "test_what_is_beyond_the_bound_is_not_made_and_is_told",
            "test_room_that_becomes_free_is_used",
        ),
        "Servers that are there when the bound is lowered are never deleted for it": (
            "test_a_bound_that_comes_later_takes_nothing_down",
        ),
        "Installs whose `watchNamespaces` have nothing in common work side by side": (
            "test_installs_for_namespaces_that_differ_work_side_by_side",
        ),
        "An install for the whole cluster goes before those for some namespaces": (
            "test_install_for_the_cluster_goes_before_one_for_a_namespace",
        ),
        "An install that is left with nothing does nothing": (
            "test_second_install_does_nothing_and_says_so",
        ),
        "whatever was left to it is taken over half a minute later, without a restart": (
            "test_install_takes_over_when_the_other_is_gone",
        ),
        "goes on as if it were alone": ("test_install_that_may_not_claim_works_as_before",),
        "It can keep no install for the whole cluster out of anything": (
            "test_claim_that_a_tenant_made_up_stops_nobody_elsewhere",
        ),
        "The chart aggregates roles": ("test_roles_for_people_are_aggregated",),
        "the right to create Operations comes only together with `pods/exec`": (
            "test_operations_are_created_only_with_exec",
        ),
        "ask what whoever writes an object may do without Argosy": (
            "test_who_declares_applications_may_make_what_they_make",
            "test_who_starts_operations_may_do_their_steps",
            "test_another_secret_is_not_got_by_the_right_to_one",
            "test_another_fleet_is_used_by_whom_it_is_granted",
            "test_people_hold_and_annotate_servers_and_write_nothing_else",
            "test_nobody_makes_up_a_revision_to_roll_back_to",
        ),
        "A Server's task that no Operation of its application asks for is not begun": (
            "test_what_no_operation_asks_for_never_begins",
            "test_a_task_of_no_operation_keeps_nobody_waiting",
        ),
        "More has to be allowed, by scheme, host, port and path": (
            "test_allowed_urls_reach_the_operator",
        ),
        "lets steps send headers from Secrets": ("test_secrets_are_not_read_unless_asked_for",),
        "CRDs are upgraded with the chart while `crds.enabled` is true": (
            "test_crds_are_those_of_the_api",
            "test_crds_can_be_left_out_or_let_go",
        ),
        "refuses while applications exist, and names them": (
            "test_uninstall_refuses_while_applications_exist",
            "test_it_refuses_by_name",
        ),
        "finalizers are lifted, and pods stay and run unattended": (
            "test_release_leaves_pods_running",
            "test_it_lets_go",
        ),
        "Servers of fleets that are not pods are never released": (
            "test_it_does_not_leak_machines",
        ),
    },
    "docs/how-to/monitor.md": {
        "the one that has a server counts it": (
            "test_each_server_is_counted_once_when_it_is_ready_for_the_first_time",
            "test_of_replicas_that_share_the_work_one_counts_a_server",
        ),
        "the fields of servers that others changed and Argosy set again": (
            "test_each_field_that_is_mended_is_counted",
        ),
        "to whoever shows a bearer token of the API server": (
            "test_metrics_are_for_whoever_may_get_them",
            "test_two_accounts_scrape_with_their_own_rights",
            "test_metrics_are_behind_tls_by_default",
        ),
        "The ServiceMonitor has Prometheus show the token of its own account": (
            "test_metrics_are_behind_tls_by_default",
        ),
        "put a token into a Secret beside the operator": (
            "test_a_token_can_come_from_a_secret",
            "test_a_pod_monitor_without_a_token_is_refused",
        ),
        "The certificate is made and renewed as": ("test_one_mechanism_makes_both_certificates",),
        "names a Secret of your own instead": ("test_a_secret_of_ones_own_is_served",),
        "A renewed certificate is taken up within a minute": (
            "test_a_renewed_certificate_is_taken_up",
        ),
        "whoever was let in within the last minute still is": (
            "test_without_an_api_server_nobody_new_is_let_in",
        ),
        "serves plain HTTP to whoever reaches the port": (
            "test_whoever_opts_out_has_plain_metrics",
        ),
        "says who may reach it": ("test_a_fence_lets_api_servers_in",),
        "Probes are plain HTTP on port 8081 always": ("test_probes_stay_in_the_plain",),
        "Nothing is made or imported for them unless an endpoint is named": (
            "test_the_operator_loads_no_models_and_no_kopf",
            "test_nothing_is_kept_where_nobody_asked",
            "test_no_traces_are_made_unless_a_collector_is_named",
        ),
        "message or value of an object is in a span": (
            "test_a_reconcile_is_a_span_and_so_is_each_of_its_calls",
            "test_a_planner_that_fails_is_a_span_that_says_so",
        ),
        "keeps one of twenty, whole": ("test_who_asks_for_few_gets_whole_ones",),
        "in time are dropped, and no reconcile waits for it": (
            "test_a_collector_that_is_away_holds_nobody_up",
        ),
        "Headers that a collector asks for come from a Secret": (
            "test_headers_come_from_a_secret",
            "test_a_collector_is_sent_what_is_left_when_the_process_ends",
        ),
        "Alerts link to their": ("test_alerts_have_runbooks",),
        "says whether the process goes on": (
            "test_leader_and_standby_at_rest_are_alive",
            "test_leader_that_plans_nothing_is_not_alive",
            "test_watch_that_stands_still_is_not_alive",
        ),
        "An API server that is away is no failure": (
            "test_standby_outlives_an_api_server_that_is_away",
        ),
        "says whether the caches are filled": (
            "test_without_admission_a_replica_is_ready_when_its_caches_are",
            "test_probes_answer_as_the_process_is",
        ),
        "Whether work gets done is told by": (
            "test_every_metric_has_a_sample_after_a_reconcile",
            "test_the_reference_names_all_that_is_served",
        ),
        "Logs are JSON": (
            "test_a_line_is_one_object",
            "test_lines_tell_whose_visit_they_belong_to",
        ),
        "is for people": ("test_text_for_people",),
    },
}
