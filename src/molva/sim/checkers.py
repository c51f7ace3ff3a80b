"""Checkers: what must hold, watched from outside.

Owns what was promised and to whom: acknowledgements, what each connection was sent, what each
device showed, and the disk as the one truth. Each rule has a name (after Maelstrom's for logs with
offsets) and raises `Violation` with it.
"""

from collections.abc import Sequence
from typing import Protocol

from molva.client.mirror import Mirror
from molva.store.memory import Disk
from molva.terms.entries import Created, Entry, Joined, Left, Message
from molva.terms.events import (
    AnyEvent,
    Conversation,
    Conversations,
    Gap,
    NewMessage,
    NewWhisper,
    Result,
)
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConnectionId,
    ConversationId,
    direct_accounts,
    is_direct,
    is_own_log,
    tag,
)
from molva.terms.names import parse_name, parse_room

RULES = (
    "lost_write",
    "duplicate_shown",
    "skip_without_gap",
    "nonmonotonic",
    "order_disagrees",
    "id_twice",
    "said_twice",
    "refused_but_stored",
    "unread_wrong",
    "leak",
    "unobserved",
    "cursor_ignored",
    "unsent",
    "stuck",
)


class Violation(AssertionError):
    """A rule was broken."""

    def __init__(self, rule: str, detail: str) -> None:
        assert rule in RULES
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class Shown:
    """What a device has shown of one log."""

    __slots__ = ("last", "seen", "holes")

    def __init__(self, last: int) -> None:
        self.last = last
        self.seen: set[int] = set()
        self.holes: set[int] = set()
        """Seqs that a gap has named."""


class Machine(Protocol):
    """The server's side, as the checkers look at it."""

    disk: Disk

    def known(self, conversation: ConversationId) -> int:
        """Return how far the server has been told of a log."""
        ...


class Device(Protocol):
    """A client's side, as the checkers look at it."""

    name: str
    mirror: Mirror
    screen: dict[str, Shown]
    """What it has shown of each log."""
    said: set[str]
    """The ids of what was typed."""
    abandoned: set[str]
    """Those of them that nobody waits for."""

    def place(self, conversation: str) -> str:
        """Return what a log is called here, whoever has the name."""
        ...


