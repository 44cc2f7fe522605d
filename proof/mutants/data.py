"""Mistakes about data: claims, the time that servers have to end, and servers that hold data."""

from __future__ import annotations

from proof.mutants.mechanism import one

_SET = "tests/kinds/serverset/test_planner.py"
_SCALING = "tests/kinds/serverset/test_scaling.py"
_SERVER = "tests/kinds/server/test_planner.py"
_CLAIMS = "tests/simulation/test_claims.py"
_DELETED = "tests/simulation/test_deleted_claims.py"
_NODES = "tests/simulation/test_lost_nodes.py"
_ON_DELETE = "tests/simulation/test_on_delete.py"

_CLAIMS_OF_A_SET = (
    one(
        "a claim is asked to shrink",
        "controller.providers.pod.manifest:growth",
        "not quantities.is_less(found.asked, storage)",
        "found.asked == storage",
        f"{_CLAIMS}::test_a_claim_that_grows_takes_no_other_down_in_size",
    ),
    one(
        "a server is replaced though a deleted claim lives by its instance alone",
        "controller.kinds.server.removal:_last_to_keep",
        "each.going and each.size",
        "False",
        f"{_DELETED}::test_nothing_that_argosy_does_ends_the_last_user_of_a_deleted_claim",
    ),
    one(
        "a claim without data keeps its server from being replaced",
        "controller.kinds.server.removal:_last_to_keep",
        "each.going and each.size",
        "each.going",
        f"{_DELETED}::test_a_claim_without_a_volume_keeps_no_pod",
    ),
    one(
        "a claim that is larger than asked for counts as too small",
        "controller.planning.volumes:compare",
        "quantities.is_less(found.asked, size)",
        "found.asked != size",
        f"{_CLAIMS}::test_a_claim_never_shrinks_and_nothing_restarts",
    ),
    one(
        "a claim that is too small stays so",
        "controller.kinds.server.rules:_drifted",
        "sizes.short or (seen.drift and not held)",
        "seen.drift and not held",
        f"{_CLAIMS}::test_a_claim_grows_while_its_server_runs",
    ),
    one(
        "a claim that may not grow ends its server",
        "controller.kinds.revisions.contents:can_change",
        "_claim_names(before) != _claim_names(after)",
        "before.volume_claims != after.volume_claims",
        f"{_CLAIMS}::test_another_storage_class_restarts_nobody",
    ),
    one(
        "servers are not made anew for a claim more",
        "controller.kinds.revisions.contents:can_change",
        "_claim_names(before) != _claim_names(after)",
        "False",
        f"{_CLAIMS}::test_a_claim_more_needs_another_pod",
    ),
    one(
        "nobody refuses that a claim shrinks",
        "controller.planning.volumes:shrinks",
        "quantities.is_less(storage(each), former.get(each.name, ''))",
        "False",
        "tests/admission/test_reviewer.py::test_claims_are_not_asked_to_shrink",
    ),
    one(
        "one policy is enough for the claims of a component that is dropped",
        "controller.kinds.serverset.claims:_in_any_case",
        "_with_application(policy) and _with_server(policy)",
        "_with_application(policy) or _with_server(policy)",
        f"{_SET}::test_claims_of_a_renamed_component_stay_in_doubt",
    ),
    one(
        "claims go with a set that was deleted by hand",
        "controller.kinds.serverset.claims:goes_for_good",
        "application.metadata.deletion_timestamp is not None or not stays",
        "True",
        f"{_SET}::test_claims_outlive_a_set_that_is_deleted_by_hand",
    ),
    one(
        "claims that the spec no longer names go with the others",
        "controller.kinds.serverset.claims:_claims",
        "template in known",
        "True",
        f"{_SET}::test_claims_whose_entry_was_dropped_stay",
    ),
    one(
        "nobody is told which claims go",
        "controller.kinds.serverset.claims:told",
        "_event(snapshot, ServerSetReason.CLAIMS_DELETED, message) if gone else ()",
        "()",
        f"{_SET}::test_claims_of_a_deleted_application_follow_the_policy",
    ),
    one(
        "drainSeconds cuts the template's own time short",
        "controller.kinds.server.grace:of",
        "max(asked, least)",
        "asked",
        f"{_SERVER}::test_no_instance_is_given_less_time_than_its_template_says",
    ),
    one(
        "a template that nobody can read ends a teardown",
        "controller.kinds.server.grace:_said",
        "try:\n    ANY_rest\nexcept msgspec.MsgspecError:\n    return 0",
        "try:\n    ANY_rest\nexcept OverflowError:\n    return 0",
        f"{_SERVER}::test_a_template_that_is_none_holds_up_no_teardown",
    ),
)

