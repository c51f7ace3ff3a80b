"""The life of a connection is the table, all of it and nothing else."""

import pytest

from molva.core.session import TRANSITIONS, Session, State, Trigger
from molva.terms.ids import ConnectionId


def session_in(state: State) -> Session:
    session = Session(ConnectionId(1), "192.0.2.1", 5.0)
    session.state = state
    return session


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("state", State)
def test_a_transition_is_in_the_table_or_raises_and_changes_nothing(
    state: State, trigger: Trigger
) -> None:
    session = session_in(state)
    if (state, trigger) in TRANSITIONS:
        session.move(trigger)
        assert session.state is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(KeyError):
            session.move(trigger)
        assert session.state is state


def test_closed_is_final_and_reached_from_every_other_state() -> None:
    assert not any(state is State.CLOSED for state, _ in TRANSITIONS)
    for state in set(State) - {State.CLOSED}:
        assert TRANSITIONS[state, Trigger.DISCONNECTED] is State.CLOSED


def test_nothing_leads_back_from_draining_to_being_heard() -> None:
    reached = {after for (before, _), after in TRANSITIONS.items() if before is State.DRAINING}
    assert reached == {State.CLOSED}


def test_only_a_registration_that_is_accepted_makes_a_session_live() -> None:
    ways = {way for way, after in TRANSITIONS.items() if after is State.LIVE}
    assert ways == {(State.CHECKING, Trigger.ACCEPTED)}


@pytest.mark.parametrize("state", State)
def test_a_session_may_be_sent_to_until_it_drains(state: State) -> None:
    open = state in (State.NEW, State.CHECKING, State.LIVE)
    assert session_in(state).open() is open


def test_a_new_session_is_nobody_with_an_open_window() -> None:
    session = session_in(State.NEW)
    assert session.account is None
    assert session.window_open and not session.busy and not session.held and not session.modern
    assert session.born_at == session.heard_at == session.tokens_at == 5.0
