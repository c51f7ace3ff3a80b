"""Accounts in every store: devices, passwords, invitations, ends, and words that go."""

import msgspec
import pytest

from molva.store.accounts import MESSAGES, pattern, text_of
from molva.terms.entries import (
    Added,
    Banned,
    Blocked,
    Created,
    Gone,
    Invited,
    Joined,
    Message,
    Muted,
    Removed,
    Reported,
    Restored,
    RoleSet,
    Topic,
    Unheard,
)
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    Seq,
    StaffRoom,
    own_log_id,
)
from molva.terms.ports import (
    AddDevice,
    Appended,
    EndInvitation,
    Erase,
    Erased,
    Find,
    ForgetDevices,
    Known,
    Made,
    MakeInvitation,
    Missing,
    Outcome,
    RetireAccount,
    SetPassword,
    Spent,
    Store,
    StoredAccount,
    StoredDevice,
    StoredInvitation,
    StoredRole,
    Taken,
    Unavailable,
    Write,
)
from molva.terms.roles import Role, RoomKind
from tests.store.places import (
    ANNA,
    BORIS,
    CLARA,
    DIRECT,
    OWN,
    ROOM,
    Place,
    account,
    conversation_of,
    entry,
    everything,
    members_of,
    room,
    texts,
    write,
)

DORA = AccountId(4)


def invitation(digest: str = "i", *, uses: int = 1, until: int = 2_000) -> MakeInvitation:
    return MakeInvitation(digest, Role.MEMBER, uses, until, ANNA)


def digests(store: Store) -> list[str]:
    return [device.token_digest for device in store.contents().devices]


def uses(store: Store) -> dict[str, int]:
    return {one.digest: one.uses for one in store.contents().invitations}


# -- Devices


def test_a_device_takes_the_place_of_another(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna", token="old")])
    assert store.commit([AddDevice(ANNA, "new", "phone", 7, replaces="old")]) == [Made()]
    assert place.open().contents().devices == [StoredDevice("new", ANNA, "phone", 7)]


@pytest.mark.parametrize("replaces", ["nobody's", "of boris"])
def test_a_device_takes_no_place_that_is_not_its_accounts(store: Store, replaces: str) -> None:
    store.commit([account(ANNA, "anna", token="a"), account(BORIS, "boris", token="of boris")])
    assert store.commit([AddDevice(ANNA, "b", None, 7, replaces=replaces)]) == [Made()]
    assert digests(store) == ["a", "b", "of boris"]


def test_a_device_that_cannot_be_added_takes_no_place(store: Store) -> None:
    store.commit([account(ANNA, "anna", token="a"), AddDevice(ANNA, "b", None, 7)])
    assert store.commit([AddDevice(ANNA, "b", None, 7, replaces="a")]) == [Unavailable()]
    assert digests(store) == ["a", "b"]


def test_devices_that_are_forgotten_do_not_come_back(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna", token="a", password="hash")])
    store.commit([AddDevice(ANNA, "b", None, 7), AddDevice(ANNA, "c", None, 7)])
    assert store.commit([ForgetDevices(ANNA, ("a", "c", "unknown"))]) == [Made()]
    assert digests(place.open()) == ["b"]


def test_devices_of_others_are_not_forgotten(store: Store) -> None:
    store.commit([account(ANNA, "anna", token="a"), account(BORIS, "boris", token="b")])
    assert store.commit([ForgetDevices(ANNA, ("b",)), ForgetDevices(CLARA, ("a",))]) == [
        Made(),
        Made(),
    ]
    assert digests(store) == ["a", "b"]


# -- Passwords


def test_with_a_password_an_account_is_no_guests(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "Anna")])
    assert store.commit([SetPassword(ANNA, "hash")]) == [Made()]
    kept = StoredAccount(ANNA, "Anna", "anna", "anna", "hash", guest=False)
    assert place.open().contents().accounts == [kept]


