"""A certificate authority of the tests' own."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

SINCE = datetime(2020, 1, 1, tzinfo=timezone.utc)
CENTURY = timedelta(days=36500)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Authority:
    """Signs certificates for an address, by default 127.0.0.1, that are valid for a century or less."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tests")])
        self.pem = self._signed(self.name, self.key, "127.0.0.1", CENTURY, ca=True).public_bytes(Encoding.PEM).decode()

    def issue(
        self, password: bytes | None = None, *, host: str = "127.0.0.1", valid: timedelta = CENTURY
    ) -> tuple[str, str]:
        """Give a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
        return self._signed(name, key, host, valid, ca=False).public_bytes(Encoding.PEM).decode(), pem

    def server(self, *, host: str = "127.0.0.1", valid: timedelta = CENTURY, asks: bool = False) -> ssl.SSLContext:
        """Make what a server needs to show a certificate; it may ask clients for theirs."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with TemporaryDirectory() as folder:
            for name, text in zip(("cert.pem", "key.pem"), self.issue(host=host, valid=valid), strict=True):
                (Path(folder) / name).write_text(text)
            context.load_cert_chain(Path(folder) / "cert.pem", Path(folder) / "key.pem")
        if asks:
            context.load_verify_locations(cadata=self.pem)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, host: str, valid: timedelta, *, ca: bool
    ) -> x509.Certificate:
        """Sign what RFC 5280 demands, which Python 3.13 checks."""
        usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True, "key_cert_sign": ca, "crl_sign": ca}
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(SINCE)
            .not_valid_after(SINCE + valid)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
            .sign(self.key, SHA256())
        )
