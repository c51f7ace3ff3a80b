"""One suite for every store: what `ports.Store` promises, asked of each implementation alike."""

import pytest

from molva.terms import names
from molva.terms.entries import (
    AnyBody,
    Created,
    Entry,
    Joined,
    Left,
    Message,
    Opened,
    Read,
    RoomJoined,
    RoomLeft,
    Topic,
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
    Appended,
    Contents,
    Find,
    Kind,
    Known,
    Made,
    Missing,
    RetireAccount,
    Store,
    StoredAccount,
    StoredConversation,
    StoredDevice,
    StoredMarker,
    StoredMember,
    StoreUnavailable,
    Taken,
    Unavailable,
    Write,
)
from molva.terms.roles import RoomKind
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
    say,
    texts,
    write,
)

# -- A new store


def test_a_new_store_holds_two_rooms_and_nothing_else(store: Store) -> None:
    general = StoredConversation(
        *(CommonRoom, Kind.ROOM, Seq(0), 0, 0, "#general", "#general"),
        skeleton=names.parse_room("#general").skeleton,
        room_kind=RoomKind.PUBLIC,
        open_from=Seq(1),
    )
    moderators = StoredConversation(
        *(StaffRoom, Kind.ROOM, Seq(0), 0, 0, "#moderators", "#moderators"),
        skeleton=names.parse_room("#moderators").skeleton,
        room_kind=RoomKind.PRIVATE,
    )
    assert store.contents() == Contents(
        accounts=[],
        retired=[],
        deleted=[],
        devices=[],
        conversations=[general, moderators],
        members=[],
        markers=[],
    )


def test_the_two_rooms_exist_once_however_often_the_store_is_opened(place: Place) -> None:
    for _ in range(3):
        assert len(place.open().contents().conversations) == 2


def test_the_common_room_of_a_new_store_is_empty(store: Store) -> None:
    assert everything(store) == []


def test_a_commit_of_nothing_has_no_outcomes(store: Store) -> None:
    assert store.commit([]) == []


# -- Seqs, ordinals, times


def test_the_first_entry_of_a_conversation_has_seq_1(store: Store) -> None:
    (first,) = say(store, "hi")
    assert (first.seq, first.ordinal) == (1, 1)


def test_seqs_of_one_commit_are_dense_and_in_the_order_of_the_writes(store: Store) -> None:
    entries = say(store, *"abcdef")
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert texts(entries) == list("abcdef")


def test_seqs_go_on_from_one_commit_to_the_next(store: Store) -> None:
    assert [say(store, "x")[0].seq for _ in range(5)] == [1, 2, 3, 4, 5]


def test_seqs_go_on_after_the_store_is_opened_again(place: Place) -> None:
    assert [say(place.open(), "x")[0].seq for _ in range(4)] == [1, 2, 3, 4]


def test_each_conversation_counts_for_itself_also_within_one_commit(store: Store) -> None:
    places = [CommonRoom, DIRECT, CommonRoom, OWN, DIRECT, CommonRoom]
    outcomes = store.commit([write("x", conversation) for conversation in places])
    assert [entry(one).seq for one in outcomes] == [1, 1, 2, 1, 2, 3]


def test_only_messages_count_towards_the_ordinal(store: Store) -> None:
    bodies: list[AnyBody | str] = ["a", Topic("t"), "b", Joined(), Left(), "c"]
    outcomes = store.commit([write(body) for body in bodies])
    assert [entry(one).ordinal for one in outcomes] == [1, 1, 2, 2, 2, 3]


def test_the_ordinal_goes_on_after_the_store_is_opened_again(place: Place) -> None:
    place.open().commit([write("a"), write(Topic("t"))])
    (again,) = say(place.open(), "b")
    assert (again.seq, again.ordinal) == (3, 2)


def test_a_first_entry_that_is_no_message_has_ordinal_0(store: Store) -> None:
    assert entry(store.commit([write(Topic("t"))])[0]).ordinal == 0


def test_the_time_of_an_entry_is_the_time_given(store: Store) -> None:
    assert entry(store.commit([write("x", at=1_700_000_000_123)])[0]).at == 1_700_000_000_123


@pytest.mark.parametrize("one_commit", [True, False])
def test_time_never_decreases_when_the_wall_clock_goes_back(store: Store, one_commit: bool) -> None:
    writes = [write("x", at=at) for at in (5_000, 3_000, 6_000, 0, 7_000)]
    batches = [writes] if one_commit else [[write] for write in writes]
    times = [entry(one).at for batch in batches for one in store.commit(batch)]
    assert times == [5_000, 5_000, 6_000, 6_000, 7_000]


def test_time_never_decreases_after_the_store_is_opened_again(place: Place) -> None:
    place.open().commit([write("x", at=9_000)])
    assert entry(place.open().commit([write("y", at=10)])[0]).at == 9_000


def test_a_clock_that_went_back_in_one_conversation_leaves_the_others_alone(store: Store) -> None:
    store.commit([write("x", at=9_000)])
    assert entry(store.commit([write("x", DIRECT, at=10)])[0]).at == 10


def test_a_clock_before_1970_is_shown_as_1970(store: Store) -> None:
    assert entry(store.commit([write("x", at=-5)])[0]).at == 0


