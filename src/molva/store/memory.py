"""The memory store: the reference implementation of `Store`, and the simulator's disk.

Owns the plainest reading of the port's contract: every other store must answer as this one does.
Refuses to know files, clocks, threads and randomness. What a crash leaves behind is a `Disk`; a
restart is a new `MemoryStore` on it.

Invariant: a write takes effect whole or not at all, because it is checked before anything is
changed.

A write that no store could hold (a number beyond 64 bits, half a surrogate pair, an account, token
or room made twice, a device of nobody, a room renamed to what is no name, an invitation without
uses) is `Unavailable` alone and leaves the others as they are.
"""

from collections.abc import Iterable, Sequence

import msgspec

from molva.store.bodies import holdable, text_bytes
from molva.store.disk import NOTHING, Disk
from molva.terms import names
from molva.terms.entries import AnyBody, Entry, Message, Read
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
    EndInvitation,
    Erase,
    Erased,
    Find,
    ForgetDevices,
    Kind,
    Known,
    Made,
    MakeAccount,
    MakeInvitation,
    MakeRoom,
    Missing,
    Outcome,
    RetireAccount,
    Sanction,
    SetPassword,
    Spent,
    StoredAccount,
    StoredBlock,
    StoredConversation,
    StoredDevice,
    StoredInvitation,
    StoredInvite,
    StoredMarker,
    StoredMember,
    StoredRole,
    StoredSanction,
    StoreUnavailable,
    Taken,
    Unavailable,
    Write,
)
from molva.terms.roles import Role

