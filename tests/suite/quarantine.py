"""Tests that fail now and then are run apart, and each says why it does.

    @pytest.mark.quarantined(reason="the Lease is lost when the disk stalls for 10 s: #123")

A test that is run again until it passes tells nothing. So `make test` leaves these out, and
`make test-quarantined`, which asks for the marker by name, runs them alone.
"""

from __future__ import annotations

import pytest

MARKER = "quarantined"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is quarantined and was not asked for; raise where a reason is missing."""
    apart = [item for item in items if item.get_closest_marker(MARKER)]
    for item in apart:
        for mark in item.iter_markers(MARKER):
            reason = mark.kwargs.get("reason")
            if mark.args or set(mark.kwargs) != {"reason"} or not isinstance(reason, str):
                raise pytest.UsageError(f"{item.nodeid}: say quarantined(reason='why it fails')")
            if not reason.strip():
                raise pytest.UsageError(f"{item.nodeid}: the quarantine has an empty reason")
    if apart and MARKER not in config.option.markexpr:
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]
