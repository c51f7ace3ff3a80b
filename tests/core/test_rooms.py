"""Rooms: membership is the log's, at each entry's own seq, and retries find what was done."""

import pytest

from molva.terms import actions, events
from molva.terms.errors import Code
from molva.terms.limits import LIST_BYTES_MAX, TOPIC_BYTES_MAX
from molva.terms.roles import RoomKind
from molva.wire.jsonl import format_event
from tests.core.stage import Peer, Stage

TEA = "#tea"


def create(room: str = TEA, id: str | None = None, topic: str | None = None) -> actions.Create:
    return actions.Create(room=room, id=id, topic=topic)


def join(id: str | None = "j", room: str = TEA) -> actions.Join:
    return actions.Join(room=room, id=id)


def leave(id: str | None = "l", room: str = TEA) -> actions.Leave:
    return actions.Leave(room=room, id=id)


def message(text: str, id: str | None = None) -> actions.NewMessage:
    return actions.NewMessage(text=text, room=TEA, id=id)


def told_of(peer: Peer, room: str = TEA) -> list[str]:
    """Return what a peer was ever told of a room's log, in short."""
    kinds = {
        events.NewMessage: "says",
        events.Created: "makes",
        events.Joined: "joins",
        events.Left: "leaves",
        events.Topic: "topic",
    }
    told = []
    for event in peer.heard:
        word = kinds.get(type(event))
        if word is not None and getattr(event, "room", None) == room:
            who = getattr(event, "user", None) or getattr(event, "from_", "")
            told.append(f"{getattr(event, 'seq', 0)} {who} {word}")
    return told


# -- Making ----------------------------------------------------------------------------------------


def test_who_makes_a_room_is_its_first_member_with_its_topic() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    made = anna.ask(create("#Tea", "c", topic="leaves"))
    assert isinstance(made, events.Created) and (made.room, made.seq) == ("#Tea", 1)
    assert told_of(anna, "#Tea") == ["1 anna makes", "2 anna topic"]
    listed = anna.ask(actions.Rooms(id="r"))
    assert isinstance(listed, events.Rooms)
    assert listed.rooms[0] == events.Room(room="#Tea", members=1, topic="leaves", joined=True)


def test_without_echo_the_making_is_answered_by_stored() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("ping",))
    assert anna.ask(create(id="c")) == events.Stored(id="c", seq=1, room=TEA)
    anna.take()
    anna.send(create("#cocoa"))
    assert [type(event) for event in anna.take()] == [
        events.Conversations,
        events.RoomJoined,
    ]


@pytest.mark.parametrize("name", ["#tea", "#TEA", "#tеa"])
def test_a_room_whose_name_is_or_looks_like_one_that_is_there_is_not_made(name: str) -> None:
    stage = Stage()
    stage.enter("boris").send(create())
    assert stage.enter("anna").refused(create(name)) is Code.ROOM_EXISTS


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tea", Code.NAME_BAD_CHARACTER),
        ("", Code.NAME_EMPTY),
        ("#", Code.NAME_EMPTY),
        ("#" + "x" * 200, Code.NAME_TOO_LONG),
        ("#general", Code.ROOM_EXISTS),
    ],
)
def test_what_cannot_be_a_room_is_not_made(name: str, code: Code) -> None:
    assert Stage().enter("anna").refused(create(name)) is code


def test_a_room_that_is_being_made_is_nobodys_and_its_name_is_taken() -> None:
    stage = Stage()
    anna, boris, vera = stage.enter("anna"), stage.enter("boris"), stage.enter("vera")
    stage.prompt = False
    anna.send(create())
    vera.take()
    vera.send(actions.Rooms(id="r"))
    (rooms,) = [e for e in vera.take() if isinstance(e, events.Rooms)]
    assert [room.room for room in rooms.rooms] == ["#general"]
    for action in (
        join(),
        create("#TEA", "c"),
        message("hi", "m"),
        actions.Users(room=TEA, id="u"),
    ):
        boris.take()
        boris.send(action)
    stage.settle()
    codes = {e.id: e.code for e in boris.heard if isinstance(e, events.Error)}
    assert codes == {
        "j": Code.NO_SUCH_ROOM,
        "c": Code.ROOM_EXISTS,
        "m": Code.NOT_A_MEMBER,
        "u": Code.NOT_A_MEMBER,
    }
    assert told_of(anna) == ["1 anna makes"]
    assert told_of(vera) == []


def test_a_room_that_was_not_made_leaves_its_name_free() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.store.unavailable = True
    assert anna.refused(create()) is Code.UNAVAILABLE
    stage.store.unavailable = False
    assert isinstance(boris.ask(create(id="c")), events.Created)


