"""Nulls of JSON say nothing: members that are null are as good as absent.

Schemas leave such defaults out, and planning compares and writes content without them.
"""

from __future__ import annotations

from typing import Any


def without_nulls(value: Any) -> Any:
    """Return JSON values without members that are null, however deep."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value
