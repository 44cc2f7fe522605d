"""How a dashboard in a cluster is reached: over TLS, with the certificate as it is now."""

from __future__ import annotations

import asyncio
import datetime as dt
import pathlib
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller.dashboard import cluster
from controller.kube import certificates
from controller.presentation.problems import Refusal
from fakes.universe import Universe


def certify(folder: pathlib.Path, name: str) -> None:
    """Put a certificate of this name, and its key, into a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def settings(folder: pathlib.Path) -> cluster.ClusterSettings:
    """Return a dashboard on a free port of this machine, with that folder's certificate."""

    def connect(_: str) -> Any:
        raise AssertionError("nobody signs in here")

    return cluster.ClusterSettings(
        connect=connect, cluster="c", address="127.0.0.1", port=0, certificates=folder
    )


async def served(port: int) -> str:
    """Return the name in the certificate that a new connection is shown."""
    open_to_all = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    open_to_all.check_hostname, open_to_all.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=open_to_all)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    found = x509.load_der_x509_certificate(shown)
    return str(found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


async def test_a_certificate_that_was_renewed_is_taken_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart; half of a renewal changes nothing."""
    monkeypatch.setattr(certificates, "RENEW_SECONDS", 0.01)
    certify(tmp_path, "first")
    async with Universe() as universe, cluster.run(universe.server, settings(tmp_path)) as port:
        assert await served(port) == "first"
        (tmp_path / "new").mkdir()
        certify(tmp_path / "new", "second")
        (tmp_path / "tls.crt").write_bytes((tmp_path / "new" / "tls.crt").read_bytes())
        for _ in range(20):
            assert await served(port) == "first"
        (tmp_path / "tls.key").write_bytes((tmp_path / "new" / "tls.key").read_bytes())
        async with asyncio.timeout(60):
            while await served(port) != "second":
                pass


async def test_a_certificate_that_is_missing_is_told_at_once(tmp_path: pathlib.Path) -> None:
    """The dashboard does not start in plain text where TLS was asked for."""
    async with Universe() as universe:
        with pytest.raises(Refusal, match=r"tls\.crt and tls\.key"):
            async with cluster.run(universe.server, settings(tmp_path / "nothing")):
                pass
