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

from molva.store.accounts import MESSAGES, NOTHING_HEARD, UNHEARD, Accounts, Trace, text_of
from molva.store.bodies import holdable, wordless
from molva.terms import names
from molva.terms.entries import (
    LEDGER,
    Added,
    AnyBody,
    Banned,
    Blocked,
    Created,
    Entry,
    Invited,
    Joined,
    Kicked,
    Left,
    Message,
    ModeSet,
    Muted,
    Read,
    Removed,
    Renamed,
    Restored,
    RoleSet,
    Topic,
    Unbanned,
    Unblocked,
    Unmuted,
)
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    StaffRoom,
    is_direct,
    is_own_log,
)
from molva.terms.ports import (
    AddDevice,
    Append,
    Appended,
    EndInvitation,
    Erase,
    Find,
    ForgetDevices,
    Kind,
    Known,
    Made,
    MakeAccount,
    MakeInvitation,
    MakeRoom,
    Missing,
    Outcome,
    RetireAccount,
    Sanction,
    SetPassword,
    Taken,
    Unavailable,
    Write,
)
from molva.terms.roles import OPEN_KINDS, Role

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
_ROOMS = "SELECT 1 FROM conversations WHERE kind = 'room' AND closed = 0 AND id <> ?"
KEY_TAKEN = f"{_ROOMS} AND key <> '' AND key = ?"
SKELETON_TAKEN = f"{_ROOMS} AND skeleton <> '' AND skeleton = ?"
_ROOMS_OF = """SELECT id, number FROM members JOIN conversations ON number = conversation
    WHERE account = ?"""
_OPEN = ", ".join(f"'{kind.value}'" for kind in sorted(OPEN_KINDS))
_MODE = f"""UPDATE conversations SET room_kind = coalesce(?1, room_kind),
    slow_seconds = coalesce(?2, slow_seconds), frozen = coalesce(?3, frozen),
    open_from = CASE WHEN coalesce(?1, room_kind) IN ({_OPEN}) THEN coalesce(open_from, ?4) END
    WHERE number = ?5"""
