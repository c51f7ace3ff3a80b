"""What the tests of every store share: the stores, what is written to them, what is read back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from molva.store.memory import Disk, MemoryStore
from molva.store.sqlite import SqliteStore
from molva.terms.entries import AnyBody, Entry, Message
from molva.terms.ids import AccountId, CommonRoom, ConversationId, Seq, direct_id, own_log_id
from molva.terms.ports import (
    Append,
    Appended,
    Contents,
    Known,
    MakeAccount,
    MakeRoom,
    Outcome,
    Store,
    StoredConversation,
)
from molva.terms.roles import RoomKind

ANNA, BORIS, CLARA = AccountId(1), AccountId(2), AccountId(3)
ROOM = ConversationId("rteam")
NOWHERE = ConversationId("rnowhere")
DIRECT = direct_id(BORIS, ANNA)
OWN = own_log_id(ANNA)
ALL = 1_000_000


@dataclass
class Place:
    """Somewhere a store lives; opening it again closes the one before."""

    make: Callable[[], Store]
    opened: list[Store] = field(default_factory=list)

    def open(self) -> Store:
        self.close()
        store = self.make()
        self.opened.append(store)
        return store

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


def memory_place() -> Place:
    disk = Disk()
    return Place(lambda: MemoryStore(disk))


def sqlite_place(directory: Path) -> Place:
    return Place(lambda: SqliteStore(directory / "molva.db"))


def write(
    body: AnyBody | str,
    conversation: ConversationId = CommonRoom,
    *,
    by: AccountId = ANNA,
    id: str | None = None,
    at: int = 1_000,
    name: str = "anna",
) -> Append:
    body = Message(body) if isinstance(body, str) else body
    return Append(conversation=conversation, account=by, name=name, id=id, at=at, body=body)


def account(
    number: AccountId,
    name: str,
    *,
    skeleton: str | None = None,
    password: str | None = None,
    token: str | None = "",
    invitation: str | None = None,
    guest: bool = True,
    claims: bool = False,
) -> MakeAccount:
    """An account with a device of its own, unless `token` is None."""
    return MakeAccount(
        account=number,
        shown=name,
        key=name.lower(),
        skeleton=name.lower() if skeleton is None else skeleton,
        password_hash=password,
        token_digest=f"token of {number}" if token == "" else token,
        device="laptop",
        at=1_000,
        guest=guest,
        invitation=invitation,
        claims=claims,
    )


def room(
    conversation: ConversationId = ROOM,
    name: str = "#Team",
    *,
    skeleton: str | None = None,
    kind: RoomKind = RoomKind.PUBLIC,
) -> MakeRoom:
    return MakeRoom(
        conversation=conversation,
        shown=name,
        key=name.lower(),
        skeleton=name.lower() if skeleton is None else skeleton,
        kind=kind,
    )


def entry(outcome: Outcome) -> Entry:
    """The entry of an outcome that has one."""
    assert isinstance(outcome, Appended | Known)
    return outcome.entry


def everything(store: Store, conversation: ConversationId = CommonRoom) -> list[Entry]:
    return store.load(conversation, after=Seq(0), limit=ALL, bytes_max=1 << 40)


def texts(entries: list[Entry]) -> list[str]:
    return [entry.body.text for entry in entries if isinstance(entry.body, Message)]


def say(store: Store, *messages: str, conversation: ConversationId = CommonRoom) -> list[Entry]:
    """Commit messages, all in one."""
    return [entry(one) for one in store.commit([write(text, conversation) for text in messages])]


def conversation_of(contents: Contents, conversation: ConversationId) -> StoredConversation:
    (found,) = [one for one in contents.conversations if one.conversation == conversation]
    return found


def marker_of(
    store: Store, number: AccountId, conversation: ConversationId
) -> tuple[int, int] | None:
    """How far an account has read: seq and ordinal, or None."""
    for marker in store.contents().markers:
        if (marker.account, marker.conversation) == (number, conversation):
            return marker.through, marker.ordinal
    return None


def members_of(store: Store, conversation: ConversationId) -> dict[AccountId, Seq]:
    return {
        member.account: member.since
        for member in store.contents().members
        if member.conversation == conversation
    }
