"""Puts what the last run found into the documentation: its tables, its machine, its plots.

`python -m bench --publish` calls it, after a run that is worth showing.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from bench import report

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "explanation" / "performance.md"
IMAGES = DOCS / "images"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PLOTS = {
    report.ARMS_PLOT: ("bench-arms.svg", "How long each arm took until all servers were Ready"),
    report.RATIOS_PLOT: ("bench-ratios.svg", "Each ratio beside its target"),
}


def publish(results: Path = report.RESULTS, page: Path = PAGE, images: Path = IMAGES) -> list[Path]:
    """Replace what the page shows as measured by the results of the last run; return what changed.

    Raises FileNotFoundError where there are no results.
    """
    known = json.loads((results / report.REPORT).read_text())
    tables = (results / report.PAGE).read_text().strip()
    parts = [BEGIN, "## Last measured", _occasion(known), tables]
    changed = [page]
    for name, (image, text) in PLOTS.items():
        if (results / name).exists():
            shutil.copyfile(results / name, images / image)
            parts.append(f"![{text}](../images/{image})")
            changed.append(images / image)
    parts.append(END)
    measured = "\n\n".join(parts)
    pattern = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
    page.write_text(pattern.sub(lambda _: measured, page.read_text()))
    return changed


def _occasion(known: dict[str, object]) -> str:
    machine, sizes = known["machine"], known["sizes"]
    assert isinstance(machine, dict)  # noqa: S101  as `report` writes them
    assert isinstance(sizes, dict)  # noqa: S101
    described = ", ".join(f"{key} {value}" for key, value in machine.items())
    return (
        f"On {str(known['time'])[:10]}: {described}. The fleet has {sizes['fleet']:,} servers, the"
        f" small one {sizes['small']:,}, the large one {sizes['large']:,}. For peers, `Ready` is ÷"
        " the plain client; `CPU` is the milliseconds per server of whoever makes the pods,"
        " `server CPU` those of the API server and etcd; the rest is seconds behind a load."
    )
