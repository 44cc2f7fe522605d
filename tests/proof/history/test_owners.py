"""The rule of slots: an application is written by whoever has its slot, and by nobody without."""

from __future__ import annotations

from typing import Any

import pytest

from controller.kube import slots
from proof import history
from proof.history import audit_reader, judgement, tenures

FIRST, SECOND = "argosy replica-1", "argosy replica-2"


class Replicas:
    """A history of two that share the work, the first of which has all slots."""

    def __init__(self) -> None:
        self.log = audit_reader.AuditLog()
        self.log.lease(FIRST, holder=tenures.TOGETHER)
        self.slot = slots.of(self.log.namespace, "shop")
        self.hold(FIRST, 1)
        self.set = self.log.create(
            "serversets",
            "shop-web",
            spec={"application": "shop"},
            labels={"argosy.dev/bucket": "9", "argosy.dev/component": "web"},
            agent=FIRST,
        )

    def hold(self, agent: str, epoch: int, **options: Any) -> None:
        """Have a replica write the slot's Lease in its name."""
        self.log.lease(agent, name=slots.lease(self.slot), holder=agent, epoch=epoch, **options)

    def write(self, agent: str, incarnation: int) -> None:
        """Have a replica write for the application."""
        self.log.patch(self.set, spec={"incarnation": incarnation}, agent=agent)

    def broken(self) -> list[str]:
        """Return the invariants that the history breaks."""
        found = history.check(self.log.lines, rules=judgement.RULES).violations
        return [each.invariant for each in found]


def test_a_slot_passes_from_one_to_the_next() -> None:
    """Each writes while it has the slot, the second in a later epoch."""
    replicas = Replicas()
    replicas.write(FIRST, 2)
    replicas.hold(SECOND, 2)
    replicas.write(SECOND, 3)
    assert replicas.broken() == []
    replicas.log.wait(1)
    replicas.write(FIRST, 4)
    assert replicas.broken() == ["I10"]


@pytest.mark.parametrize("hand", ["delete", "edit"])
def test_who_has_lost_a_slot_may_not_write_on(hand: str) -> None:
    """A person takes the Lease away: its owner has so long to notice, and no longer."""
    replicas = Replicas()
    name = slots.lease(replicas.slot)
    if hand == "delete":
        replicas.log.unlease(name, by=audit_reader.PERSON)
    else:
        replicas.log.lease("kubectl", name=name, holder="me", by=audit_reader.PERSON)
    replicas.log.wait(tenures.NOTICE_SECONDS - 1)
    replicas.write(FIRST, 2)
    assert replicas.broken() == []
    replicas.log.wait(2)
    replicas.write(FIRST, 3)
    assert replicas.broken() == ["I10"]


def test_who_takes_a_slot_before_its_owner_has_noticed_is_caught() -> None:
    """A Lease that was deleted is another's at once, and both write."""
    replicas = Replicas()
    replicas.log.unlease(slots.lease(replicas.slot), by=audit_reader.PERSON)
    replicas.hold(SECOND, 2)
    replicas.write(SECOND, 2)
    assert replicas.broken() == []
    replicas.log.wait(1)
    replicas.write(FIRST, 3)
    assert replicas.broken() == ["I10"]


@pytest.mark.parametrize(
    ("labels", "guarded", "broken"),
    [
        ({"argosy.dev/bucket": None}, True, []),
        ({"argosy.dev/bucket": None}, False, ["I10"]),
        ({"argosy.dev/bucket": "7"}, True, ["I10"]),
        ({"argosy.dev/bucket": None, "argosy.dev/component": None}, True, ["I10"]),
    ],
)
def test_anybody_of_them_may_take_off_the_label_of_a_part(
    labels: dict[str, str | None], broken: list[str], *, guarded: bool
) -> None:
    """Whom it misleads cannot plan the object: no other write of theirs is let pass with it."""
    replicas = Replicas()
    replicas.log.patch(replicas.set, labels=labels, guarded=guarded, agent=SECOND)
    assert replicas.broken() == broken
