"""Migrations: a file of any older version becomes one of this version, or stays as it was."""

import hashlib
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from molva.store import migrations
from molva.store.migrations import MIGRATIONS, migrate
from molva.store.sqlite import SqliteStore
from molva.terms.entries import Message
from molva.terms.ids import AccountId, CommonRoom, Seq
from molva.terms.ports import Append, MakeAccount, StoreRefused
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
