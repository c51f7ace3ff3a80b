"""Who sees and does what: rooms, invitations, moderators and limits, each by its number.

The numbers are those of the threat catalogue: A accounts and access, P the state of the protocol.
All is asked of the real server over TCP. A stranger to a room must get not one byte of it: words
that nobody else uses are looked for in everything that their connection was sent.
"""

import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from tests.hostile import (
    JOIN_CODE,
    PASSWORD,
    PRESENCE,
    Town,
    attempt,
    farewell,
    inhabited,
    rate,
    refused,
    together,
)
from tests.peer import Object, Peer
from tests.serving import Server

NewServer = Callable[..., Server]


@pytest.fixture
def town(new_server: NewServer) -> Iterator[Town]:
    """Return a town without rates."""
    with inhabited(new_server("--quiet"), guest_hold_seconds=600) as town:
        yield town


def told_since(peer: Peer) -> str:
    """Return all that a connection was told by now, as text."""
    return json.dumps(peer.fence(), ensure_ascii=False)


def code_of(peer: Peer, action: str, **fields: Any) -> str:
    """Return how an action is answered: the code of a refusal or the name of an event."""
    return refused(peer.ask(action, **fields))


def private_room(town: Town, owner: Peer, *members: Peer, room: str = "#hidden") -> str:
    """Make a private room with members in it."""
    assert code_of(owner, "create", room=room, kind="private") == "created"
    for member in members:
        owner.ask("invite", room=room, user=member.name)
        assert code_of(member, "join", room=room) in ("joined", "stored")
    return room


# -- A7: who was a member --------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["left", "kicked", "banned"])
@pytest.mark.parametrize("kind", ["private", "group"])
def test_a7_who_is_out_of_a_room_has_nothing_of_it_from_there_on(
    town: Town, kind: str, end: str
) -> None:
    anna, boris, celia = (town.enter(n, password=PASSWORD) for n in ("anna", "boris", "celia"))
    if kind == "group":
        room = str(anna.ask("create", kind="group", people=["boris", "celia"])["room"])
    else:
        room = private_room(town, anna, boris, celia)
    mine = boris.ask("new_message", room=room, text="mine")["seq"]
    gone = boris.ask("new_message", room=room, text="taken back")["seq"]
    boris.ask("remove", room=room, seq=gone)
    theirs = anna.ask("new_message", room=room, text="theirs")["seq"]
    boris.ask("read", room=room, through=mine)
    typist = town.enter("boris", password=PASSWORD, features=("echo", "typing"))
    cursor = boris.ask("history", room=room)["head"]
    if end == "left":
        boris.ask("leave", room=room)
    else:
        assert (
            code_of(anna, {"kicked": "kick", "banned": "ban"}[end], room=room, user="boris") == end
        )
    boris.fence()
    typist.fence()
    before = anna.ask("history", room=room)["head"]
    # Whatever they try is refused as if there was no such room.
    tries: list[tuple[str, Object]] = [
        ("history", {}),
        ("history", {"before": mine + 1}),
        ("history", {"around": theirs}),
        ("users", {}),
        ("typing", {}),
        ("new_message", {"text": "still here"}),
        ("topic", {"text": "mine"}),
        ("read", {"through": theirs}),
        ("ledger", {}),
        ("sanctions", {}),
        ("remove", {"seq": mine}),
        ("restore", {"seq": gone}),
        ("report", {"seq": theirs}),
        ("invite", {"user": "boris"}),
        ("invite", {"user": "witness"}),
        ("rename", {"to": "#mine"}),
        ("mode", {"frozen": True}),
        ("mode", {"kind": "public"}),
        ("role", {"user": "boris", "role": "owner"}),
        ("unban", {"user": "boris"}),
        ("leave", {}),
    ]
    for peer in (boris, typist):
        for action, fields in tries:
            assert code_of(peer, action, room=room, **fields) == "not_a_member", action
        assert code_of(peer, "join", room=room) == "no_such_room"
        assert room not in json.dumps(peer.ask("rooms"))
    # Nothing that goes on there reaches them, on any device or by any cursor.
    for speaker in (anna, celia):
        speaker.ask("new_message", room=room, text="zebra")
        speaker.ask("typing", room=room)
    anna.ask("topic", room=room, text="zebra")
    anna.ask("remove", room=room, seq=theirs)
    for peer in (boris, typist):
        told = told_since(peer)
        assert "zebra" not in told and room not in told
    for cursors in ({room: cursor}, {room: 0}, {room: 10**6}, {}):
        with town.server.peer() as back:
            assert attempt(back, "boris", password=PASSWORD, cursors=cursors) == "successful"
            seen = json.dumps(back.welcome) + told_since(back)
            assert room not in seen and "zebra" not in seen and "theirs" not in seen
    town.restart()
    back = town.enter("boris", token=boris.token, cursors={room: cursor, "@boris": 0})
    told = told_since(back)
    assert "zebra" not in json.dumps(back.welcome) + told
    assert code_of(back, "join", room=room) == "no_such_room"
    anna = town.enter("anna", token=anna.token)
    page = anna.ask("history", room=room)
    assert "still here" not in json.dumps(page) and page["head"] > before


