"""Who is who: names that deceive, and credentials that are not one's own, each by its number.

The numbers are those of the threat catalogue: N names, A accounts. All is asked of the real server
over TCP; after each a witness on another connection has noticed nothing and is answered, and the
server has said nothing on its standard error.
"""

import ast
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
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
from tests.peer import Object
from tests.serving import ROOT, Server

NewServer = Callable[..., Server]
TAKEN = {"name_taken", "name_confusable"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Return a town that the tests of names share."""
    server = Server(tmp_path_factory.mktemp("names") / "data", "--quiet")
    with inhabited(server, registrations_failed_max=1_000_000) as town:
        yield town


# -- N: names that deceive -------------------------------------------------------------------------

LOOKALIKES = {
    "cyrillic": ("paypal", "p\u0430yp\u0430l"),
    "cyrillic whole": ("caxap", "\u0441\u0430\u0445\u0430\u0440"),
    "greek": ("oval", "\u03bfval"),
    "fullwidth": ("karl", "\uff2barl"),
    "kelvin": ("kevin", "\u212aevin"),
    "mathematical bold": ("marie", "\U0001d426arie"),
    "ligature": ("fiona", "\ufb01ona"),
    "dotless i": ("igor", "\u0131gor"),
    "long s": ("susan", "\u017fusan"),
    "digit": ("lilian", "1ilian"),
    "capital i": ("lucas", "Iucas"),
    "case": ("boris", "BORIS"),
    "rn": ("ramona", "rarnona"),
    "accent composed": ("rene\u0301", "ren\u00e9"),
}


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_n1_who_looks_like_another_is_refused(names: Town, kind: str) -> None:
    name, alike = LOOKALIKES[kind]
    names.enter(name)
    with names.server.peer() as stranger:
        for features in ((), ("echo",)):
            for more in ({}, {"password": PASSWORD}):
                code = attempt(stranger, alike, features=features, **more)
                # Some are no names at all, and need no other reason.
                assert code in TAKEN | {"name_bad_character"}
    names.quiet()


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_n1_a_room_that_looks_like_another_is_refused(names: Town, kind: str) -> None:
    name, alike = LOOKALIKES[kind]
    peer = names.enter(f"maker-{kind.replace(' ', '-')}")
    assert peer.ask("create", room=f"#{name}")["action"] == "created"
    assert peer.ask("create", room="#elsewhere")["action"] in ("created", "error")
    wrong = {"room_exists", "name_bad_character"}
    assert refused(peer.ask("create", room=f"#{alike}")) in wrong
    assert refused(peer.ask("rename", room="#elsewhere", to=f"#{alike}")) in wrong | {
        "not_a_member"
    }
    # A room may go by a name that looks like its own: it is the same room.
    made = peer.ask("create", room=f"#{name}-2")["room"]
    assert refused(peer.ask("rename", room=made, to=f"#{name.upper()}-2")) == "renamed"
    names.quiet()


def test_n1_who_looks_like_somebody_deleted_is_refused_for_ever(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet")) as town:
        gone = town.enter("paypal", password=PASSWORD)
        gone.send("delete_account", password=PASSWORD)
        assert farewell(gone) == "signed_out"
        for _ in range(2):
            with town.server.peer() as stranger:
                for alike in ("paypal", "PayPal", "p\u0430yp\u0430l", "\uff50aypal"):
                    for more in ({}, {"password": PASSWORD}):
                        assert attempt(stranger, alike, **more) in TAKEN
            town.restart()


def test_n1_a_guests_name_and_its_likes_are_free_after_the_hold(new_server: NewServer) -> None:
    with inhabited(
        new_server("--quiet"), guest_hold_seconds=0.2, registrations_failed_max=100_000
    ) as town:
        guest = town.enter("paypal")
        with town.server.peer() as stranger:
            assert attempt(stranger, "p\u0430ypal") in TAKEN
            guest.close()
            # While the name is held, then until it is not.
            while (code := attempt(stranger, "p\u0430ypal")) != "successful":
                assert code in TAKEN
        with town.server.peer() as late:
            assert refused(late.register("paypal", token=guest.token)) == "bad_token"
            assert attempt(late, "paypal") in TAKEN


FOLDED = [
    ("stra\u00dfe", "STRASSE"),
    ("\u0130zmir", "i\u0307zmir"),
    ("\u03bf\u03b4\u03cc\u03c2", "\u039f\u0394\u038c\u03a3"),
    ("\u0416\u0443\u043a", "\u0436\u0423\u041a"),
    ("\u01c4ula", "\u01c6ula"),
    ("\ua64aum", "\u1c88um"),
    ("\u13a0\u13a1", "\uab70\uab71"),
]


@pytest.mark.parametrize(("name", "alike"), FOLDED)
def test_n2_case_makes_no_other_person(names: Town, name: str, alike: str) -> None:
    with names.server.peer() as first:
        code = attempt(first, name, password=PASSWORD)
        if code == "name_bad_character":
            # No name in either case, or one of which its case is not a name.
            name, alike = alike, name
            code = attempt(first, name, password=PASSWORD)
        assert code in ("successful", "name_bad_character")
        if code == "successful":
            with names.server.peer() as stranger:
                assert attempt(stranger, alike) in TAKEN | {
                    "name_bad_character",
                    "password_required",
                }
            # What the server calls one is one's name.
            again = names.enter(first.name, password=PASSWORD)
            assert again.name == first.name
            assert names.enter(first.name, token=again.token).name == first.name
    names.quiet()


UNSEEN = [
    *map(chr, (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD, 0x34F, 0x180E, 0x2063, 0x61C)),
    *map(chr, (0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0xE0001, 0xE0041, 0xE007F)),
    *map(chr, (0x2028, 0x2029, 0xA0, 0x3000, 0x1680, 0xFE0F, 0xE0100, 0xFFF9, 0xFFFD)),
    *map(chr, (0xE000, 0xF8FF, 0x10FFFD, 0xFFFE, 0xFFFF, 0x1FFFE, 0x378, 0xE0FFF)),
    *(chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf" and c < 0xE0000),
]
BIDI = [*map(chr, (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_n3_n4_what_is_not_seen_or_reorders_is_in_no_name(names: Town, place: str) -> None:
    maker = names.enter(f"maker-{place}")
    found = {}
    with names.server.peer() as stranger:
        for character in (*UNSEEN, *BIDI):
            name = {"first": "{}uwe", "middle": "u{}we", "last": "uwe{}"}[place].format(character)
            answers = {
                attempt(stranger, name),
                refused(maker.ask("create", room=f"#{name}")),
                refused(maker.ask("rename", room="#general", to=f"#{name}")),
            }
            if not answers <= {"name_bad_character", "bad_text", "common_room", "not_allowed"}:
                found[f"U+{ord(character):04X}"] = answers
    assert found == {}
    with names.server.peer() as last:
        # So nobody is called so, in any spelling.
        assert attempt(last, f"uwe-{place}") == "successful"
    names.quiet()


def test_n3_every_control_character_is_refused_in_a_name(names: Town) -> None:
    with names.server.peer() as stranger:
        for code in (*range(0x20), *range(0x7F, 0xA0)):
            assert attempt(stranger, f"u{chr(code)}we") == "bad_text", hex(code)
    names.quiet()


def test_n3_n4_a_text_comes_through_as_it_was_written(new_server: NewServer) -> None:
    with inhabited(new_server("--quiet")) as town:
        anna, boris = town.enter("anna"), town.enter("boris")
        for character in (*UNSEEN, *BIDI):
            text = f"a{character}b {character}"
            told = anna.ask("new_whisper", to="boris", text=text)
            assert told["text"] == text, hex(ord(character))
            assert boris.receive_until("new_whisper")["text"] == text
        assert boris.ask("history", with_="anna", limit=1)["entries"][0]["text"] == text


RESERVED = (
    "molva system server admin administrator root moderator owner bot support help security "
    "everyone all here channel room me you anonymous null none undefined nickserv chanserv "
    "operserv memoserv hostserv botserv con prn aux nul админ модератор владелец все сервер молва"
).split()
IMITATED = [
    "\u0430dmin",
    "ADM\u0406N",
    "ADMlN",
    "adm1n",
    "\uff41dmin",
    "r00t",
    "he1p",
    "\u0455ystem",
    "m\u043elva",
    "\u041colva",
    "he\u04c0p",
]
PATHS = [
    ".",
    "..",
    "...",
    ".hidden",
    "name.",
    "a/b",
    "a\\b",
    "-rf",
    "~root",
    "a:b",
    "a|b",
    "*",
    "?",
]


def test_n5_words_of_the_house_are_nobodys_name(names: Town) -> None:
    with names.server.peer() as stranger:
        for word in RESERVED:
            for spelled in (word, word.upper(), word.capitalize()):
                for more in ({}, {"password": PASSWORD}, {"token": "x"}):
                    code = attempt(stranger, spelled, **more)
                    assert code in ("name_reserved", "name_taken"), (spelled, code)
        for alike in IMITATED:
            assert attempt(stranger, alike) == "name_reserved", alike
        for path in PATHS:
            assert attempt(stranger, path) == "name_bad_character", path
        assert attempt(stranger, "") == "name_empty"
    names.quiet()


@pytest.mark.parametrize("more", [{}, {"password": PASSWORD}], ids=["guests", "accounts"])
def test_n6_of_twenty_who_want_a_name_at_once_one_has_it(
    new_server: NewServer, more: Object
) -> None:
    spellings = ["paypal", "PayPal", "p\u0430ypal", "\uff50aypal", "pa\u0443pal"]
    with inhabited(new_server("--quiet")) as town:
        peers = [town.stranger() for _ in range(20)]
        doings = [
            lambda peer=peer, n=n: refused(peer.register(spellings[n % len(spellings)], **more))
            for n, peer in enumerate(peers)
        ]
        codes = together(doings)
        assert codes.count("successful") == 1, codes
        assert set(codes) <= {"successful", *TAKEN}
        assert len(town.keeper.ask("users")["users"]) == 3
        (winner,) = (peer for peer in peers if peer.name)
        town.restart()
        assert town.enter(winner.name, token=winner.token).name == winner.name


def test_n6_of_twenty_who_want_a_room_at_once_one_has_it(new_server: NewServer) -> None:
    spellings = ["#tea", "#TEA", "#t\u0435a", "#te\u0430"]
    with inhabited(new_server("--quiet")) as town:
        peers = [town.enter(f"p{n}") for n in range(20)]
        doings = [
            lambda peer=peer, n=n: refused(peer.ask("create", room=spellings[n % 4]))
            for n, peer in enumerate(peers)
        ]
        codes = together(doings)
        assert sorted(set(codes)) == ["created", "room_exists"] and codes.count("created") == 1
        rows = town.keeper.ask("rooms")["rooms"]
        (tea,) = {row["room"] for row in rows} - {"#general", "#moderators"}
        # The name of a room may change hands only once it is free.
        first = peers[codes.index("created")]
        other = peers[codes.index("created") - 1]
        other.ask("create", room="#coffee")
        assert refused(other.ask("rename", room="#coffee", to="#tea")) == "room_exists"
        assert first.ask("rename", room=tea, to="#milk")["action"] == "renamed"
        assert other.ask("rename", room="#coffee", to="#tea")["action"] == "renamed"


def test_n6_who_gets_a_guests_name_gets_nothing_of_the_guest(new_server: NewServer) -> None:
    with inhabited(
        new_server("--quiet"), guest_hold_seconds=0.2, registrations_failed_max=100_000
    ) as town:
        anna = town.enter("anna", password=PASSWORD)
        old = town.enter("boris")
        old.ask("new_whisper", to="anna", text="the old secret")
        private = anna.ask("create", room="#ours", kind="private")["room"]
        anna.ask("invite", room=private, user="boris")
        old.ask("join", room=private)
        old.close()
        new = town.stranger()
        while refused(new.register("boris")) != "successful":
            pass
        told = json.dumps([new.welcome, *new.fence()])
        assert "secret" not in told and "#ours" not in told
        assert refused(new.ask("history", room=private)) == "not_a_member"
        page = new.ask("history", with_="anna")
        assert page.get("entries", []) == [] or refused(page) == "no_such_user"
        # For who knew them, they are two: the one by the tag, the other by the name.
        mine = anna.ask("history", with_="boris")
        assert mine.get("entries", []) == []
        new.ask("new_whisper", to="anna", text="hello")
        listed = [
            o for e in anna.fence() if e["action"] == "conversations" for o in e["conversations"]
        ]
        tags = {row["tag"] for row in listed if "tag" in row}
        with town.server.peer() as again:
            again.register("anna", password=PASSWORD)
            directs = {
                row["with"]: row["tag"] for row in again.welcome["conversations"] if "with" in row
            }
        assert len(directs) == 2 and len(set(directs.values())) == 2
        assert tags <= set(directs.values())
        (label,) = (name for name in directs if name != "boris")
        assert label == f"boris~{directs[label]}"
        page = anna.ask("history", with_=label)
        assert [o["text"] for o in page["entries"]] == ["the old secret"]
        assert page["entries"][0]["from"] == label
        assert refused(anna.ask("new_whisper", to=label, text="too late")) == "no_such_user"
        with town.server.peer() as ghost:
            assert refused(ghost.register("boris", token=old.token)) == "bad_token"
            assert refused(ghost.register(label)) == "name_bad_character"


def test_n7_nobody_speaks_as_the_server_or_as_another(names: Town) -> None:
    peer = names.enter("speaker")
    with names.server.peer() as stranger:
        for name in ("molva", "Molva", "m\u043elva", "speaker~1z141", "#speaker", "@speaker"):
            assert attempt(stranger, name) in ("name_reserved", "name_bad_character", "name_taken")
    for forged in ("from", "user", "author", "account", "name", "bot", "avatar"):
        frame = json.dumps({"action": "new_message", "text": "hi", "id": "f", forged: "keeper"})
        peer.send_bytes(frame.encode() + b"\n")
        assert peer.receive_until("error")["code"] == "bad_field"
    peer.send("new_whisper", to="speaker", text="hi")
    assert peer.receive_until("new_whisper")["from"] == "speaker"
    names.quiet()


def test_n8_letters_that_this_server_does_not_know_are_in_no_name(new_server: NewServer) -> None:
    """A newer client may have letters that fold here to nothing: they are refused, not passed."""
    unknown = [c for c in range(0x370, 0x30000) if unicodedata.category(chr(c)) == "Cn"][::200]
    with inhabited(new_server("--quiet"), registrations_failed_max=1_000_000) as town:
        with town.server.peer() as stranger:
            for code in unknown:
                assert attempt(stranger, f"u{chr(code)}we") == "name_bad_character", hex(code)
        chosen = ["stra\u00dfe", "\u0416\u0443\u043a", "ren\u00e9", "\u5f20\u4f1f", "O'Neil"]
        tokens = {}
        for name in chosen:
            peer = town.enter(name, password=PASSWORD)
            tokens[peer.name] = peer.token
        town.restart()
        # What was stored is read as it was written, and nobody who looks like it gets in.
        for name, token in tokens.items():
            assert town.enter(name, token=token).name == name
        with town.server.peer() as stranger:
            for alike in ("STRASSE", "\u0436\u0443\u043a", "rene\u0301", "o'neil"):
                assert attempt(stranger, alike) in TAKEN | {"password_required"}


LENGTHS = [
    ("a" * 32, "successful"),
    ("b" * 33, "name_too_long"),
    ("\u0436" * 32, "successful"),
    ("\u0449" * 33, "name_too_long"),
    ("\u5f20" * 21, "successful"),
    ("\u4f1f" * 22, "name_too_long"),
    ("\U00020000" * 16, "successful"),
    ("\U00020001" * 17, "name_too_long"),
    ("e\u0323\u0301" * 10, "successful"),
    ("q\u0301\u0323" * 13, "name_too_long"),
    ("h\u0301\u0302\u0303", "name_bad_character"),
    ("\u0301e", "name_bad_character"),
    ("c" * 256, "name_too_long"),
    ("d" * 257, "bad_field"),
    ("e" * 60_000, "bad_field"),
    # A lower case that is longer than its upper case must fit as well.
    ("\u023a" * 32, "name_too_long"),
    ("x", "successful"),
]


@pytest.mark.parametrize(("name", "code"), LENGTHS, ids=lambda value: ascii(value)[:24])
def test_n9_a_name_has_an_end_in_bytes_and_in_letters(names: Town, name: str, code: str) -> None:
    with names.server.peer() as stranger:
        assert attempt(stranger, name) == code
    names.quiet()


def test_n9_a_rooms_name_has_an_end(names: Town) -> None:
    peer = names.enter("lengths")
    for name, code in (
        ("#" + "r" * 32, "created"),
        ("#" + "s" * 33, "name_too_long"),
        ("#" + "\u0436" * 31, "created"),
        ("#" + "\u0449" * 32, "name_too_long"),
        ("#", "name_empty"),
        ("", "name_empty"),
        ("room", "name_bad_character"),
        ("#" + "t" * 300, "bad_field"),
    ):
        assert refused(peer.ask("create", room=name)) == code
    names.quiet()


# -- A: accounts -----------------------------------------------------------------------------------


SLOW = 0.0001
"""Of a bucket that does not fill again while a test runs."""


def guesses(town: Town, tries: int, name: str, address: str = "127.0.0.1") -> list[str]:
    """Return how as many wrong passwords for a name are answered, each on a new connection."""
    codes = []
    for number in range(tries):
        peer = town.stranger(address)
        codes.append(attempt(peer, name, password=f"wrong horse {number}"))
        peer.close()
    return codes


@pytest.mark.parametrize("limit", ["account", "address", "total"])
def test_a1_guessing_has_a_rate_and_who_is_in_stays_in(new_server: NewServer, limit: str) -> None:
    key = {"total": "passwords_total"}.get(limit, f"passwords_per_{limit}")
    quiet = dict.fromkeys(
        ("passwords_per_account", "passwords_per_address", "passwords_total"), '"off"'
    )
    # Those who came first have spent some: the town's own, and the two.
    burst = {"account": 4, "address": 8, "total": 8}[limit]
    settings = quiet | {key: rate(SLOW, burst)}
    with inhabited(new_server("--quiet", limits=True), **settings) as town:
        anna = town.enter("anna", password=PASSWORD)
        boris = town.enter("boris", password=PASSWORD)
        heard = []
        for number in range(12):
            # One account from everywhere, many from one address, or everything from everywhere.
            name = "anna" if limit == "account" else ("anna", "boris", "keeper")[number % 3]
            address = "127.0.0.1" if limit == "address" else f"127.0.0.{number + 2}"
            heard += guesses(town, 1, name, address)
        assert set(heard) == {"wrong_password", "rate_limited"}
        assert heard == sorted(heard, reverse=True), "once it is too much it stays so"
        assert 0 < heard.count("wrong_password") <= burst
        # The right password has to wait as well, or it would tell that it is the right one.
        with town.server.peer() as owner:
            assert attempt(owner, "anna", password=PASSWORD) == "rate_limited"
            told = owner.register("anna", password=PASSWORD)
            assert told["retry_after"] > 0
        # What is shared by nobody else is not used up for others.
        if limit == "account":
            assert attempt(town.stranger(), "boris", password=PASSWORD) == "successful"
        if limit == "address":
            assert attempt(town.stranger("127.0.0.9"), "boris", password=PASSWORD) == "successful"
        # Those who are in are answered, and come back by their tokens.
        for peer in (anna, boris):
            assert peer.ask("new_whisper", to="keeper", text="hi")["action"] == "new_whisper"
        assert town.enter("anna", token=anna.token).name == "anna"
        assert attempt(town.stranger(), "celia") == "successful"


def test_a1_codes_have_a_rate_too(new_server: NewServer) -> None:
    settings: dict[str, Any] = {"codes_per_address": rate(SLOW, 3), "registrations_failed_max": 100}
    with inhabited(new_server("--quiet", limits=True), access="code", **settings) as town:
        stranger = town.stranger("127.0.0.2")
        codes = [attempt(stranger, f"guess{n}", code=f"0000-000{n}") for n in range(8)]
        assert codes == ["bad_code"] * 3 + ["rate_limited"] * 5
        # The right one has to wait as well; at another address it need not.
        assert attempt(stranger, "guess", code=JOIN_CODE) == "rate_limited"
        assert attempt(stranger, "keeper", code="0000-0000") == "rate_limited"
        assert attempt(town.stranger("127.0.0.3"), "guess", code=JOIN_CODE) == "successful"
        with town.server.peer() as back:
            assert attempt(back, "keeper", token=town.keeper.token) == "successful"


def neutral(answer: Object, *names: str) -> str:
    """Return an answer's bytes without the name in it and the seconds that go by."""
    text = json.dumps(answer, ensure_ascii=False)
    for name in names:
        text = text.replace(name, "NAME")
    return re.sub(r"\d+(\.\d+)?", "N", text)


def readmit(town: Town, **settings: Any) -> None:
    """Change who may join while the server runs; whoever is in stays in."""
    configured(town.server, **settings)
    town.server.reload()
    town.server.see("read again")


CREDENTIALS: dict[str, Object] = {
    "nothing": {},
    "of 2022": {"features": ()},
    "a wrong code": {"code": "0000-0000"},
    "a wrong password": {"password": "wrong horse"},
    "both": {"password": "wrong horse", "code": "0000-0000"},
    "a wrong token": {"token": "x" * 43},
    "a token and a password": {"token": "x" * 43, "password": "wrong horse"},
    "all": {"token": "x" * 43, "password": "wrong horse", "code": "0000-0000"},
    "a short password": {"password": "short"},
}
KNOWN = ("anna", "guest", "banned", "gone")
"""With a password, without, who may not come, and who is no more."""


@pytest.mark.parametrize("access", ["code", "accounts"])
def test_a2_who_has_no_code_does_not_learn_who_is_here(new_server: NewServer, access: str) -> None:
    """Where anybody may take a name, whether it is free is answered: that cannot be helped, and
    `registrations_per_address` bounds how many are tried. Where a code is needed nothing is told.
    """
    settings: dict[str, Any] = {"access": "code", "registrations_failed_max": 1_000}
    with inhabited(new_server("--quiet"), **settings) as town:
        town.enter("anna", password=PASSWORD, code=JOIN_CODE)
        town.enter("guest", code=JOIN_CODE)
        town.enter("banned", password=PASSWORD, code=JOIN_CODE)
        gone = town.enter("gone", password=PASSWORD, code=JOIN_CODE)
        gone.ask("delete_account", password=PASSWORD)
        town.keeper.ask("ban", user="banned")
        readmit(town, **(settings | {"access": access}))
        for what, fields in CREDENTIALS.items():
            answers = {}
            for name in (*KNOWN, "nobody", "noone"):
                with town.server.peer() as stranger:
                    answers[name] = neutral(stranger.register(name, **fields), name)
            assert len(set(answers.values())) == 1, (what, answers)


def test_a2_the_rate_of_guesses_does_not_tell_who_is_here(new_server: NewServer) -> None:
    """Also where a name is spelled in several ways, which are one name."""
    settings: dict[str, Any] = {
        "passwords_per_account": rate(SLOW, 3),
        "registrations_failed_max": 1_000,
    }
    spelled = (str, str.upper, str.capitalize, lambda name: "\uff41" + name[1:])
    with inhabited(new_server("--quiet", limits=True), access="code", **settings) as town:
        town.enter("anna", password=PASSWORD, code=JOIN_CODE)
        heard = {}
        for name in ("anna", "alma"):
            answers = []
            with town.server.peer() as stranger:
                for number in range(8):
                    how = spelled[number % len(spelled)]
                    answers.append(attempt(stranger, how(name), password="wrong horse"))
            heard[name] = answers
        assert heard["anna"] == heard["alma"] == ["wrong_password"] * 3 + ["rate_limited"] * 5


def test_a2_who_is_gone_and_who_never_was_are_answered_alike(new_server: NewServer) -> None:
    """Those who are in know of each other, so a whisper or an invitation tells who is here: that
    is what a list of people is for. Of who is gone no more is told than of who never was.
    """
    with inhabited(new_server("--quiet")) as town:
        anna = town.enter("anna")
        anna.ask("create", room="#tea", kind="public")
        gone = town.enter("celia", password=PASSWORD)
        gone.ask("delete_account", password=PASSWORD)
        gone.rest()
        asked: list[tuple[str, Object]] = [
            ("new_whisper", {"to": "NAME", "text": "hi"}),
            ("invite", {"room": "#tea", "user": "NAME"}),
            ("kick", {"room": "#tea", "user": "NAME"}),
            ("ban", {"room": "#tea", "user": "NAME"}),
            ("mute", {"room": "#tea", "user": "NAME"}),
            ("role", {"room": "#tea", "user": "NAME", "role": "moderator"}),
            ("block", {"user": "NAME"}),
            ("unblock", {"user": "NAME"}),
            ("history", {"with": "NAME"}),
            ("read", {"with": "NAME", "through": 1}),
            ("typing", {"to": "NAME"}),
            ("report", {"with": "NAME", "seq": 1}),
            ("new_message", {"text": "@NAME are you there?"}),
        ]
        for action, fields in asked:
            heard = {}
            for name in ("celia", "delia"):
                given = {
                    key: value.replace("NAME", name) if isinstance(value, str) else value
                    for key, value in fields.items()
                }
                heard[name] = neutral(anna.ask(action, id="same-" + name, **given), name)
            assert heard["celia"] == heard["delia"], action
        told = [o for o in town.witness.fence() if o["action"] == "new_message"]
        assert len(told) == 2


SECRET = re.compile(
    r"(\w*_)?(token|password|secret|passphrase)(_hash)?|hash|(join|invite|link)_code"
)
"""Names of what must not be compared byte by byte; a digest of it may, whose time tells nothing."""
COMPARED = {
    "core/registration.py: not fits or account is None or account.password_hash != hash",
    "core/affairs.py: not fits or account.password_hash != hash",
    "sim/machine.py: hash == f'hash of {password}'",
    "admin/commands.py: password != again",
    "admin/code.py: now is not None and now.token == shown.token and (now.join_code == code)",
}
"""Compared by value all the same: whether a hash of ours was changed meanwhile, a toy, what was
typed twice, and a file of ours with itself."""


def secrets_compared(source: str, file: str) -> Iterator[str]:
    """Yield what in a file compares something that is called a secret."""
    tree = ast.parse(source)
    inner = {id(value) for n in ast.walk(tree) if isinstance(n, ast.BoolOp) for value in n.values}
    for node in ast.walk(tree):
        if not isinstance(node, ast.BoolOp | ast.Compare) or id(node) in inner:
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Compare) and any(
                isinstance(op, ast.Eq | ast.NotEq) for op in part.ops
            ):
                sides = (part.left, *part.comparators)
                names = [getattr(side, "attr", getattr(side, "id", "")) for side in sides]
                if any(SECRET.fullmatch(name) for name in names):
                    yield f"{file}: {ast.unparse(node)}"
                    break


