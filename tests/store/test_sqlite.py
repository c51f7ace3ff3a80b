"""What only the SQLite store has: a file, its owner, its threads and the ways it can fail."""

import os
import random
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from molva.store import accounts, migrations, sqlite, transaction
from molva.store.memory import MemoryStore
from molva.store.sqlite import SqliteStore
from molva.terms.entries import (
    AnyBody,
    Banned,
    Created,
    Entry,
    Joined,
    Left,
    Message,
    Read,
    Removed,
    Renamed,
    Restored,
    Unheard,
)
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    Seq,
    StaffRoom,
    direct_id,
    own_log_id,
)
from molva.terms.ports import (
    AddDevice,
    Append,
    Appended,
    Contents,
    EndInvitation,
    Erase,
    Find,
    ForgetDevices,
    Known,
    Made,
    MakeAccount,
    MakeInvitation,
    MakeRoom,
    Outcome,
    RetireAccount,
    SetPassword,
    StoreLost,
    StoreRefused,
    StoreUnavailable,
    Unavailable,
    Write,
)
from molva.terms.roles import Role
from tests.store.files import behind_its_back, child, line_from, posix, value

ANNA = AccountId(1)


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as store:
        yield store


def write(
    text: str, conversation: ConversationId = CommonRoom, *, id: str | None = None, at: int = 1
) -> Append:
    return Append(conversation, ANNA, "anna", id, at, Message(text))


def account(number: int, name: str) -> MakeAccount:
    return MakeAccount(AccountId(number), name, name, name, None, f"t{number}", None, 1)


def entry(outcome: Outcome) -> Entry:
    assert isinstance(outcome, Appended | Known)
    return outcome.entry


def everything(store: SqliteStore, conversation: ConversationId = CommonRoom) -> list[Entry]:
    return store.load(conversation, after=Seq(0), limit=10**9, bytes_max=10**12)


def texts(store: SqliteStore) -> list[str]:
    return [entry.body.text for entry in everything(store) if isinstance(entry.body, Message)]


def writer_of(store: SqliteStore) -> sqlite3.Connection:
    assert store._writer is not None
    return store._writer


def reader_of(store: SqliteStore) -> sqlite3.Connection:
    assert store._reader is not None
    return store._reader


# -- The owner


def test_a_file_open_in_this_process_is_refused(store: SqliteStore, path: Path) -> None:
    with pytest.raises(StoreRefused) as refused:
        SqliteStore(path)
    assert refused.value.values["pid"] == str(os.getpid())
    assert store.commit([write("still mine")]) != [Unavailable()]


@posix
def test_another_name_of_the_same_file_is_refused(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.db").symlink_to(path)
    with pytest.raises(StoreRefused, match="locked"):
        SqliteStore(tmp_path / "other.db")


def test_a_file_is_free_after_close(path: Path) -> None:
    for _ in range(3):
        SqliteStore(path).close()


def test_a_refused_file_is_free_for_another_try(path: Path) -> None:
    path.write_text("no database" * 1_000)
    for _ in range(2):
        with pytest.raises(StoreRefused, match="damaged"):
            SqliteStore(path)
    path.unlink()
    SqliteStore(path).close()


# -- The file


@posix
def test_the_file_and_those_beside_it_are_their_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "data"
    previous = os.umask(0)
    try:
        with closing(SqliteStore(directory / "molva.db")) as store:
            store.commit([write("secret")])
            names = sorted(file.name for file in directory.iterdir())
            assert names == ["molva.db", "molva.db-shm", "molva.db-wal", "molva.db.lock"]
            for file in directory.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    finally:
        os.umask(previous)


def test_a_clean_stop_leaves_the_file_and_its_lock_alone(path: Path, tmp_path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("x")])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["molva.db", "molva.db.lock"]


def test_a_name_with_signs_of_a_uri_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=memory&c#d%20é.db"
    with closing(SqliteStore(path)) as store:
        store.commit([write("x")])
    assert path.stat().st_size > 0


def test_the_writer_is_in_wal_mode_with_full_synchronization(store: SqliteStore) -> None:
    writer = writer_of(store)
    assert value(writer, "PRAGMA journal_mode") == "wal"
    assert value(writer, "PRAGMA synchronous") == 2
    assert value(writer, "PRAGMA fullfsync") == 1
    assert value(writer, "PRAGMA wal_autocheckpoint") > 0


