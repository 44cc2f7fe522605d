"""Where the commands of each page are run, and which are not: the one list of that.

`read` are tests that take the commands from the page itself and type them in their order; `like`
run the same commands, as the test has them. `left` says what nobody runs, and why. That each can be
typed at all, to its last option, `test_commands` holds for every page, for consoles, shells and
sentences.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Typed:
    """Which tests run the commands of a page: on a real node, or without one."""

    read: tuple[str, ...] = ()
    on_a_node: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    left: str = ""


_ACTS = ("test_the_pages_of_acts_do_what_they_say",)
# What each leaves out is said in `guides`, page by page.
_NODE = ("test_a_guide_is_typed_on_a_real_node",)

PAGES: dict[str, Typed] = {
    "README.md": Typed(
        read=(
            "test_a_newcomer_can_type_the_tour",
            "test_the_quick_start_ends_with_its_data_kept",
            *_NODE,
        ),
        on_a_node=("test_the_quick_start_ends_in_a_page", *_NODE),
        like=("test_without_a_terminal", "test_on_a_cluster_that_is_given"),
        left="make test; Docker, as BuildKit builds",
    ),
    "docs/tutorial/first-application.md": Typed(
        read=("test_the_tutorial_runs_as_written", *_NODE),
        on_a_node=_NODE,
        left="its first and last lines, which build, start and end a cluster",
    ),
    "docs/how-to/build-images.md": Typed(
        read=("test_a_newcomer_walks_from_an_empty_repository_to_a_page",),
        on_a_node=("test_a_newcomer_walks_from_an_empty_repository_to_a_page",),
        left="what comes after the walk, of which test_real_builds does the same by other names",
    ),
    "docs/how-to/install.md": Typed(
        read=("test_the_page_on_installing_is_typed_to_its_end",),
        like=(
            "test_helm_test_sees_the_operator_act",
            "test_second_install_waits_its_turn",
            "test_uninstall_refuses_while_applications_exist",
            "test_release_leaves_pods_running",
            "test_it_runs_where_nothing_is_installed",
        ),
        on_a_node=(
            "test_the_page_on_installing_is_typed_to_its_end",
            "test_helm_test_sees_the_operator_act",
            "test_uninstall_refuses_while_applications_exist",
        ),
        left="cert-manager; the command line in one file, which tests/cli/test_packed packs",
    ),
    "docs/how-to/come-from-a-statefulset.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_real_pods_come_in_and_go_out_under_load"),
        like=("test_a_stateful_set_comes_in_and_goes_out_again",),
    ),
    "docs/how-to/come-from-a-deployment.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_a_deployment_is_shifted",),
    ),
    "docs/how-to/leave-again.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_real_pods_come_in_and_go_out_under_load"),
        like=("test_a_stateful_set_comes_in_and_goes_out_again",),
    ),
    "docs/how-to/drain-nodes.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_ten_nodes_are_drained_during_a_restart",),
        left="a real node as the one that is drained: it is the only one of its cluster",
    ),
    "docs/how-to/failure-domains.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_a_rollout_and_drains_of_two_zones_take_servers_down_in_one_zone",),
        left="more than one real node: those of two of its domains are simulated",
    ),
    "docs/how-to/webhooks.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_a_push_reaches_the_application",),
        left="a git server in front of it",
    ),
    "docs/how-to/assistant.md": Typed(
        like=("test_an_assistant_asks_the_command_that_it_has_started",),
        left="pip install, as tests have the extra",
    ),
    "docs/how-to/browse.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        left="pip install, as tests have the extra; tests/cli/test_browsing plays every screen",
    ),
    "docs/how-to/dashboard.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_a_dashboard_shows_a_viewer_what_they_may_read",),
    ),
    "docs/how-to/dashboard-in-cluster.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_the_dashboard_serves_people_with_tokens_of_their_own"),
        like=("test_the_dashboard_serves_people_with_tokens_of_their_own",),
    ),
    "docs/how-to/openstack.md": Typed(
        like=("test_the_shop_comes_up_and_goes",),
        left="all of it without an OpenStack, which root installs for the tests of clouds",
    ),
    "docs/how-to/verify.md": Typed(
        left="there is no release yet whose signatures one could verify"
    ),
    "docs/how-to/delete.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=(
            "test_delete_shows_what_goes_and_asks",
            "test_components_go_in_reverse_order",
        ),
    ),
    "docs/how-to/failures.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_why_has_the_words_of_the_kubelet"),
        like=(
            "test_stop_start_hold_and_scale",
            "test_commands_run_in_servers",
            "test_g10_retry_now_cuts_the_backoff_short",
        ),
    ),
    "docs/how-to/operations.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_g8_retry_runs_later_steps_where_they_are_needed"),
        like=(
            "test_operations_are_paused_resumed_and_cancelled_by_name",
            "test_g8_retry_from_a_step_resumes_unfinished_servers_alone",
            "test_an_operation_is_followed_to_its_end",
        ),
    ),
    "docs/how-to/roll-back.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=(
            "test_a_rollout_is_taken_back",
            "test_roll_back_returns_to_the_last_proven_revision",
            "test_rejected_revision_is_tried_again_when_asked_to",
        ),
    ),
    "docs/how-to/roll-out.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=(
            "test_rolling_update_keeps_its_budget",
            "test_a_newcomer_can_type_the_tour",
        ),
    ),
    "docs/how-to/scale.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=(
            "test_replicas_left_out_belong_to_whoever_scales",
            "test_an_application_of_one_component_is_scaled_as_one",
            "test_marked_servers_go_first_then_the_unhealthy",
            "test_autoscaler_owns_replicas_that_are_left_out",
            "test_override_of_named_replicas_is_undone_and_reported",
            "test_stop_start_hold_and_scale",
        ),
        left="an autoscaler that has metrics to go by",
    ),
    "docs/how-to/reach-servers.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_the_quick_start_ends_in_a_page", "test_names_of_servers_resolve"),
        like=(
            "test_the_quick_start_ends_in_a_page",
            "test_names_of_servers_resolve",
        ),
        left="an Ingress controller and a Gateway, of which there are none",
    ),
    "docs/how-to/replicas.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_upgraded_one_by_one_from_one_leader", "test_from_four_to_one_to_four_to_one"),
    ),
    "docs/how-to/monitor.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=(
            "test_two_accounts_scrape_with_their_own_rights",
            "test_metrics_are_behind_tls_by_default",
        ),
        left="the Prometheus operator, Grafana and a collector: looked at in the chart alone",
    ),
    "docs/how-to/editors.md": Typed(
        read=_NODE,
        on_a_node=(*_NODE, "test_a_misspelt_field_is_an_error_at_apply"),
        like=(
            "test_a_misspelt_field_is_an_error_at_apply",
            "test_a_plan_changes_nothing_and_comes_true",
        ),
    ),
    "docs/how-to/argo-cd.md": Typed(
        read=_NODE,
        on_a_node=_NODE,
        like=("test_the_patch_has_all_of_it", "test_every_action_is_tried"),
        left="an Argo CD, of which the ConfigMap alone is there: a Lua runs its scripts",
    ),
    "docs/how-to/devcluster.md": Typed(
        like=(
            "test_the_command_line_from_up_to_down",
            "test_replicas_of_the_operator_elect_one_and_replace_it",
            "test_a_newcomer_walks_from_an_empty_repository_to_a_page",
        ),
        on_a_node=("test_a_newcomer_walks_from_an_empty_repository_to_a_page",),
    ),
    "docs/how-to/devcluster-openstack.md": Typed(
        like=(
            "test_the_shop_comes_up_and_goes",
            "test_a_real_machine_boots_and_says_that_it_is_ready",
        ),
        left="all of it without an OpenStack, which root installs for the tests of clouds",
    ),
    "docs/how-to/acts/replace.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=_NODE,
        like=("test_replace_makes_servers_anew",),
    ),
    "docs/how-to/acts/restart.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=(*_NODE, "test_g5_restart_of_real_processes_keeps_its_concurrency"),
        like=("test_an_operation_is_followed_to_its_end",),
    ),
    "docs/how-to/acts/restore.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=_NODE,
        like=("test_every_act_on_a_virtual_machine",),
    ),
    "docs/how-to/acts/roll-back.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=_NODE,
        like=("test_a_rollout_is_taken_back",),
    ),
    "docs/how-to/acts/snapshot.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=_NODE,
        like=(
            "test_a_snapshot_is_taken_where_it_can_be",
            "test_a_snapshot_is_refused_where_it_cannot_be_taken",
        ),
    ),
    "docs/how-to/acts/start.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=_NODE,
        like=("test_stop_start_hold_and_scale",),
    ),
    "docs/how-to/acts/steps.md": Typed(
        read=_NODE,
        on_a_node=(
            *_NODE,
            "test_commands_run_in_servers_and_tell_how_they_ended",
            "test_jobs_run_beside_servers",
            "test_requests_go_to_the_servers_own_address_alone",
        ),
        like=(
            "test_steps_are_read_from_a_file",
            "test_commands_run_in_servers",
        ),
        left="the operator that is killed while a command runs, on a real node",
    ),
    "docs/how-to/acts/stop.md": Typed(
        read=_ACTS + _NODE,
        on_a_node=_NODE,
        like=("test_stop_takes_pods_away_and_start_brings_them_back",),
    ),
    "docs/explanation/performance.md": Typed(
        left="benchmarks of up to an hour each, which want a machine to themselves",
    ),
    "docs/reference/alerts.md": Typed(read=_NODE, on_a_node=_NODE),
    "docs/reference/cli.md": Typed(
        left="one example a command, generated; the guides and the README's tour type commands",
    ),
}
