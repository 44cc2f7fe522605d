"""The `argosy-forge` command: a step of a Build, and how it ended.

    argosy-forge resolve --url=URL --ref=REF
    argosy-forge build --url=URL --commit=COMMIT --image=REPOSITORY --daemon=ADDRESS …

How it ended stands in the termination message, as JSON: the commit and the digest, or the failure.
The exit status is 0; 75 where another attempt may end differently; else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.forge import building, credentials, failures, source

TERMINATION_LOG = Path("/dev/termination-log")
# Of the termination message, in bytes; Kubernetes would cut at 4096.
LONGEST = 1024
_NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def main(
    arguments: Sequence[str] | None = None,
    *,
    folder: Path = credentials.FOLDER,
    report: Path = TERMINATION_LOG,
) -> int:
    """Do one step; write how it ended; the exit status."""
    options = _parser().parse_args(arguments)
    known = credentials.read(folder)
    try:
        source.checked(options.url)
        if options.step == "resolve":
            answer = {"commit": source.resolve(options.url, options.ref, known)}
        else:
            answer = {"commit": options.commit, "digest": building.build(_order(options), known)}
    except source.RefusedError as error:
        told = known.redacted(error.failure.message)
        report.write_text(_failure(error.failure, told))
        print(f"argosy-forge: {told}", file=sys.stderr)  # noqa: T201 - the Job's log
        transient = error.failure.kind is failures.Class.TRANSIENT
        return os.EX_TEMPFAIL if transient else 1
    report.write_text(json.dumps(answer))
    return 0


def _failure(failure: failures.Failure, told: str) -> str:
    """Return the termination message of a failure, cut so that it fits."""
    message = _NOT_PRINTED.sub(" ", told)
    kept = len(message)
    while True:
        shown = message if kept == len(message) else f"{message[:kept]}…"
        body = {"class": failure.kind, "reason": failure.reason, "message": shown}
        text = json.dumps(body)
        if len(text) <= LONGEST:
            return text
        # A character may take twelve bytes: two of JSON's own stand for it.
        kept -= max(1, (len(text) - LONGEST) // 12)


def _order(options: argparse.Namespace) -> building.Order:
    return building.Order(
        url=options.url,
        commit=options.commit,
        image=options.image,
        daemon=options.daemon,
        path=options.path,
        dockerfile=options.dockerfile,
        arguments=tuple(options.argument),
        cached=options.cache == "Registry",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="argosy-forge", description=__doc__, allow_abbrev=False)
    steps = parser.add_subparsers(dest="step", required=True)
    resolve = steps.add_parser("resolve", allow_abbrev=False)
    build = steps.add_parser("build", allow_abbrev=False)
    for each in (resolve, build):
        each.add_argument("--url", required=True)
    resolve.add_argument("--ref", required=True)
    build.add_argument("--commit", required=True, type=_commit)
    build.add_argument("--image", required=True)
    build.add_argument("--daemon", required=True)
    build.add_argument("--path", default="")
    build.add_argument("--dockerfile", default="Dockerfile")
    build.add_argument("--argument", action="append", default=[])
    build.add_argument("--cache", choices=("Registry", "None"), default="Registry")
    return parser


def _commit(text: str) -> str:
    if not source.COMMIT.fullmatch(text):
        raise argparse.ArgumentTypeError("must be all digits of a commit")
    return text


if __name__ == "__main__":
    sys.exit(main())
