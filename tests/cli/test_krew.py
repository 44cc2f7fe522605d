"""The krew manifest: checksums are of the archives, and krew finds all that it wants."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from scripts import krew


def test_the_manifest_names_every_archive_by_its_checksum(tmp_path: Path) -> None:
    """Each platform's archive is there once, with the sha256 that it really has."""
    archives = []
    for name in ("linux_amd64", "darwin_arm64"):
        path = tmp_path / f"kubectl-argosy_{name}.tar.gz"
        path.write_bytes(name.encode())
        archives.append(path)
    found = yaml.safe_load(krew.manifest("v1.2.3", "https://example.com/v1.2.3", archives))
    assert found["kind"] == "Plugin"
    assert found["metadata"]["name"] == "argosy"
    assert found["spec"]["version"] == "v1.2.3"
    # krew-index refuses longer ones.
    assert len(found["spec"]["shortDescription"]) <= 65
    platforms = {
        (each["selector"]["matchLabels"]["os"], each["selector"]["matchLabels"]["arch"]): each
        for each in found["spec"]["platforms"]
    }
    assert set(platforms) == {("linux", "amd64"), ("darwin", "arm64")}
    linux = platforms["linux", "amd64"]
    assert linux["sha256"] == hashlib.sha256(b"linux_amd64").hexdigest()
    assert linux["uri"] == "https://example.com/v1.2.3/kubectl-argosy_linux_amd64.tar.gz"
    assert linux["bin"] == "kubectl-argosy"


def test_an_archive_of_no_platform_is_refused(tmp_path: Path) -> None:
    """A file that is not named for a platform ends the work instead of the manifest's truth."""
    path = tmp_path / "argosy.tar.gz"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="kubectl-argosy_OS_ARCH"):
        krew.manifest("v1", "https://example.com", [path])
