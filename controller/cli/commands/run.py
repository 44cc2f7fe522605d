"""`run`: the operator itself; images start it."""

from __future__ import annotations

import gc
import socket
import sys
from typing import Annotated

import typer

from controller.cli import app


@app.local
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
    requesters_known: Annotated[
        bool,
        typer.Option("--requesters-known", help="A policy writes who asked for an operation."),
    ] = False,
    servers_per_namespace: Annotated[
        int, typer.Option(min=0, help="How many servers a namespace may have (0: any number).")
    ] = 0,
    build_image: Annotated[
        str, typer.Option(help="The image of the program that builds (default: off).")
    ] = "",
    build_address: Annotated[
        str, typer.Option(help="The address of the BuildKit daemon, as tcp://host:port.")
    ] = "",
    build_client_secret: Annotated[
        str, typer.Option(help="The Secret in each namespace by which the daemon knows clients.")
    ] = "",
    build_allowed_repository: Annotated[
        list[str] | None,
        typer.Option(help="A repository that images may go to; repeatable (default: any)."),
    ] = None,
    build_daemon: Annotated[
        list[str] | None,
        typer.Option(
            help="A daemon for namespaces with some labels, as JSON: address, clientSecret,"
            " namespaceLabels; repeatable, the first that fits counts."
        ),
    ] = None,
    most_writes: Annotated[
        int,
        typer.Option(
            min=4,
            help="The most writes under way at once: 8 at first, more where the API server is far.",
        ),
    ] = 64,
    share_work: Annotated[
        bool,
        typer.Option("--share-work", help="Divide the work among all replicas that say so."),
    ] = False,
    watch_slots: Annotated[
        bool,
        typer.Option(
            "--watch-slots",
            help="With --share-work: watch servers, pods and claims of the own part alone.",
        ),
    ] = False,
    health_port: Annotated[int, typer.Option(help="Serves /healthz and /readyz.")] = 8081,
    metrics_port: Annotated[int, typer.Option(help="Serves /metrics.")] = 8080,
    metrics_certificates: Annotated[
        str,
        typer.Option(
            help="A folder with tls.crt and tls.key: /metrics is then for whoever may get that"
            " path. Without the folder /metrics is plain HTTP, for everybody."
        ),
    ] = "",
    admission_port: Annotated[int, typer.Option(help="Serves the admission webhook (0: off).")] = 0,
    admission_certificates: Annotated[
        str, typer.Option(help="A folder with the webhook's tls.crt and tls.key.")
    ] = "",
    traces_endpoint: Annotated[
        str,
        typer.Option(
            help="The address of an OpenTelemetry collector that traces go to by OTLP over HTTP,"
            " as http://host:4318 (default: off). Needs argosy[traces], which the image has."
        ),
    ] = "",
    traces_ratio: Annotated[
        float, typer.Option(min=0, max=1, help="How many of all traces are sent, 0 to 1.")
    ] = 1.0,
    log_format: Annotated[str, typer.Option(help="json or console.")] = "json",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the operator: one replica, which leads, stands by, or has its share of the work.

    Example: argosy run --lease-namespace argosy --log-format console
    """
    # Until all caches are full nothing is garbage: neither modules nor what is read.
    gc.set_threshold(1_000_000)
    from controller.wiring import operator as wiring

    try:
        daemons = wiring.daemons(build_daemon or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--build-daemon") from error
    if metrics_certificates and metrics_port and metrics_port == health_port:
        # Kubelets show no token.
        message = "probes and protected metrics need ports of their own"
        raise typer.BadParameter(message, param_hint="--metrics-port")
    if watch_slots and not share_work:
        message = "only replicas that share the work have a part of their own"
        raise typer.BadParameter(message, param_hint="--watch-slots")
    _traceable(traces_endpoint)
    options = wiring.Options(
        identity=identity or socket.gethostname(),
        lease_namespace=lease_namespace,
        namespaces=tuple(each for each in namespaces.split(",") if each),
        read_fleets=read_fleets,
        allowed_urls=tuple(allowed_url or ()),
        requesters_known=requesters_known,
        servers_per_namespace=servers_per_namespace,
        build_image=build_image,
        build_address=build_address,
        build_client_secret=build_client_secret,
        build_allowed_repositories=tuple(build_allowed_repository or ()),
        build_daemons=daemons,
        most_writes=most_writes,
        share_work=share_work,
        watch_slots=watch_slots,
        health_port=health_port,
        metrics_port=metrics_port,
        metrics_certificates=metrics_certificates,
        admission_port=admission_port,
        admission_certificates=admission_certificates,
        traces_endpoint=traces_endpoint,
        traces_ratio=traces_ratio,
        log_format=log_format,
        log_level=log_level,
    )
    sys.exit(wiring.run(options))


def _traceable(endpoint: str) -> None:
    """Refuse an address that no trace could be sent to, before anything runs."""
    if not endpoint:
        return
    from controller.telemetry import tracing

    hint = "--traces-endpoint"
    if not endpoint.startswith(("http://", "https://")):
        raise typer.BadParameter("begins with http:// or https://", param_hint=hint)
    if not tracing.installed():
        message = "OpenTelemetry is missing: pip install 'argosy[traces]'"
        raise typer.BadParameter(message, param_hint=hint)
