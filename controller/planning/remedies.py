"""What can be done about whatever blocks an object: commands that one can type."""

from __future__ import annotations

from controller.api import names, objects


def retry_now(server: objects.Server) -> str:
    """Return the command that makes Argosy try again at once."""
    meta = server.metadata
    return (
        f"kubectl -n {meta.namespace} annotate argsrv {meta.name}"
        f" {names.RETRY_NOW_ANNOTATION}=$(date +%s) --overwrite"
    )


def release(server: objects.Server) -> str:
    """Return the command that lets go of a server that a person holds."""
    return _patch(server, "argsrv", '{"spec":{"held":false}}')


def force(server: objects.Server) -> str:
    """Return the command that ends the wait for an instance that does not go."""
    change = '{"spec":{"deletion":{"onTimeout":"Force"}}}'
    if server.metadata.deletion_timestamp is not None:
        return _patch(server, "argsrv", change)
    namespace, application = server.metadata.namespace, server.spec.application
    return f"kubectl -n {namespace} patch argapp {application} --type merge -p '{change}'"


def resume(thing: objects.Application | objects.Operation) -> str:
    """Return the command that lets a paused application or operation go on."""
    kind = "argapp" if isinstance(thing, objects.Application) else "argop"
    return _patch(thing, kind, '{"spec":{"paused":false}}')


def edit(server: objects.Server) -> str:
    """Return the command that opens what the server is made from."""
    return f"kubectl -n {server.metadata.namespace} edit argapp {server.spec.application}"


def cancel(operation: objects.Operation) -> str:
    """Return the command that cancels an operation."""
    return _patch(operation, "argop", '{"spec":{"cancelled":true}}')


def _patch(thing: objects.Object, kind: str, change: str) -> str:
    meta = thing.metadata
    return f"kubectl -n {meta.namespace} patch {kind} {meta.name} --type merge -p '{change}'"
