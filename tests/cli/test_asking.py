"""A question to somebody at a terminal: what is answered, and that nobody is held by it."""

from __future__ import annotations

import sys

import pexpect
import pytest

PROGRAM = """
import asyncio
from controller.cli import screen
print("told", repr(asyncio.run(screen.ask("Well? "))))
"""


@pytest.mark.parametrize(
    ("keys", "answer"), [("Yes\n", "'yes'"), ("\n", "''"), ("\x04", "''"), ("\x03", "None")]
)
def test_an_answer_the_end_or_ctrl_c_ends_the_wait(keys: str, answer: str) -> None:
    """A line is the answer, the end of input an empty one, and Ctrl-C none: each at once."""
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, ["-c", PROGRAM], encoding="utf-8", timeout=60
    )
    child.expect_exact("Well? ")
    child.send(keys)
    child.expect_exact(f"told {answer}")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
