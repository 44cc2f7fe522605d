"""Results worked out of content that anybody may write, remembered within a bound of memory.

A cache that counts its entries holds as many large texts as small ones: whoever changes one object
of a megabyte again and again would fill the operator's memory with what it said before. So of
large content only the latest few are remembered. Every function that is remembered by templates,
records or other content of objects is, here; `functools.lru_cache` is for what is short.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")

# Whatever is no longer is small: nearly every template and record.
SMALL = 16 * 1024
# How many large ones are remembered, by each function.
LARGE_KEPT = 4


def by_content(most: int) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Remember the results of a function of bytes and texts: `most` small ones, few large ones."""

    def remember(function: Callable[..., R]) -> Callable[..., R]:
        small = functools.lru_cache(maxsize=most)(function)
        large = functools.lru_cache(maxsize=LARGE_KEPT)(function)

        @functools.wraps(function)
        def remembered(*content: Any, **more: Any) -> R:
            for each in content:
                if type(each) in _MEASURED and len(each) > SMALL:
                    return large(*content, **more)
            return small(*content, **more)

        return remembered

    return remember


_MEASURED = frozenset({bytes, str, tuple})
