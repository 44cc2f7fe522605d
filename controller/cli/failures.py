"""Errors, in words that say what to do next, and the exit code for each.

`session` calls this for every error that a command lets through.
"""

from __future__ import annotations

import re
import shlex

import rich.text

from controller import errors
from controller.api import rights
from controller.cli import screen
from controller.cli.target import ClusterTarget
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.presentation.problems import Refusal, TookTooLongError, UsageError

_INSTALL = (
    "helm install argosy oci://ghcr.io/argosy-dev/charts/argosy"
    " --namespace argosy-system --create-namespace"
)
_PERMISSIONS = "https://github.com/argosy-dev/argosy/blob/main/docs/reference/cli.md#permissions"
FAILED, USAGE, REFUSED, MISSING, LATE, UNREACHABLE = 1, 2, 3, 4, 5, 6


def tell(error: errors.ArgosyError, target: ClusterTarget, *, server: str) -> int:
    """Print what went wrong and what can be done about it; return the exit code."""
    code, message, advice = explain(error, target, server=server)
    console = screen.errors()
    # Never broken into lines: commands are there to be copied.
    console.print(rich.text.Text.assemble(("error:", "bold red"), " ", message), soft_wrap=True)
    for line in advice:
        console.print(f"  {line}", soft_wrap=True)
    return code


def explain(
    error: errors.ArgosyError, target: ClusterTarget, *, server: str
) -> tuple[int, str, tuple[str, ...]]:
    """Return the exit code, the message, and lines that say what to do next."""
    text = str(error)
    own = _OWN.get(type(error))
    if own is not None:
        return own, text, ("See --help.",) if own == USAGE else ()
    if isinstance(error, faults.Forbidden):
        return REFUSED, *_forbidden(text, error.words)
    if isinstance(error, faults.NotFound):
        return MISSING, *_missing(text, server)
    away = _AWAY.get(type(error)) or ("{text}" if error.reason == KubeReason.BAD_KUBECONFIG else "")
    if away:
        advice = _where(target)
        if error.reason == KubeReason.BAD_KUBECONFIG:
            chosen = f" --kubeconfig {shlex.quote(target.kubeconfig)}" if target.kubeconfig else ""
            advice = (f"See what kubectl reads of it: kubectl config view{chosen}", *advice)
        return UNREACHABLE, away.format(server=server, text=_plain(text)), advice
    if isinstance(error, errors.Stalled):
        return REFUSED, _plain(text), ()
    return FAILED, _plain(text), ("The failure may pass: try again.",)


_OWN: dict[type[errors.ArgosyError], int] = {
    UsageError: USAGE,
    TookTooLongError: LATE,
    Refusal: FAILED,
}
_AWAY: dict[type[errors.ArgosyError], str] = {
    faults.Unreachable: "cannot reach the API server at {server}: {text}",
    faults.Unauthorized: "{server} does not know you: {text}; log in again",
}


def _missing(text: str, server: str) -> tuple[str, tuple[str, ...]]:
    if "could not find the requested resource" not in text:
        return _plain(text), ()
    advice = f"Is Argosy installed there? {_INSTALL}"
    return f"{server} does not know Argosy's kinds", (advice,)


def _forbidden(text: str, words: str) -> tuple[str, tuple[str, ...]]:
    found = rights.lacking(words)
    if found is None:
        return _plain(text), ()
    from controller.cli import roles  # noqa: PLC0415 - only where somebody lacks a right

    role = roles.granting(found)
    scope = f"namespace {found.namespace}" if found.namespace else "the whole cluster"
    return f"you lack a permission: {found.verb} {found.kind} in {scope}", (
        f"You are {found.user}.",
        f"An administrator can see it with: {found.check}",
        *([f"The chart's role {role} grants this permission."] if role else []),
        f"The permissions of each command: {_PERMISSIONS}",
    )


def _where(target: ClusterTarget) -> tuple[str, ...]:
    if target.context:
        return (f"Is context {target.context!r} the right one? kubectl config get-contexts",)
    if target.kubeconfig:
        return (f"Is {target.kubeconfig} the right kubeconfig?",)
    return (
        "Is it the right cluster? kubectl config current-context",
        "Choose another one with --context or --kubeconfig.",
    )


def _plain(text: str) -> str:
    """Return the text without the request that it begins with, nor what the client adds to it."""
    bare = re.sub(r"^(GET|POST|PATCH|DELETE) \S+: ", "", text)
    return re.sub(r"Cannot connect to host \S+ ssl:\w+ \[(.*)\]", r"\1", bare)
