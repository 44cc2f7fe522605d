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
        (403, {"reason": "Forbidden"}, faults.Forbidden, "Forbidden"),
        (
            403,
            {
                "message": 'pods is forbidden: User "system:serviceaccount:argosy:argosy" cannot'
                ' create resource "pods" in API group "" in the namespace "default"'
            },
            faults.Forbidden,
            "Forbidden",
        ),
        (
            403,
            {
                "message": 'servers.argosy.dev "a" is forbidden: User "x" cannot patch resource'
                ' "servers/status" in API group "argosy.dev" in the namespace "d": RBAC: not found'
            },
            faults.Forbidden,
            "Forbidden",
        ),
        (
            403,
            {
                "message": "pods is forbidden: ValidatingAdmissionPolicy 'latest' with binding"
                " 'latest' denied request: images cannot be latest"
            },
            faults.Denied,
            "Denied",
        ),
        (
            403,
            {
                "message": 'admission webhook "x.example.com" denied the request: User "you" cannot'
                ' create resource "pods" in API group "": exceeded quota: none'
            },
            faults.Denied,
            "Denied",
        ),
        (400, {"message": 'admission webhook "x" denied the request: no'}, faults.Denied, "Denied"),
        (403, {"message": 'pods "a" is forbidden: no'}, faults.Denied, "Denied"),
        (
            403,
            {"message": 'pods "a" is forbidden: status unknown for quota: q, resources: pods'},
            faults.QuotaExceeded,
            "QuotaExceeded",
        ),
        (
            500,
            {
                "reason": "InternalError",
                "message": 'Internal error occurred: failed calling webhook "gone.example.com":'
                ' failed to call webhook: Post "https://gone.default.svc:443/": no such host',
            },
            faults.WebhookFailed,
            "WebhookFailed",
        ),
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
        (500, {"reason": "InternalError"}, faults.UnknownOutcome, "ServerFailed"),
        # The API server itself gave up waiting for whoever admits the write; a proxy's is another.
        (504, {"reason": "Timeout"}, faults.Unanswered, "ServerFailed"),
        (504, {"message": "Gateway Timeout"}, faults.UnknownOutcome, "ServerFailed"),
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


def test_what_is_in_the_way_is_named() -> None:
    """The quota, the policy or the webhook that says no is told by its name, in its own words."""
    said = {
        'pods "a" is forbidden: exceeded quota: two, requested: pods=1': "ResourceQuota/two",
        'admission webhook "w" denied the request: no': "Webhook/w",
        "pods is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no": (
            "ValidatingAdmissionPolicy/p"
        ),
    }
    for message, blocker in said.items():
        # A policy without a reason of its own answers 422, and a webhook what it likes.
        for code in (403, 403 if "quota" in message else 422):
            fault = answer(code, message=message)
            assert isinstance(fault, errors.ArgosyError)
            assert (fault.blocker, fault.words) == (blocker, message)


@pytest.mark.parametrize(
    "quoted",
    [
        'pods is forbidden: User "argosy" cannot create resource "pods" in API group "" in the',
        'User "x" cannot get path "/healthz"',
        'pods "a" is forbidden: exceeded quota: two, requested: pods=1',
        'pods "a" is forbidden: status unknown for quota: two, resources: pods',
        'failed calling webhook "other": no such host',
        "pods is forbidden: ValidatingAdmissionPolicy 'other' with binding 'b' denied request",
    ],
)
@pytest.mark.parametrize(
    ("form", "blocker"),
    [
        ('admission webhook "w" denied the request: {}', "Webhook/w"),
        (
            "pods is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {}",
            "ValidatingAdmissionPolicy/p",
        ),
    ],
)
def test_who_quotes_another_is_told_as_the_one_who_speaks(
    form: str, blocker: str, quoted: str
) -> None:
    """A policy that repeats the words of RBAC, of a quota or of another is no such thing."""
    for code in (400, 403, 422):
        fault = answer(code, message=form.format(quoted))
        assert isinstance(fault, faults.Denied)
        assert (fault.reason, fault.blocker) == ("Denied", blocker)


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
