"""`logs`: what servers print."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import Right, Work


@app.command(
    Right(verbs="list", resource="pods"),
    Right(verbs="get", resource="pods/log"),
    Right(verbs="get", resource="applications (argosy.dev)", why="to tell no pods from no such"),
)
def logs(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Printing,
    component: arguments.Component = "",
    server: Annotated[str, typer.Option(help="Only this server.")] = "",
    container: Annotated[str, typer.Option(help="Only this container.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option(help="Begin with so many lines; -1 for all.")] = -1,
    previous: Annotated[
        bool, typer.Option("--previous", help="Of the container that ran before.")
    ] = False,
) -> Work:
    """Print what servers print, merged, each line under its server's name; or a Build's.

    Example: kubectl argosy logs shop --component web -f
    """
    from controller.api.resources import Resource
    from controller.cli import logs as lines
    from controller.presentation import references

    meant = references.parse((application,), Resource.APPLICATIONS, Resource.BUILDS)
    is_build = meant.resource is Resource.BUILDS
    wanted = lines.Wanted(
        application="" if is_build else meant.name,
        build=meant.name if is_build else "",
        component=component,
        server=server,
        container=container,
        follow=follow,
        tail=tail if tail >= 0 else None,
        previous=previous,
    )
    return functools.partial(lines.show, wanted=wanted)
