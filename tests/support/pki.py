# SPDX-License-Identifier: Apache-2.0
"""A public key infrastructure for tests and demo, made fresh each time.

Names end in .test (RFC 6761), so nothing here can collide with a real host.
"""
import datetime
import ipaddress
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _san(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """A root; leafs are written to dir as one file of chain and key."""

    def __init__(self, dir, name="Sallyport Test Root"):
        self.dir = pathlib.Path(dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        usage = x509.KeyUsage(False, False, False, False, False, True, True,
                              False, False)
        self.cert = (
            x509.CertificateBuilder()
            .subject_name(_name(name)).issuer_name(_name(name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(True, 0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(
                self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256()))
        self.pem = self.dir / f"{name.replace(' ', '-').lower()}.pem"
        self.pem.write_bytes(
            self.cert.public_bytes(serialization.Encoding.PEM))

    def leaf(self, *names, days=(-1, 30)):
        """File with leaf, root and key; days are relative to today."""
        issuer_key, issuer = self.key, self.cert.subject
        return self._write(names, days, issuer_key, issuer, self.cert)

    def with_key(self):
        """File with certificate and private key, for other proxies."""
        path = self.dir / "authority-with-key.pem"
        path.write_bytes(self.pem.read_bytes() + self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return path

    def self_signed(self, *names):
        return self._write(names, (-1, 30), None, _name(names[0]), None)

    def _write(self, names, days, issuer_key, issuer, root):
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        aki = (issuer_key or key).public_key()
        cert = (
            x509.CertificateBuilder()
            .subject_name(_name(names[0])).issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(x509.SubjectAlternativeName(
                [_san(n) for n in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(aki),
                critical=False)
            .sign(issuer_key or key, hashes.SHA256()))
        pem = serialization.Encoding.PEM
        data = cert.public_bytes(pem)
        if root is not None:
            data += root.public_bytes(pem)
        data += key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        serial = x509.random_serial_number() & 0xffffff
        path = self.dir / f"{names[0].strip('*.')}-{serial:06x}.pem"
        path.write_bytes(data)
        return path


def server_context(chain, low=None, high=None, sni=None):
    """TLS context of a server; sni: list that collects names asked for."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(chain)
    if low:
        ctx.minimum_version = low
    if high:
        ctx.maximum_version = high
    if sni is not None:
        ctx.sni_callback = lambda sock, name, c: sni.append(name)
    return ctx
