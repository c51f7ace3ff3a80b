"""Planted bugs: each breaks one promise behind a switch, and the checkers must catch it.

A checker that finds nothing may be blind; these show that it sees. A plant replaces one method
while it is active and puts it back afterwards, so the program itself carries no switches.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from molva.client.mirror import Mirror
from molva.core import (
    chat,
    gate,
    invitations,
    membership,
    places,
    policy,
    pump,
)
from molva.core.accounts import Account
from molva.core.conversation import Conversation, Room
from molva.core.cursor import Cursor
from molva.core.effects import Commit, Committed, Deliver, Effect
from molva.core.log import Line
from molva.core.session import Session
from molva.sim.machine import Machine
from molva.sim.rules import Violation
from molva.sim.run import Verdict, run_seed
from molva.store.memory import MemoryStore
from molva.terms import entries, events
from molva.terms.ids import AccountId, Seq
from molva.terms.ports import Append, Contents, Outcome, Write


class Planted:
    """What one plant has replaced."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> Any:
        """Put something else in a place, and return what was there."""
        before = owner.__dict__[name]
        self._replaced.append((owner, name, before))
        setattr(owner, name, value)
        return before

    def undo(self) -> None:
        """Put everything back."""
        for owner, name, before in reversed(self._replaced):
            setattr(owner, name, before)


def announce_before_commit(planted: Planted) -> None:
    """The server answers from memory and lets the disk follow."""

    def perform(self: Machine, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Commit):
                ahead = MemoryStore(self.disk.copy())
                outcomes = ahead.commit(effect.writes)
                self._waiting.extend(effect.writes)
                self._begin_commit()
                self.hear(Committed(outcomes))
        original(self, [effect for effect in effects if not isinstance(effect, Commit)])

    def tell(self: Machine, life: int, input: object) -> None:
        """They were told already."""

    original = planted.replace(Machine, "_perform", perform)
    planted.replace(Machine, "_tell", tell)


def forget_ids(planted: Planted) -> None:
    """The store does not know an id again."""

    def append(self: MemoryStore, write: Append) -> Outcome:
        if write.id is not None:
            self.disk.written.pop((write.account, write.id), None)
        outcome: Outcome = original(self, write)
        return outcome

    original = planted.replace(MemoryStore, "_append", append)


def lose_the_last_commit(planted: Planted) -> None:
    """The disk says it is done while it is not: a crash takes the last commit back."""

    def commit(self: MemoryStore, writes: Sequence[Write]) -> list[Outcome]:
        if any(isinstance(write, Append) for write in writes) and not self.unavailable:
            self.disk.__dict__["before"] = self.disk.copy()
        outcomes: list[Outcome] = original(self, writes)
        return outcomes

    def crash(self: Machine) -> None:
        crashed(self)
        before = self.disk.__dict__.get("before")
        if before is not None:
            self.disk = before

    original = planted.replace(MemoryStore, "commit", commit)
    crashed = planted.replace(Machine, "crash", crash)


def skip_what_memory_lacks(planted: Planted) -> None:
    """The pump begins where the window does instead of loading what is before."""

    def load(
        self: pump.Pump,
        conversation: Conversation,
        session: Session,
        cursor: Cursor,
        limits: object,
        effects: object,
    ) -> None:
        cursor.sent = conversation.log.base
        self._behind.append((conversation, session))

    planted.replace(pump.Pump, "_load", load)


def drop_for_slow_readers(planted: Planted) -> None:
    """A closed window is taken for one that has been served."""

    def close_window(self: pump.Pump, session: Session) -> None:
        for conversation in session.attached:
            conversation.group(session).pop(session.connection, None)

    def open_window(self: pump.Pump, session: Session) -> None:
        for conversation in session.attached:
            if session.connection not in conversation.audience.lagging:
                conversation.group(session)[session.connection] = session

    planted.replace(pump.Pump, "close_window", close_window)
    planted.replace(pump.Pump, "open_window", open_window)


