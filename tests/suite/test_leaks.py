"""Tasks that a test leaves behind fail it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import asyncio, gc

async def forever():
    await asyncio.Event().wait()

def leave():
    loop = asyncio.new_event_loop()
    task = loop.create_task(forever())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return task

def test_clean():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

def test_last():
    {body}
"""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("leave(); gc.collect()", pytest.ExitCode.TESTS_FAILED),
        ("globals()['kept'] = [leave()]; kept[0].me = kept; del kept[:], globals()['kept']", 1),
        ("pass", pytest.ExitCode.OK),
    ],
    ids=["in the test", "at the end", "nothing"],
)
def test_a_task_left_behind_fails_the_run(tmp_path: Path, body: str, code: int) -> None:
    """Whether it is collected during the test or only at the end: a run that passes left none."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    (tmp_path / "test_it.py").write_text(TESTS.format(body=body))
    argv = [sys.executable, "-m", "pytest", "-p", "tests.suite.leaks", "-q", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("left behind" in done.stdout) == bool(code)
