"""The chat: what all handlers share, and how anything leaves or is written.

Owns the sessions, accounts, conversations and presence of one node, the effects of the step under
way, and the order of replies. Handlers (in the files of their nouns) decide; this carries out.
Invariants: nothing is told before its outcome has come back from the store; replies to a connection
keep the order of its requests; outcomes are matched to writes in the order of the writes.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from molva.core import policy
from molva.core.accounts import Account, Accounts
from molva.core.conversation import Conversation, Direct, Hall, OwnLog, Room
from molva.core.cursor import ReadMarker
from molva.core.effects import Close, Commit, Deliver, Effect, Release, Report, Send
from molva.core.log import Line, Log
from molva.core.presence import Presence
from molva.core.pump import Pump
from molva.core.session import Session, State, Trigger
from molva.terms import entries, events, limits
from molva.terms.actions import AnyAction
from molva.terms.catalogue import say
from molva.terms.errors import Code, Refusal
from molva.terms.ids import (
    TAG_SEPARATOR,
    AccountId,
    ConnectionId,
    ConversationId,
    Seq,
    direct_accounts,
    direct_id,
    is_direct,
    is_own_log,
    own_log_id,
    tag,
)
from molva.terms.instant import Instant
from molva.terms.limits import Limits
from molva.terms.names import NameRefused, parse_name, parse_room
from molva.terms.ports import (
    Append,
    Appended,
    Contents,
    Find,
    IdSource,
    Kind,
    Known,
    Missing,
    Outcome,
    RetireAccount,
    Unavailable,
    Write,
)

Completion = Callable[[Outcome], None]

NO_VALUES: dict[str, str | int | float] = {
    "name": "",
    "room": "",
    "detail": "",
    "seconds": 1,
    "bytes": limits.FRAME_BYTES_MAX,
    "depth": limits.NESTING_MAX,
    "characters": limits.PASSWORD_CHARACTERS_MIN,
}
"""What the texts of errors may name, where a refusal does not say."""

RETRY_SECONDS = 1.0
"""Until something the store could not do is asked of it again."""


class Chat:
    """State and machinery of one node."""

    def __init__(
        self,
        contents: Contents,
        *,
        limits: Limits,
        ids: IdSource,
        now: Instant,
        reports: bool,
    ) -> None:
        self.limits = limits
        self.ids = ids
        self.reports = reports
        """Whether anybody reads `Report`s."""
        self.now = now
        self.sessions: dict[ConnectionId, Session] = {}
        self.accounts = Accounts(ids.digest)
        self.hall = Hall()
        self.presence = Presence()
        self.requests = count(1)
        self.pump = Pump(self.accounts.get, self.requests)
        self.strangers = 0
        """Connections that are nobody yet."""
        self.stopping = False
        self.effects: list[Effect] = []
        self.writes: list[Write] = []
        self._completions: deque[Completion] = deque()
        self._lines: dict[ConversationId, list[Line]] = {}
        """Entries that the logs have taken and nobody was told of yet."""
        self._ready: list[tuple[Session, events.AnyEvent | events.Result]] = []
        """Replies that leave once those entries have."""
        self.idle: dict[ConnectionId, Session] = {}
        """Sessions whose waiting actions may be taken up."""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_order = count()
        self._restore(contents)

    def _restore(self, contents: Contents) -> None:
        for stored_account in contents.accounts:
            self.accounts.restore(stored_account)
        for retired in contents.retired:
            self.accounts.restore_retired(retired)
        for device in contents.devices:
            self.accounts.restore_device(device)
        for stored in contents.conversations:
            log = Log(stored.head, stored.ordinal)
            if stored.kind is Kind.ROOM:
                self.hall.add_room(
                    Room(stored.conversation, log, parse_room(stored.shown), stored.topic)
                )
            else:
                self._open(stored.conversation, log)
        for member in contents.members:
            account = self.accounts.get(member.account)
            room = self.hall.by_id[member.conversation]
            if account is not None and isinstance(room, Room):
                room.members[account.id] = member.since
                account.rooms[room.id] = None
        for marker in contents.markers:
            account = self.accounts.get(marker.account)
            if account is not None:
                account.markers[marker.conversation] = ReadMarker(marker.through, marker.ordinal)

    def _open(self, id: ConversationId, log: Log) -> Conversation | None:
        """Take up a direct conversation or an own log; None when its people are no more."""
        if is_own_log(id):
            owner = self.accounts.get(AccountId(int(id[1:])))
            if owner is None or owner.retired:
                return None
            conversation: Conversation = OwnLog(id, log, owner, self.hall)
        else:
            assert is_direct(id)
            one, other = (self.accounts.get(account) for account in direct_accounts(id))
            if one is None or other is None or (one.retired and other.retired):
                return None
            conversation = Direct(id, log, one, other)
            for account in (one, other):
                account.directs = account.directs or {}
                account.directs[id] = None
        self.hall.by_id[id] = conversation
        return conversation

    # -- Finding what an action names ----------------------------------------------------------

    def find_room(self, spelled: str) -> Room | None:
        """Return the room of a name, however it is spelled; None when there is none."""
        try:
            return self.hall.rooms.get(parse_room(spelled).key)
        except NameRefused:
            return None

    def find_account(self, spelled: str) -> Account | None:
        """Return who has a name, however it is spelled; None for nobody.

        `name~tag` is that very account, also when it is retired.
        """
        name, separator, tagged = spelled.partition(TAG_SEPARATOR)
        try:
            key = parse_name(name).key
        except NameRefused:
            return None
        return self.accounts.tagged(key, tagged) if separator else self.accounts.find(key)

    def find_conversation(
        self, account: Account, room: str | None, with_: str | None
    ) -> Conversation | Refusal:
        """Return the conversation that an action names and its asker may see, or why not.

        A room that is not there and one that the asker is not in are refused alike.
        """
        if room is not None and with_ is not None:
            return Refusal(Code.BAD_FIELD, {"detail": "room, with"})
        if with_ is not None:
            other = self.find_account(with_)
            if other is None:
                return Refusal(Code.NO_SUCH_USER, {"name": with_})
            found = self.hall.by_id.get(direct_id(account.id, other.id))
            if found is None:
                # Nothing was said yet: an empty conversation, kept nowhere.
                found = Direct(direct_id(account.id, other.id), Log(Seq(0), 0), account, other)
            return found
        named = self.hall.common if room is None else self.find_room(room)
        if named is None or not policy.visible(account, named):
            return Refusal(Code.NOT_A_MEMBER, {"room": room or ""})
        return named

    # -- Writing -------------------------------------------------------------------------------

    def write(self, write: Write, completion: Completion) -> None:
        """Ask the store for a write; its outcome goes to `completion`, in the order of writes."""
        self.writes.append(write)
        self._completions.append(completion)

    def append(
        self,
        account: Account,
        conversation: ConversationId,
        body: entries.AnyBody,
        id: str | None,
        completion: Completion,
    ) -> None:
        """Ask the store for an entry of an account's."""
        self.write(
            Append(
                conversation=conversation,
                account=account.id,
                name=account.shown,
                id=id,
                at=self.now.wall,
                body=body,
            ),
            completion,
        )

    def append_for(
        self,
        session: Session,
        conversation: ConversationId,
        body: entries.AnyBody,
        action: AnyAction,
        after: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Ask the store for the entry that an action of a session comes to, and answer it.

        The entry itself is the answer where the session gets its own; `stored` where it does not or
        where it was written before; else an error. `after` hears the outcome first.
        """
        assert session.account is not None
        session.writes_sent += 1

        def done(outcome: Outcome) -> None:
            if after is not None:
                after(outcome)
            # An entry that the sender will hear itself is all the answer there is.
            if type(outcome) is Appended and (session.echo or action.id is None):
                self.take(outcome.entry)
                self.written(session, None)
            else:
                self._answer_write(session, conversation, body, action, outcome)

        self.append(session.account, conversation, body, action.id, done)

    def _answer_write(
        self,
        session: Session,
        conversation: ConversationId,
        body: entries.AnyBody,
        action: AnyAction,
        outcome: Outcome,
    ) -> None:
        match outcome:
            case Appended(entry):
                self.take(entry)
                assert action.id is not None
                self.written(session, self.stored(session, entry, action.id))
            case Known(entry):
                self.written(session, self.known(session, entry, conversation, body))
            case Missing():
                refusal = Refusal(Code.NO_SUCH_ROOM, {"room": ""})
                self.written(session, self.error(session, refusal, action.id))
            case _:
                assert isinstance(outcome, Unavailable)
                self.written(session, self.error(session, Refusal(Code.UNAVAILABLE), action.id))

    def known(
        self,
        session: Session,
        entry: entries.Entry,
        conversation: ConversationId,
        body: entries.AnyBody,
    ) -> events.Stored | events.Error:
        """Return the answer to a write whose id was used before: where it is, if it is the same."""
        assert entry.id is not None
        assert session.account is not None
        there = self._same_place(session.account, entry.conversation, conversation)
        if there and self._same(entry.body, body):
            return self.stored(session, entry, entry.id)
        return self.error(session, Refusal(Code.ID_CONFLICT), entry.id)

    def _same_place(self, account: Account, one: ConversationId, other: ConversationId) -> bool:
        """Say whether two conversations are one, or with two people who had one name in turn.

        A whisper may be retried after its guest has gone and another has the name: it was for the
        first, is there, and is not said to the second.
        """
        if one == other:
            return True
        was, now = self.hall.by_id.get(one), self.hall.by_id.get(other)
        if not isinstance(was, Direct) or not is_direct(other):
            return False
        if isinstance(now, Direct):
            peer: Account | None = now.peer(account)
        else:
            lower, higher = direct_accounts(other)
            peer = self.accounts.get(higher if lower == account.id else lower)
        return peer is not None and was.peer(account).name.key == peer.name.key

    @staticmethod
    def _same(written: entries.AnyBody, asked: entries.AnyBody) -> bool:
        if isinstance(written, entries.Read) and isinstance(asked, entries.Read):
            return (written.conversation, written.through) == (asked.conversation, asked.through)
        return written == asked

    def refuse_write(
        self, session: Session, action: AnyAction, refusal: Refusal, body: entries.AnyBody
    ) -> None:
        """Refuse a write, unless it was done before: a retry is told so whatever has changed since.

        Somebody may have written to a room, lost the line before the answer, and left the room.
        `body` is what was to be written; where is not compared, for it may be no more.
        """
        account = session.account
        if action.id is None or account is None:
            self.reply(session, self.error(session, refusal, action.id))
            return
        session.writes_sent += 1
        id = action.id

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Known):
                conversation, written = outcome.entry.conversation, outcome.entry.body
                asked = body
                if isinstance(written, entries.Read) and isinstance(asked, entries.Read):
                    asked = entries.Read(written.conversation, asked.through)
                self.written(session, self.known(session, outcome.entry, conversation, asked))
            elif isinstance(outcome, Unavailable):
                self.written(session, self.error(session, Refusal(Code.UNAVAILABLE), id))
            else:
                self.written(session, self.error(session, refusal, id))

        self.write(Find(account.id, id), done)

    def stored(self, session: Session, entry: entries.Entry, id: str) -> events.Stored:
        """Return the event that tells a session where its write is."""
        assert session.account is not None
        conversation = self.hall.by_id.get(entry.conversation)
        label = conversation.label(session.account) if conversation else {}
        return events.Stored(
            id=id,
            seq=entry.seq,
            room=label.get("room"),
            to=label.get("with_"),
            log=label.get("log"),
        )

    # -- Outcomes ------------------------------------------------------------------------------

    def committed(self, outcome: Outcome) -> None:
        """Hand an outcome to what waits for the oldest write."""
        self._completions.popleft()(outcome)

    @property
    def writing(self) -> bool:
        """Whether the store owes an outcome."""
        return bool(self._completions)

    def take(self, entry: entries.Entry) -> None:
        """Let the logs take an entry that the store has made durable."""
        conversation = self.hall.by_id.get(entry.conversation)
        if conversation is None:
            conversation = self._open(entry.conversation, Log(Seq(entry.seq - 1), 0))
            if conversation is None:
                return
            self._attach_people(conversation)
        # What the entry tells of a marker depends on it, so the marker moves first.
        if isinstance(entry.body, entries.Read):
            self._move_marker(conversation, entry.body)
        event = conversation.tell(entry)
        bounds = self.limits
        conversation.log.append(entry, event, bounds.window_entries, bounds.window_bytes_max)
        self._lines.setdefault(conversation.id, []).append((entry, event))

    def _attach_people(self, conversation: Conversation) -> None:
        """Let everyone connected whom a new conversation concerns hear it from its beginning."""
        if isinstance(conversation, Direct):
            people = {a.id: a for a in (conversation.one, conversation.other)}
        else:
            assert isinstance(conversation, OwnLog)
            people = {conversation.owner.id: conversation.owner}
        for account in people.values():
            for session in account.sessions:
                if session.modern:
                    listed = self.snapshot(account, conversation, conversation.log.head)
                    begun = events.Conversations(conversations=[listed])
                    self.effects.append(Deliver((session.connection,), [begun]))
                self.attach(session, conversation, conversation.log.head)

    def snapshot(
        self, account: Account, conversation: Conversation, cursor: Seq
    ) -> events.Conversation:
        """Return how a conversation stands for an account whose delivery begins after `cursor`."""
        marker = account.marker(conversation.id)
        own = isinstance(conversation, OwnLog)
        return events.Conversation(
            **conversation.label(account),
            tag=tag(conversation.peer(account).id) if isinstance(conversation, Direct) else None,
            head=conversation.log.head,
            cursor=cursor,
            read=marker.through,
            unread=0 if own else marker.unread(conversation.log.ordinal),
            topic=(conversation.topic or None) if isinstance(conversation, Room) else None,
        )

    def attach(self, session: Session, conversation: Conversation, after: Seq) -> None:
        """Let a session hear a conversation from after a seq on, if its account may."""
        assert session.account is not None
        assert policy.visible(session.account, conversation)
        self.pump.attach(conversation, session, after, self.limits, self.effects)

    def _move_marker(self, conversation: Conversation, body: entries.Read) -> None:
        assert isinstance(conversation, OwnLog)
        account = conversation.owner
        marker = account.marker(body.conversation)
        if body.through > marker.through:
            account.markers[body.conversation] = ReadMarker(body.through, body.ordinal)

    def flush(self) -> None:
        """Announce the entries taken, then let the replies go that waited for them."""
        lines, self._lines = self._lines, {}
        for id, taken in lines.items():
            conversation = self.hall.by_id[id]
            if isinstance(conversation, Room):
                self._announce_room(conversation, taken)
            else:
                self.pump.announce(conversation, taken, self.effects)
        ready, self._ready = self._ready, []
        for session, event in ready:
            self._send(session, event)

    def _announce_room(self, room: Room, lines: list[Line]) -> None:
        """Announce entries to those who are members at each one's own seq."""
        run: list[Line] = []
        for line in lines:
            entry = line[0]
            body = entry.body
            if isinstance(body, entries.Message | entries.Topic):
                if isinstance(body, entries.Topic):
                    room.topic = body.text
                run.append(line)
                continue
            if run:
                self.pump.announce(room, run, self.effects)
                run = []
            self._change_members(room, entry)
            self.pump.announce(room, [line], self.effects)
        if run:
            self.pump.announce(room, run, self.effects)

    def _change_members(self, room: Room, entry: entries.Entry) -> None:
        account = self.accounts.get(entry.account)
        if isinstance(entry.body, entries.Left):
            room.leaving.discard(entry.account)
            room.members.pop(entry.account, None)
            if account is not None:
                account.rooms.pop(room.id, None)
                account.markers.pop(room.id, None)
                for session in account.sessions:
                    if room in session.attached:
                        self.pump.detach(room, session)
                self.append(
                    account, own_log_id(account.id), entries.RoomLeft(room.id), None, self.told
                )
            return
        assert isinstance(entry.body, entries.Joined | entries.Created)
        room.joining.discard(entry.account)
        if account is None:
            return
        room.members[account.id] = entry.seq
        account.rooms[room.id] = None
        account.markers[room.id] = ReadMarker(entry.seq, entry.ordinal)
        for session in account.sessions:
            self._attach_member(room, session, entry)
        self.append(account, own_log_id(account.id), entries.RoomJoined(room.id), None, self.told)

    def _attach_member(self, room: Room, session: Session, entry: entries.Entry) -> None:
        """Let a new member hear the room from its own joining on.

        The log may be further by now, in the same step; then it follows by the window.
        """
        if room in session.attached:
            return
        assert session.account is not None
        before = events.Conversation(
            head=entry.seq,
            cursor=entry.seq - 1,
            read=entry.seq,
            unread=0,
            topic=room.topic or None,
            room=room.shown,
        )
        if session.modern:
            self.effects.append(
                Deliver((session.connection,), [events.Conversations(conversations=[before])])
            )
        session.attached.append(room)
        if session.window_open:
            room.group(session)[session.connection] = session
        else:
            self.pump.lag(room, session, Seq(entry.seq - 1))

    def told(self, outcome: Outcome) -> None:
        """Complete a write that nobody waits for."""
        if isinstance(outcome, Appended):
            self.take(outcome.entry)

    # -- Replies -------------------------------------------------------------------------------

    def reply(self, session: Session, event: events.AnyEvent | events.Result) -> None:
        """Answer a session once everything it wrote before has its outcome."""
        if not session.open():
            return
        if session.writes_sent == session.writes_done and not session.waiting:
            self._send(session, event)
            return
        if session.waiting is None:
            session.waiting = deque()
        session.waiting.append((session.writes_sent, event))

    def written(self, session: Session, event: events.AnyEvent | events.Result | None) -> None:
        """One more write of a session has its outcome; `event` answers it."""
        session.writes_done += 1
        if event is not None:
            self._ready.append((session, event))
        waiting = session.waiting
        while waiting and waiting[0][0] <= session.writes_done:
            self._ready.append((session, waiting.popleft()[1]))
        if session.held or session.backlog:
            self.idle[session.connection] = session

    def _send(self, session: Session, event: events.AnyEvent | events.Result) -> None:
        if not session.open():
            return
        self.effects.append(Send(session.connection, event))
        if isinstance(event, events.Bye):
            self.drain(session, None if event.code is None else Code(event.code))

    def error(self, session: Session, refusal: Refusal, id: str | None = None) -> events.Error:
        """Return the event that refuses an action, in the session's language."""
        seconds = refusal.values.get("seconds")
        return events.Error(
            text=say(f"error.{refusal.code}", session.language, **(NO_VALUES | refusal.values)),
            code=refusal.code,
            id=id if id is not None else refusal.id,
            retry_after=float(seconds) if refusal.code is Code.RATE_LIMITED and seconds else None,
        )

    def violate(self, session: Session, code: Code, **values: str | int | float) -> None:
        """End a connection that broke a rule: say why, send what waits, close."""
        if not session.open():
            return
        error = self.error(session, Refusal(code, values))
        self._send(session, events.Bye(text=error.text, code=code))

    def drain(self, session: Session, code: Code | None = None) -> None:
        """Close a session once what it was sent has left."""
        self.part(session)
        session.move(Trigger.DRAIN)
        self.effects.append(Close(session.connection, code))

    def part(self, session: Session) -> None:
        """Take a session out of everything it is in; its account goes offline with the last."""
        if session.state is State.LIVE and not session.modern:
            self._count_as_read(session)
        for conversation in tuple(session.attached):
            self.pump.detach(conversation, session)
        if session.device is not None and session.device.session is session:
            session.device.session = None
        account = session.account
        if session.state is not State.LIVE or account is None:
            return
        account.sessions.remove(session)
        if account.sessions:
            return
        account.away = None
        self.presence.leave(account, self.now.elapsed)
        self.report("report.left", name=account.shown)
        if account.password_hash is None:
            self.hold(account)

    def _count_as_read(self, session: Session) -> None:
        """Mark as read what a client of 2022 was sent, for it cannot say so, and may come back."""
        account = session.account
        if account is None or account.password_hash is None:
            return
        for direct in session.attached:
            if isinstance(direct, Direct):
                lagging = direct.audience.lagging.get(session.connection)
                sent = lagging[1].sent if lagging is not None else direct.log.head
                if sent > account.marker(direct.id).through:
                    read = entries.Read(direct.id, sent)
                    self.append(account, own_log_id(account.id), read, None, self.told)

    # -- Guests --------------------------------------------------------------------------------

    def hold(self, account: Account) -> None:
        """Keep a guest's name for its devices for a while; without any it goes at once."""
        seconds = self.limits.guest_hold_seconds if account.devices else 0.0
        account.hold_until = self.now.elapsed + seconds
        if seconds:
            self.at(account.hold_until, lambda: self._end_hold(account))
        else:
            self._end_hold(account)

    def _end_hold(self, account: Account) -> None:
        due = account.hold_until is not None and account.hold_until <= self.now.elapsed
        if not due or account.online or account.retiring or account.retired:
            return
        account.retiring = True
        for id in account.rooms:
            room = self.hall.by_id[id]
            assert isinstance(room, Room)
            if account.id not in room.leaving:
                self.append(account, id, entries.Left(), None, self.told)
        self.write(RetireAccount(account.id), lambda outcome: self._retired(account, outcome))

    def _retired(self, account: Account, outcome: Outcome) -> None:
        if isinstance(outcome, Unavailable):
            account.retiring = False
            self.at(self.now.elapsed + RETRY_SECONDS, lambda: self._end_hold(account))
            return
        self.flush()
        # They went while they joined or made these: nobody stays behind in a room.
        for room in account.rooms:
            self.append(account, room, entries.Left(), None, self.told)
        self.accounts.retire(account)
        self.hall.by_id.pop(own_log_id(account.id), None)
        for id in tuple(account.directs or ()):
            direct = self.hall.by_id[id]
            assert isinstance(direct, Direct)
            peer = direct.peer(account)
            if peer is account or peer.retired:
                self._forget_direct(direct)
            else:
                self._relabel(direct, peer)
        if not account.directs and self.accounts.get(account.id) is account:
            self.accounts.forget(account)

    def _relabel(self, direct: Direct, peer: Account) -> None:
        """Tell who is left how their conversation is called, now that the name is free again."""
        # What memory holds was told under the name alone; the store's entries will not be.
        direct.log.forget()
        own = self.hall.by_id.get(own_log_id(peer.id))
        if own is not None:
            own.log.forget()
        for session in peer.sessions:
            if session.modern and direct in session.attached:
                lagging = direct.audience.lagging.get(session.connection)
                cursor = lagging[1].sent if lagging is not None else direct.log.head
                listed = events.Conversations(conversations=[self.snapshot(peer, direct, cursor)])
                self.effects.append(Deliver((session.connection,), [listed]))

    def _forget_direct(self, direct: Direct) -> None:
        """Drop a direct conversation whose people are both gone; its entries stay stored."""
        del self.hall.by_id[direct.id]
        for account in (direct.one, direct.other):
            if account.directs:
                account.directs.pop(direct.id, None)
                if account.retired and not account.directs and self.accounts.get(account.id):
                    self.accounts.forget(account)

    # -- Time, and the terminal ----------------------------------------------------------------

    def at(self, time: float, act: Callable[[], None]) -> None:
        """Have something done at a time of the elapsed clock, or soon after."""
        heappush(self._timers, (time, next(self._timer_order), act))

    def run_timers(self) -> None:
        """Do what is due."""
        while self._timers and self._timers[0][0] <= self.now.elapsed:
            heappop(self._timers)[2]()

    def next_timer(self) -> float | None:
        """Return when something is next due."""
        return self._timers[0][0] if self._timers else None

    def report(self, what: str, **values: str | int) -> None:
        """Tell the operator, if anybody reads it."""
        if self.reports:
            self.effects.append(Report(what, values))

    def release(self, session: Session) -> None:
        """Hear a session again that was held."""
        session.held = False
        self.effects.append(Release(session.connection))

    def take_effects(self) -> list[Effect]:
        """Return the effects of this step, its writes as one commit first, and begin anew.

        The commit stands first so that the disk works while the rest is written to sockets.
        """
        effects, self.effects = self.effects, []
        if self.writes:
            effects.insert(0, Commit(self.writes))
            self.writes = []
        return effects
