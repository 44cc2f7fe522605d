"""The `argosy` command, and `kubectl argosy`: every part is imported only when it is asked for."""

from __future__ import annotations

import gc
import os
import pathlib
import shlex
import socket
import sys
from typing import Annotated, Literal

import typer

from controller.cli import acting, asking, seeing
from controller.cli import app as cli

app = cli.app
# Importing a module of commands declares them.
DECLARED = (seeing, asking, acting)
# What kubectl's completion is to do beside the words it is given.
OFFER_FILES, NO_FILES = 0, 4
FILE_OPTIONS = (["-f"], ["--filename"], ["--file"], ["--kubeconfig"])


@app.command(rich_help_panel="Operator")
def run(  # noqa: PLR0917 - each is an option, given by name
    lease_namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Where the leader's Lease is kept.")
    ] = "argosy",
    identity: Annotated[
        str, typer.Option(envvar="POD_NAME", help="This replica's name in the Lease.")
    ] = "",
    namespaces: Annotated[
        str, typer.Option(help="Only these, comma-separated; the only fleet is then `pods`.")
    ] = "",
    read_fleets: Annotated[
        bool, typer.Option("--read-fleets", help="With --namespaces: use Fleets, which are read.")
    ] = False,
    allowed_url: Annotated[
        list[str] | None, typer.Option(help="A URL that http steps may call; repeatable.")
    ] = None,
    health_port: Annotated[int, typer.Option(help="Serves /healthz and /readyz.")] = 8081,
    metrics_port: Annotated[int, typer.Option(help="Serves /metrics.")] = 8080,
    admission_port: Annotated[int, typer.Option(help="Serves the admission webhook; 0: not.")] = 0,
    admission_certificates: Annotated[
        str, typer.Option(help="A folder with its tls.crt and tls.key.")
    ] = "",
    log_format: Annotated[str, typer.Option(help="json or console.")] = "json",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the operator: one replica, which leads or stands by.

    Example: argosy run --lease-namespace argosy --log-format console
    """
    # Until all caches are full nothing is garbage: neither modules nor what is read.
    gc.set_threshold(1_000_000)
    from controller.wiring import operator as wiring  # noqa: PLC0415 - kopf takes long to import

    options = wiring.Options(
        identity=identity or socket.gethostname(),
        lease_namespace=lease_namespace,
        namespaces=tuple(each for each in namespaces.split(",") if each),
        read_fleets=read_fleets,
        allowed_urls=tuple(allowed_url or ()),
        health_port=health_port,
        metrics_port=metrics_port,
        admission_port=admission_port,
        admission_certificates=admission_certificates,
        log_format=log_format,
        log_level=log_level,
    )
    sys.exit(wiring.run(options))


@app.command(rich_help_panel="Operator")
def crds(
    directory: Annotated[
        pathlib.Path | None, typer.Option(help="Write one file a kind here; else print all.")
    ] = None,
) -> None:
    """Print or write the CustomResourceDefinitions.

    Example: argosy crds --directory crds
    """
    from controller.api import crds as definitions  # noqa: PLC0415 - pydantic takes long to import

    for name, text in definitions.render().items():
        if directory is None:
            typer.echo(text)
        else:
            (directory / name).write_text(text)
            typer.echo(f"wrote {directory / name}")


@app.command(rich_help_panel="Operator")
def uninstall(
    namespace: Annotated[str, typer.Option(help="Where the operator runs.")] = "argosy-system",
    deployment: Annotated[str, typer.Option(help="The operator's Deployment.")] = "argosy",
    policy: Annotated[
        Literal["Refuse", "Release"], typer.Option(help="Whether to let go of what is managed.")
    ] = "Refuse",
    pods: Annotated[Literal["Keep", "Delete"], typer.Option(help="What becomes of pods.")] = "Keep",
    namespaces: Annotated[str, typer.Option(help="The watched ones; empty: all.")] = "",
) -> None:
    """Answer `helm uninstall`: refuse while applications exist, or let go of them.

    Example: argosy uninstall --policy Release --pods Keep
    """
    from controller.wiring import uninstall as wiring  # noqa: PLC0415 - imported when needed

    options = wiring.Options(
        policy=policy,
        pods=pods,
        namespace=namespace,
        deployment=deployment,
        namespaces=tuple(each for each in namespaces.split(",") if each),
    )
    sys.exit(wiring.main(options))


def main() -> None:
    """Run as `argosy`."""
    app(prog_name="argosy")


def plugin() -> None:
    """Run as `kubectl argosy`: help shows the name that was typed."""
    # What a shell is taught is about `argosy`; of plugins kubectl asks `complete`.
    taught = any(each.startswith(("--install-comp", "--show-comp")) for each in sys.argv[1:])
    app(prog_name="argosy" if taught else "kubectl argosy")


def complete() -> None:
    """Run as `kubectl_complete-argosy`, which kubectl asks how the words after it may go on."""
    words = sys.argv[1:] or [""]
    os.environ |= {
        "_ARGOSY_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["argosy", *words]),
        "COMP_CWORD": str(len(words)),
    }
    try:
        app(prog_name="kubectl argosy", complete_var="_ARGOSY_COMPLETE")
    finally:
        sys.stdout.write(f":{OFFER_FILES if words[-2:-1] in FILE_OPTIONS else NO_FILES}\n")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