def test_the_reader_can_neither_write_nor_checkpoint(store: SqliteStore) -> None:
    reader = reader_of(store)
    assert value(reader, "PRAGMA wal_autocheckpoint") == 0
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM entries")


def test_the_version_of_the_library_is_told(store: SqliteStore) -> None:
    assert store.version == sqlite3.sqlite_version


def test_a_library_that_is_too_old_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))
    with pytest.raises(StoreRefused) as refused:
        SqliteStore(path)
    assert refused.value.values["needed"] == "3.37.0"
    assert not path.exists()


@posix
@pytest.mark.parametrize("where", ["directory", "below a file"])
def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path if where == "directory" else tmp_path / "file" / "molva.db"
    with pytest.raises(StoreRefused, match="unusable"):
        SqliteStore(path)


# -- Damage


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1_000)
    before = path.read_bytes()
    with pytest.raises(StoreRefused) as refused:
        SqliteStore(path)
    assert refused.value.reason == "damaged"
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    behind_its_back(path, "CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreRefused) as refused:
        SqliteStore(path)
    assert refused.value.reason == "damaged"
    assert refused.value.values["detail"] == "not a database of Molva"
    assert path.read_bytes() == before


def test_a_database_cut_short_is_refused(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("x" * 1_000) for _ in range(100)])
    with path.open("r+b") as file:
        file.truncate(3 * 4_096)
    with pytest.raises(StoreRefused, match="damaged"):
        SqliteStore(path)


