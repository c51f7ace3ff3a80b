"""People: arrivals and departures, lists, being away, typing, and whether one is still there."""

import pytest

from molva.core.effects import Disconnected, Input, Received, WindowClosed
from molva.core.people import TYPING_AUDIENCE_MAX, TYPING_SECONDS
from molva.terms import actions, events
from molva.terms.errors import Code
from molva.terms.limits import AWAY_BYTES_MAX, FRAME_BYTES_MAX
from molva.wire.jsonl import format_event
from tests.core.stage import Peer, Stage

QUIET = 5.0
"""Longer than any window of presence."""


def changes(peer: Peer) -> list[str]:
    """Return who came (+) and went (-) by what a peer heard since the last look."""
    told = []
    for event in peer.take():
        if isinstance(event, events.NewUser):
            told.append(f"+{event.user}")
        elif isinstance(event, events.UserLeft):
            told.append(f"-{event.user}")
        elif isinstance(event, events.Presence):
            told += [f"-{name}" for name in event.left or ()]
            told += [f"+{name}" for name in event.arrived or ()]
    return told


# -- Presence --------------------------------------------------------------------------------------


def test_others_hear_who_came_and_who_went_and_oneself_does_not() -> None:
    stage = Stage()
    old, new = stage.enter("anna", features=()), stage.enter("boris", features=("presence",))
    stage.advance(QUIET)
    changes(old)
    changes(new)
    vera = stage.enter("vera")
    stage.advance(QUIET)
    assert changes(old) == changes(new) == ["+vera"]
    assert changes(vera) == []
    vera.leave()
    stage.advance(QUIET)
    assert changes(old) == changes(new) == ["-vera"]


def test_the_first_after_a_quiet_time_is_told_at_once_and_a_crowd_together() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("presence",))
    stage.advance(QUIET)
    anna.take()
    stage.enter("guest0")
    assert len(anna.of(events.Presence)) == 1
    for number in range(1, 50):
        stage.enter(f"guest{number}")
    assert anna.of(events.Presence) == []
    stage.advance(QUIET)
    (together,) = anna.of(events.Presence)
    assert len(together.arrived or ()) == 49 and together.online == 51


def test_who_arrives_in_a_window_hears_of_those_after_them_in_it() -> None:
    stage = Stage()
    stage.enter("anna", features=())
    boris, vera = stage.enter("boris", features=()), stage.enter("vera", features=("echo",))
    late = stage.enter("galina", features=("presence",))
    stage.advance(QUIET)
    assert changes(boris) == ["+vera", "+galina"]
    assert changes(vera) == ["+galina"]
    assert changes(late) == ["+boris", "+vera", "+galina"]


def test_who_arrives_in_a_window_hears_who_left_in_it() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.advance(QUIET)
    vera = stage.enter("vera", features=())
    anna.leave()
    stage.advance(QUIET)
    assert changes(vera) == ["-anna"]


def test_who_was_in_a_list_and_went_before_anybody_was_told_is_told_to_be_gone() -> None:
    stage = Stage()
    stage.enter("anna")
    boris = stage.enter("boris", features=())
    vera = stage.enter("vera")
    assert vera.welcome.users == ["anna", "boris", "vera"]
    boris.leave()
    stage.advance(QUIET)
    assert "-boris" in changes(vera)


def test_a_device_back_before_anybody_saw_it_gone_is_not_told_of() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.advance(QUIET)
    changes(anna)
    changes(boris)
    stage.enter("vera")
    boris.leave()
    boris = stage.resume(boris)
    stage.advance(QUIET)
    assert changes(anna) == ["+vera"]


def test_a_closed_window_hears_nothing_of_it() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    stage.advance(QUIET)
    anna.close_window()
    boris.close_window()
    anna.take()
    boris.take()
    vera = stage.enter("vera", features=())
    vera.close_window()
    stage.enter("galina", features=())
    stage.advance(QUIET)
    assert anna.take() == boris.take() == []
    assert changes(vera) == []


