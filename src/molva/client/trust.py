"""Trust: by what a server is known again, and whether this one is it.

Owns one file in the person's state directory, what each server's certificate was known by, and the
judgement of what a server shows in a TLS handshake. Refuses to know sockets, and how it is said.

A server that the system's authorities vouch for under its name needs nothing kept but that they
did. Any other is known by its pin: the SHA-256 of a public key (SubjectPublicKeyInfo, RFC 7469
section 2.4), that of its own authority where it has one, so that its certificate may be renewed.
The first contact is trusted and said (RFC 7435 calls it leap of faith); a change never is.

Invariants: a server that was known by TLS is never spoken to without; a pin is replaced only by
`Pins.replace` or by the system's authorities; a file that is there and cannot be read is no reason
to trust anybody.
"""

import contextlib
import ipaddress
import re
import ssl
from datetime import UTC, datetime
from enum import Enum, StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from molva.client.credentials import StateFile, server_key
from molva.terms.proquint import proquint

WORDS_BYTES: Final = 10
"""Bytes of a pin that are shown as words: two keys that agree in 80 bits are not found."""

_WORDS: Final = re.compile(r"[bdfghjklmnprstvz][aiou]" * 2 + r"[bdfghjklmnprstvz]")
_DER: Final = 2
"""`_ssl.ENCODING_DER`."""


class Encryption(Enum):
    """Whether the line is encrypted."""

    AUTO = "auto"
    """If the server can; to this machine itself only where the server is known by it."""
    ALWAYS = "always"
    NEVER = "never"


class Problem(StrEnum):
    """Why a server is not spoken to."""

    CHANGED = "changed"
    """It is not known by what it shows now."""
    OTHER = "other"
    """It does not show the words that the person gave."""
    ADVERTISED = "advertised"
    """It does not show the words that were announced on the network."""
    PLAIN = "plain"
    """It speaks no TLS, and must."""
    NO_TLS = "no_tls"
    """It is known by TLS, and the person asks for a line without."""
    EXPIRED = "expired"
    """Its certificate is out of its dates."""
    UNREADABLE = "unreadable"
    """What it shows is no certificate that can be read."""
    FILE = "file"
    """The file of the pins cannot be read."""


class Distrusted(Exception):
    """This server is not to be spoken to. `shown`, `known`: the words of either, or empty."""

    def __init__(self, problem: Problem, *, shown: str = "", known: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.shown = shown
        self.known = known


class Ground(Enum):
    """Why a server is spoken to."""

    KNOWN = "known"
    FIRST = "first"
    """It was never met before, and is known from now on."""
    AUTHORITIES = "authorities"
    """The system's authorities vouch for it."""
    UNENCRYPTED = "unencrypted"
    """It speaks no TLS, was never known to, and nobody asked for it."""


class Assurance(msgspec.Struct, frozen=True):
    """What is known of the server at the other end."""

    ground: Ground
    words: str = ""
    """By which it can be compared; empty where that is not needed or not possible."""
    error: str | None = None
    """Why it could not be kept, where it could not."""


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """By what a server is known."""

    pin: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    """In hexadecimal; None: by the system's authorities."""

    @property
    def words(self) -> str:
        """Its words; empty without a pin."""
        return "" if self.pin is None else words_of(bytes.fromhex(self.pin))


class _File(msgspec.Struct):
    servers: dict[str, Known] = {}
    """By `host:port`."""


class Pins:
    """The servers this person knows."""

    def __init__(self, directory: Path | None = None) -> None:
        """Use the file in `directory`, or in the person's state directory."""
        self._file = StateFile("servers", directory)

    def all(self) -> dict[str, Known]:
        """Return what is known, by `host:port`. Raises Distrusted when the file cannot be read."""
        return self._read().servers

    def get(self, host: str, port: int) -> Known | None:
        """Return by what a server is known, or None. Raises Distrusted, see `all`."""
        return self._read().servers.get(server_key(host, port))

    def keep(self, host: str, port: int, known: Known) -> None:
        """Keep a first contact. Raises Distrusted when another window met another; OSError."""
        with self._file.turn():
            file = self._read()
            met = file.servers.setdefault(server_key(host, port), known)
            if met != known:
                raise Distrusted(Problem.CHANGED, shown=known.words, known=met.words)
            self._write(file)

    def replace(self, host: str, port: int, known: Known) -> None:
        """Know a server by something else from now on. Raises Distrusted, OSError."""
        with self._file.turn():
            file = self._read()
            file.servers[server_key(host, port)] = known
            self._write(file)

    def forget(self, host: str, port: int) -> bool:
        """Know a server no more; return whether it was known. Raises Distrusted, OSError."""
        with self._file.turn():
            file = self._read()
            if file.servers.pop(server_key(host, port), None) is None:
                return False
            self._write(file)
            return True

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._file.path.read_bytes(), type=_File)
        except (FileNotFoundError, NotADirectoryError):
            return _File()
        except (OSError, ValueError, RecursionError):
            # Taking it for empty would trust whoever answers next.
            raise Distrusted(Problem.FILE, known=str(self._file.path)) from None

    def _write(self, file: _File) -> None:
        self._file.replace(msgspec.json.format(msgspec.json.encode(file), indent=1))


