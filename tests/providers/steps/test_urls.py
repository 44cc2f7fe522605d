"""Which URLs the operator calls on a user's behalf."""

import pytest

from controller import errors
from controller.providers.steps import urls

OWN = ("10.1.2.3", "fd00::7")
ALLOWED = tuple(urls.parse_target(each) for each in ("https://hooks.example.com/deploy",))


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3",
        "http://10.1.2.3:8080/ready?full=1",
        "https://[fd00::7]/x",
        "http://[fd00:0:0:0:0:0:0:7]/",
        "http://[::ffff:10.1.2.3]/",
        "https://hooks.example.com/deploy",
        "https://HOOKS.example.com.:443/deploy/shop?x=y",
    ],
)
def test_own_addresses_and_allowed_places_may_be_called(url: str) -> None:
    """One place has many spellings; all of them are the same place."""
    urls.check(url, own=OWN, allowed=ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.4/",
        "http://169.254.169.254/latest/meta-data",
        "http://kubernetes.default.svc/",
        "http://10.1.2.3.example.com/",
        "http://10.1.2.3@evil.example.com/",
        "http://evil.example.com#10.1.2.3",
        "http://evil.example.com\\@10.1.2.3/",
        "ftp://10.1.2.3/",
        "file:///etc/passwd",
        "http:///path",
        "http://10.1.2.3:99999/",
        "http://10.1.2.3/a b",
        "http://10.1.2.3/\r\nHost: x",
        "http://hooks.example.com/deploy",
        "https://hooks.example.com:8443/deploy",
        "https://hooks.example.com/deployments",
        "https://hooks.example.com/deploy/../admin",
        "https://hooks.example.com/deploy/%2e%2e/admin",
        "https://hooks.example.com/deploy%2f..%2fadmin",
        "https://hooks.example.com.evil.example.com/deploy",
        "https://hooks.example.com/deploy/..;/admin",
        "https://hooks.example.com/deploy/.;x/../admin",
        "https://hooks.example.com/deploy/%252e%252e/admin",
        "https://hooks.example.com/deploy//admin",
    ],
)
def test_every_other_place_is_refused(url: str) -> None:
    """Neighbours, look-alikes and URLs of more than one reading are Stalled, UrlRefused."""
    with pytest.raises(errors.Stalled) as refused:
        urls.check(url, own=OWN, allowed=ALLOWED)
    assert refused.value.reason == "UrlRefused"


def test_without_own_address_nothing_is_own() -> None:
    """A server that shares its host's address has none that may be called."""
    with pytest.raises(errors.Stalled):
        urls.check("http://10.1.2.3/", own=(), allowed=())


def test_a_refusal_hides_what_may_be_secret() -> None:
    """Credentials and queries of a refused URL do not reach messages."""
    with pytest.raises(errors.Stalled) as refused:
        urls.check("http://user:hunter2@x.example.com/?key=s3cret", own=(), allowed=())
    assert "hunter2" not in str(refused.value)
    assert "s3cret" not in str(refused.value)
