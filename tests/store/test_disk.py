"""What an entry brings about (`ports.DERIVED`), row by row, in every store alike."""

from collections.abc import Sequence
from typing import Any

import pytest

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
    ServerAccount,
    StaffRoom,
    own_log_id,
)
from molva.terms.ports import (
    Appended,
    Contents,
    Find,
    Known,
    Made,
    Missing,
    Outcome,
    Sanction,
    Store,
    StoredAccount,
    StoredBlock,
    StoredConversation,
    StoredInvite,
    StoredRole,
    StoredSanction,
    Taken,
    Unavailable,
    Write,
)
from molva.terms.roles import OPEN_KINDS, Role, RoomKind
from tests.store.places import (
    ALL,
    ANNA,
    BORIS,
    CLARA,
    DIRECT,
    NOWHERE,
    OWN,
    ROOM,
    Place,
    account,
    conversation_of,
    entry,
    everything,
    marker_of,
    members_of,
    room,
    texts,
    write,
)

OTHER = ConversationId("rother")
GROUP = ConversationId("rgroup")

PEOPLE: list[Write] = [account(ANNA, "anna"), account(BORIS, "boris"), account(CLARA, "clara")]


@pytest.fixture(params=["each in a commit", "one commit"])
def together(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "one commit")


@pytest.fixture
def team(place: Place) -> Place:
    """A room of Anna's, with Boris in it: seqs 1 and 2."""
    store = place.open()
    store.commit(PEOPLE)
    store.commit([room(), write(Created("#Team"), ROOM), write(Joined(), ROOM, by=BORIS)])
    return place


def done(
    place: Place, writes: Sequence[Write], together: bool = True
) -> tuple[list[Outcome], Store]:
    """Commit, see that nothing changes when the store is opened anew, and return it."""
    store = place.open()
    batches = [writes] if together else [[write] for write in writes]
    outcomes = [outcome for batch in batches for outcome in store.commit(batch)]
    before = store.contents()
    store = place.open()
    assert store.contents() == before
    return outcomes, store


def kinds(outcomes: list[Outcome]) -> list[type[Any]]:
    return [type(one) for one in outcomes]


def roles(contents: Contents, conversation: ConversationId = ROOM) -> dict[AccountId, Role]:
    return {one.account: one.role for one in contents.roles if one.conversation == conversation}


def open_rooms(contents: Contents) -> set[ConversationId]:
    return {one.conversation for one in contents.conversations}


def stored(store: Store, conversation: ConversationId = ROOM) -> StoredConversation:
    return conversation_of(store.contents(), conversation)


# -- Members


def test_who_creates_a_room_owns_it(team: Place) -> None:
    _, store = done(team, [])
    assert store.contents().roles == [StoredRole(ROOM, ANNA, Role.OWNER)]
    assert members_of(store, ROOM) == {ANNA: 1, BORIS: 2}
    assert marker_of(store, ANNA, ROOM) == (1, 0)


@pytest.mark.parametrize(
    "arrival", [write(Joined(), ROOM, by=CLARA), write(Added(CLARA, "clara"), ROOM)]
)
def test_who_comes_is_a_member_since_then_and_uses_up_the_invite(
    team: Place, arrival: Write, together: bool
) -> None:
    writes = [write(Invited(CLARA, "clara"), ROOM), write("x", ROOM), arrival]
    _, store = done(team, writes[:2], together)
    assert store.contents().invites == [StoredInvite(ROOM, CLARA)]
    _, store = done(team, writes[2:], together)
    assert store.contents().invites == []
    assert members_of(store, ROOM)[CLARA] == 5
    assert marker_of(store, CLARA, ROOM) == (5, 1)


def test_who_adds_uses_up_no_invite_of_their_own(team: Place) -> None:
    _, store = done(
        team, [write(Invited(BORIS, "boris"), ROOM), write(Added(CLARA, "clara"), ROOM, by=BORIS)]
    )
    assert store.contents().invites == [StoredInvite(ROOM, BORIS)]


def test_to_be_added_twice_is_to_be_a_member_since_the_first(team: Place) -> None:
    _, store = done(team, [write(Added(CLARA, "c"), ROOM), write(Added(CLARA, "c"), ROOM)])
    assert members_of(store, ROOM)[CLARA] == 3


