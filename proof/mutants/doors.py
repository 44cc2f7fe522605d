"""Mistakes about what a StatefulSet, a Deployment or a chart says: said here, too, and kept."""

from __future__ import annotations

from proof.mutants.mechanism import Mechanism, one

_SERVICES = "tests/simulation/test_services.py"
_NO_SERVICE = f"{_SERVICES}::test_a_fleet_without_names_refuses_a_service_aloud"
_SAID = f"{_SERVICES}::test_what_the_component_says_of_its_service_is_on_it_and_goes_with_the_words"

_FORETOLD = (
    one(
        "a name of another application's set is told too late",
        "controller.presentation.collisions:_of_sets",
        "found.spec.application != name",
        "False",
        "tests/presentation/test_collisions.py"
        "::test_a_set_of_another_application_is_told_before_anything_is_applied",
    ),
    one(
        "what was let go of is told as somebody else's",
        "controller.presentation.collisions:_of_server",
        "found.metadata.labels.get(names.APPLICATION_LABEL) == wanted.metadata.name",
        "False",
        "tests/presentation/test_collisions.py"
        "::test_a_pod_of_a_servers_name_is_told_unless_it_would_be_taken_up",
    ),
    one(
        "time spent paused slows an operation down",
        "controller.presentation.estimates:left",
        "now - clock.parse(status.start_time) - status.paused_seconds",
        "now - clock.parse(status.start_time)",
        "tests/presentation/test_estimates.py::test_time_spent_paused_is_no_pace",
    ),
)

_SERVICE = (
    one(
        "servers have their names under the usual Service, whatever it is called",
        "controller.kinds.server.gather:_subdomain",
        "wanted.name if wanted is not None else ''",
        "''",
        f"{_SERVICES}::test_a_component_names_its_service",
    ),
    one(
        "ports of containers are nobody's",
        "controller.kinds.serverset.service_manifest:wanted_ports",
        "_of_containers(bytes(server_set.spec.template))",
        "()",
        f"{_SERVICES}::test_ports_that_containers_name_are_the_services",
    ),
    one(
        "a Service keeps what its component says no longer",
        "controller.kinds.serverset.service:_mended",
        "before - _said(asked)",
        "frozenset()",
        _SAID,
    ),
    one(
        "a Service loses the ports that others added",
        "controller.kinds.serverset.service:_ports",
        "merged + others",
        "merged",
        _SAID,
    ),
    one(
        "a Service keeps the type that it was made with",
        "controller.kinds.serverset.service:_kept",
        "headless != (wanted.type == ServiceType.HEADLESS)",
        "False",
        f"{_SERVICES}::test_another_type_makes_the_service_anew_and_no_server",
    ),
    one(
        "a Service is made where its component wants none",
        "controller.kinds.serverset.service:_is_wanted",
        "service_manifest.asked(snapshot.server_set).type != ServiceType.NONE",
        "True",
        f"{_SERVICES}::test_a_component_may_have_no_service",
    ),
    one(
        "nobody asks whether a fleet can give names",
        "controller.kinds.serverset.checks:_names",
        "contract.Capability.DNS in fleet.capabilities",
        "True",
        _NO_SERVICE,
    ),
    one(
        "the names that a template gives its pods are dropped",
        "controller.providers.pod.manifest:_parts",
        "{each: decoded.spec[each] for each in _NAMES if decoded.spec.get(each)}",
        "{}",
        f"{_SERVICES}::test_a_template_may_say_its_own_names",
    ),
)

_START = "tests/simulation/test_start_order.py"

_ORDER = (
    one(
        "servers that start in order are made all at once",
        "controller.kinds.serverset.scaling:decide",
        "_one_by_one(census, made) if spec.start == Start.ORDERED else made",
        "made",
        f"{_START}::test_each_server_starts_once_the_one_before_is_available",
    ),
    one(
        "a server that comes back waits for no other",
        "controller.kinds.server.order:ahead",
        "server_set is None or server_set.spec.start != Start.ORDERED",
        "True",
        f"{_START}::test_those_that_fail_together_come_back_one_after_the_other",
    ),
    one(
        "nobody wakes the server after one that has become available",
        "controller.kinds.server.wakes:by_itself",
        "server_set.spec.start == Start.ORDERED",
        "False",
        f"{_START}::test_those_that_fail_together_come_back_one_after_the_other",
    ),
    one(
        "a stopped server keeps the next one waiting",
        "controller.kinds.server.order:ahead",
        "found.spec.power == Power.STOPPED",
        "False",
        f"{_START}::test_whoever_is_stopped_keeps_nobody_waiting",
    ),
    one(
        "servers that start in order go all at once",
        "controller.kinds.serverset.scaling:decide",
        "0 if census.leaving else 1",
        "count",
        f"{_START}::test_servers_that_start_in_order_go_one_by_one",
    ),
    one(
        "servers below the lowest ordinal stay",
        "controller.planning.census:Census.below",
        "each < self.first and not one.spec.held",
        "False",
        f"{_START}::test_raised_ordinals_replace_what_is_below_within_the_budget[down]",
    ),
    one(
        "claims within the ordinals go as if their servers were scaled away",
        "controller.kinds.serverset.claims:after_scaling",
        "range(ordinals.first(spec), ordinals.first(spec) + spec.replicas)",
        "range(spec.replicas)",
        f"{_START}::test_a_claim_of_a_server_that_comes_back_stays_wherever_ordinals_begin",
    ),
    one(
        "a partition counts from 0 wherever ordinals begin",
        "controller.planning.ordinals:free_from",
        "first(spec) + partition if partition else 0",
        "partition",
        f"{_START}::test_a_partition_counts_from_the_lowest_ordinal",
    ),
    one(
        "a component's name ends at its first dash",
        "controller.kinds.revisions.rejection:read",
        "culprit.rpartition('-')",
        "culprit.partition('-')",
        f"{_START}::test_a_components_name_may_have_dashes",
    ),
)

