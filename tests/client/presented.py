"""What tests of trust share: authorities that sign, and a server that shows what it is told to.

The server speaks TLS, or plain, or breaks off; it is a real one, on a free port of this machine,
and notes what was said to it.
"""

import contextlib
import ipaddress
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "0.0.0.0"
"""A client that connects there comes to this machine, and does not know by the name that it does:
it encrypts as it would over a network."""

HANG_SECONDS = 20.0
"""Only ends a test that would otherwise hang."""

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """Return a key."""
    return ec.generate_private_key(ec.SECP256R1())


def sign(
    key: Key,
    name: str,
    *,
    by: "tuple[x509.Certificate, Key] | None" = None,
    authority: bool = False,
    host: str = HOST,
    days: tuple[float, float] = (-1, 30),
) -> x509.Certificate:
    """Return a certificate for a key, its own unless signed `by` another."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        made = made.add_extension(names, critical=False)
    return made.sign(key if by is None else by[1], hashes.SHA256())


class Authority:
    """An authority with a key of its own."""

    def __init__(self, name: str = "authority") -> None:
        self.key = new_key()
        self.certificate = sign(self.key, name, authority=True)

    def issue(self, **more: Any) -> tuple[Key, list[x509.Certificate]]:
        """Return a new key and the chain for it: a certificate and the authority's own."""
        key = new_key()
        leaf = sign(key, "server", by=(self.certificate, self.key), **more)
        return key, [leaf, self.certificate]


def der(chain: list[x509.Certificate]) -> list[bytes]:
    """Return a chain as it goes over the wire."""
    return [certificate.public_bytes(Encoding.DER) for certificate in chain]


def shown(directory: Path, key: Key, chain: list[x509.Certificate]) -> ssl.SSLContext:
    """Return what has a server show a chain."""
    file = directory / f"{chain[0].serial_number:x}.pem"
    pem = [certificate.public_bytes(Encoding.PEM) for certificate in chain]
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(b"".join([secret, *pem]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


Manner = Callable[["Host", socket.socket], None]


class Host:
    """A server. `manner` is how it treats the next connection, and may be changed at any time."""

    def __init__(self, manner: Manner, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.manner = manner
        self.heard: list[dict[str, Any]] = []
        """What it was told, in clear or under TLS."""
        self.met = 0
        self._listening = socket.create_server(address)
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for line in list(self._open):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(HANG_SECONDS)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self.met += 1
            line.settimeout(HANG_SECONDS)
            self._open.add(line)
            thread = threading.Thread(target=self._treat, args=(line,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _treat(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.manner(self, line)
        self._open.discard(line)
        line.close()

    def talk(self, line: socket.socket) -> None:
        """Let somebody in, and store whatever they write."""
        with line.makefile("rb") as lines:
            for number, said in enumerate(lines, start=1):
                action = json.loads(said)
                self.heard.append(action)
                match action["action"]:
                    case "registration":
                        answer: dict[str, Any] = {
                            "result": "successful",
                            "name": action["name"],
                            "token": "t" * 43,
                            "features": ["echo", "ping"],
                            "conversations": [{"room": "#general", "head": 0, "cursor": 0}],
                        }
                    case "ping":
                        answer = {"action": "pong", "id": action["id"]}
                    case "quit":
                        return
                    case _:
                        answer = {"action": "stored", "id": action["id"], "seq": number}
                        answer["room"] = "#general"
                line.sendall(json.dumps(answer).encode() + b"\n")


def encrypted(context: ssl.SSLContext) -> Manner:
    """Speak TLS and nothing else."""

    def treat(host: Host, line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as inner:
            host.talk(inner)

    return treat


def plain(host: Host, line: socket.socket) -> None:
    """Speak without TLS; what begins otherwise is refused in one line, as an old server would."""
    first = line.recv(65536, socket.MSG_PEEK)
    if first.startswith(b"{"):
        host.talk(line)
        return
    line.recv(65536)
    line.sendall(b'{"action":"error","code":"bad_protocol","text":"?"}\n')
    line.shutdown(socket.SHUT_WR)
    line.recv(65536)


def resets(host: Host, line: socket.socket) -> None:
    """Break off as soon as something was said."""
    line.recv(1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def saying(answer: bytes) -> Manner:
    """Answer with some bytes, whatever was said."""

    def treat(host: Host, line: socket.socket) -> None:
        line.recv(65536)
        line.sendall(answer)
        line.shutdown(socket.SHUT_WR)
        while line.recv(65536):
            pass

    return treat
