"""`hold`: a server is left alone."""

from __future__ import annotations

import getpass
import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")


@app.command(CommandRight(verbs="patch", resource="servers (argosy.dev)"))
def hold(
    server: Annotated[list[str], arguments.servers()],
    reason: Annotated[str, typer.Option(help="Why, for others to read.", show_default=False)] = "",
    lasting: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="How long, such as 30m, 2h or 3d (default: until a release).",
            show_default=False,
        ),
    ] = "",
    owner: Annotated[
        str,
        typer.Option(
            help="Who holds it; with a reason or an end your login name, if left out.",
            show_default=False,
        ),
    ] = "",
) -> Work:
    """Hold a server, to look into it: rollouts and operations leave it alone.

    Example: kubectl argosy hold shop-web-3 --for 2h --reason "core dump"
    """
    from controller.api.resources import Resource
    from controller.cli import operations
    from controller.presentation import requests

    seconds = _seconds(lasting)

    async def change(session: Session) -> int:
        until = time.time() + seconds if seconds else None
        told = owner or (_login() if reason or lasting else "")
        end = f"for {lasting}, or until it is released" if lasting else "until it is released"
        return await operations.patch(
            session,
            given=server,
            kinds=(Resource.SERVERS,),
            body={"spec": requests.hold(told, reason, until)},
            said=f" is held: rollouts and operations leave it alone {end}",
        )

    return change


def _seconds(text: str) -> int:
    from controller.presentation.problems import UsageError

    if not text:
        return 0
    found = _DURATION.fullmatch(text)
    if found is None or not int(found[1]):
        raise UsageError(f"a duration must be a number and s, m, h or d, such as 2h, not {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Nobody of this machine, as in some containers.
        return ""
