"""git and BuildKit's client as children: their words are passed on, without any credential."""

from __future__ import annotations

import collections
import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from types import FrameType

from controller.forge.credentials import Credentials

# How much of the last words is kept, to tell why a program failed.
KEPT_LINES = 400
LONGEST_LINE = 2000
GIT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_CONFIG_NOSYSTEM": "1",
    # Neither a helper nor the machine's files may be named by a URL.
    "GIT_ALLOW_PROTOCOL": "http:https",
    # A server that says nothing for this many seconds is away.
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",
    "GIT_HTTP_LOW_SPEED_TIME": "30",
}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a program ended: its status, its answer, and the last lines of what it told."""

    status: int
    answer: str = ""
    told: Sequence[str] = ()


def run(
    argv: Sequence[str], credentials: Credentials, environment: Mapping[str, str] | None = None
) -> Ending:
    """Run a program to its end; what it tells on stderr is shown as it comes, without credentials.

    A polite end of this process is passed on: as the first of a container it would be deaf to it.
    """
    told: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
    with (
        tempfile.TemporaryFile("w+", errors="replace") as answer,
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            env={**os.environ, **GIT, **(environment or {})},
        ) as child,
    ):

        def end(_number: int, _frame: FrameType | None) -> None:
            child.terminate()

        before = signal.signal(signal.SIGTERM, end)
        try:
            for line in child.stderr or ():
                shown = _shown(line, credentials)
                told.append(shown)
                print(shown, file=sys.stderr, flush=True)  # noqa: T201 - the Job's log
            status = child.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
        answer.seek(0)
        return Ending(status=status, answer=answer.read(), told=tuple(told))


def _shown(line: bytes, credentials: Credentials) -> str:
    """Return a line as it may be shown.

    A carriage return ends none: who prints one in a step of a build would write a line of its own,
    and have it taken for BuildKit's.
    """
    text = line.rstrip(b"\n").decode(errors="replace").replace("\r", " ")
    return _CONTROL.sub("", credentials.redacted(text))[:LONGEST_LINE]
