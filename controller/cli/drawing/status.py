"""Applications on a terminal: a tree for `status`, a table for `top`; operations, a line each.

Pure but for rich; the golden screens of the tests hold it to its lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import rich.box
import rich.console
import rich.measure
import rich.table
import rich.text
import rich.tree

from controller.api import clock, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.presentation import pictures
from controller.presentation.pictures import (
    ApplicationPicture,
    ComponentPicture,
    OperationPicture,
)
from controller.presentation.spans import age

# Up to so many servers are drawn one by one; beyond, they are counted by state.
EACH = 8
# Of those in trouble, so many are named in lines of their own.
MOST_TROUBLED = 5
BAR, SHORTEST_BAR, GAP = 24, 8, 2
# Beyond so many components of an operation, they are counted.
MOST_COMPONENTS = 2

_COLOURS = {
    pictures.READY: "green",
    pictures.BUSY: "cyan",
    pictures.UPDATING: "yellow",
    pictures.STARTING: "yellow",
    pictures.STOPPED: "dim",
    pictures.LEAVING: "dim",
    pictures.UNREADY: "red",
    pictures.FAILED: "bold red",
}
_SIGNS = {
    pictures.READY: "●",
    pictures.BUSY: "◐",
    pictures.UPDATING: "◐",
    pictures.STARTING: "○",
    pictures.STOPPED: "□",
    pictures.LEAVING: "◌",
    pictures.UNREADY: "✗",
    pictures.FAILED: "✗",
}


def draw(found: ApplicationPicture, now: float, *, wide: bool = False) -> rich.console.Group:
    """Return one screen of an application."""
    tree = rich.tree.Tree(headline(found), guide_style="dim")
    for each in found.components:
        branch = tree.add(_component_line(each, found))
        for line in _server_lines(each, now, wide=wide):
            branch.add(line)
    parts: list[rich.console.RenderableType] = [tree]
    if found.operations:
        parts += [rich.text.Text("\nOperations", style="bold"), operations(found.operations)]
    if found.waits:
        parts.append(rich.text.Text("\nWaits for", style="bold"))
        parts += [waiting(each, now) for each in found.waits]
    return rich.console.Group(*parts)


def top(found: Sequence[ApplicationPicture]) -> rich.table.Table:
    """Return all applications, the most troubled first."""
    table = rich.table.Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in ("NAMESPACE", "APPLICATION", "READY", "REASON"):
        table.add_column(name, no_wrap=True)
    for name in ("AVAILABLE", "FAILED"):
        table.add_column(name, justify="right", no_wrap=True)
    # Where there is too little room, this one wraps, and the others stay whole.
    table.add_column("OPERATIONS")
    for each in sorted(found, key=pictures.trouble):
        table.add_row(
            rich.text.Text(each.namespace),
            rich.text.Text(each.name),
            rich.text.Text(each.ready, style=verdict_style(each)),
            rich.text.Text(each.reason),
            f"{each.available}/{each.desired}",
            rich.text.Text(str(each.failed), style="red" if each.failed else ""),
            rich.text.Text(
                ", ".join(f"{act.action} {act.progress or act.reason}" for act in each.operations)
            ),
        )
    return table


def operations(found: Sequence[OperationPicture]) -> rich.console.RenderableType:
    """Return operations, a line each, with their bars."""
    return _Operations(found)


class _Operations:
    """Operations as a table: bars give way first, then what else can be told in two lines.

    Names and progress stay whole: they are typed, and read at a glance.
    """

    def __init__(self, found: Sequence[OperationPicture]) -> None:
        self._rows = [(_cells(each), Bar(each)) for each in found]

    def __rich_console__(
        self, _console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        columns = zip(*(cells for cells, _ in self._rows), strict=True)
        taken = sum(max(each.cell_len for each in column) + GAP for column in columns)
        bar = max(SHORTEST_BAR, min(BAR, options.max_width - taken))
        table = rich.table.Table.grid(padding=(0, GAP, 0, 0))
        for whole in (True, False, True):
            table.add_column(no_wrap=whole)
        table.add_column(width=bar)
        for whole in (True, False):
            table.add_column(no_wrap=whole)
        for (name, what, reason, progress, counts), drawn in self._rows:
            table.add_row(name, what, reason, drawn, progress, counts)
        yield table


def _cells(found: OperationPicture) -> tuple[rich.text.Text, ...]:
    """Return what stands beside an operation's bar: name, act, reason, progress, counts."""
    few = len(found.components) <= MOST_COMPONENTS
    parts = found.components if few else (f"{len(found.components)} components",)
    return (
        rich.text.Text(f"  {found.name}"),
        rich.text.Text(" ".join([found.action, *parts])),
        rich.text.Text(found.reason, style=_end_style(found)),
        rich.text.Text(found.progress or ""),
        _counts(found),
    )


