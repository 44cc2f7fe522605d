"""Golden narratives: what a rehearsal tells, held to what it told when somebody last read it.

With GOLDEN_UPDATE=1 in the environment the files are written anew; read the difference then.
"""

from __future__ import annotations

import os
import pathlib

FOLDER = pathlib.Path(__file__).parent / "golden"


def hold(name: str, story: str) -> None:
    """Fail unless `story` is what the file of that name says."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("GOLDEN_UPDATE"):
        path.write_text(story)
    assert path.exists(), f"no golden file {path.name}: run with GOLDEN_UPDATE=1 and read it"
    assert story == path.read_text()
