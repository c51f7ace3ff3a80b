"""The hub: order, fences, failures, deadlines, rates, and the end."""

import pytest

from molva.core.effects import (
    Close,
    Committed,
    Disconnected,
    Received,
    Send,
    Stopping,
    WindowClosed,
    WindowOpened,
)
from molva.core.hub import REFUSALS_HEARD
from molva.terms import actions, entries, events
from molva.terms.errors import CLOSING, Code, Refusal
from molva.terms.ids import ConnectionId, Seq
from molva.terms.limits import Rate
from tests.core.stage import Peer, Stage


def message(text: str, id: str | None = None, room: str | None = None) -> actions.NewMessage:
    return actions.NewMessage(text=text, id=id, room=room)


def ids_of(peer: Peer) -> list[str | None]:
    """Return the ids of what a peer was answered since the last look."""
    return [id for event in peer.take() if (id := getattr(event, "id", None)) is not None]


# -- Order and fences ------------------------------------------------------------------------------


def test_nothing_is_told_before_the_hub_hears_that_it_is_stored() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    stage.prompt = False
    anna.take()
    boris.take()
    anna.send(message("one", "a"), actions.NewWhisper(to="boris", text="two", id="b"))
    assert anna.take() == boris.take() == []
    stage.persist()
    stage.step()
    assert anna.take() == boris.take() == []
    stage.acknowledge()
    assert [event.text for event in boris.heard[-2:] if isinstance(event, events.NewMessage)]
    assert anna.texts() == boris.texts() == ["one", "two"]


def test_one_reads_ones_own_writes_though_they_were_asked_for_in_one_go() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.prompt = False
    anna.take()
    anna.send(
        message("one", "a"),
        actions.History(id="h"),
        actions.Read(through=Seq(1), id="r"),
        message("two", "b"),
        actions.Ping(id="p"),
    )
    stage.settle()
    heard = anna.take()
    assert [event.id for event in heard if hasattr(event, "id")] == ["a", "h", "r", "b", "p"]
    (page,) = [event for event in heard if isinstance(event, events.History)]
    assert (page.head, len(page.entries)) == (1, 1)
    assert not [event for event in heard if isinstance(event, events.Error)]


def test_everyone_at_the_head_hears_one_order_by_one_effect() -> None:
    stage = Stage(prompt=False)
    peers = [stage.enter(name) for name in ("anna", "boris", "vera")]
    stage.settle()
    connections = [peer.connection for peer in peers]
    inputs = [Received(c, [message(f"{c}.{n}") for n in range(3)], 0) for c in connections]
    stage.step(*inputs)
    stage.settle()
    assert peers[0].texts() == peers[1].texts() == peers[2].texts()
    assert peers[0].texts() == [f"{c}.{n}" for c in connections for n in range(3)]


def test_replies_keep_the_order_of_the_requests_whatever_they_wait_for() -> None:
    stage = Stage(prompt=False)
    stage.enter("boris")
    anna = stage.enter("anna")
    stage.settle()
    anna.take()
    requests: list[actions.AnyAction] = [
        actions.Ping(id="1"),
        message("hi", "2"),
        actions.Rooms(id="3"),
        actions.Create(room="#tea", id="4"),
        actions.Users(room="#tea", id="5"),
        actions.History(id="6"),
        message("", "7"),
        actions.Join(room="#none", id="8"),
        actions.Leave(room="#tea", id="9"),
        actions.NewWhisper(to="boris", text="hi", id="10"),
        actions.Read(through=1, id="11"),
        actions.Away(text="x", id="12"),
        actions.Typing(id="13"),
        actions.Topic(room="#tea", text="x", id="14"),
        actions.Ping(id="15"),
    ]
    anna.send(*requests)
    assert ids_of(anna) == ["1"]
    while stage.writes or stage.loads or stage.outcomes or stage.answers:
        stage.persist(1)
        stage.acknowledge(1)
        stage.read(1)
        stage.hand_back(1)
    assert ids_of(anna) == [str(number) for number in range(2, 16)]


