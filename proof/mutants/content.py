"""Mistakes about what somebody else wrote: it stops nobody, no teardown, and leads nowhere."""

from __future__ import annotations

from proof.mutants.definitions import Edit
from proof.mutants.mechanism import Mechanism, one

_HOSTILE = "tests/simulation/test_hostile.py"
_UNREADABLE = "tests/simulation/test_unreadable.py"
_GUARD = "tests/simulation/test_guard.py"
_NESTING = "tests/api/test_nesting.py"
_INFORMER = "tests/kube/test_informer.py"
_BARE = "tests/planning/test_bare_teardown.py"
_QUEUE = "tests/execution/test_queue.py"
_REMEMBERED = "tests/api/test_remembered.py"
_SHOWN = (
    "tests/simulation/test_shown_remedies.py"
    "::test_what_is_shown_is_there_and_its_words_lead_to_the_end"
)
_LEFTOVERS = "tests/simulation/test_leftovers.py"
_VARIANTS = "tests/simulation/test_manifest_variants.py"
_APPLICATION = "tests/kinds/application/test_planner.py"
_PODS = "tests/providers/pod/test_manifest.py"
_URLS = "tests/providers/steps/test_urls.py"
_STEPS = "tests/providers/steps/test_steps.py"

_DEPTH = (
    one(
        "content may be nested as deep as anybody likes",
        "controller.api.nesting:is_deeper",
        "max(ANY_levels, default=0) > most",
        "False",
        f"{_NESTING}::test_a_view_refuses_what_is_too_deep",
    ),
    one(
        "a number may have any number of digits",
        "controller.api.tags:number",
        "len(value) > _DIGITS",
        "False",
        f"{_HOSTILE}::test_nothing_that_anybody_may_write_stops_the_engine_or_a_teardown",
    ),
)

_STRANGERS = (
    one(
        "a server may announce its answer for ever",
        "controller.providers.steps.answers:BoundedAnswer.start",
        "left < 0",
        "False",
        f"{_STEPS}::test_a_server_that_only_announces_its_answer_is_not_listened_to",
    ),
    one(
        "a Secret may have any name",
        "controller.providers.steps.http_step:HttpStep._secret",
        "not _NAME.fullmatch(name)",
        "False",
        f"{_STEPS}::test_what_is_no_secrets_name_is_not_asked_for",
    ),
    one(
        "a name may lead elsewhere",
        "controller.api.resources:path",
        "parse.quote(part, safe='')",
        "part",
        "tests/api/test_resources.py::test_a_name_leads_nowhere_else",
    ),
    one(
        "an exit status is whatever has digits",
        "controller.providers.pod.commands:_wrapped_exit",
        "tags.number(said.removeprefix('argosy:exit:'))",
        "int(said.removeprefix('argosy:exit:'))",
        "tests/providers/pod/test_exec.py"
        "::test_what_a_container_says_instead_of_a_status_is_no_crash",
    ),
    one(
        "nobody says who keeps what is gone",
        "controller.planning.finalizers:keepers",
        "not found",
        "found",
        "tests/simulation/test_strangers.py::test_whoever_keeps_what_is_gone_is_named",
    ),
)

