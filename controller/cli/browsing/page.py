"""The parts that all screens share: how they are filled again, and text that steers no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import rich.console
import rich.text
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable

from controller.presentation import control_characters
from controller.presentation.applications import Followed

if TYPE_CHECKING:
    from controller.cli.browsing.program import Browser

# The rows that are listed at once; beyond, a line says how many more there are.
MOST_ROWS = 300


class Page(Screen[None]):
    """One screen; `fill` shows things as they are now, and is called again after changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back"),
        Binding("q", "app.quit", "Quit"),
    ]

    # Whether the screen has all of its parts: one that has just been asked for has none yet.
    ready = False

    @property
    def browser(self) -> Browser:
        """The program that shows the screen."""
        return cast("Browser", self.app)

    @property
    def followed(self) -> Followed:
        """The applications that are followed."""
        return self.browser.followed

    def now(self) -> float:
        """Return the time."""
        return self.browser.clock()

    def fill(self) -> None:
        """Show things as they are now."""

    def on_mount(self) -> None:
        """Show something at once."""
        self.ready = True
        self.fill()

    def action_back(self) -> None:
        """Go back to where one came from; the first screen stays."""
        if len(self.app.screen_stack) > self.browser.FIRST:
            self.app.pop_screen()


class Safe:
    """A drawing in which controls of others' texts are made visible, as `screen.Console` does."""

    def __init__(self, drawing: rich.console.RenderableType) -> None:
        self._drawing = drawing

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        for each in console.render(self._drawing, options):
            yield each._replace(text=control_characters.visible(each.text))


def text(said: str, style: str = "") -> rich.text.Text:
    """Return text as it stands, whatever markup or controls there seem to be in it."""
    return rich.text.Text(control_characters.visible(said), style=style, no_wrap=True)


def refill(
    table: DataTable[Any],
    rows: Sequence[Any],
    key: Callable[[Any], str],
    cells: Callable[[Any], Iterable[str | rich.text.Text]],
) -> None:
    """Show these rows; the cursor stays on the one that it was on, wherever that has moved to."""
    # The row that counts the rest has an empty key, and keeps the cursor as well.
    chosen = selected(table) if table.row_count else None
    table.clear()
    for each in rows[:MOST_ROWS]:
        shown = (text(cell) if isinstance(cell, str) else cell for cell in cells(each))
        table.add_row(*shown, key=key(each))
    if len(rows) > MOST_ROWS:
        table.add_row(text(f"… {len(rows) - MOST_ROWS} more"), key="")
    if chosen is not None and chosen in table.rows:
        table.move_cursor(row=table.get_row_index(chosen))


def selected(table: DataTable[Any]) -> str:
    """Return the key of the row that the cursor is on; empty where there is none."""
    if not table.row_count:
        return ""
    return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or "")