def test_a7_who_comes_back_sees_nothing_of_between(town: Town) -> None:
    anna, boris = (town.enter(n, password=PASSWORD) for n in ("anna", "boris"))
    room = private_room(town, anna, boris)
    boris.ask("new_message", room=room, text="before")
    boris.ask("leave", room=room)
    between = anna.ask("new_message", room=room, text="zebra")["seq"]
    anna.ask("remove", room=room, seq=anna.ask("new_message", room=room, text="zebra 2")["seq"])
    anna.ask("invite", room=room, user="boris")
    boris.fence()
    boris.send("join", room=room, id="j")
    listed = boris.receive_until("conversations")["conversations"][0]
    assert "unread" not in listed and listed["cursor"] >= between
    boris.receive_until("joined")
    assert code_of(boris, "report", room=room, seq=between) == "no_such_message"
    assert code_of(boris, "remove", room=room, seq=between) == "no_such_message"
    for fields in ({}, {"before": between + 1}, {"after": 0}, {"around": between}):
        page = boris.ask("history", room=room, **fields)
        assert "zebra" not in json.dumps(page) and "before" not in json.dumps(page["entries"])
    assert "zebra" not in json.dumps(boris.ask("ledger", room=room))
    anna.ask("new_message", room=room, text="after")
    assert boris.receive_until("new_message")["text"] == "after"
    with town.server.peer() as back:
        attempt(back, "boris", password=PASSWORD, cursors={room: 0})
        assert "zebra" not in json.dumps(back.welcome) + told_since(back)


# -- A8, A9: what goes on in private ---------------------------------------------------------------


SECRET_WORDS = ("hidden", "cellar", "zebra", "quagga", "okapi")


def test_a8_a9_not_a_byte_of_what_is_private_reaches_who_is_outside(town: Town) -> None:
    """That a name of a room is taken cannot be hidden from who would take it: `room_exists` is
    all that is told, and no more than that.
    """
    people = [town.enter(f"p{n}", password=PASSWORD) for n in range(4)]
    features = ("echo", "presence", "ping", "typing")
    outsider = town.enter("outsider", password=PASSWORD, features=features)
    guest = town.enter("guest", features=("echo", "typing"))
    plain = town.enter("plain", features=())
    town.keeper.ask("role", user="outsider", role="admin")
    outsider.receive_until("room_joined")
    outsiders = [outsider, guest, town.witness]
    for peer in outsiders:
        peer.fence()
    empty = [(peer.ask("rooms", id="r"), peer.ask("users", id="u")) for peer in outsiders]
    owner, *others = people
    room = private_room(town, owner, *others, room="#hidden")
    group = str(owner.ask("create", kind="group", people=[p.name for p in others])["room"])
    heard = []
    dice = random.Random(8)
    for number in range(150):
        peer = dice.choice(people)
        place = dice.choice((room, group))
        what = dice.randrange(9)
        text = f"{dice.choice(SECRET_WORDS)} {number}"
        if what < 3:
            seq = peer.ask("new_message", room=place, text=text)["seq"]
        elif what == 3:
            peer.ask("typing", room=place)
        elif what == 4:
            peer.ask("topic", room=place, text=text)
        elif what == 5:
            peer.ask("new_whisper", to=dice.choice(people).name, text=text)
        elif what == 6:
            seq = peer.ask("new_message", room=place, text=text)["seq"]
            peer.ask("remove", room=place, seq=seq, reason="okapi")
            peer.ask("read", room=place, through=seq)
        elif what == 7:
            owner.ask("mode", room=room, slow_seconds=0, reason="quagga")
        else:
            owner.ask("mute", room=room, user="p3", reason="okapi")
            owner.ask("unmute", room=room, user="p3")
            room = str(owner.ask("rename", room=room, to=f"#cellar-{number}")["room"])
        if number % 10 == 0:
            # Those outside ask all that one may ask of everything.
            for peer in outsiders:
                for action in ("rooms", "users", "blocks", "devices"):
                    heard.append(peer.ask(action))
                heard.append(peer.ask("history"))
                heard.append(peer.ask("ledger"))
                for action in ("history", "users", "ledger", "join"):
                    answer = peer.ask(action, room=room)
                    assert answer["action"] == "error"
                    assert refused(answer) == refused(peer.ask(action, room="#never"))
                    assert refused(peer.ask(action, room=group)) == refused(answer)
            heard.append(outsider.ask("accounts"))
            heard.append(outsider.ask("sanctions"))
            heard.append(outsider.ask("invitations"))
    for peer in outsiders:
        heard += peer.fence()
    shown = json.dumps(heard, ensure_ascii=False)
    for word in (*SECRET_WORDS, group):
        assert word not in shown, word
    again = [(peer.ask("rooms", id="r"), peer.ask("users", id="u")) for peer in outsiders]
    assert again == empty
    # A client of 2022 hears nothing of it either.
    plain.send("quit")
    assert not any(word in json.dumps(plain.rest()) for word in SECRET_WORDS)
    # Coming back with cursors for places that one has no part in.
    cursors = {room: 0, group: 0, "#never": 0}
    back = town.enter("outsider", token=outsider.token, cursors=cursors)
    seen = json.dumps(back.welcome) + told_since(back)
    assert not any(word in seen for word in (*SECRET_WORDS, group))
    assert code_of(back, "create", room=room) == "room_exists"


# -- A10: for moderators only ----------------------------------------------------------------------


