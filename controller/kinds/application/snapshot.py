"""The facts that the Application planner may know, gathered at one moment, frozen.

Times are seconds since the epoch. `gather` builds it; tests build it by hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller import contract
from controller.api import objects
from controller.planning.outcomes import Outcome


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSnapshot:
    """An application and all that is one step below it."""

    now: float
    application: objects.Application
    fleet: contract.FleetFacts
    sets: Mapping[str, objects.ServerSet]  # by component; also those no longer in the spec
    revisions: tuple[objects.ControllerRevision, ...] = ()
    # Records that an earlier application of the name let go of.
    let_go: tuple[objects.ControllerRevision, ...] = ()
    # The names of those revisions that servers refer to.
    in_use: frozenset[str] = frozenset()
    # Servers that say they are the application's, and that it does not control: known at its end.
    left: tuple[objects.Server, ...] = ()
    # The operations that are over: how they ended is remembered.
    ended: tuple[objects.Operation, ...] = ()
    # All Builds that name the application, whoever made them.
    builds: tuple[objects.Build, ...] = ()
    # The Jobs that bear its name: known while it goes.
    jobs: tuple[objects.Job, ...] = ()
    # Whether those say truly who asked for them.
    requesters_known: bool = False
    # How calls for it went that did not succeed, lately.
    outcomes: tuple[Outcome, ...] = ()
    namespace_terminating: bool = False

    @property
    def item(self) -> objects.Application:
        """The object that is planned."""
        return self.application