_MEMORY = (
    one(
        "large content is remembered like small",
        "controller.api.remembered:by_content",
        "len(each) > SMALL",
        "False",
        f"{_REMEMBERED}::test_an_object_that_is_changed_again_and_again_fills_no_memory",
    ),
    one(
        "all large content is remembered",
        "controller.api.remembered:by_content",
        "functools.lru_cache(maxsize=LARGE_KEPT)",
        "functools.lru_cache(maxsize=None)",
        f"{_REMEMBERED}::test_an_object_that_is_changed_again_and_again_fills_no_memory",
    ),
    one(
        "large content is not remembered at all",
        "controller.api.remembered:by_content",
        "functools.lru_cache(maxsize=LARGE_KEPT)",
        "functools.lru_cache(maxsize=0)",
        f"{_REMEMBERED}::test_small_content_is_worked_out_once",
    ),
    one(
        "all small content is remembered",
        "controller.api.remembered:by_content",
        "functools.lru_cache(maxsize=most)",
        "functools.lru_cache(maxsize=None)",
        f"{_REMEMBERED}::test_small_content_is_remembered_up_to_a_bound",
    ),
    one(
        "only bytes are measured before they are remembered",
        "controller.api.remembered:by_content",
        "type(each) in _MEASURED",
        "type(each) is bytes",
        f"{_REMEMBERED}::test_large_content_is_measured_whatever_it_is_and_wherever_it_stands",
    ),
    one(
        "only what comes first is measured before it is remembered",
        "controller.api.remembered:by_content",
        "for each in content:\n    ANY_rest",
        "for each in content[:1]:\n"
        "    if type(each) in _MEASURED and len(each) > SMALL:\n"
        "        return large(*content, **more)",
        f"{_REMEMBERED}::test_large_content_is_measured_whatever_it_is_and_wherever_it_stands",
    ),
)