def test_what_commit_returns_is_what_load_returns(store: Store) -> None:
    outcomes = store.commit(
        [
            write("hi", id="k1", at=5, name="Anna"),
            write(Topic("t"), by=BORIS, at=6, name="boris"),
            write("~", by=AccountId(0), id="~1", name=""),
        ]
    )
    assert everything(store) == [entry(one) for one in outcomes]


def test_an_entry_keeps_its_authors_name_of_that_time(store: Store) -> None:
    store.commit([write("x", name="anna"), write("y", name="Аня")])
    assert [entry.name for entry in everything(store)] == ["anna", "Аня"]


EVERY_BODY: list[AnyBody] = [
    Message("hi"),
    Message(""),
    Created("#Team"),
    Joined(),
    Left(),
    Topic("news"),
    Topic(""),
    RoomJoined(ROOM),
    RoomLeft(ROOM),
    Opened(DIRECT, "boris"),
]


@pytest.mark.parametrize("body", EVERY_BODY, ids=repr)
def test_every_kind_of_body_comes_back_as_it_was(place: Place, body: AnyBody) -> None:
    place.open().commit([write(body, DIRECT, id="k")])
    store = place.open()
    assert [entry.body for entry in everything(store, DIRECT)] == [body]
    assert entry(store.commit([Find(ANNA, "k")])[0]).body == body


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "Привет, мир",
        "\u2028 and \u2029 and \u0085 and \x0b and \x1e",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇷🇺",
        "a\x00b",
        "\\ \" ' \n \t \r",
        "'); DROP TABLE entries; --",
        '{"kind":"left"}',
        "é e\u0301",
        "\ufffd\ufeff\uffff",
        "\U0010ffff",
        "я" * 8_192,
        "x" * 16_384,
        "😀" * 4_096,
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_every_text_comes_back_as_it_was(place: Place, text: str) -> None:
    store = place.open()
    (said,) = say(store, text)
    assert texts([said]) == [text]
    assert texts(everything(place.open())) == [text]


# -- Ids


def test_the_same_id_is_known_with_the_first_entry(store: Store) -> None:
    (first,) = store.commit([write("hi", id="k1", at=10)])
    assert store.commit([write("hi", id="k1", at=20)]) == [Known(entry(first))]
    assert texts(everything(store)) == ["hi"]


def test_the_same_id_with_another_payload_is_known_with_the_first(store: Store) -> None:
    (first,) = store.commit([write("hi", id="k1")])
    assert store.commit([write("bye", id="k1")]) == [Known(entry(first))]


def test_the_same_id_in_another_conversation_is_known_where_it_was(store: Store) -> None:
    (first,) = store.commit([write("hi", id="k1")])
    assert store.commit([write("hi", DIRECT, id="k1")]) == [Known(entry(first))]
    assert everything(store, DIRECT) == []


def test_the_same_id_in_a_room_nobody_made_is_known_where_it_was(store: Store) -> None:
    (first,) = store.commit([write("hi", id="k1")])
    assert store.commit([write("hi", NOWHERE, id="k1")]) == [Known(entry(first))]


def test_the_same_id_with_another_kind_of_body_is_known(store: Store) -> None:
    (first,) = store.commit([write("hi", id="k1")])
    assert store.commit([write(Topic("hi"), id="k1")]) == [Known(entry(first))]


def test_the_same_id_of_another_account_is_a_write_of_its_own(store: Store) -> None:
    outcomes = store.commit([write("a", id="k1"), write("b", id="k1", by=BORIS)])
    assert [entry(one).seq for one in outcomes] == [1, 2]
    assert all(isinstance(one, Appended) for one in outcomes)


def test_the_same_id_twice_in_one_commit_is_written_once(store: Store) -> None:
    first, second, third = store.commit([write("a", id="k1"), write("b"), write("c", id="k1")])
    assert isinstance(first, Appended)
    assert third == Known(first.entry)
    assert entry(second).seq == 2
    assert texts(everything(store)) == ["a", "b"]


def test_the_same_id_ten_times_in_one_commit_is_written_once(store: Store) -> None:
    first, *others = store.commit([write(f"{number}", id="k1") for number in range(10)])
    assert others == [Known(entry(first))] * 9
    assert texts(everything(store)) == ["0"]


def test_an_id_is_known_after_the_store_is_opened_again(place: Place) -> None:
    (first,) = place.open().commit([write("hi", id="k1")])
    assert place.open().commit([write("hi", id="k1")]) == [Known(entry(first))]


def test_an_id_is_known_after_thousands_of_others(store: Store) -> None:
    (first,) = store.commit([write("hi", id="first")])
    store.commit([write("x", id=f"k{number}") for number in range(3_000)])
    assert store.commit([write("hi", id="first")]) == [Known(entry(first))]


def test_an_id_known_among_new_ones_leaves_no_hole_in_the_seqs(store: Store) -> None:
    store.commit([write("a", id="k1")])
    outcomes = store.commit([write("b", id="k2"), write("a", id="k1"), write("c", id="k3")])
    assert [entry(one).seq for one in outcomes] == [2, 1, 3]
    assert [entry.seq for entry in everything(store)] == [1, 2, 3]


