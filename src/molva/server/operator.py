"""The operator's pass: how who holds the machine comes to the server that runs on it.

Owns the file `operator.json` in the data directory: where the server listens, what others are to be
told of that, and the token that the hub lets the operator in by. Refuses to know what is asked
then.

Invariants: the file is its owner's alone (0600) from the moment it has a name; its token is of this
one run, so that a file which is left behind opens nothing. Who can read the data directory holds
the server: it has the database as well.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from molva.server.secret import write_secret

FILE = "operator.json"
FILE_BYTES_MAX = 64 * 1024


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file."""

    host: str
    """Where this machine itself reaches the server."""
    port: int
    pid: int
    token: str
    """What opens the door, for one run of the server."""
    listens: str
    """The host that the server was told to listen on."""
    secure: bool = False
    """Whether a browser trusts the server: its certificate is of an authority that others know."""
    name: str | None = None
    """The name of that certificate."""
    words: str | None = None
    """The fingerprint; None without TLS."""
    namespace: str | None = None
    """Among which processes `pid` is its number, where a system keeps several such sets."""
    join_code: str | None = None
    """The join code in its plain form; None where none is asked for."""


def namespace() -> str | None:
    """Return among which processes the numbers that we know are valid; None where all are one."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def show(data: Path, shown: Pass) -> None:
    """Put the pass into a data directory, in the place of an earlier one. Raises OSError."""
    write_secret(data / FILE, msgspec.json.encode(shown) + b"\n")


def read(data: Path) -> Pass | None:
    """Return the pass of a data directory; None where there is none, or nothing that is one.

    Raises OSError where it may not be read.
    """
    try:
        with (data / FILE).open("rb") as file:
            return msgspec.json.decode(file.read(FILE_BYTES_MAX), type=Pass)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def remove(data: Path) -> None:
    """Take the pass away: nobody is let in by it any more."""
    with suppress(OSError):
        (data / FILE).unlink()