def test_a3_no_secret_is_compared_but_by_its_digest() -> None:
    package = ROOT / "src" / "molva"
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    assert len(files) > 50
    found: set[str] = set()
    for short, path in files.items():
        found.update(secrets_compared(path.read_text(encoding="utf-8"), short))
    assert found == COMPARED


def test_a3_the_reader_of_the_source_sees_what_it_should() -> None:
    for text, found in (
        ("if action.token == device.token: pass", 1),
        ("x = password != given", 1),
        ("if a and join_code == typed: pass", 1),
        ("if digest(token) == device.digest: pass", 0),
        ("if event.code == Code.BANNED: pass", 0),
    ):
        assert len(list(secrets_compared(text, "a.py"))) == found, text


# -- A4: what is not a credential ------------------------------------------------------------------


def stored(server: Server, query: str) -> list[Any]:
    """Return the first column of what the file holds."""
    path = server.data / "molva.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        return [row[0] for row in file.execute(query)]


@pytest.mark.parametrize("access", ["open", "code", "accounts"])
def test_a4_half_a_credential_is_none(new_server: NewServer, access: str) -> None:
    settings: dict[str, Any] = {"access": "code", "registrations_failed_max": 100_000}
    with inhabited(new_server("--quiet"), **settings) as town:
        anna = town.enter("anna", password=PASSWORD, code=JOIN_CODE)
        boris = town.enter("boris", password="another horse", code=JOIN_CODE)
        guest = town.enter("guest", code=JOIN_CODE)
        invited = town.keeper.ask("invitation", name="celia")
        link = str(boris.ask("link")["code"])
        readmit(town, **(settings | {"access": access}))
        assert anna.token and boris.token and guest.token
        hashes = stored(town.server, "SELECT password_hash FROM accounts")
        digests = stored(town.server, "SELECT token_digest FROM devices")
        hashes = [hash for hash in hashes if hash]
        assert hashes and digests
        wrong: list[Object] = [{key: ""} for key in ("password", "token", "code")]
        wrong += [{"password": "", "token": "", "code": ""}, {"token": None}, {"password": None}]
        wrong += [{"token": part} for part in ("1-", "-", "null", "0", " ", "*", "%", "None")]
        wrong += [
            {"token": anna.token[:-1]},
            {"token": anna.token[1:]},
            {"token": anna.token + "A"},
        ]
        wrong += [{"token": anna.token.swapcase()}, {"token": anna.token + " "}]
        # What is somebody else's, and what is in the file.
        wrong += [{"token": boris.token}, {"token": guest.token}]
        wrong += [{"token": digest} for digest in digests]
        wrong += [{"password": hash} for hash in hashes]
        wrong += [{"token": hash[:128]} for hash in hashes]
        wrong += [{"password": anna.token}, {"code": anna.token}, {"token": PASSWORD}]
        wrong += [{"password": "another horse"}, {"password": PASSWORD.upper()}]
        wrong += [{"password": PASSWORD + " "}, {"password": " " + PASSWORD}, {"code": link}]
        wrong += [{"code": invited["code"]}, {"code": invited["invitation"]}, {"code": PASSWORD}]
        wrong += [{"token": JOIN_CODE}, {"password": JOIN_CODE}]
        with town.server.peer() as stranger:
            for name in ("anna", "guest"):
                for fields in wrong:
                    if name == "guest" and fields == {"token": guest.token}:
                        continue
                    for features in ((), ("echo",)):
                        code = attempt(stranger, name, features=features, **fields)
                        assert code != "successful", (name, fields)
        for peer, name in ((anna, "anna"), (boris, "boris"), (guest, "guest")):
            assert town.enter(name, token=peer.token).name == name
        assert town.enter("celia", code=invited["code"]).name == "celia"


