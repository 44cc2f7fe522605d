"""The commands that show and change nothing."""

from __future__ import annotations

import functools
import pathlib
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import Right, Work
from controller.cli.arguments import Data, Form

OURS = "applications, serversets, servers, operations (argosy.dev)"


READ = Right(verbs="get, list", resource=OURS)
FOLLOW = Right(verbs="watch", resource=OURS, why="-w")


@app.command(app.SEE, READ, FOLLOW)
def status(
    application: arguments.AnyApplication = "",
    everywhere: arguments.Everywhere = False,
    selector: arguments.Selector = "",
    watch: arguments.Watch = False,
    output: arguments.Output = Form.TEXT,
) -> Work:
    """Show an application: components, servers, operations, and what it waits for.

    Example: kubectl argosy status shop -w
    """
    from controller.cli import status as screen  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        screen.show,
        application=application,
        everywhere=everywhere,
        selector=selector,
        watch=watch,
        form=output.value,
        compact=False,
    )


@app.command(app.SEE, READ, FOLLOW)
def top(
    everywhere: arguments.Everywhere = False,
    selector: arguments.Selector = "",
    watch: arguments.Watch = False,
    output: arguments.Output = Form.TEXT,
) -> Work:
    """List applications, those in trouble first.

    Example: kubectl argosy top -A -w
    """
    from controller.cli import status as screen  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        screen.show,
        application="",
        everywhere=everywhere,
        selector=selector,
        watch=watch,
        form=output.value,
        compact=True,
    )


@app.command(
    app.SEE,
    READ,
    Right(verbs="list", resource="controllerrevisions (apps)"),
)
def history(
    application: arguments.Application,
    component: arguments.Component = "",
    output: arguments.OutputData = Data.TEXT,
) -> Work:
    """List the revisions of an application: target, proven, rejected, and who runs them.

    Example: kubectl argosy history shop
    """
    from controller.cli import revisions  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        revisions.history, application=application, component=component, form=output.value
    )


@app.command(
    app.SEE,
    READ,
    Right(verbs="list", resource="controllerrevisions (apps)"),
)
def diff(
    application: arguments.Application,
    component: arguments.Component = "",
    revision: Annotated[
        str, typer.Option(help="The revision to compare with, by hash; the one before if none.")
    ] = "",
) -> Work:
    """Show what sets a revision apart from the one that servers should run.

    Example: kubectl argosy diff shop --component web
    """
    from controller.cli import revisions  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        revisions.diff, application=application, component=component, revision=revision
    )


@app.command(
    app.SEE,
    READ,
    Right(verbs="list", resource="events (events.k8s.io)"),
    Right(verbs="watch", resource="events (events.k8s.io)", why="-w"),
)
def events(
    application: arguments.AnyApplication = "",
    watch: arguments.Watch = False,
    output: arguments.OutputData = Data.TEXT,
) -> Work:
    """Show what happened to an application and its parts, the latest last.

    Example: kubectl argosy events shop -w
    """
    from controller.cli import events as happened  # noqa: PLC0415 - imported when asked for

    return functools.partial(happened.show, application=application, watch=watch, form=output.value)


@app.command(
    app.SEE,
    Right(verbs="list", resource="pods"),
    Right(verbs="get", resource="pods/log"),
    Right(verbs="get", resource="applications (argosy.dev)", why="to tell no pods from no such"),
)
def logs(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Application,
    component: arguments.Component = "",
    server: Annotated[str, typer.Option(help="Only this server.")] = "",
    container: Annotated[str, typer.Option(help="Only this container.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option(help="Begin with so many lines; -1 for all.")] = -1,
    previous: Annotated[
        bool, typer.Option("--previous", help="Of the container that ran before.")
    ] = False,
) -> Work:
    """Print what servers print, merged, each line under its server's name.

    Example: kubectl argosy logs shop --component web -f
    """
    from controller.cli import logs as lines  # noqa: PLC0415 - imported when asked for

    wanted = lines.Wanted(
        application=application,
        component=component,
        server=server,
        container=container,
        follow=follow,
        tail=tail if tail >= 0 else None,
        previous=previous,
    )
    return functools.partial(lines.show, wanted=wanted)


@app.command(
    app.SEE,
    Right(
        verbs="get, list, watch",
        resource="applications, serversets, servers, operations (argosy.dev)",
    ),
    Right(
        verbs="list, watch",
        resource="pods, services, persistentvolumeclaims; jobs (batch); controllerrevisions (apps);"
        " events (events.k8s.io)",
        why="what may not be read is left out, and said",
    ),
    Right(
        verbs="list, watch",
        resource="fleets (argosy.dev); namespaces; leases (coordination.k8s.io)",
        why="the same",
        everywhere=True,
    ),
)
def report(
    application: arguments.AnyApplication = "",
    file: Annotated[
        pathlib.Path | None, typer.Option("--file", "-f", help="Where to write it.")
    ] = None,
) -> Work:
    """Write a support bundle: objects, events, and why what is in trouble is so; no secrets.

    Example: kubectl argosy report shop
    """
    from controller.cli import report as bundle  # noqa: PLC0415 - imported when asked for

    return functools.partial(bundle.write, application=application, file=file)