def test_a_ping_is_answered_once_what_was_sent_before_is_stored_and_has_left_for_everyone() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.prompt = False
    anna.take()
    boris.take()
    anna.send(message("one"), message("two"), actions.Ping(id="fence"))
    stage.persist()
    stage.acknowledge(1)
    assert not [e for e in anna.take() if isinstance(e, events.Pong)]
    stage.acknowledge(1)
    order = [(effect.event if isinstance(effect, Send) else effect) for effect in stage.effects]
    assert order[-1] == events.Pong(id="fence")
    assert boris.texts() == ["one", "two"]


def test_a_ping_waits_for_an_action_that_reads_too() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(message("one"))
    stage.prompt = False
    anna.take()
    anna.send(actions.History(id="page"), actions.Ping(id="fence"))
    assert anna.take() == []
    stage.settle()
    assert ids_of(anna) == ["page", "fence"]


def test_outcomes_may_come_one_by_one_or_several_commits_at_once() -> None:
    stage = Stage(prompt=False)
    anna = stage.enter("anna")
    stage.settle()
    for number in range(4):
        anna.send(message(str(number)))
    stage.persist()
    stage.acknowledge(3)
    stage.acknowledge(1)
    assert anna.texts() == ["0", "1", "2", "3"]


# -- Retries ---------------------------------------------------------------------------------------


def test_a_retry_is_answered_with_the_first_seq_and_writes_nothing() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(message("before"))
    anna.ask(message("hi", "k"))
    again = anna.ask(message("hi", "k"))
    assert again == events.Stored(id="k", seq=2, room="#general")
    assert len(stage.entries("r0")) == 2


def test_a_retry_in_the_same_batch_is_answered_with_the_first_seq() -> None:
    stage = Stage(prompt=False)
    anna = stage.enter("anna")
    stage.settle()
    anna.take()
    anna.send(message("hi", "k"), message("hi", "k"))
    stage.settle()
    told = anna.take()
    assert [type(event) for event in told] == [events.NewMessage, events.Stored]
    assert len(stage.entries("r0")) == 1


def test_an_id_used_for_other_words_is_a_conflict() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(actions.Create(room="#tea"))
    anna.ask(message("hi", "k"))
    assert anna.refused(message("bye", "k")) is Code.ID_CONFLICT
    assert anna.refused(message("hi", "k", "#tea")) is Code.ID_CONFLICT
    assert anna.refused(actions.Topic(room="#tea", text="hi", id="k")) is Code.ID_CONFLICT
    assert len(stage.entries("r0")) == 1


def test_an_id_used_for_other_words_is_a_conflict_also_where_the_action_is_refused() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.ask(message("hi", "k"))
    assert anna.refused(message("bye", "k", "#tea")) is Code.ID_CONFLICT
    assert anna.refused(actions.NewWhisper(to="vera", text="bye", id="k")) is Code.ID_CONFLICT
    assert anna.refused(actions.Join(room="#tea", id="k")) is Code.ID_CONFLICT
    assert anna.refused(actions.Leave(room="#tea", id="k")) is Code.ID_CONFLICT
    assert anna.refused(actions.Topic(room="#tea", text="hi", id="k")) is Code.ID_CONFLICT
    assert anna.refused(actions.Read(room="#tea", through=1, id="k")) is Code.ID_CONFLICT
    assert anna.refused(actions.Create(room="#general", id="k")) is Code.ID_CONFLICT


def test_ids_are_each_accounts_own() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.ask(message("hi", "k"))
    told = boris.ask(message("hi", "k"))
    assert isinstance(told, events.NewMessage) and told.seq == 2


def test_an_id_lives_longer_than_a_run_of_the_server() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.ask(message("hi", "k"))
    after = stage.restart()
    again = after.resume(anna)
    assert again.ask(message("hi", "k")) == events.Stored(id="k", seq=1, room="#general")


# -- A store that cannot ---------------------------------------------------------------------------


