"""The stores against each other: whatever is written, each answers as the memory store does."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molva.store.memory import MemoryStore
from molva.terms.entries import (
    Added,
    AnyBody,
    Banned,
    Blocked,
    Created,
    Departed,
    Gone,
    Invited,
    Joined,
    Kicked,
    Left,
    Message,
    ModeSet,
    Muted,
    Opened,
    Read,
    Removed,
    Renamed,
    Reported,
    Restored,
    RoleSet,
    RoomInvited,
    RoomJoined,
    RoomLeft,
    Topic,
    Unbanned,
    Unblocked,
    Unheard,
    Unmuted,
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
    EndInvitation,
    Erase,
    Find,
    ForgetDevices,
    MakeAccount,
    MakeInvitation,
    MakeRoom,
    RetireAccount,
    SetPassword,
    Store,
    Write,
)
from molva.terms.roles import Role, RoomKind
from tests.store.places import (
    ANNA,
    BORIS,
    CLARA,
    DIRECT,
    NOWHERE,
    OWN,
    ROOM,
    Place,
    everything,
    memory_place,
    sqlite_place,
)

ACCOUNTS = [ANNA, BORIS, CLARA, AccountId(4)]
ROOMS = [ROOM, ConversationId("r2"), ConversationId("r3"), StaffRoom, CommonRoom]
EVERY_CONVERSATION = [*ROOMS, DIRECT, OWN, own_log_id(BORIS), NOWHERE]
ROOM_NAMES = ["#Team", "#team", "#tea", "#te\u0430", "#general", "#moderators", "#x", "#X"]
DIGESTS = ["t1", "t2", "t3", "t4"]
CODES = ["i1", "i2", "i3"]
ADDRESSES = ["10.0.0.0/24", "::1/128"]

accounts = st.sampled_from(ACCOUNTS) | st.integers(-1, 2**64).map(AccountId)
conversations = st.sampled_from(EVERY_CONVERSATION)
some_text = st.text(max_size=12)
room_names = st.sampled_from(ROOM_NAMES) | some_text
ids = st.none() | st.sampled_from(["a", "b", "c", "d"]) | st.text(max_size=3)
digests = st.sampled_from(DIGESTS)
codes = st.sampled_from(CODES)
times = st.integers(0, 99) | st.just(2**63)
maybe_times = st.none() | times
seqs = st.integers(-1, 9).map(Seq) | st.just(Seq(2**64))
roles = st.sampled_from(Role)
kinds = st.sampled_from(RoomKind)
bodies: st.SearchStrategy[AnyBody] = st.one_of(
    *[st.builds(Message, some_text)] * 4,
    st.builds(Unheard, some_text),
    st.just(Gone()),
    st.builds(Created, room_names, kinds),
    *[st.just(Joined()), st.just(Left())] * 2,
    st.builds(Added, accounts, some_text),
    st.builds(Topic, some_text),
    st.builds(Renamed, room_names, room_names),
    st.builds(ModeSet, st.none() | kinds, st.none() | st.integers(0, 9), st.none() | st.booleans()),
    st.builds(Invited, accounts, some_text),
    st.builds(RoleSet, accounts, some_text, roles, some_text),
    st.builds(Kicked, accounts, some_text, some_text),
    st.builds(
        Banned,
        *(st.none() | accounts, some_text, st.none() | st.sampled_from(ADDRESSES)),
        *(st.booleans(), maybe_times, some_text),
    ),
    st.builds(Unbanned, st.none() | accounts, some_text, st.none() | st.sampled_from(ADDRESSES)),
    st.builds(Muted, accounts, some_text, maybe_times),
    st.builds(Unmuted, accounts, some_text),
    *[st.builds(Removed, seqs, some_text, accounts)] * 2,
    *[st.builds(Restored, seqs, some_text, accounts)] * 2,
    st.builds(Reported, some_text, seqs, some_text, some_text),
    st.builds(Departed, accounts, some_text, st.booleans()),
    st.builds(RoomJoined, conversations),
    st.builds(RoomLeft, conversations),
    st.builds(RoomInvited, conversations, some_text),
    st.builds(Opened, conversations, some_text),
    st.builds(Read, conversations, st.integers(-2, 30).map(Seq), st.integers(0, 9)),
    st.builds(Blocked, accounts, some_text),
    st.builds(Unblocked, accounts, some_text),
)
words = st.sampled_from(["anna", "boris", "clara", "dora"])
appends = st.builds(
    Append,
    conversation=conversations,
    account=accounts,
    name=some_text,
    id=ids,
    at=st.integers(-10, 2**40) | st.just(2**63),
    body=bodies,
)
writes: st.SearchStrategy[Write] = st.one_of(
    *[appends] * 6,
    st.builds(
        MakeRoom,
        conversation=conversations.filter(lambda id: id.startswith("r")),
        shown=words,
        key=st.just("") | room_names,
        skeleton=st.just("") | room_names,
        kind=kinds,
    ),
    st.builds(
        MakeAccount,
        account=accounts,
        shown=words,
        key=words,
        skeleton=words,
        password_hash=st.none() | st.just("hash"),
        token_digest=st.none() | digests,
        device=st.none() | some_text,
        at=st.integers(0, 99),
        guest=st.booleans(),
        invitation=st.none() | codes,
        claims=st.booleans(),
    ),
    st.builds(AddDevice, accounts, digests, st.none() | some_text, times, st.none() | digests),
    st.builds(ForgetDevices, accounts, st.lists(digests, max_size=3).map(tuple)),
    st.builds(SetPassword, accounts, some_text, st.lists(digests, max_size=3).map(tuple)),
    st.builds(RetireAccount, accounts, st.booleans(), st.booleans()),
    st.builds(Erase, accounts, st.integers(-1, 5) | st.just(2**63)),
    st.builds(MakeInvitation, codes, roles, st.integers(-1, 3), times, accounts, st.none() | words),
    st.builds(EndInvitation, codes),
    st.builds(Find, accounts, ids.filter(lambda id: id is not None)),
)


@contextmanager
def two_places(directory: Path) -> Iterator[list[Place]]:
    places = [memory_place(), sqlite_place(directory)]
    try:
        yield places
    finally:
        for place in places:
            place.close()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(commits=st.lists(st.lists(writes, max_size=12), max_size=8), reopen_each=st.booleans())
def test_the_stores_answer_alike_whatever_is_written(
    tmp_path_factory: pytest.TempPathFactory, commits: list[list[Write]], reopen_each: bool
) -> None:
    with two_places(tmp_path_factory.mktemp("store")) as places:
        _compare(places, commits, EVERY_CONVERSATION, reopen_each=reopen_each)


class Day:
    """Writes that mostly mean something, because they are made of what was written before."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._number = 0
        self._guide = MemoryStore()
        self.conversations = list(EVERY_CONVERSATION)

    def batches(self, count: int) -> Iterator[list[Write]]:
        for number in range(count):
            batch = [self._write() for _ in range(self._chance.randrange(30))] if number else []
            batch += [self._account() for _ in range(4 - len(self._guide.disk.accounts))]
            self._guide.commit(batch)
            yield batch

    def _who(self) -> AccountId:
        """Somebody who is here, or seldom somebody who is not."""
        here = list(self._guide.disk.accounts)
        if here and self._chance.random() < 0.95:
            return self._chance.choice(here)
        return AccountId(self._chance.randrange(1, 60))

    def _where(self) -> ConversationId:
        """A conversation that is there, or seldom one that is not."""
        choice = self._chance.random()
        if choice < 0.15:
            return CommonRoom
        if choice < 0.2:
            direct = direct_id(self._who(), self._who())
            if direct not in self.conversations:
                self.conversations.append(direct)
            return direct
        if choice < 0.9:
            return self._chance.choice(list(self._guide.disk.conversations))
        return self._chance.choice(self.conversations)

    def _digest(self) -> str:
        return self._chance.choice([*DIGESTS, *self._guide.disk.devices])

    def _account(self) -> MakeAccount:
        chance = self._chance
        self._number += 1
        name = f"{chance.choice('abcdefgh')}{chance.choice('wxyz')}"
        return MakeAccount(
            *(AccountId(chance.randrange(1, 60)), name.upper(), name, name),
            password_hash=chance.choice([None, None, "hash"]),
            token_digest=chance.choice([None, self._digest(), f"d{self._number}"]),
            device="laptop",
            at=chance.randrange(100),
            guest=chance.random() < 0.7,
            invitation=chance.choice([None, None, *CODES]),
            claims=chance.random() < 0.1,
        )

    def _write(self) -> Write:
        chance = self._chance
        choice = chance.random()
        if choice < 0.8:
            conversation = self._where()
            body = self._body(conversation)
            # Most people do what they may.
            account = self._who()
            if isinstance(body, Left) and chance.random() < 0.5:
                members = [who for where, who in self._guide.disk.members if where == conversation]
                account = chance.choice([account, *members])
            return Append(
                *(conversation, account, chance.choice(["anna", "boris"])),
                id=chance.choice([None, None, f"k{chance.randrange(300)}"]),
                at=chance.randrange(10_000),
                body=body,
            )
        if choice < 0.85:
            name = chance.choice(["", *ROOM_NAMES, f"#{chance.randrange(20)}"]).lower()
            # Ids are used once, so there is a supply of them.
            new = ConversationId(f"r{chance.randrange(2, 99)}")
            if new not in self.conversations:
                self.conversations.append(new)
            return MakeRoom(new, name.upper(), name, name, chance.choice(list(RoomKind)))
        return self._seldom()

    def _seldom(self) -> Write:
        chance = self._chance
        several = tuple(self._digest() for _ in range(chance.randrange(3)))
        writes: list[Write] = [
            self._account(),
            self._account(),
            AddDevice(
                *(self._who(), f"d{chance.randrange(200)}", None, 7),
                replaces=chance.choice([None, self._digest()]),
            ),
            ForgetDevices(self._who(), several),
            SetPassword(self._who(), f"hash {chance.random()}", several),
            RetireAccount(self._who(), chance.random() < 0.5, chance.random() < 0.8),
            Erase(chance.choice([*self._guide.disk.erasing, self._who()]), chance.choice([3, 40])),
            MakeInvitation(
                *(chance.choice(CODES), Role.MEMBER, chance.randrange(1, 4)),
                *(chance.randrange(300), self._who(), None),
            ),
            EndInvitation(chance.choice(CODES)),
            Find(self._who(), f"k{chance.randrange(300)}"),
        ]
        return chance.choice(writes)

    def _body(self, conversation: ConversationId) -> AnyBody:
        chance = self._chance
        disk = self._guide.disk
        who = self._who()
        until = chance.choice([None, 50, 500])
        address = chance.choice([None, None, *ADDRESSES])
        said = chance.choice(["one", "two", "three"])
        log = disk.logs.get(conversation, [])
        target = Seq(chance.randrange(len(log) + 2))
        author = log[target - 1].account if 0 < target <= len(log) else who
        gone = [seq for where, seq in disk.removed if where == conversation]
        often: list[AnyBody] = [
            *(Message(said), Message(said), Removed(target, "x", author, "rude")),
            Restored(chance.choice([target, *gone]), "x", who),
        ]
        seldom: list[AnyBody] = [
            *(Joined(), Joined(), Left(), Left(), Topic(said)),
            *(Unheard(said), Reported("#x", target, "x", said)),
            *(Created("#x", RoomKind.GROUP), Added(who, "x"), Invited(who, "x")),
            RoleSet(who, "x", chance.choice(list(Role))),
            Renamed(chance.choice(ROOM_NAMES), "#was"),
            ModeSet(
                chance.choice([None, *RoomKind]),
                chance.choice([None, 0, 5]),
                chance.choice([None, False, True]),
            ),
            *(Kicked(who, "x"), Muted(who, "x", until), Unmuted(who, "x")),
            Banned(chance.choice([None, who]), "x", address, chance.random() < 0.5, until),
            Unbanned(chance.choice([None, who]), "x", address),
            *(Blocked(who, "x"), Blocked(who, "x"), Unblocked(who, "x"), Departed(who, "x")),
            Read(self._where(), target),
        ]
        return chance.choice(often if chance.random() < 0.5 else seldom)


