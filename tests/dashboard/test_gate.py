"""Who gets in, and what is sent with every answer."""

from __future__ import annotations

import ast
import hmac
import pathlib

import pytest

from controller import dashboard
from controller.dashboard import origins
from controller.dashboard.gate import MOST_GUESSES, TokenGate

PORT = 4711
HERE = f"127.0.0.1:{PORT}"


def gate() -> TokenGate:
    """Return a gate with a known token."""
    return TokenGate(port=PORT, token="right")  # noqa: S106 - it opens nothing


def test_the_token_lets_in_once() -> None:
    """Whoever finds it later, in a history or over a shoulder, stays outside."""
    one = gate()
    session = one.sign_in("right")
    assert one.knows(session)
    assert not one.sign_in("right")
    assert one.knows(session)


def test_without_a_session_nobody_is_known() -> None:
    """Neither before anybody signed in, nor with the token itself, nor with a guess."""
    one = gate()
    assert not one.knows("")
    one.sign_in("right")
    assert not any(one.knows(each) for each in ("", "right", "guess", "ü"))


def test_guesses_are_counted() -> None:
    """After a few wrong ones the right token opens nothing either."""
    one = gate()
    assert not any(one.sign_in(f"guess {each}") for each in range(MOST_GUESSES))
    assert not one.sign_in("right")


def test_two_dashboards_have_tokens_and_cookies_of_their_own() -> None:
    """Cookies know nothing of ports."""
    one, other = TokenGate(port=1), TokenGate(port=2)
    assert one.cookie != other.cookie
    assert one.token != other.token


@pytest.mark.parametrize(
    "host", ["", "evil.example.com", f"evil.example.com:{PORT}", "127.0.0.1", "127.0.0.1:80",
             f"127.0.0.1.evil.example.com:{PORT}", f"[::1]:{PORT}", f"0.0.0.0:{PORT}"],
)  # fmt: skip
def test_a_name_that_leads_here_is_not_this_site(host: str) -> None:
    """A page whose name somebody points at this machine (DNS rebinding) reads nothing."""
    assert gate().refusal("GET", host, {})


@pytest.mark.parametrize("host", [HERE, f"localhost:{PORT}"])
def test_the_addresses_of_the_site(host: str) -> None:
    """Typed by hand, followed from this site, or sent by its forms."""
    one = gate()
    assert not one.refusal("GET", host, {})
    assert not one.refusal("GET", host, {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"})
    sent = {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert not one.refusal("POST", host, sent)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "http://127.0.0.1:80"},
        {"Origin": f"https://{HERE}"},
        {"Origin": f"http://{HERE}.evil.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_site_asks_for_nothing(method: str, headers: dict[str, str]) -> None:
    """Forms, scripts, images of another page: refused before any session is looked at."""
    assert gate().refusal(method, HERE, headers)


def test_a_link_on_another_site_may_lead_here_but_its_form_may_not() -> None:
    """The browser sends no session with either: a link shows the page that lets in."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert not gate().refusal("GET", HERE, link)
    assert gate().refusal("POST", HERE, link)


@pytest.mark.parametrize("sent", ["\udcff\udcfe", "\ud800", "ü", "\x00", "x" * 100_000])
def test_what_is_no_text_is_not_the_secret_and_no_fault(sent: str) -> None:
    """Cookies and forms say anything."""
    found = gate()
    assert not found.sign_in(sent)
    assert found.sign_in(found.token)
    assert not found.knows(sent)
    assert not origins.is_same(sent, found.form_token())


def test_secrets_are_compared_in_a_time_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Token, session and form: by the one comparison that takes as long for any guess."""
    asked: list[tuple[bytes, bytes]] = []
    plain = hmac.compare_digest

    def compare(sent: bytes, own: bytes) -> bool:
        asked.append((sent, own))
        return plain(sent, own)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    found = gate()
    found.sign_in("guess")
    assert asked == [(b"guess", found.token.encode())]
    session = found.sign_in(found.token)
    asked.clear()
    found.knows("guess")
    assert asked == [(b"guess", session.encode())]


def test_no_secret_of_the_dashboard_is_compared_in_any_other_way() -> None:
    """By the code: what is called token, session or secret stands beside no == and no `in`."""
    for path in sorted(pathlib.Path(dashboard.__file__).parent.glob("*.py")):
        for each in ast.walk(ast.parse(path.read_text())):
            if not isinstance(each, ast.Compare):
                continue
            named = {part.id for part in ast.walk(each) if isinstance(part, ast.Name)}
            named |= {part.attr for part in ast.walk(each) if isinstance(part, ast.Attribute)}
            said = ast.unparse(each)
            if named & {"token", "session", "_session", "_secret", "form_token"}:
                assert said in HARMLESS, f"{path.name}: {said}"


# Of the shape of what was sent, not of its being the secret.
HARMLESS = {"len(token) > MOST_TOKEN_BYTES", "' ' in token"}
