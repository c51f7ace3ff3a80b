"""The gate: no action reaches its handler but by the row of the policy's table.

Owns the way from what an action names to the place itself, the question to the table, and the
refusal. A handler of an action that names a room is given the room, and is never asked without.
While a change of who may do what is on its way to the disk, what would be decided by it waits.
"""

from collections.abc import Callable
from typing import Any

from molva.core import policy, retries
from molva.core.chat import Chat
from molva.core.conversation import Conversation, Room
from molva.core.policy import Row, Scope
from molva.core.session import Session, State
from molva.terms.errors import Code, Refusal

Heard = Callable[[Session, Any], None]


class Gate:
    """Stands before the handlers."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def admitting(self, row: Row, handler: Callable[..., None]) -> Heard:
        """Return a handler that hears only what a row of the table lets through."""
        if row.scope is Scope.ROOM:
            return self._in_room(row, handler)
        if row.scope is Scope.PLACE:
            return self._at_place(row, handler)
        if row.scope is Scope.SERVER:
            return self._on_server(row, handler)
        return handler

    def _in_room(self, row: Row, handler: Callable[[Session, Any, Room], None]) -> Heard:
        chat = self._chat
        kinds = row.kinds
        assert kinds is not None

        def heard(session: Session, action: Any) -> None:
            account = session.account
            assert account is not None
            spelled = action.room
            room = chat.hall.common if spelled is None else chat.find_room(spelled)
            if room is not None and not room.made:
                room = None
            if room is not None and policy.standing(account, room) & kinds[room.kind]:
                handler(session, action, room)
            else:
                self._refuse(session, action, room, spelled or "")

        return heard

    def _at_place(self, row: Row, handler: Callable[[Session, Any, Conversation], None]) -> Heard:
        chat = self._chat
        kinds = row.kinds
        assert kinds is not None

        def heard(session: Session, action: Any) -> None:
            account = session.account
            assert account is not None
            with_ = action.to if hasattr(action, "to") else action.with_
            found = chat.find_conversation(account, action.room, with_)
            if isinstance(found, Refusal):
                self._answer(session, action, found)
            elif isinstance(found, Room) and not (
                policy.standing(account, found) & kinds[found.kind]
            ):
                self._refuse(session, action, found, action.room or "")
            else:
                handler(session, action, found)

        return heard

    def _on_server(self, row: Row, handler: Heard) -> Heard:
        roles = row.roles
        assert roles is not None

        def heard(session: Session, action: Any) -> None:
            assert session.account is not None
            if session.account.role in roles:
                handler(session, action)
            else:
                self._answer(session, action, Refusal(Code.NOT_ALLOWED))

        return heard

    def _refuse(self, session: Session, action: Any, room: Room | None, spelled: str) -> None:
        account = session.account
        assert account is not None
        refusal = policy.judge(account, action, room, spelled)
        if room is not None and refusal.code in (Code.BANNED, Code.MUTED):
            held = room.banned if refusal.code is Code.BANNED else room.muted
            values = self._chat.sentence(session, held.get(account.id))
            refusal = Refusal(refusal.code, values)
        self._answer(session, action, refusal)

    def _answer(self, session: Session, action: Any, refusal: Refusal) -> None:
        """Tell a refusal; of a write only where it was not done before one lost the right to."""
        chat = self._chat
        if type(action) in retries.WRITES:
            chat.refuse_write(session, action, refusal)
        else:
            chat.reply(session, chat.error(session, refusal, action.id))

    def awaits(self, session: Session, request: object) -> bool:
        """Say whether an action must wait for a change that is being written; note that it does."""
        if session.state is not State.LIVE:
            return False
        chat = self._chat
        row = policy.TABLE.get(type(request))  # type: ignore[arg-type]
        if row is None or State.NEW in row.states:
            return False
        place = chat.hall.common
        spelled = getattr(request, "room", None)
        if spelled is not None:
            place = chat.find_room(spelled) or place
        waits = bool(place.changing or chat.hall.common.changing)
        if waits:
            chat.awaiting[session.connection] = session
        return waits
