"""Doings: what a person asks to be done with people, rooms and their own account, and its answer.

Owns the orders that are not answered yet, the questions before them, what is remembered for them
(the lines on the screen, the devices listed last) and what is said when something is done to us.
Refuses to know how a command was typed and how a line is shown.

Invariants: what is asked for in secret is in no line that is shown; an order is answered by a line,
of ours or by the entry that it makes.
"""

from collections.abc import Callable
from typing import Any, Final

from molva.client.commands import Command, Verb
from molva.client.happenings import (
    AnyHappening,
    BlockingChanged,
    Finished,
    InvitedTo,
    ListReceived,
    LogRenamed,
    PutOut,
    Refused,
    State,
    Unanswered,
    Unmasked,
)
from molva.client.mirror import Mirror
from molva.client.orders import ALL, Misread, Order, Place, order_of
from molva.client.questions import Questions, ask_deletion, ask_password
from molva.client.rendering import Renderer
from molva.client.screen import Fragments
from molva.client.transcript import Transcript
from molva.terms import actions, events
from molva.wire.terminal import safe_line

HERE: Final = ("127.", "localhost", "[::1]")
"""How a server is called that no other machine can reach."""

NAMES_IN_LABEL_MAX: Final = 4
"""People of a group that stand for its name."""

ON_THE_SERVER: Final = (
    actions.Kick,
    actions.Ban,
    actions.Unban,
    actions.Mute,
    actions.Unmute,
    actions.SetRole,
    actions.Mode,
)
"""Without a room these are about the whole server."""


