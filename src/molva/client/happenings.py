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
    conversation: str | None = None
    """The room it is in, where the server told it: a group has no name before."""


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
    shown: bool = False
    """Whether an entry was shown that says so."""


class Unanswered(Happening, frozen=True):
    """The line broke before the answer, and the request is not made twice: it may have worked."""

    id: str


class LogChanged(Happening, frozen=True):
    """A conversation is new to us, or its count, marker, topic, rules or people are others."""

    conversation: str


class LogRestarted(Happening, frozen=True):
    """A conversation begins anew under an old name: what is shown of it belongs to another."""

    conversation: str


class LogRenamed(Happening, frozen=True):
    """A room has another name; its log, its place and what is shown of it are the same."""

    was: str
    conversation: str


class PutOut(Happening, frozen=True):
    """We are no longer in a room, by somebody else's will."""

    conversation: str
    cause: str
    """`kicked`, `banned`, or what a newer server says."""
    by: str | None
    reason: str | None


class InvitedTo(Happening, frozen=True):
    """We may join a room."""

    conversation: str
    by: str | None


class Masked(Happening, frozen=True):
    """A message was taken away: where it is shown, show that it was, and not what."""

    conversation: str
    target: int


class Unmasked(Happening, frozen=True):
    """A message that was taken away is back; here it is."""

    conversation: str
    entry: events.LogEvent


class Silenced(Happening, frozen=True):
    """Somebody's account is no more, nor is what they said: show nothing of it anywhere."""

    user: str
    """As `log.person_of` has it: the name in lower case, without a tag."""


class BlockingChanged(Happening, frozen=True):
    """We block somebody, or do not any more, as one of our devices said."""

    user: str
    blocked: bool


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
    """What was asked for: people, rooms, devices, a code, the ledger of a room …"""

    id: str
    list: "AnyList"


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
    | Unanswered
    | LogChanged
    | LogRestarted
    | LogRenamed
    | PutOut
    | InvitedTo
    | Masked
    | Unmasked
    | Silenced
    | BlockingChanged
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

AnyList = (
    events.Users
    | events.Rooms
    | events.Ledger
    | events.Devices
    | events.Link
    | events.Invitation
    | events.Invitations
    | events.Sanctions
    | events.Blocks
    | events.Accounts
)
"""What the server answers with a thing of its own."""

AnyQuestion = (
    actions.Users
    | actions.Rooms
    | actions.Ledger
    | actions.Sanctions
    | actions.Blocks
    | actions.Devices
    | actions.Invitations
    | actions.Accounts
)
"""The actions that ask for a list: asked again after a cut."""

AnyAct = (
    actions.Rename
    | actions.Mode
    | actions.Invite
    | actions.Kick
    | actions.Ban
    | actions.Unban
    | actions.Mute
    | actions.Unmute
    | actions.SetRole
    | actions.Remove
    | actions.Restore
    | actions.Report
    | actions.Block
    | actions.Unblock
    | actions.ForgetDevice
    | actions.EndInvitation
)
"""The actions that change something and may be asked again: nothing happens twice by it.

They are not kept on disk: who acts on others looks whether it worked.
"""

AnyOnce = (
    actions.SetPassword
    | actions.SignOut
    | actions.DeleteAccount
    | actions.Link
    | actions.Invitation
    | actions.ResetPassword
    | actions.RemoveAccount
)
"""The actions that are not asked again unless somebody asks: a second time they mean another."""

AnyRequest = (
    AnyQuestion | AnyAct | AnyOnce | actions.History | actions.Away | actions.Read | actions.Ping
)
"""The actions that are not writes: kept in memory alone, and not sent in the writes' order."""
