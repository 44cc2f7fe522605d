"""What one folder remembers of what runs from it, and whose turn it is to change that.

A cluster and a cloud have one each.
"""

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Return what was kept; nothing where nothing was."""
    try:
        state: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return state


@contextlib.contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder while something is changed; others wait, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another devcluster command on {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
