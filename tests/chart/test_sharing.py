"""How replicas are told to share the work, and what each of them is to watch."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Helm = Callable[..., subprocess.CompletedProcess[str]]


def told(manifests: list[Manifest]) -> list[str]:
    """Return what the operator is told of the work."""
    (found,) = (each for each in manifests if each["kind"] == "Deployment")
    (one,) = found["spec"]["template"]["spec"]["containers"]
    return [word for word in one["args"] if word in {"--share-work", "--watch-slots"}]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ((), []),
        (("sharing.enabled=true",), ["--share-work"]),
        # As the values of an older release, used again, have none.
        (("sharing.enabled=true", "sharing.watches=null"), ["--share-work"]),
        (("sharing.enabled=true", "sharing.watches=All"), ["--share-work"]),
        (("sharing.enabled=true", "sharing.watches=Slots"), ["--share-work", "--watch-slots"]),
        (("sharing.watches=Slots",), []),
    ],
)
def test_only_replicas_that_share_the_work_watch_by_slot(
    render: Render, chosen: tuple[str, ...], words: list[str]
) -> None:
    """And only where that is asked for: a sole leader has no slots."""
    assert told(render(*chosen)) == words


def test_watches_are_all_or_slots(helm: Helm, chart: Any) -> None:
    """A word that is neither is refused at install."""
    done = helm("template", str(chart), "--set", "sharing.watches=Some")
    assert done.returncode != 0
    assert "watches" in done.stderr
