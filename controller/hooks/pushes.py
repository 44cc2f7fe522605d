"""Pushes, as GitHub, GitLab and Gitea tell them; and which components are built of them."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Iterator
from typing import Any

import msgspec

_PLACES = ("clone_url", "git_http_url", "http_url", "html_url", "web_url", "url", "homepage")
_PORTS = {"http": 80, "https": 443}
_WEB = ("http", "https")


class NotAPushError(ValueError):
    """The body is no JSON, or nothing that a push could be."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A ref of a repository that now names another commit; no ref: something else happened."""

    repositories: frozenset[str]
    ref: str = ""

    def concerns(self, url: str, ref: str) -> bool:
        """Return whether this URL and ref, as a source has them, are what was pushed."""
        names = {self.ref, *(self.ref.removeprefix(f"refs/{each}/") for each in ("heads", "tags"))}
        return bool(self.ref) and ref in names and place(url) in self.repositories


def read(body: bytes) -> Push:
    """Return what a body tells of; raises NotAPushError."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAPushError("the body is not JSON") from error
    if not isinstance(told, dict):
        raise NotAPushError("the body is not an object")
    ref, after = told.get("ref"), told.get("after")
    if not isinstance(ref, str) or not isinstance(after, str) or not after.strip("0"):
        # A greeting, another event, or a branch that was deleted.
        ref = ""
    return Push(repositories=frozenset(_repositories(told)), ref=ref)


def components(application: Any, push: Push) -> list[str]:
    """Return the names of an application's components that are built of what was pushed."""
    return [
        each["name"]
        for each in application["spec"]["components"]
        if (git := (each.get("source") or {}).get("git"))
        and push.concerns(git["url"], git.get("ref") or "main")
    ]


def place(url: str) -> str:
    """Return where a repository is, however its URL is written; nothing where it is no URL."""
    try:
        split = urllib.parse.urlsplit(url)
        port = split.port
    except ValueError:
        return ""
    if split.scheme not in _WEB or not split.hostname:
        return ""
    shown = "" if port in {None, _PORTS[split.scheme]} else f":{port}"
    path = split.path.strip("/").removesuffix(".git").rstrip("/")
    return f"{split.hostname}{shown}/{path}".lower()


def _repositories(told: dict[str, Any]) -> Iterator[str]:
    for part in ("repository", "project"):
        found = told.get(part)
        if isinstance(found, dict):
            urls = (found.get(each) for each in _PLACES)
            yield from filter(None, (place(each) for each in urls if isinstance(each, str)))
