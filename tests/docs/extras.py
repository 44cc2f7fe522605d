"""Which tests hold what the pages about parts that not everybody uses promise; see `promises`.

The first page, builds and webhooks, clouds, replicas, and those who look in other ways. As there:
by page, by the words of the promise on that page.
"""

from __future__ import annotations

EXTRAS: dict[str, dict[str, tuple[str, ...]]] = {
    "README.md": {
        "Kill the operator at any write: it goes on, with nothing doubled and nothing lost": (
            "test_operators_killed_at_random_moments_reach_the_same_end",
            "test_crashes_at_any_moment_change_nothing_in_the_end",
            "test_whatever_happens_it_converges_and_rests",
        ),
        "the first server goes while ten thousand creates are still waiting": (
            "test_a_delete_cuts_across_a_create_of_thousands",
        ),
        "prints the plan's own reasons": ("test_the_cause_is_found_by_who_may_only_look",),
        "A converged server costs three writes of Argosy's, and a fleet at rest none": (
            "test_servers_cost_three_writes",
            "test_nothing_is_written_at_rest",
        ),
        "shows an application come up, scale, heal a killed pod, roll out an update, and go": (
            "test_interrupted_and_run_again",
            "test_without_a_terminal",
        ),
        "its page, in your browser; Ctrl-C ends it": ("test_the_quick_start_ends_in_a_page",),
        "a shop applied again finds them": ("test_the_quick_start_ends_with_its_data_kept",),
        "Everything that users do goes through one command": ("test_a_newcomer_can_type_the_tour",),
        "The commands printed these screens": ("test_screens_are_as_agreed",),
        "each act shown as a dry run first": (
            "test_an_act_is_shown_before_it_is_done",
            "test_looking_at_an_act_changes_nothing_on_a_real_api_server",
        ),
        "made, rebuilt, resized, stopped, snapshotted and healed": (
            "test_every_act_on_a_virtual_machine",
            "test_a_virtual_machine_is_resized_and_rebuilt",
            "test_a_server_that_is_deleted_by_hand_is_made_anew",
        ),
        "volumes and floating IPs": (
            "test_volumes_outlive_servers_and_go_by_policy",
            "test_a_server_is_ready_once_it_has_its_floating_ip",
        ),
    },
    "docs/reference/questions.md": {
        "walks down to the cause, in the words of whoever said it": (
            "test_the_cause_is_found_by_who_may_only_look",
        ),
        "a budget that rollouts, evictions, operations and repairs share": (
            "test_all_at_once_keep_to_the_largest_limit",
        ),
        "An upgrade of the chart touches no pod of an application": (
            "test_no_pod_is_restarted_and_all_goes_on",
        ),
        "claims are kept where `whenDeleted` is `Retain`, which is the default": (
            "test_claims_are_kept_or_deleted_by_policy_when_deleted",
        ),
        "`deletion.protected` has the API server refuse the delete": (
            "test_protected_application_is_not_deleted",
        ),
        "says which servers would be changed, in which order, and which claims would go": (
            "test_a_plan_changes_nothing_and_comes_true",
        ),
        "`kubectl scale` of the ServerSet, or of an application of one component": (
            "test_autoscaler_owns_replicas_that_are_left_out",
            "test_an_application_of_one_component_is_scaled_as_one",
        ),
        "one without is replaced soon after its end is overdue": (
            "test_a_server_of_a_dead_node_runs_elsewhere",
        ),
        "It is left out of rollouts, operations and repairs until you release it": (
            "test_a_hold_without_an_end_lasts_until_it_is_released",
            "test_held_server_is_left_alone_and_says_so",
        ),
        "the second one does nothing, and says so": (
            "test_second_install_does_nothing_and_says_so",
        ),
        "adds Argosy's kinds to the roles `view`, `edit` and `admin`": (
            "test_roles_for_people_are_aggregated",
        ),
        "names before anything is written whatever a StatefulSet cannot say": (
            "test_each_field_is_carried_or_told",
        ),
    },
    "docs/README.md": {
        "every reason, with its remedy": (
            "test_every_reason_is_explained",
            "test_the_remedy_makes_it_better",
        ),
        "[Threat model](explanation/security.md): who can do what": (
            "test_every_page_is_reachable",
            "test_the_index_lists_every_page",
        ),
        "Run operations": ("test_the_pages_of_acts_do_what_they_say",),
        "Your first application": ("test_the_tutorial_runs_as_written",),
        "[Use plain kubectl](how-to/kubectl.md): what works, and what cannot": (
            "test_what_kubectl_can_do_works",
            "test_what_kubectl_cannot_do_fails_and_changes_nothing",
        ),
    },
    "docs/how-to/webhooks.md": {
        "A secret of less than 16 characters is none": (
            "test_a_secret_that_could_be_guessed_is_none",
        ),
        "or `NAMESPACE` for all in it": ("test_a_secret_of_a_namespace_is_for_all_in_it",),
        "a key `NAMESPACE.APPLICATION` for one application": (
            "test_a_signed_push_asks_for_a_build",
            "test_a_push_reaches_the_application",
        ),
        "the older *secret token* is sent in clear, and refused": (
            "test_gitea_and_gitlab_sign_in_ways_of_their_own",
            "test_a_wrong_signature_is_refused",
        ),
        "asks for one build": ("test_a_signed_push_asks_for_a_build",),
        "may differ by scheme, by `.git` at the end, and by upper and lower case": (
            "test_addresses_of_one_repository_are_the_same",
        ),
        "another ref or repository, no push, or a request that was received before": (
            "test_an_unknown_repository_or_ref_asks_for_nothing",
            "test_what_is_no_push_asks_for_nothing",
            "test_a_replay_asks_for_nothing",
        ),
        "the body is no JSON object": ("test_a_signed_body_that_is_no_object_is_refused",),
        "or nobody has a secret for this application": (
            "test_applications_without_a_secret_are_refused_alike",
        ),
        "the body did not come within ten seconds, or made room for others": (
            "test_a_body_that_does_not_come_in_time_is_refused",
            "test_bodies_that_fill_the_memory_make_room_for_small_ones",
            "test_a_huge_body_is_refused_unread",
        ),
        "the API server did not take it: send it again": (
            "test_a_request_that_failed_may_be_sent_again",
        ),
        "leaves one annotation of that": (
            "test_its_account_writes_one_annotation_and_nothing_else",
        ),
        "and a replayed request for no other": ("test_a_replay_asks_for_nothing",),
        "The chart refuses `hooks.enabled` where there can be no such policy": (
            "test_no_receiver_of_webhooks_without_its_policy",
        ),
    },
    "docs/how-to/kustomize.md": {
        "Names that kustomize changes are followed into templates": ("test_names_are_followed",),
        "A patch names a component, a container or a claim, and keeps all others": (
            "test_lists_are_merged_by_name",
            "test_what_is_built_is_an_application",
        ),
        "`images` changes images in templates": ("test_images_are_changed_by_name",),
    },
    "docs/how-to/browse.md": {
        "The command writes nothing": ("test_nothing_is_written",),
        "Applications, those in trouble first": (
            "test_applications_in_trouble_come_first_and_lead_to_the_cause",
        ),
        "`/` searches by parts of the namespace or name, and by labels": (
            "test_a_search_keeps_what_matches_until_it_is_ended",
            "test_a_search_keeps_those_with_a_label",
        ),
        "they are counted by failure domain and state": (
            "test_many_servers_are_counted_by_failure_domain",
        ),
        "`y` copies the command": ("test_the_command_that_helps_is_copied",),
        "the steps of the one that the cursor is on": (
            "test_operations_are_shown_with_how_far_they_are",
        ),
        "The screens follow what happens": (
            "test_a_change_is_shown_by_itself_and_the_cursor_stays",
        ),
        "A list shows 300 rows and says how many more there are": (
            "test_a_long_list_says_how_many_more_there_are",
        ),
    },
    "docs/how-to/assistant.md": {
        "over standard input and output. The assistant starts the command itself": (
            "test_an_assistant_asks_the_command_that_it_has_started",
        ),
        "in the same words": ("test_why_says_what_the_command_says",),
        "those in trouble first": ("test_applications_in_trouble_are_told_first",),
        "the last lines that each phase printed": ("test_the_line_of_a_build_that_failed_is_told",),
        "no tool changes anything": (
            "test_all_questions_are_answered_and_nothing_is_written",
            "test_every_tool_says_what_it_does_and_that_it_only_reads",
        ),
        "Text that looks like a credential is taken out of every answer": (
            "test_an_answer_holds_no_credential_and_no_character_that_steers",
        ),
        "An answer has 100,000 characters at most": (
            "test_an_answer_that_nobody_could_read_is_refused_with_what_to_ask",
        ),
        "a list names a hundred, and says how many there are": ("test_a_list_says_how_long_it_is",),
        "Servers that are ready are counted": (
            "test_servers_that_are_well_are_counted_and_not_listed",
        ),
    },
    "docs/how-to/dashboard-in-cluster.md": {
        "A Deployment of its own runs them, apart from the operator": (
            "test_the_dashboard_is_apart_from_the_operator",
        ),
        "sign in with a token for the API server": (
            "test_a_person_acts_with_their_own_rights_and_under_their_own_name",
            "test_without_a_token_nothing_is_shown",
        ),
        "is shown to those alone who may list all four there": (
            "test_who_lacks_one_of_the_lists_sees_nothing_of_the_namespace",
            "test_nothing_of_another_tenant_is_told",
        ),
        "again after ten to fifteen seconds for the namespace that is looked at": (
            "test_reviews_of_all_who_came_together_come_apart_and_hold_no_longer",
            "test_a_right_that_is_taken_back_hides_the_namespace",
            "test_a_right_that_is_taken_back_silences_an_open_stream",
        ),
        "is read with the viewer's own token, and so is every write": (
            "test_somebody_acts_with_their_own_rights",
        ),
        "an audit log names the person": (
            "test_a_person_acts_with_their_own_rights_and_under_their_own_name",
        ),
        "Without it they only show": (
            "test_without_writes_nothing_is_offered_and_nothing_is_done",
        ),
        "is answered as one that does not exist; no count and no live change gives it away": (
            "test_nothing_of_another_tenant_is_told",
            "test_a_stream_tells_of_what_its_viewer_sees_and_of_nothing_else",
        ),
        "puts `Authorization: Bearer …` into each request": (
            "test_a_proxy_may_bring_the_token_of_each_request",
        ),
        "a cookie that no script reads": (
            "test_the_session_is_a_cookie_that_no_script_and_no_other_site_gets",
        ),
        "stands in no page, address or log": ("test_no_token_is_logged_or_shown",),
        "A session is over when its owner signs out, after half an hour without a visit": (
            "test_signing_out_forgets_the_token",
            "test_somebody_who_is_away_is_forgotten",
            "test_a_token_that_is_taken_back_ends_the_session",
        ),
        "is taken up again when it is renewed": (
            "test_a_certificate_that_was_renewed_is_taken_up",
        ),
        "other names are refused": (
            "test_the_site_is_opened_at_its_own_names_and_by_a_forwarded_port",
        ),
        "An open page asks the API server for nothing until something changes": (
            "test_an_open_page_asks_for_nothing_while_nothing_changes",
            "test_fifty_people_in_a_cluster_cost_reviews_when_they_come_and_nothing_at_rest",
        ),
    },
    "docs/how-to/openstack.md": {
        "Tried on Debian 12: Keystone 22, Nova 26 (2.93)": (
            "test_the_guide_names_the_releases_of_this_cloud",
        ),
        "new credentials need no restart": ("test_new_credentials_are_taken_up_without_a_restart",),
        "The operator may read that Secret, and no other one for this": (
            "test_fleets_of_clouds_read_one_secret",
        ),
        "A cloud whose certificates the system does not trust brings its own": (
            "test_a_cloud_is_read_as_openstack_clients_read_it",
        ),
        "bounds the requests to each service of the cloud": ("test_requests_keep_to_the_pace",),
        "all requests to that service wait for as long as it asks": (
            "test_a_cloud_that_asks_for_a_pause_is_given_it",
        ),
        "is refused with their ids, never guessed": (
            "test_a_template_is_refused_before_anything_is_made",
        ),
        "else the template is refused, and the server says why": ("test_a_template_is_refused",),
        "servers that print `argosy-ready $(READY_TOKEN)`": (
            "test_a_console_that_says_so_makes_it_ready",
            "test_a_guest_is_ready_when_its_console_says_so",
            "test_a_guest_that_fails_says_why_on_the_server",
        ),
        "servers whose health is to be watched for as long as they run": (
            "test_a_port_is_watched_for_as_long_as_the_server_runs",
            "test_a_page_is_asked_for_at_its_port",
        ),
        "connects to addresses in `probeCIDRs` alone": (
            "test_nobody_aims_the_operator_at_its_own_network",
            "test_an_address_is_compared_as_what_it_is",
        ),
        "or `floatingIPFrom` is made on the servers that run": (
            "test_new_metadata_leave_a_ready_server_ready",
            "test_a_running_server_gets_other_groups",
            "test_floating_ips_come_and_go_on_a_running_server",
            "test_ports_have_what_the_template_asks_for",
        ),
        "The server is not ready before that, and the address is among those in its status": (
            "test_a_server_is_ready_once_it_has_its_floating_ip",
        ),
        "the server says so in the cloud's words, and Argosy tries again every minute": (
            "test_a_full_quota_is_told_and_passes",
        ),
        "leads there again within two minutes; one that somebody deletes is made anew": (
            "test_one_that_was_taken_away_is_given_back",
        ),
        "A server is gone only once its floating IPs are": (
            "test_a_floating_ip_goes_with_its_server",
            "test_a_server_whose_answer_was_lost_is_seen_until_that_is_known",
        ),
        "are deleted by the next one": ("test_what_an_earlier_operator_left_goes",),
        "servers without `floatingIPFrom` are made and deleted as ever": (
            "test_who_asks_for_none_needs_no_list_of_them",
        ),
        "One with it is not ready and says why": (
            "test_a_list_that_is_refused_is_told_on_who_asks_for_one",
        ),
        "one that is deleted waits, and says so": (
            "test_who_goes_waits_until_what_it_has_left_can_be_listed",
        ),
        "Whoever was ready stays ready": (
            "test_who_was_ready_stays_so_while_they_cannot_be_listed",
        ),
        "id, addresses and ports stay, the root disk goes": ("test_a_rebuild_keeps_the_servers",),
        "id, addresses, ports and disks stay": ("test_a_server_is_resized_and_keeps_its_id",),
        "is done to a stopped server, too, which stays stopped": (
            "test_what_is_stopped_changes_in_place_and_stays_stopped",
        ),
        "a server that is to be replaced is deleted, and made anew when it is started": (
            "test_what_is_stopped_changes_and_stays_so",
        ),
        "one that somebody rescues is left to them, too": (
            "test_who_rescues_a_server_is_left_to_it",
            "test_what_somebody_resized_is_restarted_once_they_have_looked",
        ),
        "is not stopped, and says `NotSupported`": (
            "test_a_server_without_room_for_a_tag_is_not_stopped",
            "test_a_cloud_that_lets_nobody_tag_has_no_server_stopped",
        ),
        "is told as `CloudPowerFailed`, and asked for again, less and less often": (
            "test_a_start_that_fails_on_the_host_is_told_and_tried_less_and_less",
            "test_a_yes_that_came_to_nothing_is_told",
        ),
        "paused, suspended or shelved comes up again where it is to run, and before it is": (
            "test_what_somebody_paused_comes_up_where_it_should_run",
            "test_what_somebody_paused_comes_up_before_it_is_restarted",
        ),
        "stays as it is, and is theirs to confirm": (
            "test_a_resize_by_hand_is_nobody_elses_to_confirm",
        ),
        "The component gets a server group of its own": (
            "test_a_component_has_one_group",
            "test_a_group_goes_with_its_last_server",
        ),
        "`storage` in whole GiB, rounded up; `storageClassName` is a volume type": (
            "test_a_claim_says_what_the_volume_is",
            "test_a_claim_must_say_how_much",
        ),
        "and so is that data is kept in doubt": (
            "test_data_stays_where_nobody_says_otherwise",
            "test_volumes_go_by_policy_after_their_servers",
            "test_volumes_grow_with_what_is_asked_for",
        ),
        "Nova attaches volumes as it makes the server, in the order of the claims": (
            "test_nova_attaches_volumes_and_leaves_them",
            "test_what_a_machine_wrote_is_there_for_the_next",
        ),
        "and its server is made there from then on": (
            "test_a_server_comes_back_to_the_zone_of_its_volume",
            "test_a_zone_that_cinder_does_not_know_is_not_asked_for",
        ),
        "Write these three on a volume of your own, and the server gets it with its data": (
            "test_a_volume_that_is_given_by_hand_is_taken_with_its_data",
            "test_volumes_of_others_are_left_alone",
        ),
        "is told by its name on Server, ServerSet and Application": (
            "test_a_stuck_volume_is_told_and_waited_for",
            "test_a_volume_with_data_that_is_stuck_is_told",
            "test_a_volume_that_another_server_has_is_told",
        ),
        "was never used, and is made anew": ("test_a_volume_that_could_not_be_made_is_made_anew",),
        "Others are deleted only if no server can ever have had them": (
            "test_a_volume_that_comes_belatedly_is_removed",
            "test_what_a_server_had_counts_before_what_is_older",
            "test_two_that_may_have_data_are_both_kept",
            "test_kills_between_post_and_answer_make_no_second_volume",
        ),
        "that was abandoned (`onTimeout: Abandon`) are kept": (
            "test_what_an_abandoned_server_has_is_kept",
        ),
        "know a cloud's volumes by what the status of Servers tells": (
            "test_a_forecast_knows_volumes_of_a_cloud_by_their_servers",
        ),
        "that Nova makes of the image, and that goes with the server": (
            "test_a_server_boots_from_a_volume_that_goes_with_it",
            "test_a_machine_boots_from_a_volume_that_goes_with_it",
        ),
        "Such servers are replaced where others are rebuilt, and they have no snapshots": (
            "test_what_boots_from_a_volume_is_replaced_and_not_rebuilt",
            "test_what_boots_from_a_volume_has_no_snapshots",
        ),
        "makes an image of the cloud, called after the server and the snapshot": (
            "test_a_snapshot_is_an_image_that_can_be_used",
            "test_a_snapshot_is_taken_once_and_restored",
        ),
        "rebuilds the server from its latest image of that name": (
            "test_a_restore_rebuilds_from_the_latest_of_the_name",
            "test_nobody_restores_what_is_anothers",
        ),
        "so Argosy never deletes them by itself": (
            "test_what_lost_its_server_is_told_kept_and_collected_on_demand",
            "test_what_has_no_server_is_told_after_a_while",
        ),
        "Bring the Servers back, by a backup that keeps their UIDs": (
            "test_what_is_brought_back_has_its_instance_again",
        ),
        "only if `status.unclaimed` names it, too": (
            "test_only_what_is_told_and_named_is_collected",
            "test_what_is_brought_back_has_its_instance_again",
        ),
        "A request is good for once": (
            "test_a_wish_to_collect_is_good_for_once",
            "test_what_comes_back_and_is_lost_again_is_asked_for_again",
        ),
        "cannot be deleted while it tells of any": (
            "test_fleet_with_unclaimed_instances_stays_while_it_is_ready",
        ),
        "A delete that the cloud refuses, as of an instance that somebody has locked": (
            "test_a_collect_that_the_cloud_refuses_is_told",
            "test_a_collect_that_is_refused_is_told_once_and_until_it_is_over",
        ),
        "names the first ten, and the dashboard's page of fleets": (
            "test_a_plan_names_what_is_unclaimed",
            "test_what_is_unclaimed_is_named",
        ),
        "nothing is told, forgotten or deleted": (
            "test_a_cloud_that_is_away_or_tells_half_changes_nothing_of_it",
        ),
        "goes on telling what was told": ("test_an_operator_that_starts_goes_on_telling",),
        "The list has the first hundred": (
            "test_a_list_of_what_has_no_server_is_bounded_and_stable",
        ),
        "Instances of another Fleet are never in it": (
            "test_what_is_no_fleets_own_is_never_told_nor_collected",
            "test_what_has_no_server_says_whose_it_was_and_goes_by_its_id",
        ),
        "Lists that lack a server prove nothing": (
            "test_a_cell_that_hangs_costs_no_server",
            "test_a_cell_that_is_cut_off_costs_no_server",
        ),
        "a server that somebody tags by hand is never touched": (
            "test_a_server_that_was_tagged_by_hand_is_left_alone",
        ),
        "says `NameTaken`, with the command that gives them back": (
            "test_a_server_that_lost_its_tags_is_told_and_not_made_twice",
            "test_what_is_taken_off_while_it_runs_is_told",
            "test_an_operator_that_starts_then_makes_no_second_one",
        ),
        "while a cell of the cloud is down, nothing is made anew": (
            "test_a_silent_cell_makes_nothing_absent",
            "test_a_silent_cell_makes_nothing_twice",
        ),
        "has the same servers again once their cells are back": (
            "test_an_operator_that_starts_beside_cells_that_are_down_deletes_nothing",
        ),
        "Argosy does not remediate them": ("test_a_cell_that_is_down_for_long_costs_no_server",),
        "a restart or a change in place waits for the cell": (
            "test_whoever_is_in_a_silent_cell_is_changed_and_restarted_once_it_is_back",
        ),
        "is told as `DuplicateStays`, and deleted once it can be": (
            "test_a_double_that_is_locked_is_told_and_stays_until_it_is_not",
            "test_what_was_made_twice_is_told_by_whether_it_goes",
        ),
        "goes once the cloud has told whether it did": (
            "test_a_server_that_goes_is_not_gone_before_a_lost_create_has_had_its_time",
            "test_a_server_that_goes_is_told_once_a_lost_create_has_made_nothing",
        ),
        "the older server stays and the other is deleted at sight": (
            "test_of_two_the_older_stays",
            "test_what_was_made_twice_is_told_as_it_goes",
        ),
    },
    "docs/how-to/replicas.md": {
        "all of them act, each for its part of the applications": (
            "test_replicas_divide_what_there_is_to_do",
        ),
        "Losing one moves its part to the others in seconds": (
            "test_a_killed_replicas_part_goes_on_elsewhere",
            "test_what_a_killed_replica_had_is_planned_again_in_time",
        ),
        "New replicas stand by until the last one of before is gone": (
            "test_upgraded_one_by_one_from_one_leader",
            "test_beside_one_that_leads_alone_nobody_acts",
        ),
        "gets its part from those that have more than theirs": (
            "test_one_to_four_and_back_again",
            "test_from_four_to_one_to_four_to_one",
        ),
        "One that is deleted or edited by hand does no harm": (
            "test_a_slots_lease_in_a_persons_hands",
            "test_a_slots_lease_in_a_persons_hands_never_makes_two_owners",
        ),
        "each takes its part of `concurrentCalls` and `callsPerSecond`": (
            "test_pools_of_several_processes_keep_to_their_limits_together",
        ),
        "lets its calls in flight end and hands its slots over": (
            "test_replicas_that_leave_hand_over",
            "test_calls_in_flight_end_before_a_slot_is_given",
        ),
        "waits for what runs in it": ("test_a_slot_waits_for_a_command_that_runs_before_it_moves",),
        "watches and caches the servers, pods and claims of its own part alone": (
            "test_each_caches_what_is_its_own_and_together_they_cache_all_once",
        ),
        "labels its own, ten a second": ("test_older_objects_get_the_label_one_after_another",),
        "that count may rise and does not fall": (
            "test_a_fleet_counts_the_servers_of_all_replicas",
        ),
        "Change it while replicas run": (
            "test_those_that_watch_all_and_those_that_watch_slots_share_the_work",
            "test_from_all_watches_to_slots_one_by_one",
        ),
    },
    "docs/how-to/build-images.md": {
        "A build that fails leaves what runs": (
            "test_a_failed_build_leaves_what_runs",
            "test_a_commit_becomes_servers_and_a_failure_leaves_them",
            "test_g11_a_commit_becomes_servers_and_a_bad_one_leaves_them",
        ),
        "All of it on one machine, as root": (
            "test_a_newcomer_walks_from_an_empty_repository_to_a_page",
        ),
        "Without a daemon Builds wait, and say `BuildsNotSetUp`": (
            "test_without_a_daemon_builds_wait_and_say_so",
        ),
        "The first that fits a namespace builds for it, and no other does": (
            "test_a_tenant_builds_with_the_daemon_of_its_namespace_alone",
        ),
        "Builds wait rather than have somebody else's daemon": (
            "test_without_labels_nobody_guesses_whose_daemon_it_is",
        ),
        "in the place of the first container's, or of the one that `source.container` names": (
            "test_the_image_takes_the_place_of_its_containers",
        ),
        "Argosy itself never reads them": ("test_secrets_are_not_read_unless_asked_for",),
        "The first image must be built before the component is made": (
            "test_without_any_image_the_component_is_not_made",
        ),
        "runs on with that image until then": (
            "test_a_component_that_gets_a_source_runs_on_until_it_is_built",
        ),
        "servers of the old name are deleted at once": (
            "test_a_component_that_is_renamed_takes_its_build_along",
        ),
        "A poll that finds the same commit ends as `Unchanged`": (
            "test_polls_end_unchanged_until_there_is_a_commit",
        ),
        "whose every new value is one Build": ("test_a_request_names_a_commit_and_a_component",),
        "and then comes in one rollout": ("test_a_changed_source_and_template_come_together",),
        "builds nothing": ("test_a_changed_policy_builds_nothing",),
        "Ready stays True, and `Built` is False": ("test_a_failed_build_leaves_what_runs",),
        "says so while it waits, in the cluster's own words": (
            "test_a_pod_that_does_not_start_is_told_with_its_cause",
            "test_a_job_that_is_refused_is_told_and_asked_for_until_it_is_taken",
            "test_who_keeps_a_build_from_starting_is_told_and_nothing_is_asked_for_again",
            "test_g11_what_keeps_a_pod_from_starting_is_told_in_the_clusters_words",
        ),
        "and the Build goes on by itself, within a minute where its Job was refused": (
            "test_a_job_that_is_refused_is_told_and_asked_for_until_it_is_taken",
            "test_who_keeps_a_build_from_starting_is_told_and_nothing_is_asked_for_again",
        ),
        "for as long as a phase may take": (
            "test_the_time_of_a_phase_is_over_although_its_job_was_never_made",
            "test_the_deadline_of_a_refused_build_outlives_the_operator",
        ),
        "Then it ends as `TimedOut`, with the same words": (
            "test_a_pod_that_does_not_start_is_told_with_its_cause",
            "test_the_time_of_a_phase_is_over_although_its_job_was_never_made",
            "test_a_digest_of_nothing_replaces_no_more_than_a_rollout_may",
        ),
        "Cancel one that is under way with": (
            "test_a_cancelled_build_ends_with_its_job",
            "test_g11_a_build_that_is_cancelled_ends_at_once_and_another_one_builds",
        ),
        "A compile error, a failing test or a wrong password is not tried again": (
            "test_a_failing_test_leaves_what_runs",
            "test_g11_a_wrong_password_is_for_good_and_nowhere_to_be_read",
        ),
        "always with the commit that was found first": (
            "test_a_failure_that_may_pass_is_tried_again_with_the_same_commit",
        ),
        "those that a later one overtook before they began are left out": (
            "test_run_policies",
            "test_of_three_pushes_the_first_and_the_third_are_built",
        ),
        "a slower, older build never overtakes": (
            "test_the_highest_number_counts_and_not_the_latest_end",
        ),
        "the component stays there until another commit is built": (
            "test_a_rollback_holds_until_another_commit_is_built",
        ),
        "use the image of an earlier Build again, until a later one succeeds": (
            "test_an_earlier_build_can_be_activated",
        ),
        "and no Build begins and nothing is deployed": (
            "test_paused_nothing_begins_and_nothing_is_deployed",
        ),
    },
}
# Headings that only lead elsewhere.
POINTERS = {
    "Coming from Heat", "Develop", "Documentation", "Explanation", "Tell the git server",
}  # fmt: skip
