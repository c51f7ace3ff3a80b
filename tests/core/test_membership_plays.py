"""Plays: several people do whatever they like, while the disk is slow, fails, or ends the server.

What must hold all the while is checked by the stage (nobody is told what is not for them), by a
reader of the logs (nobody wrote what they had no right to) and at each restart (who comes up again
is what went down).
"""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from molva.core.conversation import Room
from molva.terms import actions
from molva.terms.ids import AccountId
from molva.terms.ports import Appended
from molva.terms.roles import Role, RoomKind
from tests.core.reading_along import Reader
from tests.core.stage import Peer, Stage

PASSWORD = "correct horse"
NAMES = ("anna", "boris", "vera", "gleb", "dina")
ROOMS = ("#tea", "#tea", "#tea", "#den", "#hall", None, None, "#moderators")
KINDS = (RoomKind.PUBLIC, RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT)


def standing(stage: Stage) -> dict[str, Any]:
    """Return who is what and where, as a hub has it in mind."""
    chat = stage.hub._chat

    def here(ids: Any) -> list[AccountId]:
        found = (chat.accounts.get(id) for id in ids)
        return sorted(account.id for account in found if account and not account.retired)

    rooms = {
        room.id: (
            (room.shown, room.kind, room.topic, room.slow_seconds, room.frozen, room.open_from),
            dict(sorted(room.members.items())),
            dict(sorted(room.roles.items())),
            {id: room.muted[id].until for id in here(room.muted)},
            {id: room.banned[id].until for id in here(room.banned)},
            here(room.invited),
        )
        for room in chat.hall.by_id.values()
        if isinstance(room, Room)
    }
    people = {
        account.id: (
            (account.shown, account.role, account.guest, account.password_hash),
            sorted(account.devices),
            here(account.blocked or ()),
            sorted(account.rooms),
            sorted(account.invited or ()),
            {place: marker for place, marker in account.markers.items() if marker.through},
        )
        for account in chat.accounts
    }
    ranges = {address: held.until for address, held in chat.range_sentences.items()}
    named = sorted(room.shown for room in chat.hall.rooms.values())
    return {"rooms": rooms, "people": people, "ranges": ranges, "named": named}


