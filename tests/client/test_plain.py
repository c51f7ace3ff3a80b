"""Plain: what a typed line means, and that nothing is sent that was not meant."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
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


def test_no_name_of_a_command_typed_in_the_other_layout_is_another_command() -> None:
    names = [name for spelled in NAMES.values() for name in spelled]
    assert len(names) == len(set(names))
    latin = [name for name in names if name.isascii() and name != "?"]
    typed = {"".join(KEYS.get(character, character) for character in name) for name in latin}
    assert len(typed) == len(latin) and not typed & set(names)


def test_words_are_split_at_blanks_only() -> None:
    assert split_word("boris  hi there") == ("boris", "hi there")
    assert split_word("boris") == ("boris", "")
    assert split_word("") == ("", "")


def test_every_command_has_its_help_in_both_languages() -> None:
    for verb in Verb:
        for text in PHRASES[f"chat.help.{verb.value}"]:
            usage, _, meaning = text.partition("|")
            assert text.count("|") == 1
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
    fields = msgspec.to_builtins(action)
    left_out = ("action", "id", "limit")
    return " ".join(f"{name}={value}" for name, value in fields.items() if name not in left_out)


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
        ("/kick @boris too loud", ["Kick user=boris reason=too loud"]),
        ("/kick", []),
        ("/ban boris 2h flooding", ["Ban user=boris seconds=7200 reason=flooding"]),
        ("/ban boris 1д12ч", ["Ban user=boris seconds=129600"]),
        ("/ban boris +devices 1w", ["Ban user=boris devices=True seconds=604800"]),
        ("/ban boris for ever", ["Ban user=boris reason=for ever"]),
        ("/ban 10.0.0.0/24 3d", ["Ban address=10.0.0.0/24 seconds=259200"]),
        ("/ban boris 10 flooding", []),
        ("/ban", []),
        ("/unban boris", ["Unban user=boris"]),
        ("/unban 10.0.0.0/24", ["Unban address=10.0.0.0/24"]),
        ("/mute boris 10мин флуд", ["Mute user=boris seconds=600 reason=флуд"]),
        ("/mute boris 5", []),
        ("/unmute boris", ["Unmute user=boris"]),
        ("/op boris", ["SetRole user=boris role=moderator"]),
        ("/deop boris", ["SetRole user=boris role=member"]),
        ("/role boris АДМИН so it is", ["SetRole user=boris role=admin reason=so it is"]),
        ("/role boris king", []),
        ("/slow 30", ["Mode slow_seconds=30"]),
        ("/slow 5m", ["Mode slow_seconds=300"]),
        ("/slow off", ["Mode slow_seconds=0"]),
        ("/slow down", []),
        ("/freeze quiet please", ["Mode frozen=True reason=quiet please"]),
        ("/unfreeze", ["Mode frozen=False"]),
        ("/private", ["Mode kind=private"]),
        ("/public", ["Mode kind=public"]),
        ("/announce", ["Mode kind=announcement"]),
        ("/rename dev2", ["Rename room=#general to=#dev2"]),
        ("/rename", []),
        ("/rename two words", []),
        ("/group boris, carl", ["Create kind=group people=['boris', 'carl']"]),
        ("/group", []),
        ("/invite boris", ["Invite room=#general user=boris"]),
        ("/invite boris dev", ["Invite room=#dev user=boris"]),
        ("/ledger", ["Ledger "]),
        ("/bans", ["Sanctions "]),
        ("/remove 123 off topic", ["Remove seq=123 room=#general reason=off topic"]),
        ("/remove", []),
        ("/remove boris", []),
        ("/restore 123", ["Restore seq=123 room=#general"]),
        ("/restore", []),
        ("/report 7 spam", ["Report seq=7 room=#general reason=spam"]),
        ("/report", []),
        ("/block boris", ["Block user=boris"]),
        ("/block", []),
        ("/block a b", []),
        ("/unblock boris", ["Unblock user=boris"]),
        ("/blocks", ["Blocks "]),
        ("/accounts", ["Accounts "]),
        ("/accounts x", []),
        ("/devices", ["Devices "]),
        ("/forget abc", ["ForgetDevice device=abc"]),
        ("/forget", []),
        ("/signout", ["SignOut "]),
        ("/signout all", ["SignOut everywhere=True"]),
        ("/signout now", []),
        ("/link", ["Link "]),
        ("/invitation", ["Invitation seconds=604800"]),
        (
            "/invitation moderator 30 2 for boris",
            ["Invitation role=moderator uses=30 seconds=172800 name=boris"],
        ),
        ("/invitation для борис", ["Invitation seconds=604800 name=борис"]),
        ("/invitation 0", []),
        ("/invitation king", []),
        ("/invitations", ["Invitations "]),
        ("/end-invitation abc", ["EndInvitation invitation=abc"]),
        ("/end-invitation", []),
        ("/password long enough", []),
        ("/password", []),
        ("/delete-account", []),
        ("/delete-account now", []),
        ("/numbers", []),
        ("/лшсл boris", ["Kick user=boris"]),
        (".ифт boris 2ч", ["Ban user=boris seconds=7200"]),
        ("/kick boris \x1b[2J", []),
        ("/kick boris " + "x" * 600, []),
        ("/topic", []),
        ("/help", []),
        ("/help all", []),
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
            desk.chat._pages.oldest["#general"] = 5
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
        first = desk.chat._pages._first
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
        assert desk.mirror._logs.readings == {}
        desk.type("/users")
        assert desk.mirror._logs.readings == {}
        desk.type("")
        (reading,) = desk.mirror._logs.readings.values()
        assert reading.action.room == "#general" and reading.action.through == 1

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


# -- People and rooms ------------------------------------------------------------------------------


def said(seq: int, text: str, *, name: str = "boris", room: str = "#general") -> events.NewMessage:
    return events.NewMessage(text=text, from_=name, room=room, seq=seq, at=AT)


def test_orders_are_for_the_room_where_one_is_and_in_general_for_the_server(
    tmp_path: Path,
) -> None:
    def scene(desk: Desk) -> None:
        rooms = [
            events.Conversation(room="#general", head=0, cursor=0),
            events.Conversation(room="#dev", head=0, cursor=0),
            events.Conversation(with_="boris", head=3, cursor=3),
        ]
        desk.welcome(conversations=rooms)
        assert without_ids(desk.type("/kick boris")) == ["Kick user=boris"]
        desk.type("/join #dev")
        assert without_ids(desk.type("/kick boris")) == ["Kick user=boris room=#dev"]
        assert without_ids(desk.type("/bans")) == ["Sanctions room=#dev"]
        desk.type("/w boris")
        shown = len(desk.sheet.lines)
        assert desk.type("/kick boris") == []
        assert "That is done in a room" in desk.sheet.lines[shown]
        assert without_ids(desk.type("/remove 3")) == ["Remove seq=3 with=boris"]

    at_desk(tmp_path, scene)


def test_what_is_done_and_shows_no_entry_is_said_to_be_done(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        (kick,) = desk.type("/kick boris")
        (done,) = desk.hear(events.Stored(id=kick.id or "", seq=3))
        assert done == "Done, on the whole server."
        (report,) = desk.type("/report 3")
        (done,) = desk.hear(events.Done(id=report.id))
        assert done == "Done."
        (mute,) = desk.type("/mute boris 10m flooding")
        lines = desk.hear(
            events.Muted(
                room="#general",
                user="boris",
                from_="anna",
                until="2026-01-02T14:30:00Z",
                reason="flooding",
                seq=1,
                at=AT,
                id=mute.id,
            )
        )
        assert len(lines) == 1 and "boris was muted in #general by anna until" in lines[0]
        assert lines[0].endswith(": flooding")

    at_desk(tmp_path, scene)


def test_the_last_message_of_somebody_is_found_on_the_screen(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        for event in (said(1, "a", name="anna"), said(2, "b"), said(3, "c", name="anna")):
            desk.hear(event)
        assert without_ids(desk.type("/remove")) == ["Remove seq=3 room=#general"]
        assert without_ids(desk.type("/remove @Boris spam")) == [
            "Remove seq=2 room=#general reason=spam"
        ]
        desk.hear(
            events.Removed(target=3, user="anna", from_="anna", room="#general", seq=4, at=AT)
        )
        assert without_ids(desk.type("/remove")) == ["Remove seq=1 room=#general"]
        shown = len(desk.sheet.lines)
        assert desk.type("/report carl") == []
        assert "No message of carl is here" in desk.sheet.lines[shown]
        desk.type("/numbers")
        (line,) = desk.hear(said(5, "numbered"))
        assert line.split()[1:] == ["5", "boris:", "numbered"]

    at_desk(tmp_path, scene)


def test_what_was_taken_away_while_the_first_page_was_on_its_way_is_not_shown(
    tmp_path: Path,
) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome(conversations=[events.Conversation(room="#general", head=2, cursor=2)])
        assert desk.hear(said(3, "a secret")) == []
        desk.hear(
            events.Removed(target=3, user="boris", from_="anna", room="#general", seq=4, at=AT)
        )
        first = desk.chat._pages._first
        assert first is not None
        lines = desk.hear(
            events.History(entries=[said(2, "old")], head=4, room="#general", id=first)
        )
        assert [line[6:] for line in lines] == [
            "boris: old",
            "boris: (message removed)",
            "* anna removed message 3 of boris",
        ]

    at_desk(tmp_path, scene)


def test_a_password_is_changed_in_secret_and_an_account_ended_only_when_meant(
    tmp_path: Path,
) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome(account=True)
        desk.type("/password")
        assert desk.chat.secret() and "now" in desk.chat.prompt()
        assert desk.type("old words") == [] and desk.type("long enough") == []
        (change,) = desk.type("long enough")
        assert isinstance(change, actions.SetPassword)
        assert (change.old, change.new) == ("old words", "long enough")
        assert not desk.chat.secret()
        (told,) = desk.hear(events.Done(id=change.id))
        assert told.startswith("The name is yours")
        desk.type("/password")
        assert desk.type("") == [] and desk.sheet.lines[-1] == "Nothing was changed."
        desk.type("/delete-account all")
        assert desk.chat.secret() and "anna" in desk.chat.prompt()
        (deletion,) = desk.type("long enough")
        assert isinstance(deletion, actions.DeleteAccount)
        assert (deletion.words, deletion.password) == (False, "long enough")
        assert not any("enough" in line or "old words" in line for line in desk.sheet.lines)

    at_desk(tmp_path, scene)


def test_a_guest_ends_their_account_by_its_name(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        desk.type("/delete-account")
        assert desk.type("no") == [] and desk.sheet.lines[-1] == "Nothing was changed."
        desk.type("/delete-account")
        assert without_ids(desk.type("Anna")) == ["DeleteAccount "]

    at_desk(tmp_path, scene)


def test_a_cut_before_the_answer_to_what_is_done_once_is_said(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        desk.type("/signout all")
        desk.mirror.disconnected(1.0)
        desk.chat._transport.flush()
        assert "look whether it worked" in desk.sheet.lines[-1]
        assert without_ids(desk.type("/kick boris")) == ["Kick user=boris"]
        assert desk.sheet.lines[-1].startswith("There is no connection")

    at_desk(tmp_path, scene)


def test_who_is_put_out_types_elsewhere_and_knows_why(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        rooms = [
            events.Conversation(log="@anna", head=0, cursor=0),
            events.Conversation(room="#general", head=0, cursor=0),
            events.Conversation(room="#dev", head=0, cursor=0),
        ]
        desk.welcome(conversations=rooms)
        desk.type("/join #dev")
        lines = desk.hear(
            events.RoomLeft(
                log="@anna", room="#dev", cause="banned", from_="boris", reason="x", seq=1, at=AT
            )
        )
        assert lines == [
            "What you type goes to #general now.",
            "You are no longer in #dev: banned by boris.",
            "The reason: x",
        ]
        assert desk.chat.prompt() == "#general> "
        lines = desk.hear(events.RoomInvited(log="@anna", room="#dev", from_="b", seq=2, at=AT))
        assert lines == ["* b invites you to #dev: /join #dev"]

    at_desk(tmp_path, scene)


def test_a_renamed_room_is_where_one_goes_on(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        rooms = [
            events.Conversation(room="#general", head=0, cursor=0),
            events.Conversation(room="#dev", head=0, cursor=0),
        ]
        desk.welcome(conversations=rooms)
        desk.type("/join #dev")
        desk.hear(events.Renamed(room="#work", was="#dev", from_="boris", seq=1, at=AT))
        assert desk.chat.prompt() == "#work> "
        assert without_ids(desk.type("hi")) == ["NewMessage text=hi room=#work"]

    at_desk(tmp_path, scene)


def test_a_group_is_named_by_its_people_and_begun_once(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        (made,) = desk.type("/group boris carl")
        assert isinstance(made, actions.Create)
        group = events.Conversation(
            room="#~4", head=1, cursor=0, kind="group", people=["boris", "carl"]
        )
        desk.hear(events.Conversations(conversations=[group]))
        desk.hear(events.Created(room="#~4", user="anna", kind="group", seq=1, at=AT, id=made.id))
        assert desk.chat.prompt() == "boris, carl> "
        assert without_ids(desk.type("hi")) == ["NewMessage text=hi room=#~4"]
        desk.type("/join #general")
        assert desk.type("/group Carl Boris") == []
        assert desk.chat.prompt() == "boris, carl> "
        assert not any("#~" in line for line in desk.sheet.lines)

    at_desk(tmp_path, scene)


def test_what_is_typed_for_a_group_is_said_nowhere_else(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome()
        (made,) = desk.type("/group boris carl")
        assert desk.type("only us") == []
        desk.hear(events.Created(room="#~4", user="anna", kind="group", seq=1, at=AT, id=made.id))
        (write,) = desk.mirror.outbox.pending()
        assert isinstance(write.action, actions.NewMessage)
        assert (write.action.room, write.action.text) == ("#~4", "only us")
        desk.hear(events.Stored(id=write.action.id or "", seq=2))
        desk.type("/join #general")
        (made,) = desk.type("/group dora")
        desk.type("only dora")
        lines = desk.hear(events.Error(text="no", code=Code.NOT_ALLOWED, id=made.id))
        assert "Not sent: only dora" in lines
        assert desk.mirror.outbox.pending() == [] and desk.chat.prompt() == "#general> "

    at_desk(tmp_path, scene)


def test_lists_of_people_and_accounts_are_readable(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome(account=True)

        def ask(line: str, kind: type[Any], **fields: Any) -> list[str]:
            (asked,) = desk.type(line)
            return desk.hear(kind(id=asked.id, **fields))

        device = events.Device(device="d1", name="desk", at=AT, online=True, this=True)
        (line,) = ask("/devices", events.Devices, devices=[device])
        assert line.startswith("d1: desk, since 2026-01-02") and line.endswith(", this one, online")
        assert without_ids(desk.type("/forget desk")) == ["ForgetDevice device=d1"]
        banned = events.Sanctioned(sanction="ban", user="boris")
        assert ask("/bans", events.Sanctions, room="#general", sanctions=[banned]) == [
            "banned for good: boris"
        ]
        assert ask("/bans", events.Sanctions, room="#general", sanctions=[]) == [
            "#general: nobody is banned or muted."
        ]
        account = events.Account(user="boris", role="admin", password=True, online=True, devices=2)
        assert ask("/accounts", events.Accounts, accounts=[account], total=9) == [
            "boris: admin, devices: 2, online",
            "… of 9 people in all",
        ]
        assert ask("/blocks", events.Blocks, users=["carl"]) == ["You block: carl"]
        line, how = ask(
            "/invitation",
            events.Invitation,
            code="kabur",
            invitation="i1",
            role="member",
            uses=1,
            until="2026-01-09T03:04:05.000Z",
        )
        assert "Invitation as member: kabur" in line
        assert how == "  molva chat h:1 --code kabur"
        listed = events.InvitationListed(
            invitation="i1", role="member", uses=3, until=AT, from_="anna"
        )
        (line,) = ask("/invitations", events.Invitations, invitations=[listed])
        assert line.startswith("i1: member, uses left: 3")
        kicked = events.Kicked(
            room="#general", user="boris", from_="anna", reason="x", seq=4, at=AT
        )
        (line,) = ask("/ledger", events.Ledger, room="#general", entries=[kicked])
        assert line[6:] == "* boris was disconnected from the server by anna: x"
        lines = ask("/link", events.Link, code="kabur-lozik", seconds=300)
        assert "kabur-lozik — good once, for 5 min" in lines[0]
        assert lines[1] == "  molva chat h:1 --name anna --code kabur-lozik"
        squares = lines[2:]
        assert len(squares) > 10 and len({len(line) for line in squares}) == 1
        assert set("".join(squares)) <= set(" ▀▄█")

    at_desk(tmp_path, scene)


def test_who_is_banned_from_the_server_or_signed_out_leaves(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.welcome(token="T")
        assert Credentials(tmp_path).token("h", 1, "anna") == "T"
        lines = desk.hear(events.Bye(text="Signed out.", code=Code.SIGNED_OUT))
        assert lines[0] == "The server: Signed out."
        assert "does not come back by itself" in lines[1]
        assert desk.chat._rejected
        assert Credentials(tmp_path).token("h", 1, "anna") is None

    at_desk(tmp_path, scene)


def test_who_owns_the_server_without_a_password_is_told_how_to_keep_the_name(
    tmp_path: Path,
) -> None:
    def scene(desk: Desk) -> None:
        hint = "This server is yours. So that your name stays yours too: /password"
        assert hint in "\n".join(desk.welcome(role="owner"))

    def with_a_password(desk: Desk) -> None:
        assert "yours" not in "\n".join(desk.welcome(role="owner", account=True))

    at_desk(tmp_path / "without", scene)
    at_desk(tmp_path / "with", with_a_password)