WRITES: list[actions.AnyAction] = [
    message("hi", "x"),
    message("hi", "x", "#tea"),
    message("hi", "x", "#none"),
    actions.NewWhisper(to="boris", text="hi", id="x"),
    actions.NewWhisper(to="nobody", text="hi", id="x"),
    actions.Create(room="#new", topic="news", id="x"),
    actions.Create(room="#tea", id="x"),
    actions.Join(room="#cocoa", id="x"),
    actions.Join(room="#none", id="x"),
    actions.Leave(room="#tea", id="x"),
    actions.Leave(room="#none", id="x"),
    actions.Topic(room="#tea", text="leaves", id="x"),
    actions.Topic(room="#none", text="leaves", id="x"),
    actions.Read(through=1, id="x"),
    actions.Read(room="#none", through=1, id="x"),
]


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_while_the_store_cannot_write_every_write_is_refused_and_nobody_hears_of_it(
    write: actions.AnyAction,
) -> None:
    stage = Stage()
    boris = stage.enter("boris").send(actions.Create(room="#cocoa"))
    anna = stage.enter("anna").send(actions.Create(room="#tea"), message("one"))
    boris.send(actions.Join(room="#tea"))
    rooms = anna.ask(actions.Rooms(id="rooms"))
    stage.advance(1)
    boris.take()
    stage.store.unavailable = True
    assert anna.refused(write) is Code.UNAVAILABLE
    assert boris.take() == []
    stage.store.unavailable = False
    # Nothing of it took effect, and nothing of it is in the way.
    assert anna.ask(actions.Rooms(id="rooms")) == rooms
    anna.take()
    anna.send(write)
    (answer,) = [event for event in anna.take() if getattr(event, "id", None) == "x"]
    assert not isinstance(answer, events.Error) or answer.code is not Code.UNAVAILABLE


def test_the_seqs_of_what_failed_are_used_for_what_comes_next() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.store.unavailable = True
    anna.send(message("lost"))
    stage.store.unavailable = False
    told = anna.ask(message("kept", "k"))
    assert isinstance(told, events.NewMessage) and told.seq == 1


def test_a_write_that_no_store_could_hold_fails_alone() -> None:
    stage = Stage(prompt=False)
    anna = stage.enter("anna")
    stage.settle()
    anna.take()
    anna.send(message("one", "1"), message("\ud800", "2"), message("three", "3"))
    stage.settle()
    told = anna.take()
    codes = [event.code for event in told if isinstance(event, events.Error)]
    assert codes == [Code.UNAVAILABLE]
    assert anna.texts() == ["one", "three"]


# -- Connections -----------------------------------------------------------------------------------


def test_too_many_connections_are_told_so_and_closed_while_the_others_stay() -> None:
    stage = Stage(connections_max=2)
    first, second, third = stage.connect(), stage.connect(), stage.connect()
    assert (first.closed, second.closed) == (False, False)
    assert third.code is Code.TOO_MANY_CONNECTIONS
    assert isinstance(third.heard[-1], events.Bye)
    third.leave()
    first.leave()
    assert not stage.connect().closed


def test_one_address_cannot_take_all_connections() -> None:
    stage = Stage(connections_per_address_max=2)
    mine = [stage.connect("192.0.2.7") for _ in range(3)]
    assert [peer.closed for peer in mine] == [False, False, True]
    assert not stage.connect("192.0.2.8").closed
    mine[0].leave()
    mine[2].leave()
    assert not stage.connect("192.0.2.7").closed
    for peer in stage.peers.values():
        if not peer.gone:
            peer.leave()


def test_strangers_are_bounded_and_who_registers_is_none() -> None:
    stage = Stage(connections_new_max=2)
    stage.enter("anna")
    stage.enter("boris")
    waiting = [stage.connect() for _ in range(3)]
    assert [peer.closed for peer in waiting] == [False, False, True]
    waiting[2].leave()
    waiting[0].leave()
    assert not stage.connect().closed


