"""What only the memory store has: a disk that outlives it, and a switch that makes it fail."""

from copy import deepcopy

import pytest

from molva.store.memory import Disk, MemoryStore
from molva.terms.entries import Joined, Message
from molva.terms.ids import AccountId, CommonRoom, ConversationId, Seq, direct_id
from molva.terms.ports import (
    Append,
    MakeAccount,
    MakeRoom,
    RetireAccount,
    StoreUnavailable,
    Unavailable,
    Write,
)
from tests.store.test_alike import Day

ANNA, BORIS = AccountId(1), AccountId(2)


def say(text: str, id: str | None = None) -> Append:
    return Append(CommonRoom, ANNA, "anna", id, 1, Message(text))


def count(store: MemoryStore) -> int:
    return len(store.load(CommonRoom, after=Seq(0), limit=99, bytes_max=99))


def account(number: AccountId, name: str) -> MakeAccount:
    return MakeAccount(number, name, name, name, None, f"token of {number}", None, 1)


def test_a_store_on_the_disk_of_a_crashed_one_holds_what_was_committed() -> None:
    disk = Disk()
    MemoryStore(disk).commit([say("a"), say("b")])
    assert count(MemoryStore(disk)) == 2


def test_a_copy_of_a_disk_is_not_changed_by_later_commits() -> None:
    disk = Disk()
    store = MemoryStore(disk)
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), say("a", "k1")])
    store.commit([Append(direct_id(ANNA, BORIS), ANNA, "anna", None, 1, Message("x"))])
    snapshot = disk.copy()
    before = MemoryStore(snapshot).contents()
    later: list[Write] = [
        say("b", "k2"),
        MakeRoom(ConversationId("r2"), "#x", "#x", "#x"),
        RetireAccount(BORIS),
        Append(CommonRoom, ANNA, "anna", None, 1, Joined()),
    ]
    store.commit(later)
    assert MemoryStore(snapshot).contents() == before
    assert count(MemoryStore(snapshot)) == 1
    assert vars(snapshot) != vars(disk)
    assert MemoryStore(snapshot).commit(later) != [Unavailable()] * len(later)
    assert vars(snapshot) == vars(disk)


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_of_a_disk_with_everything_in_it_is_a_disk_of_its_own(seed: int) -> None:
    disk = Disk()
    store = MemoryStore(disk)
    batches = list(Day(seed).batches(60))
    for batch in batches[:30]:
        store.commit(batch)
    snapshot, kept = disk.copy(), deepcopy(vars(disk))
    for batch in batches[30:]:
        store.commit(batch)
    assert vars(snapshot) == kept
    assert vars(snapshot) != vars(disk)
    for batch in batches[30:]:
        MemoryStore(snapshot).commit(batch)
    assert vars(snapshot) == vars(disk)


def test_while_it_is_unavailable_nothing_takes_effect_and_then_all_goes_on() -> None:
    store = MemoryStore()
    store.commit([say("a")])
    store.unavailable = True
    assert store.commit([say("b"), account(ANNA, "anna")]) == [Unavailable(), Unavailable()]
    with pytest.raises(StoreUnavailable):
        count(store)
    with pytest.raises(StoreUnavailable):
        store.load_before(CommonRoom, before=Seq(2), limit=1, bytes_max=1)
    with pytest.raises(StoreUnavailable):
        store.contents()
    with pytest.raises(StoreUnavailable):
        store.load_ledger(CommonRoom, before=Seq(2), limit=1, bytes_max=1)
    store.unavailable = False
    assert count(store) == 1
    assert store.contents().accounts == []
