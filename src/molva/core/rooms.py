"""Rooms: making, joining, leaving, naming what they are about, and listing them."""

from molva.core import policy
from molva.core.chat import Chat
from molva.core.conversation import Room
from molva.core.log import Log
from molva.core.messages import text_refusal
from molva.core.session import Session
from molva.terms import actions, entries, events, limits
from molva.terms.errors import Code, Refusal
from molva.terms.ids import Seq
from molva.terms.names import NameRefused, parse_room
from molva.terms.names import Room as RoomName
from molva.terms.ports import Appended, Known, Made, MakeRoom, Outcome, Unavailable


def _finish(chat: Chat, session: Session) -> None:
    """Let the session's next actions be taken up, once this one has been told."""
    session.busy = False
    chat.idle[session.connection] = session


def create(chat: Chat, session: Session, action: actions.Create) -> None:
    """Make a room; its maker is its first member."""
    account = session.account
    assert account is not None
    try:
        name = parse_room(action.room)
    except NameRefused as refused:
        values: dict[str, str | int | float] = {"detail": refused.detail}
        chat.reply(session, chat.error(session, Refusal(Code(refused.code), values), action.id))
        return
    refusal = _create_refusal(chat, session, action, name)
    if refusal is not None:
        chat.refuse_write(session, action, refusal, entries.Created(name.shown))
        return
    room = Room(chat.ids.room(), Log(Seq(0), 0), name, "")
    room.made = False
    room.joining.add(account.id)
    chat.hall.add_room(room)
    session.busy = True
    session.writes_sent += 1

    def made(outcome: Outcome) -> None:
        if isinstance(outcome, Made):
            room.made = True
        else:
            chat.hall.remove_room(room)
            code = Code.UNAVAILABLE if isinstance(outcome, Unavailable) else Code.ROOM_EXISTS
            chat.written(session, chat.error(session, Refusal(code), action.id))
            _finish(chat, session)

    def created(outcome: Outcome) -> None:
        if not room.made:
            return
        if not isinstance(outcome, Appended):
            # The id was used for another write: the room stays, without anybody in it.
            room.joining.discard(account.id)
            code = Code.UNAVAILABLE if isinstance(outcome, Unavailable) else Code.ID_CONFLICT
            chat.written(session, chat.error(session, Refusal(code), action.id))
        else:
            chat.take(outcome.entry)
            stored = None
            if action.id is not None and not session.echo:
                stored = chat.stored(session, outcome.entry, action.id)
            chat.written(session, stored)
            chat.report("report.created", name=account.shown, room=room.shown)
        _finish(chat, session)

    chat.write(MakeRoom(room.id, name.shown, name.key, name.skeleton), made)
    chat.append(account, room.id, entries.Created(name.shown), action.id, created)
    if action.topic:
        chat.append(account, room.id, entries.Topic(action.topic), None, chat.told)


def _create_refusal(
    chat: Chat, session: Session, action: actions.Create, name: RoomName
) -> Refusal | None:
    assert session.account is not None
    if name.key in chat.hall.rooms or name.skeleton in chat.hall.room_skeletons:
        return Refusal(Code.ROOM_EXISTS)
    if len(chat.hall.rooms) >= chat.limits.rooms_max:
        return Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
    if len(session.account.rooms) >= chat.limits.rooms_per_account_max:
        return Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
    if action.topic:
        return text_refusal(action.topic, limits.TOPIC_BYTES_MAX)
    return None