def test_the_end_of_a_connection_nobody_knows_is_nothing() -> None:
    stage = Stage()
    unknown = ConnectionId(77)
    assert stage.step(Disconnected(unknown)) == []
    assert stage.step(Received(unknown, [actions.Ping()], 0)) == []
    assert stage.step(WindowClosed(unknown), WindowOpened(unknown)) == []


def test_a_disconnect_before_the_outcome_leaves_the_write_and_nothing_else() -> None:
    stage = Stage()
    boris, anna = stage.enter("boris"), stage.enter("anna")
    stage.prompt = False
    anna.send(message("last words", "k"), actions.Ping())
    anna.leave()
    stage.settle()
    assert boris.texts() == ["last words"]


def test_quit_leaves_after_the_answers_to_what_was_asked_before() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.prompt = False
    anna.take()
    anna.send(message("hi", "k"), actions.Quit())
    assert anna.take() == []
    assert not anna.closed
    stage.settle()
    assert [type(event) for event in anna.take()] == [events.NewMessage, events.Bye]
    assert anna.closed and anna.code is None


def test_quit_says_good_bye_in_the_language_of_the_connection() -> None:
    stage = Stage()
    anna = stage.enter("anna", language="ru").send(actions.Quit())
    assert anna.one(events.Bye).text == "До свидания."


def test_what_stands_behind_a_quit_in_one_chunk_is_not_heard() -> None:
    stage = Stage()
    stage.enter("anna").send(actions.Quit(), message("too late"))
    assert stage.entries("r0") == []


# -- Refusals from the wire ------------------------------------------------------------------------


@pytest.mark.parametrize("code", Code)
def test_a_refusal_from_the_wire_is_told_and_ends_the_connection_if_it_must(code: Code) -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.take()
    anna.send(Refusal(code, {}, "x"))
    told = anna.take()[0]
    closing = code in CLOSING and code is not Code.SHUTTING_DOWN
    assert isinstance(told, events.Bye if closing else events.Error)
    assert told.code is code and told.text
    assert anna.closed is closing


def test_a_refusal_waits_its_turn_and_carries_the_id_it_answers() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.prompt = False
    anna.take()
    anna.send(message("hi", "1"), Refusal(Code.BAD_FIELD, {"detail": "text"}, "2"))
    assert anna.take() == []
    stage.settle()
    assert ids_of(anna) == ["1", "2"]


# -- Deadlines -------------------------------------------------------------------------------------


def test_who_does_not_register_in_time_is_closed() -> None:
    stage = Stage()
    silent, talking = stage.connect(), stage.connect()
    stage.advance(stage.limits.registration_seconds - 1)
    assert not silent.closed
    talking.send(actions.Registration(name="anna"))
    stage.advance(2)
    assert silent.code is Code.REGISTRATION_TIMEOUT
    assert not talking.closed


def test_a_registration_that_is_still_checked_ends_in_time_too() -> None:
    stage = Stage()
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", password="swordfish"))
    stage.advance(stage.limits.registration_seconds)
    assert peer.code is Code.REGISTRATION_TIMEOUT
    stage.hash()
    assert stage.store.disk.accounts == {}


def test_a_frame_that_a_stranger_does_not_end_closes_the_connection() -> None:
    stage = Stage()
    slow, quick = stage.connect(), stage.connect()
    slow.send(partial=True)
    quick.send(partial=True)
    stage.advance(stage.limits.frame_seconds / 2)
    slow.send(partial=True)
    quick.send(actions.Ping())
    stage.advance(stage.limits.frame_seconds / 2)
    assert slow.code is Code.REGISTRATION_TIMEOUT
    assert not quick.closed


def test_who_is_somebody_may_take_any_time_for_a_frame() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(partial=True)
    boris = stage.connect()
    # The beginning of the next frame came with the registration.
    boris.send(actions.Registration(name="boris"), partial=True)
    stage.advance(stage.limits.frame_seconds + 1)
    assert not anna.closed and not boris.closed


