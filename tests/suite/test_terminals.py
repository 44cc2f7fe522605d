"""The terminal of the tests: it shows what somebody would see in front of it."""

from __future__ import annotations

import sys

import pexpect

from tests.e2e import terminals

# A sign of life drawn many times, of one line and then of two, and the answer after it.
PROGRAM = """
import rich.console, rich.status
status = rich.status.Status("reading", console=rich.console.Console())
status.start()
for text in ["reading"] * 9 + ["a long line " * 9] * 3:
    status.update(text)
    status._live.refresh()
status.stop()
print("the answer")
print("below it")
"""


def test_what_a_command_took_back_is_not_on_the_screen() -> None:
    """However often a sign of life was drawn, the answer alone is left, each line in its place."""
    child = pexpect.spawn(
        sys.executable, ["-c", PROGRAM], dimensions=(50, 80), encoding="utf-8",
        env={"TERM": "xterm-256color"},
    )  # fmt: skip
    assert terminals.end(child)[0] == 0
    printed = child.before or ""
    assert printed.count("reading") >= 9
    assert terminals.drawn(printed) == "the answer\nbelow it\n"
