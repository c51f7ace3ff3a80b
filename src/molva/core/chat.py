"""The chat: what all handlers share, and how anything leaves or is written.

Owns the sessions, accounts, conversations and presence of one node, the effects of the step under
way, and the order of replies. Handlers (in the files of their nouns) decide; this carries out.
Invariants: nothing is told before its outcome has come back from the store; replies to a connection
keep the order of its requests; outcomes are matched to writes in the order of the writes.
"""

from collections import deque
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from itertools import count

import msgspec

from molva.core import policy, retries
from molva.core.accounts import Account, Accounts
from molva.core.addresses import Ranges
from molva.core.conversation import Conversation, Direct, Hall, OwnLog, Room, Sentence
from molva.core.cursor import ReadMarker
from molva.core.effects import Close, Commit, Deliver, Effect, Load, Release, Report, Send
from molva.core.log import Line, Log
from molva.core.presence import Presence
from molva.core.pump import Pump
from molva.core.rate import Rates
from molva.core.session import Session, State, Trigger
from molva.terms import actions, entries, events, limits
from molva.terms.actions import AnyAction
from molva.terms.admission import Admission
from molva.terms.catalogue import Language, say
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
    room_tag,
    tag,
)
from molva.terms.instant import Instant, rfc3339
from molva.terms.limits import Limits
from molva.terms.names import NameRefused, parse_name, parse_room
from molva.terms.ports import (
    Append,
    Appended,
    Find,
    IdSource,
    Known,
    Missing,
    Outcome,
    Taken,
    Unavailable,
    Write,
)
from molva.terms.roles import Role, RoomKind

Completion = Callable[[Outcome], None]

NO_VALUES: dict[str, str | int | float] = {
    "name": "",
    "room": "",
    "detail": "",
    "seconds": 1,
    "bytes": limits.FRAME_BYTES_MAX,
    "depth": limits.NESTING_MAX,
    "characters": limits.PASSWORD_CHARACTERS_MIN,
    "until": "",
    "reason": "",
}
"""What the texts of errors may name, where a refusal does not say."""

WAITING = frozenset((Code.RATE_LIMITED, Code.SLOW_MODE))
"""Codes after which the same may succeed, and when that is is told."""

RETRY_SECONDS = 1.0
"""Until something the store could not do is asked of it again."""


PEOPLE_SHOWN_MAX = 8
"""People of a group whose names stand for it."""


def moment(milliseconds: int | None, language: Language) -> str:
    """Return the end of a ban or a mute in words."""
    if milliseconds is None:
        return say("until.ever", language)
    return say("until", language, time=rfc3339(milliseconds)[:16].replace("T", " "))


def _wordless(body: entries.AnyBody) -> entries.AnyBody:
    """Return what is left of a message: who did not hear it is not to see that it went."""
    return entries.Unheard("") if isinstance(body, entries.Unheard) else entries.Gone()


def _nothing_folded(room: Room, lines: list[Line]) -> None:
    raise AssertionError("nobody folds")


def _nothing_held(account: Account) -> None:
    raise AssertionError("nobody holds")


