"""A commit built by BuildKit and pushed by its digest."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from controller.forge import failures, programs, source
from controller.forge.credentials import Credentials

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The tag below the image's repository that keeps the layers of earlier builds.
CACHE_TAG = "argosy-cache"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One build: its source, how it is built, and where its image goes."""

    url: str
    commit: str
    image: str
    daemon: str
    path: str = ""
    dockerfile: str = "Dockerfile"
    arguments: tuple[str, ...] = ()
    cached: bool = True


def build(order: Order, credentials: Credentials) -> str:
    """Build and push; return the image's digest."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        told = folder / "result.json"
        environment = {"DOCKER_CONFIG": str(folder)}
        if credentials.registry:
            (folder / "config.json").write_text(credentials.registry)
        if credentials.git:
            environment["ARGOSY_GIT"] = credentials.git
        ending = programs.run(command(order, credentials, told), credentials, environment)
        if ending.status:
            raise source.RefusedError(failures.of_build(ending.told))
        digest = str(json.loads(told.read_text()).get("containerimage.digest", ""))
    if not DIGEST.fullmatch(digest):
        raise source.RefusedError(
            failures.Failure(
                kind=failures.Class.TERMINAL,
                reason=failures.Reason.FAILED,
                message="BuildKit told no digest of what it built",
            )
        )
    return digest


def command(order: Order, credentials: Credentials, told: Path) -> list[str]:
    """Return the command line of BuildKit's client; there is no credential in it."""
    return [
        "buildctl",
        f"--addr={order.daemon}",
        *_identity(credentials),
        "build",
        "--progress=plain",
        "--frontend=dockerfile.v0",
        f"--opt=context={source.context(order.url, order.commit, order.path)}",
        f"--opt=filename={order.dockerfile}",
        *(f"--opt=build-arg:{each}" for each in order.arguments),
        f"--output=type=image,name={order.image},push=true,push-by-digest=true",
        *_cache(order),
        *([f"--secret=id={_git_secret(order.url)},env=ARGOSY_GIT"] if credentials.git else []),
        f"--metadata-file={told}",
    ]


def _git_secret(url: str) -> str:
    """Return the name by which BuildKit sends a credential to the host of this URL alone.

    Without the host it would go wherever a Dockerfile says `ADD https://…/x.git`.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    return f"GIT_AUTH_HEADER.{host}"


def _identity(credentials: Credentials) -> list[str]:
    if credentials.daemon is None:
        return []
    files = {"tlscacert": "ca.crt", "tlscert": "tls.crt", "tlskey": "tls.key"}
    return [f"--{flag}={credentials.daemon / name}" for flag, name in files.items()]


def _cache(order: Order) -> list[str]:
    """A cache that cannot be read or written costs time, never the build."""
    if not order.cached:
        return []
    place = f"type=registry,ref={order.image}:{CACHE_TAG}"
    return [f"--import-cache={place}", f"--export-cache={place},mode=max,ignore-error=true"]
