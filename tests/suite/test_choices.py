"""Words by which decisions are made are members of closed lists, and the API server has the same.

Such a word that is misspelt where it is compared decides nothing, and no type tells: a view's field
is a plain text.
"""

from __future__ import annotations

import ast
import enum
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pydantic
import pytest
from pydantic import alias_generators

from controller.api import (
    application,
    choices,
    component,
    fleet,
    operation,
    policies,
    server,
    serverset,
    service,
    source,
    step,
)
from controller.planning import circuit
from controller.providers.openstack import settings
from tests.suite import literals

Field = tuple[type[pydantic.BaseModel], str]
# The lists, each with the fields of models that take its words.
FIELDS: Mapping[type[enum.StrEnum], tuple[Field, ...]] = {
    choices.Power: ((server.ServerSpec, "power"),),
    choices.UpdateStrategy: ((policies.Rollout, "strategy"),),
    choices.TaskState: ((server.TaskStatus, "state"),),
    choices.Action: ((operation.OperationSpec, "action"),),
    choices.StepScope: ((step.Step, "scope"),),
    choices.TurnOrder: ((operation.OperationSpec, "order"),),
    choices.OnFailure: ((operation.OperationSpec, "on_failure"),),
    choices.OnUnknown: ((step.Step, "on_unknown"),),
    choices.Start: ((component.Component, "start"), (serverset.ServerSetSpec, "start")),
    choices.DeletionOrder: ((policies.Deletion, "order"),),
    choices.DeletionTimeout: ((policies.Deletion, "on_timeout"),),
    choices.Evictions: ((policies.Rollout, "evictions"),),
    choices.InPlace: (
        (policies.Rollout, "in_place"),
        (settings.OpenstackSettings, "rebuild"),
        (settings.OpenstackSettings, "resize"),
    ),
    choices.RunPolicyName: ((source.Source, "run_policy"),),
    choices.OnDeadline: ((policies.Rollout, "on_deadline"),),
    choices.OnBudgetSpent: ((policies.Recovery, "on_budget_spent"),),
    choices.HeldTogether: ((policies.Remediation, "per"),),
    choices.ClaimRetention: (
        (policies.VolumeClaim, "when_scaled"),
        (policies.VolumeClaim, "when_deleted"),
    ),
    choices.Management: ((application.ApplicationSpec, "management"),),
    choices.ServiceType: ((service.ComponentService, "type"),),
    choices.DomainState: ((fleet.FailureDomain, "state"),),
    circuit.CircuitState: ((fleet.FleetStatus, "circuit"),),
}
# Lists of which no model tells the words: fields hold more, or are of kinds that others own.
OTHERS = {choices.ErrorClass, choices.StepKind}
# What carries such words beside: a condition's `type`, a kind's `verdict`, a pod's `phase`, the
# class of an error.
NAMES = {name for fields in FIELDS.values() for _, name in fields} | {
    "class_",
    "condition_type",
    "error_class",
    "phase",
    "verdict",
}
# Names that code uses for other things, too: of these, only fields and keywords are looked at.
COMMON = {"action", "class_", "order", "per", "phase", "start", "state", "verdict"}
# Permissions and installs have another `scope`, and say in words how wide it is.
UNSEARCHED = {"scope"}
SEARCHED = frozenset(NAMES - UNSEARCHED)
PLAIN = SEARCHED - COMMON
CARRIERS = literals.Carriers(
    names=SEARCHED, plain=PLAIN | {alias_generators.to_camel(each) for each in PLAIN}
)
# Carried by such names, and no words that a decision of ours is made by.
MEANT = {
    **dict.fromkeys(("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"), "types of a watch"),
    **dict.fromkeys(("Normal", "Warning"), "types of an Event"),
    "append": "what a parser does with an option",
    "RuntimeDefault": "the type of a pod's seccomp profile",
    "sorted": "the order in which JSON is encoded",
}


def words(annotation: Any) -> Iterator[str]:
    """Yield the words that a field of a model takes."""
    if typing.get_origin(annotation) is Literal:
        yield from typing.get_args(annotation)
    else:
        for each in typing.get_args(annotation):
            yield from words(each)


def found(code: str) -> list[str]:
    """Return the words that a piece of code writes out."""
    tree = ast.parse(code)
    return [ast.unparse(each) for each in literals.literals(tree, "", CARRIERS)]


@pytest.mark.parametrize(
    "code",
    [
        "server.spec.power != 'A'",
        "told.power == wanted.power == 'A'",
        "power in {'A'}",
        "after['power'] == 'A'",
        "after.get('power', '') == 'A'",
        "objects.ServerStatus(power='A')",
        "{'power': 'A' if stopped else Power.RUNNING}",
        "power: str = 'A'",
        "power = 'A' if stopped else told.power",
        "told['power'] = 'A'",
        "def settle(power: str = 'A') -> None: ...",
        "def settle(*, power: str = 'A') -> None: ...",
        "def _power(seen: Seen) -> str:\n    return 'A'",
        "match told.power:\n    case 'A':\n        pass",
        "each.type == 'A' and each.status == status",
        "Condition(type='A')",
        "conditions.find(told, 'A')",
        "conditions.is_true(told, 'A')",
        "Place(kind=kind, verdict='A')",
        "pod.status.phase in {'A'}",
        "{'whenScaled': told.get('whenScaled') or 'A'}",
        "objects.LastError(class_=seen.error_class or 'A')",
        "tasks.Outcome(task=act.task, state='A')",
    ],
)
def test_a_word_that_is_written_out_would_be_found(code: str) -> None:
    """The search below sees each way of writing such a word out."""
    assert found(code) == ["'A'"]


def test_members_and_other_words_are_not_found() -> None:
    """The search below finds no member of a list, and no word that is about something else."""
    assert not found("told.power == Power.RUNNING and told.name == 'A' and not told.power == ''")
    assert not found("{'phase': 'A', 'power': Power.STOPPED}")


@pytest.mark.parametrize(
    ("listed", "model", "name"),
    [(listed, *field) for listed, fields in FIELDS.items() for field in fields],
    ids=str,
)
def test_the_api_server_takes_the_words_of_the_list(
    listed: type[enum.StrEnum], model: type[pydantic.BaseModel], name: str
) -> None:
    """A word that is in one of the two alone could never be decided by, or never be written."""
    assert set(words(model.model_fields[name].annotation)) == set(listed)


def test_no_word_of_a_list_is_a_literal_text() -> None:
    """A word that decides is a member of its list, wherever it is given or compared with."""
    wrong = [
        f"{path.relative_to(literals.CONTROLLER.parent)}:{each.lineno}: {ast.unparse(each)}"
        for path in literals.modules()
        # Settings of providers are models, too.
        if path.parent.name not in ("api", "views") and path.stem != "settings"
        for each in literals.literals(ast.parse(path.read_text()), path.stem, CARRIERS)
        if not (isinstance(each, ast.Constant) and each.value in MEANT)
    ]
    assert wrong == []


def test_every_list_is_known() -> None:
    """No list stands beside the models without anybody comparing the two."""
    listed = {
        each
        for each in vars(choices).values()
        if isinstance(each, type) and issubclass(each, enum.StrEnum)
    }
    assert listed - {enum.StrEnum} == (FIELDS.keys() - {circuit.CircuitState}) | OTHERS
