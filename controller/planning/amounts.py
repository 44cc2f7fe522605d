"""Numbers that may be percentages: each policy's rounding rule, stated once.

Called by the rollout, the operation and the budget parts of planning.
"""

from __future__ import annotations


def down(amount: int | str, whole: int) -> int:
    """Return `amount`, or its percentage of `whole` rounded down."""
    if isinstance(amount, int):
        return amount
    return int(amount.rstrip("%")) * whole // 100


def up(amount: int | str, whole: int) -> int:
    """Return `amount`, or its percentage of `whole` rounded up."""
    if isinstance(amount, int):
        return amount
    return -(-int(amount.rstrip("%")) * whole // 100)


def at_least_one(amount: int | str, whole: int) -> int:
    """Return `amount`, or its percentage of `whole` rounded down, but never less than 1."""
    return max(1, down(amount, whole))
