"""Revisions on a terminal: the table of `history`, the coloured lines of `diff`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import rich.text

from controller.cli.drawing import tables
from controller.presentation.revisions import Revision
from controller.presentation.spans import age

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def table(found: Sequence[Revision]) -> tables.Table:
    """Return the revisions as a table."""
    # Where nothing was built there is nothing to say of it.
    built = ("BUILD", "COMMIT") if any(each.commit for each in found) else ()
    drawn = tables.Table(
        "COMPONENT",
        "REVISION",
        "HASH",
        "AGE",
        "SERVERS",
        "STATE",
        *built,
        "IMAGES",
        folded="IMAGES",
    )
    for each in found:
        drawn.add(
            each.component,
            str(each.number),
            each.revision,
            age(each.age_seconds),
            str(each.servers),
            _state(each),
            *((each.build, each.commit[:12]) if built else ()),
            ", ".join(each.images),
        )
    return drawn


def _state(found: Revision) -> rich.text.Text:
    words = (("target", found.target), ("proven", found.proven))
    states = [rich.text.Text(word) for word, holds in words if holds]
    if found.rejected:
        states.append(rich.text.Text(f"rejected: {found.rejected}", style="red"))
    return rich.text.Text(", ").join(states)


def difference(lines: Iterable[str]) -> Iterable[rich.text.Text]:
    """Return the lines of a unified diff, coloured by what they say."""
    return (rich.text.Text(each, style=_COLOURS.get(each[:1], "")) for each in lines)
