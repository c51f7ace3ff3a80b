"""Moderation: putting people out, letting them only read, and giving them roles.

Each becomes an entry of the room's log, with who did it, why and until when; what the entry changes
is `membership`'s. In `#general` it holds for the whole server. One acts only on who stands lower.
"""

from molva.core import policy
from molva.core.accounts import Account
from molva.core.addresses import BadAddress, parse_range
from molva.core.chat import Chat
from molva.core.conversation import Room, Sentence
from molva.core.rooms import change
from molva.core.session import Session
from molva.terms import actions, entries, events, limits
from molva.terms.errors import Code, Refusal
from molva.terms.instant import rfc3339
from molva.terms.ports import Sanction
from molva.terms.roles import ROOM_ROLES, Role

Acting = actions.Kick | actions.Ban | actions.Mute | actions.SetRole


def _lower(chat: Chat, session: Session, action: Acting, room: Room) -> Account | Refusal:
    """Return whom an action is about, if they are there and stand lower; else why not."""
    account = session.account
    assert account is not None and action.user is not None
    person = chat.find_account(action.user)
    if person is None or person.retired or person.retiring:
        return Refusal(Code.NO_SUCH_USER, {"name": action.user})
    if isinstance(action, actions.SetRole):
        return person
    if not policy.outranks(account, person, room):
        return Refusal(Code.NOT_ALLOWED)
    return person


def kick(chat: Chat, session: Session, action: actions.Kick, room: Room) -> None:
    """Put somebody out of a room; in `#general`, disconnect them."""
    person = _lower(chat, session, action, room)
    if isinstance(person, Account) and not policy.member(person, room):
        person = Refusal(Code.NO_SUCH_USER, {"name": action.user})
    if isinstance(person, Refusal):
        chat.refuse_write(session, action, person)
        return
    change(chat, session, room, entries.Kicked(person.id, person.shown, action.reason), action)


def ban(chat: Chat, session: Session, action: actions.Ban, room: Room) -> None:
    """Put somebody, or an address range, out for a while or for good."""
    refusal = _ban_refusal(chat, action, room)
    person: Account | Refusal | None = None
    if refusal is None and action.user is not None:
        person = _lower(chat, session, action, room)
        refusal = person if isinstance(person, Refusal) else None
    range = None
    if refusal is None and action.address is not None:
        try:
            range = parse_range(action.address)
        except BadAddress:
            refusal = Refusal(Code.BAD_ADDRESS, {"detail": action.address})
    if refusal is not None:
        chat.refuse_write(session, action, refusal)
        return
    assert not isinstance(person, Refusal)
    body = entries.Banned(
        account=person.id if person is not None else None,
        name=person.shown if person is not None else "",
        address=range,
        devices=action.devices,
        until=_until(chat, action.seconds),
        reason=action.reason,
    )
    change(chat, session, room, body, action)


def _ban_refusal(chat: Chat, action: actions.Ban, room: Room) -> Refusal | None:
    if action.user is None and action.address is None:
        return Refusal(Code.BAD_FIELD, {"detail": "user, address"})
    if (action.address is not None or action.devices) and not room.common:
        # A room keeps out people; only the server keeps out devices and addresses.
        return Refusal(Code.BAD_FIELD, {"detail": "address, devices"})
    if action.devices and action.user is None:
        return Refusal(Code.BAD_FIELD, {"detail": "devices"})
    held = len(room.banned) + len(room.muted)
    if held + len(chat.range_sentences) >= chat.limits.sanctions_per_room_max:
        return Refusal(Code.LIMIT_REACHED, {"detail": "sanctions"})
    return None


def _until(chat: Chat, seconds: int | None) -> int | None:
    return None if seconds is None else chat.now.wall + seconds * 1000


def unban(chat: Chat, session: Session, action: actions.Unban, room: Room) -> None:
    """End a ban; where there is none, nothing is written."""
    if action.user is None and action.address is None or action.address and not room.common:
        refusal = Refusal(Code.BAD_FIELD, {"detail": "user, address"})
        chat.reply(session, chat.error(session, refusal, action.id))
        return
    person = None
    if action.user is not None:
        person = chat.find_account(action.user)
        if person is None:
            refusal = Refusal(Code.NO_SUCH_USER, {"name": action.user})
            chat.refuse_write(session, action, refusal)
            return
    range = None
    if action.address is not None:
        try:
            range = parse_range(action.address)
        except BadAddress:
            refusal = Refusal(Code.BAD_ADDRESS, {"detail": action.address})
            chat.reply(session, chat.error(session, refusal, action.id))
            return
    banned = person is not None and person.id in room.banned
    if not banned and not (room.common and range in chat.range_sentences):
        # It may be so because an earlier try of this very action did it.
        chat.done_or_known(session, action)
        return
    body = entries.Unbanned(
        person.id if person is not None else None,
        person.shown if person is not None else "",
        range,
        action.reason,
    )
    change(chat, session, room, body, action)