def test_a_reader_that_takes_nothing_is_cut_and_one_that_takes_something_is_not() -> None:
    stage = Stage()
    stalled, slow = stage.enter("anna"), stage.enter("boris")
    stalled.close_window()
    slow.close_window()
    stage.advance(stage.limits.stall_seconds - 1)
    slow.open_window()
    slow.close_window()
    stage.advance(2)
    assert stalled.code is Code.STALLED
    assert not slow.closed
    slow.open_window()
    stage.advance(stage.limits.stall_seconds)
    assert not slow.closed


def test_a_window_closes_once_and_opens_once() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.close_window()
    stage.advance(stage.limits.stall_seconds - 1)
    anna.close_window()
    stage.advance(1)
    assert anna.code is Code.STALLED
    anna.close_window()
    anna.open_window()
    boris = stage.enter("boris")
    boris.open_window()
    assert not boris.closed


def test_the_hub_says_when_it_is_to_be_woken_and_never_sooner_than_something_is_due() -> None:
    stage = Stage()
    assert stage.hub.next_deadline() is None
    stage.connect()
    assert stage.hub.next_deadline() == stage.elapsed + stage.limits.registration_seconds


def test_before_its_first_step_the_hub_asks_to_be_woken_at_once() -> None:
    stage = Stage(elapsed=1e6)
    assert stage.hub.next_deadline() is None
    stage.enter("anna")
    later = stage.restart()
    due = later.hub.next_deadline()
    assert due == later.elapsed + later.limits.guest_hold_seconds


# -- Rates and holds -------------------------------------------------------------------------------


def test_too_many_actions_on_one_connection_are_refused_until_time_has_passed() -> None:
    stage = Stage(actions_per_connection=Rate(per_second=2, burst=5))
    anna = stage.enter("anna")
    anna.take()
    for _ in range(6):
        anna.send(actions.Ping(id="x"))
    told = anna.take()
    assert [type(event) for event in told] == [events.Pong] * 4 + [events.Error] * 2
    error = told[-1]
    assert isinstance(error, events.Error)
    assert error.code is Code.RATE_LIMITED and error.id == "x"
    assert error.retry_after is not None
    stage.advance(error.retry_after + 0.001)
    anna.send(actions.Ping())
    assert anna.one(events.Pong)


def test_who_goes_on_though_told_to_wait_is_read_no_more_until_then() -> None:
    stage = Stage(actions_per_connection=Rate(per_second=1, burst=5))
    anna = stage.enter("anna")
    anna.send(*[actions.Ping()] * (5 + REFUSALS_HEARD))
    assert anna.held
    stage.advance(60.0)
    assert not anna.held
    anna.take()
    anna.send(actions.Ping())
    assert anna.one(events.Pong)


def test_bytes_errors_and_pages_cost_more() -> None:
    def allowed(*requests: actions.AnyAction | Refusal, bytes: int = 0) -> int:
        """Return how many pings are answered after the requests."""
        stage = Stage(actions_per_connection=Rate(per_second=1, burst=20))
        anna = stage.enter("anna")
        anna.send(*requests, bytes=bytes)
        anna.take()
        anna.send(*[actions.Ping()] * 30)
        return len(anna.of(events.Pong))

    assert allowed() == 19
    assert allowed(bytes=5 * 1024) == 14
    assert allowed(Refusal(Code.BAD_JSON)) == 14
    assert allowed(actions.Registration(name="boris")) == 14
    assert allowed(actions.History()) == 17
    assert allowed(bytes=1024 * 1024) == 0


def test_one_account_cannot_get_more_by_more_devices() -> None:
    stage = Stage(actions_per_account=Rate(per_second=1, burst=10))
    anna = stage.enter("anna", password="swordfish")
    stage.hash()
    second = stage.enter("anna", password="swordfish")
    stage.hash()
    other = stage.enter("boris")
    for peer in (anna, second, other):
        peer.take()
        peer.send(*[actions.Ping()] * 8)
    answered = [len(peer.of(events.Pong)) for peer in (anna, second, other)]
    assert answered == [8, 2, 8]


