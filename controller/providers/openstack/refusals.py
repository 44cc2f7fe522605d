"""The answers of a cloud, as errors with a policy: the one place that reads status codes.

`client` asks it for each answer that is no success. A call that was never sent and one whose answer
was lost are different errors, since only the former may be sent again unseen.
"""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from controller import errors
from controller.api import tags
from controller.contract.reasons import ProviderReason
from controller.providers.openstack.reasons import CloudReason

T = TypeVar("T")

_QUOTA = ("quota exceeded", "maximum number of", "too many", "exceeds allowed", "quotaexceeded")
# Neutron says so with 409.
_LIMITS = frozenset(
    {HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.CONFLICT}
)
_LONGEST = 300
# Each answer has another.
_REQUEST = " (request "


class CloudUnreachable(errors.Outage):
    """The cloud was not reached, or failed at a call that changed nothing."""

    policy = dataclasses.replace(errors.Outage.policy, told_after=1)


class AnswerLost(errors.UnknownOutcome):
    """A call was sent that changes something, and no answer to it came."""

    policy = dataclasses.replace(errors.UnknownOutcome.policy, costs_attempt=False)


class CredentialsRefused(errors.Stalled):
    """The cloud does not take our credentials: no fault of any server."""

    policy = dataclasses.replace(
        errors.Stalled.policy, costs_attempt=False, shared=True, longest_wait=60.0
    )


class QuotaExceeded(errors.Transient):
    """A quota is used up and there is no other way to make the server: no fault of it."""

    policy = dataclasses.replace(
        errors.Transient.policy, costs_attempt=False, shared=True, longest_wait=300.0
    )


class QuotaHere(errors.Transient):
    """A quota is used up for this way to make the server: the next alternative may have room."""

    policy = dataclasses.replace(errors.Transient.policy, shared=False)


class Throttled(errors.Transient):
    """The cloud asks for a long wait before any further call."""

    policy = dataclasses.replace(errors.Transient.policy, costs_attempt=False, shared=True)


class Locked(errors.Stalled):
    """Somebody has locked the server: over when it is unlocked."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False, longest_wait=60.0)


class NoService(errors.Stalled):
    """The cloud's catalogue has no such service."""

    policy = errors.Stalled.policy


class VolumeRefused(errors.Stalled):
    """A volume cannot be used, grown or deleted as it is: no fault of any server."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False, longest_wait=60.0)


class Missing(errors.Waiting):
    """The object of the call is not there (404)."""

    policy = errors.Waiting.policy


class Busy(errors.Waiting):
    """The object of the call is in another state than the call needs (409)."""

    policy = errors.Waiting.policy


class Unauthorized(errors.Transient):
    """The token is not taken (401): a new one is asked for, once."""

    policy = dataclasses.replace(errors.Transient.policy, costs_attempt=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer of a service."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def retry_after(self) -> float:
        """How long the service asks to be left alone, in seconds."""
        return float(tags.number(self.headers.get("retry-after", "")) or 0)


def explain(reply: Reply, *, method: str, what: str, creates: bool) -> errors.ArgosyError:
    """Return the error that an answer without success stands for.

    `what` names the call for people; `creates` says that it makes something that is not there yet.
    """
    told = words(reply)
    request = reply.headers.get("x-openstack-request-id", "")
    message = f"{what}: {told or f'status {reply.status}'}"
    message += f"{_REQUEST}{request})" if request else ""
    error = _of(reply, told.lower(), message, method=method, creates=creates)
    error.words = told or error.words
    return error


def _of(reply: Reply, told: str, message: str, *, method: str, creates: bool) -> errors.ArgosyError:
    status = reply.status
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized(message, reason=CloudReason.CREDENTIALS_REFUSED)
    if status in _LIMITS and _is_quota(status, told, reply):
        return QuotaExceeded(message, reason=CloudReason.QUOTA_EXCEEDED)
    if status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS}:
        wait = reply.retry_after or None
        return Throttled(message, reason=CloudReason.THROTTLED, retry_after=wait)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _failed(message, method=method)
    return _refused(status, told, message, creates=creates)


def _failed(message: str, *, method: str) -> errors.ArgosyError:
    if method == "POST":
        return AnswerLost(message, reason=CloudReason.ANSWER_LOST)
    return unreachable(message)


def unreachable(message: str) -> CloudUnreachable:
    """Return what it means that a service gives no answer, or none that can be understood."""
    return CloudUnreachable(message, reason=CloudReason.CLOUD_UNREACHABLE)


def _refused(status: int, told: str, message: str, *, creates: bool) -> errors.ArgosyError:
    if status == HTTPStatus.CONFLICT and "locked" in told:
        return Locked(message, reason=CloudReason.LOCKED)
    if status == HTTPStatus.NOT_FOUND and not creates:
        return Missing(message, reason=ProviderReason.INSTANCE_CHANGED)
    if status == HTTPStatus.CONFLICT and not creates:
        return Busy(message, reason=CloudReason.CHANGING)
    return errors.TemplateRefused(message, reason=ProviderReason.TEMPLATE_REFUSED)


def _is_quota(status: int, told: str, reply: Reply) -> bool:
    # Cinder says so with 413 and Retry-After 0; with a time to wait it is a limit of calls.
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return not reply.retry_after
    return any(each in told for each in _QUOTA)


def told(error: errors.ArgosyError) -> str:
    """Return what people are told of an error: the same words for as long as it is the same."""
    return error.words.partition(_REQUEST)[0]


def is_of_all(error: errors.ArgosyError) -> bool:
    """Return whether whatever else is asked would meet the same, by no fault of this thing."""
    policy = error.policy
    return policy.works is False or (policy.shared and not policy.costs_attempt)


def words(reply: Reply) -> str:
    """Return the sentence of an answer: its services wrap it in a member of different names."""
    try:
        wrapped = decode(reply.body, Any)
    except CloudUnreachable:
        return ""
    for each in wrapped.values() if isinstance(wrapped, dict) else ():
        if isinstance(each, dict) and isinstance(each.get("message"), str):
            return str(each["message"])[:_LONGEST]
        if isinstance(each, str):
            return each[:_LONGEST]
    return ""


def decode(body: bytes, kind: type[T]) -> T:
    """Return what an answer says; one that cannot be read is as good as none.

    No service nests as deep as decoders go, so nothing is made readable of one that does: that
    takes a second for each few megabytes, in which no other fleet is looked after.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreachable(f"an answer of the cloud cannot be read: {error}") from error
