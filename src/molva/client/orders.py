"""Orders: what a command about people, rooms and one's own account asks of the server.

Owns how the words after such a command are read: names, durations, roles, places of messages.
Refuses to know how it is asked, what is answered, and whether one may: the server says that.

Invariants: an order is for the place where one is, and in `#general` for the server; what cannot be
read is no order, so nobody is banned by a slip.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from molva.client.commands import Verb, split_word
from molva.client.durations import parse_duration
from molva.client.happenings import AnyAct, AnyOnce, AnyQuestion
from molva.client.transcript import Transcript
from molva.terms import actions, events, limits
from molva.terms.names import GENERAL
from molva.terms.roles import Role, RoomKind

Order = AnyAct | AnyOnce | AnyQuestion

ROLES: Final = {
    "guest": Role.GUEST,
    "гость": Role.GUEST,
    "member": Role.MEMBER,
    "участник": Role.MEMBER,
    "moderator": Role.MODERATOR,
    "модератор": Role.MODERATOR,
    "admin": Role.ADMIN,
    "админ": Role.ADMIN,
    "администратор": Role.ADMIN,
    "owner": Role.OWNER,
    "владелец": Role.OWNER,
}
ALL: Final = frozenset({"all", "все", "everywhere"})
OFF: Final = frozenset({"off", "0", "нет", "выкл"})
FOR: Final = frozenset({"for", "для"})
DEVICES_WORD: Final = "+devices"
"""Behind a name to be banned: its devices too, whatever name they come under."""

DAY_SECONDS: Final = 86_400


class Misread(Exception):
    """What was typed is no order; `key` and `values` say why, an empty `key`: how it is written."""

    def __init__(self, key: str = "", **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class Place(msgspec.Struct):
    """Where somebody is when they give an order."""

    target: str
    """The room or person to whom what is typed goes."""
    own_name: str
    transcript: Transcript
    devices: list[events.Device]
    """As the last list of one's devices had them."""

    @property
    def room_name(self) -> str:
        """The room. Raises Misread where one talks to a person."""
        if not self.target.startswith("#"):
            raise Misread("chat.no_room")
        return self.target

    @property
    def room(self) -> str | None:
        """The room, as an action names it: none for the common one, which is the server."""
        return None if self.room_name.lower() == GENERAL else self.target


def order_of(verb: Verb, rest: str, place: Place) -> Order | None:
    """Return what a command asks; None for one that is no order. Raises Misread."""
    read = _READERS.get(verb)
    return None if read is None else read(rest, place)


def people_of(rest: str) -> list[str]:
    """Return the names in what follows a command. Raises Misread where there is none."""
    names = [word.removeprefix("@") for word in rest.replace(",", " ").split()]
    if not names:
        raise Misread
    return names


def _name(rest: str) -> tuple[str, str]:
    word, rest = split_word(rest)
    name = word.removeprefix("@")
    if not name:
        raise Misread
    return name, rest


def _nothing(rest: str) -> None:
    if rest:
        raise Misread


def _lasting(rest: str) -> tuple[int | None, str]:
    """Return how long, if it is said, and the reason."""
    word, reason = split_word(rest)
    seconds = parse_duration(word)
    if seconds is not None:
        return seconds, reason
    if word.isdigit():
        raise Misread("chat.no_unit", n=word)
    return None, rest


# -- Rooms and people ---------------------------------------------------------------------------


def _kick(rest: str, place: Place) -> Order:
    user, reason = _name(rest)
    return actions.Kick(user=user, room=place.room, reason=reason)


def _banned(word: str) -> tuple[str | None, str | None]:
    """Return a name, or an address: no name has a slash or a colon."""
    return (None, word) if "/" in word or ":" in word else (word, None)


def _ban(rest: str, place: Place) -> Order:
    word, rest = _name(rest)
    user, address = _banned(word)
    next_word, after = split_word(rest)
    devices = next_word.lower() == DEVICES_WORD
    seconds, reason = _lasting(after if devices else rest)
    return actions.Ban(
        user=user,
        room=place.room,
        address=address,
        devices=devices,
        seconds=seconds,
        reason=reason,
    )


