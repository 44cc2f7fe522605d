"""What a namespace is asked for, and who is refused for it at apply."""

from __future__ import annotations

from typing import Any, cast

import pytest

from controller.api import objects
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


def a_set(application: str, replicas: int, *, going: bool = False) -> objects.ServerSet:
    """Return a set of the component web."""
    meta = objects.Meta(
        name=f"{application}-web",
        namespace="team",
        uid=application,
        deletion_timestamp="2026-01-01T00:00:00Z" if going else None,
    )
    spec = objects.ServerSetSpec(
        application=application, component="web", fleet="pods", revision="r1", replicas=replicas
    )
    return objects.ServerSet(metadata=meta, spec=spec)


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
    asked.change(second, None)
    assert asked.beside("team", "c") == 0
    server = objects.Server(
        metadata=objects.Meta(name="a-web-0", namespace="team", uid="s"),
        spec=objects.ServerSpec(
            application="a", component="web", ordinal=0, fleet="pods", revision="r1"
        ),
    )
    present.change(None, server)
    present.change(server, server)
    assert present.counts["team"] == 1
    present.change(server, None)
    assert not present.counts
