"""Certificates: what the server shows of itself under TLS.

Owns the local certificate authority of a server (made once, kept in its data directory), the
certificate that the authority gives it (made anew whenever it must be), or those that the operator
brings; and the fingerprint that people compare. Knows nothing of sockets.

Invariants: a key is written into a file that only its owner can read, whole or not at all, together
with the certificate that it belongs to; an authority is never replaced before it has expired,
because every client and phone trusts that very one; the words that are shown here are those that a
client computes from what the handshake shows it.
"""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from molva.server.face import CertificateRefused, Presented
from molva.server.secret import write_secret
from molva.terms.proquint import proquint

AUTHORITY_DAYS = 3652
"""Ten years: an authority that ends means that everyone must trust anew."""

SERVER_DAYS = 365
"""Phones refuse a certificate for longer than 398 days, the first and the last counted."""

RENEW_DAYS = 30
"""A certificate that lasts less long is made anew."""

BACKDATED = timedelta(days=1)
"""How far a clock of somebody else may be behind ours."""

WORD_BYTES = 10
"""Of the fingerprint that are said as words: 80 bits, which nobody finds a second key for."""

PRIVATE_NAMES = ("localhost", "local", "lan", "home", "internal", "home.arpa")
"""What the authority may vouch for, with all names below: none is anybody's on the internet.
(RFC 6761, RFC 6762, RFC 8375; `internal` was set aside by ICANN; the others are usual.)"""

PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)
"""The same for addresses. (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291.)"""


def fingerprint(chain: Sequence[x509.Certificate]) -> str:
    """Return the words for a chain, the server's own certificate first.

    They stand for the key of the last certificate, if it is an authority that signed itself and
    the first, and for the key of the first otherwise: SHA-256 over the SubjectPublicKeyInfo (as
    RFC 7469, section 2.4), of it the first 80 bits. So they stay as they are when a certificate is
    made anew; and a public authority, which vouches for everybody, is never what they stand for.
    """
    pinned = chain[-1] if len(chain) > 1 and _signed(chain[0], chain[-1]) else chain[0]
    key = pinned.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return proquint(sha256(key).digest()[:WORD_BYTES])


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
        authority.verify_directly_issued_by(authority)
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return basic.value.ca


# -- What the operator brings ------------------------------------------------------------------


def brought(certificate: Path, key: Path, *, now: datetime | None = None) -> Presented:
    """Return what stands in two PEM files: the chain, the server's own first, and its key.

    Raises CertificateRefused.
    """
    now = now or datetime.now(UTC)
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except OSError as error:
        raise CertificateRefused("tls.missing", file=certificate, error=error.strerror) from error
    except ValueError as error:
        raise CertificateRefused("tls.unreadable", file=certificate) from error
    try:
        key.read_bytes()
    except OSError as error:
        raise CertificateRefused("tls.missing", file=key, error=error.strerror) from error
    ends = chain[0].not_valid_after_utc
    if ends <= now:
        raise CertificateRefused("tls.expired", file=certificate, date=ends.date())
    context = _context(certificate, key)
    return Presented(context, fingerprint(chain), None, ends, _host(chain[0]), made=False)


def _host(certificate: x509.Certificate) -> str | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    hosts = names.get_values_for_type(x509.DNSName)
    return next((host for host in hosts if not host.startswith("*")), None)


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        # A key with a password is refused: nobody may be there to type it.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        reason = "tls.mismatch" if error.reason == "KEY_VALUES_MISMATCH" else "tls.key"
        raise CertificateRefused(reason, file=key or certificate) from error
    except OSError as error:
        missing = key or certificate
        raise CertificateRefused("tls.missing", file=missing, error=error.strerror) from error
    return context


# -- Our own authority -------------------------------------------------------------------------


