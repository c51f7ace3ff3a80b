"""Retirement: how guests go, how accounts are deleted, and what becomes of their words."""

from typing import Any

from molva.core import retirement
from molva.terms import actions, events
from molva.terms.ids import AccountId, ConversationId
from molva.terms.roles import Role
from tests.core.stage import Peer, Stage

BORIS = AccountId(2)


def company() -> tuple[Stage, Peer, Peer, Peer]:
    """Return anna, who owns the server, and boris, who said things, and vera, who heard them."""
    stage = Stage(owned=False)
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    boris.send(actions.Create(room="#tea"))
    vera.send(actions.Join(room="#tea"))
    boris.send(actions.NewMessage(text="secret one"))
    boris.send(actions.NewMessage(text="secret two", room="#tea"))
    boris.send(actions.NewWhisper(to="vera", text="secret three"))
    return stage, anna, boris, vera


def settle(stage: Stage) -> None:
    stage.prompt = True
    stage.settle()
    stage.advance(3.0)


def pages(peer: Peer) -> str:
    """Return all that one finds written, in every place."""
    found = []
    places: list[dict[str, Any]] = [{}, {"room": "#tea"}, {"with_": "boris~2"}]
    for number, place in enumerate(places):
        answer = peer.ask(actions.History(id=f"h{number}-{len(peer.heard)}", **place))
        assert isinstance(answer, events.History)
        found.append(str(answer))
    return " ".join(found)


def test_a_deleted_account_leaves_its_rooms_and_its_words_stay() -> None:
    stage, anna, boris, vera = company()
    boris.send(actions.DeleteAccount(id="d"))
    assert boris.closed and boris.of(events.Done)[-1].id == "d"
    assert stage.store.disk.roles[ConversationId("r2"), AccountId(3)] is Role.OWNER
    assert all(f"secret {n}" in pages(vera) for n in ("one", "two", "three"))
    (departed,) = [e for e in vera.heard if isinstance(e, events.Departed)]
    assert departed.words
    for name in ("boris", "Boris"):
        assert stage.enter(name).results[0].code == "name_taken"


def test_words_that_are_to_go_are_gone_at_once_and_for_ever() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    boris.send(actions.DeleteAccount(words=False))
    stage.persist()
    stage.acknowledge()
    asked = actions.History(id="soon")
    vera.send(asked, actions.History(room="#tea", id="tea"))
    for _ in range(4):
        stage.read()
        stage.hand_back()
    told = vera.of(events.History)
    assert told and "secret" not in str(told)
    settle(stage)
    assert "secret" not in pages(vera)
    assert "secret" not in pages(stage.restart().resume(vera))


def test_a_page_on_its_way_while_words_go_does_not_tell_them() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    boris.send(actions.DeleteAccount(words=False))
    vera.send(actions.History(room="#tea", id="h"))
    stage.read()
    stage.persist()
    stage.acknowledge()
    stage.persist()
    stage.acknowledge()
    stage.hand_back()
    (told,) = vera.of(events.History)
    assert "secret" not in str(told)


def test_a_server_that_ends_while_words_go_goes_on_with_it() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    boris.send(actions.DeleteAccount(words=False))
    stage.persist()
    assert stage.store.disk.erasing
    again = stage.restart()
    assert not again.store.disk.erasing
    assert "secret" not in pages(again.resume(vera))


def test_words_go_part_by_part_also_when_the_store_is_away() -> None:
    stage, anna, boris, vera = company()
    for number in range(retirement.ERASED_AT_ONCE // 2_500):
        boris.send(actions.NewMessage(text=f"secret {number}"))
    stage.prompt = False
    boris.send(actions.DeleteAccount(words=False))
    stage.persist()
    stage.acknowledge()
    stage.store.unavailable = True
    stage.persist()
    stage.acknowledge()
    stage.store.unavailable = False
    settle(stage)
    assert not stage.store.disk.erasing and "secret" not in pages(vera)


def test_what_was_not_heard_does_not_tell_of_itself_when_words_go() -> None:
    stage, anna, boris, vera = company()
    vera.send(actions.Block(user="boris"))
    boris.send(actions.NewWhisper(to="vera", text="secret four"))
    vera.take()
    stage.prompt = False
    boris.send(actions.DeleteAccount(words=False))
    stage.persist()
    stage.acknowledge()
    vera.send(actions.History(with_="boris~2", id="h"))
    stage.read()
    stage.hand_back()
    (page,) = vera.of(events.History)
    assert [type(entry).__name__ for entry in page.entries] == ["Gone", "Unheard"]


def test_who_is_being_deleted_says_nothing_more_on_another_device() -> None:
    stage, anna, boris, vera = company()
    link = boris.ask(actions.Link(id="l"))
    assert isinstance(link, events.Link)
    phone = stage.enter("boris", code=link.code)
    stage.prompt = False
    boris.send(actions.DeleteAccount())
    phone.send(actions.NewMessage(text="too late"), actions.NewWhisper(to="vera", text="late"))
    phone.send(actions.Create(room="#mine"))
    settle(stage)
    assert phone.closed and "late" not in str(stage.store.disk.logs)
    assert "#mine" not in [room.shown for room in stage.store.disk.conversations.values()]


def test_a_deletion_that_could_not_be_written_leaves_all_as_it_was() -> None:
    stage, anna, boris, vera = company()
    link = boris.ask(actions.Link(id="l"))
    assert isinstance(link, events.Link)
    phone = stage.enter("boris", code=link.code)
    stage.prompt = False
    boris.send(actions.DeleteAccount(id="d"))
    phone.send(actions.NewMessage(text="not yet", room="#tea"))
    stage.store.unavailable = True
    stage.persist()
    stage.store.unavailable = False
    settle(stage)
    assert boris.of(events.Error)[-1].code == "unavailable"
    assert "not yet" in vera.texts() and not boris.closed
    assert stage.enter("boris").results[0].code == "name_taken"
    boris.send(actions.DeleteAccount(id="e"))
    assert boris.closed


def test_a_room_made_while_its_maker_goes_is_closed() -> None:
    stage, anna, boris, vera = company()
    link = boris.ask(actions.Link(id="l"))
    assert isinstance(link, events.Link)
    phone = stage.enter("boris", code=link.code)
    stage.prompt = False
    phone.send(actions.Create(room="#mine"))
    boris.send(actions.DeleteAccount())
    settle(stage)
    vera.send(actions.Create(room="#mine"))
    assert stage.store.disk.members[ConversationId("r4"), AccountId(3)] == 1


def test_a_guest_who_is_banned_keeps_the_name_and_the_ban() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Ban(user="vera"))
    stage.advance(stage.limits.guest_hold_seconds + 1)
    assert stage.enter("vera").results[0].code == "name_taken"
    stage = stage.restart()
    assert stage.enter("vera", token=vera.token).results[0].code == "banned"
    stage.resume(anna).send(actions.Unban(user="vera"))
    stage.advance(stage.limits.guest_hold_seconds + 1)
    assert stage.enter("vera").welcome


def test_a_ban_of_who_was_deleted_is_in_no_list() -> None:
    stage, anna, boris, vera = company()
    boris.send(actions.Ban(user="vera", room="#tea"))
    boris.send(actions.NewWhisper(to="vera", text="x"))
    vera.send(actions.DeleteAccount())
    listed = boris.ask(actions.Sanctions(room="#tea", id="s"))
    assert isinstance(listed, events.Sanctions) and listed.sanctions == []
