"""The commands that show: status, top."""

from __future__ import annotations

import functools

from controller.cli import app, arguments
from controller.cli.app import Right, Work
from controller.cli.arguments import Form

OURS = "applications, serversets, servers, operations (argosy.dev)"


@app.command(
    app.SEE, Right(verbs="get, list", resource=OURS), Right(verbs="watch", resource=OURS, why="-w")
)
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


@app.command(
    app.SEE, Right(verbs="list", resource=OURS), Right(verbs="watch", resource=OURS, why="-w")
)
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
