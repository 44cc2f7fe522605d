"""The table of permissions is put together from what each room says that it needs."""

from __future__ import annotations

import collections

from controller.api.permissions import Permission
from controller.api.resources import PLACES, Resource
from controller.kinds.registry import KINDS
from controller.providers import registry
from controller.wiring.permissions import PERMISSIONS


def test_a_resource_has_one_row_in_each_scope() -> None:
    """Where several rooms need something of one resource, or of one object, the row has all."""
    rows = collections.Counter(
        (each.scope, each.group, each.resource, each.names) for each in PERMISSIONS
    )
    assert set(rows.values()) == {1}


def test_the_table_has_what_each_room_asks_for() -> None:
    """No right of a kind or of a provider is lost on the way into the table, nor its reason."""
    table = {(each.scope, each.of, each.subresource): each for each in PERMISSIONS}
    for kind in KINDS:
        assert kind.rights, kind.resource
    for each in (*(right for kind in KINDS for right in kind.rights), *registry.RIGHTS):
        row = table[each.scope, each.of, each.subresource]
        assert set(each.verbs) <= set(row.verbs)
        assert each.why in row.why


def test_every_kind_may_be_read_and_told_how_it_stands() -> None:
    """Each kind asks, by itself, to watch its own objects and to write their status."""
    for kind in KINDS:
        own = [each for each in kind.rights if each.of is kind.resource]
        assert {"get", "list", "watch"} <= _verbs(own, "")
        assert "patch" in _verbs(own, "status")


def test_what_is_watched_may_be_watched() -> None:
    """Whatever a kind follows or looks up, and what providers see servers by, may be listed."""
    watched = {view for kind in KINDS for view in kind.follows} | set(registry.SEEN_BY)
    watched |= {index.view for kind in KINDS for index in kind.indexes}
    readable = {each.of for each in PERMISSIONS if {"list", "watch"} <= set(each.verbs)}
    assert {each for each, place in PLACES.items() if place.view in watched} <= readable
    assert Resource.PODS in readable


def _verbs(rows: list[Permission], subresource: str) -> set[str]:
    return {verb for each in rows if each.subresource == subresource for verb in each.verbs}
