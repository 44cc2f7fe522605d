"""The arguments and options that several commands share, with their shell completion.

Only typer is imported here: declaring a command must cost nothing.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

MOST_DIGITS = 9


class Form(enum.StrEnum):
    """How a command's answer is written."""

    TEXT = ""
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class Data(enum.StrEnum):
    """How a command's answer is written where there is only one text."""

    TEXT = ""
    JSON = "json"
    YAML = "yaml"


def _complete(*plurals: str, prefixed: bool = False) -> Any:
    """Return what completes names of these resources from the cluster."""

    def names(ctx: typer.Context, incomplete: str) -> list[str]:
        from controller.cli import completion  # noqa: PLC0415 - only where a shell asks

        return completion.names(ctx, plurals, incomplete, prefixed=prefixed)

    return names


Application = Annotated[
    str,
    typer.Argument(
        metavar="APPLICATION", help="The application.", autocompletion=_complete("applications")
    ),
]
Printing = Annotated[
    str,
    typer.Argument(
        metavar="APPLICATION",
        help="The application; or a Build, as build/NAME.",
        autocompletion=_complete("applications"),
    ),
]
AnyApplication = Annotated[
    str,
    typer.Argument(
        metavar="[APPLICATION]",
        help="The application (default: all of the namespace).",
        autocompletion=_complete("applications"),
        show_default=False,
    ),
]
Thing = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND/NAME",
        help="The object, such as server/shop-web-3; `server shop-web-3` will do, and a name"
        " alone that only one object has.",
        autocompletion=_complete(
            "applications", "serversets", "servers", "operations", "builds", prefixed=True
        ),
    ),
]

Serving = Annotated[
    str,
    typer.Argument(
        metavar="APPLICATION|SERVER",
        help="The application or the server; server/NAME where both have the name.",
        autocompletion=_complete("applications", "servers", prefixed=True),
    ),
]


def operations() -> Any:
    """Return the argument that names an operation."""
    return typer.Argument(
        metavar="OPERATION", help="The operation.", autocompletion=_complete("operations")
    )


def work() -> Any:
    """Return the argument that names an operation or a Build."""
    return typer.Argument(
        metavar="OPERATION",
        help="The operation; or a Build, as build/NAME.",
        autocompletion=_complete("operations", "builds", prefixed=True),
    )


def builds() -> Any:
    """Return the argument that names a Build."""
    return typer.Argument(metavar="BUILD", help="The Build.", autocompletion=_complete("builds"))


def servers() -> Any:
    """Return the argument that names a server."""
    return typer.Argument(metavar="SERVER", help="The server.", autocompletion=_complete("servers"))


Component = Annotated[
    str, typer.Option("--component", "-c", help="Only this component.", show_default=False)
]
Components = Annotated[
    list[str] | None,
    typer.Option("--component", "-c", help="Only this component; repeatable (default: all)."),
]
Servers = Annotated[
    str,
    typer.Option("--servers", help='Only these ordinals, such as "0-9,12".', show_default=False),
]
Everywhere = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.", show_default=False)
]
Selector = Annotated[
    str,
    typer.Option("--selector", "-l", help="Only what has these labels: key=value,…"),
]
Watch = Annotated[
    bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.", show_default=False)
]
Output = Annotated[
    Form, typer.Option("--output", "-o", help="wide, json, yaml or name.", show_default=False)
]
OutputData = Annotated[
    Data, typer.Option("--output", "-o", help="json or yaml.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)]
Detach = Annotated[
    bool,
    typer.Option("--detach", "-d", help="Print the name and end at once.", show_default=False),
]
Timeout = Annotated[
    float, typer.Option("--timeout", help="How many seconds to wait; 0 for ever.", min=0)
]
AcceptLosses = Annotated[
    bool,
    typer.Option("--accept-losses", help="Go on without what cannot be said.", show_default=False),
]
RetargetHpa = Annotated[
    bool,
    typer.Option(
        "--retarget-hpa", help="Have autoscalers scale the successor.", show_default=False
    ),
]
Concurrency = Annotated[
    str, typer.Option("--concurrency", help="Servers of each component at once: 5, or 25%.")
]
Budget = Annotated[
    str, typer.Option("--failure-budget", help="How many servers may fail: 5, or 10%.")
]
Seconds = Annotated[
    int, typer.Option("--timeout", help="Seconds for the operation (0: the API's default).")
]
Name = Annotated[str, typer.Option("--name", help="The operation's name (default: a new one).")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", help="KEY=VALUE for the steps; repeatable."),
]


def bounds(concurrency: str = "", failure_budget: str = "", timeout: int = 0) -> dict[str, Any]:
    """Return how far an operation may go at once and in all, as its spec has it."""
    return {
        "concurrency": share(concurrency),
        "failureBudget": share(failure_budget),
        "timeoutSeconds": timeout or None,
    }


def share(text: str) -> int | str | None:
    """Return a count as the number that it is, a percentage as it stands, nothing as None."""
    # One that is too long for a field stays text: the API server then refuses what was given.
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else text or None