@pytest.mark.parametrize(
    ("came", "went"), [(3, 3), (0, 800), (800, 0), (600, 600), (3, 800), (800, 3), (1600, 0)]
)
def test_however_many_come_and_go_every_event_fits_a_frame_and_nobody_is_left_out(
    came: int, went: int
) -> None:
    stage = Stage(stall_seconds=1e6)
    crowd = stage.crowd(came + went)
    late, early = crowd[:came], crowd[came:]
    stage.advance(QUIET)
    for peer in late:
        peer.leave()
    stage.advance(QUIET)
    anna = stage.enter("anna", features=("presence",))
    anna.take()
    inputs: list[Input] = [Disconnected(peer.connection) for peer in early]
    for peer in late:
        again = stage.connect()
        registration = actions.Registration(name=peer.name, token=peer.token, features=["presence"])
        inputs.append(WindowClosed(again.connection))
        inputs.append(Received(again.connection, [registration], 0))
    stage.step(*inputs)
    stage.advance(QUIET)
    assert all(len(format_event(event)) < FRAME_BYTES_MAX for event in anna.heard)
    told = changes(anna)
    assert sorted(told) == sorted(
        [f"+{peer.name}" for peer in late] + [f"-{peer.name}" for peer in early]
    )
    online = [e.online for e in anna.heard if isinstance(e, events.Presence)]
    assert online[-1] == came + 1


# -- Lists -----------------------------------------------------------------------------------------


def test_users_lists_who_is_here_and_who_of_them_is_away() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.enter("boris").send(actions.Away(text="lunch"))
    stage.enter("vera").leave()
    told = anna.ask(actions.Users(id="u"))
    assert told == events.Users(users=["anna", "boris"], away={"boris": "lunch"}, id="u")


def test_users_of_the_common_room_are_those_here_and_of_another_all_its_members() -> None:
    stage = Stage()
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    vera.send(actions.Create(room="#tea"))
    for peer in (anna, boris):
        peer.send(actions.Join(room="#tea"))
    boris.leave()
    vera.send(actions.Away(text="lunch"))
    galina = stage.enter("galina")
    assert anna.ask(actions.Users(room="#general", id="u")) == events.Users(
        users=["anna", "galina", "vera"], away={"vera": "lunch"}, room="#general", id="u"
    )
    assert anna.ask(actions.Users(room="#TEA", id="u")) == events.Users(
        users=["anna", "vera"],
        away={"vera": "lunch"},
        offline=["boris"],
        roles={"vera": "owner"},
        room="#tea",
        id="u",
    )
    assert galina.refused(actions.Users(room="#tea")) is Code.NOT_A_MEMBER


@pytest.mark.parametrize("room", [None, "#general", "#tea"])
def test_a_list_of_users_is_cut_to_fit_a_frame_and_says_how_many_there_are(
    room: str | None,
) -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    for number, peer in enumerate(stage.crowd(1100)):
        peer.send(actions.Join(room="#tea"), actions.Away(text='"' * 100))
        if number % 4 == 0:
            peer.leave()
    told = anna.ask(actions.Users(room=room, id="x" * 64))
    assert isinstance(told, events.Users)
    assert told.online == 826 > len(told.users)
    assert told.away and (told.offline is not None) is (room == "#tea")
    assert len(format_event(told)) < FRAME_BYTES_MAX


# -- Away ------------------------------------------------------------------------------------------


def test_others_hear_once_that_one_is_away_and_that_one_is_back() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    old, closed = stage.enter("vera", features=()), stage.enter("galina")
    stranger = stage.connect()
    closed.close_window()
    stage.advance(QUIET)
    for peer in (boris, old, closed):
        peer.take()
    for text in ("lunch", "lunch", None, None):
        assert anna.ask(actions.Away(text=text, id="a")) == events.Done(id="a")
    assert boris.take() == [events.Away(user="anna", text="lunch"), events.Away(user="anna")]
    assert old.take() == closed.take() == stranger.take() == []


def test_a_reason_for_being_away_is_bounded() -> None:
    anna = Stage().enter("anna")
    long = "ж" * (AWAY_BYTES_MAX // 2 + 1)
    assert anna.refused(actions.Away(text=long)) is Code.TEXT_TOO_LONG
    assert anna.ask(actions.Away(text=long[1:], id="a")) == events.Done(id="a")


def test_who_goes_offline_is_away_no_more() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(actions.Away(text="lunch"))
    anna.leave()
    stage.resume(anna)
    told = boris.ask(actions.Users(id="u"))
    assert isinstance(told, events.Users) and told.away is None


# -- Typing ----------------------------------------------------------------------------------------


def test_who_wants_to_know_hears_who_types_and_the_own_devices_do_not() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("typing",), password="swordfish")
    stage.hash()
    second = stage.enter("anna", features=("typing",), password="swordfish")
    stage.hash()
    boris, vera = stage.enter("boris", features=("typing",)), stage.enter("vera")
    galina = stage.enter("galina", features=("typing", "echo"))
    stage.advance(QUIET)
    for peer in (second, boris, vera, galina):
        peer.take()
    anna.send(actions.Typing())
    assert boris.take() == galina.take() == [events.Typing(from_="anna", room="#general")]
    assert second.take() == vera.take() == []


