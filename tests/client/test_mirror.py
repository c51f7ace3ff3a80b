"""The mirror: each entry is shown once and each write is stored once, whatever the line does."""

import typing
from collections import Counter
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molva.client.happenings import (
    Acknowledged,
    AnyHappening,
    Farewell,
    Fenced,
    Finished,
    GapFilled,
    GapFound,
    GapRemains,
    HistoryReceived,
    ListReceived,
    LogRestarted,
    Notice,
    Postponed,
    PresenceChanged,
    Refused,
    RegistrationRefused,
    Shown,
    State,
    TypingSeen,
    Welcomed,
)
from molva.client.mirror import (
    ANSWER_SECONDS,
    GAP_ENTRIES_MAX,
    ONLINE_MAX,
    REGISTRATION_ANSWER_SECONDS,
    REQUESTS_MAX,
    SEQ_MAX,
    Mirror,
    TextRefused,
)
from molva.client.outbox import MemoryOutbox, WriteState
from molva.terms import actions, events
from molva.terms.errors import Code

AT = "2026-01-02T03:04:05.000Z"


def make(name: str = "anna", **options: Any) -> Mirror:
    numbers = count(1)
    return Mirror(name, new_id=lambda: f"i{next(numbers)}", **options)


def snapshot(
    room: str | None = "#general",
    *,
    head: int = 0,
    cursor: int | None = None,
    person: str | None = None,
    log: str | None = None,
    tag: str | None = None,
    read: int = 0,
    unread: int = 0,
) -> events.Conversation:
    return events.Conversation(
        room=None if person or log else room,
        with_=person,
        tag=tag,
        log=log,
        head=head,
        cursor=head if cursor is None else cursor,
        read=read,
        unread=unread,
    )


def welcome(mirror: Mirror, *conversations: events.Conversation, **fields: Any) -> None:
    if mirror.state is State.OFFLINE:
        mirror.connected(0.0)
    mirror.actions_to_send()
    fields = {
        "result": "successful",
        "name": mirror.name,
        "users": [mirror.name],
        "features": ["echo", "presence", "ping", "typing"],
        "conversations": list(conversations) or [snapshot()],
    } | fields
    mirror.receive(events.Result(**fields), 0.0)


def live(*conversations: events.Conversation, **options: Any) -> Mirror:
    mirror = make(**options)
    welcome(mirror, *conversations)
    mirror.happenings()
    mirror.actions_to_send()
    return mirror


def message(
    seq: int | None, *, text: str = "hi", name: str = "boris", id: str | None = None
) -> events.NewMessage:
    return events.NewMessage(text=text, from_=name, room="#general", seq=seq, at=AT, id=id)


def whisper(
    seq: int, *, name: str = "boris", to: str | None = "anna", id: str | None = None
) -> events.NewWhisper:
    return events.NewWhisper(text="hi", from_=name, to=to, seq=seq, at=AT, id=id)


def error(code: Code, id: str | None = None, retry_after: float | None = None) -> events.Error:
    return events.Error(text="no", code=code, id=id, retry_after=retry_after)


def of(happened: list[AnyHappening], kind: type[Any]) -> list[Any]:
    return [happening for happening in happened if type(happening) is kind]


def shown(happened: list[AnyHappening]) -> list[int | None]:
    return [happening.entry.seq for happening in of(happened, Shown)]


def one(sent: list[actions.AnyAction], kind: type[Any]) -> Any:
    (found,) = [action for action in sent if type(action) is kind]
    return found


# -- Registration -----------------------------------------------------------------------------


def test_registers_with_what_it_knows_and_understands() -> None:
    mirror = make(token="t", device="desk", language="ru")
    mirror.connected(0.0)
    (registration,) = mirror.actions_to_send()
    assert registration == actions.Registration(
        name="anna",
        token="t",
        device="desk",
        language="ru",
        features=["echo", "presence", "ping", "typing"],
        cursors={},
    )
    assert mirror.state is State.REGISTERING


def test_is_welcomed_and_keeps_the_token_instead_of_the_password() -> None:
    mirror = make(password="long enough")
    mirror.connected(0.0)
    assert one(mirror.actions_to_send(), actions.Registration).password == "long enough"
    welcome(mirror, users=["Anna", "boris"], name="Anna", token="T", account=True)
    (welcomed,) = of(mirror.happenings(), Welcomed)
    assert welcomed.first and welcomed.token == "T" and welcomed.account
    assert welcomed.users == ["Anna", "boris"] and welcomed.online == mirror.online == 2
    assert mirror.state is State.LIVE and mirror.name == "Anna"
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    registration = one(mirror.actions_to_send(), actions.Registration)
    assert registration.token == "T" and registration.password is None


def test_a_refused_name_waits_for_another() -> None:
    mirror = make()
    mirror.connected(0.0)
    mirror.actions_to_send()
    mirror.receive(events.Result(result="error", code=Code.NAME_TAKEN, text="taken"), 0.0)
    assert of(mirror.happenings(), RegistrationRefused) == [
        RegistrationRefused(Code.NAME_TAKEN, "taken")
    ]
    assert mirror.actions_to_send() == []
    mirror.disconnected(0.5)
    mirror.connected(0.5)
    assert mirror.actions_to_send() == [], "what was refused is not tried again unasked"
    mirror.register("boris", 1.0)
    assert one(mirror.actions_to_send(), actions.Registration).name == "boris"


