"""Retries: whether an entry that is there is what an action asks for.

A client that lost the answer asks again under the same id. What was stored then counts, whatever
has changed since; but the same id with other words is a mistake, and is told so. Times are not
compared: a ban for an hour, asked for again a minute later, is the same ban.
"""

from collections.abc import Callable
from typing import Any

from molva.terms import actions, entries
from molva.terms.actions import Action
from molva.terms.entries import AnyBody
from molva.terms.ids import TAG_SEPARATOR
from molva.terms.names import NameRefused, parse_name, parse_room


def same(body: AnyBody, action: Action) -> bool:
    """Say whether `body` is what `action` asks for."""
    kinds, test = _TESTS[type(action)]
    return isinstance(body, kinds) and test(body, action)


def _text(body: Any, action: Any) -> bool:
    # What was taken away since was said all the same.
    return isinstance(body, entries.Gone) or body.text == action.text


def _always(body: Any, action: Any) -> bool:
    return True


def _person(body: Any, action: Any) -> bool:
    if action.user is None:
        return not body.name
    spelled = action.user.partition(TAG_SEPARATOR)[0]
    try:
        name = body.name.partition(TAG_SEPARATOR)[0]
        return parse_name(name).key == parse_name(spelled).key
    except NameRefused:
        return False


def _sanction(body: Any, action: Any) -> bool:
    return _person(body, action) and bool(body.reason == action.reason)


def _room(body: Any, action: Any) -> bool:
    if action.room is None or not body.name:
        return not body.name and action.room is None
    try:
        return parse_room(action.room).key == parse_room(body.name).key
    except NameRefused:
        return False


def _renamed(body: Any, action: Any) -> bool:
    try:
        return parse_room(action.to).key == parse_room(body.name).key
    except NameRefused:
        return False


def _mode(body: Any, action: Any) -> bool:
    return (body.room_kind, body.slow_seconds, body.frozen) == (
        action.kind,
        action.slow_seconds,
        action.frozen,
    )


def _target(body: Any, action: Any) -> bool:
    return bool(body.target == action.seq)


_TESTS: dict[type[Action], tuple[Any, Callable[[Any, Any], bool]]] = {
    actions.NewMessage: ((entries.Message, entries.Gone), _text),
    actions.NewWhisper: ((entries.Message, entries.Unheard, entries.Gone), _text),
    actions.Create: (entries.Created, _room),
    actions.Join: (entries.Joined, _always),
    actions.Leave: (entries.Left, _always),
    actions.Topic: (entries.Topic, lambda body, action: bool(body.text == action.text)),
    actions.Rename: (entries.Renamed, _renamed),
    actions.Mode: (entries.ModeSet, _mode),
    actions.Invite: ((entries.Invited, entries.Added), _person),
    actions.Kick: (entries.Kicked, _sanction),
    actions.Ban: (entries.Banned, _sanction),
    actions.Unban: (entries.Unbanned, _sanction),
    actions.Mute: (entries.Muted, _sanction),
    actions.Unmute: (entries.Unmuted, _sanction),
    actions.SetRole: (
        entries.RoleSet,
        lambda body, action: _sanction(body, action) and body.role is action.role,
    ),
    actions.Remove: (entries.Removed, _target),
    actions.Restore: (entries.Restored, _target),
    actions.Report: (entries.Reported, _target),
    actions.Read: (entries.Read, lambda body, action: bool(body.through == action.through)),
    actions.Block: (entries.Blocked, _person),
    actions.Unblock: (entries.Unblocked, _person),
}
"""By action: the kinds of entry it may come to, and what else must be alike."""

WRITES = frozenset(_TESTS)
"""The actions that come to an entry."""