def test_writes_without_an_id_are_never_known(store: Store) -> None:
    outcomes = store.commit([write("same"), write("same")])
    assert [type(one) for one in outcomes] == [Appended, Appended]


def test_an_empty_id_is_an_id(store: Store) -> None:
    outcomes = store.commit([write("a", id=""), write("b", id="")])
    assert [type(one) for one in outcomes] == [Appended, Known]


def test_ids_that_differ_in_case_differ(store: Store) -> None:
    outcomes = store.commit([write("a", id="K"), write("b", id="k")])
    assert [type(one) for one in outcomes] == [Appended, Appended]


def test_a_known_topic_changes_nothing(store: Store) -> None:
    store.commit([write(Topic("first"), id="k1")])
    store.commit([write(Topic("second"), id="k2")])
    assert isinstance(store.commit([write(Topic("first"), id="k1")])[0], Known)
    assert conversation_of(store.contents(), CommonRoom).topic == "second"


def test_a_known_join_makes_nobody_a_member_again(store: Store) -> None:
    store.commit([room(), account(ANNA, "anna"), write(Joined(), ROOM, id="k1")])
    store.commit([write(Left(), ROOM, id="k2")])
    assert isinstance(store.commit([write(Joined(), ROOM, id="k1")])[0], Known)
    assert members_of(store, ROOM) == {}


def test_find_answers_known_with_the_entry(store: Store) -> None:
    (first,) = store.commit([write("hi", id="k1")])
    assert store.commit([Find(ANNA, "k1")]) == [Known(entry(first))]


def test_find_answers_missing_for_an_id_never_written(store: Store) -> None:
    store.commit([write("hi", id="k1", by=BORIS)])
    assert store.commit([Find(ANNA, "k1")]) == [Missing()]


def test_find_sees_the_writes_before_it_in_its_commit_and_none_after(store: Store) -> None:
    before, written, after = store.commit(
        [Find(ANNA, "k1"), write("hi", id="k1"), Find(ANNA, "k1")]
    )
    assert before == Missing()
    assert after == Known(entry(written))


# -- Refusals leave the others


def test_an_entry_for_a_room_nobody_made_is_missing_and_leaves_the_others(store: Store) -> None:
    outcomes = store.commit([write("a"), write("b", NOWHERE, id="k"), write("c")])
    assert [type(one) for one in outcomes] == [Appended, Missing, Appended]
    assert [entry.seq for entry in everything(store)] == [1, 2]
    assert store.commit([Find(ANNA, "k")]) == [Missing()]


def test_a_room_that_is_taken_leaves_the_others(store: Store) -> None:
    outcomes = store.commit([write("a"), room(), room(ConversationId("r2")), write("b")])
    assert [type(one) for one in outcomes] == [Appended, Made, Taken, Appended]


@pytest.mark.parametrize(
    "bad",
    [
        write("x", by=AccountId(2**63), id="k"),
        write("x", by=AccountId(2**200)),
        write("x", at=2**63, id="k"),
        write("\ud800", id="k"),
        write("x", name="\udfff", id="k"),
        write("x", id="\ud83d"),
        write(Topic("\ud800")),
        write("x", ConversationId("1:\ud800")),
        write(Joined(), by=AccountId(2**63)),
        room(ROOM, "#\ud800"),
        account(AccountId(2**64), "big"),
        account(CLARA, "\ud800"),
        account(CLARA, "clara", token="\ud800"),
        account(CLARA, "clara", password="\ud800"),
        AddDevice(ANNA, "\ud800", None, 0),
        AddDevice(AccountId(99), "t", None, 0),
        account(ANNA, "clara", token=None),
        account(CLARA, "clara", token="token of 1"),
        AddDevice(ANNA, "token of 1", None, 0),
        room(CommonRoom, "#other"),
    ],
    ids=lambda bad: ascii(bad)[:60],
)
def test_what_no_store_can_hold_is_unavailable_alone(place: Place, bad: Write) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna")])
    before = place.open().contents()
    store = place.open()
    outcomes = store.commit([write("a", DIRECT, id="a"), bad, write("b", DIRECT, id="b")])
    assert [type(one) for one in outcomes] == [Appended, Unavailable, Appended]
    assert [entry.seq for entry in everything(store, DIRECT)] == [1, 2]
    after = place.open().contents()
    assert [one for one in after.conversations if one.conversation != DIRECT] == (
        before.conversations
    )
    assert (after.accounts, after.devices) == (before.accounts, before.devices)
    assert (after.members, after.markers) == (before.members, before.markers)


# -- Conversations


def test_a_direct_conversation_comes_into_being_with_its_first_entry(place: Place) -> None:
    store = place.open()
    store.commit([write("psst", DIRECT, at=7)])
    direct = StoredConversation(DIRECT, Kind.DIRECT, Seq(1), 1, 7)
    assert conversation_of(place.open().contents(), DIRECT) == direct


def test_a_conversation_with_oneself_is_a_direct_one(store: Store) -> None:
    store.commit([write("note", direct_id(ANNA, ANNA))])
    assert conversation_of(store.contents(), direct_id(ANNA, ANNA)).kind is Kind.DIRECT


