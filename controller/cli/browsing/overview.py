"""All applications, those in trouble first."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, Input, Static

from controller.cli.browsing.detail import Detail
from controller.cli.browsing.page import Page, refill, selected, text
from controller.cli.browsing.reasons import Why
from controller.cli.drawing import status
from controller.presentation import pictures
from controller.presentation.pictures import ApplicationPicture


class Overview(Page):
    """The first screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "why", "Why"),
        Binding("slash", "search", "Search"),
    ]

    def compose(self) -> ComposeResult:
        """Yield what the screen consists of."""
        yield Header()
        yield Input(placeholder="parts of NAMESPACE/NAME, labels such as team=shop", id="search")
        yield DataTable(cursor_type="row", id="applications")
        yield Static(id="trouble")
        yield Footer()

    def on_mount(self) -> None:
        """Show the applications; the search is there when it is asked for."""
        self.query_one("#search").display = False
        self._table.add_columns(
            "NAMESPACE", "APPLICATION", "READY", "REASON", "AVAILABLE", "FAILED", "MESSAGE"
        )
        self._table.focus()
        super().on_mount()

    def fill(self) -> None:
        """Show the applications as they are now."""
        words = self.query_one("#search", Input).value.lower().split()
        keys = self.followed.keys(",".join(each for each in words if "=" in each))
        parts = [each for each in words if "=" not in each]
        found = [
            each
            for each in self.followed.pictures(self.now(), only=keys)
            if all(part in _key(each).lower() for part in parts)
        ]
        refill(self._table, sorted(found, key=pictures.trouble), _key, _cells)
        failure = self.followed.failure
        self.query_one("#trouble", Static).update(
            text(f"The list may be old: {failure}" if failure else "")
        )

    def action_search(self) -> None:
        """Ask for a part of a name."""
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    def action_back(self) -> None:
        """End a search."""
        search = self.query_one("#search", Input)
        search.value, search.display = "", False
        self._table.focus()
        self.fill()

    def action_why(self) -> None:
        """Ask why the application is as it is."""
        namespace, _, name = selected(self._table).partition("/")
        if name:
            self.app.push_screen(Why(namespace, "application", name))

    def on_input_changed(self, _: Input.Changed) -> None:
        """Keep those that match."""
        self.fill()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Go on in the list."""
        self._table.focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open an application."""
        namespace, _, name = str(event.row_key.value or "").partition("/")
        if name:
            self.app.push_screen(Detail(namespace, name))

    @property
    def _table(self) -> DataTable[Any]:
        return self.query_one("#applications", DataTable)


def _key(found: ApplicationPicture) -> str:
    return f"{found.namespace}/{found.name}"


def _cells(found: ApplicationPicture) -> tuple[Any, ...]:
    return (
        found.namespace,
        found.name,
        text(found.ready, status.verdict_style(found)),
        found.reason,
        f"{found.available}/{found.desired}",
        text(str(found.failed), "red" if found.failed else ""),
        found.message,
    )
