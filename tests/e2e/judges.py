"""Which end-to-end tests end before the history checker, and of which nothing can be judged.

`conftest` asks it before each test, so that nobody can forget; a unit test asks it without a
cluster.
"""

from __future__ import annotations

# Fixtures that judge whatever was written when the test ends: see `namespace_of`.
JUDGES = frozenset({"kube", "calm_kube", "judged", "rooms"})
# Tests that judge what was written before they end, and with what.
THEMSELVES = {
    ("test_faults", "test_a_crash_changes_nothing"): "matrix.crashed",
    ("test_faults", "test_a_storm_changes_nothing"): "mix.storm",
    ("test_faults", "test_no_surplus_in_the_dark"): "watch_outage.endured",
    ("test_faults", "test_people_may_do_anything"): "mutations.live",
    ("test_faults", "test_a_leader_struck_is_succeeded"): "replicas.struck",
    ("test_outages", "test_an_outage_while_servers_are_made_is_nobodys_failure"): "judge",
    (
        "test_real_build_daemons",
        "test_each_tenant_builds_with_its_own_daemon_and_can_ask_no_other",
    ): "rooms_of",
}
# Whole modules that nothing could be judged of.
UNJUDGED = {
    "test_admission": "no operator runs: the API server alone answers",
    "test_chart": "the chart is installed without replicas",
    "test_costs": "an audit log of bodies would cost what is measured; it counts writes itself",
    "test_demo": "a person's demo has no audit log; it counts the pods' UIDs itself",
    "test_rights": "the chart is installed without replicas: policies alone answer",
    "test_unreadable": "a cluster of its own, whose deep objects would fill an audit log",
    "test_hooks": "no operator runs: the receiver of webhooks writes, and policies answer",
    "test_newcomer": "a cluster as people have it keeps no audit log; test_tour has one",
    "test_real_docs": "a cluster as people have it keeps no audit log; test_real_builds has one",
    "test_pod_provider": "no operator runs: a provider is called by the test",
    "test_showroom": "the test itself writes servers, by the hundred; it counts what is asked for",
    "test_uninstall": "no operator runs: the hook alone writes, and must write what others may not",
}
# Tests of which nothing could be judged.
OWN = {
    ("test_webhook", "test_two_accounts_scrape_with_their_own_rights"): "metrics are read alone",
    ("test_docs", "test_the_api_server_takes_every_manifest"): "dry runs alone",
    ("test_docs", "test_a_wrong_manifest_is_found"): "dry runs alone",
    ("test_install", "test_a_misspelt_field_is_an_error_at_apply"): "dry runs alone",
    ("test_install", "test_helm_test_sees_the_operator_act"): "an application without servers",
    ("test_install", "test_uninstall_refuses_while_applications_exist"): "about the hook",
    ("test_install", "test_release_leaves_pods_running"): "about the hook, which lets go early",
    (
        "test_real_guides",
        "test_the_page_on_installing_is_typed_to_its_end",
    ): "about the chart, which lets go in the end",
}


def is_judged(module: str, test: str, given: set[str] | frozenset[str]) -> bool:
    """Return whether a test that is given these fixtures is judged, or need not be."""
    own = (module, test)
    return bool(JUDGES & given) or module in UNJUDGED or own in OWN or own in THEMSELVES