def test_a10_what_is_for_moderators_reaches_nobody_else(town: Town) -> None:
    anna, boris = (town.enter(n, password=PASSWORD) for n in ("anna", "boris"))
    moderator = town.enter("celia", password=PASSWORD, features=("echo", "typing"))
    town.keeper.ask("role", user="celia", role="moderator")
    moderator.receive_until("conversations")
    seq = boris.ask("new_message", text="rude")["seq"]
    whisper = boris.ask("new_whisper", to="anna", text="ruder")["seq"]
    for peer in (anna, boris, town.witness):
        peer.fence()
    town.keeper.fence()
    assert code_of(anna, "report", seq=seq, reason="okapi") == "done"
    assert code_of(anna, "report", with_="boris", seq=whisper, reason="okapi") == "done"
    for peer in (moderator, town.keeper):
        first, second = (peer.receive_until("reported") for _ in range(2))
        assert (first["about"], first["text"], first["reason"]) == ("#general", "rude", "okapi")
        assert (second.get("about", ""), second["text"]) == ("", "ruder")
        assert {o["from"] for o in (first, second)} == {"anna"}
    moderator.ask("new_message", room="#moderators", text="okapi")
    moderator.ask("typing", room="#moderators")
    for peer in (anna, boris, town.witness):
        assert "okapi" not in told_since(peer)
        for action, fields in (
            ("history", {}),
            ("history", {"after": 0}),
            ("users", {}),
            ("ledger", {}),
            ("new_message", {"text": "let me in"}),
            ("report", {"seq": 1}),
            ("read", {"through": 1}),
            ("typing", {}),
        ):
            assert code_of(peer, action, room="#moderators", **fields) == "not_a_member"
        assert code_of(peer, "join", room="#moderators") == "no_such_room"
        assert "#moderators" not in json.dumps(peer.ask("rooms"))
        pages = [peer.ask("history"), peer.ask("ledger"), peer.ask("history", after=0)]
        assert "okapi" not in json.dumps(pages)
    for cursors in ({"#moderators": 0}, {"#general": 0, "@anna": 0, "boris": 0}):
        with town.server.peer() as back:
            assert attempt(back, "anna", password=PASSWORD, cursors=cursors) == "successful"
            assert "okapi" not in json.dumps(back.welcome) + told_since(back)
    assert code_of(town.keeper, "invite", room="#moderators", user="boris") == "not_allowed"
    # Who moderates no more sees none of it any more, and who comes to it later, from then on.
    town.keeper.ask("role", user="celia", role="member")
    moderator.receive_until("room_left")
    assert code_of(moderator, "history", room="#moderators") == "not_a_member"
    with town.server.peer() as back:
        attempt(back, "celia", password=PASSWORD, cursors={"#moderators": 0})
        assert "okapi" not in json.dumps(back.welcome) + told_since(back)
    town.keeper.ask("role", user="boris", role="moderator")
    boris.receive_until("room_joined")
    page = boris.ask("history", room="#moderators", after=0)
    assert "okapi" not in json.dumps(page)


# -- A11: others' messages -------------------------------------------------------------------------


def test_a11_nobody_takes_away_what_is_not_theirs_to_take(town: Town) -> None:
    anna, boris, celia = (town.enter(n, password=PASSWORD) for n in ("anna", "boris", "celia"))
    anna.ask("create", room="#tea")
    boris.ask("create", room="#coffee")
    for peer in (boris, celia):
        peer.ask("join", room="#tea")
    hers = anna.ask("new_message", room="#tea", text="hers")["seq"]
    his = boris.ask("new_message", room="#tea", text="his")["seq"]
    while boris.ask("new_message", room="#coffee", text="there")["seq"] < hers:
        pass
    secret = anna.ask("new_whisper", to="celia", text="ours")["seq"]
    # A seq is of its own conversation, whatever one owns elsewhere.
    assert code_of(boris, "remove", room="#tea", seq=hers) == "not_allowed"
    assert code_of(boris, "remove", with_="anna", seq=secret) in ("no_such_user", "no_such_message")
    assert code_of(celia, "remove", with_="anna", seq=secret) == "not_allowed"
    assert code_of(anna, "remove", room="#coffee", seq=hers) == "not_a_member"
    for seq in (0, 1, 10**6, 2**53 - 1):
        assert code_of(anna, "remove", room="#tea", seq=seq) == "no_such_message"
    for wrong in (-1, 2**53, "1", 1.5, None):
        assert code_of(anna, "remove", room="#tea", seq=wrong) == "bad_field"
    # Twice, and back: only who took it away as a moderator puts it back.
    assert code_of(boris, "remove", room="#tea", seq=his) == "removed"
    assert code_of(boris, "remove", room="#tea", seq=his) == "no_such_message"
    assert code_of(boris, "restore", room="#tea", seq=his) == "not_allowed"
    assert code_of(celia, "restore", room="#tea", seq=his) == "not_allowed"
    assert code_of(celia, "report", room="#tea", seq=his) == "no_such_message"
    # Nothing of it is to be had in any way.
    for peer in (anna, boris, celia):
        assert '"his"' not in json.dumps(peer.ask("history", room="#tea", around=his))
    with town.server.peer() as back:
        attempt(back, "celia", password=PASSWORD, cursors={"#tea": 0})
        assert '"his"' not in json.dumps(back.welcome) + told_since(back)
    assert code_of(boris, "remove", room="#tea", seq=his, id="new") == "no_such_message"
    assert code_of(anna, "restore", room="#tea", seq=his) == "restored"
    page = celia.ask("history", room="#tea", around=his)
    assert '"his"' in json.dumps(page)
    # A moderator takes away what is an owner's as little as a member does.
    anna.ask("role", room="#tea", user="celia", role="moderator")
    assert code_of(celia, "remove", room="#tea", seq=hers) == "not_allowed"
    assert code_of(celia, "remove", room="#tea", seq=his, reason="rude") == "removed"