def test_an_invite_is_one_however_often_it_is_given(team: Place) -> None:
    _, store = done(team, [write(Invited(CLARA, "c"), ROOM), write(Invited(CLARA, "c"), ROOM)])
    assert store.contents().invites == [StoredInvite(ROOM, CLARA)]


DEPARTURES = [
    write(Left(), ROOM, by=BORIS),
    write(Kicked(BORIS, "boris", "rude"), ROOM),
    write(Banned(BORIS, "boris"), ROOM),
]


@pytest.mark.parametrize("departure", DEPARTURES, ids=["left", "kicked", "banned"])
def test_with_a_member_go_role_mute_marker_and_invite(
    team: Place, departure: Write, together: bool
) -> None:
    outcomes, store = done(
        team,
        [
            write(RoleSet(BORIS, "boris", Role.MODERATOR), ROOM),
            write(Muted(BORIS, "boris"), ROOM),
            write(Muted(BORIS, "boris"), StaffRoom),
            write(Invited(BORIS, "boris"), ROOM),
            departure,
        ],
        together,
    )
    assert kinds(outcomes) == [Appended] * 5
    contents = store.contents()
    assert members_of(store, ROOM) == {ANNA: 1}
    assert marker_of(store, BORIS, ROOM) is None
    assert roles(contents) == {ANNA: Role.OWNER}
    assert contents.invites == []
    muted = [one.conversation for one in contents.sanctions if one.sanction is Sanction.MUTE]
    assert muted == [StaffRoom]


@pytest.mark.parametrize("departure", DEPARTURES[1:], ids=["kicked", "banned"])
def test_who_kicks_stays(team: Place, departure: Write) -> None:
    _, store = done(team, [departure])
    assert marker_of(store, ANNA, ROOM) == (1, 0)


def test_a_ban_stays_with_who_leaves(team: Place) -> None:
    _, store = done(team, [write(Banned(BORIS, "boris"), ROOM), DEPARTURES[0], DEPARTURES[1]])
    assert [one.account for one in store.contents().sanctions] == [BORIS]


LAST = [
    [write(Left(), ROOM, by=BORIS), write(Left(), ROOM)],
    [write(Left(), ROOM, by=BORIS), write(Kicked(ANNA, "anna"), ROOM)],
    [write(Left(), ROOM), write(Banned(BORIS, "boris", "::1/128"), ROOM)],
]


@pytest.mark.parametrize("departures", LAST, ids=["left", "kicked", "banned"])
def test_with_its_last_member_a_room_is_closed(
    team: Place, departures: list[Write], together: bool
) -> None:
    rules: list[Write] = [
        *(write(Muted(CLARA, "clara"), ROOM), write(Banned(CLARA, "clara"), ROOM)),
        *(write(Invited(CLARA, "clara"), ROOM), write(Topic("t"), ROOM)),
        write(RoleSet(CLARA, "clara", Role.MODERATOR), ROOM),
        write(Read(ROOM, Seq(3)), own_log_id(CLARA), by=CLARA),
    ]
    outcomes, store = done(
        team,
        [
            *(*rules, *departures, write("x", ROOM), write(Joined(), ROOM, by=CLARA)),
            *(room(ROOM, "#new"), room(OTHER), write("y", OTHER)),
            write(Read(ROOM, Seq(3)), OWN),
        ],
        together,
    )
    missing, joined, same, new, said, read = outcomes[-6:]
    assert (missing, joined, same, new) == (Missing(), Missing(), Unavailable(), Made())
    assert entry(said).seq == 1
    assert entry(read).body == Read(ROOM, Seq(0))
    contents = store.contents()
    assert open_rooms(contents) - {OWN, own_log_id(CLARA)} == {CommonRoom, StaffRoom, OTHER}
    assert (contents.members, contents.roles, contents.invites, contents.sanctions) == (
        *([], [], []),
        [],
    )
    assert {marker.conversation for marker in contents.markers} == {CommonRoom}
    assert store.commit([write("x", ROOM)]) == [Missing()]
    assert len(everything(store, ROOM)) == 9
    assert len(store.load_ledger(ROOM, before=Seq(99), limit=99, bytes_max=ALL)) >= 3


def test_who_wrote_to_a_room_that_is_closed_wrote_it(team: Place) -> None:
    said = write("x", ROOM, id="k")
    (first, *_), store = done(team, [said, *LAST[0]])
    assert store.commit([said, write("other", ROOM, id="k")]) == [Known(entry(first))] * 2


