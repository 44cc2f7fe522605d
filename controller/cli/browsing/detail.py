"""One application: its components, its servers, those that need a look first."""

from __future__ import annotations

from typing import Any, ClassVar

import rich.console
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, Static

from controller.api import clock
from controller.cli.browsing.operations import Operations
from controller.cli.browsing.page import Page, Safe, refill, selected, text
from controller.cli.browsing.reasons import Why
from controller.cli.drawing import status
from controller.presentation import pictures, strips
from controller.presentation.pictures import ComponentPicture, ServerPicture
from controller.presentation.spans import age

# Of a component, so many failure domains are counted above the servers.
MOST_DOMAINS = 10


class Detail(Page):
    """The screen of an application."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "why_server", "Why this server"),
        Binding("a", "why_application", "Why the application"),
        Binding("o", "operations", "Operations"),
    ]

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__()
        self._key = namespace, name

    def compose(self) -> ComposeResult:
        """Yield what the screen consists of."""
        yield Header()
        yield Static(id="headline")
        yield DataTable(cursor_type="row", id="servers")
        yield Footer()

    def on_mount(self) -> None:
        """Show the application."""
        self._table.add_columns("SERVER", "STATE", "SINCE", "ZONE", "REVISION", "REASON", "MESSAGE")
        self._table.focus()
        super().on_mount()

    def fill(self) -> None:
        """Show the application as it is now."""
        headline = self.query_one("#headline", Static)
        found = self.followed.one(*self._key, self.now())
        if found is None:
            headline.update(text(f"application {self._key[1]} is gone"))
            self._table.clear()
            return
        parts: list[rich.console.RenderableType] = [status.headline(found)]
        for each in found.components:
            parts += _lines(each)
        if found.waits:
            parts += [status.waiting(each, self.now()) for each in found.waits]
        headline.update(Safe(rich.console.Group(*parts)))
        servers = sorted((each for part in found.components for each in part.servers), key=_rank)
        refill(self._table, servers, lambda each: each.name, self._cells)

    def action_why_server(self) -> None:
        """Ask why the server is as it is."""
        name = selected(self._table)
        if name:
            self.app.push_screen(Why(self._key[0], "server", name))

    def action_why_application(self) -> None:
        """Ask why the application is as it is."""
        self.app.push_screen(Why(self._key[0], "application", self._key[1]))

    def action_operations(self) -> None:
        """Look at the application's operations."""
        self.app.push_screen(Operations(*self._key))

    def on_data_table_row_selected(self, _: DataTable.RowSelected) -> None:
        """Ask why."""
        self.action_why_server()

    def _cells(self, found: ServerPicture) -> tuple[Any, ...]:
        since = clock.parse(found.since)
        return (
            found.name,
            text(*status.state(found.state)),
            age(self.now() - since) if since else "",
            found.place,
            found.revision,
            found.reason,
            found.message,
        )

    @property
    def _table(self) -> DataTable[Any]:
        return self.query_one("#servers", DataTable)


def _lines(found: ComponentPicture) -> list[rich.console.RenderableType]:
    """Return a component in a line, and of many servers each failure domain in another."""
    drawn = [text(f"  {found.name}: {pictures.summary(found.states, found.servers)}")]
    if len(found.servers) <= strips.MOST_AT_ONCE:
        return [*drawn]
    counted = strips.strips(found.servers)
    for each in counted[:MOST_DOMAINS]:
        told = (
            f"{each.states[state]} {state}" for state in pictures.STATES if state in each.states
        )
        drawn.append(text(f"    {each.zone}: {', '.join(told)}"))
    if len(counted) > MOST_DOMAINS:
        drawn.append(text(f"    … {len(counted) - MOST_DOMAINS} more failure domains"))
    return [*drawn]


def _rank(found: ServerPicture) -> tuple[int, str]:
    """States that need a look stand last in `STATES`, and their servers first on the screen."""
    return -pictures.STATES.index(found.state), found.name
