"""Which answer of the API server means what to those who asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller import errors
from controller.kube import faults


def answer(code: int, *, writes: bool = True, header: str = "", **status: Any) -> Exception:
    """Return the fault that an answer means."""
    body = msgspec.json.encode({"kind": "Status", "code": code, **status})
    return faults.from_answer(code, body, what="PATCH x", writes=writes, retry_after=header)


@pytest.mark.parametrize(
    ("code", "status", "expected", "reason"),
    [
        (400, {"reason": "BadRequest"}, faults.Refused, "Refused"),
        (401, {"reason": "Unauthorized"}, faults.Unauthorized, "Unauthorized"),
        (403, {"reason": "Forbidden", "message": "no"}, faults.Forbidden, "Forbidden"),
        (
            403,
            {"reason": "Forbidden", "message": 'pods "a" is forbidden: exceeded quota: q'},
            faults.QuotaExceeded,
            "QuotaExceeded",
        ),
        (
            403,
            {"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}},
            faults.NamespaceTerminating,
            "NamespaceTerminating",
        ),
        (404, {"reason": "NotFound"}, faults.NotFound, "NotFound"),
        (409, {"reason": "AlreadyExists"}, faults.AlreadyExists, "NameTaken"),
        (409, {"reason": "Conflict"}, faults.Conflict, "Conflict"),
        (410, {"reason": "Expired"}, faults.Gone, "Gone"),
        (413, {}, faults.Refused, "Refused"),
        (422, {"reason": "Invalid"}, faults.Refused, "Refused"),
        (
            422,
            {"reason": "Invalid", "details": {"causes": [{"field": "metadata.uid"}]}},
            faults.Conflict,
            "Conflict",
        ),
        (429, {"reason": "TooManyRequests"}, faults.Overloaded, "TooManyRequests"),
        (503, {"reason": "ServiceUnavailable"}, faults.Overloaded, "ServiceUnavailable"),
        (500, {"reason": "InternalError"}, errors.UnknownOutcome, "ServerFailed"),
        (504, {"reason": "Timeout"}, errors.UnknownOutcome, "ServerFailed"),
    ],
)
def test_answers_to_writes(
    code: int, status: dict[str, Any], expected: type[Exception], reason: str
) -> None:
    """Each answer becomes the fault whose policy fits, with a documented reason."""
    fault = answer(code, **status)
    assert type(fault) is expected
    assert isinstance(fault, errors.ArgosyError)
    assert fault.reason == reason
    assert "PATCH x" in str(fault)


def test_proxys_503_leaves_a_write_unknown() -> None:
    """A 503 that is not the API server's own may come after the request was passed on."""
    fault = faults.from_answer(503, b"upstream reset", what="POST x", writes=True)
    assert isinstance(fault, errors.UnknownOutcome)
    assert "upstream reset" in str(fault)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_failed_reads_changed_nothing(code: int) -> None:
    """A read that failed is never an unknown outcome."""
    fault = answer(code, writes=False)
    assert isinstance(fault, errors.Transient)
    assert not isinstance(fault, errors.UnknownOutcome)


def test_retry_after_is_kept() -> None:
    """What the other side asks for is kept, from the header or the Status."""
    for fault in (
        answer(429, header="7"),
        answer(429, details={"retryAfterSeconds": 7}),
        answer(503, reason="ServiceUnavailable", header="7"),
        answer(500, header="7"),
    ):
        assert isinstance(fault, errors.Transient)
        assert fault.retry_after == 7


def test_nonsense_is_still_an_answer() -> None:
    """A body that is no Status, such as a proxy's page, does not hide the code."""
    fault = faults.from_answer(404, b"404 page not found\n", what="GET x", writes=False)
    assert type(fault) is faults.NotFound
    assert "404 page not found" in str(fault)
    for broken in (b"", b"[1]", b'{"code": "x"}', b"\xff\xfe"):
        assert isinstance(
            faults.from_answer(422, broken, what="x", writes=True, retry_after="soon"),
            faults.Refused,
        )
