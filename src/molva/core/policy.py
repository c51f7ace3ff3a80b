"""Policy: the one place that says who may do what, and who may see which entry.

A table: each action, in which states of a connection it is heard, what sort of place it names, and
what the one who asks must be to that place: to a room by its kind, to the server by their role. The
hub asks the table before any handler runs; an action without a row fails the tests. What depends on
more than that (whom one acts on, how far one may raise somebody) is a function beside it.

`visible` is asked for every entry on its way to a connection, a page or a count: directly, or by
`floor`, the first seq of a log that an account may see; all after it are visible, but those said to
somebody who does not hear them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from molva.core.accounts import Account
from molva.core.conversation import Conversation, Direct, OwnLog, Room
from molva.core.session import State
from molva.terms import actions
from molva.terms.entries import Entry, Removed, Restored, Unheard
from molva.terms.errors import Code, Refusal
from molva.terms.ids import AccountId, Seq, ServerAccount
from molva.terms.roles import OPEN_KINDS, Role, RoomKind


class Standing(IntEnum):
    """What an account is to a room; each a bit, so that several make a number."""

    OUTSIDER = 1
    BANNED = 2
    INVITED = 4
    MUTED = 8
    MEMBER = 16
    MODERATOR = 32
    OWNER = 64


class Scope(Enum):
    """What sort of place an action names."""

    NOTHING = "nothing"
    """None, or one's own affairs."""
    ROOM = "room"
    """A room by `room`; the common one where that is left out."""
    PLACE = "place"
    """A room, or the direct conversation `with` somebody."""
    SERVER = "server"
    """The server as a whole."""


S = Standing
READERS = S.MUTED | S.MEMBER | S.MODERATOR | S.OWNER
WRITERS = S.MEMBER | S.MODERATOR | S.OWNER
MODERATORS = S.MODERATOR | S.OWNER
NOBODY = 0

Kinds = Mapping[RoomKind, int]
"""Who may, in each kind of room: standings put together."""


def _alike(standing: int) -> Kinds:
    return dict.fromkeys(RoomKind, standing)


_READ = _alike(READERS)
_MODERATE = _alike(MODERATORS)
_WRITE = {**_alike(WRITERS), RoomKind.ANNOUNCEMENT: MODERATORS}
_JOIN = {
    # Who is in already is told since when.
    RoomKind.PUBLIC: S.OUTSIDER | S.INVITED | READERS,
    RoomKind.ANNOUNCEMENT: S.OUTSIDER | S.INVITED | READERS,
    RoomKind.PRIVATE: S.INVITED | READERS,
    RoomKind.GROUP: S.INVITED | READERS,
}
_INVITE = {
    RoomKind.PUBLIC: WRITERS,
    RoomKind.ANNOUNCEMENT: MODERATORS,
    RoomKind.PRIVATE: MODERATORS,
    RoomKind.GROUP: WRITERS,
}
_RENAME = {**_alike(S.OWNER), RoomKind.GROUP: NOBODY}

_KEEPERS = frozenset((Role.ADMIN, Role.OWNER))
_HOSTS = frozenset((Role.MODERATOR, Role.ADMIN, Role.OWNER))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    states: frozenset[State]
    scope: Scope = Scope.NOTHING
    kinds: Kinds | None = None
    """Who may in a room of each kind; for `ROOM` and `PLACE`."""
    roles: frozenset[Role] | None = None
    """Who may on the server; for `SERVER`."""
    operator: bool = False
    """Whether the one who holds the machine may, from its command line."""


_ANYBODY = frozenset({State.NEW, State.LIVE})
_STRANGER = frozenset({State.NEW})
_SOMEBODY = frozenset({State.LIVE})


def _room(kinds: Kinds, *, operator: bool = False) -> Row:
    return Row(_SOMEBODY, Scope.ROOM, kinds, operator=operator)


def _place(kinds: Kinds) -> Row:
    return Row(_SOMEBODY, Scope.PLACE, kinds)


def _server(roles: frozenset[Role]) -> Row:
    return Row(_SOMEBODY, Scope.SERVER, roles=roles, operator=True)


