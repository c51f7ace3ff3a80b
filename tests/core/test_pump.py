"""The pump: one way out, without gaps or repeats, whatever a connection was doing meanwhile."""

from typing import Any

import pytest

from molva.core.conversation import Room
from molva.core.cursor import Cursor
from molva.core.effects import Deliver, Load, WindowClosed, WindowOpened
from molva.core.log import Log
from molva.core.pump import SLICES_PER_STEP
from molva.terms import actions, events
from molva.terms.ids import ConversationId, Seq
from molva.terms.instant import Instant
from molva.terms.names import parse_room
from tests.core.stage import Peer, Stage

SMALL: dict[str, Any] = {
    "window_entries": 4,
    "deliver_entries_max": 2,
    "backlog_entries_max": 10_000,
}


def say(peer: Peer, *texts: str, room: str | None = None) -> None:
    peer.send(*[actions.NewMessage(text=text, room=room) for text in texts])


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def loads(stage: Stage) -> list[Load]:
    return [effect for effect in stage.effects if isinstance(effect, Load)]


def test_those_at_the_head_are_told_by_one_effect() -> None:
    stage = Stage(prompt=False)
    peers = [stage.enter(f"guest{number}") for number in range(20)]
    stage.settle()
    say(peers[0], "1", "2")
    stage.persist()
    stage.acknowledge()
    (deliver,) = [effect for effect in stage.effects if isinstance(effect, Deliver)]
    assert set(deliver.connections) == {peer.connection for peer in peers}
    assert len(deliver.events) == 2


@pytest.mark.parametrize("features", [("echo",), ("ping",), ()])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 30])
def test_a_closed_window_hears_nothing_and_catches_up_when_it_opens(
    features: tuple[str, ...], count: int
) -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris", features=features)
    say(anna, "0")
    boris.close_window()
    say(anna, *numbers(1, count))
    assert boris.texts() == ["0"]
    boris.open_window()
    assert boris.texts() == numbers(0, count)
    say(anna, "live")
    assert boris.texts()[-1] == "live"


def test_entries_that_come_while_one_catches_up_come_after_what_it_missed() -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.close_window()
    say(anna, *numbers(1, 9))
    stage.prompt = False
    boris.open_window()
    for number in range(10, 40):
        say(anna, str(number))
        stage.persist()
        stage.acknowledge()
        assert boris.texts() == numbers(1, len(boris.texts()))
        stage.read()
        stage.hand_back()
    stage.settle()
    assert boris.texts() == numbers(1, 39)


def test_those_behind_take_turns_and_the_hub_asks_to_go_on_at_once() -> None:
    stage = Stage(**SMALL)
    anna = stage.enter("anna")
    peers = [stage.enter(f"guest{number}") for number in range(SLICES_PER_STEP + 5)]
    for peer in peers:
        peer.close_window()
    say(anna, *numbers(1, 4))
    stage.prompt = False
    stage.step(*[WindowOpened(peer.connection) for peer in peers])
    served = [len(peer.texts()) for peer in peers]
    assert served == [2] * SLICES_PER_STEP + [0] * 5
    assert stage.hub.next_deadline() == stage.elapsed
    stage.step()
    assert [len(peer.texts()) for peer in peers][-5:] == [2] * 5
    stage.settle()
    assert all(peer.texts() == numbers(1, 4) for peer in peers)
    assert stage.hub.next_deadline() != stage.elapsed


def test_who_lags_beyond_the_window_is_loaded_for_once_at_a_time() -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.close_window()
    say(anna, *numbers(1, 20))
    stage.prompt = False
    boris.open_window()
    (load,) = loads(stage)
    assert (load.after, load.limit, load.conversation) == (0, 2, "r0")
    # While it is under way the window closes and opens again: nothing is asked twice.
    boris.close_window()
    boris.open_window()
    assert loads(stage) == [] and len(stage.loads) == 1
    stage.settle()
    assert boris.texts() == numbers(1, 20)


def test_an_answer_for_a_closed_window_is_dropped_and_asked_for_again() -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.close_window()
    say(anna, *numbers(1, 20))
    stage.prompt = False
    boris.open_window()
    boris.close_window()
    stage.settle()
    assert boris.texts() == []
    boris.open_window()
    stage.settle()
    assert boris.texts() == numbers(1, 20)


def test_an_answer_for_who_has_gone_is_dropped() -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.close_window()
    say(anna, *numbers(1, 20))
    stage.prompt = False
    boris.open_window()
    boris.leave()
    stage.settle()
    assert boris.texts() == []


def test_an_answer_for_where_a_cursor_stood_before_is_asked_again() -> None:
    stage = Stage(**SMALL)
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    boris = stage.enter("boris").send(actions.Join(room="#tea"))
    boris.close_window()
    say(anna, *numbers(1, 20), room="#tea")
    stage.prompt = False
    boris.open_window()
    assert len(stage.loads) == 1
    # Out and in again, with a closed window: the cursor stands elsewhere now.
    boris.close_window()
    boris.send(actions.Leave(room="#tea"), actions.Join(room="#tea"))
    for _ in range(5):
        stage.persist()
        stage.acknowledge()
    say(anna, *numbers(21, 30), room="#tea")
    stage.persist()
    stage.acknowledge()
    boris.open_window()
    assert len(stage.loads) == 1
    stage.settle()
    assert boris.texts() == numbers(21, 30)


def test_a_store_that_cannot_read_is_asked_again_later_and_nothing_is_skipped() -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.close_window()
    say(anna, *numbers(1, 20))
    stage.store.unavailable = True
    boris.open_window()
    assert boris.texts() == []
    stage.advance(3.5)
    assert boris.texts() == []
    stage.store.unavailable = False
    stage.advance(1)
    assert boris.texts() == numbers(1, 20)


