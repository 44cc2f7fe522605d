"""The measurement of the dashboard runs, and tells what happened."""

from __future__ import annotations

from bench import dashboard


async def test_few_viewers_are_measured_as_many_are() -> None:
    """They come, at rest nothing is asked for, and each loads the page again when it changes."""
    found = await dashboard.measure(20, 2, 3.0, 2.0)
    assert found["opening"]["bytes"] > 0
    assert found["opening"]["asked"] == {"review": 2 * 5}
    assert found["rest"]["asked"] == {}
    assert found["changing"]["changes"] > 0
    assert found["rest"]["pages"] == 0
    assert found["changing"]["pages"] >= 2
