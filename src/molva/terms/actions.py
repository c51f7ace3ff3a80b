"""Actions: what a client may ask, as a tagged union on the key `action`.

The words of 2022 are `registration`, `new_message` and `new_whisper`; everything beside their first
fields was added later and may be left out. An unknown field is refused rather than ignored: a
misspelt `room` must not send words to another room. Every action may carry an `id` of the client's
own; the reply, the entry or the error that answers it carries the same.
"""

from typing import Annotated

import msgspec

from molva.terms import limits

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
    password: Annotated[str, msgspec.Meta(max_length=4 * limits.PASSWORD_BYTES_MAX)] | None = None
    """With a password the name is an account: made if it is free, entered if the password fits."""
    token: Annotated[str, msgspec.Meta(max_length=limits.TOKEN_CHARACTERS_MAX)] | None = None
    """The token of an earlier welcome: the same device comes back, without a password."""
    device: Annotated[str, msgspec.Meta(max_length=limits.DEVICE_CHARACTERS_MAX)] | None = None
    """What this device is called, for its owner's eyes."""
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
    """Make a room and become its first member."""

    room: SpelledName
    topic: Text | None = None


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
    | Ping
    | Pong
    | Quit
)
