"""The API server's answers instead of what was asked, in the words of `controller.errors`.

`client` turns every answer and every broken connection into one of these; the in-memory API
server of the tests raises the same. Callers look at the class: `NotFound`, `AlreadyExists`,
`Conflict` and `Gone` ask for another look at the world, the rest carries its own policy.
"""

from __future__ import annotations

import dataclasses
import re

import msgspec

from controller import errors
from controller.api import rights
from controller.api.reasons import Reason
from controller.kube.reasons import KubeReason
from controller.reasons import Vocabulary

# The API server itself is in trouble: no failure of any server, and nobody could be told anyway.
_AWAY = errors.Policy(kind=errors.FailureKind.FAILED, shared=True, told_after=6, works=False)
# The objects planned from are old: another look is all that it takes, most of the time.
_OUTDATED = errors.Policy(kind=errors.FailureKind.FAILED, doubts_caches=True, told_after=4)
# Somebody who guards the namespace says no, of all that is alike, and may say otherwise later.
_GUARDED = errors.Policy(kind=errors.FailureKind.FAILED, shared=True, event=True)


class NotFound(errors.Transient):
    """The object, its namespace or its kind is not there (404)."""

    policy = _OUTDATED


class AlreadyExists(errors.NameTaken):
    """The name is taken; whose it is must be looked at (409)."""


class Conflict(errors.Transient):
    """The object is not, or no longer, the one that was planned from (409): plan again."""

    policy = _OUTDATED


class Gone(errors.Transient):
    """The resourceVersion or continue token is too old (410): list again."""

    policy = _OUTDATED


class Refused(errors.Stalled):
    """The API server refuses this content, and will again (400, 413, 422 …).

    `causes` are the fields that it names.
    """

    policy = dataclasses.replace(errors.Stalled.policy, shared=True)
    causes: tuple[Cause, ...] = ()


class Denied(errors.Stalled):
    """An admission plug-in, a policy or a webhook refuses this content (403, or as it likes)."""

    policy = dataclasses.replace(errors.Stalled.policy, shared=True, longest_wait=60.0)


class Forbidden(errors.Stalled):
    """The operator lacks a permission (403).

    An API server that has just started forbids everything until it has read its roles, so this
    must happen often in a row to be believed: with the backoff between, for about ten seconds.
    """

    policy = dataclasses.replace(
        errors.Stalled.policy,
        costs_attempt=False,
        shared=True,
        believed_after=6,
        told_after=6,
        longest_wait=60.0,
    )


class QuotaExceeded(errors.Transient):
    """A ResourceQuota is used up (403): passes when others go or the quota is raised."""

    policy = _GUARDED


class WebhookFailed(errors.Transient):
    """An admission webhook cannot be asked (500): nothing was done."""

    policy = _GUARDED


class NamespaceTerminating(errors.Waiting):
    """The namespace is going (403): nothing can be made in it any more."""


class Unauthorized(errors.Transient):
    """The credentials are not, or no longer, valid (401); nothing was done."""

    policy = dataclasses.replace(_AWAY, works=True)


class Unreachable(errors.Outage):
    """No connection could be made: the request was certainly not sent."""

    policy = _AWAY


class Overloaded(errors.Outage):
    """The API server is busy or shutting down (429, 503): nothing was done."""

    policy = _AWAY


class ServerFailed(errors.Outage):
    """A read failed on the other side or on the way: nothing can have changed."""

    policy = _AWAY


class NotRun(errors.Transient):
    """A command was refused with an error of the other side's own (5xx) before it could start.

    A kubelet answers for the API server there, and does so for a container that has ended: nobody
    learns of it whether servers can be made.
    """

    policy = dataclasses.replace(_AWAY, works=None, sent=False)


class WentBack(errors.Stalled):
    """The API server's storage has lost what it already showed: nothing known may be trusted."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False, doubts_caches=True)


class UnknownOutcome(errors.UnknownOutcome):
    """The API server's answer was lost, or says that it does not know itself (5xx)."""

    policy = dataclasses.replace(
        errors.UnknownOutcome.policy, costs_attempt=False, event=False, shared=True, told_after=3
    )


class Unanswered(UnknownOutcome):
    """The API server took a write, and it has not ended in time.

    A webhook of its namespace may keep it waiting, which is that namespace's trouble alone.
    """

    policy = dataclasses.replace(UnknownOutcome.policy, local=True)