def test_a_password_leaves_devices_but_those_it_names(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna", token="a"), account(BORIS, "boris", token="b")])
    store.commit([AddDevice(ANNA, "c", None, 7)])
    assert store.commit([SetPassword(ANNA, "hash", ("a", "b", "unknown"))]) == [Made()]
    assert digests(place.open()) == ["b", "c"]


def test_a_password_of_nobody_is_missing_and_forgets_nothing(store: Store) -> None:
    store.commit([account(ANNA, "anna", token="a"), account(BORIS, "boris"), RetireAccount(BORIS)])
    outcomes = store.commit([SetPassword(BORIS, "hash", ("a",)), SetPassword(CLARA, "hash")])
    assert outcomes == [Missing(), Missing()]
    assert digests(store) == ["a"]
    assert [stored.account for stored in store.contents().accounts] == [ANNA]


@pytest.mark.parametrize("guest", [True, False])
def test_an_account_is_a_guests_or_not_as_it_was_made(place: Place, guest: bool) -> None:
    place.open().commit([account(ANNA, "anna", guest=guest)])
    (stored,) = place.open().contents().accounts
    assert stored.guest is guest


# -- Who cannot come back


def test_only_guests_end_when_they_cannot_come_back(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna", token=None), account(BORIS, "boris", token=None)])
    store.commit([account(CLARA, "clara", token=None, guest=False)])
    store.commit([write(RoleSet(BORIS, "boris", Role.MEMBER))])
    assert [stored.account for stored in place.open().contents().accounts] == [BORIS, CLARA]


def test_a_guest_whom_a_ban_keeps_out_does_not_end(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), account(CLARA, "clara"), room()])
    store.commit([write(Joined(), ROOM, by=CLARA), write(Banned(BORIS, "boris"), ROOM)])
    store.commit([write(Banned(ANNA, "anna", devices=True))])
    store.commit([ForgetDevices(BORIS, ("token of 2",))])
    contents = place.open().contents()
    assert [stored.account for stored in contents.accounts] == [ANNA, CLARA]
    assert [stored.account for stored in contents.sanctions] == [ANNA]
    assert contents.barred == [("token of 1", ANNA)]


def test_a_mute_keeps_no_guest(place: Place) -> None:
    place.open().commit([account(ANNA, "anna", token=None), write(Muted(ANNA, "anna"))])
    contents = place.open().contents()
    assert (contents.accounts, contents.sanctions) == ([], [])


# -- The first to come


def owners(store: Store) -> list[AccountId]:
    return [one.account for one in store.contents().roles if one.role is Role.OWNER]


@pytest.mark.parametrize("one_commit", [True, False])
def test_one_alone_is_the_first_owner(place: Place, one_commit: bool) -> None:
    writes: list[Write] = [
        account(ANNA, "anna"),
        account(BORIS, "boris", claims=True),
        account(CLARA, "clara", claims=True),
    ]
    outcomes: list[Outcome] = []
    for batch in [writes] if one_commit else [[one] for one in writes]:
        outcomes += place.open().commit(batch)
    assert outcomes == [Made(), Made(owner=True), Made()]
    contents = place.open().contents()
    assert contents.roles == [StoredRole(CommonRoom, BORIS, Role.OWNER)]
    assert [(one.account, one.guest) for one in contents.accounts] == [
        *((ANNA, True), (BORIS, False)),
        (CLARA, True),
    ]
    assert everything(place.open()) == []


@pytest.mark.parametrize(
    "end", [RetireAccount(ANNA), write(RoleSet(ANNA, "anna", Role.MEMBER)), write("x")]
)
def test_after_the_first_owner_nobody_is_so_by_coming(place: Place, end: Write) -> None:
    place.open().commit([account(ANNA, "anna", claims=True), end])
    assert place.open().commit([account(BORIS, "boris", claims=True)]) == [Made()]
    assert BORIS not in owners(place.open())


