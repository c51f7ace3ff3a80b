"""Membership: what entries make of a room's people, and what follows without anybody's asking."""

from typing import Any

from molva.terms import actions, entries, events
from molva.terms.ids import AccountId, ConversationId
from molva.terms.roles import Role, RoomKind
from tests.core.stage import Peer, Stage

ANNA, BORIS, VERA = (AccountId(number) for number in (1, 2, 3))


def company(**limits: Any) -> tuple[Stage, Peer, Peer, Peer]:
    """Return anna, who owns the server and `#tea`, and boris and vera, who are in `#tea`."""
    stage = Stage(owned=False, **limits)
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    anna.send(actions.Create(room="#tea"))
    for peer in (boris, vera):
        peer.send(actions.Join(room="#tea"))
    for peer in (anna, boris, vera):
        peer.take()
    return stage, anna, boris, vera


def settle(stage: Stage) -> None:
    """Let all come to its end, and what is tried again be tried again."""
    stage.prompt = True
    stage.settle()
    stage.advance(3.0)


def fail(stage: Stage) -> None:
    """Let the store fail at all that it was asked for."""
    stage.store.unavailable = True
    stage.persist()
    stage.store.unavailable = False


def kinds(stage: Stage, room: str) -> list[str]:
    return [type(entry.body).__name__ for entry in stage.entries(room)]


# -- Succession --------------------------------------------------------------------------------


def test_a_moderator_succeeds_an_owner_who_goes_before_who_is_there_longest() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="vera", role=Role.MODERATOR, room="#tea"))
    anna.send(actions.Leave(room="#tea"))
    assert stage.store.disk.roles[ConversationId("r2"), VERA] is Role.OWNER


def test_nobody_succeeds_who_is_being_put_out() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR, room="#tea"))
    anna.send(actions.SetRole(user="vera", role=Role.ADMIN))
    stage.prompt = False
    anna.send(actions.Leave(room="#tea"))
    vera.send(actions.Kick(user="boris", room="#tea"))
    settle(stage)
    members = [who for room, who in stage.store.disk.members if room == "r2"]
    owners = [who for (room, who), r in stage.store.disk.roles.items() if room == "r2"]
    assert members == owners == [VERA]


def test_nobody_acts_on_an_heir_by_what_they_were_before() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="vera", role=Role.MODERATOR))
    stage.prompt = False
    anna.send(actions.Leave(room="#tea"))
    stage.persist()
    stage.acknowledge()
    assert stage.writes, "nobody is to succeed"
    vera.send(actions.Kick(user="boris", room="#tea", id="r"))
    settle(stage)
    assert vera.of(events.Error)[-1].code == "not_allowed"
    assert stage.store.disk.roles[ConversationId("r2"), BORIS] is Role.OWNER


def test_a_succession_that_could_not_be_written_is_tried_again() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    anna.send(actions.Leave(room="#tea"))
    stage.persist()
    stage.acknowledge()
    stage.step()
    fail(stage)
    settle(stage)
    assert stage.store.disk.roles[ConversationId("r2"), BORIS] is Role.OWNER


def test_a_room_that_nobody_is_in_is_closed_and_invites_nobody() -> None:
    stage, anna, boris, vera = company()
    boris.send(actions.Create(room="#den", kind=RoomKind.PRIVATE))
    boris.send(actions.Invite(room="#den", user="vera"))
    boris.send(actions.Leave(room="#den"))
    vera.leave()
    assert stage.resume(vera).welcome.invited is None
    assert boris.refused(actions.Join(room="#den", id="j")) == "no_such_room"


# -- Among the moderators ----------------------------------------------------------------------


def test_who_moderates_the_server_is_among_the_moderators_and_no_longer() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    assert [room for room, who in stage.store.disk.members if who == BORIS] == ["r2", "r1"]
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    assert [room for room, who in stage.store.disk.members if who == BORIS] == ["r2"]


def test_who_is_promoted_and_demoted_at_once_does_not_stay_among_the_moderators() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    for _ in range(3):
        stage.persist()
        stage.acknowledge(1)
    settle(stage)
    assert ("r1", BORIS) not in stage.store.disk.members
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    stage.prompt = False
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    for _ in range(3):
        stage.persist()
        stage.acknowledge(1)
    settle(stage)
    assert ("r1", BORIS) in stage.store.disk.members


def test_who_is_no_moderator_any_more_says_nothing_further_to_them() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    stage.prompt = False
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    stage.persist()
    stage.acknowledge()
    boris.send(actions.NewMessage(text="still here", room="#moderators", id="m"))
    settle(stage)
    assert kinds(stage, "r1")[-1] == "Kicked"
    assert boris.of(events.Error)[-1].code == "not_a_member"


