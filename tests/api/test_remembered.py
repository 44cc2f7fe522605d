"""What is remembered of content that anybody may write stays within a bound of memory."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import controller
from controller.api import objects, remembered
from controller.api.views import meta
from controller.kinds.revisions import contents
from controller.kube import interning
from controller.planning import rendering
from controller.providers.pod import manifest

MEGABYTE = 2**20
CHANGES = 64


def template(number: int) -> bytes:
    """Return a template of a megabyte, as one of many versions of it."""
    text = "x" * MEGABYTE
    return msgspec.json.encode(
        {"metadata": {"annotations": {"version": str(number), "text": text}}, "spec": {}}
    )


READERS: dict[str, Callable[[bytes], Any]] = {
    "what is shared between objects": lambda each: meta._shared(each, 100),
    "canonical texts": rendering._canonical,
    "values": lambda each: rendering.decoded(msgspec.Raw(each)),
    "patches": lambda each: rendering._replacement(each, b"{}"),
    "images": manifest._images,
    "records": contents._stored,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_an_object_that_is_changed_again_and_again_fills_no_memory(
    read: Callable[[bytes], Any],
) -> None:
    """Of many versions of a megabyte only the latest few are kept."""
    tracemalloc.start()
    try:
        for number in range(CHANGES):
            read(template(number))
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Each may be kept as what was read and as what came of it, by functions that ask each other.
    assert held < CHANGES * MEGABYTE // 2, held


def test_small_content_is_worked_out_once() -> None:
    """A thousand servers ask for what one template says, and it is read a single time."""
    asked: list[bytes] = []

    @remembered.by_content(16)
    def read(text: bytes) -> int:
        asked.append(text)
        return len(text)

    large = b"x" * (remembered.SMALL + 1)
    for _ in range(1000):
        assert (read(b"small"), read(large)) == (5, len(large))
    assert asked == [b"small", large]


@pytest.mark.parametrize(
    "large",
    [
        lambda number: b"x" * MEGABYTE + str(number).encode(),
        lambda number: "x" * MEGABYTE + str(number),
        lambda number: tuple(range(number, number + MEGABYTE // 8)),
    ],
    ids=["bytes", "text", "list"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_large_content_is_measured_whatever_it_is_and_wherever_it_stands(
    large: Callable[[int], Any], place: int
) -> None:
    """Of bytes, texts and lists the latest few are kept, though there is room for a thousand."""
    asked: list[int] = []

    @remembered.by_content(1000)
    def read(_one: Any, _two: Any) -> None:
        asked.append(1)

    def ask(number: int) -> None:
        given = ["small", "small"]
        given[place] = large(number)
        read(*given)

    for number in range(2 * remembered.LARGE_KEPT):
        ask(number)
    ask(2 * remembered.LARGE_KEPT - 1)
    assert len(asked) == 2 * remembered.LARGE_KEPT
    ask(0)
    assert len(asked) == 2 * remembered.LARGE_KEPT + 1


def test_small_content_is_remembered_up_to_a_bound() -> None:
    """Many different texts push out the oldest: somebody who writes without end fills nothing."""
    asked: list[str] = []

    @remembered.by_content(8)
    def read(text: str) -> None:
        asked.append(text)

    for number in range(9):
        read(str(number))
    read("8")
    assert len(asked) == 9
    read("0")
    assert asked[-1] == "0"
    assert len(asked) == 10


def test_owners_and_finalizers_without_end_are_not_shared() -> None:
    """What somebody writes there, and then something else, is not kept by what objects share."""
    tracemalloc.start()
    try:
        for number in range(CHANGES):
            owner = objects.OwnerReference(
                api_version="v1", kind="Pod", name=f"{number}-{'x' * MEGABYTE}", uid="u"
            )
            many = tuple(f"example.com/{number}-{each}" for each in range(5000))
            found = objects.Meta(name="a", owner_references=(owner,), finalizers=many)
            interning.share(objects.Object(metadata=found))
        del found, owner, many
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 4 * MEGABYTE, held


def test_nothing_else_is_remembered_by_content() -> None:
    """A new cache of bytes counts what it holds, too: `lru_cache` counts entries alone."""
    found = []
    for each in pkgutil.walk_packages(controller.__path__, "controller."):
        if "openstack" in each.name or each.name.endswith("__main__"):
            continue
        module = importlib.import_module(each.name)
        for name, value in vars(module).items():
            cached = hasattr(value, "cache_parameters") and value.__module__ == each.name
            types = getattr(value, "__annotations__", {}).values() if cached else ()
            if any(str(each) == "bytes" for each in types):
                found.append(f"{each.name}:{name}")
    assert found == []