@pytest.mark.parametrize("conversation", [CommonRoom, StaffRoom])
def test_two_rooms_are_never_closed(place: Place, conversation: ConversationId) -> None:
    place.open().commit(PEOPLE)
    joined, left = write(Joined(), conversation), write(Left(), conversation)
    outcomes, store = done(place, [joined, left, write("x", conversation)])
    assert kinds(outcomes) == [Appended] * 3
    assert conversation in open_rooms(store.contents())
    assert members_of(store, conversation) == {}


def test_a_room_nobody_was_in_stays_open(place: Place) -> None:
    _, store = done(place, [room(), write(Left(), ROOM), write(Kicked(BORIS, "b"), ROOM)])
    assert ROOM in open_rooms(store.contents())


def test_kicked_from_the_server_one_stays_what_one_is(place: Place) -> None:
    place.open().commit([*PEOPLE, write(RoleSet(BORIS, "boris", Role.ADMIN))])
    _, store = done(place, [write(Muted(BORIS, "b")), write(Kicked(BORIS, "boris"))])
    assert roles(store.contents(), CommonRoom) == {BORIS: Role.ADMIN}
    assert [one.sanction for one in store.contents().sanctions] == [Sanction.MUTE]
    assert marker_of(store, BORIS, CommonRoom) == (0, 0)


# -- Bans and mutes


def test_a_ban_is_of_the_account_of_the_address_or_of_each(team: Place, together: bool) -> None:
    _, store = done(
        team,
        [
            write(Banned(BORIS, "boris", until=7), ROOM),
            write(Banned(address="10.0.0.0/8", until=8)),
            write(Banned(CLARA, "clara", "::1/128")),
        ],
        together,
    )
    assert store.contents().sanctions == [
        StoredSanction(CommonRoom, Sanction.BAN, None, "", "10.0.0.0/8", 8),
        StoredSanction(CommonRoom, Sanction.BAN, None, "clara", "::1/128", None),
        StoredSanction(CommonRoom, Sanction.BAN, CLARA, "clara", None, None),
        StoredSanction(ROOM, Sanction.BAN, BORIS, "boris", None, 7),
    ]


def test_a_second_ban_takes_the_place_of_the_first(team: Place, together: bool) -> None:
    _, store = done(
        team,
        [
            write(Banned(BORIS, "boris", "::1/128", until=7)),
            write(Banned(BORIS, "b", until=None)),
            write(Banned(address="::1/128", until=9)),
        ],
        together,
    )
    assert store.contents().sanctions == [
        StoredSanction(CommonRoom, Sanction.BAN, None, "", "::1/128", 9),
        StoredSanction(CommonRoom, Sanction.BAN, BORIS, "b", None, None),
    ]


@pytest.mark.parametrize(
    ("pardon", "left"),
    [
        (Unbanned(BORIS, "boris"), [None]),
        (Unbanned(address="::1/128"), [BORIS]),
        (Unbanned(BORIS, "boris", "::1/128"), []),
        (Unbanned(CLARA, "clara", "::2/128"), [None, BORIS]),
        (Unmuted(BORIS, "boris"), [None, BORIS]),
    ],
)
def test_a_ban_ends_where_it_is_said_to(
    team: Place, pardon: AnyBody, left: list[AccountId | None], together: bool
) -> None:
    ban = write(Banned(BORIS, "boris", "::1/128"))
    elsewhere = write(Banned(BORIS, "boris", "::1/128"), ROOM)
    _, store = done(team, [ban, elsewhere, write(pardon, by=ServerAccount)], together)
    sanctions = store.contents().sanctions
    assert [one.account for one in sanctions if one.conversation == CommonRoom] == left
    assert [one.account for one in sanctions if one.conversation == ROOM] == [None, BORIS]


def test_a_mute_is_there_until_it_is_not(team: Place, together: bool) -> None:
    writes = [write(Muted(BORIS, "boris", 7), ROOM), write(Muted(BORIS, "b", 9), ROOM)]
    _, store = done(team, writes, together)
    mute = StoredSanction(ROOM, Sanction.MUTE, BORIS, "b", None, 9)
    assert store.contents().sanctions == [mute]
    _, store = done(team, [write(Unbanned(BORIS, "boris"), ROOM)])
    assert store.contents().sanctions == [mute]
    _, store = done(team, [write(Unmuted(BORIS, "boris"), ROOM)])
    assert store.contents().sanctions == []
    assert members_of(store, ROOM) == {ANNA: 1, BORIS: 2}


