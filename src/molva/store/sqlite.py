"""The SQLite store: the log in one file that one server owns.

Owns the file, its lock and its connections, and where each conversation ends. Refuses to know who
may write what, and clocks: time is only stored, nothing is ever sorted by it.

Invariants:
- One connection writes and checkpoints, in the thread that commits; one other only reads, behind a
  lock, in whichever thread loads. (SQLite before 3.51.3 can spoil a file that two connections write
  or checkpoint at once.)
- The heads in memory are those of the last commit that succeeded. Nothing else writes the file, so
  a seq is the head's plus one.
- After a failure that leaves a doubt about the file it is opened, checked and its heads are read
  anew before anything is written.
- A COMMIT that failed may have taken effect all the same: the file, opened anew, says which, and no
  outcome is told before. Where it cannot say, nothing is written ever again (StoreLost). Only where
  the disk was full is it taken at its word, because the file may not open before there is space; it
  is looked at then.
- What is loaded is contiguous and complete up to the head, or it is not returned.

A write that no store could hold is `Unavailable` alone, as in the memory store.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from molva.store.accounts import Trace
from molva.store.bodies import text_bytes
from molva.store.lock import Lock
from molva.store.migrations import check_version, migrate
from molva.store.transaction import COLUMNS, FAULTS, Head, Transaction, entry_of
from molva.terms.entries import Entry
from molva.terms.ids import AccountId, CommonRoom, ConversationId, Seq, direct_accounts
from molva.terms.ports import (
    Contents,
    Kind,
    Outcome,
    RetireAccount,
    Sanction,
    StoredAccount,
    StoredBlock,
    StoredConversation,
    StoredDevice,
    StoredInvitation,
    StoredInvite,
    StoredMarker,
    StoredMember,
    StoredRole,
    StoredSanction,
    StoreLost,
    StoreRefused,
    StoreUnavailable,
    Unavailable,
    Write,
)
from molva.terms.roles import Role, RoomKind

CHECK_BYTES_MAX = 64 * 1024 * 1024
"""A file up to this size is checked whole after a stop that was not clean: below a second."""

BUSY_SECONDS = 2.0
"""How long to wait for an administrator's own `sqlite3` to let go of the file."""

VERSION_MIN = (3, 37, 0)
"""The first SQLite with STRICT tables."""

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # What COMMIT has returned for outlasts the power. The two after it are for macOS alone.
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -32768",
    "PRAGMA trusted_schema = OFF",
)

# One step down the tree for each conversation, whatever the length of its log.
_HEADS = """SELECT id, number, coalesce(seq, 0), coalesce(ordinal, 0), coalesce(at, 0), closed
    FROM conversations LEFT JOIN entries ON conversation = number
    AND seq = (SELECT max(seq) FROM entries WHERE conversation = number)"""
_ASCENDING = f"""SELECT {COLUMNS} FROM entries
    WHERE conversation = ? AND seq BETWEEN ? AND ? ORDER BY seq"""
_DESCENDING = f"{_ASCENDING} DESC"
_LEDGER = f"""SELECT {COLUMNS} FROM ledger LEFT JOIN entries USING (conversation, seq)
    WHERE conversation = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"""
_ACCOUNTS = "SELECT id, shown, key, skeleton, password_hash, guest FROM accounts"
_LOST = """SELECT id FROM accounts WHERE retired = 0 AND guest = 1 AND password_hash IS NULL
    AND id NOT IN (SELECT account FROM devices)
    AND id NOT IN (SELECT account FROM sanctions JOIN conversations ON number = conversation
        WHERE conversations.id = ? AND sanction = 'ban' AND account IS NOT NULL)"""
# Markers alone may be left of a room that is closed.
_OF_OPEN = "JOIN conversations ON number = conversation WHERE closed = 0"

_NOTHING: Head = (0, 0, 0, 0)

_HARMLESS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
"""After these, unless COMMIT said them, the file is known to be as it was."""

_UNUSABLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
)
"""Said of the disk or the directory, not of what is in the file."""


