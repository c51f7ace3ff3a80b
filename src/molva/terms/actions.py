"""Actions: what a client may ask, as a tagged union on the key `action`.

The words of 2022 are `registration`, `new_message` and `new_whisper`; everything beside their first
fields was added later and may be left out. An unknown field is refused rather than ignored: a
misspelt `room` must not send words to another room. Every action may carry an `id` of the client's
own; the reply, the entry or the error that answers it carries the same.
"""

from typing import Annotated

import msgspec

from molva.terms import limits
from molva.terms.roles import Role, RoomKind

Id = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=limits.ID_CHARACTERS_MAX,
        pattern=r"\A[!-}]+\Z",
        description="Printable ASCII without space and `~`.",
    ),
]
SeqField = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
SpelledName = Annotated[str, msgspec.Meta(max_length=256)]
Code = Annotated[str, msgspec.Meta(max_length=limits.CODE_CHARACTERS_MAX)]
Password = Annotated[str, msgspec.Meta(max_length=4 * limits.PASSWORD_BYTES_MAX)]
Reason = Annotated[
    str,
    msgspec.Meta(
        max_length=limits.REASON_CHARACTERS_MAX, description="Why, in one line, for all to read."
    ),
]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=limits.SANCTION_SECONDS_MAX)]
Text = Annotated[str, msgspec.Meta(max_length=limits.FRAME_BYTES_MAX)]


class Action(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="action",
    forbid_unknown_fields=True,
    omit_defaults=True,
    kw_only=True,
):
    """What all actions share."""

    id: Id | None = None
    """The client's own id of this request or write."""


class Registration(Action, frozen=True, tag="registration"):
    """Become somebody: the first action of a connection.

    Answered by a `result`: `successful`, or `error` after which the client may ask again.
    """

    name: SpelledName
    password: Password | None = None
    """With a password the name is an account: made if it is free, entered if the password fits."""
    token: Annotated[str, msgspec.Meta(max_length=limits.TOKEN_CHARACTERS_MAX)] | None = None
    """The token of an earlier welcome: the same device comes back, without a password."""
    device: Annotated[str, msgspec.Meta(max_length=limits.DEVICE_CHARACTERS_MAX)] | None = None
    """What this device is called, for its owner's eyes."""
    code: Code | None = None
    """What lets one in: the join code, an invitation, or the code for a second device."""
    language: Annotated[str, msgspec.Meta(max_length=35)] | None = None
    """Language of texts, as in BCP 47; `en` and `ru` are complete."""
    features: (
        Annotated[
            list[Annotated[str, msgspec.Meta(max_length=32)]],
            msgspec.Meta(max_length=limits.FEATURES_MAX),
        ]
        | None
    ) = None
    """What the client understands; unknown ones are left out of the welcome. None at all: a client
    of 2022. `echo`: the sender gets its own entries too, which acknowledges them."""
    cursors: (
        Annotated[
            dict[Annotated[str, msgspec.Meta(max_length=257)], SeqField],
            msgspec.Meta(max_length=limits.CURSORS_MAX),
        ]
        | None
    ) = None
    """The last seq seen of each conversation: `#room`, a name, or `@name` for one's own log."""


class NewMessage(Action, frozen=True, tag="new_message"):
    """Say something in a room; in the common room when none is named."""

    text: Text
    room: SpelledName | None = None


class NewWhisper(Action, frozen=True, tag="new_whisper"):
    """Say something to one person, who may be away."""

    to: SpelledName
    text: Text


class Create(Action, frozen=True, tag="create"):
    """Make a room and become its first member and owner.

    A `group` has no `room` but `people`, who are its members at once; the reply says its label.
    """

    room: SpelledName | None = None
    topic: Text | None = None
    kind: RoomKind = RoomKind.PUBLIC
    people: (
        Annotated[list[SpelledName], msgspec.Meta(max_length=limits.GROUP_PEOPLE_MAX)] | None
    ) = None


class Join(Action, frozen=True, tag="join"):
    """Become a member of a room."""

    room: SpelledName


class Leave(Action, frozen=True, tag="leave"):
    """Cease to be a member of a room."""

    room: SpelledName


