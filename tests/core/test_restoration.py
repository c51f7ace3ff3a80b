"""Restoration: a hub made of what the store holds knows what the one before it knew."""

from molva.core.conversation import Room
from molva.core.hub import Hub
from molva.terms import actions
from molva.terms.roles import Role
from tests.core.stage import Stage


def room_of(hub: Hub, name: str) -> Room:
    room = hub._chat.find_room(name)
    assert room is not None
    return room


def test_rooms_people_and_what_they_may_are_as_they_were() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    boris = stage.enter("boris")
    stage.enter("vera")
    anna.send(actions.Create(room="#tea", topic="leaves"))
    boris.send(actions.Join(room="#tea"))
    anna.send(actions.SetRole(user="boris", room="#tea", role=Role.MODERATOR))
    anna.send(actions.Invite(user="vera", room="#tea"))
    anna.send(actions.Mode(room="#tea", slow_seconds=7, frozen=True))
    anna.send(actions.Block(user="vera"))
    before = room_of(stage.hub, "#tea")
    after = room_of(stage.restart().hub, "#tea")
    for name in ("topic", "kind", "slow_seconds", "frozen", "open_from", "members", "roles"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.invited == before.invited != {}
    accounts = stage.restart().hub._chat.accounts
    people = {account.shown: account for account in accounts}
    assert list(people["anna"].blocked or ()) == [people["vera"].id]
    assert list(people["vera"].invited or ()) == [after.id]


def test_a_ban_is_told_with_its_end_and_its_reason_after_a_restart_too() -> None:
    stage = Stage(owned=False)
    anna = stage.enter("anna")
    boris = stage.enter("boris")
    anna.send(actions.Ban(user="boris", seconds=3600, reason="enough"))
    refused = stage.restart().resume(boris).results[-1]
    assert refused.code == "banned"
    assert refused.text is not None and refused.text.endswith("enough") and "UTC" in refused.text
