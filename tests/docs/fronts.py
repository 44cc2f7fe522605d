"""Which tests hold what the pages about other tools' doors to Argosy promise; see `promises`.

As there: by page, by the words of the promise on that page.
"""

from __future__ import annotations

FRONTS: dict[str, dict[str, tuple[str, ...]]] = {
    "docs/how-to/kubectl.md": {
        "the columns say how things stand, and why": ("test_columns_are_printed",),
        "ends when the application is ready at what was applied last": (
            "test_kubectl_applies_waits_scales_and_explains",
            "test_new_object_never_looks_current",
        ),
        "scales a component whose `replicas` the Application leaves out": (
            "test_what_kubectl_can_do_works",
        ),
        "where it names them, it is put right, and no server goes": (
            "test_a_set_scaled_by_hand_against_its_application_loses_nobody",
        ),
        "the server gets another pod": ("test_what_kubectl_can_do_works",),
        "under `OnDelete`, one of the target revision": (
            "test_on_delete_changes_only_what_somebody_deletes",
        ),
        "a Service of the component's pods": ("test_what_kubectl_can_do_works",),
        "**cannot work**: kubectl knows no selectors of kinds that are not its own": (
            "test_what_kubectl_cannot_do_fails_and_changes_nothing",
        ),
        "a HorizontalPodAutoscaler of the component": (
            "test_what_kubectl_can_do_works",
            "test_autoscaler_owns_replicas_that_are_left_out",
        ),
    },
    "docs/how-to/editors.md": {
        "underline what is misspelt": ("test_schemas_find_what_is_misspelt",),
        "The files under `examples/` do so with a path": ("test_examples_fit",),
        "known to the API server alone": ("test_bad_manifest_is_refused",),
    },
    "docs/how-to/argo-cd.md": {
        "`Ready`, `Reconciling` and `Stalled` follow kstatus": (
            "test_new_objects_never_look_current",
        ),
        "or both `admission.enabled` and `metrics.secure` to false": (
            "test_cert_manager_makes_the_certificate",
            "test_without_admission_there_is_no_trace_of_it",
            "test_one_mechanism_makes_both_certificates",
            "test_whoever_opts_out_has_plain_metrics",
        ),
        "Kubernetes marks everything below as deleted within milliseconds": (
            "test_foreground_delete_takes_everything",
        ),
        "both guard an application": ("test_protected_application_is_not_deleted",),
        "gives all five kinds their health": (
            "test_health",
            "test_the_patch_has_all_of_it",
        ),
        "these actions in the menu of a resource": (
            "test_actions_are_offered",
            "test_actions_do",
            "test_every_action_is_tried",
        ),
        "Then there is nothing for Argo CD to undo": (
            "test_autoscaler_owns_replicas_that_are_left_out",
        ),
        "waits until applications are Ready, and fails when one is Stalled": (
            "test_what_cannot_be_helped_is_stalled",
            "test_unknown_fleet_stalls_its_application_alone",
        ),
        "claims carry no `app.kubernetes.io/instance`": (
            "test_a_claim_has_no_owner_and_no_instance_label",
            "test_each_server_has_claims_of_its_own",
        ),
    },
    "docs/how-to/verify.md": {
        "with the base image and every action pinned by its digest": (
            "test_actions_are_pinned_by_their_commits",
            "test_a_release_is_built_by_digest_and_a_schedule_sees_that_it_is_new",
        ),
        "a signature says which workflow of which repository made it, at which tag": (
            "test_signatures_are_of_the_workflow_that_the_page_names",
        ),
        "The chart of the release names the image by that digest already": (
            "test_the_chart_of_a_release_names_the_image_by_its_digest_and_nothing_else",
        ),
        "set `image.repository` and leave `image.digest` as it is": (
            "test_an_image_that_has_a_digest_is_run_by_it",
        ),
        "The same list is attached to the release": (
            "test_what_the_page_verifies_is_signed_and_by_its_digest_alone",
        ),
        "gh attestation verify oci://$IMAGE:$VERSION": (
            "test_what_the_page_verifies_is_signed_and_by_its_digest_alone",
        ),
        "cosign verify ghcr.io/argosy-dev/charts/argosy:$VERSION": (
            "test_what_the_page_verifies_is_signed_and_by_its_digest_alone",
        ),
        "A release is not built while there is none": (
            "test_what_is_not_pinned_is_refused",
            "test_a_release_is_built_by_digest_and_a_schedule_sees_that_it_is_new",
        ),
    },
    "docs/how-to/dashboard.md": {
        "More than twenty components are listed": (
            "test_no_page_is_heavy_however_much_there_is_of_anything",
        ),
        "says that it may be behind, and goes on by itself afterwards": (
            "test_a_page_whose_dashboard_has_ended_says_so",
            "test_an_open_page_outlives_the_api_server_and_its_reviews",
        ),
        "Beyond 200 servers of a component they are counted by failure domain and state": (
            "test_many_servers_are_counted_by_domain_and_paged",
            "test_a_server_among_many_is_found_by_its_state_and_domain",
        ),
        "the last 50 lines of up to five servers": (
            "test_the_page_of_last_lines_shows_five_servers_at_most",
        ),
        "once a second at most": ("test_open_pages_are_told_once_a_second_at_most",),
        "Nothing is changed yet": (
            "test_an_act_is_shown_before_it_is_done",
            "test_looking_at_an_act_changes_nothing_on_a_real_api_server",
        ),
        "If the object was changed in between, nothing is done": (
            "test_what_has_changed_since_it_was_shown_is_shown_again",
        ),
        "Acts that you have no right to are not offered, and the page says which": (
            "test_only_what_the_person_may_do_is_offered_and_why_the_rest_is_not",
        ),
        "the dashboard writes with your own credentials": (
            "test_a_person_acts_with_their_own_rights_and_under_their_own_name",
        ),
        "Without `--writes` nothing is changed": (
            "test_without_writes_nothing_is_offered_and_nothing_is_done",
        ),
        "The address lets in **once**": (
            "test_the_token_lets_in_once",
            "test_the_token_is_exchanged_once_for_a_cookie_that_scripts_cannot_read",
            "test_the_address_lets_in_once_and_leaves_no_token",
        ),
        "A request that names another host, or comes from another site, is refused": (
            "test_another_host_or_origin_is_refused_even_with_the_session",
            "test_a_form_of_another_site_is_refused_whatever_it_says",
        ),
        "Nothing on a page is loaded from elsewhere, and no page may be framed": (
            "test_every_answer_forbids_what_the_site_does_not_need",
            "test_another_page_reads_nothing_and_changes_nothing",
            "test_a_page_that_opened_the_dashboard_has_no_hold_of_it",
        ),
        "Text that others wrote stays text": (
            "test_no_field_of_any_object_is_more_than_text",
            "test_nothing_that_others_wrote_runs_or_sends_anything",
        ),
        "No Secret is read": ("test_every_page_is_there_and_asks_for_reads_alone",),
        "works without JavaScript, by keyboard alone, in 320 pixels, in light and in dark": (
            "test_what_is_wrong_is_found_without_javascript",
            "test_what_is_wrong_is_found_by_keyboard",
            "test_on_a_phone_nothing_but_tables_is_wider_than_the_screen",
            "test_axe_finds_nothing",
        ),
    },
}

# "Helm" says what Helm itself does; "In the cluster" what others bring.
POINTERS = frozenset({"Helm", "In the cluster"})