def test_who_is_refused_is_not_the_first_owner(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    refused = [
        account(BORIS, "anna", claims=True),
        account(BORIS, "boris", claims=True, invitation="none"),
        account(BORIS, "boris", claims=True, token="token of 1"),
    ]
    assert store.commit(refused) == [Taken(confusable=False), Spent(), Unavailable()]
    assert owners(store) == []
    assert store.commit([account(CLARA, "clara", claims=True)]) == [Made(owner=True)]


def test_who_was_given_the_role_is_not_the_first_by_coming(store: Store) -> None:
    store.commit([account(ANNA, "anna"), write(RoleSet(ANNA, "anna", Role.OWNER))])
    assert store.commit([account(BORIS, "boris", claims=True)]) == [Made(owner=True)]
    assert owners(store) == [ANNA, BORIS]


def test_a_role_from_before_the_account_gives_way(store: Store) -> None:
    store.commit([write(RoleSet(ANNA, "anna", Role.MODERATOR))])
    assert store.commit([account(ANNA, "anna", claims=True), write("x")])[0] == Made(owner=True)
    assert owners(store) == [ANNA]


# -- Invitations


def test_an_invitation_comes_back_as_it_was(place: Place) -> None:
    made = MakeInvitation("i", Role.MODERATOR, 3, 9_000, BORIS, "anna")
    assert place.open().commit([made, invitation("a")]) == [Made(), Made()]
    assert place.open().contents().invitations == [
        StoredInvitation("a", Role.MEMBER, 1, 2_000, ANNA, None),
        StoredInvitation("i", Role.MODERATOR, 3, 9_000, BORIS, "anna"),
    ]


def test_an_invitation_is_there_once(store: Store) -> None:
    outcomes = store.commit([invitation(), invitation(uses=9)])
    assert outcomes == [Made(), Taken(confusable=False)]
    assert uses(store) == {"i": 1}


@pytest.mark.parametrize("none", [0, -1])
def test_an_invitation_without_uses_cannot_be(store: Store, none: int) -> None:
    assert store.commit([invitation(uses=none)]) == [Unavailable()]
    assert uses(store) == {}


def test_an_invitation_that_is_ended_is_not_there(place: Place) -> None:
    store = place.open()
    store.commit([invitation(), invitation("j")])
    assert store.commit([EndInvitation("i"), EndInvitation("i")]) == [Made(), Missing()]
    assert uses(place.open()) == {"j": 1}


def test_each_who_comes_takes_one_use_and_the_last_one_ends_it(place: Place) -> None:
    store = place.open()
    store.commit([invitation(uses=2)])
    assert store.commit([account(ANNA, "anna", invitation="i")]) == [Made()]
    assert uses(place.open()) == {"i": 1}
    store = place.open()
    outcomes = store.commit(
        [account(BORIS, "boris", invitation="i"), account(CLARA, "clara", invitation="i")]
    )
    assert outcomes == [Made(), Spent()]
    assert uses(store) == {}
    assert [stored.account for stored in place.open().contents().accounts] == [ANNA, BORIS]


@pytest.mark.parametrize(("until", "made"), [(1_000, False), (1_001, True), (999, False)])
def test_an_invitation_lets_in_before_its_end_alone(store: Store, until: int, made: bool) -> None:
    store.commit([invitation(until=until)])
    outcomes = store.commit([account(ANNA, "anna", invitation="i")])
    assert outcomes == [Made() if made else Spent()]
    assert uses(store) == ({} if made else {"i": 1})


def test_an_invitation_nobody_made_lets_nobody_in(store: Store) -> None:
    assert store.commit([account(ANNA, "anna", invitation="i")]) == [Spent()]
    contents = store.contents()
    assert (contents.accounts, contents.devices, contents.markers) == ([], [], [])


@pytest.mark.parametrize(
    "refused",
    [
        account(BORIS, "anna", invitation="i"),
        account(BORIS, "else", skeleton="anna", invitation="i"),
        account(ANNA, "boris", invitation="i"),
        account(BORIS, "boris", token="token of 1", invitation="i"),
        account(BORIS, "\ud800", invitation="i"),
    ],
    ids=ascii,
)
def test_who_is_refused_takes_no_use(place: Place, refused: Write) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), invitation()])
    store.commit([refused])
    assert uses(place.open()) == {"i": 1}


def test_who_has_no_invitation_learns_of_no_name(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    assert store.commit([account(BORIS, "anna", invitation="i")]) == [Spent()]


# -- The end of an account


def test_with_an_account_goes_all_that_it_has(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), room()])
    store.commit([write(Created("#Team"), ROOM), write(Joined(), ROOM, by=BORIS)])
    store.commit([write(RoleSet(BORIS, "boris", Role.ADMIN)), write(Muted(BORIS, "boris"))])
    store.commit([write(RoleSet(BORIS, "boris", Role.MODERATOR), ROOM)])
    store.commit([write(Invited(BORIS, "boris"), StaffRoom), write(Blocked(BORIS, "boris"), OWN)])
    store.commit([write(Blocked(ANNA, "anna"), own_log_id(BORIS), by=BORIS)])
    store.commit([write(Banned(BORIS, "boris", "10.0.0.0/8")), RetireAccount(BORIS)])
    contents = place.open().contents()
    assert members_of(place.open(), ROOM) == {ANNA: 1}
    assert [role.account for role in contents.roles] == [ANNA]
    assert [sanction.address for sanction in contents.sanctions] == ["10.0.0.0/8"]
    assert (contents.invites, contents.blocks) == ([], [])
    assert {marker.account for marker in contents.markers} == {ANNA}


