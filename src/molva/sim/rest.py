"""At rest: what must hold of people and rooms once everything is quiet.

Owns three comparisons: of the chronicle with what should be so (an owner everywhere, nothing beyond
its end), of the chronicle with what the store has derived, and of the running hub with one that is
started from the disk. Refuses to know what anybody was sent.
"""

from typing import Any

from molva.core.conversation import Room
from molva.core.hub import Hub
from molva.sim.chronicle import Chronicle, Story
from molva.sim.rules import Violation
from molva.store.memory import Disk
from molva.terms.ids import CommonRoom, ConversationId
from molva.terms.ports import Kind, Sanction
from molva.terms.roles import Role

LATE_SECONDS = 5.0
"""By so much an end may be late: the disk takes its time, and a full one is asked again."""

State = dict[str, Any]


def check_owners(chronicle: Chronicle) -> None:
    """Every room has an owner who is in it, and the moderators are those of the server."""
    for story in chronicle.rooms():
        owners = {id for id, role in story.roles.items() if role is Role.OWNER}
        members = story.members()
        if not owners & members.keys():
            raise Violation("owners", f"{story.name(story.head)} {story.id} is nobody's")
        if not story.roles.keys() <= members.keys():
            raise Violation("owners", f"{story.id}: {story.roles} but {members}")
    moderators = {id for id in chronicle.alive if chronicle.rank(id) >= Role.MODERATOR.rank}
    if chronicle.staff.members().keys() != moderators:
        raise Violation("owners", f"{chronicle.staff.members()} are no {moderators}")
    owners = {id for id, role in chronicle.common.roles.items() if role is Role.OWNER}
    if chronicle.owners_made and not owners:
        raise Violation("owners", "the server is nobody's")


def check_ends(chronicle: Chronicle, disk: Disk, time: float) -> None:
    """What has an end is over after it, by an entry."""
    for id, story in chronicle.stories.items():
        if id not in disk.conversations:
            continue
        for whom, sentence in (*story.muted.items(), *story.banned.items()):
            if sentence.due is not None and sentence.due < time - LATE_SECONDS:
                raise Violation("ends", f"{id} {whom}: over since {sentence.due:.3f}")


def check_derived(chronicle: Chronicle, disk: Disk) -> None:
    """What the store has made of the entries is what the chronicle has."""
    for id, story in chronicle.stories.items():
        stored = disk.conversations.get(id)
        if stored is None or stored.kind is not Kind.ROOM:
            continue
        said = _told(story)
        derived = _derived(disk, id, story)
        if said != derived:
            raise Violation("derived", f"{id}: the log says {said}, the store {derived}")
    blocks = {(who, whom) for who, several in chronicle.blocks.items() for whom in several}
    if blocks != disk.blocks.keys():
        raise Violation("derived", f"blocks: {blocks}, the store {disk.blocks}")
    if chronicle.alive != disk.accounts.keys():
        raise Violation("derived", f"{chronicle.alive} are no {disk.accounts.keys()}")


def _told(story: Story) -> State:
    members = {} if story.id == CommonRoom else story.members()
    return {
        "members": members,
        "roles": story.roles,
        "muted": {id: sentence.until for id, sentence in story.muted.items()},
        "banned": {id: sentence.until for id, sentence in story.banned.items()},
        "invited": story.invited - members.keys(),
        "kind": story.kind,
        "rules": (story.slow_seconds, story.frozen, story.topic),
        "opened": story.opened[-1][1],
    }


def _derived(disk: Disk, id: ConversationId, story: Story) -> State:
    stored = disk.conversations[id]
    members = {who: since for (where, who), since in disk.members.items() if where == id}
    held: dict[Sanction, dict[Any, int | None]] = {Sanction.BAN: {}, Sanction.MUTE: {}}
    for (where, sanction, account, address), sentence in disk.sanctions.items():
        if where == id:
            whom = address if account is None else account
            held[sanction][whom] = sentence.until
    return {
        "members": members,
        "roles": {who: role for (where, who), role in disk.roles.items() if where == id},
        "muted": held[Sanction.MUTE],
        "banned": held[Sanction.BAN],
        "invited": {who for where, who in disk.invites if where == id} - members.keys(),
        "kind": stored.room_kind,
        "rules": (stored.slow_seconds, stored.frozen, stored.topic),
        "opened": stored.open_from,
    }


def check_restart(running: Hub, restarted: Hub) -> None:
    """A hub that starts now knows what the one that ran all the time does."""
    one, other = state_of(running), state_of(restarted)
    for what, now in one.items():
        if now != other[what]:
            raise Violation("derived", f"{what}: {now}, after a restart {other[what]}")


def state_of(hub: Hub) -> State:
    """Return all that a hub knows of people and rooms, in a form that can be compared."""
    chat = hub._chat
    here = {account.id for account in chat.accounts if not account.pending}
    state: State = {}
    for id, room in chat.hall.by_id.items():
        if isinstance(room, Room) and room.made:
            state[id] = {
                "shown": room.shown,
                "members": room.members,
                "roles": room.roles,
                "muted": {who: sentence.until for who, sentence in room.muted.items()},
                "banned": {w: s.until for w, s in room.banned.items() if w in here},
                "invited": room.invited.keys() & here - room.members.keys(),
                "rules": (room.kind, room.slow_seconds, room.frozen, room.topic, room.open_from),
                "head": (room.log.head, room.log.ordinal),
            }
    state["rooms"] = set(state)
    for account in chat.accounts:
        if account.id in here:
            state[f"@{account.id}"] = {
                "name": (account.shown, account.password_hash, account.guest, account.role),
                "devices": set(account.devices),
                "blocked": {id for id in account.blocked or () if id in here},
                "rooms": set(account.rooms),
                "directs": set(account.directs or ()),
                "read": {
                    id: (marker.through, marker.ordinal)
                    for id, marker in account.markers.items()
                    if marker.through and id in chat.hall.by_id
                },
            }
    state["people"] = here
    state["ranges"] = {range: held.until for range, held in chat.range_sentences.items()}
    state["barred"] = chat.accounts.barred
    state["invitations"] = {
        one.digest: (one.role, one.uses, one.until, one.name) for one in chat.accounts.invitations
    }
    state["erasing"] = chat.erasing
    return state
