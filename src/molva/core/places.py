"""Places: what a session will hear, and where each of it begins.

Owns the way from the cursors that a client names to the logs that its account may hear, and how the
list of them is cut to fit frames.
"""

from molva.core.accounts import Account
from molva.core.chat import Chat
from molva.core.conversation import Conversation, OwnLog, Room
from molva.core.session import Session
from molva.terms import limits
from molva.terms.events import Conversation as Snapshot
from molva.terms.ids import Seq, direct_id, own_log_id, parse_group_label


def places(
    chat: Chat, session: Session, account: Account, cursors: dict[str, int]
) -> list[tuple[Conversation, Seq, bool]]:
    """Return what a session will hear, its own log first, each with where it begins.

    The third value says that its cursor lay beyond the end.
    """
    named: dict[str, int] = {}
    for label, seq in cursors.items():
        id = _conversation_id(chat, account, label)
        if id is not None:
            named[id] = seq
    found: list[Conversation] = []
    own = chat.hall.by_id.get(own_log_id(account.id))
    if own is not None:
        found.append(own)
    found.append(chat.hall.common)
    found += [chat.hall.by_id[id] for id in (*account.rooms, *(account.directs or ()))]
    return [_place(session, account, place, named.get(place.id)) for place in found]


def _conversation_id(chat: Chat, account: Account, label: str) -> str | None:
    tagged = parse_group_label(label)
    if tagged is not None:
        return tagged
    if label.startswith("#"):
        room = chat.find_room(label)
        return room.id if room is not None else None
    if label.startswith("@"):
        return own_log_id(account.id)
    other = chat.find_account(label)
    return direct_id(account.id, other.id) if other is not None else None


def _place(
    session: Session, account: Account, place: Conversation, cursor: int | None
) -> tuple[Conversation, Seq, bool]:
    head = place.log.head
    if cursor is not None:
        return place, Seq(min(cursor, head)), cursor > head
    if isinstance(place, OwnLog) or (isinstance(place, Room) and not session.modern):
        # The snapshot says all that an own log holds; 2022 had no history in its room.
        return place, head, False
    return place, account.marker(place.id).through, False


def paged(snapshots: list[Snapshot]) -> list[list[Snapshot]]:
    """Split a list into parts that each fit a frame; the first is the welcome's, beside names."""
    pages: list[list[Snapshot]] = [[]]
    left = limits.FRAME_BYTES_MAX - limits.LIST_BYTES_MAX - limits.ENVELOPE_BYTES_MAX // 2
    for snapshot in snapshots:
        label = snapshot.room or snapshot.with_ or snapshot.log or ""
        size = len(label.encode()) + 2 * len((snapshot.topic or "").encode()) + 192
        if size > left or len(pages[-1]) == limits.CONVERSATIONS_LISTED_MAX:
            pages.append([])
            left = limits.LIST_BYTES_MAX
        pages[-1].append(snapshot)
        left -= size
    return pages
