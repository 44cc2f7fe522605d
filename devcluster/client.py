"""A very small client of the API server: JSON in, JSON out, synchronous.

`cluster`, `node` and `operator` use it to put things in place, and tests to look at the world; the
operator under test has its own client.
"""

import base64
import http.client
import json
import ssl
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from devcluster import errors

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
NOT_FOUND = 404


class ApiError(errors.DevclusterError):
    """The API server's refusal, with its HTTP status and reason."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Client:
    """Calls one API server with the credentials of one kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.server = str(cluster["server"]).rstrip("/")
        self._token: str | None = user.get("token")
        authority = _material(cluster, "certificate-authority")
        tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
        certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
        if certificate and key:
            # The ssl module reads key material from files only.
            with tempfile.NamedTemporaryFile() as pem:
                pem.write(certificate + b"\n" + key)
                pem.flush()
                tls.load_cert_chain(pem.name)
        # No proxy: the server is on this machine, or where the kubeconfig says.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = 30,
    ) -> Any:
        """Return the decoded answer (text where it is no JSON); raise ApiError for a refusal."""
        request = urllib.request.Request(self.server + path, method=method)  # noqa: S310  https, from a kubeconfig
        request.add_header("Accept", accept)
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", content_type)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                status = _decoded(error.read())
            known = status if isinstance(status, dict) else {}
            raise ApiError(
                error.code, known.get("reason", ""), known.get("message", str(status))
            ) from None

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


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except json.JSONDecodeError:
        return data.decode(errors="replace")
