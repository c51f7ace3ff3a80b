"""Rooms: making, joining, leaving, naming, their rules, letting people in, and listing them."""

from collections.abc import Callable, Sequence

from molva.core import policy
from molva.core.accounts import Account
from molva.core.chat import RETRY_SECONDS, Chat
from molva.core.conversation import Room
from molva.core.log import Log
from molva.core.messages import text_refusal
from molva.core.session import Session
from molva.terms import actions, entries, events, limits
from molva.terms.errors import Code, Refusal
from molva.terms.ids import Seq
from molva.terms.names import NameRefused, parse_room
from molva.terms.names import Room as RoomName
from molva.terms.ports import Appended, Known, Made, MakeRoom, Outcome, Taken, Unavailable
from molva.terms.roles import OPEN_KINDS, RoomKind

# -- Making ------------------------------------------------------------------------------------


def create(chat: Chat, session: Session, action: actions.Create) -> None:
    """Make a room; its maker is its first member and its owner."""
    account = session.account
    assert account is not None
    group = action.kind is RoomKind.GROUP
    if group == (action.room is not None) or group == (action.people is None):
        refusal = Refusal(Code.BAD_FIELD, {"detail": "room, kind, people"})
        chat.reply(session, chat.error(session, refusal, action.id))
        return
    name: RoomName | None = None
    try:
        name = parse_room(action.room) if action.room is not None else None
    except NameRefused as refused:
        values: dict[str, str | int | float] = {"detail": refused.detail}
        chat.reply(session, chat.error(session, Refusal(Code(refused.code), values), action.id))
        return
    people = _people(chat, account, action.people or [])
    found = people if isinstance(people, Refusal) else _create_refusal(chat, session, action, name)
    if found is not None:
        chat.refuse_write(session, action, found)
        return
    assert not isinstance(people, Refusal)
    room = Room(chat.ids.room(), Log(Seq(0), 0), name, "")
    room.kind = action.kind
    room.open_from = Seq(1) if action.kind in OPEN_KINDS else None
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
            chat.free(session)

    def created(outcome: Outcome) -> None:
        if not room.made:
            return
        if not isinstance(outcome, Appended):
            # The id was used for another write: there is nobody in the room and nobody can come.
            chat.hall.remove_room(room)
            abandon(chat, room, people)
            code = Code.UNAVAILABLE if isinstance(outcome, Unavailable) else Code.ID_CONFLICT
            if isinstance(outcome, Known):
                known = chat.known(session, outcome.entry, outcome.entry.conversation, action)
                chat.written(session, known)
            else:
                chat.written(session, chat.error(session, Refusal(code), action.id))
        else:
            chat.take(outcome.entry)
            stored = None
            if action.id is not None and not session.echo:
                stored = chat.stored(session, outcome.entry, action.id)
            chat.written(session, stored)
            chat.report("report.created", name=account.shown, room=room.shown)
        chat.free(session)

    def told(outcome: Outcome) -> None:
        if room.id in chat.hall.by_id:
            chat.told(outcome)

    key, skeleton = (name.key, name.skeleton) if name is not None else ("", "")
    shown = name.shown if name is not None else ""
    chat.write(MakeRoom(room.id, shown, key, skeleton, action.kind), made)
    chat.append(account, room.id, entries.Created(shown, action.kind), action.id, created)
    for person in people:
        room.joining.add(person.id)
        chat.append(account, room.id, entries.Added(person.id, person.shown), None, told)
    if action.topic:
        chat.append(account, room.id, entries.Topic(action.topic), None, told)


def close(chat: Chat, room: Room) -> None:
    """Let go of a room that nobody is in any more, and of what was to let people into it."""
    chat.hall.remove_room(room)
    for id in room.invited:
        account = chat.accounts.get(id)
        if account is not None and account.invited is not None:
            account.invited.pop(room.id, None)


def abandon(chat: Chat, room: Room, people: Sequence[Account] = ()) -> None:
    """Have the store close a room whose maker never was in it, and which is in no list here.

    `people` were put into it with its making. A room closes when its last member leaves, so
    somebody has to come: the server itself.
    """

    def nothing(outcome: Outcome) -> None:
        """Tell nobody."""

    def closed(outcome: Outcome) -> None:
        if isinstance(outcome, Unavailable):
            chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: abandon(chat, room, people))

    for person in people:
        chat.append(person, room.id, entries.Left(), None, nothing)
    operator = chat.accounts.operator
    chat.append(operator, room.id, entries.Joined(), None, nothing)
    chat.append(operator, room.id, entries.Left(), None, closed)


