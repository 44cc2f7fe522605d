"""`uninstall`: what the chart asks when it is removed."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from controller.cli import app


@app.local
def uninstall(
    namespace: Annotated[str, typer.Option(help="Where the operator runs.")] = "argosy-system",
    deployment: Annotated[str, typer.Option(help="The operator's Deployment.")] = "argosy",
    policy: Annotated[
        Literal["Refuse", "Release"], typer.Option(help="Whether to let go of what is managed.")
    ] = "Refuse",
    pods: Annotated[
        Literal["Keep", "Delete"], typer.Option(help="Whether pods are kept or deleted.")
    ] = "Keep",
    namespaces: Annotated[str, typer.Option(help="The watched ones; empty: all.")] = "",
) -> None:
    """Answer `helm uninstall`: refuse while applications exist, or let go of them.

    Example: argosy uninstall --policy Release --pods Keep
    """
    from controller.wiring import uninstall as wiring

    options = wiring.UninstallOptions(
        policy=policy,
        pods=pods,
        namespace=namespace,
        deployment=deployment,
        namespaces=tuple(each for each in namespaces.split(",") if each),
    )
    sys.exit(wiring.main(options))