def test_banned_from_the_server_one_is_a_member_without_a_role(team: Place) -> None:
    _, store = done(
        team,
        [
            *(write(RoleSet(BORIS, "boris", Role.ADMIN)), write(Muted(BORIS, "boris"))),
            write(RoleSet(BORIS, "boris", Role.MODERATOR), ROOM),
            write(Banned(BORIS, "boris")),
        ],
    )
    contents = store.contents()
    assert roles(contents, CommonRoom) == {}
    assert roles(contents, ROOM) == {ANNA: Role.OWNER, BORIS: Role.MODERATOR}
    assert members_of(store, ROOM) == {ANNA: 1, BORIS: 2}
    assert [one.sanction for one in contents.sanctions] == [Sanction.BAN, Sanction.MUTE]
    assert "token of 2" in [device.token_digest for device in contents.devices]
    assert contents.barred == []


def test_devices_are_barred_from_the_server_alone(team: Place, together: bool) -> None:
    _, store = done(team, [write(Banned(BORIS, "boris", devices=True), ROOM)])
    assert store.contents().barred == []
    _, store = done(team, [write(Banned(BORIS, "boris", devices=True))], together)
    contents = store.contents()
    assert contents.barred == [("token of 2", BORIS)]
    assert [device.token_digest for device in contents.devices] == ["token of 1", "token of 3"]
    _, store = done(team, [write(Unbanned(BORIS, "boris"), ROOM)])
    assert store.contents().barred == [("token of 2", BORIS)]
    _, store = done(team, [write(Unbanned(address="::1/128")), write(Unbanned(ANNA, "anna"))])
    assert store.contents().barred == [("token of 2", BORIS)]
    store.commit([write(Unbanned(BORIS, "boris"))])
    assert store.contents().barred == []
    assert "token of 2" not in [device.token_digest for device in store.contents().devices]


# -- Rooms


def test_a_room_is_of_the_kind_it_was_made(place: Place) -> None:
    made = [room(ConversationId(f"r{kind}"), f"#{kind}", kind=kind) for kind in RoomKind]
    outcomes, store = done(place, [*made])
    assert outcomes == [Made()] * 4
    for kind in RoomKind:
        found = stored(store, ConversationId(f"r{kind}"))
        assert found.room_kind is kind
        assert found.open_from == (1 if kind in OPEN_KINDS else None)
        assert (found.slow_seconds, found.frozen) == (0, False)


def test_groups_have_no_name_that_another_could_have(place: Place) -> None:
    groups = [
        room(ConversationId(f"rg{number}"), "", skeleton="", kind=RoomKind.GROUP)
        for number in range(3)
    ]
    outcomes, store = done(place, [*groups])
    assert outcomes == [Made()] * 3
    found = stored(store, ConversationId("rg1"))
    assert (found.shown, found.key, found.skeleton) == ("", "", "")


def test_the_rules_are_those_set_last_and_the_rest_stays(team: Place, together: bool) -> None:
    _, store = done(
        team,
        [
            write(ModeSet(slow_seconds=30, reason="loud"), ROOM),
            write(ModeSet(frozen=True), ROOM),
            write(ModeSet(slow_seconds=5), ROOM),
            write(ModeSet(), ROOM),
        ],
        together,
    )
    found = stored(store)
    assert (found.slow_seconds, found.frozen, found.room_kind) == (5, True, RoomKind.PUBLIC)
    assert found.open_from == 1
    _, store = done(team, [write(ModeSet(slow_seconds=0, frozen=False), ROOM)])
    assert (stored(store).slow_seconds, stored(store).frozen) == (0, False)


@pytest.mark.parametrize(
    ("steps", "open_from"),
    [
        ([RoomKind.PRIVATE], None),
        ([RoomKind.GROUP], None),
        ([RoomKind.ANNOUNCEMENT], 1),
        ([RoomKind.PRIVATE, RoomKind.PUBLIC], 4),
        ([RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT, RoomKind.PUBLIC], 4),
        ([RoomKind.PRIVATE, None], None),
        ([RoomKind.PRIVATE, RoomKind.PUBLIC, RoomKind.PRIVATE, RoomKind.PUBLIC], 6),
    ],
)
def test_a_room_is_open_since_it_last_became_so(
    team: Place, steps: list[RoomKind | None], open_from: int | None, together: bool
) -> None:
    _, store = done(team, [write(ModeSet(kind), ROOM) for kind in steps], together)
    assert stored(store).open_from == open_from
    assert stored(store).room_kind is [kind for kind in steps if kind is not None][-1]


