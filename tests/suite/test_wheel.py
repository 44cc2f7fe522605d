"""The wheel, as people install it: beside whatever else, and in nobody's way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "argosy", "controller")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-index")
# Where what ours needs is installed; the folder of this checkout is not among them.
INSTALLED = [each for each in sys.path if each.endswith("site-packages")]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel is built from, in a folder that an earlier build has left."""
    folder = tmp_path_factory.mktemp("source")
    for each in PARTS:
        if (ROOT / each).is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / each, folder / each, ignore=left_out)
        else:
            shutil.copy(ROOT / each, folder / each)
    stale = folder / "build" / "lib" / "controller"
    stale.mkdir(parents=True)
    (stale / "gone.py").write_text("")
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ("wheel", *OFFLINE, "--no-build-isolation", f"--wheel-dir={folder}", str(source))
    subprocess.run([*PIP, *words], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed, beside a module of somebody's that is called controller."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "controller.py").write_text("WHOSE = 'somebody else'\n")
    subprocess.run([*PIP, "install", *OFFLINE, f"--target={folder}", str(wheel)], check=True)
    return folder


def run(site: Path, *words: str) -> str:
    """Return what a command says in a place where that is installed."""
    # Bare, so that nothing finds the checkout: what is installed for its development would.
    path = os.pathsep.join([str(site), *INSTALLED])
    done = subprocess.run(
        words,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_brings_one_module(wheel: Path) -> None:
    """Nothing but `argosy`, with all that the dashboard draws its pages by, and nothing stale."""
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    brought = {each.partition("/")[0] for each in names}
    assert {each for each in brought if not each.endswith(".dist-info")} == {"argosy"}
    inside = {each.removeprefix("argosy/lib/") for each in names if "/lib/" in each}
    assert "controller/gone.py" not in inside
    there = {
        str(each.relative_to(ROOT))
        for each in (ROOT / "controller").rglob("*")
        if each.is_file() and "__pycache__" not in each.parts
    }
    assert {each for each in there if each.endswith((".py", ".html", ".css", ".js"))} <= inside


def test_its_programs_begin_beside_a_stranger_of_that_name(site: Path) -> None:
    """Ours finds ours, though `controller` is somebody else's there; and so does theirs."""
    bare = ("-S", "-c")
    begun = "import sys; sys.argv[1:] = {words!r}; from argosy.__main__ import {way}; {way}()"
    for way, words in (
        ("main", ["version", "--client"]),
        ("plugin", ["--help"]),
        ("complete", ["wh"]),
    ):
        said = run(site, sys.executable, *bare, begun.format(words=words, way=way))
        assert {"main": "0.1.0", "plugin": "kubectl argosy", "complete": "why"}[way] in said
    whose = run(site, sys.executable, *bare, "import controller; print(controller.WHOSE)")
    assert whose == "somebody else\n"
    found = run(
        site,
        sys.executable,
        *bare,
        "import argosy.__main__, controller; print(controller.__file__)",
    )
    assert Path(found.strip()) == site / "argosy" / "lib" / "controller" / "__init__.py"


def test_it_installs_three_programs(site: Path) -> None:
    """Each begins in `argosy`, and finds it wherever it was installed."""
    programs = sorted(each.name for each in (site / "bin").iterdir())
    assert programs == ["argosy", "kubectl-argosy", "kubectl_complete-argosy"]
    for each in programs:
        assert "from argosy.__main__ import" in (site / "bin" / each).read_text()
