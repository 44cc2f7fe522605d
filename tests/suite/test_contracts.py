"""The contracts of imports leave no room out, as lists of rooms do that nobody lengthens."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
LAYERS = [each for each in CONTRACTS if each["type"] == "layers"]
ALONE = [each for each in CONTRACTS if each["name"].startswith("Only ")]


@pytest.mark.parametrize("contract", LAYERS, ids=lambda each: each["containers"][0])
def test_a_new_room_stands_in_a_layer(contract: dict[str, Any]) -> None:
    """All of the operator, kinds and providers: each module is listed, and none is passed over."""
    assert contract["exhaustive"] is True
    assert "exhaustive_ignores" not in contract
    (container,) = contract["containers"]
    folder = ROOT.joinpath(*container.split("."))
    there = {each.stem for each in folder.iterdir() if is_module(each)}
    assert {each for layer in contract["layers"] for each in re.findall(r"\w+", layer)} == there


def is_module(path: Path) -> bool:
    """Return whether something in a folder is imported by its name."""
    return path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").is_file())


def test_three_rooms_are_layered() -> None:
    """The operator as a whole, and the two rooms that have rooms."""
    found = {each for contract in LAYERS for each in contract["containers"]}
    assert found == {"controller", "controller.kinds", "controller.providers"}


@pytest.mark.parametrize("contract", ALONE, ids=lambda each: each["name"])
def test_who_alone_imports_something_is_named_and_nobody_else(contract: dict[str, Any]) -> None:
    """The contract is about everything but those few, and not about a list of all others."""
    assert contract["source_modules"] == ["controller"]
    (forbidden,) = contract["forbidden_modules"]
    (allowed,) = contract["ignore_imports"]
    assert allowed.endswith(f" -> {forbidden}")


def test_four_dependencies_are_imported_by_one_room_each() -> None:
    """One of each is what takes long to load, or is not installed everywhere."""
    found = {each for contract in ALONE for each in contract["forbidden_modules"]}
    assert found == {"keystoneauth1", "kopf", "kubernetes", "opentelemetry"}


def test_the_map_names_the_layers_that_are_enforced() -> None:
    """AGENTS.md has them in the same order, but for the way in, which stands above them all."""
    text = (ROOT / "AGENTS.md").read_text()
    said = text.partition("Layers, top first: ")[2].partition(". ")[0]
    told = [re.findall(r"\w+", each) for each in re.findall(r"`([^`]+)`", said)]
    (whole,) = (each for each in LAYERS if each["containers"] == ["controller"])
    assert [["__main__"], *told] == [re.findall(r"\w+", each) for each in whole["layers"]]