def join(chat: Chat, session: Session, action: actions.Join) -> None:
    """Become a member of a room; one who is in it already is told since when."""
    account = session.account
    assert account is not None
    room = chat.find_room(action.room)
    if room is None or not room.made:
        absent = Refusal(Code.NO_SUCH_ROOM, {"room": action.room})
        chat.refuse_write(session, action, absent, entries.Joined())
        return
    if room.common:
        chat.reply(session, chat.error(session, Refusal(Code.COMMON_ROOM), action.id))
        return
    since = room.members.get(account.id)
    if account.id in room.joining or account.id in room.leaving:
        chat.reply(session, chat.error(session, Refusal(Code.BUSY), action.id))
        return
    if since is not None:
        told = events.Stored(id=action.id or "", seq=since, room=room.shown)
        chat.reply(session, told if action.id is not None else events.Done())
        return
    if len(account.rooms) >= chat.limits.rooms_per_account_max:
        full = Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
        chat.reply(session, chat.error(session, full, action.id))
        return
    room.joining.add(account.id)
    session.busy = True

    def joined(outcome: Outcome) -> None:
        if not isinstance(outcome, Appended):
            room.joining.discard(account.id)
        else:
            chat.report("report.joined", name=account.shown, room=room.shown)
        _finish(chat, session)

    chat.append_for(session, room.id, entries.Joined(), action, joined)


def leave(chat: Chat, session: Session, action: actions.Leave) -> None:
    """Cease to be a member of a room; the reply is `stored`, for the entry itself is not seen."""
    account = session.account
    assert account is not None
    room = chat.find_room(action.room)
    if room is not None and room.common:
        chat.reply(session, chat.error(session, Refusal(Code.COMMON_ROOM), action.id))
        return
    if room is None or not policy.member(account, room):
        absent = Refusal(Code.NOT_A_MEMBER, {"room": action.room})
        chat.refuse_write(session, action, absent, entries.Left())
        return
    room.leaving.add(account.id)
    session.busy = True
    session.writes_sent += 1

    def left(outcome: Outcome) -> None:
        if isinstance(outcome, Appended):
            chat.take(outcome.entry)
            chat.report("report.parted", name=account.shown, room=room.shown)
            reply: events.AnyEvent = events.Done()
            if action.id is not None:
                reply = chat.stored(session, outcome.entry, action.id)
            chat.written(session, reply)
        else:
            room.leaving.discard(account.id)
            if isinstance(outcome, Known):
                # A retry that comes after one has joined again: it is answered, and not done again.
                chat.written(session, chat.known(session, outcome.entry, room.id, entries.Left()))
            else:
                refusal = Refusal(Code.UNAVAILABLE)
                chat.written(session, chat.error(session, refusal, action.id))
        _finish(chat, session)

    chat.append(account, room.id, entries.Left(), action.id, left)


def topic(chat: Chat, session: Session, action: actions.Topic) -> None:
    """Say what a room is about."""
    account = session.account
    assert account is not None
    if action.text:
        refusal = text_refusal(action.text, limits.TOPIC_BYTES_MAX)
        if refusal is not None:
            chat.reply(session, chat.error(session, refusal, action.id))
            return
    room = chat.find_room(action.room)
    if room is None or not policy.member(account, room):
        absent = Refusal(Code.NOT_A_MEMBER, {"room": action.room})
        chat.refuse_write(session, action, absent, entries.Topic(action.text))
        return
    chat.append_for(session, room.id, entries.Topic(action.text), action)


def rooms(chat: Chat, session: Session, action: actions.Rooms) -> None:
    """List the rooms, those with the most members first."""
    account = session.account
    assert account is not None
    rows = []
    for room in chat.hall.rooms.values():
        members = len(chat.accounts) if room.common else len(room.members)
        if not room.made:
            continue
        joined = policy.member(account, room)
        rows.append(events.Room(room=room.shown, members=members, topic=room.topic, joined=joined))
    rows.sort(key=lambda row: (-row.members, row.room))
    size = 0
    for place, row in enumerate(rows):
        size += len(row.room.encode()) + 2 * len(row.topic.encode()) + 64
        if size > limits.LIST_BYTES_MAX:
            cut = rows[:place]
            chat.reply(session, events.Rooms(rooms=cut, total=len(rows), id=action.id))
            return
    chat.reply(session, events.Rooms(rooms=rows, id=action.id))
