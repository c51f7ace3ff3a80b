"""Happenings: what a mirror tells the one who uses it, as typed structs.

Owns their fields and nothing else. A happening is in the past: the mirror's own state holds it, and
may hold more by now. They come in the order things happened, each once.
"""

from enum import StrEnum

import msgspec

from molva.client.outbox import AnyWrite
from molva.terms import actions, events


class State(StrEnum):
    """The life of a mirror's line to its server."""

    OFFLINE = "offline"
    """There is no connection."""
    REGISTERING = "registering"
    """Connected, and not welcomed yet."""
    LIVE = "live"
    """Welcomed: entries flow."""


class Happening(msgspec.Struct, frozen=True, gc=False):
    """What all happenings share: nothing but their kind."""


class StateChanged(Happening, frozen=True):
    """The line is in another state now."""

    state: State


class Welcomed(Happening, frozen=True):
    """The server took us in, for the first time or again."""

    name: str
    """Our name as the server shows it."""
    first: bool
    """Whether this mirror was never welcomed before."""
    token: str | None
    """A new token, to be kept: with it this device comes back. None: the old one stays."""
    account: bool
    """Whether the name has a password."""
    online: int
    """How many are online, ourselves included."""
    users: list[str]
    """Their names; fewer than `online` when the list was cut."""
    text: str
    """The server's own words."""
    outbox: int
    """How many writes of before go out now."""


class RegistrationRefused(Happening, frozen=True):
    """The server does not take us under this name; `register` tries again."""

    code: str | None
    text: str


class Shown(Happening, frozen=True):
    """An entry to be shown: each (conversation, seq) happens once."""

    conversation: str
    """`#room`, a person's name, or `@name` for our own log."""
    entry: events.LogEvent
    backfill: bool = False
    """It fills a gap: its place is before entries already shown."""


class Acknowledged(Happening, frozen=True):
    """A write of ours is stored."""

    id: str
    seq: int | None
    """Its place in its log, where the server told it."""


class Refused(Happening, frozen=True):
    """A write or a request of ours was refused for good; nothing of it took effect."""

    id: str
    code: str
    text: str
    write: AnyWrite | None = None
    """The write, which stays in the outbox as refused until it is forgotten."""


class Postponed(Happening, frozen=True):
    """A write waits: the server asked for patience. It is sent again by itself."""

    id: str
    code: str
    text: str
    seconds: float


class Finished(Happening, frozen=True):
    """A request that has no other answer, such as `away`, took effect."""

    id: str


class LogChanged(Happening, frozen=True):
    """A conversation is new to us, or its unread count, read marker or topic is another."""

    conversation: str


class LogRestarted(Happening, frozen=True):
    """A conversation begins anew under an old name: what is shown of it belongs to another."""

    conversation: str


class GapFound(Happening, frozen=True):
    """Entries after `after` and through `through` are not shown."""

    conversation: str
    after: int
    through: int
    filling: bool
    """Whether they are being asked for; if not, `fill` does."""


class GapFilled(Happening, frozen=True):
    """All of a gap that there is has been shown."""

    conversation: str
    after: int
    through: int


class GapRemains(Happening, frozen=True):
    """A part of a gap cannot be had; it will not be asked for again."""

    conversation: str
    after: int
    through: int
    code: str | None = None


class HistoryReceived(Happening, frozen=True):
    """The page that was asked for by `history`. It moves no cursor and is shown by who asked."""

    id: str
    conversation: str
    entries: list[events.LogEvent]
    head: int
    more: bool


class ListReceived(Happening, frozen=True):
    """The list that was asked for by `users` or `rooms`."""

    id: str
    list: events.Users | events.Rooms


class PresenceChanged(Happening, frozen=True):
    """People came or went; `mirror.online` already counts them."""

    arrived: list[str]
    left: list[str]


class AwayChanged(Happening, frozen=True):
    """Somebody is away, or with None is back."""

    user: str
    text: str | None


class TypingSeen(Happening, frozen=True):
    """Somebody is typing; nothing says when it ends but time."""

    conversation: str
    user: str


class Fenced(Happening, frozen=True):
    """A `ping` of ours was answered: what was sent before it is stored and has left."""

    id: str


class Notice(Happening, frozen=True):
    """The server says something that answers no write and no request."""

    text: str
    code: str | None = None


class Farewell(Happening, frozen=True):
    """The server is about to close the line, and why."""

    text: str
    code: str | None = None


AnyHappening = (
    StateChanged
    | Welcomed
    | RegistrationRefused
    | Shown
    | Acknowledged
    | Refused
    | Postponed
    | Finished
    | LogChanged
    | LogRestarted
    | GapFound
    | GapFilled
    | GapRemains
    | HistoryReceived
    | ListReceived
    | PresenceChanged
    | AwayChanged
    | TypingSeen
    | Fenced
    | Notice
    | Farewell
)

AnyRequest = (
    actions.Users | actions.Rooms | actions.History | actions.Away | actions.Read | actions.Ping
)
"""The actions that become no entry of a conversation: asked again after a cut if it matters."""
