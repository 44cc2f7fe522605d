"""The operations of an application in time, and how far the servers are with one of them."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, Static

from controller.api import clock
from controller.cli.browsing.page import Page, Safe, refill, selected, text
from controller.cli.browsing.reasons import Why
from controller.cli.drawing import operation as drawing
from controller.presentation import pictures, timeline
from controller.presentation.spans import age
from controller.presentation.timeline import TimelineEntry


class Operations(Page):
    """The screen of an application's operations."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "why", "Why")]

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__()
        self._key = namespace, name

    def compose(self) -> ComposeResult:
        """Yield what the screen consists of."""
        yield Header()
        yield DataTable(cursor_type="row", id="operations")
        yield Static(id="steps")
        yield Footer()

    def on_mount(self) -> None:
        """Show the operations."""
        self._table.add_columns("OPERATION", "ACTION", "ASKED", "RESULT", "PROGRESS", "TOOK", "BY")
        self._table.focus()
        super().on_mount()

    def fill(self) -> None:
        """Show the operations as they are now, the latest first."""
        found = self.followed.application(*self._key)
        entries: tuple[TimelineEntry, ...] = ()
        if found is not None:
            entries = timeline.timeline(found, self.followed.operations(), self.now()).entries
        refill(self._table, entries, lambda each: f"{each.name}@{each.asked}", self._cells)
        self._steps()

    def action_why(self) -> None:
        """Ask why the operation is as it is."""
        name = self._chosen()
        if name and self.followed.operation(self._key[0], name) is not None:
            self.app.push_screen(Why(self._key[0], "operation", name))

    def on_data_table_row_highlighted(self, _: DataTable.RowHighlighted) -> None:
        """Show the steps of the operation that the cursor is on."""
        self._steps()

    def _steps(self) -> None:
        steps = self.query_one("#steps", Static)
        name = self._chosen()
        found = self.followed.operation(self._key[0], name) if name else None
        if found is None:
            gone = "The operation is gone; its application's history is left." if name else ""
            steps.update(text(gone or "There are no operations."))
            return
        steps.update(Safe(drawing.draw(pictures.operation(found, self.now()), self.now())))

    def _chosen(self) -> str:
        return selected(self._table).partition("@")[0]

    def _cells(self, found: TimelineEntry) -> tuple[Any, ...]:
        asked, began, ended = map(clock.parse, (found.asked, found.began, found.ended))
        took = (ended or self.now()) - began if began else 0.0
        return (
            found.name,
            found.action,
            age(self.now() - asked) if asked else "",
            text(found.result, "green" if found.well else ""),
            found.progress,
            age(took) if began else "",
            found.who,
        )

    @property
    def _table(self) -> DataTable[Any]:
        return self.query_one("#operations", DataTable)