def test_the_moderators_are_tried_again_when_the_store_was_away() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    stage.persist()
    stage.acknowledge()
    fail(stage)
    settle(stage)
    assert ("r1", BORIS) in stage.store.disk.members


def test_after_a_restart_each_is_put_out_from_the_moderators_once() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    stage.prompt = False
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    stage.persist()
    stage = stage.restart()
    assert kinds(stage, "r1").count("Kicked") == 1


def test_nobody_leaves_the_common_room_or_the_moderators() -> None:
    stage, anna, boris, vera = company()
    assert anna.refused(actions.Leave(room="#general", id="a")) == "common_room"
    assert anna.refused(actions.Leave(room="#moderators", id="b")) == "common_room"


def test_a_ban_takes_the_role_away_and_the_place_among_the_moderators() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    anna.send(actions.Ban(user="boris"))
    assert boris.closed and ("r1", BORIS) not in stage.store.disk.members
    anna.send(actions.Unban(user="boris"))
    assert stage.resume(boris).welcome.role is Role.MEMBER


def test_who_is_made_a_member_by_a_role_keeps_the_name_though_they_have_no_password() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.SetRole(user="vera", role=Role.MEMBER))
    vera.leave()
    stage.advance(stage.limits.guest_hold_seconds + 1)
    assert stage.resume(vera).welcome.role is Role.MEMBER


# -- Ends in time ------------------------------------------------------------------------------


def test_a_mute_ends_in_time_by_an_entry_of_the_server() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Mute(user="vera", room="#tea", seconds=60))
    assert vera.refused(actions.NewMessage(text="hi", room="#tea", id="m")) == "muted"
    stage.wall += 7_200_000
    stage.advance(59.0)
    assert kinds(stage, "r2")[-1] == "Muted"
    stage.advance(2.0)
    assert (kinds(stage, "r2")[-1], stage.entries("r2")[-1].name) == ("Unmuted", "molva")


def test_a_ban_whose_end_passed_while_the_server_was_down_ends_when_it_is_up() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Ban(user="vera", room="#tea", seconds=60))
    wall = stage.wall
    stage = stage.restart()
    assert kinds(stage, "r2")[-1] == "Banned"
    later = Stage(stage.store.disk, ids=stage.ids, elapsed=stage.elapsed, prompt=False)
    later.wall = wall + 61_000
    assert kinds(later, "r2")[-1] in ("Banned", "Unbanned")
    settle(later)
    later.advance(61.0)
    assert kinds(later, "r2")[-1] == "Unbanned"


def test_an_end_that_the_store_could_not_write_is_tried_again() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Mute(user="vera", room="#tea", seconds=60))
    stage.store.unavailable = True
    stage.advance(65.0)
    assert kinds(stage, "r2")[-1] == "Muted"
    stage.store.unavailable = False
    stage.advance(2.0)
    assert kinds(stage, "r2")[-1] == "Unmuted"


def test_what_was_undone_before_its_end_does_not_end_again() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Mute(user="vera", room="#tea", seconds=60))
    anna.send(actions.Unmute(user="vera", room="#tea"))
    stage.advance(61.0)
    assert kinds(stage, "r2").count("Unmuted") == 1


def test_a_second_ban_is_not_ended_by_the_end_of_the_first() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Ban(user="vera", room="#tea", seconds=60))
    stage.prompt = False
    anna.send(actions.Ban(user="vera", room="#tea", seconds=600))
    stage.elapsed += 61.0
    stage.step()
    settle(stage)
    assert kinds(stage, "r2")[-2:] == ["Banned", "Banned"]
    assert vera.refused(actions.Join(room="#tea", id="j")) == "banned"
    stage.advance(600.0)
    assert kinds(stage, "r2")[-1] == "Unbanned"


# -- Who sees what -----------------------------------------------------------------------------


def test_a_room_that_was_private_for_a_while_shows_each_what_is_theirs() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.NewMessage(text="open", room="#tea"))
    anna.send(actions.Mode(room="#tea", kind=RoomKind.PRIVATE))
    anna.send(actions.NewMessage(text="closed", room="#tea"))
    anna.send(actions.Mode(room="#tea", kind=RoomKind.PUBLIC))
    gleb = stage.enter("gleb")
    gleb.send(actions.Join(room="#tea"))
    for page in (
        actions.History(room="#tea", id="n"),
        actions.History(room="#tea", after=0, id="a"),
        actions.History(room="#tea", around=1, id="r"),
    ):
        answer = gleb.ask(page)
        assert isinstance(answer, events.History)
        assert [type(e).__name__ for e in answer.entries] == ["Mode", "Joined"]
        assert not answer.more
    before = boris.ask(actions.History(room="#tea", id="b"))
    assert isinstance(before, events.History)
    assert "closed" in [getattr(e, "text", "") for e in before.entries]


