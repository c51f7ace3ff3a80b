"""The log: contiguous, its newest entries in memory, slices within their bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.core.log import Log
from molva.terms import events
from molva.terms.entries import AnyBody, Entry, Joined, Message
from molva.terms.ids import AccountId, ConversationId, Seq

EVENT = events.NewMessage(text="", from_="anna")
WIDE = 10**9


def entry(seq: int, ordinal: int, body: AnyBody | None = None) -> Entry:
    """Return an entry; a message unless it is said otherwise."""
    said = Message(f"text {seq}") if body is None else body
    return Entry(ConversationId("r1"), Seq(seq), ordinal, 0, AccountId(1), "anna", None, said)


def log_of(count: int, *, entries_max: int = 100) -> Log:
    """Return a log of so many messages."""
    log = Log(Seq(0), 0)
    for seq in range(1, count + 1):
        log.append(entry(seq, seq), EVENT, entries_max)
    return log


def seqs(log: Log, after: int, *, limit: int = WIDE, bytes_max: int = WIDE) -> list[int] | None:
    """Return the seqs of a slice."""
    lines = log.slice(after=Seq(after), limit=limit, bytes_max=bytes_max)
    return None if lines is None else [line[0].seq for line in lines]


@pytest.mark.parametrize("seq", [0, 3, 5, 6])
def test_an_entry_enters_only_as_the_next_one(seq: int) -> None:
    log = log_of(3)
    with pytest.raises(AssertionError):
        log.append(entry(seq, seq), EVENT, 100)
    assert log.head == 3


@pytest.mark.parametrize(("ordinal", "body"), [(3, Message("x")), (5, Message("x")), (4, Joined())])
def test_the_ordinal_counts_messages_and_nothing_else(ordinal: int, body: AnyBody) -> None:
    with pytest.raises(AssertionError):
        log_of(3).append(entry(4, ordinal, body), EVENT, 100)


def test_what_is_no_message_moves_the_head_and_not_the_ordinal() -> None:
    log = log_of(3)
    log.append(entry(4, 3, Joined()), EVENT, 100)
    assert (log.head, log.ordinal) == (4, 3)


def test_a_log_taken_up_from_the_store_has_its_head_and_nothing_in_memory() -> None:
    log = Log(Seq(9), 7)
    assert (log.head, log.ordinal, log.base) == (9, 7, 9)
    assert seqs(log, 8) is None
    assert seqs(log, 9) == []


@given(
    st.integers(0, 30),
    st.integers(1, 12),
    st.integers(0, 32),
    st.integers(1, 12),
    st.integers(1, 40),
)
def test_a_slice_is_contiguous_begins_after_the_cursor_and_is_none_only_before_the_window(
    count: int, entries_max: int, after: int, limit: int, bytes_max: int
) -> None:
    log = log_of(count, entries_max=entries_max)
    assert log.base == max(0, count - entries_max)
    found = seqs(log, after, limit=limit, bytes_max=bytes_max)
    if after < log.base:
        assert found is None
        return
    assert found is not None
    assert found == list(range(after + 1, after + 1 + len(found)))
    assert len(found) <= limit
    assert bool(found) == (after < count)
    # All but the last fit; the last is the one that reached the bound.
    sizes = [len(f"text {seq}") for seq in found]
    assert sum(sizes[:-1]) < bytes_max


def test_the_bound_of_a_slice_counts_bytes_and_not_letters() -> None:
    log = Log(Seq(0), 0)
    for seq in range(1, 5):
        log.append(entry(seq, seq, Message("ж" * 10)), EVENT, 100)
    assert seqs(log, 0, bytes_max=40) == [1, 2]


def test_entries_without_text_cost_a_slice_nothing() -> None:
    log = Log(Seq(0), 0)
    for seq in range(1, 5):
        log.append(entry(seq, 0, Joined()), EVENT, 100)
    assert seqs(log, 0, bytes_max=1) == [1, 2, 3, 4]


def test_a_forgotten_window_leaves_the_head_and_grows_anew() -> None:
    log = log_of(5)
    log.forget()
    assert (log.head, log.ordinal, log.base) == (5, 5, 5)
    assert seqs(log, 4) is None
    log.append(entry(6, 6), EVENT, 100)
    assert log.base == 5
    assert seqs(log, 5) == [6]


def test_the_window_keeps_no_more_bytes_of_text_than_it_may() -> None:
    log = Log(Seq(0), 0)
    for seq in range(1, 9):
        log.append(entry(seq, seq, Message("ж" * 10)), EVENT, 100, 60)
    assert log.base == 5
    lines = log.slice(after=Seq(5), limit=100, bytes_max=1_000)
    assert lines is not None and [line[0].seq for line in lines] == [6, 7, 8]
    log.forget()
    log.append(entry(9, 9, Message("x" * 61)), EVENT, 100, 60)
    assert log.base == log.head == 9
