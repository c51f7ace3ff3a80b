"""Migrations: a file of any older version becomes one of this version, or stays as it was."""

import hashlib
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from molva.store import migrations
from molva.store.memory import MemoryStore
from molva.store.migrations import MIGRATIONS, migrate
from molva.store.sqlite import SqliteStore
from molva.terms.entries import Message
from molva.terms.ids import AccountId, CommonRoom, ConversationId, Seq, StaffRoom
from molva.terms.names import parse_room
from molva.terms.ports import (
    Append,
    Appended,
    Contents,
    Kind,
    Known,
    Made,
    MakeAccount,
    MakeRoom,
    Missing,
    StoredConversation,
    StoredRole,
    StoreRefused,
    Unavailable,
)
from molva.terms.roles import Role, RoomKind
from tests.store.files import behind_its_back, value

ANNA = MakeAccount(AccountId(1), "anna", "anna", "anna", None, "t1", None, 1)
HI = Append(CommonRoom, AccountId(1), "anna", "k", 1, Message("hi"))


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(value(connection, "PRAGMA user_version"))


def test_an_empty_file_becomes_the_current_version(path: Path) -> None:
    path.touch()
    SqliteStore(path).close()
    assert version_of(path) == len(MIGRATIONS)
    assert not list(path.parent.glob("*.before-*"))