class Trust:
    """One server, and what it takes to be taken for it."""

    def __init__(
        self,
        pins: Pins,
        host: str,
        port: int,
        *,
        encryption: Encryption = Encryption.AUTO,
        expected: str | None = None,
        advertised: str | None = None,
    ) -> None:
        """`expected`: the words that the person was given, no others will do. `advertised`: the
        words announced on the network; they only make a first contact fail. Both as `plain_words`
        returns them.
        """
        self._pins = pins
        self._host = host
        self._port = port
        self._encryption = encryption
        self._expected = expected
        self._advertised = advertised
        self._met: Known | None = None
        """For this sitting, where it cannot be kept."""

    def encrypts(self) -> bool:
        """Say whether the line begins with TLS. Raises Distrusted where it may not be made."""
        known = self.known()
        if self._encryption is Encryption.NEVER:
            if known is not None or self._expected is not None:
                raise Distrusted(Problem.NO_TLS)
            return False
        return (
            self._encryption is Encryption.ALWAYS
            or known is not None
            or self._expected is not None
            or not is_loopback(self._host)
        )

    def known(self) -> Known | None:
        """Return by what the server is known. Raises Distrusted when that cannot be read."""
        try:
            return self._pins.get(self._host, self._port) or self._met
        except Distrusted:
            if self._encryption is not Encryption.ALWAYS and is_loopback(self._host):
                return None  # A line within this machine does not hang on that file.
            raise

    def unencrypted(self) -> Assurance | None:
        """Return what to say of a line without TLS, None within this machine.

        Raises Distrusted where there must not be one.
        """
        if (
            self._encryption is Encryption.ALWAYS
            or self._expected is not None
            or self.known() is not None
        ):
            known = self.known()
            raise Distrusted(Problem.PLAIN, known="" if known is None else known.words)
        return None if is_loopback(self._host) else Assurance(Ground.UNENCRYPTED)

    def vouched(self, chain: list[bytes]) -> Assurance:
        """Take a server that the system's authorities vouch for under its name.

        Raises Distrusted where the person gave other words.
        """
        if self._expected is not None:
            shown = words_of(pin_of(chain))
            if shown != self._expected:
                raise Distrusted(Problem.OTHER, shown=shown, known=self._expected)
        known = Known()
        if self.known() == known:
            return Assurance(Ground.AUTHORITIES)
        self._met = known
        try:
            self._pins.replace(self._host, self._port, known)
        except OSError as error:
            return Assurance(Ground.AUTHORITIES, error=error.strerror or str(error))
        return Assurance(Ground.AUTHORITIES)

    def judge(self, chain: list[bytes]) -> Assurance:
        """Take a server by its pin, or refuse it by raising Distrusted.

        `chain`: what it showed (DER), its own certificate first.
        """
        pin = pin_of(chain)
        shown = Known(pin.hex())
        if self._expected is not None and shown.words != self._expected:
            raise Distrusted(Problem.OTHER, shown=shown.words, known=self._expected)
        known = self.known()
        if known == shown:
            return Assurance(Ground.KNOWN, shown.words)
        if known is not None:
            raise Distrusted(Problem.CHANGED, shown=shown.words, known=known.words)
        if self._advertised is not None and shown.words != self._advertised:
            raise Distrusted(Problem.ADVERTISED, shown=shown.words, known=self._advertised)
        self._met = shown
        try:
            self._pins.keep(self._host, self._port, shown)
        except OSError as error:
            return Assurance(Ground.FIRST, shown.words, error.strerror or str(error))
        return Assurance(Ground.FIRST, shown.words)


