"""Secret: a file for its owner's eyes alone.

Owns how one is written: readable by nobody else from its first byte, there whole or as it was, and
on the disk when the call returns. Refuses to know what is in it.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_secret(file: Path, data: bytes) -> None:
    """Put data into a file, in the place of what was there. Raises OSError."""
    beside = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, file)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
