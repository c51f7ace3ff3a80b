"""A transaction: what the writes of one commit become in the tables.

Owns the SQL of every write and the row of an entry. Refuses to know when a transaction begins and
ends, and what its failure means.

Invariants: a head moves only after all that its entry brings has succeeded; `quickly` and
`carefully` answer alike, only that the first gives up where the second finds out who is at fault.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from molva.terms.entries import AnyBody, Created, Entry, Joined, Left, Message, Read, Topic
from molva.terms.ids import AccountId, CommonRoom, ConversationId, is_direct, is_own_log
from molva.terms.ports import (
    AddDevice,
    Append,
    Appended,
    Find,
    Kind,
    Known,
    Made,
    MakeAccount,
    MakeRoom,
    Missing,
    Outcome,
    RetireAccount,
    Taken,
    Unavailable,
    Write,
)

COLUMNS = "seq, ordinal, at, account, name, client_id, body"
"""What `entry_of` makes an entry of."""

FAULTS = (OverflowError, UnicodeEncodeError, msgspec.DecodeError)
"""Raised for one write by itself: an int beyond 64 bits, half a surrogate pair, and an entry of old
that is spoiled in the file."""

Head = tuple[int, Any, int, int]
"""A conversation's number in the tables, and seq, ordinal and time of its newest entry."""

_INSERT = """INSERT INTO entries
    (conversation, seq, ordinal, at, account, name, client_id, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_KNOWN = f"""SELECT id, {COLUMNS} FROM entries JOIN conversations ON number = conversation
    WHERE account = ? AND client_id = ?"""
_MARK = """INSERT INTO markers (account, conversation, through, ordinal) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET through = excluded.through, ordinal = excluded.ordinal
    WHERE excluded.through > through"""
_DEVICE = "INSERT INTO devices (token_digest, account, device, at) VALUES (?, ?, ?, ?)"
_DEVICE_OF = "SELECT 1 FROM devices WHERE token_digest = ?"
_RETIRED = "SELECT 1 FROM accounts WHERE id = ? AND retired = 1"

Trace = tuple[str, tuple[object, ...]]
"""A query, with its values, that finds something where a transaction took effect, else nothing."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyBody).decode