class Topic(Action, frozen=True, tag="topic"):
    """Set a room's topic, one line; an empty text removes it."""

    room: SpelledName
    text: Text


class Rooms(Action, frozen=True, tag="rooms"):
    """List the rooms."""


class Users(Action, frozen=True, tag="users"):
    """List who is online, or who is in a room."""

    room: SpelledName | None = None


class Away(Action, frozen=True, tag="away"):
    """Say that one is away, and why, in one line; without a text, that one is back."""

    text: Text | None = None


class Read(Action, frozen=True, tag="read"):
    """Move one's read marker of a conversation; it only moves forward."""

    through: SeqField
    room: SpelledName | None = None
    with_: SpelledName | None = msgspec.field(default=None, name="with")


class History(Action, frozen=True, tag="history"):
    """Ask for a page: before, after or around a seq; the newest when none is given."""

    room: SpelledName | None = None
    with_: SpelledName | None = msgspec.field(default=None, name="with")
    before: SeqField | None = None
    after: SeqField | None = None
    around: SeqField | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.HISTORY_PAGE_MAX)] = 50


class Typing(Action, frozen=True, tag="typing"):
    """Tell others that one is typing; nobody keeps it."""

    room: SpelledName | None = None
    to: SpelledName | None = None


class Rename(Action, frozen=True, tag="rename"):
    """Call a room otherwise."""

    room: SpelledName
    to: SpelledName


class Mode(Action, frozen=True, tag="mode"):
    """Change a room's rules; what is left out stays."""

    room: SpelledName | None = None
    kind: RoomKind | None = None
    slow_seconds: Annotated[int, msgspec.Meta(ge=0, le=limits.SLOW_SECONDS_MAX)] | None = None
    frozen: bool | None = None
    reason: Reason = ""


class Invite(Action, frozen=True, tag="invite"):
    """Let somebody into a room, whatever its kind; in a group they are in at once."""

    room: SpelledName
    user: SpelledName


class Kick(Action, frozen=True, tag="kick"):
    """Put somebody out of a room; without one, disconnect them from the server."""

    user: SpelledName
    room: SpelledName | None = None
    reason: Reason = ""


class Ban(Action, frozen=True, tag="ban"):
    """Put somebody out of a room for a while or for good; without one, out of the server.

    Of the server one may also ban the devices of `user`, whatever name they come under, and an
    address or a range of them, `10.0.0.0/24`, with a user or alone.
    """

    user: SpelledName | None = None
    room: SpelledName | None = None
    address: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    devices: bool = False
    seconds: Seconds | None = None
    reason: Reason = ""


class Unban(Action, frozen=True, tag="unban"):
    """End a ban."""

    user: SpelledName | None = None
    room: SpelledName | None = None
    address: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reason: Reason = ""


class Mute(Action, frozen=True, tag="mute"):
    """Let somebody only read in a room, for a while or for good."""

    user: SpelledName
    room: SpelledName | None = None
    seconds: Seconds | None = None
    reason: Reason = ""


class Unmute(Action, frozen=True, tag="unmute"):
    """End that."""

    user: SpelledName
    room: SpelledName | None = None
    reason: Reason = ""


class SetRole(Action, frozen=True, tag="role"):
    """Give somebody a role in a room; without one, on the server."""

    user: SpelledName
    role: Role
    room: SpelledName | None = None
    reason: Reason = ""


class Remove(Action, frozen=True, tag="remove"):
    """Take a message away: one's own, or as a moderator another's. Its place stays."""

    seq: SeqField
    room: SpelledName | None = None
    with_: SpelledName | None = msgspec.field(default=None, name="with")
    reason: Reason = ""


class Restore(Action, frozen=True, tag="restore"):
    """Put back a message that was taken away."""

    seq: SeqField
    room: SpelledName | None = None
    with_: SpelledName | None = msgspec.field(default=None, name="with")
    reason: Reason = ""


class Report(Action, frozen=True, tag="report"):
    """Ask the moderators to look at a message; nobody else learns of it."""

    seq: SeqField
    room: SpelledName | None = None
    with_: SpelledName | None = msgspec.field(default=None, name="with")
    reason: Reason = ""


