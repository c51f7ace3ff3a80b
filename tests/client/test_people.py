"""The mirror and people: roles, rules, removals, names and blocks, in whatever order they come."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molva.client.happenings import (
    Acknowledged,
    BlockingChanged,
    Farewell,
    Finished,
    GapFilled,
    GapRemains,
    HistoryReceived,
    InvitedTo,
    ListReceived,
    LogRenamed,
    LogRestarted,
    Masked,
    Postponed,
    PresenceChanged,
    PutOut,
    Refused,
    RegistrationRefused,
    Shown,
    Silenced,
    TypingSeen,
    Unanswered,
    Unmasked,
)
from molva.client.log import log_of, person_of
from molva.client.mirror import Mirror, TextRefused
from molva.client.outbox import FileOutbox, MemoryOutbox
from molva.client.transcript import Transcript
from molva.terms import actions, events
from molva.terms.errors import Code
from molva.terms.roles import RoomKind
from tests.client.test_mirror import (
    AT,
    error,
    live,
    make,
    message,
    of,
    one,
    snapshot,
    welcome,
    whisper,
)


def said(room: str, seq: int, *, name: str = "boris", text: str = "hi") -> events.NewMessage:
    return events.NewMessage(text=text, from_=name, room=room, seq=seq, at=AT)


def removed(target: int, seq: int, room: str = "#general") -> events.Removed:
    return events.Removed(target=target, user="boris", from_="anna", room=room, seq=seq, at=AT)


def restored(target: int, seq: int, room: str = "#general") -> events.Restored:
    return events.Restored(target=target, user="boris", from_="anna", room=room, seq=seq, at=AT)


def renamed(was: str, room: str, seq: int) -> events.Renamed:
    return events.Renamed(room=room, was=was, from_="boris", seq=seq, at=AT)


def gone(seq: int, room: str = "#general") -> events.Gone:
    return events.Gone(from_="boris", room=room, seq=seq, at=AT)


def hear(mirror: Mirror, *heard: Any, now: float = 0.0) -> list[Any]:
    for event in heard:
        mirror.receive(event, now)
    return mirror.happenings()


def standing(mirror: Mirror, room: str = "#general") -> Any:
    log = mirror.log(room)
    assert log is not None
    return log.standing


# -- Coming in -----------------------------------------------------------------------------------


def test_a_code_is_sent_until_it_has_let_us_in() -> None:
    mirror = make(code="kabur-lozik")
    mirror.connected(0.0)
    assert one(mirror.actions_to_send(), actions.Registration).code == "kabur-lozik"
    mirror.receive(events.Result(result="error", code=Code.NAME_TAKEN, text="taken"), 0.0)
    mirror.register("anna2", 0.0)
    assert one(mirror.actions_to_send(), actions.Registration).code == "kabur-lozik"
    mirror.receive(events.Result(result="error", code=Code.BAD_CODE, text="no"), 0.0)
    mirror.register("anna2", 0.0, code="better")
    assert one(mirror.actions_to_send(), actions.Registration).code == "better"
    welcome(mirror)
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    assert one(mirror.actions_to_send(), actions.Registration).code is None


@pytest.mark.parametrize("code", ["x" * 65, "a\nb"])
def test_a_code_that_cannot_be_sent_is_refused(code: str) -> None:
    with pytest.raises(TextRefused):
        make().register("anna", 0.0, code=code)


@pytest.mark.parametrize(
    "code", [Code.BANNED, Code.BAD_CODE, Code.CODE_REQUIRED, Code.INVITATION_REQUIRED]
)
def test_why_we_are_not_let_in_is_told(code: Code) -> None:
    mirror = make()
    mirror.connected(0.0)
    mirror.actions_to_send()
    happened = hear(mirror, events.Result(result="error", code=code, text="no"))
    assert of(happened, RegistrationRefused) == [RegistrationRefused(code, "no")]
    assert mirror.actions_to_send() == []


def test_the_welcome_says_what_we_are_whom_we_block_and_where_we_may_go() -> None:
    general = events.Conversation(room="#general", head=0, cursor=0, role="admin")
    mirror = live()
    mirror.disconnected(0.0)
    welcome(mirror, general, role="admin", blocked=["Carl"], invited=["#Deep"])
    assert mirror.role == "admin" and mirror.is_blocked("carl") and mirror.is_blocked("CARL~7")
    assert mirror.invited == {"#deep": "#Deep"}
    hear(mirror, role_of("anna", "member", 1))
    assert mirror.role == "member"
    hear(mirror, role_of("boris", "owner", 2))
    assert mirror.role == "member"


def role_of(user: str, role: str, seq: int, room: str = "#general") -> events.Role:
    return events.Role(room=room, user=user, role=role, from_="x", seq=seq, at=AT)


def test_without_a_word_of_it_one_is_a_member_with_a_password_and_a_guest_without() -> None:
    assert live().role == "guest"
    mirror = make()
    welcome(mirror, account=True)
    assert mirror.role == "member"


# -- Being put out -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [Code.BANNED, Code.SIGNED_OUT])
def test_who_is_put_out_for_longer_does_not_register_unasked(code: Code) -> None:
    mirror = live(token="T")
    happened = hear(mirror, events.Bye(text="out", code=code))
    assert of(happened, Farewell) == [Farewell("out", code)]
    assert mirror.ousted == code
    assert mirror.token == (None if code is Code.SIGNED_OUT else "T")
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    assert mirror.actions_to_send() == []
    mirror.register("anna", 3.0)
    assert one(mirror.actions_to_send(), actions.Registration).token is None
    assert mirror.ousted is None


def test_who_is_kicked_comes_back() -> None:
    mirror = live(token="T")
    hear(mirror, events.Bye(text="out", code=Code.KICKED))
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    assert one(mirror.actions_to_send(), actions.Registration).token == "T"


def own(kind: type[Any], seq: int, **fields: Any) -> Any:
    return kind(log="@anna", seq=seq, at=AT, **fields)


def test_a_room_one_is_put_out_of_is_left_and_it_is_said_by_whom_and_why() -> None:
    mirror = live(snapshot(), snapshot("#dev", head=3), snapshot(log="@anna"))
    left = own(events.RoomLeft, 1, room="#dev", cause="kicked", from_="boris", reason="too loud")
    happened = hear(mirror, left)
    assert of(happened, PutOut) == [PutOut("#dev", "kicked", "boris", "too loud")]
    log = mirror.log("#dev")
    assert log is not None and not log.joined
    assert of(hear(mirror, own(events.RoomLeft, 2, room="#dev")), PutOut) == []


def test_an_invitation_is_told_and_used_up_by_joining() -> None:
    mirror = live(snapshot(), snapshot(log="@anna"))
    happened = hear(mirror, own(events.RoomInvited, 1, room="#Dev", from_="boris"))
    assert of(happened, InvitedTo) == [InvitedTo("#Dev", "boris")]
    assert mirror.invited == {"#dev": "#Dev"}
    hear(mirror, own(events.RoomJoined, 2, room="#dev"))
    assert mirror.invited == {}


def test_what_the_welcome_told_is_not_undone_by_older_entries() -> None:
    mirror = live(snapshot(), snapshot(log="@anna", head=2, cursor=0))
    mirror.blocked = {"carl": "Carl"}
    happened = hear(
        mirror,
        own(events.Unblocked, 1, user="Carl"),
        own(events.RoomInvited, 2, room="#x", from_="b"),
    )
    assert mirror.is_blocked("carl") and mirror.invited == {}
    assert of(happened, InvitedTo), "it was missed, so it is told"


# -- What a room is ------------------------------------------------------------------------------


def mode(seq: int, **fields: Any) -> events.Mode:
    return events.Mode(room="#general", from_="boris", seq=seq, at=AT, **fields)


def test_a_snapshot_says_what_a_room_is() -> None:
    mirror = live(
        events.Conversation(
            room="#general",
            head=9,
            cursor=9,
            kind="announcement",
            role="moderator",
            slow_seconds=30,
            frozen=True,
            muted="2026-01-02T04:00:00.000Z",
        ),
        events.Conversation(room="#~4", head=1, cursor=1, kind="group", people=["boris", "Carl"]),
    )
    assert mirror.role == "moderator"
    room = standing(mirror)
    assert (room.kind, room.slow_seconds, room.frozen) == ("announcement", 30, True)
    assert room.muted == "2026-01-02T04:00:00.000Z"
    assert list(standing(mirror, "#~4").people.values()) == ["boris", "Carl"]
    group = mirror.group_of(["carl", "Boris", "anna"])
    assert group is not None and group.name == "#~4"
    assert mirror.group_of(["carl"]) is None


def test_entries_move_what_a_room_is() -> None:
    mirror = live()
    hear(mirror, mode(1, kind="private"), mode(2, slow_seconds=5), mode(3, frozen=True))
    room = standing(mirror)
    assert (room.kind, room.slow_seconds, room.frozen) == ("private", 5, True)
    muted = events.Muted(room="#general", user="Anna", from_="b", seq=4, at=AT)
    hear(mirror, muted)
    assert room.muted == ""
    hear(mirror, events.Muted(room="#general", user="carl", until=AT, from_="b", seq=5, at=AT))
    assert room.muted == ""
    hear(mirror, events.Unmuted(room="#general", user="anna", from_="molva", seq=6, at=AT))
    assert room.muted is None


def test_entries_before_the_snapshot_or_in_a_gap_undo_nothing_newer() -> None:
    general = events.Conversation(room="#general", head=5, cursor=0, frozen=True)
    mirror = live(general)
    hear(mirror, mode(1, frozen=False))
    assert standing(mirror).frozen is True
    hear(mirror, mode(8, slow_seconds=9))
    question = one(mirror.actions_to_send(), actions.History)
    page: list[Any] = [mode(6, slow_seconds=1), mode(7, frozen=False)]
    hear(mirror, events.History(entries=page, head=8, room="#general", id=question.id))
    assert standing(mirror).slow_seconds == 9 and standing(mirror).frozen is False


def test_the_people_of_a_group_come_and_go() -> None:
    group = events.Conversation(room="#~4", head=1, cursor=1, kind="group", people=["boris"])
    mirror = live(snapshot(), group)
    hear(mirror, events.Added(room="#~4", user="carl", from_="boris", seq=2, at=AT))
    assert list(standing(mirror, "#~4").people) == ["boris", "carl"]
    hear(mirror, events.Left(room="#~4", user="boris", seq=3, at=AT))
    assert list(standing(mirror, "#~4").people) == ["carl"]


def test_a_group_has_its_label_when_it_is_stored() -> None:
    mirror = live()
    id = mirror.group(["boris", "carl"], 0.0)
    assert mirror.actions_to_send() == [
        actions.Create(kind=RoomKind.GROUP, people=["boris", "carl"], id=id)
    ]
    happened = hear(
        mirror, events.Created(room="#~4", user="anna", kind="group", seq=1, at=AT, id=id)
    )
    assert of(happened, Acknowledged) == [Acknowledged(id, 1, "#~4")]
    with pytest.raises(TextRefused):
        mirror.group(["x"] * 50, 0.0)
    with pytest.raises(TextRefused):
        mirror.group([""], 0.0)


# -- What is taken away --------------------------------------------------------------------------


def test_a_message_taken_away_is_masked_also_where_it_comes_later() -> None:
    mirror = live(snapshot(head=9), gap_entries_max=None)
    happened = hear(mirror, removed(4, 10))
    assert of(happened, Masked) == [Masked("#general", 4)]
    id = mirror.history("#general", 0.0, before=9)
    # A page that was read before it was taken away, and arrives after.
    page: list[Any] = [message(3), message(4), message(5)]
    (received,) = of(
        hear(mirror, events.History(entries=page, head=9, room="#general", id=id)), HistoryReceived
    )
    assert [type(entry) for entry in received.entries] == [
        events.NewMessage,
        events.Gone,
        events.NewMessage,
    ]
    assert mirror.as_it_stands("#general", message(4)) == gone(4)
    assert mirror.as_it_stands("#general", message(3)) == message(3)


def test_the_newest_word_on_a_message_holds_in_whatever_order_it_is_learnt() -> None:
    mirror = live(snapshot(head=5))
    hear(mirror, restored(3, 9))
    # The gap from 6 to 8 holds the removal.
    questions = mirror.actions_to_send()
    first = one(questions, actions.History)
    assert (first.around, first.limit) == (3, 1)
    happened = hear(mirror, events.History(entries=[message(3)], head=9, id=first.id))
    assert of(happened, Unmasked) == [Unmasked("#general", message(3))]
    second = one(mirror.actions_to_send(), actions.History)
    page: list[Any] = [message(6), removed(3, 7), message(8)]
    happened = hear(mirror, events.History(entries=page, head=9, id=second.id))
    assert of(happened, Masked) == [] and of(happened, GapFilled)
    assert mirror.as_it_stands("#general", message(3)) == message(3)


def test_a_message_put_back_is_asked_for_and_told() -> None:
    mirror = live(snapshot(head=5))
    hear(mirror, removed(5, 6), restored(5, 7))
    question = one(mirror.actions_to_send(), actions.History)
    assert question == actions.History(room="#general", around=5, limit=1, id=question.id)
    # Taken away again before the answer came: its text is not told.
    happened = hear(
        mirror, removed(5, 8), events.History(entries=[message(5)], head=8, id=question.id)
    )
    assert of(happened, Unmasked) == []
    hear(mirror, restored(5, 9))
    question = one(mirror.actions_to_send(), actions.History)
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(head=9))
    again = one(mirror.actions_to_send(), actions.History)
    assert again.around == 5 and again.id != question.id
    happened = hear(mirror, events.History(entries=[message(5)], head=9, id=again.id))
    assert of(happened, Unmasked) == [Unmasked("#general", message(5))]


def test_a_message_put_back_twice_is_not_missed_by_an_answer_from_between() -> None:
    mirror = live(snapshot(head=5))
    hear(mirror, removed(5, 6), restored(5, 7))
    question = one(mirror.actions_to_send(), actions.History)
    between = events.History(entries=[gone(5)], head=8, id=question.id)
    assert of(hear(mirror, removed(5, 8), restored(5, 9), between), Unmasked) == []
    again = one(mirror.actions_to_send(), actions.History)
    happened = hear(mirror, events.History(entries=[message(5)], head=9, id=again.id))
    assert of(happened, Unmasked) == [Unmasked("#general", message(5))]
    hear(mirror, restored(4, 10), removed(4, 11))
    assert one(mirror.actions_to_send(), actions.History).around == 4


def test_what_was_put_back_and_cannot_be_had_is_not_asked_for_ever() -> None:
    mirror = live(snapshot(head=5))
    hear(mirror, restored(5, 6))
    question = one(mirror.actions_to_send(), actions.History)
    hear(mirror, error(Code.NO_SUCH_ROOM, question.id))
    assert mirror.actions_to_send() == []
    hear(mirror, restored(4, 7))
    question = one(mirror.actions_to_send(), actions.History)
    hear(mirror, events.History(entries=[], head=7, id=question.id))
    assert mirror.actions_to_send() == []


def test_gone_counts_and_unheard_does_not_and_is_never_shown() -> None:
    mirror = live(snapshot(), snapshot(person="boris"))
    hear(mirror, gone(1))
    log = mirror.log("#general")
    assert log is not None and log.unread == 1
    happened = hear(mirror, events.Unheard(from_="boris", to="anna", seq=1, at=AT))
    direct = mirror.log("boris")
    assert direct is not None and direct.cursor == 1 and direct.unread == 0
    assert of(happened, Shown) == []


def test_an_entry_of_two_belongs_to_the_other_one() -> None:
    removal = events.Removed(target=1, user="anna", from_="anna", to="boris", seq=2, at=AT)
    assert log_of(removal, "Anna") == "boris"
    tombstone = events.Gone(from_="boris~12", to="anna", seq=2, at=AT)
    assert log_of(tombstone, "anna") == "boris~12"
    assert person_of("Boris~12") == person_of("boris")


def test_whose_account_is_gone_with_their_words_is_shown_nowhere() -> None:
    mirror = live(snapshot(), snapshot("#dev"), snapshot(person="boris", tag="12"))
    hear(mirror, message(1), said("#dev", 1), whisper(1))
    departed = events.Departed(room="#general", user="boris", words=False, seq=2, at=AT)
    assert of(hear(mirror, departed), Silenced) == [Silenced("boris")]
    (shown,) = of(hear(mirror, said("#dev", 2)), Shown)
    assert isinstance(shown.entry, events.Gone)
    (shown,) = of(hear(mirror, said("#dev", 3, name="carl")), Shown)
    assert isinstance(shown.entry, events.NewMessage)
    (shown,) = of(hear(mirror, whisper(2, name="boris~12")), Shown)
    assert isinstance(shown.entry, events.Gone)


def test_whose_words_stay_is_shown() -> None:
    mirror = live()
    happened = hear(
        mirror, events.Departed(room="#general", user="boris", seq=1, at=AT), message(2)
    )
    assert of(happened, Silenced) == []
    assert isinstance(of(happened, Shown)[-1].entry, events.NewMessage)


# -- What a room is called -----------------------------------------------------------------------


def test_a_renamed_room_keeps_its_log_and_what_waits_goes_there() -> None:
    mirror = live(snapshot(), snapshot("#old", head=4))
    first = mirror.send("a", 0.0, room="#old")
    second = mirror.send("b", 0.0, room="#old")
    other = mirror.send("c", 0.0)
    mirror.actions_to_send()
    happened = hear(mirror, renamed("#old", "#New", 5))
    assert of(happened, LogRenamed) == [LogRenamed("#old", "#New")]
    assert mirror.log("#old") is None
    log = mirror.log("#new")
    assert log is not None and log.cursor == 5 and log.name == "#New"
    # The first was on its way, and the server did not know the room any more.
    hear(mirror, error(Code.NO_SUCH_ROOM, first))
    assert one(mirror.actions_to_send(), actions.NewMessage).room == "#New"
    hear(mirror, events.Stored(id=first, seq=6, room="#New"))
    sent = one(mirror.actions_to_send(), actions.NewMessage)
    assert (sent.id, sent.room, sent.text) == (second, "#New", "b")
    hear(mirror, events.Stored(id=second, seq=7, room="#New"))
    assert one(mirror.actions_to_send(), actions.NewMessage).id == other
    mirror.disconnected(1.0)
    mirror.connected(2.0)
    cursors = one(mirror.actions_to_send(), actions.Registration).cursors
    assert cursors == {"#general": 0, "#New": 5}


def test_what_was_written_for_a_new_room_of_the_old_name_stays_there() -> None:
    mirror = live(snapshot(), snapshot("#old"))
    mirror.disconnected(0.0)
    mirror.send("for the old one", 0.0, room="#old")
    mirror.create("#old", 0.0)
    mirror.send("for the new one", 0.0, room="#old")
    welcome(mirror, snapshot(), snapshot("#old"))
    hear(mirror, renamed("#old", "#new", 1))
    rooms = [getattr(write.action, "room", None) for write in mirror.outbox.pending()]
    assert rooms == ["#new", "#old", "#old"]


def test_a_name_is_redirected_on_disk_too(tmp_path: Any) -> None:
    outbox = FileOutbox(tmp_path / "outbox.jsonl")
    mirror = live(snapshot(), snapshot("#old"), outbox=outbox)
    mirror.send("a", 0.0, room="#old")
    mirror.send("b", 0.0, room="#old")
    hear(mirror, renamed("#old", "#new", 1))
    outbox.close()
    again = FileOutbox(tmp_path / "outbox.jsonl")
    writes = [(write.action.text, write.action.room) for write in again.pending()]  # type: ignore[union-attr]
    assert writes == [("a", "#new"), ("b", "#new")]
    again.close()


def test_a_redirection_of_what_has_left_changes_nothing() -> None:
    outbox = MemoryOutbox()
    action = actions.NewMessage(text="a", room="#x", id="i")
    outbox.put(action)
    outbox.redirect("i", actions.NewMessage(text="a", room="#y", id="other"))
    assert outbox.pending()[0].action == action
    outbox.refuse("i", "no")
    outbox.redirect("i", actions.NewMessage(text="a", room="#y", id="i"))
    assert outbox.refused()[0].action == action


def test_a_room_renamed_while_we_were_away_is_known_by_its_tag() -> None:
    old = events.Conversation(room="#old", tag="7", head=4, cursor=4)
    mirror = live(snapshot(), old)
    mirror.disconnected(1.0)
    id = mirror.send("hi", 1.0, room="#old")
    mirror.connected(2.0)
    registration = one(mirror.actions_to_send(), actions.Registration)
    assert registration.cursors == {"#general": 0, "#~7": 4}
    # Another room has its name by now, and was renamed twice.
    new = events.Conversation(room="#new", tag="7", head=7, cursor=4)
    other = events.Conversation(room="#old", tag="9", head=2, cursor=0)
    welcome(mirror, snapshot(), other, new)
    happened = mirror.happenings()
    assert [(rename.was, rename.conversation) for rename in of(happened, LogRenamed)] == [
        ("#old", "#~7"),
        ("#~7", "#new"),
    ]
    # The entry names the room as it was called then.
    happened = hear(
        mirror,
        said("#new", 5),
        events.Renamed(room="#between", was="#old", from_="b", seq=6, at=AT),
        events.Renamed(room="#new", was="#between", from_="b", seq=7, at=AT),
    )
    assert [(shown.conversation, shown.entry.seq) for shown in of(happened, Shown)] == [
        ("#new", 5),
        ("#new", 6),
        ("#new", 7),
    ]
    assert mirror.log("#between") is None
    sent = one(mirror.actions_to_send(), actions.NewMessage)
    assert sent.id == id and sent.room == "#new"


def test_a_room_renamed_while_we_were_away_is_found_by_its_entry_without_a_tag() -> None:
    mirror = live(snapshot(), snapshot("#old", head=4))
    mirror.disconnected(1.0)
    welcome(mirror, snapshot(), snapshot("#new", head=5, cursor=2))
    mirror.happenings()
    happened = hear(mirror, said("#new", 3), said("#new", 4), renamed("#old", "#new", 5))
    assert of(happened, LogRenamed) == [LogRenamed("#old", "#new")]
    assert mirror.log("#old") is None


def test_who_is_behind_hears_a_new_name_before_they_hear_of_it() -> None:
    mirror = live(snapshot(), snapshot("#old", head=4))
    happened = hear(mirror, said("#new", 5), renamed("#old", "#new", 6))
    assert [shown.entry.seq for shown in of(happened, Shown)] == [5, 6]
    assert of(happened, LogRenamed) == [LogRenamed("#old", "#new")]
    log = mirror.log("#new")
    assert log is not None and log.gaps == [] and mirror.log("#old") is None


def test_a_change_of_name_is_not_told_to_who_has_the_old_name_now() -> None:
    mirror = live(snapshot(), snapshot("#new", head=9), snapshot("#old", head=9))
    happened = hear(mirror, renamed("#old", "#new", 10))
    assert [shown.conversation for shown in of(happened, Shown)] == ["#new"]
    assert of(happened, LogRenamed) == [] and mirror.log("#old") is not None


def test_a_change_of_name_told_twice_is_one() -> None:
    mirror = live(snapshot(), snapshot("#old", head=4))
    hear(mirror, renamed("#old", "#new", 5))
    hear(mirror, events.Created(room="#old", user="carl", seq=1, at=AT))
    assert hear(mirror, renamed("#old", "#new", 5)) == []
    assert mirror.log("#old") is not None and mirror.log("#new") is not None


def test_a_left_room_gives_up_its_name() -> None:
    mirror = live(snapshot(), snapshot("#a", head=2), snapshot("#b", head=2), snapshot(log="@anna"))
    hear(mirror, own(events.RoomLeft, 1, room="#b"))
    happened = hear(mirror, renamed("#a", "#b", 3))
    assert of(happened, LogRestarted) == [LogRestarted("#b")]
    log = mirror.log("#b")
    assert log is not None and log.cursor == 3


# -- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [Code.MUTED, Code.FROZEN, Code.NOT_ALLOWED, Code.BANNED, Code.NOT_A_MEMBER, Code.KICKED],
)
def test_a_text_that_may_not_be_said_is_given_back(code: Code) -> None:
    mirror = live()
    id = mirror.send("hi", 0.0)
    happened = hear(mirror, error(code, id))
    (refused,) = of(happened, Refused)
    assert refused.id == id and refused.write.text == "hi"
    assert mirror.outbox.pending() == [] and of(happened, Postponed) == []


def test_slow_mode_holds_up_its_room_alone() -> None:
    mirror = live(snapshot(), snapshot("#slow"))
    first = mirror.send("a", 0.0, room="#slow")
    second = mirror.send("b", 0.0, room="#slow")
    other = mirror.send("c", 0.0)
    mirror.actions_to_send()
    happened = hear(mirror, error(Code.SLOW_MODE, first, 500.0))
    assert of(happened, Postponed) == [Postponed(first, Code.SLOW_MODE, "no", 500.0)]
    assert one(mirror.actions_to_send(), actions.NewMessage).id == other
    hear(mirror, events.Stored(id=other, seq=1))
    # What is asked does not wait for it.
    mirror.list_users(1.0)
    assert one(mirror.actions_to_send(), actions.Users)
    assert [write.action.id for write in mirror.outbox.pending()] == [first, second]
    mirror.receive(events.Ping(), 499.0)
    mirror.actions_to_send()
    mirror.tick(499.0)
    assert of(mirror.actions_to_send(), actions.NewMessage) == []  # type: ignore[arg-type]
    mirror.receive(events.Ping(), 500.0)
    mirror.actions_to_send()
    due = mirror.next_deadline()
    assert due is not None and due <= 500.0
    mirror.tick(500.0)
    assert one(mirror.actions_to_send(), actions.NewMessage).id == first
    hear(mirror, events.Stored(id=first, seq=1), now=500.0)
    assert one(mirror.actions_to_send(), actions.NewMessage).id == second


def test_slow_mode_that_ends_lets_go_of_what_waits() -> None:
    mirror = live()
    id = mirror.send("a", 0.0)
    mirror.actions_to_send()
    hear(mirror, error(Code.SLOW_MODE, id, 500.0))
    assert mirror.actions_to_send() == []
    hear(mirror, mode(1, slow_seconds=0), now=1.0)
    assert one(mirror.actions_to_send(), actions.NewMessage).id == id


# -- What is asked for ---------------------------------------------------------------------------


def test_an_act_is_asked_again_after_a_cut_under_its_id_and_ends_with_its_entry() -> None:
    mirror = live()
    id = mirror.ask(actions.Kick(user="boris", reason="x"), 0.0)
    assert mirror.actions_to_send() == [actions.Kick(user="boris", reason="x", id=id)]
    mirror.disconnected(1.0)
    welcome(mirror)
    mirror.happenings()
    assert one(mirror.actions_to_send(), actions.Kick).id == id
    kicked = events.Kicked(room="#general", user="boris", from_="anna", seq=1, at=AT, id=id)
    assert of(hear(mirror, kicked), Finished) == [Finished(id, True)]


def test_an_act_waits_for_the_room_it_is_about() -> None:
    mirror = live()
    mirror.send("first", 0.0)
    create = mirror.create("#dev", 0.0)
    mirror.actions_to_send()
    mirror.ask(actions.Invite(user="boris", room="#dev"), 0.0)
    assert mirror.actions_to_send() == []
    hear(mirror, message(1, name="anna", id="i1"))
    sent = mirror.actions_to_send()
    assert [type(action) for action in sent] == [actions.Create, actions.Invite]
    assert sent[0].id == create


def test_what_must_not_be_done_twice_is_not_asked_twice() -> None:
    mirror = live()
    sent = mirror.ask(actions.SetPassword(new="long enough"), 0.0)
    mirror.disconnected(1.0)
    assert of(mirror.happenings(), Unanswered) == [Unanswered(sent)]
    offline = mirror.ask(actions.Link(), 1.0)
    welcome(mirror)
    assert one(mirror.actions_to_send(), actions.Link).id == offline
    answer = events.Link(code="abc", seconds=300, id=offline)
    assert of(hear(mirror, answer), ListReceived) == [ListReceived(offline, answer)]


def test_a_password_makes_an_account_of_a_guest() -> None:
    mirror = live()
    id = mirror.ask(actions.SetPassword(new="long enough"), 0.0)
    assert not mirror.account
    assert of(hear(mirror, events.Done(id=id)), Finished) == [Finished(id)]
    assert mirror.account


@pytest.mark.parametrize(
    "action",
    [
        actions.Kick(user=""),
        actions.Kick(user="x", reason="a\nb"),
        actions.Kick(user="x", reason="я" * 300),
        actions.Rename(room="#x", to="\x1b"),
        actions.SetPassword(new="a\x00b"),
        actions.SetPassword(new="x" * 100_000),
    ],
)
def test_what_cannot_be_sent_is_not_asked(action: Any) -> None:
    mirror = live()
    with pytest.raises(TextRefused):
        mirror.ask(action, 0.0)
    assert mirror.actions_to_send() == []


def test_blocking_is_heard_of_from_every_device() -> None:
    mirror = live(snapshot(), snapshot(log="@anna"))
    id = mirror.ask(actions.Block(user="boris"), 0.0)
    happened = hear(mirror, own(events.Blocked, 1, user="Boris", id=id))
    assert of(happened, BlockingChanged) == [BlockingChanged("Boris", True)]
    assert of(happened, Finished) == [Finished(id, True)]
    assert mirror.is_blocked("boris")
    happened = hear(
        mirror,
        events.Typing(from_="boris", to="anna"),
        events.Presence(arrived=["boris", "carl"], online=3),
    )
    assert of(happened, TypingSeen) == []
    assert of(happened, PresenceChanged) == [PresenceChanged(["carl"], [])]
    hear(mirror, own(events.Unblocked, 2, user="boris"))
    assert not mirror.is_blocked("boris")
    asked = mirror.ask(actions.Blocks(), 0.0)
    hear(mirror, events.Blocks(users=["Dora"], id=asked))
    assert mirror.blocked == {"dora": "Dora"}


def test_a_gap_before_one_joined_ends_with_nothing_to_load() -> None:
    mirror = live(snapshot(), snapshot("#private", head=2))
    hear(mirror, said("#private", 9))
    question = one(mirror.actions_to_send(), actions.History)
    page = events.History(entries=[said("#private", 9)], head=9, more=True, id=question.id)
    happened = hear(mirror, page)
    assert of(happened, GapRemains) == [GapRemains("#private", 2, 8)]
    assert of(happened, GapFilled) == [GapFilled("#private", 2, 8)]
    assert mirror.actions_to_send() == []
    hear(mirror, said("#private", 12))
    question = one(mirror.actions_to_send(), actions.History)
    hear(mirror, events.History(entries=[], head=12, more=True, id=question.id))
    assert mirror.actions_to_send() == []
    log = mirror.log("#private")
    assert log is not None and log.gaps == []


# -- In whatever order ---------------------------------------------------------------------------


class ModelRoom:
    """A room and its server: entries, what was taken away of them, and one slow line."""

    def __init__(self) -> None:
        self.name = "#a"
        self.log: list[Any] = []
        self.gone: set[int] = set()
        self.departed: set[str] = set()
        self.sent = 0
        self.spoken = ""
        """Under which name it was last spoken of on this line."""
        self.out: list[Any] = []

    def snapshot(self) -> events.Conversation:
        self.spoken = self.name
        return events.Conversation(room=self.name, tag="7", head=len(self.log), cursor=self.sent)

    def add(self, kind: type[Any], **fields: Any) -> None:
        self.log.append((kind, fields))

    def tell(self, seq: int) -> Any:
        """Return an entry as it is told now."""
        kind, fields = self.log[seq - 1]
        if kind is events.NewMessage:
            if seq in self.gone or fields["from_"] in self.departed:
                kind, fields = events.Gone, {"from_": fields["from_"]}
        if kind is not events.Renamed:
            fields = fields | {"room": self.name}
        return kind(seq=seq, at=AT, **fields)

    def turn(self, step: str, chance: random.Random) -> None:
        messages = [seq for seq, (kind, _) in enumerate(self.log, 1) if kind is events.NewMessage]
        if step == "say":
            author = chance.choice(["boris", "carl"])
            if author not in self.departed:
                self.add(events.NewMessage, text=f"t{len(self.log)}", from_=author)
        elif step == "remove" and messages:
            target = chance.choice(messages)
            if target not in self.gone:
                self.gone.add(target)
                user = self.log[target - 1][1]["from_"]
                self.add(events.Removed, target=target, user=user, from_="dora")
        elif step == "restore" and self.gone:
            target = chance.choice(sorted(self.gone))
            self.gone.discard(target)
            user = self.log[target - 1][1]["from_"]
            self.add(events.Restored, target=target, user=user, from_="dora")
        elif step == "rename":
            was, self.name = self.name, f"#r{len(self.log)}"
            self.add(events.Renamed, was=was, room=self.name, from_="dora")
        elif step == "depart" and "carl" not in self.departed:
            self.departed.add("carl")
            self.add(events.Departed, user="carl", words=False)
        elif step == "late":
            pages = [event for event in self.out if type(event) is events.History]
            self.out = [event for event in self.out if type(event) is not events.History] + pages
        elif step == "pump":
            self.pump()

    def pump(self) -> None:
        if self.sent < len(self.log) and self.spoken != self.name:
            # Before anything is told under a new name, to whom it is told.
            self.out.append(events.Conversations(conversations=[self.snapshot()]))
        for seq in range(self.sent + 1, min(self.sent + 3, len(self.log)) + 1):
            self.out.append(self.tell(seq))
            self.sent = seq

    def hole(self) -> None:
        through = min(self.sent + 3, len(self.log))
        if through > self.sent and self.spoken == self.name:
            gap = events.Gap(after=self.sent, through=through, room=self.name)
            self.out.append(gap)
            self.sent = through

    def receive(self, action: Any) -> None:
        if isinstance(action, actions.Registration):
            cursor = (action.cursors or {}).get("#~7", len(self.log))
            self.sent = min(cursor, len(self.log))
            self.out.append(
                events.Result(
                    result="successful",
                    name=action.name,
                    features=action.features,
                    conversations=[self.snapshot()],
                )
            )
        elif isinstance(action, actions.History):
            if (action.room or "").lower() != self.name:
                self.out.append(error(Code.NO_SUCH_ROOM, action.id))
                return
            after, most = action.after or 0, 3
            if action.around is not None:
                after, most = action.around - 1, 1
            last = min(after + most, len(self.log))
            self.out.append(
                events.History(
                    entries=[self.tell(seq) for seq in range(after + 1, last + 1)],
                    head=len(self.log),
                    more=last < len(self.log),
                    room=self.name,
                    id=action.id,
                )
            )
        elif isinstance(action, actions.Ping):
            self.out.append(events.Pong(id=action.id))


WHAT_HAPPENS = st.lists(
    st.sampled_from(
        "say say say remove restore rename depart pump pump take take answer late hole "
        "repeat cut connect".split()
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(WHAT_HAPPENS, st.integers())
def test_the_screen_ends_as_the_log_is(steps: list[str], seed: int) -> None:
    room, chance = ModelRoom(), random.Random(seed)
    mirror = make(gap_entries_max=None)
    screen = Transcript()
    wire: list[actions.AnyAction] = []
    shown: list[int] = []
    lost: set[int] = set()
    now = 0.0

    def turn(step: str) -> None:
        nonlocal now, wire
        now += 1.0
        online = mirror.state != "offline"
        room.turn(step, chance)
        if step == "hole":
            room.hole()
        elif step == "take" and online and room.out:
            mirror.receive(room.out.pop(0), now)
        elif step == "repeat" and online and room.out:
            if "seq" in getattr(room.out[0], "__struct_fields__", ()):
                mirror.receive(room.out[0], now)
        elif step == "answer":
            for action in wire:
                room.receive(action)
            wire = []
        elif step == "cut" and online:
            mirror.disconnected(now)
            wire, room.out = [], []
        elif step == "connect" and not online:
            mirror.connected(now)
        mirror.tick(now)
        if mirror.dead:
            mirror.disconnected(now)
            wire, room.out = [], []
        wire.extend(mirror.actions_to_send())
        for happening in mirror.happenings():
            screen.take(happening)
            if isinstance(happening, Shown) and happening.entry.seq is not None:
                shown.append(happening.entry.seq)
            if isinstance(happening, GapRemains):
                lost.update(range(happening.after + 1, happening.through + 1))

    for _ in range(3):
        room.turn("say", chance)
    for step in ("connect", "answer", "take"):
        turn(step)
    for step in steps:
        turn(step)
    room.turn("say", chance)
    for _ in range(200 + 30 * len(steps)):
        for step in ("connect", "answer", "pump", "take"):
            turn(step)

    held = screen.entries(room.name)
    assert [entry.seq for entry in held] == sorted(set(shown)), "all that was shown is held"
    assert len(shown) == len(set(shown)), "shown twice"
    missing = set(range(4, len(room.log) + 1)) - set(shown)
    assert missing <= lost, "something is missing and nobody said so"
    log = mirror.log(room.name)
    assert log is not None and log.name == room.name and len(mirror.logs) == 1
    for entry in held:
        assert entry.seq is not None
        told = room.tell(entry.seq)
        assert type(told) is type(entry), entry
        if isinstance(told, events.NewMessage):
            assert isinstance(entry, events.NewMessage) and told.text == entry.text
