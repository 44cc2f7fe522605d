"""A repository of git: which commit a ref names, and where BuildKit finds it."""

from __future__ import annotations

import re
import urllib.parse

from controller.forge import failures, programs
from controller.forge.credentials import Credentials

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# Neither a helper of git's (`ext::`), nor an option, nor a second field of one of BuildKit's.
_ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#]\S*)?")


class RefusedError(Exception):
    """The source that was asked for cannot be had; carries what is told of it."""

    def __init__(self, failure: failures.Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def checked(url: str) -> str:
    """Return the address of a repository, if it is one that git and BuildKit may be given."""
    if _ADDRESS.fullmatch(url):
        return url
    raise RefusedError(
        failures.Failure(
            kind=failures.Class.TERMINAL,
            reason=failures.Reason.SOURCE,
            message="the repository's address is not http:// or https:// and a host",
        )
    )


def resolve(url: str, ref: str, credentials: Credentials) -> str:
    """Return the commit that a branch or a tag names now; a commit's own name stays what it is.

    A branch comes before a tag of the same name, as `git clone --branch` has it.
    """
    if COMMIT.fullmatch(ref):
        return ref
    names = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref]
    argv = ["git", "ls-remote", "--quiet", "--", url, *names]
    ending = programs.run(argv, credentials, _authorization(url, credentials))
    if ending.status:
        raise RefusedError(failures.of_git("\n".join(ending.told)))
    told = (line.partition("\t") for line in ending.answer.splitlines())
    found = {name: commit for commit, _, name in told}
    for name in names:
        if COMMIT.fullmatch(found.get(name, "")):
            return found[name]
    raise RefusedError(
        failures.Failure(
            kind=failures.Class.TERMINAL,
            reason=failures.Reason.SOURCE,
            message=f"the repository has neither a branch nor a tag {ref!r}",
        )
    )


def context(url: str, commit: str, path: str) -> str:
    """Return the build context of a commit, by which BuildKit knows that it is git's."""
    split = urllib.parse.urlsplit(url)
    place = split.path.rstrip("/")
    whole = place if place.endswith(".git") else f"{place}.git"
    named = urllib.parse.urlunsplit((split.scheme, split.netloc, whole, "", ""))
    inside = path.strip("/")
    return f"{named}#{commit}" + (f":{inside}" if inside else "")


def _authorization(url: str, credentials: Credentials) -> dict[str, str]:
    """Return the environment in which git shows itself to this server, and to no other."""
    if not credentials.git:
        return {}
    split = urllib.parse.urlsplit(url)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{split.scheme}://{split.netloc}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: {credentials.git}",
    }
