"""`logs`: what servers print."""

from __future__ import annotations

import functools
import math
import re
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@app.command(
    CommandRight(verbs="list", resource="pods"),
    CommandRight(verbs="get", resource="pods/log"),
    CommandRight(
        verbs="get", resource="applications (argosy.dev)", why="to tell no pods from no such"
    ),
)
def logs(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Printing,
    component: Annotated[
        str, typer.Option("--component", help="Only this component.", show_default=False)
    ] = "",
    server: Annotated[str, typer.Option(help="Only this server.")] = "",
    container: Annotated[str, typer.Option("--container", "-c", help="Only this container.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option(help="Begin with so many lines; -1 for all.")] = -1,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the container that ran before.")
    ] = False,
    since: Annotated[str, typer.Option(help="Only what is newer than that: 30s, 5m, 1h30m.")] = "",
    since_time: Annotated[
        str, typer.Option(help="Only what is newer than that moment (RFC 3339).")
    ] = "",
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="Begin each line with its time.")
    ] = False,
    prefix: Annotated[
        bool, typer.Option("--prefix/--no-prefix", help="Begin each line with its server's name.")
    ] = True,
) -> Work:
    """Print what servers print, merged, each line under its server's name; or a Build's.

    Example: kubectl argosy logs shop --component web -f
    """
    from controller.api.resources import Resource
    from controller.cli import logs as lines
    from controller.presentation import problems, references

    if since and since_time:
        raise problems.UsageError("--since and --since-time say the same: give one of them")
    meant = references.parse((application,), Resource.APPLICATIONS, Resource.BUILDS)
    is_build = meant.resource is Resource.BUILDS
    wanted = lines.WantedLines(
        application="" if is_build else meant.name,
        build=meant.name if is_build else "",
        component=component,
        server=server,
        container=container,
        follow=follow,
        tail=tail if tail >= 0 else None,
        previous=previous,
        since_seconds=_seconds(since) if since else None,
        since_time=since_time,
        timestamps=timestamps,
        prefix=prefix,
    )
    return functools.partial(lines.show, wanted=wanted)


def _seconds(text: str) -> int:
    """Return a span such as 1h30m in seconds, as kubectl reads it; half ones count as whole."""
    from controller.presentation.problems import UsageError

    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", text)
    if "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise UsageError(f"--since {text}: say for example 30s, 5m or 1h30m")
    return math.ceil(sum(float(number) * _SECONDS[unit] for number, unit in parts))