_LEFT = (
    one(
        "nobody asks for what others keep of a set",
        "controller.planning.leftovers:of",
        "finalizers.others(each.metadata)",
        "False",
        f"{_LEFTOVERS}::test_what_others_keep_is_named_while_all_else_goes",
    ),
    one(
        "claims that others keep are waited for by nobody",
        "controller.planning.leftovers:of",
        "(*beside, *map(_held, going))",
        "tuple(map(_held, going))",
        f"{_LEFTOVERS}::test_what_others_keep_is_named_while_all_else_goes",
    ),
    one(
        "what others keep is waited for for ever",
        "controller.planning.leftovers:of",
        "since + timeout - now",
        "timeout",
        f"{_LEFTOVERS}::test_what_others_keep_is_not_waited_for_for_ever",
    ),
    one(
        "what others keep is left behind without a word",
        "controller.planning.leftovers:news",
        "not found.held",
        "True",
        f"{_LEFTOVERS}::test_what_others_keep_is_not_waited_for_for_ever",
    ),
    one(
        "records that others keep are waited for by nobody",
        "controller.kinds.application.leftovers:of",
        "(*_records(snapshot), *_builds(snapshot), *_jobs(snapshot))",
        "(*_builds(snapshot), *_jobs(snapshot))",
        f"{_LEFTOVERS}::test_what_others_keep_of_the_application_itself_is_named",
    ),
    one(
        "Jobs that others keep are waited for by nobody",
        "controller.kinds.application.leftovers:of",
        "(*_records(snapshot), *_builds(snapshot), *_jobs(snapshot))",
        "(*_records(snapshot), *_builds(snapshot))",
        f"{_LEFTOVERS}::test_what_others_keep_of_the_application_itself_is_named",
    ),
    one(
        "anybody's Job holds up an application that goes",
        "controller.kinds.application.leftovers:_jobs",
        "owner and owner.kind in _OWNERS and each.metadata.deletion_timestamp is not None",
        "True",
        f"{_LEFTOVERS}::test_what_bears_an_applications_name_and_is_nobodys_of_its_own_holds_nothing_up",
    ),
    one(
        "a Job that others keep is left to the collector, which is too late to be told",
        "controller.kinds.application.leftovers:jobs_with_builds",
        "finalizers.others(each.metadata)",
        "False",
        f"{_APPLICATION}::test_a_job_that_others_keep_is_asked_to_go_with_its_build",
    ),
    one(
        "an application that only others keep says that its servers are there",
        "controller.kinds.application.planner:_let_go",
        "summary.deleting(snapshot, table, rest.held)",
        "application.status",
        f"{_LEFTOVERS}::test_what_others_keep_of_the_application_itself_is_named",
    ),
    one(
        "nobody hears that a Job is let go",
        "controller.kinds.application.wakes:by_job",
        "above is not None",
        "False",
        f"{_LEFTOVERS}::test_what_others_keep_of_the_application_itself_is_named",
    ),
    one(
        "nobody hears that a Build is let go",
        "controller.kinds.application.wakes:by_build",
        "old.metadata.finalizers == new.metadata.finalizers",
        "True",
        f"{_LEFTOVERS}::test_what_others_keep_of_the_application_itself_is_named",
    ),
    one(
        "a Build waits for an application that nobody can be shown",
        "controller.kinds.build.checks:_sourceless",
        "snapshot.application is None",
        "False",
        f"{_SHOWN}[NoSource]",
    ),
    one(
        "an empty block of a template restarts every server",
        "controller.kinds.revisions.contents:can_change",
        "_without_blanks(one) == _without_blanks(other) or able(one, other)",
        "able(one, other)",
        f"{_VARIANTS}::test_case_55_an_empty_block_that_comes_and_goes_restarts_nobody",
    ),
    one(
        "an empty object is taken for nothing, whatever it says",
        "controller.kinds.revisions.contents:_without_lists",
        "each != []",
        "each not in ([], {})",
        f"{_VARIANTS}::test_case_55_an_empty_object_that_says_something_is_news",
    ),
    one(
        "a finalizer of somebody's holds up all that comes after",
        "controller.kinds.application.server_sets:take_down",
        "not has_no_server(each)",
        "True",
        f"{_LEFTOVERS}::test_what_others_keep_is_named_while_all_else_goes",
    ),
    one(
        "a word about a claim is taken for the end of all servers",
        "controller.kinds.application.server_sets:has_no_server",
        "ready is not None and ready.reason == Reason.KEPT_BY_OTHERS",
        "any(each.reason == Reason.KEPT_BY_OTHERS for each in found.status.blocked_by)",
        f"{_LEFTOVERS}::test_an_order_holds_while_what_is_told_of_claims_is_old",
    ),
    one(
        "the finalizer that every claim has is taken for somebody's",
        "controller.planning.finalizers:others",
        "{names.FINALIZER, ORPHAN, FOREGROUND, CLAIM_IN_USE}",
        "{names.FINALIZER, ORPHAN, FOREGROUND}",
        f"{_LEFTOVERS}::test_claims_that_only_their_pods_protect_are_not_waited_for",
    ),
    one(
        "what was never made is named as what is in the way",
        "controller.planning.outcomes:Outcome.object",
        "self.target.maker or name(item)",
        "self.target.object",
        "tests/planning/test_outcomes.py::test_only_what_is_there_is_named",
    ),
    one(
        "a pod is shown as one in the built-in fleet alone",
        "controller.planning.outcomes:Outcome.asked",
        "made is None or (not isinstance(self.target, targets.ServerTarget))",
        "getattr(self.target, 'fleet', '') != 'pods'",
        "tests/simulation/test_outcomes.py"
        "::test_a_pod_is_told_as_a_pod_whatever_its_fleet_is_called[edge]",
    ),
    one(
        "a Fleet of pods is blamed for what the API server answers",
        "controller.kinds.server.assessment:_in_the_way",
        "answer.refused or snapshot.fleet.in_cluster",
        "answer.refused",
        "tests/kinds/server/test_planner.py"
        "::test_a_failed_create_is_the_servers_own_where_the_cluster_answers",
    ),
    one(
        "a pod is in the way of a machine",
        "controller.presentation.collisions:of",
        "look.fleets.display(wanted.spec.fleet).resource",
        "Resource.PODS",
        "tests/presentation/test_collisions.py::test_a_pod_is_in_the_way_of_no_machine",
    ),
    one(
        "servers of a cloud are let go of as if the cluster collected them",
        "controller.wiring.uninstall:_outside",
        "each.in_cluster",
        "True",
        "tests/wiring/test_uninstall.py"
        "::test_servers_outside_the_cluster_are_found_by_the_provider_of_their_fleet",
    ),
    one(
        "a member that is null is worth a write",
        "controller.planning.merge_patch:difference",
        "old is not None and key not in after",
        "key not in after",
        "tests/planning/test_merge_patch.py::test_a_member_that_is_null_is_no_difference",
    ),
    one(
        "a right that lacks is not told with the command that shows it",
        "controller.planning.remedies:unblock",
        "lack is not None",
        "False",
        "tests/planning/test_outcomes.py::test_only_what_is_there_is_named",
    ),
    one(
        "a claim on its way out is told as a pod that is not there",
        "controller.providers.pod.volumes:check",
        "errors.Waiting(message, reason=PodReason.CLAIM_TERMINATING, blocker=blocker)",
        "errors.Waiting(message, reason=PodReason.CLAIM_TERMINATING)",
        f"{_LEFTOVERS}::test_a_claim_of_a_server_that_was_scaled_away_is_named",
    ),
)

