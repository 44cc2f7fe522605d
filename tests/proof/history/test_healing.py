"""The rule of healing sees servers that were made anew too early, too many, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from proof import history
from proof.history import audit_reader, judgement

PERSON = audit_reader.PERSON
REVISION = "r1"


def status(*, ready: bool, reason: str = "", incarnation: int = 1) -> dict[str, Any]:
    """Return a server's status."""
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": reason}
    return {"conditions": [condition], "incarnation": incarnation}


class Ward:
    """A set of ten servers that are well, of which two may be down."""

    def __init__(self) -> None:
        self.log = audit_reader.AuditLog()
        above = self.log.create("applications", "shop", by=PERSON)
        spec = {
            "application": "shop", "component": "web", "replicas": 10, "revision": REVISION,
            "rollout": {"maxUnavailable": 2},
            "recovery": {"remediation": {"afterSeconds": 300, "maxIll": "40%",
                                         "maxHoldSeconds": 1800}},
        }  # fmt: skip
        self.set = self.log.create("serversets", "shop-web", owner=above, spec=spec)
        self.servers = [
            self.log.create(
                "servers",
                f"shop-web-{ordinal}",
                owner=self.set,
                spec={"ordinal": ordinal, "incarnation": 1, "revision": REVISION},
            )
            for ordinal in range(10)
        ]
        said = {"conditions": [{"type": "Ready", "status": "True"}], "provenRevision": REVISION}
        self.log.patch(self.set, status=said)
        for each in self.servers:
            self.log.patch(each, status=status(ready=True))

    def fall_ill(self, *ordinals: int) -> None:
        """Have servers say that they are ill."""
        for each in ordinals:
            self.log.patch(self.servers[each], status=status(ready=False, reason="Unhealthy"))

    def heal(self, *ordinals: int) -> None:
        """Make servers anew, as the operator does."""
        for each in ordinals:
            self.log.patch(
                self.servers[each],
                spec={"incarnation": 2},
                annotations={"argosy.dev/remediated": "1 2026-01-01T00:00:00Z"},
            )

    def live(self, seconds: float) -> None:
        """Let time pass in which the operator is there."""
        for _ in range(int(seconds // 10)):
            self.log.wait(10)
            self.log.lease("argosy one")

    def broken(self) -> list[str]:
        """Return what is wrong with the history."""
        found = history.check(self.log.lines, rules=(judgement.heal,))
        return [each.message for each in found.violations]


@pytest.mark.parametrize(("seconds", "wrong"), [(200, 1), (320, 0)])
def test_an_ill_server_gets_its_time(seconds: float, wrong: int) -> None:
    """Made anew before afterSeconds have passed, it was given too little."""
    ward = Ward()
    ward.fall_ill(3)
    ward.live(seconds)
    ward.heal(3)
    assert len(ward.broken()) == wrong


@pytest.mark.parametrize(("seconds", "wrong"), [(600, 1), (1830, 0)])
def test_where_most_are_ill_each_gets_the_time_of_a_hold(seconds: float, wrong: int) -> None:
    """Five of ten are too many: then maxHoldSeconds must have passed."""
    ward = Ward()
    ward.fall_ill(0, 1, 2, 3, 4)
    ward.live(seconds)
    ward.heal(0)
    assert len(ward.broken()) == wrong


def test_no_more_are_made_anew_at_once_than_may_be_down() -> None:
    """Of four ill ones two may go together, and in a hold one."""
    ward = Ward()
    ward.fall_ill(0, 1, 2, 3)
    ward.live(320)
    ward.heal(0, 1)
    assert ward.broken() == []
    ward.heal(2)
    assert len(ward.broken()) == 1


def test_who_is_ill_for_ever_was_forgotten() -> None:
    """Longer than a hold may last, while nobody is made anew."""
    ward = Ward()
    ward.fall_ill(0, 1, 2, 3, 4)
    ward.live(2000)
    assert ward.broken() == []
    ward.live(600)
    assert len(ward.broken()) == 5


def test_a_set_that_may_do_nothing_forgets_nobody() -> None:
    """Paused, it leaves the ill as they are."""
    ward = Ward()
    paused = {"conditions": [{"type": "Ready", "status": "False", "reason": "Paused"}]}
    ward.log.patch(ward.set, status={**paused, "provenRevision": REVISION})
    ward.fall_ill(0)
    ward.live(4000)
    assert ward.broken() == []


def test_who_is_in_no_domain_is_held_by_themselves() -> None:
    """Three that are older than the domains are all ill: they are many of three, not few of ten."""
    ward = Ward()
    for each in ward.servers[:7]:
        ward.log.patch(each, spec={"domain": "a"})
    ward.fall_ill(7, 8, 9)
    ward.live(320)
    ward.heal(9)
    assert len(ward.broken()) == 1


def test_a_domains_ill_hold_nobody_who_is_in_none() -> None:
    """Most of a domain is ill; one that is in none is made anew in its time."""
    ward = Ward()
    for each in ward.servers[:7]:
        ward.log.patch(each, spec={"domain": "a"})
    ward.fall_ill(*range(6), 9)
    ward.live(320)
    ward.heal(9)
    assert ward.broken() == []


def test_another_domains_ill_hold_nobody() -> None:
    """Five of a are ill: one of b is healed in its time, and one of a is not yet."""
    ward = Ward()
    for number, each in enumerate(ward.servers):
        ward.log.patch(each, spec={"domain": "a" if number < 5 else "b"})
    ward.fall_ill(0, 1, 2, 3, 4, 7)
    ward.live(320)
    ward.heal(7)
    assert ward.broken() == []
    ward.heal(0)
    assert len(ward.broken()) >= 1
