"""Render the reference page of the command line from the commands themselves.

`reference.pages` calls `page`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer.main

from controller.cli import app as declared

INTRODUCTION = """\
`argosy` and `kubectl argosy` are one program: the second name makes it a plugin of kubectl. It
keeps kubectl's habits: `-n`, `-A`, `-l`, `-w`, `-o`, `--context`, `--kubeconfig`. `-n`, `-A`,
`--context` and `--kubeconfig` may stand before the command, too. Colours go when the output is
piped.

Names are given as KIND/NAME (`server/shop-web-3`), as KIND NAME, or alone: then the cluster is
asked which of the kinds that the command takes has an object of that name, and a name that two have
is refused. Kinds have their short names too (`argapp`, `argset`, `argsrv`, `argop`, `argfleet`).

A sequence that steers a terminal, in the messages of others, is shown and does nothing: `^[` for an
escape. So it is with `logs` on a terminal, where only colours stay; through a pipe, and with
`exec`, each byte is handed on, as kubectl does.

`argosy --install-completion` teaches your shell the commands, and the names in the cluster. After
`kubectl argosy` kubectl's own completion offers them, if `kubectl_complete-argosy`, which comes
along, is on `PATH`.
"""
COMMON_NOTE = """\
Every command that works on a cluster also takes `--namespace, -n`, `--context`, `--kubeconfig` and
`--help, -h`.
"""
SHARED = frozenset({name for name, _ in declared.COMMON} | {"help"})


def page() -> str:
    """Return the page, without the note that it is generated."""
    group = typer.main.get_command(declared.app)
    commands: dict[str, Any] = group.commands  # type: ignore[attr-defined]  # a group has them
    lines = ["# The command line", "", INTRODUCTION, "## Exit codes", ""]
    lines += ["| Code | Meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in declared.EXIT_CODES.items()]
    lines += ["", "`exec` ends with the command's own code.", "", "## Permissions", ""]
    lines += [
        "The chart's roles grant those on Argosy's own kinds: `argosy-viewer` all that reads them,",
        "`argosy-fleet-viewer` what reads Fleets, and `argosy-editor`, `argosy-operation-editor`",
        "and `argosy-build-editor` the rest. Those on other kinds are Kubernetes' own to grant,",
        "as by `view` and `edit`. A permission that only refines an answer may be missing: the",
        "answer says so.",
        "",
        "| Command | Verbs | On | For |",
        "|---|---|---|---|",
    ]
    for name in sorted(commands):
        lines += [
            f"| `{name}` | {each.verbs} | {each.resource} | {_for(each)} |"
            for each in declared.declared(name).rights
        ]
    lines += ["", "## Commands", "", COMMON_NOTE]
    for name, each in sorted(commands.items()):
        lines += list(_command(name, each))
    return "\n".join(lines)


def _for(right: declared.CommandRight) -> str:
    return "; ".join(filter(None, (right.why, "in the whole cluster" * right.everywhere)))


def _command(name: str, command: Any) -> Iterator[str]:
    about, _, example = inspect.cleandoc(command.help or "").partition("Example:")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([name, *(str(each.metavar or each.name.upper()) for each in arguments)])
    yield f"### `{name}`"
    yield ""
    yield " ".join(about.split())
    yield ""
    yield "```console"
    yield f"$ {example.strip() or f'argosy {name}'}"
    yield "```"
    yield ""
    yield f"Usage: `{usage} [OPTIONS]`"
    yield ""
    options = [
        each
        for each in command.params
        if each.param_type_name == "option" and each.name not in SHARED
    ]
    if options:
        yield "| Option | Meaning |"
        yield "|---|---|"
        for each in options:
            spelled = ", ".join(f"`{word}`" for word in each.opts)
            yield f"| {spelled} | {_told(each)} |"
        yield ""


def _told(option: Any) -> str:
    default = option.default
    said = option.help or ""
    if default not in (None, "", False, ()) and not callable(default) and str(default):
        said += f" Default: `{default}`."
    return said.replace("|", "\\|")
