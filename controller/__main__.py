"""The `argosy` command, and `kubectl argosy`: every part is imported only when it is asked for."""

from __future__ import annotations

import os
import shlex
import sys

from controller.cli.app import app

# The orders to kubectl's completion beside the words it is given.
OFFER_FILES, NO_FILES = 0, 4
FILE_OPTIONS = (["-f"], ["--filename"], ["--file"], ["--kubeconfig"])


def main() -> None:
    """Run as `argosy`."""
    app(prog_name="argosy")


def plugin() -> None:
    """Run as `kubectl argosy`: help shows the name that was typed."""
    # The completion that a shell is taught is about `argosy`; of plugins kubectl asks `complete`.
    taught = any(each.startswith(("--install-comp", "--show-comp")) for each in sys.argv[1:])
    app(prog_name="argosy" if taught else "kubectl argosy")


def complete() -> None:
    """Run as `kubectl_complete-argosy`, which kubectl asks how the words after it may go on."""
    words = sys.argv[1:] or [""]
    os.environ |= {
        "_ARGOSY_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["argosy", *words]),
        "COMP_CWORD": str(len(words)),
    }
    try:
        app(prog_name="kubectl argosy", complete_var="_ARGOSY_COMPLETE")
    finally:
        sys.stdout.write(f":{OFFER_FILES if words[-2:-1] in FILE_OPTIONS else NO_FILES}\n")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
