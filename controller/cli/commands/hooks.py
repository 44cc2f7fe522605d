"""`hooks`: the receiver of webhooks; the chart starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli import app


@app.local
def hooks(
    keys: Annotated[
        Path,
        typer.Option(help="A folder of secrets: files NAMESPACE.APPLICATION, or NAMESPACE."),
    ] = Path("/etc/argosy/hooks"),
    port: Annotated[int, typer.Option(help="Serves /NAMESPACE/APPLICATION.")] = 8090,
    health_port: Annotated[int, typer.Option(help="Serves /healthz and /readyz.")] = 8081,
    log_format: Annotated[str, typer.Option(help="json or console.")] = "json",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Receive webhooks: a signed push to a repository asks for a build.

    Example: argosy hooks --keys /etc/argosy/hooks
    """
    from controller.hooks import process

    process.run(
        process.HooksOptions(
            keys=keys,
            port=port,
            health_port=health_port,
            log_format=log_format,
            log_level=log_level,
        )
    )
