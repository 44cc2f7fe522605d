"""The base image of the operator's, pinned by its digest: a tag can be moved, that cannot.

    python -m scripts.base_image pin      ask the registry what the tag is now, and write it down
    python -m scripts.base_image show     print the image with its digest; fails where there is none
    python -m scripts.base_image check    fail where there is none, or where the tag has moved on

`base-image.lock` has one line. A release is built from it, and is not built without a digest.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "base-image.lock"
PINNED = re.compile(r"(?P<tag>[\w./-]+:[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?")


class UnpinnedError(Exception):
    """The base image has no digest, or not the one that its tag has now."""


def read(lock: Path = LOCK) -> tuple[str, str]:
    """Return tag and digest; an empty digest where it was never pinned."""
    found = PINNED.fullmatch(lock.read_text().strip())
    if found is None:
        raise UnpinnedError(f"{lock.name} must be one line: IMAGE:TAG@sha256:…")
    return found["tag"], found["digest"] or ""


def ask(tag: str) -> str:
    """Return the digest that the registry has for a tag, of all its platforms."""
    words = ["docker", "buildx", "imagetools", "inspect", tag, "--format", "{{.Manifest.Digest}}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    digest = done.stdout.strip()
    if done.returncode or not PINNED.fullmatch(f"{tag}@{digest}"):
        raise UnpinnedError(f"the registry does not say what {tag} is: {done.stderr.strip()}")
    return digest


def pin(lock: Path = LOCK, ask: Callable[[str], str] = ask) -> str:
    """Write down what the tag is now, and return it."""
    tag, _ = read(lock)
    image = f"{tag}@{ask(tag)}"
    lock.write_text(f"{image}\n")
    return image


def show(lock: Path = LOCK) -> str:
    """Return the image by its digest; raises where it has none."""
    tag, digest = read(lock)
    if not digest:
        raise UnpinnedError(
            f"{tag} is not pinned: run `make pin` where its registry can be reached"
        )
    return f"{tag}@{digest}"


def check(lock: Path = LOCK, ask: Callable[[str], str] = ask) -> str:
    """Return the image by its digest; raises where that is not what the tag is now."""
    image = show(lock)
    tag, digest = read(lock)
    if (now := ask(tag)) != digest:
        raise UnpinnedError(f"{tag} is {now} by now, and {digest} is pinned: run `make pin`")
    return image


def main(arguments: Sequence[str]) -> int:
    """Do what is asked, and say how it went."""
    try:
        print({"pin": pin, "show": show, "check": check}[arguments[0]]())
    except UnpinnedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
