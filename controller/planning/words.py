"""Counts in words, so that notes and messages read as sentences."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return "1 server" or "3 servers"; the noun's plural must end in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def be(number: int, noun: str) -> str:
    """Return the count with "is" or "are" after it."""
    return f"{count(number, noun)} {'is' if number == 1 else 'are'}"


def several(items: list[str], most: int = 5) -> str:
    """Return the first few items, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def all_available(number: int) -> str:
    """Return "All 3 servers are available", or the same of one or none."""
    if number == 1:
        return "The server is available"
    return f"All {count(number, 'server')} are available" if number else "No server is asked for"


def because(what: str, why: str) -> str:
    """Return "WHAT: WHY." as one sentence; the words of others end with a full stop, or do not."""
    return f"{what}: {why.rstrip('. ')}."
