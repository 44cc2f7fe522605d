"""Amounts as Kubernetes writes them ("1Gi", "1500M", "2e9"), to be compared with each other.

Sizes of claims and of volumes are written by different hands, so texts are no measure.
"""

from __future__ import annotations

import decimal
import functools
import re

_FORM = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE])?)", re.ASCII
)
_LONGEST = 64
_POWERS_OF_TEN = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_BINARY = {
    f"{each}i": decimal.Decimal(1024) ** power for power, each in enumerate("KMGTPE", start=1)
}


def parse(text: str) -> decimal.Decimal | None:
    """Return the amount that `text` says, or None where it says none."""
    # Whatever is longer is not even remembered.
    return _parse(text) if len(text) <= _LONGEST else None


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> decimal.Decimal | None:
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    amount = decimal.Decimal(number)
    if suffix in _BINARY:
        return amount * _BINARY[suffix]
    return amount.scaleb(int(exponent) if exponent else _POWERS_OF_TEN[suffix or ""])


def is_less(one: str, other: str) -> bool:
    """Return whether `one` is less than `other`; False where either says nothing."""
    less, more = parse(one), parse(other)
    return less is not None and more is not None and less < more
