"""Sessions and tokens: who may come back, and who may not any more, each by its number.

The numbers are those of the threat catalogue: P the state of the protocol, W what is written down.
A token's life is followed on the real server over TCP, from the welcome in which it is shown once
to the moment from which it opens nothing; that a connection has been closed is seen by its `bye`.
"""

import json
import re
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import (
    JOIN_CODE,
    PASSWORD,
    Town,
    attempt,
    configured,
    farewell,
    inhabited,
    rate,
    refused,
    together,
)
from tests.peer import TIMEOUT_SECONDS, Object, Peer
from tests.serving import Server

NewServer = Callable[..., Server]
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
PATIENT: dict[str, Any] = {"registrations_failed_max": 100_000}


def as_token(town: Town, name: str, token: str | None) -> str:
    """Return how somebody who comes with a token is answered, on a connection that then ends."""
    with town.server.peer() as peer:
        return attempt(peer, name, token=token)


# -- P7: coming back -------------------------------------------------------------------------------


def test_p7_a_token_that_is_not_ones_own_opens_nothing(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        anna = town.enter("anna", password=PASSWORD)
        boris = town.enter("boris")
        assert anna.token and boris.token and TOKEN.fullmatch(anna.token)
        forged = [anna.token[:-1], anna.token + "A", anna.token[::-1], anna.token.upper(), "A" * 43]
        forged += [
            anna.token[:20] + boris.token[20:],
            " " + anna.token,
            anna.token + "=",
            "A" * 128,
        ]
        with town.server.peer() as thief:
            for token in (*forged, boris.token, town.keeper.token):
                assert attempt(thief, "anna", token=token) == "bad_token"
            # Nor is it good for another name, whether that is somebody's or nobody's.
            for name in ("boris", "keeper", "witness", "nobody"):
                assert attempt(thief, name, token=anna.token) == "bad_token"
            assert attempt(thief, "molva", token=anna.token) == "name_reserved"
        for name, token in (("anna", anna.token), ("ANNA", anna.token), ("boris", boris.token)):
            assert as_token(town, name, token) == "successful"


def test_p7_two_who_come_by_one_token_are_one_device(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        anna = town.enter("anna", password=PASSWORD)
        for _ in range(3):
            peers = [town.stranger() for _ in range(10)]
            codes = together([partial(attempt, p, "anna", token=anna.token) for p in peers])
            assert set(codes) == {"successful"}
            # Each took the place of the one before; whoever was last is there.
            living = []
            for peer in (anna, *peers):
                peer.send("ping", id="alive")
                told = []
                try:
                    while (object := peer.receive()) != {"action": "pong", "id": "alive"}:
                        told.append(object)
                    living.append(peer)
                except (EOFError, ConnectionError):
                    assert not told or told[-1].get("code") == "resumed_elsewhere"
            assert len(living) == 1
            (anna,) = living
            anna.token = peers[0].token
            rows = anna.ask("devices")["devices"]
            assert [row.get("online") for row in rows] == [True]
            assert town.witness.ask("users")["users"].count("anna") == 1
        # The one that was put out has no effect any more, and nobody is told that anybody went.
        told = town.witness.fence()
        assert not [o for o in told if o["action"] == "user_left"]


def test_p7_what_is_lost_with_a_device_is_lost_for_whoever_has_it(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        anna = town.enter("anna", password=PASSWORD, device="desk")
        thief = town.enter("anna", password=PASSWORD, device="lost")
        rows = anna.ask("devices")["devices"]
        (lost,) = (row["device"] for row in rows if row.get("name") == "lost")
        assert refused(anna.ask("forget_device", device="nobody's")) == "no_such_device"
        assert refused(town.keeper.ask("forget_device", device=lost)) == "no_such_device"
        assert anna.ask("forget_device", device=lost)["action"] == "done"
        assert farewell(thief) == "signed_out"
        assert as_token(town, "anna", thief.token) == "bad_token"
        town.witness.fence()
        town.restart()
        assert as_token(town, "anna", thief.token) == "bad_token"
        assert as_token(town, "anna", anna.token) == "successful"


@pytest.mark.parametrize("devices", [False, True])
def test_p7_the_token_of_who_is_banned_opens_nothing_until_the_ban_ends(
    new_server: NewServer, devices: bool
) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        pest = town.enter("pest", password=PASSWORD)
        guest = town.enter("guest")
        for peer in (pest, guest):
            town.keeper.ask("ban", user=peer.name, devices=devices)
            assert farewell(peer) == "banned"
            assert as_token(town, peer.name, peer.token) == "banned"
            # With the device banned, it is no good for any other name.
            wanted = "banned" if devices else "bad_token"
            assert as_token(town, "somebody", peer.token) == wanted
            assert as_token(town, "witness", peer.token) == wanted
        town.restart()
        for peer in (pest, guest):
            assert as_token(town, peer.name, peer.token) == "banned"
            town.keeper.ask("unban", user=peer.name)
        with town.server.peer() as back:
            assert attempt(back, "pest", password=PASSWORD) == "successful"
        wanted = "bad_token" if devices else "successful"
        assert as_token(town, "guest", guest.token) == wanted
        assert as_token(town, "pest", pest.token) == wanted


# -- P10: the half-closed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"action": "quit"}, None),
        ({"action": "sign_out"}, "signed_out"),
        ({"action": "sign_out", "everywhere": True}, "signed_out"),
        ({"action": "delete_account", "password": PASSWORD}, "signed_out"),
        ({"action": "password", "new": "another horse", "old": PASSWORD}, None),
        ({"action": "link"}, None),
        ({"action": "create", "room": "#tea"}, None),
    ],
    ids=lambda value: value.get("action") if isinstance(value, dict) else "",
)
def test_p10_what_ends_a_session_is_done_also_where_nobody_writes_any_more(
    new_server: NewServer, action: Object, code: str | None
) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        anna = town.enter("anna", password=PASSWORD)
        anna.send_bytes(json.dumps({**action, "id": "last"}).encode() + b"\n")
        anna.socket.shutdown(socket.SHUT_WR)
        told = [o for o in anna.rest() if o["action"] not in ("new_user", "user_left")]
        assert told[-1]["action"] == "bye" and told[-1].get("code") == code
        if action["action"] != "quit":
            assert [o for o in told if o.get("id") == "last"], told
        gone = {"sign_out": "bad_token", "delete_account": "bad_token"}
        wanted = gone.get(action["action"], "successful")
        assert as_token(town, "anna", anna.token) == wanted


# -- P12: those who answer each other --------------------------------------------------------------


def answering(peer: Peer, other: str, held: threading.Event) -> None:
    """Answer whatever the other says, at once and for ever, as a bot that knows no bots."""
    while True:
        try:
            told = peer.receive()
        except (EOFError, OSError):
            return
        if told.get("code") == "rate_limited":
            held.set()
        elif told.get("action") == "new_message" and told["from"] == other:
            peer.send("new_message", text=f"you said {told['seq']}")


def test_p12_two_who_answer_each_other_are_held_by_their_rates(new_server: NewServer) -> None:
    """There is no word for a program yet that would tell one from a person: what holds a loop is
    what holds anybody, and it does not grow.
    """
    burst = 30
    settings = {
        "actions_per_connection": rate(0.0001, burst),
        "actions_per_account": rate(0.0001, burst),
    }
    with inhabited(new_server("--quiet", limits=True), **settings) as town:
        first, second = town.enter("first"), town.enter("second")
        held = threading.Event()
        threads = [
            threading.Thread(target=answering, args=(first, "second", held)),
            threading.Thread(target=answering, args=(second, "first", held)),
        ]
        for thread in threads:
            thread.start()
        first.send("new_message", text="hello")
        assert held.wait(TIMEOUT_SECONDS)
        # The other may have answered once more; then there is nothing left to answer.
        for peer in (first, second):
            peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        heard = [o["text"] for o in town.witness.fence() if o["action"] == "new_message"]
        # One entry an answer: nothing is multiplied.
        assert burst <= len(heard) <= 2 * burst and len(set(heard)) == len(heard)


# -- W7: the life of a token -----------------------------------------------------------------------


def test_w7_a_token_is_new_at_each_login_and_nobody_chooses_one(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        anna = town.enter("anna", password=PASSWORD)
        seen: set[str | None] = set()
        for number in range(6):
            # By a password or by a code: each device has its own.
            more = {"code": anna.ask("link")["code"]} if number % 2 else {"password": PASSWORD}
            device = town.stranger()
            assert attempt(device, "anna", **more) == "successful"
            assert device.token and TOKEN.fullmatch(device.token)
            seen.add(device.token)
            assert "token" not in town.enter("anna", token=device.token).welcome
        assert len(seen | {anna.token}) == 7
        assert not any(str(token) in json.dumps(anna.ask("devices")) for token in seen)
        # One that was never given, or is good no more, is not taken up.
        ended = town.enter("anna", password=PASSWORD)
        ended.send("sign_out")
        assert farewell(ended) == "signed_out"
        for fixed in ("A" * 43, ended.token):
            with town.server.peer() as chosen:
                assert attempt(chosen, "anna", token=fixed, password=PASSWORD) == "successful"
                assert chosen.token not in (fixed, None)
            assert as_token(town, "anna", fixed) == "bad_token"
            assert as_token(town, "guest", fixed) == "bad_token"


ENDS = ["sign_out", "everywhere", "password", "reset", "ban", "kick", "delete", "remove", "forget"]


@pytest.mark.parametrize("end", ENDS)
def test_w7_what_ends_a_token_ends_its_connections(new_server: NewServer, end: str) -> None:
    with inhabited(new_server("--quiet"), **PATIENT) as town:
        anna = town.enter("anna", password=PASSWORD, device="one")
        second = town.enter("anna", password=PASSWORD, device="two")
        third = town.enter("anna", password=PASSWORD, features=())
        for peer in (anna, second):
            peer.fence()
        closed: dict[Peer, str] = {}
        if end == "sign_out":
            second.send("sign_out")
            closed = {second: "signed_out"}
        elif end == "everywhere":
            anna.send("sign_out", everywhere=True)
            closed = {anna: "signed_out", second: "signed_out", third: "error"}
        elif end == "password":
            told = anna.ask("password", new="another horse", old=PASSWORD)
            assert told["action"] == "done"
            closed = {second: "signed_out", third: "error"}
        elif end == "reset":
            town.keeper.ask("reset_password", user="anna", new="another horse")
            closed = {anna: "signed_out", second: "signed_out", third: "error"}
        elif end in ("ban", "kick"):
            town.keeper.ask(end, user="anna")
            code = {"ban": "banned", "kick": "kicked"}[end]
            closed = {anna: code, second: code, third: "error"}
        elif end == "delete":
            anna.send("delete_account", password=PASSWORD)
            closed = {anna: "signed_out", second: "signed_out", third: "error"}
        elif end == "remove":
            town.keeper.ask("remove_account", user="anna")
            closed = {anna: "signed_out", second: "signed_out", third: "error"}
        else:
            rows = anna.ask("devices")["devices"]
            (device,) = (row["device"] for row in rows if row.get("name") == "two")
            anna.ask("forget_device", device=device)
            closed = {second: "signed_out"}
        for peer, code in closed.items():
            # What they say after it is heard by nobody.
            try:
                peer.send("new_message", text="after the end")
            except OSError:
                pass
            if code == "error":
                # In the words of 2022, which have no farewell.
                assert peer.rest()[-1]["action"] == "error"
            else:
                assert farewell(peer) == code
        for peer in {anna, second} - set(closed):
            assert peer.ask("users")["action"] == "users"
            assert as_token(town, "anna", peer.token) == "successful"
        for peer in set(closed) - {third}:
            wanted = {"ban": "banned", "kick": "successful"}.get(end, "bad_token")
            for _ in range(2):
                assert as_token(town, "anna", peer.token) == wanted
        changed = end in ("password", "reset")
        with town.server.peer() as back:
            otherwise = "wrong_password" if changed else "successful"
            ended = {"ban": "banned", "delete": "name_taken", "remove": "name_taken"}
            wanted = ended.get(end, otherwise)
            assert attempt(back, "anna", password=PASSWORD) == wanted
            if changed:
                assert attempt(back, "anna", password="another horse") == "successful"
        assert "after the end" not in [o.get("text") for o in town.witness.fence()]
        town.restart()
        if end != "kick":
            for peer in set(closed) - {third}:
                wanted = "banned" if end == "ban" else "bad_token"
                assert as_token(town, "anna", peer.token) == wanted


def written(server: Server) -> bytes:
    """Return all that a server keeps and has said."""
    files = [path for path in server.data.rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files if path.name not in OWN_SECRETS)
    assert b"SQLite format 3" in kept
    return kept + "\n".join(server.said).encode() + server.errors().encode()


OWN_SECRETS = {"molva.toml", "join-code"}
"""Where the operator keeps the join code itself, to read it to people."""


def drained(server: Server, how: signal.Signals) -> int:
    """End a server, keeping all that it has said."""
    process = server.process
    assert process is not None and process.stdout is not None
    process.send_signal(how)
    server.said += process.stdout.read().split("\n")
    process.stdout.close()
    server.process = None
    return process.wait(timeout=20)


def test_w7_no_secret_is_said_or_kept_as_it_is(new_server: NewServer) -> None:
    """The one secret that the server does say is its join code, which is there to be said: what
    is looked for is every other.
    """
    server = configured(new_server(), access="code", **PATIENT).start()
    secrets = {PASSWORD, "wrong horse", "another horse", "third horse battery"}
    peers: list[Peer] = []

    def enter(name: str, **more: Any) -> Peer:
        peers.append(server.enter(name, **more))
        secrets.add(str(peers[-1].token))
        return peers[-1]

    keeper = enter("keeper", password=PASSWORD, code=JOIN_CODE)
    anna = enter("anna", password=PASSWORD, code=JOIN_CODE)
    enter("guest", code=JOIN_CODE)
    invited = keeper.ask("invitation", uses=2)
    link = anna.ask("link")
    guessed = "WRNG-C0DE-WRNG-C0DE"
    secrets |= {guessed, guessed.replace("-", "")}
    for code in (invited["code"], link["code"]):
        secrets |= {code, code.replace("-", "")}
    enter("celia", password="third horse battery", code=invited["code"])
    enter("anna", code=link["code"])
    with server.peer() as stranger:
        peers_wrong: list[Object] = [
            {"password": "wrong horse"},
            {"token": "x" * 43},
            {"code": guessed},
            {"password": "wrong horse", "token": "x" * 43, "code": guessed},
        ]
        secrets.add("x" * 43)
        for fields in peers_wrong:
            assert attempt(stranger, "anna", **fields) != "successful"
        # A secret where a name or a word should be is refused, and not repeated to anybody.
        assert attempt(stranger, str(anna.token), password="short") == "password_too_short"
        stranger.send_bytes(b'{"action":"registration","pasword":"wrong horse","name":"a"}\n')
        assert "wrong horse" not in json.dumps(stranger.receive())
    anna.ask("password", old="wrong horse", new="another horse")
    anna.ask("password", old=PASSWORD, new="another horse")
    keeper.ask("reset_password", user="celia", new="third horse battery")
    keeper.ask("ban", user="guest", devices=True)
    enter("anna", password="another horse")
    for peer in (keeper, anna):
        for action in ("devices", "invitations", "accounts", "ledger", "history"):
            shown = json.dumps(peer.ask(action))
            assert not [secret for secret in secrets if secret in shown], action
    # What is written at once, what is left by a power cut, and what is left by an orderly end.
    pictures = [written(server)]
    assert drained(server, signal.SIGKILL) == -signal.SIGKILL
    pictures.append(written(server))
    server.start()
    enter("anna", password="another horse")
    assert drained(server, signal.SIGTERM) == 0
    pictures.append(written(server))
    for picture in pictures:
        found = [secret for secret in secrets if secret.encode() in picture]
        assert found == []
    assert b"$argon2id$" in pictures[-1]
    # It did say who came and who was refused: the search was in the right place.
    said = "\n".join(server.said)
    assert "keeper" in said and "anna" in said and "celia" in said
    assert server.errors() == ""
    for peer in peers:
        peer.close()


def test_w7_only_who_runs_the_server_reads_its_files(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet")) as town:
        files = [path for path in Path(town.server.data).rglob("*") if path.is_file()]
        assert files
        for path in (town.server.data, *files):
            if path.name != "molva.toml":
                assert path.stat().st_mode & 0o077 == 0, path.name
