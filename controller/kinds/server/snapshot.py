"""The facts that the Server planner may know, gathered at one moment, frozen.

Times are seconds since the epoch. `gather` builds it; tests build it by hand.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import objects
from controller.planning.outcomes import Outcome


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerSnapshot:
    """A server, what its provider sees of it, and what its application says.

    The server is complete: what it refers to is filled in.
    """

    now: float
    server: objects.Server
    observation: contract.Observation
    fleet: contract.FleetFacts
    application: objects.Application | None = None
    # How calls for it went that did not succeed, lately.
    outcomes: tuple[Outcome, ...] = ()
    # The id of a task that this process is carrying out, until its result is seen in the cache;
    # None after a crash. No id that anybody can write stands for none.
    acting: str | None = None
    # Whether that task has ended, and only its result could not be written yet.
    concluded: bool = False
    # The task, with its attempt, that this process began and left to another, who never had it.
    left: tuple[str, int] | None = None
    # This process and no other, not even its own successor: who claims a task. Empty: nobody may.
    holder: str = ""
    # Whether the operation that its task names is not there, or is another application's.
    unasked: bool = False
    # The revision that a new instance is to be of, where its Server says another (OnDelete).
    next_revision: str = ""
    # Whether it is known what the server is made from; else its revision is no longer on record.
    recorded: bool = True
    # How its component is to be spread, where that is asked for.
    spread: objects.Spread | None = None
    # The server that is to be available before this one starts, if it is not, and in how many
    # seconds it will be, where it is a matter of time.
    behind: str = ""
    behind_for: float | None = None
    # For how long at most its next instance waits, as the eviction of its last is still on record.
    on_record_for: float | None = None
    # The name that its component gives the Service by which it is found; empty for the usual one.
    subdomain: str = ""
    namespace_terminating: bool = False

    @property
    def item(self) -> objects.Server:
        """The object that is planned."""
        return self.server
