"""A task that nobody awaits to its end fails a test, instead of a line that nobody reads.

asyncio tells of it when such a task is collected, on a logger, with a program's exit status 0.
Where that is seen during a test, that test fails. What is collected only once all tests have run
fails the run.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

DESTROYED = "Task was destroyed but it is pending"


class _Witness(logging.Handler):
    """Keeps what asyncio says of tasks that were left behind."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message that is about a task left behind."""
        text = record.getMessage()
        if DESTROYED in text:
            self.seen.append(text)

    def told(self) -> str:
        """Return what was seen since this was last asked."""
        seen, self.seen = self.seen, []
        return "\n".join(seen)


_witness = _Witness()
logging.getLogger("asyncio").addHandler(_witness)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Fail the test in which a task is found that was left behind, by it or shortly before."""
    yield
    if found := _witness.told():
        pytest.fail(f"left behind, by this test or one before:\n{found}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Collect what is left, and fail the run where that is a task."""
    gc.collect()
    if (found := _witness.told()) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"left behind by the last tests:\n{found}")  # noqa: T201 - the run's own report
