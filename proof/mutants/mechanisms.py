"""Mistakes that no history need show: a mechanism is broken, and a test nearby must notice.

`definitions` has the mistakes that break an invariant in a story. These here break a promise that
one test holds, and `trial.check` runs that test alone on a copy with the mistake in it.
"""

from __future__ import annotations

from proof.mutants import (
    adoption,
    budgets,
    builds,
    checker,
    clouds,
    commands,
    content,
    dashboard,
    data,
    doors,
    forge,
    keys,
    operations,
    outages,
    reporting,
    resizing,
    scraping,
    sharing,
)
from proof.mutants.mechanism import Mechanism, one

_REFERENCES = "tests/kinds/revisions/test_references.py"
_APPLICATION = "tests/kinds/application/test_planner.py"
_LIVES = "tests/simulation/test_references.py"
_FLEETS = "tests/execution/test_fleets.py"

# Servers refer to their revision and their set.
REFERENCES = (
    one(
        "a revision is pruned while servers name it",
        "controller.kinds.application.revisions:_prune",
        "ANY_each.metadata.name not in named | in_use",
        "ANY_each.metadata.name not in named",
        f"{_APPLICATION}::test_revisions_that_servers_name_are_kept",
    ),
    one(
        "a revision goes with its component while servers name it",
        "controller.kinds.application.revisions:decide",
        "gone and each.metadata.name not in in_use",
        "gone",
        f"{_APPLICATION}::test_a_record_that_servers_name_outlives_its_component",
    ),
    one(
        "nobody looks which revisions servers name",
        "controller.planning.relations:named_by_servers",
        "caches.by(SERVERS_BY_REVISION, (each.namespace, each.name))",
        "False",
        f"{_APPLICATION}::test_revisions_that_servers_name_are_kept",
    ),
    one(
        "a revision that a set still says is not made again",
        "controller.kinds.application.revisions:_restore",
        "data is None",
        "True",
        f"{_APPLICATION}::test_the_record_of_what_a_set_says_is_made_again",
    ),
    one(
        "a server is torn down for want of its revision",
        "controller.kinds.server.records:_is_harmless",
        "situation.spec.power == Power.STOPPED",
        "True",
        f"{_REFERENCES}::test_nothing_is_made_or_torn_down_for_want_of_a_record",
    ),
    one(
        "a Stop deletes what could not be made again",
        "controller.kinds.server.records:_is_harmless",
        "not stops_in_place(situation)",
        "True",
        f"{_REFERENCES}::test_what_is_lost_as_it_is_to_stop_is_kept_without_a_record",
    ),
    one(
        "a Stop waits for the revision that it does not need",
        "controller.kinds.server.changing:_needs_no_template",
        "not situation.snapshot.recorded",
        "False",
        f"{_REFERENCES}::test_what_can_stop_in_place_does_so_without_a_record",
    ),
    one(
        "a Start fails for want of the revision that its server has",
        "controller.kinds.server.planner:_seen",
        "not comes",
        "True",
        f"{_LIVES}::test_machines_whose_record_is_gone_stop_and_start",
    ),
    one(
        "a server is made of nothing for want of its revision",
        "controller.kinds.server.records:_is_harmless",
        "action.verb is not contract.Verb.CREATE",
        "True",
        f"{_REFERENCES}::test_nothing_is_made_or_torn_down_for_want_of_a_record",
    ),
    one(
        "a server says nothing of the revision that it lacks",
        "controller.kinds.server.records:keep",
        "situation.snapshot.recorded",
        "situation.seen.ready",
        f"{_REFERENCES}::test_what_runs_without_a_record_runs_on_and_says_so",
    ),
    one(
        "servers name a revision before it is seen on record",
        "controller.kinds.serverset.records:Records.has_target",
        "self.find(self._spec.revision) is not None",
        "self is not None",
        f"{_LIVES}::test_a_record_that_comes_late_is_waited_for",
    ),
    one(
        "what a server of the last release carries is not honoured",
        "controller.kinds.revisions.references:complete",
        "template, claims = (spec.template, spec.volume_claims)",
        "template, claims = (objects.NULL, spec.volume_claims)",
        f"{_REFERENCES}::test_a_copy_counts_only_where_nothing_else_is_known",
    ),
    one(
        "a server's own copy of the policies outlives its set's word",
        "controller.kinds.revisions.references:complete",
        "policies.deletion",
        "spec.deletion",
        f"{_LIVES}::test_a_policy_changed_after_the_upgrade_writes_no_server",
    ),
    one(
        "copies of the last release stay for ever",
        "controller.kinds.serverset.updates:Upkeep.bring",
        "ANY_told.template != objects.NULL",
        "False",
        f"{_LIVES}::test_the_next_write_drops_the_copies",
    ),
    one(
        "an upgrade moves the hashes of revisions",
        "controller.kinds.revisions.contents:of_component",
        "not ranked",
        "True",
        f"{_LIVES}::test_objects_of_the_last_release_need_no_write",
    ),
)

