"""Have shellcheck read every shell script of the checkout, whatever its name ends with.

`make check` runs it. A script is known by its first line, so that a new one needs no list.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELL = re.compile(rb"#!\s*/\S*?(?:/env\s+(?:-S\s+)?|/busybox\s+|/)(sh|ash|dash|bash)\b")
# shellcheck calls the shell of BusyBox so; it knows no ash.
DIALECTS = {"ash": "busybox", "busybox": "busybox"}


def main() -> int:
    """Check all scripts, each as its own shell; return whether one of them has findings."""
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    found = 0
    for path, dialect in scripts(ROOT):
        argv = [str(shellcheck), f"--shell={dialect}", str(path.relative_to(ROOT))]
        found |= subprocess.run(argv, check=False, cwd=ROOT).returncode
    return found


def scripts(root: Path) -> list[tuple[Path, str]]:
    """Return the shell scripts that git keeps below `root`, each with its dialect."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, check=True, cwd=root, capture_output=True).stdout
    paths = sorted(root / name for name in set(listed.decode().split("\0")) - {""})
    # A file that was just deleted is still listed.
    kept = [(path, dialect_of(path)) for path in paths if path.is_file()]
    return [(path, dialect) for path, dialect in kept if dialect]


def dialect_of(path: Path) -> str:
    """Return the shell that a file is for, or nothing where it is no shell script."""
    with path.open("rb") as file:
        first = file.readline(200)
    matched = SHELL.match(first)
    if matched is None:
        return "sh" if path.suffix == ".sh" else ""
    shell = "busybox" if b"busybox" in first else matched.group(1).decode()
    return DIALECTS.get(shell, shell)


if __name__ == "__main__":
    sys.exit(main())