def test_a_room_that_the_store_knows_is_not_made_though_the_hub_does_not() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    other = Stage(stage.store.disk, ids=stage.ids)
    other.enter("boris").send(create())
    assert anna.refused(create()) is Code.ROOM_EXISTS


def test_a_retry_of_a_making_is_answered_with_the_first_seq() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.ask(create(id="c"))
    assert anna.ask(create(id="c")) == events.Stored(id="c", seq=1, room=TEA)
    boris.send(join())
    anna.send(leave())
    assert anna.ask(create(id="c")) == events.Stored(id="c", seq=1, room=TEA)
    boris.send(leave())
    # The room has gone with its last member, and its name is another's to take.
    assert isinstance(boris.ask(create(id="b")), events.Created)
    assert anna.ask(create(id="c")) == events.Stored(id="c", seq=1)


def test_an_id_used_before_makes_no_room() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna", password="swordfish"), stage.enter("boris")
    stage.hash()
    anna.ask(actions.NewMessage(text="hi", id="c"))
    group = actions.Create(kind=RoomKind.GROUP, people=["boris"], id="c")
    boris.take()
    for refused in (create(id="c"), create(id="c", topic="leaves"), group):
        assert anna.refused(refused) is Code.ID_CONFLICT
        assert anna.refused(message("hi")) is Code.NOT_A_MEMBER
        assert anna.refused(join()) is Code.NO_SUCH_ROOM
        # Nor is there one in the store, which would have the name.
        assert len(stage.restart().rooms()) == 2
    assert boris.take() == []
    assert isinstance(boris.ask(create(id="b")), events.Created)


def test_a_room_whose_maker_never_came_into_it_is_closed_at_the_next_start() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.prompt = False
    anna.send(create(id="c"))
    stage.persist(1)
    later = stage.restart()
    assert len(later.rooms()) == 2
    assert isinstance(later.resume(anna).ask(create(id="c")), events.Created)


def test_rooms_are_bounded_on_the_server_and_for_each() -> None:
    # Two are always there: everybody's and the moderators'.
    stage = Stage(rooms_max=4, rooms_per_account_max=1)
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    anna.send(create("#one"))
    assert anna.refused(create("#two")) is Code.LIMIT_REACHED
    boris.send(create("#two"))
    assert anna.refused(join(room="#two")) is Code.LIMIT_REACHED
    assert vera.refused(create("#three")) is Code.LIMIT_REACHED


# -- Joining and leaving ---------------------------------------------------------------------------


def test_members_are_told_of_who_joins_and_who_joins_hears_from_then_on() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(create(), message("before"))
    boris.take()
    joined = boris.ask(join())
    assert isinstance(joined, events.Joined) and joined.seq == 3
    anna.send(message("after"))
    assert told_of(boris) == ["3 boris joins", "4 anna says"]
    assert told_of(anna) == ["1 anna makes", "2 anna says", "3 boris joins", "4 anna says"]


def test_before_the_first_entry_of_a_room_its_new_member_is_told_where_it_begins() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(create(topic="leaves"), message("before"))
    boris.take()
    boris.send(join())
    first = boris.take()[0]
    assert isinstance(first, events.Conversations)
    (begun,) = first.conversations
    assert begun == events.Conversation(
        room=TEA, tag="2", head=4, cursor=3, read=4, unread=0, topic="leaves"
    )


def test_who_is_in_a_room_and_joins_again_is_told_since_when() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(create(), message("hi"))
    assert anna.ask(join()) == events.Stored(id="j", seq=1, room=TEA)
    anna.take()
    anna.send(join(None))
    assert anna.take() == [events.Done()]


def test_a_retry_of_a_joining_is_answered_with_the_first_seq_also_after_leaving() -> None:
    stage = Stage()
    stage.enter("anna").send(create())
    boris = stage.enter("boris")
    boris.ask(join())
    boris.send(leave())
    assert boris.ask(join()) == events.Stored(id="j", seq=2, room=TEA)
    assert boris.refused(message("hi")) is Code.NOT_A_MEMBER


def test_a_retry_of_a_leaving_is_answered_with_the_first_seq_also_after_joining_again() -> None:
    stage = Stage()
    stage.enter("anna").send(create())
    boris = stage.enter("boris")
    boris.send(join())
    first = boris.ask(leave())
    assert first == events.Stored(id="l", seq=3, room=TEA)
    assert boris.ask(leave()) == first
    boris.send(join("again"))
    assert boris.ask(leave()) == first
    assert isinstance(boris.ask(message("still here", "m")), events.NewMessage)


