"""The plays: transcripts of the wire, each performed against the real server.

A play is a file of lines, read from top to bottom; `#` begins a comment. Who speaks is whatever
stands before the verb, so `anna` and `anna's phone` are two connections.

    server starts                       with its own file, where nobody is yet but somebody has been
                                        the owner; later again, on the same one
    server starts with KEY = VALUE; …   the same, with limits set
    server is killed                    as by a power cut; everybody's line is cut
    server stops                        in order, with exit code 0; so here
    anna connects
    anna connects as in 2022            sends bare objects; each recv(4096) must be one object
    anna > {…}                          anna sends; several objects on one line leave at once
    anna < {…}                          the next thing anna receives; further keys are allowed
    anna < {…} exactly                  no further keys
    anna < eventually {…}               other things may come first
    anna < in parts {…}                 a long text, in as many objects as it takes
    anna <> nothing                     nothing arrived: a fence shows it, after everybody else's
    anna closes
    anna is closed                      by the server

Values are JSON and three things more: `…` as three dots is any value (in a list: any further
values), `$word` is what it was the first time it was met, and `"abc" * 3` is `"abcabcabc"`.

Who comes and who goes is told in its own time, so `new_user`, `user_left` and `presence` are passed
over where something else is expected. Two arrivals close together may be told in either way.
"""

import json
import queue
import re
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peer import TIMEOUT_SECONDS, Object, Peer
from tests.serving import Server

PLAYS = sorted(Path(__file__).parent.glob("*.play"))
PRESENCE = frozenset({"new_user", "user_left", "presence"})
LEGACY_OBJECT_BYTES_MAX = 4096

# The pause between two objects for a client of 2022. Its reader here is a thread among others, on a
# machine that has other work; the usual 5 ms are meant for a client that only waits.
SPACING_SECONDS = 0.03

_CUE = re.compile(
    r"(?P<who>\w[\w' -]*?) (?P<verb>connects as in 2022|connects|closes|is closed"
    r"|<> nothing|>|< eventually|< in parts|<)(?: (?P<rest>.*))?"
)
_STRING = r'"(?:[^"\\]|\\.)*"'
_SPECIAL = re.compile(rf"(?P<text>{_STRING})(?:\s*\*\s*(?P<times>\d+))?|\.\.\.|\$(?P<word>\w+)")
_ANY = {"any": "value"}


class Stumble(AssertionError):
    """Something else happened than the play says."""


def read_values(text: str) -> list[Any]:
    """Read the JSON values of a line, with what plays add to JSON."""

    def spell(match: re.Match[str]) -> str:
        if match["text"]:
            return json.dumps(json.loads(match["text"]) * int(match["times"] or 1))
        if match["word"]:
            return json.dumps({"word": match["word"]})
        return json.dumps(_ANY)

    plain = _SPECIAL.sub(spell, text).strip()
    values = []
    decoder = json.JSONDecoder()
    while plain:
        value, end = decoder.raw_decode(plain)
        values.append(value)
        plain = plain[end:].lstrip()
    return values


def fill(value: Any, words: dict[str, Any]) -> Any:
    """Put what `$words` stand for into a value that is to be sent."""
    if isinstance(value, dict):
        if value.keys() == {"word"}:
            return words[value["word"]]
        # A key may be a word too, where a name with a tag is one.
        return {
            words[key[1:]] if key[:1] == "$" else key: fill(v, words) for key, v in value.items()
        }
    return [fill(v, words) for v in value] if isinstance(value, list) else value