# Errors, facts and targets have one meaning each.
MEANINGS = (
    one(
        "what an act found out is dropped",
        "controller.execution.acts:_Act.told",
        "{name: each for name, each in ANY_items if name != 'message'}",
        "{}",
        "tests/execution/test_acts.py",
    ),
    one(
        "a breaker that does not hear that a provider is away",
        "controller.execution.fleet_branch:_failed",
        "not policy.works",
        "False",
        "tests/suite/test_error_policies.py",
    ),
    one(
        "a class of errors without a policy",
        "controller.errors:ArgosyError.__init_subclass__",
        "not hasattr(cls, 'policy')",
        "False",
        "tests/suite/test_error_policies.py",
    ),
    one(
        "a rollback takes revisions for targets",
        "controller.kinds.operation.planner:_begin",
        "msgspec.structs.replace(status, run=ANY_run, leaving=leaving)",
        "msgspec.structs.replace(status, run=ANY_run, targets=leaving)",
        "tests/kinds/operation/test_targets.py",
    ),
)

# What people brought, each as one of their manifests.
CASES = (
    one(
        "a pod that its node rejects costs an attempt",
        "controller.providers.pod.observation:_end",
        "status.message.startswith(_REJECTED)",
        "False",
        "tests/simulation/test_cases.py::test_case[21-rejected]",
    ),
    one(
        "servers go although the application names another number",
        "controller.kinds.serverset.resizing:_agreed",
        "named is None or named == spec.replicas or not sized.removals",
        "True",
        "tests/simulation/test_cases.py::test_case[43-scale-by-hand]",
    ),
    one(
        "a server that waits for a node fails",
        "controller.kinds.server.assessment:_failed_start",
        "seen.error_class == ErrorClass.WAITING and not elsewhere",
        "False",
        "tests/simulation/test_cases.py::test_case[34-late-node]",
    ),
)

_OUTCOMES = "tests/simulation/test_outcomes.py"
_LOOKING_ON = "tests/simulation/test_looking_on.py"
_STORIES = "tests/kinds/operation/test_stories.py"
_METRICS = "tests/wiring/test_operator.py::test_every_metric_has_a_sample_after_a_reconcile"

