"""Where connections come from: kubeconfigs as people have them, and pods."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller import errors
from controller.kube import connection


@pytest.fixture(scope="module", name="pem")
def certificate() -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.public_bytes(serialization.Encoding.PEM), private


def write(
    path: Path,
    *,
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    name: str = "here",
) -> Path:
    """Write a kubeconfig with one context, and return its path."""
    config = {
        "current-context": name,
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}
        ],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}/", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


async def header(user: dict[str, Any], folder: Path) -> str:
    """Return the Authorization header that a kubeconfig's user leads to."""
    found = connection.from_kubeconfig([write(folder / "config", user=user)])
    await found.credentials.renew()
    return found.credentials.header


async def test_tokens_and_passwords(tmp_path: Path) -> None:
    """Each usual kind of credentials becomes its header; a token file is relative to its config."""
    (tmp_path / "token").write_text("from-file\n")
    basic = base64.b64encode(b"me:secret").decode()
    assert await header({"token": "inline"}, tmp_path) == "Bearer inline"
    assert await header({"tokenFile": "token"}, tmp_path) == "Bearer from-file"
    assert await header({"username": "me", "password": "secret"}, tmp_path) == f"Basic {basic}"
    assert await header({}, tmp_path) == ""


async def test_plugin_is_run_and_renewed(tmp_path: Path) -> None:
    """A credential plugin is run for a token, and again before what it gave expires."""
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "fresh", "expirationTimestamp": soon.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps(credential)!r})\n")
    plugin.chmod(0o755)
    user = {"exec": {"apiVersion": credential["apiVersion"], "command": "./plugin"}}
    found = connection.from_kubeconfig([write(tmp_path / "config", user=user)])
    await found.credentials.renew()
    assert found.credentials.header == "Bearer fresh"
    assert found.credentials.fresh_until - time.monotonic() < 31
    plugin.write_text("#!/bin/sh\necho no luck >&2; exit 1\n")
    with pytest.raises(errors.Transient, match="no luck"):
        await found.credentials.renew()


def test_certificates_inline_and_in_files(tmp_path: Path, pem: tuple[bytes, bytes]) -> None:
    """Client certificates and authorities are read inline or from files beside the kubeconfig."""
    (tmp_path / "cert.pem").write_bytes(pem[0])
    (tmp_path / "key.pem").write_bytes(pem[1])
    for user, cluster in (
        (
            {"client-certificate": "cert.pem", "client-key": "key.pem"},
            {"certificate-authority": "cert.pem"},
        ),
        (
            {
                "client-certificate-data": base64.b64encode(pem[0]).decode(),
                "client-key-data": base64.b64encode(pem[1]).decode(),
            },
            {"certificate-authority-data": base64.b64encode(pem[0]).decode()},
        ),
    ):
        path = write(tmp_path / "config", user=user, cluster=cluster)
        found = connection.from_kubeconfig([path])
        assert found.tls is not None
        assert found.tls.cert_store_stats()["x509"] == 1


def test_context_namespace_and_rest(tmp_path: Path) -> None:
    """The context chosen gives server and namespace; proxies, names and impersonation are kept."""
    cluster = {"tls-server-name": "inner", "proxy-url": "http://proxy:3128"}
    user = {"as": "someone", "as-groups": ["a", "b"]}
    one = write(tmp_path / "one", name="one")
    two = write(tmp_path / "two", name="two", cluster=cluster, user=user)
    assert connection.from_kubeconfig([one, two]).server == "https://one"
    found = connection.from_kubeconfig([one, two], "two")
    assert (found.server, found.namespace) == ("https://two", "ns-two")
    assert (found.server_name, found.proxy) == ("inner", "http://proxy:3128")
    assert found.headers == (
        ("Impersonate-User", "someone"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "contexts must have one named ''"),
        ("current-context: x", "contexts must have one named 'x'"),
        ("a: [", "kubeconfig"),
    ],
)
def test_bad_kubeconfigs_say_what_must_hold(tmp_path: Path, text: str, complaint: str) -> None:
    """A kubeconfig that cannot be used is refused with a sentence, not a traceback."""
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(errors.Stalled, match=complaint) as refused:
        connection.from_kubeconfig([path])
    assert refused.value.reason == "BadKubeconfig"


def test_missing_kubeconfig_names_the_path(tmp_path: Path) -> None:
    """Without any kubeconfig the paths that were looked at are named."""
    with pytest.raises(errors.Stalled, match="nowhere"):
        connection.from_kubeconfig([tmp_path / "nowhere"])


async def test_pods_follow_their_token(tmp_path: Path, pem: tuple[bytes, bytes]) -> None:
    """A pod speaks as its ServiceAccount, with the token that is in the file now."""
    (tmp_path / "ca.crt").write_bytes(pem[0])
    (tmp_path / "namespace").write_text("argosy-system")
    (tmp_path / "token").write_text("first")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    found = connection.from_pod(tmp_path, environ)
    assert found.server == "https://[fd00::1]:443"
    assert found.namespace == "argosy-system"
    await found.credentials.renew()
    assert found.credentials.header == "Bearer first"
    (tmp_path / "token").write_text("second")
    await found.credentials.renew()
    assert found.credentials.header == "Bearer second"


def test_client_comes_without_the_generated_one() -> None:
    """Importing the client, as each CLI command does, must not import `kubernetes` or kopf."""
    check = (
        "import sys, controller.kube.client;"
        "heavy = {'kubernetes', 'kopf', 'pydantic', 'yaml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
