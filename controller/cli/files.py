"""Files that are named on the command line; `-` is for standard input."""

from __future__ import annotations

import pathlib
import sys

from controller.presentation.problems import UsageError


def text(file: pathlib.Path) -> str:
    """Return what is in a file; raises UsageError where it cannot be read."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not a text in UTF-8") from error
