"""The forecast of an application, on a terminal: `plan`, and what `delete` shows first."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence

import rich.console
import rich.table
import rich.text

from controller.presentation.forecast import Effect
from controller.presentation.preview import Preview, StepGroup, runs

# Servers that are named in one line.
MOST_NAMED = 6
# Of these it is said where the servers will be.
_MADE = frozenset({Effect.CREATE, Effect.REPLACE})
_COLOURS = {"+": "green", "-": "red"}


def draw(found: Preview) -> Iterator[rich.console.RenderableType]:
    """Yield the preview line by line."""
    what = " would change" if found.exists else " would be created"
    yield rich.text.Text.assemble((f"{found.namespace}/{found.application}", "bold"), what)
    for line in found.spec_diff:
        yield rich.text.Text(f"  {line}", style=_COLOURS.get(line[:1], "dim"))
    if found.builds:
        yield rich.text.Text(
            f"\nBuild first, and go on if that succeeds: {few(found.builds, 'Builds')}"
        )
    yield _totals(found)
    if found.steps:
        yield from order(runs(found.steps, found.budgets), found.domains)
    if not found.finished:
        yield "  … and so on"
    yield from claims(found.claims_deleted, found.claims_kept)
    if found.outcome:
        yield rich.text.Text(f"\nThen, if every server comes up: {found.outcome}")
    for note in found.notes:
        yield rich.text.Text(note, style="dim")


def _totals(found: Preview) -> rich.text.Text:
    totals = (
        ("create", "green", found.created),
        ("replace", "yellow", found.replaced),
        ("change in place", "cyan", found.changed_in_place),
        ("delete", "red", found.deleted),
    )
    counts = [
        rich.text.Text(f"{len(who)} to {word}", style=colour) for word, colour, who in totals if who
    ]
    told = rich.text.Text(", ").join(counts) if counts else "none would change"
    return rich.text.Text.assemble("\nServers: ", told)


def order(
    found: Sequence[StepGroup], domains: Mapping[str, str] | None = None
) -> Iterator[rich.table.Table]:
    """Yield what happens in order; what does not fit into a line goes on below its beginning.

    `domains` are the failure domains of servers that are made.
    """
    for number, each in enumerate(found, 1):
        line = rich.text.Text(f"{each.component}: {each.effect} {few(each.servers)}")
        if each.effect in _MADE:
            line.append(_places(each.servers, domains or {}))
        if each.batches > 1:
            line.append(f", {each.batch} at a time")
        limit, desired = each.budget
        if desired:
            line.append(f" (at most {limit} of {desired} may be down)", style="dim")
        drawn = rich.table.Table.grid()
        drawn.add_row(f"  {number}. ", line)
        yield drawn


def _places(servers: Sequence[str], domains: Mapping[str, str]) -> str:
    """Return in which failure domains the servers are made, and how many in each."""
    counted = collections.Counter(domains[each] for each in servers if each in domains)
    told = (f"{count} in {name}" for name, count in sorted(counted.items()))
    return f" ({', '.join(told)})" if counted else ""


def claims(deleted: Sequence[str], kept: Sequence[str]) -> Iterator[rich.text.Text]:
    """Yield what becomes of the claims whose servers go, every one that goes by its name."""
    if deleted:
        yield rich.text.Text.assemble(
            "Claims deleted ", ("with their data", "red"), f": {', '.join(deleted)}"
        )
    if kept:
        yield rich.text.Text(f"Claims kept, with their data: {few(kept, 'claims')}")


def few(servers: Sequence[str], noun: str = "servers") -> str:
    """Return the names, or so many of them as fit into a line with their count."""
    if len(servers) <= MOST_NAMED:
        return ", ".join(servers)
    return f"{len(servers)} {noun}: {', '.join(servers[: MOST_NAMED - 2])}, … {servers[-1]}"
