"""A very small client of the API server: JSON in, JSON out, synchronous.

`cluster`, `node` and `operator` use it to put things in place, and tests to look at the world, many
times a second: so reads share a connection, as a handshake costs more than most answers. Writes
have one of their own each, as nobody knows whether one that broke on an old connection was done.
The operator under test has its own client.
"""

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
import threading
import time
import urllib.parse
import weakref
from pathlib import Path
from typing import Any

import yaml

from devcluster import errors

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
BAD_REQUEST, FORBIDDEN, NOT_FOUND, TOO_MANY = 400, 403, 404, 429
SERVER_ERROR, UNAVAILABLE = 500, 503
# As the API server says it for a moment after a kind has come or changed; 429 first, 503 later.
BEGINS = (
    b"storage is (re)initializing",
    b"There can be a delay between when CustomResourceDefinitions are created",
)
PAUSE_SECONDS = 0.1
# How long an answer is waited for. Reads are asked again by who waits for something; a write whose
# answer is lost is lost.
READ_SECONDS, WRITE_SECONDS = 30.0, 120.0


class ApiError(errors.DevclusterError):
    """The API server's refusal, with its HTTP status and reason."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason

    @property
    def may_pass(self) -> bool:
        """Whether the API server could not answer just now."""
        return self.status == TOO_MANY or self.status >= SERVER_ERROR


class _Kept:
    """The connection of one thread's reads; it is closed with its thread, or with the client."""

    def __init__(self, connection: http.client.HTTPSConnection) -> None:
        self.connection = connection
        # Not by `__del__`: in a cycle that is collected, the socket may find out first.
        weakref.finalize(self, connection.close)


class Client:
    """Calls one API server with the credentials of one kubeconfig; threads may share it."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.server = str(cluster["server"]).rstrip("/")
        self._token: str | None = user.get("token")
        authority = _material(cluster, "certificate-authority")
        self._tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
        certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
        if certificate and key:
            # The ssl module reads key material from files only.
            with tempfile.NamedTemporaryFile() as pem:
                pem.write(certificate + b"\n" + key)
                pem.flush()
                self._tls.load_cert_chain(pem.name)
        self._place = urllib.parse.urlsplit(self.server)
        self._of_thread = threading.local()
        # What the API server warned of in its last answer, as kubectl would print it.
        self.warnings: list[str] = []

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Any:
        """Return the decoded answer (text where it is no JSON); raise ApiError for a refusal."""
        if timeout is None:
            timeout = READ_SECONDS if method == "GET" else WRITE_SECONDS
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = content_type
        data = None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + timeout
        while True:
            status, answer, self.warnings = self._exchange(method, path, data, headers, timeout)
            # Nothing was done: as all clients of Kubernetes do, ask again.
            begins = status in {TOO_MANY, UNAVAILABLE} and any(it in answer for it in BEGINS)
            if not begins or time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        found = _decoded(answer)
        if status >= BAD_REQUEST:
            known = found if isinstance(found, dict) else {}
            raise ApiError(status, known.get("reason", ""), known.get("message", str(found)))
        return found

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str], timeout: float
    ) -> tuple[int, bytes, list[str]]:
        """Return the status, the body and the warnings of an answer."""
        path = self._place.path + path
        kept: _Kept | None = getattr(self._of_thread, "kept", None)
        if method == "GET" and kept is not None:
            try:
                return _ask(kept.connection, method, path, data, headers, timeout=timeout)
            except TimeoutError:
                self._let_go(kept)
                raise
            except (OSError, http.client.HTTPException):
                self._let_go(kept)  # it was old; a new one tells how the server is
        # No proxy: the server is on this machine, or where the kubeconfig says.
        fresh = http.client.HTTPSConnection(
            self._place.hostname or "", self._place.port, timeout=timeout, context=self._tls
        )
        with contextlib.ExitStack() as unless_kept:
            unless_kept.callback(fresh.close)
            answer = _ask(fresh, method, path, data, headers, timeout=timeout)
            if method == "GET":
                unless_kept.pop_all()
                self._of_thread.kept = _Kept(fresh)
        return answer

    def _let_go(self, kept: _Kept) -> None:
        # Closed by name: an error that is still on its way up would keep it open.
        kept.connection.close()
        self._of_thread.kept = None

    def get(self, path: str) -> Any:
        """Read an object or a list."""
        return self.call("GET", path)

    def create(self, path: str, body: Any) -> Any:
        """Create an object in a collection."""
        return self.call("POST", path, body)

    def merge(self, path: str, body: Any) -> Any:
        """Merge-patch an object."""
        return self.call("PATCH", path, body, content_type=MERGE_PATCH)

    def strategic(self, path: str, body: Any) -> Any:
        """Patch an object of a built-in kind, lists by their keys."""
        return self.call("PATCH", path, body, content_type=STRATEGIC_PATCH)

    def apply(self, path: str, body: Any, manager: str = "devcluster") -> Any:
        """Apply an object, taking over fields that others own."""
        query = urllib.parse.urlencode({"fieldManager": manager, "force": "true"})
        return self.call("PATCH", f"{path}?{query}", body, content_type=APPLY_PATCH)

    def delete(self, path: str, options: Any = None) -> Any:
        """Delete an object."""
        return self.call("DELETE", path, options)

    def ready(self) -> bool:
        """Whether the API server answers and calls itself ready."""
        try:
            self.call("GET", "/readyz", timeout=2)
        except (OSError, http.client.HTTPException, ApiError):
            return False
        return True


def kubeconfig(
    path: Path, *, server: str, authority: Path, user: dict[str, str], context: str = "devcluster"
) -> Path:
    """Write a kubeconfig that needs no other file, readable by its owner alone."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": encoded(authority.read_bytes()),
                },
            }
        ],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def encoded(data: bytes) -> str:
    """Return base64, as kubeconfigs and Secrets carry it."""
    return base64.b64encode(data).decode()


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _material(section: dict[str, Any], key: str) -> bytes | None:
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"])
    return Path(section[key]).read_bytes() if key in section else None


def _ask(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    data: bytes | None,
    headers: dict[str, str],
    *,
    timeout: float,
) -> tuple[int, bytes, list[str]]:
    connection.timeout = timeout
    if connection.sock is not None:
        connection.sock.settimeout(timeout)
    connection.request(method, path, data, headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers.get_all("Warning") or []


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except json.JSONDecodeError:
        return data.decode(errors="replace")
