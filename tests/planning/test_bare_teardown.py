"""The teardown that reads no content: whole below what goes, and let go last."""

from __future__ import annotations

from typing import Any

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning import bare_teardown
from controller.planning.caches import Index
from controller.planning.plan import Action, Delete, Patch

SETS = Index(objects.ServerSet, lambda each: each.metadata.uid)
SPEC = objects.ServerSetSpec(application="shop", component="web")
GOING = "2026-01-01T00:00:00Z"


def meta(name: str, owner: str = "", *, going: bool = False) -> objects.Meta:
    """Return the metadata of an object that another controls."""
    above = objects.OwnerReference(
        api_version="argosy.dev/v1alpha1",
        kind="Application",
        name="shop",
        uid=owner,
        controller=True,
    )
    return objects.Meta(
        name=name,
        namespace="d",
        uid=f"uid-{name}",
        resource_version="7",
        finalizers=(names.FINALIZER,),
        deletion_timestamp=GOING if going else None,
        owner_references=(above,) if owner else (),
    )


class Odd:
    """An object of which nothing but the metadata can be read."""

    def __init__(self, found: objects.Meta) -> None:
        self.metadata = found


class Caches:
    """What is below an application, some of it beyond reading."""

    def __init__(self, *, read: tuple[objects.Meta, ...], odd: tuple[objects.Meta, ...]) -> None:
        self.caches = self
        self.malformed = {("d", each.name): Odd(each) for each in odd}
        self._read = {
            ("d", each.name): objects.ServerSet(metadata=each, spec=SPEC) for each in read
        }

    def of(self, view: type[objects.Object]) -> Caches:
        """Return what is known of a view."""
        assert view is objects.ServerSet
        return self

    def by(self, _: object, uid: str) -> dict[tuple[str, str], objects.ServerSet]:
        """Return what the object of that UID controls, as far as it was ever read."""
        assert uid == "uid-shop"
        return self._read


def taken(read: tuple[objects.Meta, ...] = (), odd: tuple[objects.Meta, ...] = ()) -> list[str]:
    """Return what is done about an application that goes, each as verb and name."""
    caches: Any = Caches(read=read, odd=odd)
    take_down = bare_teardown.after(SETS, objects.Application)
    return [_said(each) for each in take_down(caches, meta("shop", going=True))]


def _said(action: Action) -> str:
    if isinstance(action, Delete):
        assert (action.resource, action.uid) == (Resource.SERVERSETS, f"uid-{action.name}")
        return f"delete {action.name}"
    assert isinstance(action, Patch)
    assert action.resource is Resource.APPLICATIONS
    return f"release {action.name}"


def test_what_goes_is_let_go_when_nothing_is_below() -> None:
    """One write, and it is gone."""
    assert taken() == ["release shop"]


def test_what_is_below_is_deleted_first() -> None:
    """What goes already is waited for: as long as anything is there, nothing is let go."""
    assert taken((meta("web", "uid-shop"), meta("db", "uid-shop", going=True))) == ["delete web"]
    assert taken((meta("db", "uid-shop", going=True),)) == []


def test_what_cannot_be_read_below_goes_too_and_is_waited_for() -> None:
    """By its owner, as the index never saw it; what another controls is left alone."""
    deep, other = meta("deep", "uid-shop"), meta("other", "uid-elsewhere")
    assert taken(odd=(deep, other)) == ["delete deep"]
    assert taken(odd=(meta("deep", "uid-shop", going=True),)) == []
    assert taken(odd=(other, meta("free"))) == ["release shop"]