TABLE: dict[type[actions.Action], Row] = {
    actions.Registration: Row(_STRANGER),
    actions.Ping: Row(_ANYBODY, operator=True),
    actions.Pong: Row(_ANYBODY, operator=True),
    actions.Quit: Row(_ANYBODY, operator=True),
    # What is said and read.
    actions.NewMessage: _room(_WRITE),
    actions.NewWhisper: Row(_SOMEBODY),
    actions.Typing: Row(_SOMEBODY, Scope.PLACE, _WRITE),
    actions.Read: _place(_READ),
    actions.History: _place(_READ),
    actions.Users: _room(_READ, operator=True),
    actions.Away: Row(_SOMEBODY),
    # Rooms.
    actions.Create: Row(_SOMEBODY),
    actions.Rooms: Row(_SOMEBODY, operator=True),
    actions.Join: _room(_JOIN),
    actions.Leave: _room(_READ),
    actions.Topic: _room(_WRITE),
    actions.Rename: _room(_RENAME),
    actions.Mode: _room(_MODERATE),
    actions.Invite: _room(_INVITE),
    # Moderation.
    actions.Kick: _room(_MODERATE, operator=True),
    actions.Ban: _room(_MODERATE, operator=True),
    actions.Unban: _room(_MODERATE, operator=True),
    actions.Mute: _room(_MODERATE, operator=True),
    actions.Unmute: _room(_MODERATE, operator=True),
    actions.SetRole: _room(_alike(S.OWNER), operator=True),
    actions.Remove: _place(_READ),
    actions.Restore: _place(_READ),
    actions.Report: _place(_READ),
    actions.Ledger: _room(_READ, operator=True),
    actions.Sanctions: _room(_MODERATE, operator=True),
    # One's own affairs.
    actions.Block: Row(_SOMEBODY),
    actions.Unblock: Row(_SOMEBODY),
    actions.Blocks: Row(_SOMEBODY),
    actions.SetPassword: Row(_SOMEBODY),
    actions.Devices: Row(_SOMEBODY),
    actions.ForgetDevice: Row(_SOMEBODY),
    actions.SignOut: Row(_SOMEBODY),
    actions.DeleteAccount: Row(_SOMEBODY),
    actions.Link: Row(_SOMEBODY),
    # The server.
    actions.Invitation: _server(_HOSTS),
    actions.Invitations: _server(_HOSTS),
    actions.EndInvitation: _server(_HOSTS),
    actions.Accounts: _server(_KEEPERS),
    actions.ResetPassword: _server(_KEEPERS),
    actions.RemoveAccount: _server(_KEEPERS),
}

CREATORS: Mapping[RoomKind, frozenset[Role]] = {
    RoomKind.PUBLIC: frozenset(Role),
    RoomKind.PRIVATE: frozenset(Role) - {Role.GUEST},
    RoomKind.ANNOUNCEMENT: frozenset(Role) - {Role.GUEST},
    RoomKind.GROUP: frozenset(Role) - {Role.GUEST},
}
"""Who may make a room of each kind, by their role on the server."""

_ON_SERVER: Mapping[Role, Standing] = {
    Role.GUEST: S.MEMBER,
    Role.MEMBER: S.MEMBER,
    Role.MODERATOR: S.MODERATOR,
    Role.ADMIN: S.OWNER,
    Role.OWNER: S.OWNER,
}
"""What a role on the server makes one in `#general`, and where one is a member of an open room."""

_WORTH: Mapping[Role, int] = {Role.MODERATOR: 2, Role.OWNER: 3}
_ON_SERVER_LEVEL: Mapping[Role, int] = {Role.MODERATOR: 2, Role.ADMIN: 4, Role.OWNER: 5}

_IN_ROOM: Mapping[Role, Standing] = {
    Role.MODERATOR: S.MODERATOR,
    Role.OWNER: S.OWNER,
}


# -- Who may -----------------------------------------------------------------------------------


