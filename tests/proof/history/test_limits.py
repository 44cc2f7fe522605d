"""The rule of a fleet's limits sees calls that come too fast, or too many at once."""

from __future__ import annotations

from typing import Any

from proof import history
from proof.history import audit_reader, judgement


class Fleet:
    """A fleet with limits, and servers of it that may have pods."""

    def __init__(self, **limits: int) -> None:
        self.log = audit_reader.AuditLog()
        spec = {"provider": "pod", "limits": limits}
        self.fleet = self.log.create("fleets", "narrow", spec=spec, by=audit_reader.PERSON)
        above = self.log.create("serversets", "shop-web", spec={"replicas": 60})
        self.servers = [
            self.log.create(
                "servers",
                f"shop-web-{ordinal}",
                owner=above,
                spec={"ordinal": ordinal, "fleet": "narrow"},
            )
            for ordinal in range(60)
        ]
        self.log.wait(60)

    def pod(self, ordinal: int, *, took: float = 0.01) -> dict[str, Any]:
        """Have the operator make a server's pod."""
        server = self.servers[ordinal]
        name = server["metadata"]["name"]
        return self.log.create("pods", name, owner=server, took=took)

    def broken(self) -> list[str]:
        """Return what is wrong with the history, by that rule."""
        found = history.check(self.log.lines, rules=judgement.RULES).violations
        return [each.message for each in found if each.invariant == "Limits"]


def test_calls_as_fast_as_the_fleet_allows_are_well() -> None:
    """Four a second for a quarter of a minute, a few of them together."""
    fleet = Fleet(callsPerSecond=4, concurrentCalls=2)
    for ordinal in range(60):
        fleet.pod(ordinal)
        fleet.log.wait(1.0 if ordinal % 4 == 3 else 0.02)
    assert fleet.broken() == []


def test_all_that_waited_for_the_end_of_an_outage_at_once_is_caught() -> None:
    """Forty creates within a second, where four are allowed."""
    fleet = Fleet(callsPerSecond=4)
    for ordinal in range(40):
        fleet.pod(ordinal)
        fleet.log.wait(0.02)
    assert fleet.broken() == ["calls to the fleet narrow come faster than 4 in a second"]


def test_a_little_too_fast_for_long_is_caught() -> None:
    """Six a second, where four are allowed: no second is far beyond that, all of them are."""
    fleet = Fleet(callsPerSecond=4)
    for ordinal in range(60):
        fleet.pod(ordinal)
        fleet.log.wait(1 / 6)
    assert fleet.broken() != []


def test_deletes_count_as_creates_do() -> None:
    """A teardown after an outage runs nobody over, either."""
    fleet = Fleet(callsPerSecond=4)
    pods = []
    for ordinal in range(20):
        pods.append(fleet.pod(ordinal))
        fleet.log.wait(1)
    assert fleet.broken() == []
    for each in pods:
        fleet.log.delete(each)
    assert fleet.broken() != []


def test_more_at_once_than_the_fleet_allows_are_caught() -> None:
    """Three calls that take seconds, begun one after the other, where two may be under way."""
    fleet = Fleet(concurrentCalls=2)
    for ordinal in range(3):
        fleet.pod(ordinal, took=5.0)
        fleet.log.now -= 4.5
    assert fleet.broken() == ["3 calls to the fleet narrow are under way, where 2 may be"]


def test_calls_that_nobody_waits_for_any_more_keep_no_place() -> None:
    """An answer was given up after ten seconds: the API server may work on for longer."""
    fleet = Fleet(concurrentCalls=2)
    for ordinal in range(6):
        fleet.pod(ordinal, took=30.0)
        fleet.log.now -= 29.5
    assert fleet.broken() == []


def test_a_fleet_that_had_no_limit_for_a_while_is_not_judged() -> None:
    """Of a limit that is larger for a while, the larger one counts."""
    free = Fleet()
    free.log.patch(free.fleet, spec={"limits": {"callsPerSecond": 1}}, by=audit_reader.PERSON)
    raised = Fleet(callsPerSecond=1)
    raised.log.patch(raised.fleet, spec={"limits": {"callsPerSecond": 30}}, by=audit_reader.PERSON)
    for each in (free, raised):
        for ordinal in range(40):
            each.pod(ordinal)
            each.log.wait(0.02)
        assert each.broken() == []
