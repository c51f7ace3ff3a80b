"""Removals: taking messages away, putting them back, reporting them, and the ledger."""

from typing import Any

import pytest

from molva.terms import actions, entries, events
from molva.terms.errors import Code
from molva.terms.limits import Rate
from molva.terms.roles import Role, RoomKind
from tests.core.stage import Peer, Stage


def company(**limits: Any) -> tuple[Stage, Peer, Peer, Peer]:
    """Return anna, who owns the server, boris who moderates it, and vera, who said a thing."""
    stage = Stage(owned=False, **limits)
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    vera.send(actions.NewMessage(text="secret"))
    for peer in (anna, boris, vera):
        peer.take()
    return stage, anna, boris, vera


def said(stage: Stage) -> int:
    return next(e.seq for e in stage.entries("r0") if e.name == "vera")


def page(peer: Peer, **where: Any) -> list[object]:
    answer = peer.ask(actions.History(id=f"page{len(peer.heard)}", **where))
    assert isinstance(answer, events.History)
    return list(answer.entries)


def words(peer: Peer, **where: Any) -> list[str]:
    return [getattr(entry, "text", "") for entry in page(peer, **where)]


def test_who_said_it_takes_it_away_and_its_place_stays() -> None:
    stage, anna, boris, vera = company()
    removed = vera.ask(actions.Remove(seq=said(stage), reason="oops", id="r"))
    assert isinstance(removed, events.Removed)
    assert (removed.target, removed.user, removed.from_) == (said(stage), "vera", "vera")
    assert "secret" not in words(anna)
    gone = next(e for e in page(anna) if isinstance(e, events.Gone))
    assert (gone.seq, gone.from_) == (said(stage), "vera")


def test_a_moderator_takes_away_what_who_stands_lower_said_and_no_more() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.NewMessage(text="mine"))
    mine = len(stage.entries("r0"))
    assert boris.refused(actions.Remove(seq=mine, id="a")) == "not_allowed"
    assert vera.refused(actions.Remove(seq=mine, id="b")) == "not_allowed"
    assert isinstance(boris.ask(actions.Remove(seq=said(stage), id="c")), events.Removed)
    assert vera.refused(actions.Restore(seq=said(stage), id="d")) == "not_allowed"
    assert isinstance(boris.ask(actions.Restore(seq=said(stage), id="e")), events.Restored)
    assert "secret" in words(vera)


def test_a_removal_asked_for_again_is_the_same_and_a_second_one_finds_nothing() -> None:
    stage, anna, boris, vera = company()
    once = actions.Remove(seq=said(stage), id="r")
    vera.send(once)
    again = vera.ask(once)
    assert isinstance(again, events.Stored) and again.seq == len(stage.entries("r0"))
    assert vera.refused(actions.Remove(seq=said(stage), id="s")) == "no_such_message"
    assert vera.refused(actions.Remove(seq=1, id="r")) == "id_conflict"
    assert boris.refused(actions.Restore(seq=1, id="t")) == "no_such_message"


@pytest.mark.parametrize("seq", [0, 1, 99, 2**53 - 1])
def test_what_is_no_message_is_not_taken_away(seq: int) -> None:
    stage, anna, boris, vera = company()
    for action in (
        actions.Remove(seq=seq, id="a"),
        actions.Restore(seq=seq, id="b"),
        actions.Report(seq=seq, id="c"),
    ):
        assert anna.refused(action) == "no_such_message"


def test_of_two_who_take_away_the_same_one_is_told_that_it_is_gone() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    anna.send(actions.Remove(seq=said(stage), id="a"))
    boris.send(actions.Remove(seq=said(stage), id="b"))
    stage.settle()
    assert anna.of(events.Error) == []
    assert [e.code for e in boris.of(events.Error)] == ["no_such_message"]


def test_in_a_direct_conversation_one_takes_away_and_puts_back_only_what_one_said() -> None:
    stage, anna, boris, vera = company()
    vera.send(actions.NewWhisper(to="anna", text="psst"))
    assert anna.refused(actions.Remove(seq=1, with_="vera", id="a")) == "not_allowed"
    told = vera.ask(actions.Remove(seq=1, with_="anna", id="b"))
    assert isinstance(told, events.Removed) and told.to == "anna"
    assert "psst" not in words(anna, with_="vera")
    assert anna.refused(actions.Restore(seq=1, with_="vera", id="c")) == "not_allowed"
    vera.send(actions.Restore(seq=1, with_="anna", id="d"))
    assert "psst" in words(anna, with_="vera")


def test_a_page_on_its_way_while_a_message_is_removed_does_not_tell_it() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    vera.send(actions.Remove(seq=said(stage)))
    stage.read()
    stage.hand_back()
    boris.send(actions.History(id="h"))
    stage.read()
    stage.persist()
    stage.acknowledge()
    stage.hand_back()
    (answer,) = boris.of(events.History)
    assert "secret" not in [getattr(entry, "text", "") for entry in answer.entries]


def test_who_loses_the_right_while_the_message_is_looked_at_takes_nothing_away() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    boris.send(actions.Remove(seq=said(stage), id="r"))
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    stage.read()
    stage.hand_back()
    stage.settle()
    assert not any(isinstance(e.body, entries.Removed) for e in stage.entries("r0"))
    assert [e.code for e in boris.of(events.Error)] == ["not_allowed"]


