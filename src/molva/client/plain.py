"""Plain: the chat line by line, as in 2022, on a terminal or through pipes.

Owns the talk with the person: who they are, to whom the next line goes, what each command does and
what is said about it. Refuses to know the wire (the mirror's), the line editor (the screen's) and
how an entry looks (the renderer's).

Invariants: nothing that looks like a command is ever sent as a text; a line that was typed is
shown when it is stored, or it is said that it waits or was refused, with its text; a conversation
is marked as read only by a line typed into it.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable
from enum import Enum, auto
from random import Random
from typing import Any, Final

from molva.client import exit_codes
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
from molva.client.doings import Doings
from molva.client.happenings import (
    Acknowledged,
    AnyHappening,
    AwayChanged,
    Farewell,
    Fenced,
    GapFound,
    GapRemains,
    HistoryReceived,
    LogRenamed,
    LogRestarted,
    Notice,
    Postponed,
    PresenceChanged,
    PutOut,
    Refused,
    RegistrationRefused,
    Shown,
    State,
    StateChanged,
    Welcomed,
)
from molva.client.mirror import COMMON_ROOM, Mirror, TextRefused
from molva.client.orders import ALL
from molva.client.outbox import FileOutbox, Outbox, OutboxFull, OutboxLocked
from molva.client.pages import HISTORY_LINES, Pages
from molva.client.rendering import Renderer
from molva.client.screen import Fragments, Screen
from molva.client.transport import Backoff, Cut, Transport
from molva.client.trust import Assurance, Trust, assurance_phrases, distrust_phrases
from molva.terms import actions, limits
from molva.terms.errors import Code
from molva.terms.roles import Role
from molva.wire.terminal import safe_line

END_SECONDS: Final = 30.0
"""What the end of a piped input waits for the last lines to be stored."""
QUIT_SECONDS: Final = 3.0
"""What a person who leaves waits for the same."""

ASKS_PASSWORD: Final = frozenset(
    {
        Code.PASSWORD_REQUIRED,
        Code.WRONG_PASSWORD,
        Code.PASSWORD_TOO_SHORT,
        Code.PASSWORD_TOO_LONG,
    }
)


ASKS_CODE: Final = frozenset({Code.CODE_REQUIRED, Code.INVITATION_REQUIRED, Code.BAD_CODE})


class Asking(Enum):
    """What the next line answers."""

    NOTHING = auto()
    """It is a text or a command."""
    NAME = auto()
    PASSWORD = auto()
    CODE = auto()
    """The join code or an invitation."""


def new_id() -> str:
    """Return an id that no write of this person ever had.

    It begins with the time, so that the server's index of ids grows at its end.
    """
    return f"{time.time_ns() // 1_000_000:011x}-{secrets.token_urlsafe(9)}"


class PlainChat:
    """One sitting of one person at one server."""

    def __init__(
        self,
        screen: Callable[["PlainChat"], Screen],
        renderer: Renderer,
        *,
        host: str,
        port: int,
        name: str | None,
        password: str | None,
        credentials: Credentials,
        device: str | None = None,
        ask_password: bool = False,
        code: str | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Make a sitting; `run` is the whole of it. `screen` makes the screen for this chat.

        `code`: the join code or an invitation. `trust`: see `Transport`.
        """
        self._loop = asyncio.get_running_loop()
        self._renderer = renderer
        self._host = host
        self._port = port
        self._server = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._credentials = credentials
        self._password = password
        self._code = code
        self._password_tried: str | None = None
        """Sent with the last registration; it is sent again with a code that was missing."""
        self._assurance: Assurance | None = None
        self._ask_password = ask_password
        self._asking = Asking.NOTHING
        self._name = ""
        self._suggested = credentials.last_name(host, port) if name is None else None
        self._certain = False
        """Whether what is typed is for the name we have: it was ours before, or we are welcome."""
        self._early: list[str] = []
        """Lines typed before that is certain; taken up when we are welcome."""
        self._file: FileOutbox | None = None
        self._target = COMMON_ROOM
        self._mirror = Mirror(new_id=new_id, device=device, language=renderer.language)
        self._transport = Transport(
            self._mirror,
            host,
            port,
            heard=self._heard,
            cut=self._cut_off,
            backoff=Backoff(Random()),
            trust=trust,
            assured=self._assured,
        )
        self._entering: dict[str, str] = {}
        """Writes that let us into a room, not stored yet: their ids, and which room; a group has no
        name until then."""
        self._leaving: dict[str, str] = {}
        self._whispers: dict[str, str] = {}
        """Whispers not stored yet: their ids, and to whom."""
        self._pages = Pages(self._mirror, renderer, show=self._show, here=self._here)
        self._doings = Doings(
            self._mirror,
            renderer,
            show=self._show,
            here=lambda: self._target,
            server=self._server,
            interactive=lambda: self._screen.interactive,
        )
        self._cut: Cut | None = None
        self._postponed = False
        self._elsewhere = False
        self._over = False
        self._rejected = False
        """The server does not take us, and there is nobody to ask for another name."""
        self._fence: str | None = None
        self._stir: asyncio.Future[None] = self._loop.create_future()
        self._screen = screen(self)
        if name is not None:
            self._become(name, password)
        else:
            self._asking = Asking.NAME

    # -- What the screen asks --------------------------------------------------------------------

    def prompt(self) -> str:
        """Return what stands before the line that is typed."""
        if self._asking is Asking.NAME:
            if self._suggested:
                return self._renderer.phrase("chat.ask_name_again", name=self._suggested)
            return self._renderer.phrase("chat.ask_name")
        if self._asking is Asking.PASSWORD:
            return self._renderer.phrase("chat.ask_password")
        if self._asking is Asking.CODE:
            return self._renderer.phrase("chat.ask_code")
        if not self._screen.interactive:
            return ""
        if (question := self._doings.prompt()) is not None:
            return question
        sigil = "" if self._target.startswith("#") else "@"
        return f"{safe_line(sigil + self._doings.label(self._target))}> "

    def secret(self) -> bool:
        """Say whether what is typed now must not be seen."""
        questions = self._doings.questions
        if self._asking is Asking.NOTHING and questions is not None:
            return questions.now.secret
        return self._asking is Asking.PASSWORD

    def words(self) -> Iterable[str]:
        """Return what may be completed: commands, people, rooms."""
        yield from (f"/{names[0]}" for names in NAMES.values())
        yield from (name for name in self._mirror.users.values() if name.isprintable())
        rooms = (log for log in self._mirror.logs.values() if log.is_room and not log.is_group)
        yield from (log.name for log in rooms)

    # -- The whole -------------------------------------------------------------------------------

    async def run(self) -> int:
        """Talk until the person leaves; return the exit code."""
        self._note("chat.connecting", server=self._server)
        line = asyncio.create_task(self._transport.run(), name="molva-transport")
        line.add_done_callback(lambda _: self._woken())
        typed = asyncio.create_task(self._listen(), name="molva-typed")
        ends = asyncio.create_task(self._until_rejected(), name="molva-rejected")
        await asyncio.wait({line, typed, ends}, return_when=asyncio.FIRST_COMPLETED)
        if typed.done():
            # A bug in a command ends the sitting with its traceback, not in silence.
            typed.result()
        code = await self._end()
        await self._transport.close()
        for task in (typed, line, ends):
            task.cancel()
        await asyncio.gather(line, typed, ends, return_exceptions=True)
        self._screen.close()
        if self._file is not None:
            self._file.close()
        if line.done() and not line.cancelled() and line.exception() is not None:
            line.result()
        return code

    async def _listen(self) -> None:
        while (line := await self._screen.read_line()) is not None:
            if not self.take(line):
                return

    async def _end(self) -> int:
        """Wait a little for what is unsent, and say what becomes of it."""
        if self._elsewhere or self._mirror.resumed_elsewhere:
            self._note("chat.elsewhere", style="trouble")
            return exit_codes.REFUSED
        if self._rejected:
            return exit_codes.REFUSED
        patience = QUIT_SECONDS if self._screen.interactive else END_SECONDS
        if not self._screen.interactive or self._mirror.state is State.LIVE:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._settled()
        if self._transport.distrusted is not None:
            for key, values in distrust_phrases(self._transport.distrusted, self._server):
                self._trouble(key, **values)
        unsent = self._tell_unsent()
        if self._transport.distrusted is not None:
            return exit_codes.DISTRUSTED
        if self._rejected:
            return exit_codes.REFUSED
        if not self._screen.interactive and (unsent or self._mirror.state is not State.LIVE):
            if self._mirror.state is not State.LIVE:
                detail = self._renderer.phrase("chat.cut.no_detail")
                if self._cut is not None and self._cut.detail:
                    detail = self._cut.detail
                self._trouble("chat.unavailable", server=self._server, detail=detail)
            return (
                exit_codes.REFUSED if self._mirror.state is State.LIVE else exit_codes.UNAVAILABLE
            )
        self._over = True
        self._note("chat.bye")
        return exit_codes.OK

    def _tell_unsent(self) -> int:
        """Say what becomes of what is unsent; return how many lines are."""
        if self._early:
            lines = self._renderer.counted("chat.lines", len(self._early))
            self._trouble("chat.lost", n=len(self._early), lines=lines)
        unsent = len(self._mirror.outbox.pending())
        if unsent:
            self._trouble(
                "chat.kept" if self._file is not None else "chat.lost",
                n=unsent,
                lines=self._renderer.counted("chat.lines", unsent),
                name=self._name,
            )
        return unsent

    async def _settled(self) -> None:
        """Wait until all that was typed is stored or refused, and all that was asked answered."""
        while self._mirror.state is not State.LIVE or self._early or self._mirror.outbox.pending():
            if self._rejected or self._transport.distrusted is not None:
                return
            if self._asking is not Asking.NOTHING and not self._screen.interactive:
                return  # Nobody will answer any more.
            await self._stirred()
        self._fence = self._mirror.ping(self._loop.time())
        self._transport.flush()
        while self._fence is not None and self._transport.distrusted is None:
            await self._stirred()

    async def _until_rejected(self) -> None:
        while not self._rejected:
            await self._stirred()

    async def _stirred(self) -> None:
        """Wait until something happens; it may be nothing of interest."""
        if self._stir.done():
            self._stir = self._loop.create_future()
        await asyncio.shield(self._stir)

    def _woken(self) -> None:
        if not self._stir.done():
            self._stir.set_result(None)

    # -- Who one is ------------------------------------------------------------------------------

    def _become(self, name: str, password: str | None) -> None:
        """Register under a name, with the outbox and the token that belong to it."""
        token = None
        outbox: Outbox | None = None
        if name.lower() != self._name.lower() or self._file is None:
            self._open_outbox(name)
        if self._file is not None:
            outbox = self._file
            if password is None:
                token = self._credentials.token(self._host, self._port, name)
        self._certain = token is not None
        self._password_tried = password
        if token is None and password is None and self._ask_password:
            self._name = name
            self._ask_for_password()
            return
        try:
            self._mirror.register(
                name,
                self._loop.time(),
                password=password,
                token=token,
                outbox=outbox,
                code=self._code,
            )
        except TextRefused as refused:
            self._refuse_text(refused.code)
            self._code = None
            self._asking = Asking.NAME
            return
        self._name = name
        self._asking = Asking.NOTHING
        self._transport.flush()

    def _open_outbox(self, name: str) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        try:
            self._file = FileOutbox(self._credentials.outbox_path(self._host, self._port, name))
        except OutboxLocked:
            # The other window is this device; with its token we would take its line away.
            self._trouble("chat.second", name=name)
        except OSError as error:
            self._trouble("chat.no_disk", error=error.strerror or str(error))

    def _ask_for_name(self) -> None:
        self._asking = Asking.NAME
        self._suggested = None
        self._screen.changed()

    def _ask_for_password(self) -> None:
        self._asking = Asking.PASSWORD
        self._note("chat.ask_password_hint")
        self._screen.changed()

    def _ask_for_code(self) -> None:
        self._asking = Asking.CODE
        self._note("chat.ask_code_hint")
        self._screen.changed()

    def _answer(self, line: str) -> None:
        """Take the answer to what was asked."""
        if self._asking is Asking.CODE:
            self._code = line.strip() or None
            if self._code is None:
                self._ask_for_name()
            else:
                self._become(self._name, self._password_tried)
            return
        if self._asking is Asking.PASSWORD:
            if line:
                self._become(self._name, line)
            else:
                self._ask_password = False
                self._ask_for_name()
            return
        name = line.strip() or self._suggested or ""
        if name:
            self._become(name.removeprefix("@"), self._password)
        self._screen.changed()

    # -- What is typed ---------------------------------------------------------------------------

    def take(self, line: str) -> bool:
        """Take a line that was typed; return False when the person leaves."""
        if self._asking is Asking.NOTHING and self._doings.questions is not None:
            self._try(lambda: self._doings.answer(line, self._loop.time()))
            return True
        if self._asking is Asking.NOTHING:
            meant = parse_line(line)
        elif self._asking is Asking.NAME and line.startswith(("/", "\\", ".")):
            # No name begins so, and somebody may want to leave.
            meant = parse_line(line)
            if not isinstance(meant, Command) or meant.verb not in (Verb.QUIT, Verb.HELP):
                self._trouble("chat.not_yet")
                return True
        else:
            self._answer(line)
            return True
        if isinstance(meant, Unknown):
            literal = meant.word[:1] + meant.word
            self._trouble("chat.unknown", word=meant.word, literal=literal)
            return True
        if isinstance(meant, Command) and meant.verb is Verb.QUIT:
            return False
        helps = isinstance(meant, Command) and meant.verb is Verb.HELP
        if (not self._certain or self._gathering()) and not helps:
            self._early.append(line)
            if self._screen.interactive:
                self._note("chat.waits", text=line)
            return True
        if isinstance(meant, Command):
            command = meant
            self._try(lambda: self._do(command))
        else:
            text = meant
            self._try(lambda: self._say(text))
        return True

    def _try(self, act: Callable[[], None]) -> None:
        """Do something that may be refused before it leaves, and let it leave."""
        try:
            act()
        except TextRefused as refused:
            self._refuse_text(refused.code, refused.bytes_max)
        except OutboxFull:
            self._trouble("chat.outbox_full")
        except OSError as error:
            self._trouble("chat.outbox_disk", error=error.strerror or str(error))
        self._transport.flush()
        self._screen.changed()

    def _say(self, meant: Text) -> None:
        if meant.text.strip():
            self._send(self._target, meant.text)
        # A line typed into a conversation, if only an empty one, says that it was seen.
        self._mirror.read(self._target, self._loop.time())

    def _send(self, target: str, text: str) -> None:
        now = self._loop.time()
        if target.startswith("#"):
            self._mirror.send(text, now, room=target)
        else:
            self._whispers[self._mirror.send(text, now, to=target)] = target
        if self._mirror.state is not State.LIVE:
            self._note("chat.waits", text=text)

    def _do(self, command: Command) -> None:
        rest = command.rest
        now = self._loop.time()
        match command.verb:
            case Verb.HELP:
                for line in self._renderer.help(whole=rest.lower() in ALL):
                    self._screen.show(line)
            case Verb.WHISPER:
                self._whisper(rest)
            case Verb.JOIN if rest:
                self._join(_room(rest))
            case Verb.LEAVE:
                room = _room(rest) if rest else self._target
                if room.startswith("#"):
                    self._leaving[self._mirror.leave(room, now)] = room
                if room.lower() == self._target.lower() != COMMON_ROOM:
                    self._aim(COMMON_ROOM)
            case Verb.CREATE if rest:
                name, topic = split_word(rest)
                room = _room(name)
                self._enter(self._mirror.create(room, now, topic=topic or None), room)
            case Verb.TOPIC:
                self._topic(rest)
            case Verb.ROOMS:
                self._mirror.list_rooms(now)
            case Verb.USERS:
                self._mirror.list_users(now, room=_room(rest) if rest else None)
            case Verb.HISTORY if not rest or (rest.isascii() and rest.isdigit()):
                self._pages.ask(self._target, int(rest[:9]) if rest else HISTORY_LINES, now)
            case Verb.GROUP if people := rest.replace(",", " ").split():
                self._gather([name.removeprefix("@") for name in people], now)
            case _:
                if not self._doings.do(command, now):
                    self._usage(command.verb)

    def _gather(self, names: list[str], now: float) -> None:
        """Talk with several people: in the group that there is of them, or in a new one."""
        known = self._mirror.group_of(names)
        if known is not None:
            self._aim(known.name)
        else:
            self._entering[self._mirror.group(names, now)] = ""

    def _gathering(self) -> bool:
        """Say whether what is typed is for a group that has no name yet, and must wait for it."""
        return "" in self._entering.values()

    def _usage(self, verb: Verb) -> None:
        usage, _, _ = self._renderer.phrase(f"chat.help.{verb.value}").partition("|")
        self._trouble("chat.usage", usage=usage)

    def _whisper(self, rest: str) -> None:
        name, text = split_word(rest)
        name = name.removeprefix("@")
        if not name:
            self._usage(Verb.WHISPER)
        elif name.startswith("#"):
            # `/msg #room text` is what people of IRC type.
            self._send(name, text) if text else self._join(name)
        elif text:
            self._send(name, text)
        else:
            self._aim(self._mirror.users.get(name.lower(), name))

    def _join(self, room: str) -> None:
        log = self._mirror.log(room)
        if log is not None and log.joined:
            self._aim(log.name)
        else:
            self._enter(self._mirror.join(room, self._loop.time()), room)

    def _enter(self, id: str, room: str) -> None:
        """Have what is typed go to a room at once: it leaves after the write that lets us in.

        Were it to wait for the answer, a line typed meanwhile would go to the room before.
        """
        self._entering[id] = room
        self._aim(room)

    def _topic(self, rest: str) -> None:
        room, text = self._target, rest
        if rest.startswith("#"):
            room, text = split_word(rest)
        if not room.startswith("#"):
            self._usage(Verb.TOPIC)
        elif text:
            self._mirror.topic(room, "" if text == "-" else text, self._loop.time())
        else:
            log = self._mirror.log(room)
            topic = log.topic if log is not None else ""
            self._note("chat.topic_is" if topic else "chat.topic_none", room=room, text=topic)

    def _aim(self, target: str) -> None:
        self._target = target
        self._note("chat.target", where=self._doings.label(target))
        self._mirror.read(target, self._loop.time())
        self._screen.changed()

    # -- What happens ----------------------------------------------------------------------------

    def _assured(self, assurance: Assurance) -> None:
        before, self._assurance = self._assurance, assurance
        if before is None or before.ground is not assurance.ground:
            for key, values in assurance_phrases(assurance, self._server):
                self._note(key, style="trouble", **values)

    def _cut_off(self, cut: Cut) -> None:
        same = self._cut is not None and self._cut.cause is cut.cause
        self._cut = cut
        if not same:
            detail = cut.detail or self._renderer.phrase("chat.cut.no_detail")
            self._trouble(f"chat.cut.{cut.cause.value}", server=self._server, detail=detail)
        self._woken()

    def _heard(self, happened: list[AnyHappening]) -> None:
        for happening in happened:
            tell = _TELLERS.get(type(happening))
            if tell is not None:
                tell(self, happening)
            self._doings.hear(happening)
        if self._certain and self._early and not self._gathering():
            early, self._early = self._early, []
            for line in early:
                self.take(line)
        self._woken()

    def _on_state(self, happening: StateChanged) -> None:
        if happening.state is State.OFFLINE:
            self._pages.release(self._loop.time())
        self._screen.changed()

    def _on_refused_registration(self, happening: RegistrationRefused) -> None:
        self._trouble("chat.server_says", text=happening.text or str(happening.code or ""))
        if not self._screen.interactive:
            # The next line is no other name: it was written to be said.
            self._rejected = True
        elif happening.code in ASKS_PASSWORD:
            self._ask_for_password()
        elif happening.code in ASKS_CODE:
            self._ask_for_code()
        else:
            self._password = None
            self._ask_for_name()

    def _on_welcome(self, happening: Welcomed) -> None:
        self._renderer.own_name = happening.name
        self._name = happening.name
        self._password = self._password_tried = None
        self._code = None
        self._cut = None
        if self._file is not None:
            try:
                self._credentials.keep(self._host, self._port, happening.name, happening.token)
            except OSError as error:
                self._trouble("chat.no_token", error=error.strerror or str(error))
        if happening.first:
            self._greet(happening)
        else:
            self._note("chat.again")
        self._certain = True
        if happening.outbox:
            lines = self._renderer.counted("chat.lines", happening.outbox)
            self._note("chat.unsent", n=happening.outbox, lines=lines)

    def _greet(self, happening: Welcomed) -> None:
        self._note("chat.server_says", text=happening.text)
        self._screen.show(self._renderer.online(happening))
        self._pages.tell_unread()
        if self._screen.interactive:
            self._note("chat.hint")
            if self._mirror.role == Role.OWNER and not self._mirror.account:
                self._note("chat.owner_hint")
        self._pages.begin(self._loop.time())

    def _on_shown(self, happening: Shown) -> None:
        self._pages.shown(happening)

    def _show(self, line: Fragments) -> None:
        self._screen.show(line)

    def _here(self) -> str:
        return self._target if self._screen.interactive else COMMON_ROOM

    def _on_page(self, happening: HistoryReceived) -> None:
        self._pages.received(happening, self._loop.time())

    def _on_acknowledged(self, happening: Acknowledged) -> None:
        id = happening.id
        if not self._mirror.outbox.pending():
            self._postponed = False
        if (room := self._entering.pop(id, None)) == "":
            if happening.conversation is not None:
                self._aim(happening.conversation)
        elif room is not None:
            log = self._mirror.log(room)
            if log is not None and room.lower() == self._target.lower():
                self._target = log.name  # As its maker spelled it.
        elif (room := self._leaving.pop(id, None)) is not None:
            self._note("chat.left", name=self._name, room=room)
        elif (name := self._whispers.pop(id, None)) is not None:
            away = self._mirror.away.get(name.lower())
            if away is not None:
                self._note("chat.away_text" if away else "chat.away", name=name, text=away)
            elif (
                name.lower() not in self._mirror.users
                and len(self._mirror.users) >= self._mirror.online
            ):
                self._note("chat.will_see", name=name)

    def _on_refused(self, happening: Refused) -> None:
        for waiting in (self._leaving, self._whispers):
            waiting.pop(happening.id, None)
        self._pages.refused(happening.id, self._loop.time())
        self._trouble("chat.server_says", text=happening.text)
        if happening.write is not None:
            if isinstance(happening.write, actions.NewMessage | actions.NewWhisper):
                self._trouble("chat.not_sent", text=happening.write.text)
            self._mirror.outbox.forget(happening.id)
        room = self._entering.pop(happening.id, None)
        if room == "":
            # What was typed for the group is for nobody else's eyes.
            early, self._early = self._early, []
            for line in early:
                self._trouble("chat.not_sent", text=line)
        log = self._mirror.log(room or "")
        if room is not None and room.lower() == self._target.lower():
            if log is None or not log.joined:
                self._aim(COMMON_ROOM)

    def _on_postponed(self, happening: Postponed) -> None:
        if not self._postponed:
            self._postponed = True
            self._trouble("chat.postponed", text=happening.text)

    def _on_gap(self, happening: GapFound | GapRemains) -> None:
        self._pages.gap(happening)

    def _on_renamed(self, happening: LogRenamed) -> None:
        self._pages.renamed(happening)
        if happening.was.lower() == self._target.lower():
            self._target = happening.conversation
            self._screen.changed()
        for id, room in self._entering.items():
            if room.lower() == happening.was.lower():
                self._entering[id] = happening.conversation

    def _on_put_out(self, happening: PutOut) -> None:
        if happening.conversation.lower() == self._target.lower() != COMMON_ROOM:
            self._aim(COMMON_ROOM)

    def _on_log_restarted(self, happening: LogRestarted) -> None:
        self._pages.restarted(happening)
        if not happening.conversation.startswith(("#", "@")):
            self._trouble("chat.log_restarted", where=happening.conversation)

    def _on_presence(self, happening: PresenceChanged) -> None:
        for line in self._renderer.presence(happening):
            self._screen.show(line)

    def _on_away(self, happening: AwayChanged) -> None:
        for line in self._renderer.absence(happening):
            self._screen.show(line)

    def _on_notice(self, happening: Notice) -> None:
        self._trouble("chat.server_says", text=happening.text or str(happening.code or ""))

    def _on_farewell(self, happening: Farewell) -> None:
        if happening.code == Code.RESUMED_ELSEWHERE:
            self._elsewhere = True
        elif happening.text and not self._over:
            self._trouble("chat.server_says", text=happening.text)
        if self._mirror.ousted is not None:
            self._forget_device()
            self._rejected = True

    def _forget_device(self) -> None:
        """The server put us out for longer: this device does not come back by itself."""
        if self._mirror.ousted == Code.SIGNED_OUT and self._file is not None:
            with contextlib.suppress(OSError):
                self._credentials.forget(self._host, self._port, self._name)
        self._trouble("chat.ousted", server=self._server)

    def _on_fenced(self, happening: Fenced) -> None:
        if happening.id == self._fence:
            self._fence = None

    # -- Inside ----------------------------------------------------------------------------------

    def _note(self, key: str, *, style: str = "note", **values: object) -> None:
        self._screen.show(self._renderer.note(key, style=style, **values))

    def _trouble(self, key: str, **values: object) -> None:
        self._note(key, style="trouble", **values)

    def _refuse_text(self, code: Code, bytes_max: int = limits.TEXT_BYTES_MAX) -> None:
        self._trouble(f"error.{code.value}", bytes=bytes_max, detail="")


def _room(name: str) -> str:
    """Return a room's name for what somebody typed, with its sign or without."""
    word, _ = split_word(name)
    return word if word.startswith("#") else f"#{word}"


_TELLERS: Final[dict[type, Callable[[PlainChat, Any], None]]] = {
    StateChanged: PlainChat._on_state,
    Welcomed: PlainChat._on_welcome,
    RegistrationRefused: PlainChat._on_refused_registration,
    Shown: PlainChat._on_shown,
    Acknowledged: PlainChat._on_acknowledged,
    Refused: PlainChat._on_refused,
    Postponed: PlainChat._on_postponed,
    LogRestarted: PlainChat._on_log_restarted,
    LogRenamed: PlainChat._on_renamed,
    PutOut: PlainChat._on_put_out,
    GapFound: PlainChat._on_gap,
    GapRemains: PlainChat._on_gap,
    HistoryReceived: PlainChat._on_page,
    PresenceChanged: PlainChat._on_presence,
    AwayChanged: PlainChat._on_away,
    Notice: PlainChat._on_notice,
    Farewell: PlainChat._on_farewell,
    Fenced: PlainChat._on_fenced,
}