# -- A12: invitations ------------------------------------------------------------------------------


def test_a12_an_invitation_lets_in_as_often_and_as_whom_it_says(new_server: NewServer) -> None:
    settings: dict[str, Any] = {"registrations_failed_max": 100_000}
    with inhabited(new_server("--quiet"), access="code", **settings) as town:
        keeper = town.keeper
        made = keeper.ask("invitation", role="moderator", uses=2)
        code = str(made["code"])
        stranger = town.stranger()
        # A guess, a part, its id and its digest are nothing.
        for wrong in (
            code[:-1],
            code + "0",
            made["invitation"],
            "0" * 16,
            "",
            " ",
            "-",
            code[::-1],
        ):
            assert attempt(stranger, "wrong", code=wrong) == "bad_code", wrong
        # Who is refused for another reason takes no use of it.
        assert attempt(stranger, "admin", code=code) == "name_reserved"
        assert attempt(stranger, "keeper", code=code) in ("name_taken", "password_required")
        assert attempt(stranger, "short", code=code, password="short") == "password_too_short"
        first = town.enter("first", code=code.lower().replace("-", " "))
        assert keeper.ask("invitations")["invitations"][0]["uses"] == 1
        second = town.enter("second", code=code, password=PASSWORD)
        for _ in range(2):
            assert attempt(stranger, "third", code=code) == "bad_code"
            assert attempt(stranger, "third", code=code, password=PASSWORD) == "wrong_password"
        assert (
            "invitations" not in keeper.ask("invitations")
            or not (keeper.ask("invitations")["invitations"])
        )
        for peer in (first, second):
            assert keeper.ask("users")["roles"][peer.name] == "moderator"
        # Nobody invites to what they are, or to more, or changes what an invitation is for.
        for role in ("moderator", "admin", "owner"):
            assert code_of(first, "invitation", role=role) == "not_allowed"
        assert code_of(town.witness, "invitation") == "not_allowed"
        assert code_of(keeper, "invitation", role="owner") == "not_allowed"
        lower = first.ask("invitation", role="member", name="Celia")
        assert attempt(stranger, "delia", code=lower["code"]) == "bad_code"
        # An ended one lets nobody in; only who may end it does.
        strong = keeper.ask("invitation", role="admin")
        assert code_of(first, "end_invitation", invitation=strong["invitation"]) == "not_allowed"
        assert code_of(keeper, "end_invitation", invitation=strong["invitation"]) == "done"
        assert attempt(stranger, "delia", code=strong["code"]) == "bad_code"
        town.restart()
        with town.server.peer() as late:
            for spent in (code, strong["code"]):
                assert attempt(late, "late", code=spent) == "bad_code"
            assert attempt(late, "celia", code=lower["code"]) == "successful"
            assert late.welcome["role"] == "member"


def test_a12_an_invitation_has_an_end(new_server: NewServer) -> None:
    """The shortest that may be asked for is a minute: what has an end in the past is written into
    the file by hand while the server is down.
    """
    with inhabited(new_server("--quiet"), access="code") as town:
        assert code_of(town.keeper, "invitation", seconds=59) == "bad_field"
        assert code_of(town.keeper, "invitation", seconds=367 * 86_400) == "bad_field"
        code = town.code(uses=5)
        assert town.enter("early", code=code).name == "early"
        town.server.stop()
        with closing(sqlite3.connect(town.server.data / "molva.sqlite")) as file, file:
            file.execute("UPDATE invitations SET until = until - 8 * 86400 * 1000")
        town.server.start()
        town.keeper = town.enter("keeper", token=town.keeper.token)
        town.witness = town.enter("witness", token=town.witness.token)
        with town.server.peer() as late:
            assert attempt(late, "late", code=code) == "bad_code"
        assert town.keeper.ask("invitations").get("invitations", []) == []


@pytest.mark.parametrize("more", [{}, {"password": PASSWORD}], ids=["guests", "accounts"])
def test_a12_of_twenty_who_come_with_the_last_use_one_gets_in(
    new_server: NewServer, more: Object
) -> None:
    with inhabited(new_server("--quiet"), access="code") as town:
        code = town.code(uses=1)
        peers = [town.stranger() for _ in range(20)]
        doings = [
            lambda peer=peer, n=n: attempt(peer, f"p{n}", code=code, **more)
            for n, peer in enumerate(peers)
        ]
        codes = together(doings)
        assert codes.count("successful") == 1, codes
        assert set(codes) <= {"successful", "bad_code", "wrong_password"}
        assert len(town.keeper.ask("accounts")["accounts"]) == 3
        town.restart()
        with town.server.peer() as late:
            assert attempt(late, "late", code=code) == "bad_code"


