"""Cursors and read markers only advance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.core.cursor import NOTHING_READ, Cursor, ReadMarker
from molva.terms.ids import Seq

SEQS = st.integers(0, 2**53 - 1)


@given(st.lists(SEQS))
def test_whatever_is_asked_a_cursor_stands_at_the_greatest_seq_so_far_and_refuses_the_rest(
    seqs: list[int],
) -> None:
    cursor = Cursor(Seq(0))
    greatest = 0
    for seq in seqs:
        if seq < greatest:
            with pytest.raises(AssertionError):
                cursor.advance(Seq(seq))
        else:
            cursor.advance(Seq(seq))
            greatest = seq
        assert cursor.sent == greatest


def test_a_cursor_may_stay_where_it_is() -> None:
    cursor = Cursor(Seq(4))
    cursor.advance(Seq(4))
    assert cursor.sent == 4


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_unread_is_the_difference_of_two_counts_and_never_below_zero(read: int, more: int) -> None:
    assert ReadMarker(Seq(read), read).unread(read + more) == more


def test_a_marker_beyond_the_head_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        ReadMarker(Seq(5), 5).unread(4)


def test_who_has_read_nothing_has_everything_unread() -> None:
    assert NOTHING_READ.unread(7) == 7
