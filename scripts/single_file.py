"""Pack the command line into one file, which needs a Python and nothing that is installed.

    python -m scripts.single_file --out dist          `make plugin`, and the release

The file is a program: a zip with a first line for the shell. Compiled modules cannot be read out of
a zip, so it unpacks itself once, into the user's cache, by the digest of its content. Under the
name kubectl-argosy it is the plugin, under kubectl_complete-argosy it completes, else it is argosy.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tempfile
import zipfile
from pathlib import Path

from scripts import krew

# Of all entries: the same content is the same file, whenever it is packed.
LONG_AGO = (1980, 1, 1, 0, 0, 0)
# Read by whatever Python somebody has, so it says what is missing also to an old one.
BOOTSTRAP = '''\
import os
import shutil
import sys
import tempfile
import zipfile

MINOR, DIGEST = {minor!r}, {digest!r}
HERE = os.path.dirname(os.path.abspath(__file__))


def unpacked():
    """Return the folder with the modules; whoever is ended while unpacking leaves none there."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    above = os.path.join(cache, "argosy", "programs")
    folder = os.path.join(above, DIGEST)
    if os.path.isdir(folder):
        return folder
    os.makedirs(above, mode=0o700, exist_ok=True)
    part = tempfile.mkdtemp(dir=above)
    with zipfile.ZipFile(HERE) as archive:
        archive.extractall(part, [each for each in archive.namelist() if each.startswith("lib/")])
    try:
        os.rename(part, folder)
    except OSError:
        # Another one that was begun at the same time was faster.
        shutil.rmtree(part, ignore_errors=True)
    return folder


def run():
    name = os.path.basename(sys.argv[0])
    if "{{}}.{{}}".format(*sys.version_info) != MINOR:
        sys.exit(name + " needs python" + MINOR + ": parts of it are compiled for that version")
    try:
        sys.path.insert(0, os.path.join(unpacked(), "lib"))
    except OSError as error:
        said = "{{}} cannot unpack itself: {{}}. XDG_CACHE_HOME names another folder"
        sys.exit(said.format(name, error))
    from argosy.__main__ import complete, main, plugin

    known = {{"kubectl-argosy": plugin, "kubectl_complete-argosy": complete}}
    known.get(name.partition(".")[0], plugin if name.startswith("kubectl-argosy") else main)()


run()
'''


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="D", help="the folder")
    print(pack(parser.parse_args().out))


def pack(out: Path) -> Path:
    """Write this platform's file into `out` and return its path."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"kubectl-argosy_{krew.system()}"
    with tempfile.TemporaryDirectory() as name:
        write(target, krew.library(Path(name)))
    return target


def write(target: Path, library: Path, *, minor: str = "") -> None:
    """Write a program of the modules in `library`, for a Python of this minor version."""
    minor, content = minor or krew.minor(), io.BytesIO()
    digest = hashlib.sha256()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(each for each in library.rglob("*") if each.is_file()):
            name, text = f"lib/{path.relative_to(library).as_posix()}", path.read_bytes()
            digest.update(f"{name}\0{len(text)}\0".encode() + text)
            archive.writestr(_entry(name), text, zipfile.ZIP_DEFLATED)
        bootstrap = BOOTSTRAP.format(minor=minor, digest=digest.hexdigest()[:32])
        archive.writestr(_entry("__main__.py"), bootstrap)
    shebang = f"#!/usr/bin/env python{minor}\n".encode()
    target.write_bytes(shebang + content.getvalue())
    target.chmod(0o755)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.external_attr = 0o644 << 16
    return entry


if __name__ == "__main__":
    main()