def test_damage_is_looked_for_after_a_stop_that_was_not_clean(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("x" * 1_000, id=f"k{number}") for number in range(300)])
    damaged = bytearray(path.read_bytes())
    # The middle of the file is neither its schema nor the end of a log, which are always read.
    middle = len(damaged) // 2 // 4_096 * 4_096
    damaged[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(bytes(damaged))
    path.with_name("molva.db-wal").touch()
    with pytest.raises(StoreRefused, match="damaged"):
        SqliteStore(path)


def test_a_hole_in_a_log_is_never_loaded_over(path: Path, store: SqliteStore) -> None:
    store.commit([write(text) for text in "abcdef"])
    behind_its_back(path, "DELETE FROM entries WHERE seq = 3")
    for after in (0, 1, 2):
        with pytest.raises(StoreUnavailable, match="3 is not in the file"):
            store.load(CommonRoom, after=Seq(after), limit=9, bytes_max=99)
    with pytest.raises(StoreUnavailable, match="3 is not in the file"):
        store.load_before(CommonRoom, before=Seq(6), limit=9, bytes_max=99)
    assert len(store.load(CommonRoom, after=Seq(3), limit=9, bytes_max=99)) == 3
    assert len(store.load(CommonRoom, after=Seq(0), limit=2, bytes_max=99)) == 2


def test_an_end_that_is_missing_is_not_passed_over(path: Path, store: SqliteStore) -> None:
    store.commit([write(text) for text in "abc"])
    behind_its_back(path, "DELETE FROM entries WHERE seq = 3")
    with pytest.raises(StoreUnavailable):
        everything(store)
    with pytest.raises(StoreUnavailable):
        store.load_before(CommonRoom, before=Seq(9), limit=1, bytes_max=99)


@pytest.mark.parametrize("body", ["", "{", '{"kind":"message"}', '{"kind":"of_tomorrow"}', "[]"])
def test_a_body_that_is_none_is_not_returned(path: Path, store: SqliteStore, body: str) -> None:
    store.commit([write("a", id="k")])
    behind_its_back(path, f"UPDATE entries SET body = '{body}'")
    with pytest.raises(StoreUnavailable):
        everything(store)
    damaged, sound = store.commit([write("b", id="k"), write("c", id="k2")])
    assert damaged == Unavailable()
    assert entry(sound).seq == 2


# -- Failure


def test_a_full_disk_is_unavailable_and_passes_when_there_is_space(store: SqliteStore) -> None:
    store.commit([write("before")])
    writer = writer_of(store)
    pages = value(writer, "PRAGMA page_count")
    writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    big = [write("x" * 10_000, id=f"k{number}") for number in range(9)]
    assert store.commit(big) == [Unavailable()] * 9
    assert texts(store) == ["before"]
    (small,) = store.commit([write("small")])
    assert entry(small).seq == 2
    writer.execute("PRAGMA max_page_count = 1000000")
    assert [entry(one).seq for one in store.commit(big)] == list(range(3, 12))


def test_a_full_disk_takes_no_account_and_no_conversation(store: SqliteStore) -> None:
    writer = writer_of(store)
    pages = value(writer, "PRAGMA page_count")
    writer.execute(f"PRAGMA max_page_count = {pages}")
    direct = direct_id(ANNA, AccountId(2))
    big: list[Write] = [account(1, "anna"), write("x" * 100_000, direct)]
    assert store.commit(big) == [Unavailable()] * 2
    contents = store.contents()
    assert contents.accounts == []
    assert [stored.conversation for stored in contents.conversations] == [CommonRoom, StaffRoom]
    writer.execute("PRAGMA max_page_count = 1000000")
    assert [type(one) for one in store.commit(big)] == [Made, Appended]


def test_a_file_that_somebody_locks_is_unavailable_until_it_is_let_go(
    path: Path, store: SqliteStore
) -> None:
    writer_of(store).execute("PRAGMA busy_timeout = 0")
    store.commit([write("a")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.commit([write("b"), write("c")]) == [Unavailable(), Unavailable()]
        assert texts(store) == ["a"]
        other.execute("ROLLBACK")
    assert entry(store.commit([write("b")])[0]).seq == 2


def test_a_write_behind_the_servers_back_is_noticed_and_reckoned_with(
    path: Path, store: SqliteStore
) -> None:
    store.commit([write("a")])
    behind_its_back(
        path,
        "INSERT INTO entries SELECT conversation, 2, 2, at, account, name, NULL, body FROM entries",
    )
    assert store.commit([write("b", id="k")]) == [Unavailable()]
    assert entry(store.commit([write("b", id="k")])[0]).seq == 3
    assert texts(store) == ["a", "a", "b"]


def test_a_file_that_somebody_locks_is_refused_as_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreRefused, match="locked"):
            SqliteStore(path)
    SqliteStore(path).close()


class Faulty(sqlite3.Connection):
    """A connection on which a statement fails: before it was done, or after."""

    before: str | tuple[str, ...] | None = None
    after: str | None = None
    code = sqlite3.SQLITE_IOERR
    error: type[BaseException] = sqlite3.OperationalError
    opened = 0

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        type(self).opened += 1

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        self._fail(sql, self.before)
        cursor = super().execute(sql, parameters)
        self._fail(sql, self.after)
        return cursor

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
        self._fail(sql, self.before)
        return super().executemany(sql, rows)

    def _fail(self, sql: str, start: str | tuple[str, ...] | None) -> None:
        if start is not None and sql.startswith(start):
            error = self.error("the disk said no")
            if isinstance(error, sqlite3.Error):
                error.sqlite_errorcode = self.code
            raise error


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    """A kind of connection of this test's own, which every store opened in it uses."""
    faults = type("FaultyHere", (Faulty,), {})
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=faults))
    return faults


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO entries", "COMMIT"])
def test_after_an_input_output_error_the_file_is_opened_anew(
    faults: type[Faulty], path: Path, statement: str
) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("a")])
        opened = faults.opened
        faults.before = statement
        assert store.commit([write("b"), write("c")]) == [Unavailable(), Unavailable()]
        assert texts(store) == ["a"]
        faults.before = None
        assert [entry(one).seq for one in store.commit([write("b"), write("c")])] == [2, 3]
        assert faults.opened == opened + 2
        assert texts(store) == ["a", "b", "c"]


def test_an_input_output_error_in_a_write_by_itself_leaves_nothing_of_it(
    faults: type[Faulty], path: Path
) -> None:
    with closing(SqliteStore(path)) as store:
        faults.before = "INSERT INTO members"
        join = Append(CommonRoom, ANNA, "anna", None, 1, Joined())
        assert store.commit([join]) == [Unavailable()]
        faults.before = None
        assert store.contents().members == []
        assert everything(store) == []


