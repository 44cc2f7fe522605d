"""The rule of one domain at a time sees servers that go while those of another domain are down."""

from __future__ import annotations

from typing import Any

import pytest

from proof import history
from proof.history import audit_reader, judgement

PERSON = audit_reader.PERSON


class Zones:
    """A set of servers in two domains, 0 and 2 in a, 1 and 3 in b."""

    def __init__(self, *, one: bool = True, **more: str) -> None:
        self.log = audit_reader.AuditLog()
        rollout = {"maxUnavailable": 2, "oneDomainAtATime": one, **more}
        spec = {"application": "shop", "component": "web", "replicas": 4, "rollout": rollout}
        self.set = self.log.create("serversets", "shop-web", spec=spec)
        self.servers = [
            self.log.create(
                "servers",
                f"shop-web-{ordinal}",
                owner=self.set,
                spec={"ordinal": ordinal, "incarnation": 1, "domain": "ab"[ordinal % 2]},
            )
            for ordinal in range(4)
        ]
        for each in self.servers:
            self.say(each, ready=True)

    def say(self, server: dict[str, Any], *, ready: bool) -> None:
        """Have a server say how it is, after a while."""
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        incarnation = server["spec"]["incarnation"]
        self.log.patch(server, status={"conditions": [condition], "incarnation": incarnation})
        self.log.wait(60)

    def anew(self, ordinal: int) -> None:
        """Make a server anew, as the operator does."""
        server = self.servers[ordinal]
        self.log.patch(server, spec={"incarnation": server["spec"]["incarnation"] + 1})
        self.log.wait(60)

    def serve(self) -> None:
        """Give each server a pod that is ready, and the set a budget for evictions."""
        self.log.create("poddisruptionbudgets", "shop-web", owner=self.set)
        self.pods = [self.pod(each) for each in range(4)]

    def pod(self, ordinal: int) -> dict[str, Any]:
        """Make the pod of a server, which is ready after a while."""
        server = self.servers[ordinal]
        made = self.log.create("pods", server["metadata"]["name"], owner=server)
        ready = [{"type": "Ready", "status": "True"}]
        self.log.patch(made, status={"conditions": ready}, by=PERSON)
        self.log.wait(60)
        return made

    def evict(self, ordinal: int) -> None:
        """Have a pod evicted, and go; its server says so later."""
        self.log.evict(self.pods[ordinal])
        self.log.wait(1)
        self.log.delete(self.pods[ordinal], by=PERSON)
        self.log.wait(1)

    def broken(self) -> list[str]:
        """Return what is wrong with the history, by that rule."""
        found = history.check(self.log.lines, rules=judgement.RULES).violations
        return [each.message for each in found if each.invariant == "Domains"]


def test_servers_of_one_domain_may_be_down_together() -> None:
    """And those of the next, once all are up again."""
    zones = Zones()
    for ordinal in (0, 2):
        zones.anew(ordinal)
    for ordinal in (0, 2):
        zones.say(zones.servers[ordinal], ready=True)
    zones.anew(1)
    assert zones.broken() == []


@pytest.mark.parametrize("ill", [True, False])
def test_a_server_that_goes_while_another_domain_has_one_down_is_seen(*, ill: bool) -> None:
    """Whether that one was made anew, or is down by itself."""
    zones = Zones()
    if ill:
        zones.say(zones.servers[0], ready=False)
    else:
        zones.anew(0)
    zones.anew(1)
    (found,) = zones.broken()
    assert "of domain b is taken down while" in found
    assert "of domain a is down" in found


def test_who_asks_for_no_such_thing_is_not_judged() -> None:
    """The budget alone counts then."""
    zones = Zones(one=False)
    zones.anew(0)
    zones.anew(1)
    assert zones.broken() == []


def test_a_server_that_is_down_anyway_may_be_made_anew() -> None:
    """Nobody loses anything by that."""
    zones = Zones()
    zones.say(zones.servers[0], ready=False)
    zones.say(zones.servers[1], ready=False)
    zones.anew(1)
    assert zones.broken() == []


@pytest.mark.parametrize("taken", ["evicted", "deleted"])
def test_an_eviction_while_a_pod_of_another_domain_is_away_is_seen(taken: str) -> None:
    """Whether that one was evicted or taken down by Argosy; in its own domain it may go."""
    zones = Zones()
    zones.serve()
    if taken == "evicted":
        zones.evict(0)
    else:
        zones.log.delete(zones.pods[0])
    zones.evict(2)
    assert zones.broken() == []
    zones.evict(1)
    (found, *_) = zones.broken()
    assert "of domain a" in found
    assert "of domain b" in found
    assert "which was taken down" in found


@pytest.mark.parametrize(("ordinal", "wrong"), [(0, 0), (2, 0), (1, 1)])
def test_a_server_that_goes_after_an_eviction_in_another_domain_is_seen(
    ordinal: int, wrong: int
) -> None:
    """Whatever the evicted one says of itself; that one itself is down, and may be made anew."""
    zones = Zones()
    zones.serve()
    zones.evict(0)
    zones.log.wait(60)
    zones.anew(ordinal)
    assert len(zones.broken()) == wrong


def test_evictions_one_after_the_other_may_be_of_any_domain() -> None:
    """The pod of the first is ready again when the second goes."""
    zones = Zones()
    zones.serve()
    for ordinal in (0, 1, 2):
        zones.evict(ordinal)
        zones.pod(ordinal)
    assert zones.broken() == []


@pytest.mark.parametrize("why", ["ill", "ignored", "no budget", "not asked for"])
def test_evictions_that_argosy_does_not_hold_are_not_judged(why: str) -> None:
    """Who fell ill may not be known yet; and without a budget of Argosy's nobody asks."""
    zones = Zones(one=why != "not asked for", evictions="Ignore" if why == "ignored" else "Budget")
    if why == "no budget":
        zones.pods = [zones.pod(each) for each in range(4)]
    else:
        zones.serve()
    if why == "ill":
        unready = [{"type": "Ready", "status": "False"}]
        zones.log.patch(zones.pods[0], status={"conditions": unready}, by=PERSON)
    else:
        zones.evict(0)
    zones.evict(1)
    assert zones.broken() == []
