"""A very small client of a cloud's APIs: JSON in, JSON out, synchronous.

`stock` puts things in place with it, and tests look at the world. The provider under test has its
own client.
"""

import http.client
import json
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devcluster import errors

NOT_FOUND = 404
COMPUTE_VERSION = "2.93"
VOLUME_VERSION = "3.70"
# What the services write before their version, in the header that asks for one.
VERSIONS = {"compute": f"compute {COMPUTE_VERSION}", "volume": f"volume {VOLUME_VERSION}"}
# A token lives for an hour; a busy machine may hold up a call for long.
TOKEN_SECONDS = 1800
PATIENCE = 120
# The catalogue's names of these services have changed over the years.
TYPES = {"block-storage": "volume", "volumev3": "volume"}


class ApiError(errors.DevclusterError):
    """A service's refusal, with its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who somebody is at which cloud, as clouds.yaml tells it."""

    url: str
    auth: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, clouds: Path, name: str) -> "Login":
        """Return one of the clouds of a file."""
        known = yaml.safe_load(clouds.read_text())["clouds"]
        if name not in known:
            raise errors.DevclusterError(f"no cloud {name!r} in {clouds}: {', '.join(known)}")
        auth = known[name]["auth"]
        return cls(url=str(auth["auth_url"]).rstrip("/"), auth=auth)

    def request(self) -> Mapping[str, Any]:
        """Return what is posted to get a token."""
        auth = self.auth
        if "application_credential_id" in auth:
            secret = {
                "id": auth["application_credential_id"],
                "secret": auth["application_credential_secret"],
            }
            identity = {"methods": ["application_credential"], "application_credential": secret}
            return {"auth": {"identity": identity}}
        user = {
            "name": auth["username"],
            "password": auth["password"],
            "domain": {"name": auth.get("user_domain_name", "Default")},
        }
        project = {
            "name": auth["project_name"],
            "domain": {"name": auth.get("project_domain_name", "Default")},
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        return {"auth": {"identity": identity, "scope": {"project": project}}}


class Client:
    """Calls the services of one cloud as one user; one thread uses it."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._token = ""
        self._until = 0.0
        self._endpoints: dict[str, str] = {}
        self.project = ""

    def endpoints(self) -> Mapping[str, str]:
        """Return the addresses of the cloud's services, by their types in the catalogue."""
        self._log_in()
        return dict(self._endpoints)

    def has(self, service: str) -> bool:
        """Whether the cloud has such a service at all."""
        if not self._endpoints:
            self._log_in()
        return service in self._endpoints

    def get(self, service: str, path: str) -> Any:
        """Return the body of what is there; raise ApiError where nothing is."""
        return self.call("GET", service, path).body

    def post(self, service: str, path: str, body: Any) -> Any:
        """Return the body of the answer."""
        return self.call("POST", service, path, body).body

    def delete(self, service: str, path: str) -> None:
        """Delete, or find nothing there."""
        try:
            self.call("DELETE", service, path)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def call(
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer of a service; raise ApiError for a refusal. `more` are headers."""
        if time.monotonic() > self._until:
            self._log_in()
        headers = {"X-Auth-Token": self._token, "Accept": "application/json", **(more or {})}
        if service in VERSIONS:
            headers["OpenStack-API-Version"] = VERSIONS[service]
        headers["Content-Type"] = "application/json" if data is None else "application/octet-stream"
        if data is None and body is not None:
            data = json.dumps(body).encode()
        return _exchange(method, self._endpoints[service] + path, data, headers)

    def _log_in(self) -> None:
        headers = {"Content-Type": "application/json"}
        told = json.dumps(self._login.request()).encode()
        answer = _exchange("POST", f"{self._login.url}/auth/tokens", told, headers)
        token = answer.body["token"]
        self._token = answer.headers["x-subject-token"]
        self._until = time.monotonic() + TOKEN_SECONDS
        self.project = token["project"]["id"]
        for each in token.get("catalog", []):
            for point in each["endpoints"]:
                if point["interface"] == "public":
                    name = TYPES.get(each["type"], each["type"])
                    self._endpoints[name] = point["url"].rstrip("/")
        # Neither of these says its version in the catalogue.
        for name, version in (("network", "/v2.0"), ("image", "/v2")):
            if name in self._endpoints and not self._endpoints[name].endswith(version):
                self._endpoints[name] += version


def _exchange(method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Answer:
    place = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        path = f"{place.path}?{place.query}" if place.query else place.path
        connection.request(method, path, body=data, headers=dict(headers))
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise errors.DevclusterError(f"{method} {url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise ApiError(response.status, text.decode(errors="replace")[:500])
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=found, body=_decoded(text))


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text