class Bar:
    """How far an operation is; as wide as there is room for."""

    def __init__(self, found: OperationPicture) -> None:
        self._colour = {"True": "green", "False": "red"}.get(found.succeeded, "cyan")
        share = 1.0 if found.succeeded == "True" else 0.0
        if found.total:
            share = min(1.0, (found.done + found.failed) / found.total)
        self._share = share

    def __rich_measure__(
        self, _console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.measure.Measurement:
        return rich.measure.Measurement(min(SHORTEST_BAR, options.max_width), BAR)

    def __rich_console__(
        self, _console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        width = min(BAR, options.max_width)
        done = round(width * self._share)
        yield rich.text.Text.assemble(("━" * done, self._colour), ("─" * (width - done), "dim"))


def waiting(found: Blocked, now: float) -> rich.console.RenderableType:
    """Return what is waited for: what, since when, why, and the remedy as a command."""
    line = rich.text.Text("  ")
    line.append(found.object, style="bold")
    line.append(f"  {found.reason}", style="yellow")
    if found.since:
        line.append(f" for {age(now - clock.parse(found.since))}")
    if found.next_attempt_time:
        left = clock.parse(found.next_attempt_time) - now
        line.append(f", next try in {age(left)}" if left > 0 else ", next try now")
    lines = [line]
    if found.message:
        lines.append(rich.text.Text(f"    {found.message}"))
    if found.remedy:
        lines.append(rich.text.Text(f"    → {found.remedy}", style="cyan"))
    return rich.console.Group(*lines)


def state(name: str) -> tuple[str, str]:
    """Return the state of a server with its sign, and its colour."""
    return f"{_SIGNS[name]} {name}", _COLOURS[name]


def headline(found: ApplicationPicture) -> rich.text.Text:
    """Return how an application stands, in a line, and why in another."""
    line = rich.text.Text()
    line.append(f"{found.namespace}/", style="dim")
    line.append(found.name, style="bold")
    line.append("  ")
    word = {"True": "Ready", "False": "Not ready"}.get(found.ready, "Pending")
    line.append(word, style=verdict_style(found))
    if found.reason not in (Reason.AVAILABLE, Reason.PENDING):
        line.append(f" · {found.reason}", style=verdict_style(found))
    if found.deleting and found.reason != Reason.DELETING:
        line.append(" · being deleted", style="red")
    if found.paused and not found.deleting and found.reason != Reason.PAUSED:
        line.append(" · paused", style="yellow")
    line.append(f"  {age(found.age_seconds)} old", style="dim")
    line.append(f"\n{found.message}")
    return line


def _component_line(found: ComponentPicture, above: ApplicationPicture) -> rich.text.Text:
    width = max(len(each.name) for each in above.components)
    digits = max(len(_share(each)) for each in above.components)
    line = rich.text.Text()
    line.append(f"{found.name:<{width}}", style="bold")
    whole = found.available >= found.desired
    line.append(f"  {_share(found):>{digits}} available", style="green" if whole else "yellow")
    if found.updated < found.desired:
        line.append(f"  {found.updated} up to date", style="yellow")
    line.append("  ")
    line.append(pictures.summary(found.states, found.servers))
    return line


def _share(found: ComponentPicture) -> str:
    return f"{found.available}/{found.desired}"


def _server_lines(found: ComponentPicture, now: float, *, wide: bool) -> list[rich.text.Text]:
    if wide or len(found.servers) <= EACH:
        return _aligned(found.servers, now, wide=wide)
    troubled = [each for each in found.servers if each.state in pictures.TROUBLE]
    lines = _aligned(troubled[:MOST_TROUBLED], now, wide=False)
    if len(troubled) > MOST_TROUBLED:
        more = len(troubled) - MOST_TROUBLED
        lines.append(rich.text.Text(f"… and {more} more: -o wide shows all", style="dim"))
    return lines


def _aligned(
    found: Sequence[pictures.ServerPicture], now: float, *, wide: bool
) -> list[rich.text.Text]:
    """Return a line for each server; what all have stands in columns, what ails one after them."""
    cells = [(each.short, each.state, *(_where(each) if wide else ())) for each in found]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for each, texts in zip(found, cells, strict=True):
        name, state, *where = (
            f"{text:<{width}}" for text, width in zip(texts, widths, strict=True)
        )
        colour = _COLOURS[each.state]
        line = rich.text.Text()
        line.append(f"{_SIGNS[each.state]} ", style=colour)
        line.append(name)
        line.append(f"  {state}", style=colour)
        line.append("".join(f"  {text}" for text in where), style="dim")
        line.append_text(_condition(each, now))
        line.rstrip()
        lines.append(line)
    return lines


def _where(found: pictures.ServerPicture) -> tuple[str, ...]:
    return (found.place or "-", ",".join(found.addresses) or "-", found.revision or "-")


def _condition(found: pictures.ServerPicture, now: float) -> rich.text.Text:
    line = rich.text.Text()
    if found.task:
        line.append(f"  {found.task}")
    if found.held:
        line.append(f"  held{found.hold}", style="magenta")
    if found.state in (*pictures.TROUBLE, pictures.STARTING, pictures.STOPPED):
        if found.reason not in ("", Reason.PENDING, Reason.AVAILABLE):
            line.append(f"  {found.reason}")
        if found.since:
            line.append(f" for {age(now - clock.parse(found.since))}")
        if found.message and found.state in pictures.TROUBLE:
            line.append(f": {found.message}")
    return line


def _counts(found: OperationPicture) -> rich.text.Text:
    parts: list[rich.text.Text] = []
    if found.running:
        parts.append(rich.text.Text(f"{found.running} in flight"))
    if found.failed:
        parts.append(rich.text.Text(f"{found.failed} failed", style="red"))
    if found.waits and not found.running:
        _, name = resources.parts(found.waits[0].object)
        parts.append(rich.text.Text(f"waits for {name}"))
    return rich.text.Text(", ").join(parts)


def verdict_style(found: ApplicationPicture) -> str:
    """Return the colour of how an application stands."""
    if found.ready == "True":
        return "green"
    return "bold red" if found.stalled or found.failed else "yellow"


def _end_style(found: OperationPicture) -> str:
    return {"True": "green", "False": "red"}.get(found.succeeded, "cyan")
