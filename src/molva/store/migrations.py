"""Migrations: how a file of any older version becomes one of this version.

Owns the schema, as the ordered list of steps that lead to it; the number of steps taken is kept in
the file (`PRAGMA user_version`). Refuses to know what the tables are used for.

Invariants: a step that was released never changes; a step and its number are one transaction, so a
file is always of a whole version; a file with something in it is copied before it is changed.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

from molva.terms import names
from molva.terms.ids import CommonRoom, StaffRoom
from molva.terms.ports import Kind, StoreRefused
from molva.terms.roles import Role, RoomKind

APPLICATION_ID = 0x4D6F6C76
"""`Molv`: says in the file's header whose it is (`file` and SQLite's own list read it there)."""

Migration = Callable[[sqlite3.Connection], None]

_FIRST = (
    # `number` stands for the id in the tables below, where it is repeated a million times.
    """CREATE TABLE conversations (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('room', 'direct', 'own')),
        shown TEXT NOT NULL DEFAULT '',
        key TEXT NOT NULL DEFAULT '',
        skeleton TEXT NOT NULL DEFAULT '',
        topic TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE UNIQUE INDEX conversations_by_key ON conversations (key) WHERE kind = 'room'",
    "CREATE UNIQUE INDEX conversations_by_skeleton ON conversations (skeleton) WHERE kind = 'room'",
    # Without a rowid the log itself is the tree: a slice of it is read in one place.
    """CREATE TABLE entries (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL CHECK (seq > 0),
        ordinal INTEGER NOT NULL,
        at INTEGER NOT NULL,
        account INTEGER NOT NULL,
        name TEXT NOT NULL,
        client_id TEXT,
        body TEXT NOT NULL,
        PRIMARY KEY (conversation, seq)
    ) STRICT, WITHOUT ROWID""",
    # The id first: ids that begin with the time, as our clients make them, then stand together at
    # the end of the index, and a commit writes one page of it instead of one for every sender.
    """CREATE UNIQUE INDEX entries_by_client_id ON entries (client_id, account)
        WHERE client_id IS NOT NULL""",
    # A retired account keeps its row, so that nobody gets its id again.
    """CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        shown TEXT NOT NULL,
        key TEXT NOT NULL,
        skeleton TEXT NOT NULL,
        password_hash TEXT,
        retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))
    ) STRICT""",
    "CREATE UNIQUE INDEX accounts_by_key ON accounts (key) WHERE retired = 0",
    "CREATE UNIQUE INDEX accounts_by_skeleton ON accounts (skeleton) WHERE retired = 0",
    """CREATE TABLE devices (
        token_digest TEXT PRIMARY KEY,
        account INTEGER NOT NULL,
        device TEXT,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX devices_by_account ON devices (account)",
    """CREATE TABLE members (
        conversation INTEGER NOT NULL,
        account INTEGER NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (conversation, account)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX members_by_account ON members (account)",
    """CREATE TABLE markers (
        account INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        through INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        PRIMARY KEY (account, conversation)
    ) STRICT, WITHOUT ROWID""",
)


def _first(connection: sqlite3.Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)
    general = names.parse_room(names.GENERAL)
    connection.execute(
        "INSERT INTO conversations (id, kind, shown, key, skeleton) VALUES (?, ?, ?, ?, ?)",
        (CommonRoom, Kind.ROOM.value, general.shown, general.key, general.skeleton),
    )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


