"""The small decisions that operations are made of, by tables."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api import clock, conditions, objects
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.operation import conflicts, steps, summary, targets
from controller.planning import backoffs, merge_patch, ordinals
from tests.kinds.operation.stage import Stage
from tests.kinds.server.props import make

VERBS = ("Restart", "Start", "Stop", "Replace", "RollBack", "Snapshot", "Restore", "Steps")


@pytest.mark.parametrize(
    ("text", "named"),
    [("", []), ("3", [3]), ("0-2", [0, 1, 2]), ("0-1,7,4-5,5,5", [0, 1, 4, 5, 7]), ("9-7", [])],
)
def test_ordinals_are_read(text: str, named: list[int]) -> None:
    """Ranges and single ordinals, each once and in order; a range that falls has nothing in it."""
    assert [each for part in ordinals.parse(text) for each in part] == named


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(0, 70))
def test_lists_of_ordinals_are_sets(one: set[int], other: set[int], start: int) -> None:
    """Joined and taken away they name what sets would, and so do those that are open at the end."""
    first, second = ordinals.render(one), ordinals.render(other)
    every = range(100)

    def named(text: str) -> set[int]:
        return {each for each in every if ordinals.contains(text, each)}

    assert named(ordinals.union(first, second)) == one | other
    assert named(ordinals.without(first, second)) == one - other
    assert ordinals.overlap(first, second) == bool(one & other)
    beyond = {each for each in every if each >= start}
    assert ordinals.overlap(f"{start}-", second) == any(each >= start for each in other)
    assert named(ordinals.union(first, f"{start}-")) == one | beyond
    assert named(ordinals.without(f"{start}-", second)) == beyond - other
    assert ordinals.without(ordinals.union(first, ordinals.ALL), ordinals.ALL) == ""


@given(st.sets(st.integers(0, 500)))
def test_ordinals_are_written_so_that_they_can_be_read(ordinals: set[int]) -> None:
    """What is recorded is recalled, all of it and in order."""
    keys = [("web", each) for each in sorted(ordinals)]
    assert list(targets.recall(targets.record(keys))) == keys


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ({}, {}, True),
        ({"servers": "0-4"}, {"servers": "4"}, True),
        ({"servers": "0-4"}, {"servers": "5-9"}, False),
        ({"servers": "0-4"}, {}, True),
        ({"components": ["a"]}, {"components": ["b"]}, False),
        ({"components": ["a"]}, {"components": ["b", "a"]}, True),
        ({"components": ["a"], "servers": "1"}, {"servers": "2"}, False),
        ({"application": "shop"}, {"application": "other"}, False),
    ],
)
def test_operations_meet(one: dict[str, Any], other: dict[str, Any], *, meet: bool) -> None:
    """Two operations meet if they could ever be about the same server."""
    base = {"application": "shop", "action": "Restart"}
    pair = [msgspec.convert({**base, **each}, objects.OperationSpec) for each in (one, other)]
    assert targets.meet(*pair) is meet
    assert targets.meet(*reversed(pair)) is meet


def test_the_table_of_verbs_is_complete_and_symmetric() -> None:
    """Every verb has its row, and two verbs commute both ways or not at all."""
    assert set(conflicts.COMMUTES) == set(VERBS)
    for one, other in itertools.product(VERBS, VERBS):
        assert (other in conflicts.COMMUTES[one]) == (one in conflicts.COMMUTES[other])
    idempotent = {verb for verb in VERBS if verb in conflicts.COMMUTES[verb]}
    assert idempotent == {"Start", "Stop", "Snapshot"}


def test_operations_of_the_same_second_take_turns_by_name() -> None:
    """Ties in creation time are broken by name, so two never wait for each other."""
    stage = Stage(2)
    one, other = stage.submit("a", "Restart"), stage.submit("b", "Replace")
    assert conflicts.turn(one, [other], {}).behind == ()
    assert conflicts.turn(other, [one], {}).behind == (one,)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(SERVER)", "shop-web-0"),
        ("a $(APPLICATION)/$(COMPONENT)/$(SERVER_ORDINAL) b", "a shop/web/0 b"),
        ("$(version)", "1; rm -rf /"),
        ("$$(SERVER)", "$(SERVER)"),
        ("$(UNKNOWN) $SERVER $()", "$(UNKNOWN) $SERVER $()"),
        ("$(nested)", "$(SERVER)"),
    ],
)
def test_variables_are_replaced_once_and_stay_one_argument(text: str, result: str) -> None:
    """No shell reads them: whatever a value holds, it stays in its argument, unread."""
    operation = Stage(0).submit(
        "go", "Restart", parameters={"version": "1; rm -rf /", "nested": "$(SERVER)"}
    )
    values = steps.variables(operation, make())
    command = {"command": ["run", text], "detached": True}
    expected = {"command": ["run", result], "detached": True}
    assert steps.substitute(command, values) == expected


def bomb(times: int) -> list[dict[str, Any]]:
    """Return a step whose arguments name a parameter so often, sixty in all."""
    act = {"command": ["run", *["$(x)" * times] * 60]}
    return [{"name": "grow", "exec": act, "timeoutSeconds": 60, "scope": "EachServer"}]


def test_no_step_is_made_that_parameters_let_grow_without_bound() -> None:
    """An operation whose steps would fill the operator's memory fails, and says which step."""
    stage, x = Stage(1), "x" * 4096
    stage.submit("fits", "Steps", steps=bomb(1), parameters={"x": x})
    stage.until(lambda: any(each.spec.task for each in stage.servers.values()))
    stage = Stage(1)
    tracemalloc.start()
    stage.submit("bomb", "Steps", steps=bomb(1000), parameters={"x": x})
    stage.until(lambda: stage.ended("bomb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000  # a fifth of the arguments with the parameter in place
    told = conditions.find(stage.operations["bomb"].status.conditions, ConditionType.SUCCEEDED)
    assert told is not None
    assert (told.status, told.reason) == ("False", Reason.FAILED)
    assert told.message.startswith("Step grow may have 262144 characters")


def test_a_retry_may_not_let_a_step_grow_either() -> None:
    """Its parameters count where the run that it begins has them."""
    operation = Stage(0).submit("go", "Steps", steps=bomb(1000), parameters={"x": "1"})
    assert not steps.too_long(operation)
    status = msgspec.structs.replace(operation.status, run="2", parameters={"x": "x" * 4096})
    assert steps.too_long(msgspec.structs.replace(operation, status=status)) == "grow"


@given(
    st.recursive(
        st.sampled_from(["", "$(x)", "$$(x)", "a$(SERVER)b", "$(y)$(x)", "$"]) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner),
    )
)
def test_the_length_of_a_step_is_counted_as_it_is_made(value: Any) -> None:
    """Without making it: all texts, and the names of fields, with what replaces the variables."""
    values = {"x": "12345", "SERVER": "web-0"}

    def count(made: Any) -> int:
        if isinstance(made, dict):
            return sum(len(name) + count(each) for name, each in made.items())
        if isinstance(made, list):
            return sum(map(count, made))
        return len(made) if isinstance(made, str) else 0

    assert steps._length(value, values) == count(steps.substitute(value, values))


def test_a_run_keeps_the_parameters_that_it_began_with() -> None:
    """The parameters of the retry that began the run win; those of the next one wait for it."""
    retry = {"id": "3", "parameters": {"a": "next"}}
    operation = Stage(0).submit("go", "Restart", parameters={"a": "1", "b": "2"}, retry=retry)
    assert steps.arguments(operation) == {"a": "1", "b": "2"}
    begun = msgspec.structs.replace(operation.status, run="2", parameters={"a": "new"})
    retried = msgspec.structs.replace(operation, status=begun)
    assert steps.arguments(retried) == {"a": "new", "b": "2"}


def test_a_run_begun_before_its_parameters_were_recorded_has_those_of_its_retry() -> None:
    """An operation that an earlier release retried goes on with that retry's parameters."""
    retry = {"id": "2", "parameters": {"a": "new"}}
    operation = Stage(0).submit("go", "Restart", parameters={"a": "1", "b": "2"}, retry=retry)
    begun = msgspec.structs.replace(operation.status, run="2")
    retried = msgspec.structs.replace(operation, status=begun)
    assert steps.arguments(retried) == {"a": "new", "b": "2"}


@pytest.mark.parametrize(
    ("address", "url", "result"),
    [
        ("10.0.0.1", "http://$(SERVER_ADDRESS):80/x", "http://10.0.0.1:80/x"),
        ("fd00::1", "http://$(SERVER_ADDRESS):80/x", "http://[fd00::1]:80/x"),
        ("fd00::1", "http://[$(SERVER_ADDRESS)]/x", "http://[fd00::1]/x"),
    ],
)
def test_an_ipv6_address_stands_in_brackets_in_urls(address: str, url: str, result: str) -> None:
    """The server's address makes a URL that leads there, whichever kind of address it is."""
    step = {"name": "call", "http": {"url": url}}
    operation = Stage(0).submit("go", "Steps", steps=[step])
    server = make()
    provider = objects.ProviderStatus(id="x", addresses=(address,))
    status = msgspec.structs.replace(server.status, provider=provider)
    found = steps.Assignment(
        operation=operation, run="0", step=steps.of(operation)[0], passed=(), now=0.0
    )
    task, _ = steps.resolve(found, msgspec.structs.replace(server, status=status))
    assert msgspec.json.decode(bytes(task.parameters))["http"]["url"] == result


@pytest.mark.parametrize(("asked", "counts"), [(99, True), (100, False), (101, False)])
def test_what_was_in_the_making_before_an_operation_counts_for_none(
    asked: int, *, counts: bool
) -> None:
    """An instance from before may have read what the operation is about; equal times prove nothing.

    The server says since when it is not Ready, and its new instance is younger than that.
    """
    plain = make()
    unready = conditions.Condition(
        type="Ready", status="False", reason="Pending", last_transition_time=clock.stamp(100)
    )
    server = msgspec.structs.replace(
        plain,
        spec=msgspec.structs.replace(plain.spec, incarnation=2),
        status=msgspec.structs.replace(plain.status, incarnation=1, conditions=(unready,)),
    )
    operation = Stage(0).submit("go", "Restart")
    meta = msgspec.structs.replace(operation.metadata, creation_timestamp=clock.stamp(asked))
    operation = msgspec.structs.replace(operation, metadata=meta)
    assert steps.is_in_the_making(server, operation) == counts


@pytest.mark.parametrize(("scope", "keys"), [("Once", 1), ("Component", 2), ("Server", 0)], ids=str)
def test_a_job_that_is_run_once_is_known_by_its_step(scope: str, keys: int) -> None:
    """Whichever server carries it has the same Job: it is the operation's, in that run."""
    step = {"name": "migrate", "scope": scope, "job": {"template": {}}}
    operation = Stage(0).submit("go", "Steps", steps=[step])

    def key_of(server: objects.Server, run: str = "0") -> str:
        found = steps.Assignment(
            operation=operation, run=run, step=steps.of(operation)[0], passed=(), now=0.0
        )
        task, _ = steps.resolve(found, server)
        return str(msgspec.json.decode(bytes(task.parameters)).get("jobKey", ""))

    plain = make()
    servers = [
        msgspec.structs.replace(
            plain, spec=msgspec.structs.replace(plain.spec, component=part, ordinal=ordinal)
        )
        for part in ("db", "web")
        for ordinal in range(2)
    ]
    assert len({key_of(each) for each in servers} - {""}) == keys
    if keys:
        assert key_of(plain) != key_of(plain, run="again")


JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_difference_patches_the_one_into_the_other(before: Any, after: Any) -> None:
    """Merging the difference gives exactly what was wanted, stale keys gone."""
    assert merge_patch.merge(before, merge_patch.difference(before, after)) == after


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_as_the_standard_has_it(target: Any, patch: Any, result: Any) -> None:
    """The cases of RFC 7386."""
    assert merge_patch.merge(target, patch) == result


def test_backoff_grows_is_bounded_and_differs_between_servers() -> None:
    """Exponential up to its bound, spread by a jitter that is the same each time one asks."""
    plain = objects.Backoff(initial_seconds=1, factor=2, max_seconds=10, jitter_percent=0)
    assert [backoffs.delay(plain, n, "u") for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    spread = msgspec.structs.replace(plain, jitter_percent=20)
    waits = [backoffs.delay(spread, 3, f"u{n}") for n in range(50)]
    assert waits == [backoffs.delay(spread, 3, f"u{n}") for n in range(50)]
    assert len(set(waits)) > 40
    assert all(3.2 <= each <= 4.8 for each in waits)


def test_a_trial_of_a_closed_fleet_writes_no_status() -> None:
    """Each trial moves the time of the next one; what is told of the fleet stands meanwhile."""
    began = 1_700_000_000.0
    operation = objects.Operation(
        metadata=objects.Meta(name="go", namespace="d"),
        spec=objects.OperationSpec(application="shop", action="Restart"),
    )

    def told(found: objects.Operation, now: float, again: float) -> objects.OperationStatus:
        blocked = Blocked(
            object="Fleet/west", reason="CircuitOpen", message="Calls fail.",
            since=clock.stamp(now), next_attempt_time=clock.stamp(again),
        )  # fmt: skip
        word = summary.Word(reason=Reason.CIRCUIT_OPEN, message="Calls fail.", blocked=(blocked,))
        return summary.tell(found, word, now)

    first = told(operation, began, began + 10)
    later = msgspec.structs.replace(operation, status=first)
    assert told(later, began + 10, began + 30) == first
