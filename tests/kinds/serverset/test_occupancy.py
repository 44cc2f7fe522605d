"""What a namespace is asked for, and who is refused for it at apply."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api import names, objects
from controller.kinds.serverset import occupancy
from controller.planning.caches import Caches

BOUND = 10


class Known:
    """Caches that keep what a test has told."""

    def __init__(self, *sets: objects.ServerSet) -> None:
        self.asked = occupancy.Asked()
        for each in sets:
            self.asked.change(None, each)

    def kept(self, _keeper: Any) -> Any:
        """Return what is asked for."""
        return self.asked


class Parted:
    """Caches that show some parts of the work alone, but all sets."""

    def __init__(self, shown: set[int], *sets: objects.ServerSet) -> None:
        made = (occupancy.Asked(), occupancy.Present(), occupancy.Told())
        self._kept: dict[Any, Any] = {type(each): each for each in made}
        self._shown = shown
        for each in sets:
            self._kept[occupancy.Asked].change(None, each)
            self._kept[occupancy.Told].change(None, each)

    def kept(self, keeper: Any) -> Any:
        """Return what is kept."""
        return self._kept[keeper]

    def shows_all(self) -> bool:
        """Return whether every part is one of those that are shown."""
        return self._shown == set(range(names.BUCKETS))

    def shows(self, bucket: int) -> bool:
        """Return whether a part is one of those that are shown."""
        return bucket in self._shown


def a_server(application: str, ordinal: int) -> objects.Server:
    """Return a server of the component web."""
    return objects.Server(
        metadata=objects.Meta(
            name=f"{application}-web-{ordinal}", namespace="team", uid=f"{application}{ordinal}"
        ),
        spec=objects.ServerSpec(
            application=application, component="web", ordinal=ordinal, fleet="pods", revision="r1"
        ),
    )


def a_set(
    application: str, replicas: int, *, going: bool = False, there: int = 0
) -> objects.ServerSet:
    """Return a set of the component web, which says that so many of its servers are there."""
    meta = objects.Meta(
        name=f"{application}-web",
        namespace="team",
        uid=application,
        deletion_timestamp="2026-01-01T00:00:00Z" if going else None,
    )
    spec = objects.ServerSetSpec(
        application=application, component="web", fleet="pods", revision="r1", replicas=replicas
    )
    status = objects.ServerSetStatus(replicas=there)
    return objects.ServerSet(metadata=meta, spec=spec, status=status)


def an_application(name: str, replicas: int | None) -> objects.Application:
    """Return an application of that many servers; None leaves them to whoever scales the set."""
    component = objects.Component(name="web", replicas=replicas)
    return objects.Application(
        metadata=objects.Meta(name=name, namespace="team", uid=name),
        spec=objects.ApplicationSpec(components=(component,)),
    )


@pytest.mark.parametrize(
    ("before", "after", "bound", "refused"),
    [
        (None, 4, BOUND, False),
        (None, 5, BOUND, True),
        (8, 8, BOUND, False),
        (8, 7, BOUND, False),
        (8, 9, BOUND, True),
        (None, None, BOUND, False),
        (None, 10_000, 0, False),
    ],
)
def test_growth_beyond_the_bound_alone_is_refused(
    before: int | None, after: int | None, bound: int, *, refused: bool
) -> None:
    """Beside 6 servers of another application, and those of one that goes, there is room for 4."""
    caches = cast("Caches", Known(a_set("other", 6), a_set("gone", 50, going=True)))
    former = None if before is None else an_application("shop", before)
    told = occupancy.refusal(caches, former, an_application("shop", after), bound)
    assert bool(told) is refused
    if refused:
        assert f"other applications ask for 6, and shop for {after}" in told
        assert "raise limits.serversPerNamespace" in told


@given(
    changes=st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3), st.none() | st.integers(0, 9)),
        max_size=30,
    )
)
def test_who_came_earlier_is_known_after_any_changes(
    changes: list[tuple[str, int, int | None]],
) -> None:
    """Sets that came, grew, went and came back: each knows what those made before it ask for."""
    asked, there = occupancy.Asked(), dict[str, objects.ServerSet]()
    for name, second, replicas in changes:
        old, new = there.get(name), None
        if replicas is not None:
            made = a_set(name, replicas)
            stamp = f"2026-01-01T00:00:0{second}Z"
            meta = msgspec.structs.replace(made.metadata, creation_timestamp=stamp)
            new = there[name] = msgspec.structs.replace(made, metadata=meta)
        elif old is not None:
            del there[name]
        asked.change(old, new)
        line = sorted(
            there.values(), key=lambda each: (each.metadata.creation_timestamp, each.metadata.name)
        )
        for place, each in enumerate(line):
            before = sum(earlier.spec.replicas for earlier in line[:place])
            assert asked.earlier(each) == before
        if old is not None and name not in there:
            assert asked.earlier(old) == 0


def test_what_was_taken_in_is_forgotten_with_it() -> None:
    """Sets that come, change, move and go leave nothing behind in the books."""
    asked, present = occupancy.Asked(), occupancy.Present()
    first, second = a_set("a", 3), a_set("b", 4)
    asked.change(None, first)
    asked.change(None, second)
    assert asked.earlier(second) == 3
    asked.change(first, a_set("a", 7))
    assert (asked.earlier(second), asked.beside("team", "b")) == (7, 7)
    asked.change(a_set("a", 7), None)
    assert (asked.earlier(second), asked.beside("team", "b")) == (0, 0)
    for name in ("c", "d"):
        asked.change(None, a_set(name, 1))
        assert asked.earlier(a_set(name, 1)) == 4
        asked.change(a_set(name, 1), None)
    assert set(asked._lines["team"]._earlier) == {"b-web"}
    asked.change(second, None)
    assert asked.beside("team", "c") == 0
    assert not asked._lines
    server = a_server("a", 0)
    present.change(None, server)
    present.change(server, server)
    assert present.servers.sum("team", lambda _: True) == present.servers.total("team") == 1
    # Made anew by another application while nothing was seen.
    present.change(server, a_server("b", 0))
    assert present.servers.sum("team", {names.bucket("team", "b")}.__contains__) == 1
    present.change(a_server("b", 0), None)
    assert not present.servers.names()
    told = occupancy.Told()
    before, after = a_set("a", 3, there=3), a_set("a", 3, there=5)
    told.change(None, before)
    told.change(before, after)
    assert told.servers.sum("team", lambda _: True) == 5
    told.change(after, a_set("a", 3))
    assert not told.servers.names()


def test_servers_that_are_not_seen_count_as_their_sets_say() -> None:
    """A replica that follows a part of all servers sees the others only in statuses of sets."""
    mine, others = a_set("shop", 3, there=9), a_set("other", 6, there=4)
    caches = Parted({names.bucket("team", "shop")}, mine, others)
    for number in range(3):
        caches.kept(occupancy.Present).change(None, a_server("shop", number))
    # One without a label is seen by all, and counted by whoever has its application.
    caches.kept(occupancy.Present).change(None, a_server("other", 0))
    room = occupancy.room(cast("Caches", caches), mine, BOUND)
    assert room.present == 3 + 4