@pytest.mark.parametrize("end", ["retired", "deleted", "removed", "banned", "forgotten"])
def test_a4_who_is_no_more_does_not_come_back(new_server: NewServer, end: str) -> None:
    settings: dict[str, Any] = {"guest_hold_seconds": 0.1, "registrations_failed_max": 100_000}
    with inhabited(new_server("--quiet"), **settings) as town:
        more: Object = {} if end == "retired" else {"password": PASSWORD}
        anna = town.enter("anna", **more)
        second = town.enter("anna", **(more or {"token": anna.token}))
        link = str(second.ask("link")["code"])
        if end == "retired":
            second.close()
            with town.server.peer() as other:
                while attempt(other, "anna") != "successful":
                    pass
                other.send("sign_out")
                other.rest()
        elif end == "deleted":
            anna.ask("delete_account", password=PASSWORD)
        elif end == "removed":
            town.keeper.ask("remove_account", user="anna")
        elif end == "banned":
            town.keeper.ask("ban", user="anna")
        else:
            anna.send("sign_out", everywhere=True)
            anna.rest()
        expected = {
            "retired": {"bad_token", "bad_code"},
            "deleted": {"bad_token", "bad_code", "name_taken"},
            "removed": {"bad_token", "bad_code", "name_taken"},
            "banned": {"banned", "wrong_password", "bad_code", "password_required"},
            "forgotten": {"bad_token", "bad_code", "wrong_password", "password_required"},
        }[end]
        ways: list[Object] = [{"token": anna.token}, {"token": second.token}]
        ways += [{"token": anna.token, "password": "wrong horse"}]
        if end not in ("retired", "forgotten"):
            ways += [{"password": PASSWORD}, {"token": anna.token, "password": PASSWORD}, {}]
        if end == "retired":
            # The name is free: what came with it is good for nothing, but a new one is.
            ways = ways[:2] + [{"code": link}]
        elif end != "forgotten":
            ways += [{"code": link}]
        for _ in range(2):
            with town.server.peer() as ghost:
                for fields in ways:
                    for features in ((), ("echo",)):
                        code = attempt(ghost, "anna", features=features, **fields)
                        assert code in expected, (fields, code)
            town.restart()


