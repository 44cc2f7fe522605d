"""The history of an application: which revisions there are, and what their marks say."""

from __future__ import annotations

import msgspec
import pytest

from controller.api import names, objects
from controller.kinds.revisions import rejection
from controller.kinds.revisions.rejection import Rejection
from controller.presentation import problems, revisions
from controller.presentation.revisions import Revision

NOW = 1_700_000_000.0
OWNER = objects.OwnerReference(
    api_version=names.API_VERSION, kind="Application", name="shop", uid="u", controller=True
)


def stored(
    component: str, number: int, mark: Rejection | None = None
) -> objects.ControllerRevision:
    """Return a revision as the API server has it, marked by the planner's own patch."""
    made = objects.ControllerRevision(
        metadata=objects.Meta(
            name=f"shop-{component}-r{number}",
            namespace="prod",
            labels={names.COMPONENT_LABEL: component, names.REVISION_LABEL: f"r{number}"},
            owner_references=(OWNER,),
        ),
        revision=number,
        data=msgspec.Raw(b'{"template":{"spec":{"containers":[{"image":"app:%d"}]}}}' % number),
    )
    if mark is None:
        return made
    annotations = rejection.reject(made, mark).body["metadata"]["annotations"]
    meta = msgspec.structs.replace(made.metadata, annotations=annotations)
    return msgspec.structs.replace(made, metadata=meta)


def told(*found: objects.ControllerRevision) -> list[Revision]:
    """Return the history of a shop that has these revisions, and should run number 2."""
    shop = objects.Application(
        metadata=objects.Meta(name="shop", namespace="prod", uid="u"),
        spec=objects.ApplicationSpec(components=(objects.Component(name="web"),)),
        status=objects.ApplicationStatus(
            components=(objects.ComponentStatus(name="web", revision="r2"),)
        ),
    )
    return revisions.revisions(shop, found, (), "", NOW)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (Rejection(reason="RollBack"), "RollBack"),
        (Rejection(reason="Stalled", component="web", revision="r3"), "Stalled"),
        (Rejection(reason="Stalled", component="web", revision="r3", fallback="r1"), "Stalled"),
        (Rejection(reason="Stalled", component="db", revision="r9"), "Stalled of db r9"),
        (None, ""),
    ],
)
def test_a_mark_is_read_as_it_is_written(mark: Rejection | None, said: str) -> None:
    """Whatever the planner writes on a revision, the history says why, and whose failure it was."""
    (found,) = told(stored("web", 3, mark))
    assert found.rejected == said


@pytest.mark.parametrize(
    "data",
    [b"null", b"[1]", b'"x"', b'{"template":[]}', b'{"template":{"spec":{"containers":[3]}}}'],
)
def test_a_record_that_makes_no_sense_is_told_as_it_is(data: bytes) -> None:
    """Whoever may write records cannot keep anybody from reading the history."""
    odd = msgspec.structs.replace(stored("web", 3), data=msgspec.Raw(data))
    (found,) = told(odd)
    assert (found.number, found.images) == (3, ())


def test_the_newest_comes_first_and_what_is_not_the_applications_not_at_all() -> None:
    """Revisions are told by component and number; the target is the one that should run."""
    foreign = msgspec.structs.replace(stored("web", 9), metadata=objects.Meta(name="foreign"))
    found = told(stored("web", 1), foreign, stored("web", 2), stored("db", 1))
    assert [(each.component, each.number, each.target) for each in found] == [
        ("db", 1, False),
        ("web", 2, True),
        ("web", 1, False),
    ]
    assert found[1].images == ("app:2",)


def test_a_revision_is_compared_with_the_one_before_or_with_the_one_that_is_asked_for() -> None:
    """Without a name it is the one before the target; one that is unknown is refused."""
    found = told(*(stored("web", each) for each in (1, 2, 3)))
    (before,) = revisions.compare(found, "")
    assert (before.now.number, before.other and before.other.number) == (2, 1)
    (named,) = revisions.compare(found, "r3")
    assert "+    - image: app:2" in [*named.lines()]
    with pytest.raises(problems.UsageError, match="r3, r2, r1"):
        revisions.compare(found, "r7")
    (alone,) = revisions.compare(found[2:], "")
    assert alone.other is None
    assert not [*alone.lines()]