class Transaction:
    """The writes of one commit, and the heads that they move."""

    def __init__(self, connection: sqlite3.Connection, heads: dict[ConversationId, Head]) -> None:
        """`connection` is within a transaction; `heads` are read and never changed."""
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._heads = heads
        self.moved: dict[ConversationId, Head] = {}
        """Where the conversations written to end now, once this is committed."""
        self._retired: set[AccountId] = set()
        """Those who were not before."""

    def quickly(self, writes: Sequence[Write]) -> list[Outcome]:
        """Perform the writes as if no id had been seen before; IntegrityError where one was.

        The road of nearly every message: kept short, and one statement for a run of them.
        """
        heads, moved = self._heads, self.moved
        outcomes: list[Outcome] = []
        rows: list[tuple[object, ...]] = []
        for write in writes:
            if type(write) is Append and type(body := write.body) is Message:
                conversation = write.conversation
                head = moved.get(conversation) or heads.get(conversation)
                if head is not None:
                    number, seq, ordinal, at = head
                    seq += 1
                    ordinal += 1
                    if write.at > at:
                        at = write.at
                    moved[conversation] = (number, seq, ordinal, at)
                    account, name, id = write.account, write.name, write.id
                    rows.append(
                        (number, seq, ordinal, at, account, name, id, _encode(body).decode())
                    )
                    outcomes.append(
                        Appended(Entry(conversation, seq, ordinal, at, account, name, id, body))
                    )
                    continue
            if rows:
                self._executemany(_INSERT, rows)
                rows = []
            outcomes.append(self._perform(write))
        if rows:
            self._executemany(_INSERT, rows)
        return outcomes

    def carefully(self, writes: Sequence[Write]) -> list[Outcome]:
        """Perform the writes one by one, asking first whether an id is known."""
        outcomes: list[Outcome] = []
        for write in writes:
            self._execute("SAVEPOINT one")
            try:
                known = self._find(write) if isinstance(write, Append) else None
                outcomes.append(self._perform(write) if known is None else known)
            except FAULTS:
                self._execute("ROLLBACK TO one")
                outcomes.append(Unavailable())
            self._execute("RELEASE one")
        return outcomes

    def trace(self, writes: Sequence[Write], outcomes: Sequence[Outcome]) -> Trace | None:
        """Return what these writes leave behind; None where they changed nothing.

        The whole transaction takes effect or none of it, so one row that was not there before and
        that no later write of it takes away tells.
        """
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Appended):
                entry = outcome.entry
                return (
                    "SELECT 1 FROM entries JOIN conversations ON number = conversation WHERE id = ?"
                    " AND seq = ? AND at = ? AND account = ? AND client_id IS ? AND body = ?",
                    (
                        *(entry.conversation, entry.seq, entry.at, entry.account, entry.id),
                        _encode(entry.body).decode(),
                    ),
                )
            if not isinstance(outcome, Made):
                continue
            if isinstance(write, MakeRoom):
                return "SELECT 1 FROM conversations WHERE id = ?", (write.conversation,)
            if isinstance(write, MakeAccount):
                return "SELECT 1 FROM accounts WHERE id = ?", (write.account,)
            if isinstance(write, AddDevice):
                # Its account was not retired then: if it is now, a later write here did that.
                return f"{_DEVICE_OF} UNION ALL {_RETIRED}", (write.token_digest, write.account)
            if isinstance(write, RetireAccount) and write.account in self._retired:
                return _RETIRED, (write.account,)
        return None

    def _perform(self, write: Write) -> Outcome:
        if isinstance(write, Append):
            return self._append(write)
        if isinstance(write, MakeRoom):
            return self._make_room(write)
        if isinstance(write, MakeAccount):
            return self._make_account(write)
        if isinstance(write, AddDevice):
            return self._add_device(write)
        if isinstance(write, RetireAccount):
            return self._retire(write)
        return self._find(write) or Missing()

    def _find(self, write: Append | Find) -> Known | None:
        if write.id is None:
            return None
        row = self._first(_KNOWN, write.account, write.id)
        return None if row is None else Known(entry_of(row[0], row[1:]))

    def _append(self, write: Append) -> Outcome:
        """Insert an entry and what follows from it; its head moves when all has succeeded."""
        conversation, account = write.conversation, write.account
        head = self._head(conversation) or self._begin(conversation)
        if head is None:
            return self._find(write) or Missing()
        number, seq, ordinal, at = head
        seq, at = seq + 1, max(at, write.at)
        ordinal += isinstance(write.body, Message)
        body = self._filled(write.body)
        entry = Entry(conversation, seq, ordinal, at, account, write.name, write.id, body)
        text = _encode(body).decode()
        self._execute(_INSERT, (number, seq, ordinal, at, account, write.name, write.id, text))
        match body:
            case Created() | Joined():
                self._execute(
                    "INSERT INTO members (conversation, account, since) VALUES (?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    (number, account, seq),
                )
                self._execute(_MARK, (account, number, seq, ordinal))
            case Left():
                for table in ("members", "markers"):
                    self._execute(
                        f"DELETE FROM {table} WHERE conversation = ? AND account = ?",
                        (number, account),
                    )
            case Topic():
                self._execute(
                    "UPDATE conversations SET topic = ? WHERE number = ?", (body.text, number)
                )
            case Read():
                # An own log may be marked as read itself, and this may be its first entry.
                read = head if body.conversation == conversation else self._head(body.conversation)
                if read is not None:
                    self._execute(_MARK, (account, read[0], body.through, body.ordinal))
            case _:
                pass
        self.moved[conversation] = (number, seq, ordinal, at)
        return Appended(entry)

    def _head(self, conversation: ConversationId) -> Head | None:
        return self.moved.get(conversation) or self._heads.get(conversation)

    def _begin(self, conversation: ConversationId) -> Head | None:
        """Bring a direct conversation or an own log into being; None for a room, which is made."""
        if is_own_log(conversation):
            kind = Kind.OWN
        elif is_direct(conversation):
            kind = Kind.DIRECT
        else:
            return None
        made = self._execute(
            "INSERT INTO conversations (id, kind) VALUES (?, ?)", (conversation, kind.value)
        )
        assert made.lastrowid is not None
        return made.lastrowid, 0, 0, 0

    def _filled(self, body: AnyBody) -> AnyBody:
        """Give a `Read` the ordinal at its seq, which is brought within the log first."""
        if not isinstance(body, Read):
            return body
        head: Head = self._head(body.conversation) or (0, 0, 0, 0)
        number, seq, ordinal, _ = head
        through = min(max(body.through, 0), seq)
        if through < seq:
            found = self._first(
                "SELECT ordinal FROM entries WHERE conversation = ? AND seq = ?", number, through
            )
            ordinal = found[0] if found else 0
        return Read(conversation=body.conversation, through=through, ordinal=ordinal)

    def _make_room(self, write: MakeRoom) -> Outcome:
        rooms = "SELECT 1 FROM conversations WHERE kind = 'room' AND"
        if self._first(f"{rooms} key = ?", write.key):
            return Taken(confusable=False)
        if self._first(f"{rooms} skeleton = ?", write.skeleton):
            return Taken(confusable=True)
        if self._head(write.conversation) is not None:
            return Unavailable()
        made = self._execute(
            "INSERT INTO conversations (id, kind, shown, key, skeleton) VALUES (?, ?, ?, ?, ?)",
            (write.conversation, Kind.ROOM.value, write.shown, write.key, write.skeleton),
        )
        assert made.lastrowid is not None
        self.moved[write.conversation] = (made.lastrowid, 0, 0, 0)
        return Made()

    def _make_account(self, write: MakeAccount) -> Outcome:
        living = "SELECT 1 FROM accounts WHERE retired = 0 AND"
        if self._first(f"{living} key = ?", write.key):
            return Taken(confusable=False)
        if self._first(f"{living} skeleton = ?", write.skeleton):
            return Taken(confusable=True)
        if self._first("SELECT 1 FROM accounts WHERE id = ?", write.account) or self._first(
            _DEVICE_OF, write.token_digest
        ):
            return Unavailable()
        self._execute(
            "INSERT INTO accounts (id, shown, key, skeleton, password_hash) VALUES (?, ?, ?, ?, ?)",
            (write.account, write.shown, write.key, write.skeleton, write.password_hash),
        )
        if write.token_digest is not None:
            self._execute(_DEVICE, (write.token_digest, write.account, write.device, write.at))
        general = self._head(CommonRoom)
        assert general is not None
        self._execute(_MARK, (write.account, general[0], general[1], general[2]))
        return Made()

    def _add_device(self, write: AddDevice) -> Outcome:
        if not self._first("SELECT 1 FROM accounts WHERE retired = 0 AND id = ?", write.account):
            return Unavailable()
        if self._first(_DEVICE_OF, write.token_digest):
            return Unavailable()
        self._execute(_DEVICE, (write.token_digest, write.account, write.device, write.at))
        return Made()

    def _retire(self, write: RetireAccount) -> Outcome:
        retired = self._execute(
            "UPDATE accounts SET retired = 1 WHERE id = ? AND retired = 0", (write.account,)
        )
        if retired.rowcount:
            self._retired.add(write.account)
        for table in ("devices", "members", "markers"):
            self._execute(f"DELETE FROM {table} WHERE account = ?", (write.account,))
        return Made()

    def _first(self, query: str, *values: object) -> Any:
        return self._execute(query, values).fetchone()


def entry_of(conversation: ConversationId, row: Any) -> Entry:
    """Make an entry of a row of `COLUMNS`. Raises msgspec.DecodeError for a body that is none."""
    seq, ordinal, at, account, name, client_id, body = row
    return Entry(conversation, seq, ordinal, at, account, name, client_id, _decode(body))