_SECOND = (
    "ALTER TABLE conversations ADD COLUMN room_kind TEXT NOT NULL DEFAULT 'public'",
    "ALTER TABLE conversations ADD COLUMN slow_seconds INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN open_from INTEGER",
    # A closed room keeps its row and its log, and nobody gets its id again; its name is free.
    "ALTER TABLE conversations ADD COLUMN closed INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX conversations_by_key",
    "DROP INDEX conversations_by_skeleton",
    """CREATE UNIQUE INDEX conversations_by_key ON conversations (key)
        WHERE kind = 'room' AND closed = 0 AND key <> ''""",
    """CREATE UNIQUE INDEX conversations_by_skeleton ON conversations (skeleton)
        WHERE kind = 'room' AND closed = 0 AND skeleton <> ''""",
    "ALTER TABLE accounts ADD COLUMN guest INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE accounts ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0",
    # The first owner: one for ever, whatever becomes of them.
    "ALTER TABLE accounts ADD COLUMN founder INTEGER NOT NULL DEFAULT 0",
    "CREATE UNIQUE INDEX accounts_by_founder ON accounts (founder) WHERE founder = 1",
    "DROP INDEX accounts_by_key",
    "DROP INDEX accounts_by_skeleton",
    "CREATE UNIQUE INDEX accounts_by_key ON accounts (key) WHERE retired = 0 OR deleted = 1",
    """CREATE UNIQUE INDEX accounts_by_skeleton ON accounts (skeleton)
        WHERE retired = 0 OR deleted = 1""",
    """CREATE TABLE roles (
        conversation INTEGER NOT NULL,
        account INTEGER NOT NULL,
        role TEXT NOT NULL,
        PRIMARY KEY (conversation, account)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX roles_by_account ON roles (account)",
    # Of an account or of an address, never of both.
    """CREATE TABLE sanctions (
        conversation INTEGER NOT NULL,
        sanction TEXT NOT NULL CHECK (sanction IN ('ban', 'mute')),
        account INTEGER,
        name TEXT NOT NULL,
        address TEXT,
        until INTEGER,
        reason TEXT NOT NULL,
        CHECK ((account IS NULL) <> (address IS NULL))
    ) STRICT""",
    """CREATE UNIQUE INDEX sanctions_of_accounts ON sanctions (conversation, sanction, account)
        WHERE account IS NOT NULL""",
    """CREATE UNIQUE INDEX sanctions_of_addresses ON sanctions (conversation, sanction, address)
        WHERE address IS NOT NULL""",
    "CREATE INDEX sanctions_by_account ON sanctions (account)",
    """CREATE TABLE invites (
        conversation INTEGER NOT NULL,
        account INTEGER NOT NULL,
        PRIMARY KEY (conversation, account)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX invites_by_account ON invites (account)",
    """CREATE TABLE blocks (
        account INTEGER NOT NULL,
        other INTEGER NOT NULL,
        PRIMARY KEY (account, other)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX blocks_by_other ON blocks (other)",
    """CREATE TABLE invitations (
        digest TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        uses INTEGER NOT NULL CHECK (uses > 0),
        until INTEGER NOT NULL,
        author INTEGER NOT NULL,
        name TEXT
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE barred (
        token_digest TEXT PRIMARY KEY,
        account INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX barred_by_account ON barred (account)",
    # How far the words of an account are gone: through which row of the log's own tree.
    """CREATE TABLE erasing (
        account INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL
    ) STRICT""",
    # Kept beside the log, so that a message costs nothing for it.
    """CREATE TABLE ledger (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (conversation, seq)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE removed (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (conversation, seq)
    ) STRICT, WITHOUT ROWID""",
    "UPDATE accounts SET guest = 0 WHERE password_hash IS NOT NULL",
    "UPDATE conversations SET open_from = 1 WHERE kind = 'room'",
)


def _second(connection: sqlite3.Connection) -> None:
    for statement in _SECOND:
        connection.execute(statement)
    rooms = "SELECT number FROM conversations WHERE kind = 'room' AND id <> ?"
    for (number,) in connection.execute(rooms, (CommonRoom,)).fetchall():
        owner = _first_owner(connection, number)
        if owner is None:
            connection.execute("UPDATE conversations SET closed = 1 WHERE number = ?", (number,))
        else:
            connection.execute(
                "INSERT INTO roles (conversation, account, role) VALUES (?, ?, ?)",
                (number, owner, Role.OWNER.value),
            )
    moderators = _free_name(connection, names.MODERATORS)
    connection.execute(
        "INSERT INTO conversations (id, kind, shown, key, skeleton, room_kind)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(StaffRoom, Kind.ROOM.value, moderators.shown, moderators.key, moderators.skeleton),
            RoomKind.PRIVATE.value,
        ),
    )


def _first_owner(connection: sqlite3.Connection, number: int) -> int | None:
    """Return who made a room, if still a member, else its first member; None where none is."""
    members = connection.execute(
        "SELECT account FROM members WHERE conversation = ? ORDER BY since, account", (number,)
    )
    there = [int(account) for (account,) in members]
    made = connection.execute(
        "SELECT account FROM entries WHERE conversation = ?"
        ' AND body GLOB \'{"kind":"created"*\' ORDER BY seq LIMIT 1',
        (number,),
    ).fetchone()
    if made is not None and made[0] in there:
        return int(made[0])
    return there[0] if there else None


def _free_name(connection: sqlite3.Connection, text: str) -> names.Room:
    """Return a room's name that none has: this one, or the same with the least number from 2."""
    for number in count(1):
        name = names.parse_room(text if number == 1 else f"{text}-{number}")
        had = connection.execute(
            "SELECT 1 FROM conversations WHERE kind = 'room' AND closed = 0"
            " AND (key = ? OR skeleton = ?)",
            (name.key, name.skeleton),
        ).fetchone()
        if had is None:
            return name
    raise AssertionError("numbers do not end")


MIGRATIONS: Sequence[Migration] = (_first, _second)
"""The step at index N makes version N + 1 of version N; a new file has version 0."""


def check_version(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS
) -> int:
    """Return the version of the file at `path`, opened as `connection`, without changing it.

    Raises StoreRefused for a newer file (`newer`) or one that is not ours (`damaged`), and
    sqlite3.DatabaseError for one that is no database.
    """
    version = _number(connection, "PRAGMA user_version")
    ours = _number(connection, "PRAGMA application_id") == APPLICATION_ID
    empty = _number(connection, "SELECT count(*) FROM sqlite_schema") == 0
    if not ours and not (empty and version == 0):
        raise StoreRefused("damaged", path=str(path), detail="not a database of Molva")
    if version > len(migrations):
        raise StoreRefused("newer", path=str(path), version=version, known=len(migrations))
    return version


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Bring the file at `path`, opened as `connection` in autocommit mode, to the newest version.

    A file that is not new is first copied to `<path>.before-<the version it is brought to>`.
    Raises what `check_version` does, and sqlite3.Error or OSError when the copy or a step fails:
    the file is then of the version before that step.
    """
    version = check_version(connection, path, migrations)
    if 0 < version < len(migrations):
        _copy(connection, path.with_name(f"{path.name}.before-{len(migrations)}"))
    for number, step in enumerate(migrations[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            step(connection)
            # A pragma takes no parameters; this is a number of ours.
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _number(connection: sqlite3.Connection, query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the whole file as it is now, readable by its owner only."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