def test_without_a_name_it_waits_for_one() -> None:
    mirror = make("")
    mirror.connected(0.0)
    assert mirror.actions_to_send() == []
    mirror.register("anna", 1.0)
    assert one(mirror.actions_to_send(), actions.Registration).name == "anna"


def test_a_busy_server_is_asked_again_when_it_said() -> None:
    mirror = make()
    mirror.connected(0.0)
    mirror.actions_to_send()
    mirror.receive(events.Result(result="error", code=Code.BUSY, retry_after=3.0), 1.0)
    assert mirror.next_deadline() == 4.0
    mirror.tick(3.9)
    assert mirror.actions_to_send() == []
    mirror.tick(4.0)
    assert one(mirror.actions_to_send(), actions.Registration).name == "anna"


def test_a_token_no_longer_known_makes_a_new_guest_of_the_old_name() -> None:
    mirror = live(
        snapshot(head=5), snapshot(person="boris", head=3), snapshot(log="@anna", head=2), token="t"
    )
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    mirror.actions_to_send()
    mirror.receive(events.Result(result="error", code=Code.BAD_TOKEN), 2.0)
    registration = one(mirror.actions_to_send(), actions.Registration)
    assert registration.token is None
    assert registration.cursors == {"#general": 5}, "a direct belongs to the account that is gone"


def test_an_account_keeps_its_logs_when_its_token_is_refused() -> None:
    mirror = make(token="t")
    welcome(mirror, snapshot(person="boris", head=3), account=True)
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    mirror.actions_to_send()
    mirror.receive(events.Result(result="error", code=Code.BAD_TOKEN), 2.0)
    assert one(mirror.actions_to_send(), actions.Registration).cursors == {"boris": 3}


def test_the_registration_says_how_far_each_log_was_shown() -> None:
    mirror = live(snapshot(head=5), snapshot(person="boris", head=3), snapshot(log="@anna", head=2))
    mirror.receive(message(6), 0.0)
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    assert one(mirror.actions_to_send(), actions.Registration).cursors == {
        "#general": 6,
        "boris": 3,
        "@anna": 2,
    }


def test_entries_before_the_welcome_are_not_believed() -> None:
    mirror = make()
    mirror.connected(0.0)
    mirror.receive(message(1), 0.0)
    assert of(mirror.happenings(), Shown) == []


def test_a_second_result_changes_nothing() -> None:
    mirror = live()
    mirror.receive(events.Result(result="error", code=Code.NAME_TAKEN), 0.0)
    mirror.receive(events.Result(result="successful", name="mallory"), 0.0)
    assert mirror.happenings() == [] and mirror.name == "anna"


# -- Entries ----------------------------------------------------------------------------------


def test_an_entry_is_shown_once() -> None:
    mirror = live(snapshot(head=4))
    for seq in (3, 4, 5, 5, 4, 6):
        mirror.receive(message(seq), 0.0)
    assert shown(mirror.happenings()) == [5, 6]


def test_an_entry_without_a_number_is_shown() -> None:
    mirror = live()
    mirror.receive(message(None), 0.0)
    assert shown(mirror.happenings()) == [None]


def test_a_new_conversation_begins_at_its_snapshot() -> None:
    mirror = live()
    mirror.receive(
        events.Conversations(conversations=[snapshot(person="boris", head=7, cursor=6)]), 0.0
    )
    mirror.receive(whisper(6), 0.0)
    mirror.receive(whisper(7), 0.0)
    assert shown(mirror.happenings()) == [7]


def test_a_whisper_belongs_to_the_other_of_the_two() -> None:
    mirror = live()
    mirror.receive(whisper(1), 0.0)
    mirror.receive(whisper(2, name="ANNA", to="boris"), 0.0)
    mirror.receive(whisper(3, to=None), 0.0)
    mirror.receive(whisper(1, name="anna", to="anna"), 0.0)
    happened = of(mirror.happenings(), Shown)
    assert [happening.conversation for happening in happened] == ["boris"] * 3 + ["anna"]


def test_a_log_that_begins_anew_takes_the_cursor_of_the_snapshot() -> None:
    mirror = live(snapshot(person="boris", head=9))
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(person="boris", head=2, cursor=0))
    assert of(mirror.happenings(), LogRestarted) == [LogRestarted("boris")]
    mirror.receive(whisper(1), 0.0)
    mirror.receive(whisper(2), 0.0)
    assert shown(mirror.happenings()) == [1, 2]


def test_a_name_that_passed_to_another_is_another_log() -> None:
    mirror = live(snapshot(person="boris", head=9, tag="1a"))
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    registration = one(mirror.actions_to_send(), actions.Registration)
    assert registration.cursors == {"boris~1a": 9}
    mirror.receive(
        events.Result(
            result="successful",
            conversations=[
                snapshot(person="boris~1a", head=9, tag="1a"),
                snapshot(person="boris", head=12, cursor=0, tag="2b"),
            ],
        ),
        2.0,
    )
    mirror.receive(whisper(1), 0.0)
    assert shown(mirror.happenings()) == [1]
    old, new = mirror.log("boris~1a"), mirror.log("Boris")
    assert old is not None and old.cursor == 9
    assert new is not None and new.cursor == 1 and mirror.log("boris~2b") is new
    mirror.receive(
        events.Conversations(conversations=[snapshot(person="boris", head=0, tag="3c")]), 0.0
    )
    assert of(mirror.happenings(), LogRestarted) == [LogRestarted("boris")]
    mirror.receive(whisper(1), 0.0)
    assert shown(mirror.happenings()) == [1], "as low as the number is, it is another's first"
    assert mirror.log("boris~2b") is new


