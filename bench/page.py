"""Puts what was found into the documentation: the last measurement of each ratio, and its plots.

`python -m bench --publish` calls it, after a run that is worth showing.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

from bench import plot, record, report, table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "explanation" / "performance.md"
IMAGES = DOCS / "images"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ARMS, RATIOS = "bench-arms.svg", "bench-ratios.svg"


def publish(
    results: Path = report.RESULTS,
    page: Path = PAGE,
    images: Path = IMAGES,
    file: Path = record.FILE,
) -> list[Path]:
    """Put what the last run measured on record, and the record into the page; return what changed.

    Ratios that the run did not measure keep what was measured of them before. Raises
    FileNotFoundError where there are no results.
    """
    known = json.loads((results / report.REPORT).read_text())
    whole = record.read(file).with_run(known)
    record.write(whole, file)
    changed = [file, page, images / RATIOS]
    if known["peers"] and (results / report.ARMS_PLOT).exists():
        shutil.copyfile(results / report.ARMS_PLOT, images / ARMS)
        changed.append(images / ARMS)
    findings = [entry.finding(key) for key, entry in whole.ordered()]
    (images / RATIOS).write_text(plot.dots(report.RATIOS_TITLE, findings))
    pattern = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
    measured = "\n\n".join([BEGIN, *_parts(whole), END])
    page.write_text(pattern.sub(lambda _: measured, page.read_text()))
    return changed


def _parts(whole: record.Record) -> list[str]:
    """Return what stands between the marks: figures, peers, plots."""
    described = ", ".join(f"{key} {value}" for key, value in whole.machine.items())
    occasion = (
        "Each ratio as it was measured last, with the day and the servers of the fleet, of the"
        f" small one and of the large one. The last machine: {described}."
    )
    parts = [
        "## Last measured",
        occasion,
        table.record(whole.ordered()),
        f"![Each ratio beside its target](../images/{RATIOS})",
    ]
    if whole.peers:
        peers = {
            arm: {
                column: [math.inf if value is None else value for value in values]
                for column, values in compared.items()
            }
            for arm, compared in whole.peers.items()
        }
        columns = (
            f"Others beside it, on {whole.peers_day}: `Ready` is ÷ the plain client; `CPU` is the"
            " milliseconds per server of whoever makes the pods, `server CPU` those of the API"
            " server and etcd; the rest is seconds behind a load."
        )
        parts += [
            columns,
            table.peers(peers),
            f"![How long each arm took until all servers were Ready](../images/{ARMS})",
        ]
    return parts
