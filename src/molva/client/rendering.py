"""Rendering: entries and notices as lines of safe text.

Owns how an entry looks in a terminal without a screen layout, and that everything in it that came
from elsewhere is made safe. Refuses to know where lines are shown.

Invariants: every value put into a phrase passes `safe_line`, every message `safe_lines`; a message
of many lines cannot pass for several messages, because its further lines are marked.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from molva.client.commands import EVERYDAY, Verb
from molva.client.happenings import AnyList, AwayChanged, PresenceChanged, Welcomed
from molva.client.screen import Fragments
from molva.terms import events
from molva.terms.catalogue import Language, plural, say
from molva.terms.names import GENERAL
from molva.terms.roles import Role, RoomKind
from molva.wire.terminal import safe_line, safe_lines

MESSAGE_LINES_MAX: Final = 100
"""Lines of one message that are shown; the rest is counted."""

CONTINUED: Final = "      | "
"""Before the further lines of a message: no entry begins so."""

"""Who ends a ban or a mute whose time is up."""

USAGE_WIDTH_MAX: Final = 32
"""Columns for how a command is written; a longer one pushes its meaning aside."""

NAMES_SHOWN_MAX: Final = 50
"""Names in one line; the rest is counted."""


class Renderer:
    """Turns what happened into lines, in one language, for one reader."""

    def __init__(self, language: Language, *, today: str = "") -> None:
        """Render in `language`; `today`, as YYYY-MM-DD, is the day that need not be said."""
        self.language = language
        self.own_name = ""
        """Whose eyes these are; known once welcomed."""
        self.numbers = False
        """Whether each entry is shown with its number, by which it can be taken away."""
        self.label: Callable[[str], str] = str
        """How a room is called for people: a group is named by its people."""
        self._day = today

    def phrase(self, key: str, **values: object) -> str:
        """Return a text of the catalogue with safe values."""
        safe = {
            name: safe_line(value) if isinstance(value, str) else value
            for name, value in values.items()
        }
        return say(key, self.language, **safe)

    def note(self, key: str, *, style: str = "note", **values: object) -> Fragments:
        """Return a line of the catalogue's."""
        return [(style, self.phrase(key, **values))]

    def counted(self, key: str, number: int) -> str:
        """Return the form of a word of the catalogue (`chat.lines` …) that fits a number."""
        return plural(number, self.language, say(key, self.language))

    def names(self, names: list[str]) -> str:
        """Return names in a row, those too many as a number."""
        shown = ", ".join(safe_line(name) for name in names[:NAMES_SHOWN_MAX])
        if len(names) <= NAMES_SHOWN_MAX:
            return shown
        return f"{shown} … +{len(names) - NAMES_SHOWN_MAX}"

    def entry(
        self, entry: events.LogEvent, *, here: str = "", missed: bool = False, back: bool = False
    ) -> list[Fragments]:
        """Return the lines of an entry; none for those that only devices care for.

        `here` is the room whose name need not be said. `missed` marks what fills a gap, `back` what
        was taken away and is put back.
        """
        parts = self._parts(entry, here)
        if parts is None:
            return []
        prefix, text = parts
        day, clock = _local(entry.at)
        lines: list[Fragments] = []
        if day and day != self._day:
            lines.append([("note", f"— {day} —")])
            self._day = day
        head: Fragments = [("time", f"{clock} ")]
        if self.numbers and entry.seq is not None:
            head.append(("note", f"{entry.seq} "))
        if back:
            head.append(("note", self.phrase("chat.back_line")))
        if missed:
            head.append(("note", self.phrase("chat.gap_line")))
        first, *rest = safe_lines(text) if text else [""]
        lines.append([*head, *prefix, ("", first)])
        lines += [[("note", CONTINUED), ("", line)] for line in rest[: MESSAGE_LINES_MAX - 1]]
        more = len(rest) - (MESSAGE_LINES_MAX - 1)
        if more > 0:
            word = self.counted("chat.lines", more)
            lines.append([("note", CONTINUED), *self.note("chat.more_lines", n=more, lines=word)])
        return lines

    def help(self, *, whole: bool) -> list[Fragments]:
        """Return the lines that say what commands there are: all, or those of every day."""
        verbs = Verb if whole else EVERYDAY
        rows = [self.phrase(f"chat.help.{verb.value}").partition("|") for verb in verbs]
        width = max(len(usage) for usage, _, _ in rows if len(usage) <= USAGE_WIDTH_MAX)
        lines: list[Fragments] = [
            [("", f"  {usage.ljust(width)}  {meaning}")] for usage, _, meaning in rows
        ]
        return [*lines, self.note("chat.help_literal")]

    def online(self, welcomed: Welcomed) -> Fragments:
        """Return the line of who was online when we were let in."""
        shown = welcomed.users[:NAMES_SHOWN_MAX]
        more = max(welcomed.online - len(shown), 0)
        key = "chat.online_more" if more else "chat.online"
        return self.note(key, names=", ".join(shown), n=more)

    def presence(self, change: PresenceChanged) -> list[Fragments]:
        """Return the lines of who came and went, but for the reader."""
        lines: list[Fragments] = []
        for key, names in (("chat.arrived", change.arrived), ("chat.gone", change.left)):
            others = [name for name in names if not self._is_own(name)]
            if others:
                lines.append([("note", f"{self.phrase(key)} {self.names(others)}")])
        return lines

    def absence(self, change: AwayChanged) -> list[Fragments]:
        """Return the line of somebody who is away or back; none for the reader."""
        if self._is_own(change.user):
            return []
        key = "chat.is_back"
        if change.text is not None:
            key = "chat.away_text" if change.text else "chat.away"
        return [self.note(key, name=change.user, text=change.text or "")]

    def users(self, users: events.Users) -> list[Fragments]:
        """Return the lines of a list of people."""
        away = users.away or {}
        names = []
        for name in users.users:
            text = away.get(name)
            key = "chat.user_away_text" if text else "chat.user_away"
            names.append(name if text is None else self.phrase(key, name=name, text=text))
        where = users.room or self.phrase("chat.users_here")
        count = len(users.users) if users.online is None else users.online
        lines = [self.note("chat.users", style="", where=where, n=count, names=", ".join(names))]
        if users.offline:
            lines.append(self.note("chat.users_offline", names=", ".join(users.offline)))
        return lines

    def rooms(self, rooms: events.Rooms) -> list[Fragments]:
        """Return the lines of a list: `*` marks rooms one is in, `+` those one is invited to."""
        lines = [
            self.note(
                "chat.room_topic" if row.topic else "chat.room",
                style="",
                mark="*" if row.joined else "+" if row.invited else " ",
                room=self._listed(row),
                n=row.members,
                people=self.counted("chat.people", row.members),
                text=row.topic,
            )
            for row in rooms.rooms
        ]
        if rooms.total is not None:
            lines.append(self.note("chat.rooms_total", n=rooms.total))
        return lines

    def _listed(self, row: events.Room) -> str:
        """Return a room of a list by its name, and of what kind it is unless that is usual."""
        name = self.label(row.room)
        if row.kind == RoomKind.PUBLIC:
            return name
        known = row.kind in (RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT, RoomKind.GROUP)
        kind = self.phrase(f"chat.kind.{row.kind}") if known else row.kind
        return f"{name} ({kind})"

    def answer(self, answer: AnyList) -> list[Fragments]:
        """Return the lines of what was asked for."""
        match answer:
            case events.Users():
                return self.users(answer)
            case events.Rooms():
                return self.rooms(answer)
            case events.Ledger(entries=entries, room=room):
                lines = [line for entry in entries for line in self.entry(entry, here=room)]
                return lines or [self.note("chat.ledger_none", room=self.label(room))]
            case events.Devices(devices=devices):
                return [self._device(row) for row in devices]
            case events.Sanctions(sanctions=sanctions, room=room):
                lines = [self._sanction(row) for row in sanctions]
                lines += self._total("chat.sanctions_total", answer.total)
                return lines or [self.note("chat.sanctions_none", room=self.label(room))]
            case events.Invitations(invitations=invitations):
                lines = [self._invitation(row) for row in invitations]
                lines += self._total("chat.invitations_total", answer.total)
                return lines or [self.note("chat.invitations_none")]
            case events.Blocks(users=users):
                if not users:
                    return [self.note("chat.blocks_none")]
                return [[("", f"{self.phrase('chat.blocks')} {self.names(users)}")]]
            case events.Accounts(accounts=accounts):
                lines = [self._account(row) for row in accounts]
                return lines + self._total("chat.accounts_total", answer.total)
            case events.Invitation():
                key = "chat.invitation_named" if answer.name else "chat.invitation"
                return [
                    self.note(
                        key,
                        style="",
                        code=answer.code,
                        role=self.role(answer.role),
                        n=answer.uses,
                        until=self.until(answer.until),
                        name=answer.name or "",
                    )
                ]
            case events.Link(code=code, seconds=seconds):
                minutes = max(seconds // 60, 1)
                return [self.note("chat.link", style="", code=code, n=minutes)]

    def _total(self, key: str, total: int | None) -> list[Fragments]:
        return [] if total is None else [self.note(key, n=total)]

    def _device(self, row: events.Device) -> Fragments:
        marks = [self.phrase("chat.device_this")] if row.this else []
        if row.online:
            marks.append(self.phrase("chat.device_online"))
        day, clock = _local(row.at)
        name = row.name or self.phrase("chat.device_unnamed")
        return self.note(
            "chat.device",
            style="",
            device=row.device,
            name=name,
            time=f"{day} {clock}".strip(),
            marks="".join(f", {mark}" for mark in marks),
        )

    def _sanction(self, row: events.Sanctioned) -> Fragments:
        key = "chat.sanction_mute" if row.sanction == "mute" else "chat.sanction_ban"
        whom = ", ".join(part for part in (row.user, row.address) if part)
        return self.note(key, style="", name=whom, until=self.until(row.until))

    def _invitation(self, row: events.InvitationListed) -> Fragments:
        return self.note(
            "chat.invitation_row_named" if row.name else "chat.invitation_row",
            style="",
            invitation=row.invitation,
            role=self.role(row.role),
            n=row.uses,
            until=self.until(row.until),
            by=row.from_,
            name=row.name or "",
        )

    def _account(self, row: events.Account) -> Fragments:
        marks = [self.phrase("chat.device_online")] if row.online else []
        if not row.password:
            marks.append(self.phrase("chat.account_no_password"))
        return self.note(
            "chat.account",
            style="",
            name=row.user,
            role=self.role(row.role),
            n=row.devices,
            marks="".join(f", {mark}" for mark in marks),
        )

    def _parts(self, entry: events.LogEvent, here: str) -> tuple[Fragments, str] | None:
        """Return what stands before the text, and the text; None for what is not shown."""
        if isinstance(entry, events.NewMessage):
            prefix: Fragments = []
            room = entry.room or ""
            if room.lower() != here.lower():
                prefix.append(("room", f"{safe_line(self.label(room))} "))
            style = "own" if self._is_own(entry.from_) else "name"
            prefix.append((style, self._before_text("chat.message", entry.from_)))
            return prefix, entry.text
        if isinstance(entry, events.NewWhisper):
            if self._is_own(entry.from_) and entry.to is not None:
                return [("whisper", self._before_text("chat.whisper_to", entry.to))], entry.text
            return [("whisper", self._before_text("chat.whisper_from", entry.from_))], entry.text
        if isinstance(entry, events.Gone):
            prefix = []
            if entry.room is not None and entry.room.lower() != here.lower():
                prefix.append(("room", f"{safe_line(self.label(entry.room))} "))
            prefix.append(("name", self._before_text("chat.message", entry.from_)))
            return [*prefix, ("note", self.phrase("chat.tombstone"))], ""
        if isinstance(entry, events.Reported):
            return self._reported(entry), entry.text
        told = self._told(entry)
        return None if told is None else ([("note", told)], "")

    def _reported(self, entry: events.Reported) -> Fragments:
        about = self.phrase(
            "chat.reported" if entry.about else "chat.reported_direct",
            by=entry.from_,
            name=entry.user,
            room=entry.about,
            seq=entry.target,
        )
        why = f" ({safe_line(entry.reason)})" if entry.reason else ""
        return [("trouble", f"{about}{why}: ")]

    def _told(self, entry: events.LogEvent) -> str | None:
        """Return the line of what happened to a room and its people; None for what is not shown."""
        match entry:
            case events.Created(user=name, room=room):
                return self.phrase("chat.created", name=name, room=self.label(room))
            case events.Joined(user=name, room=room):
                return self.phrase("chat.joined", name=name, room=self.label(room))
            case events.Left(user=name, room=room):
                return self.phrase("chat.left", name=name, room=self.label(room))
            case events.Added(user=name, room=room, from_=by):
                return self.phrase("chat.added", by=by, name=name, room=self.label(room))
            case events.Invited(user=name, room=room, from_=by):
                return self.phrase("chat.invited", by=by, name=name, room=self.label(room))
            case events.Topic(text=text, room=room, from_=by):
                key = "chat.topic" if text else "chat.topic_removed"
                return self.phrase(key, name=by, room=self.label(room), text=text)
            case events.Renamed(room=room, was=was, from_=by):
                return self.phrase("chat.renamed", by=by, was=was, room=room)
            case events.Departed(user=name, words=words):
                return self.phrase("chat.departed" if words else "chat.departed_all", name=name)
            case events.Removed() | events.Restored():
                return self._told_of_removal(entry)
            case events.Mode():
                return self._told_of_mode(entry)
            case events.Role():
                return self._told_of_role(entry)
            case _:
                return self._told_of_sanction(entry)

    def _told_of_removal(self, entry: events.Removed | events.Restored) -> str:
        key = "chat.removed" if isinstance(entry, events.Removed) else "chat.restored"
        if entry.from_.lower() == entry.user.lower():
            key += "_own"
        text = self.phrase(key, by=entry.from_, name=entry.user, seq=entry.target)
        return self._because(text, entry.reason)

    def _told_of_mode(self, entry: events.Mode) -> str:
        changes = []
        if entry.kind is not None:
            known = entry.kind in (RoomKind.PUBLIC, RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT)
            changes.append(self.phrase(f"chat.mode.{entry.kind}") if known else entry.kind)
        if entry.slow_seconds is not None:
            key = "chat.mode.slow" if entry.slow_seconds else "chat.mode.slow_off"
            changes.append(self.phrase(key, n=entry.slow_seconds))
        if entry.frozen is not None:
            changes.append(self.phrase("chat.mode.frozen" if entry.frozen else "chat.mode.thawed"))
        text = self.phrase(
            "chat.mode", by=entry.from_, room=self.label(entry.room), text=", ".join(changes)
        )
        return self._because(text, entry.reason)

    def role(self, role: str) -> str:
        """Return what a role is called; one of a newer server as it is, to be made safe."""
        return self.phrase(f"chat.role.{role}") if role in tuple(Role) else role

    def _told_of_role(self, entry: events.Role) -> str:
        key = "chat.role_server" if self._is_server(entry.room) else "chat.role_room"
        text = self.phrase(
            key,
            by=entry.from_,
            name=entry.user,
            role=self.role(entry.role),
            room=self.label(entry.room),
        )
        return self._because(text, entry.reason)

    def _told_of_sanction(self, entry: events.LogEvent) -> str | None:
        until = ""
        user: str | None
        match entry:
            case events.Kicked(user=user):
                key = "chat.kicked"
            case events.Banned(user=user):
                key = "chat.banned"
                until = self.until(entry.until, entry.at)
            case events.Unbanned(user=user):
                key = "chat.unbanned_over" if entry.over else "chat.unbanned"
            case events.Muted(user=user):
                key = "chat.muted"
                until = self.until(entry.until, entry.at)
            case events.Unmuted(user=user):
                key = "chat.unmuted_over" if entry.over else "chat.unmuted"
            case _:
                return None
        if self._is_server(entry.room):
            key += "_server"
        whom = user or self.phrase("chat.addresses")
        room = self.label(entry.room)
        text = self.phrase(key, by=entry.from_, name=whom, room=room, until=until)
        return self._because(text, entry.reason)

    def until(self, until: str | None, at: str | None = None) -> str:
        """Return until when something holds, in the time of this machine; `at`: seen from when."""
        if not until:
            return self.phrase("chat.for_good")
        day, clock = _local(until)
        today = _local(at)[0] if at else self._day
        return self.phrase("chat.until", time=clock if day == today else f"{day} {clock}")

    def _because(self, text: str, reason: str | None) -> str:
        """Return a text, safe already, with the reason that somebody gave."""
        return f"{text}{self.phrase('chat.because')} {safe_line(reason)}" if reason else text

    @staticmethod
    def _is_server(room: str) -> bool:
        return room.lower() == GENERAL

    def _before_text(self, key: str, name: str) -> str:
        """Return a phrase up to its text, which follows line by line and ends every such phrase."""
        return self.phrase(key, name=name, text="")

    def _is_own(self, name: str) -> bool:
        return bool(self.own_name) and name.lower() == self.own_name.lower()


def _local(at: str | None) -> tuple[str, str]:
    """Return the day and the time of day here, for an instant as the server wrote it."""
    try:
        moment = datetime.fromisoformat(at or "").astimezone()
        return moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M")
    except (ValueError, OverflowError, OSError):
        return "", "--:--"
