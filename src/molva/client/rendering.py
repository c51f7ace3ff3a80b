"""Rendering: entries and notices as lines of safe text.

Owns how an entry looks in a terminal without a screen layout, and that everything in it that came
from elsewhere is made safe. Refuses to know where lines are shown.

Invariants: every value put into a phrase passes `safe_line`, every message `safe_lines`; a message
of many lines cannot pass for several messages, because its further lines are marked.
"""

from datetime import datetime
from typing import Final

from molva.client.screen import Fragments
from molva.terms import events
from molva.terms.catalogue import Language, plural, say
from molva.wire.terminal import safe_line, safe_lines

MESSAGE_LINES_MAX: Final = 100
"""Lines of one message that are shown; the rest is counted."""

CONTINUED: Final = "      | "
"""Before the further lines of a message: no entry begins so."""

NAMES_SHOWN_MAX: Final = 50
"""Names in one line; the rest is counted."""


class Renderer:
    """Turns what happened into lines, in one language, for one reader."""

    def __init__(self, language: Language, *, today: str = "") -> None:
        """Render in `language`; `today`, as YYYY-MM-DD, is the day that need not be said."""
        self.language = language
        self.own_name = ""
        """Whose eyes these are; known once welcomed."""
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
        self, entry: events.LogEvent, *, here: str = "", missed: bool = False
    ) -> list[Fragments]:
        """Return the lines of an entry; none for those that only devices care for.

        `here` is the room whose name need not be said. `missed` marks what fills a gap.
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
        """Return the lines of a list of rooms; a star marks those one is in."""
        lines = [
            self.note(
                "chat.room_topic" if row.topic else "chat.room",
                style="",
                mark="*" if row.joined else " ",
                room=row.room,
                n=row.members,
                people=self.counted("chat.people", row.members),
                text=row.topic,
            )
            for row in rooms.rooms
        ]
        if rooms.total is not None:
            lines.append(self.note("chat.rooms_total", n=rooms.total))
        return lines

    def _parts(self, entry: events.LogEvent, here: str) -> tuple[Fragments, str] | None:
        """Return what stands before the text, and the text; None for what is not shown."""
        if isinstance(entry, events.NewMessage):
            prefix: Fragments = []
            room = entry.room or ""
            if room.lower() != here.lower():
                prefix.append(("room", f"{safe_line(room)} "))
            style = "own" if self._is_own(entry.from_) else "name"
            prefix.append((style, self._before_text("chat.message", entry.from_)))
            return prefix, entry.text
        if isinstance(entry, events.NewWhisper):
            if self._is_own(entry.from_) and entry.to is not None:
                return [("whisper", self._before_text("chat.whisper_to", entry.to))], entry.text
            return [("whisper", self._before_text("chat.whisper_from", entry.from_))], entry.text
        if isinstance(entry, events.Created):
            return self.note("chat.created", name=entry.user, room=entry.room), ""
        if isinstance(entry, events.Joined):
            return self.note("chat.joined", name=entry.user, room=entry.room), ""
        if isinstance(entry, events.Left):
            return self.note("chat.left", name=entry.user, room=entry.room), ""
        if isinstance(entry, events.Topic):
            key = "chat.topic" if entry.text else "chat.topic_removed"
            return self.note(key, name=entry.from_, room=entry.room, text=entry.text), ""
        return None

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
