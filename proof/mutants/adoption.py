"""Mistakes in taking up what a StatefulSet left: of somebody else, at once, or without proof."""

from __future__ import annotations

from proof.mutants.mechanism import one

_LATE = "tests/simulation/test_adoption.py::test_orphans_that_are_seen_late_are_not_torn_down"
_OBSERVED = "tests/simulation/test_observed.py"
_WAY = "tests/simulation/test_handover.py"
_REFUSED = "tests/simulation/test_handover_refusals.py"
_SETS = "tests/simulation/test_adopted_sets.py"

MECHANISMS = (
    one(
        "a pod is taken up whoever made it",
        "controller.providers.pod.adoption:check",
        "meta.labels.get(names.STATEFUL_POD) != meta.name or not hash_of(pod)",
        "False",
        f"{_SETS}::test_what_no_stateful_set_left_is_left_alone",
    ),
    one(
        "a pod that its StatefulSet has yet to let go of is somebody else's",
        "controller.providers.pod.adoption:check",
        "f'{owner.kind}/{owner.name}' == adopt",
        "False",
        f"{_SETS}::test_nothing_is_taken_from_a_stateful_set_that_is_there",
    ),
    one(
        "a claim is taken up that is collected with its owner",
        "controller.providers.pod.adoption:check_claim",
        "owner is not None",
        "False",
        f"{_SETS}::test_a_claim_that_would_be_collected_is_refused_until_it_is_free",
    ),
    one(
        "a pod counts as current whatever it was made from",
        "controller.providers.pod.adoption:holds",
        "_plain(bytes(held)) == _plain(template)",
        "True",
        f"{_SETS}::test_pods_of_another_revision_are_replaced_within_the_budget",
    ),
    one(
        "a pod counts as current whatever was changed in it",
        "controller.providers.pod.adoption:is_untouched",
        "pod.metadata.generation <= 1",
        "True",
        f"{_SETS}::test_an_image_changed_by_hand_is_not_our_revision",
    ),
    one(
        "what runs another revision is replaced all at once",
        "controller.kinds.server.rules:_adopted",
        "not seen.adopted",
        "True",
        f"{_SETS}::test_pods_of_another_revision_are_replaced_within_the_budget",
    ),
    one(
        "a pod is asked for before it is looked for",
        "controller.providers.pod.provider:PodProvider.create",
        "await self._left(server, call.adopt)",
        "None",
        f"{_SETS}::test_a_used_up_quota_stands_in_no_way",
    ),
    one(
        "servers of a set that goes are deleted whosever they are by now",
        "controller.kinds.serverset.teardown:_take_down",
        "writes.delete(ANY_each, why='the set is being deleted', guarded=True)",
        "writes.delete(ANY_each, why='the set is being deleted', guarded=False)",
        _LATE,
    ),
    one(
        "the pod of a server that goes is deleted whosever it is by now",
        "controller.providers.pod.provider:PodProvider.delete",
        "meta.deletion_timestamp is not None",
        "False",
        _LATE,
    ),
    one(
        "an import takes no notice of who scaled the set meanwhile",
        "controller.handover.stateful_set_import:_release",
        "await _agree(handover, known, name, application)",
        "known",
        f"{_WAY}::test_a_set_that_is_scaled_meanwhile_comes_in_as_it_is_by_then",
    ),
    one(
        "an import begins what it may not end",
        "controller.handover.handover:Handover.lacking",
        "not (await ANY_api.review_access(ANY_verb, ANY_resource, ANY_space)).allowed",
        "False",
        f"{_WAY}::test_whoever_lacks_any_right_that_is_needed_touches_nothing[in]",
    ),
    one(
        "whoever may only look is shown no import",
        "controller.handover.handover:Handover.preview",
        "f'create {made}' not in lacking",
        "True",
        f"{_REFUSED}::test_whoever_may_only_look_is_shown_what_would_be_done[in]",
    ),
    one(
        "an import serves a pod that somebody set aside",
        "controller.handover.stateful_sets:check",
        "await _strays(handover, found)",
        "()",
        f"{_REFUSED}::test_a_pod_that_its_set_let_go_of_is_in_the_way",
    ),
    one(
        "an export leaves a pod to nobody",
        "controller.handover.export:_check",
        "await _strays(handover, told.body['items'], name)",
        "()",
        f"{_REFUSED}::test_a_pod_that_no_stateful_set_would_know_is_in_the_way",
    ),
    one(
        "an export leaves pods to be restarted by their StatefulSet",
        "controller.handover.export:_label",
        "labels.get(_HASH) != revision",
        "False",
        f"{_WAY}::test_pods_that_argosy_made_go_out_without_a_restart",
    ),
    one(
        "what is lost is lost without a word",
        "controller.handover.handover:Handover.check",
        "not self.consent.accept_losses",
        "False",
        f"{_WAY}::test_what_cannot_be_taken_over_is_told_before_anything_is_touched",
    ),
    one(
        "what is observed is told by Events",
        "controller.planning.management:_is_own",
        "contract.Call | plans.DeleteOrphan | plans.DeleteClaim | plans.RecordEvent",
        "contract.Call | plans.DeleteOrphan | plans.DeleteClaim",
        "tests/planning/test_management.py::test_only_argosys_own_kinds_are_written_for_what_is_observed",
    ),
    one(
        "what is observed is planned as if it were managed",
        "controller.planning.management:rest",
        "spec.management == Management.OBSERVE",
        "False",
        f"{_OBSERVED}::test_a_new_application_is_told_and_nothing_is_made",
    ),
    one(
        "a Deployment goes down before servers have come up",
        "controller.handover.deployment_import:_step",
        "max(0, bounds.count - bounds.lacking - available)",
        "0",
        "tests/simulation/test_shifting.py::test_a_deployment_is_shifted_within_its_budgets",
    ),
    one(
        "a shift has more pods than the Deployment may have",
        "controller.handover.deployment_import:_step",
        "bounds.count + bounds.surge - theirs",
        "bounds.count",
        "tests/simulation/test_shifting.py::test_a_deployment_is_shifted_within_its_budgets",
    ),
)