# -- What is said of it -------------------------------------------------------------------------


def assurance_phrases(assurance: Assurance, server: str) -> list[tuple[str, dict[str, object]]]:
    """Return what a person must hear of the other end: keys of the catalogue with their values."""
    phrases: list[tuple[str, dict[str, object]]] = []
    if assurance.ground is Ground.FIRST:
        phrases.append(("chat.trust.first", {"server": server, "words": assurance.words}))
        phrases.append(("chat.trust.first_compare", {}))
    elif assurance.ground is Ground.UNENCRYPTED:
        phrases.append(("chat.trust.unencrypted", {"server": server}))
    if assurance.error is not None:
        phrases.append(("chat.trust.not_kept", {"error": assurance.error}))
    return phrases


def distrust_phrases(refused: Distrusted, server: str) -> list[tuple[str, dict[str, object]]]:
    """Return what a person must hear of a server that is not spoken to, as `assurance_phrases`."""
    values: dict[str, object] = {"server": server, "shown": refused.shown, "known": refused.known}
    keys = [refused.problem.value]
    if refused.problem is Problem.CHANGED:
        words = "changed_words" if refused.known else "changed_authorities"
        keys += [words, "changed_means", "changed_do"]
    elif refused.problem is Problem.PLAIN:
        keys.append("changed_means")
    return [(f"chat.trust.{key}", values) for key in keys]


# -- What a server shows ------------------------------------------------------------------------


def authorities_context() -> ssl.SSLContext:
    """Return what has the system's authorities vouch for the name, or fails the handshake."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def open_context() -> ssl.SSLContext:
    """Return what takes any certificate whose key the server has: the judgement comes after."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def chain_of(tls: Any) -> list[bytes]:
    """Return the certificates that the server of an `ssl.SSLObject` showed (DER), its own first."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    # Before Python 3.13 it is there, and has no public name.
    return [shown.public_bytes(_DER) for shown in tls._sslobj.get_unverified_chain() or []]


def pin_of(chain: list[bytes]) -> bytes:
    """Return the pin of a chain: of the last certificate's key, if that signed the first, else of
    the first's.

    Only an authority of the server's own counts, one that signed itself too: a public one's
    intermediate vouches for everybody. Raises Distrusted for what cannot be read, and for a first
    certificate that is out of its dates.
    """
    try:
        leaf = x509.load_der_x509_certificate(chain[0])
        if not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
            raise Distrusted(Problem.EXPIRED)
        last = leaf if len(chain) == 1 else x509.load_der_x509_certificate(chain[-1])
        key = (last if _is_authority_of(last, leaf) else leaf).public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    except Distrusted:
        raise
    except Exception:
        # A stranger's bytes: the reader of certificates has many words for what it cannot read.
        raise Distrusted(Problem.UNREADABLE) from None


def _is_authority_of(last: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        constraints = last.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca:
            return False
        last.verify_directly_issued_by(last)
        leaf.verify_directly_issued_by(last)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return True


def words_of(pin: bytes) -> str:
    """Return the words by which people compare a pin."""
    return proquint(pin[:WORDS_BYTES])


def plain_words(typed: str) -> str:
    """Return words as they are compared, however they were typed; ValueError for no such words."""
    words = re.split(r"[\s-]+", typed.strip().lower())
    if len(words) != WORDS_BYTES // 2 or not all(map(_WORDS.fullmatch, words)):
        raise ValueError(typed)
    return "-".join(words)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself by its very name."""
    if host.lower().rstrip(".") == "localhost":
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback
    return False
