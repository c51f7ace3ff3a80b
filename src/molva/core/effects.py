"""Inputs and effects: all that passes through the hub's one door.

The list of inputs and effects is the trace of what happened. Inputs tell what is so (past tense);
effects ask for something (imperative). The shell performs effects in their order.
"""

from collections.abc import Collection, Sequence

import msgspec

from molva.terms.actions import AnyAction
from molva.terms.admission import Admission
from molva.terms.entries import Entry
from molva.terms.errors import Code, Refusal
from molva.terms.events import AnyEvent, Result
from molva.terms.ids import ConnectionId, ConversationId, Seq
from molva.terms.limits import Limits
from molva.terms.ports import Outcome, Store, StoreUnavailable, Write

# -- Inputs ----------------------------------------------------------------------------------------


class Connected(msgspec.Struct, frozen=True, gc=False):
    """A socket was accepted, from an address without its port."""

    connection: ConnectionId
    address: str


class Received(msgspec.Struct, frozen=True):
    """Frames arrived, already translated, in order."""

    connection: ConnectionId
    requests: Sequence[AnyAction | Refusal]
    bytes: int
    """What they and any blank lines cost on the wire."""
    partial: bool = False
    """Whether a frame has begun and not ended."""


class Disconnected(msgspec.Struct, frozen=True, gc=False):
    """The socket is gone; nothing can be sent to it."""

    connection: ConnectionId


class WindowClosed(msgspec.Struct, frozen=True, gc=False):
    """The socket takes no more for now."""

    connection: ConnectionId


class WindowOpened(msgspec.Struct, frozen=True, gc=False):
    """The socket takes more again."""

    connection: ConnectionId


class Committed(msgspec.Struct, frozen=True):
    """The outcomes of the oldest writes that were not answered yet, in their order."""

    outcomes: Sequence[Outcome]


class Loaded(msgspec.Struct, frozen=True):
    """The answer to a `Load`; None when the store could not."""

    request: int
    entries: list[Entry] | None


class PasswordHashed(msgspec.Struct, frozen=True, gc=False):
    """The answer to a `HashPassword`; None when too many are waiting."""

    request: int
    hash: str | None


class PasswordVerified(msgspec.Struct, frozen=True, gc=False):
    """The answer to a `VerifyPassword`; None when too many are waiting."""

    request: int
    fits: bool | None


class AdmissionChanged(msgspec.Struct, frozen=True):
    """Who may join was set anew."""

    admission: Admission


class LimitsChanged(msgspec.Struct, frozen=True):
    """The configuration was read again."""

    limits: Limits


class Stopping(msgspec.Struct, frozen=True, gc=False):
    """The server is to stop: end what was begun, take on nothing new."""


Input = (
    Connected
    | Received
    | Disconnected
    | WindowClosed
    | WindowOpened
    | Committed
    | Loaded
    | PasswordHashed
    | PasswordVerified
    | AdmissionChanged
    | LimitsChanged
    | Stopping
)

# -- Effects ---------------------------------------------------------------------------------------


class Commit(msgspec.Struct, frozen=True):
    """Make these durable as one transaction or as part of one, in order; answer `Committed`."""

    writes: list[Write]


class Load(msgspec.Struct, frozen=True, gc=False):
    """Read entries after or before a seq; answer `Loaded`."""

    request: int
    conversation: ConversationId
    limit: int
    bytes_max: int
    after: Seq | None = None
    before: Seq | None = None
    ledger: bool = False
    """Whether only entries of `LEDGER` kinds are wanted; with `before`."""

    def read(self, store: Store) -> list[Entry] | None:
        """Return what a store answers: the same for every shell; None where it cannot."""
        bounds = {"limit": self.limit, "bytes_max": self.bytes_max}
        try:
            if self.before is None:
                after = Seq(0) if self.after is None else self.after
                return store.load(self.conversation, after=after, **bounds)
            if self.ledger:
                return store.load_ledger(self.conversation, before=self.before, **bounds)
            return store.load_before(self.conversation, before=self.before, **bounds)
        except StoreUnavailable:
            return None


class HashPassword(msgspec.Struct, frozen=True, gc=False):
    """Hash off the loop; answer `PasswordHashed`."""

    request: int
    password: str


class VerifyPassword(msgspec.Struct, frozen=True, gc=False):
    """Compare off the loop; answer `PasswordVerified`.

    An empty hash stands for nobody's: the work is the same, and nothing fits it.
    """

    request: int
    hash: str
    password: str


class Speak(msgspec.Struct, frozen=True, gc=False):
    """From here on this connection understands more than a client of 2022 does."""

    connection: ConnectionId


class Send(msgspec.Struct, frozen=True):
    """Answer one connection."""

    connection: ConnectionId
    event: AnyEvent | Result


class Deliver(msgspec.Struct, frozen=True):
    """Tell all of these connections the same, in order: one write each."""

    connections: Collection[ConnectionId]
    events: Sequence[AnyEvent]


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Read no more from this connection until `Release`."""

    connection: ConnectionId


class Release(msgspec.Struct, frozen=True, gc=False):
    """Read from this connection again."""

    connection: ConnectionId


class Close(msgspec.Struct, frozen=True, gc=False):
    """Send what waits for this connection, then close it."""

    connection: ConnectionId
    code: Code | None = None


class Report(msgspec.Struct, frozen=True):
    """Something the operator may want to see, as a key of the catalogue under `report.`."""

    what: str
    values: dict[str, str | int]


Effect = (
    Commit
    | Load
    | HashPassword
    | VerifyPassword
    | Speak
    | Send
    | Deliver
    | Hold
    | Release
    | Close
    | Report
)
