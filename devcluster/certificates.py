"""A cluster's own certificate authority; `controlplane` and `node` ask it for certificates."""

import datetime as dt
import ipaddress
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=365)
SLACK = dt.timedelta(hours=1)  # for clocks that disagree


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Signs certificates for servers and clients of one cluster; all files lie in its folder."""

    folder: Path
    pair: Pair

    def issue(
        self,
        name: str,
        *,
        common_name: str,
        organizations: Sequence[str] = (),
        hosts: Sequence[str] = (),
    ) -> Pair:
        """Return a pair, valid for clients and for servers at the given hosts, made once.

        An existing pair of this name is returned as it is.
        """
        pair = _paths(self.folder, name)
        if pair.certificate.exists() and pair.key.exists():
            return pair
        signer = serialization.load_pem_private_key(self.pair.key.read_bytes(), None)
        issuer = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.pair.key} is not an elliptic curve key")
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = (
            _builder(_subject(common_name, organizations), issuer.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            # Python from 3.13 on takes no certificate that does not name its authority's key.
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        _write(pair, builder.sign(signer, hashes.SHA256()), key)
        return pair


def authority(folder: Path, name: str) -> Authority:
    """Return the authority of this name, made on the first call."""
    pair = _paths(folder, name)
    if not (pair.certificate.exists() and pair.key.exists()):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(f"devcluster {name}", ())
        builder = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        _write(pair, builder.sign(key, hashes.SHA256()), key)
    return Authority(folder=folder, pair=pair)


def folder(pki: Path, name: str, host: str) -> Path:
    """Return a folder with a certificate for a host, of the cluster's authority, as in a Secret."""
    pair = authority(pki, "ca").issue(name, common_name=name, hosts=[host])
    made = pki / name
    made.mkdir(exist_ok=True)
    shutil.copy(pair.certificate, made / "tls.crt")
    shutil.copy(pair.key, made / "tls.key")
    return made


def signing_key(folder: Path, name: str) -> Path:
    """Return a private key for signing ServiceAccount tokens, made on the first call."""
    path = folder / f"{name}.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_key(path, ec.generate_private_key(ec.SECP256R1()))
    return path


def _paths(folder: Path, name: str) -> Pair:
    return Pair(certificate=folder / f"{name}.crt", key=folder / f"{name}.key")


def _subject(common_name: str, organizations: Sequence[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + LIFETIME)
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    # The key first: a pair counts as made when both are there.
    _write_key(pair.key, key)
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            # The API server reads the public half of a token key from this form only.
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