def test_a_snapshot_behind_the_cursor_shows_nothing_twice() -> None:
    mirror = live(snapshot(head=9))
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(head=11, cursor=5))
    for seq in range(6, 12):
        mirror.receive(message(seq), 0.0)
    assert shown(mirror.happenings()) == [10, 11]


def test_what_was_said_after_one_left_a_room_is_no_gap() -> None:
    mirror = live(snapshot(), snapshot("#x", head=3), snapshot(log="@anna", head=0))
    mirror.receive(events.RoomLeft(log="@anna", room="#x", seq=1, at=AT), 0.0)
    joined = mirror.log("#x")
    assert joined is not None and not joined.joined
    mirror.receive(events.Conversations(conversations=[snapshot("#x", head=9, cursor=8)]), 0.0)
    assert of(mirror.happenings(), GapFound) == []
    assert joined.cursor == 8 and joined.joined


# -- Gaps -------------------------------------------------------------------------------------


def test_a_hole_is_said_and_filled_in_order() -> None:
    mirror = live(snapshot(head=2))
    mirror.receive(message(6), 0.0)
    happened = mirror.happenings()
    assert of(happened, GapFound) == [GapFound("#general", 2, 5, True)]
    assert shown(happened) == [6]
    asked = one(mirror.actions_to_send(), actions.History)
    assert (asked.room, asked.after, asked.before) == ("#general", 2, None)

    page = events.History(
        entries=[message(3), message(4)], head=6, more=True, room="#general", id=asked.id
    )
    mirror.receive(page, 0.0)
    asked = one(mirror.actions_to_send(), actions.History)
    assert asked.after == 4
    page = events.History(entries=[message(5), message(6)], head=6, room="#general", id=asked.id)
    mirror.receive(page, 0.0)
    happened = mirror.happenings()
    assert shown(happened) == [3, 4, 5]
    assert all(happening.backfill for happening in of(happened, Shown))
    assert of(happened, GapFilled) == [GapFilled("#general", 2, 5)]
    assert mirror.actions_to_send() == []


def test_a_gap_that_the_server_tells_begins_at_the_cursor() -> None:
    mirror = live(snapshot(head=2))
    mirror.receive(events.Gap(after=4, through=8, room="#general"), 0.0)
    mirror.receive(events.Gap(after=4, through=8, room="#general"), 0.0)
    mirror.receive(message(9), 0.0)
    happened = mirror.happenings()
    assert of(happened, GapFound) == [GapFound("#general", 2, 8, True)]
    assert shown(happened) == [9]


def test_a_snapshot_beyond_the_cursor_is_a_gap() -> None:
    mirror = live(snapshot(head=2))
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(head=20, cursor=15))
    assert of(mirror.happenings(), GapFound) == [GapFound("#general", 2, 15, True)]


def test_what_history_does_not_have_remains_a_gap() -> None:
    mirror = live(snapshot(head=0))
    mirror.receive(message(10), 0.0)
    asked = one(mirror.actions_to_send(), actions.History)
    page = events.History(entries=[message(4), message(7)], head=10, room="#general", id=asked.id)
    mirror.receive(page, 0.0)
    happened = mirror.happenings()
    assert shown(happened) == [10, 4, 7]
    assert of(happened, GapRemains) == [
        GapRemains("#general", 0, 3),
        GapRemains("#general", 4, 6),
        GapRemains("#general", 7, 9),
    ]
    assert mirror.actions_to_send() == []


def test_a_server_that_makes_no_progress_is_not_asked_for_ever() -> None:
    mirror = live(snapshot(head=0))
    mirror.receive(message(10), 0.0)
    asked = one(mirror.actions_to_send(), actions.History)
    mirror.receive(events.History(entries=[], head=10, more=True, id=asked.id), 0.0)
    assert of(mirror.happenings(), GapRemains) == [GapRemains("#general", 0, 9)]
    assert mirror.actions_to_send() == []


def test_a_gap_is_asked_for_again_after_a_cut_and_after_patience() -> None:
    mirror = live(snapshot(head=0))
    mirror.receive(message(10), 0.0)
    first = one(mirror.actions_to_send(), actions.History)
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(head=10))
    second = one(mirror.actions_to_send(), actions.History)
    assert second.after == first.after and second.id != first.id
    mirror.receive(error(Code.RATE_LIMITED, second.id, 2.0), 10.0)
    assert mirror.actions_to_send() == []
    mirror.tick(12.0)
    assert one(mirror.actions_to_send(), actions.History).after == 0
    page = events.History(entries=[message(5)], head=10, id=first.id)
    mirror.receive(page, 12.0)
    assert 5 not in shown(mirror.happenings()), "the first request is nobody's any more"


def test_a_gap_whose_history_is_refused_remains() -> None:
    mirror = live(snapshot(head=0))
    mirror.receive(message(10), 0.0)
    asked = one(mirror.actions_to_send(), actions.History)
    mirror.receive(error(Code.NOT_A_MEMBER, asked.id), 0.0)
    assert of(mirror.happenings(), GapRemains) == [GapRemains("#general", 0, 9, Code.NOT_A_MEMBER)]