class Ledger(Action, frozen=True, tag="ledger"):
    """Read who did what to whom in a room, why and until when; the newest, or before a seq."""

    room: SpelledName | None = None
    before: SeqField | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.HISTORY_PAGE_MAX)] = 50


class Sanctions(Action, frozen=True, tag="sanctions"):
    """List the bans and mutes that hold in a room; without one, on the server."""

    room: SpelledName | None = None


class Block(Action, frozen=True, tag="block"):
    """Hear no whisper, mention, coming or going of somebody; they are not told."""

    user: SpelledName


class Unblock(Action, frozen=True, tag="unblock"):
    """Hear them again."""

    user: SpelledName


class Blocks(Action, frozen=True, tag="blocks"):
    """List whom one blocks."""


class SetPassword(Action, frozen=True, tag="password"):
    """Keep one's name by a password, or change it; other devices must then enter anew."""

    new: Password
    old: Password | None = None
    """Needed where there is one."""


class Devices(Action, frozen=True, tag="devices"):
    """List the devices that may come back under one's name."""


class ForgetDevice(Action, frozen=True, tag="forget_device"):
    """Let a device come back no more; if it is connected, it is not from now on."""

    device: Annotated[str, msgspec.Meta(max_length=64)]
    """Its id in the list."""


class SignOut(Action, frozen=True, tag="sign_out"):
    """Forget this device, or all of one's devices, and end their connections."""

    everywhere: bool = False


class DeleteAccount(Action, frozen=True, tag="delete_account"):
    """Be nobody any more: for ever, and nobody gets the name. One's words stay, or go."""

    words: bool = True
    """Whether they stay."""
    password: Password | None = None
    """Needed where there is one."""


class Link(Action, frozen=True, tag="link"):
    """Ask for a short code by which a second device of one's own registers, for a few minutes."""


class Invitation(Action, frozen=True, tag="invitation"):
    """Ask for a code that lets people join this server."""

    role: Role = Role.MEMBER
    """What they become; below one's own."""
    uses: Annotated[int, msgspec.Meta(ge=1, le=limits.INVITATION_USES_MAX)] = 1
    seconds: Annotated[int, msgspec.Meta(ge=60, le=limits.INVITATION_SECONDS_MAX)] = (
        limits.INVITATION_SECONDS
    )
    name: SpelledName | None = None
    """Good for this name only."""


class Invitations(Action, frozen=True, tag="invitations"):
    """List the invitations that still let somebody in."""


class EndInvitation(Action, frozen=True, tag="end_invitation"):
    """Let nobody in by an invitation any more."""

    invitation: Annotated[str, msgspec.Meta(max_length=64)]
    """Its id in the list, or the code itself."""


class Accounts(Action, frozen=True, tag="accounts"):
    """List the people of this server, by name."""

    after: SpelledName | None = None
    """Only those behind this name, which goes on with a list that was cut."""


class ResetPassword(Action, frozen=True, tag="reset_password"):
    """Give somebody who has forgotten it a new password; their devices must enter anew."""

    user: SpelledName
    new: Password


class RemoveAccount(Action, frozen=True, tag="remove_account"):
    """Delete somebody's account; as `delete_account`."""

    user: SpelledName
    words: bool = True


class Ping(Action, frozen=True, tag="ping"):
    """Ask for a `pong` once everything sent before is stored and has left for everyone attached."""


class Pong(Action, frozen=True, tag="pong"):
    """Answer the server's `ping`."""


class Quit(Action, frozen=True, tag="quit"):
    """Go, having received what was asked before."""


AnyAction = (
    Registration
    | NewMessage
    | NewWhisper
    | Create
    | Join
    | Leave
    | Topic
    | Rooms
    | Users
    | Away
    | Read
    | History
    | Typing
    | Rename
    | Mode
    | Invite
    | Kick
    | Ban
    | Unban
    | Mute
    | Unmute
    | SetRole
    | Remove
    | Restore
    | Report
    | Ledger
    | Sanctions
    | Block
    | Unblock
    | Blocks
    | SetPassword
    | Devices
    | ForgetDevice
    | SignOut
    | DeleteAccount
    | Link
    | Invitation
    | Invitations
    | EndInvitation
    | Accounts
    | ResetPassword
    | RemoveAccount
    | Ping
    | Pong
    | Quit
)
