"""Events on a terminal: a table, the latest last."""

from __future__ import annotations

from collections.abc import Iterable

import rich.text

from controller.api import clock
from controller.cli.drawing import tables
from controller.presentation.events import Happening
from controller.presentation.spans import age


def table(found: Iterable[Happening], now: float, *, header: bool = True) -> tables.Table:
    """Return events as a table."""
    drawn = tables.Table(
        "AGE", "TYPE", "REASON", "OBJECT", "MESSAGE", folded="MESSAGE", header=header
    )
    for each in found:
        times = f" ({each.count} times)" if each.count > 1 else ""
        drawn.add(
            age(now - clock.parse(each.when)),
            rich.text.Text(each.kind, style="yellow" if each.warning else ""),
            each.reason,
            each.object,
            each.message + times,
        )
    return drawn