def test_a_long_gap_is_filled_on_demand_only() -> None:
    mirror = live(snapshot(head=0))
    mirror.receive(message(GAP_ENTRIES_MAX + 2), 0.0)
    assert of(mirror.happenings(), GapFound)[0].filling is False
    assert mirror.actions_to_send() == []
    mirror.fill("#general", 0.0)
    assert one(mirror.actions_to_send(), actions.History).after == 0


def test_a_gap_of_ones_own_log_is_said_and_not_asked_for() -> None:
    mirror = live(snapshot(log="@anna", head=0))
    mirror.receive(events.Opened(log="@anna", with_="boris", seq=3, at=AT), 0.0)
    assert of(mirror.happenings(), GapRemains) == [GapRemains("@anna", 0, 2)]
    assert mirror.actions_to_send() == []


# -- Writes -----------------------------------------------------------------------------------


def test_a_write_is_kept_before_it_is_sent_and_leaves_with_its_echo() -> None:
    mirror = live()
    id = mirror.send("hi", 0.0)
    assert [write.action.id for write in mirror.outbox.pending()] == [id]
    assert mirror.actions_to_send() == [actions.NewMessage(text="hi", room="#general", id=id)]
    mirror.receive(message(1, name="anna", id=id), 0.0)
    happened = mirror.happenings()
    assert of(happened, Acknowledged) == [Acknowledged(id, 1, "#general")]
    assert shown(happened) == [1]
    assert mirror.outbox.pending() == []


def test_anothers_id_acknowledges_nothing() -> None:
    mirror = live()
    id = mirror.send("hi", 0.0)
    mirror.receive(message(1, name="boris", id=id), 0.0)
    assert mirror.outbox.is_pending(id)


def test_stored_acknowledges_a_retry() -> None:
    mirror = live()
    id = mirror.send("hi", 0.0, to="boris")
    mirror.actions_to_send()
    mirror.disconnected(1.0)
    welcome(mirror)
    assert mirror.actions_to_send() == [actions.NewWhisper(to="boris", text="hi", id=id)]
    mirror.receive(events.Stored(id=id, seq=4, to="boris"), 0.0)
    mirror.receive(events.Stored(id=id, seq=4, to="boris"), 0.0)
    assert of(mirror.happenings(), Acknowledged) == [Acknowledged(id, 4)]


def test_an_echo_already_shown_still_acknowledges() -> None:
    mirror = live(snapshot(head=5))
    id = mirror.send("hi", 0.0)
    mirror.receive(message(5, name="anna", id=id), 0.0)
    happened = mirror.happenings()
    assert of(happened, Acknowledged) == [Acknowledged(id, 5, "#general")] and shown(happened) == []


def test_writes_leave_one_at_a_time_in_order() -> None:
    mirror = live()
    ids = [mirror.send(text, 0.0) for text in "abc"]
    sent = []
    for seq, id in enumerate(ids, 1):
        (action,) = mirror.actions_to_send()
        sent.append(action.id)
        mirror.receive(message(seq, name="anna", id=id), 0.0)
    assert sent == ids


def test_writes_made_offline_leave_in_order_after_the_welcome() -> None:
    mirror = make(in_flight_max=10)
    ids = [mirror.join("#x", 0.0), mirror.send("a", 0.0, room="#x"), mirror.send("b", 0.0)]
    assert mirror.actions_to_send() == []
    welcome(mirror)
    (welcomed,) = of(mirror.happenings(), Welcomed)
    assert welcomed.outbox == 3
    assert [action.id for action in mirror.actions_to_send()] == ids


def test_a_postponed_write_is_not_overtaken() -> None:
    mirror = live()
    first, second = mirror.send("a", 0.0), mirror.send("b", 0.0)
    mirror.actions_to_send()
    mirror.receive(error(Code.RATE_LIMITED, first, 2.0), 1.0)
    assert of(mirror.happenings(), Postponed)[0].seconds == 2.0
    mirror.send("c", 1.5)
    assert mirror.actions_to_send() == [] and mirror.next_deadline() == 3.0
    mirror.tick(3.0)
    assert [action.id for action in mirror.actions_to_send()] == [first]
    mirror.receive(events.Stored(id=first, seq=1), 3.0)
    assert [action.id for action in mirror.actions_to_send()] == [second]


def test_patience_doubles_where_the_server_says_nothing() -> None:
    mirror = live()
    id = mirror.send("a", 0.0)
    seconds = []
    now = 0.0
    for _ in range(8):
        mirror.actions_to_send()
        mirror.receive(error(Code.UNAVAILABLE, id), now)
        seconds.append(of(mirror.happenings(), Postponed)[0].seconds)
        now += seconds[-1]
        mirror.tick(now)
    assert seconds == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_final_refusal_keeps_the_text_and_lets_the_next_go() -> None:
    mirror = live()
    first, second = mirror.send("a", 0.0, to="nobody"), mirror.send("b", 0.0)
    mirror.actions_to_send()
    mirror.receive(error(Code.NO_SUCH_USER, first), 0.0)
    (refused,) = of(mirror.happenings(), Refused)
    assert refused.id == first and refused.write == actions.NewWhisper(
        to="nobody", text="a", id=first
    )
    (kept,) = mirror.outbox.refused()
    assert kept.state is WriteState.REFUSED and kept.code == Code.NO_SUCH_USER
    assert [action.id for action in mirror.actions_to_send()] == [second]


