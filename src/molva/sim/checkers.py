"""Checkers: what must hold, watched from outside.

Owns what was promised and to whom: acknowledgements, what each connection was sent, what each
device showed, and the disk as the one truth. What may leave for whom is read from the chronicle at
what the server has been told by then, no more and no less. The rules have names (`rules`).
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Protocol

from molva.client.mirror import Mirror
from molva.sim import rest
from molva.sim.chronicle import Chronicle, Story, at
from molva.sim.rights import trespass
from molva.sim.rules import Violation
from molva.store.memory import Disk
from molva.terms import events
from molva.terms.entries import Entry, Message, Renamed
from molva.terms.events import AnyEvent, Conversation, Conversations, Gap, Result
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConnectionId,
    ConversationId,
    direct_accounts,
    direct_id,
    group_label,
    is_direct,
    is_own_log,
    own_log_id,
    parse_tag,
    tag,
)
from molva.terms.names import NameRefused, parse_name, parse_room
from molva.terms.ports import Append, Appended, Outcome, Write

SAID = events.NewMessage | events.NewWhisper


class Shown:
    """What a device has shown of one log."""

    __slots__ = ("last", "seen", "holes")

    def __init__(self, last: int) -> None:
        self.last = last
        self.seen: set[int] = set()
        self.holes: set[int] = set()
        """Seqs that a gap has named."""

    def join(self, other: "Shown") -> None:
        """Take in what was shown of the same log under another name."""
        self.last = max(self.last, other.last)
        self.seen |= other.seen
        self.holes = (self.holes | other.holes) - self.seen


class Machine(Protocol):
    """The server's side, as the checkers look at it."""

    disk: Disk

    def known(self, conversation: ConversationId) -> int:
        """Return how far the server has been told of a log."""
        ...

    def known_before(self, conversation: ConversationId) -> int:
        """Return how far it had been told before the step under way."""
        ...

    def address(self, connection: ConnectionId) -> str:
        """Return where a connection comes from."""
        ...

    def compare_restarted(self) -> None:
        """Compare what the server knows with what it would after a restart."""
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

    def is_out(self) -> bool:
        """Say whether the server lets it in no more, or not yet."""
        ...