def standing(account: Account, room: Room) -> Standing:
    """Return what an account is to a room now; one it is just leaving counts as left."""
    id = account.id
    if room.common:
        found = _ON_SERVER[account.role]
    elif id in room.members and id not in room.leaving:
        found = S.MEMBER
        if room.roles:
            found = _IN_ROOM.get(room.roles.get(id, Role.MEMBER), found)
        if account.role.rank >= Role.MODERATOR.rank and room.kind in OPEN_KINDS:
            found = max(found, _ON_SERVER[account.role])
    elif id in room.banned:
        return S.BANNED
    elif id in room.invited:
        return S.INVITED
    else:
        return S.OUTSIDER
    return S.MUTED if found is S.MEMBER and room.muted and id in room.muted else found


def judge(account: Account, action: actions.Action, room: Room | None, spelled: str) -> Refusal:
    """Return why an account may not do something to a room, which it may not.

    A room that is not there and one that it cannot know of are refused alike.
    """
    joining = isinstance(action, actions.Join)
    absent = Refusal(Code.NO_SUCH_ROOM if joining else Code.NOT_A_MEMBER, {"room": spelled})
    if room is None:
        return absent
    found = standing(account, room)
    if found is S.BANNED and joining and room.kind in OPEN_KINDS:
        return Refusal(Code.BANNED)
    if not found & READERS:
        return absent
    writing = TABLE[type(action)].kinds is _WRITE
    return Refusal(Code.MUTED if found is S.MUTED and writing else Code.NOT_ALLOWED)


def worth(role: Role, room: Room) -> int:
    """Return how high a role is in a room."""
    return role.rank if room.common else _WORTH.get(role, 1)


def level(account: Account, room: Room) -> int:
    """Return how high an account stands in a room: the higher may act on the lower.

    Where a room is open to all, who keeps the server in order stands higher than its owners.
    """
    if account.id == ServerAccount:
        return 100
    if room.common:
        return account.role.rank
    own = worth(room.roles.get(account.id, Role.MEMBER), room)
    return max(own, _ON_SERVER_LEVEL.get(account.role, 1)) if room.kind in OPEN_KINDS else own


def outranks(account: Account, other: Account, room: Room) -> bool:
    """Say whether an account may kick, ban or mute another in a room."""
    return level(account, room) > level(other, room)


def may_give(account: Account, other: Account, role: Role, room: Room) -> bool:
    """Say whether an account may give another a role in a room.

    One gives what is below one's own, and an owner whatever there is, to who stands below oneself;
    an owner may also step down, or another owner be made to by none but the machine's holder.
    """
    mine = level(account, room)
    wanted = worth(role, room)
    if other is account:
        return wanted < mine
    if mine <= level(other, room):
        return False
    return wanted < mine or mine >= worth(Role.OWNER, room)


# -- Who may see -------------------------------------------------------------------------------


def member(account: Account, conversation: Conversation) -> bool:
    """Say whether an account is in a conversation now, one it is just leaving excepted."""
    if isinstance(conversation, Room):
        if conversation.common:
            return account.id != ServerAccount
        return account.id in conversation.members and account.id not in conversation.leaving
    if isinstance(conversation, Direct):
        return account is conversation.one or account is conversation.other
    assert isinstance(conversation, OwnLog)
    return conversation.owner is account


def floor(account: Account, conversation: Conversation) -> Seq | None:
    """Return the first seq of a conversation that an account may see; None for nothing of it.

    Of a room: everything since it is open to all, and whatever is older since one is a member.
    """
    if isinstance(conversation, Room) and not conversation.common:
        since = conversation.members.get(account.id)
        if since is None:
            return None
        open_from = conversation.open_from
        return since if open_from is None else min(since, open_from)
    return Seq(1) if member(account, conversation) else None


def visible(account: Account, conversation: Conversation, entry: Entry) -> bool:
    """Say whether an account may see an entry of a conversation."""
    first = floor(account, conversation)
    if first is None or entry.seq < first:
        return False
    return not unheard(entry) or entry.account == account.id


def unheard(entry: Entry) -> bool:
    """Say whether an entry is for its author's eyes alone."""
    body = entry.body
    return type(body) is Unheard or (isinstance(body, Removed | Restored) and body.unheard)


def hears(account: Account, other: AccountId) -> bool:
    """Say whether an account is told of another's coming, going and typing."""
    return account.blocked is None or other not in account.blocked