@pytest.mark.parametrize("statement", ["PRAGMA user_version", "CREATE TABLE entries", "COMMIT"])
def test_an_input_output_error_while_opening_is_a_refusal_and_frees_the_file(
    faults: type[Faulty], path: Path, statement: str
) -> None:
    faults.before = statement
    with pytest.raises(StoreRefused, match="unusable"):
        SqliteStore(path)
    faults.before = None
    SqliteStore(path).close()


def test_contents_are_unavailable_where_the_lost_cannot_be_retired(
    faults: type[Faulty], path: Path
) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([MakeAccount(ANNA, "anna", "anna", "anna", None, None, None, 1)])
        faults.before = "UPDATE accounts"
        with pytest.raises(StoreUnavailable):
            store.contents()
        faults.before = None
        assert store.contents().accounts == []


def test_a_full_disk_at_commit_is_a_doubt_too(faults: type[Faulty], path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        opened = faults.opened
        faults.before, faults.code = "COMMIT", sqlite3.SQLITE_FULL
        assert store.commit([write("a")]) == [Unavailable()]
        faults.before = None
        assert entry(store.commit([write("b")])[0]).seq == 1
        assert faults.opened == opened + 2


def test_while_the_doubt_lasts_nothing_is_written_and_the_rest_can_be_read(
    faults: type[Faulty], path: Path
) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("a")])
        faults.before = "INSERT INTO entries"
        for _ in range(3):
            assert store.commit([write("b")]) == [Unavailable()]
            assert texts(store) == ["a"]
        faults.before = "PRAGMA wal_checkpoint"
        for _ in range(3):
            assert store.commit([write("b")]) == [Unavailable()]
            with pytest.raises(StoreUnavailable):
                everything(store)
        with pytest.raises(StoreUnavailable):
            store.contents()
        faults.before = None
        assert entry(store.commit([write("b")])[0]).seq == 2
        assert texts(store) == ["a", "b"]


def test_a_file_that_lost_what_was_told_is_never_written_again(
    faults: type[Faulty], path: Path
) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("a"), write("b")])
        faults.before = "INSERT INTO entries"
        store.commit([write("c")])
        faults.before = None
        behind_its_back(path, "DELETE FROM entries WHERE seq = 2")
        for _ in range(3):
            assert store.commit([write("c")]) == [Unavailable()]
    with closing(SqliteStore(path)) as store:
        assert texts(store) == ["a"]


def test_a_bug_leaves_the_store_and_no_transaction_behind(store: SqliteStore) -> None:
    store.commit([write("a")])
    broken: Any = Append(CommonRoom, ANNA, "anna", None, 1, Message(object()))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        store.commit([write("b"), broken])
    assert texts(store) == ["a"]
    assert entry(store.commit([write("b")])[0]).seq == 2


# -- A COMMIT that fails: it may have taken effect

BORIS, DORA = AccountId(2), AccountId(5)
TEAM = ConversationId("rteam")


def put(
    body: AnyBody, conversation: ConversationId = CommonRoom, *, id: str | None = None
) -> Append:
    return Append(conversation, ANNA, "anna", id, 1, body)


BEFORE: list[Write] = [
    *(account(1, "anna"), account(2, "boris"), account(3, "vera"), RetireAccount(AccountId(3))),
    *(write("a", id="k1"), write("a", direct_id(ANNA, BORIS))),
    MakeRoom(TEAM, "#team", "#team", "#team"),
    *(put(Created("#team"), TEAM), write("b", TEAM), write("c", TEAM, id="k0")),
    put(Removed(Seq(3), "anna", ANNA), TEAM, id="k3"),
    *(account(5, "dora"), Append(CommonRoom, DORA, "dora", None, 1, Unheard("d"))),
    *(RetireAccount(DORA, deleted=True, erase=True), Erase(DORA, 1)),
    MakeInvitation("i1", Role.MEMBER, 2, 9, ANNA),
    MakeInvitation("i2", Role.MEMBER, 1, 9, ANNA, "galina"),
]
TEA = MakeRoom(ConversationId("rtea"), "#tea", "tea", "tea")