def resume_at_the_head(planted: Planted) -> None:
    """A cursor is read and not used."""

    def place(
        session: Session, account: object, place: Conversation, cursor: int | None
    ) -> tuple[Conversation, Seq, bool]:
        return place, place.log.head, False

    planted.replace(places, "_place", place)


def resume_one_too_early(planted: Planted) -> None:
    """Both nets are cut: the server sends an entry again, and the client shows it again."""

    def deliver(
        self: pump.Pump,
        conversation: Conversation,
        session: Session,
        lines: Sequence[Line],
        effects: list[Effect],
    ) -> None:
        original(self, conversation, session, lines, effects)
        original(self, conversation, session, lines[-1:], effects)

    original = planted.replace(pump.Pump, "_deliver", deliver)


def show_again(planted: Planted) -> None:
    """The client forgets its cursor when the line is cut, and the server believes it."""

    def disconnected(self: Mirror, now: float) -> None:
        original(self, now)
        for log in self.logs.values():
            log.cursor = max(0, log.cursor - 1)

    original = planted.replace(Mirror, "disconnected", disconnected)


def gap_unsaid(planted: Planted) -> None:
    """What is too far back is left out without a word."""

    def attach(
        self: pump.Pump,
        conversation: Conversation,
        session: Session,
        after: Seq,
        limits: Any,
        effects: list[Effect],
        *,
        floor: Seq,
    ) -> None:
        said: list[Effect] = []
        original(self, conversation, session, after, limits, said, floor=floor)
        for effect in said:
            if not (isinstance(effect, Deliver) and isinstance(effect.events[0], events.Gap)):
                effects.append(effect)

    original = planted.replace(pump.Pump, "attach", attach)


def check_at_subscribe_only(planted: Planted) -> None:
    """Who has left a room goes on hearing it on the line they have."""

    def detach(self: pump.Pump, conversation: Conversation, session: Session) -> None:
        if isinstance(conversation, Room) and session.state.value == "live":
            return
        original(self, conversation, session)

    original = planted.replace(pump.Pump, "detach", detach)
    _show_rooms_to_all(planted)


def _show_rooms_to_all(planted: Planted) -> None:
    """The second look, at each entry, is gone as well."""

    def visible(account: Account, conversation: Conversation, entry: entries.Entry) -> bool:
        return isinstance(conversation, Room) or bool(original(account, conversation, entry))

    original = planted.replace(pump, "visible", visible)


def show_ahead_of_the_node(planted: Planted) -> None:
    """What the disk has and the node has not taken yet is sent to those who catch up."""

    def loaded(self: pump.Pump, request: int, found: Any, effects: list[Effect]) -> bool:
        waiting = self._loading.get(request)
        if waiting is not None and found:
            log = waiting[0].log
            before = log.head
            log.head = max(log.head, found[-1].seq)
            try:
                return bool(original(self, request, found, effects))
            finally:
                log.head = before
        return bool(original(self, request, found, effects))

    original = planted.replace(pump.Pump, "loaded", loaded)


def count_joins_as_unread(planted: Planted) -> None:
    """The marker counts entries where the log counts messages."""

    def filled(self: MemoryStore, body: entries.AnyBody) -> entries.AnyBody:
        body = original(self, body)
        if isinstance(body, entries.Read):
            return msgspec.structs.replace(body, ordinal=max(0, body.ordinal - 1))
        return body

    original = planted.replace(MemoryStore, "_filled", filled)


def announce_backwards(planted: Planted) -> None:
    """Entries of one commit are announced in the wrong order."""

    def announce(
        self: pump.Pump, conversation: Conversation, lines: Sequence[Line], effects: list[Effect]
    ) -> None:
        original(self, conversation, list(reversed(lines)), effects)

    original = planted.replace(pump.Pump, "announce", announce)


def forget_the_outbox(planted: Planted) -> None:
    """What was in flight when the line was cut is taken for sent."""

    def disconnected(self: Mirror, now: float) -> None:
        for id in tuple(self._in_flight):
            self._outbox.settle(id)
        original(self, now)

    original = planted.replace(Mirror, "disconnected", disconnected)


