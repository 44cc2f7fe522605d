"""How far a cold build of Go programs is: packages done, packages to do, and how long it may take.

`binaries` builds thousands of packages the first time. Go names each that it compiles, and says
beforehand which it would.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# Before so much is done, in seconds and as a part of all, nobody knows how long the rest takes:
# what all others need comes first, and some of that is large.
LEAST_SECONDS, LEAST_PART = 10, 0.1
STALE = "{{if .Stale}}{{.ImportPath}}{{end}}"


class Progress:
    """Of the packages that are to be compiled those that were, as Go's words tell it."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = frozenset(wanted)
        self._done: set[str] = set()

    def read(self, log: Path) -> None:
        """Take in what `go build -v` has said."""
        words = log.read_text(errors="replace").splitlines()
        self._done |= self._wanted.intersection(words)

    def told(self, seconds: float) -> str:
        """Return how far that is after so many seconds, for people."""
        done, whole = len(self._done), len(self._wanted)
        if not whole:
            return f"{seconds:.0f} s"
        far = f"{done:,} of {whole:,} packages, {seconds:.0f} s"
        if seconds < LEAST_SECONDS or done < whole * LEAST_PART:
            return far
        if done == whole:
            return f"{far}; linking"
        return f"{far}; {_long(seconds / done * (whole - done))} left"


def stale(
    folder: Path, packages: Sequence[str], flags: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """Return what Go would compile for these; nothing where it cannot tell, which stops nobody.

    Sources that the machine lacks are downloaded by that.
    """
    argv = ["go", "list", "-deps", *flags, "-f", STALE, *packages]
    done = subprocess.run(
        argv, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False
    )
    return [] if done.returncode else done.stdout.split()


def _long(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"
