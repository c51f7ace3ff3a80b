"""Real clients at a real server: pipes, a terminal, a server that is killed while lines are typed.

Waits by reading until something was said, never by sleeping; the timeout only ends a test that
would otherwise hang.
"""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

from molva.client import exit_codes
from tests.serving import Server

SOURCE = Path(__file__).resolve().parents[2] / "src"
HANG_SECONDS = 40.0

Spawn = Callable[..., "Client"]


class Client:
    """`molva` in a process of its own, at pipes or at a terminal."""

    def __init__(self, state: Path, arguments: tuple[str, ...], *, terminal: bool = False) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SOURCE),
            "LANG": "C.UTF-8",
            "XDG_STATE_HOME": str(state),
            "HOME": str(state),
            "TERM": "xterm-256color",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        command = [sys.executable, "-m", "molva", *arguments]
        if terminal:
            self._reading, inner = pty.openpty()
            self._writing = self._reading
            self.process = subprocess.Popen(
                command, stdin=inner, stdout=inner, stderr=inner, env=environment
            )
            os.close(inner)
        else:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            assert self.process.stdin is not None and self.process.stdout is not None
            self._writing = self.process.stdin.fileno()
            self._reading = self.process.stdout.fileno()
        self.terminal = terminal
        self._said = b""
        self.screen = pyte.Screen(100, 40)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def said(self) -> str:
        """All that was written so far."""
        return self._said.decode(errors="replace")

    def lines(self) -> list[str]:
        """What was written so far, by lines."""
        return self.said.split("\n")

    def type(self, *lines: str) -> None:
        """Type lines, each ended by Enter."""
        for line in lines:
            os.write(self._writing, line.encode() + (b"\r" if self.terminal else b"\n"))

    def press(self, text: str) -> None:
        """Type without Enter."""
        os.write(self._writing, text.encode())

    def end(self) -> None:
        """Close the standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait_for(self, wanted: str | Callable[[], bool]) -> None:
        """Read until something was said, or is so."""
        holds = wanted if callable(wanted) else lambda: wanted in self.said
        deadline = time.monotonic() + HANG_SECONDS
        while not holds():
            ready, _, _ = select.select([self._reading], [], [], deadline - time.monotonic())
            assert ready, f"it never came: {wanted!r} in {self.said[-2000:]}"
            if not self._read():
                assert holds(), f"it ended before {wanted!r}: {self.said[-2000:]}"

    def wait_for_times(self, wanted: str, times: int) -> None:
        """Read until something was said so many times."""
        self.wait_for(lambda: self.said.count(wanted) >= times)

    def finish(self) -> int:
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + HANG_SECONDS
        while select.select([self._reading], [], [], max(deadline - time.monotonic(), 0))[0]:
            if not self._read():
                break
        return self.process.wait(timeout=HANG_SECONDS)

    def _read(self) -> bytes:
        try:
            data = os.read(self._reading, 65536)
        except OSError:  # A terminal whose other end is closed says so.
            return b""
        self._said += data
        if self.terminal:
            self._stream.feed(data)
        return data

    def shown(self) -> list[str]:
        """What a person sees on the terminal."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        if self.terminal:
            os.close(self._reading)


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Return what starts clients, each with a state of its own unless told; all are ended."""
    made: list[Client] = []

    def start(*arguments: str, state: str = "", terminal: bool = False) -> Client:
        home = tmp_path / (state or f"state-{len(made)}")
        made.append(Client(home, arguments, terminal=terminal))
        return made[-1]

    yield start
    for client in made:
        client.close()


def address(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


def at(server: Server) -> tuple[str, ...]:
    """Where a script finds the server, and patience with a machine that is busy."""
    return "--server", address(server), "--wait", "30"


def chat(spawn: Spawn, server: Server, name: str, **options: object) -> Client:
    """Start a chat at pipes and wait until it is in."""
    client = spawn("chat", address(server), "--name", name, **options)
    client.wait_for("The server: Welcome")
    return client


def test_two_talk_through_pipes(spawn: Spawn, server: Server) -> None:
    anna, boris = chat(spawn, server, "anna"), chat(spawn, server, "boris")
    anna.wait_for("* online: boris")
    anna.type("привет", "\\w boris psst", "//slash", "/nope not this", "/ьып boris и так")
    boris.wait_for("anna → you: и так")
    boris.type("/create #dev our work")
    boris.wait_for("boris set the topic of #dev: our work")
    anna.type("/join #dev", "here too", "/users #dev", "/leave", "/away lunch")
    boris.wait_for("anna is away: lunch")
    boris.type("/rooms", "/quit")
    assert boris.finish() == exit_codes.OK
    anna.end()
    assert anna.finish() == exit_codes.OK
    said = "\n".join(re.sub(r"^\d\d:\d\d ", "", line) for line in boris.lines())
    for line in (
        "anna: привет",
        "anna → you: psst",
        "anna: /slash",
        "anna → you: и так",
        "* boris made the room #dev",
        "* anna joined #dev",
        "#dev anna: here too",
        "* anna left #dev",
    ):
        assert said.count(line) == 1, line
    assert "not this" not in said
    assert "There is no command /nope; nothing was sent." in anna.said
    assert "#dev (2): anna, boris" in anna.said
    assert "* #dev, 1 person: our work" in boris.said


def test_a_name_that_is_taken_is_asked_for_again(spawn: Spawn, server: Server) -> None:
    chat(spawn, server, "anna")
    second = spawn("chat", address(server), terminal=True)
    second.wait_for("Your name:")
    second.type("anna")
    second.wait_for("This name is taken")
    second.type("anna2")
    second.wait_for("Welcome, anna2")
    second.type("/quit")
    assert second.finish() == exit_codes.OK


def test_at_pipes_nobody_can_be_asked(spawn: Spawn, server: Server) -> None:
    chat(spawn, server, "anna")
    second = spawn("chat", address(server))
    second.type("anna", "this is to be said, and no name")
    assert second.finish() == exit_codes.REFUSED
    assert "This name is taken" in second.said


def test_the_last_lines_are_shown_and_then_earlier_ones(spawn: Spawn, server: Server) -> None:
    with server.enter("boris") as boris:
        for number in range(30):
            boris.send("new_message", text=f"line {number}")
        boris.fence()
        anna = chat(spawn, server, "anna")
        anna.wait_for("line 29\n")
        assert "line 10\n" in anna.said and "line 9\n" not in anna.said
        anna.type("/history 5")
        anna.wait_for("end of the earlier lines")
        assert "line 5\n" in anna.said and "line 4\n" not in anna.said
        anna.type("/history 100", "/history")
        anna.wait_for("nothing earlier")
        said = anna.said
    for number in range(30):
        assert said.count(f"line {number}\n") == 1


def test_lines_typed_while_the_server_is_gone_go_out_once(spawn: Spawn, server: Server) -> None:
    anna, boris = chat(spawn, server, "anna"), chat(spawn, server, "boris")
    for turn in range(2):
        anna.type(*(f"before {turn}.{number}" for number in range(5)))
        boris.wait_for(f"before {turn}.0")
        server.kill()  # Perhaps between the commit and the echo.
        anna.wait_for_times("The connection is lost", turn + 1)
        anna.type(*(f"during {turn}.{number}" for number in range(5)))
        boris.type(f"boris {turn}")
        anna.wait_for(f"(not sent yet) during {turn}.4")
        server.start()
        boris.wait_for(f"anna: during {turn}.4")
        anna.wait_for(f"boris: boris {turn}")
    anna.end()
    boris.end()
    assert anna.finish() == exit_codes.OK and boris.finish() == exit_codes.OK
    wanted = [
        f"{when} {turn}.{number}"
        for turn in range(2)
        for when in ("before", "during")
        for number in range(5)
    ]
    for client in (anna, boris):
        heard = re.findall(r"^\d\d:\d\d anna: (.*)$", client.said, re.MULTILINE)
        assert heard == wanted, "each once, and in order"
        assert client.said.count("boris: boris") == 2


def test_unsent_lines_survive_the_client(spawn: Spawn, server: Server) -> None:
    anna = chat(spawn, server, "anna", state="anna")
    server.kill()
    anna.wait_for("The connection is lost")
    anna.type("kept 1", "kept 2")
    anna.wait_for("(not sent yet) kept 2")
    anna.process.send_signal(signal.SIGKILL)
    anna.finish()
    server.start()
    with server.enter("boris") as boris:
        again = spawn("chat", address(server), state="anna", terminal=True)
        again.wait_for("Your name [anna]:")
        again.type("")
        texts = [boris.receive_until("new_message", from_="anna")["text"] for _ in range(2)]
        assert texts == ["kept 1", "kept 2"]
        again.wait_for(lambda: any("kept 2" in line for line in again.shown()))
        again.type("/quit")
        assert again.finish() == exit_codes.OK
        said = [event for event in boris.fence() if event["action"] == "new_message"]
        assert said == [], "once"


def test_what_arrives_does_not_tear_what_is_typed(spawn: Spawn, server: Server) -> None:
    with server.enter("boris") as boris:
        anna = spawn("chat", address(server), "--name", "anna", terminal=True)
        anna.wait_for("Welcome, anna")
        anna.press("half a li")
        anna.wait_for(lambda: "#general> half a li" in anna.shown())
        for number in range(20):
            boris.send("new_message", text=f"meanwhile {number}")
        boris.send("new_message", text="\u202eevil\u202c")
        anna.wait_for(lambda: any("evil" in line for line in anna.shown()))
        anna.wait_for(lambda: anna.shown()[-1] == "#general> half a li")
        anna.type("ne")
        assert boris.receive_until("new_message", from_="anna")["text"] == "half a line"
        anna.wait_for(lambda: any(line.endswith("anna: half a line") for line in anna.shown()))
        shown = anna.shown()
        assert [line[6:] for line in shown if "meanwhile" in line] == [
            f"boris: meanwhile {number}" for number in range(20)
        ]
        assert sum("half a li" in line for line in shown) == 1, "shown by its echo alone"
        assert any("<U+202E>evil<U+202C>" in line for line in shown)
        anna.press("unwanted\x03")
        anna.wait_for(lambda: anna.shown()[-1] == "#general>")
        anna.press("\x03")
        anna.wait_for(lambda: anna.shown()[-1] == "#general> /quit")
        anna.type("")
        assert anna.finish() == exit_codes.OK


def test_a_password_is_never_on_the_screen(spawn: Spawn, server: Server) -> None:
    with server.enter("vera", password="correct horse"):
        anna = spawn("chat", address(server), "--name", "vera", terminal=True)
        anna.wait_for("Password:")
        anna.type("wrong pony!")
        anna.wait_for("The password is wrong")
        anna.type("correct horse")
        anna.wait_for("Welcome, vera")
        anna.press("\x1b[A")
        anna.type("/quit")
        assert anna.finish() == exit_codes.OK
        assert "horse" not in anna.said and "pony" not in anna.said and "*" * 5 not in anna.said


def test_a_device_comes_back_without_its_password(spawn: Spawn, server: Server) -> None:
    first = spawn("chat", address(server), "--name", "vera", "--password", state="v", terminal=True)
    first.wait_for("Password:")
    first.type("correct horse")
    first.wait_for("Welcome, vera")
    second = spawn("chat", address(server), "--name", "vera", state="v", terminal=True)
    second.wait_for("Another window is open here as vera")
    second.wait_for("Password:")
    first.type("/quit")
    assert first.finish() == exit_codes.OK
    third = spawn("chat", address(server), "--name", "vera", state="v")
    third.end()
    second.type("")
    assert third.finish() == exit_codes.OK, third.said
    assert "Welcome, vera" in third.said and "Password" not in third.said


def test_no_color_is_kept_to(spawn: Spawn, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = chat(spawn, server, "anna")
    anna.type("x", "/rooms", "/nope")
    anna.end()
    assert anna.finish() == exit_codes.OK
    assert "\x1b" not in anna.said, "no colours in a pipe"


def test_send_is_heard_by_tail(spawn: Spawn, server: Server) -> None:
    before = spawn("send", *at(server), "#general", "said", "before")
    assert before.finish() == exit_codes.OK and before.said == ""
    tail = spawn("tail", *at(server), "#general", "--json")
    tail.wait_for('"said before"')
    send = spawn("send", *at(server), "#general", "-")
    texts = ["one", "тр\u2028и", "\u202eevil", '{"action":"quit"}', "/quit", " spaced "]
    send.type(*texts[:3], "", *texts[3:])
    send.end()
    assert send.finish() == exit_codes.OK and send.said == ""
    tail.wait_for(" spaced ")
    events = [json.loads(line) for line in tail.said.strip().split("\n")]
    assert [event["text"] for event in events] == ["said before", *texts]
    assert [event["seq"] for event in events] == list(range(1, len(texts) + 2))
    assert "\u202e" not in tail.said and "\u2028" not in tail.said
    plain = spawn("tail", *at(server), "#general", "-n", "2", "--no-follow")
    assert plain.finish() == exit_codes.OK
    assert len(plain.said.strip().split("\n")) == 3 and "/quit" in plain.said


def test_tail_goes_on_where_it_was_when_the_server_comes_back(spawn: Spawn, server: Server) -> None:
    tail = spawn("tail", *at(server), "#general", "--json")
    for turn in range(3):
        send = spawn("send", *at(server), "#general", f"turn {turn}")
        assert send.finish() == exit_codes.OK
        if turn == 0:
            tail.wait_for("turn 0")
        if turn < 2:
            # The second time perhaps before the tail is back.
            server.kill()
            server.start()
    tail.wait_for("turn 2")
    said = re.findall(r'"text":"(turn \d)"', tail.said)
    assert said == ["turn 0", "turn 1", "turn 2"]


def test_send_to_one_person_and_to_nobody(spawn: Spawn, server: Server) -> None:
    with server.enter("anna") as anna:
        send = spawn("send", *at(server), "--name", "bot1", "anna", "psst")
        assert send.finish() == exit_codes.OK
        whisper = anna.receive_until("new_whisper")
        assert (whisper["from"], whisper["text"]) == ("bot1", "psst")
    nobody = spawn("send", *at(server), "nobody-here", "psst")
    assert nobody.finish() == exit_codes.REFUSED
    assert "There is nobody called nobody-here" in nobody.said and "Not sent: psst" in nobody.said


def test_send_under_a_name_works_twice_in_a_row(spawn: Spawn, server: Server) -> None:
    for text in ("first", "second"):
        arguments = ("send", *at(server), "--name", "robot", "#general", text)
        assert spawn(*arguments, state="robot").finish() == exit_codes.OK


def test_send_waits_for_a_server_that_comes_back(
    spawn: Spawn, new_server: Callable[..., Server]
) -> None:
    server = new_server("--quiet").start()
    send = spawn("send", *at(server), "#general", "-")
    send.type("one")
    with server.enter("anna") as anna:
        while "one" not in [event["text"] for event in anna.ask("history").get("entries", [])]:
            pass
    server.kill()
    send.type("two")
    server.start()
    send.end()
    assert send.finish() == exit_codes.OK, send.said
    with server.enter("boris") as boris:
        texts = [event["text"] for event in boris.ask("history")["entries"]]
    assert texts == ["one", "two"]


def test_send_to_a_room_joins_it(spawn: Spawn, server: Server) -> None:
    with server.enter("anna") as anna:
        anna.ask("create", room="#dev")
        send = spawn("send", *at(server), "#dev", "hello")
        assert send.finish() == exit_codes.OK
        assert anna.receive_until("new_message")["text"] == "hello"
        tail = spawn("tail", *at(server), "#dev", "--no-follow")
        assert tail.finish() == exit_codes.OK and "hello" in tail.said
    nowhere = spawn("tail", *at(server), "#nowhere", "--no-follow")
    assert nowhere.finish() == exit_codes.REFUSED and "#nowhere" in nowhere.said
