"""The memory store: the reference implementation of `Store`, and the simulator's disk.

Owns the plainest reading of the port's contract: every other store must answer as this one does.
Refuses to know files, clocks, threads and randomness. What a crash leaves behind is a `Disk`; a
restart is a new `MemoryStore` on it.

Invariants: a write takes effect whole or not at all, because it is checked before anything is
changed; `Disk` holds only immutable values in plain containers, so a copy of it is a snapshot.

A write that no store could hold (a number beyond 64 bits, half a surrogate pair, an account, token
or room made twice, a device of nobody) is `Unavailable` alone and leaves the others as they are.
"""

from collections.abc import Sequence

import msgspec

from molva.terms import names
from molva.terms.entries import AnyBody, Created, Entry, Joined, Left, Message, Read, Topic
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    Seq,
    direct_accounts,
    is_direct,
    is_own_log,
)
from molva.terms.ports import (
    AddDevice,
    Append,
    Appended,
    Contents,
    Find,
    Kind,
    Known,
    Made,
    MakeAccount,
    MakeRoom,
    Missing,
    Outcome,
    RetireAccount,
    StoredAccount,
    StoredConversation,
    StoredDevice,
    StoredMarker,
    StoredMember,
    StoreUnavailable,
    Taken,
    Unavailable,
    Write,
)

_NOTHING = Seq(0)


class Disk:
    """What outlives a crash: everything that a commit has returned for, and nothing else."""

    def __init__(self) -> None:
        general = names.parse_room(names.GENERAL)
        self.conversations = {
            CommonRoom: StoredConversation(
                conversation=CommonRoom,
                kind=Kind.ROOM,
                head=_NOTHING,
                ordinal=0,
                at=0,
                shown=general.shown,
                key=general.key,
                skeleton=general.skeleton,
            )
        }
        """Where each ends is not kept here: its log says it."""
        self.logs: dict[ConversationId, list[Entry]] = {CommonRoom: []}
        self.written: dict[tuple[AccountId, str], Entry] = {}
        self.accounts: dict[AccountId, StoredAccount] = {}
        self.retired: dict[AccountId, StoredAccount] = {}
        self.devices: dict[str, StoredDevice] = {}
        self.members: dict[tuple[ConversationId, AccountId], Seq] = {}
        self.markers: dict[tuple[AccountId, ConversationId], tuple[Seq, int]] = {}

    def copy(self) -> "Disk":
        """Return a snapshot that later commits do not change."""
        other = Disk()
        other.conversations = dict(self.conversations)
        other.logs = {conversation: list(log) for conversation, log in self.logs.items()}
        other.written = dict(self.written)
        other.accounts = dict(self.accounts)
        other.retired = dict(self.retired)
        other.devices = dict(self.devices)
        other.members = dict(self.members)
        other.markers = dict(self.markers)
        return other