CHANGES: dict[str, list[Write]] = {
    "a message": [write("b", id="k2")],
    "a message without an id": [write("b")],
    "the first entry of a conversation": [write("b", own_log_id(ANNA))],
    "a marker": [Append(own_log_id(ANNA), ANNA, "anna", None, 1, Read(CommonRoom, Seq(1)))],
    "a repetition and a message": [write("a", id="k1"), write("b", id="k2")],
    "a room": [TEA],
    "a room and its first entry": [
        TEA,
        Append(TEA.conversation, ANNA, "anna", "k", 1, Created("#tea")),
    ],
    "an account": [account(4, "galina")],
    "an account that is gone again": [account(4, "galina"), RetireAccount(AccountId(4))],
    "the first owner": [msgspec.structs.replace(account(4, "galina"), claims=True)],
    "a device": [AddDevice(ANNA, "t9", None, 1)],
    "a device that is gone again": [AddDevice(ANNA, "t9", None, 1), RetireAccount(ANNA)],
    "an account that ends": [RetireAccount(BORIS)],
    "a name that passes on": [RetireAccount(BORIS), account(4, "boris")],
    "a device that takes the place of another": [AddDevice(ANNA, "t9", None, 1, "t1")],
    "a device that is forgotten": [ForgetDevices(ANNA, ("t1", "t9"))],
    "a device that is forgotten, after one that came and went": [
        *(
            AddDevice(ANNA, "t9", None, 1),
            ForgetDevices(ANNA, ("t9",)),
            ForgetDevices(ANNA, ("t1",)),
        ),
    ],
    "a device that is another's now": [
        *(ForgetDevices(ANNA, ("t1",)), AddDevice(BORIS, "t1", None, 1)),
    ],
    "a device that comes and is barred": [
        AddDevice(ANNA, "t9", None, 1),
        put(Banned(ANNA, "anna", devices=True)),
    ],
    "a password": [SetPassword(ANNA, "hash")],
    "a password and the devices of before": [SetPassword(ANNA, "hash", ("t1",))],
    "an account that is deleted": [RetireAccount(ANNA, deleted=True, erase=True)],
    "words that go": [Erase(DORA, 1)],
    "the last words that go": [Erase(DORA, 999)],
    "an invitation": [MakeInvitation("i3", Role.OWNER, 1, 9, ANNA)],
    "an invitation that is over": [EndInvitation("i1")],
    "an invitation in place of another": [
        *(EndInvitation("i1"), MakeInvitation("i1", Role.MEMBER, 3, 9, ANNA)),
    ],
    "an invitation that is used": [msgspec.structs.replace(account(4, "galina"), invitation="i1")],
    "an invitation that is used up": [
        msgspec.structs.replace(account(4, "galina"), invitation="i2", password_hash="hash")
    ],
    "a message that is removed": [put(Removed(Seq(1), "anna", ANNA))],
    "a message that is written and removed": [
        *(write("b"), put(Removed(Seq(3), "anna", ANNA))),
    ],
    "a message that is put back": [put(Restored(Seq(3), "anna", ANNA), TEAM)],
    "what was unheard, and is gone with its author": [
        Append(CommonRoom, BORIS, "boris", None, 1, Unheard("x")),
        *(RetireAccount(BORIS, erase=True), Erase(BORIS, 999)),
    ],
    "a name of a room": [put(Renamed("#tea", "#team"), TEAM)],
    "a room that is closed": [put(Left(), TEAM)],
    "a room that is closed, and its name": [
        put(Left(), TEAM),
        MakeRoom(TEA.conversation, "#team", "#team", "#team"),
    ],
    "a room that is made and closed": [
        TEA,
        put(Joined(), TEA.conversation),
        put(Left(), TEA.conversation),
    ],
    "refused ones and an account": [account(4, "anna"), Find(ANNA, "k9"), account(4, "galina")],
}
"""Each is to be seen in the file, in one way or another."""