# -- A5: the first -----------------------------------------------------------------------------


def owners(server: Server) -> list[str]:
    """Return who owns a server, as the file has it."""
    return stored(server, "SELECT account FROM roles WHERE role = 'owner'")


@pytest.mark.parametrize("kind", ["guests", "accounts", "one name"])
def test_a5_of_twenty_who_come_first_one_is_the_owner(new_server: NewServer, kind: str) -> None:
    server = configured(new_server("--quiet")).start()
    # A client of 2022 that leaves nothing to come back by does not count.
    with server.peer() as early:
        assert early.register("early", features=())["result"] == "successful"
    peers = [server.peer() for _ in range(20)]
    more = {} if kind == "guests" else {"password": PASSWORD}
    doings = [
        lambda peer=peer, n=n: peer.register("anna" if kind == "one name" else f"p{n}", **more)
        for n, peer in enumerate(peers)
    ]
    welcomes = [w for w in together(doings) if w["result"] == "successful"]
    assert len(welcomes) == (1 if kind == "one name" else 20)
    assert [w["role"] for w in welcomes].count("owner") == 1
    assert len(owners(server)) == 1
    # Nobody who comes later is one, and the one stays it.
    with server.enter("late", password=PASSWORD) as late:
        assert late.welcome["role"] == "member"
        assert refused(late.ask("invitation")) == "not_allowed"
    (owner,) = (peer for peer in peers if peer.welcome.get("role") == "owner")
    server.kill()
    server.start()
    with server.enter(owner.name, token=owner.token) as back, server.enter("later") as later:
        assert (back.welcome["role"], later.welcome["role"]) == ("owner", "guest")
    for peer in peers:
        peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


