"""Resolve the dependencies into locks with hashes: what runs, develops, makes the site.

`make lock` runs it. The operator's image has a lock of its own. None names
a host: where packages come from is the installer's affair.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Resolved by `make lock` from pyproject.toml: change that, not this file.\n"
COMPILE = (
    "--quiet",
    "--upgrade",
    "--generate-hashes",
    "--strip-extras",
    "--allow-unsafe",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
)


def main() -> None:
    """Write the locks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runs = project["project"]["dependencies"]
    # The build backend too: the editable install then needs no isolated build.
    develops = project["dependency-groups"]["dev"] + project["build-system"]["requires"]
    # And the extras: their commands are tested, too.
    for extra in project["project"]["optional-dependencies"].values():
        develops += extra
    compile_lock(ROOT / "requirements-dev.lock", [*runs, *develops])
    builds = project["build-system"]["requires"]
    # Where the operator runs nobody can install an extra, so its image has the one that it uses.
    traces = project["project"]["optional-dependencies"]["traces"]
    for name, wanted in (
        ("requirements.lock", [*runs, *builds]),
        ("requirements-image.lock", [*runs, *traces, *builds]),
    ):
        compile_lock(ROOT / name, wanted, constraint=ROOT / "requirements-dev.lock")
    compile_lock(ROOT / "requirements-docs.lock", project["dependency-groups"]["docs"])


def compile_lock(lock: Path, wanted: list[str], constraint: Path | None = None) -> None:
    """Resolve `wanted` into `lock`, with the versions of `constraint` where it names them."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "wanted.in", Path(folder) / "wanted.lock"
        lines = list(wanted)
        if constraint:
            lines.append(f"-c {constraint}")
        source.write_text("\n".join(lines) + "\n")
        argv = [sys.executable, "-m", "piptools", "compile", *COMPILE, "-o", str(target)]
        subprocess.run([*argv, str(source)], check=True, cwd=ROOT)
        lock.write_text(HEADER + target.read_text())
    print(f"wrote {lock.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
