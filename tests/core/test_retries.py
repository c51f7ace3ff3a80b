"""Retries: the same write asked for again is the same, and with other words it is not."""

import pytest

from molva.core import retries
from molva.core.policy import TABLE
from molva.terms import actions, entries
from molva.terms.ids import AccountId, ConversationId, Seq
from molva.terms.roles import Role, RoomKind

ANNA = AccountId(1)
PLACE = ConversationId("r2")

PAIRS = [
    (entries.Message("hi"), actions.NewMessage(text="hi"), actions.NewMessage(text="ho")),
    (entries.Unheard("hi"), actions.NewWhisper(to="a", text="hi"), actions.NewMessage(text="hi")),
    (entries.Created("#Tea"), actions.Create(room="#tea"), actions.Create(room="#den")),
    (
        entries.Created("", RoomKind.GROUP),
        actions.Create(kind=RoomKind.GROUP, people=[]),
        actions.Create(room="#tea"),
    ),
    (entries.Joined(), actions.Join(room="#tea"), actions.Leave(room="#tea")),
    (entries.Left(), actions.Leave(room="#tea"), actions.Join(room="#tea")),
    (
        entries.Topic("x"),
        actions.Topic(room="#tea", text="x"),
        actions.Topic(room="#tea", text="y"),
    ),
    (
        entries.Renamed("#Den", "#tea"),
        actions.Rename(room="#tea", to="#den"),
        actions.Rename(room="#tea", to="#pub"),
    ),
    (entries.ModeSet(frozen=True), actions.Mode(frozen=True), actions.Mode(frozen=False)),
    (
        entries.Added(ANNA, "Anna"),
        actions.Invite(room="#~2", user="anna"),
        actions.Invite(room="#~2", user="boris"),
    ),
    (
        entries.Kicked(ANNA, "anna"),
        actions.Kick(user="Anna"),
        actions.Kick(user="anna", reason="x"),
    ),
    (
        entries.Banned(ANNA, "anna", until=7),
        actions.Ban(user="anna~1", seconds=60),
        actions.Ban(user="boris"),
    ),
    (
        entries.Banned(address="10.0.0.0/8"),
        actions.Ban(address="10.0.0.0/8"),
        actions.Ban(user="anna", address="10.0.0.0/8"),
    ),
    (entries.Unbanned(ANNA, "anna"), actions.Unban(user="anna"), actions.Unban(user="boris")),
    (entries.Muted(ANNA, "anna"), actions.Mute(user="anna"), actions.Unmute(user="anna")),
    (entries.Unmuted(ANNA, "anna"), actions.Unmute(user="anna"), actions.Unmute(user="b")),
    (
        entries.RoleSet(ANNA, "anna", Role.ADMIN),
        actions.SetRole(user="anna", role=Role.ADMIN),
        actions.SetRole(user="anna", role=Role.MEMBER),
    ),
    (entries.Removed(Seq(3), "a", ANNA), actions.Remove(seq=3), actions.Remove(seq=4)),
    (entries.Restored(Seq(3), "a", ANNA), actions.Restore(seq=3), actions.Remove(seq=3)),
    (entries.Reported("#tea", Seq(3), "a", "x"), actions.Report(seq=3), actions.Report(seq=4)),
    (entries.Read(PLACE, Seq(3)), actions.Read(through=3), actions.Read(through=4)),
    (entries.Blocked(ANNA, "anna~1"), actions.Block(user="anna~1"), actions.Block(user="boris")),
    (entries.Unblocked(ANNA, "anna"), actions.Unblock(user="anna"), actions.Block(user="anna")),
]


@pytest.mark.parametrize(("body", "same", "other"), PAIRS)
def test_the_same_is_the_same_and_other_words_are_not(
    body: entries.AnyBody, same: actions.AnyAction, other: actions.AnyAction
) -> None:
    assert retries.same(body, same)
    assert not retries.same(body, other)


@pytest.mark.parametrize(
    "action", [actions.NewMessage(text="x"), actions.NewWhisper(to="a", text="")]
)
def test_what_was_taken_away_since_was_said_all_the_same(action: actions.AnyAction) -> None:
    assert retries.same(entries.Gone(), action)


def test_what_is_no_name_is_not_the_same_and_no_error() -> None:
    assert not retries.same(entries.Kicked(ANNA, "anna"), actions.Kick(user="   "))
    assert not retries.same(entries.Renamed("#den", "#tea"), actions.Rename(room="#tea", to="?"))
    assert not retries.same(entries.Created("#tea"), actions.Create(room="tea"))


def test_every_write_is_in_the_table_of_who_may() -> None:
    assert set(TABLE) >= retries.WRITES
    assert {type(same) for _, same, _ in PAIRS} == retries.WRITES
