"""Membership: what a room's entries make of its people, and who hears each of them.

Owns the fold: an entry that changes who may do what changes it here, at its own seq and nowhere
else, so that whoever reads the log knows the same. Owns what follows without anybody's asking: an
owner who goes has a successor, a room that nobody is in is closed, those who moderate the server
are in `#moderators`, and what has an end ends, by an entry of the server's own.
"""

from molva.core import policy
from molva.core.accounts import Account
from molva.core.chat import RETRY_SECONDS, Chat
from molva.core.conversation import Room, Sentence
from molva.core.cursor import ReadMarker
from molva.core.effects import Deliver
from molva.core.log import Line
from molva.core.rooms import abandon, change_unasked, close
from molva.core.session import Session
from molva.terms import entries, events
from molva.terms.entries import Entry
from molva.terms.errors import Code
from molva.terms.ids import AccountId, Seq, own_log_id
from molva.terms.ports import Outcome, Unavailable
from molva.terms.roles import OPEN_KINDS, Role

TOLD_ONLY = frozenset(
    (
        entries.Message,
        entries.Removed,
        entries.Restored,
        entries.Reported,
        entries.Departed,
    )
)
"""Entries that change nothing here: the chat has drawn their consequences."""

REPORTED: dict[type[entries.Body], str] = {
    entries.Kicked: "report.kicked",
    entries.Banned: "report.banned",
    entries.Unbanned: "report.unbanned",
    entries.Muted: "report.muted",
    entries.Unmuted: "report.unmuted",
    entries.RoleSet: "report.role",
}


