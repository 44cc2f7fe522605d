"""`top`: all applications, a line each."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import Work
from controller.cli.arguments import Form


@app.command(rights.READ, rights.FOLLOW)
def top(
    everywhere: arguments.Everywhere = False,
    selector: arguments.Selector = "",
    watch: arguments.Watch = False,
    output: arguments.Output = Form.TEXT,
) -> Work:
    """List applications, those in trouble first.

    Example: kubectl argosy top -A -w
    """
    from controller.cli import live

    wanted = live.WantedScreen(
        everywhere=everywhere, selector=selector, form=output.value, compact=True
    )
    return functools.partial(live.follow if watch else live.show, wanted=wanted)