NOTHINGS: dict[str, list[Write]] = {
    "questions": [Find(ANNA, "k1"), Find(ANNA, "k9")],
    "repetitions": [write("a", id="k1"), write("b", id="k1")],
    "what is refused": [account(4, "anna"), write("b", ConversationId("rnone"))],
    "what is gone already": [RetireAccount(AccountId(3)), RetireAccount(AccountId(99))],
    "a device that comes and goes": [AddDevice(ANNA, "t9", None, 1), ForgetDevices(ANNA, ("t9",))],
    "a device that goes and comes": [ForgetDevices(ANNA, ("t1",)), AddDevice(ANNA, "t1", None, 1)],
    "devices that are not theirs": [ForgetDevices(ANNA, ("t2", "t9"))],
    "a password of nobody": [SetPassword(AccountId(99), "hash"), SetPassword(DORA, "hash")],
    "an invitation that comes and goes": [
        *(MakeInvitation("i3", Role.OWNER, 1, 9, ANNA), EndInvitation("i3")),
    ],
    "no invitation": [
        msgspec.structs.replace(account(4, "galina"), invitation="i9"),
        *(EndInvitation("i9"), MakeInvitation("i1", Role.OWNER, 1, 9, ANNA)),
    ],
    "nobody's words": [Erase(ANNA, 9), Erase(AccountId(99), 9), Erase(DORA, 0)],
    "what is not there": [
        put(Removed(Seq(3), "anna", ANNA), TEAM),
        put(Removed(Seq(2), "anna", BORIS), TEAM),
        *(put(Restored(Seq(2), "anna", ANNA), TEAM), put(Renamed("#general", "#team"), TEAM)),
        put(Removed(Seq(9), "anna", ANNA), direct_id(ANNA, DORA)),
    ],
    "what was done already": [put(Removed(Seq(3), "anna", ANNA), TEAM, id="k3")],
}


def by_name(batches: dict[str, list[Write]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("batch", batches.values(), ids=batches.keys())


def right(batch: list[Write]) -> tuple[list[Outcome], Contents]:
    """Return what comes of a batch, and what there is then, where nothing fails."""
    store = MemoryStore()
    store.commit(BEFORE)
    return store.commit(batch), store.contents()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY])
@by_name(CHANGES)
def test_a_commit_that_failed_and_yet_took_effect_is_answered_so(
    faults: type[Faulty], path: Path, batch: list[Write], code: int
) -> None:
    outcomes, contents = right(batch)
    with closing(SqliteStore(path)) as store:
        store.commit(BEFORE)
        opened = faults.opened
        faults.after, faults.code = "COMMIT", code
        assert store.commit(batch) == outcomes
        assert faults.opened == opened + 2
        faults.after = None
        assert store.contents() == contents
        assert entry(store.commit([write("z")])[0]).seq == len(everything(store))
        assert faults.opened == opened + 2


@by_name(CHANGES | NOTHINGS)
def test_a_commit_that_failed_and_took_no_effect_is_unavailable(
    faults: type[Faulty], path: Path, batch: list[Write]
) -> None:
    _, contents = right([])
    with closing(SqliteStore(path)) as store:
        store.commit(BEFORE)
        faults.before = "COMMIT"
        assert store.commit(batch) == [Unavailable() for _ in batch]
        faults.before = None
        assert store.contents() == contents
        outcomes, contents = right(batch)
        assert store.commit(batch) == outcomes
        assert store.contents() == contents


@by_name(NOTHINGS)
def test_where_nothing_was_to_be_written_there_is_nothing_to_know(
    faults: type[Faulty], path: Path, batch: list[Write]
) -> None:
    _, contents = right(batch)
    with closing(SqliteStore(path)) as store:
        store.commit(BEFORE)
        faults.before, faults.after = "PRAGMA wal_checkpoint", "COMMIT"
        assert store.commit(batch) == [Unavailable() for _ in batch]
        faults.before = faults.after = None
        assert store.contents() == contents
        assert store.commit(batch) == right(batch)[0]


@pytest.mark.parametrize("opening", ["PRAGMA user_version", "PRAGMA wal_checkpoint", "SELECT 1"])
@pytest.mark.parametrize("effect", [False, True])
def test_where_the_file_cannot_be_looked_into_the_store_is_lost(
    faults: type[Faulty], path: Path, effect: bool, opening: str
) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("a")])
        faults.before = (opening,) if effect else (opening, "COMMIT")
        faults.after = "COMMIT"
        with pytest.raises(StoreLost):
            store.commit([write("b")])
        faults.before = faults.after = None
        for _ in range(2):
            with pytest.raises(StoreLost):
                store.commit([write("c")])
            with pytest.raises(StoreUnavailable):
                store.contents()
    with closing(SqliteStore(path)) as store:
        assert texts(store) == (["a", "b"] if effect else ["a"])
        assert entry(store.commit([write("c")])[0]).seq == 2 + effect


