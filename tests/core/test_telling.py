"""Telling: every entry has its event, in each of the places that may hold it."""

from typing import get_args

import pytest

from molva.core.telling import tell_direct, tell_own, tell_room, tell_unheard
from molva.terms import entries, events
from molva.terms.entries import Entry
from molva.terms.ids import AccountId, ConversationId, Seq
from molva.terms.roles import Role, RoomKind

ANNA = AccountId(1)
SECOND = 1_700_000_000_000

ROOM: list[tuple[entries.AnyBody, type[events.Event], dict[str, object]]] = [
    (entries.Message("hi"), events.NewMessage, {"text": "hi", "from_": "boris"}),
    (entries.Gone(), events.Gone, {"from_": "boris", "to": None}),
    (entries.Created("#tea", RoomKind.PRIVATE), events.Created, {"kind": "private"}),
    (entries.Joined(), events.Joined, {"user": "boris"}),
    (entries.Left(), events.Left, {"user": "boris"}),
    (entries.Added(ANNA, "anna"), events.Added, {"user": "anna", "from_": "boris"}),
    (entries.Invited(ANNA, "anna"), events.Invited, {"user": "anna", "from_": "boris"}),
    (entries.Topic("x"), events.Topic, {"text": "x"}),
    (entries.Renamed("#tea", "#den"), events.Renamed, {"room": "#tea", "was": "#den"}),
    (entries.ModeSet(frozen=True), events.Mode, {"frozen": True, "kind": None}),
    (entries.RoleSet(ANNA, "anna", Role.ADMIN, "r"), events.Role, {"role": "admin"}),
    (entries.Kicked(ANNA, "anna", "r"), events.Kicked, {"user": "anna", "reason": "r"}),
    (
        entries.Banned(ANNA, "anna", "10.0.0.0/8", True, SECOND),
        events.Banned,
        {"user": "anna", "addresses": True, "devices": True, "until": "2023-11-14T22:13:20.000Z"},
    ),
    (entries.Banned(address="10.0.0.0/8"), events.Banned, {"user": None, "until": None}),
    (entries.Unbanned(address="10.0.0.0/8"), events.Unbanned, {"addresses": True}),
    (entries.Muted(ANNA, "anna"), events.Muted, {"until": None, "reason": None}),
    (entries.Unmuted(ANNA, "anna"), events.Unmuted, {"user": "anna"}),
    (entries.Removed(Seq(3), "anna", ANNA), events.Removed, {"target": 3, "to": None}),
    (entries.Restored(Seq(3), "anna", ANNA), events.Restored, {"user": "anna"}),
    (entries.Reported("", Seq(3), "anna", "x"), events.Reported, {"about": "", "text": "x"}),
    (entries.Departed(ANNA, "anna", False), events.Departed, {"user": "anna", "words": False}),
]
OWN: list[tuple[entries.AnyBody, type[events.Event], dict[str, object]]] = [
    (entries.RoomJoined(ConversationId("r2"), "#was"), events.RoomJoined, {"room": "#was"}),
    (entries.RoomJoined(ConversationId("r2")), events.RoomJoined, {"room": "the r2"}),
    (entries.RoomLeft(ConversationId("r2"), "#was"), events.RoomLeft, {"cause": None}),
    (
        entries.RoomLeft(ConversationId("r2"), "#was", "banned", "anna", "r"),
        events.RoomLeft,
        {"cause": "banned", "from_": "anna", "reason": "r"},
    ),
    (entries.RoomInvited(ConversationId("r2"), "anna"), events.RoomInvited, {"from_": "anna"}),
    (entries.Opened(ConversationId("1:2"), "anna"), events.Opened, {"with_": "anna"}),
    (entries.Blocked(ANNA, "anna"), events.Blocked, {"user": "anna"}),
    (entries.Unblocked(ANNA, "anna"), events.Unblocked, {"user": "anna"}),
]


def entry(body: entries.AnyBody) -> Entry:
    return Entry(ConversationId("r2"), Seq(7), 1, SECOND, AccountId(2), "boris", "id", body)


@pytest.mark.parametrize(("body", "kind", "fields"), ROOM)
def test_a_room_tells_each_of_its_entries(
    body: entries.AnyBody, kind: type[events.Event], fields: dict[str, object]
) -> None:
    event = tell_room(entry(body), "#tea")
    assert type(event) is kind
    assert (event.seq, event.at) == (7, "2023-11-14T22:13:20.000Z")
    assert {name: getattr(event, name) for name in fields} == fields
    assert getattr(event, "room", None) == "#tea"
    assert "10.0.0.0" not in str(event), "where somebody lives"


@pytest.mark.parametrize(("body", "kind", "fields"), OWN)
def test_an_own_log_tells_each_of_its_entries(
    body: entries.AnyBody, kind: type[events.Event], fields: dict[str, object]
) -> None:
    event = tell_own(entry(body), "@boris", lambda id: f"the {id}")
    assert type(event) is kind and getattr(event, "log", None) == "@boris"
    assert {name: getattr(event, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (entries.Message("hi"), events.NewWhisper),
        (entries.Unheard("hi"), events.NewWhisper),
        (entries.Gone(), events.Gone),
        (entries.Removed(Seq(3), "boris", AccountId(2)), events.Removed),
        (entries.Restored(Seq(3), "boris", AccountId(2)), events.Restored),
    ],
)
def test_a_direct_conversation_tells_each_of_its_entries(
    body: entries.AnyBody, kind: type[events.Event]
) -> None:
    event = tell_direct(entry(body), "boris", "anna")
    assert type(event) is kind
    assert (getattr(event, "from_", None), getattr(event, "to", None)) == ("boris", "anna")


def test_what_is_not_heard_is_told_without_its_words_and_its_id() -> None:
    event = tell_unheard(entry(entries.Unheard("secret")), "boris", "anna")
    assert type(event) is events.Unheard and "secret" not in str(event)
    assert not hasattr(event, "id")


def test_every_kind_of_entry_is_told_somewhere_and_no_room_tells_what_is_anothers() -> None:
    told = {type(body) for body, *_ in (*ROOM, *OWN)} | {entries.Unheard, entries.Read}
    assert told == set(get_args(entries.AnyBody))
    with pytest.raises(AssertionError):
        tell_room(entry(entries.Opened(ConversationId("1:2"), "anna")), "#tea")
    with pytest.raises(AssertionError):
        tell_own(entry(entries.Message("hi")), "@boris", str)
