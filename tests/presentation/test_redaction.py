"""What looks like a credential is taken out of text, however it is spelled; other words stay."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.presentation import redaction

SECRET = "hunter2Hunter2"  # noqa: S105 - what must not be found again
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLXRoaXM"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{SECRET}\nabc{SECRET}==\n-----END RSA PRIVATE KEY-----"
SPELLINGS = (
    "AWS_SECRET_ACCESS_KEY={}",
    "export DB_PASSWORD={} && run",
    "DB_PASSWORD_FILE_CONTENT={}",
    '{{"password": "{}", "user": "alice"}}',
    '{{\\"apiKey\\":\\"{}\\"}}',
    "{{'client_secret': '{}'}}",
    "mysql --password {} --host db",
    "mysql --password={} --host db",
    "tool --api-key '{} and more'",
    "curl -u alice:{} http://db",
    "Authorization: Basic {}",
    "authorization: Bearer {}",
    "Authorization: Token {}",
    "Cookie: session={}; other=1",
    "X-Api-Key: {}",
    "passphrase: {}",
    "pwd={}",
    "https://alice:{}@db.example.com/x",
    "redis://:{}@cache:6379/0",
    "https://s3.example.com/a?X-Amz-Signature={}&x=1",
    "https://blob.example.com/a?sv=1&sig={}",
    "https://storage.example.com/a?GoogleAccessId=a&Signature={}",
    "wss://10.0.0.1/api/v1/namespaces/a/pods/b/exec?command=login&command={}&stdin=false",
    "https://hooks.example.com/x?access_token={}",
    "AccountKey={};EndpointSuffix=core.example.com",
    "Server=db;Password={};Timeout=3",
    "password: |\n  {}\n",
    "password:\n  {}\n",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_credential_is_taken_out_however_it_is_spelled(spelling: str) -> None:
    """The value is gone, and a reader sees that one was there."""
    told = redaction.scrub(spelling.format(SECRET))
    assert SECRET not in told
    assert redaction.REDACTED in told


@pytest.mark.parametrize("text", [f"it said {JWT} to us", f"key:\n{PEM}\nafter", PEM[:-8]])
def test_what_is_a_credential_by_its_form_is_taken_out(text: str) -> None:
    """A JWT, and a private key, also one that was cut off, stand beside no name that tells."""
    told = redaction.scrub(text)
    assert SECRET not in told
    assert JWT not in told
    assert redaction.REDACTED in told


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=12, max_size=40))
def test_whatever_the_value_is(value: str) -> None:
    """Of any letters and digits, in each spelling: the value never stands in the text again."""
    value = f"zq{value}qz"
    for spelling in SPELLINGS:
        assert value not in redaction.scrub(spelling.format(value))


@pytest.mark.parametrize(
    "text",
    [
        "All 3 servers are available.",
        "pods shop-web-0 is forbidden: exceeded quota: few, requested: pods=1, used: pods=3",
        "Failed to pull image registry.example.com/web:2: not found",
        "name: shop-web\nnamespace: default\n",
        "secrets is forbidden: User alice cannot list resource secrets in API group",
        "GET https://web:8080/healthz answered 503",
    ],
)
def test_what_helps_to_understand_stays(text: str) -> None:
    """No word goes that a helper needs: names, quotas, images, refusals, addresses."""
    assert redaction.scrub(text) == text


def test_scrubbing_twice_is_scrubbing_once() -> None:
    """What was taken out is not taken for a credential again."""
    for spelling in SPELLINGS:
        once = redaction.scrub(spelling.format(SECRET))
        assert redaction.scrub(once) == once
