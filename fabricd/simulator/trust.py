"""Certificates and host keys of the simulated switches, made once and kept in the state directory.

Used by the simulation when it starts. Knows neither gNMI nor NETCONF.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Identity:
    """How one switch proves who it is: PEM certificate and key, and an SSH host key in OpenSSH's private format."""

    certificate: bytes
    key: bytes
    host_key: bytes
    host_key_public: str
    """The public half as `algorithm base64`."""


class Trust:
    """Files below `folder`: tls/ca.pem, tls/ca.key, tls/<switch>.pem|key, ssh/<switch>, ssh/known_hosts."""

    def __init__(self, folder: Path, host: str, now: datetime) -> None:
        self._tls = folder / "tls"
        self._ssh = folder / "ssh"
        self._host = host
        self._now = now
        for each in (self._tls, self._ssh):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ca_key, self._ca = self._authority()

    @property
    def ca_file(self) -> Path:
        return self._tls / "ca.pem"

    @property
    def known_hosts_file(self) -> Path:
        return self._ssh / "known_hosts"

    def identity(self, name: str) -> Identity:
        """The switch's identity, made when there is none yet."""
        certificate_file, key_file = self._tls / f"{name}.pem", self._tls / f"{name}.key"
        if not (key_file.is_file() and self._is_good(certificate_file)):
            key, certificate = self._server(name, self._ca_key, self._ca)
            _write(key_file, key)
            _write(certificate_file, certificate)
        host_key_file = self._ssh / name
        if not host_key_file.is_file():
            _write(host_key_file, asyncssh.generate_private_key("ssh-ed25519", comment=name).export_private_key())
        return _identity(certificate_file.read_bytes(), key_file.read_bytes(), host_key_file.read_bytes())

    def renewed(self, name: str, *, other_authority: bool = False) -> Identity:
        """Another identity for the switch, kept nowhere; `other_authority`: signed by one that nobody knows."""
        signer = (self._ca_key, self._ca)
        if other_authority:
            signer = self._new_authority(_subject("another authority"))
        key, certificate = self._server(name, *signer)
        host_key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        return _identity(certificate, key, host_key.export_private_key())

    def write_known_hosts(self, keys: list[tuple[int, str]]) -> None:
        """Write ssh/known_hosts from (port, public key) pairs."""
        lines = "".join(f"[{self._host}]:{port} {key}\n" for port, key in keys)
        _write(self.known_hosts_file, lines.encode())

    def _authority(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key_file = self._tls / "ca.key"
        if key_file.is_file() and self.ca_file.is_file():
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return key, x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        key, certificate = self._new_authority(_subject("fabricd simulated switches"))
        _write(key_file, _pem(key))
        _write(self.ca_file, certificate.public_bytes(serialization.Encoding.PEM))
        return key, certificate

    def _new_authority(self, name: x509.Name) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return key, certificate

    def _is_good(self, file: Path) -> bool:
        """Whether a certificate is there, signed by this authority, for the address that is listened on, in time."""
        if not file.is_file():
            return False
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            certificate.issuer == self._ca.subject
            and self._address() in list(names)
            and certificate.not_valid_after_utc > self._now
        )

    def _address(self) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(self._host))
        except ValueError:
            return x509.DNSName(self._host)

    def _server(self, name: str, ca_key: ec.EllipticCurvePrivateKey, ca: x509.Certificate) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name), x509.DNSName("localhost"), self._address()]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        certificate = (
            self._builder(_subject(name), ca.subject, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(authority, critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        return _pem(key), certificate.public_bytes(serialization.Encoding.PEM)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(days=1))
            .not_valid_after(self._now + _LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


def _identity(certificate: bytes, key: bytes, host_key: bytes) -> Identity:
    public = asyncssh.import_private_key(host_key).export_public_key().decode().split()
    return Identity(certificate, key, host_key, " ".join(public[:2]))


def now() -> datetime:
    """The clock handed to Trust outside tests."""
    return datetime.now(UTC)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, and for the owner only."""
    temporary = file.with_name(f".{file.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
    temporary.replace(file)
