"""`status`: how applications stand."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import Work
from controller.cli.arguments import Form


@app.command(rights.READ, rights.FOLLOW)
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
    from controller.cli import live

    wanted = live.WantedScreen(
        application=application,
        everywhere=everywhere,
        selector=selector,
        form=output.value,
        compact=False,
    )
    return functools.partial(live.follow if watch else live.show, wanted=wanted)
