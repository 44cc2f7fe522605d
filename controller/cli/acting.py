"""The commands that act on applications through operations."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import Right, Work

READ = Right(verbs="get", resource="applications (argosy.dev)")
MAKE = Right(verbs="create, get", resource="operations (argosy.dev)")
CHANGE = Right(verbs="get, patch", resource="operations (argosy.dev)")
CANCEL = Right(verbs="patch", resource="operations (argosy.dev)", why="cancel on Ctrl-C")

Concurrency = Annotated[
    str, typer.Option("--concurrency", help="Servers of each component at once: 5, or 25%.")
]
Budget = Annotated[
    str, typer.Option("--failure-budget", help="How many servers may fail: 5, or 10%.")
]
Seconds = Annotated[
    int, typer.Option("--timeout", help="How many seconds it may take; the API's default if 0.")
]
Name = Annotated[str, typer.Option("--name", help="The operation's name; made up if none.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", help="KEY=VALUE for the steps; repeatable."),
]

_VERBS = {
    "restart": ("Restart", "Restart servers: each gets a new instance, a share at a time."),
    "start": ("Start", "Start servers that were stopped."),
    "stop": ("Stop", "Stop servers without losing what they are."),
    "replace": ("Replace", "Replace what servers are made of, the ill ones too."),
    "snapshot": ("Snapshot", "Take a snapshot of each server, where its fleet can."),
}


def _verb(name: str, action: str, about: str) -> Callable[..., Work]:
    def act(  # noqa: PLR0917 - each is an option, given by name
        application: arguments.Application,
        component: arguments.Components = None,
        servers: arguments.Servers = "",
        concurrency: Concurrency = "",
        failure_budget: Budget = "",
        timeout: Seconds = 0,
        called: Name = "",
        detach: arguments.Detach = False,
    ) -> Work:
        from controller.cli import operations  # noqa: PLC0415 - imported when asked for

        spec = {
            "components": component,
            "servers": servers,
            "concurrency": share(concurrency),
            "failureBudget": share(failure_budget),
            "timeoutSeconds": timeout or None,
        }
        return functools.partial(
            operations.begin,
            application=application,
            action=action,
            spec=spec,
            detach=detach,
            name=called,
        )

    act.__name__ = name
    act.__doc__ = f"{about}\n\nExample: kubectl argosy {name} shop --component web"
    return act


def share(text: str) -> int | str | None:
    """Return a count as the number that it is, a percentage as it stands, nothing as None."""
    return int(text) if text.isdigit() else text or None


for _name, (_action, _about) in _VERBS.items():
    app.command(app.ACT, READ, MAKE, CANCEL, name=_name)(_verb(_name, _action, _about))


@app.command(app.ACT, READ, MAKE, CANCEL)
def rollback(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Application,
    component: arguments.Components = None,
    to: Annotated[
        str,
        typer.Option("--to", help="A revision's number or hash; the one before if none."),
    ] = "",
    timeout: Seconds = 0,
    called: Name = "",
    detach: arguments.Detach = False,
) -> Work:
    """Go back to an earlier revision that ran in good health; `history` lists them.

    Example: kubectl argosy rollback shop --component web --to 7
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    spec = {
        "components": component,
        "parameters": {"revision": to} if to else None,
        "timeoutSeconds": timeout or None,
    }
    return functools.partial(
        operations.begin,
        application=application,
        action="RollBack",
        spec=spec,
        detach=detach,
        name=called,
    )


@app.command(app.ACT, READ, MAKE, CANCEL, name="run-steps")
def run_steps(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Application,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND…]", help="Run it in each server.")
    ] = None,
    file: Annotated[
        pathlib.Path | None,
        typer.Option("--filename", "-f", help="An Operation, or a list of its steps; - for stdin."),
    ] = None,
    component: arguments.Components = None,
    servers: arguments.Servers = "",
    container: Annotated[str, typer.Option(help="Where the command runs.")] = "",
    parameter: Parameters = None,
    concurrency: Concurrency = "",
    failure_budget: Budget = "",
    timeout: Seconds = 0,
    called: Name = "",
    detach: arguments.Detach = False,
) -> Work:
    """Run a command, or steps, in servers; `run APPLICATION` for short.

    Example: kubectl argosy run shop --component web -- nginx -s reload
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    async def begin(session: object) -> int:
        chosen = {
            "components": component,
            "servers": servers,
            "parameters": operations.pairs(parameter),
            "concurrency": share(concurrency),
            "failureBudget": share(failure_budget),
            "timeoutSeconds": timeout or None,
        }
        spec = operations.steps(file, command or (), container)
        spec |= {key: value for key, value in chosen.items() if value}
        return await operations.begin(
            session,  # type: ignore[arg-type]  # its module takes long to import
            application,
            "Steps",
            spec,
            detach=detach,
            name=called,
        )

    return begin


@app.command(app.ACT, Right(verbs="patch", resource="applications, operations (argosy.dev)"))
def pause(thing: arguments.Thing) -> Work:
    """Pause an application (nothing is changed; deletes still run), or an operation.

    Example: kubectl argosy pause application/shop
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        operations.change, given=thing, spec={"paused": True}, said="is paused"
    )


