"""Conversations: what each is called, and how each kind of entry is told."""

import pytest

from molva.core.accounts import Account
from molva.core.conversation import Audience, Conversation, Direct, Hall, OwnLog, Room
from molva.core.cursor import ReadMarker
from molva.core.log import Log
from molva.core.session import Session
from molva.terms import entries, events
from molva.terms.ids import AccountId, ConnectionId, ConversationId, Seq, tag
from molva.terms.names import parse_name, parse_room

AT = "1970-01-01T00:00:01.000Z"


def account(number: int, name: str) -> Account:
    return Account(AccountId(number), parse_name(name), None)


ANNA, BORIS = account(1, "anna"), account(2, "boris")


def entry(body: entries.AnyBody, author: Account = ANNA) -> entries.Entry:
    """Return an entry of an author's, with seq 3 and an id."""
    return entries.Entry(
        ConversationId("any"), Seq(3), 2, 1_000, author.id, author.shown, "k", body
    )


def room(name: str = "#tea", id: str = "r1") -> Room:
    return Room(ConversationId(id), Log(Seq(0), 0), parse_room(name), "")


def direct(one: Account = ANNA, other: Account = BORIS) -> Direct:
    return Direct(ConversationId("1:2"), Log(Seq(0), 0), one, other)


def own_log(hall: Hall) -> OwnLog:
    return OwnLog(ConversationId("@1"), Log(Seq(0), 0), ANNA, hall)


ROOM_EVENTS = [
    (
        entries.Message("hi"),
        events.NewMessage(text="hi", from_="anna", room="#tea", seq=3, at=AT, id="k"),
    ),
    (entries.Created("#tea"), events.Created(room="#tea", user="anna", seq=3, at=AT, id="k")),
    (entries.Joined(), events.Joined(room="#tea", user="anna", seq=3, at=AT, id="k")),
    (entries.Left(), events.Left(room="#tea", user="anna", seq=3, at=AT, id="k")),
    (
        entries.Topic("leaves"),
        events.Topic(room="#tea", text="leaves", from_="anna", seq=3, at=AT, id="k"),
    ),
]


@pytest.mark.parametrize(("body", "told"), ROOM_EVENTS)
def test_an_entry_of_a_room_is_told_with_its_room_seq_time_and_id(
    body: entries.AnyBody, told: events.LogEvent
) -> None:
    assert room().tell(entry(body)) == told


def test_a_room_is_called_the_same_by_everyone() -> None:
    assert room("#Tea").label(ANNA) == room("#Tea").label(BORIS) == {"room": "#Tea"}
    assert room("#Tea").shown == "#Tea"
    assert not room().common and room("#general", "r0").common


def test_a_direct_conversation_is_called_by_the_other_one() -> None:
    assert direct().label(ANNA) == {"with_": "boris"}
    assert direct().label(BORIS) == {"with_": "anna"}
    assert direct(ANNA, ANNA).label(ANNA) == {"with_": "anna"}


def test_a_whisper_names_who_said_it_and_to_whom() -> None:
    told = direct().tell(entry(entries.Message("hi"), BORIS))
    assert told == events.NewWhisper(text="hi", from_="boris", to="anna", seq=3, at=AT, id="k")
    told = direct().tell(entry(entries.Message("hi"), ANNA))
    assert isinstance(told, events.NewWhisper) and (told.from_, told.to) == ("anna", "boris")


def test_who_is_retired_is_named_with_the_tag() -> None:
    gone = account(40, "vera")
    gone.retired = True
    told = Direct(ConversationId("1:40"), Log(Seq(0), 0), ANNA, gone).tell(
        entry(entries.Message("hi"), gone)
    )
    assert isinstance(told, events.NewWhisper)
    assert told.from_ == f"vera~{tag(AccountId(40))}"


def test_an_own_log_tells_of_rooms_people_and_markers() -> None:
    hall = Hall()
    tea = room()
    hall.add_room(tea)
    for seq in range(1, 4):
        tea.log.append(
            entries.Entry(tea.id, Seq(seq), seq, 0, BORIS.id, "boris", None, entries.Message("x")),
            events.NewMessage(text="x", from_="boris"),
            9,
        )
    log = own_log(hall)
    assert log.label(ANNA) == {"log": "@anna"}
    assert log.tell(entry(entries.RoomJoined(tea.id))) == events.RoomJoined(
        log="@anna", room="#tea", seq=3, at=AT
    )
    assert log.tell(entry(entries.RoomLeft(tea.id))) == events.RoomLeft(
        log="@anna", room="#tea", seq=3, at=AT
    )
    assert log.tell(entry(entries.Opened(ConversationId("1:2"), "boris"))) == events.Opened(
        log="@anna", with_="boris", seq=3, at=AT
    )
    assert log.tell(entry(entries.Read(tea.id, Seq(1), 1))) == events.Read(
        log="@anna", through=1, unread=2, room="#tea", seq=3, at=AT, id="k"
    )
    # Of a conversation that is no more, only the seq is left to tell.
    assert log.tell(entry(entries.Read(ConversationId("1:9"), Seq(1), 1))) == events.Read(
        log="@anna", through=1, unread=0, seq=3, at=AT, id="k"
    )


def test_a_kind_of_entry_in_the_wrong_log_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        room().tell(entry(entries.RoomJoined(ConversationId("r1"))))
    with pytest.raises(AssertionError):
        direct().tell(entry(entries.Joined()))
    with pytest.raises(AssertionError):
        own_log(Hall()).tell(entry(entries.Message("hi")))


def test_the_kind_itself_has_neither_a_name_nor_a_way_to_tell() -> None:
    bare = Conversation(ConversationId("x"), Log(Seq(0), 0))
    with pytest.raises(NotImplementedError):
        bare.label(ANNA)
    with pytest.raises(NotImplementedError):
        bare.tell(entry(entries.Message("hi")))


def test_an_author_hears_themselves_with_echo_and_in_the_own_log_always() -> None:
    session = Session(ConnectionId(1), "192.0.2.1", 0.0)
    tea, log = room(), own_log(Hall())
    assert not tea.tells_author(session) and log.tells_author(session)
    assert tea.group(session) is tea.audience.quiet
    assert log.group(session) is log.audience.echo
    session.echo = True
    assert tea.group(session) is tea.audience.echo


def test_an_audience_is_empty_when_all_its_groups_are() -> None:
    audience = Audience()
    assert not audience
    audience.quiet[ConnectionId(1)] = Session(ConnectionId(1), "192.0.2.1", 0.0)
    assert audience


def test_a_room_that_was_not_made_leaves_no_trace_in_the_hall() -> None:
    hall = Hall()
    general, tea = room("#general", "r0"), room()
    hall.add_room(general)
    hall.add_room(tea)
    assert hall.common is general
    assert hall.room_name(tea.id) == "#tea"
    hall.remove_room(tea)
    assert list(hall.by_id.values()) == list(hall.rooms.values()) == [general]
    assert list(hall.room_skeletons.values()) == [general]


def test_who_comes_new_has_read_everything() -> None:
    general = Room(ConversationId("r0"), Log(Seq(7), 5), parse_room("#general"), "")
    assert general.marker_at_head() == ReadMarker(Seq(7), 5)
