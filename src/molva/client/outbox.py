"""Outbox: what was written and is not acknowledged yet.

Owns the order of one's writes, the state of each, and where they are kept: in memory, or in a file
that survives a crash of the program or of the machine. Refuses to know the network, the clock and
what a person sees.

Invariants:
- when `put` has returned, the write is kept: only then may it be sent;
- writes are pending in the order they were put, whatever happened to the program between;
- an id is put once; a write leaves by `settle` (it is stored) or by `refuse` and `forget`;
- a torn last line of the file is what a crash leaves of a `put` that never returned: it is ignored.

Losing a `settle` in a crash is harmless: the write is sent again under its old id, and the server
answers that it knows it.
"""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec

from molva.terms import actions

try:
    import fcntl
except ImportError:  # Windows: see `_lock`.
    fcntl = None  # type: ignore[assignment]

WRITES_MAX: Final = 10_000
"""Writes an outbox keeps: a person never gets there, a program that never looks does."""

COMPACT_LINES_MIN: Final = 256
"""Below this many lines a file is not worth rewriting."""

AnyWrite = (
    actions.NewMessage
    | actions.NewWhisper
    | actions.Create
    | actions.Join
    | actions.Leave
    | actions.Topic
)
"""The actions that become an entry, and so must neither be lost nor happen twice."""


class WriteState(StrEnum):
    """How far a write has come."""

    WAITING = "waiting"
    """Kept, and not sent on any connection yet."""
    SENT = "sent"
    """Sent at least once; whether it is stored is not known."""
    STORED = "stored"
    """In the log; it has left the outbox."""
    REFUSED = "refused"
    """The server will not have it; kept for the person's eyes until forgotten."""


class Write(msgspec.Struct, frozen=True, gc=False):
    """A write and how far it has come. `action.id` is never None."""

    action: AnyWrite
    state: WriteState
    code: str | None = None
    """Why it was refused."""


class OutboxFull(Exception):
    """There are WRITES_MAX writes waiting already; nothing was put."""


class OutboxLocked(Exception):
    """Another program has this file open; nothing was read or written."""


class Outbox(Protocol):
    """Where a mirror keeps what is not acknowledged yet."""

    def put(self, action: AnyWrite) -> None:
        """Keep a write, as the last one; it is durable when this returns.

        Raises ValueError for a write without an id or with one that is known, OutboxFull, and
        OSError when it cannot be kept: then it must not be sent.
        """
        ...

    def mark_sent(self, id: str) -> None:
        """Note that a write was sent; unknown ids are ignored."""
        ...

    def settle(self, id: str) -> bool:
        """Let go of a write that is stored; say whether it was there and pending."""
        ...

    def refuse(self, id: str, code: str | None) -> bool:
        """Note that a pending write is refused for good; say whether it was there."""
        ...

    def forget(self, id: str) -> None:
        """Let go of a write that was refused, or that nobody wants to send any more."""
        ...

    def redirect(self, id: str, action: AnyWrite) -> None:
        """Have a pending write say this from now on, in its place and under its id."""
        ...

    def pending(self) -> list[Write]:
        """Return the writes waiting or sent, in the order they were put."""
        ...

    def refused(self) -> list[Write]:
        """Return the writes refused and not forgotten, in the order they were put."""
        ...

    def is_pending(self, id: str) -> bool:
        """Say whether a write is waiting or sent."""
        ...


