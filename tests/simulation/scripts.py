"""The frame of tests that play random scripts: hypothesis writes them, virtual time plays them.

The scripts of a chunk follow from its seed alone. A failure prints the shortest script that fails,
and the one command that plays it again; SIMULATION_SEEDS=5-40 plays others, as
`make test-long` does.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import hypothesis
import looptime
from hypothesis import strategies as st

from controller.planning import ordinals

S = TypeVar("S")


def seeds(usual: str, *, found: str) -> list[int]:
    """Return the seeds to play: the usual or those asked for, and what ever found something."""
    asked = os.environ.get("SIMULATION_SEEDS", usual)
    return [each for part in ordinals.parse(ordinals.union(asked, found)) for each in part]


def play(
    seed: int,
    steps: st.SearchStrategy[S],
    live: Callable[[list[S]], Awaitable[None]],
    *,
    scripts: int,
    length: int,
    file: str,
) -> None:
    """Play so many scripts of `length` steps, each by `live` on a loop of its own."""

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=scripts, database=None)
    @hypothesis.given(st.lists(steps, min_size=length, max_size=length))
    def every_script_ends(script: list[S]) -> None:
        loop = looptime.new_event_loop()
        try:
            loop.run_until_complete(live(script))
        finally:
            loop.close()

    try:
        every_script_ends()
    except Exception as error:
        error.add_note(
            f"seed {seed}; again: SIMULATION_SEEDS={seed} .venv/bin/python -m pytest {file}"
        )
        raise
