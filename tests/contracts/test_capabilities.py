"""Every capability is given by a provider, and asked for where something depends on it."""

from __future__ import annotations

import ast
import pathlib

import pytest

import controller
from controller.contract import Capability
from controller.providers import registry

ROOT = pathlib.Path(controller.__file__).parent
# Where decisions are made; a test of it in a provider alone would decide nothing.
READERS = ("kinds", "planning", "contract")


def read() -> set[str]:
    """Return the names of the capabilities that the code that decides names."""
    return {
        node.attr
        for room in READERS
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("Capability")
    }


@pytest.mark.parametrize("capability", list(Capability))
def test_each_is_given_and_read(capability: Capability) -> None:
    """What no provider can, or nothing depends on, is no capability."""
    assert any(capability in kind.capabilities for kind in registry.kinds().values())
    assert capability.name in read()