@pytest.mark.parametrize("first", ["join", "leave"])
def test_while_one_device_joins_or_leaves_the_other_is_told_to_wait(first: str) -> None:
    stage = Stage()
    stage.enter("anna").send(create())
    boris = stage.enter("boris", password="swordfish")
    stage.hash()
    second = stage.enter("boris", password="swordfish")
    stage.hash()
    if first == "leave":
        boris.send(join())
    stage.prompt = False
    second.take()
    boris.send(join("x") if first == "join" else leave("x"))
    second.send(join("y"))
    assert second.one(events.Error).code is Code.BUSY
    second.send(leave("z"))
    stage.settle()
    assert second.one(events.Error).code is Code.NOT_A_MEMBER


def test_the_common_room_is_neither_joined_nor_left() -> None:
    anna = Stage().enter("anna")
    assert anna.refused(join(room="#general")) is Code.COMMON_ROOM
    assert anna.refused(leave(room="#General")) is Code.COMMON_ROOM


def test_who_leaves_is_answered_sees_nothing_after_and_the_others_are_told() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(create())
    boris.send(join())
    boris.take()
    boris.send(leave(None))
    assert [type(event) for event in boris.take()] == [events.Done, events.RoomLeft]
    anna.send(message("alone"))
    assert told_of(boris) == ["2 boris joins"]
    assert told_of(anna)[2:] == ["3 boris leaves", "4 anna says"]


def test_an_id_used_before_leaves_nobody_out() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(create())
    anna.ask(message("hi", "k"))
    assert anna.refused(leave("k")) is Code.ID_CONFLICT
    assert isinstance(anna.ask(message("still here", "m")), events.NewMessage)
    assert anna.refused(join("k", "#none")) is Code.ID_CONFLICT


def test_who_could_not_leave_is_still_in() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(create())
    stage.store.unavailable = True
    assert anna.refused(leave()) is Code.UNAVAILABLE
    stage.store.unavailable = False
    assert isinstance(anna.ask(message("still here", "m")), events.NewMessage)


def test_membership_changes_at_the_seq_of_the_entry_within_one_batch() -> None:
    stage = Stage()
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    anna.send(create())
    vera.send(join())
    stage.prompt = False
    anna.send(message("3"))
    boris.send(join("a"))
    anna.send(message("5"), actions.Topic(room=TEA, text="six"))
    vera.send(leave("b"))
    anna.send(message("8"))
    stage.persist()
    stage.acknowledge()
    assert told_of(boris) == [
        "4 boris joins",
        "5 anna says",
        "6 anna topic",
        "7 vera leaves",
        "8 anna says",
    ]
    assert told_of(vera) == [
        "2 vera joins",
        "3 anna says",
        "4 boris joins",
        "5 anna says",
        "6 anna topic",
    ]
    stage.settle()


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_joining_leaving_and_joining_again_races_with_messages_and_all_agree(count: int) -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(create())
    room = stage.rooms()[TEA]
    stage.prompt = False
    boris.send(join("1"), message("b1"), leave("2"), message("out", "o"), join("3"), message("b2"))
    anna.send(message("a1"))
    while stage.writes or stage.outcomes:
        stage.persist(count)
        anna.send(message("a"))
        stage.acknowledge(count)
        if len(stage.entries(room)) > 12:
            break
    stage.settle()
    log = [entry.seq for entry in stage.entries(room)]
    heard = [int(line.split()[0]) for line in told_of(anna)]
    assert heard == log
    kinds = [line.split(maxsplit=1)[1] for line in told_of(boris)]
    assert kinds[0] == "boris joins"
    assert kinds.count("boris joins") == 2
    assert "boris leaves" not in kinds


def test_a_member_with_a_closed_window_who_joins_or_leaves_follows_when_it_opens() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(create())
    boris.close_window()
    boris.send(join())
    anna.send(message("one"))
    assert told_of(boris) == []
    boris.open_window()
    assert told_of(boris) == ["2 boris joins", "3 anna says"]
    boris.close_window()
    anna.send(message("two"))
    boris.send(leave())
    boris.open_window()
    assert told_of(boris) == ["2 boris joins", "3 anna says"]


def test_all_devices_are_in_and_out_together() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(create())
    boris = stage.enter("boris", password="swordfish")
    stage.hash()
    second = stage.enter("boris", password="swordfish", features=())
    stage.hash()
    boris.send(join())
    anna.send(message("both hear"))
    assert told_of(boris) == ["2 boris joins", "3 anna says"]
    # It has no echo, and it was its own account that joined.
    assert told_of(second) == ["3 anna says"]
    boris.send(leave())
    anna.send(message("neither hears"))
    assert told_of(boris)[2:] == told_of(second)[1:] == []


def test_a_guest_who_goes_for_good_leaves_its_rooms_first() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    anna.send(create())
    boris.send(join())
    boris.leave()
    assert told_of(anna)[1:] == ["2 boris joins", "3 boris leaves"]
    assert [member.account for member in stage.store.contents().members] == [1]