def mute(chat: Chat, session: Session, action: actions.Mute, room: Room) -> None:
    """Let somebody only read, for a while or for good."""
    person = _lower(chat, session, action, room)
    if isinstance(person, Account) and not policy.member(person, room):
        person = Refusal(Code.NO_SUCH_USER, {"name": action.user})
    held = len(room.banned) + len(room.muted)
    if isinstance(person, Account) and held >= chat.limits.sanctions_per_room_max:
        person = Refusal(Code.LIMIT_REACHED, {"detail": "sanctions"})
    if isinstance(person, Refusal):
        chat.refuse_write(session, action, person)
        return
    until = _until(chat, action.seconds)
    change(
        chat, session, room, entries.Muted(person.id, person.shown, until, action.reason), action
    )


def unmute(chat: Chat, session: Session, action: actions.Unmute, room: Room) -> None:
    """Let them write again; where they may, nothing is written."""
    person = chat.find_account(action.user)
    if person is None:
        refusal = Refusal(Code.NO_SUCH_USER, {"name": action.user})
        chat.refuse_write(session, action, refusal)
    elif person.id not in room.muted:
        # It may be so because an earlier try of this very action did it.
        chat.done_or_known(session, action)
    else:
        body = entries.Unmuted(person.id, person.shown, action.reason)
        change(chat, session, room, body, action)


def set_role(chat: Chat, session: Session, action: actions.SetRole, room: Room) -> None:
    """Give somebody a role: in `#general` on the server, else in the room."""
    account = session.account
    assert account is not None
    person = _lower(chat, session, action, room)
    if isinstance(person, Account):
        refusal = _role_refusal(chat, account, person, action.role, room)
        person = refusal or person
    if isinstance(person, Refusal):
        chat.refuse_write(session, action, person)
        return
    body = entries.RoleSet(person.id, person.shown, action.role, action.reason)
    change(chat, session, room, body, action)


def _role_refusal(
    chat: Chat, account: Account, person: Account, role: Role, room: Room
) -> Refusal | None:
    if not room.common and role not in ROOM_ROLES or room is chat.hall.staff:
        return Refusal(Code.NOT_ALLOWED)
    if role is Role.GUEST and person.password_hash is not None:
        return Refusal(Code.NOT_ALLOWED)
    if not policy.member(person, room) or person.id in room.banned:
        return Refusal(Code.NO_SUCH_USER, {"name": person.shown})
    if not policy.may_give(account, person, role, room):
        return Refusal(Code.NOT_ALLOWED)
    if role is not Role.OWNER and last_owner(chat, person, room):
        return Refusal(Code.LAST_OWNER)
    return None


def last_owner(chat: Chat, account: Account, room: Room) -> bool:
    """Say whether an account is the only owner of a room, or of the server, that stays."""
    if room.roles.get(account.id) is not Role.OWNER:
        return False
    owners = (chat.accounts.get(id) for id, role in room.roles.items() if role is Role.OWNER)
    return not any(
        owner is not None
        and owner is not account
        and not owner.retiring
        and owner.id not in room.leaving
        for owner in owners
    )


def sanctions(chat: Chat, session: Session, action: actions.Sanctions, room: Room) -> None:
    """List the bans and mutes that hold in a room."""

    def row(sanction: Sanction, sentence: Sentence, **whom: str) -> events.Sanctioned:
        until = None if sentence.until is None else rfc3339(sentence.until)
        return events.Sanctioned(sanction=sanction, until=until, **whom)

    rows = []
    for sanction, held in ((Sanction.BAN, room.banned), (Sanction.MUTE, room.muted)):
        for id, sentence in held.items():
            account = chat.accounts.get(id)
            if account is not None and not account.retired:
                rows.append(row(sanction, sentence, user=account.label))
    if room.common:
        for address, sentence in chat.range_sentences.items():
            rows.append(row(Sanction.BAN, sentence, address=address))
    fit = limits.LIST_BYTES_MAX // 192
    chat.reply(
        session,
        events.Sanctions(
            room=room.shown,
            sanctions=rows[:fit],
            total=len(rows) if len(rows) > fit else None,
            id=action.id,
        ),
    )