_UNSEEN = (
    one(
        "an answer that is deep somewhere is not read",
        "controller.api.nesting:decode",
        "decoder.decode(readable(text))",
        "decoder.decode(text)",
        f"{_NESTING}::test_an_answer_is_read_however_deep_the_rest_of_it_is",
    ),
    one(
        "a teardown that reads no content lets go first",
        "controller.planning.bare_teardown:after",
        "not children",
        "True",
        f"{_BARE}::test_what_is_below_is_deleted_first",
    ),
    one(
        "a teardown that reads no content leaves what it cannot read",
        "controller.planning.bare_teardown:_below",
        "meta.controller is not None and meta.controller.uid == uid",
        "False",
        f"{_BARE}::test_what_cannot_be_read_below_goes_too_and_is_waited_for",
    ),
    one(
        "a teardown that reads no content takes what is another's",
        "controller.planning.bare_teardown:_below",
        "meta.controller is not None and meta.controller.uid == uid",
        "True",
        f"{_BARE}::test_what_cannot_be_read_below_goes_too_and_is_waited_for",
    ),
    Mechanism(
        name="one answer that a kind is unknown empties its cache",
        edits=(
            Edit(
                "controller.kube.follower:Follower._is_gone",
                "self._missed >= MISSES",
                "self._missed >= 1",
            ),
            Edit(
                "controller.kube.follower:Follower._miss",
                "self._missed == MISSES",
                "self._missed == 1",
            ),
        ),
        test=f"{_INFORMER}::test_one_answer_that_a_kind_is_unknown_empties_nothing",
    ),
    Mechanism(
        name="keys stand in one line, whatever their namespaces",
        edits=(
            Edit(
                "controller.execution.queue:Queue.add",
                "self._ready.get(key.namespace)",
                'self._ready.get("")',
            ),
            Edit(
                "controller.execution.queue:Queue.add",
                "line = self._ready[key.namespace] = []",
                'line = self._ready[""] = []',
            ),
            Edit(
                "controller.execution.queue:Queue.add",
                "self._queue_up(key.namespace)",
                'self._queue_up("")',
            ),
        ),
        test=f"{_QUEUE}::test_namespaces_take_turns",
    ),
)

_FORGED = (
    one(
        "a task of no operation stands for as long as it says",
        "controller.kinds.server.task:_distrusted",
        "min(given.timeout_seconds, UNASKED_SECONDS)",
        "given.timeout_seconds",
        "tests/kinds/server/test_task.py"
        "::test_what_no_operation_asks_for_ends_whatever_it_says_of_time",
    ),
    one(
        "a task of no operation is as old as it says",
        "controller.kinds.server.task:_distrusted",
        "not 0 < since <= snapshot.now + UNASKED_SECONDS",
        "False",
        "tests/kinds/server/test_task.py"
        "::test_what_no_operation_asks_for_ends_whatever_it_says_of_time",
    ),
    one(
        "orders of a task are believed, whether an operation asks or not",
        "controller.kinds.server.task:course",
        "snapshot.unasked and now.state == TaskState.PENDING",
        "False",
        "tests/simulation/test_other_hands.py::test_a_task_of_no_operation_keeps_nobody_waiting",
    ),
)