def test_nothing_that_the_store_has_and_the_hub_does_not_know_is_told() -> None:
    stage = Stage(**SMALL)
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    boris = stage.enter("boris").send(actions.Join(room="#tea"))
    boris.close_window()
    say(anna, *numbers(1, 6), room="#tea")
    stage.prompt = False
    boris.send(actions.Leave(room="#tea"))
    say(anna, "they are gone", room="#tea")
    stage.persist()
    boris.open_window()
    for _ in range(10):
        stage.read()
        stage.hand_back()
        stage.step()
    assert boris.texts() == numbers(1, 6)
    stage.settle()
    assert boris.texts() == numbers(1, 6)


def test_what_lies_further_back_than_a_resume_streams_is_named_by_a_gap() -> None:
    stage = Stage(window_entries=4, deliver_entries_max=2, backlog_entries_max=5)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    say(anna, *numbers(1, 3))
    boris.leave()
    say(anna, *numbers(4, 20))
    again = stage.resume(boris)
    assert again.one(events.Gap) == events.Gap(after=3, through=15, room="#general")
    assert again.texts() == numbers(16, 20)


def test_a_gap_is_said_in_a_direct_conversation_and_in_the_own_log_too() -> None:
    stage = Stage(window_entries=4, deliver_entries_max=2, backlog_entries_max=5)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    for number in range(1, 11):
        anna.send(actions.NewWhisper(to="boris", text=str(number)))
        boris.send(actions.Read(with_="anna", through=number))
    again = stage.enter("boris", token=boris.token, cursors={"@boris": 1, "anna": 2})
    assert again.of(events.Gap) == [
        events.Gap(after=1, through=6, log="@boris"),
        events.Gap(after=2, through=5, with_="anna"),
    ]
    assert again.texts() == numbers(6, 10)
    assert again.cursors["@"] == 11


def test_a_resume_in_the_backlog_has_no_gap() -> None:
    stage = Stage(window_entries=4, deliver_entries_max=2, backlog_entries_max=5)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.leave()
    say(anna, *numbers(1, 5))
    again = stage.resume(boris)
    assert not again.of(events.Gap)
    assert again.texts() == numbers(1, 5)


def test_after_a_restart_everything_comes_from_the_store() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    say(anna, *numbers(1, 3))
    boris.leave()
    say(anna, *numbers(4, 20))
    again = stage.restart(**SMALL).resume(boris)
    assert again.texts() == numbers(4, 20)


def test_the_text_of_one_slice_is_bounded_but_for_a_first_one() -> None:
    stage = Stage(deliver_bytes_max=16 * 1024)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.close_window()
    say(anna, "a" * 16_000, "b" * 16_000, "c" * 16_000)
    stage.prompt = False
    boris.open_window()
    assert [text[0] for text in boris.texts()] == ["a", "b"]
    stage.settle()
    assert [text[0] for text in boris.texts()] == ["a", "b", "c"]


def test_own_entries_are_left_out_of_what_a_quiet_one_catches_up_with() -> None:
    stage = Stage(**SMALL)
    anna, boris = stage.enter("anna"), stage.enter("boris", features=("ping",))
    boris.close_window()
    say(boris, "mine")
    say(anna, "theirs")
    say(boris, "mine", "mine", "mine")
    boris.open_window()
    assert boris.texts() == ["theirs"]
    say(anna, "more")
    assert boris.texts() == ["theirs", "more"]


def test_who_registers_with_a_closed_window_is_welcomed_and_follows_later() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    boris = stage.connect()
    boris.close_window()
    boris.send(actions.Registration(name="boris", features=["echo"]))
    assert boris.welcome.result == "successful"
    say(anna, "1")
    anna.send(actions.NewWhisper(to="boris", text="2"))
    assert boris.texts() == []
    boris.open_window()
    assert sorted(boris.texts()) == ["1", "2"]


def test_a_window_that_closes_and_opens_in_one_step_loses_nothing() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    for number in range(1, 5):
        stage.step(WindowClosed(boris.connection), WindowOpened(boris.connection))
        say(anna, str(number))
    assert boris.texts() == numbers(1, 4)


def test_when_nobody_listens_any_more_memory_is_given_back() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    boris = stage.enter("boris").send(actions.Join(room="#tea"))
    say(anna, *numbers(1, 3), room="#tea")
    boris.leave()
    anna.leave()
    stage.prompt = False
    stage.resume(anna, cursors={"#tea": 0})
    assert [load.conversation for load in loads(stage)] == ["r2"]


def test_a_cursor_at_the_head_of_an_emptied_log_needs_no_load() -> None:
    room = Room(ConversationId("r1"), Log(Seq(3), 3), parse_room("#tea"), "")
    assert room.log.slice(after=Cursor(Seq(3)).sent, limit=1, bytes_max=1) == []


def test_one_step_gives_a_session_no_more_than_its_window_may_take() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    rooms = [f"#r{number}" for number in range(8)]
    for room in rooms:
        anna.send(actions.Create(room=room))
        boris.send(actions.Join(room=room))
    boris.close_window()
    for room in rooms:
        say(anna, *["x" * 16_000] * 16, room=room)
    stage.effects.clear()
    effects = stage.hub.step([WindowOpened(boris.connection)], Instant(stage.elapsed, 0))
    given = [e for e in effects if isinstance(e, Deliver) and boris.connection in e.connections]
    size = sum(len(getattr(event, "text", "")) for deliver in given for event in deliver.events)
    assert 0 < size <= 2 * stage.limits.deliver_bytes_max
