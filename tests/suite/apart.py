"""Tests that `make test` leaves out: each says why, and has a command that runs it.

    @pytest.mark.quarantined(reason="the Lease is lost when the disk stalls for 10 s: #123")
    @pytest.mark.long(reason="a thousand servers; ten of them are in test_creation")

`make test-quarantined` runs those that fail now and then: a test that is run again until it passes
tells nothing. `make test-long` runs those that take minutes and of which a shorter one tells the
most; `make test LONG=1` runs everything.
"""

from __future__ import annotations

import os

import pytest

QUARANTINED, LONG = "quarantined", "long"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what stands apart and was not asked for; raise where a reason is missing."""
    asked = {each for each in (QUARANTINED, LONG) if each in config.option.markexpr}
    if os.environ.get("LONG") == "1":
        asked.add(LONG)
    for marker in (QUARANTINED, LONG):
        apart = [item for item in items if item.get_closest_marker(marker)]
        for item in apart:
            _require_reasons(item, marker)
        if apart and marker not in asked:
            config.hook.pytest_deselected(items=apart)
            items[:] = [item for item in items if item not in apart]


def _require_reasons(item: pytest.Item, marker: str) -> None:
    for mark in item.iter_markers(marker):
        reason = mark.kwargs.get("reason")
        if mark.args or set(mark.kwargs) != {"reason"} or not isinstance(reason, str):
            raise pytest.UsageError(f"{item.nodeid}: say {marker}(reason='why it stands apart')")
        if not reason.strip():
            raise pytest.UsageError(f"{item.nodeid}: {marker} has an empty reason")