@pytest.mark.parametrize("reopen_each", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_stores_answer_alike_to_a_long_day(
    tmp_path: Path, seed: int, reopen_each: bool
) -> None:
    with two_places(tmp_path) as places:
        day = Day(seed)
        _compare(places, day.batches(80), day.conversations, reopen_each=reopen_each)


def _compare(
    places: list[Place],
    commits: Iterable[list[Write]],
    conversations: list[ConversationId],
    *,
    reopen_each: bool,
) -> None:
    one, other = (place.open() for place in places)
    for batch in commits:
        assert one.commit(batch) == other.commit(batch)
        if reopen_each:
            one, other = (place.open() for place in places)
            assert one.contents() == other.contents()
    assert one.contents() == other.contents()
    one, other = (place.open() for place in places)
    assert one.contents() == other.contents()
    for conversation in conversations:
        log = everything(one, conversation)
        assert everything(other, conversation) == log
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        for limit, bytes_max in [(1, 99), (3, 0), (3, 9), (99, 20)]:
            for seq in range(len(log) + 2):
                loaded = [
                    _loads(store, conversation, Seq(seq), limit, bytes_max)
                    for store in (one, other)
                ]
                assert loaded[0] == loaded[1]


def _loads(
    store: Store, conversation: ConversationId, seq: Seq, limit: int, bytes_max: int
) -> list[object]:
    return [
        store.load(conversation, after=seq, limit=limit, bytes_max=bytes_max),
        store.load_before(conversation, before=seq, limit=limit, bytes_max=bytes_max),
        store.load_ledger(conversation, before=seq, limit=limit, bytes_max=bytes_max),
    ]
