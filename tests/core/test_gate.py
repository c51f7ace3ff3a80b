"""The gate: what reaches a handler, what is refused, and what waits for a change on its way."""

import pytest

from molva.terms import actions, events
from molva.terms.roles import Role, RoomKind
from tests.core.stage import Peer, Stage


def company() -> tuple[Stage, Peer, Peer]:
    """Return anna, who owns the server and a private room, and vera, who is nobody there."""
    stage = Stage(owned=False)
    anna, vera = stage.enter("anna"), stage.enter("vera")
    anna.send(actions.Create(room="#den", kind=RoomKind.PRIVATE))
    anna.take()
    return stage, anna, vera


IN_A_ROOM: list[dict[str, object]] = [
    {"action": actions.NewMessage, "text": "x"},
    {"action": actions.Join},
    {"action": actions.Leave},
    {"action": actions.Topic, "text": "x"},
    {"action": actions.Rename, "to": "#pub"},
    {"action": actions.Mode, "frozen": True},
    {"action": actions.Invite, "user": "vera"},
    {"action": actions.Kick, "user": "anna"},
    {"action": actions.Ban, "user": "anna"},
    {"action": actions.Unban, "user": "anna"},
    {"action": actions.Mute, "user": "anna"},
    {"action": actions.Unmute, "user": "anna"},
    {"action": actions.SetRole, "user": "anna", "role": Role.MEMBER},
    {"action": actions.Ledger},
    {"action": actions.Sanctions},
    {"action": actions.Users},
    {"action": actions.History},
    {"action": actions.Read, "through": 1},
    {"action": actions.Typing},
    {"action": actions.Remove, "seq": 1},
    {"action": actions.Restore, "seq": 1},
    {"action": actions.Report, "seq": 1},
]


@pytest.mark.parametrize("asked", IN_A_ROOM, ids=lambda asked: asked["action"].__name__)
def test_a_room_one_cannot_know_of_and_one_that_is_not_there_are_refused_alike(
    asked: dict[str, object],
) -> None:
    stage, anna, vera = company()
    fields = {key: value for key, value in asked.items() if key != "action"}
    make = asked["action"]
    assert callable(make)
    there = vera.ask(make(room="#den", id="a", **fields))
    absent = vera.ask(make(room="#nix", id="a", **fields))
    closed = vera.ask(make(room="#~404", id="a", **fields))
    assert isinstance(there, events.Error)
    assert str(there) == str(absent).replace("#nix", "#den")
    assert str(there) == str(closed).replace("#~404", "#den")


@pytest.mark.parametrize(
    "action",
    [
        actions.Invitation(id="a"),
        actions.Invitations(id="a"),
        actions.EndInvitation(invitation="x", id="a"),
        actions.Accounts(id="a"),
        actions.ResetPassword(user="anna", new="correct horse", id="a"),
        actions.RemoveAccount(user="anna", id="a"),
    ],
)
def test_what_is_the_servers_is_for_those_who_keep_it(action: actions.AnyAction) -> None:
    stage, anna, vera = company()
    assert vera.refused(action) == "not_allowed"


def test_a_refusal_of_who_is_muted_says_until_when_and_why() -> None:
    stage, anna, vera = company()
    anna.send(actions.Mute(user="vera", seconds=60, reason="too loud"))
    error = vera.ask(actions.NewMessage(text="x", id="m"))
    assert isinstance(error, events.Error) and error.code == "muted"
    assert "too loud" in error.text and "2023-11-14 22:14" in error.text


def test_what_others_ask_waits_while_who_may_do_what_is_written() -> None:
    stage, anna, vera = company()
    stage.prompt = False
    anna.send(actions.Ban(user="vera"))
    for action in (
        actions.NewWhisper(to="anna", text="late"),
        actions.NewMessage(text="late"),
        actions.Create(room="#late"),
        actions.Users(id="u"),
    ):
        vera.send(action)
    assert len(stage.writes) == 1
    vera.send(actions.Ping(id="p"))
    stage.prompt = True
    stage.settle()
    assert vera.closed and "late" not in str(stage.store.disk.logs)
    assert not any(isinstance(e, events.Users) for e in vera.heard)


def test_only_those_in_the_same_room_wait_and_are_heard_again_in_order() -> None:
    stage, anna, vera = company()
    vera.send(actions.Create(room="#tea"))
    stage.prompt = False
    anna.send(actions.Mode(room="#den", slow_seconds=5))
    vera.send(actions.NewMessage(text="one", room="#tea"))
    assert len(stage.writes) == 2
    anna.send(actions.NewMessage(text="two", room="#den"), actions.Ping(id="p"))
    assert len(stage.writes) == 2
    stage.settle()
    assert anna.texts() == ["two"]
    assert [type(e).__name__ for e in anna.take()][-3:] == ["Mode", "NewMessage", "Pong"]


def test_who_goes_while_they_wait_is_forgotten() -> None:
    stage, anna, vera = company()
    stage.prompt = False
    anna.send(actions.Mode(slow_seconds=5))
    vera.send(actions.NewMessage(text="gone"))
    vera.leave()
    stage.settle()
    assert "gone" not in str(stage.store.disk.logs)
