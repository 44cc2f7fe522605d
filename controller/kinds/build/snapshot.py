"""The facts that the Build planner may know, gathered at one moment, frozen.

Times are seconds since the epoch. `gather` builds it; tests build it by hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import objects
from controller.planning.builders import Builder
from controller.planning.outcomes import Outcome
from controller.planning.ownership import owned_by


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildSnapshot:
    """A Build, its Jobs with their pods, and the Builds beside it."""

    now: float
    build: objects.Build
    application: objects.Application | None
    # The other Builds of the component that the application controls.
    others: tuple[objects.Build, ...] = ()
    # The Jobs that the Build controls, by name, and the pods of each.
    jobs: Mapping[str, objects.Job] = dataclasses.field(default_factory=dict)
    pods: Mapping[str, tuple[objects.Pod, ...]] = dataclasses.field(default_factory=dict)
    builder: Builder = dataclasses.field(default_factory=Builder)
    # How calls for it went that did not succeed, lately.
    outcomes: tuple[Outcome, ...] = ()
    namespace_terminating: bool = False

    @property
    def item(self) -> objects.Build:
        """The object that is planned."""
        return self.build

    @property
    def is_taken_up(self) -> bool:
        """Whether the application that is there now controls the Build."""
        return self.application is not None and owned_by(self.build, self.application)

    @property
    def component(self) -> objects.Component | None:
        """The component that it builds for."""
        if self.application is None:
            return None
        name = self.build.spec.component
        found = (each for each in self.application.spec.components if each.name == name)
        return next(found, None)

    @property
    def source(self) -> objects.Source | None:
        """The source that the component has now."""
        return self.component.source if self.component is not None else None