_ONE_AT_A_TIME = (
    one(
        "servers with data that are down come to the target all at once",
        "controller.kinds.serverset.rollout:_one_of",
        "down[:1]",
        "down",
        f"{_SET}::test_what_is_down_and_has_data_is_updated_one_at_a_time",
    ),
    one(
        "the next server with data does not wait for the one before",
        "controller.kinds.serverset.rollout:_one_of",
        "coming or census.leaving",
        "census.leaving",
        f"{_SET}::test_what_is_down_and_has_data_is_updated_one_at_a_time",
    ),
    one(
        "a set scaled by hand loses servers before its application agrees",
        "controller.kinds.serverset.resizing:_agreed",
        "named is None or named == spec.replicas or not sized.removals",
        "True",
        f"{_SET}::test_a_set_scaled_by_hand_against_its_application_loses_nobody",
    ),
    one(
        "held servers go like any other",
        "controller.kinds.serverset.scaling:_first_to_go.rank",
        "not servers[ordinal].spec.held",
        "False",
        f"{_SCALING}::test_held_servers_go_last",
    ),
    one(
        "held servers with data go like any other",
        "controller.kinds.serverset.scaling:_first_to_go",
        "return (not servers[ordinal].spec.held, ANY_low, ordinal)",
        "return (False, ANY_low, ordinal)",
        f"{_SET}::test_held_servers_go_last_with_claims_too",
    ),
    one(
        "a scale-down takes a server that failed for one that works",
        "controller.kinds.serverset.scaling:_removal",
        "_is_stopped(each) and each.ordinal not in going",
        "(each.failed or _is_stopped(each)) and each.ordinal not in going",
        f"{_SCALING}::test_servers_that_failed_for_good_keep_those_that_work",
    ),
    one(
        "a stopped server keeps a surplus one",
        "controller.kinds.serverset.scaling:_is_stopped",
        "facts.server.spec.power == Power.STOPPED",
        "False",
        "tests/simulation/test_stopped_sets.py::test_a_stopped_server_holds_no_surplus_one",
    ),
)

_LOST = (
    one(
        "a server with data is made again beside one that may still write",
        "controller.kinds.server.teardown:is_lost",
        "not spec.volume_claims",
        "True",
        f"{_NODES}::test_a_server_with_data_or_a_hold_is_waited_for",
    ),
    one(
        "a server that a person holds is made again elsewhere",
        "controller.kinds.server.teardown:is_lost",
        "not spec.held",
        "True",
        f"{_NODES}::test_a_server_with_data_or_a_hold_is_waited_for",
    ),
    one(
        "a server without data waits for a node that is gone",
        "controller.kinds.server.rules:_unreachable",
        "teardown.is_lost(situation.snapshot) or ANY_forced",
        "ANY_forced",
        f"{_NODES}::test_a_server_without_data_is_replaced_elsewhere",
    ),
    one(
        "nobody can give up a server with data",
        "controller.kinds.server.rules:_unreachable",
        "ANY_lost or tags.forces(meta, situation.seen.id)",
        "ANY_lost",
        f"{_NODES}::test_a_person_can_give_up_a_server_with_data",
    ),
    one(
        "force is for whatever has the name",
        "controller.api.tags:forces",
        "meta.annotations.get(names.FORCE_ANNOTATION) == instance",
        "names.FORCE_ANNOTATION in meta.annotations",
        f"{_SERVER}::test_a_person_ends_the_wait_for_one_instance",
    ),
    one(
        "a deleted pod comes back as it was, under OnDelete",
        "controller.kinds.server.making:_create",
        "situation.snapshot.next_revision",
        "''",
        f"{_ON_DELETE}::test_what_is_deleted_comes_back_at_the_target",
    ),
    one(
        "a deleted pod leaves its partition, under OnDelete",
        "controller.kinds.server.gather:_next_revision",
        "spec.ordinal < ordinals.free_from(target)",
        "False",
        f"{_ON_DELETE}::test_what_is_kept_where_it_is_comes_back_as_it_was",
    ),
    one(
        "a held server comes back at the target, under OnDelete",
        "controller.kinds.server.gather:_next_revision",
        "spec.held",
        "False",
        f"{_ON_DELETE}::test_what_is_kept_where_it_is_comes_back_as_it_was",
    ),
    one(
        "servers come to the target before they are deleted, under OnDelete",
        "controller.kinds.serverset.rollout:decide",
        "rollout.strategy == UpdateStrategy.ON_DELETE",
        "False",
        "tests/kinds/test_rollout_stories.py::test_on_delete_changes_what_is_deleted",
    ),
)

MECHANISMS = (*_CLAIMS_OF_A_SET, *_ONE_AT_A_TIME, *_LOST)
