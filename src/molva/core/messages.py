"""Messages: what people say, to a room or to one person."""

from collections.abc import Callable

from molva.core import policy
from molva.core.accounts import Account
from molva.core.chat import Chat
from molva.core.conversation import Room
from molva.core.effects import Report
from molva.core.session import Session
from molva.terms import actions, entries, limits
from molva.terms.errors import Code, Refusal
from molva.terms.ids import SYSTEM_ID_PREFIX, direct_id, own_log_id
from molva.terms.ports import Appended, Outcome
from molva.terms.roles import OPEN_KINDS

SAID_MAX = 1_000
"""People remembered for slow mode beyond the members, before those who may write are dropped."""


def text_refusal(text: str, bytes_max: int = limits.TEXT_BYTES_MAX) -> Refusal | None:
    """Return why a text cannot be said, or None."""
    # Four bytes a character at most: most texts need no encoding to be known to fit.
    if len(text) * 4 > bytes_max and len(text.encode()) > bytes_max:
        return Refusal(Code.TEXT_TOO_LONG, {"bytes": bytes_max})
    if not text or text.isspace():
        return Refusal(Code.TEXT_EMPTY)
    return None


def new_message(chat: Chat, session: Session, action: actions.NewMessage, room: Room) -> None:
    """Say something in a room."""
    account = session.account
    assert account is not None
    refusal = text_refusal(action.text)
    if refusal is not None:
        chat.reply(session, chat.error(session, refusal, action.id))
        return
    if room.frozen or room.slow_seconds:
        refusal = _rule_refusal(chat, account, room)
        if refusal is not None:
            chat.refuse_write(session, action, refusal)
            return
    after = None if not room.slow_seconds else _unsaid(chat, account, room)
    if chat.reports:
        values: dict[str, str | int] = {"name": account.shown, "room": room.shown}
        said = Report("report.private", values)
        if room.kind in OPEN_KINDS:
            # The server's screen may hang on a wall: what is private is not shown on it.
            said = Report("report.message", values | {"text": action.text})
        after = _both(after, _reporter(chat, said))
    chat.append_for(session, room.id, entries.Message(action.text), action, after)


def _rule_refusal(chat: Chat, account: Account, room: Room) -> Refusal | None:
    """Return why a member may not write just now: the room is frozen, or it is too soon."""
    if policy.standing(account, room) & policy.MODERATORS:
        return None
    if room.frozen:
        return Refusal(Code.FROZEN, {"room": room.shown})
    now = chat.now.elapsed
    said_at = room.said_at.get(account.id)
    if said_at is not None and now - said_at < room.slow_seconds:
        return Refusal(
            Code.SLOW_MODE, {"seconds": max(1, int(said_at + room.slow_seconds - now + 0.999))}
        )
    if len(room.said_at) > len(room.members) + SAID_MAX:
        room.said_at = {id: at for id, at in room.said_at.items() if now - at < room.slow_seconds}
    room.said_at[account.id] = now
    return None


def _unsaid(chat: Chat, account: Account, room: Room) -> Callable[[Outcome], None]:
    """Return what lets one write at once again where nothing was written."""
    said_at = chat.now.elapsed

    def after(outcome: Outcome) -> None:
        if not isinstance(outcome, Appended) and room.said_at.get(account.id) == said_at:
            del room.said_at[account.id]

    return after


def _both(
    first: Callable[[Outcome], None] | None, second: Callable[[Outcome], None]
) -> Callable[[Outcome], None]:
    if first is None:
        return second

    def after(outcome: Outcome) -> None:
        first(outcome)
        second(outcome)

    return after


def _reporter(chat: Chat, report: Report) -> Callable[[Outcome], None]:
    """Return what tells the operator of an entry once it is one, and not of a retry."""

    def after(outcome: Outcome) -> None:
        if isinstance(outcome, Appended):
            chat.effects.append(report)

    return after


def new_whisper(chat: Chat, session: Session, action: actions.NewWhisper) -> None:
    """Say something to one person, here or away."""
    account = session.account
    assert account is not None
    refusal = text_refusal(action.text)
    if refusal is not None:
        chat.reply(session, chat.error(session, refusal, action.id))
        return
    other = chat.find_account(action.to)
    if other is None or other.retiring or other.retired:
        nobody = Refusal(Code.NO_SUCH_USER, {"name": action.to})
        chat.refuse_write(session, action, nobody)
        return
    id = direct_id(account.id, other.id)
    if id not in chat.hall.by_id and len(account.directs or ()) >= (
        chat.limits.directs_per_account_max
    ):
        full = Refusal(Code.LIMIT_REACHED, {"detail": "direct conversations"})
        chat.reply(session, chat.error(session, full, action.id))
        return

    def after(outcome: Outcome) -> None:
        if not isinstance(outcome, Appended):
            return
        if outcome.entry.seq == 1:
            _tell_opened(chat, account, other)
        if chat.reports:
            # Who whispers to whom; never what.
            values: dict[str, str | int] = {"name": account.shown, "to": other.shown}
            chat.effects.append(Report("report.whisper", values))

    body: entries.AnyBody = entries.Message(action.text)
    if not policy.hears(other, account.id):
        body = entries.Unheard(action.text)
    chat.append_for(session, id, body, action, after)


def _tell_opened(chat: Chat, account: Account, other: Account) -> None:
    """Write into the own logs of two that they have begun to talk: not before they have."""
    id = direct_id(account.id, other.id)
    opened = f"{SYSTEM_ID_PREFIX}opened:{id}"
    mine = entries.Opened(id, other.shown)
    chat.append(account, own_log_id(account.id), mine, opened, chat.told)
    if other is not account:
        theirs = entries.Opened(id, account.shown)
        chat.append(other, own_log_id(other.id), theirs, opened, chat.told)
