"""Credentials: by what this device comes back, for each server and name.

Owns one file in the person's state directory: device tokens and the name used last at each server.
Refuses to know passwords, which are never kept, and the network.

Invariants: the file is readable by its owner alone from its first byte; it is replaced as a whole,
so that a crash leaves the old or the new; two programs that write at once take turns. A file that
cannot be read counts as empty: its loss costs a registration, not a message.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

try:
    import fcntl
except ImportError:  # Windows: the last to write wins.
    fcntl = None  # type: ignore[assignment]

SERVERS_MAX: Final = 1_000
NAMES_MAX: Final = 100
"""Names kept for one server; the one not used longest goes first."""


class StateFile:
    """A small file of this person's, readable by its owner alone and replaced as a whole."""

    def __init__(self, name: str, directory: Path | None = None) -> None:
        """Use `name` in `directory`, or in the person's state directory; nothing is made yet."""
        self.directory = directory or Path(platformdirs.user_state_dir("molva", appauthor=False))
        self.path = self.directory / f"{name}.json"

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Have others who would change it wait meanwhile. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def replace(self, data: bytes) -> None:
        """Put new contents in place of the old; within a `turn`. Raises OSError."""
        fresh = self.path.with_suffix(".json.new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()  # Left by a crash, and perhaps with other permissions.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        os.replace(fresh, self.path)


class _Server(msgspec.Struct):
    last_name: str | None = None
    tokens: dict[str, str] = {}
    """By name in lower case; the one used last stands last."""


class _File(msgspec.Struct):
    servers: dict[str, _Server] = {}
    """By `host:port`."""


class Credentials:
    """The tokens of this person's devices."""

    def __init__(self, directory: Path | None = None) -> None:
        """Use the file in `directory`, or in the person's state directory."""
        self._file = StateFile("devices", directory)

    def last_name(self, host: str, port: int) -> str | None:
        """Return the name used last at a server."""
        server = self._read().servers.get(server_key(host, port))
        return server.last_name if server is not None else None

    def token(self, host: str, port: int, name: str) -> str | None:
        """Return the token under which this device is known by a name at a server."""
        server = self._read().servers.get(server_key(host, port))
        return server.tokens.get(name.lower()) if server is not None else None

    def keep(self, host: str, port: int, name: str, token: str | None) -> None:
        """Remember the name as the last one used and, if there is a new one, its token.

        Raises OSError when it cannot be kept.
        """
        with self._changed() as file:
            server = file.servers.pop(server_key(host, port), None) or _Server()
            file.servers[server_key(host, port)] = server
            server.last_name = name
            kept = server.tokens.pop(name.lower(), None)
            if token or kept:
                server.tokens[name.lower()] = token or kept or ""
            while len(server.tokens) > NAMES_MAX:
                del server.tokens[next(iter(server.tokens))]
            while len(file.servers) > SERVERS_MAX:
                del file.servers[next(iter(file.servers))]

    def forget(self, host: str, port: int, name: str) -> None:
        """Let go of a token that the server does not know any more. Raises OSError."""
        with self._changed() as file:
            server = file.servers.get(server_key(host, port))
            if server is not None:
                server.tokens.pop(name.lower(), None)

    def outbox_path(self, host: str, port: int, name: str) -> Path:
        """Return where the outbox of a name at a server is kept; each has one of its own."""
        # A hash, because a name may hold what a file system does not, or be too long for it.
        digest = hashlib.sha256(f"{server_key(host, port)}\0{name.lower()}".encode()).hexdigest()
        return self._file.directory / "outbox" / f"{digest[:32]}.jsonl"

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._file.path.read_bytes(), type=_File)
        except (OSError, ValueError, RecursionError):
            return _File()

    @contextlib.contextmanager
    def _changed(self) -> Iterator[_File]:
        """Give the contents to be changed, and put them in place; others wait meanwhile."""
        with self._file.turn():
            file = self._read()
            yield file
            self._file.replace(msgspec.json.format(msgspec.json.encode(file), indent=1))


def server_key(host: str, port: int) -> str:
    """Return under what a server is kept: `host:port`, the host in lower case."""
    return f"{host.lower()}:{port}"
