"""Mistakes of the history checker itself: a rule that lets a lie pass, or calls the truth one."""

from __future__ import annotations

from proof.mutants.mechanism import one

_HONESTY = "tests/proof/history/test_honesty.py"

_READY = (
    one(
        "the checker lets Ready stand over a pod that goes",
        "proof.history.readiness:good_of",
        "not change.terminating",
        "True",
        f"{_HONESTY}::test_ready_over_what_is_not_is_caught",
    ),
    one(
        "the checker lets Ready stand over a pod that is ill",
        "proof.history.readiness:good_of",
        "change.status.is_true('Ready')",
        "True",
        f"{_HONESTY}::test_ready_over_what_is_not_is_caught",
    ),
    one(
        "the checker lets Ready stand over another image",
        "proof.history.readiness:good_of",
        "id(change) not in edited",
        "True",
        f"{_HONESTY}::test_ready_over_what_is_not_is_caught",
    ),
    one(
        "the checker calls a change that Argosy made an edit",
        "proof.history.readiness:_edited",
        "each.ours",
        "not asked",
        f"{_HONESTY}::test_an_image_that_argosy_changes_is_what_was_asked",
    ),
    one(
        "the checker calls a status that was refused a lie",
        "proof.history.readiness:_lies",
        "spans.cut(spans.without(claims, true), refused)",
        "spans.without(claims, true)",
        f"{_HONESTY}::test_a_status_that_the_api_server_refuses_is_no_lie",
    ),
    one(
        "the checker judges who is not there",
        "proof.history.readiness:_lies",
        "history.attention.seconds(since, until) > given",
        "until - since > given",
        f"{_HONESTY}::test_an_operator_that_is_not_there_notices_nothing",
    ),
    one(
        "the checker lets Ready stand over a pod that is another instance",
        "proof.history.readiness:_good_as",
        "wanted in made(change)",
        "True",
        f"{_HONESTY}::test_ready_over_what_is_not_is_caught",
    ),
    one(
        "the checker lets a server speak of another instance than it has",
        "proof.history.readiness:_when_told",
        "instances.asked(each) == instances.told(each) == wanted",
        "instances.asked(each) == wanted",
        f"{_HONESTY}::test_ready_of_an_instance_that_is_not_the_one_there_is_caught",
    ),
    one(
        "the checker takes whatever a person writes on a pod for what the pod is",
        "proof.history.instances:made",
        "last is None or each.ours",
        "True",
        f"{_HONESTY}::test_an_edited_label_makes_no_other_pod_of_one",
    ),
    one(
        "the checker forgets a change whose answer was lost",
        "proof.history.instances:made",
        "(last, shown, *perhaps)",
        "(last, *perhaps)",
        f"{_HONESTY}::test_a_change_whose_answer_was_lost_took_effect",
    ),
    one(
        "the checker forgets what a request without an answer would have made of a pod",
        "proof.history.instances:made",
        "(last, shown, *perhaps)",
        "(last, shown)",
        f"{_HONESTY}::test_an_adoption_without_an_answer_made_the_pod_its_servers",
    ),
    one(
        "the checker forgets whose a pod is by a request without an answer",
        "proof.history.pods:Life.owners",
        "{each.uid for each in asked if each.controller}",
        "set()",
        f"{_HONESTY}::test_an_adoption_without_an_answer_made_the_pod_its_servers",
    ),
    one(
        "the checker forgets a status that an answer of metadata leaves out",
        "proof.history.pods:_live",
        "life.versions and change.partial",
        "False",
        f"{_HONESTY}::test_an_adoption_without_an_answer_made_the_pod_its_servers",
    ),
    one(
        "the checker lets a server become Ready by another pod",
        "proof.history.status_truth:_ready_as",
        "told in made(change)",
        "True",
        f"{_HONESTY}::test_becoming_ready_over_another_instance_is_caught_at_once",
    ),
    one(
        "the checker lets a server stay Ready by another pod than it told of",
        "proof.history.status_truth:_claims",
        "became_ready or _speaks_anew(change, former)",
        "became_ready",
        f"{_HONESTY}::test_ready_of_an_instance_that_is_not_the_one_there_is_caught",
    ),
)

