"""Discovery: what is on the network is found, and decides nothing but what is shown of it.

The network is one of this test's own (see `lan.py`).
"""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molva.client import exit_codes
from molva.client.discovery import (
    NAME_CHARACTERS_MAX,
    SERVERS_MAX,
    SERVICE,
    Found,
    best_address,
    choose,
    merged,
    name_of,
    parse_announcement,
    rows,
)
from molva.terms.catalogue import Language
from tests.client.lan import CLIENTS, ROOT, SERVERS, Lan
from tests.hostile import ATTACKS, EVIL, assert_harmless

HANG_SECONDS = 40.0
WORDS = "lusab-babad-gutih-tugad-haguz"


@pytest.fixture
def lan() -> Iterator[Lan]:
    network = Lan()
    yield network
    network.close()


def environment(state: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "LANG": "C.UTF-8",
        "XDG_STATE_HOME": str(state),
        "HOME": str(state),
        "TERM": "xterm-256color",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }


def chat(
    lan: Lan, state: Path, *arguments: str, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run `molva chat` on the clients' machine, at pipes."""
    return subprocess.run(
        [*lan.at(CLIENTS), sys.executable, "-m", "molva", "chat", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        env=environment(state),
    )


# -- On a network -------------------------------------------------------------------------------


def test_one_server_is_found_and_spoken_to(lan: Lan, tmp_path: Path) -> None:
    texts = ["v=1", "tls=1", "fp=WORDS", "online=3", "access=open"]
    (server,) = lan.serve(SERVERS, {"name": "Class 7", "texts": texts, "encrypted": True})
    done = chat(lan, tmp_path, "--name", "anna", stdin="hello\n")
    assert done.returncode == exit_codes.OK, done
    assert f"Found: Class 7 ({SERVERS}:{server['port']})" in done.stdout
    assert server["words"] in done.stdout and "NOT encrypted" not in done.stdout
    again = chat(lan, tmp_path, "--name", "anna", stdin="hello\n")
    assert again.returncode == exit_codes.OK and server["words"] not in again.stdout


@pytest.mark.parametrize(
    ("texts", "encrypted", "said"),
    [
        (["tls=1", f"fp={WORDS}"], True, WORDS),
        ([f"fp={WORDS}"], True, WORDS),
        (["tls=1"], False, "does not encrypt"),
    ],
)
def test_one_that_is_not_what_was_announced_is_told_nothing(
    lan: Lan, tmp_path: Path, texts: list[str], encrypted: bool, said: str
) -> None:
    lan.serve(SERVERS, {"name": "Class 7", "texts": texts, "encrypted": encrypted})
    done = chat(lan, tmp_path, "--name", "anna", stdin="hello\n")
    assert done.returncode == exit_codes.DISTRUSTED
    assert said in done.stdout and "nothing was sent" in done.stdout


def test_an_announcement_does_not_make_a_line_less_safe(lan: Lan, tmp_path: Path) -> None:
    texts = ["tls=0", "fp=", "online=-1", "access=all"]
    (server,) = lan.serve(SERVERS, {"name": "x", "texts": texts, "encrypted": True})
    done = chat(lan, tmp_path, "--name", "anna", stdin="hello\n")
    assert done.returncode == exit_codes.OK
    assert server["words"] in done.stdout


def test_without_any_it_is_this_machine_and_a_hint(lan: Lan, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*lan.at(CLIENTS), sys.executable, "-m", "molva", "chat", "--name", "anna"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    )
    with process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        process.kill()
    assert "No server found" in said[0]
    assert "Connecting to 127.0.0.1:8888" in said[1] and "cannot be reached" in said[2]


def test_a_server_of_this_machine_is_found_once(lan: Lan, tmp_path: Path) -> None:
    lan.serve(CLIENTS, {"name": "Mine", "texts": ["tls=1"], "bound": "0.0.0.0", "port": 8888})
    done = chat(lan, tmp_path, "--name", "anna", stdin="hello\n")
    assert done.returncode == exit_codes.OK
    assert "Found: Mine (127.0.0.1:8888)" in done.stdout


def test_of_several_nobody_is_chosen_where_nobody_can_choose(lan: Lan, tmp_path: Path) -> None:
    servers = lan.serve(
        SERVERS,
        {"name": "One", "texts": ["online=1", "access=code"]},
        {"name": "Two\u202e\u2028", "texts": ["online=22", "tls=1"]},
        {"name": "\x1b[31mThree\n", "texts": ["online=22", "tls=1"]},
        {"name": None},
    )
    done = chat(lan, tmp_path, "--name", "anna", stdin="hello\n")
    assert done.returncode == exit_codes.USAGE and done.stdout == ""
    assert_harmless(done.stderr)
    assert f"One — {SERVERS}:{servers[0]['port']}, 1 person online, with a code" in done.stderr
    assert (
        "Three" not in done.stderr
        and "Two" in done.stderr
        and "22 people online, TLS" in done.stderr
    )
    assert str(servers[3]["port"]) not in done.stderr


def test_a_flood_of_names_is_bounded(lan: Lan, tmp_path: Path) -> None:
    lan.serve(
        SERVERS, *({"name": f"{n} {'x' * 50}", "times": 24, "port": 9000 + n} for n in range(4))
    )
    done = chat(lan, tmp_path, "--name", "anna")
    # They are four servers however many names they go by.
    assert done.returncode == exit_codes.USAGE
    assert all(done.stderr.count(f"— {SERVERS}:900{n}") == 1 for n in range(4))
    assert all(len(line) < 120 for line in done.stderr.split("\n"))


def test_a_person_chooses_by_number(lan: Lan, tmp_path: Path) -> None:
    servers = lan.serve(SERVERS, {"name": "One"}, {"name": "Two"})
    reading, inner = pty.openpty()
    process = subprocess.Popen(
        [*lan.at(CLIENTS), sys.executable, "-m", "molva", "chat", "--name", "anna"],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=environment(tmp_path),
    )
    os.close(inner)
    said = b""

    def wait_for(wanted: str) -> None:
        nonlocal said
        deadline = time.monotonic() + HANG_SECONDS
        while wanted not in said.decode(errors="replace"):
            assert select.select([reading], [], [], deadline - time.monotonic())[0], said
            said += os.read(reading, 65536)

    try:
        wait_for("Which one, 1 to 2?")
        os.write(reading, b"3\n")
        said = b""
        wait_for("Which one, 1 to 2?")
        os.write(reading, b"2\n")
        wait_for(f"Found: Two ({SERVERS}:{servers[1]['port']})")
        wait_for("Online:")
        os.write(reading, b"/quit\r")
        wait_for("Goodbye")
        assert process.wait(HANG_SECONDS) == exit_codes.OK
    finally:
        process.kill()
        process.wait()
        os.close(reading)


# -- What is taken from an announcement ---------------------------------------------------------


def test_an_announcement_is_read() -> None:
    texts: dict[bytes, bytes | None] = {
        b"v": b"1",
        b"tls": b"1",
        b"fp": WORDS.encode(),
        b"online": b"7",
        b"access": b"code",
    }
    found = parse_announcement(f"Club.{SERVICE}", 8888, ["192.0.2.7"], texts)
    assert found == Found("192.0.2.7", 8888, "Club", 7, True, WORDS, "code")
    long = parse_announcement(f"{'я' * 63}.{SERVICE}", 8888, ["192.0.2.7"], {})
    assert long is not None and long.name == "я" * NAME_CHARACTERS_MAX
    assert parse_announcement(f"Club.{SERVICE}", 8888, ["192.0.2.7"], {}) == Found(
        "192.0.2.7", 8888, "Club"
    )


@pytest.mark.parametrize(
    ("texts"),
    [
        {b"tls": b"yes", b"fp": b"x", b"online": b"-1", b"access": b"all"},
        {b"tls": None, b"fp": None, b"online": None, b"access": None},
        {b"tls": b"\xff", b"fp": b"\xff" * 200, b"online": b"9" * 200, b"access": b"open\n"},
        {b"fp": b"lusab-babad", b"online": "٣".encode(), b"access": b""},
        {b"fp": b"a" * 64, b"online": b"1e9", b"tls": b"1 "},
    ],
)
def test_what_cannot_be_meant_is_left_out(texts: dict[bytes, bytes | None]) -> None:
    found = parse_announcement(f"n.{SERVICE}", 1, ["192.0.2.7"], texts)
    assert found == Found("192.0.2.7", 1, "n")


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        ["127.0.0.1"],
        ["127.8.8.8", "::1"],
        ["224.0.0.1"],
        ["0.0.0.0"],
        ["255.255.255.255"],
        ["240.0.0.1"],
        ["host", "", "1.2.3", "1.2.3.4:5", "\x1b"],
    ],
)
def test_an_address_that_is_no_servers_is_none(addresses: list[str]) -> None:
    assert best_address(addresses) is None
    assert parse_announcement("n", 1, addresses, {}) is None