def own(
    directory: Path,
    *,
    names: Sequence[str],
    addresses: Sequence[str],
    now: datetime | None = None,
) -> Presented:
    """Return what our own authority says of this server, for its names and addresses.

    What is in the directory is used as long as it lasts and covers them; what is missing is made.
    Names and addresses that the authority may not vouch for are left out. Raises
    CertificateRefused when the directory cannot be used or what stands there is damaged.
    """
    now = now or datetime.now(UTC)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        authority, authority_key = _authority(directory / "authority.pem", names, now)
        wanted = _alternatives(authority, names, addresses)
        file = directory / "server.pem"
        ends, made = _lasting(file, authority, wanted, now), False
        if ends is None:
            ends, made = _issue(file, authority, authority_key, wanted, now), True
    except OSError as error:
        raise CertificateRefused("tls.missing", file=directory, error=error.strerror) from error
    chain = x509.load_pem_x509_certificates(file.read_bytes())
    der = authority.public_bytes(Encoding.DER)
    return Presented(_context(file, None), fingerprint(chain), der, ends, None, made)


def _authority(
    file: Path, names: Sequence[str], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the authority of a file; made when there is none or it has expired."""
    if file.exists():
        data = file.read_bytes()
        try:
            certificate = x509.load_pem_x509_certificate(data)
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError) as error:
            raise CertificateRefused("tls.damaged", file=file) from error
        if (
            not isinstance(key, ec.EllipticCurvePrivateKey)
            or key.public_key() != certificate.public_key()
        ):
            raise CertificateRefused("tls.damaged", file=file)
        if certificate.not_valid_after_utc > now:
            file.chmod(0o600)
            return certificate, key
    key = ec.generate_private_key(ec.SECP256R1())
    host = names[0] if names else "localhost"
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Molva"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Molva on {host}"[:64]),
        ]
    )
    permitted: list[x509.GeneralName] = [
        x509.DNSName(name) for name in dict.fromkeys([*PRIVATE_NAMES, *names[:1]])
    ]
    permitted += [x509.IPAddress(ipaddress.ip_network(net)) for net in PRIVATE_NETWORKS]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _begun(subject, key.public_key(), now)
        .issuer_name(subject)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_from(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_secret(file, _pem(key) + certificate.public_bytes(Encoding.PEM))
    return certificate, key


def _lasting(
    file: Path, authority: x509.Certificate, wanted: set[x509.GeneralName], now: datetime
) -> datetime | None:
    """Return when the certificate of a file ends; None when another must be made."""
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())
        names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return None
    ends = chain[0].not_valid_after_utc
    if chain[1:] != [authority] or not _signed(chain[0], authority):
        return None
    if ends - now < timedelta(days=RENEW_DAYS) and ends < authority.not_valid_after_utc:
        return None
    file.chmod(0o600)
    return ends if wanted <= set(names.value) else None


def _issue(
    file: Path,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    wanted: set[x509.GeneralName],
    now: datetime,
) -> datetime:
    """Make a certificate for names and addresses, with a key of its own; return when it ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = sorted(wanted, key=lambda name: (type(name).__name__, str(name.value)))
    ends = min(now + timedelta(days=SERVER_DAYS), authority.not_valid_after_utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Molva")])
    theirs = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _begun(subject, key.public_key(), now)
        .issuer_name(authority.subject)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_from(theirs), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    write_secret(file, _pem(key) + pem)
    return certificate.not_valid_after_utc


def _begun(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _from(identifier: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _alternatives(
    authority: x509.Certificate, names: Sequence[str], addresses: Sequence[str]
) -> set[x509.GeneralName]:
    """Return those of the names and addresses that the authority may vouch for."""
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = constraints.permitted_subtrees or []
    domains = [name.value.lower() for name in permitted if isinstance(name, x509.DNSName)]
    networks = [name.value for name in permitted if isinstance(name, x509.IPAddress)]
    wanted: set[x509.GeneralName] = set()
    for name in names:
        low = name.lower()
        if any(low == domain or low.endswith("." + domain) for domain in domains):
            wanted.add(x509.DNSName(low))
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if any(
            isinstance(net, ipaddress.IPv4Network | ipaddress.IPv6Network) and address in net
            for net in networks
        ):
            wanted.add(x509.IPAddress(address))
    return wanted


# -- Files -------------------------------------------------------------------------------------


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