class Chat:
    """State and machinery of one node."""

    def __init__(
        self,
        *,
        limits: Limits,
        ids: IdSource,
        now: Instant,
        reports: bool,
        admission: Admission,
    ) -> None:
        self.limits = limits
        self.ids = ids
        self.reports = reports
        """Whether anybody reads `Report`s."""
        self.now = now
        self.sessions: dict[ConnectionId, Session] = {}
        self.accounts = Accounts(ids.digest, admission)
        self.rates = Rates()
        self.ranges = Ranges()
        """Addresses that nobody may come from."""
        self.range_sentences: dict[str, Sentence] = {}
        """The same, and how long each holds."""
        self.hall = Hall()
        self.presence = Presence()
        self.requests = count(1)
        self.pump = Pump(self.accounts.get, self.requests)
        self.strangers = 0
        """Connections that are nobody yet."""
        self.stopping = False
        self.fold: Callable[[Room, list[Line]], None] = _nothing_folded
        """Tells a room's entries, and lets them change who may do what: the hub puts it here."""
        self.hold: Callable[[Account], None] = _nothing_held
        """Begins the end of who cannot be left for good: the hub puts it here."""
        self.erasing: set[AccountId] = set()
        """Those whose words are being taken away."""
        self.erased: set[AccountId] = set()
        """Those whose words were, since when something loaded is on its way."""
        self.gone: set[tuple[ConversationId, Seq]] = set()
        """Messages that were taken away since then."""
        self.changing = 0
        """Changes of who may do what, in all rooms, that the store has not answered."""
        self.awaiting: dict[ConnectionId, Session] = {}
        """Sessions with actions that wait for such a change."""
        self.loading = 0
        """Loads that the store has not answered."""
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

    def open(self, id: ConversationId, log: Log) -> Conversation | None:
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
        return self.hall.find_room(spelled)

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
        if named is None or policy.floor(account, named) is None:
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
                self._answer_write(session, conversation, action, outcome)

        self.append(session.account, conversation, body, action.id, done)

    def _answer_write(
        self,
        session: Session,
        conversation: ConversationId,
        action: AnyAction,
        outcome: Outcome,
    ) -> None:
        match outcome:
            case Appended(entry):
                self.take(entry)
                assert action.id is not None
                self.written(session, self.stored(session, entry, action.id))
            case Known(entry):
                self.written(session, self.known(session, entry, conversation, action))
            case Missing():
                message = isinstance(action, actions.Remove | actions.Restore)
                code = Code.NO_SUCH_MESSAGE if message else Code.NO_SUCH_ROOM
                self.written(session, self.error(session, Refusal(code, {"room": ""}), action.id))
            case Taken():
                self.written(session, self.error(session, Refusal(Code.ROOM_EXISTS), action.id))
            case _:
                assert isinstance(outcome, Unavailable)
                self.written(session, self.error(session, Refusal(Code.UNAVAILABLE), action.id))

    def known(
        self,
        session: Session,
        entry: entries.Entry,
        conversation: ConversationId,
        action: AnyAction,
    ) -> events.Stored | events.Done | events.Error:
        """Return the answer to a write whose id was used before: where it is, if it is the same."""
        assert entry.id is not None
        assert session.account is not None
        there = self._same_place(session.account, entry.conversation, conversation)
        # Another room may be called by now as that one was, which is called otherwise.
        there = there or isinstance(action, actions.Join | actions.Leave)
        if there and retries.same(entry.body, action):
            if isinstance(action, actions.Report):
                # It is in a log that is not for its author's eyes.
                return events.Done(id=entry.id)
            return self.stored(session, entry, entry.id)
        return self.error(session, Refusal(Code.ID_CONFLICT), entry.id)

    def _same_place(self, account: Account, one: ConversationId, other: ConversationId) -> bool:
        """Say whether two conversations are one, or with two people who had one name in turn.

        A whisper may be retried after its guest has gone and another has the name: it was for the
        first, is there, and is not said to the second. So it is with a room that is closed, or is
        called otherwise by now.
        """
        if one == other:
            return True
        was, now = self.hall.by_id.get(one), self.hall.by_id.get(other)
        if isinstance(now, Room):
            if isinstance(was, Room):
                return now.name is not None and now.name.key in was.former
            return was is None and not (is_direct(one) or is_own_log(one))
        if not isinstance(was, Direct) or not is_direct(other):
            return False
        if isinstance(now, Direct):
            peer: Account | None = now.peer(account)
        else:
            lower, higher = direct_accounts(other)
            peer = self.accounts.get(higher if lower == account.id else lower)
        return peer is not None and was.peer(account).name.key == peer.name.key

    def refuse_write(self, session: Session, action: AnyAction, refusal: Refusal) -> None:
        """Refuse a write, unless it was done before: a retry is told so whatever has changed since.

        Somebody may have written to a room, lost the line before the answer, and left the room.
        Where it was written is not compared, for that may be no more.
        """
        self._answer_unless_known(session, action, self.error(session, refusal, action.id))

    def done_or_known(self, session: Session, action: AnyAction) -> None:
        """Answer a write that has nothing to do: where an earlier try did it, that is told."""
        self._answer_unless_known(session, action, events.Done(id=action.id))

    def _answer_unless_known(
        self, session: Session, action: AnyAction, answer: events.Done | events.Error
    ) -> None:
        account = session.account
        if action.id is None or account is None:
            self.reply(session, answer)
            return
        session.writes_sent += 1
        id = action.id

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Known):
                entry = outcome.entry
                self.written(session, self.known(session, entry, entry.conversation, action))
            elif isinstance(outcome, Unavailable):
                self.written(session, self.error(session, Refusal(Code.UNAVAILABLE), id))
            else:
                self.written(session, answer)

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
            conversation = self.open(entry.conversation, Log(Seq(entry.seq - 1), 0))
            if conversation is None:
                return
            self._attach_people(conversation)
        # What the entry tells of a marker depends on it, so the marker moves first.
        body = entry.body
        if type(body) is not entries.Message:
            self._before(conversation, body)
        event = conversation.tell(entry)
        bounds = self.limits
        conversation.log.append(entry, event, bounds.window_entries, bounds.window_bytes_max)
        self._lines.setdefault(conversation.id, []).append((entry, event))

    def _before(self, conversation: Conversation, body: entries.AnyBody) -> None:
        """Let an entry change what it is told by, and what the window still shows."""
        match body:
            case entries.Read():
                self._move_marker(conversation, body)
            case entries.Renamed(name=name) if isinstance(conversation, Room):
                # What came before is told under the name it had then, and so is who joined.
                self.flush()
                self.hall.rename_room(conversation, parse_room(name))
            case entries.Removed(target=target):
                self.gone.add((conversation.id, target))
                conversation.log.forget()
            case entries.Restored(target=target):
                self.gone.discard((conversation.id, target))
                conversation.log.forget()
            case entries.Departed(account=account, words=False):
                self.erasing.add(account)
                for each in self.hall.by_id.values():
                    each.log.forget()
            case entries.Blocked(account=account) if isinstance(conversation, OwnLog):
                conversation.owner.blocked = {**(conversation.owner.blocked or {}), account: None}
            case entries.Unblocked(account=account) if isinstance(conversation, OwnLog):
                if conversation.owner.blocked is not None:
                    conversation.owner.blocked.pop(account, None)
            case _:
                pass

    def masked(self, loaded: list[entries.Entry]) -> list[entries.Entry]:
        """Return what was loaded as it is to be shown now: something may have been taken away."""
        if not (self.gone or self.erasing or self.erased):
            return loaded
        return [
            msgspec.structs.replace(entry, body=_wordless(entry.body))
            if self._is_gone(entry)
            else entry
            for entry in loaded
        ]

    def _is_gone(self, entry: entries.Entry) -> bool:
        if not isinstance(entry.body, entries.Message | entries.Unheard):
            return False
        return (
            (entry.conversation, entry.seq) in self.gone
            or entry.account in self.erasing
            or entry.account in self.erased
        )

    def loads_ended(self) -> None:
        """One more load was answered; with the last, what it could have missed is forgotten."""
        self.loading -= 1
        if not self.loading:
            self.gone.clear()
            self.erased.clear()

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
        log = conversation.log
        if isinstance(conversation, Direct):
            peer = conversation.peer(account)
            return events.Conversation(
                with_=peer.label,
                tag=tag(peer.id),
                head=log.head,
                cursor=cursor,
                read=marker.through,
                unread=marker.unread(log.ordinal),
            )
        if isinstance(conversation, OwnLog):
            own = conversation.label(account)["log"]
            return events.Conversation(log=own, head=log.head, cursor=cursor, read=marker.through)
        assert isinstance(conversation, Room)
        return self.room_snapshot(
            account, conversation, log.head, cursor, marker.through, marker.unread(log.ordinal)
        )

    def room_snapshot(
        self, account: Account, room: Room, head: Seq, cursor: Seq, read: Seq, unread: int
    ) -> events.Conversation:
        """Return how a room stands for an account."""
        role = account.role if room.common else room.roles.get(account.id, Role.MEMBER)
        muted = room.muted.get(account.id)
        until = None if muted is None else muted.until
        return events.Conversation(
            room=room.shown,
            tag=None if room.name is None else room_tag(room.id),
            head=head,
            cursor=cursor,
            read=read,
            unread=unread,
            topic=room.topic or None,
            kind=None if room.kind is RoomKind.PUBLIC else room.kind,
            role=None if role is Role.MEMBER else role,
            people=self.people_of(room, account) if room.name is None else None,
            slow_seconds=room.slow_seconds or None,
            frozen=room.frozen or None,
            muted=None if muted is None else "" if until is None else rfc3339(until),
        )

    def people_of(self, room: Room, viewer: Account) -> list[str]:
        """Return the others in a group, as its first members are."""
        people = (self.accounts.get(id) for id in room.members if id != viewer.id)
        return [person.label for person in people if person is not None][:PEOPLE_SHOWN_MAX]

    def attach(self, session: Session, conversation: Conversation, after: Seq) -> None:
        """Let a session hear a conversation from after a seq on, if its account may."""
        assert session.account is not None
        floor = policy.floor(session.account, conversation)
        assert floor is not None
        self.pump.attach(conversation, session, after, self.limits, self.effects, floor=floor)

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
                self.fold(conversation, taken)
            else:
                self.pump.announce(conversation, taken, self.effects)
        ready, self._ready = self._ready, []
        for session, event in ready:
            self._send(session, event)

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

    def free(self, session: Session) -> None:
        """Let a session's next actions be taken up, once this one has been told."""
        session.busy = False
        self.idle[session.connection] = session

    def limited(self, limit: str, who: Hashable) -> Refusal | None:
        """Take one from whose bucket of a limit, by its name; return why not, or None."""
        wait = self.rates.wait(self.limits, limit, who, self.now.elapsed)
        return Refusal(Code.RATE_LIMITED, {"seconds": round(wait, 1)}) if wait else None

    def error(self, session: Session, refusal: Refusal, id: str | None = None) -> events.Error:
        """Return the event that refuses an action, in the session's language."""
        seconds = refusal.values.get("seconds")
        return events.Error(
            text=say(
                f"error.{refusal.code}", session.language, **(NO_VALUES | refusal.values)
            ).rstrip(),
            code=refusal.code,
            id=id if id is not None else refusal.id,
            retry_after=float(seconds) if refusal.code in WAITING and seconds else None,
        )

    def sentence(self, session: Session, sentence: Sentence | None) -> dict[str, str | int | float]:
        """Return what the text of a ban or a mute names: until when, and why."""
        if sentence is None:
            return {}
        until = moment(sentence.until, session.language)
        return {"until": until, "reason": sentence.reason}

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
        if account is self.accounts.operator:
            return
        self.presence.leave(account, self.now.elapsed)
        self.report("report.left", name=account.shown)
        if account.passing:
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
        self.loading += sum(type(effect) is Load for effect in effects)
        if self.writes:
            effects.insert(0, Commit(self.writes))
            self.writes = []
        return effects