_SANCTION = """INSERT OR REPLACE INTO sanctions
    (conversation, sanction, account, name, address, until, reason)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_PARDON = """DELETE FROM sanctions
    WHERE conversation = ? AND sanction = ? AND (account = ? OR address = ?)"""
_SAID = "SELECT body FROM entries WHERE conversation = ? AND seq = ?"
_SAY = "UPDATE entries SET body = ? WHERE conversation = ? AND seq = ?"
_ASIDE = "SELECT body FROM removed WHERE conversation = ? AND seq = ?"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyBody).decode


class Transaction:
    """The writes of one commit, the heads that they move and the rooms that they close."""

    def __init__(self, connection: sqlite3.Connection, heads: dict[ConversationId, Head]) -> None:
        """`connection` is within a transaction; `heads` are read and never changed."""
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._heads = heads
        self.moved: dict[ConversationId, Head] = {}
        """Where the conversations written to end now, once this is committed."""
        self.closed: dict[ConversationId, Head] = {}
        """Those of the heads that are no more, and where they ended."""
        self._retired: set[AccountId] = set()
        """Those who were not before."""
        self._accounts = Accounts(connection)

    def quickly(self, writes: Sequence[Write]) -> list[Outcome]:
        """Perform the writes as if no id had been seen before; IntegrityError where one was.

        The road of nearly every message: kept short, and one statement for a run of them.
        """
        heads, moved, closed = self._heads, self.moved, self.closed
        outcomes: list[Outcome] = []
        rows: list[tuple[object, ...]] = []
        for write in writes:
            if type(write) is Append and type(body := write.body) is Message:
                conversation = write.conversation
                head = moved.get(conversation) or heads.get(conversation)
                if head is not None and conversation not in closed:
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
                # A later write of it may have taken the words away.
                return (
                    "SELECT 1 FROM entries JOIN conversations ON number = conversation WHERE id = ?"
                    " AND seq = ? AND at = ? AND account = ? AND client_id IS ? AND body IN (?, ?)",
                    (
                        *(entry.conversation, entry.seq, entry.at, entry.account, entry.id),
                        *(text_of(entry.body), text_of(wordless(entry.body))),
                    ),
                )
            if not isinstance(outcome, Made):
                continue
            if isinstance(write, MakeRoom):
                return "SELECT 1 FROM conversations WHERE id = ?", (write.conversation,)
            if isinstance(write, MakeAccount):
                return "SELECT 1 FROM accounts WHERE id = ?", (write.account,)
            if isinstance(write, RetireAccount) and write.account in self._retired:
                return "SELECT 1 FROM accounts WHERE id = ? AND retired = 1", (write.account,)
        # Nobody was retired and nothing written: what is left touched only what it took down.
        return self._accounts.trace()

    def _perform(self, write: Write) -> Outcome:
        if isinstance(write, Append):
            return self._append(write)
        if not holdable(write):
            return Unavailable()
        match write:
            case MakeRoom():
                return self._make_room(write)
            case MakeAccount():
                return self._accounts.make(write, lambda: self._mark_general(write.account))
            case AddDevice():
                return self._accounts.add_device(write)
            case ForgetDevices():
                return self._accounts.forget(write.account, write.token_digests)
            case SetPassword():
                return self._accounts.set_password(write)
            case RetireAccount():
                return self._retire(write)
            case Erase():
                return self._accounts.erase(write)
            case MakeInvitation():
                return self._accounts.make_invitation(write)
            case EndInvitation():
                return self._accounts.end_invitation(write)
            case Find():
                return self._find(write) or Missing()

    def _find(self, write: Append | Find) -> Known | None:
        if write.id is None:
            return None
        row = self._first(_KNOWN, write.account, write.id)
        return None if row is None else Known(entry_of(row[0], row[1:]))

    # -- Entries

    def _append(self, write: Append) -> Outcome:
        """Insert an entry and what follows from it; its head moves when all has succeeded."""
        conversation, account = write.conversation, write.account
        head = self._head(conversation)
        if head is None and _is_room(conversation):
            return self._find(write) or Missing()
        start: Head = head or (0, 0, 0, 0)
        number, seq, ordinal, at = start
        seq, at = seq + 1, max(at, write.at)
        ordinal += isinstance(write.body, Message)
        body = self._filled(write.body)
        entry = Entry(conversation, seq, ordinal, at, account, write.name, write.id, body)
        refusal = self._refusal(entry, number) if holdable(entry) else Unavailable()
        if refusal is not None:
            return self._find(write) or refusal
        if head is None:
            number = self._begin(conversation)
        self._execute(
            _INSERT, (number, seq, ordinal, at, account, write.name, write.id, text_of(body))
        )
        if isinstance(body, LEDGER):
            self._execute("INSERT INTO ledger (conversation, seq) VALUES (?, ?)", (number, seq))
        self._derive(entry, number)
        ends = self.closed if conversation in self.closed else self.moved
        ends[conversation] = (number, seq, ordinal, at)
        return Appended(entry)

    def _head(self, conversation: ConversationId) -> Head | None:
        if conversation in self.closed:
            return None
        return self.moved.get(conversation) or self._heads.get(conversation)

    def _begin(self, conversation: ConversationId) -> int:
        """Bring a direct conversation or an own log into being."""
        kind = Kind.OWN if is_own_log(conversation) else Kind.DIRECT
        made = self._execute(
            "INSERT INTO conversations (id, kind) VALUES (?, ?)", (conversation, kind.value)
        )
        assert made.lastrowid is not None
        return made.lastrowid

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

    def _refusal(self, entry: Entry, number: int) -> Outcome | None:
        """Return what stands against an entry, or None; nothing was changed for it yet."""
        match entry.body:
            case Renamed(name=name) if _is_room(entry.conversation):
                try:
                    room = names.parse_room(name)
                except names.NameRefused:
                    return Unavailable()
                return self._taken(room.key, room.skeleton, entry.conversation)
            case Removed(target=target, account=account):
                found = self._first(
                    "SELECT 1 FROM entries WHERE conversation = ? AND seq = ? AND account = ?"
                    " AND (body GLOB ? OR (body GLOB ? AND body <> ?))",
                    *(number, target, account, MESSAGES, UNHEARD, text_of(NOTHING_HEARD)),
                )
                return None if found else Missing()
            case Restored(target=target):
                return None if self._first(_ASIDE, number, target) else Missing()
            case _:
                return None

    def _derive(self, entry: Entry, number: int) -> None:
        """Let what follows from an entry in any conversation follow."""
        conversation = entry.conversation
        match entry.body:
            case Removed(target=target):
                self._execute(
                    "INSERT INTO removed (conversation, seq, body)"
                    " SELECT conversation, seq, body FROM entries WHERE conversation = ?"
                    " AND seq = ?",
                    (number, target),
                )
                (said,) = self._first(_SAID, number, target)
                self._execute(_SAY, (text_of(wordless(_decode(said))), number, target))
            case Restored(target=target):
                (text,) = self._first(_ASIDE, number, target)
                self._execute(_SAY, (text, number, target))
                self._execute(
                    "DELETE FROM removed WHERE conversation = ? AND seq = ?", (number, target)
                )
            case Read() as read:
                # An own log may be marked as read itself, and this may be its first entry.
                own = read.conversation == conversation
                there = (number, 0, 0, 0) if own else self._head(read.conversation)
                if there is not None:
                    self._execute(_MARK, (entry.account, there[0], read.through, read.ordinal))
            case Blocked(account=other) if is_own_log(conversation):
                self._execute(
                    "INSERT OR IGNORE INTO blocks (account, other) VALUES (?, ?)",
                    (int(conversation[1:]), other),
                )
            case Unblocked(account=other) if is_own_log(conversation):
                self._execute(
                    "DELETE FROM blocks WHERE account = ? AND other = ?",
                    (int(conversation[1:]), other),
                )
            case Message():
                pass
            case _ if _is_room(conversation):
                self._derive_membership(entry, number)
                if conversation not in self.closed:
                    self._derive_rules(entry, number)
            case _:
                pass

    def _derive_membership(self, entry: Entry, number: int) -> None:
        """Let it follow who is in a room, and as what."""
        conversation, author = entry.conversation, entry.account
        general = conversation == CommonRoom
        match entry.body:
            case Created():
                self._join(entry, number, author)
                self._set_role(number, author, Role.OWNER)
            case Joined():
                self._join(entry, number, author)
                self._uninvite(number, author)
            case Added(account=account):
                self._join(entry, number, account)
                self._uninvite(number, account)
            case Invited(account=account):
                self._execute(
                    "INSERT OR IGNORE INTO invites (conversation, account) VALUES (?, ?)",
                    (number, account),
                )
            case Left():
                self._leave(conversation, number, author)
            case Kicked(account=account) if not general:
                self._leave(conversation, number, account)
            case Banned(account=account) if account is not None and not general:
                self._leave(conversation, number, account)
            case Banned(account=account, devices=devices) if account is not None:
                self._set_role(number, account, Role.MEMBER)
                if devices:
                    self._execute(
                        "INSERT OR REPLACE INTO barred (token_digest, account)"
                        " SELECT token_digest, account FROM devices WHERE account = ?",
                        (account,),
                    )
                    self._execute("DELETE FROM devices WHERE account = ?", (account,))
            case RoleSet(account=account, role=role):
                self._set_role(number, account, role)
                if general:
                    self._execute(
                        "UPDATE accounts SET guest = (? AND password_hash IS NULL)"
                        " WHERE id = ? AND retired = 0",
                        (role is Role.GUEST, account),
                    )
            case _:
                pass

    def _derive_rules(self, entry: Entry, number: int) -> None:
        """Let it follow what holds in a room that is not closed, and against whom."""
        ban, mute = Sanction.BAN.value, Sanction.MUTE.value
        match entry.body:
            case Topic(text=text):
                self._execute("UPDATE conversations SET topic = ? WHERE number = ?", (text, number))
            case Renamed(name=name):
                room = names.parse_room(name)
                self._execute(
                    "UPDATE conversations SET shown = ?, key = ?, skeleton = ? WHERE number = ?",
                    (room.shown, room.key, room.skeleton, number),
                )
            case ModeSet(room_kind=kind, slow_seconds=slow, frozen=frozen):
                value = None if kind is None else kind.value
                self._execute(_MODE, (value, slow, frozen, entry.seq, number))
            case Banned(account=account, name=name, address=address, until=until, reason=why):
                if account is not None:
                    self._execute(_SANCTION, (number, ban, account, name, None, until, why))
                if address is not None:
                    self._execute(_SANCTION, (number, ban, None, name, address, until, why))
            case Unbanned(account=account, address=address):
                self._execute(_PARDON, (number, ban, account, address))
                if entry.conversation == CommonRoom:
                    self._execute("DELETE FROM barred WHERE account = ?", (account,))
            case Muted(account=account, name=name, until=until, reason=why):
                self._execute(_SANCTION, (number, mute, account, name, None, until, why))
            case Unmuted(account=account):
                self._execute(_PARDON, (number, mute, account, None))
            case _:
                pass

    # -- Members

    def _join(self, entry: Entry, number: int, account: AccountId) -> None:
        self._execute(
            "INSERT INTO members (conversation, account, since) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (number, account, entry.seq),
        )
        self._execute(_MARK, (account, number, entry.seq, entry.ordinal))

    def _leave(self, conversation: ConversationId, number: int, account: AccountId) -> None:
        """Let somebody be no member; who was the last closes the room."""
        gone = 0
        for table in ("markers", "roles", "invites", "members"):
            gone = self._execute(
                f"DELETE FROM {table} WHERE conversation = ? AND account = ?",
                (number, account),
            ).rowcount
        self._execute(_PARDON, (number, Sanction.MUTE.value, account, None))
        if not gone or conversation in (CommonRoom, StaffRoom):
            return
        if self._first("SELECT 1 FROM members WHERE conversation = ?", number) is None:
            head = self._head(conversation)
            assert head is not None
            self.closed[conversation] = head
            self._execute("UPDATE conversations SET closed = 1 WHERE number = ?", (number,))
            self._execute("DELETE FROM roles WHERE conversation = ?", (number,))
            self._execute("DELETE FROM sanctions WHERE conversation = ?", (number,))
            self._execute("DELETE FROM invites WHERE conversation = ?", (number,))

    def _set_role(self, number: int, account: AccountId, role: Role) -> None:
        """Let somebody be this in a room; to be a member is to have no role."""
        self._execute("DELETE FROM roles WHERE conversation = ? AND account = ?", (number, account))
        if role not in (Role.MEMBER, Role.GUEST):
            self._execute(
                "INSERT INTO roles (conversation, account, role) VALUES (?, ?, ?)",
                (number, account, role.value),
            )

    def _uninvite(self, number: int, account: AccountId) -> None:
        self._execute(
            "DELETE FROM invites WHERE conversation = ? AND account = ?", (number, account)
        )

    # -- Rooms and accounts

    def _taken(self, key: str, skeleton: str, but: ConversationId) -> Taken | None:
        """Say whether a room other than `but` has that key, or that skeleton."""
        if key and self._first(KEY_TAKEN, but, key):
            return Taken(confusable=False)
        if skeleton and self._first(SKELETON_TAKEN, but, skeleton):
            return Taken(confusable=True)
        return None

    def _make_room(self, write: MakeRoom) -> Outcome:
        taken = self._taken(write.key, write.skeleton, ConversationId(""))
        if taken is not None:
            return taken
        if self._first("SELECT 1 FROM conversations WHERE id = ?", write.conversation):
            return Unavailable()
        made = self._execute(
            "INSERT INTO conversations (id, kind, shown, key, skeleton, room_kind, open_from)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(write.conversation, Kind.ROOM.value, write.shown, write.key, write.skeleton),
                *(write.kind.value, 1 if write.kind in OPEN_KINDS else None),
            ),
        )
        assert made.lastrowid is not None
        self.moved[write.conversation] = (made.lastrowid, 0, 0, 0)
        return Made()

    def _mark_general(self, account: AccountId) -> None:
        """Let a new account have read the common room to its head."""
        general = self._head(CommonRoom)
        assert general is not None
        self._execute(_MARK, (account, general[0], general[1], general[2]))

    def _retire(self, write: RetireAccount) -> Outcome:
        account = write.account
        retired = self._execute(
            "UPDATE accounts SET retired = 1, deleted = ? WHERE id = ? AND retired = 0",
            (write.deleted, account),
        )
        if not retired.rowcount:
            return Made()
        self._retired.add(account)
        for conversation, number in self._execute(_ROOMS_OF, (account,)).fetchall():
            self._leave(conversation, number, account)
        for table in ("devices", "barred", "markers", "roles", "sanctions", "invites"):
            self._execute(f"DELETE FROM {table} WHERE account = ?", (account,))
        self._execute("DELETE FROM blocks WHERE account = ? OR other = ?", (account, account))
        if write.erase:
            self._execute(
                "INSERT INTO erasing (account, conversation, seq) VALUES (?, 0, 0)", (account,)
            )
        return Made()

    def _first(self, query: str, *values: object) -> Any:
        return self._execute(query, values).fetchone()


def _is_room(conversation: ConversationId) -> bool:
    return not (is_own_log(conversation) or is_direct(conversation))


def entry_of(conversation: ConversationId, row: Any) -> Entry:
    """Make an entry of a row of `COLUMNS`. Raises msgspec.DecodeError for a body that is none."""
    seq, ordinal, at, account, name, client_id, body = row
    return Entry(conversation, seq, ordinal, at, account, name, client_id, _decode(body))