def test_typing_to_one_person_is_told_to_them_only() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=("typing",))
    vera = stage.enter("vera", features=("typing",))
    anna.send(actions.Typing(to="boris"))
    assert not boris.of(events.Typing)
    boris.send(actions.NewWhisper(to="anna", text="hi"))
    stage.advance(TYPING_SECONDS)
    anna.send(actions.Typing(to="boris"))
    assert boris.one(events.Typing) == events.Typing(from_="anna", to="boris")
    assert not vera.of(events.Typing)


def test_typing_is_told_no_more_often_than_it_may_be_and_always_answered() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=("typing",))
    boris.take()
    for _ in range(3):
        assert anna.ask(actions.Typing(id="t")) == events.Done(id="t")
    assert len(boris.of(events.Typing)) == 1
    stage.advance(TYPING_SECONDS)
    anna.send(actions.Typing())
    assert len(boris.of(events.Typing)) == 1


def test_in_a_large_room_nobody_is_told_who_types() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    peers = [stage.enter(f"guest{n}", features=("typing",)) for n in range(TYPING_AUDIENCE_MAX)]
    anna.send(actions.Typing())
    assert not peers[0].of(events.Typing)
    peers.pop().leave()
    anna.send(actions.Typing())
    assert peers[0].of(events.Typing)


def test_typing_where_one_is_not_is_refused() -> None:
    stage = Stage()
    stage.enter("boris").send(actions.Create(room="#tea"))
    anna = stage.enter("anna")
    assert anna.refused(actions.Typing(room="#tea")) is Code.NOT_A_MEMBER
    assert anna.refused(actions.Typing(to="nobody")) is Code.NO_SUCH_USER
    assert anna.refused(actions.Typing(room="#general", to="boris")) is Code.BAD_FIELD


# -- Pings -----------------------------------------------------------------------------------------


def test_a_silent_client_is_asked_once_and_given_up_when_it_does_not_answer() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("ping",))
    anna.take()
    stage.advance(stage.limits.ping_seconds)
    assert anna.take() == [events.Ping()]
    stage.advance(stage.limits.dead_seconds - stage.limits.ping_seconds - 1)
    assert anna.take() == [] and not anna.closed
    stage.advance(1)
    assert anna.code is Code.NO_ANSWER


def test_who_answers_is_asked_again_and_stays() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("ping",))
    for _ in range(5):
        stage.advance(stage.limits.dead_seconds - 1)
        assert anna.one(events.Ping)
        anna.send(actions.Pong())
    assert not anna.closed


def test_who_talks_is_not_asked() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("ping",))
    for _ in range(10):
        stage.advance(stage.limits.ping_seconds - 1)
        anna.send(actions.Rooms())
    assert not anna.of(events.Ping)


def test_a_client_that_knows_no_ping_is_left_in_peace() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.advance(10 * stage.limits.dead_seconds)
    assert not anna.of(events.Ping) and not anna.closed


def test_a_closed_window_is_not_asked_and_a_session_at_its_end_neither() -> None:
    stage = Stage(stall_seconds=1000.0)
    anna, boris = (stage.enter(name, features=("ping",)) for name in ("anna", "boris"))
    anna.close_window()
    boris.send(actions.Quit())
    anna.take()
    boris.take()
    stage.advance(stage.limits.ping_seconds)
    assert anna.take() == boris.take() == []
    stage.advance(stage.limits.dead_seconds)
    assert anna.code is Code.NO_ANSWER and boris.code is None


@pytest.mark.parametrize("elapsed", [0.1, 63.99999999999999, 65484.3369085198, 131071.99999999999])
def test_no_moment_makes_the_hub_turn_in_circles(elapsed: float) -> None:
    stage = Stage(elapsed=elapsed)
    anna = stage.enter("anna", features=("ping",))
    stage.advance(stage.limits.ping_seconds + 1)
    assert anna.one(events.Ping)
    stage.advance(stage.limits.dead_seconds)
    assert anna.code is Code.NO_ANSWER
