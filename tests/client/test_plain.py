"""Plain: what a typed line means, and that nothing is sent that was not meant."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.client.commands import (
    NAMES,
    Command,
    Text,
    Unknown,
    Verb,
    parse_line,
    split_word,
)
from molva.client.credentials import Credentials
from molva.client.mirror import Mirror
from molva.client.plain import PlainChat
from molva.client.rendering import Renderer
from molva.client.screen import Fragments
from molva.terms import actions, events
from molva.terms.catalogue import PHRASES, Language
from molva.terms.errors import Code

AT = "2026-01-02T03:04:05.000Z"

# -- What a line means ----------------------------------------------------------------------------

KEYS = dict(
    zip("qwertyuiop[]asdfghjkl;'zxcvbnm,.", "йцукенгшщзхъфывапролджэячсмитьбю", strict=True)
)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("hello", Text("hello")),
        ("", Text("")),
        ("  /help", Text("  /help")),
        ("/help", Command(Verb.HELP, "")),
        ("/HELP", Command(Verb.HELP, "")),
        ("/w boris  hi there ", Command(Verb.WHISPER, "boris  hi there")),
        ("\\w boris hi", Command(Verb.WHISPER, "boris hi")),
        ("/msg boris line\nline", Command(Verb.WHISPER, "boris line\nline")),
        ("/join\t#x", Command(Verb.JOIN, "#x")),
        ("/ьып boris привет", Command(Verb.WHISPER, "boris привет")),
        ("/ЬЫП boris", Command(Verb.WHISPER, "boris")),
        ("\\ц борис привет", Command(Verb.WHISPER, "борис привет")),
        (".рудз", Command(Verb.HELP, "")),
        (".йгше", Command(Verb.QUIT, "")),
        ("/помощь", Command(Verb.HELP, "")),
        (".привет", Text(".привет")),
        ("...", Text("...")),
        (".help", Text(".help")),
        ("//help", Text("/help")),
        ("//", Text("/")),
        ("\\\\w x", Text("\\w x")),
        ("\\(^o^)/", Text("\\(^o^)/")),
        ("/", Unknown("/")),
        ("/ help", Unknown("/")),
        ("/nope text", Unknown("/nope")),
        ("\\nope text", Unknown("\\nope")),
        ("/etc/passwd is a file", Unknown("/etc/passwd")),
        ("/цкщтп", Unknown("/цкщтп")),
        ("/helpme", Unknown("/helpme")),
        ("/\u2028help", Unknown("/")),
    ],
)
def test_a_line_means(line: str, meant: object) -> None:
    assert parse_line(line) == meant


def test_each_name_of_each_command_is_understood_in_both_layouts() -> None:
    for verb, names in NAMES.items():
        for name in names:
            assert parse_line(f"/{name} rest") == Command(verb, "rest")
            typed = "".join(KEYS.get(character, character) for character in name)
            if typed != name and name.isascii():
                assert parse_line(f"/{typed} rest") == Command(verb, "rest")
                assert parse_line(f".{typed} rest") == Command(verb, "rest")


@given(st.text())
def test_what_begins_like_a_command_is_a_text_only_when_escaped(rest: str) -> None:
    meant = parse_line("/" + rest)
    if isinstance(meant, Text):
        assert rest.startswith("/") and meant.text == rest


def test_words_are_split_at_blanks_only() -> None:
    assert split_word("boris  hi there") == ("boris", "hi there")
    assert split_word("boris") == ("boris", "")
    assert split_word("") == ("", "")


def test_every_command_has_its_help_in_both_languages() -> None:
    for verb in Verb:
        for text in PHRASES[f"chat.help.{verb.value}"]:
            usage, _, meaning = text.partition("|")
            assert usage.startswith(f"/{verb.value}") and meaning


# -- What a line does -----------------------------------------------------------------------------


class Sheet:
    """A screen that keeps what is shown."""

    interactive = True

    def __init__(self) -> None:
        self.lines: list[str] = []

    def show(self, line: Fragments) -> None:
        self.lines.append("".join(text for _, text in line))

    async def read_line(self) -> str | None:
        return None

    def changed(self) -> None:
        pass

    def close(self) -> None:
        pass


class Desk:
    """A chat without a network: what it sends is caught, what it hears is said here."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.sheet = Sheet()
        self.chat = PlainChat(
            lambda _: self.sheet,
            Renderer(Language.ENGLISH, today="2026-01-02"),
            host="h",
            port=1,
            **({"name": "anna", "password": None, "credentials": Credentials(directory)} | options),
        )
        self.mirror: Mirror = self.chat._mirror
        self.sent: list[actions.AnyAction] = []
        self.mirror.connected(0.0)
        self.catch()

    def catch(self) -> list[actions.AnyAction]:
        """Return what was sent since the last time."""
        sent = self.mirror.actions_to_send()
        self.chat._transport.flush()
        return sent

    def hear(self, event: Any) -> list[str]:
        """Have the server say something; return the lines it makes."""
        before = len(self.sheet.lines)
        self.mirror.receive(event, 0.0)
        self.chat._transport.flush()
        return self.sheet.lines[before:]

    def welcome(self, **fields: Any) -> list[str]:
        """Let us in."""
        return self.hear(
            events.Result(
                **(
                    {
                        "result": "successful",
                        "name": "anna",
                        "users": ["anna", "boris"],
                        "text": "Welcome!",
                        "conversations": [events.Conversation(room="#general", head=0, cursor=0)],
                    }
                    | fields
                )
            )
        )

    def type(self, line: str) -> list[actions.AnyAction]:
        """Type a line; return what is sent of it."""
        self.mirror.actions_to_send()
        # `take` flushes to a socket that is not there; the outbox and the requests tell.
        known = {write.action.id for write in self.mirror.outbox.pending()}
        requests = set(self.mirror._requests)
        self.chat.take(line)
        sent: list[actions.AnyAction] = []
        for write in self.mirror.outbox.pending():
            if write.action.id not in known:
                sent.append(write.action)
        sent += [request for id, request in self.mirror._requests.items() if id not in requests]
        return sent

    def close(self) -> None:
        if self.chat._file is not None:
            self.chat._file.close()