class Play:
    """A stage, its people, and the dice."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.stage = Stage(owned=False)
        self.reader = Reader()
        self.peers: list[Peer] = []
        self.number = 0
        self.tokens: dict[str, str] = {}
        """The newest of each name."""
        for name in NAMES:
            peer = self.stage.enter(name)
            self.peers.append(peer)
            if name != "dina":
                peer.send(actions.SetPassword(new=PASSWORD))
                self.stage.hash()
        self.peers[0].send(actions.SetRole(user="boris", role=Role.ADMIN))
        self.peers[0].send(actions.SetRole(user="vera", role=Role.MODERATOR))
        owner = self.stage.hub._chat.accounts.find("anna")
        assert owner is not None and owner.role is Role.OWNER
        self.reader.server.roles[owner.id] = Role.OWNER
        for log in (self.stage.entries("r0"), self.stage.entries("r1")):
            for entry in log:
                self.reader.read(entry)
        self.stage.prompt = False

    # -- The disk

    def persist(self) -> None:
        """Let the disk do all that it was asked for, or fail in it."""
        before = len(self.stage.outcomes)
        self.stage.store.unavailable = self.dice.random() < 0.15
        self.stage.persist()
        self.stage.store.unavailable = False
        self.read_along(before)

    def read_along(self, before: int) -> None:
        for outcome in list(self.stage.outcomes)[before:]:
            if isinstance(outcome, Appended):
                self.reader.read(outcome.entry)

    def rest(self) -> None:
        """Let everything come to its end, and what is tried again be tried again."""
        for _ in range(8):
            for _ in range(200):
                before = len(self.stage.outcomes)
                self.stage.persist()
                self.read_along(before)
                self.stage.read()
                while self.stage.passwords:
                    self.stage.hash()
                if not (self.stage.outcomes or self.stage.answers or self.stage.writes):
                    break
                self.stage.acknowledge()
                self.stage.hand_back()
                self.stage.step()
            self.stage.elapsed += 1.0
            self.stage.step()
        assert not self.stage.writes and not self.stage.hub._chat.changing

    # -- The people

    def room(self) -> Any:
        groups = [r for r in self.stage.store.disk.conversations if r[0] == "r" and r[1:] > "1"]
        if groups and self.dice.random() < 0.1:
            return "#~" + self.dice.choice(groups)[1:]
        return self.dice.choice(ROOMS)

    def action(self) -> actions.AnyAction:
        dice = self.dice
        self.number += 1
        id = f"i{self.number}" if dice.random() < 0.7 else None
        if dice.random() < 0.05:
            id = f"i{dice.randint(1, self.number)}"
        room, user = self.room(), dice.choice(NAMES)
        seconds = dice.choice((None, 1, 3, 60))
        named = room or "#tea"
        heads = [len(log) for log in self.stage.store.disk.logs.values()]
        seq = dice.randint(1, max(heads))
        with_ = dice.choice((None, None, user))
        place: dict[str, Any] = {"room": None if with_ else room, "with_": with_}
        makers: list[Callable[[], actions.AnyAction]] = [
            *[lambda: actions.NewMessage(text="hi", room=room, id=id)] * 6,
            *[lambda: actions.Join(room=named, id=id)] * 4,
            *[lambda: actions.Kick(user=user, room=room, id=id)] * 2,
            *[lambda: actions.Ban(user=user, room=room, seconds=seconds, id=id)] * 2,
            *[lambda: actions.Unban(user=user, room=room, id=id)] * 3,
            *[lambda: actions.Mute(user=user, room=room, seconds=seconds, id=id)] * 2,
            *[lambda: actions.SetRole(user=user, role=dice.choice(list(Role)), room=room, id=id)]
            * 3,
            *[lambda: actions.Mode(room=room, kind=dice.choice(KINDS), id=id)] * 2,
            *[lambda: actions.Invite(room=named, user=user, id=id)] * 2,
            *[
                lambda: actions.Create(
                    room=dice.choice(("#tea", "#den", "#hall")), kind=dice.choice(KINDS), id=id
                )
            ]
            * 3,
            lambda: actions.NewWhisper(to=user, text="psst", id=id),
            lambda: actions.Leave(room=named, id=id),
            lambda: actions.Unmute(user=user, room=room, id=id),
            lambda: actions.Mode(room=room, frozen=dice.random() < 0.3, id=id),
            lambda: actions.Mode(room=room, slow_seconds=dice.choice((0, 2)), id=id),
            lambda: actions.Topic(room=named, text="today", id=id),
            lambda: actions.Rename(room=named, to=dice.choice(("#tea", "#den", "#Hall")), id=id),
            lambda: actions.Create(kind=RoomKind.GROUP, people=[user], id=id),
            lambda: actions.Remove(seq=seq, id=id, **place),
            lambda: actions.Restore(seq=seq, id=id, **place),
            lambda: actions.Report(seq=seq, id=id, **place),
            lambda: actions.History(limit=dice.randint(1, 20), **place),
            lambda: actions.Ledger(room=room, id=id),
            lambda: actions.Sanctions(room=room, id=id),
            lambda: actions.Read(through=seq, id=id, **place),
            lambda: actions.Block(user=user, id=id),
            lambda: actions.Unblock(user=user, id=id),
            lambda: actions.Ban(address=f"198.51.100.{dice.randint(0, 9)}", seconds=2, id=id),
            lambda: actions.Invitation(id=id),
        ]
        if dice.random() < 0.005:
            return actions.DeleteAccount(words=dice.random() < 0.5, password=None, id=id)
        if dice.random() < 0.02:
            return actions.SetPassword(new=PASSWORD, old=PASSWORD, id=id)
        if dice.random() < 0.02:
            return actions.SignOut(everywhere=dice.random() < 0.5, id=id)
        return dice.choice(makers)()

    def come(self, peer: Peer) -> Peer:
        """Come back as this device, or by one's password, or under a name that is free."""
        stage, dice = self.stage, self.dice
        if peer.name and peer.token:
            self.tokens[peer.name] = peer.token
        again = stage.connect(f"198.51.100.{dice.randint(0, 9)}")
        cursors = {}
        if dice.random() < 0.5:
            cursors = {room: dice.randint(0, 5) for room in sorted({r for r in ROOMS if r})}
        name = peer.name if peer.name and dice.random() < 0.7 else dice.choice(NAMES)
        token = self.tokens.get(name) if dice.random() < 0.8 else None
        password = None if token else PASSWORD
        if password and dice.random() < 0.3:
            name, password = f"guest{dice.randint(1, 4)}", None
        again.send(
            actions.Registration(
                name=name, token=token, password=password, features=["echo"], cursors=cursors
            )
        )
        again.token = token
        return again

    def act(self) -> None:
        """Let one thing happen."""
        stage, dice = self.stage, self.dice
        place = dice.randrange(len(self.peers))
        peer = self.peers[place]
        what = dice.random()
        if what < 0.14:
            self.persist()
        elif what < 0.3:
            stage.acknowledge(dice.choice((1, 2, None)))
        elif what < 0.34:
            stage.read(1)
        elif what < 0.38:
            stage.hand_back(1)
        elif what < 0.4 and stage.passwords:
            stage.hash(busy=dice.random() < 0.1)
        elif what < 0.43:
            stage.elapsed += dice.choice((0.1, 1.0, 2.0))
            stage.step()
        elif peer.closed or peer.gone or (not peer.name and dice.random() < 0.5):
            if not peer.gone:
                peer.leave()
            self.peers[place] = self.come(peer)
        elif what < 0.44:
            peer.leave()
        elif what < 0.45:
            peer.close_window()
        elif what < 0.48:
            peer.open_window()
        else:
            peer.send(*(self.action() for _ in range(dice.choice((1, 1, 2)))))

    def restart(self) -> None:
        """End the server when all is quiet, and compare what comes up with what went down."""
        for peer in self.peers:
            if not peer.gone:
                peer.leave()
        self.rest()
        before = standing(self.stage)
        old = self.stage
        self.stage = Stage(old.store.disk, elapsed=old.elapsed, ids=old.ids)
        self.stage.wall = old.wall
        assert standing(self.stage) == before
        self.stage.prompt = False
        self.peers = [self.come(peer) for peer in self.peers]


@pytest.mark.parametrize("seed", range(24))
def test_whatever_people_do_nobody_writes_or_hears_what_is_not_theirs(seed: int) -> None:
    play = Play(seed)
    for _ in range(4):
        for _ in range(150):
            play.act()
        play.restart()