_HOLDS = "tests/simulation/test_holds.py"

_HOLD = (
    one(
        "a hold has no end",
        "controller.kinds.server.hold:seconds_left",
        "until - now if until else None",
        "None",
        f"{_HOLDS}::test_a_hold_ends_by_itself_and_the_rollout_goes_on",
    ),
    one(
        "a hold whose end cannot be read is over",
        "controller.kinds.server.hold:seconds_left",
        "until - now if until else None",
        "until - now",
        f"{_HOLDS}::test_a_hold_without_an_end_lasts_until_it_is_released[nonsense]",
    ),
    one(
        "a hold ends though the application is paused",
        "controller.kinds.server.planner:_stay",
        "left is None or any(each.asked for each in rests)",
        "left is None",
        f"{_HOLDS}::test_a_paused_application_keeps_its_holds",
    ),
)

_METADATA = "tests/simulation/test_server_metadata.py"

_ASKED = (
    one(
        "servers are made without the labels that are asked for",
        "controller.kinds.serverset.server_manifests:ServerManifests.__init__",
        "server_set.spec.server_metadata or objects.AskedMetadata()",
        "objects.AskedMetadata()",
        f"{_METADATA}::test_all_that_is_kept_for_servers_bears_what_is_asked_for",
    ),
    one(
        "a rollout leaves servers without the labels that are asked for",
        "controller.kinds.serverset.updates:Upkeep._asked_of",
        "asked is None",
        "True",
        f"{_METADATA}::test_servers_that_are_there_get_it_with_the_next_rollout",
    ),
)

_CRASHES = "tests/simulation/test_crashes_of_containers.py"
_TOLD = (
    one(
        "a crash is forgotten between two ends",
        "controller.providers.pod.crashes:find",
        "each.state.terminated or each.last_state.terminated",
        "each.state.terminated",
        f"{_CRASHES}::test_a_crash_is_told_at_each_moment_that_it_is_not_ready",
    ),
    one(
        "a container that runs again after an end has failed a start",
        "controller.providers.pod.observation:_trouble",
        "ErrorClass.WAITING if crash.runs else ErrorClass.TRANSIENT",
        "ErrorClass.TRANSIENT",
        f"{_CRASHES}::test_what_ended_once_and_starts_slowly_costs_no_attempt",
    ),
    one(
        "a set tells of an ill server that it is ill, and not why",
        "controller.kinds.serverset.blockers:trouble",
        "None if each.failed else causes.own_of(each)",
        "None",
        f"{_CRASHES}::test_a_crash_is_told_at_each_moment_that_it_is_not_ready",
    ),
    one(
        "a silent node is named once the grace of its pods is over",
        "controller.providers.pod.observation:_going",
        "_is_silent(pod)",
        "False",
        "tests/simulation/test_lost_nodes.py"
        "::test_a_silent_node_is_named_from_the_moment_that_it_is_known",
    ),
    one(
        "a pod that was not ready before a taint evicted it goes without a word",
        "controller.providers.pod.observation:_going",
        "_ended_since(ready) >= told",
        "True",
        "tests/simulation/test_lost_nodes.py"
        "::test_an_eviction_by_taint_is_told_of_what_was_not_ready_before",
    ),
    one(
        "a server that is ready again counts as ready for the first time",
        "controller.kinds.server.counts:ready_first",
        "not availability.is_new(before)",
        "False",
        "tests/simulation/test_figures.py"
        "::test_each_server_is_counted_once_when_it_is_ready_for_the_first_time",
    ),
    one(
        "an export tells of no field that a StatefulSet lacks",
        "controller.presentation.translation:stateful_sets_of",
        "export_losses.of_component(name, part, replicas.get(part['name'], 0))",
        "()",
        "tests/simulation/test_handover.py::test_a_loss_is_told_before_anything_is_touched",
    ),
)

MECHANISMS: tuple[Mechanism, ...] = (*_SERVICE, *_ORDER, *_HOLD, *_ASKED, *_TOLD, *_FORETOLD)