def test_what_is_barred_is_so_no_more_when_nobody_could_lift_it(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), write(Banned(ANNA, "anna", devices=True))])
    store.commit([RetireAccount(ANNA)])
    assert place.open().contents().barred == []


def test_a_room_whose_last_member_ends_is_closed(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), room()])
    store.commit([room(ConversationId("r2"), "#other"), write(Created("#Team"), ROOM)])
    store.commit([write(Created("#other"), ConversationId("r2"))])
    store.commit([write(Joined(), ConversationId("r2"), by=BORIS), write(Joined(), StaffRoom)])
    store.commit([RetireAccount(ANNA)])
    rooms = {one.conversation for one in place.open().contents().conversations}
    assert rooms == {CommonRoom, StaffRoom, ConversationId("r2")}
    store = place.open()
    outcomes = store.commit([write("x", ROOM), room(ConversationId("r3"))])
    assert outcomes == [Missing(), Made()]


def test_the_name_of_a_deleted_account_is_nobodys(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "Anna", password="hash"), RetireAccount(ANNA, deleted=True)])
    for _ in range(2):
        assert store.commit([account(BORIS, "anna", skeleton="x")]) == [Taken(confusable=False)]
        assert store.commit([account(BORIS, "x", skeleton="anna")]) == [Taken(confusable=True)]
        contents = store.contents()
        assert contents.deleted == [StoredAccount(ANNA, "Anna", "anna", "anna", "hash")]
        assert (contents.accounts, contents.retired) == ([], [])
        store = place.open()


def test_a_deleted_account_may_be_named_in_both_lists(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), write("x", DIRECT)])
    store.commit([RetireAccount(ANNA, deleted=True)])
    contents = place.open().contents()
    assert contents.retired == contents.deleted
    assert [stored.account for stored in contents.deleted] == [ANNA]


def test_who_has_ended_is_not_deleted_afterwards(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), RetireAccount(ANNA), account(BORIS, "anna")])
    assert store.commit([RetireAccount(ANNA, deleted=True, erase=True)]) == [Made()]
    contents = place.open().contents()
    assert (contents.deleted, contents.erasing) == ([], [])
    assert [stored.account for stored in contents.accounts] == [BORIS]


# -- Words that go


def spoken(place: Place) -> Store:
    """A store in which Anna has spoken, in six entries of twelve, and is about to be erased."""
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), room(), room_of(DORA)])
    store.commit([write(Created("#Team"), ROOM, by=BORIS), write("a", id="k1"), write("b")])
    store.commit([write("boris", by=BORIS), write(Topic("t")), write("c", ROOM)])
    store.commit([write("boris", ROOM, by=BORIS), write(Unheard("d"), DIRECT)])
    store.commit([write("e", DIRECT), write(Reported("#x", Seq(1), "boris", "r"), StaffRoom)])
    store.commit([write(Removed(Seq(2), "anna", ANNA), by=BORIS)])
    store.commit([RetireAccount(ANNA, deleted=True, erase=True)])
    return place.open()


def room_of(owner: AccountId) -> Write:
    return room(ConversationId(f"r{owner}x"), f"#of-{owner}", kind=RoomKind.GROUP)


def bodies(store: Store, conversation: ConversationId) -> list[object]:
    return [entry.body for entry in everything(store, conversation)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 11, 12, 100])
@pytest.mark.parametrize("reopened", [True, False])
def test_the_words_go_part_by_part(place: Place, limit: int, reopened: bool) -> None:
    store = spoken(place)
    heads = {one.conversation: one.head for one in store.contents().conversations}
    before = {id: everything(store, id) for id in heads}
    entries = sum(heads.values())
    calls = 0
    while store.contents().erasing:
        (outcome,) = store.commit([Erase(ANNA, limit)])
        calls += 1
        assert outcome == Erased(more=bool(store.contents().erasing))
        store = place.open() if reopened else store
    assert calls == entries // limit + 1
    assert bodies(store, CommonRoom)[:4] == [Gone(), Gone(), Message("boris"), Topic("t")]
    assert bodies(store, ROOM)[1:] == [Gone(), Message("boris")]
    assert bodies(store, DIRECT) == [Unheard(""), Gone()]
    assert bodies(store, StaffRoom) == [Reported("#x", Seq(1), "boris", "r")]
    for id, log in before.items():
        bare = [msgspec.structs.replace(entry, body=Gone()) for entry in log]
        assert [msgspec.structs.replace(e, body=Gone()) for e in everything(store, id)] == bare
    assert store.commit([Erase(ANNA, limit)]) == [Erased(more=False)]