def test_a_write_the_server_cannot_read_is_not_sent_for_ever() -> None:
    mirror = live()
    id = mirror.send("a", 0.0)
    mirror.receive(events.Bye(text="too long", code=Code.TOO_LONG), 0.0)
    happened = mirror.happenings()
    assert of(happened, Refused)[0].id == id
    assert of(happened, Farewell) == [Farewell("too long", Code.TOO_LONG)]
    mirror.disconnected(0.0)
    welcome(mirror)
    assert mirror.actions_to_send() == []


def test_a_write_never_answered_is_sent_again_after_a_pong() -> None:
    mirror = live()
    id = mirror.send("a", 0.0)
    mirror.actions_to_send()
    fence = mirror.ping(0.0)
    mirror.actions_to_send()
    mirror.receive(events.Pong(id=fence), 0.0)
    assert of(mirror.happenings(), Fenced) == [Fenced(fence)]
    assert [action.id for action in mirror.actions_to_send()] == [id]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.TEXT_EMPTY),
        (" \n", Code.TEXT_EMPTY),
        ("я" * 8193, Code.TEXT_TOO_LONG),
        ("\ud800", Code.BAD_TEXT),
        ("a\x1b[0m", Code.BAD_TEXT),
        ("a\x9b", Code.BAD_TEXT),
    ],
)
def test_a_text_that_would_be_refused_is_not_kept(text: str, code: Code) -> None:
    mirror = live()
    with pytest.raises(TextRefused) as caught:
        mirror.send(text, 0.0)
    assert caught.value.code is code and mirror.outbox.pending() == []


def test_joining_leaving_making_and_naming_are_acknowledged_by_their_entries() -> None:
    mirror = live(in_flight_max=9)
    made, joined = mirror.create("#x", 0.0), mirror.join("#y", 0.0)
    topic, left = mirror.topic("#x", "t", 0.0), mirror.leave("#y", 0.0)
    mirror.receive(events.Created(room="#x", user="anna", seq=1, at=AT, id=made), 0.0)
    mirror.receive(events.Joined(room="#y", user="anna", seq=1, at=AT, id=joined), 0.0)
    mirror.receive(events.Topic(room="#x", text="t", from_="anna", seq=2, at=AT, id=topic), 0.0)
    mirror.receive(events.Done(id=left), 0.0)
    assert mirror.outbox.pending() == []
    log = mirror.log("#X")
    assert log is not None and log.topic == "t"


# -- Requests ---------------------------------------------------------------------------------


def test_history_is_answered_and_moves_no_cursor() -> None:
    mirror = live(snapshot(head=9))
    id = mirror.history("#general", 0.0, before=8, limit=500)
    asked = one(mirror.actions_to_send(), actions.History)
    assert asked.limit == 100 and asked.before == 8
    page = events.History(entries=[message(7)], head=9, more=True, room="#general", id=id)
    mirror.receive(page, 0.0)
    mirror.receive(page, 0.0)
    (received,) = of(mirror.happenings(), HistoryReceived)
    assert received.conversation == "#general" and [e.seq for e in received.entries] == [7]
    log = mirror.log("#general")
    assert log is not None and log.cursor == 9


def test_requests_made_offline_or_cut_off_are_asked_again() -> None:
    mirror = make()
    id = mirror.list_rooms(0.0)
    welcome(mirror)
    assert [action.id for action in mirror.actions_to_send()] == [id]
    mirror.disconnected(1.0)
    welcome(mirror)
    assert [action.id for action in mirror.actions_to_send()] == [id]
    mirror.receive(events.Rooms(rooms=[], id=id), 0.0)
    assert len(of(mirror.happenings(), ListReceived)) == 1


def test_a_request_does_not_overtake_the_writes_before_it() -> None:
    mirror = live()
    first, second = mirror.join("#x", 0.0), mirror.join("#y", 0.0)
    people = mirror.list_users(0.0, room="#y")
    assert [action.id for action in mirror.actions_to_send()] == [first]
    mirror.receive(events.Stored(id=first, seq=1), 0.0)
    assert [action.id for action in mirror.actions_to_send()] == [second, people]
    offline = make()
    offline.list_rooms(0.0)
    joined = offline.join("#x", 0.0)
    offline.list_users(0.0, room="#x")
    welcome(offline)
    assert [type(action) for action in offline.actions_to_send()] == [
        actions.Join,
        actions.Rooms,
        actions.Users,
    ]
    assert offline.outbox.is_pending(joined)


def test_a_request_does_not_wait_for_a_refused_write() -> None:
    mirror = live()
    first, second = mirror.send("a", 0.0), mirror.send("b", 0.0)
    people = mirror.list_users(0.0)
    mirror.actions_to_send()
    mirror.receive(error(Code.NOT_A_MEMBER, first), 0.0)
    assert [action.id for action in mirror.actions_to_send()] == [second, people]


def test_requests_are_bounded() -> None:
    mirror = make()
    for _ in range(REQUESTS_MAX + 5):
        mirror.list_rooms(0.0)
    welcome(mirror)
    assert len(mirror.actions_to_send()) == REQUESTS_MAX