class SqliteStore:
    """A `Store` in the file at `path`, which is made, with its directory, where it is not there.

    Raises StoreRefused: `locked` (path, pid), `newer` (path, version, known), `damaged` (path,
    detail), `unusable` (path, detail: the system says no), `sqlite_old` (version, needed).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Two names of one file must find one lock.
        self._path = Path(path).resolve()
        self._heads: dict[ConversationId, Head] = {}
        self._ended: dict[ConversationId, Head] = {}
        """Where closed rooms end."""
        self._reading = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._doubted = False
        self._denied: Trace | None = None
        """Of what failed on a full disk: to be looked for when the file is opened anew."""
        self._lost = False
        self._closed = False
        if sqlite3.sqlite_version_info < VERSION_MIN:
            needed = ".".join(map(str, VERSION_MIN))
            raise StoreRefused("sqlite_old", version=self.version, needed=needed)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = Lock(self._path)
            try:
                # SQLite gives the files beside it the mode of this one.
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
                self._connect()
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise StoreRefused("unusable", path=str(self._path), detail=str(error)) from error

    @property
    def version(self) -> str:
        """The version of the SQLite library, as `3.46.1`."""
        return sqlite3.sqlite_version

    def contents(self) -> Contents:
        """See `Store.contents`. Every list is sorted by its ids."""
        try:
            return self._contents()
        except (sqlite3.Error, StoreRefused, StoreLost) as error:
            # Lost or not, nothing was told to anybody yet.
            raise StoreUnavailable(str(error)) from error

    def commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """See `Store.commit`."""
        if not writes:
            return []
        try:
            writer = self._ready()
            try:
                return self._transact(writer, writes, careful=False)
            except (sqlite3.IntegrityError, *FAULTS):
                # Somebody repeats an id, or asks for what cannot be: find out who.
                return self._transact(writer, writes, careful=True)
        except (sqlite3.Error, StoreRefused, StoreUnavailable):
            return [Unavailable() for _ in writes]

    def load(
        self, conversation: ConversationId, *, after: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """See `Store.load`. The texts together stay within `bytes_max`, but for a first one."""
        head = self._end(conversation)[1]
        start = max(after, 0) + 1
        seqs = range(start, min(start + max(limit, 0), head + 1))
        return self._slice(conversation, seqs, bytes_max)

    def load_before(
        self, conversation: ConversationId, *, before: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """See `Store.load_before`; the bound on bytes drops the oldest."""
        stop = min(before - 1, self._end(conversation)[1])
        seqs = range(stop, max(stop - max(limit, 0), 0), -1)
        return self._slice(conversation, seqs, bytes_max)[::-1]

    def load_ledger(
        self, conversation: ConversationId, *, before: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """See `Store.load_ledger`; the bound on bytes is passed over."""
        number, head, _, _ = self._end(conversation)
        stop = min(before - 1, head)
        if self._closed:
            raise StoreUnavailable("closed")
        if stop < 1 or limit < 1:
            return []
        try:
            with self._reading:
                if self._reader is None:
                    raise StoreUnavailable("the file is not open")
                # No more than there are seqs.
                rows = self._reader.execute(_LEDGER, (number, stop, min(limit, stop))).fetchall()
            if any(row[1] is None for row in rows):
                raise StoreUnavailable(f"{conversation}: its ledger is not all in the file")
            return [entry_of(conversation, row) for row in reversed(rows)]
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise StoreUnavailable(f"{conversation}: {error}") from error

    def close(self) -> None:
        """See `Store.close`. The lock is let go of last."""
        if not self._closed:
            self._closed = True
            self._disconnect()
            self._lock.release()

    # -- Connections

    def _connect(self) -> None:
        """Open the file, check it and read its heads. Raises StoreRefused, with nothing open."""
        path = self._path
        try:
            # A clean stop removes the WAL.
            clean = not path.with_name(path.name + "-wal").exists()
            writer = self._writer = _open(path, "rw")
            # Before the pragmas, which write: what is not ours stays as it is.
            check_version(writer, path)
            for pragma in _WRITER_PRAGMAS:
                writer.execute(pragma)
            if writer.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                raise StoreRefused("unusable", path=str(path), detail="no WAL on this file system")
            if not clean and path.stat().st_size <= CHECK_BYTES_MAX:
                (verdict,) = writer.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != "ok":
                    raise StoreRefused("damaged", path=str(path), detail=str(verdict))
            migrate(writer, path)
            heads: dict[ConversationId, Head] = {}
            ended: dict[ConversationId, Head] = {}
            for id, number, seq, ordinal, at, closed in writer.execute(_HEADS):
                (ended if closed else heads)[id] = (number, seq, ordinal, at)
            if self._doubted:
                self._check_told(writer, heads | ended)
                self._check_denied(writer)
            reader = _open(path, "ro")
            reader.execute("PRAGMA wal_autocheckpoint = 0")
        except BaseException as error:
            self._disconnect()
            if isinstance(error, OSError):
                raise StoreRefused("unusable", path=str(path), detail=str(error)) from error
            if isinstance(error, sqlite3.Error):
                raise _refusal(error, path) from error
            raise
        with self._reading:
            self._heads = heads
            self._ended = ended
            self._reader = reader
        self._doubted = False
        self._denied = None

    def _check_told(self, writer: sqlite3.Connection, ends: dict[ConversationId, Head]) -> None:
        """Raise StoreRefused unless the file holds what was told, and durably."""
        # What failed to commit may lie in the WAL; cut off, it cannot come back after a crash.
        (busy, *_) = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        for conversation, (_, seq, _, _) in (self._heads | self._ended).items():
            if busy or ends.get(conversation, _NOTHING)[1] < seq:
                detail = f"{conversation}: {seq} is not in the file"
                raise StoreRefused("damaged", path=str(self._path), detail=detail)

    def _check_denied(self, writer: sqlite3.Connection) -> None:
        """Raise StoreLost where the file holds what was answered with Unavailable."""
        if self._denied is not None and writer.execute(*self._denied).fetchone() is not None:
            self._lost = True
            raise StoreLost(f"{self._path}: a commit on a full disk took effect")

    def _disconnect(self) -> None:
        with self._reading:
            reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        # The writer last: the last to close is the one that checkpoints.
        for connection in (reader, writer):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

    def _ready(self) -> sqlite3.Connection:
        """Return the connection that writes; after a doubt, a new one to a file found sound."""
        if self._closed:
            raise StoreUnavailable("closed")
        if self._lost:
            raise StoreLost(f"{self._path}: whether a commit took effect is not known")
        if self._doubted:
            self._disconnect()
            self._connect()
        assert self._writer is not None
        return self._writer

    # -- Writing

    def _transact(
        self, writer: sqlite3.Connection, writes: Sequence[Write], *, careful: bool
    ) -> list[Outcome]:
        """Commit the writes; on any exception but StoreLost none of them took effect.

        Where not `careful`, an IntegrityError may only mean that an id was seen before.
        """
        try:
            writer.execute("BEGIN IMMEDIATE")
            transaction = Transaction(writer, self._heads)
            outcomes = transaction.carefully(writes) if careful else transaction.quickly(writes)
        except BaseException as error:
            _roll_back(writer)
            harmless = _code(error) in _HARMLESS or (
                not careful and isinstance(error, (sqlite3.IntegrityError, *FAULTS))
            )
            if writer.in_transaction or not harmless:
                self._doubted = True
            raise
        # Until COMMIT has returned, whatever leaves here leaves it unknown.
        self._doubted = self._lost = True
        try:
            writer.execute("COMMIT")
        except Exception as error:
            _roll_back(writer)
            if not self._took_effect(transaction.trace(writes, outcomes), error):
                outcomes = [Unavailable() for _ in writes]
        else:
            self._heads.update(transaction.moved)
            # In this order, because another thread may be loading.
            self._ended.update(transaction.closed)
            for conversation in transaction.closed:
                del self._heads[conversation]
            self._doubted = False
        self._lost = False
        return outcomes

    def _took_effect(self, trace: Trace | None, error: Exception) -> bool:
        """Look whether a COMMIT that failed took effect, in the file opened anew.

        Raises StoreLost where that cannot be known; where nothing was written both is true.
        """
        if trace is None or _code(error) == sqlite3.SQLITE_FULL:
            self._denied = trace
            return False
        try:
            self._disconnect()
            self._connect()
            assert self._writer is not None
            return self._writer.execute(*trace).fetchone() is not None
        except (sqlite3.Error, StoreRefused) as failure:
            raise StoreLost(f"{self._path}: {error}; then: {failure}") from failure

    # -- Reading

    def _end(self, conversation: ConversationId) -> Head:
        """Return where a conversation ends, closed or not; zeros where there is none."""
        return self._heads.get(conversation) or self._ended.get(conversation) or _NOTHING

    def _slice(self, conversation: ConversationId, seqs: range, bytes_max: int) -> list[Entry]:
        """Return the entries of `seqs`, in that order; fewer only where `bytes_max` cuts."""
        if not seqs:
            if self._closed:
                raise StoreUnavailable("closed")
            return []
        query = _ASCENDING if seqs.step > 0 else _DESCENDING
        number = self._end(conversation)[0]
        entries: list[Entry] = []
        size = 0
        try:
            with self._reading:
                if self._reader is None:
                    raise StoreUnavailable("the file is not open")
                rows = self._reader.execute(query, (number, min(seqs), max(seqs)))
                # Closed here, because a statement half read would keep the WAL from being cut.
                with contextlib.closing(rows):
                    for seq, row in zip(seqs, rows, strict=False):
                        if row[0] != seq:
                            break
                        entry = entry_of(conversation, row)
                        size += text_bytes(entry.body)
                        if size > bytes_max and entries:
                            return entries
                        entries.append(entry)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise StoreUnavailable(f"{conversation}: {error}") from error
        if len(entries) != len(seqs):
            raise StoreUnavailable(f"{conversation}: {seqs[len(entries)]} is not in the file")
        return entries

    def _contents(self) -> Contents:
        lost = self._ready().execute(_LOST, (CommonRoom,)).fetchall()
        if Unavailable() in self.commit([RetireAccount(AccountId(id)) for (id,) in lost]):
            raise StoreUnavailable("accounts could not be retired")
        query = self._ready().execute
        accounts = _accounts(query(f"{_ACCOUNTS} WHERE retired = 0 ORDER BY id"))
        conversations = self._conversations()
        living = {account.account for account in accounts}
        partners: set[AccountId] = set()
        for stored in conversations:
            if stored.kind is Kind.DIRECT:
                pair = direct_accounts(stored.conversation)
                if not living.isdisjoint(pair):
                    partners.update(pair)
        retired = f"{_ACCOUNTS} WHERE retired = 1 AND id = ?"
        return Contents(
            accounts=accounts,
            retired=[
                account
                for partner in sorted(partners - living)
                for account in _accounts(query(retired, (partner,)))
            ],
            deleted=_accounts(query(f"{_ACCOUNTS} WHERE deleted = 1 ORDER BY id")),
            devices=[
                StoredDevice(*row)
                for row in query(
                    "SELECT token_digest, account, device, at FROM devices ORDER BY token_digest"
                )
            ],
            conversations=conversations,
            members=[
                StoredMember(*row)
                for row in query(
                    f"SELECT id, account, since FROM members {_OF_OPEN} ORDER BY id, account"
                )
            ],
            markers=[
                StoredMarker(*row)
                for row in query(
                    f"SELECT account, id, through, ordinal FROM markers {_OF_OPEN}"
                    " ORDER BY account, id"
                )
            ],
            roles=[
                StoredRole(id, account, Role(role))
                for id, account, role in query(
                    f"SELECT id, account, role FROM roles {_OF_OPEN} ORDER BY id, account"
                )
            ],
            sanctions=[
                StoredSanction(id, Sanction(sanction), *rest)
                for id, sanction, *rest in query(
                    "SELECT id, sanction, account, name, address, until, reason"
                    f" FROM sanctions {_OF_OPEN} ORDER BY id, sanction, account, address"
                )
            ],
            invites=[
                StoredInvite(*row)
                for row in query(f"SELECT id, account FROM invites {_OF_OPEN} ORDER BY id, account")
            ],
            blocks=[
                StoredBlock(*row)
                for row in query("SELECT account, other FROM blocks ORDER BY account, other")
            ],
            invitations=[
                StoredInvitation(digest, Role(role), *rest)
                for digest, role, *rest in query(
                    "SELECT digest, role, uses, until, author, name FROM invitations"
                    " ORDER BY digest"
                )
            ],
            barred=list(query("SELECT token_digest, account FROM barred ORDER BY token_digest")),
            erasing=[id for (id,) in query("SELECT account FROM erasing ORDER BY account")],
        )

    def _conversations(self) -> list[StoredConversation]:
        """Return those that are not closed, sorted by their ids."""
        rows = self._ready().execute(
            "SELECT id, kind, shown, key, skeleton, topic, room_kind, slow_seconds, frozen,"
            " open_from FROM conversations WHERE closed = 0 ORDER BY id"
        )
        conversations = []
        for id, kind, shown, key, skeleton, topic, room_kind, slow_seconds, frozen, opened in rows:
            _, seq, ordinal, at = self._heads[id]
            conversations.append(
                StoredConversation(
                    *(id, Kind(kind), seq, ordinal, at, shown, key, skeleton, topic),
                    room_kind=RoomKind(room_kind),
                    slow_seconds=slow_seconds,
                    frozen=bool(frozen),
                    open_from=opened,
                )
            )
        return conversations


def _accounts(rows: Iterable[Any]) -> list[StoredAccount]:
    return [
        StoredAccount(account, shown, key, skeleton, password_hash, bool(guest))
        for account, shown, key, skeleton, password_hash, guest in rows
    ]


def _code(error: BaseException) -> int:
    """Return the primary code of an error of SQLite, else 0."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that failed, where one is open still."""
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _refusal(error: sqlite3.Error, path: Path) -> StoreRefused:
    """Say why a file did not open."""
    code = _code(error)
    if code == sqlite3.SQLITE_BUSY:
        return StoreRefused("locked", path=str(path), pid="")
    reason = "unusable" if code in _UNUSABLE else "damaged"
    return StoreRefused(reason, path=str(path), detail=str(error))


def _open(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file that is there, `rw` or `ro`, in autocommit mode."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