def _unban(rest: str, place: Place) -> Order:
    word, reason = _name(rest)
    user, address = _banned(word)
    return actions.Unban(user=user, room=place.room, address=address, reason=reason)


def _mute(rest: str, place: Place) -> Order:
    user, rest = _name(rest)
    seconds, reason = _lasting(rest)
    return actions.Mute(user=user, room=place.room, seconds=seconds, reason=reason)


def _unmute(rest: str, place: Place) -> Order:
    user, reason = _name(rest)
    return actions.Unmute(user=user, room=place.room, reason=reason)


def _op(rest: str, place: Place) -> Order:
    user, reason = _name(rest)
    return actions.SetRole(user=user, role=Role.MODERATOR, room=place.room, reason=reason)


def _deop(rest: str, place: Place) -> Order:
    user, reason = _name(rest)
    return actions.SetRole(user=user, role=Role.MEMBER, room=place.room, reason=reason)


def _role(rest: str, place: Place) -> Order:
    user, rest = _name(rest)
    word, reason = split_word(rest)
    role = ROLES.get(word.lower())
    if role is None:
        raise Misread
    return actions.SetRole(user=user, role=role, room=place.room, reason=reason)


def _slow(rest: str, place: Place) -> Order:
    word, reason = split_word(rest)
    if word.lower() in OFF:
        seconds = 0
    elif word.isascii() and word.isdigit():
        seconds = int(word[:9])
    else:
        lasting = parse_duration(word)
        if lasting is None:
            raise Misread
        seconds = lasting
    seconds = min(seconds, limits.SLOW_SECONDS_MAX)
    return actions.Mode(room=place.room, slow_seconds=seconds, reason=reason)


def _freeze(frozen: bool) -> Callable[[str, Place], Order]:
    return lambda rest, place: actions.Mode(room=place.room, frozen=frozen, reason=rest)


def _kind(kind: RoomKind) -> Callable[[str, Place], Order]:
    return lambda rest, place: actions.Mode(room=place.room, kind=kind, reason=rest)


def _rename(rest: str, place: Place) -> Order:
    word, more = split_word(rest)
    _nothing(more)
    if not word or word == "#":
        raise Misread
    return actions.Rename(room=place.room_name, to=word if word.startswith("#") else f"#{word}")


def _invite(rest: str, place: Place) -> Order:
    user, rest = _name(rest)
    room, more = split_word(rest)
    _nothing(more)
    if room and not room.startswith("#"):
        room = f"#{room}"
    return actions.Invite(user=user, room=room or place.room_name)


def _ledger(rest: str, place: Place) -> Order:
    _nothing(rest)
    return actions.Ledger(room=place.room)


def _bans(rest: str, place: Place) -> Order:
    _nothing(rest)
    return actions.Sanctions(room=place.room)


# -- Messages -----------------------------------------------------------------------------------


def _message(rest: str, place: Place, *, user: str | None) -> tuple[int, str]:
    """Return which message is meant, and the reason: a number, or the last one of a name."""
    word, reason = split_word(rest)
    if word.isascii() and word.isdigit() and len(word) <= 15:
        return int(word), reason
    author = word.removeprefix("@") or user
    if author is None:
        raise Misread
    seq = place.transcript.last_of(place.target, author)
    if seq is None:
        raise Misread("chat.no_message", name=author)
    return seq, reason


def _remove(rest: str, place: Place) -> Order:
    seq, reason = _message(rest, place, user=place.own_name)
    room, person = _where(place)
    return actions.Remove(seq=seq, room=room, with_=person, reason=reason)


def _restore(rest: str, place: Place) -> Order:
    word, reason = split_word(rest)
    if not (word.isascii() and word.isdigit() and len(word) <= 15):
        raise Misread
    room, person = _where(place)
    return actions.Restore(seq=int(word), room=room, with_=person, reason=reason)


def _report(rest: str, place: Place) -> Order:
    seq, reason = _message(rest, place, user=None)
    room, person = _where(place)
    return actions.Report(seq=seq, room=room, with_=person, reason=reason)


