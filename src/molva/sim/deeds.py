"""Deeds: what people do to each other and to rooms, allowed or not.

Owns the menu beyond talking: roles, kicks, bans, mutes, rules, renames, invites, removals, blocks,
passwords, devices, accounts, invitations. Refuses to know who may do what: everybody tries all of
it, and the checkers look at what came of it.
"""

from collections.abc import Callable
from random import Random

from molva.client.happenings import AnyAct, AnyOnce, AnyQuestion
from molva.terms import actions, limits
from molva.terms.roles import Role, RoomKind

ROOMS = ("#кухня", "#Lab")

FAMILIES = (
    "moderate",
    "roles",
    "rules",
    "rename",
    "invite",
    "remove",
    "block",
    "affairs",
    "accounts",
    "invitations",
    "look",
)
"""What sorts of deeds there are; a seed has some of them."""

OFTEN = {"moderate": 6, "roles": 3, "invite": 2, "remove": 4, "rules": 2}
"""How many times as often as the others some are done."""

Deed = AnyAct | AnyOnce | AnyQuestion


class Town:
    """What everybody in a seed knows of each other."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        """Invitations that somebody has made."""
        self.passwords: dict[str, list[str]] = {}
        """By name in lower case: all that were ever set, perhaps in vain."""
        self._named = 0

    def name_of_room(self) -> str:
        """Return what a room may be called; another may be, or have been, called so."""
        self._named += 1
        return ("#room", "#attic", *ROOMS, f"#room{self._named}")[self._named % 5]

    def remember(self, name: str, password: str) -> None:
        """Note a password that may be somebody's from now on."""
        self.passwords.setdefault(name.lower(), []).append(password)


class Doer:
    """Chooses what one person does next."""

    def __init__(self, random: Random, town: Town, families: tuple[str, ...]) -> None:
        self._random = random
        self._town = town
        self._families = [family for family in families for _ in range(OFTEN.get(family, 1))]

    def deed(
        self,
        me: str,
        names: list[str],
        rooms: list[str],
        ruled: list[str | None],
        heads: dict[str, int],
        said: list[tuple[str, int]],
    ) -> Deed:
        """Return something to ask for.

        `rooms`: labels that may be rooms, `ruled`: those where one has a say, None for the server,
        `heads`: how far each log goes that this device knows, `said`: where its own words are.
        """
        random = self._random
        family = random.choice(self._families)
        user = random.choice([name for name in names if name != me] or names)
        room = random.choice(ruled if ruled and random.random() < 0.8 else [*rooms, None])
        if family == "moderate":
            return self._moderate(user, room)
        if family == "roles":
            everywhere = tuple(Role) if room is None else (Role.MEMBER, Role.MODERATOR, Role.OWNER)
            return actions.SetRole(user=user, role=random.choice(everywhere), room=room)
        if family == "rules":
            return self._rule(room)
        if family == "rename":
            return actions.Rename(room=room or random.choice(rooms), to=self._town.name_of_room())
        if family == "invite":
            return actions.Invite(room=room or random.choice(rooms), user=user)
        if family == "remove":
            return self._remove(heads, said)
        if family == "block":
            kind: type[actions.Block] | type[actions.Unblock] = random.choice(
                (actions.Block, actions.Block, actions.Unblock)
            )
            return kind(user=user)
        if family == "affairs":
            return self._affair(me)
        if family == "accounts":
            return self._help(user)
        if family == "invitations":
            return self._invite()
        return self._look(room)

    def _moderate(self, user: str, room: str | None) -> Deed:
        random = self._random
        seconds = random.choice((1, 2, 5, 20, None))
        whole = room is None and random.random() < 0.3
        choices: tuple[Callable[[], Deed], ...] = (
            lambda: actions.Kick(user=user, room=room, reason="why"),
            lambda: actions.Ban(
                user=user,
                room=room,
                seconds=seconds,
                devices=whole,
                address=f"10.0.{random.randint(1, 5)}.0/24" if whole else None,
            ),
            lambda: actions.Mute(user=user, room=room, seconds=seconds),
            lambda: actions.Unban(user=user, room=room),
            lambda: actions.Unmute(user=user, room=room),
        )
        return random.choice(choices)()

    def _rule(self, room: str | None) -> Deed:
        random = self._random
        kind = random.choice((*RoomKind, None, None))
        if kind is not None:
            return actions.Mode(room=room, kind=kind)
        if random.random() < 0.5:
            return actions.Mode(room=room, frozen=random.random() < 0.4)
        return actions.Mode(room=room, slow_seconds=random.choice((0, 0, 1)))

    def _remove(self, heads: dict[str, int], said: list[tuple[str, int]]) -> Deed:
        random = self._random
        if not heads:
            return actions.Blocks()
        label = random.choice(list(heads))
        seq = random.randint(1, max(1, heads[label]))
        if said and random.random() < 0.6:
            label, seq = random.choice(said[-5:])
        room, with_ = (label, None) if label.startswith("#") else (None, label)
        kind: type[actions.Remove] | type[actions.Restore] | type[actions.Report] = random.choice(
            (actions.Remove, actions.Remove, actions.Restore, actions.Report)
        )
        return kind(seq=seq, room=room, with_=with_)

    def _affair(self, me: str) -> Deed:
        random = self._random
        chance = random.random()
        known = self._town.passwords.get(me.lower(), [])
        if chance < 0.3:
            new = f"password {len(known)} of {me}"
            old = random.choice(known) if known else None
            self._town.remember(me, new)
            return actions.SetPassword(new=new, old=old)
        if chance < 0.6:
            return actions.SignOut(everywhere=random.random() < 0.4)
        if chance < 0.75:
            return actions.Link()
        if chance < 0.9:
            return actions.Devices()
        password = random.choice(known) if known else None
        return actions.DeleteAccount(words=random.random() < 0.5, password=password)

    def _help(self, user: str) -> Deed:
        random = self._random
        if random.random() < 0.5:
            new = f"another password of {user}"
            self._town.remember(user, new)
            return actions.ResetPassword(user=user, new=new)
        return actions.RemoveAccount(user=user, words=random.random() < 0.5)

    def _invite(self) -> Deed:
        random = self._random
        codes = self._town.codes
        if codes and random.random() < 0.2:
            return actions.EndInvitation(invitation=random.choice(codes))
        if random.random() < 0.2:
            return actions.Invitations()
        role = random.choice((Role.GUEST, Role.MEMBER, Role.MODERATOR, Role.OWNER))
        return actions.Invitation(
            role=role, uses=random.choice((1, 1, 2)), seconds=limits.INVITATION_SECONDS
        )

    def _look(self, room: str | None) -> Deed:
        choices: tuple[Deed, ...] = (
            actions.Ledger(room=room),
            actions.Sanctions(room=room),
            actions.Users(room=room),
            actions.Rooms(),
            actions.Accounts(),
            actions.Blocks(),
            actions.Devices(),
        )
        return self._random.choice(choices)