def test_a12_the_code_for_a_device_is_good_once_and_for_its_own_name(new_server: NewServer) -> None:
    settings: dict[str, Any] = {"registrations_failed_max": 100_000}
    with inhabited(new_server("--quiet"), access="code", **settings) as town:
        anna = town.enter("anna", password=PASSWORD, code=JOIN_CODE)
        code = str(anna.ask("link")["code"])
        stranger = town.stranger()
        assert attempt(stranger, "boris", code=code) == "bad_code"
        assert attempt(stranger, "witness", code=code) == "bad_code"
        peers = [town.stranger() for _ in range(20)]
        codes = together([partial(attempt, peer, "anna", code=code) for peer in peers])
        assert codes.count("successful") == 1
        assert set(codes) == {"successful", "bad_code"}
        # A later one ends an earlier one, and none outlives the server.
        old, new = (str(anna.ask("link")["code"]) for _ in range(2))
        assert attempt(stranger, "anna", code=old) == "bad_code"
        town.restart()
        with town.server.peer() as late:
            assert attempt(late, "anna", code=new) == "bad_code"


# -- A13: other rules, another name ----------------------------------------------------------------


def test_a13_what_becomes_private_is_so_at_once_and_everywhere(town: Town) -> None:
    anna, boris = (town.enter(n, password=PASSWORD) for n in ("anna", "boris"))
    outsider = town.enter("outsider", password=PASSWORD, features=("echo", "typing", "presence"))
    leaver = town.enter("leaver", password=PASSWORD)
    anna.ask("create", room="#tea")
    for peer in (boris, leaver):
        peer.ask("join", room="#tea")
    for n in range(5):
        boris.ask("new_message", room="#tea", text=f"open {n}")
    leaver.ask("leave", room="#tea")
    assert "#tea" in json.dumps(outsider.ask("rooms"))
    outsider.fence()
    changed = anna.ask("mode", room="#tea", kind="private")
    assert changed["action"] == "mode"
    # In the same breath: who asks after the answer is outside.
    for peer in (outsider, leaver):
        assert "#tea" not in json.dumps(peer.ask("rooms"))
        assert code_of(peer, "join", room="#tea") == "no_such_room"
        assert code_of(peer, "history", room="#tea") == "not_a_member"
        assert code_of(peer, "users", room="#tea") == "not_a_member"
    anna.ask("new_message", room="#tea", text="zebra")
    assert boris.receive_until("new_message", text="zebra")["room"] == "#tea"
    # Under another name it is what it was, and its old name leads nobody there.
    assert code_of(anna, "rename", room="#tea", to="#cellar") == "renamed"
    assert boris.receive_until("renamed")["was"] == "#tea"
    boris.ask("new_message", room="#cellar", text="zebra")
    assert code_of(boris, "new_message", room="#tea", text="zebra") == "not_a_member"
    outsider.ask("create", room="#tea")
    assert [o["action"] for o in outsider.ask("history", room="#tea")["entries"]] == ["created"]
    for peer in (outsider, leaver):
        seen = told_since(peer)
        assert "zebra" not in seen and "cellar" not in seen
    for cursors in ({"#tea": 0}, {"#cellar": 0}):
        with town.server.peer() as back:
            attempt(back, "leaver", password=PASSWORD, cursors=cursors)
            seen = json.dumps(back.welcome) + told_since(back)
            assert "zebra" not in seen and "cellar" not in seen and "open 1" not in seen
    # Who is let in now sees from then on; the others what they could see before.
    anna.ask("invite", room="#cellar", user="leaver")
    assert code_of(leaver, "join", room="#cellar") == "joined"
    assert "zebra" not in json.dumps(leaver.ask("history", room="#cellar", after=0))
    assert "open 1" in json.dumps(boris.ask("history", room="#cellar", after=0))
    # And back: what was said in private stays so.
    anna.ask("mode", room="#cellar", kind="public")
    newcomer = town.enter("newcomer")
    assert code_of(newcomer, "join", room="#cellar") == "joined"
    page = newcomer.ask("history", room="#cellar", after=0)
    assert "zebra" not in json.dumps(page)


def test_a13_a_change_and_a_join_at_once_have_an_order(town: Town) -> None:
    for number in range(15):
        owner = town.enter(f"owner{number}")
        joiner = town.enter(f"joiner{number}")
        town.keeper.ask("role", user=owner.name, role="member")
        room = f"#race{number}"
        owner.ask("create", room=room)
        answers = together(
            [
                partial(owner.ask, "mode", room=room, kind="private"),
                partial(joiner.ask, "join", room=room),
            ]
        )
        joined = answers[1]["action"] == "joined"
        assert joined or refused(answers[1]) == "no_such_room"
        owner.ask("new_message", room=room, text="zebra")
        assert ("zebra" in told_since(joiner)) is joined
        if joined:
            assert answers[1]["seq"] < answers[0]["seq"]


# -- A15: who is blocked ---------------------------------------------------------------------------