def _where(place: Place) -> tuple[str | None, str | None]:
    return (place.target, None) if place.target.startswith("#") else (None, place.target)


# -- Oneself ------------------------------------------------------------------------------------


def _block(rest: str, place: Place) -> Order:
    user, more = _name(rest)
    _nothing(more)
    return actions.Block(user=user)


def _unblock(rest: str, place: Place) -> Order:
    user, more = _name(rest)
    _nothing(more)
    return actions.Unblock(user=user)


def _plain(order: Order) -> Callable[[str, Place], Order]:
    def read(rest: str, place: Place) -> Order:
        _nothing(rest)
        return order

    return read


def _forget(rest: str, place: Place) -> Order:
    if not rest:
        raise Misread
    found = [
        row.device
        for row in place.devices
        if rest.lower() in (row.name.lower(), row.device.lower())
        or (len(rest) >= 4 and row.device.startswith(rest))
    ]
    if len(found) > 1:
        raise Misread("chat.several_devices", name=rest)
    return actions.ForgetDevice(device=found[0] if found else rest[:64])


def _sign_out(rest: str, place: Place) -> Order:
    if rest and rest.lower() not in ALL:
        raise Misread
    return actions.SignOut(everywhere=bool(rest))


def _invitation(rest: str, place: Place) -> Order:
    role, name = Role.MEMBER, None
    numbers: list[int] = []
    while rest:
        word, rest = split_word(rest)
        if word.lower() in ROLES:
            role = ROLES[word.lower()]
        elif word.lower() in FOR:
            name, rest = _name(rest)
        elif word.isascii() and word.isdigit() and len(numbers) < 2:
            numbers.append(int(word[:9]))
        else:
            raise Misread
    uses = numbers[0] if numbers else 1
    days = numbers[1] if len(numbers) > 1 else limits.INVITATION_SECONDS // DAY_SECONDS
    if not (1 <= uses <= limits.INVITATION_USES_MAX and 1 <= days):
        raise Misread
    seconds = min(days * DAY_SECONDS, limits.INVITATION_SECONDS_MAX)
    return actions.Invitation(role=role, uses=uses, seconds=seconds, name=name)


def _end_invitation(rest: str, place: Place) -> Order:
    word, more = split_word(rest)
    _nothing(more)
    if not word or len(word) > 64:
        raise Misread
    return actions.EndInvitation(invitation=word)


_READERS: Final[dict[Verb, Callable[[str, Place], Order]]] = {
    Verb.KICK: _kick,
    Verb.BAN: _ban,
    Verb.UNBAN: _unban,
    Verb.MUTE: _mute,
    Verb.UNMUTE: _unmute,
    Verb.BANS: _bans,
    Verb.OP: _op,
    Verb.DEOP: _deop,
    Verb.ROLE: _role,
    Verb.SLOW: _slow,
    Verb.FREEZE: _freeze(True),
    Verb.UNFREEZE: _freeze(False),
    Verb.PUBLIC: _kind(RoomKind.PUBLIC),
    Verb.PRIVATE: _kind(RoomKind.PRIVATE),
    Verb.ANNOUNCE: _kind(RoomKind.ANNOUNCEMENT),
    Verb.RENAME: _rename,
    Verb.INVITE: _invite,
    Verb.LEDGER: _ledger,
    Verb.REMOVE: _remove,
    Verb.RESTORE: _restore,
    Verb.REPORT: _report,
    Verb.BLOCK: _block,
    Verb.UNBLOCK: _unblock,
    Verb.BLOCKS: _plain(actions.Blocks()),
    Verb.ACCOUNTS: _plain(actions.Accounts()),
    Verb.INVITATION: _invitation,
    Verb.INVITATIONS: _plain(actions.Invitations()),
    Verb.END_INVITATION: _end_invitation,
    Verb.DEVICES: _plain(actions.Devices()),
    Verb.LINK: _plain(actions.Link()),
    Verb.FORGET: _forget,
    Verb.SIGN_OUT: _sign_out,
}
