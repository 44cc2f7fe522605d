"""What each answer of a cloud means, as seen on real services."""

import msgspec
import pytest

from controller import errors
from controller.providers.openstack import refusals
from controller.providers.openstack.refusals import Reply

DEEP = b'{"server": ' + b"[" * 3_000 + b"]" * 3_000 + b"}"


def explain(
    status: int, message: str = "", *, method: str = "POST", creates: bool = True, wait: str = ""
) -> errors.ArgosyError:
    """Return the error of an answer."""
    body = msgspec.json.encode({"forbidden": {"message": message, "code": status}})
    headers = {"x-openstack-request-id": "req-7"} | ({"retry-after": wait} if wait else {})
    reply = Reply(status=status, body=body, headers=headers)
    return refusals.explain(reply, method=method, what="create a", creates=creates)


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason"),
    [
        (400, "Invalid imageRef", errors.TemplateRefused, "TemplateRefused"),
        (403, "Policy doesn't allow", errors.TemplateRefused, "TemplateRefused"),
        (404, "Flavor gone", errors.TemplateRefused, "TemplateRefused"),
        (409, "Multiple networks", errors.TemplateRefused, "TemplateRefused"),
        (401, "", refusals.Unauthorized, "CredentialsRefused"),
        (403, "Quota exceeded for cores", refusals.QuotaExceeded, "CloudQuotaExceeded"),
        (403, "Maximum number of ports exceeded", refusals.QuotaExceeded, "CloudQuotaExceeded"),
        (403, "Too many instances", refusals.QuotaExceeded, "CloudQuotaExceeded"),
        (500, "", errors.UnknownOutcome, "CloudAnswerLost"),
        (503, "", errors.UnknownOutcome, "CloudAnswerLost"),
        (504, "", errors.UnknownOutcome, "CloudAnswerLost"),
    ],
)
def test_answers_to_a_create(
    status: int, message: str, kind: type[errors.ArgosyError], reason: str
) -> None:
    """A refusal is the template's, a quota's or the credentials'; a failure leaves a doubt."""
    found = explain(status, message)
    assert isinstance(found, kind)
    assert found.reason == reason
    assert found.words == (message or found.words)
    assert "req-7" in str(found)


@pytest.mark.parametrize(
    ("status", "message", "method", "kind"),
    [
        (404, "", "DELETE", refusals.Missing),
        (404, "", "POST", refusals.Missing),
        (409, "Cannot 'rebuild' while", "POST", refusals.Busy),
        (409, "Instance 1 is locked", "POST", refusals.Locked),
        (500, "", "GET", refusals.CloudUnreachable),
        (503, "", "DELETE", refusals.CloudUnreachable),
        (500, "", "POST", errors.UnknownOutcome),
    ],
)
def test_answers_about_a_server_that_is_there(
    status: int, message: str, method: str, kind: type[errors.ArgosyError]
) -> None:
    """Whatever is another by now is looked at again; a lock is for a person to lift."""
    assert isinstance(explain(status, message, method=method, creates=False), kind)


def test_cinders_quota_looks_like_a_limit_of_calls() -> None:
    """413 with Retry-After 0 is a quota; with a time to wait it is a limit of calls."""
    assert isinstance(explain(413, "VolumeLimitExceeded", wait="0"), refusals.QuotaExceeded)
    slow = explain(413, "overLimit", wait="300")
    assert isinstance(slow, refusals.Throttled)
    assert slow.retry_after == 300


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"a": 1}', b"\xff", DEEP])
def test_an_answer_that_is_no_json_is_explained_all_the_same(body: bytes) -> None:
    """A proxy's page of HTML is told by its status."""
    found = refusals.explain(
        Reply(status=400, body=body), method="POST", what="create a", creates=True
    )
    assert "status 400" in str(found)


def test_only_failures_of_the_cloud_open_its_circuit() -> None:
    """Who refuses has answered; who cannot be reached, fails or loses answers has not."""
    counted = {status: explain(status).policy.works for status in (400, 403, 409, 500, 503)}
    assert counted == {400: True, 403: True, 409: True, 500: False, 503: False}


def test_a_quota_is_no_fault_of_the_server() -> None:
    """It costs no attempt, so a server does not fail for good while a project is full."""
    assert not explain(403, "Quota exceeded").policy.costs_attempt