def test_a15_who_is_blocked_is_not_heard_by_any_way_round(town: Town) -> None:
    anna = town.enter("anna", password=PASSWORD, features=("echo", "typing"))
    pest = town.enter("pest", password=PASSWORD)
    town.enter("friend", password=PASSWORD)
    early = pest.ask("new_whisper", to="anna", text="hello")["seq"]
    anna.fence()
    assert code_of(anna, "block", user="PEST") == "blocked"
    anna.fence()
    pest.fence()
    answers = [
        pest.ask("new_whisper", to="anna", text="zebra one"),
        pest.ask("new_whisper", to="ANNA", text="zebra two"),
        pest.ask("typing", to="anna"),
        pest.ask("remove", with_="anna", seq=early, reason="zebra three"),
        pest.ask("away", text="zebra four"),
    ]
    assert [a["action"] for a in answers] == [
        "new_whisper",
        "new_whisper",
        "done",
        "removed",
        "done",
    ]
    pest.ask("create", room="#zebra")
    assert code_of(pest, "invite", room="#zebra", user="anna") == "invited"
    assert code_of(pest, "create", kind="group", people=["anna"]) == "no_such_user"
    group = pest.ask("create", kind="group", people=["friend"])["room"]
    assert code_of(pest, "invite", room=group, user="anna") == "no_such_user"
    # Coming and going is not told either.
    second = town.enter("pest", password=PASSWORD)
    second.close()
    told = anna.fence()
    shown = json.dumps(told)
    assert "zebra one" not in shown and "zebra two" not in shown and "zebra four" not in shown
    assert "#zebra" not in shown and group not in shown
    assert {o["action"] for o in told} <= {"unheard", "removed", *PRESENCE}
    assert not any(o.get("user") == "pest" for o in told if o["action"] in PRESENCE)
    assert "pest" not in anna.ask("users")["users"]
    page = anna.ask("history", with_="pest")
    assert "zebra one" not in json.dumps(page) and "zebra two" not in json.dumps(page)
    with town.server.peer() as back:
        attempt(back, "anna", password=PASSWORD, cursors={"pest": 0})
        seen = json.dumps(back.welcome) + told_since(back)
        assert "zebra one" not in seen and "zebra two" not in seen
        (row,) = (c for c in back.welcome["conversations"] if c.get("with") == "pest")
        # What is not heard is not counted.
        assert row.get("unread", 0) <= 1
    # What was said meanwhile does not come after the block ends.
    assert code_of(anna, "unblock", user="pest") == "unblocked"
    assert "zebra one" not in json.dumps(anna.ask("history", with_="pest", after=0))
    pest.ask("new_whisper", to="anna", text="sorry")
    assert anna.receive_until("new_whisper")["text"] == "sorry"


# -- P8: how many ----------------------------------------------------------------------------------


def small(new_server: NewServer, **limits: Any) -> Any:
    """Return a town with small limits."""
    return inhabited(new_server("--quiet"), **limits)


def test_p8_rooms_of_the_server_and_of_one_person(new_server: NewServer) -> None:
    with small(new_server, rooms_max=6, rooms_per_account_max=3) as town:
        # `#general` and `#moderators` are two of them.
        anna, boris = town.enter("anna", password=PASSWORD), town.enter("boris")
        for n in range(3):
            assert code_of(anna, "create", room=f"#a{n}") == "created"
        assert code_of(anna, "create", room="#a3") == "limit_reached"
        assert code_of(boris, "create", room="#b0") == "created"
        assert code_of(boris, "create", room="#b1") == "limit_reached"
        assert code_of(anna, "join", room="#b0") == "limit_reached"
        assert code_of(boris, "join", room="#a0") == "joined"
        assert code_of(boris, "join", room="#a1") == "joined"
        assert code_of(boris, "join", room="#a2") == "limit_reached"
        assert code_of(boris, "create", kind="group", people=["anna"]) in (
            "limit_reached",
            "not_allowed",
        )
        # One gone makes room for one.
        boris.ask("leave", room="#b0")
        assert code_of(boris, "join", room="#a2") == "joined"
        boris.ask("leave", room="#a2")
        assert code_of(boris, "create", room="#b2") == "created"
        assert code_of(town.witness, "create", room="#c") == "limit_reached"


def test_p8_groups_are_rooms_of_their_people(new_server: NewServer) -> None:
    with small(new_server, rooms_per_account_max=2) as town:
        anna, boris = (town.enter(n, password=PASSWORD) for n in ("anna", "boris"))
        for _ in range(2):
            assert code_of(anna, "create", kind="group", people=["boris"]) == "created"
        assert code_of(anna, "create", kind="group", people=["boris"]) == "limit_reached"
        other = town.enter("celia", password=PASSWORD)
        assert code_of(other, "create", kind="group", people=["boris"]) == "limit_reached"
        assert code_of(boris, "create", room="#one") == "limit_reached"
        many = [f"x{n}" for n in range(50)]
        assert code_of(other, "create", kind="group", people=many) == "bad_field"


def test_p8_people_in_a_group(new_server: NewServer) -> None:
    with small(new_server) as town:
        anna = town.enter("anna", password=PASSWORD)
        people = [town.enter(f"p{n}") for n in range(50)]
        names = [peer.name for peer in people]
        room = anna.ask("create", kind="group", people=names[:48])["room"]
        assert code_of(anna, "invite", room=room, user=names[48]) == "added"
        assert code_of(anna, "invite", room=room, user=names[49]) == "limit_reached"


