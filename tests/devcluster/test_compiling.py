"""The progress of a cold build: what Go says, counted, and an estimate once there is something."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from devcluster import binaries, compiling

PACKAGES = [f"example.com/p{number}" for number in range(1480)]


def far(done: int, seconds: float, tmp_path: Path, packages: list[str] = PACKAGES) -> str:
    """Return what is told when so many packages are compiled after so many seconds."""
    progress = compiling.Progress(packages)
    log = tmp_path / "log"
    log.write_text("go: downloading example.com v1.0.0\n" + "\n".join(packages[:done]))
    progress.read(log)
    return progress.told(seconds)


@pytest.mark.parametrize(
    ("done", "seconds", "told"),
    [
        (0, 5, "0 of 1,480 packages, 5 s"),
        (400, 5, "400 of 1,480 packages, 5 s"),
        (147, 60, "147 of 1,480 packages, 60 s"),
        (370, 150, "370 of 1,480 packages, 150 s; about 8 minutes left"),
        (1233, 300, "1,233 of 1,480 packages, 300 s; about a minute left"),
        (1470, 300, "1,470 of 1,480 packages, 300 s; less than a minute left"),
        (1480, 310, "1,480 of 1,480 packages, 310 s; linking"),
    ],
)
def test_packages_are_counted_and_the_rest_is_estimated(
    done: int, seconds: float, told: str, tmp_path: Path
) -> None:
    """Other words of Go's count for nothing; too little says nothing of the rest."""
    assert far(done, seconds, tmp_path) == told


def test_where_go_cannot_tell_the_seconds_are_told(tmp_path: Path) -> None:
    """As before there were estimates."""
    assert far(0, 35, tmp_path, []) == "35 s"


def test_packages_of_several_programs_add_up(tmp_path: Path) -> None:
    """Each program is built with a log of its own; what one has compiled stays compiled."""
    progress = compiling.Progress(["a", "b", "c"])
    for words in ("a\nb\n", "c\n"):
        (tmp_path / "log").write_text(words)
        progress.read(tmp_path / "log")
    assert progress.told(1) == "3 of 3 packages, 1 s"


def test_go_compiles_what_it_said_it_would(tmp_path: Path) -> None:
    """With the flags of a build it names the very packages that it then compiles."""
    # Under a path of its own, so that no cache of this machine has it.
    module = f"example.com/t{os.urandom(6).hex()}"
    (tmp_path / "go.mod").write_text(f"module {module}\n\ngo 1.21\n")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "part.go").write_text("package part\n\nconst Number = 1\n")
    (tmp_path / "main.go").write_text(
        f'package main\n\nimport "{module}/part"\n\nfunc main() {{ print(part.Number) }}\n'
    )
    environment = {**os.environ, "CGO_ENABLED": "0"}
    flags = ["-trimpath", "-ldflags", "-s -w"]
    wanted = compiling.stale(tmp_path, ["."], flags, environment)
    assert {module, f"{module}/part"} <= set(wanted)
    done = subprocess.run(
        ["go", "build", "-v", *flags, "-o", str(tmp_path / "it"), "."],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stderr.split()) == set(wanted)


def test_a_cold_build_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first and the last word stands how many packages are done of how many."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        "#!/bin/sh\n"
        'case "$1" in list) echo a/one; echo a/two;; build) echo a/one >&2\n'
        f"for each in $(seq 600); do [ -e {tmp_path}/told ] && break; sleep 0.1; done\n"
        'shift 5; touch "$2";; esac\n'
    )
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(binaries, "HEARTBEAT_SECONDS", 0.05)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "1 of 2 packages" in line:
            (tmp_path / "told").touch()

    binaries._build(binaries.PAUSE, tmp_path, say)
    assert "first time only" in said[0]
    assert any(each.startswith("building pause: 1 of 2 packages") for each in said)
    assert said[-1].startswith("built pause in")
