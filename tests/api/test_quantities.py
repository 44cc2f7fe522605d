"""Amounts that Kubernetes writes in many ways are compared as what they are."""

from __future__ import annotations

import decimal

import pytest

from controller.api import quantities


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1500m", "1.5"),
        ("2e3", "2000"),
        ("2E3", "2000"),
        ("1E", "1e18"),
        (".5k", "500"),
        ("1Ei", "1152921504606846976"),
    ],
)
def test_an_amount_is_read(text: str, amount: str) -> None:
    """With any suffix that Kubernetes knows, or an exponent."""
    assert quantities.parse(text) == decimal.Decimal(amount)


@pytest.mark.parametrize("text", ["", "Gi", "1gi", "1 Gi", "one", "1Gii", "1" * 100, "1e999"])
def test_what_is_no_amount_is_neither_more_nor_less(text: str) -> None:
    """Whatever anybody wrote there ends nothing and changes nothing."""
    assert quantities.parse(text) is None
    assert not quantities.is_less(text, "1Gi")
    assert not quantities.is_less("1Gi", text)


def test_the_same_in_other_words_is_no_less() -> None:
    """1Gi is 1024Mi."""
    assert not quantities.is_less("1Gi", "1024Mi")
    assert not quantities.is_less("1024Mi", "1Gi")
    assert quantities.is_less("1G", "1Gi")


def test_what_is_no_amount_is_not_remembered() -> None:
    """However often somebody writes another megabyte where an amount belongs, none is kept."""
    quantities._parse.cache_clear()
    for each in range(9):
        assert quantities.parse(str(each) * 1_000_000) is None
    assert quantities._parse.cache_info().currsize == 0
