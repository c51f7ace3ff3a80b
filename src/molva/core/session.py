"""The life of one connection, as a transition table.

Owns the states and which input leads from one to another; what is decided on the way is the hub's.
A transition that is not in the table is a bug, and raises. Every state has a deadline: NEW and
CHECKING by `registration_seconds`, LIVE by pings and stalls, DRAINING by `drain_seconds`.
"""

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from molva.terms.actions import AnyAction
from molva.terms.catalogue import Language
from molva.terms.errors import Refusal
from molva.terms.events import AnyEvent, Result
from molva.terms.ids import ConnectionId

if TYPE_CHECKING:
    from molva.core.accounts import Account, Device
    from molva.core.conversation import Conversation


class State(Enum):
    """Where a connection stands."""

    NEW = "new"
    """Nobody yet; only `registration`, `ping` and `quit` are understood."""
    CHECKING = "checking"
    """A registration is being decided; what else arrives waits."""
    LIVE = "live"
    """Somebody."""
    DRAINING = "draining"
    """What waits is being sent; nothing more is heard."""
    CLOSED = "closed"
    """Gone. Final."""


class Trigger(Enum):
    """What leads from one state to another."""

    REGISTRATION = "registration"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    DRAIN = "drain"
    DISCONNECTED = "disconnected"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.NEW, Trigger.REGISTRATION): State.CHECKING,
    (State.CHECKING, Trigger.REFUSED): State.NEW,
    (State.CHECKING, Trigger.ACCEPTED): State.LIVE,
    (State.NEW, Trigger.DRAIN): State.DRAINING,
    (State.CHECKING, Trigger.DRAIN): State.DRAINING,
    (State.LIVE, Trigger.DRAIN): State.DRAINING,
    (State.NEW, Trigger.DISCONNECTED): State.CLOSED,
    (State.CHECKING, Trigger.DISCONNECTED): State.CLOSED,
    (State.LIVE, Trigger.DISCONNECTED): State.CLOSED,
    (State.DRAINING, Trigger.DISCONNECTED): State.CLOSED,
}


class Feature:
    """What a client may ask for when it registers."""

    ECHO = "echo"
    """Its own entries come back to it, which acknowledges them."""
    PRESENCE = "presence"
    """Arrivals and departures may come several in one event."""
    PING = "ping"
    """It answers the server's `ping`."""
    TYPING = "typing"
    """It wants to know who is typing."""


FEATURES = (Feature.ECHO, Feature.PRESENCE, Feature.PING, Feature.TYPING)


class Session:
    """One connection: its state, who it is, and what it waits for."""

    __slots__ = (
        "connection",
        "address",
        "state",
        "account",
        "device",
        "language",
        "modern",
        "echo",
        "presence",
        "ping",
        "typing",
        "window_open",
        "window_closed_at",
        "attached",
        "writes_sent",
        "writes_done",
        "waiting",
        "busy",
        "backlog",
        "held",
        "slowed",
        "refusals",
        "tokens",
        "tokens_at",
        "refused",
        "born_at",
        "frame_began_at",
        "heard_at",
        "pinged",
        "typed_at",
    )

    def __init__(self, connection: ConnectionId, address: str, now: float) -> None:
        self.connection = connection
        self.address = address
        self.state = State.NEW
        self.account: Account | None = None
        self.device: Device | None = None
        self.language = Language.ENGLISH
        self.modern = False
        """Whether it asked for any feature at all; if not, it is served as in 2022."""
        self.echo = False
        self.presence = False
        self.ping = False
        self.typing = False
        self.window_open = True
        self.window_closed_at = 0.0
        self.attached: list[Conversation] = []
        self.writes_sent = 0
        self.writes_done = 0
        self.waiting: deque[tuple[int, AnyEvent | Result]] | None = None
        """Replies, each with the number of writes that must be done before it leaves."""
        self.busy = False
        """Whether an action is under way that later ones depend on."""
        self.backlog: deque[AnyAction | Refusal] | None = None
        """Actions that wait until it is not busy."""
        self.held = False
        """Whether its socket is not read: it has asked for more than is done."""
        self.slowed = False
        """Whether that is so for a while because it does not heed what it may."""
        self.refusals = 0
        """Actions refused for their number, one after the other."""
        self.tokens = 0.0
        self.tokens_at = now
        self.refused = 0
        self.born_at = now
        self.frame_began_at: float | None = None
        self.heard_at = now
        self.pinged = False
        self.typed_at = float("-inf")

    def move(self, trigger: Trigger) -> None:
        """Go to the next state; KeyError when there is no such transition."""
        self.state = TRANSITIONS[self.state, trigger]

    def open(self) -> bool:
        """Say whether anything may still be sent to it."""
        return self.state is not State.DRAINING and self.state is not State.CLOSED