def test_an_own_log_comes_into_being_with_its_first_entry(place: Place) -> None:
    place.open().commit([write(RoomJoined(ROOM), OWN, at=7)])
    own = StoredConversation(OWN, Kind.OWN, Seq(1), 0, 7)
    assert conversation_of(place.open().contents(), OWN) == own


def test_a_room_that_is_made_is_empty(store: Store) -> None:
    assert store.commit([room()]) == [Made()]
    made = StoredConversation(
        *(ROOM, Kind.ROOM, Seq(0), 0, 0, "#Team", "#team", "#team"), open_from=Seq(1)
    )
    assert conversation_of(store.contents(), ROOM) == made


def test_a_room_may_be_made_and_written_to_in_one_commit(store: Store) -> None:
    outcomes = store.commit([room(), write(Created("#Team"), ROOM), write("hi", ROOM)])
    assert [type(one) for one in outcomes] == [Made, Appended, Appended]


def test_a_rooms_key_is_taken_once(store: Store) -> None:
    store.commit([room()])
    other = room(ConversationId("r2"), "#TEAM", skeleton="#else")
    assert store.commit([other]) == [Taken(confusable=False)]


def test_a_rooms_skeleton_is_taken_once_and_said_to_be_confusable(store: Store) -> None:
    store.commit([room(ROOM, "#hello", skeleton="#hello")])
    other = room(ConversationId("r2"), "#he11o", skeleton="#hello")
    assert store.commit([other]) == [Taken(confusable=True)]
    assert store.commit([write("x", ConversationId("r2"))]) == [Missing()]


def test_the_name_of_the_common_room_is_taken(store: Store) -> None:
    assert store.commit([room(ROOM, "#General")]) == [Taken(confusable=False)]


def test_a_rooms_name_is_taken_after_the_store_is_opened_again(place: Place) -> None:
    place.open().commit([room()])
    other = room(ConversationId("r2"), "#team")
    assert place.open().commit([other]) == [Taken(confusable=False)]


def test_a_room_and_a_person_may_share_a_spelling(store: Store) -> None:
    outcomes = store.commit([room(ROOM, "x"), account(ANNA, "x")])
    assert outcomes == [Made(), Made()]


def test_a_conversation_in_contents_says_where_it_ends(place: Place) -> None:
    store = place.open()
    store.commit([write("a", at=5), write("b", at=9), write(Topic("t"), at=12)])
    for _ in range(2):
        general = conversation_of(store.contents(), CommonRoom)
        assert (general.head, general.ordinal, general.at) == (3, 2, 12)
        store = place.open()


# -- What is derived: members, topics, markers


def test_who_creates_a_room_is_its_first_member(store: Store) -> None:
    store.commit([account(ANNA, "anna"), room(), write(Created("#Team"), ROOM)])
    assert members_of(store, ROOM) == {ANNA: 1}
    assert marker_of(store, ANNA, ROOM) == (1, 0)


def test_who_joins_is_a_member_since_that_seq_and_has_read_to_it(store: Store) -> None:
    store.commit([account(BORIS, "boris"), room()])
    store.commit([write("a", ROOM), write("b", ROOM), write(Joined(), ROOM, by=BORIS)])
    assert members_of(store, ROOM) == {BORIS: 3}
    assert marker_of(store, BORIS, ROOM) == (3, 2)


def test_who_joins_twice_is_a_member_since_the_first(store: Store) -> None:
    store.commit([account(BORIS, "boris"), room(), write(Joined(), ROOM, by=BORIS)])
    store.commit([write("a", ROOM), write(Joined(), ROOM, by=BORIS)])
    assert members_of(store, ROOM) == {BORIS: 1}
    assert marker_of(store, BORIS, ROOM) == (3, 1)


def test_who_leaves_is_no_member_and_has_no_marker(store: Store) -> None:
    store.commit([account(BORIS, "boris"), room(), write(Joined(), ROOM, by=BORIS)])
    store.commit([write(Left(), ROOM, by=BORIS)])
    assert members_of(store, ROOM) == {}
    assert marker_of(store, BORIS, ROOM) is None


def test_who_comes_back_is_a_member_since_the_new_seq(place: Place) -> None:
    store = place.open()
    store.commit([account(BORIS, "boris"), room(), write(Created("#Team"), ROOM)])
    store.commit([write(Joined(), ROOM, by=BORIS)])
    store.commit([write(Left(), ROOM, by=BORIS), write("a", ROOM)])
    store.commit([write(Joined(), ROOM, by=BORIS)])
    store = place.open()
    assert members_of(store, ROOM) == {ANNA: 1, BORIS: 5}
    assert marker_of(store, BORIS, ROOM) == (5, 1)


def test_joining_and_leaving_in_one_commit_leaves_nothing(store: Store) -> None:
    store.commit([room(), write(Joined(), ROOM), write(Left(), ROOM)])
    assert members_of(store, ROOM) == {}
    assert len(everything(store, ROOM)) == 2


def test_leaving_without_being_a_member_is_an_entry_and_nothing_more(store: Store) -> None:
    store.commit([room(), write(Left(), ROOM)])
    assert members_of(store, ROOM) == {}
    assert len(everything(store, ROOM)) == 1


