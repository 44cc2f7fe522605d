"""Long lists in short: what stands on a page, and what is counted."""

from __future__ import annotations

import dataclasses

import pytest

from controller.dashboard import lists
from controller.presentation import pictures, strips
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
    found = lists.servers(
        component(server(0), server(1), server(2, pictures.FAILED)), lists.WantedServers()
    )
    assert [each.ordinal for each in found.shown] == [2, 0, 1]
    assert (found.pages, found.strips) == (1, ())


def test_many_servers_are_counted_by_domain_and_paged() -> None:
    """The counts are of all of them, whatever the page."""
    many = [
        server(each, pictures.UNREADY if each == 299 else pictures.READY) for each in range(301)
    ]
    first = lists.servers(component(*many), lists.WantedServers())
    assert (first.pages, len(first.shown), first.shown[0].ordinal) == (4, 100, 299)
    assert [(each.zone, each.states) for each in first.strips] == [
        ("z0", {"ready": 151}),
        ("z1", {"ready": 149, "unready": 1}),
    ]
    last = lists.servers(component(*many), lists.WantedServers(page=99))
    assert (last.number, len(last.shown)) == (4, 1)


def test_a_filter_leaves_the_counts_and_pages_what_fits() -> None:
    """State and domain narrow what is listed, not what is counted."""
    many = [server(each) for each in range(300)]
    found = lists.servers(component(*many), lists.WantedServers(state="ready", zone="z1"))
    assert (found.total, found.pages) == (150, 2)
    assert {each.zone for each in found.shown} == {"z1"}
    assert sum(each.states["ready"] for each in found.strips) == 300
    assert lists.servers(component(*many), lists.WantedServers(state="failed")).total == 0


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


def test_what_is_drawn_is_kept_for_whoever_asks_next_and_not_for_made_up_addresses() -> None:
    """The same question has the same answer, a new picture a new one, and memory is bounded."""
    shelf, many = lists.Shelf(), component(*(server(each) for each in range(300)))
    drawn: list[lists.ShownServers] = []

    def draw(found: lists.ShownServers) -> str:
        drawn.append(found)
        return f"drawing {len(drawn)}"

    assert shelf.drawn(many, lists.WantedServers(zone="z1"), draw) == "drawing 1"
    assert shelf.drawn(many, lists.WantedServers(zone="z1"), draw) == "drawing 1"
    assert (
        shelf.drawn(dataclasses.replace(many), lists.WantedServers(zone="z1"), draw) == "drawing 2"
    )
    for number in range(3 * lists.MOST_KNOWN):
        shelf.drawn(many, lists.WantedServers(zone=f"made-up-{number}"), draw)
    assert len(shelf._known) <= lists.MOST_KNOWN


def test_components_share_the_rows_of_a_page() -> None:
    """Few servers all stand there; of many, however they are divided, no more than on one page."""
    few = component(*(server(each) for each in range(100)))
    many = component(*(server(each) for each in range(5000)))
    assert lists.rows([few, few]) == strips.MOST_AT_ONCE
    assert lists.rows([many]) == lists.PAGE
    for count in (2, 3, 20, 400):
        assert count * lists.rows([many] * count) <= max(lists.PAGE, count)
    assert lists.servers(few, lists.WantedServers(rows=strips.MOST_AT_ONCE)).strips == ()
    found = lists.servers(many, lists.WantedServers(rows=5))
    assert (len(found.shown), found.total, found.pages) == (5, 5000, 1000)
    assert sum(count for each in found.strips for count in each.states.values()) == 5000


def test_of_too_many_failure_domains_those_with_trouble_are_counted() -> None:
    """A domain a node: the ones in which something has failed stand first, the rest are told."""
    servers = [dataclasses.replace(server(each), zone=f"node-{each:04}") for each in range(300)]
    servers[299] = dataclasses.replace(servers[299], state=pictures.FAILED)
    found = lists.servers(component(*servers), lists.WantedServers())
    assert found.strips[0] == strips.Strip(zone="node-0299", states={pictures.FAILED: 1})
    assert len(found.strips) == strips.MOST_STRIPS
    assert found.more_strips == 300 - strips.MOST_STRIPS


@pytest.mark.parametrize(
    ("asked", "shown"),
    [(1, (0, 99)), (3, (200, 249)), (0, (0, 99)), (-5, (0, 99)), (9, (200, 249))],
)
def test_a_page_is_the_nearest_there_is(asked: int, shown: tuple[int, int]) -> None:
    """Whoever follows an old link to a page that is gone sees the last one."""
    found = lists.page(range(250), asked)
    assert (found.items[0], found.items[-1]) == shown
    assert (found.pages, found.total) == (3, 250)
    assert lists.page((), asked) == lists.NumberedPage(items=(), number=1, pages=1, total=0)


@pytest.mark.parametrize("text", ["", "x", "-1", "1e3", "٣", "9" * 4301, "1.5", " 1"])
def test_a_number_that_is_none_is_the_first_page(text: str) -> None:
    """Whatever an address says, a page is shown."""
    assert lists.number(text) == 1
    assert lists.number("12") == 12
