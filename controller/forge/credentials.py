"""Credentials as they are mounted in a Job, and their absence from all that is printed.

`programs` gives them to git and BuildKit by environment and files, as other users of a node see
the arguments of a process; `redacted` cuts them out of every line.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path("/credentials")
HIDDEN = "***"
# Shorter ones would cut innocent words out of every line, and protect nothing.
SHORTEST = 4
_USERINFO = re.compile(r"(?<=://)[^/@\s'\"]+@")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Secrets that may be used, and never shown: for git, for the registry, and for the daemon."""

    git: str = ""  # the value of an Authorization header
    registry: str = ""  # a Docker configuration
    daemon: Path | None = None  # the folder of a client's certificate
    secrets: tuple[str, ...] = ()

    def redacted(self, text: str) -> str:
        """Return the text without any credential, nor users and passwords in URLs."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return _USERINFO.sub(f"{HIDDEN}@", text)


def read(folder: Path = FOLDER) -> Credentials:
    """Return what is mounted: a Secret's files in `git`, in `push` and in `daemon`, or none."""
    user, password = _file(folder / "git" / "username"), _file(folder / "git" / "password")
    token = _file(folder / "git" / "token")
    if token and not password:
        # The name that GitHub, GitLab and Gitea take as the user of a token.
        user, password = user or "x-access-token", token
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    header = f"Basic {pair}" if password else ""
    registry = _file(folder / "push" / ".dockerconfigjson")
    daemon = folder / "daemon"
    hidden = {password, token, pair if password else "", *_of_docker(registry)}
    spelt = {*hidden, *(urllib.parse.quote(each, safe="") for each in hidden)}
    return Credentials(
        git=header,
        registry=registry,
        daemon=daemon if (daemon / "tls.crt").exists() else None,
        # The longest first: one may be a part of another.
        secrets=tuple(
            sorted((each for each in spelt if len(each) >= SHORTEST), key=len, reverse=True)
        ),
    )


def _file(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _of_docker(text: str) -> Iterator[str]:
    """Yield what is secret in a Docker configuration, whatever else is written there."""
    with contextlib.suppress(ValueError):
        found: Any = json.loads(text or "{}")
        entries = found.get("auths") if isinstance(found, dict) else None
        for entry in entries.values() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                yield from _of_entry(entry)


def _of_entry(entry: dict[str, Any]) -> Iterator[str]:
    for key in ("auth", "password", "identitytoken", "registrytoken"):
        value = entry.get(key)
        if isinstance(value, str):
            yield value
            if key == "auth":
                with contextlib.suppress(binascii.Error, UnicodeDecodeError):
                    yield base64.b64decode(value).decode().partition(":")[2]
