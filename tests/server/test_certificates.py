"""Certificates: our own authority and what it vouches for, renewal, and those that are brought."""

import contextlib
import ipaddress
import json
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from molva.server import lan
from molva.server.certificates import (
    AUTHORITY_DAYS,
    RENEW_DAYS,
    SERVER_DAYS,
    brought,
    fingerprint,
    own,
)
from molva.server.face import CertificateRefused, Presented
from molva.terms.proquint import proquint
from tests.peer import TIMEOUT_SECONDS
from tests.serving import Server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("tower", "tower.local", "localhost")
ADDRESSES = ("127.0.0.1", "::1", "192.168.1.5")


def make(directory: Path, *, days: float = 0, **more: tuple[str, ...]) -> Presented:
    """Have the authority of a directory vouch, so many days after the first time."""
    names, addresses = more.get("names", NAMES), more.get("addresses", ADDRESSES)
    return own(directory, names=names, addresses=addresses, now=NOW + timedelta(days=days))


def chain(file: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(file.read_bytes())


def alternatives(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_the_authority_may_vouch_for_private_names_and_addresses_alone(tmp_path: Path) -> None:
    make(tmp_path)
    (authority,) = chain(tmp_path / "authority.pem")
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    bounds = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert bounds.critical and bounds.value.permitted_subtrees
    for subtree in bounds.value.permitted_subtrees:
        if isinstance(subtree, x509.IPAddress):
            network = subtree.value
            assert isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network)
            assert not network.is_global
        else:
            assert subtree.value == "tower" or subtree.value.split(".")[-1] in (
                *("localhost", "local", "lan", "home", "internal", "arpa"),
            )
    lasts = authority.not_valid_after_utc - authority.not_valid_before_utc
    assert timedelta(days=3650) < lasts <= timedelta(days=AUTHORITY_DAYS + 1)


def test_the_certificate_is_for_this_machine_and_short_enough_for_phones(tmp_path: Path) -> None:
    public = ("tower", "tower.local", "localhost", "tower.example.org")
    make(tmp_path, names=public, addresses=(*ADDRESSES, "fe80::1%eth0", "8.8.8.8", "2600::1"))
    server, authority = chain(tmp_path / "server.pem")
    wanted = {*NAMES, *ADDRESSES, "fe80::1"}
    assert alternatives(server) == wanted, "and for nothing that the authority may not vouch for"
    lasts = server.not_valid_after_utc - server.not_valid_before_utc
    assert lasts <= timedelta(days=397)
    server.verify_directly_issued_by(authority)
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_words_are_the_authoritys_and_outlive_every_certificate(tmp_path: Path) -> None:
    first = make(tmp_path)
    (authority,) = chain(tmp_path / "authority.pem")
    key = authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert first.words == proquint(sha256(key).digest()[:10])
    assert first.authority == authority.public_bytes(Encoding.DER)
    later = make(tmp_path, days=SERVER_DAYS)
    assert later.made and later.words == first.words


def test_a_certificate_is_made_anew_when_it_must_be_and_only_then(tmp_path: Path) -> None:
    assert make(tmp_path).made
    authority = (tmp_path / "authority.pem").read_bytes()
    server = (tmp_path / "server.pem").read_bytes()
    assert not make(tmp_path, days=SERVER_DAYS - RENEW_DAYS - 1).made
    # Names or addresses that have gone are no reason.
    assert not make(tmp_path, addresses=ADDRESSES[:2]).made
    assert (tmp_path / "server.pem").read_bytes() == server
    # It ends soon.
    renewed = make(tmp_path, days=SERVER_DAYS - RENEW_DAYS + 1)
    assert renewed.made and renewed.expires > NOW + timedelta(days=SERVER_DAYS)
    # An address it does not name.
    moved = make(tmp_path, addresses=(*ADDRESSES, "10.0.0.7"), days=SERVER_DAYS - RENEW_DAYS + 1)
    assert moved.made and "10.0.0.7" in alternatives(chain(tmp_path / "server.pem")[0])
    # It is damaged, cut or another's.
    for data in (b"", b"-----BEGIN", server[: len(server) // 2]):
        (tmp_path / "server.pem").write_bytes(data)
        assert make(tmp_path).made
    make(tmp_path / "other")
    (tmp_path / "server.pem").write_bytes((tmp_path / "other" / "server.pem").read_bytes())
    assert make(tmp_path).made
    assert (tmp_path / "authority.pem").read_bytes() == authority


def test_an_authority_is_replaced_only_when_it_has_expired(tmp_path: Path) -> None:
    first = make(tmp_path)
    last_days = make(tmp_path, days=AUTHORITY_DAYS - 1)
    assert last_days.words == first.words
    assert last_days.expires == NOW + timedelta(days=AUTHORITY_DAYS), "not beyond its authority"
    assert make(tmp_path, days=AUTHORITY_DAYS + 1).words != first.words


@pytest.mark.parametrize("damage", ["", "no PEM", "no key", "other key"])
def test_a_damaged_authority_is_said_and_left_alone(tmp_path: Path, damage: str) -> None:
    make(tmp_path)
    make(tmp_path / "other")
    file = tmp_path / "authority.pem"
    whole = file.read_text()
    key, _, certificate = whole.partition("-----BEGIN CERTIFICATE-----")
    other = (tmp_path / "other" / "authority.pem").read_text()
    foreign = other.partition("-----BEGIN CERTIFICATE-----")[0]
    certificate = "-----BEGIN CERTIFICATE-----" + certificate
    data = {"": "", "no PEM": "x\n", "no key": certificate, "other key": foreign + certificate}
    file.write_text(data[damage])
    with pytest.raises(CertificateRefused) as refused:
        make(tmp_path)
    assert refused.value.reason == "tls.damaged"
    assert file.read_text() == data[damage]


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "tls"
    directory.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        make(directory)
    finally:
        os.umask(before)
    files = list(directory.iterdir())
    assert {file.name for file in files} == {"authority.pem", "server.pem"}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 2
    for file in files:
        file.chmod(0o644)
    make(directory)
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 2


# -- Handshakes ---------------------------------------------------------------------------------


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Do a handshake in memory, and return the client's side. Raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        with contextlib.suppress(ssl.SSLWantReadError):
            here.do_handshake()
        with contextlib.suppress(ssl.SSLWantReadError):
            there.do_handshake()
    return here


def trusting(authority: x509.Certificate) -> ssl.SSLContext:
    """Return a client that trusts an authority and is as strict as can be."""
    context = ssl.create_default_context(cadata=authority.public_bytes(Encoding.DER))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize("name", [*NAMES, *ADDRESSES])
def test_who_trusts_the_authority_trusts_the_server(tmp_path: Path, name: str) -> None:
    presented = own(tmp_path, names=NAMES, addresses=ADDRESSES)
    client = trusting(chain(tmp_path / "authority.pem")[0])
    assert shake(presented.context, client, name).version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(presented.context, client, "192.168.1.6")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake(presented.context, old, name)


def test_a_stolen_authority_cannot_vouch_for_a_site_of_the_internet(tmp_path: Path) -> None:
    make_brought(tmp_path, names=("bank.example",), authority=authority_of(tmp_path))
    context = brought(tmp_path / "cert.pem", tmp_path / "key.pem").context
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake(context, trusting(chain(tmp_path / "authority.pem")[0]), "bank.example")


# -- What is brought ----------------------------------------------------------------------------

Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def authority_of(directory: Path) -> Signer:
    """Return an authority of our own, made in a directory, with its key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    own(directory, names=NAMES, addresses=ADDRESSES)
    data = (directory / "authority.pem").read_bytes()
    key = load_pem_private_key(data, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(data), key


def make_brought(
    directory: Path,
    *,
    days: int = 90,
    names: tuple[str, ...] = ("chat.example",),
    password: bytes | None = None,
    authority: Signer | None = None,
) -> None:
    """Write cert.pem and key.pem, signed by themselves or by an authority, which stands last."""
    directory.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    issuer, signer = (subject, key) if authority is None else (authority[0].subject, authority[1])
    now = datetime.now(UTC)
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    from_ = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(alternatives, critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(from_, critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    if authority is not None:
        pem += authority[0].public_bytes(Encoding.PEM)
    hidden = NoEncryption() if password is None else BestAvailableEncryption(password)
    (directory / "cert.pem").write_bytes(pem)
    (directory / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)
    )


def test_what_is_brought_is_known_by_the_last_of_its_chain_if_that_signed_itself_and_the_first(
    tmp_path: Path,
) -> None:
    authority = authority_of(tmp_path / "own")
    make_brought(tmp_path, authority=authority)
    presented = brought(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert presented.words == fingerprint([authority[0]])
    assert (presented.authority, presented.host) == (None, "chat.example")
    # By itself otherwise: an authority beside it that has nothing to do with it counts for nothing.
    make_brought(tmp_path)
    alone = brought(tmp_path / "cert.pem", tmp_path / "key.pem").words
    with (tmp_path / "cert.pem").open("ab") as file:
        file.write(authority[0].public_bytes(Encoding.PEM))
    assert brought(tmp_path / "cert.pem", tmp_path / "key.pem").words == alone
    assert alone != presented.words


BAD = {
    "missing": "tls.missing",
    "missing key": "tls.missing",
    "no certificate": "tls.unreadable",
    "no key": "tls.key",
    "password": "tls.key",
    "mismatched": "tls.mismatch",
    "expired": "tls.expired",
}


def spoil(directory: Path, how: str) -> None:
    """Make a pair of files that is of no use."""
    make_brought(directory, days=-1 if how == "expired" else 90)
    if how == "password":
        make_brought(directory, password=b"secret")
    elif how == "mismatched":
        key = (directory / "key.pem").read_bytes()
        make_brought(directory)
        (directory / "key.pem").write_bytes(key)
    elif how.startswith("missing"):
        (directory / ("key.pem" if "key" in how else "cert.pem")).unlink()
    elif how.startswith("no "):
        (directory / ("key.pem" if "key" in how else "cert.pem")).write_bytes(b"nothing\n")


@pytest.mark.parametrize("how", BAD)
def test_what_cannot_be_used_is_refused_and_said(
    tmp_path: Path, new_server: Callable[..., Server], how: str
) -> None:
    spoil(tmp_path, how)
    with pytest.raises(CertificateRefused) as refused:
        brought(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert refused.value.reason == BAD[how]
    server = new_server("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    with pytest.raises(AssertionError, match="did not start"):
        server.start()
    assert server.process is not None and server.process.wait(TIMEOUT_SECONDS) == 1
    (line,) = server.errors().splitlines()
    assert str(tmp_path) in line and "Traceback" not in line


# -- While it runs ------------------------------------------------------------------------------


def shown(server: Server) -> bytes:
    """Return the certificate that the server shows to a new connection (DER)."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as plain,
        client.wrap_socket(plain) as encrypted,
    ):
        certificate = encrypted.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


@contextlib.contextmanager
def talking(server: Server) -> Iterator[Callable[[], None]]:
    """Have an encrypted connection, and yield what sees that it is alive."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as plain,
        client.wrap_socket(plain) as encrypted,
        encrypted.makefile("rb") as lines,
    ):

        def alive() -> None:
            encrypted.sendall(b'{"action":"ping"}\n')
            assert json.loads(lines.readline())["action"] == "pong"

        alive()
        yield alive


def test_what_is_brought_anew_is_shown_after_a_reload_and_drops_nobody(
    tmp_path: Path, new_server: Callable[..., Server]
) -> None:
    make_brought(tmp_path)
    files = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    server = new_server(*files).start()
    before = shown(server)
    assert any(fingerprint([x509.load_der_x509_certificate(before)]) in x for x in server.said)
    with talking(server) as alive, server.enter("plain") as plain:
        make_brought(tmp_path)
        server.reload()
        server.see("read again")
        after = shown(server)
        assert after != before and after == chain(tmp_path / "cert.pem")[0].public_bytes(
            Encoding.DER
        )
        alive()
        plain.fence()
        # What cannot be used does not take the place of what can.
        for how in BAD:
            make_brought(tmp_path)
            spoil(tmp_path, how)
            server.reload()
            server.see("stays in use")
            server.see("read again")
            assert shown(server) == after
        alive()
        plain.fence()
    assert server.stop() == 0
    assert server.errors() == ""


def test_a_certificate_that_ends_soon_is_replaced_by_the_same_authority(
    tmp_path: Path, new_server: Callable[..., Server]
) -> None:
    server = new_server("--lan", "--host", "127.0.0.1").start()
    tls = server.data / "tls"
    authority = (tls / "authority.pem").read_bytes()
    first = shown(server)
    with talking(server) as alive:
        # As if almost a year had passed since.
        (tls / "server.pem").unlink()
        then = datetime.now(UTC) - timedelta(days=SERVER_DAYS - RENEW_DAYS + 2)
        server_pem = own_in_the_past(tls, then)
        assert server_pem == shown_chain(tls)[0]
        server.reload()
        server.see("read again")
        renewed = shown(server)
        assert renewed not in (first, server_pem)
        alive()
    assert (tls / "authority.pem").read_bytes() == authority
    assert server.stop() == 0
    own_in_the_past(tls, then)
    server.start()
    assert shown(server) not in (first, server_pem, renewed)
    assert (tls / "authority.pem").read_bytes() == authority


def own_in_the_past(tls: Path, then: datetime) -> bytes:
    """Have the authority vouch for everything it did, at another time; return it (DER)."""
    (tls / "server.pem").unlink(missing_ok=True)
    host = lan.host_name()
    names = (host, f"{host}.local", "localhost")
    own(tls, names=names, addresses=("127.0.0.1", "::1", *lan.addresses()), now=then)
    return shown_chain(tls)[0]


def shown_chain(tls: Path) -> list[bytes]:
    return [one.public_bytes(Encoding.DER) for one in chain(tls / "server.pem")]
