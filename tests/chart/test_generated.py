"""Generated files are what the code would write now."""

from __future__ import annotations

from scripts import generate


def test_nothing_has_drifted() -> None:
    """`make generate` would change nothing."""
    wanted = generate.files()
    drifted = [
        str(path.relative_to(generate.ROOT))
        for path, text in wanted.items()
        if generate.read(path) != text
    ]
    assert drifted == [], "run `make generate`"
    assert generate.unwanted(wanted) == set()