def at_desk(tmp_path: Path, scene: Callable[[Desk], None], **options: Any) -> None:
    async def run() -> None:
        desk = Desk(tmp_path, **options)
        try:
            scene(desk)
        finally:
            desk.close()

    asyncio.run(run())


def without_ids(sent: list[actions.AnyAction]) -> list[str]:
    return [type(action).__name__ + " " + _said(action) for action in sent]


def _said(action: actions.AnyAction) -> str:
    fields = {
        name: getattr(action, name)
        for name in action.__struct_fields__
        if name not in ("id", "limit") and getattr(action, name) is not None
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("hi", ["NewMessage text=hi room=#general"]),
        ("//hi", ["NewMessage text=/hi room=#general"]),
        ("/w boris hi  there", ["NewWhisper to=boris text=hi  there"]),
        ("\\w @boris hi", ["NewWhisper to=boris text=hi"]),
        ("/msg #dev hi", ["NewMessage text=hi room=#dev"]),
        ("/join dev", ["Join room=#dev"]),
        ("/join #dev and more", ["Join room=#dev"]),
        ("/create #dev what it is", ["Create room=#dev topic=what it is"]),
        ("/leave #dev", ["Leave room=#dev"]),
        ("/topic new one", ["Topic room=#general text=new one"]),
        ("/topic #dev -", ["Topic room=#dev text="]),
        ("/users", ["Users "]),
        ("/users dev", ["Users room=#dev"]),
        ("/rooms", ["Rooms "]),
        ("/history", ["History room=#general before=1"]),
        ("/away lunch", ["Away text=lunch"]),
        ("/away", ["Away text="]),
        ("/back", ["Away "]),
        ("/topic", []),
        ("/help", []),
        ("/w", []),
        ("/join", []),
        ("/create", []),
        ("/history many", []),
        ("/history -5", []),
        ("/nope text", []),
        ("\\nope text", []),
        ("/ text", []),
        ("   ", []),
        ("", []),
        ("bad \x1b[0m", []),
        ("lone \ud800", []),
        ("/w bad\x00name hi", []),
        ("/join " + "x" * 400, []),
    ],
)
def test_a_line_sends(tmp_path: Path, line: str, sent: list[str]) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome(
            conversations=[events.Conversation(room="#general", head=0, cursor=0)]
            if line != "/history"
            else [events.Conversation(room="#general", head=0, cursor=0, read=0)]
        )
        if line == "/history":
            desk.chat._oldest["#general"] = 5
        shown = len(desk.sheet.lines)
        expected = [text.replace("before=1", "before=5") for text in sent]
        assert without_ids(desk.type(line)) == expected
        if not sent and line.strip():
            assert len(desk.sheet.lines) > shown, "it says why nothing was sent"

    at_desk(tmp_path, scene)


@given(st.text(min_size=1))
def test_an_unknown_command_is_never_sent(
    tmp_path_factory: pytest.TempPathFactory, word: str
) -> None:
    if not isinstance(parse_line("/" + word), Unknown):
        return

    def scene(desk: Desk) -> None:
        desk.welcome()
        assert desk.type("/" + word) == []

    at_desk(tmp_path_factory.getbasetemp() / "never", scene)


