"""Reading: markers that only move forward, and pages that are whole, in order and fit a frame."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molva.terms import actions, events
from molva.terms.errors import Code
from molva.terms.limits import FRAME_BYTES_MAX, TEXT_BYTES_MAX
from molva.wire.jsonl import format_event
from tests.core.stage import Peer, Stage

COUNT = 30


def room_of(count: int = COUNT) -> tuple[Stage, Peer]:
    """Return a stage, and somebody in a common room that holds so many messages."""
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(*[actions.NewMessage(text=str(number)) for number in range(1, count + 1)])
    return stage, anna


def page(peer: Peer, **asked: object) -> events.History:
    """Ask for a page and return it."""
    answer = peer.ask(actions.History(id="h", **asked))  # type: ignore[arg-type]
    assert isinstance(answer, events.History)
    return answer


def seqs(history: events.History) -> list[int | None]:
    return [entry.seq for entry in history.entries]


STAGE, ANNA = room_of()


@settings(deadline=None)
@given(
    st.sampled_from(["before", "after", "around", None]),
    st.integers(0, COUNT + 5),
    st.integers(1, 12),
)
def test_a_page_is_what_a_reader_of_the_whole_log_would_cut_out(
    anchor: str | None, seq: int, limit: int
) -> None:
    asked: dict[str, object] = {"limit": limit}
    if anchor is not None:
        asked[anchor] = seq
    found = page(ANNA, **asked)
    every = list(range(1, COUNT + 1))
    if anchor == "after":
        expected = [s for s in every if s > seq][:limit]
        more = bool(expected) and expected[-1] < COUNT
    elif anchor == "around":
        middle = min(seq, COUNT)
        earlier = limit // 2
        expected = [s for s in every if s < middle][-earlier:] if earlier else []
        expected += [s for s in every if s >= middle][: limit - earlier]
        more = expected != every
    else:
        stop = seq if anchor == "before" else COUNT + 1
        expected = [s for s in every if s < stop][-limit:]
        more = bool(expected) and expected[0] > 1
    assert seqs(found) == expected
    assert found.more is more
    assert (found.head, found.room) == (COUNT, "#general")


def test_two_anchors_are_one_too_many() -> None:
    anna = Stage().enter("anna")
    assert anna.refused(actions.History(before=1, after=1, id="h")) is Code.BAD_FIELD
    assert anna.refused(actions.History(room="#general", with_="anna")) is Code.BAD_FIELD
    assert anna.refused(actions.Read(room="#general", with_="anna", through=0)) is Code.BAD_FIELD


def test_what_holds_nothing_is_answered_without_the_store() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.enter("boris")
    stage.store.unavailable = True
    assert page(anna) == events.History(entries=[], head=0, room="#general", id="h")
    # Nothing was said between them yet.
    assert page(anna, with_="boris") == events.History(entries=[], head=0, with_="boris", id="h")


def test_what_one_is_not_in_has_no_pages() -> None:
    stage = Stage()
    stage.enter("boris").send(actions.Create(room="#tea"))
    anna = stage.enter("anna")
    assert anna.refused(actions.History(room="#tea")) is Code.NOT_A_MEMBER
    assert anna.refused(actions.History(room="#none")) is Code.NOT_A_MEMBER
    assert anna.refused(actions.History(with_="nobody")) is Code.NO_SUCH_USER
    assert anna.refused(actions.Read(room="#tea", through=1)) is Code.NOT_A_MEMBER


def test_a_member_may_read_what_was_said_before_they_came() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(actions.Create(room="#tea"), actions.NewMessage(room="#tea", text="early"))
    boris.send(actions.Join(room="#tea"))
    found = page(boris, room="#tea")
    assert [type(entry) for entry in found.entries] == [
        events.Created,
        events.NewMessage,
        events.Joined,
    ]


def test_who_leaves_while_a_page_is_loaded_does_not_get_it() -> None:
    stage = Stage()
    stage.enter("boris").send(actions.Create(room="#tea"))
    anna = stage.enter("anna", password="swordfish")
    stage.hash()
    second = stage.enter("anna", password="swordfish")
    stage.hash()
    anna.send(actions.Join(room="#tea"))
    stage.prompt = False
    second.take()
    second.send(actions.History(room="#tea", id="h"))
    anna.send(actions.Leave(room="#tea"))
    stage.persist()
    stage.acknowledge()
    stage.settle()
    assert second.one(events.Error).code is Code.NOT_A_MEMBER


def test_a_page_holds_nothing_that_the_hub_was_not_told_is_stored() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", password="swordfish")
    stage.hash()
    second = stage.enter("boris", password="swordfish")
    stage.hash()
    anna.send(actions.Create(room="#tea"))
    boris.send(actions.Join(room="#tea"))
    stage.prompt = False
    second.take()
    second.send(actions.History(room="#tea", after=0, id="h"))
    boris.send(actions.Leave(room="#tea"))
    anna.send(actions.NewMessage(room="#tea", text="they are gone"))
    stage.persist()
    stage.read()
    stage.hand_back()
    found = second.one(events.History)
    assert seqs(found) == [1, 2] and found.head == 2
    # From the asking to leave on, nothing more is asked for.
    assert second.refused(actions.History(room="#tea", after=0)) is Code.NOT_A_MEMBER
    stage.settle()


def test_while_the_store_cannot_read_a_page_is_refused_and_asked_again_it_comes() -> None:
    stage, anna = room_of()
    stage.store.unavailable = True
    assert anna.refused(actions.History(id="h")) is Code.UNAVAILABLE
    assert anna.refused(actions.History(around=4, id="h")) is Code.UNAVAILABLE
    stage.store.unavailable = False
    assert len(page(anna).entries) == COUNT


def test_who_goes_while_a_page_is_loaded_is_not_answered() -> None:
    stage, anna = room_of()
    stage.prompt = False
    anna.take()
    anna.send(actions.History(around=5, id="h"))
    anna.leave()
    stage.settle()
    assert anna.take() == []


@pytest.mark.parametrize("size", [TEXT_BYTES_MAX, TEXT_BYTES_MAX // 4, 900])
@pytest.mark.parametrize("anchor", ["before", "after", "around", None])
def test_a_page_is_cut_to_fit_a_frame_at_the_end_that_was_not_asked_for(
    anchor: str | None, size: int
) -> None:
    stage = Stage()
    anna = stage.enter("anna")
    text = '"\\' * (size // 2)
    anna.send(*[actions.NewMessage(text=text, id="x" * 60 + str(n)) for n in range(200)])
    asked: dict[str, object] = {"limit": 100}
    if anchor is not None:
        asked[anchor] = 101
    found = page(anna, **asked)
    assert found.more
    assert len(format_event(found)) < FRAME_BYTES_MAX
    there = [seq for seq in seqs(found) if seq is not None]
    assert there == list(range(there[0], there[-1] + 1))
    assert len(there) < 100
    if anchor == "after":
        assert there[0] == 102
    elif anchor == "around":
        assert 101 in there
        assert len(there) < 3 or there[0] < 101 < there[-1]
    else:
        assert there[-1] == (100 if anchor == "before" else 200)


def test_a_read_marker_moves_forward_and_all_devices_hear_of_it() -> None:
    stage = Stage()
    anna = stage.enter("anna", password="swordfish")
    stage.hash()
    second = stage.enter("anna", features=("ping",), password="swordfish")
    stage.hash()
    stage.enter("boris").send(*[actions.NewMessage(text=str(n)) for n in range(5)])
    told = anna.ask(actions.Read(through=3, id="r"))
    assert isinstance(told, events.Read)
    assert (told.room, told.through, told.unread, told.log) == ("#general", 3, 2, "@anna")
    assert [event.through for event in second.of(events.Read)] == [3]
    # It stands there already, and it does not go back.
    assert anna.ask(actions.Read(through=3, id="r")) == events.Done(id="r")
    assert anna.ask(actions.Read(through=1, id="s")) == events.Done(id="s")
    assert anna.refused(actions.Read(through=6, id="t")) is Code.CURSOR_AHEAD
    assert [event.through for event in second.of(events.Read)] == []


def test_markers_that_cross_end_at_the_furthest() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(*[actions.NewMessage(text=str(n)) for n in range(5)])
    stage.prompt = False
    anna.send(actions.Read(through=4, id="a"), actions.Read(through=2, id="b"))
    anna.send(actions.Read(through=4, id="a"))
    stage.settle()
    stage.prompt = True
    again = stage.resume(anna)
    assert [c.read for c in again.welcome.conversations or () if c.room] == [4]


def test_joins_and_topics_are_not_unread() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(actions.Create(room="#tea"))
    anna.leave()
    boris.send(actions.Join(room="#tea"), actions.Topic(room="#tea", text="x"))
    boris.send(actions.NewMessage(room="#tea", text="x"))
    again = stage.resume(anna)
    assert [c.unread for c in again.welcome.conversations or () if c.room == "#tea"] == [1]


def test_a_marker_of_a_person_is_told_under_their_name() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.send(actions.NewWhisper(to="anna", text="hi"))
    told = anna.ask(actions.Read(with_="boris", through=1, id="r"))
    assert isinstance(told, events.Read) and (told.with_, told.unread) == ("boris", 0)
    retry = anna.ask(actions.Read(with_="boris", through=1, id="r"))
    assert retry == events.Done(id="r")


def test_a_retry_of_a_marker_is_answered_also_by_who_has_left_the_room_since() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    anna.send(*[actions.NewMessage(room="#tea", text=str(n)) for n in range(5)])
    told = anna.ask(actions.Read(room="#tea", through=4, id="r"))
    assert isinstance(told, events.Read)
    anna.send(actions.Leave(room="#tea"))
    again = anna.ask(actions.Read(room="#tea", through=4, id="r"))
    assert again == events.Stored(id="r", seq=told.seq, log="@anna")
    assert anna.refused(actions.Read(room="#tea", through=5, id="r")) is Code.ID_CONFLICT


@pytest.mark.parametrize("reason", ['"' * 512, "ж" * 512, "\U0001f4a9" * 512])
def test_a_page_of_what_moderators_did_fits_a_frame_with_every_reason(reason: str) -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    for seconds in range(100):
        anna.send(actions.Mode(room="#tea", slow_seconds=seconds, reason=reason))
    found = page(anna, room="#tea", limit=100)
    ledger = anna.ask(actions.Ledger(room="#tea", limit=100, id="l"))
    assert isinstance(ledger, events.Ledger)
    for told in (found, ledger):
        assert len(told.entries) > 10 and told.more and told.entries[-1].seq == 101
        assert len(format_event(told)) <= FRAME_BYTES_MAX