_WAITS = (
    one(
        "the checker takes any name for an object that is there",
        "proof.history.waiting:said",
        "spans.meeting(stood, alive)",
        "stood",
        f"{_HONESTY}::test_waiting_for_nothing_that_is_there_is_caught",
    ),
    one(
        "the checker takes an object of another namespace for the one that is named",
        "proof.history.waiting:_is_near",
        "life.namespace in ('', server.namespace)",
        "True",
        f"{_HONESTY}::test_what_is_named_stands_in_the_servers_own_namespace",
    ),
    one(
        "the checker takes an object for there when it is gone",
        "proof.history.waiting:_alive",
        "spans.EVER if life.gone is None else life.gone.answered",
        "spans.EVER",
        f"{_HONESTY}::test_what_a_server_waits_for_may_not_go_unnoticed",
    ),
    one(
        "the checker asks stopped servers what they wait for",
        "proof.history.waiting:_waits",
        "change.spec.power != 'Stopped'",
        "True",
        f"{_HONESTY}::test_what_is_stopped_or_going_waits_for_nothing",
    ),
    one(
        "the checker asks servers that go what they wait for",
        "proof.history.waiting:_silent",
        "min(until, ended)",
        "until",
        f"{_HONESTY}::test_what_is_stopped_or_going_waits_for_nothing",
    ),
    one(
        "the checker takes any word of an application for the cause below it",
        "proof.history.told_above:_silent",
        "spans.without(spans.of(application, _waits), said)",
        "()",
        f"{_HONESTY}::test_an_application_that_keeps_a_cause_to_itself_is_caught",
    ),
    one(
        "the checker has applications pass on what their servers do not know",
        "proof.history.told_above:_says",
        "not each.remedy.startswith(ASK_IT)",
        "True",
        f"{_HONESTY}::test_an_application_that_passes_a_cause_on_is_honest",
    ),
)

_ENDS = (
    one(
        "the checker lets what touched nothing be Completed",
        "proof.history.completion:_claimed",
        "not change.status.targets and change.spec.action != 'RollBack'",
        "False",
        f"{_HONESTY}::test_an_operation_that_touched_nothing_is_caught",
    ),
    one(
        "the checker takes the pod that there was for a new one",
        "proof.history.completion:_remade",
        "any((each.born.answered > began for each in owned))",
        "True",
        f"{_HONESTY}::test_a_restart_that_made_no_pod_is_caught",
    ),
    one(
        "the checker takes a new pod for one that is ready",
        "proof.history.completion:_remade",
        "_has_ready(owned, since)",
        "True",
        f"{_HONESTY}::test_a_restart_whose_pod_is_not_ready_is_caught",
    ),
    one(
        "the checker lets a stopped server have a pod",
        "proof.history.completion:_stopped",
        "any((each.alive_throughout(since, until) for each in owned))",
        "False",
        f"{_HONESTY}::test_a_stop_that_left_a_pod_is_caught_and_one_that_left_none_is_honest",
    ),
    one(
        "the checker believes a Start",
        "proof.history.completion:_started",
        "not stopped and _has_ready(owned, since)",
        "True",
        f"{_HONESTY}::test_a_start_that_started_nothing_is_caught",
    ),
    one(
        "the checker lets a rollout's clock run through a pause",
        "proof.history.deadlines:_rollouts",
        "[*_paused(history, server_set), *_in_hand(history, server_set), *ANY_away]",
        "[*_in_hand(history, server_set), *ANY_away]",
        f"{_HONESTY}::test_a_deadline_that_ran_while_the_application_was_paused_is_caught",
    ),
    one(
        "the checker lets a rollout's clock run through an operation",
        "proof.history.deadlines:_rollouts",
        "[*_paused(history, server_set), *_in_hand(history, server_set), *ANY_away]",
        "[*_paused(history, server_set), *ANY_away]",
        f"{_HONESTY}::test_a_deadline_that_ran_while_an_operation_had_the_servers_is_caught",
    ),
    one(
        "the checker lets an operation's clock run through its own pause",
        "proof.history.deadlines:_operations",
        "[own, *_paused(history, operation), *ANY_away]",
        "[*_paused(history, operation), *ANY_away]",
        f"{_HONESTY}::test_an_operation_times_out_by_the_time_in_which_it_was_not_paused",
    ),
    one(
        "the checker lets an operation's clock run through its application's pause",
        "proof.history.deadlines:_operations",
        "[own, *_paused(history, operation), *ANY_away]",
        "[own, *ANY_away]",
        f"{_HONESTY}::test_an_operation_of_a_paused_application_does_not_time_out",
    ),
)

MECHANISMS = (*_READY, *_WAITS, *_ENDS)