def retry_under_a_new_id(planted: Planted) -> None:
    """A retry is a new write."""

    def welcome(self: Mirror, event: events.Result, now: float) -> None:
        for write in self._outbox.pending():
            old = write.action.id
            assert old is not None
            self._outbox.settle(old)
            self._outbox.put(msgspec.structs.replace(write.action, id=self._new_id()))
        original(self, event, now)

    original = planted.replace(Mirror, "_welcome", welcome)


def answer_a_retry_with_the_head(planted: Planted) -> None:
    """`stored` tells where the log ends instead of where the write is."""

    def stored(self: chat.Chat, session: Session, entry: entries.Entry, id: str) -> events.Stored:
        told = original(self, session, entry, id)
        conversation = self.hall.by_id.get(entry.conversation)
        seq = conversation.log.head if conversation is not None else told.seq
        return msgspec.structs.replace(told, seq=seq)  # type: ignore[no-any-return]

    original = planted.replace(chat.Chat, "stored", stored)


def forget_to_detach(planted: Planted) -> None:
    """Who is kicked or banned goes on hearing the room on the line they have."""

    def leave(
        self: membership.Membership, room: Room, id: AccountId, entry: entries.Entry, cause: str
    ) -> None:
        account = self._chat.accounts.get(id)
        if cause == "left" or account is None:
            original(self, room, id, entry, cause)
            return
        sessions, account.sessions = account.sessions, []
        try:
            original(self, room, id, entry, cause)
        finally:
            account.sessions = sessions

    original = planted.replace(membership.Membership, "_leave", leave)
    _show_rooms_to_all(planted)


def ignore_mutes(planted: Planted) -> None:
    """Who is muted writes on."""

    def standing(account: Account, room: Room) -> policy.Standing:
        found: policy.Standing = original(account, room)
        return policy.Standing.MEMBER if found is policy.Standing.MUTED else found

    original = planted.replace(policy, "standing", standing)


def read_the_role_at_the_request(planted: Planted) -> None:
    """What is asked while a right is being taken away is decided as if it were not."""
    planted.replace(gate.Gate, "awaits", lambda self, session, request: False)


def show_what_was_removed(planted: Planted) -> None:
    """What is taken away while it is being loaded is shown."""
    planted.replace(chat.Chat, "masked", lambda self, loaded: loaded)


def keep_what_was_removed(planted: Planted) -> None:
    """The window goes on holding what was taken away."""

    def before(self: chat.Chat, conversation: Conversation, body: entries.AnyBody) -> None:
        if isinstance(body, entries.Removed):
            self.gone.add((conversation.id, body.target))
        else:
            original(self, conversation, body)

    original = planted.replace(chat.Chat, "_before", before)


def let_the_banned_stay(planted: Planted) -> None:
    """A ban keeps people from coming, and not those who are here."""
    planted.replace(membership.Membership, "_end", lambda self, session, sentence: None)


def show_private_history(planted: Planted) -> None:
    """Who joins a private room reads it from its beginning."""

    def floor(account: Account, conversation: Conversation) -> Seq | None:
        first: Seq | None = original(account, conversation)
        return first if first is None else Seq(1)

    original = planted.replace(policy, "floor", floor)


def tell_the_blocker(planted: Planted) -> None:
    """What somebody blocks reaches them."""

    def shown(conversation: object, account: object, entry: object, event: object) -> object:
        return event

    def announce(
        self: pump.Pump, conversation: Conversation, lines: Sequence[Line], effects: list[Effect]
    ) -> None:
        events = [event for _, event in lines]
        effects.append(Deliver(tuple(conversation.audience.echo), events))

    planted.replace(pump, "shown", shown)
    planted.replace(pump.Pump, "announce", announce)


def forget_to_succeed(planted: Planted) -> None:
    """A room whose owner goes has none."""
    planted.replace(membership.Membership, "_succeed", lambda self, room: None)


def forget_the_end(planted: Planted) -> None:
    """What has an end goes on."""
    planted.replace(membership.Membership, "_arm", lambda self, room, sentence, **whom: None)