def test_limits_that_are_read_again_count_from_then_on() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.set_limits(actions_per_connection=Rate(per_second=1, burst=1))
    anna.take()
    anna.send(actions.Ping(), actions.Ping())
    assert [type(event) for event in anna.take()] == [events.Pong, events.Error]


def test_who_asks_for_more_than_is_done_is_held_until_half_of_it_is() -> None:
    stage = Stage(inbox_actions_max=4)
    anna = stage.enter("anna")
    stage.prompt = False
    anna.send(*[message(str(n)) for n in range(4)])
    assert not anna.held
    anna.send(message("4"))
    assert anna.held
    stage.persist()
    stage.acknowledge(2)
    assert anna.held
    stage.acknowledge(1)
    assert not anna.held
    stage.settle()
    assert anna.texts() == ["0", "1", "2", "3", "4"]


def test_who_waits_behind_one_long_action_is_held_too_and_let_go_after_it() -> None:
    stage = Stage(inbox_actions_max=4)
    stage.prompt = False
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", features=["echo"]))
    peer.send(*[message(str(n)) for n in range(6)])
    assert peer.held
    stage.settle()
    assert not peer.held
    assert peer.texts() == [str(n) for n in range(6)]


def test_who_is_held_may_go() -> None:
    stage = Stage(inbox_actions_max=2)
    anna = stage.enter("anna")
    stage.prompt = False
    anna.send(*[message(str(n)) for n in range(5)])
    assert anna.held
    anna.leave()
    stage.settle()
    assert len(stage.entries("r0")) == 5


# -- The end ---------------------------------------------------------------------------------------


def test_a_stop_says_good_bye_to_all_after_what_was_begun_is_done() -> None:
    stage = Stage()
    anna, stranger = stage.enter("anna"), stage.connect()
    stage.prompt = False
    anna.take()
    anna.send(message("last", "k"))
    stage.step(Stopping())
    anna.send(message("too late", "l"))
    stranger.send(actions.Registration(name="boris", id="m"))
    assert not anna.closed and not stranger.closed
    assert stranger.one(events.Error).code is Code.SHUTTING_DOWN
    stage.settle()
    told = anna.take()
    assert [type(event) for event in told] == [events.NewMessage, events.Error, events.Bye]
    assert isinstance(told[1], events.Error)
    assert (told[1].code, told[1].id) == (Code.SHUTTING_DOWN, "l")
    assert anna.code is stranger.code is Code.SHUTTING_DOWN
    assert anna.texts() == ["last"]


def test_who_connects_while_the_server_stops_is_sent_away() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.prompt = False
    anna.send(message("last"))
    stage.step(Stopping())
    late = stage.connect()
    assert late.code is Code.SHUTTING_DOWN
    stage.settle()
    assert anna.code is Code.SHUTTING_DOWN


def test_a_stop_with_nothing_under_way_ends_in_the_same_step() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    effects = stage.step(Stopping())
    assert Close(anna.connection, Code.SHUTTING_DOWN) in effects


def test_a_guest_who_cannot_come_back_is_let_go_by_a_stop_as_by_any_end() -> None:
    stage = Stage()
    stage.enter("anna", features=())
    stage.step(Stopping())
    assert stage.store.disk.accounts == {}


def test_outcomes_are_matched_to_the_writes_in_their_order() -> None:
    stage = Stage(prompt=False)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.settle()
    anna.take()
    boris.take()
    anna.send(message("a", "1"))
    boris.send(message("b", "1"))
    stage.persist()
    assert stage.step(Committed([])) == []
    stage.acknowledge(1)
    assert [e.text for e in anna.of(events.NewMessage)] == ["a"]
    stage.acknowledge(1)
    assert [e.text for e in anna.of(events.NewMessage)] == ["b"]
    assert [entry.body for entry in stage.entries("r0")] == [
        entries.Message("a"),
        entries.Message("b"),
    ]
