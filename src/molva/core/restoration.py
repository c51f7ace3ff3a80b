"""Restoration: how what a store holds becomes a chat again.

Owns the way from `Contents` to accounts, rooms and who is what in them. Refuses to know what was
left undone: that is `membership`'s and `retirement`'s.
"""

from molva.core.chat import Chat
from molva.core.conversation import Room, Sentence
from molva.core.cursor import ReadMarker
from molva.core.log import Log
from molva.terms.ids import ConversationId
from molva.terms.names import Name, parse_room
from molva.terms.ports import Contents, Kind, Sanction, StoredConversation


def restore(chat: Chat, contents: Contents) -> None:
    """Take up what a store holds: people, conversations, who is in which."""
    for stored_account in contents.accounts:
        chat.accounts.restore(stored_account)
    for retired in contents.retired:
        chat.accounts.restore_retired(retired)
    for deleted in contents.deleted:
        chat.accounts.delete_name(
            Name(shown=deleted.shown, key=deleted.key, skeleton=deleted.skeleton)
        )
    for device in contents.devices:
        chat.accounts.restore_device(device)
    for stored in contents.conversations:
        log = Log(stored.head, stored.ordinal)
        if stored.kind is Kind.ROOM:
            chat.hall.add_room(_room(stored, log))
        else:
            chat.open(stored.conversation, log)
    for member in contents.members:
        account = chat.accounts.get(member.account)
        room = chat.hall.by_id[member.conversation]
        if account is not None and isinstance(room, Room):
            room.members[account.id] = member.since
            account.rooms[room.id] = None
    for marker in contents.markers:
        account = chat.accounts.get(marker.account)
        if account is not None:
            account.markers[marker.conversation] = ReadMarker(marker.through, marker.ordinal)
    _restore_standings(chat, contents)


def _restore_standings(chat: Chat, contents: Contents) -> None:
    """Take up who is more, or less, than a member, and where."""
    for given in contents.roles:
        room = _room_of(chat, given.conversation)
        account = chat.accounts.get(given.account)
        if room is not None and account is not None:
            room.roles[given.account] = given.role
            if room.common:
                account.role = given.role
    for stored in contents.sanctions:
        room = _room_of(chat, stored.conversation)
        if room is None:
            continue
        sentence = Sentence(stored.until, stored.reason)
        if stored.account is not None:
            held = room.banned if stored.sanction is Sanction.BAN else room.muted
            held[stored.account] = sentence
        if stored.address is not None:
            chat.ranges.add(stored.address)
            chat.range_sentences[stored.address] = sentence
    for invite in contents.invites:
        room = _room_of(chat, invite.conversation)
        account = chat.accounts.get(invite.account)
        if room is not None and account is not None and account.id not in room.members:
            room.invited[account.id] = None
            account.invited = {**(account.invited or {}), room.id: None}
    for block in contents.blocks:
        account = chat.accounts.get(block.account)
        if account is not None:
            account.blocked = {**(account.blocked or {}), block.other: None}
    for invitation in contents.invitations:
        chat.accounts.invitations.restore(invitation)
    chat.accounts.barred.update(contents.barred)
    chat.accounts.banned = chat.hall.common.banned
    chat.erasing.update(contents.erasing)


def _room_of(chat: Chat, id: ConversationId) -> Room | None:
    room = chat.hall.by_id.get(id)
    return room if isinstance(room, Room) else None


def _room(stored: StoredConversation, log: Log) -> Room:
    name = parse_room(stored.shown) if stored.shown else None
    room = Room(stored.conversation, log, name, stored.topic)
    room.kind = stored.room_kind
    room.slow_seconds = stored.slow_seconds
    room.frozen = stored.frozen
    room.open_from = stored.open_from
    return room
