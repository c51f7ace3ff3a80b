"""Codes: however somebody types one, it is the same; what differs stays different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.terms.admission import ALPHABET, Access, Admission, plain_code, spelled_code
from molva.terms.limits import CODE_CHARACTERS_MAX

CODES = st.text(ALPHABET, min_size=1, max_size=24)


def test_the_alphabet_holds_nothing_that_is_taken_for_something_else() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)
    assert plain_code(ALPHABET) == ALPHABET


@pytest.mark.parametrize(
    ("plain", "spelled"),
    [("", ""), ("7", "7"), ("7QF3", "7QF3"), ("7QF3M0RD", "7QF3-M0RD"), ("7QF3M", "7QF3-M")],
)
def test_a_code_is_shown_in_groups(plain: str, spelled: str) -> None:
    assert spelled_code(plain) == spelled


@given(CODES)
def test_a_code_that_is_shown_is_taken_back(code: str) -> None:
    assert plain_code(spelled_code(code)) == code


@given(CODES, st.data())
def test_a_code_may_be_typed_in_many_ways(code: str, data: st.DataObject) -> None:
    looks = {"0": "0Oo", "1": "1IiLl"}
    typed = []
    for character in code:
        typed.append(data.draw(st.sampled_from(looks.get(character, character * 2))))
        typed.append(data.draw(st.sampled_from(["", "-", " ", "‐", "–", "‑", "−", "—", "\u00a0"])))
    text = "".join(typed)
    text = data.draw(st.sampled_from([text, text.lower(), text.upper()]))
    if len(text) <= CODE_CHARACTERS_MAX:
        assert plain_code(text) == code


def test_a_code_may_be_typed_as_it_looks_on_a_russian_keyboard() -> None:
    assert plain_code("АВЕК-МНОР-стух-7о1i") == "ABEKMH0PCTYX7011"


@pytest.mark.parametrize("typed", ["ß" * CODE_CHARACTERS_MAX, "ΐ" * 30, "ıſǰ" * 21])
def test_a_letter_whose_capital_is_several_does_not_make_it_longer(typed: str) -> None:
    assert len(plain_code(typed)) <= CODE_CHARACTERS_MAX
    assert plain_code(plain_code(typed)) == plain_code(typed)


@given(CODES, CODES)
def test_two_codes_stay_two(one: str, other: str) -> None:
    assert (plain_code(one) == plain_code(other)) == (one == other)


@given(st.text(max_size=3 * CODE_CHARACTERS_MAX))
def test_whatever_is_typed_is_bounded_and_said_the_same_twice(typed: str) -> None:
    plain = plain_code(typed)
    assert plain_code(plain) == plain
    assert len(plain) <= CODE_CHARACTERS_MAX
    assert "-" not in plain and " " not in plain


def test_anybody_may_join_unless_it_is_said() -> None:
    assert Admission() == Admission(access=Access.OPEN, join_code_digest=None)
    assert [str(access) for access in Access] == ["open", "code", "accounts"]