def test_one_who_leaves_takes_no_other_along(store: Store) -> None:
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), room()])
    store.commit([write(Joined(), ROOM, by=ANNA), write(Joined(), ROOM, by=BORIS)])
    store.commit([write(Left(), ROOM, by=ANNA)])
    assert members_of(store, ROOM) == {BORIS: 2}


def test_the_topic_is_the_last_one_set(place: Place) -> None:
    place.open().commit([write(Topic("first")), write(Topic("second"))])
    store = place.open()
    assert conversation_of(store.contents(), CommonRoom).topic == "second"
    store.commit([write(Topic(""))])
    assert conversation_of(store.contents(), CommonRoom).topic == ""


def test_the_topic_of_one_room_is_not_anothers(store: Store) -> None:
    store.commit([room(), write(Topic("team"), ROOM)])
    assert conversation_of(store.contents(), CommonRoom).topic == ""


def test_a_new_account_has_read_the_common_room_to_its_head(store: Store) -> None:
    store.commit([write("a"), write(Topic("t")), write("b")])
    store.commit([write("c"), account(ANNA, "anna"), write("d")])
    assert marker_of(store, ANNA, CommonRoom) == (4, 3)


def test_a_new_account_has_a_marker_also_in_an_empty_common_room(place: Place) -> None:
    place.open().commit([account(ANNA, "anna")])
    assert marker_of(place.open(), ANNA, CommonRoom) == (0, 0)


def test_a_read_is_given_the_ordinal_at_its_seq(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), write("a"), write(Topic("t")), write("b"), write("c")])
    (read,) = store.commit([write(Read(CommonRoom, Seq(3)), OWN)])
    assert entry(read).body == Read(CommonRoom, Seq(3), 2)
    store = place.open()
    assert [entry.body for entry in everything(store, OWN)] == [Read(CommonRoom, Seq(3), 2)]
    assert marker_of(store, ANNA, CommonRoom) == (3, 2)


def test_a_read_sees_the_entries_before_it_in_its_commit(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    *_, read = store.commit([write("a"), write("b"), write(Read(CommonRoom, Seq(2)), OWN)])
    assert entry(read).body == Read(CommonRoom, Seq(2), 2)


@pytest.mark.parametrize("through", [3, 4, 2**63, 2**200])
def test_a_read_beyond_the_head_is_brought_back_to_it(store: Store, through: int) -> None:
    store.commit([account(ANNA, "anna"), write("a"), write("b")])
    (read,) = store.commit([write(Read(CommonRoom, Seq(through)), OWN)])
    assert entry(read).body == Read(CommonRoom, Seq(2), 2)
    assert marker_of(store, ANNA, CommonRoom) == (2, 2)


@pytest.mark.parametrize("through", [0, -1, -(2**70)])
def test_a_read_of_nothing_has_ordinal_0(store: Store, through: int) -> None:
    store.commit([write("a")])
    (read,) = store.commit([write(Read(CommonRoom, Seq(through)), OWN)])
    assert entry(read).body == Read(CommonRoom, Seq(0), 0)


def test_the_ordinal_a_read_came_with_is_not_believed(store: Store) -> None:
    store.commit([write("a")])
    (read,) = store.commit([write(Read(CommonRoom, Seq(1), 500), OWN)])
    assert entry(read).body == Read(CommonRoom, Seq(1), 1)


def test_a_read_of_an_unknown_conversation_is_of_nothing(store: Store) -> None:
    (read,) = store.commit([write(Read(NOWHERE, Seq(9)), OWN)])
    assert entry(read).body == Read(NOWHERE, Seq(0), 0)
    assert marker_of(store, ANNA, NOWHERE) is None


def test_a_marker_never_goes_back(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), *[write("x") for _ in range(5)]])
    store.commit([write(Read(CommonRoom, Seq(4)), OWN)])
    (back,) = store.commit([write(Read(CommonRoom, Seq(2)), OWN)])
    assert entry(back).body == Read(CommonRoom, Seq(2), 2)
    assert marker_of(store, ANNA, CommonRoom) == (4, 4)
    assert marker_of(place.open(), ANNA, CommonRoom) == (4, 4)


def test_markers_of_two_accounts_are_apart(store: Store) -> None:
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), write("a"), write("b")])
    store.commit([write(Read(CommonRoom, Seq(1)), OWN)])
    store.commit([write(Read(CommonRoom, Seq(2)), own_log_id(BORIS), by=BORIS)])
    assert marker_of(store, ANNA, CommonRoom) == (1, 1)
    assert marker_of(store, BORIS, CommonRoom) == (2, 2)


def test_a_direct_conversation_can_be_read(store: Store) -> None:
    store.commit([account(ANNA, "anna"), write("psst", DIRECT, by=BORIS)])
    store.commit([write(Read(DIRECT, Seq(1)), OWN)])
    assert marker_of(store, ANNA, DIRECT) == (1, 1)


# -- Accounts and devices


def test_an_account_comes_back_with_its_device(place: Place) -> None:
    store = place.open()
    assert store.commit([account(ANNA, "Anna", password="$argon2$")]) == [Made()]
    contents = place.open().contents()
    assert contents.accounts == [StoredAccount(ANNA, "Anna", "anna", "anna", "$argon2$")]
    assert contents.devices == [StoredDevice("token of 1", ANNA, "laptop", 1_000)]


