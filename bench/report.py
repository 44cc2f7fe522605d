"""What is kept of a run: JSON with every figure, the tables for a page, and two plots."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import plot, ratios, sizes, table

RESULTS = Path(__file__).parent / "results"
REPORT, PAGE, ARMS_PLOT, RATIOS_PLOT = "bench.json", "tables.md", "arms.svg", "ratios.svg"
RATIOS_TITLE = "Ratios; right of the line is worse than wanted"


def write(
    book: ratios.Book,
    *,
    machine: Mapping[str, str],
    chosen: sizes.Sizes,
    seconds: float,
    folder: Path = RESULTS,
) -> list[Path]:
    """Write everything into a folder, over what an earlier run left there; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    findings = list(book.findings)
    files = {REPORT: json.dumps(_whole(book, machine, chosen, seconds), indent=2) + "\n"}
    tables = [table.markdown(findings)]
    tables += [table.peers(book.peers)] if book.peers else []
    files[PAGE] = "\n\n".join(tables) + "\n"
    if findings:
        files[RATIOS_PLOT] = plot.dots(RATIOS_TITLE, findings)
    if shown := arms(book, chosen.fleet):
        title = f"{chosen.fleet} servers: seconds until all are Ready"
        files[ARMS_PLOT] = plot.bars(title, "s", shown)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def arms(book: ratios.Book, servers: int) -> list[plot.Bar]:
    """Return how long each arm took to bring up so many servers."""
    found: dict[str, list[float]] = defaultdict(list)
    for each in book.runs:
        if each.servers == servers:
            found[each.arm].append(each.ready)
    return [plot.Bar(name, values) for name, values in found.items()]


def _whole(
    book: ratios.Book, machine: Mapping[str, str], chosen: sizes.Sizes, seconds: float
) -> dict[str, Any]:
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 1),
        "machine": machine,
        "sizes": dataclasses.asdict(chosen),
        "ratios": [
            {
                "key": each.ratio.key,
                "text": each.ratio.text,
                "target": each.ratio.target,
                "held": each.ratio.held,
                "value": each.value,
                "values": each.values,
                "met": each.met,
                "note": each.note,
            }
            for each in book.findings
        ],
        "figures": book.figures,
        "peers": {
            arm: {
                column: [value if math.isfinite(value) else None for value in values]
                for column, values in columns.items()
            }
            for arm, columns in book.peers.items()
        },
        "runs": [dataclasses.asdict(each) for each in book.runs],
    }
