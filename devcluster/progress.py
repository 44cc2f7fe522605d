"""Long programs that must not be silent; `debian` and `images` run theirs by it."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devcluster import errors

HEARTBEAT_SECONDS = 5


def run(argv: Sequence[str], log: Path, what: str, say: Callable[[str], None]) -> None:
    """Run a long program, saying now and then that it is at work; its words go to the log."""
    began = time.monotonic()
    with log.open("w") as output, subprocess.Popen(argv, stdout=output, stderr=output) as child:
        while True:
            try:
                child.wait(HEARTBEAT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"{what}: {time.monotonic() - began:.0f} s")
    if child.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise errors.DevclusterError(f"{what} failed; the last lines of {log}:\n{tail}")