def test_contents_are_unavailable_where_the_store_is_lost(faults: type[Faulty], path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([MakeAccount(ANNA, "anna", "anna", "anna", None, None, None, 1)])
        faults.before, faults.after = "PRAGMA wal_checkpoint", "COMMIT"
        with pytest.raises(StoreUnavailable):
            store.contents()


def test_a_commit_that_is_interrupted_is_not_gone_on_from(faults: type[Faulty], path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        faults.after, faults.error = "COMMIT", KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt):
            store.commit([write("a")])
        faults.after = None
        with pytest.raises(StoreLost):
            store.commit([write("b")])


def test_a_full_disk_is_taken_at_its_word_until_the_file_opens_again(
    faults: type[Faulty], path: Path
) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("a")])
        faults.before, faults.code = "COMMIT", sqlite3.SQLITE_FULL
        assert store.commit([write("b")]) == [Unavailable()]
        assert texts(store) == ["a"]
        faults.before = "PRAGMA wal_checkpoint"
        for _ in range(3):
            assert store.commit([write("b")]) == [Unavailable()]
        faults.before = None
        assert entry(store.commit([write("b")])[0]).seq == 2
        assert texts(store) == ["a", "b"]


def test_a_full_disk_whose_word_was_wrong_is_found_out(faults: type[Faulty], path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([write("a")])
        faults.after, faults.code = "COMMIT", sqlite3.SQLITE_FULL
        assert store.commit([write("b")]) == [Unavailable()]
        faults.after = None
        for _ in range(2):
            with pytest.raises(StoreLost):
                store.commit([write("c")])
    with closing(SqliteStore(path)) as store:
        assert texts(store) == ["a", "b"]


# -- Words that go


def test_words_that_are_gone_are_not_in_the_file_either(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.commit([account(1, "anna"), *[write(f"secret {number}") for number in range(300)]])
        store.commit([put(Removed(Seq(7), "anna", ANNA)), put(Unheard("secret too"))])
        store.commit([write("other", direct_id(ANNA, BORIS))])
    assert b"secret" in path.read_bytes()
    with closing(SqliteStore(path)) as store:
        store.commit([RetireAccount(ANNA, deleted=True, erase=True)])
        while store.contents().erasing:
            store.commit([Erase(ANNA, 50)])
    assert b"secret" not in path.read_bytes()


# -- Threads


def test_a_reader_in_another_thread_sees_only_whole_commits(store: SqliteStore) -> None:
    seen: list[int] = []
    done = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not done.is_set():
                seen.append(len(everything(store)))
            seen.append(len(everything(store)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100):
        store.commit([write("x", id=f"{number}.{part}") for part in range(5)])
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {count % 5 for count in seen} == {0}
    assert max(seen) == 500


def test_what_commit_has_returned_another_thread_can_load(store: SqliteStore) -> None:
    loaded: list[str] = []
    for text in "abc":
        store.commit([write(text)])
        thread = threading.Thread(target=lambda: loaded.append(texts(store)[-1]))
        thread.start()
        thread.join()
    assert loaded == ["a", "b", "c"]


def test_loads_that_stop_early_do_not_keep_the_wal_from_being_cut(store: SqliteStore) -> None:
    store.commit([write("x" * 100) for _ in range(50)])
    assert len(store.load(CommonRoom, after=Seq(0), limit=50, bytes_max=200)) == 2
    (busy, *_) = writer_of(store).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0


def test_the_wal_does_not_grow_without_end(store: SqliteStore, path: Path) -> None:
    for number in range(400):
        store.commit([write("x" * 10_000, id=f"{number}")])
        store.load(CommonRoom, after=Seq(number), limit=1, bytes_max=1)
    assert path.with_name("molva.db-wal").stat().st_size < 8 * 1024 * 1024


# -- kill -9

WRITER = """
import sys
from molva.store.sqlite import SqliteStore
from molva.terms.entries import Message, Read
from molva.terms.ids import AccountId, CommonRoom, Seq, own_log_id
from molva.terms.ports import Append
store = SqliteStore(sys.argv[1])
anna = AccountId(1)
head = store.contents().conversations
head = next(c.head for c in head if c.conversation == CommonRoom)
while True:
    batch = [
        Append(CommonRoom, anna, "anna", f"k{head + i}", 1, Message(f"text {head + i}"))
        for i in range(1, 1 + head % 7 + 1)
    ]
    batch.append(Append(own_log_id(anna), anna, "anna", None, 1, Read(CommonRoom, Seq(head))))
    outcomes = store.commit(batch)
    head = outcomes[-2].entry.seq
    print(head, flush=True)
"""


@posix
def test_what_commit_returned_survives_kill_9_at_any_moment(path: Path) -> None:
    chance = random.Random(11)
    for _ in range(20):
        with child(WRITER, path) as process:
            assert process.stdout is not None
            acked = 0
            for _ in range(chance.randrange(1, 120)):
                acked = int(line_from(process))
            process.kill()
            for line in process.stdout.read().split("\n")[:-1]:
                acked = int(line)
        with closing(SqliteStore(path)) as store:
            log = everything(store)
            assert len(log) >= acked
            assert [entry.id for entry in log] == [f"k{seq}" for seq in range(1, len(log) + 1)]
            assert texts(store) == [f"text {seq}" for seq in range(1, len(log) + 1)]
            reads = [entry.body for entry in everything(store, own_log_id(ANNA))]
            markers = store.contents().markers
            last = max(body.through for body in reads if isinstance(body, Read))
            assert [(marker.through, marker.ordinal) for marker in markers] == [(last, last)]
            if acked:
                again = store.commit([write("again", id=f"k{acked}")])
                assert isinstance(again[0], Known)


# -- Plans: what must not become slow with the years


def plan_of(store: SqliteStore, query: str) -> str:
    parameters = [1] * query.count("?")
    rows = writer_of(store).execute(f"EXPLAIN QUERY PLAN {query}", parameters)
    return "\n".join(row[3] for row in rows)


def test_heads_are_read_without_reading_the_logs(store: SqliteStore) -> None:
    plan = plan_of(store, sqlite._HEADS)
    assert "SCAN entries" not in plan
    assert plan.count("SEARCH entries") == 2


@pytest.mark.parametrize("query", [sqlite._ASCENDING, sqlite._DESCENDING])
def test_a_slice_is_read_in_order_without_sorting(store: SqliteStore, query: str) -> None:
    plan = plan_of(store, query)
    assert "SEARCH entries USING PRIMARY KEY (conversation=? AND seq>? AND seq<?)" in plan
    assert "TEMP B-TREE" not in plan


def test_an_id_is_found_by_its_index(store: SqliteStore) -> None:
    assert "USING INDEX entries_by_client_id" in plan_of(store, transaction._KNOWN)


def test_the_ledger_is_read_without_reading_the_log(store: SqliteStore) -> None:
    plan = plan_of(store, sqlite._LEDGER)
    assert "SEARCH ledger USING PRIMARY KEY (conversation=? AND seq<?)" in plan
    assert "SEARCH entries USING PRIMARY KEY (conversation=? AND seq=?)" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (accounts.KEY_HAD, "accounts_by_key"),
        (accounts.SKELETON_HAD, "accounts_by_skeleton"),
        (transaction.KEY_TAKEN, "conversations_by_key"),
        (transaction.SKELETON_TAKEN, "conversations_by_skeleton"),
    ],
)
def test_a_name_is_found_by_its_index(store: SqliteStore, query: str, index: str) -> None:
    assert f"USING INDEX {index} (" in plan_of(store, query)


def test_the_first_owner_is_found_by_an_index(store: SqliteStore) -> None:
    assert "INDEX accounts_by_founder" in plan_of(store, accounts.FOUNDER)


@pytest.mark.parametrize("query", [accounts.NEXT, accounts.WORDLESS])
def test_words_go_from_one_part_of_the_log_only(store: SqliteStore, query: str) -> None:
    plan = plan_of(store, query)
    assert "SEARCH entries USING PRIMARY KEY ((conversation,seq)>(?,?)" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("module", [sqlite, accounts, transaction, migrations])
def test_nothing_is_sorted_by_time(module: Any) -> None:
    source = Path(module.__file__).read_text()
    orders = [part[:60] for part in source.split("ORDER BY")[1:]]
    assert all(" at" not in order.replace('"', " ").split("\n")[0] for order in orders)
