"""A private authority for tests of TLS, with certificates for a server and for a client."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority(NamedTuple):
    """The authority's certificate, and a server's at 127.0.0.1 with its key. The file `client` has
    a client's certificate and key."""

    ca: Path
    server: Path
    key: Path
    client: Path


def make_authority(folder: Path) -> Authority:
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _named("Our own authority")
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(True, None))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _each in range(2))
    server = _certificate(_named("127.0.0.1"), ca_name, key, ca_key, alternative)
    client_name = x509.SubjectAlternativeName([x509.DNSName("console.example")])
    client = _certificate(_named("console.example"), ca_name, client_key, ca_key, client_name)
    made = Authority(*(folder / f"{name}.pem" for name in ("ca", "server", "key", "client")))
    made.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(_pem(key))
    made.client.write_bytes(client.public_bytes(serialization.Encoding.PEM) + _pem(client_key))
    return made


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signs: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY
    )
    return builder.add_extension(extension, critical=True).sign(signs, hashes.SHA256())
