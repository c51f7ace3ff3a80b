"""Events: what the server tells, as a tagged union on the key `action`.

The words of 2022 are `new_message`, `new_whisper`, `new_user`, `user_left`, `error` and the reply
to a registration, which has no `action` but a `result`. What was added stands beside their fields.
An event with a `seq` shows an entry of a log: of the room or the person it names, or of one's own
log where it names `log`.

A `code` is one of `errors.Code`, typed as text because a newer server may have further ones.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="action", omit_defaults=True):
    """What all events share."""


class Conversation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """How a conversation stood when the list was made; deliveries begin after that."""

    room: str | None = None
    with_: str | None = msgspec.field(default=None, name="with")
    tag: str | None = None
    """Whose direct conversation it is, exactly: a guest's name may pass to another person, with
    whom a new log begins. `name~tag` names this one for ever, in `cursors` and in `history` too.
    Of a room, which it is: it may be called otherwise, and another may be called as it was. `#~tag`
    names it in `cursors`."""
    log: str | None = None
    """One's own log, `@name`."""
    head: int
    """The seq of its newest entry."""
    cursor: int
    """What follows this seq is about to be delivered on this connection."""
    read: int = 0
    """One's read marker."""
    unread: int = 0
    """Messages after the marker."""
    topic: str | None = None
    kind: str | None = None
    """A room's, unless it is `public`: `private`, `announcement` or `group`."""
    role: str | None = None
    """One's own in the room, unless it is `member`; in `#general` on the server."""
    people: list[str] | None = None
    """Of a group, which has no name: the others in it, as far as the list goes."""
    slow_seconds: int | None = None
    frozen: bool | None = None
    muted: str | None = None
    """Until when one only reads here; empty when there is no end."""


