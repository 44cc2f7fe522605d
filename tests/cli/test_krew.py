"""The krew manifest and its archives: krew takes them, and what it links runs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import krew

ROOT = Path(__file__).parents[2]
# The platforms that krew knows; it looks a plugin up by them.
SYSTEMS, ARCHITECTURES = {"linux", "darwin", "windows"}, {"amd64", "arm64", "386", "arm"}
NAMES = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    """An archive for each platform; its modules are not the matter here."""
    library = tmp_path / "lib"
    (library / "controller").mkdir(parents=True)
    made = [tmp_path / f"kubectl-argosy_{name}.tar.gz" for name in NAMES]
    for number, each in enumerate(made):
        (library / "controller" / "__init__.py").write_text(f"# {number}\n")
        krew.write(each, library)
    return made


def _platforms(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    labels = [each["selector"]["matchLabels"] for each in found["spec"]["platforms"]]
    keys = [(each["os"], each["arch"]) for each in labels]
    assert len(set(keys)) == len(keys), "krew refuses two archives for one platform"
    return dict(zip(keys, found["spec"]["platforms"], strict=True))


def test_the_manifest_is_what_krew_accepts(archives: list[Path]) -> None:
    """Every rule of krew's own validation, and of its index, holds."""
    text = krew.manifest("v1.2.3", "https://example.com/v1.2.3", archives)
    assert not re.search(r"\{\w+\}", text), "something was not filled in"
    found = yaml.safe_load(text)
    assert found["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert found["kind"] == "Plugin"
    name, spec = found["metadata"]["name"], found["spec"]
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
    assert not name.startswith("kubectl")
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert spec["homepage"].startswith("https://")
    assert 0 < len(spec["shortDescription"]) <= 65
    assert "\n" not in spec["shortDescription"]
    assert spec["description"].strip()
    for (system, arch), each in _platforms(found).items():
        assert system in SYSTEMS
        assert arch in ARCHITECTURES
        assert re.fullmatch(r"[a-f0-9]{64}", each["sha256"])
        assert each["uri"].startswith("https://")
        assert each["uri"].endswith(".tar.gz")
        assert each["bin"] == "kubectl-argosy"


def test_the_manifest_names_every_archive_by_its_checksum(archives: list[Path]) -> None:
    """Each platform's archive is there once, with the sha256 that it really has."""
    found = yaml.safe_load(krew.manifest("v1.2.3", "https://example.com/v1.2.3", archives))
    platforms = _platforms(found)
    assert {"_".join(each) for each in platforms} == set(NAMES)
    for path in archives:
        system, _, arch = path.name.partition("_")[2].removesuffix(".tar.gz").partition("_")
        told = platforms[system, arch]
        assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert told["uri"] == f"https://example.com/v1.2.3/{path.name}"
    assert len({each["sha256"] for each in platforms.values()}) == len(archives)


def test_an_archive_of_no_platform_is_refused(tmp_path: Path) -> None:
    """A file that is not named for a platform ends the work instead of the manifest's truth."""
    path = tmp_path / "argosy.tar.gz"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="kubectl-argosy_OS_ARCH"):
        krew.manifest("v1", "https://example.com", [path])


def test_an_archive_holds_the_licence_and_programs_that_run(tmp_path: Path) -> None:
    """Unpacked, and linked to as krew does, the plugin runs, and answers kubectl's completion."""
    library = tmp_path / "lib"
    # As a wheel has it: ours lies inside `argosy`.
    shutil.copytree(ROOT / "argosy", library / "argosy")
    shutil.copytree(ROOT / "controller", library / "argosy" / "lib" / "controller")
    target, store = tmp_path / "one.tar.gz", tmp_path / "store"
    krew.write(target, library)
    with tarfile.open(target) as archive:
        archive.extractall(store, filter="data")
    assert (store / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    links = tmp_path / "bin"
    links.mkdir()

    def run(name: str, *words: str) -> str:
        link = links / name.replace("-", "_")
        link.symlink_to(store / name)
        # The interpreter that has the dependencies, which a real archive holds itself.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        done = subprocess.run(
            [link, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "kubectl argosy" in run("kubectl-argosy", "--help")
    assert run("kubectl_complete-argosy", "retry-").split() == ["retry-now", ":4"]
