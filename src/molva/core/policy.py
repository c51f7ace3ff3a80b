"""Policy: the one place that says who may do what, and who may see which conversation.

A table: each action, in which states of a connection it is heard, and what the one who asks must be
to the conversation it names. An action without a row fails the tests.
"""

from dataclasses import dataclass
from enum import Enum

from molva.core.accounts import Account
from molva.core.conversation import Conversation, Direct, OwnLog, Room
from molva.core.session import State
from molva.terms import actions


class Needs(Enum):
    """What the one who asks must be to the conversation named."""

    NOTHING = "nothing"
    MEMBER = "member"
    """In it: to read or write there."""
    OUTSIDER = "outsider"
    """Not in it yet."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    states: frozenset[State]
    needs: Needs


_ANYBODY = frozenset({State.NEW, State.LIVE})
_STRANGER = frozenset({State.NEW})
_SOMEBODY = frozenset({State.LIVE})

TABLE: dict[type[actions.Action], Row] = {
    actions.Registration: Row(_STRANGER, Needs.NOTHING),
    actions.NewMessage: Row(_SOMEBODY, Needs.MEMBER),
    actions.NewWhisper: Row(_SOMEBODY, Needs.NOTHING),
    actions.Create: Row(_SOMEBODY, Needs.NOTHING),
    actions.Join: Row(_SOMEBODY, Needs.OUTSIDER),
    actions.Leave: Row(_SOMEBODY, Needs.MEMBER),
    actions.Topic: Row(_SOMEBODY, Needs.MEMBER),
    actions.Rooms: Row(_SOMEBODY, Needs.NOTHING),
    actions.Users: Row(_SOMEBODY, Needs.MEMBER),
    actions.Away: Row(_SOMEBODY, Needs.NOTHING),
    actions.Read: Row(_SOMEBODY, Needs.MEMBER),
    actions.History: Row(_SOMEBODY, Needs.MEMBER),
    actions.Typing: Row(_SOMEBODY, Needs.MEMBER),
    actions.Ping: Row(_ANYBODY, Needs.NOTHING),
    actions.Pong: Row(_ANYBODY, Needs.NOTHING),
    actions.Quit: Row(_ANYBODY, Needs.NOTHING),
}


def member(account: Account, conversation: Conversation) -> bool:
    """Say whether an account is in a conversation now, one it is just leaving excepted."""
    if isinstance(conversation, Room):
        if conversation.common:
            return True
        return account.id in conversation.members and account.id not in conversation.leaving
    if isinstance(conversation, Direct):
        return account is conversation.one or account is conversation.other
    assert isinstance(conversation, OwnLog)
    return conversation.owner is account


def visible(account: Account, conversation: Conversation) -> bool:
    """Say whether an account may be sent entries of a conversation.

    Asked when a connection is attached, for a page of history and for a count; between those it is
    the log itself that changes the answer, at the seq of the entry that does. A room that is open
    to all shows its members everything from the beginning.
    """
    if isinstance(conversation, Room) and not conversation.common:
        return account.id in conversation.members
    return member(account, conversation)