def test_a_room_is_renamed_and_its_old_name_is_free(team: Place, together: bool) -> None:
    outcomes, store = done(
        team,
        [write(Renamed("#Tea", "#Team"), ROOM), room(OTHER, "#team"), room(GROUP, "#tea")],
        together,
    )
    assert kinds(outcomes) == [Appended, Made, Taken]
    assert (stored(store).shown, stored(store).key) == ("#Tea", "#tea")
    assert stored(store).skeleton.startswith("#")


def test_a_room_may_be_renamed_to_its_own_name(team: Place) -> None:
    outcomes, store = done(team, [write(Renamed("#TEAM", "#Team"), ROOM)])
    assert kinds(outcomes) == [Appended]
    assert (stored(store).shown, stored(store).key) == ("#TEAM", "#team")


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("#General", Taken(confusable=False)),
        ("#moderators", Taken(confusable=False)),
        ("#gen\u0435ral", Taken(confusable=True)),
        ("no room", Unavailable()),
        ("", Unavailable()),
        ("#", Unavailable()),
        ("#\ud800", Unavailable()),
    ],
    ids=ascii,
)
def test_a_name_that_is_taken_or_is_none_renames_nothing(
    team: Place, name: str, refusal: Outcome, together: bool
) -> None:
    writes = [write("a", ROOM), write(Renamed(name, "#Team"), ROOM, id="k"), write("b", ROOM)]
    outcomes, store = done(team, [*writes], together)
    assert outcomes[1] == refusal
    assert kinds(outcomes)[::2] == [Appended, Appended]
    assert [entry.seq for entry in everything(store, ROOM)] == [1, 2, 3, 4]
    assert stored(store).shown == "#Team"
    assert store.commit([Find(ANNA, "k")]) == [Missing()]
    assert store.load_ledger(ROOM, before=Seq(99), limit=9, bytes_max=ALL) == []


def test_the_name_of_a_closed_room_can_be_taken_by_renaming(team: Place) -> None:
    store = team.open()
    store.commit([*LAST[0], room(OTHER, "#other"), write(Created("#other"), OTHER)])
    outcomes, store = done(team, [write(Renamed("#team", "#other"), OTHER)])
    assert kinds(outcomes) == [Appended]
    assert stored(store, OTHER).key == "#team"


# -- Roles


def test_a_role_is_the_last_one_set_and_a_member_has_none(team: Place, together: bool) -> None:
    given = [Role.OWNER, Role.MODERATOR]
    _, store = done(team, [write(RoleSet(BORIS, "b", role), ROOM) for role in given], together)
    assert roles(store.contents()) == {ANNA: Role.OWNER, BORIS: Role.MODERATOR}
    for role in (Role.MEMBER, Role.GUEST):
        _, store = done(team, [write(RoleSet(BORIS, "b", Role.OWNER), ROOM)])
        _, store = done(team, [write(RoleSet(BORIS, "b", role), ROOM)])
        assert roles(store.contents()) == {ANNA: Role.OWNER}


@pytest.mark.parametrize("password", [None, "hash"])
@pytest.mark.parametrize("guest", [True, False])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_on_the_server_makes_a_guest_or_not(
    place: Place, role: Role, guest: bool, password: str | None
) -> None:
    place.open().commit([account(ANNA, "anna", password=password, guest=guest)])
    _, store = done(place, [write(RoleSet(ANNA, "anna", role))])
    is_guest = role is Role.GUEST and password is None
    assert store.contents().accounts == [
        StoredAccount(ANNA, "anna", "anna", "anna", password, guest=is_guest)
    ]
    assert roles(store.contents(), CommonRoom) == (
        {} if role in (Role.GUEST, Role.MEMBER) else {ANNA: role}
    )


def test_a_role_in_a_room_makes_no_guest(team: Place) -> None:
    _, store = done(team, [write(RoleSet(BORIS, "boris", Role.OWNER), ROOM)])
    assert all(stored.guest for stored in store.contents().accounts)


# -- Messages that are removed


