"""A question to somebody at a terminal: what is answered, and that nobody is held by it."""

from __future__ import annotations

import sys

import pexpect
import pytest

PATIENCE_SECONDS = 180
PROGRAM = """
import asyncio, os, signal, sys
from controller.cli import screen

if "hasty" in sys.argv:
    show = screen.output().print

    def print_and_interrupt(*given, **more):
        show(*given, **more)
        screen.output().print = show
        os.kill(os.getpid(), signal.SIGINT)

    screen.output().print = print_and_interrupt
print("told", repr(asyncio.run(screen.ask("Well? "))))
"""


@pytest.mark.parametrize(
    ("keys", "answer"), [("Yes\n", "'yes'"), ("\n", "''"), ("\x04", "''"), ("\x03", "None")]
)
def test_an_answer_the_end_or_ctrl_c_ends_the_wait(keys: str, answer: str) -> None:
    """A line is the answer, the end of input an empty one, and Ctrl-C none: each at once."""
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, ["-c", PROGRAM], encoding="utf-8", timeout=PATIENCE_SECONDS
    )
    child.expect_exact("Well? ")
    child.send(keys)
    child.expect_exact(f"told {answer}")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_ctrl_c_in_the_moment_of_the_question_is_an_answer() -> None:
    """Nobody is too early: whoever sees the question can already call it off."""
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, ["-c", PROGRAM, "hasty"], encoding="utf-8", timeout=PATIENCE_SECONDS
    )
    child.expect_exact("told None")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