def test_to_open_again_changes_nothing(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([HI])
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    SqliteStore(path).close()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    SqliteStore(path).close()
    behind_its_back(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreRefused) as refused:
        SqliteStore(path)
    assert refused.value.reason == "newer"
    assert refused.value.values == {"path": str(path), "version": 99, "known": len(MIGRATIONS)}
    assert path.read_bytes() == before


def add_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE accounts ADD COLUMN colour TEXT")


def fail_half_way(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE accounts ADD COLUMN size TEXT")
    connection.execute("INSERT INTO nowhere VALUES (1)")


@pytest.fixture
def older(path: Path) -> Iterator[sqlite3.Connection]:
    """A file of the current version with something in it, which is about to become an older one."""
    with closing(SqliteStore(path)) as store:
        store.commit([ANNA, HI])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_a_step_is_taken_once_and_what_was_there_stays(
    older: sqlite3.Connection, path: Path
) -> None:
    steps = [*MIGRATIONS, add_column]
    migrate(older, path, steps)
    migrate(older, path, steps)
    assert value(older, "PRAGMA user_version") == len(steps)
    assert older.execute("SELECT shown, colour FROM accounts").fetchall() == [("anna", None)]
    assert value(older, "SELECT count(*) FROM entries") == 1


def test_a_copy_of_what_was_there_is_made_before_the_first_step(
    older: sqlite3.Connection, path: Path
) -> None:
    migrate(older, path, [*MIGRATIONS, add_column, add_column_again])
    copies = list(path.parent.glob("*.before-*"))
    assert [copy.name for copy in copies] == [f"molva.db.before-{len(MIGRATIONS) + 2}"]
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o600 or sys.platform == "win32"
    with closing(SqliteStore(copies[0])) as store:
        (entry,) = store.load(CommonRoom, after=Seq(0), limit=9, bytes_max=99)
        assert entry.body == HI.body
    assert version_of(copies[0]) == len(MIGRATIONS)


def add_column_again(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE accounts ADD COLUMN shape TEXT")


def test_a_step_that_fails_half_way_leaves_the_version_before_it(
    older: sqlite3.Connection, path: Path
) -> None:
    steps = [*MIGRATIONS, add_column, fail_half_way]
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate(older, path, steps)
        assert not older.in_transaction
        assert value(older, "PRAGMA user_version") == len(MIGRATIONS) + 1
        columns = [row[1] for row in older.execute("PRAGMA table_info(accounts)")]
        assert "colour" in columns
        assert "size" not in columns


def test_the_first_step_that_fails_leaves_an_empty_file(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, [partial(both, MIGRATIONS[0], fail_half_way)])
        assert value(connection, "SELECT count(*) FROM sqlite_schema") == 0
        assert value(connection, "PRAGMA user_version") == 0
    SqliteStore(path).close()
    assert version_of(path) == len(MIGRATIONS)


def both(
    one: migrations.Migration, other: migrations.Migration, connection: sqlite3.Connection
) -> None:
    one(connection)
    other(connection)


# -- From version 1

OLD = """
INSERT INTO conversations (number, id, kind, shown, key, skeleton, topic) VALUES
    (2, 'rtea', 'room', '#Tea', '#tea', '#tea', 'leaves'),
    (3, 'rleft', 'room', '#Left', '#left', '#left', ''),
    (4, 'rempty', 'room', '#Empty', '#empty', '#empty', ''),
    (5, 'rtied', 'room', '#Tied', '#tied', '#tied', ''),
    (6, '1:2', 'direct', '', '', '', ''),
    (7, '@1', 'own', '', '', '', '');
INSERT INTO accounts (id, shown, key, skeleton, password_hash, retired) VALUES
    (1, 'Anna', 'anna', 'anna', 'hash', 0),
    (2, 'boris', 'boris', 'boris', NULL, 0),
    (3, 'clara', 'clara', 'clara', 'hash', 0),
    (4, 'gone', 'gone', 'gone', NULL, 1);
INSERT INTO devices (token_digest, account, device, at) VALUES
    ('t1', 1, 'x', 5), ('t2', 2, NULL, 6);
INSERT INTO members (conversation, account, since) VALUES
    (2, 1, 1), (2, 2, 3), (3, 3, 4), (3, 2, 5), (5, 3, 2), (5, 2, 2);
INSERT INTO markers (account, conversation, through, ordinal) VALUES
    (1, 1, 2, 2), (1, 2, 1, 0), (2, 4, 1, 0), (1, 6, 1, 1);
INSERT INTO entries (conversation, seq, ordinal, at, account, name, client_id, body) VALUES
    (1, 1, 1, 10, 1, 'Anna', 'k1', '{"kind":"message","text":"hi"}'),
    (1, 2, 2, 11, 2, 'boris', NULL, '{"kind":"message","text":"{\\"kind\\":\\"created\\""}'),
    (2, 1, 0, 12, 1, 'Anna', NULL, '{"kind":"created","name":"#Tea"}'),
    (2, 2, 0, 13, 1, 'Anna', NULL, '{"kind":"topic","text":"leaves"}'),
    (2, 3, 0, 14, 2, 'boris', 'k1', '{"kind":"joined"}'),
    (3, 1, 0, 12, 1, 'Anna', NULL, '{"kind":"created","name":"#Left"}'),
    (3, 2, 0, 13, 1, 'Anna', NULL, '{"kind":"left"}'),
    (3, 3, 0, 14, 3, 'clara', NULL, '{"kind":"joined"}'),
    (4, 1, 0, 12, 2, 'boris', NULL, '{"kind":"created","name":"#Empty"}'),
    (6, 1, 1, 12, 2, 'boris', NULL, '{"kind":"message","text":"psst"}'),
    (7, 1, 0, 12, 1, 'Anna', NULL, '{"kind":"room_joined","conversation":"rtea"}'),
    (7, 2, 0, 13, 1, 'Anna', NULL, '{"kind":"read","conversation":"rtea","through":1}');
"""


@pytest.fixture
def old(path: Path) -> Iterator[sqlite3.Connection]:
    """A file of version 1, as the first step and a server of that time left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, MIGRATIONS[:1])
        connection.executescript(OLD)
        yield connection


def opened(path: Path) -> Contents:
    """What is in the file, by its store; the same however often it is opened."""
    for _ in range(2):
        with closing(SqliteStore(path)) as store:
            contents = store.contents()
    return contents


def rooms_of(contents: Contents) -> dict[str, StoredConversation]:
    return {one.shown: one for one in contents.conversations if one.kind is Kind.ROOM}


def test_a_file_of_version_1_is_opened_and_copied(old: sqlite3.Connection, path: Path) -> None:
    assert version_of(path) == 1
    opened(path)
    assert version_of(path) == len(MIGRATIONS) == 2
    copy = path.with_name("molva.db.before-2")
    assert version_of(copy) == 1


def test_what_was_said_in_version_1_is_there(old: sqlite3.Connection, path: Path) -> None:
    opened(path)
    with closing(SqliteStore(path)) as store:
        for conversation, count in [("r0", 2), ("rtea", 3), ("rleft", 3), ("1:2", 1), ("@1", 2)]:
            id = ConversationId(conversation)
            log = store.load(id, after=Seq(0), limit=9, bytes_max=999)
            assert [entry.seq for entry in log] == list(range(1, count + 1))
            assert store.load_ledger(id, before=Seq(9), limit=9, bytes_max=9) == []
        known, said = store.commit([msgspec.structs.replace(HI, id="k1"), HI])
        assert isinstance(known, Known)
        assert known.entry.body == Message("hi")
        assert isinstance(said, Appended)
        assert (said.entry.seq, said.entry.ordinal) == (3, 3)


def test_who_had_no_password_is_a_guest(old: sqlite3.Connection, path: Path) -> None:
    contents = opened(path)
    assert [(one.shown, one.guest) for one in contents.accounts] == [
        *(("Anna", False), ("boris", True)),
        ("clara", False),
    ]
    assert [(one.token_digest, one.at) for one in contents.devices] == [("t1", 5), ("t2", 6)]
    assert (contents.deleted, contents.erasing, contents.barred) == ([], [], [])


def test_rooms_were_public_and_those_nobody_is_in_are_closed(
    old: sqlite3.Connection, path: Path
) -> None:
    rooms = rooms_of(opened(path))
    assert list(rooms) == ["#general", "#moderators", "#Left", "#Tea", "#Tied"]
    for shown, one in rooms.items():
        if shown != "#moderators":
            assert (one.room_kind, one.open_from) == (RoomKind.PUBLIC, 1)
    moderators = rooms["#moderators"]
    assert (moderators.conversation, moderators.head) == (StaffRoom, 0)
    assert (moderators.room_kind, moderators.open_from) == (RoomKind.PRIVATE, None)
    assert (rooms["#Tea"].topic, rooms["#Tea"].head) == ("leaves", 3)


def test_the_name_of_a_room_nobody_was_in_is_free(old: sqlite3.Connection, path: Path) -> None:
    opened(path)
    with closing(SqliteStore(path)) as store:
        outcomes = store.commit(
            [
                msgspec.structs.replace(HI, conversation=ConversationId("rempty"), id=None),
                MakeRoom(ConversationId("rempty"), "#Empty", "#empty", "#empty"),
                MakeRoom(ConversationId("rnew"), "#Empty", "#empty", "#empty"),
            ]
        )
        assert outcomes == [Missing(), Unavailable(), Made()]
        assert not [one for one in store.contents().markers if one.conversation == "rempty"]


def test_who_made_a_room_owns_it_or_who_is_there_longest(
    old: sqlite3.Connection, path: Path
) -> None:
    assert opened(path).roles == [
        StoredRole(ConversationId("rleft"), AccountId(3), Role.OWNER),
        StoredRole(ConversationId("rtea"), AccountId(1), Role.OWNER),
        StoredRole(ConversationId("rtied"), AccountId(2), Role.OWNER),
    ]


@pytest.mark.parametrize(
    ("names", "free"),
    [
        ([], "#moderators"),
        (["#moderators"], "#moderators-2"),
        (["#m\u043eder\u0430tors"], "#moderators-2"),
        (["#Moderators", "#moderators-2", "#MODERATORS-3"], "#moderators-4"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("empty", [False, True])
def test_the_moderators_get_a_name_that_is_free(
    old: sqlite3.Connection, path: Path, names: list[str], free: str, empty: bool
) -> None:
    for number, shown in enumerate(names, start=20):
        name = parse_room(shown)
        old.execute(
            "INSERT INTO conversations (number, id, kind, shown, key, skeleton)"
            " VALUES (?, ?, 'room', ?, ?, ?)",
            (number, f"rm{number}", name.shown, name.key, name.skeleton),
        )
        if not empty:
            old.execute("INSERT INTO members VALUES (?, 2, 1)", (number,))
    (moderators,) = [one for one in opened(path).conversations if one.conversation == StaffRoom]
    assert moderators.shown == ("#moderators" if empty else free)


def test_a_new_file_and_the_memory_store_hold_the_same(path: Path) -> None:
    assert opened(path) == MemoryStore().contents()
