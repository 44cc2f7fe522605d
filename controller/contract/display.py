"""How people see what a provider makes, and what may be in the way of its calls.

Each provider has one in its `ProviderKind`. The supervisor of fleets hands it to planners with the
facts of a fleet, and to the dispatcher with each call, so that neither knows what servers are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api.resources import PLACES, Resource


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """The resource that each server is an object of in the API, and the commands that show things.

    Where it is of no `resource`, its fleet alone is named. `commands` have, by the Kind of what is
    in the way, the command that shows one: {name} and {namespace} are filled in.
    """

    resource: Resource | None = None
    commands: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """The fleet of a provider that there is without anybody having written it.

    `command` shows what stands behind it: there is no Fleet to show.
    """

    fleet: str
    command: str

    def displayed(self, display: Display) -> Display:
        """Return the display of its provider, for the fleet while nobody has written it."""
        shown = {PLACES[Resource.FLEETS].kind: self.command}
        return dataclasses.replace(display, commands={**shown, **display.commands})


# Of what is no server's, or of a provider that nobody knows.
PLAIN = Display()
