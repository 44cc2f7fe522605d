"""The base image that Dockerfiles name, made from Debian packages; `images` asks for it.

So no registry is asked, and a build works wherever `apt-get` does.
"""

import fcntl
import hashlib
from pathlib import Path

from devcluster import binaries, network, oci, progress

RELEASE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "git")
IMAGE = f"docker.io/library/python:3.11-slim-{RELEASE}"


def archive(say: binaries.Say) -> Path:
    """Return an archive of the base image, made from Debian packages on the first call."""
    target = binaries.cache() / f"base-{_fingerprint()}" / "image.tar"
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
                f"--include={','.join(PACKAGES)}",
                # The name that images of Python have for it.
                '--customize-hook=ln -sf python3 "$1/usr/bin/python"',
                RELEASE,
                str(root),
            ]
            what = f"making the base image {IMAGE} (first time only)"
            progress.run(argv, target.parent / "log", what, say)
            packed = oci.archive(target.with_suffix(".part"), IMAGE, root)
            root.unlink()
            packed.rename(target)
    return target


def _fingerprint() -> str:
    return hashlib.sha256(" ".join((RELEASE, *PACKAGES)).encode()).hexdigest()[:16]
