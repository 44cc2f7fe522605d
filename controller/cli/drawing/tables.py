"""Tables as kubectl has them: no lines, headings in capitals, one column that may be folded."""

from __future__ import annotations

import rich.table
import rich.text


class Table(rich.table.Table):
    """A table of which only the column `folded` gives way where there is little room."""

    def __init__(self, *columns: str, folded: str, header: bool = True) -> None:
        super().__init__(
            box=None, pad_edge=False, header_style="bold", show_edge=False, show_header=header
        )
        for name in columns:
            self.add_column(name, no_wrap=name != folded, overflow="fold")

    def add(self, *cells: str | rich.text.Text) -> None:
        """Add a row; a text stands as it is, whatever markup there seems to be in it."""
        self.add_row(*(rich.text.Text(each) if isinstance(each, str) else each for each in cells))