def test_a_port_that_is_none_is_none() -> None:
    for port in (None, 0, -1, 65536):
        assert parse_announcement("n", port, ["192.0.2.7"], {}) is None


@settings(deadline=None)
@given(
    st.text(max_size=300),
    st.dictionaries(
        st.sampled_from([b"v", b"tls", b"fp", b"online", b"access", b"x"]),
        st.none() | st.binary(max_size=255),
    ),
    st.sampled_from(Language),
)
def test_whatever_is_announced_is_one_short_safe_line(
    name: str, texts: dict[bytes, bytes | None], language: Language
) -> None:
    found = parse_announcement(name, 8888, ["192.0.2.7"], texts)
    assert found is not None and len(found.name) <= NAME_CHARACTERS_MAX
    (row,) = rows([found], language)
    assert_harmless(row)
    assert "\n" not in row and "192.0.2.7:8888" in row


@pytest.mark.parametrize("attack", [*ATTACKS, EVIL, "", "   "])
def test_a_name_that_attacks_is_only_shown(attack: str) -> None:
    found = parse_announcement(f"{attack}.{SERVICE}", 8888, ["192.0.2.7"], {})
    assert found is not None
    assert_harmless(name_of(found, Language.ENGLISH))
    assert name_of(found, Language.ENGLISH).strip()


