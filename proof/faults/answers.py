"""Answers that the API server did not give: refusals, and events of watches that went wrong."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from proof.faults.kinds import Kind

JSON = "application/json"
RETRY_AFTER_SECONDS = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, to be sent as it is."""

    status: int
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


_REFUSALS: Mapping[Kind, tuple[int, str, str]] = {
    Kind.BUSY: (429, "TooManyRequests", "the server has received too many requests"),
    Kind.ERROR: (500, "InternalError", "an error on the server has prevented the request"),
    Kind.UNAVAILABLE: (503, "ServiceUnavailable", "the server is currently unable to serve"),
    Kind.TIMEOUT: (504, "Timeout", "the server did not answer in time"),
    Kind.CONFLICT: (409, "Conflict", "the object has been modified; please apply your changes to"),
    Kind.EXPIRED: (410, "Expired", "the provided continue parameter is too old"),
}


def refusal(kind: Kind) -> Answer | None:
    """Return the refusal that a kind of fault is, or None if it is none."""
    if kind not in _REFUSALS:
        return None
    code, reason, message = _REFUSALS[kind]
    details = {"retryAfterSeconds": RETRY_AFTER_SECONDS} if kind is Kind.BUSY else {}
    headers = {"Content-Type": JSON}
    if kind is Kind.BUSY:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = json.dumps(_status(code, reason, message) | {"details": details})
    return Answer(status=code, body=body.encode(), headers=headers)


def as_json(status: int, body: object, headers: Mapping[str, str]) -> Answer:
    """Return an answer of this body."""
    told = {"Content-Type": JSON, **headers}
    return Answer(status=status, body=json.dumps(body).encode(), headers=told)


def emptied(answer: Answer) -> Answer:
    """Return a list's answer with nothing in the list."""
    found = json.loads(answer.body)
    body: dict[str, list[object]] = {
        key: [] for key, value in found.items() if isinstance(value, list)
    }
    return dataclasses.replace(answer, body=json.dumps(body).encode())


def last_words(kind: Kind) -> bytes:
    """Return the line with which a watch ends that goes wrong in this way; empty for silence."""
    if kind in (Kind.GONE, Kind.HIDE):
        return _event(_status(410, "Expired", "too old resource version"))
    if kind is Kind.FAIL:
        return _event(_status(500, "InternalError", "etcd event received with an error"))
    return b'{"type":"MODIFIED","object":{"kind":\n' if kind is Kind.GARBAGE else b""


def _event(status: Mapping[str, object]) -> bytes:
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def _status(code: int, reason: str, message: str) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
