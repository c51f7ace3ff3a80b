"""Telling: which event shows an entry.

Owns the words of a room's log, of a direct conversation's and of an own log's. Refuses to know who
may see it: that is `policy`'s, and the pump asks it.
"""

from collections.abc import Callable

from molva.terms import entries, events
from molva.terms.entries import Entry
from molva.terms.ids import ConversationId, room_tag
from molva.terms.instant import rfc3339

RoomName = Callable[[ConversationId], str]
"""How a room is named on the wire, by its id."""


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def tell_room(entry: Entry, room: str) -> events.LogEvent:
    """Return the event that shows an entry of the room of that name; AssertionError for others."""
    body, at = entry.body, rfc3339(entry.at)
    if type(body) is entries.Message:
        return events.NewMessage(body.text, entry.name, room, entry.seq, at, entry.id)
    name, seq, id = entry.name, entry.seq, entry.id
    match body:
        case entries.Gone():
            return events.Gone(room=room, from_=name, seq=seq, at=at, id=id)
        case entries.Created(room_kind=kind):
            # The plain word: an enumeration's would not be left out where it is the default.
            return events.Created(room=room, user=name, kind=kind.value, seq=seq, at=at, id=id)
        case entries.Joined():
            return events.Joined(room=room, user=name, seq=seq, at=at, id=id)
        case entries.Left():
            return events.Left(room=room, user=name, seq=seq, at=at, id=id)
        case entries.Added(name=user):
            return events.Added(room=room, user=user, from_=name, seq=seq, at=at, id=id)
        case entries.Invited(name=user):
            return events.Invited(room=room, user=user, from_=name, seq=seq, at=at, id=id)
        case entries.Topic(text=text):
            return events.Topic(room=room, text=text, from_=name, seq=seq, at=at, id=id)
        case entries.Renamed():
            return events.Renamed(
                room=body.name,
                was=body.was,
                tag=room_tag(entry.conversation),
                from_=name,
                seq=seq,
                at=at,
                id=id,
            )
        case entries.Reported():
            return events.Reported(
                room=room,
                from_=name,
                about=body.place,
                target=body.target,
                user=body.name,
                text=body.text,
                reason=body.reason or None,
                seq=seq,
                at=at,
                id=id,
            )
        case entries.Departed(name=user, words=words):
            return events.Departed(room=room, user=user, words=words, seq=seq, at=at)
        case _:
            return _tell_rule(entry, room)


def _tell_rule(entry: Entry, room: str) -> events.LogEvent:
    """Return the event for what a moderator did."""
    body, at, seq, id, by = entry.body, rfc3339(entry.at), entry.seq, entry.id, entry.name
    reason = getattr(body, "reason", "") or None
    match body:
        case entries.ModeSet():
            return events.Mode(
                room=room,
                kind=body.room_kind,
                slow_seconds=body.slow_seconds,
                frozen=body.frozen,
                from_=by,
                reason=reason,
                seq=seq,
                at=at,
                id=id,
            )
        case entries.RoleSet(name=user, role=role):
            return events.Role(
                room=room, user=user, role=role, from_=by, reason=reason, seq=seq, at=at, id=id
            )
        case entries.Kicked(name=user):
            return events.Kicked(
                room=room, user=user, from_=by, reason=reason, seq=seq, at=at, id=id
            )
        case entries.Banned():
            return events.Banned(
                room=room,
                user=body.name or None,
                addresses=True if body.address else None,
                devices=True if body.devices else None,
                until=_moment(body.until),
                from_=by,
                reason=reason,
                seq=seq,
                at=at,
                id=id,
            )
        case entries.Unbanned():
            return events.Unbanned(
                room=room,
                user=body.name or None,
                addresses=True if body.address else None,
                over=body.over,
                from_=by,
                reason=reason,
                seq=seq,
                at=at,
                id=id,
            )
        case entries.Muted(name=user, until=until):
            return events.Muted(
                room=room,
                user=user,
                until=_moment(until),
                from_=by,
                reason=reason,
                seq=seq,
                at=at,
                id=id,
            )
        case entries.Unmuted(name=user, over=over):
            return events.Unmuted(
                room=room, user=user, over=over, from_=by, reason=reason, seq=seq, at=at, id=id
            )
        case entries.Removed() | entries.Restored():
            return _tell_removal(entry, room=room, to=None)
        case _:
            raise AssertionError(f"a room holds no {type(body).__name__}")


def _tell_removal(
    entry: Entry, *, room: str | None, to: str | None, by: str = "", user: str = ""
) -> events.LogEvent:
    body = entry.body
    assert isinstance(body, entries.Removed | entries.Restored)
    kind = events.Removed if isinstance(body, entries.Removed) else events.Restored
    return kind(
        target=body.target,
        user=user or body.name,
        from_=by or entry.name,
        room=room,
        to=to,
        reason=body.reason or None,
        seq=entry.seq,
        at=rfc3339(entry.at),
        id=entry.id,
    )


def tell_direct(entry: Entry, author: str, receiver: str) -> events.LogEvent:
    """Return the event that shows an entry of a direct conversation to who may see it."""
    body = entry.body
    if type(body) is entries.Message:
        text = body.text
    elif isinstance(body, entries.Unheard) and body.text:
        text = body.text
    elif isinstance(body, entries.Gone | entries.Unheard):
        return events.Gone(
            from_=author, to=receiver, seq=entry.seq, at=rfc3339(entry.at), id=entry.id
        )
    else:
        # One takes away only one's own words here.
        return _tell_removal(entry, room=None, to=receiver, by=author, user=author)
    return events.NewWhisper(
        text=text,
        from_=author,
        to=receiver,
        seq=entry.seq,
        at=rfc3339(entry.at),
        id=entry.id,
    )


def tell_unheard(entry: Entry, author: str, receiver: str) -> events.LogEvent:
    """Return what stands for an entry in the eyes of who may not see it: only that it is there."""
    return events.Unheard(from_=author, to=receiver, seq=entry.seq, at=rfc3339(entry.at))


def tell_own(entry: Entry, log: str, room_name: RoomName) -> events.LogEvent:
    """Return the event that shows an entry of an own log but `Read`; AssertionError for others."""
    body, at, seq = entry.body, rfc3339(entry.at), entry.seq
    match body:
        case entries.RoomJoined(conversation=id):
            name = body.name or room_name(id)
            return events.RoomJoined(log=log, room=name, seq=seq, at=at)
        case entries.RoomLeft(conversation=id):
            return events.RoomLeft(
                log=log,
                room=body.name or room_name(id),
                cause=None if body.cause == "left" else body.cause,
                from_=body.by or None,
                reason=body.reason or None,
                seq=seq,
                at=at,
            )
        case entries.RoomInvited(conversation=id, by=by):
            name = body.name or room_name(id)
            return events.RoomInvited(log=log, room=name, from_=by, seq=seq, at=at)
        case entries.Opened(name=name):
            return events.Opened(log=log, with_=name, seq=seq, at=at)
        case entries.Blocked(name=name):
            return events.Blocked(log=log, user=name, seq=seq, at=at, id=entry.id)
        case entries.Unblocked(name=name):
            return events.Unblocked(log=log, user=name, seq=seq, at=at, id=entry.id)
        case _:
            raise AssertionError(f"an own log holds no {type(body).__name__}")