def test_p8_invitations_into_rooms_blocks_and_sanctions(new_server: NewServer) -> None:
    limits: dict[str, Any] = {"invites_per_account_max": 3, "blocks_per_account_max": 3}
    with small(new_server, sanctions_per_room_max=3, **limits) as town:
        anna = town.enter("anna", password=PASSWORD)
        people = [town.enter(f"p{n}") for n in range(5)]
        for n in range(4):
            anna.ask("create", room=f"#r{n}")
            wanted = "invited" if n < 3 else "limit_reached"
            assert code_of(anna, "invite", room=f"#r{n}", user="p0") == wanted
        # Who takes one up may be asked again.
        people[0].ask("join", room="#r0")
        assert code_of(anna, "invite", room="#r3", user="p0") == "invited"
        for n, peer in enumerate(people[:4]):
            wanted = "blocked" if n < 3 else "limit_reached"
            assert code_of(anna, "block", user=peer.name) == wanted
        assert code_of(anna, "block", user="p0") == "done"
        anna.ask("unblock", user="p0")
        assert code_of(anna, "block", user="p3") == "blocked"
        for peer in people:
            peer.ask("join", room="#r0")
        for peer, action, wanted in zip(
            people,
            ("ban", "mute", "ban", "ban", "mute"),
            ("banned", "muted", "banned", "limit_reached", "limit_reached"),
            strict=True,
        ):
            assert code_of(anna, action, room="#r0", user=peer.name) == wanted
        anna.ask("unban", room="#r0", user="p0")
        assert code_of(anna, "mute", room="#r0", user="p4") == "muted"


def test_p8_invitations_to_the_server_and_codes_for_devices(new_server: NewServer) -> None:
    with small(new_server, invitations_max=3, links_max=2) as town:
        made = [town.keeper.ask("invitation") for _ in range(4)]
        assert [refused(a) for a in made] == [*["invitation"] * 3, "limit_reached"]
        town.keeper.ask("end_invitation", invitation=made[0]["invitation"])
        assert code_of(town.keeper, "invitation") == "invitation"
        people = [town.enter(f"p{n}") for n in range(3)]
        assert [code_of(p, "link") for p in people] == ["link", "link", "busy"]


def test_p8_accounts_directs_devices_and_sessions(new_server: NewServer) -> None:
    limits: dict[str, Any] = {"devices_per_account_max": 2, "sessions_per_account_max": 3}
    with small(new_server, accounts_max=5, directs_per_account_max=2, **limits) as town:
        anna = town.enter("anna", password=PASSWORD)
        town.enter("boris")
        town.enter("celia")
        with town.server.peer() as sixth:
            assert attempt(sixth, "delia") == "limit_reached"
            assert attempt(sixth, "delia", password=PASSWORD) == "limit_reached"
            # Who has an account gets in all the same.
            assert attempt(sixth, "anna", password=PASSWORD) == "successful"
            assert sixth.token
            third = town.enter("anna", password=PASSWORD)
            # One beyond has its password to come back by, and one beyond that is too many.
            assert third.token is None
            with town.server.peer() as fourth:
                assert attempt(fourth, "anna", password=PASSWORD) == "too_many_devices"
            assert len(anna.ask("devices")["devices"]) == 2
        for name, wanted in (("boris", "new_whisper"), ("celia", "new_whisper")):
            assert code_of(anna, "new_whisper", to=name, text="hi") == wanted
        assert code_of(anna, "new_whisper", to="keeper", text="hi") == "limit_reached"
        assert code_of(anna, "new_whisper", to="boris", text="hi") == "new_whisper"


@pytest.mark.parametrize(
    ("limit", "action"),
    [("rooms", "create"), ("reports", "report"), ("invitations", "invitation")],
)
def test_p8_what_is_done_seldom_has_a_rate_of_its_own(
    new_server: NewServer, limit: str, action: str
) -> None:
    server = new_server("--quiet", limits=True)
    with inhabited(server, **{f"{limit}_per_account": rate(0.0001, 3)}) as town:
        anna = town.enter("anna", password=PASSWORD)
        town.keeper.ask("role", user="anna", role="moderator")
        seq = anna.ask("new_message", text="hi")["seq"]
        codes = []
        for number in range(6):
            fields = {"create": {"room": f"#r{number}"}, "report": {"seq": seq}}.get(action, {})
            codes.append(code_of(anna, action, **fields))
        assert "rate_limited" not in codes[:3] and codes[3:] == ["rate_limited"] * 3
        assert code_of(anna, "new_message", text="still here") == "new_message"
        town.witness.fence()


# -- P9: mentions, oneself, who is blocked ---------------------------------------------------------


def test_p9_mentions_are_words_and_cost_what_words_cost(town: Town) -> None:
    anna, boris = town.enter("anna"), town.enter("boris")
    room = anna.ask("create", room="#tea")["room"]
    boris.ask("join", room=room)
    boris.receive_until("room_joined")
    for text in ("@everyone @here @all", "@boris " * 2_000, "@" * 16_000, "@nobody" * 2_000):
        sent = anna.ask("new_message", room=room, text=text)
        assert sent["text"] == text
        # One message is one event, however many it names.
        told = [o for o in boris.fence() if o["action"] not in PRESENCE]
        assert [o["action"] for o in told] == ["new_message"]
    assert code_of(anna, "new_message", room=room, text="@boris " * 3_000) == "text_too_long"


def test_p9_one_may_whisper_to_oneself_and_hears_it_once(town: Town) -> None:
    anna = town.enter("anna", password=PASSWORD)
    other = town.enter("anna", password=PASSWORD)
    anna.ask("new_whisper", to="ANNA", text="note", id="note")
    assert [o["action"] for o in anna.fence() if o["action"] == "new_whisper"] == []
    assert [o["text"] for o in other.fence() if o["action"] == "new_whisper"] == ["note"]
    again = anna.ask("new_whisper", to="anna", text="note", id="note")
    assert again["action"] == "stored" and again["seq"] == 1
    assert code_of(anna, "block", user="anna") == "no_such_user"
    assert code_of(anna, "create", kind="group", people=["anna"]) == "created"