_TEARDOWN = (
    one(
        "a planner that fails keeps what is deleted",
        "controller.planning.bare_teardown:is_due",
        "going and finalizers.is_on(meta) and not finalizers.is_orphaning(meta)",
        "False",
        f"{_HOSTILE}::test_planners_that_fail_on_what_is_deleted_block_no_teardown",
    ),
    one(
        "what cannot be read and is deleted stays for ever",
        "controller.execution.failed_visits:FailedVisits.bury",
        "self._bare_teardown(key, meta)",
        "()",
        f"{_HOSTILE}::test_what_cannot_be_read_can_still_be_deleted",
    ),
    one(
        "the crash of a planner is told to nobody",
        "controller.execution.failed_visits:FailedVisits._apologise",
        "crashes.status(item, error, self._clock())",
        "None",
        "tests/simulation/test_crashed_planner.py",
    ),
    one(
        "one callback that fails keeps a change from the others",
        "controller.execution.failed_visits:FailedVisits.missed",
        "self._queue.add(key)",
        "pass",
        f"{_GUARD}::test_a_callback_that_fails_keeps_a_change_from_nobody_else",
    ),
    one(
        "a part that ends is missed by nobody",
        "controller.parts:Parts._note",
        "self.stopped.set()",
        "pass",
        "tests/wiring/test_parts.py::test_a_part_that_ends_unasked_stops_the_process",
    ),
    one(
        "a part that merely returns ends in silence",
        "controller.parts:together",
        "raise _why(over)",
        "return",
        "tests/wiring/test_parts.py::test_together_ends_with_the_first_that_ends",
    ),
    one(
        "a kind that is gone keeps its objects",
        "controller.kube.follower:Follower._miss",
        "self._cache.replace(self.scope.holds, (), ())",
        "pass",
        f"{_INFORMER}::test_kind_that_is_gone_is_an_empty_kind",
    ),
    one(
        "whoever reads beside a watch that rests sets it a deadline",
        "controller.kube.follower:Follower._read_patiently",
        "self._read_all()",
        "self._read_all(self._turn)",
        f"{_INFORMER}::test_a_leader_that_catches_up_is_not_held_to_a_watch_that_rests",
    ),
)

_LEARNED = (
    one(
        "an answer that comes late brings back what has gone",
        "controller.kube.follower:Follower.learn",
        "version > max(self.reached, self._ahead.get(where, 0))",
        "True",
        f"{_INFORMER}::test_an_answer_that_comes_late_brings_nothing_back",
    ),
    one(
        "old news of a name undoes what was learned of it",
        "controller.kube.follower:Follower._change",
        "not self._cache.is_older(where, version)",
        "False",
        f"{_INFORMER}::test_older_events_change_nothing_that_is_known_to_be_newer",
    ),
    one(
        "a list from before takes away what was made since",
        "controller.kube.follower:Follower._list",
        "self._cache.replace(self.scope.holds, items, malformed, newer)",
        "self._cache.replace(self.scope.holds, items, malformed)",
        f"{_INFORMER}::test_a_list_that_is_older_than_an_answer_takes_nothing_away",
    ),
    one(
        "what the watch never tells of is believed for ever",
        "controller.kube.follower:Follower._forget_untold",
        "self._cache.drop(where)",
        "pass",
        f"{_INFORMER}::test_answers_that_the_watch_never_tells_of_are_forgotten",
    ),
)

