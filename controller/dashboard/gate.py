"""Who gets in: whoever has the token that was printed, from a browser on this machine.

Other programs and people on the machine reach the same port, and so does any page that the browser
has open. So every request must name this address as its host (a name that somebody points at
127.0.0.1 is another), must come from this site where it says where it comes from, and must carry
the session that the token was exchanged for, once. `alone` asks here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from controller.dashboard import origins

TOKEN_BYTES = 32
# Guesses of the token that are answered; after so many nobody is let in any more.
MOST_GUESSES = 10


class TokenGate:
    """The token, which lets in once, and the session that it was exchanged for."""

    def __init__(self, *, port: int, token: str = "") -> None:
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        # Cookies know nothing of ports: two dashboards must not sign each other out.
        self.cookie = f"argosy-dashboard-{port}"
        self._session = ""
        self._guesses = 0

    def sign_in(self, token: str) -> str:
        """Return a new session for the token, and end the token; empty where it is not the one."""
        if self._session or self._guesses >= MOST_GUESSES:
            return ""
        self._guesses += 1
        if not origins.is_same(token, self.token):
            return ""
        self._session = secrets.token_urlsafe(TOKEN_BYTES)
        return self._session

    def refusal(self, method: str, host: str, headers: Mapping[str, str]) -> str:
        """Return why a request is none of a browser's that shows this site; empty if it is.

        A link on another site may lead here: it brings no session, and so it shows nothing.
        """
        return origins.refusal(method, host, headers, self._hosts.__contains__)

    def knows(self, session: str) -> bool:
        """Return whether a session is the one that the token was exchanged for."""
        return bool(self._session) and origins.is_same(session, self._session)

    def form_token(self) -> str:
        """Return what the forms of the site carry, and no other site can know."""
        return origins.form_token(self._session) if self._session else ""

    @property
    def used(self) -> bool:
        """Whether the token has been exchanged: it lets nobody in any more."""
        return bool(self._session)
