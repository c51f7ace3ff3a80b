"""Moderation: putting people out, letting them only read, roles, and what may overtake what."""

from typing import Any

from molva.terms import actions, entries, events
from molva.terms.ids import AccountId, ConversationId
from molva.terms.roles import Role, RoomKind
from tests.core.stage import Peer, Stage


def company(**limits: Any) -> tuple[Stage, Peer, Peer, Peer]:
    """Return anna, who owns the server and `#tea`, boris who moderates both, and vera."""
    stage = Stage(owned=False, **limits)
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR))
    anna.send(actions.Create(room="#tea"))
    for peer in (boris, vera):
        peer.send(actions.Join(room="#tea"))
    anna.send(actions.SetRole(user="boris", role=Role.MODERATOR, room="#tea"))
    for peer in (anna, boris, vera):
        peer.take()
    stage.prompt = False
    return stage, anna, boris, vera


def bodies(stage: Stage, room: str = "r2") -> list[object]:
    return [entry.body for entry in stage.entries(room)]


def settle(stage: Stage) -> None:
    """Let all come to its end, and what is tried again be tried again."""
    stage.prompt = True
    stage.settle()
    stage.advance(3.0)


# -- Racing ------------------------------------------------------------------------------------


def test_who_is_being_kicked_says_nothing_that_comes_after() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Kick(user="vera", room="#tea"))
    vera.send(actions.NewMessage(text="too late", room="#tea", id="m"))
    settle(stage)
    assert isinstance(bodies(stage)[-1], entries.Kicked)
    (error,) = [e for e in vera.heard if isinstance(e, events.Error)]
    assert (error.code, error.id) == ("not_a_member", "m")


def test_what_was_said_before_a_kick_stays_before_it() -> None:
    stage, anna, boris, vera = company()
    vera.send(actions.NewMessage(text="in time", room="#tea"))
    anna.send(actions.Kick(user="vera", room="#tea"))
    boris.send(actions.NewMessage(text="without her", room="#tea"))
    settle(stage)
    told = [type(body).__name__ for body in bodies(stage)[-3:]]
    assert told == ["Message", "Kicked", "Message"]
    assert vera.texts() == ["in time"]


def test_of_two_moderators_who_act_on_each_other_the_first_wins() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER, room="#tea"))
    stage.prompt = False
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    boris.send(actions.Kick(user="vera", room="#tea", id="k"))
    boris.send(actions.Mute(user="vera", id="m"))
    settle(stage)
    assert not any(isinstance(body, entries.Kicked) for body in bodies(stage))
    codes = [e.code for e in boris.heard if isinstance(e, events.Error)]
    assert codes == ["not_allowed", "not_allowed"]


def test_a_change_that_could_not_be_written_keeps_nobody_waiting() -> None:
    stage, anna, boris, vera = company()
    anna.send(actions.Kick(user="vera", room="#tea", id="k"))
    vera.send(actions.NewMessage(text="still here", room="#tea"))
    stage.store.unavailable = True
    stage.persist()
    stage.store.unavailable = False
    settle(stage)
    assert anna.of(events.Error)[0].code == "unavailable"
    assert "still here" in vera.texts()


# -- Asking twice ------------------------------------------------------------------------------


def test_a_retry_is_answered_though_one_has_lost_the_right() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    mute = actions.Mute(user="vera", room="#tea", reason="noise", id="once")
    boris.send(mute)
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER, room="#tea"))
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    again = boris.ask(mute)
    assert isinstance(again, events.Stored)
    other = actions.Mute(user="vera", room="#tea", reason="other words", id="once")
    assert boris.refused(other) == "id_conflict"
    assert boris.refused(actions.Mute(user="vera", room="#tea", id="new")) == "not_allowed"


# -- Bans --------------------------------------------------------------------------------------