def matches(wanted: Any, got: Any, words: dict[str, Any], exactly: bool = False) -> bool:
    """Say whether what came is what was wanted; words met for the first time are learnt."""
    if wanted == _ANY:
        return True
    if isinstance(wanted, dict):
        if wanted.keys() == {"word"}:
            return bool(words.setdefault(wanted["word"], got) == got)
        if not isinstance(got, dict) or not wanted.keys() <= got.keys():
            return False
        if exactly and wanted.keys() != got.keys():
            return False
        return all(matches(value, got[key], words, exactly) for key, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(got, list):
            return False
        if wanted and wanted[-1] == _ANY:
            wanted = wanted[:-1]
            got = got[: len(wanted)]
        return len(wanted) == len(got) and all(
            matches(w, g, words, exactly) for w, g in zip(wanted, got, strict=True)
        )
    return type(wanted) is type(got) and bool(wanted == got)


class Person:
    """Somebody in a play who speaks as today."""

    def __init__(self, port: int) -> None:
        self.peer = Peer(port)
        self.heard: deque[Object] = deque()
        self.registered = False

    def send(self, objects: list[Object]) -> None:
        lines = [json.dumps(o, ensure_ascii=False).encode() + b"\n" for o in objects]
        self.peer.send_bytes(b"".join(lines))

    def receive(self) -> Object:
        """Return the next object; EOFError at the end."""
        object = self.heard.popleft() if self.heard else self.peer.receive()
        self.registered |= object.get("result") == "successful"
        return object

    def fence(self) -> None:
        """Have heard everything that was to be heard by now; who is nobody yet hears nothing."""
        if self.registered:
            self.heard.extend(self.peer.fence())

    def close(self) -> None:
        self.peer.close()


class PersonOf2022:
    """Somebody who sends bare objects and takes each chunk that arrives for one object."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.heard: deque[Object] = deque()
        self.chunks: queue.Queue[bytes] = queue.Queue()
        self.fences = 0
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        chunk = b"?"
        while chunk:
            try:
                chunk = self.socket.recv(LEGACY_OBJECT_BYTES_MAX)
            except OSError:
                chunk = b""
            self.chunks.put(chunk)

    def send(self, objects: list[Object]) -> None:
        self.socket.sendall(b"".join(json.dumps(o).encode() for o in objects))

    def _next(self) -> Object:
        chunk = self.chunks.get(timeout=TIMEOUT_SECONDS)
        if not chunk:
            raise EOFError
        try:
            object: Object = json.loads(chunk)
        except ValueError as error:
            raise Stumble(f"a chunk is not one object: {chunk!r}") from error
        return object

    def receive(self) -> Object:
        """Return the next object; EOFError at the end."""
        return self.heard.popleft() if self.heard else self._next()

    def fence(self) -> None:
        """Have heard everything: 2022 knows no `ping`, but every refusal is told, in order."""
        self.fences += 1
        id = f"fence-{self.fences}"
        self.send([{"action": "new_whisper", "to": "nobody", "text": "?", "id": id}])
        while (object := self._next()).get("id") != id:
            self.heard.append(object)

    def close(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.reader.join()
        self.socket.close()


class Stage:
    """Performs the lines of a play."""

    def __init__(self, data: Path) -> None:
        self.server = Server(data, "--quiet").found()
        self.people: dict[str, Person | PersonOf2022] = {}
        self.words: dict[str, Any] = {}

    def perform(self, line: str) -> None:
        """Perform one line; Stumble when something else happens than it says."""
        if line.startswith("server "):
            self._serve(line.removeprefix("server "))
            return
        cue = _CUE.fullmatch(line)
        if cue is None:
            raise Stumble("this line is not understood")
        self._cue(cue["who"], cue["verb"], cue["rest"] or "")

    def _serve(self, what: str) -> None:
        if what.startswith("starts"):
            settings = what.removeprefix("starts").strip().removeprefix("with ")
            lines = [f"legacy_spacing_seconds = {SPACING_SECONDS}", *settings.split("; ")]
            self.server.data.mkdir(exist_ok=True)
            config = "[limits]\n" + "\n".join(lines) + "\n"
            (self.server.data / "molva.toml").write_text(config)
            self.server.start()
        elif what == "is killed":
            self.server.kill()
            self._let_go()
        elif what == "stops":
            code = self.server.stop()
            self._let_go()
            if code:
                raise Stumble(f"the exit code is {code}")
        else:
            raise Stumble("this line is not understood")

    def _cue(self, who: str, verb: str, rest: str) -> None:
        if verb.startswith("connects"):
            kind = PersonOf2022 if verb.endswith("2022") else Person
            if who in self.people:
                self.people[who].close()
            self.people[who] = kind(self.server.port)
            return
        person = self.people[who]
        match verb:
            case "closes":
                person.close()
                del self.people[who]
            case "is closed":
                self._end(person)
                person.close()
                del self.people[who]
            case "<> nothing":
                self._nothing(person)
            case ">":
                person.send(fill(read_values(rest), self.words))
            case _:
                self._hear(person, verb, rest)

    def _end(self, person: Person | PersonOf2022) -> None:
        try:
            while (object := person.receive()).get("action") in PRESENCE:
                pass
        except (EOFError, ConnectionResetError):
            return
        raise Stumble(f"not closed, but told {object}")

    def _nothing(self, person: Person | PersonOf2022) -> None:
        # What others asked for must be done before it can be said what this one heard of it.
        for other in self.people.values():
            if other is not person:
                other.fence()
        person.fence()
        told = [o for o in person.heard if o.get("action") not in PRESENCE]
        if told:
            raise Stumble(f"not nothing, but {told}")

    def _hear(self, person: Person | PersonOf2022, verb: str, rest: str) -> None:
        text = rest.removesuffix(" exactly")
        (wanted,) = read_values(text)
        exactly = text != rest
        if verb == "< in parts":
            self._hear_parts(person, fill(wanted, self.words))
            return
        passed: list[Object] = []
        while True:
            try:
                got = person.receive()
            except (EOFError, TimeoutError, queue.Empty, ConnectionResetError) as error:
                raise Stumble(f"wanted {wanted}, got {passed}, then {error!r}") from error
            if matches(wanted, got, self.words, exactly):
                return
            aside = got.get("action") in PRESENCE and wanted.get("action") not in PRESENCE
            if verb != "< eventually" and not aside:
                raise Stumble(f"wanted {wanted}, got {got}")
            passed.append(got)

    def _hear_parts(self, person: Person | PersonOf2022, wanted: Object) -> None:
        text = ""
        parts = 0
        while len(text) < len(wanted["text"]):
            got = person.receive()
            if got.get("action") in PRESENCE:
                continue
            text += got["text"]
            parts += 1
            if not matches(wanted | {"text": got["text"]}, got, self.words):
                raise Stumble(f"wanted parts of {wanted}, got {got}")
        if text != wanted["text"] or parts < 2:
            raise Stumble(f"{parts} parts make another text: {text!r}")

    def _let_go(self) -> None:
        for person in self.people.values():
            person.close()
        self.people.clear()

    def close(self) -> None:
        """Let everybody go."""
        self._let_go()
        self.server.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "data")
    yield stage
    stage.close()


@pytest.mark.parametrize("play", PLAYS, ids=lambda path: path.stem)
def test_the_server_speaks_as_the_play_says(play: Path, stage: Stage) -> None:
    for number, line in enumerate(play.read_text(encoding="utf-8").splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            stage.perform(said)
        except Exception as error:
            raise Stumble(f"{play.name}:{number}: {said}\n{error!r}") from error
    assert stage.server.errors() == ""


@pytest.mark.parametrize(
    "line",
    [
        'anna < {"action":"new_message","text":"no"}',
        'anna < {"action":"new_message"} exactly',
        'anna < in parts {"action":"new_message","text":"hi there"}',
        "anna <> nothing",
        "anna is closed",
        "anna dances",
    ],
)
def test_a_line_that_is_not_so_stops_the_play(line: str, stage: Stage) -> None:
    stage.perform("server starts")
    for name in ("anna", "boris"):
        stage.perform(f"{name} connects")
        stage.perform(f'{name} > {{"action":"registration","name":"{name}","features":["echo"]}}')
        stage.perform(f'{name} < {{"result":"successful"}}')
    stage.perform('boris > {"action":"new_message","text":"hi there"}')
    with pytest.raises(Stumble):
        stage.perform(line)