# Kubernetes' own forms of sentences, from their beginning: what is quoted in them is anybody's.
_SUBJECT = r'^\S+ (?:"[^"]*" )?is forbidden: '
_QUOTA = re.compile(_SUBJECT + r"(?:exceeded quota|status unknown for quota): (?P<name>[^,\s]+)")
_AUTHORIZER = re.compile(
    r'^(?:\S+ (?:"[^"]*" )?is )?(?:forbidden: )?User "[^"]*" cannot '
    r'(?:\S+ resource "[^"]*" in API group "[^"]*"|\S+ path ")'
)
_POLICY = re.compile(_SUBJECT + r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding ")
_WEBHOOK_SAYS = re.compile(r'^admission webhook "(?P<name>[^"]+)" denied the request')
_WEBHOOK_DOWN = re.compile(
    r'^(?:Internal error occurred: )?failed calling webhook "(?P<name>[^"]+)": '
)

_FORBIDDEN = 403
_CONFLICT = 409
_INVALID = 422
_SERVER_ERROR = 500
_UNAVAILABLE = 503
_TIMEOUT = 504
_TRANSIENT: dict[int, tuple[type[errors.ArgosyError], Vocabulary]] = {
    401: (Unauthorized, KubeReason.UNAUTHORIZED),
    404: (NotFound, Reason.NOT_FOUND),
    409: (Conflict, Reason.CONFLICT),
    410: (Gone, KubeReason.GONE),
    429: (Overloaded, KubeReason.TOO_MANY_REQUESTS),
}


# An error's class, its reason, and what is in the way.
_Meaning = tuple[type[errors.ArgosyError], Vocabulary, str]


class Cause(msgspec.Struct, frozen=True):
    """One detail of a Status."""

    reason: str = ""
    field: str = ""
    message: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """The details of a Status."""

    retry_after_seconds: int = 0
    causes: list[Cause] | None = None


class ApiStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of the API server when it does not answer with an object."""

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


_decoder = msgspec.json.Decoder(ApiStatus)


def read_status(body: bytes) -> ApiStatus:
    """Return the Status in `body`; where there is none, one that carries its text."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return ApiStatus(message=body[:300].decode(errors="replace").strip())


def lease_lost(what: str = "") -> errors.LeaseLost:
    """Return the error of a request, `what`, that is not sent, as nothing may be written now."""
    said = f"{what}: " if what else ""
    return errors.LeaseLost(f"{said}the Lease is not held any more", reason=KubeReason.LEASE_LOST)


def from_answer(
    code: int, body: bytes, *, what: str, writes: bool, retry_after: str = ""
) -> errors.ArgosyError:
    """Return the error that an answer other than success means.

    `what` says which request it answers; `writes` whether that may have changed anything.
    """
    return from_status(
        code, read_status(body), what=what, writes=writes, retry_after=_seconds(retry_after)
    )


def from_status(
    code: int, status: ApiStatus, *, what: str, writes: bool, retry_after: float | None = None
) -> errors.ArgosyError:
    """Return the error that a Status with this HTTP code means."""
    words = status.message or status.reason or f"HTTP {code}"
    if retry_after is None and status.details and status.details.retry_after_seconds:
        retry_after = float(status.details.retry_after_seconds)
    fault, reason, blocker = _meaning(code, status, writes=writes)
    made = fault(f"{what}: {words}", reason=reason, words=words, blocker=blocker)
    if isinstance(made, errors.Transient):
        made.retry_after = retry_after
    if isinstance(made, Refused):
        made.causes = tuple((status.details and status.details.causes) or ())
    return made


def _meaning(code: int, status: ApiStatus, *, writes: bool) -> _Meaning:  # noqa: PLR0911 - a line each
    """Return which error an answer means, its reason, and what is in the way."""
    if code == _FORBIDDEN:
        return _forbidden(status, writes=writes)
    if code == _CONFLICT and status.reason == "AlreadyExists":
        return AlreadyExists, Reason.NAME_TAKEN, ""
    if code == _INVALID and status.has_cause(field="metadata.uid"):
        # A merge patch that names another object's UID answers so.
        return Conflict, Reason.CONFLICT, ""
    if writes and (denier := _denier(status.message)):
        # Webhooks and policies choose the code themselves.
        return Denied, KubeReason.DENIED, denier
    if writes and (found := _WEBHOOK_DOWN.match(status.message)) is not None:
        return WebhookFailed, KubeReason.WEBHOOK_FAILED, f"Webhook/{found['name']}"
    if code in _TRANSIENT:
        return *_TRANSIENT[code], ""
    if code == _UNAVAILABLE and status.reason == "ServiceUnavailable":
        # From the API server itself; a proxy's 503 may come after the request was passed on.
        return Overloaded, KubeReason.SERVICE_UNAVAILABLE, ""
    if writes and code == _TIMEOUT and status.reason:
        # A Status of the API server itself, which waited for whoever admits the write.
        return Unanswered, KubeReason.SERVER_FAILED, ""
    if code >= _SERVER_ERROR:
        return (UnknownOutcome if writes else ServerFailed), KubeReason.SERVER_FAILED, ""
    return Refused, Reason.REFUSED, ""


def not_run(code: int, message: str, *, what: str) -> errors.ArgosyError:
    """Return what it means that a command was answered with `code` before it could start."""
    if code >= _SERVER_ERROR:
        return NotRun(f"{what}: {message}", reason=KubeReason.SERVER_FAILED)
    return from_status(code, ApiStatus(message=message), what=what, writes=False)


def _forbidden(status: ApiStatus, *, writes: bool) -> _Meaning:
    """Return who forbids it: a quota, an authorizer, or what admits content.

    Each is known by the form that Kubernetes gives to its sentence, from the beginning: what a
    policy's author wrote can be anything.
    """
    if status.has_cause(reason="NamespaceTerminating"):
        return NamespaceTerminating, Reason.NAMESPACE_TERMINATING, ""
    if (found := _QUOTA.match(status.message)) is not None:
        return QuotaExceeded, KubeReason.QUOTA_EXCEEDED, f"ResourceQuota/{found['name']}"
    if not writes or not status.message or _AUTHORIZER.match(status.message):
        return Forbidden, Reason.FORBIDDEN, _closed(status.message)
    return Denied, KubeReason.DENIED, _denier(status.message)


def _closed(message: str) -> str:
    """Return the namespace in which the operator lacks a right; empty where none is named."""
    found = rights.lacking(message)
    return f"Namespace/{found.namespace}" if found is not None and found.namespace else ""


def _denier(message: str) -> str:
    """Return the policy or webhook that denies a content; empty where none says so."""
    if (found := _POLICY.match(message)) is not None:
        return f"ValidatingAdmissionPolicy/{found['name']}"
    found = _WEBHOOK_SAYS.match(message)
    return f"Webhook/{found['name']}" if found is not None else ""


def _seconds(header: str) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None