def _people(chat: Chat, account: Account, names: list[str]) -> list[Account] | Refusal:
    """Return who is to be in a group beside its maker, each once, or why not."""
    found: dict[int, Account] = {}
    for name in names:
        person = chat.find_account(name)
        # Who blocks the maker is not put into a room with them; they learn no more than that.
        gone = person is None or person.retired or person.retiring
        if person is None or gone or not policy.hears(person, account.id):
            return Refusal(Code.NO_SUCH_USER, {"name": name})
        if len(person.rooms) >= chat.limits.rooms_per_account_max:
            return Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
        if person is not account:
            found[person.id] = person
    return list(found.values())


def _create_refusal(
    chat: Chat, session: Session, action: actions.Create, name: RoomName | None
) -> Refusal | None:
    account = session.account
    assert account is not None
    if account.role not in policy.CREATORS[action.kind]:
        return Refusal(Code.NOT_ALLOWED)
    if name is not None and (
        name.key in chat.hall.rooms or name.skeleton in chat.hall.room_skeletons
    ):
        return Refusal(Code.ROOM_EXISTS)
    if chat.hall.room_count >= chat.limits.rooms_max:
        return Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
    if len(account.rooms) >= chat.limits.rooms_per_account_max:
        return Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
    if action.topic and (refusal := text_refusal(action.topic, limits.TOPIC_BYTES_MAX)):
        return refusal
    return chat.limited("rooms_per_account", account.id)


# -- Coming and going --------------------------------------------------------------------------


def join(chat: Chat, session: Session, action: actions.Join, room: Room) -> None:
    """Become a member of a room; one who is in it already is told since when."""
    account = session.account
    assert account is not None
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
        chat.refuse_write(session, action, Refusal(Code.LIMIT_REACHED, {"detail": "rooms"}))
        return
    room.joining.add(account.id)
    session.busy = True

    def joined(outcome: Outcome) -> None:
        if not isinstance(outcome, Appended):
            room.joining.discard(account.id)
        else:
            chat.report("report.joined", name=account.shown, room=room.shown)
        chat.free(session)

    chat.append_for(session, room.id, entries.Joined(), action, joined)


def leave(chat: Chat, session: Session, action: actions.Leave, room: Room) -> None:
    """Cease to be a member of a room; the reply is `stored`, for the entry itself is not seen."""
    account = session.account
    assert account is not None
    if room.common or room is chat.hall.staff:
        chat.reply(session, chat.error(session, Refusal(Code.COMMON_ROOM), action.id))
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
                chat.written(session, chat.known(session, outcome.entry, room.id, action))
            else:
                refusal = Refusal(Code.UNAVAILABLE)
                chat.written(session, chat.error(session, refusal, action.id))
        chat.free(session)

    chat.append(account, room.id, entries.Left(), action.id, left)


def invite(chat: Chat, session: Session, action: actions.Invite, room: Room) -> None:
    """Let somebody into a room, whatever its kind; in a group they are in at once."""
    account = session.account
    assert account is not None
    person = chat.find_account(action.user)
    # Who blocks the asker hears nothing of them, and the asker nothing of that.
    if person is None or person.retired or person.retiring:
        refusal: Refusal | None = Refusal(Code.NO_SUCH_USER, {"name": action.user})
    elif room.common or room is chat.hall.staff:
        refusal = Refusal(Code.COMMON_ROOM)
    else:
        refusal = _invite_refusal(chat, account, person, room, action.user)
    if refusal is not None:
        chat.refuse_write(session, action, refusal)
        return
    assert person is not None
    if person.id in room.members:
        chat.done_or_known(session, action)
        return
    body: entries.AnyBody = entries.Invited(person.id, person.shown)
    if room.kind is RoomKind.GROUP:
        body = entries.Added(person.id, person.shown)
        room.joining.add(person.id)

    def invited(outcome: Outcome) -> None:
        if not isinstance(outcome, Appended):
            room.joining.discard(person.id)

    chat.append_for(session, room.id, body, action, invited)


def _invite_refusal(
    chat: Chat, account: Account, person: Account, room: Room, spelled: str
) -> Refusal | None:
    if person.id in room.banned:
        return Refusal(Code.NOT_ALLOWED)
    if room.kind is RoomKind.GROUP:
        if not policy.hears(person, account.id):
            return Refusal(Code.NO_SUCH_USER, {"name": spelled})
        if len(room.members) > limits.GROUP_PEOPLE_MAX:
            return Refusal(Code.LIMIT_REACHED, {"detail": "people"})
    if len(person.invited or ()) >= chat.limits.invites_per_account_max or (
        len(person.rooms) >= chat.limits.rooms_per_account_max
    ):
        return Refusal(Code.LIMIT_REACHED, {"detail": "rooms"})
    return None


# -- What a room is ----------------------------------------------------------------------------