@pytest.mark.parametrize("conversation", [ROOM, DIRECT, CommonRoom])
def test_a_message_that_is_removed_is_gone_and_keeps_its_place(
    team: Place, conversation: ConversationId, together: bool
) -> None:
    store = team.open()
    (said,) = store.commit([write("rude", conversation, by=BORIS, id="k", name="boris")])
    at = entry(said).seq
    removal = write(Removed(at, "boris", BORIS, "rude"), conversation)
    outcomes, store = done(team, [removal, write("next", conversation)], together)
    gone, removed, following = everything(store, conversation)[-3:]
    assert (gone.body, gone.seq, gone.name, gone.id) == (Gone(), at, "boris", "k")
    assert gone.ordinal == entry(said).ordinal
    assert removed == entry(outcomes[0])
    assert following.ordinal == gone.ordinal + 1
    assert store.commit([write("rude", conversation, by=BORIS, id="k")]) == [Known(gone)]
    assert store.commit([Find(BORIS, "k")]) == [Known(gone)]


@pytest.mark.parametrize("conversation", [ROOM, DIRECT])
def test_a_message_that_is_put_back_is_as_it_was(
    team: Place, conversation: ConversationId, together: bool
) -> None:
    store = team.open()
    (said,) = store.commit([write("kind", conversation, by=BORIS, id="k")])
    at = entry(said).seq
    removal = write(Removed(at, "boris", BORIS), conversation)
    return_ = write(Restored(at, "boris", BORIS), conversation)
    outcomes, store = done(team, [removal, return_], together)
    assert kinds(outcomes) == [Appended, Appended]
    assert everything(store, conversation)[at - 1] == entry(said)
    outcomes, store = done(team, [return_, removal, removal, return_, return_], together)
    assert kinds(outcomes) == [Missing, Appended, Missing, Appended, Missing]
    assert everything(store, conversation)[at - 1] == entry(said)


@pytest.mark.parametrize(
    ("target", "author"),
    [(4, BORIS), (5, ANNA), (6, BORIS), (7, ANNA), (1, ANNA), (0, ANNA), (-1, ANNA), (99, ANNA)],
)
def test_what_is_no_message_of_theirs_is_not_removed(
    team: Place, target: int, author: AccountId, together: bool
) -> None:
    store = team.open()
    store.commit([write("x", ROOM), write("anna", ROOM), write(Topic("t"), ROOM)])
    store.commit([write(Unheard("u"), ROOM)])
    before = everything(store, ROOM)
    removal = write(Removed(Seq(target), "x", author), ROOM, id="k")
    outcomes, store = done(team, [removal, write("z", ROOM, by=BORIS), removal], together)
    assert kinds(outcomes) == [Missing, Appended, Missing]
    assert everything(store, ROOM)[:-1] == before
    assert store.commit([Find(ANNA, "k")]) == [Missing()]


@pytest.mark.parametrize("body", [Removed(Seq(1), "x", ANNA), Restored(Seq(1), "x", ANNA)])
@pytest.mark.parametrize("conversation", [own_log_id(CLARA), NOWHERE, ROOM])
def test_what_is_not_there_is_missing_and_brings_nothing_into_being(
    team: Place, body: AnyBody, conversation: ConversationId, together: bool
) -> None:
    before = team.open().contents()
    outcomes, store = done(team, [write(body, conversation)], together)
    assert outcomes == [Missing()]
    assert store.contents() == before


def test_a_number_beyond_all_bounds_is_unavailable(team: Place) -> None:
    outcomes, store = done(team, [write(Removed(Seq(2**64), "x", ANNA), ROOM)])
    assert outcomes == [Unavailable()]
    assert len(everything(store, ROOM)) == 2


def test_what_nobody_heard_is_removed_and_put_back_unheard(team: Place, together: bool) -> None:
    store = team.open()
    (said,) = store.commit([write(Unheard("u"), DIRECT, by=BORIS)])
    at = entry(said).seq
    removal = write(Removed(at, "boris", BORIS, unheard=True), DIRECT)
    return_ = write(Restored(at, "boris", BORIS, unheard=True), DIRECT)
    outcomes, store = done(team, [removal, removal], together)
    assert kinds(outcomes) == [Appended, Missing]
    assert everything(store, DIRECT)[at - 1].body == Unheard("")
    outcomes, store = done(team, [return_, return_], together)
    assert kinds(outcomes) == [Appended, Missing]
    assert everything(store, DIRECT)[at - 1] == entry(said)


