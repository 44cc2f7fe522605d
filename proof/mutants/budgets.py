"""Mistakes about the one budget for everybody, evictions and moves among them."""

from __future__ import annotations

from proof.mutants.mechanism import one

_MOVES = "tests/kinds/serverset/test_moves.py"
_FULL = "tests/simulation/test_full_namespaces.py"
_ONE_BUDGET = "tests/simulation/test_one_budget.py"
_BESIDE = (
    "tests/execution/test_allowance.py::test_a_set_looks_at_none_of_the_operations_that_are_over"
)

MECHANISMS = (
    one(
        "an eviction counts no more once its pod has gone, whatever its Server says yet",
        "controller.planning.departures:_is_overtaken",
        "(pod is None or pod.metadata.uid != told)",
        "False",
        "tests/planning/test_departures.py"
        "::test_an_eviction_counts_until_its_server_says_what_became_of_it",
    ),
    one(
        "a set knows of no operation beside it",
        "controller.kinds.serverset.kind:_operations_beside",
        "relations.begun_operation_keys(caches, meta.namespace, above)",
        "()",
        _BESIDE,
    ),
    one(
        "a set waits for operations that wait for their turn",
        "controller.kinds.serverset.kind:_operations_beside",
        "relations.begun_operation_keys(caches, meta.namespace, above)",
        "relations.open_operation_keys(caches, meta.namespace, above)",
        _BESIDE,
    ),
    one(
        "a set looks at all operations that are over",
        "controller.planning.relations:begun_operation_keys",
        "caches.by(OPEN_OPERATIONS, (namespace, application))",
        "caches.by(OPERATIONS_BY_APPLICATION, (namespace, application))",
        _BESIDE,
    ),
    one(
        "a set asks for the operations of another application",
        "controller.kinds.serverset.kind:_operations_beside",
        "relations.begun_operation_keys(caches, meta.namespace, above)",
        "relations.begun_operation_keys(caches, meta.namespace, meta.name)",
        _BESIDE,
    ),
    one(
        "a step that one server does for all waits for no budget",
        "controller.kinds.operation.slots:_carried",
        "run.allotments[each.key[0]].waits is None",
        "True",
        "tests/simulation/test_one_budget.py"
        "::test_steps_of_every_scope_wait_until_evictions_have_ended",
    ),
    one(
        "sets that plan in one moment fill what each of them finds",
        "controller.kinds.serverset.occupancy:within",
        "found.limit - found.earlier - (census.present - census.spares)",
        "found.limit",
        f"{_FULL}::test_many_that_come_at_once_exceed_the_bound_by_nothing",
    ),
    one(
        "an older set fills a namespace that has its servers already",
        "controller.kinds.serverset.occupancy:within",
        "found.limit - found.present",
        "found.limit",
        f"{_FULL}::test_an_older_set_takes_nothing_from_a_younger_one",
    ),
    one(
        "a set that has no room looks never again",
        "controller.kinds.serverset.planner:_converge",
        "occupancy.AGAIN if draft.unmade else None",
        "None",
        f"{_FULL}::test_room_that_becomes_free_is_used",
    ),
    one(
        "a rollout that has no room misses its deadline",
        "controller.kinds.serverset.planner:_assess",
        "snapshot.fleet.outage.lasts or bool(draft.unmade and not draft.acting)",
        "snapshot.fleet.outage.lasts",
        f"{_FULL}::test_a_first_rollout_that_has_no_room_misses_no_deadline",
    ),
    one(
        "a move does not wait for its spare server",
        "controller.kinds.serverset.moves:decide",
        "surges(spec)",
        "False",
        f"{_MOVES}::test_with_surge_a_spare_one_comes_first",
    ),
    one(
        "a move forgets who is down beside it",
        "controller.kinds.serverset.moves:decide",
        "ANY_room = ANY_allowed.allowance",
        "ANY_room = ANY_allowed.limit",
        f"{_MOVES}::test_whoever_is_down_beside_counts",
    ),
    one(
        "a move leaves evictions no time",
        "controller.kinds.serverset.moves:_patience",
        "max(0.0, ANY_latest + PATIENCE_SECONDS - now)",
        "0.0",
        f"{_MOVES}::test_a_drain_may_evict_before_a_server_is_moved",
    ),
    one(
        "spare servers stay away for moves",
        "controller.kinds.serverset.scaling:_surge",
        "len(ANY_unfinished.union(moving))",
        "len(ANY_unfinished)",
        f"{_MOVES}::test_with_surge_a_spare_one_comes_first",
    ),
    one(
        "nobody hears of a cordoned node",
        "controller.kinds.serverset.wakes:by_node",
        "not change.same_object",
        "False",
        "tests/simulation/test_moves.py::test_a_cordon_moves_a_set_at_rest",
    ),
    one(
        "an operation does not wait until evictions have ended",
        "controller.kinds.operation.allotment:_evictions",
        "not evictions.may_go_on(ANY_found, ANY_budgets, ANY_capabilities)",
        "True",
        f"{_ONE_BUDGET}::test_an_operation_takes_no_server_down_before_evictions_have_ended",
    ),
    one(
        "an operation forgets who is down beside it",
        "controller.kinds.operation.servers_beside:_is_down",
        "availability.seconds_until_available(server, now, ANY_waiting) <= 0",
        "True",
        f"{_ONE_BUDGET}::test_servers_that_are_down_beside_an_operation_count",
    ),
    one(
        "what is being evicted counts as up until it says so",
        "controller.kinds.serverset.disruption_budget:without",
        "not evicted",
        "True",
        f"{_MOVES}::test_what_is_being_evicted_counts_before_its_server_says_so",
    ),
    one(
        "an eviction on record counts, whatever pod has the name by now",
        "controller.planning.departures:_Record.is_believed",
        "now < self.since + RECORD_SECONDS and self._can_be_meant",
        "now < self.since + RECORD_SECONDS",
        f"{_ONE_BUDGET}"
        "::test_nobody_waits_for_an_eviction_that_the_disruption_controller_overlooks",
    ),
    one(
        "an eviction on record counts for nothing where the pod is of the same second",
        "controller.planning.departures:_Record.is_believed",
        "self.pod is None or now < self.since + SEEN_AFTER_SECONDS",
        "self.pod is None",
        "tests/planning/test_departures.py::test_a_record_is_believed_of_a_pod_that_it_can_mean",
    ),
    one(
        "an eviction that is not on record any more counts for nothing",
        "controller.planning.departures:_records",
        "{**off, **standing}",
        "standing",
        f"{_ONE_BUDGET}::test_an_eviction_that_only_the_disruption_controller_has_seen_to_counts",
    ),
    one(
        "who waits for an eviction on record is not looked at when it is taken off",
        "controller.planning.departures:is_one_over",
        "bool(over(old, new))",
        "False",
        f"{_ONE_BUDGET}::test_who_waits_for_an_eviction_goes_on_once_it_is_taken_off_the_record",
    ),
    one(
        "a server counts as lost by the record of its eviction alone",
        "controller.kinds.operation.slots:_is_free",
        "not given.progress.available and not given.progress.doubtful",
        "not given.progress.available",
        f"{_ONE_BUDGET}"
        "::test_nobody_restarts_a_server_as_lost_for_the_record_of_its_eviction_alone",
    ),
    one(
        "the next instance is made while the eviction of the last is on record",
        "controller.kinds.server.making:_on_record",
        "left is None",
        "True",
        f"{_ONE_BUDGET}::test_the_next_instance_waits_until_the_eviction_is_off_the_record",
    ),
    one(
        "nobody wakes the server whose eviction is off the record",
        "controller.kinds.server.wakes:by_disruption_budget",
        "(namespace, name) in servers",
        "False",
        f"{_ONE_BUDGET}::test_the_next_instance_waits_until_the_eviction_is_off_the_record",
    ),
    one(
        "servers of no domain that are healed as few of their whole component",
        "controller.kinds.serverset.remediation:_size",
        "alike if alike < len(census.servers) else census.desired",
        "alike if name else census.desired",
        "tests/kinds/serverset/test_remediation.py"
        "::test_servers_of_no_domain_are_held_by_themselves",
    ),
    one(
        "remediation does not wait until evictions have ended",
        "controller.kinds.serverset.planner:_remediate",
        "ANY_chosen and draft.guard.close is not None",
        "False",
        f"{_ONE_BUDGET}::test_remediation_waits_until_evictions_have_ended",
    ),
)
