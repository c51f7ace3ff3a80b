"""Errors: codes are stable words, each once."""

import re

from molva.terms.errors import CLOSING, Code, Refusal


def test_a_code_is_a_word_in_lower_case_and_named_as_it_is_written() -> None:
    for name, code in Code.__members__.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
        assert code == name.lower()
    assert len(set(Code)) == len(Code.__members__)


def test_what_closes_is_what_nothing_can_be_understood_or_trusted_after() -> None:
    assert CLOSING < set(Code)
    assert Code.BAD_JSON not in CLOSING and Code.RATE_LIMITED not in CLOSING
    assert {Code.TOO_LONG, Code.STALLED, Code.INTERNAL} <= CLOSING


def test_two_refusals_share_no_values() -> None:
    one, other = Refusal(Code.BUSY), Refusal(Code.BUSY)
    assert one == other and one.values is not other.values
    assert one.id is None