def test_a_message_can_be_removed_in_the_commit_that_brought_it(team: Place) -> None:
    removal = write(Removed(Seq(3), "anna", ANNA), ROOM)
    outcomes, store = done(team, [write("x", ROOM), removal])
    assert kinds(outcomes) == [Appended, Appended]
    assert everything(store, ROOM)[2].body == Gone()


@pytest.mark.parametrize(
    "body",
    [Removed(Seq(3), "a", ANNA), Renamed("#tea", "#Team"), Restored(Seq(4), "a", ANNA), Left()],
)
def test_what_was_done_is_known_whatever_stands_against_it_now(
    team: Place, body: AnyBody, together: bool
) -> None:
    store = team.open()
    store.commit([write("x", ROOM), write("y", ROOM), write(Removed(Seq(4), "a", ANNA), ROOM)])
    once = write(body, ROOM, id="k")
    (first,) = store.commit([once])
    more: list[Write] = [write(Left(), ROOM, by=BORIS), write(Left(), ROOM), room(OTHER, "#tea")]
    outcomes, store = done(team, [once, *more, once, write("z", OTHER), once], together)
    assert isinstance(first, Appended)
    assert outcomes[0] == outcomes[4] == outcomes[6] == Known(first.entry)


# -- Own logs


def test_whom_somebody_blocks_is_kept(team: Place, together: bool) -> None:
    blocks = [write(Blocked(other, "x"), OWN) for other in (CLARA, BORIS, BORIS)]
    _, store = done(team, [*blocks, write(Blocked(ANNA, "a"), own_log_id(BORIS))], together)
    pairs = [StoredBlock(ANNA, BORIS), StoredBlock(ANNA, CLARA), StoredBlock(BORIS, ANNA)]
    assert store.contents().blocks == pairs
    _, store = done(team, [write(Unblocked(BORIS, "boris"), OWN)] * 2, together)
    assert store.contents().blocks == pairs[1:]


# -- What brings nothing about


@pytest.mark.parametrize(
    "body",
    [
        *(Created("#x"), Joined(), Left(), Added(CLARA, "c"), Topic("t"), Renamed("#x", "#y")),
        *(ModeSet(RoomKind.PRIVATE, 5, True), Invited(CLARA, "c")),
        *(RoleSet(CLARA, "c", Role.OWNER), Kicked(BORIS, "b"), Banned(BORIS, "b", "::1/128")),
        *(Muted(BORIS, "b"), Unmuted(BORIS, "b"), Unbanned(BORIS, "b")),
    ],
    ids=repr,
)
def test_what_is_about_a_room_brings_nothing_about_elsewhere(team: Place, body: AnyBody) -> None:
    before = team.open().contents()
    outcomes, store = done(team, [write(body, DIRECT)])
    assert kinds(outcomes) == [Appended]
    after = store.contents()
    direct = conversation_of(after, DIRECT)
    assert (direct.topic, direct.room_kind, direct.slow_seconds, direct.open_from) == (
        *("", RoomKind.PUBLIC, 0),
        None,
    )
    assert [one for one in after.conversations if one is not direct] == before.conversations
    assert (after.members, after.roles, after.sanctions, after.invites, after.markers) == (
        *(before.members, before.roles, before.sanctions),
        *(before.invites, before.markers),
    )


EVERY_BODY: list[AnyBody] = [
    *(Message("hi"), Unheard("hi"), Gone(), Created("", RoomKind.GROUP), Joined(), Left()),
    *(Topic("t"), Renamed("#new", "#Team"), ModeSet(RoomKind.ANNOUNCEMENT, 30, True, "loud")),
    *(ModeSet(), Invited(CLARA, "clara"), Added(CLARA, "clara")),
    *(RoleSet(BORIS, "boris", Role.MODERATOR, "good"), Kicked(CLARA, "clara", "rude")),
    *(Banned(CLARA, "clara", "::1/128", True, 7, "rude"), Banned(address="::1/128")),
    *(Unbanned(CLARA, "clara", "::1/128", "kind"), Muted(BORIS, "boris", 7, "rude")),
    *(Unmuted(BORIS, "boris", "kind"), Removed(Seq(3), "anna", ANNA, "rude")),
    *(Restored(Seq(4), "anna", ANNA, "kind"), Reported("#x", Seq(3), "anna", "hi", "rude")),
    *(Departed(CLARA, "clara", words=False), RoomJoined(ROOM), RoomLeft(ROOM, "kicked", "a", "r")),
    *(RoomInvited(ROOM, "anna"), Opened(DIRECT, "boris"), Read(ROOM, Seq(1))),
    *(Blocked(BORIS, "boris"), Unblocked(BORIS, "boris")),
]


