"""The plan of an import or an export, as lines that kubectl reads, too: the rest are comments."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from controller.presentation.translation import Translation


def lines(told: Translation) -> Iterator[str]:
    """Yield the manifest, then each thing in the way, each loss and each note."""
    yield yaml.safe_dump(told.body, sort_keys=False).rstrip()
    for title, parts in (
        ("in the way", told.problems),
        ("lost", told.losses),
        ("note", told.notes),
    ):
        for each in parts:
            yield f"# {title}: {each}"