def test_a_refused_request_says_so() -> None:
    mirror = live()
    id = mirror.list_users(0.0, room="#x")
    mirror.receive(error(Code.NO_SUCH_ROOM, id), 0.0)
    assert of(mirror.happenings(), Refused) == [Refused(id, Code.NO_SUCH_ROOM, "no")]


def test_being_away_is_said_again_after_a_cut() -> None:
    mirror = live()
    id = mirror.set_away("lunch", 0.0)
    mirror.receive(events.Done(id=id), 0.0)
    assert of(mirror.happenings(), Finished) == [Finished(id)]
    mirror.actions_to_send()
    mirror.disconnected(1.0)
    welcome(mirror)
    assert one(mirror.actions_to_send(), actions.Away).text == "lunch"
    mirror.set_away(None, 2.0)
    mirror.disconnected(3.0)
    welcome(mirror)
    assert one(mirror.actions_to_send(), actions.Away).text is None


def test_only_what_has_no_id_of_ours_is_a_notice() -> None:
    mirror = live()
    mirror.receive(error(Code.INTERNAL), 0.0)
    mirror.receive(error(Code.CURSOR_AHEAD), 0.0)
    assert of(mirror.happenings(), Notice) == [Notice("no", Code.INTERNAL)]


# -- Markers and unread -----------------------------------------------------------------------


def unread(mirror: Mirror, name: str = "#general") -> int:
    log = mirror.log(name)
    assert log is not None
    return log.unread


def test_messages_are_unread_until_the_interface_reads_them() -> None:
    mirror = live(snapshot(head=9, cursor=7, read=4, unread=5), snapshot(log="@anna", head=0))
    assert unread(mirror) == 5
    mirror.receive(message(8), 0.0)
    mirror.receive(message(9), 0.0)
    assert unread(mirror) == 5, "the snapshot counted them"
    mirror.receive(message(10), 0.0)
    mirror.receive(events.Joined(room="#general", user="x", seq=11, at=AT), 0.0)
    assert unread(mirror) == 6
    assert mirror.actions_to_send() == [], "nothing is marked in the background"
    mirror.read("#general", 0.0)
    mirror.read("#general", 0.0)
    (read,) = mirror.actions_to_send()
    assert isinstance(read, actions.Read) and read.through == 11 and read.room == "#general"
    mirror.receive(
        events.Read(log="@anna", room="#general", through=11, unread=0, seq=1, at=AT, id=read.id),
        0.0,
    )
    assert unread(mirror) == 0
    mirror.read("#general", 0.0)
    assert mirror.actions_to_send() == []


def test_a_marker_moved_elsewhere_leaves_what_came_after_it() -> None:
    mirror = live(snapshot(head=0), snapshot(log="@anna", head=0))
    for seq in range(1, 6):
        mirror.receive(message(seq), 0.0)
    mirror.receive(
        events.Read(log="@anna", room="#general", through=3, unread=1, seq=1, at=AT), 0.0
    )
    assert unread(mirror) == 2, "what was shown here is counted here"


def test_a_marker_is_sent_again_after_a_cut_until_it_is_heard() -> None:
    mirror = live(snapshot(head=3))
    mirror.read("#general", 0.0)
    mirror.actions_to_send()
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(head=3, read=0, unread=3))
    read = one(mirror.actions_to_send(), actions.Read)
    mirror.receive(events.Done(id=read.id), 0.0)
    assert unread(mirror) == 0
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(head=3, read=3))
    assert mirror.actions_to_send() == []


# -- Silence ----------------------------------------------------------------------------------


def test_a_silent_server_is_asked_and_then_given_up() -> None:
    mirror = live(ping_seconds=45.0)
    assert mirror.next_deadline() == 45.0
    mirror.tick(45.0)
    assert one(mirror.actions_to_send(), actions.Ping)
    assert mirror.next_deadline() == 45.0 + ANSWER_SECONDS
    mirror.tick(45.0 + ANSWER_SECONDS)
    assert mirror.dead and mirror.next_deadline() is None
    mirror.disconnected(60.0)
    assert not mirror.dead


def test_whatever_is_heard_proves_life() -> None:
    mirror = live(ping_seconds=45.0)
    mirror.tick(45.0)
    mirror.receive(message(1), 50.0)
    assert mirror.next_deadline() == 95.0
    mirror.tick(60.0)
    assert not mirror.dead


def test_an_unanswered_write_asks_sooner() -> None:
    mirror = live(ping_seconds=45.0)
    mirror.send("a", 0.0)
    assert mirror.next_deadline() == ANSWER_SECONDS


def test_an_unanswered_registration_ends_the_line() -> None:
    mirror = make()
    mirror.connected(0.0)
    assert mirror.next_deadline() == REGISTRATION_ANSWER_SECONDS
    mirror.tick(REGISTRATION_ANSWER_SECONDS)
    assert mirror.dead


def test_a_ping_is_answered() -> None:
    mirror = live()
    mirror.receive(events.Ping(id="p"), 0.0)
    assert mirror.actions_to_send() == [actions.Pong(id="p")]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e-9])
def test_what_the_server_says_of_time_is_bounded(seconds: float) -> None:
    mirror = make()
    welcome(mirror, ping_seconds=seconds)
    due = mirror.next_deadline()
    assert due is not None and 1.0 <= due <= 300.0
    id = mirror.send("a", 0.0)
    mirror.receive(error(Code.BUSY, id, seconds), 0.0)
    (postponed,) = of(mirror.happenings(), Postponed)
    assert 0.0 < postponed.seconds <= 60.0


