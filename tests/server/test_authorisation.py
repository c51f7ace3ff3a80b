"""Who may do what, over TCP: every action by every sort of person on every sort of thing (A6).

What is expected is written down here a second time, from the words of docs/protocol.md and not from
the program's own table. A refused action must have had no effect: the room's log is as it was. A
room that one may not know of and one that is not there are answered with the same bytes.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.peer import Object, Peer
from tests.serving import Server

KINDS = ("public", "private", "announcement", "group")
OPEN = ("public", "announcement")
ACTORS = (
    "anonymous",
    "outsider",
    "invited",
    "member",
    "guest",
    "muted",
    "ex_member",
    "banned",
    "moderator",
    "owner",
    "admin",
)
INSIDE = ("member", "guest", "muted", "moderator", "owner", "admin")
TARGETS = ("victim", "chief", "oneself", "stranger", "deleted", "nobody")
"""Whom an action is about: a member, the owner, oneself, somebody outside, no more, never."""
SEQS = ("theirs", "own", "gone", "entry", "absent")
"""Which message: another's, one's own, a removed one, what is no message, beyond the end."""

ON_PEOPLE = ("invite", "kick", "ban", "unban", "mute", "unmute", "role")
ON_MESSAGES = ("remove", "restore", "report")
PLAIN: dict[str, Object] = {
    "new_message": {"text": "hi"},
    "typing": {},
    "read": {"through": 1},
    "history": {},
    "users": {},
    "join": {},
    "leave": {},
    "topic": {"text": "tea"},
    "rename": {"to": "#another"},
    "mode": {"frozen": True},
    "mode kind": {"kind": "public"},
    "ledger": {},
    "sanctions": {},
}
UNKNOWN_ROOMS = ("foreign", "closed", "absent")
ROOM_ACTIONS = (*PLAIN, *ON_PEOPLE, *ON_MESSAGES)
OWN_AFFAIRS = (
    "new_whisper",
    "create",
    "create private",
    "create announcement",
    "create group",
    "rooms",
    "away",
    "block",
    "unblock",
    "blocks",
    "devices",
    "forget_device",
    "link",
    "password",
    "invitation",
    "invitations",
    "end_invitation",
    "accounts",
    "reset_password",
    "remove_account",
    "ping",
)
IN_GENERAL = ("anonymous", "guest", "member", "muted", "moderator", "admin")

Cell = tuple[str, str, str, str]
"""Actor, kind of room, action, and the thing it is about."""


def cells() -> Iterator[Cell]:
    """Yield the matrix."""
    for actor in ACTORS:
        for kind in KINDS:
            yield from ((actor, kind, action, "") for action in PLAIN)
            yield from ((actor, kind, action, t) for action in ON_PEOPLE for t in TARGETS)
            yield from ((actor, kind, action, s) for action in ON_MESSAGES for s in SEQS)
        for unknown in UNKNOWN_ROOMS:
            yield from ((actor, unknown, action, "") for action in ROOM_ACTIONS)
        yield from ((actor, "", action, "") for action in OWN_AFFAIRS)


CELLS = tuple(cells())


# -- What is expected --------------------------------------------------------------------------


def rank(actor: str, kind: str) -> int:
    """Return how high somebody stands in a room: 1 a member, 2 a moderator, 3 an owner, 4 more."""
    if actor == "admin":
        return 4 if kind in OPEN else 1
    return {"owner": 3, "moderator": 2}.get(actor, 1)


def outside(actor: str, kind: str, action: str) -> str | None:
    """Return how somebody who is not in a room is refused; None for who is in it."""
    if actor in INSIDE or (actor == "invited" and kind == "group"):
        return None
    if action != "join":
        return "not_a_member"
    if kind in OPEN:
        return "banned" if actor == "banned" else "ok"
    return "ok" if actor == "invited" else "no_such_room"


def expected(cell: Cell) -> str:
    """Return `ok` or the code that is to answer a cell."""
    actor, kind, action, thing = cell
    if actor == "anonymous":
        return "ok" if action == "ping" else "not_authenticated"
    if not kind:
        return expected_at_home(actor, action)
    if kind in UNKNOWN_ROOMS:
        return "no_such_room" if action == "join" else "not_a_member"
    refused = outside(actor, kind, action)
    if refused is not None:
        return refused
    if action in ON_MESSAGES:
        return expected_of_message(actor, kind, action, thing)
    if action in ON_PEOPLE:
        return expected_of_person(actor, kind, action, thing)
    mine = rank(actor, kind)
    if action in ("new_message", "typing", "topic"):
        if actor == "muted":
            return "muted"
        return "not_allowed" if kind == "announcement" and mine < 2 else "ok"
    needed = {"mode": 2, "sanctions": 2, "mode kind": 3, "rename": 3}.get(action, 1)
    if mine < needed or (kind == "group" and action in ("rename", "mode kind")):
        return "not_allowed"
    return "ok"


def expected_of_message(actor: str, kind: str, action: str, thing: str) -> str:
    """Return what answers somebody in the room who names a message."""
    wanted = ("gone",) if action == "restore" else ("theirs", "own")
    if thing not in wanted:
        return "no_such_message"
    if action == "report" or thing == "own":
        return "ok"
    # The messages are the victim's, who is a member.
    return "ok" if rank(actor, kind) > 1 else "not_allowed"


def expected_of_person(actor: str, kind: str, action: str, thing: str) -> str:
    """Return what answers somebody in the room who names a person."""
    mine = rank(actor, kind)
    if action == "invite":
        needed = 1 if kind in ("public", "group") else 2
        if actor == "muted" and needed == 1:
            return "not_allowed"
    else:
        needed = 3 if action == "role" else 2
    if mine < needed:
        return "not_allowed"
    if thing in ("deleted", "nobody"):
        return "no_such_user"
    if action in ("invite", "unban", "unmute"):
        return "ok"
    if action == "role":
        if thing == "stranger":
            return "no_such_user"
        if thing == "oneself":
            return "ok"
        if thing == "chief":
            # There is no other owner, unless it is the one who asks.
            return "last_owner" if mine > 3 else "not_allowed"
        return "ok"
    if thing == "oneself" or (thing == "chief" and mine <= 3):
        return "not_allowed"
    if thing == "stranger" and action in ("kick", "mute"):
        return "no_such_user"
    return "ok"


def expected_at_home(actor: str, action: str) -> str:
    """Return what answers an action that names no room."""
    if action in ("create private", "create announcement", "create group") and actor == "guest":
        return "not_allowed"
    if action in ("forget_device", "end_invitation"):
        if action == "end_invitation" and actor != "admin":
            return "not_allowed"
        return {"forget_device": "no_such_device"}.get(action, "no_such_invitation")
    if action in ("invitation", "invitations", "accounts", "reset_password", "remove_account"):
        return "ok" if actor == "admin" else "not_allowed"
    return "ok"


# -- The world ---------------------------------------------------------------------------------


class World:
    """A server, its people, and a room in which one of them stands as a cell asks."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.numbers = count(1)
        self.keeper = server.enter("keeper")
        assert self.keeper.welcome["role"] == "owner"
        code = self.keeper.ask("invitation", uses=40)["code"]
        self.chief = server.enter("chief", code=code)
        self.victim = server.enter("victim", code=code)
        self.stranger = server.enter("stranger", code=code)
        gone = server.enter("deleted", code=code)
        gone.send("delete_account", id="d")
        gone.rest()
        gone.close()
        self.people = {
            actor: server.enter(f"the-{actor}", code=code)
            for actor in ACTORS
            if actor not in ("anonymous", "guest")
        }
        self.people["guest"] = server.enter("visitor")
        self.people["anonymous"] = server.peer()
        self.keeper.ask("role", user=self.people["admin"].name, role="admin")
        secret = self.chief.ask("create", room="#foreign", kind="private")
        assert secret["room"] == "#foreign"
        self.closed = "#closed"
        self.chief.ask("create", room=self.closed)
        self.chief.ask("leave", room=self.closed)
        self.room = ""
        self.seqs: dict[str, int] = {}
        self.standing: tuple[str, str] | None = None

    def arrange(self, actor: str, kind: str) -> Peer:
        """Have a room of a kind in which an actor is what it is called; return the actor."""
        peer = self.people[actor]
        if kind not in KINDS or self.standing == (actor, kind):
            return peer
        chief, name = self.chief, peer.name
        inside = actor in INSIDE or actor in ("ex_member", "banned")
        inside = inside or (actor == "invited" and kind == "group")
        if kind == "group":
            others = [self.victim.name, self.stranger.name]
            self.room = chief.ask("create", kind=kind, people=others)["room"]
            self.stranger.ask("leave", room=self.room)
            if inside:
                chief.ask("invite", room=self.room, user=name)
        else:
            self.room = f"#{kind}-{next(self.numbers)}"
            chief.ask("create", room=self.room, kind=kind)
            chief.ask("invite", room=self.room, user=self.victim.name)
            self.victim.ask("join", room=self.room)
            if inside or actor == "invited":
                chief.ask("invite", room=self.room, user=name)
            if inside:
                assert "error" not in peer.ask("join", room=self.room)["action"]
        self._say(actor, peer, kind, inside)
        self.standing = (actor, kind)
        return peer

    def _say(self, actor: str, peer: Peer, kind: str, inside: bool) -> None:
        """Let there be messages, then give the actor what it is to have."""
        chief, room = self.chief, self.room
        if kind == "announcement":
            # Members write nothing here: they may for a moment.
            chief.ask("mode", room=room, kind="public")
        self.seqs = {"entry": 1, "absent": 1_000_000}
        for thing, speaker in (("theirs", self.victim), ("gone", self.victim), ("own", peer)):
            if speaker is peer and not inside:
                self.seqs[thing] = self.seqs["theirs"]
                continue
            self.seqs[thing] = speaker.ask("new_message", room=room, text="word")["seq"]
        chief.ask("remove", room=room, seq=self.seqs["gone"])
        if kind == "announcement":
            chief.ask("mode", room=room, kind="announcement")
        if actor in ("moderator", "owner"):
            chief.ask("role", room=room, user=peer.name, role=actor)
        elif actor == "muted":
            chief.ask("mute", room=room, user=peer.name)
        elif actor == "banned":
            chief.ask("ban", room=room, user=peer.name)
        elif actor == "ex_member":
            peer.ask("leave", room=room)

    def close(self) -> None:
        """Let everybody go."""
        for peer in (self.keeper, self.chief, self.victim, self.stranger, *self.people.values()):
            peer.close()

    def head(self) -> int:
        """Return where the room's log ends."""
        return int(self.chief.ask("history", room=self.room, limit=1)["head"])

    def fields(self, cell: Cell) -> Object:
        """Return the action's fields."""
        actor, kind, action, thing = cell
        rooms = {"foreign": "#foreign", "closed": self.closed, "absent": "#never-made"}
        fields: Object = {"room": rooms.get(kind, self.room)} if kind else {}
        plain: Object = PLAIN.get(action, {})
        fields |= plain
        if action == "rename":
            fields["to"] = f"#renamed-{next(self.numbers)}"
        if action in ON_PEOPLE:
            fields["user"] = {
                "oneself": self.people[actor].name or "nobody",
                "nobody": "never-here",
            }.get(thing or "victim", thing or "victim")
            if action == "role":
                fields["role"] = "member" if thing == "oneself" else "moderator"
        if action in ON_MESSAGES:
            fields["seq"] = self.seqs.get(thing, 1)
        return fields | self._at_home(cell)

    def _at_home(self, cell: Cell) -> Object:
        number = next(self.numbers)
        fields: dict[str, Object] = {
            "new_whisper": {"to": "victim", "text": "hi"},
            "create": {"room": f"#made-{number}"},
            "create private": {"room": f"#made-{number}", "kind": "private"},
            "create announcement": {"room": f"#made-{number}", "kind": "announcement"},
            "create group": {"kind": "group", "people": ["victim"]},
            "block": {"user": "stranger"},
            "unblock": {"user": "stranger"},
            "forget_device": {"device": "none-such"},
            "end_invitation": {"invitation": "none-such"},
            "password": {"new": "a password of mine"},
            "reset_password": {"user": "stranger", "new": "another password"},
            "remove_account": {"user": "extra"},
        }
        if cell[2] == "remove_account" and cell[0] == "admin":
            self.server.enter("extra").close()
        return fields.get(cell[2], {}) if not cell[1] else {}

    def ask(self, cell: Cell) -> Object:
        """Let the actor do it, and return the answer."""
        actor, kind, action, _ = cell
        peer = self.arrange(actor, kind)
        fields = self.fields(cell)
        before = self.head() if kind in KINDS else 0
        answer = peer.ask(action.partition(" ")[0], **fields)
        if answer["action"] == "error":
            if kind in KINDS:
                assert self.head() == before, f"{cell} was refused and has an effect"
        else:
            self.standing = None
        return answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world that the tests of this module share."""
    data: Path = tmp_path_factory.mktemp("authorisation") / "data"
    data.mkdir(mode=0o700)
    # Each cell that succeeds needs a new room, with the same people.
    sizes = "rooms_max = 100000\nrooms_per_account_max = 100000\ninvites_per_account_max = 100000\n"
    (data / "molva.toml").write_text(f"[limits]\n{sizes}")
    server = Server(data, "--quiet").start()
    try:
        world = World(server)
        yield world
        world.close()
    finally:
        server.close()


def test_the_matrix_has_at_least_three_thousand_cells() -> None:
    assert len(set(CELLS)) == len(CELLS) >= 3_000


@pytest.mark.parametrize("kind", (*KINDS, *UNKNOWN_ROOMS, ""))
@pytest.mark.parametrize("actor", ACTORS)
def test_a6_everybody_may_do_what_the_words_say_and_nothing_else(
    world: World, actor: str, kind: str
) -> None:
    wrong = {}
    for cell in CELLS:
        if cell[:2] == (actor, kind):
            answer = world.ask(cell)
            found = answer["code"] if answer["action"] == "error" else "ok"
            if found != expected(cell):
                wrong[cell] = (found, expected(cell))
    assert wrong == {}


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor != "anonymous"])
def test_a6_what_one_may_not_know_of_and_what_is_not_there_are_answered_alike(
    world: World, actor: str
) -> None:
    peer = world.people[actor]
    for action in ROOM_ACTIONS:
        answers = set()
        for kind in UNKNOWN_ROOMS:
            fields = world.fields((actor, kind, action, ""))
            fields |= {"to": "#to"} if action == "rename" else {}
            answer = peer.ask(action.partition(" ")[0], id="same", **fields)
            answers.add(json.dumps(answer).replace(fields["room"], "#room"))
        assert len(answers) == 1, answers


@pytest.mark.parametrize("actor", IN_GENERAL)
def test_a6_in_general_the_role_on_the_server_counts(world: World, actor: str) -> None:
    standing = {"moderator": 2, "admin": 3}.get(actor, 1)
    peer = server_person(world, actor)
    wrong: dict[str, Any] = {}
    for action in ("kick", "ban", "unban", "mute", "unmute", "role", "sanctions", "mode", "ledger"):
        passer = world.server.enter(f"passer-{next(world.numbers)}")
        fields: Object = {"user": passer.name} if action in ON_PEOPLE else {}
        fields |= {"slow_seconds": 0} if action == "mode" else {}
        fields |= {"role": "member"} if action == "role" else {}
        answer = peer.ask(action, **fields)
        found = answer["code"] if answer["action"] == "error" else "ok"
        needed = {"role": 3, "ledger": 1}.get(action, 2)
        wanted = "ok" if standing >= needed else "not_allowed"
        if actor == "anonymous":
            wanted = "not_authenticated"
        if found != wanted:
            wrong[action] = (found, wanted)
        passer.close()
    assert wrong == {}


def server_person(world: World, actor: str) -> Peer:
    """Return somebody who is on the server what the actor is called."""
    if actor in ("anonymous", "guest", "admin"):
        return world.people[actor]
    peer = world.people["outsider"]
    world.keeper.ask("role", user=peer.name, role="moderator" if actor == "moderator" else "member")
    world.keeper.ask("mute" if actor == "muted" else "unmute", user=peer.name)
    return peer
