"""Flakes and what takes minutes are run apart, and have reasons."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = """
[pytest]
addopts = --strict-markers --import-mode=importlib -p no:cacheprovider
markers =
    quarantined(reason): as in this project
    long(reason): as in this project
"""
TESTS = """
import pytest

{mark}
def test_flaky():
    pass

def test_sound():
    pass
"""


def collected(folder: Path, mark: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a sound test and one with that mark, with this project's quarantine."""
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "test_it.py").write_text(TESTS.format(mark=mark))
    argv = [sys.executable, "-m", "pytest", "-p", "tests.suite.apart", "-v", str(folder)]
    return subprocess.run([*argv, *options], cwd=ROOT, capture_output=True, text=True, check=False)


MARKED = "@pytest.mark.quarantined(reason='its server is slow to start: #1')"


def test_what_is_quarantined_is_left_out(tmp_path: Path) -> None:
    """A run that does not ask for flakes runs all but those, and tells how many it left out."""
    done = collected(tmp_path, MARKED)
    assert "test_flaky" not in done.stdout
    assert "1 passed, 1 deselected" in done.stdout


def test_the_quarantine_runs_when_asked_for(tmp_path: Path) -> None:
    """A run that names the marker runs flakes and nothing else."""
    done = collected(tmp_path, MARKED, "-m", "quarantined")
    assert "test_flaky PASSED" in done.stdout
    assert "1 passed, 1 deselected" in done.stdout


LONG = "@pytest.mark.long(reason='a thousand servers')"


@pytest.mark.parametrize(
    ("options", "everything", "runs"),
    [([], "", "test_sound"), (["-m", "long"], "", "test_flaky"), ([], "1", "test_sound")],
)
def test_what_takes_minutes_runs_when_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    everything: str,
    runs: str,
) -> None:
    """By its marker alone, or with all others where LONG=1 asks for everything."""
    monkeypatch.setenv("LONG", everything)
    done = collected(tmp_path, LONG, *options)
    assert f"{runs} PASSED" in done.stdout
    assert ("2 passed" if everything else "1 passed, 1 deselected") in done.stdout


@pytest.mark.parametrize("arguments", ["", "()", "('why')", "(reason='')", "(reason=1)"])
def test_a_quarantine_has_a_reason(tmp_path: Path, arguments: str) -> None:
    """A mark that does not say why ends the whole run."""
    done = collected(tmp_path, f"@pytest.mark.quarantined{arguments}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "quarantine" in done.stdout + done.stderr