class Checkers:
    """Everything that was promised."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, str], int | None] = {}
        """(device's outbox, id) -> seq."""
        self.refused: set[tuple[str, str]] = set()
        self.deliveries = 0
        self._accounts: dict[ConnectionId, AccountId] = {}
        self._streams: dict[tuple[ConnectionId, str], int] = {}
        """The last seq that left for a connection, by the log's label."""

    # -- At the server's door ------------------------------------------------------------------

    def sent(self, machine: Machine, connection: ConnectionId, event: AnyEvent | Result) -> None:
        """A reply leaves."""
        if isinstance(event, Result) and event.result == "successful":
            assert event.name is not None
            key = parse_name(event.name).key
            account = next((a for a in machine.disk.accounts.values() if a.key == key), None)
            if account is None:
                raise Violation("unobserved", f"{event.name} is welcome and not on the disk")
            self._accounts[connection] = account.account
            for listed in event.conversations or ():
                self._stands(connection, listed)
        elif not isinstance(event, Result):
            self.left(machine, connection, [event])

    def left(self, machine: Machine, connection: ConnectionId, events: Sequence[AnyEvent]) -> None:
        """Events leave for a connection: durable, in order, whole, and for its eyes."""
        for event in events:
            if isinstance(event, Conversations):
                for listed in event.conversations:
                    self._stands(connection, listed)
                continue
            if isinstance(event, Gap):
                label = event.room or event.with_ or event.log or ""
                self._follows(connection, label, event.after, event.through)
                continue
            seq = getattr(event, "seq", None)
            if seq is None or type(event).__name__ == "Stored":
                continue
            self.deliveries += 1
            account = self._accounts[connection]
            id, label = self._log_of(machine, account, event)
            self._follows(connection, label, seq - 1, seq)
            log = machine.disk.logs.get(id, [])
            if seq > len(log):
                raise Violation("unobserved", f"{event} left before it was durable")
            entry = log[seq - 1]
            if isinstance(event, NewMessage | NewWhisper):
                said = entry.body.text if isinstance(entry.body, Message) else None
                if said != event.text:
                    raise Violation("order_disagrees", f"{event} is not what {entry} says")
            if not may_see(log, account, id, seq, known=machine.known(id)):
                raise Violation("leak", f"{event} left for account {account}")

    def _stands(self, connection: ConnectionId, listed: Conversation) -> None:
        label = listed.room or listed.with_ or listed.log or ""
        self._streams[connection, label] = listed.cursor

    def _follows(self, connection: ConnectionId, label: str, after: int, through: int) -> None:
        last = self._streams.get((connection, label))
        if last is None:
            raise Violation("skip_without_gap", f"{label} was never listed for {connection}")
        if after < last:
            raise Violation("nonmonotonic", f"{label} {through} after {last} on {connection}")
        if after > last:
            raise Violation("skip_without_gap", f"{label} {through} after {last} on {connection}")
        self._streams[connection, label] = through

    def _log_of(
        self, machine: Machine, account: AccountId, event: AnyEvent
    ) -> tuple[ConversationId, str]:
        """Return the log of an event, from the disk's names, and what its receiver calls it."""
        if isinstance(event, NewWhisper):
            assert event.to is not None
            one, other = (self._labelled(machine, name) for name in (event.from_, event.to))
            peer = event.to if one == account else event.from_
            id = ConversationId(f"{min(one, other)}:{max(one, other)}")
            return id, peer
        log: str | None = getattr(event, "log", None)
        if log is not None:
            return ConversationId(f"@{account}"), log
        room: str = getattr(event, "room", "")
        key = parse_room(room).key
        for id, stored in machine.disk.conversations.items():
            if stored.key == key:
                return id, room
        raise Violation("unobserved", f"{event} is of a room that is not on the disk")

    @staticmethod
    def _labelled(machine: Machine, label: str) -> AccountId:
        name, tilde, its_tag = label.partition("~")
        for account in (*machine.disk.accounts.values(), *machine.disk.retired.values()):
            if account.shown == name and tilde and tag(account.account) == its_tag:
                return account.account
        for account in machine.disk.accounts.values():
            if account.shown == name and not tilde:
                return account.account
        # Retired on the disk, and the hub has not heard of it yet.
        return max(a.account for a in machine.disk.retired.values() if a.shown == name)

    # -- On a device's screen ------------------------------------------------------------------

    def shown(self, device: Device, label: str, entry: AnyEvent, backfill: bool) -> None:
        """A device shows an entry: once, in order, and nothing is skipped in silence."""
        seq = getattr(entry, "seq", None)
        if seq is None:
            return
        log = device.screen.setdefault(device.place(label), Shown(seq - 1))
        if seq in log.seen:
            raise Violation("duplicate_shown", f"{device.name} {label} {seq}")
        if backfill:
            if seq not in log.holes:
                raise Violation("nonmonotonic", f"{device.name} {label} {seq} fills no gap")
            log.holes.discard(seq)
        else:
            if seq <= log.last:
                raise Violation("nonmonotonic", f"{device.name} {label} {seq} after {log.last}")
            if seq != log.last + 1:
                raise Violation("skip_without_gap", f"{device.name} {label} {seq} {log.last}")
            log.last = seq
        log.seen.add(seq)

    def gap(self, device: Device, label: str, after: int, through: int) -> None:
        """A device says that entries are missing."""
        log = device.screen.setdefault(device.place(label), Shown(after))
        if after != log.last:
            raise Violation("skip_without_gap", f"{device.name} {label} gap {after} {log.last}")
        log.holes.update(range(after + 1, through + 1))
        log.last = through

    def welcomed(self, device: Device, claimed: dict[str, int], result: Result) -> None:
        """A device came back: its stream begins where it said it was."""
        for listed in result.conversations or ():
            label = listed.room or listed.with_ or listed.log or ""
            exact = label if listed.tag is None else f"{label}~{listed.tag}"
            cursor = claimed.get(exact, claimed.get(label) if listed.tag is None else None)
            if cursor is not None and listed.cursor != min(cursor, listed.head):
                raise Violation(
                    "cursor_ignored", f"{device.name} {label}: {cursor}, got {listed.cursor}"
                )

    # -- At the end ----------------------------------------------------------------------------

    def finish(self, machine: Machine, devices: Sequence[Device]) -> None:
        """Everything is quiet: compare what everybody holds with the disk."""
        disk = machine.disk
        by_id: dict[tuple[AccountId, str], Entry] = {}
        by_text: dict[tuple[AccountId, str], Entry] = {}
        for id, log in disk.logs.items():
            for place, entry in enumerate(log):
                if entry.seq != place + 1:
                    raise Violation("order_disagrees", f"{id} holds {entry.seq} at {place + 1}")
                if entry.id is not None:
                    if (entry.account, entry.id) in by_id:
                        raise Violation("id_twice", f"{entry}")
                    by_id[entry.account, entry.id] = entry
                if isinstance(entry.body, Message):
                    if (entry.account, entry.body.text) in by_text:
                        raise Violation("said_twice", f"{entry}")
                    by_text[entry.account, entry.body.text] = entry
        # A guest whose name was let go is another account, which may write the same again.
        stored: dict[str | None, set[int]] = {}
        for entry in by_id.values():
            stored.setdefault(entry.id, set()).add(entry.seq)
        for (name, write), seq in self.acknowledged.items():
            places = stored.get(write, set())
            if not places or (seq is not None and seq not in places):
                raise Violation("lost_write", f"{name} {write} was acknowledged as {seq}")
        for name, write in self.refused:
            if write in stored:
                raise Violation("refused_but_stored", f"{name} {write}")
        for device in devices:
            for write in device.said - device.abandoned:
                if write not in stored and (device.name, write) not in self.refused:
                    pending = device.mirror.outbox.is_pending(write)
                    raise Violation("stuck" if pending else "unsent", f"{device.name} {write}")
            self._compare(machine, device)

    def _compare(self, machine: Machine, device: Device) -> None:
        disk = machine.disk
        key = parse_name(device.mirror.name).key
        account = next((a for a in disk.accounts.values() if a.key == key), None)
        if account is None:
            raise Violation("stuck", f"{device.mirror.name} is nobody")
        if device.mirror.outbox.pending():
            raise Violation(
                "stuck", f"{device.mirror.name} still has {device.mirror.outbox.pending()}"
            )
        for id, log in disk.logs.items():
            label = self._label(machine, account.account, id)
            if label is None or is_own_log(id):
                continue
            head = len(log)
            held = device.mirror.log(label)
            if held is None:
                if head:
                    raise Violation("stuck", f"{device.mirror.name} knows nothing of {label} {id}")
                continue
            if held.cursor != head:
                raise Violation("stuck", f"{device.mirror.name} {label} {held.cursor} of {head}")
            through, ordinal = disk.markers.get((account.account, id), (0, 0))
            total = log[-1].ordinal if log else 0
            if held.unread != total - ordinal:
                raise Violation(
                    "unread_wrong",
                    f"{device.mirror.name} {label}: {held.unread}, not {total - ordinal} "
                    f"(read {through} of {head})",
                )

    @staticmethod
    def _label(machine: Machine, account: AccountId, id: ConversationId) -> str | None:
        """Return what an account calls a conversation it is in; None for others."""
        disk = machine.disk
        if is_direct(id):
            pair = direct_accounts(id)
            if account not in pair:
                return None
            other = pair[1] if pair[0] == account else pair[0]
            retired = disk.retired.get(other)
            if retired is not None:
                return f"{retired.shown}~{tag(other)}"
            return disk.accounts[other].shown
        if is_own_log(id):
            return id if id == f"@{account}" else None
        if id != CommonRoom and (id, account) not in disk.members:
            return None
        return disk.conversations[id].shown


def may_see(
    log: list[Entry], account: AccountId, id: ConversationId, seq: int, *, known: int
) -> bool:
    """Say, from the log alone, whether an account may be sent an entry now.

    In a room: a member at that seq, or a member now, for an open room shows its members all. Now is
    what the server has been told, through `known`: it cannot heed what is on its way from the disk.
    """
    if is_own_log(id):
        return id == f"@{account}"
    if is_direct(id):
        return account in direct_accounts(id)
    if id == CommonRoom:
        return True
    member = then = now = False
    for entry in log:
        if entry.account == account and isinstance(entry.body, Joined | Created):
            member = True
        elif entry.account == account and isinstance(entry.body, Left):
            member = False
        if entry.seq == seq:
            then = member
        if entry.seq == known:
            now = member
    return then or now