def test_a_further_device_comes_back_too(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna")])
    assert store.commit([AddDevice(ANNA, "another", None, 5)]) == [Made()]
    devices = place.open().contents().devices
    assert devices == [
        StoredDevice("another", ANNA, None, 5),
        StoredDevice("token of 1", ANNA, "laptop", 1_000),
    ]


def test_an_account_and_its_second_device_may_be_made_in_one_commit(store: Store) -> None:
    outcomes = store.commit([account(ANNA, "anna"), AddDevice(ANNA, "another", "phone", 5)])
    assert outcomes == [Made(), Made()]


def test_a_name_is_taken_by_its_key(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    other = account(BORIS, "ANNA", skeleton="else")
    assert store.commit([other]) == [Taken(confusable=False)]


def test_a_name_is_taken_by_its_skeleton_and_said_to_be_confusable(store: Store) -> None:
    store.commit([account(ANNA, "paul", skeleton="paul")])
    other = account(BORIS, "раul", skeleton="paul")
    assert store.commit([other]) == [Taken(confusable=True)]


def test_a_name_taken_both_ways_is_taken_by_its_key(store: Store) -> None:
    store.commit([account(ANNA, "anna"), account(BORIS, "boris")])
    other = account(CLARA, "anna", skeleton="boris")
    assert store.commit([other]) == [Taken(confusable=False)]


def test_a_name_is_taken_once_within_one_commit(store: Store) -> None:
    outcomes = store.commit([account(ANNA, "anna"), account(BORIS, "anna")])
    assert outcomes == [Made(), Taken(confusable=False)]
    assert [stored.account for stored in store.contents().accounts] == [ANNA]


def test_a_name_is_taken_after_the_store_is_opened_again(place: Place) -> None:
    place.open().commit([account(ANNA, "anna")])
    assert place.open().commit([account(BORIS, "anna")]) == [Taken(confusable=False)]


def test_an_account_whose_name_is_taken_leaves_no_device_and_no_marker(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    store.commit([account(BORIS, "anna")])
    contents = store.contents()
    assert [device.account for device in contents.devices] == [ANNA]
    assert [marker.account for marker in contents.markers] == [ANNA]


def test_a_retired_account_is_gone_with_its_devices_members_and_markers(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), room()])
    store.commit([write(Joined(), ROOM), write(Joined(), ROOM, by=BORIS)])
    store.commit([write("x", DIRECT), write(Read(DIRECT, Seq(1)), OWN)])
    store.commit([AddDevice(ANNA, "another", None, 5)])
    assert store.commit([RetireAccount(ANNA)]) == [Made()]
    contents = place.open().contents()
    assert [stored.account for stored in contents.accounts] == [BORIS]
    assert [device.account for device in contents.devices] == [BORIS]
    assert contents.members == [StoredMember(ROOM, BORIS, Seq(2))]
    assert contents.markers == [
        StoredMarker(BORIS, CommonRoom, Seq(0), 0),
        StoredMarker(BORIS, ROOM, Seq(2), 0),
    ]


def test_the_entries_of_a_retired_account_stay(store: Store) -> None:
    store.commit([account(ANNA, "anna"), write("hi", id="k1"), write("own", OWN)])
    store.commit([RetireAccount(ANNA)])
    assert texts(everything(store)) == ["hi"]
    assert texts(everything(store, OWN)) == ["own"]
    assert isinstance(store.commit([Find(ANNA, "k1")])[0], Known)


def test_contents_name_the_retired_with_whom_the_living_have_a_conversation(place: Place) -> None:
    store = place.open()
    dora = AccountId(4)
    store.commit([account(ANNA, "Anna"), account(BORIS, "boris")])
    store.commit([account(CLARA, "clara"), account(dora, "dora")])
    store.commit(
        [write("x", direct_id(one, other)) for one, other in [(ANNA, BORIS), (CLARA, dora)]]
    )
    store.commit([RetireAccount(ANNA), RetireAccount(CLARA), RetireAccount(dora)])
    for _ in range(2):
        assert store.contents().retired == [StoredAccount(ANNA, "Anna", "anna", "anna", None)]
        store = place.open()


def test_the_retired_who_spoke_only_with_themselves_are_not_named(store: Store) -> None:
    store.commit([account(ANNA, "anna"), write("x", direct_id(ANNA, ANNA)), RetireAccount(ANNA)])
    assert store.contents().retired == []


def test_who_is_retired_when_the_store_opens_is_named_too(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna", token=None), account(BORIS, "boris"), write("x", DIRECT)])
    assert [stored.account for stored in place.open().contents().retired] == [ANNA]


def test_two_retired_under_one_name_are_both_named(store: Store) -> None:
    store.commit([account(BORIS, "boris")])
    for number in (ANNA, CLARA):
        store.commit([account(number, "anna"), write("x", direct_id(number, BORIS))])
        store.commit([RetireAccount(number)])
    assert [stored.account for stored in store.contents().retired] == [ANNA, CLARA]


@pytest.mark.parametrize("one_commit", [True, False])
def test_the_name_of_a_retired_account_is_free(place: Place, one_commit: bool) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna")])
    if one_commit:
        outcomes = store.commit([RetireAccount(ANNA), account(BORIS, "anna")])
    else:
        outcomes = [*store.commit([RetireAccount(ANNA)])]
        outcomes += place.open().commit([account(BORIS, "anna")])
    assert outcomes == [Made(), Made()]


def test_a_name_can_be_retired_and_taken_many_times(store: Store) -> None:
    for number in range(1, 6):
        writes: list[Write] = [account(AccountId(number), "anna"), RetireAccount(AccountId(number))]
        assert store.commit(writes) == [Made(), Made()]


def test_the_id_of_a_retired_account_is_nobodys(place: Place) -> None:
    place.open().commit([account(ANNA, "anna"), RetireAccount(ANNA)])
    store = place.open()
    assert store.commit([account(ANNA, "other")]) == [Unavailable()]
    assert store.commit([AddDevice(ANNA, "t", None, 0)]) == [Unavailable()]
    assert store.contents().accounts == []


def test_a_token_of_a_retired_account_does_not_come_back(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), RetireAccount(ANNA), account(BORIS, "anna")])
    assert [device.account for device in place.open().contents().devices] == [BORIS]