__all__ = ["Disk", "MemoryStore"]


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
        self.commit([RetireAccount(account) for account in self._lost()])
        return Contents(
            accounts=[disk.accounts[account] for account in sorted(disk.accounts)],
            retired=self._retired_partners(),
            deleted=[disk.retired[account] for account in sorted(disk.deleted)],
            devices=[disk.devices[digest] for digest in sorted(disk.devices)],
            conversations=[self._conversation(id) for id in sorted(disk.conversations)],
            members=[StoredMember(*ids, since) for ids, since in sorted(disk.members.items())],
            markers=[StoredMarker(*ids, *read) for ids, read in sorted(disk.markers.items())],
            roles=[StoredRole(*ids, role) for ids, role in sorted(disk.roles.items())],
            sanctions=sorted(disk.sanctions.values(), key=_order),
            invites=[StoredInvite(*ids) for ids in sorted(disk.invites)],
            blocks=[StoredBlock(*ids) for ids in sorted(disk.blocks)],
            invitations=[disk.invitations[digest] for digest in sorted(disk.invitations)],
            barred=sorted(disk.barred.items()),
            erasing=sorted(disk.erasing),
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

    def load_ledger(
        self, conversation: ConversationId, *, before: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """See `Store.load_ledger`; the bound on bytes is passed over."""
        self._check_available()
        seqs = [seq for seq in self.disk.ledgers.get(conversation, ()) if seq < before]
        log = self.disk.logs.get(conversation, [])
        return [log[seq - 1] for seq in seqs[max(len(seqs) - max(limit, 0), 0) :]]

    def close(self) -> None:
        """See `Store.close`. The disk stays."""
        self._closed = True

    # -- What there is

    def _check_available(self) -> None:
        if self.unavailable or self._closed:
            raise StoreUnavailable("the memory store was told to be unavailable")

    def _lost(self) -> list[AccountId]:
        """Return the guests that cannot come back, but for those whom a ban keeps out."""
        disk = self.disk
        reachable = {device.account for device in disk.devices.values()}
        return [
            account
            for account, stored in disk.accounts.items()
            if stored.guest
            and stored.password_hash is None
            and account not in reachable
            and (CommonRoom, Sanction.BAN, account, None) not in disk.sanctions
        ]

    def _conversation(self, conversation: ConversationId) -> StoredConversation:
        seq, ordinal, at = self.disk.head(conversation)
        stored = self.disk.conversations[conversation]
        return msgspec.structs.replace(stored, head=seq, ordinal=ordinal, at=at)

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

    # -- Writes

    def _perform(self, write: Write) -> Outcome:
        if isinstance(write, Append):
            return self._append(write)
        if not holdable(write):
            return Unavailable()
        match write:
            case MakeRoom():
                return self._make_room(write)
            case MakeAccount():
                return self._make_account(write)
            case AddDevice():
                return self._add_device(write)
            case ForgetDevices():
                return self._forget(write.account, write.token_digests)
            case SetPassword():
                return self._set_password(write)
            case RetireAccount():
                return self._retire(write)
            case Erase():
                return Erased(more=self.disk.erase(write.account, write.limit))
            case MakeInvitation():
                return self._make_invitation(write)
            case EndInvitation():
                ended = self.disk.invitations.pop(write.digest, None)
                return Missing() if ended is None else Made()
            case Find():
                return self._find(write) or Missing()

    def _append(self, write: Append) -> Outcome:
        disk = self.disk
        if write.id is not None and not holdable((write.account, write.id)):
            return Unavailable()
        known = self._find(write)
        if known is not None:
            return known
        conversation = write.conversation
        if conversation not in disk.conversations and not (
            is_direct(conversation) or is_own_log(conversation)
        ):
            return Missing()
        seq, ordinal, at = disk.head(conversation)
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
        if not holdable(entry):
            return Unavailable()
        refusal = disk.refusal(conversation, entry.body)
        if refusal is not None:
            return refusal
        disk.write(entry)
        return Appended(entry)

    def _filled(self, body: AnyBody) -> AnyBody:
        """Give a `Read` the ordinal at its seq, which is brought within the log first."""
        if not isinstance(body, Read):
            return body
        there = body.conversation in self.disk.conversations
        log = self.disk.logs[body.conversation] if there else []
        through = Seq(min(max(body.through, 0), len(log)))
        ordinal = log[through - 1].ordinal if through else 0
        return Read(conversation=body.conversation, through=through, ordinal=ordinal)

    def _find(self, write: Append | Find) -> Known | None:
        where = None if write.id is None else self.disk.written.get((write.account, write.id))
        entry = None if where is None else self.disk.entry(*where)
        return None if entry is None else Known(entry)

    def _make_room(self, write: MakeRoom) -> Outcome:
        disk = self.disk
        taken = disk.room_taken(write.key, write.skeleton, None)
        if taken is not None:
            return taken
        if write.conversation in disk.logs:
            return Unavailable()
        name = names.Room(shown=write.shown, key=write.key, skeleton=write.skeleton)
        disk.make_room(write.conversation, name, write.kind)
        return Made()

    def _make_account(self, write: MakeAccount) -> Outcome:
        disk = self.disk
        invitation = None
        if write.invitation is not None:
            # First, so that who was not let in learns nothing of who is here.
            invitation = disk.invitations.get(write.invitation)
            if invitation is None or invitation.until <= write.at:
                return Spent()
        had = [*disk.accounts.values(), *map(disk.retired.__getitem__, disk.deleted)]
        if any(account.key == write.key for account in had):
            return Taken(confusable=False)
        if any(account.skeleton == write.skeleton for account in had):
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
            guest=write.guest,
        )
        if write.token_digest is not None:
            self._let_in(write.account, write.token_digest, write.device, write.at)
        seq, ordinal, _ = disk.head(CommonRoom)
        disk.advance(write.account, CommonRoom, seq, ordinal)
        if invitation is not None:
            self._use(invitation)
        owner = write.claims and not disk.owned
        if owner:
            disk.owned = True
            disk.roles[CommonRoom, write.account] = Role.OWNER
            stored = disk.accounts[write.account]
            disk.accounts[write.account] = msgspec.structs.replace(stored, guest=False)
        return Made(owner=owner)

    def _use(self, invitation: StoredInvitation) -> None:
        """Take one use of an invitation; the last one ends it."""
        del self.disk.invitations[invitation.digest]
        if invitation.uses > 1:
            self.disk.invitations[invitation.digest] = msgspec.structs.replace(
                invitation, uses=invitation.uses - 1
            )

    def _add_device(self, write: AddDevice) -> Outcome:
        disk = self.disk
        if write.account not in disk.accounts or write.token_digest in disk.devices:
            return Unavailable()
        if write.replaces is not None:
            self._forget(write.account, (write.replaces,))
        self._let_in(write.account, write.token_digest, write.device, write.at)
        return Made()

    def _let_in(self, account: AccountId, digest: str, device: str | None, at: int) -> None:
        self.disk.devices[digest] = StoredDevice(
            token_digest=digest, account=account, device=device, at=at
        )

    def _forget(self, account: AccountId, digests: Iterable[str]) -> Outcome:
        devices = self.disk.devices
        for digest in digests:
            if digest in devices and devices[digest].account == account:
                del devices[digest]
        return Made()

    def _set_password(self, write: SetPassword) -> Outcome:
        accounts = self.disk.accounts
        if write.account not in accounts:
            return Missing()
        accounts[write.account] = msgspec.structs.replace(
            accounts[write.account], password_hash=write.password_hash, guest=False
        )
        return self._forget(write.account, write.forget)

    def _retire(self, write: RetireAccount) -> Outcome:
        disk, account = self.disk, write.account
        if account in disk.accounts:
            disk.retire(account)
            if write.deleted:
                disk.deleted |= {account}
            if write.erase:
                disk.erasing[account] = (0, NOTHING)
        return Made()

    def _make_invitation(self, write: MakeInvitation) -> Outcome:
        invitations = self.disk.invitations
        if write.digest in invitations:
            return Taken(confusable=False)
        if write.uses < 1:
            return Unavailable()
        invitations[write.digest] = StoredInvitation(
            digest=write.digest,
            role=write.role,
            uses=write.uses,
            until=write.until,
            by=write.by,
            name=write.name,
        )
        return Made()


def _order(stored: StoredSanction) -> tuple[object, ...]:
    """Return what sanctions are sorted by: those of addresses first, which have no account."""
    account = stored.account
    return (
        *(stored.conversation, stored.sanction, account is not None),
        *(account or 0, stored.address or ""),
    )


def _fitting(entries: list[Entry], bytes_max: int) -> list[Entry]:
    """Return the entries from the first whose texts together stay within a bound, at least one."""
    size = 0
    for count, entry in enumerate(entries):
        size += text_bytes(entry.body)
        if size > bytes_max and count:
            return entries[:count]
    return entries