# Each was a fault of the structure once, not of a line.
STRUCTURE = (
    one(
        "calls to a fleet count as writes of its name",
        "controller.planning.targets:of_call",
        "ServerTarget(ANY_fleet, ANY_name)",
        "ObjectTarget(ANY_fleet, item.metadata.namespace, ANY_name)",
        f"{_OUTCOMES}::test_a_fleet_may_be_named_like_a_resource",
    ),
    one(
        "whoever looks on knows nothing of refusals",
        "controller.presentation.recollection:recall",
        "tuple(_outcomes(caches, item, missed, why))",
        "()",
        f"{_OUTCOMES}::test_whoever_looks_on_says_what_the_operator_says",
    ),
    one(
        "whoever looks on plans writes for what is only observed",
        "controller.presentation.inspection:Inspection._planned",
        "management.restrict(kind.plan(snapshot), snapshot)",
        "kind.plan(snapshot)",
        f"{_LOOKING_ON}::test_nothing_is_said_to_be_done_for_what_is_only_observed",
    ),
    one(
        "a bound that is not known is taken for none",
        "controller.kinds.serverset.occupancy:room",
        "limit is None",
        "False",
        f"{_LOOKING_ON}::test_a_namespace_that_is_full_is_told",
    ),
    one(
        "a fleet that is not seen is taken for one that is not open",
        "controller.presentation.onlooking:kinds",
        "each.foresees is None",
        "True",
        "tests/simulation/test_foreseen.py::test_a_smaller_number_is_foreseen",
    ),
    one(
        "a provider is not closed when its fleet goes",
        "controller.execution.provider_life:ProviderLife.end",
        "self._ending.set()",
        "self._ending.is_set()",
        f"{_FLEETS}::test_a_fleet_that_goes_is_closed_and_unknown",
    ),
    one(
        "a provider is closed under the calls that it was lent for",
        "controller.execution.provider_life:ProviderLife._serve",
        "self._returned.wait()",
        "asyncio.sleep(0)",
        f"{_FLEETS}::test_a_lent_provider_stays_open_until_it_is_given_back",
    ),
    one(
        "nobody asks whether a fleet can give volumes",
        "controller.kinds.serverset.checks:_claims",
        "not spec.volume_claims or contract.Capability.CLAIMS in fleet.capabilities",
        "True",
        "tests/simulation/test_fleets.py::test_claims_that_a_fleet_cannot_give_are_refused_aloud",
    ),
    one(
        "a capability that nobody reads",
        "controller.kinds.serverset.checks:_claims",
        "contract.Capability.CLAIMS in fleet.capabilities",
        "bool(fleet.capabilities)",
        "tests/contracts/test_capabilities.py",
    ),
    one(
        "the gauge of circuits is fed by nobody",
        "controller.wiring.operator:Operator.start",
        "metrics.ask_circuits(self.fleets.circuits)",
        "metrics.ask_circuits",
        _METRICS,
    ),
    one(
        "the gauge of silent watches is fed by nobody",
        "controller.wiring.operator:Operator.start",
        "metrics.ask_watch_silence(self.caches.silences)",
        "metrics.ask_watch_silence",
        _METRICS,
    ),
    one(
        "a reason that is a literal text",
        "controller.kinds.serverset.summary:_spent",
        "Reason.FAILURE_BUDGET_SPENT",
        "'FailureBudgetSpent'",
        "tests/docs/test_reasons.py::test_no_reason_is_a_literal_text",
    ),
    one(
        "a reason that nothing gives",
        "controller.kinds.serverset.summary:_epidemic",
        "Reason.REMEDIATION_HELD",
        "Reason.SERVERS_UNAVAILABLE",
        "tests/docs/test_reasons.py::test_every_reason_is_given",
    ),
    one(
        "the history does not read the mark of a rejection as it is written",
        "controller.presentation.revisions:_revision",
        "rejection.read(stored)",
        "None",
        "tests/presentation/test_revisions.py::test_a_mark_is_read_as_it_is_written",
    ),
    one(
        "a rollback goes on out of its turn",
        "controller.kinds.operation.planner:_run",
        "_hindrances(snapshot, turn)",
        "() if _rolls_back(snapshot) else _hindrances(snapshot, turn)",
        f"{_STORIES}::test_a_rollback_keeps_its_turn_once_begun",
    ),
    one(
        "a retry brings its parameters into the run under way",
        "controller.kinds.operation.steps:arguments",
        "begun is None and spec.retry is not None and spec.retry.id == told.run",
        "spec.retry is not None",
        f"{_STORIES}::test_a_retry_that_comes_during_a_run_leaves_its_parameters_to_the_next_run",
    ),
)