@pytest.mark.parametrize("answered", [0, 1, 5, 12])
def test_a5_one_is_the_owner_also_where_the_power_fails_in_the_race(
    new_server: NewServer, answered: int
) -> None:
    server = configured(new_server("--quiet")).start()
    peers = [server.peer() for _ in range(20)]
    for n, peer in enumerate(peers):
        peer.send("registration", name=f"p{n}", features=["echo"], device="d")
    heard: list[Object] = []
    for peer in peers[:answered]:
        while "result" not in (reply := peer.receive()):
            pass
        heard.append(reply)
    server.kill()
    assert len(owners(server)) <= 1
    server.start()
    told = [reply["name"] for reply in heard if reply["role"] == "owner"]
    assert len(told) <= 1
    again = [server.peer() for _ in range(20)]
    tokens = {reply["name"]: reply["token"] for reply in heard}
    doings = [
        lambda peer=peer, n=n: (
            peer.register(f"p{n}", token=tokens.get(f"p{n}"))
            if f"p{n}" in tokens
            else peer.register(f"q{n}")
        )
        for n, peer in enumerate(again)
    ]
    welcomes = together(doings)
    assert all(w["result"] == "successful" for w in welcomes), welcomes
    found = [w["name"] for w in welcomes if w["role"] == "owner"]
    assert len(owners(server)) == 1
    # Who was told so is it; where nobody was, somebody is, though perhaps whose answer was lost.
    assert found == told if told else len(found) <= 1
    for peer in (*peers, *again):
        peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