@pytest.mark.parametrize("last", [join(), create("#cocoa")])
def test_a_guest_who_goes_while_joining_is_in_no_room_afterwards(last: actions.AnyAction) -> None:
    stage = Stage()
    anna = stage.enter("anna").send(create())
    boris = stage.enter("boris", features=())
    stage.prompt = False
    boris.send(last)
    boris.leave()
    stage.settle()
    listed = anna.ask(actions.Rooms(id="r"))
    assert isinstance(listed, events.Rooms)
    members = {room.room: room.members for room in listed.rooms}
    assert members["#tea"] == 1 and "#cocoa" not in members
    assert set(stage.rooms()) == {"#general", "#moderators", "#tea"}
    assert told_of(anna)[1:] == (
        ["2 boris joins", "3 boris leaves"] if isinstance(last, actions.Join) else []
    )


def test_a_guest_who_goes_while_leaving_leaves_once() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(create())
    boris = stage.enter("boris", features=()).send(join())
    stage.prompt = False
    boris.send(leave())
    boris.leave()
    stage.settle()
    assert told_of(anna)[1:] == ["2 boris joins", "3 boris leaves"]


# -- Topics and lists ------------------------------------------------------------------------------


def test_a_topic_is_set_and_removed_and_told_to_who_comes_later() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(create())
    told = anna.ask(actions.Topic(room=TEA, text="leaves", id="t"))
    assert isinstance(told, events.Topic) and (told.text, told.seq) == ("leaves", 2)
    later = stage.resume(anna)
    assert [c.topic for c in later.welcome.conversations or () if c.room == TEA] == ["leaves"]
    later.send(actions.Topic(room=TEA, text=""))
    again = stage.resume(later)
    assert [c.topic for c in again.welcome.conversations or () if c.room == TEA] == [None]


def test_a_topic_is_bounded_and_set_by_members_only() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna").send(create()), stage.enter("boris")
    long = "ж" * (TOPIC_BYTES_MAX // 2 + 1)
    assert anna.refused(actions.Topic(room=TEA, text=long)) is Code.TEXT_TOO_LONG
    assert anna.refused(create("#cocoa", topic=long)) is Code.TEXT_TOO_LONG
    assert boris.refused(actions.Topic(room=TEA, text="mine")) is Code.NOT_A_MEMBER
    assert boris.refused(actions.Topic(room="#none", text="mine")) is Code.NOT_A_MEMBER
    assert isinstance(boris.ask(actions.Topic(room="#general", text="all", id="t")), events.Topic)


def test_rooms_are_listed_those_with_the_most_members_first() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.enter("vera").leave()
    anna.send(create("#b"), create("#a"), create("#c"))
    boris.send(join(room="#c"))
    listed = boris.ask(actions.Rooms(id="r"))
    assert isinstance(listed, events.Rooms) and listed.total is None
    assert [(row.room, row.members, row.joined) for row in listed.rooms] == [
        ("#general", 3, True),
        ("#c", 2, True),
        ("#a", 1, False),
        ("#b", 1, False),
    ]


def test_a_list_of_rooms_is_cut_to_fit_a_frame_and_says_how_many_there_are() -> None:
    stage = Stage(rooms_per_account_max=100)
    anna = stage.enter("anna")
    worst = '"' * TOPIC_BYTES_MAX
    anna.send(*[create(f"#room{number}", topic=worst) for number in range(40)])
    listed = anna.ask(actions.Rooms(id="x" * 64))
    assert isinstance(listed, events.Rooms)
    assert listed.total == 41
    assert 20 < len(listed.rooms) < 41
    assert LIST_BYTES_MAX * 0.9 < len(format_event(listed)) < 64 * 1024


def test_the_operator_hears_of_rooms_made_joined_and_left() -> None:
    stage = Stage(reports=True)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.reports.clear()
    anna.send(create())
    boris.send(join())
    boris.send(leave())
    assert [(report.what, report.values["name"]) for report in stage.reports] == [
        ("report.created", "anna"),
        ("report.joined", "boris"),
        ("report.parted", "boris"),
    ]


def test_a_retry_is_answered_also_when_the_room_is_renamed_and_another_has_its_name() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.enter("boris")
    anna.send(create())
    invite = actions.Invite(room=TEA, user="boris", id="i")
    first = anna.ask(invite)
    anna.send(actions.Rename(room=TEA, to="#coffee"), create())
    again = anna.ask(invite)
    assert isinstance(first, events.Invited) and isinstance(again, events.Stored)
    assert (again.room, again.seq) == ("#coffee", first.seq)
    elsewhere = actions.Invite(room=TEA, user="boris", id="j")
    anna.send(elsewhere)
    moved = actions.Invite(room="#coffee", user="boris", id="j")
    assert anna.refused(moved) == Code.ID_CONFLICT