class MemoryOutbox:
    """An outbox that ends with the program: for programs, simulations and a second client."""

    def __init__(self) -> None:
        self._writes: dict[str, Write] = {}

    def put(self, action: AnyWrite) -> None:
        """Keep a write in memory; see `Outbox.put`."""
        id = self._check(action)
        self._writes[id] = Write(action, WriteState.WAITING)

    def mark_sent(self, id: str) -> None:
        """See `Outbox.mark_sent`."""
        write = self._writes.get(id)
        if write is not None and write.state is WriteState.WAITING:
            self._writes[id] = Write(write.action, WriteState.SENT)

    def settle(self, id: str) -> bool:
        """See `Outbox.settle`."""
        if not self.is_pending(id):
            return False
        del self._writes[id]
        return True

    def refuse(self, id: str, code: str | None) -> bool:
        """See `Outbox.refuse`."""
        if not self.is_pending(id):
            return False
        self._writes[id] = Write(self._writes[id].action, WriteState.REFUSED, code)
        return True

    def forget(self, id: str) -> None:
        """See `Outbox.forget`."""
        self._writes.pop(id, None)

    def redirect(self, id: str, action: AnyWrite) -> None:
        """See `Outbox.redirect`."""
        write = self._writes.get(id)
        if write is not None and write.state is not WriteState.REFUSED and action.id == id:
            self._writes[id] = Write(action, write.state)

    def pending(self) -> list[Write]:
        """See `Outbox.pending`."""
        return [write for write in self._writes.values() if write.state is not WriteState.REFUSED]

    def refused(self) -> list[Write]:
        """See `Outbox.refused`."""
        return [write for write in self._writes.values() if write.state is WriteState.REFUSED]

    def is_pending(self, id: str) -> bool:
        """See `Outbox.is_pending`."""
        write = self._writes.get(id)
        return write is not None and write.state is not WriteState.REFUSED

    def _check(self, action: AnyWrite) -> str:
        if action.id is None or action.id in self._writes:
            raise ValueError("a write needs an id of its own")
        if len(self._writes) >= WRITES_MAX:
            raise OutboxFull
        return action.id


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file: a write that was put, or a further state of one that was put before."""

    id: str
    state: WriteState
    action: AnyWrite | None = None
    code: str | None = None


class FileOutbox(MemoryOutbox):
    """An outbox in a file of JSON lines, which one program at a time may have open.

    A line is appended for each change; `put` syncs it. When most lines speak of writes that have
    left, the file is written anew beside itself and renamed over, so that at every instant the
    name leads to a complete file. When nothing is left it is emptied.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`, readable by its owner alone, and lock it.

        Raises OutboxLocked when another program has it, OSError when it cannot be opened.
        """
        super().__init__()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The lock is on a file of its own, which is never renamed: a lock on the data would stay
        # with the old file when a compaction puts a new one in its place.
        self._lock_file = os.open(
            path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600
        )
        self._file = -1
        try:
            _lock(self._lock_file)
            self._encoder = msgspec.json.Encoder()
            self._lines = 0
            whole = self._load()
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if not whole:
                # What a crash left of a line would swallow the next one.
                self._compact()
            _sync_directory(path.parent)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file and its lock; what is pending stays for the next program."""
        for descriptor in (self._file, self._lock_file):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock_file = -1

    def put(self, action: AnyWrite) -> None:
        """Keep a write on disk; see `Outbox.put`."""
        id = self._check(action)
        self._append(_Line(id, WriteState.WAITING, action), sync=True)
        super().put(action)

    def mark_sent(self, id: str) -> None:
        """See `Outbox.mark_sent`; not synced, as a second sending does no harm."""
        write = self._writes.get(id)
        if write is not None and write.state is WriteState.WAITING:
            super().mark_sent(id)
            self._note(_Line(id, WriteState.SENT))

    def settle(self, id: str) -> bool:
        """See `Outbox.settle`; not synced, as a second sending does no harm."""
        if not super().settle(id):
            return False
        self._note(_Line(id, WriteState.STORED))
        self._compact_if_worthwhile()
        return True

    def refuse(self, id: str, code: str | None) -> bool:
        """See `Outbox.refuse`; not synced, as a second refusal does no harm."""
        if not super().refuse(id, code):
            return False
        self._note(_Line(id, WriteState.REFUSED, code=code))
        return True

    def forget(self, id: str) -> None:
        """See `Outbox.forget`."""
        if id in self._writes:
            super().forget(id)
            self._note(_Line(id, WriteState.STORED))
            self._compact_if_worthwhile()

    def redirect(self, id: str, action: AnyWrite) -> None:
        """See `Outbox.redirect`; not synced: what a crash leaves is refused, with its text."""
        super().redirect(id, action)
        write = self._writes.get(id)
        if write is not None and write.action is action:
            self._note(_Line(id, write.state, action))

    def _load(self) -> bool:
        """Read the file; say whether its last line is whole."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return True
        decoder = msgspec.json.Decoder(_Line)
        for text in data.split(b"\n"):
            if not text:
                continue
            self._lines += 1
            try:
                line = decoder.decode(text)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                # Torn by a crash, or written by a newer program. What it said is lost either way;
                # the lines beside it are not.
                continue
            self._replay(line)
        return not data or data.endswith(b"\n")

    def _replay(self, line: _Line) -> None:
        if line.action is not None and line.action.id == line.id:
            self._writes[line.id] = Write(line.action, line.state, line.code)
        elif line.state is WriteState.STORED:
            self._writes.pop(line.id, None)
        elif (write := self._writes.get(line.id)) is not None:
            self._writes[line.id] = Write(write.action, line.state, line.code)

    def _append(self, line: _Line, *, sync: bool) -> None:
        data = self._encoder.encode(line) + b"\n"
        start = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("the disk took a part of a line")
            if sync:
                os.fsync(self._file)
        except OSError:
            # Half a line would swallow the next, and a whole one would be sent after a restart
            # although the caller was told that it is not kept.
            os.ftruncate(self._file, start)
            raise
        self._lines += 1

    def _note(self, line: _Line) -> None:
        """Append a line whose loss does no harm, so that a full disk stops nothing."""
        try:
            self._append(line, sync=False)
        except OSError:
            return

    def _compact_if_worthwhile(self) -> None:
        try:
            if not self._writes:
                # The usual case. What was said does not lie about longer than it must.
                os.ftruncate(self._file, 0)
                self._lines = 0
            elif self._lines >= COMPACT_LINES_MIN and self._lines >= 4 * len(self._writes):
                self._compact()
        except OSError:
            return  # The old file is as good as before, only longer.

    def _compact(self) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            for data in self._lines_anew():
                if os.write(descriptor, data) != len(data):
                    raise OSError("the disk took a part of a line")
            os.fsync(descriptor)
            os.replace(fresh, self._path)
        except BaseException:
            os.close(descriptor)
            raise
        # From here on the old file has no name: nothing may be written to it.
        os.close(self._file)
        self._file = descriptor
        self._lines = len(self._writes)
        _sync_directory(self._path.parent)

    def _lines_anew(self) -> Iterator[bytes]:
        for id, write in self._writes.items():
            line = _Line(id, write.state, write.action, write.code)
            yield self._encoder.encode(line) + b"\n"


def _lock(descriptor: int) -> None:
    """Lock an open file for this process; it is let go when the file is closed.

    Where the platform has no `flock` nothing is locked, and two programs may send the same write:
    under one id, which the server stores once.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise OutboxLocked from error


def _sync_directory(path: Path) -> None:
    """Make a rename within a directory survive a power cut, where the platform can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
