"""Mistakes about requests and limits that change in the pods that run."""

from __future__ import annotations

from proof.mutants.mechanism import one

_SIZES = "tests/simulation/test_resizing.py"
_CHANGES = "tests/providers/pod/test_changes.py"

MECHANISMS = (
    one(
        "an instance that never left the revision it goes back to is replaced",
        "controller.kinds.serverset.updates:Upkeep._never_left",
        "(seen.revision, seen.incarnation) == as_it_is",
        "False",
        f"{_SIZES}::test_a_size_that_was_refused_and_taken_back_leaves_every_pod",
    ),
    one(
        "a pod that was resized half way counts as at its revision of before",
        "controller.providers.pod.changes:is_half",
        "before is not None and before != sizes(pod)",
        "False",
        f"{_SIZES}::test_a_size_taken_back_between_the_two_writes_is_not_kept",
    ),
    one(
        "a resize that its node has yet to do counts as done",
        "controller.providers.pod.observation:observe",
        "resize.under_way",
        "False",
        f"{_SIZES}::test_a_node_without_room_is_told_and_one_that_is_too_small_is_left",
    ),
    one(
        "a size that its node can never give is waited for",
        "controller.kinds.server.changing:under_way",
        "seen.unchangeable and not situation.spec.held",
        "False",
        f"{_SIZES}::test_a_node_without_room_is_told_and_one_that_is_too_small_is_left",
    ),
    one(
        "amounts that others gave are set back by a revision that leaves them alone",
        "controller.providers.pod.changes:resize",
        'is_same(old.get((place, name), {}).get((part, key), ""), each)',
        "False",
        f"{_CHANGES}::test_only_what_the_revisions_differ_in_is_asked_for",
    ),
    one(
        "another QoS class is asked of a living pod",
        "controller.providers.pod.changes:can_become",
        '_qos(one["spec"]) == _qos(other["spec"])',
        "True",
        f"{_CHANGES}::test_which_resources_change_in_place",
    ),
)
