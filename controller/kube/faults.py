"""What the API server may answer instead of what was asked, in the words of `controller.errors`.

`client` turns every answer and every broken connection into one of these; the in-memory API
server of the tests raises the same. Callers look at the class: `NotFound`, `AlreadyExists`,
`Conflict` and `Gone` ask for another look at the world, the rest carries its own policy.
"""

from __future__ import annotations

import msgspec

from controller import errors
from controller.api.reasons import Reason
from controller.kube.reasons import KubeReason
from controller.reasons import Vocabulary


class NotFound(errors.Transient):
    """The object, its namespace or its kind is not there (404)."""


class AlreadyExists(errors.Stalled):
    """The name is taken; whose it is must be looked at (409)."""


class Conflict(errors.Transient):
    """The object is not, or no longer, the one that was planned from (409): plan again."""


class Gone(errors.Transient):
    """The resourceVersion or continue token is too old (410): list again."""


class Refused(errors.Stalled):
    """The API server refuses this content, and will again (400, 413, 422 …).

    `causes` are the fields that it names.
    """

    def __init__(self, message: str, *, reason: str, causes: tuple[Cause, ...] = ()) -> None:
        super().__init__(message, reason=reason)
        self.causes = causes


class Forbidden(errors.Stalled):
    """The operator lacks a permission (403)."""


class QuotaExceeded(errors.Transient):
    """A ResourceQuota is used up (403): passes when others go or the quota is raised."""


class NamespaceTerminating(errors.Waiting):
    """The namespace is going (403): nothing can be made in it any more."""


class Unauthorized(errors.Transient):
    """The credentials are not, or no longer, valid (401); nothing was done."""


class Unreachable(errors.Outage):
    """No connection could be made: the request was certainly not sent."""


class Overloaded(errors.Outage):
    """The API server is busy or shutting down (429, 503): nothing was done."""


class ServerFailed(errors.Outage):
    """A read failed on the other side or on the way: nothing can have changed."""


class WentBack(errors.Stalled):
    """The API server's storage has lost what it already showed: nothing known may be trusted."""


UnknownOutcome = errors.UnknownOutcome

_FORBIDDEN = 403
_CONFLICT = 409
_INVALID = 422
_SERVER_ERROR = 500
_UNAVAILABLE = 503
_TRANSIENT: dict[int, tuple[type[errors.Transient], Vocabulary]] = {
    401: (Unauthorized, KubeReason.UNAUTHORIZED),
    404: (NotFound, Reason.NOT_FOUND),
    409: (Conflict, Reason.CONFLICT),
    410: (Gone, KubeReason.GONE),
    429: (Overloaded, KubeReason.TOO_MANY_REQUESTS),
}


class Cause(msgspec.Struct, frozen=True):
    """One detail of a Status."""

    reason: str = ""
    field: str = ""
    message: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """The details of a Status."""

    retry_after_seconds: int = 0
    causes: list[Cause] | None = None


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What the API server answers when it does not answer with an object."""

    status: str = ""
    reason: str = ""
    message: str = ""
    code: int = 0
    details: Details | None = None

    def has_cause(self, *, reason: str = "", field: str = "") -> bool:
        """Return whether one of the causes has this reason and this field, where given."""
        causes = (self.details and self.details.causes) or []
        return any(
            (not reason or each.reason == reason) and (not field or each.field == field)
            for each in causes
        )


_decoder = msgspec.json.Decoder(Status)


def read_status(body: bytes) -> Status:
    """Return the Status in `body`; where there is none, one that carries its text."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return Status(message=body[:300].decode(errors="replace").strip())


def from_answer(
    code: int, body: bytes, *, what: str, writes: bool, retry_after: str = ""
) -> errors.ArgosyError:
    """Return the error that an answer other than success means.

    `what` says which request it answers; `writes` whether that may have changed anything.
    """
    return from_status(
        code, read_status(body), what=what, writes=writes, retry_after=_seconds(retry_after)
    )


def from_status(  # noqa: PLR0911 - one line a meaning reads best
    code: int, status: Status, *, what: str, writes: bool, retry_after: float | None = None
) -> errors.ArgosyError:
    """Return the error that a Status with this HTTP code means."""
    message = f"{what}: {status.message or status.reason or f'HTTP {code}'}"
    if retry_after is None and status.details and status.details.retry_after_seconds:
        retry_after = float(status.details.retry_after_seconds)
    if code == _FORBIDDEN:
        return _forbidden(status, message)
    if code == _CONFLICT and status.reason == "AlreadyExists":
        return AlreadyExists(message, reason=Reason.NAME_TAKEN)
    if code == _INVALID and status.has_cause(field="metadata.uid"):
        # A merge patch that names another object's UID answers so.
        return Conflict(message, reason=Reason.CONFLICT)
    if code in _TRANSIENT:
        fault, reason = _TRANSIENT[code]
        return fault(message, reason=reason, retry_after=retry_after)
    if code == _UNAVAILABLE and status.reason == "ServiceUnavailable":
        # From the API server itself; a proxy's 503 may come after the request was passed on.
        return Overloaded(message, reason=KubeReason.SERVICE_UNAVAILABLE, retry_after=retry_after)
    if code >= _SERVER_ERROR:
        failed = UnknownOutcome if writes else ServerFailed
        return failed(message, reason=KubeReason.SERVER_FAILED, retry_after=retry_after)
    causes = (status.details and status.details.causes) or ()
    return Refused(message, reason=Reason.REFUSED, causes=tuple(causes))


def _forbidden(status: Status, message: str) -> errors.ArgosyError:
    if status.has_cause(reason="NamespaceTerminating"):
        return NamespaceTerminating(message, reason=Reason.NAMESPACE_TERMINATING)
    if "exceeded quota" in status.message:
        return QuotaExceeded(message, reason=KubeReason.QUOTA_EXCEEDED)
    return Forbidden(message, reason=Reason.FORBIDDEN)


def _seconds(header: str) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None
