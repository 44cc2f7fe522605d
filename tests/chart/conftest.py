"""The chart rendered by helm, as objects."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import binaries

CHART = Path(__file__).parents[2] / "charts" / "argosy"
NAMESPACE = "argosy-system"
Manifest = dict[str, Any]


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run helm with these arguments, whatever its exit status."""
    program = binaries.ensure(binaries.HELM, print) / "helm"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., list[Manifest]]:
    """Render the chart with a file of values, or `--set` values, as `helm install` would."""

    @functools.cache
    def rendered(values: Path | None, chosen: Sequence[str]) -> str:
        files = ["--values", str(values)] if values else []
        sets = [word for each in chosen for word in ("--set", each)]
        done = helm("template", "argosy", str(CHART), "--namespace", NAMESPACE, *files, *sets)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def objects(*chosen: str, values: Path | None = None) -> list[Manifest]:
        return [each for each in yaml.safe_load_all(rendered(values, chosen)) if each]

    return objects


@pytest.fixture(params=sorted((CHART / "ci").glob("*-values.yaml")), ids=lambda path: path.stem)
def values_file(request: pytest.FixtureRequest) -> Path:
    """Each file of values that the chart is tried with."""
    path: Path = request.param
    return path


@pytest.fixture(scope="session")
def chart() -> Path:
    """The chart's folder."""
    return CHART