def test_no_more_entries_are_looked_at_than_asked_for(store: Store) -> None:
    store.commit([account(ANNA, "anna"), *[write("x", by=BORIS)] * 3, write("a"), write("b")])
    store.commit([RetireAccount(ANNA, erase=True)])
    assert store.commit([Erase(ANNA, 3)]) == [Erased(more=True)]
    assert texts(everything(store)) == ["x", "x", "x", "a", "b"]
    assert store.commit([Erase(ANNA, 1)]) == [Erased(more=True)]
    assert texts(everything(store)) == ["x", "x", "x", "b"]


@pytest.mark.parametrize("limit", [0, -1])
def test_to_look_at_nothing_erases_nothing(store: Store, limit: int) -> None:
    store.commit([account(ANNA, "anna"), write("a"), RetireAccount(ANNA, erase=True)])
    assert store.commit([Erase(ANNA, limit)]) == [Erased(more=True)]
    assert texts(everything(store)) == ["a"]


def test_what_was_removed_cannot_be_put_back_when_it_is_erased(place: Place) -> None:
    store = spoken(place)
    restored = write(Restored(Seq(2), "anna", ANNA), by=BORIS)
    assert isinstance(store.commit([Erase(ANNA, 100)])[0], Erased)
    assert place.open().commit([restored]) == [Missing()]


def test_what_is_put_back_before_its_turn_goes_in_its_turn(store: Store) -> None:
    store.commit([account(ANNA, "anna"), write("a"), write("b")])
    store.commit([write(Removed(Seq(2), "anna", ANNA)), RetireAccount(ANNA, erase=True)])
    store.commit([Erase(ANNA, 1), write(Restored(Seq(2), "anna", ANNA)), Erase(ANNA, 100)])
    assert texts(everything(store)) == []


def test_a_retry_of_what_was_erased_is_known_as_it_is_now(place: Place) -> None:
    store = spoken(place)
    store.commit([Erase(ANNA, 100)])
    store = place.open()
    (found, again) = store.commit([Find(ANNA, "k1"), write("a", id="k1")])
    assert found == again
    assert isinstance(again, Known)
    assert (again.entry.seq, again.entry.body) == (1, Gone())


def test_who_ended_and_keeps_the_words_is_not_erased(store: Store) -> None:
    store.commit([account(ANNA, "anna"), write("a"), RetireAccount(ANNA, deleted=True)])
    assert store.commit([Erase(ANNA, 9), Erase(BORIS, 9)]) == [Erased(more=False)] * 2
    assert texts(everything(store)) == ["a"]


def test_two_are_erased_apart(store: Store) -> None:
    store.commit([account(ANNA, "anna"), account(BORIS, "boris")])
    store.commit([write("a"), write("b", by=BORIS), write("c")])
    store.commit([RetireAccount(ANNA, erase=True), RetireAccount(BORIS, erase=True)])
    assert store.contents().erasing == [ANNA, BORIS]
    assert store.commit([Erase(BORIS, 2)]) == [Erased(more=True)]
    assert texts(everything(store)) == ["a", "c"]
    assert store.commit([Erase(ANNA, 9)]) == [Erased(more=False)]
    assert store.contents().erasing == [BORIS]


def test_closed_rooms_are_erased_too(store: Store) -> None:
    store.commit([account(ANNA, "anna"), room(), write(Added(ANNA, "anna"), ROOM)])
    store.commit([write("a", ROOM), RetireAccount(ANNA, erase=True), Erase(ANNA, 9)])
    assert bodies(store, ROOM) == [Added(ANNA, "anna"), Gone()]


def test_the_ordinal_goes_on_over_what_is_gone(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), write("a"), write(Unheard("u")), write("b")])
    store.commit([RetireAccount(ANNA, erase=True), Erase(ANNA, 9)])
    assert conversation_of(place.open().contents(), CommonRoom).ordinal == 2
    (outcome,) = place.open().commit([write("c", by=BORIS)])
    assert isinstance(outcome, Appended)
    assert entry(outcome).ordinal == 3


def test_a_pattern_finds_its_kind_alone() -> None:
    assert text_of(Message("[*?]")).startswith(MESSAGES.removesuffix("*"))
    assert pattern(Unheard("")).removesuffix("*") not in text_of(Message("unheard"))