def test_to_retire_twice_is_to_retire_once(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    assert store.commit([RetireAccount(ANNA), RetireAccount(ANNA)]) == [Made(), Made()]


def test_to_retire_nobody_changes_nothing(store: Store) -> None:
    store.commit([account(ANNA, "anna")])
    assert store.commit([RetireAccount(BORIS)]) == [Made()]
    assert [stored.account for stored in store.contents().accounts] == [ANNA]


def test_accounts_that_cannot_come_back_are_retired_when_the_store_opens(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna", token=None), account(BORIS, "boris"), room()])
    store.commit([account(CLARA, "clara", token=None, password="$argon2$")])
    store.commit([write(Joined(), ROOM), write("hi", ROOM)])
    store = place.open()
    contents = store.contents()
    assert [stored.account for stored in contents.accounts] == [BORIS, CLARA]
    assert contents.members == []
    assert [marker.account for marker in contents.markers] == [BORIS, CLARA]
    assert len(everything(store, ROOM)) == 2
    assert store.commit([account(AccountId(4), "anna")]) == [Made()]


# -- Contents


def test_contents_after_a_restart_are_those_before(place: Place) -> None:
    store = place.open()
    store.commit([account(ANNA, "anna"), account(BORIS, "boris"), room(), write("a", at=9)])
    store.commit([write(Created("#Team"), ROOM), write(Joined(), ROOM, by=BORIS), write("b", ROOM)])
    store.commit([write("psst", DIRECT), write(Opened(DIRECT, "boris"), OWN)])
    store.commit([write(Topic("news"), ROOM), write(Read(ROOM, Seq(3)), OWN)])
    store.commit([write(Left(), ROOM, by=BORIS), AddDevice(BORIS, "t", "phone", 3)])
    before = store.contents()
    assert place.open().contents() == before
    assert place.open().contents() == before


def test_entries_after_a_restart_are_those_before(place: Place) -> None:
    store = place.open()
    store.commit([write(f"{number}", id=f"k{number}") for number in range(50)])
    before = everything(store)
    assert everything(place.open()) == before


# -- Loading


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_load_returns_what_follows_a_seq(store: Store, after: int, limit: int) -> None:
    entries = say(store, *"abcde")
    loaded = store.load(CommonRoom, after=Seq(after), limit=limit, bytes_max=ALL)
    assert loaded == entries[after : after + limit]


@pytest.mark.parametrize("before", range(1, 8))
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_load_before_returns_the_last_before_a_seq(store: Store, before: int, limit: int) -> None:
    entries = say(store, *"abcde")
    loaded = store.load_before(CommonRoom, before=Seq(before), limit=limit, bytes_max=ALL)
    assert loaded == entries[: before - 1][-limit:]


@pytest.mark.parametrize("after", [5, 6, 2**63, 2**100])
def test_load_after_the_head_or_beyond_returns_nothing(store: Store, after: int) -> None:
    say(store, *"abcde")
    assert store.load(CommonRoom, after=Seq(after), limit=9, bytes_max=ALL) == []


@pytest.mark.parametrize("before", [6, 7, 2**63, 2**100])
def test_load_before_what_is_beyond_the_head_returns_the_end(store: Store, before: int) -> None:
    entries = say(store, *"abcde")
    loaded = store.load_before(CommonRoom, before=Seq(before), limit=2, bytes_max=ALL)
    assert loaded == entries[3:]


@pytest.mark.parametrize("limit", [0, -1, -(2**70)])
def test_a_limit_below_1_loads_nothing(store: Store, limit: int) -> None:
    say(store, *"abc")
    assert store.load(CommonRoom, after=Seq(0), limit=limit, bytes_max=ALL) == []
    assert store.load_before(CommonRoom, before=Seq(9), limit=limit, bytes_max=ALL) == []


def test_a_limit_beyond_64_bits_loads_all(store: Store) -> None:
    entries = say(store, *"abc")
    assert store.load(CommonRoom, after=Seq(0), limit=2**70, bytes_max=2**70) == entries
    assert store.load_before(CommonRoom, before=Seq(9), limit=2**70, bytes_max=2**70) == entries


def test_load_after_a_seq_below_0_returns_from_the_first(store: Store) -> None:
    entries = say(store, *"abc")
    assert store.load(CommonRoom, after=Seq(-3), limit=2, bytes_max=ALL) == entries[:2]


@pytest.mark.parametrize("before", [1, 0, -1])
def test_load_before_the_first_returns_nothing(store: Store, before: int) -> None:
    say(store, *"abc")
    assert store.load_before(CommonRoom, before=Seq(before), limit=9, bytes_max=ALL) == []


@pytest.mark.parametrize("conversation", [NOWHERE, DIRECT, OWN, ConversationId("")])
def test_an_unknown_conversation_is_empty(store: Store, conversation: ConversationId) -> None:
    assert store.load(conversation, after=Seq(0), limit=9, bytes_max=ALL) == []
    assert store.load_before(conversation, before=Seq(9), limit=9, bytes_max=ALL) == []


def test_a_room_without_entries_is_empty(store: Store) -> None:
    store.commit([room()])
    assert everything(store, ROOM) == []
    assert store.load_before(ROOM, before=Seq(9), limit=9, bytes_max=ALL) == []


def test_conversations_do_not_mix(store: Store) -> None:
    store.commit([write("a"), write("b", DIRECT), write("c"), write("d", OWN)])
    assert texts(everything(store)) == ["a", "c"]
    assert texts(everything(store, DIRECT)) == ["b"]
    assert texts(everything(store, OWN)) == ["d"]


@pytest.mark.parametrize(
    ("bytes_max", "count"), [(0, 1), (3, 1), (4, 1), (7, 1), (8, 2), (11, 2), (12, 3), (99, 3)]
)
def test_loads_stop_where_the_bytes_of_the_texts_would_pass_the_bound(
    store: Store, bytes_max: int, count: int
) -> None:
    entries = say(store, "яя", "😀", "éé")  # four bytes each
    loaded = store.load(CommonRoom, after=Seq(0), limit=9, bytes_max=bytes_max)
    assert loaded == entries[:count]
    loaded = store.load_before(CommonRoom, before=Seq(9), limit=9, bytes_max=bytes_max)
    assert loaded == entries[-count:]


def test_a_text_beyond_the_bound_is_loaded_alone(store: Store) -> None:
    entries = say(store, "x" * 16_384, "y", "z" * 16_384)
    assert store.load(CommonRoom, after=Seq(0), limit=9, bytes_max=10) == entries[:1]
    assert store.load(CommonRoom, after=Seq(1), limit=9, bytes_max=10) == entries[1:2]
    assert store.load_before(CommonRoom, before=Seq(9), limit=9, bytes_max=10) == entries[2:]


def test_what_has_no_text_does_not_follow_a_text_beyond_the_bound(store: Store) -> None:
    store.commit([write("long"), write(Joined()), write("long")])
    assert len(store.load(CommonRoom, after=Seq(0), limit=9, bytes_max=3)) == 1
    assert len(store.load_before(CommonRoom, before=Seq(9), limit=9, bytes_max=3)) == 1


def test_topics_count_towards_the_bytes_and_what_has_no_text_does_not(store: Store) -> None:
    bodies: list[AnyBody] = [Topic("1234"), Joined(), Left(), Created("#long name"), Topic("5")]
    store.commit([write(body, DIRECT) for body in bodies])
    assert len(store.load(DIRECT, after=Seq(0), limit=9, bytes_max=4)) == 4
    assert len(store.load(DIRECT, after=Seq(0), limit=9, bytes_max=5)) == 5


def test_pages_forward_put_together_are_the_log(store: Store) -> None:
    entries = say(store, *[f"{number}" for number in range(100)])
    pages: list[Entry] = []
    while page := store.load(CommonRoom, after=Seq(len(pages)), limit=7, bytes_max=10):
        pages += page
    assert pages == entries


def test_pages_backward_put_together_are_the_log(store: Store) -> None:
    entries = say(store, *[f"{number}" for number in range(100)])
    pages: list[Entry] = []
    before = Seq(101)
    while page := store.load_before(CommonRoom, before=before, limit=7, bytes_max=10):
        pages = page + pages
        before = page[0].seq
    assert pages == entries


# -- Closed


def test_after_close_nothing_is_written_or_read(store: Store) -> None:
    say(store, "a")
    store.close()
    assert store.commit([write("b"), write("c")]) == [Unavailable(), Unavailable()]
    with pytest.raises(StoreUnavailable):
        store.load(CommonRoom, after=Seq(0), limit=1, bytes_max=1)
    with pytest.raises(StoreUnavailable):
        store.load_before(CommonRoom, before=Seq(9), limit=1, bytes_max=1)
    with pytest.raises(StoreUnavailable):
        store.load(NOWHERE, after=Seq(0), limit=1, bytes_max=1)
    for conversation in (CommonRoom, NOWHERE):
        with pytest.raises(StoreUnavailable):
            store.load_ledger(conversation, before=Seq(9), limit=1, bytes_max=1)
    with pytest.raises(StoreUnavailable):
        store.contents()


def test_to_close_twice_is_to_close_once(store: Store) -> None:
    store.close()
    store.close()