def use_an_invitation_again(planted: Planted) -> None:
    """An invitation is looked at, and not used up."""

    def find(self: invitations.Invitations, code: str, wall: int) -> object:
        found = original(self, code, wall)
        if found is None:
            return used.get(code)
        used[code] = found
        return found

    used: dict[str, object] = {}
    original = planted.replace(invitations.Invitations, "find", find)
    planted.replace(MemoryStore, "_use", lambda self, invitation: None)


def let_anybody_moderate(planted: Planted) -> None:
    """Whom one may act on is not asked."""
    planted.replace(policy, "outranks", lambda account, other, room: True)


def lose_a_rule_at_a_restart(planted: Planted) -> None:
    """Who may join and who is blocked is known until the server starts again."""

    def contents(self: MemoryStore) -> Contents:
        held: Contents = original(self)
        return msgspec.structs.replace(held, invites=[], blocks=[])

    original = planted.replace(MemoryStore, "contents", contents)


PLANTS: dict[str, tuple[Callable[[Planted], None], tuple[str, ...]]] = {
    "announce_before_commit": (announce_before_commit, ("unobserved", "lost_write")),
    "forget_ids": (forget_ids, ("id_twice", "said_twice")),
    "lose_the_last_commit": (lose_the_last_commit, ("lost_write",)),
    "skip_what_memory_lacks": (skip_what_memory_lacks, ("skip_without_gap",)),
    "drop_for_slow_readers": (drop_for_slow_readers, ("skip_without_gap", "stuck")),
    "resume_at_the_head": (resume_at_the_head, ("cursor_ignored",)),
    "resume_one_too_early": (resume_one_too_early, ("nonmonotonic",)),
    "show_again": (show_again, ("nonmonotonic", "duplicate_shown")),
    "gap_unsaid": (gap_unsaid, ("skip_without_gap",)),
    "check_at_subscribe_only": (check_at_subscribe_only, ("leak",)),
    "show_ahead_of_the_node": (show_ahead_of_the_node, ("leak", "nonmonotonic")),
    "count_joins_as_unread": (count_joins_as_unread, ("unread_wrong",)),
    "announce_backwards": (announce_backwards, ("nonmonotonic", "skip_without_gap")),
    "forget_the_outbox": (forget_the_outbox, ("unsent",)),
    "retry_under_a_new_id": (retry_under_a_new_id, ("said_twice",)),
    "answer_a_retry_with_the_head": (answer_a_retry_with_the_head, ("lost_write",)),
    "forget_to_detach": (forget_to_detach, ("leak",)),
    "ignore_mutes": (ignore_mutes, ("rights",)),
    "read_the_role_at_the_request": (read_the_role_at_the_request, ("rights",)),
    "show_what_was_removed": (show_what_was_removed, ("leak",)),
    "keep_what_was_removed": (keep_what_was_removed, ("leak",)),
    "let_the_banned_stay": (let_the_banned_stay, ("leak",)),
    "show_private_history": (show_private_history, ("leak",)),
    "tell_the_blocker": (tell_the_blocker, ("leak",)),
    "forget_to_succeed": (forget_to_succeed, ("owners",)),
    "forget_the_end": (forget_the_end, ("ends",)),
    "use_an_invitation_again": (use_an_invitation_again, ("rights",)),
    "let_anybody_moderate": (let_anybody_moderate, ("rights",)),
    "lose_a_rule_at_a_restart": (lose_a_rule_at_a_restart, ("derived",)),
}
"""By name: what plants it, and the rules of which one must catch it."""


@contextmanager
def plant(name: str) -> Iterator[None]:
    """Have a bug for a while."""
    planted = Planted()
    try:
        PLANTS[name][0](planted)
        yield
    finally:
        planted.undo()


def find(name: str, seeds_max: int) -> Verdict | None:
    """Return the first seed on which a rule that should catch a planted bug does."""
    rules = PLANTS[name][1]
    with plant(name):
        for seed in range(seeds_max):
            verdict = run_seed(seed)
            if isinstance(verdict.violation, Violation) and verdict.violation.rule in rules:
                return verdict
    return None
