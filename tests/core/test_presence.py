"""Presence: who is told to be here is here, told at once when quiet and together when busy."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from molva.core.accounts import Account
from molva.core.presence import Presence
from molva.terms.ids import AccountId
from molva.terms.limits import UNLIMITED
from molva.terms.names import parse_name

WINDOW = UNLIMITED.presence_window_seconds


def account(number: int, name: str) -> Account:
    """Return an account of that name."""
    return Account(AccountId(number), parse_name(name), None)


ANNA, BORIS, VERA = account(1, "anna"), account(2, "Boris"), account(3, "вера")
PEOPLE = (ANNA, BORIS, VERA)


def shown(accounts: list[Account]) -> list[str]:
    return [account.shown for account in accounts]


def test_names_are_sorted_by_key_whatever_their_case() -> None:
    presence = Presence()
    for person in (VERA, BORIS, ANNA):
        presence.arrive(person, 0.0)
    assert presence.names() == ["anna", "Boris", "вера"]
    assert len(presence) == 3


def test_the_first_change_after_a_quiet_time_is_due_at_once_and_the_next_after_the_window() -> None:
    presence = Presence()
    presence.arrive(ANNA, 5.0)
    assert presence.tell_at == 5.0
    assert presence.take(5.0, UNLIMITED) == ([ANNA], [])
    assert presence.tell_at is None
    presence.arrive(BORIS, 5.0 + WINDOW / 2)
    due = presence.tell_at
    assert due is not None and 5.0 + WINDOW <= due <= 5.0 + 2 * WINDOW
    presence.arrive(VERA, 5.0 + WINDOW / 2)
    assert presence.tell_at == due


def test_the_window_grows_with_the_number_online_up_to_its_maximum() -> None:
    presence = Presence()
    for number in range(1, 251):
        presence.arrive(account(number, f"guest{number}"), 0.0)
    presence.take(0.0, UNLIMITED)
    presence.leave(account(1, "guest1"), 0.0)
    assert presence.tell_at is not None and presence.tell_at > 1.9 * WINDOW
    presence.take(10.0, UNLIMITED)
    short = replace(UNLIMITED, presence_window_seconds_max=2 * WINDOW)
    for number in range(1_000, 1_500):
        presence.arrive(account(number, f"guest{number}"), 20.0)
    presence.take(20.0, short)
    presence.leave(account(1_000, "guest1000"), 20.0)
    assert presence.tell_at == 20.0 + 2 * WINDOW


def test_who_comes_back_before_anybody_heard_or_saw_is_not_told_of() -> None:
    presence = Presence()
    presence.arrive(ANNA, 0.0)
    presence.take(0.0, UNLIMITED)
    presence.leave(ANNA, 0.0)
    presence.arrive(ANNA, 0.0)
    assert presence.take(0.0, UNLIMITED) == ([], [])


def test_who_goes_before_anybody_heard_or_saw_is_not_told_of() -> None:
    presence = Presence()
    presence.arrive(ANNA, 0.0)
    presence.leave(ANNA, 0.0)
    assert presence.take(0.0, UNLIMITED) == ([], [])


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["turn", "show", "tell"]))))
def test_who_was_shown_a_list_and_hears_every_change_after_it_knows_who_is_here(
    steps: list[tuple[Account, str]],
) -> None:
    presence = Presence()
    here: set[str] = set()
    lists: list[set[str]] = []
    """What each who was shown a list believes."""
    for person, step in steps:
        if step == "turn":
            if person.shown in here:
                presence.leave(person, 0.0)
            else:
                presence.arrive(person, 0.0)
            here ^= {person.shown}
        elif step == "show":
            assert set(presence.names()) == here
            lists.append(set(here))
        else:
            arrived, left = presence.take(0.0, UNLIMITED)
            for believed in lists:
                believed -= set(shown(left))
                believed |= set(shown(arrived))
            assert all(believed == here for believed in lists)