def topic(chat: Chat, session: Session, action: actions.Topic, room: Room) -> None:
    """Say what a room is about."""
    account = session.account
    assert account is not None
    if room.frozen and not policy.standing(account, room) & policy.MODERATORS:
        chat.refuse_write(session, action, Refusal(Code.FROZEN, {"room": room.shown}))
        return
    if action.text:
        refusal = text_refusal(action.text, limits.TOPIC_BYTES_MAX)
        if refusal is not None:
            chat.reply(session, chat.error(session, refusal, action.id))
            return
    chat.append_for(session, room.id, entries.Topic(action.text), action)


def rename(chat: Chat, session: Session, action: actions.Rename, room: Room) -> None:
    """Call a room otherwise."""
    if room.common or room is chat.hall.staff:
        chat.reply(session, chat.error(session, Refusal(Code.COMMON_ROOM), action.id))
        return
    try:
        name = parse_room(action.to)
    except NameRefused as refused:
        values: dict[str, str | int | float] = {"detail": refused.detail}
        chat.reply(session, chat.error(session, Refusal(Code(refused.code), values), action.id))
        return
    hall = chat.hall
    taken = (hall.rooms.get(name.key), hall.room_skeletons.get(name.skeleton))
    if any(other is not None and other is not room for other in taken):
        chat.refuse_write(session, action, Refusal(Code.ROOM_EXISTS))
        return
    change(chat, session, room, entries.Renamed(name.shown, room.shown), action)


def mode(chat: Chat, session: Session, action: actions.Mode, room: Room) -> None:
    """Change a room's rules; its kind only its owner may."""
    assert session.account is not None
    refusal = None
    if action.kind is not None:
        groups = RoomKind.GROUP in (action.kind, room.kind)
        if room.common or groups or room is chat.hall.staff:
            refusal = Refusal(Code.NOT_ALLOWED)
        elif policy.standing(session.account, room) is not policy.Standing.OWNER:
            refusal = Refusal(Code.NOT_ALLOWED)
    elif action.slow_seconds is None and action.frozen is None:
        refusal = Refusal(Code.BAD_FIELD, {"detail": "kind, slow_seconds, frozen"})
    if refusal is not None:
        chat.refuse_write(session, action, refusal)
        return
    body = entries.ModeSet(action.kind, action.slow_seconds, action.frozen, action.reason)
    change(chat, session, room, body, action)


def change(
    chat: Chat,
    session: Session,
    room: Room,
    body: entries.AnyBody,
    action: actions.AnyAction,
) -> None:
    """Write what changes who may do what in a room; until it is answered, others wait there.

    So every decision is made on what is in the log, and none overtakes what would forbid it.
    """
    _begin_change(chat, room)

    def changed(outcome: Outcome) -> None:
        if isinstance(outcome, Taken):
            room.log.forget()
        _end_change(chat, room)

    chat.append_for(session, room.id, body, action, changed)


def change_unasked(
    chat: Chat,
    account: Account,
    room: Room,
    body: entries.AnyBody,
    after: Callable[[Outcome], None],
) -> None:
    """Write what follows from another change, as `change`; `after` hears the outcome."""
    _begin_change(chat, room)

    def changed(outcome: Outcome) -> None:
        _end_change(chat, room)
        chat.told(outcome)
        after(outcome)

    chat.append(account, room.id, body, None, changed)


def _begin_change(chat: Chat, room: Room) -> None:
    room.changing += 1
    chat.changing += 1


def _end_change(chat: Chat, room: Room) -> None:
    # The entry itself is taken after this, and told before anybody is heard again.
    room.changing -= 1
    chat.changing -= 1
    chat.idle.update(chat.awaiting)
    chat.awaiting.clear()


def rooms(chat: Chat, session: Session, action: actions.Rooms) -> None:
    """List the rooms that one may know of, those with the most members first."""
    account = session.account
    assert account is not None
    rows = []
    for room in chat.hall.rooms.values():
        if not room.made:
            continue
        joined = policy.member(account, room)
        invited = room.id in (account.invited or ())
        if not (joined or invited or room.kind in OPEN_KINDS):
            continue
        rows.append(
            events.Room(
                room=room.shown,
                members=len(chat.accounts) if room.common else len(room.members),
                topic=room.topic,
                joined=joined,
                # The plain word: an enumeration's would not be left out where it is the default.
                kind=room.kind.value,
                invited=invited,
            )
        )
    rows.sort(key=lambda row: (-row.members, row.room))
    size = 0
    for place, row in enumerate(rows):
        size += len(row.room.encode()) + 2 * len(row.topic.encode()) + 96
        if size > limits.LIST_BYTES_MAX:
            cut = rows[:place]
            chat.reply(session, events.Rooms(rooms=cut, total=len(rows), id=action.id))
            return
    chat.reply(session, events.Rooms(rooms=rows, id=action.id))
