"""Where the API server is and how it is spoken to: from a kubeconfig, or from inside a pod.

`client` and the CLI start here. The usual kinds of credentials are read without the `kubernetes`
package, whose import alone would take longer (0.25 s) than a command of the CLI may.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller import errors
from controller.kube import credentials as who
from controller.kube.reasons import KubeReason

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# Of a kubeconfig's user, the fields that bring a client certificate, or may.
_CERTIFYING = ("client-certificate", "client-certificate-data", "exec")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """All that a client needs to know; `namespace` is the one to use where none is named."""

    server: str
    tls: ssl.SSLContext | None
    credentials: who.Credentials
    namespace: str = "default"
    server_name: str = ""
    proxy: str = ""
    # Headers of every request, such as Impersonate-User.
    headers: tuple[tuple[str, str], ...] = ()
    # Whether the connection itself may say who we are, by a client certificate.
    certified: bool = False

    def as_bearer(self, token: str) -> Connection:
        """Return the connection of whoever has this token, to the same API server.

        Raises Stalled where the connection would say by itself that it is ours: the API server
        would then take the other for us.
        """
        if self.certified:
            raise _bad("a client certificate would speak for everybody: use a token instead")
        return dataclasses.replace(self, credentials=who.Fixed(f"Bearer {token}"), headers=())


def load(*, kubeconfig: str = "", context: str = "") -> Connection:
    """Return the connection that `kubeconfig`, $KUBECONFIG, the pod or ~/.kube/config describes.

    Raises Stalled (`BadKubeconfig`) where there is none that can be used.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG", "")
    if not named and not context and "KUBERNETES_SERVICE_HOST" in os.environ:
        return from_pod()
    paths = [Path(each).expanduser() for each in named.split(os.pathsep) if each]
    return from_kubeconfig(paths or [Path.home() / ".kube" / "config"], context)


def from_pod(account: Path = ACCOUNT, environ: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection of a pod's ServiceAccount."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    if ":" in host:
        host = f"[{host}]"
    try:
        namespace = (account / "namespace").read_text().strip()
        tls = _tls((account / "ca.crt").read_bytes())
    except OSError as error:
        raise _bad(f"ServiceAccount in {account}: {error}") from error
    return Connection(
        server=f"https://{host}:{port}",
        tls=tls,
        credentials=who.TokenFile(account / "token"),
        namespace=namespace,
    )


def from_kubeconfig(paths: list[Path], context: str = "") -> Connection:
    """Return the connection of a context in kubeconfig files; the first to name a thing wins."""
    merged = _merge(paths)
    active = context or merged["current-context"]
    chosen = _named(merged, "contexts", active).get("context") or {}
    cluster_entry = _named(merged, "clusters", chosen.get("cluster", ""))
    cluster = cluster_entry.get("cluster") or {}
    user_entry = _named(merged, "users", chosen["user"]) if chosen.get("user") else {}
    user = user_entry.get("user") or {}
    server = str(cluster.get("server", "")).rstrip("/")
    if not server:
        raise _bad(f"kubeconfig: the cluster of context {active!r} must name a server")
    tls = None
    if server.startswith("https"):
        tls = _tls(
            _material(cluster, "certificate-authority", _folder(cluster_entry)),
            verify=not cluster.get("insecure-skip-tls-verify"),
        )
        _present(tls, user, _folder(user_entry))
    return Connection(
        server=server,
        tls=tls,
        credentials=_credentials(user, _folder(user_entry), tls, merged, active),
        namespace=chosen.get("namespace") or "default",
        server_name=cluster.get("tls-server-name") or "",
        proxy=cluster.get("proxy-url") or "",
        headers=_impersonation(user),
        certified=any(user.get(each) for each in _CERTIFYING),
    )


def _merge(paths: list[Path]) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - a pod needs none

    merged: dict[str, Any] = {"current-context": ""}
    merged |= {each: [] for each in ("contexts", "clusters", "users")}
    found = [each for each in paths if each.exists()]
    if not found:
        raise _bad(f"no kubeconfig at {', '.join(map(str, paths))}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in found:
        try:
            config = yaml.load(path.read_text(), loader) or {}  # noqa: S506 - a safe loader
        except (OSError, yaml.YAMLError) as error:
            raise _bad(f"kubeconfig {path}: {error}") from error
        merged["current-context"] = merged["current-context"] or config.get("current-context", "")
        for each in ("contexts", "clusters", "users"):
            # Relative paths are meant from the folder of the file that has them.
            merged[each] += [{**item, "folder": path.parent} for item in config.get(each) or ()]
    return merged


def _named(config: dict[str, Any], group: str, name: str) -> dict[str, Any]:
    for each in config[group]:
        if each.get("name") == name:
            found: dict[str, Any] = each
            return found
    raise _bad(f"kubeconfig: {group} must have one named {name!r}")


def _folder(entry: Mapping[str, Any]) -> Path:
    return Path(entry.get("folder", "."))


def _material(part: Mapping[str, Any], key: str, folder: Path) -> bytes:
    inline = part.get(f"{key}-data")
    if inline:
        return base64.b64decode(str(inline))
    if part.get(key):
        try:
            return (folder / str(part[key])).read_bytes()
        except OSError as error:
            raise _bad(f"kubeconfig: {key}: {error}") from error
    return b""


def _tls(authority: bytes, *, verify: bool = True) -> ssl.SSLContext:
    try:
        tls = ssl.create_default_context(cadata=authority.decode() or None)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise _bad(f"certificate authority: {error}") from error
    if not verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    # An API server is asked for HTTP/1.1: one watch a connection, which a proxy cannot confuse.
    tls.set_alpn_protocols(["http/1.1"])
    return tls


def _present(tls: ssl.SSLContext, user: Mapping[str, Any], folder: Path) -> None:
    certificate = _material(user, "client-certificate", folder)
    key = _material(user, "client-key", folder)
    if certificate and key:
        try:
            who.load_pem(tls, certificate + b"\n" + key)
        except ssl.SSLError as error:
            raise _bad(f"kubeconfig: client certificate: {error}") from error


def _credentials(
    user: Mapping[str, Any],
    folder: Path,
    tls: ssl.SSLContext | None,
    config: dict[str, Any],
    context: str,
) -> who.Credentials:
    if user.get("tokenFile"):
        return who.TokenFile(folder / user["tokenFile"])
    if user.get("token"):
        return who.Fixed(f"Bearer {user['token']}")
    if user.get("exec"):
        return who.Plugin(user["exec"], folder, tls)
    if user.get("auth-provider"):
        return who.Oidc(config, context)
    if user.get("username"):
        return who.basic(user["username"], user.get("password", ""))
    return who.Fixed()


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    headers = []
    if user.get("as"):
        headers.append(("Impersonate-User", str(user["as"])))
    headers += [("Impersonate-Group", str(each)) for each in user.get("as-groups") or ()]
    return tuple(headers)


def _bad(message: str) -> errors.Stalled:
    return errors.Stalled(message, reason=KubeReason.BAD_KUBECONFIG)