@pytest.mark.parametrize("body", EVERY_BODY, ids=repr)
def test_every_kind_of_body_comes_back_as_it_was(team: Place, body: AnyBody) -> None:
    team.open().commit([write("a", ROOM), write("b", ROOM)])
    team.open().commit([write(Removed(Seq(4), "anna", ANNA), ROOM)])
    (outcome,), store = done(team, [write(body, ROOM, id="k")])
    assert entry(outcome).body == body
    assert everything(store, ROOM)[-1] == entry(outcome)
    assert store.commit([Find(ANNA, "k")]) == [Known(entry(outcome))]


# -- The ledger


def ledger(store: Store, conversation: ConversationId = ROOM, **bounds: Any) -> list[int]:
    bounds = {"before": Seq(99), "limit": 99, "bytes_max": 0, **bounds}
    return [entry.seq for entry in store.load_ledger(conversation, **bounds)]


LEDGER_BODIES: list[AnyBody] = [
    *(Renamed("#new", "#Team"), ModeSet(), RoleSet(BORIS, "b", Role.MODERATOR)),
    *(Kicked(CLARA, "c"), Banned(CLARA, "c"), Unbanned(CLARA, "c"), Muted(BORIS, "b")),
    *(Unmuted(BORIS, "b"), Removed(Seq(3), "a", ANNA), Restored(Seq(3), "a", ANNA)),
    Departed(CLARA, "c"),
]


def test_the_ledger_holds_who_did_what_to_whom(team: Place, together: bool) -> None:
    said: list[Write] = [write("x", ROOM)] * 3
    writes = [one for body in LEDGER_BODIES for one in (write(body, ROOM), write("x", ROOM))]
    outcomes, store = done(team, [*said, *writes, write(Muted(BORIS, "b"))], together)
    assert kinds(outcomes) == [Appended] * (3 + 22 + 1)
    seqs = list(range(6, 28, 2))
    assert ledger(store) == seqs
    assert [entry.body for entry in store.load_ledger(ROOM, **BOUNDS)] == LEDGER_BODIES
    assert ledger(store, CommonRoom) == [1]
    for before in range(1, 30):
        for limit in (0, -1, 1, 3, 2**70):
            found = ledger(store, before=Seq(before), limit=limit)
            assert found == [seq for seq in seqs if seq < before][-limit if limit > 0 else 99 :]


BOUNDS: dict[str, Any] = {"before": Seq(2**70), "limit": 99, "bytes_max": 0}


@pytest.mark.parametrize("conversation", [NOWHERE, DIRECT, OWN, StaffRoom])
def test_a_ledger_of_nothing_is_empty(store: Store, conversation: ConversationId) -> None:
    assert ledger(store, conversation) == []
    assert ledger(store, conversation, before=Seq(-(2**70))) == []


def test_other_bodies_are_not_in_the_ledger(team: Place) -> None:
    others = [body for body in EVERY_BODY if type(body) not in map(type, LEDGER_BODIES)]
    _, store = done(team, [write(body, ROOM) for body in others])
    assert len(everything(store, ROOM)) > len(others) // 2
    assert ledger(store) == []


# -- Bytes


def test_reported_and_unheard_texts_count_towards_the_bytes(store: Store) -> None:
    bodies: list[AnyBody] = [Unheard("1234"), Reported("#x", Seq(1), "a", "5678", "r"), Gone()]
    store.commit([write(body, StaffRoom) for body in bodies])
    for bytes_max, count in [(4, 1), (7, 1), (8, 3)]:
        loaded = store.load(StaffRoom, after=Seq(0), limit=9, bytes_max=bytes_max)
        assert len(loaded) == count
    assert len(store.load_before(StaffRoom, before=Seq(9), limit=9, bytes_max=4)) == 2


def test_what_is_gone_does_not_count(team: Place) -> None:
    _, store = done(team, [write("1234", ROOM), write(Removed(Seq(3), "a", ANNA), ROOM)])
    assert len(store.load(ROOM, after=Seq(0), limit=9, bytes_max=0)) == 4
    assert texts(everything(store, ROOM)) == []