class Checkers:
    """Everything that was promised."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, str], int | None] = {}
        """(device's outbox, id) -> seq."""
        self.refused: set[tuple[str, str]] = set()
        self.deliveries = 0
        self.chronicle = Chronicle()
        self.steady_clock = True
        """Whether the wall clock never jumped, so that ends can be measured by it."""
        self._accounts: dict[ConnectionId, AccountId] = {}
        self._streams: dict[tuple[ConnectionId, str], int] = {}
        """The last seq that left for a connection: by a room's id, or by the log's label."""

    # -- On the disk ---------------------------------------------------------------------------

    def committed(
        self, writes: Sequence[Write], outcomes: Sequence[Outcome], time: float, wall: int
    ) -> None:
        """A commit is on the disk: each of its entries must have been allowed where it is."""
        chronicle = self.chronicle
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(write, Append) and isinstance(outcome, Appended) and chronicle.sound:
                entry = outcome.entry
                if entry.seq != chronicle.story(entry.conversation).head + 1:
                    chronicle.sound = False
                measured = time if self.steady_clock else None
                why = trespass(chronicle, entry, measured) if chronicle.sound else None
                if why is not None:
                    raise Violation("rights", f"{why}: {entry}")
            chronicle.take(write, outcome, time, wall)

    def restarted(self, machine: Machine, time: float, wall: int) -> None:
        """The server starts on what the disk holds."""
        logs = machine.disk.logs
        if any(story.head > len(logs.get(id, ())) for id, story in self._stories()):
            self.chronicle.reread(logs)
        self.chronicle.restarted(list(machine.disk.accounts), time, wall)

    def _stories(self) -> list[tuple[ConversationId, Story]]:
        return list(self.chronicle.stories.items())

    # -- At the server's door ------------------------------------------------------------------

    def sent(self, machine: Machine, connection: ConnectionId, event: AnyEvent | Result) -> None:
        """A reply leaves."""
        if isinstance(event, Result) and event.result == "successful":
            assert event.name is not None
            account = account_named(machine.disk, event.name)
            if account is None:
                raise Violation("unobserved", f"{event.name} is welcome and not on the disk")
            self._accounts[connection] = account
            self._check_address(machine, connection, account)
            self._check_banned(machine, connection, event)
            for listed in event.conversations or ():
                self._stands(machine, connection, listed)
        elif not isinstance(event, Result):
            self.left(machine, connection, [event])

    def left(self, machine: Machine, connection: ConnectionId, events_: Sequence[AnyEvent]) -> None:
        """Events leave for a connection: durable, in order, whole, and for its eyes."""
        for event in events_:
            if connection in self._accounts:
                self._check_banned(machine, connection, event)
            if isinstance(event, Conversations):
                for listed in event.conversations:
                    self._stands(machine, connection, listed)
            elif isinstance(event, Gap):
                label = event.room or event.with_ or event.log or ""
                key = self._place(machine, connection, event.room, event.after) or label
                self._follows(connection, key, event.after, event.through)
            elif isinstance(event, events.History | events.Ledger):
                self._check_page(machine, connection, event)
            elif getattr(event, "seq", None) is not None and not isinstance(event, events.Stored):
                self._entry_left(machine, connection, event)

    def _entry_left(self, machine: Machine, connection: ConnectionId, event: AnyEvent) -> None:
        self.deliveries += 1
        account = self._accounts[connection]
        seq: int = getattr(event, "seq", 0)
        room: str | None = getattr(event, "room", None)
        if getattr(event, "log", None) is not None:
            id, key = own_log_id(account), f"{getattr(event, 'log', '')}"
        elif getattr(event, "to", None) is not None:
            id, key = self._direct(machine, account, event)
        else:
            renamed = isinstance(event, events.Renamed)
            found = self._place(machine, connection, room, seq - 1, renamed=renamed)
            if found is None:
                raise Violation("unobserved", f"{event} is of a room that is not on the disk")
            id, key = found, found
        self._follows(connection, key, seq - 1, seq)
        if seq > len(machine.disk.logs.get(id, [])):
            raise Violation("unobserved", f"{event} left before it was durable")
        self._check_entry(machine, account, id, event, seq)

    def _check_entry(
        self, machine: Machine, account: AccountId, id: ConversationId, event: AnyEvent, seq: int
    ) -> None:
        """One entry is for an account's eyes, at something that the server knew in this step."""
        story = self.chronicle.story(id)
        before, known = machine.known_before(id), machine.known(id)
        moments = range(max(before, seq), known + 1)
        if not any(story.shows(account, seq, now) for now in moments):
            raise Violation("leak", f"{event} left for account {account}")
        author, said = story.said.get(seq, (None, None))
        if isinstance(event, SAID):
            self._check_text(machine, story, account, event, moments)
            if said != event.text:
                raise Violation("order_disagrees", f"{event} is not what was said: {said}")
        elif isinstance(event, events.Gone):
            head = len(machine.disk.logs.get(id, []))
            away = any(story.is_gone(seq, now) for now in (*moments, head))
            if said is None or not (away or author in self.chronicle.silenced):
                raise Violation("order_disagrees", f"{event}, which was never removed")
        elif isinstance(event, events.Unheard):
            if seq not in story.unheard and seq not in story.veiled:
                raise Violation("order_disagrees", f"{event}, which was for them")
        elif said is not None:
            raise Violation("order_disagrees", f"{event} is not what was said: {said}")

    def _check_text(
        self,
        machine: Machine,
        story: Story,
        account: AccountId,
        event: SAID,
        moments: range,
    ) -> None:
        """What was said leaves while it is there, for who is to hear it."""
        assert event.seq is not None
        author = story.said.get(event.seq, (account, ""))[0]
        if event.seq in story.unheard and author != account:
            raise Violation("leak", f"{event} is not for account {account} to hear")
        head = len(machine.disk.logs[story.id])
        if all(story.is_gone(event.seq, now) for now in (*moments, head)):
            raise Violation("leak", f"{event} was removed")
        silenced = self.chronicle.silenced.get(author)
        if silenced is not None and silenced <= machine.known_before(CommonRoom):
            raise Violation("leak", f"{event} is of somebody whose words are gone")

    def _check_page(
        self, machine: Machine, connection: ConnectionId, page: events.History | events.Ledger
    ) -> None:
        account = self._accounts[connection]
        with_ = page.with_ if isinstance(page, events.History) else None
        if with_ is not None:
            id = direct_id(account, self._labelled(machine, with_))
        else:
            rooms = list(self._called(machine, page.room or "#general"))
            if not rooms:
                raise Violation("unobserved", f"a page of {page.room}, which is no room")
            rooms.sort(key=lambda story: story.is_member(account))
            id = rooms[-1].id
        for entry in page.entries:
            assert entry.seq is not None
            self._check_entry(machine, account, id, entry, entry.seq)

    def _check_banned(
        self, machine: Machine, connection: ConnectionId, event: AnyEvent | Result
    ) -> None:
        """Who was banned from the server before this step hears nothing but that."""
        account = self._accounts[connection]
        spans = self.chronicle.common.bans.get(account)
        if not spans or isinstance(event, events.Bye):
            return
        before, known = machine.known_before(CommonRoom), machine.known(CommonRoom)
        if all(at(spans, now) is not None for now in range(before, known + 1)):
            raise Violation("leak", f"{event} left for account {account}, which is banned")

    def _check_address(
        self, machine: Machine, connection: ConnectionId, account: AccountId
    ) -> None:
        """Nobody but who moderates comes from an address that is banned."""
        if account in self.chronicle.staff_once:
            return
        before, known = machine.known_before(CommonRoom), machine.known(CommonRoom)
        for range_, spans in self.chronicle.common.bans.items():
            if isinstance(range_, str) and within(machine.address(connection), range_):
                if all(at(spans, now) is not None for now in range(before, known + 1)):
                    raise Violation("leak", f"account {account} came from {range_}")

    def _stands(self, machine: Machine, connection: ConnectionId, listed: Conversation) -> None:
        label = listed.room or listed.with_ or listed.log or ""
        key: str = label
        if listed.room is not None:
            account = self._accounts[connection]
            rooms = list(self._called(machine, listed.room))
            if not rooms:
                raise Violation("unobserved", f"{listed} is of a room that is not on the disk")
            rooms.sort(key=lambda story: story.shows(account, story.head, story.head))
            key = rooms[-1].id
        self._streams[connection, key] = listed.cursor

    def _called(self, machine: Machine, label: str) -> Iterator[Story]:
        """Yield the rooms of a name, as the server knew it at some moment of this step."""
        key = label if label.startswith("#~") else parse_room(label).key
        for story in dict.fromkeys(self.chronicle.by_name.get(key, ())):
            before, known = machine.known_before(story.id), machine.known(story.id)
            for now in range(before, known + 1):
                name = story.name(now)
                if name == label or (name and name[1] != "~" and parse_room(name).key == key):
                    yield story
                    break

    def _place(
        self,
        machine: Machine,
        connection: ConnectionId,
        room: str | None,
        after: int,
        *,
        renamed: bool = False,
    ) -> ConversationId | None:
        """Return the room that an event is about: of several of that name the one that fits."""
        if room is None:
            return None
        if renamed:
            # It says how the room was called then, which may be otherwise now.
            found = [
                story
                for story in self.chronicle.stories.values()
                if self._streams.get((connection, story.id)) == after
                if _is_renaming(machine.disk, story.id, after + 1, room)
            ]
        else:
            found = list(self._called(machine, room))
        found.sort(key=lambda story: self._streams.get((connection, story.id)) == after)
        return found[-1].id if found else None

    def _follows(self, connection: ConnectionId, key: str, after: int, through: int) -> None:
        last = self._streams.get((connection, key))
        if last is None:
            raise Violation("skip_without_gap", f"{key} was never listed for {connection}")
        if after < last:
            raise Violation("nonmonotonic", f"{key} {through} after {last} on {connection}")
        if after > last:
            raise Violation("skip_without_gap", f"{key} {through} after {last} on {connection}")
        self._streams[connection, key] = through

    def _direct(
        self, machine: Machine, account: AccountId, event: AnyEvent
    ) -> tuple[ConversationId, str]:
        """Return the direct conversation of an event, and what its receiver calls it."""
        author: str = getattr(event, "from_", "")
        receiver: str = getattr(event, "to", "")
        one, other = (self._labelled(machine, name) for name in (author, receiver))
        return direct_id(one, other), receiver if one == account else author

    @staticmethod
    def _labelled(machine: Machine, label: str) -> AccountId:
        name, tilde, its_tag = label.partition("~")
        if tilde:
            exact = parse_tag(its_tag)
            assert exact is not None
            return exact
        for account in machine.disk.accounts.values():
            if account.shown == name:
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

    def passed(self, device: Device, label: str, seq: int) -> None:
        """A device passes over what it was told is not for it to hear."""
        log = device.screen.get(device.place(label))
        if log is not None and log.last == seq - 1:
            log.last = seq

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

    def reborn(self, device: Device, claimed: dict[str, int]) -> None:
        """A device came back as somebody new: it has seen nothing of what is theirs alone."""
        for label, cursor in claimed.items():
            if not label.startswith("#") and cursor:
                raise Violation("cursor_ignored", f"{device.name} claims {label} of another")

    # -- At the end ----------------------------------------------------------------------------

    def finish(self, machine: Machine, devices: Sequence[Device], time: float) -> None:
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
            if device.is_out():
                continue
            for write in device.said - device.abandoned:
                if write not in stored and (device.name, write) not in self.refused:
                    pending = device.mirror.outbox.is_pending(write)
                    raise Violation("stuck" if pending else "unsent", f"{device.name} {write}")
            self._compare(machine, device)
        if self.chronicle.sound:
            rest.check_owners(self.chronicle)
            rest.check_derived(self.chronicle, disk)
            if self.steady_clock:
                rest.check_ends(self.chronicle, disk, time)
        machine.compare_restarted()

    def _compare(self, machine: Machine, device: Device) -> None:
        disk = machine.disk
        account = account_named(disk, device.mirror.name)
        if account is None:
            raise Violation("stuck", f"{device.mirror.name} is nobody")
        if device.mirror.outbox.pending():
            raise Violation(
                "stuck", f"{device.mirror.name} still has {device.mirror.outbox.pending()}"
            )
        for id, log in disk.logs.items():
            label = self._label(machine, account, id)
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
            through, ordinal = disk.markers.get((account, id), (0, 0))
            total = log[-1].ordinal if log else 0
            # Whom somebody blocks is not told: to them their words count, where they see them.
            story = self.chronicle.story(id)
            unheard = sum(story.said[seq][0] == account for seq in story.unheard if seq > through)
            if not 0 <= held.unread - (total - ordinal) <= unheard:
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
        return disk.conversations[id].shown or group_label(id)


def account_named(disk: Disk, name: str) -> AccountId | None:
    """Return who has a name on the disk; None for nobody."""
    try:
        key = parse_name(name).key
    except NameRefused:
        return None
    return next((a.account for a in disk.accounts.values() if a.key == key), None)


def within(address: str, range_: str) -> bool:
    """Say whether a range of the form that is kept has an address."""
    return ip_address(address) in ip_network(range_)


def _is_renaming(disk: Disk, id: ConversationId, seq: int, name: str) -> bool:
    log = disk.logs.get(id, [])
    body = log[seq - 1].body if seq <= len(log) else None
    return isinstance(body, Renamed) and body.name == name