class Doings:
    """What one person has asked for in one sitting."""

    def __init__(
        self,
        mirror: Mirror,
        renderer: Renderer,
        *,
        show: Callable[[Fragments], None],
        here: Callable[[], str],
        server: str,
        interactive: Callable[[], bool],
    ) -> None:
        """`show` takes a line, `here` says where the person is, `server` is what they connect to.

        `interactive`: whether a person sits here who can be asked.
        """
        self._mirror = mirror
        self._renderer = renderer
        self._show = show
        self._here = here
        self._server = server
        self._interactive = interactive
        self.questions: Questions | None = None
        """What the next line answers."""
        self._asked: dict[str, Order] = {}
        self._absences: set[str] = set()
        """Requests that say that we are away or back."""
        self._transcript = Transcript()
        self._devices: list[events.Device] = []
        renderer.label = self.label

    def label(self, conversation: str) -> str:
        """Return how a conversation is called for people: a group by those in it."""
        log = self._mirror.log(conversation)
        if log is None or not log.is_group:
            return conversation
        people = list(log.standing.people.values())
        more = len(people) - NAMES_IN_LABEL_MAX
        names = ", ".join(people[:NAMES_IN_LABEL_MAX]) + (f" +{more}" if more > 0 else "")
        return names or conversation

    # -- What is asked -------------------------------------------------------------------------

    def prompt(self) -> str | None:
        """Return what is asked now; None when nothing is."""
        if self.questions is None:
            return None
        return self._renderer.phrase(self.questions.now.key, name=self.questions.name)

    def do(self, command: Command, now: float) -> bool:
        """Do what a command of these says; return False when it is none, or is misspelt.

        Raises TextRefused.
        """
        match command.verb:
            case Verb.PASSWORD if not command.rest:
                self._ask(ask_password(self._mirror.name, has_one=self._mirror.account))
                return True
            case Verb.DELETE_ACCOUNT if not command.rest or command.rest.lower() in ALL:
                self._ask_deletion(words=not command.rest)
                return True
            case Verb.AWAY:
                self._absences.add(self._mirror.set_away(command.rest, now))
                return True
            case Verb.BACK:
                self._absences.add(self._mirror.set_away(None, now))
                return True
            case Verb.NUMBERS if not command.rest:
                self._renderer.numbers = not self._renderer.numbers
                on = self._renderer.numbers
                self._note("chat.numbers_on" if on else "chat.numbers_off")
                return True
        place = Place(self._here(), self._mirror.name, self._transcript, self._devices)
        try:
            order = order_of(command.verb, command.rest, place)
        except Misread as misread:
            if misread.key:
                self._trouble(misread.key, **misread.values)
            return bool(misread.key)
        if order is not None:
            self._order(order, now)
        return order is not None

    def answer(self, line: str, now: float) -> None:
        """Take a line that answers what was asked. Raises TextRefused, with nothing asked then."""
        questions, self.questions = self.questions, None
        if questions is None:
            return
        try:
            order = questions.take(line)
        except Misread as misread:
            self._trouble(misread.key, **misread.values)
            return
        if order is None:
            self.questions = questions
        else:
            self._order(order, now)

    def _order(self, order: Order, now: float) -> None:
        self._asked[self._mirror.ask(order, now)] = order
        if self._mirror.state is not State.LIVE:
            self._note("chat.order_waits")

    def _ask(self, questions: Questions) -> None:
        if not self._interactive():
            self._trouble("chat.asks_person")
            return
        self.questions = questions
        self._note("chat.ask_cancel_hint")

    def _ask_deletion(self, *, words: bool) -> None:
        if self._interactive():
            self._note("chat.delete_hint" if words else "chat.delete_hint_all")
        has_password = self._mirror.account
        self._ask(ask_deletion(self._mirror.name, has_password=has_password, words=words))

    # -- What happens --------------------------------------------------------------------------

    def hear(self, happening: AnyHappening) -> None:
        """Take in what happened, and say what it means here."""
        self._transcript.take(happening)
        tell = _TELLERS.get(type(happening))
        if tell is not None:
            tell(self, happening)

    def _on_finished(self, happening: Finished) -> None:
        if happening.id in self._absences:
            self._absences.discard(happening.id)
            self._note("chat.you_back" if self._mirror.away_text is None else "chat.you_away")
            return
        order = self._asked.pop(happening.id, None)
        if order is None:
            return
        if isinstance(order, actions.SetPassword):
            self._note("chat.password_set")
        elif not happening.shown:
            server = isinstance(order, ON_THE_SERVER) and order.room is None
            self._note("chat.done_server" if server else "chat.done")

    def _on_unanswered(self, happening: Unanswered) -> None:
        if self._asked.pop(happening.id, None) is not None:
            self._trouble("chat.unanswered")

    def _on_refused(self, happening: Refused) -> None:
        self._asked.pop(happening.id, None)
        self._absences.discard(happening.id)

    def _on_list(self, happening: ListReceived) -> None:
        answer = happening.list
        self._asked.pop(happening.id, None)
        if isinstance(answer, events.Devices):
            self._devices = list(answer.devices)
        for line in self._renderer.answer(answer):
            self._show(line)
        if isinstance(answer, events.Invitation):
            self._note("chat.invitation_line", style="", server=self._server, code=answer.code)
        if isinstance(answer, events.Link):
            self._note(
                "chat.link_line",
                style="",
                server=self._server,
                name=self._mirror.name,
                code=answer.code,
            )
            link = f"https://{self._server}/join/{answer.code}"
            if self._interactive() and not self._server.startswith(HERE):
                for row in _squares(link):
                    self._show([("", row)])

    def _on_put_out(self, happening: PutOut) -> None:
        key = "chat.put_out_banned" if happening.cause == "banned" else "chat.put_out"
        room = self.label(happening.conversation)
        self._trouble(key, room=room, by=happening.by or "")
        if happening.reason:
            self._trouble("chat.reason", text=happening.reason)

    def _on_invited(self, happening: InvitedTo) -> None:
        self._note("chat.invited_you", by=happening.by or "", room=happening.conversation)

    def _on_renamed(self, happening: LogRenamed) -> None:
        self._note("chat.called", was=happening.was, room=happening.conversation)

    def _on_blocking(self, happening: BlockingChanged) -> None:
        self._note("chat.blocked" if happening.blocked else "chat.unblocked", name=happening.user)

    def _on_unmasked(self, happening: Unmasked) -> None:
        for line in self._renderer.entry(happening.entry, here=self._here(), back=True):
            self._show(line)

    def _note(self, key: str, *, style: str = "note", **values: object) -> None:
        self._show(self._renderer.note(key, style=style, **values))

    def _trouble(self, key: str, **values: object) -> None:
        self._note(key, style="trouble", **values)


def _squares(text: str) -> list[str]:
    """Return a QR code as lines of half blocks; none where what draws it is not installed."""
    try:
        import segno
    except ImportError:
        return []
    matrix = [[bool(cell) for cell in row] for row in segno.make(text, micro=False).matrix_iter()]
    if len(matrix) % 2:
        matrix.append([False] * len(matrix[0]))
    # Light squares are drawn, for most terminals are dark; a reader takes either.
    blocks = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
    return [
        safe_line("".join(blocks[pair] for pair in zip(upper, lower, strict=True)))
        for upper, lower in zip(matrix[::2], matrix[1::2], strict=True)
    ]


_TELLERS: Final[dict[type, Callable[[Doings, Any], None]]] = {
    Finished: Doings._on_finished,
    Unanswered: Doings._on_unanswered,
    Refused: Doings._on_refused,
    ListReceived: Doings._on_list,
    PutOut: Doings._on_put_out,
    InvitedTo: Doings._on_invited,
    LogRenamed: Doings._on_renamed,
    BlockingChanged: Doings._on_blocking,
    Unmasked: Doings._on_unmasked,
}