# Who may do what, and what leaves a cluster.
_INSTALLS = "tests/wiring/test_installs.py"
SECURITY = (
    one(
        "two installs look after one namespace",
        "controller.kube.installs:ScopeClaim.held",
        "claimed and self._above.clear",
        "True",
        f"{_INSTALLS}::test_second_install_does_nothing_and_says_so",
    ),
    one(
        "an install for a namespace does not see one for the whole cluster",
        "controller.kube.installs:_Above.look",
        "ANY_found.holder_identity or '' if ANY_other and ANY_alive else ''",
        "''",
        f"{_INSTALLS}::test_install_for_the_cluster_goes_before_one_for_a_namespace",
    ),
    one(
        "an install for the whole cluster does not wait until others have seen it",
        "controller.kube.installs:ScopeClaim.attempt",
        "self.scope == EVERYWHERE and not ours and (others := await self._narrower())",
        "False",
        f"{_INSTALLS}::test_install_for_the_cluster_goes_before_one_for_a_namespace",
    ),
    one(
        "an install that takes over looks at nothing",
        "controller.wiring.operator:Operator._survey",
        "await self.engine.survey()",
        "await asyncio.sleep(0)",
        f"{_INSTALLS}::test_install_takes_over_when_the_other_is_gone",
    ),
    one(
        "an idle install lets go of what another one looks after",
        "controller.wiring.uninstall:_ours",
        "await installs.elsewhere(api, install, options.namespaces)",
        "{}",
        "tests/wiring/test_uninstall.py::test_an_idle_install_goes_and_harms_nobody",
    ),
    one(
        "an install is uninstalled unasked because of a claim that nobody renews",
        "controller.kube.installs:_renewer",
        "first is not None and found != first",
        "first is not None",
        "tests/wiring/test_uninstall.py::test_whoever_looks_after_applications_is_asked",
    ),
    one(
        "whoever an operation says asked for it is believed",
        "controller.kinds.application.operation_history:_line",
        "tags.requested_by(meta) if requesters_known else ''",
        "tags.requested_by(meta)",
        f"{_APPLICATION}::test_nobody_is_believed_to_have_asked_where_anybody_could_say_so",
    ),
    one(
        "whatever stands in a named field leaves the cluster",
        "controller.presentation.fields:_leaf",
        "_PATTERNS[wanted].fullmatch(value)",
        "True",
        "tests/presentation/test_fields.py::test_a_secret_planted_in_any_field_is_not_in_the_bundle",
    ),
    one(
        "servers are left behind in silence",
        "controller.kinds.application.planner:_left",
        "not snapshot.left",
        "True",
        "tests/simulation/test_adoption.py"
        "::test_servers_that_strangers_took_before_are_named_when_all_else_is_gone",
    ),
    one(
        "a record that somebody numbered too high leaves no number",
        "controller.kinds.application.revisions:_record",
        "each.revision < _MOST",
        "True",
        "tests/simulation/test_forged.py"
        "::test_nothing_that_fits_a_schema_stops_the_engine_or_a_teardown",
    ),
    one(
        "a Server under another name than that of its place is one all the same",
        "controller.api.views.meta:named_for_its_place",
        "server.metadata.name != name",
        "False",
        "tests/kube/test_wire.py::test_a_server_is_called_what_its_place_is",
    ),
    one(
        "a set takes a Server for its own that cannot be read as one",
        "controller.execution.writer:_misread",
        "isinstance(found, wire.Malformed) and found.remains is None",
        "False",
        "tests/simulation/test_unreadable.py"
        "::test_a_server_under_a_name_that_is_wanted_is_told_and_makes_room",
    ),
    one(
        "what an object was stays when another that cannot be read has its name",
        "controller.kube.cache:Cache.mark",
        "before.metadata.uid != bad.metadata.uid",
        "False",
        "tests/kube/test_cache.py"
        "::test_nothing_stays_of_an_object_whose_name_another_has_that_cannot_be_read",
    ),
)

# What one namespace does is not felt by another.
TENANTS = (
    one(
        "a namespace that has no call in flight waits for those of others to end",
        "controller.execution.pool:Pool._has_extra_place",
        "beyond < self._extra",
        "False",
        "tests/execution/test_pool.py::test_a_quiet_namespace_does_not_wait_for_a_place",
    ),
    one(
        "a namespace that has no call in flight waits while others make room",
        "controller.execution.pool:Pool._admitted",
        "too_many >= 0 and self._has_extra_place(max(beyond, too_many))",
        "False",
        "tests/execution/test_newcomers.py::test_a_quiet_namespace_does_not_wait_while_room_is_made",
    ),
    one(
        "newcomers without end leave others one place",
        "controller.execution.pool:Pool._most_behind",
        "cutting_in < WIDTH - NARROW",
        "True",
        "tests/execution/test_newcomers.py::test_endless_newcomers_starve_nobody",
    ),
    one(
        "a crowd of small applications makes no room for another namespace",
        "controller.execution.newcomers:Newcomers.first",
        "self._namespaces.any()",
        "False",
        "tests/execution/test_newcomers.py::test_a_quiet_namespace_stands_beside_one_call_of_a_crowd",
    ),
    one(
        "quiet namespaces have as many extra places as they like",
        "controller.execution.pool:Pool._has_extra_place",
        "beyond < self._extra",
        "True",
        "tests/execution/test_pool.py::test_quiet_namespaces_have_few_extra_places",
    ),
)

MECHANISMS: tuple[Mechanism, ...] = (
    *REFERENCES,
    *MEANINGS,
    *CASES,
    *TENANTS,
    *outages.MECHANISMS,
    *STRUCTURE,
    *SECURITY,
    *adoption.MECHANISMS,
    *clouds.MECHANISMS,
    *commands.MECHANISMS,
    *content.MECHANISMS,
    *data.MECHANISMS,
    *dashboard.MECHANISMS,
    *doors.MECHANISMS,
    *forge.MECHANISMS,
    *keys.MECHANISMS,
    *reporting.MECHANISMS,
    *operations.MECHANISMS,
    *resizing.MECHANISMS,
    *scraping.MECHANISMS,
    *checker.MECHANISMS,
    *budgets.MECHANISMS,
    *sharing.MECHANISMS,
    *builds.MECHANISMS,
)
