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
from molva.client.commands import NAMES, Command, Text, Unknown, Verb, parse_line, split_word
from molva.client.credentials import Credentials
from molva.client.happenings import (
    Acknowledged,
    AnyHappening,
    AwayChanged,
    Farewell,
    Fenced,
    Finished,
    GapFound,
    GapRemains,
    HistoryReceived,
    ListReceived,
    LogRestarted,
    Notice,
    Postponed,
    PresenceChanged,
    Refused,
    RegistrationRefused,
    Shown,
    State,
    StateChanged,
    Welcomed,
)
from molva.client.mirror import COMMON_ROOM, Mirror, TextRefused
from molva.client.outbox import FileOutbox, Outbox, OutboxFull, OutboxLocked
from molva.client.rendering import NAMES_SHOWN_MAX, Renderer
from molva.client.screen import Fragments, Screen
from molva.client.transport import Backoff, Cut, Transport
from molva.terms import actions, events, limits
from molva.terms.errors import Code
from molva.wire.terminal import safe_line

HISTORY_LINES: Final = 20
"""Lines of the common room that a newcomer sees, and of one `/history`."""
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


class Asking(Enum):
    """What the next line answers."""

    NOTHING = auto()
    """It is a text or a command."""
    NAME = auto()
    PASSWORD = auto()


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
    ) -> None:
        """Make a sitting; `run` is the whole of it. `screen` makes the screen for this chat."""
        self._loop = asyncio.get_running_loop()
        self._renderer = renderer
        self._host = host
        self._port = port
        self._server = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._credentials = credentials
        self._password = password
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
        )
        self._entering: dict[str, str] = {}
        """Writes that let us into a room, not stored yet: their ids, and which room."""
        self._leaving: dict[str, str] = {}
        self._whispers: dict[str, str] = {}
        """Whispers not stored yet: their ids, and to whom."""
        self._pages: dict[str, str] = {}
        """Pages asked for by the person: their ids, and of what."""
        self._next_pages: list[tuple[str, int]] = []
        """Asked for while a page was on its way: where the next begins, that one tells."""
        self._oldest: dict[str, int] = {}
        """The earliest seq shown of a conversation, by lower case."""
        self._first_page: str | None = None
        self._held: list[Shown] = []
        """Entries of the common room that come after the first page, and wait for it."""
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
        if not self._screen.interactive:
            return ""
        sigil = "" if self._target.startswith("#") else "@"
        return f"{safe_line(sigil + self._target)}> "

    def secret(self) -> bool:
        """Say whether what is typed now must not be seen."""
        return self._asking is Asking.PASSWORD

    def words(self) -> Iterable[str]:
        """Return what may be completed: commands, people, rooms."""
        yield from (f"/{names[0]}" for names in NAMES.values())
        yield from (name for name in self._mirror.users.values() if name.isprintable())
        yield from (log.name for log in self._mirror.logs.values() if log.is_room)

    # -- The whole -------------------------------------------------------------------------------

    async def run(self) -> int:
        """Talk until the person leaves; return the exit code."""
        self._note("chat.connecting", server=self._server)
        line = asyncio.create_task(self._transport.run(), name="molva-transport")
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

    async def _settled(self) -> None:
        """Wait until all that was typed is stored or refused, and all that was asked answered."""
        while self._mirror.state is not State.LIVE or self._early or self._mirror.outbox.pending():
            if self._rejected:
                return
            if self._asking is not Asking.NOTHING and not self._screen.interactive:
                return  # Nobody will answer any more.
            await self._stirred()
        self._fence = self._mirror.ping(self._loop.time())
        self._transport.flush()
        while self._fence is not None:
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
        if token is None and password is None and self._ask_password:
            self._name = name
            self._ask_for_password()
            return
        try:
            self._mirror.register(
                name, self._loop.time(), password=password, token=token, outbox=outbox
            )
        except TextRefused as refused:
            self._refuse_text(refused.code)
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

    def _answer(self, line: str) -> None:
        """Take the answer to what was asked."""
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
        if not self._certain and not (isinstance(meant, Command) and meant.verb is Verb.HELP):
            self._early.append(line)
            if self._screen.interactive:
                self._note("chat.waits", text=line)
            return True
        try:
            if isinstance(meant, Command):
                self._do(meant)
            else:
                self._say(meant)
        except TextRefused as refused:
            self._refuse_text(refused.code)
        except OutboxFull:
            self._trouble("chat.outbox_full")
        except OSError as error:
            self._trouble("chat.outbox_disk", error=error.strerror or str(error))
        self._transport.flush()
        self._screen.changed()
        return True

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
                self._help()
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
                self._history(self._target, int(rest[:9]) if rest else HISTORY_LINES)
            case Verb.AWAY:
                self._mirror.set_away(rest, now)
            case Verb.BACK:
                self._mirror.set_away(None, now)
            case _:
                self._usage(command.verb)

    def _usage(self, verb: Verb) -> None:
        usage, _, _ = self._renderer.phrase(f"chat.help.{verb.value}").partition("|")
        self._trouble("chat.usage", usage=usage)

    def _help(self) -> None:
        rows = [self._renderer.phrase(f"chat.help.{verb.value}").partition("|") for verb in Verb]
        width = max(len(usage) for usage, _, _ in rows)
        for usage, _, meaning in rows:
            self._screen.show([("", f"  {usage.ljust(width)}  {meaning}")])
        self._note("chat.help_literal")

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

    def _history(self, conversation: str, count: int) -> None:
        if self._pages or self._first_page is not None:
            self._next_pages.append((conversation, count))
            return
        log = self._mirror.log(conversation)
        before = self._oldest.get(conversation.lower())
        if before is None and log is not None:
            before = log.since + 1
        if before is not None and before <= 1:
            self._note("chat.nothing_earlier", where=conversation)
            return
        count = min(max(count, 1), limits.HISTORY_PAGE_MAX)
        id = self._mirror.history(conversation, self._loop.time(), before=before, limit=count)
        self._pages[id] = conversation

    def _aim(self, target: str) -> None:
        self._target = target
        self._note("chat.target", where=target)
        self._mirror.read(target, self._loop.time())
        self._screen.changed()

    # -- What happens ----------------------------------------------------------------------------

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
        if self._certain and self._early:
            early, self._early = self._early, []
            for line in early:
                self.take(line)
        self._woken()

    def _on_state(self, happening: StateChanged) -> None:
        if happening.state is State.OFFLINE:
            self._release()
        self._screen.changed()

    def _on_refused_registration(self, happening: RegistrationRefused) -> None:
        self._trouble("chat.server_says", text=happening.text or str(happening.code or ""))
        if not self._screen.interactive:
            # The next line is no other name: it was written to be said.
            self._rejected = True
        elif happening.code in ASKS_PASSWORD:
            self._ask_for_password()
        else:
            self._password = None
            self._ask_for_name()

    def _on_welcome(self, happening: Welcomed) -> None:
        self._renderer.own_name = happening.name
        self._name = happening.name
        self._password = None
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
        shown = happening.users[:NAMES_SHOWN_MAX]
        more = max(happening.online - len(shown), 0)
        names = ", ".join(shown)
        self._note("chat.online_more" if more else "chat.online", names=names, n=more)
        unread = [
            f"{log.name} {log.unread}"
            for log in self._mirror.logs.values()
            if log.unread and not log.is_own
        ]
        if unread:
            self._note("chat.unread", list=", ".join(unread))
        if self._screen.interactive:
            self._note("chat.hint")
        log = self._mirror.log(COMMON_ROOM)
        if log is not None:
            # What is unread comes by itself; only what is missing of a screenful is asked for.
            missing = HISTORY_LINES - (log.head - log.since)
            if missing > 0 and log.since > 0:
                self._first_page = self._mirror.history(
                    COMMON_ROOM, self._loop.time(), before=log.since + 1, limit=missing
                )

    def _on_shown(self, happening: Shown) -> None:
        if self._first_page is not None and happening.conversation == COMMON_ROOM:
            self._held.append(happening)
            return
        self._show(happening)

    def _show(self, happening: Shown) -> None:
        entry = happening.entry
        seq = entry.seq
        if seq is not None and not happening.backfill:
            self._oldest.setdefault(happening.conversation.lower(), seq)
        for line in self._renderer.entry(entry, here=self._here(), missed=happening.backfill):
            self._screen.show(line)

    def _here(self) -> str:
        return self._target if self._screen.interactive else COMMON_ROOM

    def _on_page(self, happening: HistoryReceived) -> None:
        first = happening.id == self._first_page
        where = self._pages.pop(happening.id, None)
        if first or where is not None:
            self._show_page(happening, headed=not first)
        if first:
            self._release()
        else:
            self._turn_page()

    def _turn_page(self) -> None:
        """Ask for the page that was asked for while another was on its way."""
        while self._next_pages and not self._pages and self._first_page is None:
            self._history(*self._next_pages.pop(0))

    def _show_page(self, page: HistoryReceived, *, headed: bool) -> None:
        key = page.conversation.lower()
        if page.entries and page.entries[0].seq is not None:
            self._oldest[key] = page.entries[0].seq
        lines: list[Fragments] = []
        for entry in page.entries:
            lines += self._renderer.entry(entry, here=self._here())
        if headed and not page.entries:
            self._note("chat.nothing_earlier", where=page.conversation)
            self._oldest[key] = 1
        elif headed:
            self._note("chat.earlier", where=page.conversation)
        for line in lines:
            self._screen.show(line)
        if headed and page.entries:
            self._note("chat.earlier_end")

    def _release(self) -> None:
        """Show what waited for the first page, whether that came or not."""
        self._first_page = None
        held, self._held = self._held, []
        for shown in held:
            self._show(shown)
        self._turn_page()

    def _on_acknowledged(self, happening: Acknowledged) -> None:
        id = happening.id
        if not self._mirror.outbox.pending():
            self._postponed = False
        if (room := self._entering.pop(id, None)) is not None:
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
        for waiting in (self._leaving, self._whispers, self._pages):
            waiting.pop(happening.id, None)
        if happening.id == self._first_page:
            self._release()
        else:
            self._turn_page()
        self._trouble("chat.server_says", text=happening.text)
        if happening.write is not None:
            if isinstance(happening.write, actions.NewMessage | actions.NewWhisper):
                self._trouble("chat.not_sent", text=happening.write.text)
            self._mirror.outbox.forget(happening.id)
        room = self._entering.pop(happening.id, None)
        log = self._mirror.log(room or "")
        if room is not None and room.lower() == self._target.lower():
            if log is None or not log.joined:
                self._aim(COMMON_ROOM)

    def _on_postponed(self, happening: Postponed) -> None:
        if not self._postponed:
            self._postponed = True
            self._trouble("chat.postponed", text=happening.text)

    def _on_finished(self, happening: Finished) -> None:
        # `away` is the only thing that is asked here and has no other answer.
        self._note("chat.you_back" if self._mirror.away_text is None else "chat.you_away")

    def _on_gap(self, happening: GapFound) -> None:
        if not happening.filling and not happening.conversation.startswith("@"):
            self._count("chat.gap", happening)

    def _on_gap_remains(self, happening: GapRemains) -> None:
        if not happening.conversation.startswith("@"):
            self._count("chat.gap_remains", happening)

    def _count(self, key: str, gap: GapFound | GapRemains) -> None:
        number = gap.through - gap.after
        lines = self._renderer.counted("chat.lines", number)
        self._trouble(key, where=gap.conversation, n=number, lines=lines)

    def _on_log_restarted(self, happening: LogRestarted) -> None:
        self._oldest.pop(happening.conversation.lower(), None)
        if not happening.conversation.startswith(("#", "@")):
            self._trouble("chat.log_restarted", where=happening.conversation)

    def _on_list(self, happening: ListReceived) -> None:
        if isinstance(happening.list, events.Users):
            lines = self._renderer.users(happening.list)
        else:
            lines = self._renderer.rooms(happening.list)
        for line in lines:
            self._screen.show(line)

    def _on_presence(self, happening: PresenceChanged) -> None:
        for key, names in (("chat.arrived", happening.arrived), ("chat.gone", happening.left)):
            others = [name for name in names if name.lower() != self._name.lower()]
            if others:
                self._screen.show([("note", self._phrase_names(key, others))])

    def _phrase_names(self, key: str, names: list[str]) -> str:
        return self._renderer.phrase(key, names=self._renderer.names(names))

    def _on_away(self, happening: AwayChanged) -> None:
        if happening.user.lower() == self._name.lower():
            return
        key = "chat.is_back"
        if happening.text is not None:
            key = "chat.away_text" if happening.text else "chat.away"
        self._note(key, name=happening.user, text=happening.text or "")

    def _on_notice(self, happening: Notice) -> None:
        self._trouble("chat.server_says", text=happening.text or str(happening.code or ""))

    def _on_farewell(self, happening: Farewell) -> None:
        if happening.code == Code.RESUMED_ELSEWHERE:
            self._elsewhere = True
        elif happening.text and not self._over:
            self._trouble("chat.server_says", text=happening.text)

    def _on_fenced(self, happening: Fenced) -> None:
        if happening.id == self._fence:
            self._fence = None

    # -- Inside ----------------------------------------------------------------------------------

    def _note(self, key: str, *, style: str = "note", **values: object) -> None:
        self._screen.show(self._renderer.note(key, style=style, **values))

    def _trouble(self, key: str, **values: object) -> None:
        self._note(key, style="trouble", **values)

    def _refuse_text(self, code: Code) -> None:
        self._trouble(f"error.{code.value}", bytes=limits.TEXT_BYTES_MAX, detail="")


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
    Finished: PlainChat._on_finished,
    LogRestarted: PlainChat._on_log_restarted,
    GapFound: PlainChat._on_gap,
    GapRemains: PlainChat._on_gap_remains,
    HistoryReceived: PlainChat._on_page,
    ListReceived: PlainChat._on_list,
    PresenceChanged: PlainChat._on_presence,
    AwayChanged: PlainChat._on_away,
    Notice: PlainChat._on_notice,
    Farewell: PlainChat._on_farewell,
    Fenced: PlainChat._on_fenced,
}
