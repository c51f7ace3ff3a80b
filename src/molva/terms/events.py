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
    whom a new log begins. `name~tag` names this one for ever, in `cursors` and in `history` too."""
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
    seq: int
    at: str


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
    | Created
    | Joined
    | Left
    | Topic
    | RoomJoined
    | RoomLeft
    | Opened
    | Read
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
)