@app.command(app.ACT, Right(verbs="patch", resource="applications, operations (argosy.dev)"))
def resume(thing: arguments.Thing) -> Work:
    """Resume what was paused.

    Example: kubectl argosy resume application/shop
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(operations.change, given=thing, spec={"paused": False}, said="goes on")


@app.command(app.ACT, CHANGE)
def cancel(
    operation: Annotated[list[str], arguments.operations()], detach: arguments.Detach = False
) -> Work:
    """Cancel an operation: acts under way get their grace, nothing new starts.

    Example: kubectl argosy cancel restart-web
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(operations.cancel, given=operation, detach=detach)


@app.command(app.ACT, CHANGE)
def retry(
    operation: Annotated[list[str], arguments.operations()],
    step: Annotated[str, typer.Option("--from", help="The step to start again at.")] = "",
    parameter: Parameters = None,
    detach: arguments.Detach = False,
) -> Work:
    """Let a failed or cancelled operation go on with the servers that it has not finished.

    Example: kubectl argosy retry upgrade --from migrate
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        operations.retry,
        given=operation,
        step=step,
        parameters=operations.pairs(parameter),
        detach=detach,
    )


@app.command(app.ACT, Right(verbs="patch", resource="servers (argosy.dev)"))
def hold(server: Annotated[list[str], arguments.servers()]) -> Work:
    """Hold a server, to look into it: rollouts and operations leave it alone.

    Example: kubectl argosy hold shop-web-3
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(operations.hold, given=server, held=True)


@app.command(app.ACT, Right(verbs="patch", resource="servers (argosy.dev)"))
def release(server: Annotated[list[str], arguments.servers()]) -> Work:
    """Let go of a server that is held.

    Example: kubectl argosy release shop-web-3
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(operations.hold, given=server, held=False)


@app.command(app.ACT, Right(verbs="patch", resource="applications, servers (argosy.dev)"))
def force(thing: arguments.Thing) -> Work:
    """Take down by force what does not go in time: sets onTimeout of a server or an application.

    Example: kubectl argosy force server/shop-web-3
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(operations.force, given=thing)


@app.command(
    app.ACT, Right(verbs="patch", resource="applications, serversets, servers (argosy.dev)")
)
def retry_now(thing: arguments.Thing) -> Work:
    """Try again at once what failed: forget backoffs, spent budgets and rejected revisions.

    Example: kubectl argosy retry-now server/shop-web-3
    """
    from controller.cli import operations  # noqa: PLC0415 - imported when asked for

    return functools.partial(operations.retry_now, given=thing)


@app.command(
    app.ACT,
    Right(verbs="get, patch", resource="applications (argosy.dev)"),
    Right(
        verbs="patch",
        resource="serversets/scale (argosy.dev)",
        why="where the application does not name replicas",
    ),
)
def scale(
    application: arguments.Application,
    replicas: Annotated[int, typer.Option(help="How many servers.", min=0)],
    component: arguments.Component = "",
) -> Work:
    """Set how many servers a component has.

    Example: kubectl argosy scale shop --component web --replicas 20
    """
    from controller.cli import scaling  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        scaling.scale, application=application, component=component, replicas=replicas
    )


@app.command(
    app.ACT,
    Right(verbs="get", resource="applications, serversets, servers, operations (argosy.dev)"),
    Right(verbs="get", resource="fleets (argosy.dev)", why="to wait for one", everywhere=True),
)
def wait(
    thing: arguments.Thing,
    wanted: Annotated[
        str,
        typer.Option(
            "--for",
            help="Ready, Succeeded, another condition as TYPE=STATUS, or deleted.",
        ),
    ] = "",
    timeout: arguments.Timeout = 600,
) -> Work:
    """Wait until something is ready, or an operation has succeeded, or it is gone.

    Example: kubectl argosy wait application/shop --timeout 300
    """
    from controller.cli import waiting  # noqa: PLC0415 - imported when asked for

    return functools.partial(waiting.wait, given=thing, wanted=wanted, timeout_seconds=timeout)


@app.command(
    app.ACT,
    Right(verbs="get", resource="servers (argosy.dev)"),
    Right(verbs="get, create", resource="pods/exec"),
    name="exec",
)
def execute(
    server: Annotated[str, arguments.servers()],
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND…]", help="A shell if none.")
    ] = None,
    container: Annotated[str, typer.Option("--container", "-c", help="Where it runs.")] = "",
) -> Work:
    """Run a command in one server, with this terminal in front of it; its exit code is ours.

    Example: kubectl argosy exec shop-web-3 -- nginx -T
    """
    from controller.cli import shell  # noqa: PLC0415 - imported when asked for

    return functools.partial(shell.run, server=server, command=command or (), container=container)


@app.command(
    app.ACT,
    Right(verbs="get, delete", resource="applications (argosy.dev)"),
    Right(
        verbs="list, watch", resource="applications, serversets, servers, operations (argosy.dev)"
    ),
    Right(
        verbs="list, watch",
        resource="pods, services, persistentvolumeclaims; jobs (batch); controllerrevisions (apps)",
        why="to show what goes; what may not be read is said",
    ),
    Right(
        verbs="list, watch",
        resource="fleets (argosy.dev); namespaces",
        why="the same",
        everywhere=True,
    ),
)
def delete(
    application: arguments.Application,
    yes: arguments.Yes = False,
    detach: arguments.Detach = False,
    timeout: arguments.Timeout = 0,
) -> Work:
    """Delete an application: show what goes, in order, ask, and see it gone.

    Example: kubectl argosy delete shop
    """
    from controller.cli import ending  # noqa: PLC0415 - imported when asked for

    return functools.partial(
        ending.delete, application=application, yes=yes, detach=detach, timeout_seconds=timeout
    )
