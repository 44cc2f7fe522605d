"""`make check` has every tool run that the project promises, and none of them passes by silence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.audit import LOCKS, judge
from scripts.shell import main as check_shell
from scripts.shell import scripts

ROOT = Path(__file__).parents[2]
CLEAN = {"name": "rich", "version": "15.0", "vulns": []}
UNKNOWN = {"name": "typer", "skip_reason": "Dependency not found on PyPI"}
VULNERABLE = {
    "name": "jinja2",
    "version": "3.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"]}],
}


def recipe() -> list[str]:
    """Return the commands of `make check`."""
    made = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].splitlines()[1:]
    return [line.strip() for line in made[: made.index("")]]


@pytest.mark.parametrize(
    "command",
    ["$(BIN)/zizmor --offline", "$(PY) -m scripts.shell", "$(PY) -m scripts.audit"],
)
def test_make_check_audits_workflows_scripts_and_locks(command: str) -> None:
    """Each is a command of its own, whose failure fails the whole: nothing after it hides it."""
    lines = [line for line in recipe() if line.startswith(command)]
    assert len(lines) == 1
    assert not any(each in lines[0] for each in ("|", ";", "&", "-@"))


def test_every_shell_script_is_found_by_its_first_line() -> None:
    """Scripts have no suffix here, and are found all the same."""
    found = {str(path.relative_to(ROOT)): dialect for path, dialect in scripts(ROOT)}
    assert found[".ci/run"] == "bash"
    assert found["devcluster/openstack/guest-init"] == "busybox"


def test_shell_scripts_have_no_findings() -> None:
    """What shellcheck would say of them was mended."""
    assert check_shell() == 0


def test_a_new_script_is_found_whatever_it_is_called(tmp_path: Path) -> None:
    """By its shebang or its suffix; a script of another language is left alone."""
    subprocess.run(["git", "init", "--quiet"], check=True, cwd=tmp_path)
    for name, first in {
        "a": "#!/bin/sh -eu",
        "b": "#!/usr/bin/env bash",
        "c": "#!/bin/ash",
        "d.sh": "true",
        "e": "#!/usr/bin/env python3",
        "f.md": "# sh",
    }.items():
        (tmp_path / name).write_text(f"{first}\n")
    found = [(path.name, dialect) for path, dialect in scripts(tmp_path)]
    assert found == [("a", "sh"), ("b", "bash"), ("c", "busybox"), ("d.sh", "sh")]


@pytest.mark.parametrize(
    ("dependencies", "passes", "says"),
    [
        ([CLEAN], True, "no known vulnerability in 1 packages"),
        ([CLEAN, VULNERABLE], False, "jinja2 3.0: PYSEC-1 (mended in 3.1)"),
        ([UNKNOWN, VULNERABLE], False, "PYSEC-1"),
        ([UNKNOWN], True, "SKIPPED: requirements.lock is not audited"),
        ([UNKNOWN, CLEAN], True, "SKIPPED in part: requirements.lock: PyPI does not know typer"),
        ([], True, "SKIPPED"),
    ],
)
def test_a_lock_is_clean_only_if_all_of_it_was_looked_up(
    dependencies: list[dict[str, Any]], *, passes: bool, says: str
) -> None:
    """pip-audit says "no known vulnerabilities" of packages it did not find; that is no answer."""
    verdict = judge(LOCKS[0], json.dumps({"dependencies": dependencies}), "")
    assert verdict.passes is passes
    assert says in verdict.says


def test_without_a_network_the_audit_is_skipped_aloud() -> None:
    """No report and a failed connection: skipped; no report for another reason: failed."""
    offline = judge(LOCKS[0], "", "requests.exceptions.ConnectionError: Name or service not known")
    assert offline.passes
    assert offline.says.startswith("SKIPPED")
    broken = judge(LOCKS[0], "", "No module named pip_audit")
    assert not broken.passes
    assert "No module named pip_audit" in broken.says