def test_the_server_of_this_machine_stands_first_and_no_server_twice() -> None:
    local = Found("127.0.0.1", 8888)
    other, twin = Found("192.0.2.7", 8888, "b"), Found("192.0.2.7", 8888, "a")
    more = Found("192.0.2.8", 8888, "A")
    assert merged(local, [other, twin, more]) == [local, more, other]
    assert merged(None, [other]) == [other]
    assert merged(None, []) == []
    many = [Found("192.0.2.7", port, f"{port:04}") for port in range(1, 1000)]
    assert merged(local, many) == [local, *many[: SERVERS_MAX - 1]]


# -- Choosing -----------------------------------------------------------------------------------


def test_a_number_is_asked_for_until_it_is_one() -> None:
    servers = [Found("192.0.2.7", 1, "a"), Found("192.0.2.8", 2, "b")]
    typed = iter(["", "0", "3", "-1", "b", "2 1", "٢", "9" * 5000, " 2 "])
    shown: list[str] = []
    chosen = choose(servers, Language.ENGLISH, show=shown.append, ask=lambda _: next(typed))
    assert chosen == servers[1] and next(typed, None) is None
    assert len(shown) == 3 and "1. a" in shown[1] and "2. b" in shown[2]


def test_where_the_input_ends_nobody_is_chosen() -> None:
    def ask(_: str) -> str:
        raise EOFError

    servers = [Found("192.0.2.7", 1), Found("192.0.2.8", 2)]
    assert choose(servers, Language.RUSSIAN, show=lambda _: None, ask=ask) is None
    assert choose(servers, Language.RUSSIAN, show=lambda _: None, ask=None) is None
