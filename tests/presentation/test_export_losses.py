"""Everything that an application can say is either carried by a StatefulSet or told as lost."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from controller.api.application import ApplicationSpec
from controller.api.component import Component
from controller.presentation import export_losses, translation
from controller.presentation.export_losses import Lost

Json = dict[str, Any]
OWN = {
    **dict.fromkeys(export_losses.CARRIED | export_losses.FORBIDS),
    **export_losses.LOST,
}
OF_COMPONENTS = {
    **dict.fromkeys(export_losses.CARRIED_OF_COMPONENTS | export_losses.FORBIDS_OF_COMPONENTS),
    **export_losses.LOST_OF_COMPONENTS,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """A field at the end of a path, or one that a table names as a whole."""

    path: str
    default: Any


def models(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    """Yield the models that a field is made of, whatever stands around them."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
        return
    for each in typing.get_args(annotation):
        yield from models(each)


def fields(model: type[pydantic.BaseModel], known: Json, before: str = "") -> Iterator[Field]:
    """Yield every field of a model, and of those inside it; no further than a table's path."""
    for name, field in model.model_fields.items():
        path = f"{before}{field.alias or name}"
        inside = [] if path in known else list(models(field.annotation))
        for each in inside:
            yield from fields(each, known, f"{path}.")
        if not inside:
            yield Field(path=path, default=field.get_default(call_default_factory=True))


@pytest.mark.parametrize(
    ("model", "known"), [(ApplicationSpec, OWN), (Component, OF_COMPONENTS)], ids=["own", "part"]
)
def test_each_field_is_carried_or_told(model: type[pydantic.BaseModel], known: Json) -> None:
    """A field that is added to the API belongs into a table; none is there that is not in the API.

    And what a table takes for the default is what the API server writes there.
    """
    found = {each.path: each for each in fields(model, known)}
    assert set(found) == set(known)
    for path, lost in known.items():
        if isinstance(lost, Lost):
            assert found[path].default == lost.default, path


def put(path: str, value: Any) -> Json:
    """Return what has but this field."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def application(part: Json, spec: Json | None = None) -> Json:
    """Return an application of three servers."""
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}}
    component = {"name": "db", "replicas": 3, "template": template, **part}
    return {"metadata": {"name": "shop"}, "spec": {"components": [component], **(spec or {})}}


# No value of the schema, as what is not the default is told whatever it is.
OTHER = {"other": "than the default"}


def others(lost: Lost) -> list[Any]:
    """Return values that are not the default."""
    match lost.default:
        case bool():
            return [not lost.default]
        case int():
            return [lost.default + 1]
        case str():
            return ["other"]
        case _:
            return [OTHER, [OTHER], 7]


@pytest.mark.parametrize("path", sorted(export_losses.LOST_OF_COMPONENTS))
def test_what_somebody_chose_is_told(path: str) -> None:
    """Each by its path, with what becomes of it; the default is not."""
    lost = export_losses.LOST_OF_COMPONENTS[path]
    chosen = ["50%", 2] if path == "rollout.maxUnavailable" else others(lost)
    for value in chosen:
        told = translation.stateful_sets_of(application(put(path, value)), {"db": 5})
        (said,) = told.losses
        assert said.startswith(f"shop-db: {path}: ")
        assert said.endswith(lost.words)
    told = translation.stateful_sets_of(application(put(path, lost.default)), {"db": 5})
    assert not told.losses


@pytest.mark.parametrize("path", sorted(export_losses.LOST))
def test_what_somebody_chose_of_the_application_is_told(path: str) -> None:
    """How it is deleted, above all."""
    lost = export_losses.LOST[path]
    for value in others(lost):
        told = translation.stateful_sets_of(application({}, put(path, value)), {"db": 3})
        (said,) = told.losses
        assert said.startswith(f"{path}: ")
    told = translation.stateful_sets_of(application({}, put(path, lost.default)), {"db": 3})
    assert not told.losses


@pytest.mark.parametrize(
    "part",
    [
        {"rollout": {"maxUnavailable": 1}},
        {"rollout": {"maxUnavailable": "34%"}},
        {"rollout": {"strategy": "OnDelete"}},
        {"rollout": {"evictions": "Ignore"}},
        {"rollout": {"minReadySeconds": 9, "progressDeadlineSeconds": 609}},
        {"service": {"name": "db", "type": "None"}},
        {"start": "Ordered", "ordinals": {"start": 5}},
    ],
)
def test_what_a_stateful_set_does_as_well_is_no_loss(part: Json) -> None:
    """Whatever `import` writes goes back without consent."""
    assert not translation.stateful_sets_of(application(part), {"db": 3}).losses


def test_an_image_from_source_and_another_fleet_forbid_it() -> None:
    """The template may name another image than runs: all pods would be replaced."""
    told = translation.stateful_sets_of(application({"source": {"git": "x"}}), {"db": 3})
    assert any("built from source" in each for each in told.problems)
    told = translation.stateful_sets_of(application({}, {"fleet": "machines"}), {"db": 3})
    assert any("the fleet machines" in each for each in told.problems)


def test_a_budget_that_goes_is_worth_a_word() -> None:
    """No consent is asked for it, as every export comes to it; without evictions there is none."""
    told = translation.stateful_sets_of(application({}), {"db": 3})
    assert told.notes == ("shop-db: the PodDisruptionBudget that Argosy kept goes",)
    ignored = application({"rollout": {"evictions": "Ignore"}})
    assert not translation.stateful_sets_of(ignored, {"db": 3}).notes
