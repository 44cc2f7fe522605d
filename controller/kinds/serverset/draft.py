"""The plan of a set while it is being made: each stage reads the stages before, and adds to it.

Begun and finished by `planner`, whose stages and `resizing` fill it in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import objects
from controller.kinds.serverset import assigning, disruption_budget, moves, progress, remediation
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import focus, outcomes
from controller.planning.census import Census
from controller.planning.plan import Action


@dataclasses.dataclass(slots=True, kw_only=True)
class Draft:
    """The facts that a set is planned by, and the decisions so far."""

    snapshot: ServerSetSnapshot
    # In which those that are being evicted are down already.
    census: Census
    failed: outcomes.Outcomes
    actions: list[Action] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    # ---- found before the first stage
    # Who gives servers their domains: all stages ask the same, as one knows what the other gave.
    where: assigning.Assigning
    # Servers that operations will make anew, by ordinal: the rollout leaves them to these.
    left: Mapping[int, objects.Operation] = dataclasses.field(default_factory=dict)
    # Where servers may be taken down, if in one failure domain only.
    focus: focus.Focus = dataclasses.field(default_factory=lambda: focus.Focus((), on=False))
    # Servers that are to move, by ordinal: all but those that an operation makes anew anyway.
    moving: Mapping[int, moves.Move] = dataclasses.field(default_factory=dict)
    # Whether spare servers may stand in for those.
    standing_in: bool = False
    # A person asked to try again, and some servers have yet to hear it.
    retrying: bool = False
    # More servers failed for good than the failure budget allows.
    spent: bool = False
    # The rollout missed its progress deadline.
    late: bool = False
    # ---- decided by the stages
    # Ordinals whose Server is written or deleted already: one write each in one plan.
    touched: set[int] = dataclasses.field(default_factory=set)
    # The measures taken about evictions. Evictions are to end before servers are taken down where
    # `closing`: these stay as they are until then.
    guard: disruption_budget.Guard = dataclasses.field(default_factory=disruption_budget.Guard)
    closing: bool = False
    # When the next server may move.
    moves_again: float | None = None
    # How many servers there are too few, or too many, is known.
    counted: bool = True
    # How many servers are missing that the namespace has no room for.
    unmade: int = 0
    # The rollout or the scaling goes on in this very plan.
    acting: bool = False
    # How the rollout stands, and what is done about ill servers.
    stands: progress.Progress
    ill: remediation.RemediationPlan
    # The latest word to try again that all servers have heard which must.
    handled_retry: str

    @property
    def halted(self) -> str:
        """Why the rollout goes no further; empty where it does."""
        if self.spent:
            return "more servers failed for good than failureBudget allows"
        return "the rollout missed its progress deadline" if self.late else ""


def begin(snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes) -> Draft:
    """Return the draft of a plan in which nothing is decided yet: all stands as it did."""
    before = snapshot.server_set.status
    return Draft(
        snapshot=snapshot,
        census=census,
        failed=failed,
        where=assigning.Assigning(snapshot, census),
        stands=progress.idle(snapshot.server_set, census),
        ill=remediation.idle(before),
        handled_retry=before.last_handled_retry,
    )
