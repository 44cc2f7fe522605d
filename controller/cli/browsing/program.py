"""The program: its screens, one on top of another, told of changes once a second at most.

The command `browse` runs it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import App
from textual.css.query import NoMatches

from controller.cli.browsing.overview import Overview
from controller.cli.browsing.page import Page
from controller.presentation import reading
from controller.presentation.applications import Followed

GLANCE_SECONDS = 1.0
# Ages move even when nothing else does.
AGING_SECONDS = 10.0


class Browser(App[None]):
    """Applications, what they consist of, why they are so, and their operations."""

    # The screen below all others is textual's own, and the one above it is the overview.
    FIRST: ClassVar[int] = 2
    TITLE = "Argosy"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        api: reading.Cluster,
        followed: Followed,
        *,
        cluster: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.api = api
        self.followed = followed
        self.clock = clock
        self.sub_title = cluster
        self._shown = (-1, 0.0)

    def on_mount(self) -> None:
        """Show the overview, and look for changes from now on."""
        self.push_screen(Overview())
        self.set_interval(GLANCE_SECONDS, self.glance)

    def glance(self) -> None:
        """Fill the screen again where something has changed, or has grown older."""
        version, moment = self._shown
        now = self.clock()
        if version == self.followed.version and now - moment < AGING_SECONDS:
            return
        self._shown = self.followed.version, now
        if isinstance(self.screen, Page) and self.screen.ready:
            # One that is being left, or closed with the program, has lost its parts already.
            with contextlib.suppress(NoMatches):
                self.screen.fill()
