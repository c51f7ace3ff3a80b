"""Bodies: how much text each has, what is left without words, and what no store can hold."""

import pytest

from molva.store.bodies import holdable, text_bytes, wordless
from molva.terms.entries import (
    AnyBody,
    Banned,
    Created,
    Gone,
    Joined,
    Message,
    ModeSet,
    Removed,
    Reported,
    Topic,
    Unheard,
)
from molva.terms.ids import AccountId, Seq
from molva.terms.ports import ForgetDevices, MakeRoom
from molva.terms.roles import RoomKind

TEXTS: list[AnyBody] = [
    *(Message("\u044f\u044f"), Unheard("\u044f\u044f"), Topic("\u044f\u044f")),
    Reported("#long name", Seq(1), "anna", "\u044f\u044f", "rude"),
]
NO_TEXTS: list[AnyBody] = [
    *(Gone(), Joined(), Created("#team"), ModeSet(reason="loud")),
    Removed(Seq(1), "anna", AccountId(1), "rude"),
]


@pytest.mark.parametrize("body", TEXTS, ids=repr)
def test_a_text_is_counted_in_bytes(body: AnyBody) -> None:
    assert text_bytes(body) == 4


@pytest.mark.parametrize("body", NO_TEXTS, ids=repr)
def test_names_and_reasons_are_no_texts(body: AnyBody) -> None:
    assert text_bytes(body) == 0


def test_what_was_said_is_gone_without_its_words() -> None:
    assert wordless(Message("hi")) == Gone()


def test_what_was_unheard_stays_unheard_without_its_words() -> None:
    assert wordless(Unheard("hi")) == Unheard("")


@pytest.mark.parametrize("body", [*TEXTS[2:], *NO_TEXTS], ids=repr)
def test_the_rest_is_no_words_of_its_author(body: AnyBody) -> None:
    assert wordless(body) == body


@pytest.mark.parametrize(
    "thing",
    [
        *(2**63 - 1, -(2**63), "\U0010ffff", "", None, True, RoomKind.GROUP),
        *(("a", 1), Banned(AccountId(1), "anna", until=2**63 - 1)),
    ],
)
def test_what_a_file_can_hold(thing: object) -> None:
    assert holdable(thing)


@pytest.mark.parametrize(
    "thing",
    [
        *(2**63, -(2**63) - 1, "\ud800", ("a", "\ud800"), Banned(AccountId(1), "a", until=2**63)),
        ForgetDevices(AccountId(1), ("t", "\udfff")),
        MakeRoom("r\ud800", "#a", "#a", "#a"),  # type: ignore[arg-type]
    ],
    ids=ascii,
)
def test_what_no_file_can_hold(thing: object) -> None:
    assert not holdable(thing)
