"""Pack the kubectl plugin for krew: an archive for this platform, and the manifest of all archives.

    python -m scripts.krew archive --out dist          on each platform that is released
    python -m scripts.krew manifest --version v0.1.0 --url URL dist/*.tar.gz

The release workflow runs the first on each platform, and the second once. An archive holds the
program with its dependencies and a small launcher; it needs no more than a python3 of the same
minor version, as some dependencies are compiled.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "plugins" / "krew" / "argosy.yaml.in"
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
NAME = re.compile(r"kubectl-argosy_(?P<os>\w+)_(?P<arch>\w+)\.tar\.gz")
# Follow links: krew links its bin folder to this file.
LAUNCHER = """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$here/lib" exec python{minor} -c 'from argosy.__main__ import {main}; {main}()' "$@"
"""
# The programs of an archive, and what each runs; kubectl asks the second how a command goes on.
LAUNCHERS = {"kubectl-argosy": "plugin", "kubectl_complete-argosy": "complete"}
PLATFORM = """\
    - selector:
        matchLabels:
          os: {os}
          arch: {arch}
      uri: {url}/{file}
      sha256: {digest}
      bin: kubectl-argosy
"""


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("archive", help="pack the plugin for this platform")
    packing.add_argument("--out", type=Path, required=True)
    writing = commands.add_parser("manifest", help="print the manifest of archives")
    writing.add_argument("--version", required=True)
    writing.add_argument("--url", required=True, help="where the archives are published")
    writing.add_argument("archives", type=Path, nargs="+")
    options = parser.parse_args()
    if options.command == "archive":
        print(pack(options.out))
    else:
        print(manifest(options.version, options.url, options.archives), end="")


def pack(out: Path) -> Path:
    """Write this platform's archive into `out` and return its path."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"kubectl-argosy_{system()}.tar.gz"
    with tempfile.TemporaryDirectory() as name:
        write(target, library(Path(name)))
    return target


def system() -> str:
    """Return how krew and its likes call this platform, as OS_ARCH."""
    return f"{platform.system().lower()}_{ARCHITECTURES[platform.machine().lower()]}"


def library(folder: Path) -> Path:
    """Install the program below a folder, with all that the lock names; return its modules."""
    made = folder / "lib"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    locked = ["--require-hashes", "--requirement", str(ROOT / "requirements.lock")]
    subprocess.run([*install, "--target", str(made), *locked], check=True)
    # Commands of dependencies: nobody would find them there.
    shutil.rmtree(made / "bin", ignore_errors=True)
    subprocess.run([*install, "--target", str(made), "--no-deps", str(ROOT)], check=True)
    shutil.rmtree(made / "bin")
    return made


def write(target: Path, library: Path) -> None:
    """Write an archive with the program's modules, its launchers, and the licence."""
    with tarfile.open(target, "w:gz") as archive:
        archive.add(ROOT / "LICENSE", "LICENSE")
        archive.add(library, "lib")
        for name, entry in LAUNCHERS.items():
            text = LAUNCHER.format(minor=minor(), main=entry).encode()
            launcher = tarfile.TarInfo(name)
            launcher.size, launcher.mode = len(text), 0o755
            archive.addfile(launcher, io.BytesIO(text))


def manifest(version: str, url: str, archives: Iterable[Path]) -> str:
    """Return the plugin's manifest; raises ValueError where an archive's name says no platform."""
    text = TEMPLATE.read_text().replace("{version}", version).replace("{python}", minor())
    for each in sorted(archives):
        found = NAME.fullmatch(each.name)
        if found is None:
            raise ValueError(f"{each.name} must be named kubectl-argosy_OS_ARCH.tar.gz")
        digest = hashlib.sha256(each.read_bytes()).hexdigest()
        text += PLATFORM.format(
            os=found["os"], arch=found["arch"], url=url, file=each.name, digest=digest
        )
    return text


def minor() -> str:
    """Return for which minor version of Python this one packs."""
    return ".".join(platform.python_version_tuple()[:2])


if __name__ == "__main__":
    main()
