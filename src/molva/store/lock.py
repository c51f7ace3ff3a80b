"""A lock: one server for one file.

Owns `<path>.lock` while it is held. Refuses to know what the file holds.

Invariant: whoever holds it is alive, because the kernel lets go of it when a process ends in
whichever way. The file itself stays: to remove it would let two servers lock two files.
"""

import os
import sys
from pathlib import Path

from molva.terms.ports import StoreRefused

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Lock:
    """Held from its making until `release`.

    Raises StoreRefused (`locked`, with the path and the pid of the holder, empty where it cannot be
    read) and OSError.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _held(self._file):
                pid = os.read(self._file, 20).decode(errors="replace")
                raise StoreRefused("locked", path=str(path), pid=pid)
            os.truncate(self._file, 0)
            os.write(self._file, str(os.getpid()).encode())
        except BaseException:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let another take the lock. Called once."""
        os.close(self._file)


def _held(file: int) -> bool:
    """Lock an open file for this process and say whether that succeeded."""
    try:
        if sys.platform == "win32":
            # A byte far behind the pid, because nobody else may read what is locked there.
            os.lseek(file, 1 << 20, os.SEEK_SET)
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
