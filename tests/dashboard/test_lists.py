"""Long lists in short: what stands on a page, and what is counted."""

from __future__ import annotations

import dataclasses

from controller.dashboard import lists
from controller.presentation import pictures
from controller.presentation.pictures import ComponentPicture, ServerPicture


def server(ordinal: int, state: str = pictures.READY) -> ServerPicture:
    """Return a server of one of two zones."""
    return ServerPicture(
        name=f"shop-web-{ordinal}", short=f"web-{ordinal}", ordinal=ordinal, state=state,
        reason="", message="", since="", zone=f"z{ordinal % 2}", domain="", addresses=(),
        revision="r", held=False, task="",
    )  # fmt: skip


def component(*servers: ServerPicture) -> ComponentPicture:
    """Return a component of these servers."""
    count = len(servers)
    states = {each.state: sum(s.state == each.state for s in servers) for each in servers}
    return ComponentPicture(
        name="web", server_set="shop-web", desired=count, current=count, updated=count,
        available=count, failed=0, revision="r", reason="", message="", states=states,
        servers=servers,
    )  # fmt: skip


def test_few_servers_stand_on_one_page_those_in_trouble_first() -> None:
    """Then by number; nothing is counted that can be seen."""
    found = lists.servers(component(server(0), server(1), server(2, pictures.FAILED)))
    assert [each.ordinal for each in found.shown] == [2, 0, 1]
    assert (found.pages, found.strips) == (1, ())


def test_many_servers_are_counted_by_domain_and_paged() -> None:
    """The counts are of all of them, whatever the page."""
    many = [
        server(each, pictures.UNREADY if each == 299 else pictures.READY) for each in range(301)
    ]
    first = lists.servers(component(*many))
    assert (first.pages, len(first.shown), first.shown[0].ordinal) == (4, 100, 299)
    assert [(each.zone, each.states) for each in first.strips] == [
        ("z0", {"ready": 151}),
        ("z1", {"ready": 149, "unready": 1}),
    ]
    last = lists.servers(component(*many), page=99)
    assert (last.number, len(last.shown)) == (4, 1)


def test_a_filter_leaves_the_counts_and_pages_what_fits() -> None:
    """State and domain narrow what is listed, not what is counted."""
    many = [server(each) for each in range(300)]
    found = lists.servers(component(*many), state="ready", zone="z1")
    assert (found.total, found.pages) == (150, 2)
    assert {each.zone for each in found.shown} == {"z1"}
    assert sum(each.states["ready"] for each in found.strips) == 300
    assert lists.servers(component(*many), state="failed").total == 0


def test_applications_are_filtered_by_name_namespace_and_state() -> None:
    """Each that is given must fit; what is not given fits all."""
    chosen = lists.Filter.of({"q": " Sho ", "namespace": "prod", "state": "ready", "label": "a=b"})
    assert chosen == lists.Filter(namespace="prod", state="ready", label="a=b", text="sho")
    picture = pictures.ApplicationPicture(
        namespace="prod", name="shop", ready="True", reason="", message="", stalled=False,
        paused=False, deleting=False, fleet="", desired=0, available=0, updated=0, failed=0,
        age_seconds=0, since="", components=(), operations=(), waits=(),
    )  # fmt: skip
    assert chosen.holds(picture)
    assert lists.Filter().holds(picture)
    for other in ({"name": "bank"}, {"namespace": "test"}, {"ready": "Unknown"}):
        assert not chosen.holds(dataclasses.replace(picture, **other))  # type: ignore[arg-type]


def test_pages_are_kept_for_whoever_asks_next_and_not_for_made_up_addresses() -> None:
    """The same question has the same answer, a new picture a new one, and memory is bounded."""
    shelf, many = lists.Shelf(), component(*(server(each) for each in range(300)))
    wanted = lists.Wanted(zone="z1")
    first = shelf.servers(many, wanted)
    assert shelf.servers(many, lists.Wanted(zone="z1")) is first
    assert shelf.servers(dataclasses.replace(many), wanted) is not first
    for number in range(3 * lists.MOST_KNOWN):
        assert shelf.servers(many, lists.Wanted(zone=f"made-up-{number}")).total == 0
    assert len(shelf._known) <= lists.MOST_KNOWN
