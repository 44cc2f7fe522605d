"""The cases that a design page names are tests that are there, and say which gap they close."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "design" / "0011-replicas.md"
E2E = ROOT / "tests" / "e2e"
NAMED = re.compile(r"`(?:(test_\w+\.py)::)?(test_\w+)`")


def test_every_failure_of_g9_is_a_test_by_that_name() -> None:
    """Twelve rows, each with its test; each file of them says G9 in its first line."""
    rows = [
        line for line in PAGE.read_text().splitlines() if re.match(r"\| .*`test_\w+\.py::", line)
    ]
    assert len(rows) == 12
    for row in rows:
        file = ""
        for name, test in NAMED.findall(row):
            file = name or file
            text = (E2E / file).read_text()
            assert text.startswith('"""G9'), file
            assert f"\ndef {test}(" in text, test
