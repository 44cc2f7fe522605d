"""The command line in one file: it runs where nothing is installed, by whatever name it has."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from scripts import krew, single_file

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([\w.-]+)(?:\[.*\])?==", re.MULTILINE)
SECONDS = 300


def locked() -> Iterable[importlib.metadata.Distribution]:
    """Yield what the lock of an installation names, as this environment has it."""
    for name in PINNED.findall((ROOT / "requirements.lock").read_text()):
        yield importlib.metadata.distribution(name)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules of an installation: those of the lock, and ours as a wheel has them."""
    made = tmp_path_factory.mktemp("library")
    for each in locked():
        for file in each.files or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            (made / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(each.locate_file(file)), made / file)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "argosy", made / "argosy", ignore=without)
    shutil.copytree(ROOT / "controller", made / "argosy" / "lib" / "controller", ignore=without)
    return made


@pytest.fixture(scope="module")
def program(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, by its name as a plugin, alone in a folder."""
    target = tmp_path_factory.mktemp("program") / "kubectl-argosy"
    single_file.write(target, library)
    return target


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has a Python without packages, and nothing else."""
    programs = tmp_path / "bin"
    programs.mkdir()
    # The one that this environment was made from; -S and -I keep out what it has itself.
    bare = f'#!/bin/sh\nexec "{Path(sys.base_prefix) / "bin" / "python3"}" -S -I "$@"\n'
    (programs / f"python{krew.minor()}").write_text(bare)
    (programs / f"python{krew.minor()}").chmod(0o755)
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}


def run(
    program: Path, clean: dict[str, str], *words: str, rc: int = 0
) -> subprocess.CompletedProcess[str]:
    """Type it, in its home folder."""
    done = subprocess.run(
        [program, *words],
        cwd=clean["HOME"],
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == rc, done.stdout + done.stderr
    return done


def test_it_runs_where_nothing_is_installed(program: Path, clean: dict[str, str]) -> None:
    """As plugin, as its completion, and as argosy; unpacked once into the user's own cache."""
    assert "kubectl argosy" in run(program, clean, "--help").stdout
    (unpacked,) = (Path(clean["HOME"]) / ".cache" / "argosy" / "programs").iterdir()
    inode = unpacked.stat().st_ino
    for name, words, said in (
        ("kubectl_complete-argosy", ("retry-",), "retry-now"),
        ("argosy", ("--help",), "argosy"),
    ):
        link = Path(clean["HOME"]) / name
        link.symlink_to(program)
        assert said in run(link, clean, *words).stdout
    # It gets as far as the cluster, which nobody has here: all that it needs is in it.
    told = run(program, clean, "status", "shop", rc=6)
    assert "Is it the right cluster?" in told.stderr
    (again,) = (Path(clean["HOME"]) / ".cache" / "argosy" / "programs").iterdir()
    assert again.stat().st_ino == inode


def test_one_that_was_ended_while_unpacking_is_in_nobodys_way(
    program: Path, clean: dict[str, str]
) -> None:
    """The folder has its name only once it is whole, so the next one unpacks anew."""
    above = Path(clean["HOME"]) / ".cache" / "argosy" / "programs"
    (above / "tmp-half" / "lib").mkdir(parents=True)
    assert "kubectl argosy" in run(program, clean, "--help").stdout
    assert len([each for each in above.iterdir() if each.name != "tmp-half"]) == 1


def test_another_python_is_told_which_one_it_needs(tmp_path: Path, clean: dict[str, str]) -> None:
    """A sentence, and no error of an import."""
    (tmp_path / "lib").mkdir()
    target = tmp_path / "kubectl-argosy"
    single_file.write(target, tmp_path / "lib", minor="3.99")
    python = tmp_path / "bin" / f"python{krew.minor()}"
    done = subprocess.run(
        [python, target], env=clean, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "kubectl-argosy needs python3.99: parts of it are compiled for that version"
    )


def test_who_may_write_nowhere_is_told_what_to_do(program: Path, clean: dict[str, str]) -> None:
    """The cache may be on a disk that is full, or nobody's."""
    nowhere = Path(clean["HOME"]) / "file"
    nowhere.write_text("")
    told = run(program, clean | {"XDG_CACHE_HOME": str(nowhere)}, "--help", rc=1)
    assert "XDG_CACHE_HOME names another folder" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_same_modules_are_the_same_file(tmp_path: Path) -> None:
    """Whoever packs the same content gets the same bytes, whenever it is."""
    made = tmp_path / "lib" / "one"
    made.mkdir(parents=True)
    (made / "__init__.py").write_text("X = 1\n")
    found = []
    for name in ("a", "b"):
        single_file.write(tmp_path / name, tmp_path / "lib")
        found.append((tmp_path / name).read_bytes())
        (made / "__init__.py").touch()
    assert found[0] == found[1]