def test_who_lags_in_a_room_that_becomes_private_gets_a_gap_for_what_is_hidden() -> None:
    stage, anna, boris, vera = company()
    for number in range(5):
        anna.send(actions.NewMessage(text=f"open {number}", room="#tea"))
    gleb = stage.enter("gleb")
    gleb.send(actions.Join(room="#tea"))
    stage = stage.restart()
    anna = stage.resume(anna)
    stage.prompt = False
    again = stage.resume(gleb, cursors={"#tea": 0})
    assert stage.loads
    anna.send(actions.Mode(room="#tea", kind=RoomKind.PRIVATE))
    stage.persist()
    stage.acknowledge()
    settle(stage)
    gap = next(e for e in again.heard if isinstance(e, events.Gap) and e.room == "#tea")
    joined = next(e.seq for e in stage.entries("r2") if e.account == 4)
    assert (gap.after, gap.through) == (0, joined - 1)
    assert not any(text.startswith("open") for text in again.texts())


def test_a_page_asked_for_while_the_room_becomes_private_holds_what_may_be_seen() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.NewMessage(text="open", room="#tea"))
    gleb = stage.enter("gleb")
    gleb.send(actions.Join(room="#tea"))
    gleb.take()
    stage.prompt = False
    gleb.send(actions.History(room="#tea", id="h"))
    stage.read()
    anna.send(actions.Mode(room="#tea", kind=RoomKind.PRIVATE))
    stage.persist()
    stage.acknowledge()
    stage.hand_back()
    (page,) = gleb.of(events.History)
    assert [type(entry).__name__ for entry in page.entries] == ["Joined"]


def test_a_cursor_below_what_one_may_see_gets_a_gap() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Create(room="#den", kind=RoomKind.PRIVATE))
    anna.send(actions.NewMessage(text="before", room="#den"))
    anna.send(actions.Invite(room="#den", user="vera"))
    vera.send(actions.Join(room="#den"))
    vera.leave()
    again = stage.resume(vera, cursors={"#den": 0})
    gap = next(e for e in again.heard if isinstance(e, events.Gap))
    assert (gap.room, gap.through) == ("#den", 3) and "before" not in again.texts()


def test_an_invitation_that_came_with_ones_own_joining_is_no_more_after_a_restart() -> None:
    stage, anna, boris, vera = company()
    gleb = stage.enter("gleb")
    stage.prompt = False
    gleb.send(actions.Join(room="#tea"))
    anna.send(actions.Invite(room="#tea", user="gleb"))
    settle(stage)
    gleb.leave()
    assert stage.restart().resume(gleb).welcome.invited is None


def test_two_who_ask_for_one_name_leave_it_with_the_one_who_has_it() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = False
    anna.send(actions.Rename(room="#tea", to="#coffee"))
    vera.send(actions.Create(room="#coffee", id="c"))
    settle(stage)
    assert vera.of(events.Error)[-1].code == "room_exists"
    boris.send(actions.NewMessage(text="found", room="#coffee"))
    assert "found" in anna.texts()
    anna.send(actions.Rename(room="#coffee", to="#COFFEE"))
    anna.send(actions.Rename(room="#COFFEE", to="#tea", id="r"))
    assert isinstance(anna.ask(actions.Rename(room="#coffee", to="#tea", id="r")), events.Stored)
    assert isinstance(stage.entries("r2")[-1].body, entries.Renamed)


def test_who_joins_just_before_a_room_is_renamed_hears_of_it_by_the_name_it_had() -> None:
    stage, anna, boris, vera = company()
    gleb = stage.enter("gleb")
    gleb.take()
    stage.prompt = False
    gleb.send(actions.Join(room="#tea"))
    anna.send(actions.Rename(room="#tea", to="#coffee"))
    settle(stage)
    told = [e for e in gleb.take() if isinstance(e, events.Conversations | events.LogEvent)]
    listed = next(e for e in told if isinstance(e, events.Conversations))
    assert listed.conversations[0].room == "#tea"
    rooms = [e.room for e in told if isinstance(e, events.Joined | events.Renamed)]
    assert rooms == ["#tea", "#coffee"]
