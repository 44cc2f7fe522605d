"""`restart`, `start`, `stop`, `replace`, `snapshot`: one act in each server, as an operation."""

from __future__ import annotations

import functools
from collections.abc import Callable

from controller.cli import app, arguments, rights
from controller.cli.app import Work
from controller.cli.table import COMMANDS

_ACTS = ("restart", "start", "stop", "replace", "snapshot")


def _verb(name: str) -> Callable[..., Work]:
    def act(  # noqa: PLR0917 - each is an option, given by name
        application: arguments.Application,
        component: arguments.Components = None,
        servers: arguments.Servers = "",
        concurrency: arguments.Concurrency = "",
        failure_budget: arguments.Budget = "",
        timeout: arguments.Seconds = 0,
        called: arguments.Name = "",
        detach: arguments.Detach = False,
    ) -> Work:
        from controller.api.choices import Action
        from controller.cli import operations

        spec = {
            "components": component,
            "servers": servers,
            **arguments.bounds(concurrency, failure_budget, timeout),
        }
        return functools.partial(
            operations.begin,
            application=application,
            action=Action[name.upper()],
            spec=spec,
            detach=detach,
            name=called,
        )

    act.__name__ = name
    act.__doc__ = f"{COMMANDS[name].about}\n\nExample: kubectl argosy {name} shop --component web"
    return act


for _name in _ACTS:
    app.command(*rights.OPERATE)(_verb(_name))