_FAIR = (
    one(
        "a teardown far away takes the road from all others",
        "controller.execution.pool:Pool._most_behind",
        "least + max(0, width - WIDTH)",
        "max(least, least * width // WIDTH)",
        "tests/execution/test_width.py::test_a_teardown_far_away_leaves_the_road_to_others",
    ),
    one(
        "what overtook a status in line is told in no Event",
        "controller.execution.status_writer:StatusWriter._tell",
        "isinstance(each, plan.RecordEvent)",
        "False",
        "tests/execution/test_dispatcher.py"
        "::test_what_overtook_a_status_in_line_is_told_in_events_as_well",
    ),
    one(
        "a large application is a newcomer for ever",
        "controller.execution.newcomers:_Recent.enter",
        "return each.creates <= FEW",
        "return True",
        "tests/execution/test_newcomers.py::test_a_small_application_stands_beside_one_call",
    ),
    one(
        "a large application makes room for itself",
        "controller.execution.newcomers:_Recent._put",
        "self._few if each.creates <= FEW else self._many",
        "self._few",
        "tests/execution/test_newcomers.py::test_a_large_application_makes_no_room_for_itself",
    ),
    one(
        "who takes long to plan pays nothing",
        "controller.execution.queue:Queue.charge",
        "max(seconds - LEAST_COST, 0.0)",
        "0.0",
        "tests/execution/test_queue.py::test_who_takes_long_to_plan_waits_for_longer",
    ),
    one(
        "calls stand in one line whatever their namespace",
        "controller.execution.schedule:_Line.push",
        "namespace = entry.key.namespace",
        "namespace = ''",
        "tests/execution/test_pool.py::test_calls_are_shared_between_namespaces_first",
    ),
)

_READ = (
    one(
        "null is somebody's word",
        "controller.providers.pod.manifest:_decode",
        "rendering.canonical(msgspec.Raw(template))",
        "template",
        f"{_PODS}::test_null_is_absent_wherever_it_stands",
    ),
    one(
        "annotations of Argosy's own are taken from a template",
        "controller.providers.pod.manifest:_users",
        "key not in own",
        "True",
        f"{_PODS}::test_annotations_of_the_template_win_but_for_our_own",
    ),
    one(
        "headers that reach past the URL pass",
        "controller.providers.steps.headers:check",
        "lower in http_headers.OWN or lower.startswith(http_headers.OWN_PREFIXES)",
        "False",
        f"{_STEPS}::test_headers_that_reach_past_the_url_are_refused",
    ),
    one(
        "escaped slashes and dots pass",
        "controller.providers.steps.urls:parse_target",
        "_TRICKS.search(path)",
        "False",
        f"{_URLS}::test_every_other_place_is_refused",
    ),
    one(
        "a step upwards with parameters passes",
        "controller.providers.steps.urls:parse_target",
        "each.partition(';')[0]",
        "each",
        f"{_URLS}::test_every_other_place_is_refused",
    ),
    one(
        "credentials in a URL pass",
        "controller.providers.steps.urls:parse_target",
        "'@' in parts.netloc",
        "False",
        f"{_URLS}::test_every_other_place_is_refused",
    ),
    one(
        "an allowed folder covers what begins like it",
        "controller.providers.steps.urls:_covers",
        "target.path.startswith(folder)",
        "target.path.startswith(allowed.path)",
        f"{_URLS}::test_every_other_place_is_refused",
    ),
    one(
        "an IPv6 address stands in URLs as it is",
        "controller.kinds.operation.steps:_with_address",
        "':' not in address",
        "True",
        "tests/kinds/operation/test_parts.py::test_an_ipv6_address_stands_in_brackets_in_urls",
    ),
    one(
        "what steers a terminal is printed",
        "controller.presentation.control_characters:visible",
        "not are_in(text)",
        "True",
        "tests/cli/test_hostile_output.py::test_no_command_prints_what_steers_a_terminal",
    ),
)

MECHANISMS = (
    *_DEPTH,
    *_STRANGERS,
    *_MEMORY,
    *_LEFT,
    *_UNSEEN,
    *_FORGED,
    *_TEARDOWN,
    *_LEARNED,
    *_FAIR,
    *_READ,
)
