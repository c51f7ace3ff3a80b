"""Retirement: how an account ends.

Owns the end of a guest, whose name waits a while for its devices and then is free, and of an
account that was deleted, whose name nobody gets again. It leaves its rooms by entries of their
logs; its own words stay, or are taken away part by part.
"""

from collections.abc import Callable
from functools import partial

from molva.core.accounts import Account
from molva.core.chat import RETRY_SECONDS, Chat
from molva.core.conversation import Direct, Room
from molva.core.effects import Deliver
from molva.core.rooms import close
from molva.terms import entries, events
from molva.terms.errors import Code
from molva.terms.ids import AccountId, CommonRoom, ConversationId, own_log_id
from molva.terms.ports import (
    Appended,
    Erase,
    Erased,
    Missing,
    Outcome,
    RetireAccount,
    Unavailable,
)

ERASED_AT_ONCE = 5_000
"""Entries that one write looks at when somebody's words are taken away: some milliseconds."""


class Retirement:
    """Lets accounts end."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def restore(self) -> None:
        """Take up what was under way when the server last ended."""
        chat = self._chat
        for account in tuple(chat.accounts):
            # Those who were here when the server last stopped have a while to come back.
            if account.passing:
                self.hold(account)
        for id in tuple(chat.erasing):
            self._erase(id)

    # -- Guests --------------------------------------------------------------------------------

    def hold(self, account: Account) -> None:
        """Keep a guest's name for its devices for a while; without any it goes at once."""
        chat = self._chat
        seconds = chat.limits.guest_hold_seconds if account.devices else 0.0
        account.hold_until = chat.now.elapsed + seconds
        if seconds:
            chat.at(account.hold_until, lambda: self._end_hold(account))
        else:
            self._end_hold(account)

    def _end_hold(self, account: Account) -> None:
        chat = self._chat
        due = account.hold_until is not None and account.hold_until <= chat.now.elapsed
        if not due or account.online or account.retiring or account.retired or not account.passing:
            return
        if account.id in chat.hall.common.banned:
            # The ban holds the name: else they could come again under it.
            return

        def retired(outcome: Outcome) -> None:
            if isinstance(outcome, Unavailable):
                account.retiring = False
                chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: self._end_hold(account))
            else:
                self._retired(account)

        self._leave_rooms(account)
        chat.write(RetireAccount(account.id), retired)

    # -- Deletion ------------------------------------------------------------------------------

    def delete(self, account: Account, *, words: bool, after: Callable[[bool], None]) -> None:
        """End an account for good; `after` hears whether that could be written.

        `words`: whether what it said stays.
        """
        chat = self._chat
        assert not account.retiring and not account.retired
        self._leave_rooms(account)
        departed = entries.Departed(account.id, account.shown, words)
        chat.append(chat.accounts.operator, CommonRoom, departed, None, chat.told)

        def retired(outcome: Outcome) -> None:
            if isinstance(outcome, Unavailable):
                account.retiring = False
                # What they asked meanwhile on other devices.
                chat.idle.update({session.connection: session for session in account.sessions})
                after(False)
                return
            # The answer first: what follows closes the connection.
            after(True)
            for session in tuple(account.sessions):
                chat.violate(session, Code.SIGNED_OUT)
            self._retired(account)
            chat.accounts.delete_name(account.name)
            if not words:
                self._erase(account.id)

        chat.write(RetireAccount(account.id, deleted=True, erase=not words), retired)

    def _erase(self, id: AccountId) -> None:
        """Have the store take somebody's words away, a part at a time."""
        chat = self._chat
        chat.erasing.add(id)

        def erased(outcome: Outcome) -> None:
            if isinstance(outcome, Unavailable):
                chat.at(chat.now.elapsed + RETRY_SECONDS, lambda: self._erase(id))
            elif isinstance(outcome, Erased) and outcome.more:
                self._erase(id)
            else:
                chat.erasing.discard(id)
                if chat.loading:
                    chat.erased.add(id)

        chat.write(Erase(id, ERASED_AT_ONCE), erased)

    # -- Both ----------------------------------------------------------------------------------

    def _leave_rooms(self, account: Account) -> None:
        chat = self._chat
        account.retiring = True
        for id in account.rooms:
            room = chat.hall.by_id[id]
            assert isinstance(room, Room)
            if account.id not in room.leaving:
                room.leaving.add(account.id)
                chat.append(account, id, entries.Left(), None, partial(self._left, account, room))

    def _left(self, account: Account, room: Room, outcome: Outcome) -> None:
        self._chat.told(outcome)
        if not isinstance(outcome, Appended):
            room.leaving.discard(account.id)

    def _retired(self, account: Account) -> None:
        chat = self._chat
        chat.flush()
        # They went while they joined or made these: nobody stays behind in a room.
        for id in account.rooms:
            chat.append(account, id, entries.Left(), None, partial(self._left_behind, account, id))
        for room in account.invited or ():
            place = chat.hall.by_id.get(room)
            if isinstance(place, Room):
                place.invited.pop(account.id, None)
        chat.hall.common.muted.pop(account.id, None)
        chat.hall.common.roles.pop(account.id, None)
        chat.accounts.unbar(account.id)
        chat.accounts.retire(account)
        chat.hall.by_id.pop(own_log_id(account.id), None)
        for id in tuple(account.directs or ()):
            direct = chat.hall.by_id[id]
            assert isinstance(direct, Direct)
            peer = direct.peer(account)
            if peer is account or peer.retired:
                self._forget_direct(direct)
            else:
                self._relabel(direct, peer)
        if not account.directs and chat.accounts.get(account.id) is account:
            chat.accounts.forget(account)

    def _left_behind(self, account: Account, id: ConversationId, outcome: Outcome) -> None:
        chat = self._chat
        chat.told(outcome)
        room = chat.hall.by_id.get(id)
        if isinstance(outcome, Unavailable) and room is not None:
            left = partial(self._left_behind, account, id)
            again = chat.now.elapsed + RETRY_SECONDS
            chat.at(again, lambda: chat.append(account, id, entries.Left(), None, left))
        elif isinstance(outcome, Missing) and isinstance(room, Room):
            # They were its last member for the store, which closed it with their own end.
            close(chat, room)

    def _relabel(self, direct: Direct, peer: Account) -> None:
        """Tell who is left how their conversation is called, now that the name is free again."""
        chat = self._chat
        # What memory holds was told under the name alone; the store's entries will not be.
        direct.log.forget()
        own = chat.hall.by_id.get(own_log_id(peer.id))
        if own is not None:
            own.log.forget()
        for session in peer.sessions:
            if session.modern and direct in session.attached:
                lagging = direct.audience.lagging.get(session.connection)
                cursor = lagging[1].sent if lagging is not None else direct.log.head
                listed = events.Conversations(conversations=[chat.snapshot(peer, direct, cursor)])
                chat.effects.append(Deliver((session.connection,), [listed]))

    def _forget_direct(self, direct: Direct) -> None:
        """Drop a direct conversation whose people are both gone; its entries stay stored."""
        chat = self._chat
        del chat.hall.by_id[direct.id]
        for account in (direct.one, direct.other):
            if account.directs:
                account.directs.pop(direct.id, None)
                if account.retired and not account.directs and chat.accounts.get(account.id):
                    chat.accounts.forget(account)