class Result(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The reply to a registration. `result` is `successful` or `error`."""

    result: str
    text: str | None = None
    users: list[str] | None = None
    """Names of those online, one's own among them, sorted."""
    online: int | None = None
    """How many are online, when the list of names is cut."""
    code: str | None = None
    name: str | None = None
    """One's name as it is shown."""
    token: str | None = None
    """To come back as this device; shown once."""
    account: bool | None = None
    """Whether the name has a password."""
    features: list[str] | None = None
    """Those asked for that the server has."""
    language: str | None = None
    server: str | None = None
    at: str | None = None
    role: str | None = None
    """One's role on the server."""
    blocked: list[str] | None = None
    """Whom one blocks."""
    invited: list[str] | None = None
    """Rooms one may join because somebody invited one."""
    ping_seconds: float | None = None
    """Silence after which the server asks whether one is there."""
    conversations: list[Conversation] | None = None
    retry_after: float | None = None
    id: str | None = None


class NewMessage(Event, frozen=True, tag="new_message"):
    """A message in a room."""

    text: str
    from_: str = msgspec.field(name="from")
    room: str | None = None
    seq: int | None = None
    at: str | None = None
    id: str | None = None


class NewWhisper(Event, frozen=True, tag="new_whisper"):
    """A message between two: to the receiver, and to the sender's devices that have `echo`."""

    text: str
    from_: str = msgspec.field(name="from")
    to: str | None = None
    seq: int | None = None
    at: str | None = None
    id: str | None = None


class NewUser(Event, frozen=True, tag="new_user"):
    """Somebody came online."""

    user: str


class UserLeft(Event, frozen=True, tag="user_left"):
    """Somebody went offline."""

    user: str


class Presence(Event, frozen=True, tag="presence", kw_only=True):
    """Several came or went; to clients with the feature `presence`."""

    arrived: list[str] | None = None
    left: list[str] | None = None
    online: int


class Away(Event, frozen=True, tag="away"):
    """Somebody is away, or without a text is back."""

    user: str
    text: str | None = None


class Error(Event, frozen=True, tag="error", kw_only=True):
    """An action was refused; nothing of it took effect."""

    text: str
    code: str
    id: str | None = None
    retry_after: float | None = None
    """Seconds until it may succeed."""


class Created(Event, frozen=True, tag="created", kw_only=True):
    """A room was made."""

    room: str
    user: str
    kind: str = "public"
    seq: int
    at: str
    id: str | None = None


class Joined(Event, frozen=True, tag="joined", kw_only=True):
    """Somebody became a member of a room."""

    room: str
    user: str
    seq: int
    at: str
    id: str | None = None


class Left(Event, frozen=True, tag="left", kw_only=True):
    """Somebody is no longer a member of a room."""

    room: str
    user: str
    seq: int
    at: str
    id: str | None = None


class Topic(Event, frozen=True, tag="topic", kw_only=True):
    """A room's topic was set; empty means removed."""

    room: str
    text: str
    from_: str = msgspec.field(name="from")
    seq: int
    at: str
    id: str | None = None


class Added(Event, frozen=True, tag="added", kw_only=True):
    """Somebody was made a member by another."""

    room: str
    user: str
    from_: str = msgspec.field(name="from")
    seq: int
    at: str
    id: str | None = None


class Renamed(Event, frozen=True, tag="renamed", kw_only=True):
    """A room has another name from here on: `room`; its log and its members are the same."""

    room: str
    was: str
    tag: str | None = None
    """Which room it is: as it stands in `conversations`."""
    from_: str = msgspec.field(name="from")
    seq: int
    at: str
    id: str | None = None


class Mode(Event, frozen=True, tag="mode", kw_only=True):
    """A room's rules changed; what is left out stayed."""

    room: str
    kind: str | None = None
    slow_seconds: int | None = None
    frozen: bool | None = None
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Invited(Event, frozen=True, tag="invited", kw_only=True):
    """Somebody may join the room."""

    room: str
    user: str
    from_: str = msgspec.field(name="from")
    seq: int
    at: str
    id: str | None = None


class Role(Event, frozen=True, tag="role", kw_only=True):
    """Somebody's role changed: in the room; in `#general`, on the server."""

    room: str
    user: str
    role: str
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Kicked(Event, frozen=True, tag="kicked", kw_only=True):
    """Somebody was put out of the room; in `#general`, disconnected from the server."""

    room: str
    user: str
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Banned(Event, frozen=True, tag="banned", kw_only=True):
    """Somebody was put out of the room, or of the server, and may not come back."""

    room: str
    user: str | None = None
    addresses: bool | None = None
    """Whether an address range was banned, which is not shown."""
    devices: bool | None = None
    until: str | None = None
    """RFC 3339, UTC; left out when there is no end."""
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Unbanned(Event, frozen=True, tag="unbanned", kw_only=True):
    """A ban has ended."""

    room: str
    user: str | None = None
    addresses: bool | None = None
    over: bool = False
    """Whether its time was up; `from` is `molva` then."""
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Muted(Event, frozen=True, tag="muted", kw_only=True):
    """Somebody only reads here."""

    room: str
    user: str
    until: str | None = None
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Unmuted(Event, frozen=True, tag="unmuted", kw_only=True):
    """Somebody writes here again."""

    room: str
    user: str
    over: bool = False
    """As in `unbanned`."""
    from_: str = msgspec.field(name="from")
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Removed(Event, frozen=True, tag="removed", kw_only=True):
    """The message `target` of this conversation was taken away; show that it was, not what."""

    target: int
    user: str
    """Who had said it."""
    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: str | None = None
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Restored(Event, frozen=True, tag="restored", kw_only=True):
    """The message `target` is back; `history` around it has its text."""

    target: int
    user: str
    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: str | None = None
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Gone(Event, frozen=True, tag="gone", kw_only=True):
    """Here was a message that was taken away. It counts as one."""

    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: str | None = None
    seq: int
    at: str
    id: str | None = None


class Unheard(Event, frozen=True, tag="unheard", kw_only=True):
    """Somebody whom you block has said something to you. It does not count, and is not shown."""

    from_: str = msgspec.field(name="from")
    to: str
    seq: int
    at: str


class Reported(Event, frozen=True, tag="reported", kw_only=True):
    """Among moderators: somebody asks to look at a message."""

    room: str
    from_: str = msgspec.field(name="from")
    """Who reports."""
    about: str
    """The room where it was said; empty for a direct conversation."""
    target: int
    user: str
    """Who said it."""
    text: str
    reason: str | None = None
    seq: int
    at: str
    id: str | None = None


class Departed(Event, frozen=True, tag="departed", kw_only=True):
    """Somebody's account is no more; where `words` is false, show nothing of what they said."""

    room: str
    user: str
    words: bool = True
    seq: int
    at: str


class RoomJoined(Event, frozen=True, tag="room_joined", kw_only=True):
    """Own log: you are now in a room; its entries follow from `cursor`."""

    log: str
    room: str
    seq: int
    at: str


class RoomLeft(Event, frozen=True, tag="room_left", kw_only=True):
    """Own log: you are no longer in a room."""

    log: str
    room: str
    cause: str | None = None
    """`kicked` or `banned`; left out when you left."""
    from_: str | None = msgspec.field(default=None, name="from")
    reason: str | None = None
    seq: int
    at: str


class RoomInvited(Event, frozen=True, tag="room_invited", kw_only=True):
    """Own log: you may join a room."""

    log: str
    room: str
    from_: str = msgspec.field(name="from")
    seq: int
    at: str


class Blocked(Event, frozen=True, tag="blocked", kw_only=True):
    """Own log: you block somebody."""

    log: str
    user: str
    seq: int
    at: str
    id: str | None = None


class Unblocked(Event, frozen=True, tag="unblocked", kw_only=True):
    """Own log: you do not any more."""

    log: str
    user: str
    seq: int
    at: str
    id: str | None = None


class Opened(Event, frozen=True, tag="opened", kw_only=True):
    """Own log: a direct conversation has begun."""

    log: str
    with_: str = msgspec.field(name="with")
    seq: int
    at: str


class Read(Event, frozen=True, tag="read", kw_only=True):
    """Own log: your read marker of a conversation moved."""

    log: str
    through: int
    unread: int
    room: str | None = None
    with_: str | None = msgspec.field(default=None, name="with")
    seq: int
    at: str
    id: str | None = None


class Stored(Event, frozen=True, tag="stored", kw_only=True):
    """A write is in the log under this seq; also the answer to every retry of it."""

    id: str
    seq: int
    room: str | None = None
    to: str | None = None
    log: str | None = None


class Done(Event, frozen=True, tag="done", kw_only=True):
    """An action without an entry took effect."""

    id: str | None = None


class Device(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A row of the list of one's devices."""

    device: str
    """Its id."""
    name: str = ""
    """What it calls itself."""
    at: str
    """When it was added."""
    online: bool = False
    this: bool = False
    """Whether it is the one that asks."""


class Devices(Event, frozen=True, tag="devices", kw_only=True):
    """The devices that may come back under one's name."""

    devices: list[Device]
    id: str | None = None


class Link(Event, frozen=True, tag="link", kw_only=True):
    """A code by which a second device registers under one's name, once."""

    code: str
    seconds: int
    """How long it is good."""
    id: str | None = None


class Invitation(Event, frozen=True, tag="invitation", kw_only=True):
    """A code that lets people join; shown once."""

    code: str
    invitation: str
    """Its id in the list."""
    role: str
    uses: int
    until: str
    name: str | None = None
    id: str | None = None


class InvitationListed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A row of the list of invitations."""

    invitation: str
    role: str
    uses: int
    """How many are left."""
    until: str
    from_: str = msgspec.field(name="from")
    name: str | None = None


class Invitations(Event, frozen=True, tag="invitations", kw_only=True):
    """The invitations that still let somebody in."""

    invitations: list[InvitationListed]
    total: int | None = None
    """How many there are, when the list is cut."""
    id: str | None = None


class Sanctioned(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A row of the list of bans and mutes."""

    sanction: str
    """`ban` or `mute`."""
    user: str | None = None
    address: str | None = None
    until: str | None = None


class Sanctions(Event, frozen=True, tag="sanctions", kw_only=True):
    """The bans and mutes that hold."""

    room: str
    sanctions: list[Sanctioned]
    total: int | None = None
    """How many there are, when the list is cut."""
    id: str | None = None


class Blocks(Event, frozen=True, tag="blocks", kw_only=True):
    """Whom one blocks."""

    users: list[str]
    id: str | None = None


class Account(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A row of the list of accounts."""

    user: str
    role: str
    password: bool = False
    """Whether there is one."""
    online: bool = False
    devices: int = 0


class Accounts(Event, frozen=True, tag="accounts", kw_only=True):
    """The people of this server, by name."""

    accounts: list[Account]
    total: int | None = None
    """How many there are, when the list is cut."""
    id: str | None = None


class Gap(Event, frozen=True, tag="gap", kw_only=True):
    """Entries after `after` and through `through` are not delivered; `history` has them.

    One's own log has no `history`: the welcome says how everything stands.
    """

    after: int
    through: int
    room: str | None = None
    with_: str | None = msgspec.field(default=None, name="with")
    log: str | None = None


class Conversations(Event, frozen=True, tag="conversations", kw_only=True):
    """More conversations than the welcome could hold, or one that has just begun."""

    conversations: list[Conversation]


class Room(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A row of the list of rooms."""

    room: str
    members: int
    topic: str = ""
    joined: bool = False
    kind: str = "public"
    invited: bool = False


class Rooms(Event, frozen=True, tag="rooms", kw_only=True):
    """The list of rooms."""

    rooms: list[Room]
    total: int | None = None
    """How many there are, when the list is cut."""
    id: str | None = None


class Users(Event, frozen=True, tag="users", kw_only=True):
    """Who is online, or who is in a room."""

    users: list[str]
    """Online."""
    away: dict[str, str] | None = None
    """Those of them who are away, with what they said."""
    offline: list[str] | None = None
    """Members of the room who are not online."""
    roles: dict[str, str] | None = None
    """Of those listed who are more than a member."""
    room: str | None = None
    online: int | None = None
    """How many are online, when the list is cut."""
    id: str | None = None


class Typing(Event, frozen=True, tag="typing", kw_only=True):
    """Somebody is typing."""

    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: str | None = None


class Ping(Event, frozen=True, tag="ping"):
    """Are you there? Answer `pong`."""

    id: str | None = None


class Pong(Event, frozen=True, tag="pong"):
    """Everything you sent before your `ping` is stored and has left for everyone attached."""

    id: str | None = None


class Bye(Event, frozen=True, tag="bye", kw_only=True):
    """The server closes this connection, and why."""

    text: str
    code: str | None = None


LogEvent = (
    NewMessage
    | NewWhisper
    | Unheard
    | Gone
    | Created
    | Joined
    | Left
    | Added
    | Topic
    | Renamed
    | Mode
    | Invited
    | Role
    | Kicked
    | Banned
    | Unbanned
    | Muted
    | Unmuted
    | Removed
    | Restored
    | Reported
    | Departed
    | RoomJoined
    | RoomLeft
    | RoomInvited
    | Opened
    | Read
    | Blocked
    | Unblocked
)
"""Those that show an entry."""


class History(Event, frozen=True, tag="history", kw_only=True):
    """A page of a conversation, in order."""

    entries: list[LogEvent]
    head: int
    more: bool = False
    """Whether there are further entries in the direction asked for."""
    room: str | None = None
    with_: str | None = msgspec.field(default=None, name="with")
    id: str | None = None


class Ledger(Event, frozen=True, tag="ledger", kw_only=True):
    """A page of who did what to whom in a room, in order."""

    room: str
    entries: list[LogEvent]
    more: bool = False
    """Whether there are earlier ones."""
    id: str | None = None


AnyEvent = (
    LogEvent
    | NewUser
    | UserLeft
    | Presence
    | Away
    | Error
    | Stored
    | Done
    | Gap
    | Conversations
    | Rooms
    | Users
    | Typing
    | Ping
    | Pong
    | Bye
    | History
    | Ledger
    | Devices
    | Link
    | Invitation
    | Invitations
    | Sanctions
    | Blocks
    | Accounts
)