def test_p9_who_is_blocked_is_answered_as_before(new_server: NewServer) -> None:
    """In what is asked here. Nobody is put into a group by whom they block, so that a group with
    them is refused as if they were not there cannot be helped.
    """
    answers: dict[str, list[str]] = {}
    for name in ("free", "blocking"):
        with inhabited(new_server("--quiet")) as town:
            anna, pest = (town.enter(n, password=PASSWORD) for n in ("anna", "pest"))
            pest.ask("create", room="#room")
            pest.ask("new_whisper", to="anna", text="hello")
            if name == "blocking":
                anna.ask("block", user="pest")
            pest.fence()
            asked: list[tuple[str, Object]] = [
                ("new_whisper", {"to": "anna", "text": "hi"}),
                ("typing", {"to": "anna"}),
                ("history", {"with_": "anna"}),
                ("read", {"with_": "anna", "through": 2}),
                ("remove", {"with_": "anna", "seq": 1}),
                ("new_message", {"text": "@anna"}),
                ("invite", {"room": "#room", "user": "anna"}),
                ("users", {}),
                ("rooms", {}),
                ("block", {"user": "anna"}),
                ("unblock", {"user": "anna"}),
            ]
            heard = [json.dumps(pest.ask(action, **fields)) for action, fields in asked]
            heard += [json.dumps(o) for o in pest.fence() if o["action"] not in PRESENCE]
            answers[name] = [_timeless(text) for text in heard]
            told = town.witness.fence()
            assert {o["action"] for o in told} <= {"new_message", *PRESENCE, "role"}
    assert answers["free"] == answers["blocking"]


def _timeless(text: str) -> str:
    return re.sub(r'"\d{4}-\d\d-\d\dT[^"]*"', '"AT"', text)


# -- P11: the last owner ---------------------------------------------------------------------------


def test_p11_the_server_keeps_an_owner(town: Town) -> None:
    keeper, anna = town.keeper, town.enter("anna", password=PASSWORD)
    assert code_of(keeper, "role", user="keeper", role="member") == "last_owner"
    assert code_of(keeper, "delete_account", password=PASSWORD) == "last_owner"
    assert code_of(keeper, "delete_account") == "last_owner"
    for action in ("kick", "ban", "mute"):
        assert code_of(keeper, action, user="keeper") == "not_allowed"
    keeper.ask("role", user="anna", role="admin")
    for action in ("kick", "ban", "mute", "remove_account"):
        assert code_of(anna, action, user="keeper") == "not_allowed"
    assert code_of(anna, "role", user="keeper", role="member") == "not_allowed"
    assert code_of(anna, "reset_password", user="keeper", new="a new password") == "not_allowed"
    assert code_of(keeper, "role", user="anna", role="owner") == "role"
    assert code_of(keeper, "role", user="keeper", role="member") == "role"
    # Now it is the other who is the last.
    assert code_of(anna, "role", user="anna", role="member") == "last_owner"
    assert code_of(anna, "role", user="keeper", role="owner") == "role"
    # Two owners who step down at once: one stays.
    answers = together(
        [
            lambda: code_of(anna, "role", user="anna", role="member"),
            lambda: code_of(keeper, "role", user="keeper", role="member"),
        ]
    )
    assert sorted(answers) == ["last_owner", "role"], answers
    roles = town.witness.ask("users")["roles"]
    assert sorted(roles.values()) == ["owner"]
    town.restart()
    town.enter("anna", token=anna.token)
    assert sorted(town.witness.ask("users")["roles"].values()) == ["owner"]


def test_p11_a_room_has_an_owner_or_is_no_more(town: Town) -> None:
    anna, boris, celia = (town.enter(n, password=PASSWORD) for n in ("anna", "boris", "celia"))
    room = private_room(town, anna, boris, celia)
    assert code_of(anna, "role", room=room, user="anna", role="member") == "last_owner"
    assert code_of(anna, "kick", room=room, user="anna") == "not_allowed"
    anna.ask("role", room=room, user="celia", role="moderator")

    def owners_by(peer: Peer) -> list[str]:
        roles = peer.ask("users", room=room).get("roles", {})
        return [name for name, role in roles.items() if role == "owner"]

    # Others write all the while.
    doings: list[Callable[[], Any]] = [lambda: anna.ask("leave", room=room)]
    doings += [lambda: [boris.ask("new_message", room=room, text=f"{n}") for n in range(20)]]
    left, said = together(doings)
    assert left["action"] == "stored" and all(o["action"] == "new_message" for o in said)
    celia.fence()
    # A moderator comes after the owner, then whoever is there longest.
    assert owners_by(celia) == ["celia"]
    celia.send("delete_account", password=PASSWORD)
    assert farewell(celia) == "signed_out"
    boris.fence()
    assert owners_by(boris) == ["boris"]
    # The last one out closes it: the name is free, and what was said there is nobody's.
    answers = together(
        [
            lambda: boris.ask("leave", room=room),
            lambda: code_of(anna, "join", room=room),
        ]
    )
    assert answers[0]["action"] == "stored" and answers[1] == "no_such_room"
    assert code_of(anna, "create", room=room) == "created"
    page = anna.ask("history", room=room, after=0)
    assert [o["action"] for o in page["entries"]] == ["created"]
    town.restart()
    again = town.enter("anna", token=anna.token)
    assert owners_by(again) == ["anna"]