# -- People -----------------------------------------------------------------------------------


def test_presence_is_counted() -> None:
    mirror = live(snapshot())
    mirror.receive(events.NewUser(user="boris"), 0.0)
    mirror.receive(events.NewUser(user="Boris"), 0.0)
    mirror.receive(events.Presence(arrived=["vera"], left=["boris"], online=2), 0.0)
    mirror.receive(events.UserLeft(user="vera"), 0.0)
    assert of(mirror.happenings(), PresenceChanged) == [
        PresenceChanged(["boris"], []),
        PresenceChanged(["vera"], ["boris"]),
        PresenceChanged([], ["vera"]),
    ]
    assert mirror.online == 1 and mirror.users == {"anna": "anna"}


def test_away_and_typing_are_told() -> None:
    mirror = live()
    mirror.receive(events.Away(user="boris", text="lunch"), 0.0)
    assert mirror.away == {"boris": "lunch"}
    mirror.receive(events.Away(user="boris"), 0.0)
    assert mirror.away == {}
    mirror.receive(events.Typing(from_="boris", to="anna"), 0.0)
    assert of(mirror.happenings(), TypingSeen) == [TypingSeen("boris", "boris")]
    mirror.typing("#general", 0.0)
    assert mirror.actions_to_send() == [actions.Typing(room="#general")]
    mirror.disconnected(1.0)
    mirror.typing("#general", 1.0)
    assert mirror.actions_to_send() == []


def test_a_device_that_lives_elsewhere_says_so() -> None:
    mirror = live()
    mirror.receive(events.Bye(text="elsewhere", code=Code.RESUMED_ELSEWHERE), 0.0)
    mirror.disconnected(0.0)
    assert mirror.resumed_elsewhere


# -- A hostile server -------------------------------------------------------------------------


def test_seqs_out_of_range_are_ignored() -> None:
    mirror = live()
    for seq in (0, -1, -(2**62), SEQ_MAX + 1, 2**62):
        mirror.receive(message(seq), 0.0)
        mirror.receive(events.Gap(after=0, through=seq, room="#general"), 0.0)
        mirror.receive(
            events.Conversations(conversations=[snapshot("#x", head=seq, cursor=seq - 1)]), 0.0
        )
    assert of(mirror.happenings(), Shown) == []
    log = mirror.log("#general")
    assert log is not None and log.cursor == 0


def test_gaps_and_names_are_bounded() -> None:
    mirror = live(gap_entries_max=None)
    for seq in range(2, 2000, 2):
        mirror.receive(message(seq), 0.0)
    log = mirror.log("#general")
    assert log is not None and len(log.gaps) <= 64
    assert len(of(mirror.happenings(), GapRemains)) == 999 - len(log.gaps)
    mirror.receive(
        events.Presence(arrived=[str(number) for number in range(ONLINE_MAX + 9)], online=-5), 0.0
    )
    assert len(mirror.users) == ONLINE_MAX and mirror.online == 0


STRINGS = st.sampled_from(
    [
        "#general",
        "#x",
        "boris",
        "boris~1a",
        "BORIS~2b",
        "anna",
        "@anna",
        "1a",
        "",
        "\x1b",
        "i1",
        "i2",
    ]
    + ["i3", "i4", "i5", "rate_limited", "too_long", "not_a_member", "bad_token", "successful"]
)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 4, 5, 9, 150, 2_000, SEQ_MAX, SEQ_MAX + 1, 2**62])
REALS = st.sampled_from([-1.0, 0.0, 0.5, 1e9, float("inf"), float("nan")])


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return what a field of this type may hold on the wire."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=4)
    if origin is dict:
        return st.dictionaries(STRINGS, STRINGS, max_size=3)
    if arguments:
        return st.one_of([values(argument) for argument in arguments])
    if hasattr(kind, "__struct_fields__"):
        return structs(kind)
    return {str: STRINGS, int: NUMBERS, float: REALS, bool: st.booleans()}.get(kind, st.none())


def structs(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


ANY_EVENT = st.one_of(
    [structs(kind) for kind in (*typing.get_args(events.AnyEvent), events.Result)]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ANY_EVENT, max_size=30), st.integers(0, 5))
def test_whatever_a_server_says_it_goes_on_and_shows_each_seq_once(
    said: list[Any], writes: int
) -> None:
    mirror = make(in_flight_max=2)
    mirror.connected(0.0)
    welcome(mirror, token="t")
    for number in range(writes):
        mirror.send("x", 0.0, room="#general" if number % 2 else None, to=None)
    happened = mirror.happenings()
    now = 0.0
    for event in said:
        now += 1.0
        mirror.receive(event, now)
        due = mirror.next_deadline()
        assert due is None or due == due
        if due is not None and number_of(mirror) % 3 == 0:
            mirror.tick(due)
        happened += mirror.happenings()
        for action in mirror.actions_to_send():
            msgspec.json.encode(action)
        if mirror.dead:
            mirror.disconnected(now)
            mirror.connected(now)
            mirror.actions_to_send()
            mirror.receive(events.Result(result="successful"), now)
        for log in mirror.logs.values():
            assert 0 <= log.cursor <= log.head <= SEQ_MAX and log.unread >= 0
            assert all(gap.after < gap.through <= log.cursor for gap in log.gaps)
    seen: set[tuple[str, int]] = set()
    for happening in happened:
        if isinstance(happening, LogRestarted | Welcomed):
            seen.clear()
        elif isinstance(happening, Shown) and happening.entry.seq is not None:
            key = (happening.conversation.lower(), happening.entry.seq)
            assert key not in seen
            seen.add(key)