class Membership:
    """The fold of all rooms."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def restore(self) -> None:
        """Do what was left undone when the server last ended."""
        hall = self._chat.hall
        for account in tuple(self._chat.accounts):
            self.seat(account)
        for room in tuple(hall.by_id.values()):
            if not isinstance(room, Room):
                continue
            if not (room.members or room.common or room is hall.staff):
                close(self._chat, room)
                abandon(self._chat, room)
                continue
            self._succeed(room)
            for id, sentence in room.muted.items():
                self._arm(room, sentence, account=id)
            for id, sentence in room.banned.items():
                self._arm(room, sentence, account=id)
        for address, sentence in self._chat.range_sentences.items():
            self._arm(hall.common, sentence, address=address)

    def announce(self, room: Room, lines: list[Line]) -> None:
        """Tell a room's new entries, each to those who are members at its own seq."""
        chat = self._chat
        run: list[Line] = []
        for line in lines:
            entry = line[0]
            if type(entry.body) in TOLD_ONLY:
                run.append(line)
                continue
            if run:
                chat.pump.announce(room, run, chat.effects)
                run = []
            self._fold(room, entry)
            if chat.reports:
                self._report(room, entry)
            chat.pump.announce(room, [line], chat.effects)
        if run:
            chat.pump.announce(room, run, chat.effects)

    def _tell_name(self, room: Room) -> None:
        """Tell who is behind how a room is called: what they missed is told under that name."""
        chat = self._chat
        for session, cursor in room.audience.lagging.values():
            if session.modern and session.account is not None:
                listed = chat.snapshot(session.account, room, cursor.sent)
                named = events.Conversations(conversations=[listed])
                chat.effects.append(Deliver((session.connection,), [named]))

    def _fold(self, room: Room, entry: Entry) -> None:
        match entry.body:
            case entries.Topic(text=text):
                room.topic = text
            case entries.Renamed():
                self._tell_name(room)
            case entries.Created():
                room.roles[entry.account] = Role.OWNER
                self._enter(room, entry.account, entry)
            case entries.Joined():
                self._enter(room, entry.account, entry)
            case entries.Added(account=id):
                self._enter(room, id, entry)
            case entries.Left():
                self._leave(room, entry.account, entry, "left")
            case entries.Kicked(account=id):
                self._kick(room, id, entry)
            case entries.Banned():
                self._ban(room, entry, entry.body)
            case entries.Unbanned(account=id, address=address):
                self._unban(room, id, address)
            case entries.Muted(account=id, until=until, reason=reason):
                sentence = room.muted[id] = Sentence(until, reason)
                self._arm(room, sentence, account=id)
            case entries.Unmuted(account=id):
                room.muted.pop(id, None)
            case entries.RoleSet(account=id, role=role):
                self._give(room, id, role)
            case entries.ModeSet():
                self._set_mode(room, entry, entry.body)
            case entries.Invited(account=id):
                self._invite(room, id, entry)
            case _:
                raise AssertionError(f"a room holds no {type(entry.body).__name__}")

    def _report(self, room: Room, entry: Entry) -> None:
        """Show the operator what moderators do."""
        kind = type(entry.body)
        what = REPORTED.get(kind)
        if what is not None:
            name = getattr(entry.body, "name", "") or getattr(entry.body, "address", None) or ""
            self._chat.report(what, by=entry.name, name=name, room=room.shown)

    # -- Coming and going ----------------------------------------------------------------------

    def _enter(self, room: Room, id: AccountId, entry: Entry) -> None:
        chat = self._chat
        room.joining.discard(id)
        room.invited.pop(id, None)
        account = chat.accounts.get(id)
        if account is None:
            return
        if account.invited is not None:
            account.invited.pop(room.id, None)
        if id in room.members:
            return
        room.members[id] = entry.seq
        account.rooms[room.id] = None
        account.markers[room.id] = ReadMarker(entry.seq, entry.ordinal)
        for session in account.sessions:
            self._attach(room, session, entry)
        joined = entries.RoomJoined(room.id, room.shown)
        chat.append(account, own_log_id(id), joined, None, chat.told)

    def _attach(self, room: Room, session: Session, entry: Entry) -> None:
        """Let a new member hear the room from its own joining on.

        The log may be further by now, in the same step; then it follows by the window.
        """
        chat = self._chat
        assert session.account is not None
        assert room not in session.attached
        if session.modern:
            listed = chat.room_snapshot(
                session.account, room, entry.seq, Seq(entry.seq - 1), entry.seq, 0
            )
            told = events.Conversations(conversations=[listed])
            chat.effects.append(Deliver((session.connection,), [told]))
        session.attached.append(room)
        if session.window_open:
            room.group(session)[session.connection] = session
        else:
            chat.pump.lag(room, session, Seq(entry.seq - 1))

    def _leave(self, room: Room, id: AccountId, entry: Entry, cause: str) -> None:
        chat = self._chat
        room.leaving.discard(id)
        was_member = room.members.pop(id, None) is not None
        room.roles.pop(id, None)
        room.muted.pop(id, None)
        room.invited.pop(id, None)
        room.said_at.pop(id, None)
        account = chat.accounts.get(id)
        if account is not None:
            account.rooms.pop(room.id, None)
            account.markers.pop(room.id, None)
            if account.invited is not None:
                account.invited.pop(room.id, None)
            for session in account.sessions:
                if room in session.attached:
                    chat.pump.detach(room, session)
            if was_member:
                own = cause == "left"
                left = entries.RoomLeft(
                    room.id,
                    room.shown,
                    cause,
                    by="" if own else entry.name,
                    reason=getattr(entry.body, "reason", ""),
                )
                chat.append(account, own_log_id(id), left, None, chat.told)
        if room.members or room.id == chat.hall.staff.id:
            # In the next step: what is told in this one may put out who would be chosen now.
            chat.at(chat.now.elapsed, lambda: self._succeed(room))
        elif not room.common and room.id in chat.hall.by_id:
            close(chat, room)
        if room.id == chat.hall.staff.id and account is not None:
            self.seat(account)

    def _kick(self, room: Room, id: AccountId, entry: Entry) -> None:
        if not room.common:
            self._leave(room, id, entry, "kicked")
            return
        account = self._chat.accounts.get(id)
        reason = getattr(entry.body, "reason", "")
        for session in tuple(account.sessions if account is not None else ()):
            self._chat.violate(session, Code.KICKED, name=entry.name, reason=reason)

    def _succeed(self, room: Room) -> None:
        """Give a room that has lost its owner another: a moderator, or who is there longest."""
        chat = self._chat
        if room.common or room.id == chat.hall.staff.id or not room.members:
            return
        if Role.OWNER in room.roles.values():
            return
        if room.changing:
            # Who is chosen now may be put out by what is on its way.
            chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: self._succeed(room))
            return
        # Whoever is about to leave is no successor.
        stay = [id for id in room.members if id not in room.leaving]
        if not stay:
            # With the last of them the room is closed, unless they cannot leave after all.
            chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: self._succeed(room))
            return
        moderators = [id for id in stay if id in room.roles]

        def succeeded(outcome: Outcome) -> None:
            if isinstance(outcome, Unavailable):
                chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: self._succeed(room))

        heir = chat.accounts.get(min(moderators or stay, key=room.members.__getitem__))
        if heir is not None:
            body = entries.RoleSet(heir.id, heir.shown, Role.OWNER)
            change_unasked(chat, chat.accounts.operator, room, body, succeeded)

    # -- Bans and mutes ------------------------------------------------------------------------

    def _ban(self, room: Room, entry: Entry, body: entries.Banned) -> None:
        chat = self._chat
        sentence = Sentence(body.until, body.reason)
        if body.account is not None:
            room.banned[body.account] = sentence
            self._arm(room, sentence, account=body.account)
            if room.common:
                self._shut_out(room, body.account, sentence, devices=body.devices)
            else:
                self._leave(room, body.account, entry, "banned")
        if body.address is not None:
            chat.ranges.add(body.address)
            chat.range_sentences[body.address] = sentence
            self._arm(room, sentence, address=body.address)
            for session in tuple(chat.sessions.values()):
                staff = session.account is not None and (
                    session.account.role.rank >= Role.MODERATOR.rank
                )
                if not staff and chat.ranges.cover(session.address):
                    self._end(session, sentence)

    def _shut_out(self, room: Room, id: AccountId, sentence: Sentence, *, devices: bool) -> None:
        """Let somebody banned from the server go, at once."""
        chat = self._chat
        account = chat.accounts.get(id)
        self._give(room, id, Role.MEMBER if account is None else _plain_role(account))
        if account is None:
            return
        for session in tuple(account.sessions):
            self._end(session, sentence)
        if devices:
            chat.accounts.bar(account)

    def _end(self, session: Session, sentence: Sentence) -> None:
        values = self._chat.sentence(session, sentence)
        self._chat.violate(session, Code.BANNED, **values)

    def _unban(self, room: Room, id: AccountId | None, address: str | None) -> None:
        chat = self._chat
        if id is not None:
            room.banned.pop(id, None)
            if room.common:
                chat.accounts.unbar(id)
                account = chat.accounts.get(id)
                if account is not None and account.passing and not account.online:
                    chat.hold(account)
        if address is not None and room.common:
            chat.ranges.discard(address)
            chat.range_sentences.pop(address, None)

    def _arm(
        self,
        room: Room,
        sentence: Sentence,
        *,
        account: AccountId | None = None,
        address: str | None = None,
    ) -> None:
        """Have a ban or a mute end in time."""
        if sentence.until is None:
            return
        now = self._chat.now
        due = now.elapsed + max(0, sentence.until - now.wall) / 1000
        self._chat.at(due, lambda: self._lift(room, sentence, account, address))

    def _lift(
        self, room: Room, sentence: Sentence, id: AccountId | None, address: str | None
    ) -> None:
        """Write that a ban or a mute is over, unless it is so already or another took its place."""
        chat = self._chat
        body: entries.AnyBody
        if room.changing:
            # What is on its way may put another in its place, or end it.
            again = chat.now.elapsed + RETRY_SECONDS
            chat.at(again, lambda: self._lift(room, sentence, id, address))
            return
        if address is not None:
            if chat.range_sentences.get(address) is not sentence:
                return
            body = entries.Unbanned(address=address, over=True)
        else:
            assert id is not None
            account = chat.accounts.get(id)
            name = account.label if account is not None else ""
            if room.muted.get(id) is sentence:
                body = entries.Unmuted(id, name, over=True)
            elif room.banned.get(id) is sentence:
                body = entries.Unbanned(id, name, over=True)
            else:
                return

        def lifted(outcome: Outcome) -> None:
            chat.told(outcome)
            if isinstance(outcome, Unavailable):
                again = chat.now.elapsed + RETRY_SECONDS
                chat.at(again, lambda: self._lift(room, sentence, id, address))

        chat.append(chat.accounts.operator, room.id, body, None, lifted)

    # -- Roles and rules -----------------------------------------------------------------------

    def _give(self, room: Room, id: AccountId, role: Role) -> None:
        chat = self._chat
        if role.rank > Role.MEMBER.rank:
            room.roles[id] = role
        else:
            room.roles.pop(id, None)
        account = chat.accounts.get(id)
        if not room.common or account is None or account.retired:
            return
        if account.password_hash is None:
            account.guest = role is Role.GUEST
        account.role = role if role.rank > Role.MEMBER.rank else _plain_role(account)
        self.seat(account)
        if account.passing and not account.online and account.id not in room.banned:
            chat.hold(account)

    def seat(self, account: Account) -> None:
        """Let who moderates the server into `#moderators`, and who does no more out of it."""
        chat = self._chat
        staff = chat.hall.staff
        belongs = account.role.rank >= Role.MODERATOR.rank
        if account.retiring or account.retired or belongs == (account.id in staff.members):
            return
        if account.id in staff.joining or account.id in staff.leaving:
            # Looked at again when that is answered.
            return
        body: entries.AnyBody
        if belongs:
            body = entries.Added(account.id, account.shown)
        else:
            body = entries.Kicked(account.id, account.shown)
        under_way = staff.joining if belongs else staff.leaving
        under_way.add(account.id)

        def seated(outcome: Outcome) -> None:
            chat.told(outcome)
            if isinstance(outcome, Unavailable):
                under_way.discard(account.id)
                chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: self.seat(account))

        chat.append(chat.accounts.operator, staff.id, body, None, seated)

    def _set_mode(self, room: Room, entry: Entry, body: entries.ModeSet) -> None:
        if body.slow_seconds is not None:
            room.slow_seconds = body.slow_seconds
            room.said_at.clear()
        if body.frozen is not None:
            room.frozen = body.frozen
        if body.room_kind is not None:
            room.kind = body.room_kind
            if room.kind not in OPEN_KINDS:
                room.open_from = None
            elif room.open_from is None:
                room.open_from = entry.seq
            self._raise_cursors(room)

    def _raise_cursors(self, room: Room) -> None:
        """Name by a `gap` what those behind may not see any more."""
        chat = self._chat
        for session, cursor in room.audience.lagging.values():
            assert session.account is not None
            first = policy.floor(session.account, room)
            assert first is not None
            if cursor.sent < first - 1:
                label = room.label(session.account)
                gap = events.Gap(after=cursor.sent, through=Seq(first - 1), **label)
                chat.effects.append(Deliver((session.connection,), [gap]))
                cursor.advance(Seq(first - 1))

    def _invite(self, room: Room, id: AccountId, entry: Entry) -> None:
        chat = self._chat
        account = chat.accounts.get(id)
        if account is None or id in room.members:
            return
        room.invited[id] = None
        account.invited = {**(account.invited or {}), room.id: None}
        if policy.hears(account, entry.account):
            told = entries.RoomInvited(room.id, entry.name, room.shown)
            chat.append(account, own_log_id(id), told, None, chat.told)


def _plain_role(account: Account) -> Role:
    return Role.GUEST if account.guest else Role.MEMBER
