"""Command lines as people type them, given to the parser that they are meant for."""

from __future__ import annotations

import shlex
from typing import Any

import typer.main

from controller.cli import app as declared
from controller.cli.app import Work, app
from controller.cli.target import ClusterTarget

GROUP: Any = typer.main.get_command(app)
PLUGIN = ["kubectl", "argosy"]


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """Return the command that `line` means, with its values; raises click's UsageError."""
    words = shlex.split(line)
    assert words[:2] == PLUGIN, f"not a command of ours: {line}"
    context = GROUP.context_class(GROUP, info_name="kubectl argosy")
    GROUP.parse_args(context, words[2:])
    name, chosen, rest = GROUP.resolve_command(context, [*context._protected_args, *context.args])
    return name, chosen.make_context(name, rest).params


def work(line: str) -> tuple[Work, ClusterTarget]:
    """Return what `line` would do, and where."""
    name, values = parsed(line)
    target = ClusterTarget(**{each: values.pop(each) for each, _ in declared.COMMON})
    make = declared.declared(name).make
    assert make is not None, f"{name} works on no cluster"
    return make(**values), target