def test_who_is_banned_while_the_message_is_looked_at_does_nothing_more() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    vera.send(actions.Remove(seq=said(stage), id="r"))
    anna.send(actions.Ban(user="vera"))
    stage.persist()
    stage.acknowledge()
    stage.settle()
    assert vera.closed
    assert isinstance(stage.entries("r0")[-1].body, entries.Banned)


def test_the_store_that_cannot_read_is_told_and_may_be_asked_again() -> None:
    stage, anna, boris, vera = company()
    stage.store.unavailable = True
    assert vera.refused(actions.Remove(seq=said(stage), id="r")) == "unavailable"
    assert vera.refused(actions.Ledger(id="l")) == "unavailable"
    stage.store.unavailable = False
    assert isinstance(vera.ask(actions.Remove(seq=said(stage), id="r")), events.Removed)


# -- Reports -----------------------------------------------------------------------------------


def test_a_report_is_for_moderators_and_keeps_what_was_said() -> None:
    stage, anna, boris, vera = company()
    gleb = stage.enter("gleb")
    report = actions.Report(seq=said(stage), reason="rude", id="p")
    assert gleb.ask(report) == events.Done(id="p")
    vera.send(actions.Remove(seq=said(stage)))
    assert gleb.ask(report) == events.Done(id="p")
    assert gleb.refused(actions.Report(seq=said(stage), id="q")) == "no_such_message"
    (told,) = boris.of(events.Reported)
    assert (told.text, told.user, told.from_, told.about) == ("secret", "vera", "gleb", "#general")
    assert not any(isinstance(e, events.Reported) for peer in (gleb, vera) for e in peer.heard)


def test_reports_are_bounded() -> None:
    stage = Stage(reports_per_account=Rate(per_second=0.1, burst=1))
    vera = stage.enter("vera")
    vera.send(actions.NewMessage(text="x"))
    assert vera.ask(actions.Report(seq=1, id="p")) == events.Done(id="p")
    assert vera.refused(actions.Report(seq=1, id="q")) == "rate_limited"


# -- The ledger --------------------------------------------------------------------------------


def test_the_ledger_tells_who_did_what_to_whom_page_by_page() -> None:
    stage, anna, boris, vera = company()
    for number in range(5):
        anna.send(actions.Mute(user="vera", reason=f"reason {number}"))
    newest = vera.ask(actions.Ledger(limit=2, id="l"))
    assert isinstance(newest, events.Ledger) and newest.more
    assert [e.reason for e in newest.entries if isinstance(e, events.Muted)] == [
        "reason 3",
        "reason 4",
    ]
    rest = vera.ask(actions.Ledger(before=newest.entries[0].seq, limit=50, id="m"))
    assert isinstance(rest, events.Ledger) and not rest.more
    assert [type(e).__name__ for e in rest.entries] == ["Role", "Muted", "Muted", "Muted"]


def test_the_ledger_of_a_private_room_begins_where_one_came() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Create(room="#den", kind=RoomKind.PRIVATE))
    for _ in range(3):
        anna.send(actions.Mode(room="#den", slow_seconds=1))
    anna.send(actions.Invite(room="#den", user="vera"))
    vera.send(actions.Join(room="#den"))
    answer = vera.ask(actions.Ledger(room="#den", limit=1, id="l"))
    assert isinstance(answer, events.Ledger)
    assert (answer.entries, answer.more) == ([], False)
    assert boris.refused(actions.Ledger(room="#den", id="l")) == Code.NOT_A_MEMBER


def test_the_ledger_does_not_tell_an_address() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Ban(address="203.0.113.0/24"))
    answer = vera.ask(actions.Ledger(id="l"))
    assert isinstance(answer, events.Ledger)
    assert "203.0.113" not in str(answer) and "203.0.113" not in str(vera.heard)


def test_who_is_blocked_takes_a_whisper_back_and_the_blocker_sees_none_of_it() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(actions.Block(user="boris"))
    anna.take()
    boris.send(actions.NewWhisper(to="anna", text="word", id="w"))
    (said,) = [e for e in boris.take() if isinstance(e, events.NewWhisper)]
    assert said.seq is not None
    boris.send(actions.Remove(seq=said.seq, with_="anna", id="r"))
    (removed,) = [e for e in boris.take() if isinstance(e, events.Removed)]
    assert (removed.target, removed.to) == (said.seq, "anna")
    page = boris.ask(actions.History(with_="anna", id="h"))
    assert isinstance(page, events.History)
    assert [type(entry) for entry in page.entries] == [events.Gone, events.Removed]
    boris.send(actions.Restore(seq=said.seq, with_="anna"))
    page = boris.ask(actions.History(with_="anna", id="h2"))
    assert isinstance(page, events.History) and page.entries[0] == said
    page = anna.ask(actions.History(with_="boris", id="h3"))
    assert isinstance(page, events.History)
    assert {type(entry) for entry in page.entries} == {events.Unheard}
    assert "word" not in repr(anna.heard)
