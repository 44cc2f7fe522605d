"""Command lines as people type them, given to the parser that they are meant for."""

from __future__ import annotations

import shlex
from typing import Any

import typer.main

from controller.__main__ import app
from controller.cli import app as declared
from controller.cli.app import Work

GROUP: Any = typer.main.get_command(app)
PLUGIN = ["kubectl", "argosy"]


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """Return the command that `line` means, with its values; raises click's UsageError."""
    words = shlex.split(line)
    assert words[:2] == PLUGIN, f"not a command of ours: {line}"
    context = GROUP.context_class(GROUP, info_name="kubectl argosy")
    name, chosen, rest = GROUP.resolve_command(context, words[2:])
    return name, chosen.make_context(name, rest).params


def work(line: str) -> tuple[Work, declared.Target]:
    """Return what `line` would do, and where."""
    name, values = parsed(line)
    target = declared.Target(**{each: values.pop(each) for each, _ in declared.COMMON})
    return declared.MAKERS[name](**values), target
