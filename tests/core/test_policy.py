"""Policy: the table is whole, and what it says is what happens."""

import pytest

from molva.core import policy
from molva.core.accounts import Account
from molva.core.conversation import Direct, Hall, OwnLog, Room
from molva.core.log import Log
from molva.core.policy import Needs
from molva.core.session import State
from molva.terms import actions, events
from molva.terms.actions import Action
from molva.terms.errors import Code
from molva.terms.ids import AccountId, ConversationId, Seq
from molva.terms.names import parse_name, parse_room
from tests.core.stage import Stage

EXAMPLES: dict[type[Action], actions.AnyAction] = {
    actions.Registration: actions.Registration(name="vera", id="x"),
    actions.NewMessage: actions.NewMessage(room="#tea", text="hi", id="x"),
    actions.NewWhisper: actions.NewWhisper(to="boris", text="hi", id="x"),
    actions.Create: actions.Create(room="#new", id="x"),
    actions.Join: actions.Join(room="#tea", id="x"),
    actions.Leave: actions.Leave(room="#tea", id="x"),
    actions.Topic: actions.Topic(room="#tea", text="leaves", id="x"),
    actions.Rooms: actions.Rooms(id="x"),
    actions.Users: actions.Users(room="#tea", id="x"),
    actions.Away: actions.Away(text="lunch", id="x"),
    actions.Read: actions.Read(room="#tea", through=1, id="x"),
    actions.History: actions.History(room="#tea", id="x"),
    actions.Typing: actions.Typing(room="#tea", id="x"),
    actions.Ping: actions.Ping(id="x"),
    actions.Pong: actions.Pong(id="x"),
    actions.Quit: actions.Quit(id="x"),
}
ALL = sorted(EXAMPLES, key=lambda kind: kind.__name__)


def test_every_action_has_one_row_one_handler_and_one_example() -> None:
    every = set(Action.__subclasses__())
    assert set(policy.TABLE) == set(Stage().hub.handled) == every == set(EXAMPLES)


@pytest.mark.parametrize("kind", ALL)
def test_a_stranger_is_heard_as_the_table_says(kind: type[Action]) -> None:
    stage = Stage()
    peer = stage.connect()
    peer.send(EXAMPLES[kind])
    refused = [event.code for event in peer.of(events.Error)]
    heard = State.NEW in policy.TABLE[kind].states
    assert refused == ([] if heard else [Code.NOT_AUTHENTICATED])


@pytest.mark.parametrize("kind", ALL)
def test_a_member_is_heard_as_the_table_says(kind: type[Action]) -> None:
    stage = Stage()
    stage.enter("boris")
    peer = stage.enter("anna").send(actions.Create(room="#tea"))
    peer.take()
    peer.send(EXAMPLES[kind])
    refused = [event.code for event in peer.of(events.Error)]
    if State.LIVE not in policy.TABLE[kind].states:
        assert refused == [Code.ALREADY_REGISTERED]
    else:
        assert refused == []


@pytest.mark.parametrize("kind", ALL)
def test_an_outsider_is_refused_where_the_table_asks_for_a_member(kind: type[Action]) -> None:
    stage = Stage()
    stage.enter("boris").send(actions.Create(room="#tea"))
    peer = stage.enter("anna")
    peer.take()
    peer.send(EXAMPLES[kind])
    refused = [event.code for event in peer.of(events.Error)]
    member = policy.TABLE[kind].needs is Needs.MEMBER
    assert (Code.NOT_A_MEMBER in refused) is member


@pytest.mark.parametrize("kind", ALL)
def test_who_is_being_checked_waits_and_is_heard_afterwards(kind: type[Action]) -> None:
    stage = Stage(prompt=False)
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", features=["echo"]))
    peer.send(EXAMPLES[kind])
    assert peer.take() == []
    stage.settle()
    answers = peer.take()
    assert isinstance(answers[0], events.Result) and answers[0].result == "successful"
    if kind is not actions.Pong:
        assert [event for event in answers[1:] if getattr(event, "id", None) == "x"] or peer.closed


@pytest.mark.parametrize("kind", ALL)
def test_who_drains_or_is_gone_is_not_heard(kind: type[Action]) -> None:
    stage = Stage()
    draining = stage.enter("anna").send(actions.Quit())
    gone = stage.enter("vera")
    gone.leave()
    for peer in (draining, gone):
        peer.take()
        assert not [e for e in peer.send(EXAMPLES[kind]).take() if not isinstance(e, events.Bye)]
        assert peer.take() == []


@pytest.mark.parametrize("kind", ALL)
def test_every_action_of_a_member_is_answered_under_its_id(kind: type[Action]) -> None:
    stage = Stage()
    stage.enter("boris")
    peer = stage.enter("anna").send(actions.Create(room="#tea"))
    peer.take()
    peer.send(EXAMPLES[kind])
    answers = [event for event in peer.take() if getattr(event, "id", None) == "x"]
    assert len(answers) == (0 if kind in (actions.Pong, actions.Quit) else 1)


def account(number: int, name: str) -> Account:
    return Account(AccountId(number), parse_name(name), None)


ANNA, BORIS, VERA = account(1, "anna"), account(2, "boris"), account(3, "vera")


def log() -> Log:
    return Log(Seq(0), 0)


def test_everyone_is_in_the_common_room() -> None:
    general = Room(ConversationId("r0"), log(), parse_room("#general"), "")
    assert policy.member(ANNA, general) and policy.visible(ANNA, general)


def test_a_room_is_its_members_and_who_is_leaving_sees_it_but_acts_no_more() -> None:
    room = Room(ConversationId("r1"), log(), parse_room("#tea"), "")
    assert not policy.member(ANNA, room) and not policy.visible(ANNA, room)
    room.members[ANNA.id] = Seq(1)
    assert policy.member(ANNA, room) and policy.visible(ANNA, room)
    room.leaving.add(ANNA.id)
    assert not policy.member(ANNA, room) and policy.visible(ANNA, room)


def test_a_direct_conversation_is_the_two_and_an_own_log_its_owners() -> None:
    direct = Direct(ConversationId("1:2"), log(), ANNA, BORIS)
    own = OwnLog(ConversationId("@1"), log(), ANNA, Hall())
    assert [policy.member(who, direct) for who in (ANNA, BORIS, VERA)] == [True, True, False]
    assert [policy.visible(who, own) for who in (ANNA, BORIS, VERA)] == [True, False, False]
