"""Failures of git or BuildKit: whether one may pass by itself, and what people are told.

Both say so in words alone. Of git all is transient that is not known to be for good: it only asks
a server. Of a build all is for good that is not known to pass: most of what can be wrong is in the
source, and would be wrong again.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Sequence


class Class(enum.StrEnum):
    """Whether another attempt may end differently."""

    TRANSIENT = "Transient"
    TERMINAL = "Terminal"


class Reason(enum.StrEnum):
    """The part of a Build that could not be done."""

    SOURCE = "SourceUnavailable"
    PUSH = "PushRefused"
    FAILED = "Failed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a program failed."""

    kind: Class
    reason: Reason
    message: str


# The words of git when asking again is of no use.
_GIT_TERMINAL = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled"
    r"|repository '.*' (?:not found|does not exist)|Repository not found"
    r"|returned error: 4(?!08|25|29)\d\d"
    r"|does not appear to be a git repository|not valid: is this a git repository"
    r"|certificate verif|SSL certificate problem|transport '.*' not allowed"
    r"|unable to find remote helper|not a tree|not our ref|invalid subdir",
    re.IGNORECASE,
)
# The words of a registry, a network or a daemon when it may work again later.
_PASSES = re.compile(
    r"connection refused|connection reset|broken pipe|i/o timeout|TLS handshake timeout"
    r"|timed out|deadline exceeded|no such host|server misbehaving|temporary failure"
    r"|could(?:n't| not) (?:resolve|connect)|failed to connect|no route to host"
    r"|network is unreachable|unexpected EOF|: EOF$|no space left on device|too many requests"
    r"|(?:status|status code|error):? (?:from \w+ request to \S+: )?(?:408|425|429|5\d\d)\b"
    r"|\b5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)"
    r"|Unavailable|graceful(?:ly)? stop|session .*not found|no active session|closing transport",
    re.IGNORECASE,
)
# The client says the second where its own part fails and the daemon's answer takes five seconds
# more (BuildKit 0.34, client/solve.go and build.go): the cause is the same.
_SOLVE = re.compile(r"failed to solve: |failed to run Build function: ")
_STEP = re.compile(r"process \".*\" did not complete successfully: (.*)", re.DOTALL)
_GIT = re.compile(r"failed to (?:fetch|checkout|load) remote|git stderr|invalid subdir")
_RULE = "------"
_HEADER = re.compile(r"^ > \[[^\]]*\] (?P<instruction>.*):$")
_TIME = re.compile(r"^\d+\.\d+ ")


def of_git(output: str) -> Failure:
    """Return what it means that git ended with these words."""
    terminal = _GIT_TERMINAL.search(output)
    told = [line for line in output.splitlines() if line.startswith(("fatal:", "error:"))]
    words = told[-1].partition(":")[2] if told else output.strip().rpartition("\n")[2]
    return Failure(
        kind=Class.TERMINAL if terminal else Class.TRANSIENT,
        reason=Reason.SOURCE,
        message=words.strip() or "git ended without a word",
    )


def of_build(lines: Sequence[str]) -> Failure:
    """Return what it means that BuildKit's client ended with these last lines.

    The output of a step of the build decides nothing: whoever writes it could say anything.
    """
    start = max((n for n, each in enumerate(lines) if each.startswith("error: ")), default=None)
    if start is None:
        return Failure(
            kind=Class.TRANSIENT, reason=Reason.FAILED, message="BuildKit's client was ended"
        )
    error = "\n".join(lines[start:]).removeprefix("error: ")
    solve = _SOLVE.match(error)
    cause = error[solve.end() :] if solve else ""
    if not cause:
        # The error is not about the build: the daemon is away, or has let go of it.
        return Failure(kind=Class.TRANSIENT, reason=Reason.FAILED, message=_line(error))
    step = _STEP.search(cause)
    if step:
        return Failure(
            kind=Class.TERMINAL, reason=Reason.FAILED, message=_failed_step(lines[:start], step[1])
        )
    if _GIT.search(cause):
        found = of_git(cause.replace("git stderr:\n", "\n"))
        kind = Class.TRANSIENT if _PASSES.search(cause) else found.kind
        return Failure(kind=kind, reason=Reason.SOURCE, message=_line(cause))
    reason = Reason.PUSH if cause.startswith("failed to push") else Reason.FAILED
    kind = Class.TRANSIENT if _PASSES.search(cause) else Class.TERMINAL
    return Failure(kind=kind, reason=reason, message=_line(cause))


def _failed_step(lines: Sequence[str], ending: str) -> str:
    """Return the instruction that failed, how it ended, and the last that it printed."""
    blocks = _blocks(lines)
    header = next((each for each in reversed(blocks) if _HEADER.match(each[0])), None)
    if header is None:
        return f"a step of the build ended with {_line(ending)}"
    match = _HEADER.match(header[0])
    instruction = match["instruction"] if match else ""
    printed = [_TIME.sub("", each).strip() for each in header[1:]]
    last = next((each for each in reversed(printed) if each), "")
    return _line(f"{instruction}: {ending.strip()}" + (f": {last}" if last else ""))


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """Return what stands between rules, each with at least a line."""
    blocks: list[list[str]] = [[]]
    for each in lines:
        if each == _RULE:
            blocks.append([])
        else:
            blocks[-1].append(each)
    return [each for each in blocks if each]


def _line(text: str) -> str:
    return " ".join(text.split())
