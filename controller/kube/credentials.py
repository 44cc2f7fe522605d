"""Who we are to the API server, and how that is renewed: tokens expire while a process lives.

`connection` picks one of these; `client` asks it for the Authorization header before a request.
Only plugins and OIDC need the `kubernetes` package, whose import takes longer than a whole command
of the CLI should: it is imported when they are used.
"""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from controller import errors
from controller.kube import faults
from controller.kube.reasons import KubeReason

# A token file is looked at this often: kubelets renew one long before it expires.
FILE_SECONDS = 30.0
# A plugin's credentials are renewed this long before they expire.
AHEAD_SECONDS = 60.0
# An OIDC token is looked at this often.
OIDC_SECONDS = 60.0


class Credentials(Protocol):
    """The proof of who we are, beside a client certificate."""

    header: str
    """The value of the Authorization header; empty for none."""

    fresh_until: float
    """When to renew, by the monotonic clock."""

    async def renew(self) -> None:
        """Read or fetch anew; raises Transient where that fails."""


class Fixed:
    """A header that never changes, or none."""

    def __init__(self, header: str = "") -> None:
        self.header = header
        self.fresh_until = float("inf")

    async def renew(self) -> None:
        """Do nothing: there is nothing newer."""


class TokenFile:
    """A token in a file that somebody else keeps fresh, such as a ServiceAccount's in a pod."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.header = ""
        self.fresh_until = 0.0

    async def renew(self) -> None:
        """Read the file."""
        try:
            # A small file in memory or on a local disk: not worth a thread.
            token = self._path.read_text().strip()
        except OSError as error:
            raise _failed(f"token file {self._path}: {error}") from error
        self.header = f"Bearer {token}"
        self.fresh_until = time.monotonic() + FILE_SECONDS


class Plugin:
    """A program that prints credentials, as kubeconfigs of hosted control planes name one."""

    def __init__(self, config: Mapping[str, Any], folder: Path, tls: ssl.SSLContext | None) -> None:
        self._config = dict(config)
        command = str(config.get("command", ""))
        if "/" in command:
            self._config["command"] = str(folder / command)
        self._tls = tls
        self.header = ""
        self.fresh_until = 0.0

    async def renew(self) -> None:
        """Run the program."""
        from kubernetes.aio.config import exec_provider, kube_config  # noqa: PLC0415 - see above

        untyped: Any = exec_provider
        nodes: Any = kube_config
        try:
            status = await untyped.ExecProvider(nodes.ConfigNode("exec", self._config)).run()
        except Exception as error:  # the package raises whatever the program's trouble causes
            raise _failed(f"credential plugin {self._config['command']}: {error}") from error
        if "token" in status:
            self.header = f"Bearer {status['token']}"
        if self._tls and "clientCertificateData" in status and "clientKeyData" in status:
            pem = f"{status['clientCertificateData']}\n{status['clientKeyData']}"
            load_pem(self._tls, pem.encode())
        self.fresh_until = time.monotonic() + _lifetime(status.get("expirationTimestamp"))


class Oidc:
    """An `auth-provider` of a kubeconfig, renewed the way the `kubernetes` package does it."""

    def __init__(self, config: Mapping[str, Any], context: str) -> None:
        self._config = config
        self._context = context
        self._loader: Any = None
        self.header = ""
        self.fresh_until = 0.0

    async def renew(self) -> None:
        """Fetch a token where the last one has expired."""
        from kubernetes.aio import client  # noqa: PLC0415 - see above
        from kubernetes.aio.config import kube_config  # noqa: PLC0415 - see above

        settings = client.Configuration()
        untyped: Any = kube_config
        try:
            if self._loader is None:
                self._loader = untyped.KubeConfigLoader(
                    config_dict=self._config, active_context=self._context
                )
            await self._loader.load_and_set(settings)
        except Exception as error:  # the package raises whatever the provider's trouble causes
            raise _failed(f"auth-provider of context {self._context}: {error}") from error
        self.header = str(settings.api_key.get("BearerToken", ""))
        self.fresh_until = time.monotonic() + OIDC_SECONDS


def basic(username: str, password: str) -> Fixed:
    """Return the credentials of a user name and a password."""
    return Fixed("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())


def load_pem(tls: ssl.SSLContext, pem: bytes) -> None:
    """Let `tls` present the certificate and key in `pem`."""
    import tempfile  # noqa: PLC0415 - only here, and the CLI counts milliseconds

    # The ssl module reads key material from files only.
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        tls.load_cert_chain(file.name)


def _lifetime(expires: str | None) -> float:
    if not expires:
        return float("inf")
    left = dt.datetime.fromisoformat(expires) - dt.datetime.now(dt.UTC)
    return max(left.total_seconds() - AHEAD_SECONDS, 1.0)


def _failed(message: str) -> errors.Transient:
    return faults.Unauthorized(message, reason=KubeReason.CREDENTIALS_FAILED)
