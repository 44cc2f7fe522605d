"""The API server's refusals, turned into faults exactly as the client turns an answer into one."""

from __future__ import annotations

from controller import errors
from controller.api.resources import Resource
from controller.kube import faults


def refuse(
    code: int, reason: str, message: str, *, cause: str = "", field: str = "", writes: bool = True
) -> errors.ArgosyError:
    """Return the fault that a Status with this code and reason means."""
    causes = [faults.Cause(reason=cause, field=field)] if cause or field else None
    status = faults.ApiStatus(
        status="Failure",
        code=code,
        reason=reason,
        message=message,
        details=faults.Details(causes=causes),
    )
    return faults.from_status(code, status, what="simulated", writes=writes)


def not_found(resource: Resource, name: str) -> errors.ArgosyError:
    """Return what is answered where there is no such object."""
    return refuse(404, "NotFound", f'{resource} "{name}" not found')


def conflict(resource: Resource, name: str, why: str) -> errors.ArgosyError:
    """Return what is answered where a precondition does not hold."""
    return refuse(409, "Conflict", f'operation cannot be fulfilled on {resource} "{name}": {why}')


def invalid(resource: Resource, name: str, why: str) -> errors.ArgosyError:
    """Return what is answered where the content will not do."""
    return refuse(422, "Invalid", f'{resource} "{name}" is invalid: {why}')


def namespace_terminating(resource: Resource, name: str, namespace: str) -> errors.ArgosyError:
    """Return what is answered to a create in a namespace that is going."""
    message = (
        f'{resource} "{name}" is forbidden: unable to create new content in namespace {namespace}'
        " because it is being terminated"
    )
    return refuse(403, "Forbidden", message, cause="NamespaceTerminating")