class MemoryStore:
    """A `Store` on a `Disk`; with none given, on a new one.

    While `unavailable` is set, `commit` answers Unavailable to all and the rest raises
    StoreUnavailable; so it is after `close`.
    """

    def __init__(self, disk: Disk | None = None) -> None:
        self.disk = Disk() if disk is None else disk
        self.unavailable = False
        self._closed = False

    def contents(self) -> Contents:
        """See `Store.contents`. Every list is sorted by its ids."""
        self._check_available()
        disk = self.disk
        reachable = {device.account for device in disk.devices.values()}
        lost = [
            account
            for account, stored in disk.accounts.items()
            if stored.password_hash is None and account not in reachable
        ]
        self.commit([RetireAccount(account) for account in lost])
        conversations = []
        for conversation in sorted(disk.conversations):
            seq, ordinal, at = self._head(conversation)
            stored = disk.conversations[conversation]
            conversations.append(msgspec.structs.replace(stored, head=seq, ordinal=ordinal, at=at))
        return Contents(
            accounts=[disk.accounts[account] for account in sorted(disk.accounts)],
            retired=self._retired_partners(),
            devices=[disk.devices[digest] for digest in sorted(disk.devices)],
            conversations=conversations,
            members=[StoredMember(*ids, since) for ids, since in sorted(disk.members.items())],
            markers=[StoredMarker(*ids, *read) for ids, read in sorted(disk.markers.items())],
        )

    def commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """See `Store.commit`."""
        if self.unavailable or self._closed:
            return [Unavailable() for _ in writes]
        return [self._perform(write) for write in writes]

    def load(
        self, conversation: ConversationId, *, after: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """See `Store.load`. The texts together stay within `bytes_max`, but for a first one."""
        self._check_available()
        log = self.disk.logs.get(conversation, [])
        start = max(after, 0)
        return _fitting(log[start : start + max(limit, 0)], bytes_max)

    def load_before(
        self, conversation: ConversationId, *, before: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """See `Store.load_before`; the bound on bytes drops the oldest."""
        self._check_available()
        log = self.disk.logs.get(conversation, [])
        stop = min(max(before - 1, 0), len(log))
        newest_first = log[max(stop - max(limit, 0), 0) : stop][::-1]
        return _fitting(newest_first, bytes_max)[::-1]

    def close(self) -> None:
        """See `Store.close`. The disk stays."""
        self._closed = True

    def _retired_partners(self) -> list[StoredAccount]:
        """Return the retired with whom somebody who is not has a direct conversation."""
        disk = self.disk
        partners = {
            account
            for conversation, stored in disk.conversations.items()
            if stored.kind is Kind.DIRECT
            for pair in [direct_accounts(conversation)]
            if pair[0] in disk.accounts or pair[1] in disk.accounts
            for account in pair
        }
        return [disk.retired[account] for account in sorted(partners & disk.retired.keys())]

    def _check_available(self) -> None:
        if self.unavailable or self._closed:
            raise StoreUnavailable("the memory store was told to be unavailable")

    def _head(self, conversation: ConversationId) -> tuple[Seq, int, int]:
        """Return seq, ordinal and time of the newest entry, zeros where there is none."""
        log = self.disk.logs.get(conversation)
        return (log[-1].seq, log[-1].ordinal, log[-1].at) if log else (_NOTHING, 0, 0)

    def _perform(self, write: Write) -> Outcome:
        if isinstance(write, Append):
            return self._append(write)
        if not _holdable(write):
            return Unavailable()
        if isinstance(write, MakeRoom):
            return self._make_room(write)
        if isinstance(write, MakeAccount):
            return self._make_account(write)
        if isinstance(write, AddDevice):
            return self._add_device(write)
        if isinstance(write, RetireAccount):
            return self._retire(write)
        return self._find(write)

    def _append(self, write: Append) -> Outcome:
        disk = self.disk
        if write.id is not None and (write.account, write.id) in disk.written:
            return Known(disk.written[write.account, write.id])
        conversation = write.conversation
        if conversation not in disk.conversations and not (
            is_direct(conversation) or is_own_log(conversation)
        ):
            return Missing()
        seq, ordinal, at = self._head(conversation)
        entry = Entry(
            conversation=conversation,
            seq=Seq(seq + 1),
            ordinal=ordinal + isinstance(write.body, Message),
            at=max(at, write.at),
            account=write.account,
            name=write.name,
            id=write.id,
            body=self._filled(write.body),
        )
        if not _holdable(entry):
            return Unavailable()
        if conversation not in disk.conversations:
            disk.conversations[conversation] = StoredConversation(
                conversation=conversation,
                kind=Kind.OWN if is_own_log(conversation) else Kind.DIRECT,
                head=_NOTHING,
                ordinal=0,
                at=0,
            )
        disk.logs.setdefault(conversation, []).append(entry)
        if entry.id is not None:
            disk.written[entry.account, entry.id] = entry
        self._derive(entry)
        return Appended(entry)

    def _filled(self, body: AnyBody) -> AnyBody:
        """Give a `Read` the ordinal at its seq, which is brought within the log first."""
        if not isinstance(body, Read):
            return body
        log = self.disk.logs.get(body.conversation, [])
        through = Seq(min(max(body.through, 0), len(log)))
        ordinal = log[through - 1].ordinal if through else 0
        return Read(conversation=body.conversation, through=through, ordinal=ordinal)

    def _derive(self, entry: Entry) -> None:
        """Let what follows from an entry follow."""
        disk = self.disk
        conversation, account = entry.conversation, entry.account
        match entry.body:
            case Created() | Joined():
                disk.members.setdefault((conversation, account), entry.seq)
                self._advance(account, conversation, entry.seq, entry.ordinal)
            case Left():
                disk.members.pop((conversation, account), None)
                disk.markers.pop((account, conversation), None)
            case Topic(text=text):
                disk.conversations[conversation] = msgspec.structs.replace(
                    disk.conversations[conversation], topic=text
                )
            case Read() as read:
                self._advance(account, read.conversation, read.through, read.ordinal)
            case _:
                pass

    def _advance(
        self, account: AccountId, conversation: ConversationId, through: Seq, ordinal: int
    ) -> None:
        """Move a marker forward, never back; what is not there cannot have been read."""
        markers = self.disk.markers
        here = markers.get((account, conversation))
        if conversation in self.disk.conversations and (here is None or here[0] < through):
            markers[account, conversation] = (through, ordinal)

    def _make_room(self, write: MakeRoom) -> Outcome:
        disk = self.disk
        rooms = [room for room in disk.conversations.values() if room.kind is Kind.ROOM]
        if any(room.key == write.key for room in rooms):
            return Taken(confusable=False)
        if any(room.skeleton == write.skeleton for room in rooms):
            return Taken(confusable=True)
        if write.conversation in disk.conversations:
            return Unavailable()
        disk.conversations[write.conversation] = StoredConversation(
            conversation=write.conversation,
            kind=Kind.ROOM,
            head=_NOTHING,
            ordinal=0,
            at=0,
            shown=write.shown,
            key=write.key,
            skeleton=write.skeleton,
        )
        return Made()

    def _make_account(self, write: MakeAccount) -> Outcome:
        disk = self.disk
        if any(account.key == write.key for account in disk.accounts.values()):
            return Taken(confusable=False)
        if any(account.skeleton == write.skeleton for account in disk.accounts.values()):
            return Taken(confusable=True)
        if write.account in disk.accounts or write.account in disk.retired:
            return Unavailable()
        if write.token_digest in disk.devices:
            return Unavailable()
        disk.accounts[write.account] = StoredAccount(
            account=write.account,
            shown=write.shown,
            key=write.key,
            skeleton=write.skeleton,
            password_hash=write.password_hash,
        )
        if write.token_digest is not None:
            disk.devices[write.token_digest] = StoredDevice(
                token_digest=write.token_digest, account=write.account, device=write.device
            )
        seq, ordinal, _ = self._head(CommonRoom)
        self._advance(write.account, CommonRoom, seq, ordinal)
        return Made()

    def _add_device(self, write: AddDevice) -> Outcome:
        disk = self.disk
        if write.account not in disk.accounts or write.token_digest in disk.devices:
            return Unavailable()
        disk.devices[write.token_digest] = StoredDevice(
            token_digest=write.token_digest, account=write.account, device=write.device
        )
        return Made()

    def _retire(self, write: RetireAccount) -> Outcome:
        disk, account = self.disk, write.account
        if account in disk.accounts:
            disk.retired[account] = disk.accounts.pop(account)
        for digest in [digest for digest, at in disk.devices.items() if at.account == account]:
            del disk.devices[digest]
        for member in [member for member in disk.members if member[1] == account]:
            del disk.members[member]
        for marker in [marker for marker in disk.markers if marker[0] == account]:
            del disk.markers[marker]
        return Made()

    def _find(self, write: Find) -> Outcome:
        entry = self.disk.written.get((write.account, write.id))
        return Missing() if entry is None else Known(entry)


def _fitting(entries: list[Entry], bytes_max: int) -> list[Entry]:
    """Return the entries from the first whose texts together stay within a bound, at least one."""
    size = 0
    for count, entry in enumerate(entries):
        size += _text_bytes(entry.body)
        if size > bytes_max and count:
            return entries[:count]
    return entries


def _text_bytes(body: AnyBody) -> int:
    return len(body.text.encode()) if isinstance(body, Message | Topic) else 0


def _holdable(struct: msgspec.Struct) -> bool:
    """Say whether every number fits 64 bits and every text UTF-8, as a file would ask."""
    for field in struct.__struct_fields__:
        value = getattr(struct, field)
        match value:
            case msgspec.Struct() if not _holdable(value):
                return False
            case int() if not -(2**63) <= value < 2**63:
                return False
            case str() if not _is_utf8(value):
                return False
    return True


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
