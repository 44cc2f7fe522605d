"""The base images that Dockerfiles name, made from Debian packages; `images` asks for them.

So no registry is asked, and a build works wherever `apt-get` does.
"""

import fcntl
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import binaries, network, oci, progress

RELEASE = "bookworm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An image of Debian with these packages, changed by commands that are given its root."""

    image: str
    packages: Sequence[str]
    hooks: Sequence[str] = ()
    # What nobody reads in an image: half of the files, which a node unpacks and removes again.
    excluded: Sequence[str] = ()

    @property
    def fingerprint(self) -> str:
        """What decides what the image has in it."""
        decisive = (RELEASE, *self.packages, *self.excluded)
        return hashlib.sha256(" ".join(decisive).encode()).hexdigest()[:16]


PYTHON = Base(
    image=f"docker.io/library/python:3.11-slim-{RELEASE}",
    packages=("python3", "python3-venv", "ca-certificates", "git"),
    # The name that images of Python have for it.
    hooks=('ln -sf python3 "$1/usr/bin/python"',),
)
# For a BuildKit that is root in a user namespace of its own alone.
ROOTLESS = Base(
    image="devcluster.local/rootless:1",
    packages=("rootlesskit", "uidmap", "libcap2-bin", "runc", "git", "ca-certificates"),
    excluded=("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"),
)


def archive(base: Base, say: binaries.Say) -> Path:
    """Return an archive of a base image, made from Debian packages on the first call."""
    target = binaries.cache() / f"base-{base.fingerprint}" / "image.tar"
    if target.exists():
        return target
    network.require_root()
    program = network.require("mmdebstrap", "mmdebstrap")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            root = target.parent / "root.tar"
            argv = [
                program,
                "--variant=minbase",
                f"--include={','.join(base.packages)}",
                *(f"--dpkgopt=path-exclude={each}" for each in base.excluded),
                *(f"--customize-hook={each}" for each in base.hooks),
                RELEASE,
                str(root),
            ]
            what = f"making the base image {base.image} (first time only)"
            progress.run(argv, target.parent / "log", what, say)
            packed = oci.archive(target.with_suffix(".part"), base.image, root)
            root.unlink()
            packed.rename(target)
    return target