# -- A14: what only the server says ------------------------------------------------------------


ASSIGNED = ["role", "owner", "admin", "verified", "guest", "account", "tag", "password_hash"]
ASSIGNED += ["token_digest", "shown", "key", "skeleton", "claims", "online", "uses", "by", "at"]
ASSIGNED += ["from", "seq", "pending", "retired", "banned", "members", "invited", "__proto__"]


def test_a14_nobody_gives_themselves_what_only_the_server_gives(new_server: NewServer) -> None:
    settings: dict[str, Any] = {"registrations_failed_max": 100_000}
    with inhabited(new_server("--quiet"), **settings) as town:
        anna = town.enter("anna")
        before = town.keeper.ask("accounts")["accounts"]
        with town.server.peer() as stranger:
            for field in ASSIGNED:
                for value in ("owner", True, 1, ["owner"], {"role": "owner"}):
                    given: Object = {field: value}
                    code = attempt(stranger, "mallory", **given)
                    assert code == "bad_field", field
        actions: dict[str, Object] = {
            "new_message": {"text": "hi"},
            "new_whisper": {"to": "keeper", "text": "hi"},
            "create": {"room": "#tea"},
            "join": {"room": "#tea"},
            "password": {"new": PASSWORD},
            "away": {},
            "link": {},
            "devices": {},
            "block": {"user": "keeper"},
            "read": {"through": 1},
        }
        for action, fields in actions.items():
            for field in ASSIGNED:
                answer = anna.ask(action, **fields, **{f"{field}_": "owner"})
                assert refused(answer) == "bad_field", (action, field)
        # What an action does have does not go further than its row of the table.
        for answer in (
            anna.ask("role", user="anna", role="owner"),
            anna.ask("role", user="keeper", role="member"),
            anna.ask("invitation", role="owner"),
            town.keeper.ask("invitation", role="owner"),
            anna.ask("mode", slow_seconds=1),
        ):
            assert refused(answer) == "not_allowed"
        assert refused(anna.ask("role", user="anna", role="god")) == "bad_field"
        assert town.keeper.ask("accounts")["accounts"] == before
