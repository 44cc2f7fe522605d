"""The base image of the operator's: named in one place, and released by its digest alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from scripts import base_image

ROOT = Path(__file__).parents[2]
TAG = "python:3.11-slim-bookworm"
ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
WORKFLOWS = ROOT / ".github" / "workflows"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock without a digest."""
    made = tmp_path / "base-image.lock"
    made.write_text(f"{TAG}\n")
    return made


def test_what_is_not_pinned_is_refused(lock: Path) -> None:
    """A release fails before it is built, and says what to do."""
    with pytest.raises(base_image.UnpinnedError, match="make pin"):
        base_image.show(lock)


def test_what_is_pinned_is_shown_until_the_tag_moves_on(lock: Path) -> None:
    """The digest is written once, used from then on, and told when it is old."""
    assert base_image.pin(lock, ask=lambda _: ONE) == f"{TAG}@{ONE}"
    assert base_image.show(lock) == base_image.check(lock, ask=lambda _: ONE) == f"{TAG}@{ONE}"
    with pytest.raises(base_image.UnpinnedError, match=OTHER):
        base_image.check(lock, ask=lambda _: OTHER)
    assert base_image.pin(lock, ask=lambda _: OTHER) == f"{TAG}@{OTHER}"


@pytest.mark.parametrize("text", ["", "python", f"{TAG}@sha256:12", f"{TAG}\n{TAG}"])
def test_a_lock_that_is_none_is_refused(lock: Path, text: str) -> None:
    """Whatever else stands there is no image by its digest."""
    lock.write_text(text)
    with pytest.raises(base_image.UnpinnedError, match="one line"):
        base_image.show(lock)


def test_a_registry_that_cannot_be_asked_pins_nothing(
    lock: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a failing docker prints is no digest; the lock stays."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(base_image.UnpinnedError, match="no such host"):
        base_image.pin(lock)
    assert lock.read_text() == f"{TAG}\n"


def test_the_image_is_built_from_what_the_lock_names() -> None:
    """Every stage of the Dockerfile is from the one argument, whose default is the lock's tag."""
    text = (ROOT / "Dockerfile").read_text()
    tag, _ = base_image.read()
    assert re.findall(r"^ARG BASE=(.*)$", text, re.MULTILINE) == [tag]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}


def test_a_release_is_built_by_digest_and_a_schedule_sees_that_it_is_new() -> None:
    """The release asks for the digest before it builds; the audit fails when the tag has moved."""
    steps = yaml.safe_load((WORKFLOWS / "release.yml").read_text())["jobs"]["image"]["steps"]
    shown = [n for n, each in enumerate(steps) if "scripts.base_image show" in each.get("run", "")]
    built = [n for n, each in enumerate(steps) if "build-push-action" in each.get("uses", "")]
    assert shown < built
    assert steps[built[0]]["with"]["build-args"].strip() == "BASE=${{ env.BASE }}"
    audit = yaml.safe_load((WORKFLOWS / "audit.yml").read_text())
    runs = [step.get("run", "") for job in audit["jobs"].values() for step in job["steps"]]
    assert "python -m scripts.base_image check" in runs