def number_of(mirror: Mirror) -> int:
    return sum(log.cursor for log in mirror.logs.values())


# -- The line at its worst --------------------------------------------------------------------


class ModelServer:
    """A server with one room: it stores, numbers, delivers after a cursor and answers history."""

    def __init__(self) -> None:
        self.log: list[events.NewMessage] = []
        self.seen: dict[str, int] = {}
        self.sent = 0
        self.out: list[events.AnyEvent | events.Result] = []

    def say(self, text: str, name: str, id: str | None) -> None:
        self.log.append(
            events.NewMessage(
                text=text, from_=name, room="#general", seq=len(self.log) + 1, at=AT, id=id
            )
        )

    def receive(self, action: actions.AnyAction, busy: bool) -> None:
        if isinstance(action, actions.Registration):
            self.sent = min((action.cursors or {}).get("#general", len(self.log)), len(self.log))
            self.out.append(
                events.Result(
                    result="successful",
                    name=action.name,
                    features=action.features,
                    conversations=[snapshot(head=len(self.log), cursor=self.sent)],
                )
            )
        elif isinstance(action, actions.NewMessage):
            assert action.id is not None
            if busy:
                self.out.append(error(Code.BUSY, action.id))
            elif action.id in self.seen:
                self.out.append(events.Stored(id=action.id, seq=self.seen[action.id]))
            else:
                self.say(action.text, "anna", action.id)
                self.seen[action.id] = len(self.log)
        elif isinstance(action, actions.History):
            after = action.after or 0
            page = self.log[after : after + 3]
            self.out.append(
                events.History(
                    entries=list(page),
                    head=len(self.log),
                    more=after + 3 < len(self.log),
                    room=action.room,
                    id=action.id,
                )
            )
        elif isinstance(action, actions.Ping):
            self.out.append(events.Pong(id=action.id))

    def pump(self, most: int) -> None:
        for entry in self.log[self.sent : self.sent + most]:
            self.out.append(entry)
            self.sent += 1


STEPS = st.lists(
    st.sampled_from(
        ["write", "other", "pump", "take", "answer", "busy", "cut", "connect", "repeat", "hole"]
    ),
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.sampled_from([1, 3]))
def test_each_entry_once_and_each_write_once_in_order(steps: list[str], in_flight: int) -> None:
    server, outbox = ModelServer(), MemoryOutbox()
    mirror = make(outbox=outbox, in_flight_max=in_flight, gap_entries_max=None)
    wire: list[actions.AnyAction] = []
    seen: list[AnyHappening] = []
    now = 0.0
    written = 0

    def turn(step: str) -> None:
        nonlocal now, written, wire
        now += 1.0
        online = mirror.state is not State.OFFLINE
        if step == "write":
            written += 1
            mirror.send(f"w{written}", now)
        elif step == "other":
            server.say("o", "boris", None)
        elif step == "pump":
            server.pump(2)
        elif step == "take" and online and server.out:
            mirror.receive(server.out.pop(0), now)
        elif step == "repeat" and online:
            server.say("r", "boris", None)
            server.pump(2)
            for entry in [entry for entry in server.out if type(entry) is events.NewMessage]:
                mirror.receive(entry, now)
        elif step == "hole":
            server.say("h", "boris", None)
            server.pump(1)
            server.out = [event for event in server.out if type(event) is not events.NewMessage]
        elif step in ("answer", "busy"):
            for action in wire:
                server.receive(action, step == "busy")
            wire = []
        elif step == "cut" and online:
            mirror.disconnected(now)
            wire, server.out = [], []
        elif step == "connect" and not online:
            mirror.connected(now)
        mirror.tick(now)
        if mirror.dead:
            mirror.disconnected(now)
            wire, server.out = [], []
        wire.extend(mirror.actions_to_send())
        seen.extend(mirror.happenings())

    for step in ("connect", "answer", "take"):
        turn(step)
    for step in steps:
        turn(step)
    # A line in order does not lose its last entry; a hole is seen by what comes after it.
    server.say("end", "boris", None)
    for _ in range(400 + 40 * len(steps)):
        for step in ("connect", "answer", "pump", "take"):
            turn(step)

    assert mirror.state is State.LIVE and outbox.pending() == []
    told = [happening.entry.seq for happening in of(seen, Shown)]
    assert max(Counter(told).values(), default=1) == 1, "shown twice"
    first = min(told, default=len(server.log) + 1)
    assert sorted(told) == list(range(first, len(server.log) + 1)), "something is missing"
    backfilled = {h.entry.seq for h in of(seen, Shown) if h.backfill}
    straight = [seq for seq in told if seq not in backfilled]
    assert straight == sorted(straight)
    ours = [entry.text for entry in server.log if entry.from_ == "anna"]
    assert sorted(ours) == sorted(f"w{number}" for number in range(1, written + 1))
    if in_flight == 1:
        assert ours == [f"w{number}" for number in range(1, written + 1)]
    assert len(of(seen, Acknowledged)) == written
    assert mirror.logs["#general"].gaps == []