def test_a_room_cannot_lift_what_holds_on_the_server() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    vera.send(actions.Create(room="#own"))
    gleb = stage.enter("gleb")
    gleb.send(actions.Join(room="#own"))
    vera.send(actions.Ban(user="gleb", room="#own"))
    anna.send(actions.Ban(address="203.0.113.0/24"))
    unban = actions.Unban(user="gleb", room="#own", address="203.0.113.0/24", id="u")
    assert vera.refused(unban) == "bad_field"
    assert stage.enter("dina", address="203.0.113.7").results[0].code == "banned"


def test_one_acts_only_on_who_stands_lower() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    for number, user in enumerate(("anna", "boris")):
        for action in (actions.Kick, actions.Ban, actions.Mute):
            assert boris.refused(action(user=user, id=f"{action.__name__}{number}")) == (
                "not_allowed"
            )
    assert vera.refused(actions.Kick(user="boris", room="#tea", id="v")) == "not_allowed"


def test_nobody_acts_on_who_is_going() -> None:
    stage, anna, boris, vera = company()
    vera.send(actions.DeleteAccount())
    tag = f"vera~{3}"
    anna.send(actions.Invite(room="#tea", user=tag, id="i"))
    anna.send(actions.SetRole(user=tag, role=Role.ADMIN, id="r"))
    anna.send(actions.Create(kind=RoomKind.GROUP, people=[tag], id="c"))
    settle(stage)
    codes = [e.code for e in anna.heard if isinstance(e, events.Error)]
    assert codes == ["no_such_user"] * 3
    assert not any(isinstance(b, entries.RoleSet) and b.account == 3 for b in bodies(stage, "r0"))


def test_the_list_of_sanctions_says_what_holds_and_until_when() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    anna.send(actions.Mute(user="vera", room="#tea", seconds=60))
    anna.send(actions.Ban(address="203.0.113.0/24"))
    listed = anna.ask(actions.Sanctions(room="#tea", id="s"))
    assert isinstance(listed, events.Sanctions)
    assert [(row.sanction, row.user) for row in listed.sanctions] == [("mute", "vera")]
    assert listed.sanctions[0].until is not None
    server = anna.ask(actions.Sanctions(id="t"))
    assert isinstance(server, events.Sanctions)
    assert [row.address for row in server.sanctions] == ["203.0.113.0/24"]
    assert vera.refused(actions.Sanctions(room="#tea", id="u")) == "not_allowed"


def test_a_ban_of_the_server_ends_every_connection_and_bars_the_devices() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    anna.send(actions.Ban(user="vera", devices=True, reason="spam", id="b"))
    assert vera.closed and vera.code == "banned"
    for name in ("vera", "somebody"):
        assert stage.enter(name, token=vera.token).results[0].code == "banned"
    anna.send(actions.Unban(user="vera"))
    again = stage.enter("vera", token=vera.token)
    assert again.results[0].code in ("bad_token", None)


# -- Owners ------------------------------------------------------------------------------------


def test_the_last_owner_of_the_server_stays_one() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    step_down = actions.SetRole(user="anna", role=Role.MEMBER, id="r")
    assert anna.refused(step_down) == "last_owner"
    assert anna.refused(actions.DeleteAccount(id="d")) == "last_owner"


def test_of_two_owners_who_go_at_once_one_stays() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    anna.send(actions.SetRole(user="boris", role=Role.OWNER))
    stage.prompt = False
    anna.send(actions.DeleteAccount(id="d"))
    boris.send(actions.DeleteAccount(id="e"))
    settle(stage)
    assert boris.of(events.Error)[-1].code == "last_owner"
    assert stage.store.disk.roles[ConversationId("r0"), AccountId(2)] is Role.OWNER


def test_an_owner_does_not_go_while_the_other_steps_down() -> None:
    stage, anna, boris, vera = company()
    stage.prompt = True
    anna.send(actions.SetRole(user="boris", role=Role.OWNER))
    stage.prompt = False
    anna.send(actions.SetRole(user="anna", role=Role.MEMBER, id="r"))
    boris.send(actions.DeleteAccount(id="e"))
    settle(stage)
    assert Role.OWNER in [r for (room, _), r in stage.store.disk.roles.items() if room == "r0"]