def test_where_what_is_typed_goes(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        assert desk.chat.prompt() == "#general> "
        desk.type("/w boris")
        assert desk.chat.prompt() == "@boris> "
        assert without_ids(desk.type("hi")) == ["NewWhisper to=boris text=hi"]
        desk.type("/join #general")
        assert desk.chat.prompt() == "#general> "
        desk.type("/join #dev")
        assert without_ids(desk.type("to dev")) == ["NewMessage text=to dev room=#dev"], (
            "at once: it leaves after the write that lets us in"
        )
        joining = desk.mirror.outbox.pending()[-2].action
        desk.hear(events.Error(text="no", code=Code.NO_SUCH_ROOM, id=joining.id))
        assert desk.chat.prompt() == "#general> "

    at_desk(tmp_path, scene)


def test_a_refused_line_is_shown_with_its_text(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        (action,) = desk.type("/w nobody precious words")
        lines = desk.hear(events.Error(text="nobody here", code=Code.NO_SUCH_USER, id=action.id))
        assert lines == ["The server: nobody here", "Not sent: precious words"]
        assert desk.mirror.outbox.refused() == []

    at_desk(tmp_path, scene)


def test_entries_say_where_they_are_from(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        say = events.NewMessage
        (line,) = desk.hear(say(text="hi", from_="boris", room="#general", seq=1, at="bad"))
        assert line == "--:-- boris: hi"
        (line,) = desk.hear(say(text="hi", from_="boris", room="#dev", seq=1, at="bad"))
        assert line == "--:-- #dev boris: hi"
        whisper = events.NewWhisper
        (line,) = desk.hear(whisper(text="psst", from_="boris", to="anna", seq=1, at="bad"))
        assert line == "--:-- boris → you: psst"
        (line,) = desk.hear(whisper(text="psst", from_="anna", to="boris", seq=2, at="bad"))
        assert line == "--:-- you → boris: psst"

    at_desk(tmp_path, scene)


def test_earlier_lines_come_before_what_arrives_meanwhile(tmp_path: Path) -> None:
    def message(seq: int) -> events.NewMessage:
        return events.NewMessage(
            text=f"m{seq}", from_="boris", room="#general", seq=seq, at="bad", id=None
        )

    def scene(desk: Desk) -> None:
        desk.mirror.receive(
            events.Result(
                result="successful",
                name="anna",
                conversations=[events.Conversation(room="#general", head=7, cursor=5, unread=2)],
            ),
            0.0,
        )
        # The unread ones are here before the client looks at the welcome.
        desk.mirror.receive(message(6), 0.0)
        desk.chat._transport.flush()
        (asked,) = desk.mirror._requests.values()
        assert isinstance(asked, actions.History)
        assert (asked.before, asked.limit) == (6, 18)
        assert desk.hear(message(7)) == []
        page = events.History(
            entries=[message(4), message(5)], head=7, room="#general", id=asked.id
        )
        assert desk.hear(page) == [f"--:-- boris: m{seq}" for seq in (4, 5, 6, 7)]

    at_desk(tmp_path, scene)


def test_history_goes_further_back_each_time(tmp_path: Path) -> None:
    def page(first: int, id: str | None) -> events.History:
        entries: list[events.LogEvent] = [
            events.Joined(room="#general", user="x", seq=seq, at="bad")
            for seq in (first, first + 1)
        ]
        return events.History(entries=entries, head=9, room="#general", id=id)

    def scene(desk: Desk) -> None:
        desk.welcome(conversations=[events.Conversation(room="#general", head=9, cursor=9)])
        first = desk.chat._first_page
        desk.hear(page(8, first))
        (asked,) = desk.type("/history 2")
        assert isinstance(asked, actions.History) and (asked.before, asked.limit) == (8, 2)
        lines = desk.hear(page(6, asked.id))
        assert lines[0].startswith("—") and lines[-1].startswith("—") and len(lines) == 4
        (asked,) = desk.type("/history 999")
        assert isinstance(asked, actions.History) and (asked.before, asked.limit) == (6, 100)
        lines = desk.hear(events.History(entries=[], head=9, room="#general", id=asked.id))
        assert lines == ["#general: nothing earlier."]
        assert desk.type("/history") == []

    at_desk(tmp_path, scene)


def test_what_is_typed_before_the_welcome_waits_for_it(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        assert desk.type("early") == [] and desk.type("/join dev") == []
        assert desk.sheet.lines[-2:] == ["(not sent yet) early", "(not sent yet) /join dev"]
        desk.hear(events.Result(result="error", code=Code.NAME_TAKEN, text="taken"))
        desk.type("vera")
        assert desk.mirror.name == "vera"
        desk.welcome(name="vera")
        pending = [write.action for write in desk.mirror.outbox.pending()]
        assert without_ids(list(pending)) == [
            "NewMessage text=early room=#general",
            "Join room=#dev",
        ]

    at_desk(tmp_path, scene)


def test_a_name_is_asked_for_and_the_last_one_offered(tmp_path: Path) -> None:
    Credentials(tmp_path).keep("h", 1, "Anna", "T")

    def scene(desk: Desk) -> None:
        assert desk.chat.prompt() == "Your name [Anna]: "
        assert desk.chat.take("/quit") is False
        desk.chat.take("/join #x")
        assert desk.mirror.name == ""
        desk.chat.take("")
        assert desk.mirror.name == "Anna" and desk.mirror.token == "T"

    at_desk(tmp_path, scene, name=None)


def test_a_password_is_asked_for_in_secret(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.hear(events.Result(result="error", code=Code.PASSWORD_REQUIRED, text="needed"))
        assert desk.chat.secret() and desk.chat.prompt() == "Password: "
        desk.chat.take("/secret password")
        assert not desk.chat.secret()
        assert "secret password" not in "".join(desk.sheet.lines)
        desk.hear(events.Result(result="error", code=Code.WRONG_PASSWORD, text="wrong"))
        desk.chat.take("")
        assert not desk.chat.secret() and desk.chat.prompt() == "Your name: "

    at_desk(tmp_path, scene)


def test_a_second_window_leaves_the_first_ones_device_alone(tmp_path: Path) -> None:
    Credentials(tmp_path).keep("h", 1, "anna", "T")

    def scene(desk: Desk) -> None:
        assert desk.mirror.token == "T"
        second = Desk(tmp_path)
        assert second.mirror.token is None
        assert any("Another window" in line for line in second.sheet.lines)
        second.welcome(token="T2")
        assert Credentials(tmp_path).token("h", 1, "anna") == "T"
        second.close()

    at_desk(tmp_path, scene)


def test_a_conversation_is_read_when_something_is_typed_into_it(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        desk.hear(events.NewMessage(text="x", from_="boris", room="#general", seq=1, at=AT))
        assert desk.mirror._readings == {}
        desk.type("/users")
        assert desk.mirror._readings == {}
        desk.type("")
        assert desk.mirror._readings["#general"].action.through == 1

    at_desk(tmp_path, scene)


def test_lists_are_readable(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        (asked,) = desk.type("/users")
        lines = desk.hear(
            events.Users(users=["anna", "boris"], away={"boris": "lunch"}, id=asked.id)
        )
        assert lines == ["Online (2): anna, boris (away: lunch)"]
        (asked,) = desk.type("/rooms")
        rooms = [
            events.Room(room="#general", members=1, joined=True),
            events.Room(room="#dev", members=5, topic="work"),
        ]
        lines = desk.hear(events.Rooms(rooms=rooms, total=7, id=asked.id))
        assert lines == ["* #general, 1 person", "  #dev, 5 people: work", "… of 7 rooms in all"]

    at_desk(tmp_path, scene)


# -- Credentials ----------------------------------------------------------------------------------


def test_tokens_are_kept_by_server_and_name_for_the_owner_alone(tmp_path: Path) -> None:
    kept = Credentials(tmp_path / "state")
    assert kept.token("h", 1, "anna") is None and kept.last_name("h", 1) is None
    kept.keep("h", 1, "Anna", "T")
    kept.keep("h", 2, "boris", "U")
    kept.keep("h", 1, "anna", None)
    again = Credentials(tmp_path / "state")
    assert again.token("H", 1, "ANNA") == "T" and again.token("h", 2, "anna") is None
    assert again.last_name("h", 1) == "anna" and again.last_name("h", 2) == "boris"
    assert (tmp_path / "state" / "devices.json").stat().st_mode & 0o777 == 0o600
    again.forget("h", 1, "anna")
    assert again.token("h", 1, "anna") is None
    paths = {kept.outbox_path(*key) for key in [("h", 1, "a"), ("h", 2, "a"), ("h", 1, "b")]}
    assert len(paths) == 3 and kept.outbox_path("H", 1, "A") in paths


def test_a_damaged_file_of_tokens_costs_a_registration_only(tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_bytes(b"\xff{")
    kept = Credentials(tmp_path)
    assert kept.token("h", 1, "anna") is None
    kept.keep("h", 1, "anna", "T")
    assert kept.token("h", 1, "anna") == "T"
