"""Policy: the table is whole, the gate asks it, and what it says is what happens."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
import pytest

from molva.core import policy
from molva.core.accounts import OPERATOR, Account
from molva.core.conversation import Direct, Hall, OwnLog, Room, Sentence
from molva.core.gate import Gate
from molva.core.log import Log
from molva.core.policy import Row, Scope, Standing
from molva.core.session import Session, State
from molva.terms import actions, entries, events
from molva.terms.actions import Action
from molva.terms.entries import Entry
from molva.terms.errors import Code
from molva.terms.ids import AccountId, CommonRoom, ConversationId, Seq, ServerAccount
from molva.terms.names import parse_name, parse_room
from molva.terms.roles import OPEN_KINDS, ROOM_ROLES, Role, RoomKind
from tests.core.stage import Peer, Stage

TEA = "#tea"
DEVICE = "digest of token-5"[-12:]
"""Of anna's second device, see `company`."""
INVITATION = f"{2:016d}"
"""The second code of the stage; the first was for that device."""

EXAMPLES: dict[type[Action], actions.AnyAction] = {
    actions.Registration: actions.Registration(name="dora", id="x"),
    actions.NewMessage: actions.NewMessage(room=TEA, text="hi", id="x"),
    actions.NewWhisper: actions.NewWhisper(to="boris", text="hi", id="x"),
    actions.Create: actions.Create(room="#new", id="x"),
    actions.Join: actions.Join(room=TEA, id="x"),
    actions.Leave: actions.Leave(room=TEA, id="x"),
    actions.Topic: actions.Topic(room=TEA, text="leaves", id="x"),
    actions.Rooms: actions.Rooms(id="x"),
    actions.Users: actions.Users(room=TEA, id="x"),
    actions.Away: actions.Away(text="lunch", id="x"),
    actions.Read: actions.Read(room=TEA, through=1, id="x"),
    actions.History: actions.History(room=TEA, id="x"),
    actions.Typing: actions.Typing(room=TEA, id="x"),
    actions.Rename: actions.Rename(room=TEA, to="#coffee", id="x"),
    actions.Mode: actions.Mode(room=TEA, frozen=False, id="x"),
    actions.Invite: actions.Invite(room=TEA, user="vera", id="x"),
    actions.Kick: actions.Kick(room=TEA, user="boris", id="x"),
    actions.Ban: actions.Ban(room=TEA, user="boris", id="x"),
    actions.Unban: actions.Unban(room=TEA, user="boris", id="x"),
    actions.Mute: actions.Mute(room=TEA, user="boris", id="x"),
    actions.Unmute: actions.Unmute(room=TEA, user="boris", id="x"),
    actions.SetRole: actions.SetRole(room=TEA, user="boris", role=Role.MODERATOR, id="x"),
    actions.Remove: actions.Remove(room=TEA, seq=3, id="x"),
    actions.Restore: actions.Restore(room=TEA, seq=4, id="x"),
    actions.Report: actions.Report(room=TEA, seq=3, id="x"),
    actions.Ledger: actions.Ledger(room=TEA, id="x"),
    actions.Sanctions: actions.Sanctions(room=TEA, id="x"),
    actions.Block: actions.Block(user="vera", id="x"),
    actions.Unblock: actions.Unblock(user="vera", id="x"),
    actions.Blocks: actions.Blocks(id="x"),
    actions.SetPassword: actions.SetPassword(new="swordfish", id="x"),
    actions.Devices: actions.Devices(id="x"),
    actions.ForgetDevice: actions.ForgetDevice(device=DEVICE, id="x"),
    actions.SignOut: actions.SignOut(id="x"),
    actions.DeleteAccount: actions.DeleteAccount(id="x"),
    actions.Link: actions.Link(id="x"),
    actions.Invitation: actions.Invitation(id="x"),
    actions.Invitations: actions.Invitations(id="x"),
    actions.EndInvitation: actions.EndInvitation(invitation=INVITATION, id="x"),
    actions.Accounts: actions.Accounts(id="x"),
    actions.ResetPassword: actions.ResetPassword(user="vera", new="swordfish", id="x"),
    actions.RemoveAccount: actions.RemoveAccount(user="vera", id="x"),
    actions.Ping: actions.Ping(id="x"),
    actions.Pong: actions.Pong(id="x"),
    actions.Quit: actions.Quit(id="x"),
}
ALL = sorted(EXAMPLES, key=lambda kind: kind.__name__)


def settle(stage: Stage) -> None:
    """Answer whatever was asked about passwords, too."""
    stage.settle()
    while stage.passwords:
        stage.hash()
        stage.settle()


def company() -> tuple[Stage, Peer]:
    """Return a stage and somebody who may do all of `EXAMPLES`: an owner, of the server and a room.

    In #tea boris has said two things, of which the second was taken away.
    """
    stage = Stage(owned=False)
    olga, anna, boris = (stage.enter(name) for name in ("olga", "anna", "boris"))
    stage.enter("vera")
    olga.send(actions.SetRole(user="anna", role=Role.OWNER))
    code = anna.ask(actions.Link(id="l"))
    assert isinstance(code, events.Link)
    stage.enter("anna", code=code.code)
    anna.send(actions.Create(room=TEA))
    boris.send(actions.Join(room=TEA), *[actions.NewMessage(room=TEA, text="hi")] * 2)
    anna.send(actions.Remove(room=TEA, seq=4))
    made = anna.ask(actions.Invitation(id="i"))
    assert isinstance(made, events.Invitation)
    return stage, anna


# -- The table -------------------------------------------------------------------------------------


def test_every_action_has_one_row_one_handler_and_one_example() -> None:
    every = set(Action.__subclasses__())
    assert set(policy.TABLE) == set(Stage().hub.handled) == every == set(EXAMPLES)


@pytest.mark.parametrize("kind", ALL)
def test_a_row_has_what_its_scope_asks_for_and_an_action_the_field(kind: type[Action]) -> None:
    row = policy.TABLE[kind]
    fields = {field.name for field in msgspec.structs.fields(kind)}
    assert (row.kinds is not None) is (row.scope in (Scope.ROOM, Scope.PLACE))
    assert (row.roles is not None) is (row.scope is Scope.SERVER)
    if row.kinds is not None:
        assert set(row.kinds) == set(RoomKind) and "room" in fields
    if row.scope is Scope.PLACE:
        assert fields & {"with_", "to"}
    if row.scope is not Scope.NOTHING:
        assert row.states == {State.LIVE}


S = Standing
IN = S.MUTED | S.MEMBER | S.MODERATOR | S.OWNER
WRITING = S.MEMBER | S.MODERATOR | S.OWNER
MODERATING = S.MODERATOR | S.OWNER
ORDER = (RoomKind.PUBLIC, RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT, RoomKind.GROUP)
SAID: dict[tuple[type[Action], ...], tuple[int, int, int, int]] = {
    (actions.NewMessage, actions.Typing, actions.Topic): (WRITING, WRITING, MODERATING, WRITING),
    (actions.Read, actions.History, actions.Users, actions.Leave): (IN, IN, IN, IN),
    (actions.Remove, actions.Restore, actions.Report, actions.Ledger): (IN, IN, IN, IN),
    (actions.Join,): (S.OUTSIDER | S.INVITED | IN, S.INVITED | IN) * 2,
    (actions.Invite,): (WRITING, MODERATING, MODERATING, WRITING),
    (actions.Rename,): (S.OWNER, S.OWNER, S.OWNER, 0),
    (actions.SetRole,): (S.OWNER,) * 4,
    (actions.Kick, actions.Ban, actions.Unban, actions.Mute, actions.Unmute): (MODERATING,) * 4,
    (actions.Mode, actions.Sanctions): (MODERATING,) * 4,
}
"""Who may in a room, public, private, announcement and group: said a second time."""


def test_in_rooms_those_may_who_are_meant_to() -> None:
    said = {
        kind: dict(zip(ORDER, who, strict=True)) for kinds, who in SAID.items() for kind in kinds
    }
    assert said == {kind: row.kinds for kind, row in policy.TABLE.items() if row.kinds is not None}


def test_on_the_server_those_may_who_are_meant_to() -> None:
    hosts, keepers = {Role.MODERATOR, Role.ADMIN, Role.OWNER}, {Role.ADMIN, Role.OWNER}
    assert {kind: row.roles for kind, row in policy.TABLE.items() if row.roles is not None} == {
        **dict.fromkeys((actions.Invitation, actions.Invitations, actions.EndInvitation), hosts),
        **dict.fromkeys((actions.Accounts, actions.ResetPassword, actions.RemoveAccount), keepers),
    }
    for kind in RoomKind:
        assert (Role.GUEST in policy.CREATORS[kind]) is (kind is RoomKind.PUBLIC)
        assert policy.CREATORS[kind] >= set(Role) - {Role.GUEST}


# -- In which states -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_a_stranger_is_heard_as_the_table_says(kind: type[Action]) -> None:
    stage = Stage()
    peer = stage.connect()
    peer.send(EXAMPLES[kind])
    refused = [event.code for event in peer.of(events.Error)]
    heard = State.NEW in policy.TABLE[kind].states
    assert refused == ([] if heard else [Code.NOT_AUTHENTICATED])


@pytest.mark.parametrize("kind", ALL)
def test_who_may_do_everything_is_heard_and_answered_under_the_id(kind: type[Action]) -> None:
    stage, peer = company()
    peer.take()
    peer.send(EXAMPLES[kind])
    settle(stage)
    told = peer.take()
    refused = [event.code for event in told if isinstance(event, events.Error)]
    heard = State.LIVE in policy.TABLE[kind].states
    assert refused == ([] if heard else [Code.ALREADY_REGISTERED])
    # Who reports and is a moderator, too, reads the report as well.
    answers = [
        event
        for event in told
        if getattr(event, "id", None) == "x" and not isinstance(event, events.Reported)
    ]
    assert len(answers) == (0 if kind in (actions.Pong, actions.Quit) else 1)


@pytest.mark.parametrize("kind", ALL)
def test_who_is_being_checked_waits_and_is_heard_afterwards(kind: type[Action]) -> None:
    stage = Stage(prompt=False)
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", features=["echo"]))
    peer.send(EXAMPLES[kind])
    assert peer.take() == []
    settle(stage)
    answers = peer.take()
    assert isinstance(answers[0], events.Result) and answers[0].result == "successful"
    if kind is not actions.Pong:
        assert [event for event in answers[1:] if getattr(event, "id", None) == "x"] or peer.closed


@pytest.mark.parametrize("kind", ALL)
def test_who_drains_or_is_gone_is_not_heard(kind: type[Action]) -> None:
    stage = Stage()
    draining = stage.enter("anna").send(actions.Quit())
    gone = stage.enter("vera")
    gone.leave()
    for peer in (draining, gone):
        peer.take()
        assert not [e for e in peer.send(EXAMPLES[kind]).take() if not isinstance(e, events.Bye)]
        assert peer.take() == []


@pytest.mark.parametrize("kind", ALL)
def test_who_holds_the_machine_is_heard_as_the_table_says(kind: type[Action]) -> None:
    stage, _ = company()
    stage.hub.let_operator_in("made at the start")
    peer = stage.connect()
    registration = {"token": "made at the start", "features": ["echo"]}
    peer.send(actions.Registration(name=OPERATOR, **registration))  # type: ignore[arg-type]
    assert peer.results[-1].result == "successful"
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    anywhere: dict[str, Any] = {}
    if "room" in fields and not fields["room"].required:
        anywhere["room"] = None
    peer.take()
    peer.send(msgspec.structs.replace(EXAMPLES[kind], **anywhere))
    settle(stage)
    refused = [event.code for event in peer.of(events.Error)]
    row = policy.TABLE[kind]
    if State.LIVE not in row.states:
        assert refused == [Code.ALREADY_REGISTERED]
    else:
        assert (refused == [Code.NOT_ALLOWED]) is not row.operator


# -- The gate --------------------------------------------------------------------------------------


class House:
    """A room of a kind, somebody who is something to it, and the gate before it."""

    def __init__(self, kind: RoomKind, standing: Standing) -> None:
        stage = Stage()
        self.chat = stage.hub._chat
        peer = stage.enter("anna")
        self.session: Session = self.chat.sessions[peer.connection]
        self.peer = peer
        account = self.session.account
        assert account is not None
        self.account = account
        name = None if kind is RoomKind.GROUP else parse_room(TEA)
        self.room = room(kind, name=name)
        self.chat.hall.add_room(self.room)
        place(self.room, account, standing)
        self.heard: list[Any] = []

    def ask(self, action: Any, row: Row) -> list[Any]:
        """Return what a handler behind the gate was given, and what was told instead."""
        self.peer.take()
        admitted = Gate(self.chat).admitting(row, lambda *given: self.heard.append(given))
        admitted(self.session, action)
        self.peer.stage.step()
        return [event.code for event in self.peer.of(events.Error)]


def room(kind: RoomKind = RoomKind.PUBLIC, *, id: str = "r7", name: Any = None) -> Room:
    made = Room(ConversationId(id), Log(Seq(0), 0), name or parse_room(TEA), "")
    if kind is RoomKind.GROUP:
        made.name = None
    made.kind = kind
    made.open_from = Seq(1) if kind in OPEN_KINDS else None
    return made


def place(room: Room, account: Account, standing: Standing) -> None:
    """Make an account something to a room."""
    if standing & IN:
        room.members[account.id] = Seq(1)
    match standing:
        case Standing.BANNED:
            room.banned[account.id] = Sentence(None, "")
        case Standing.INVITED:
            room.invited[account.id] = None
        case Standing.MUTED:
            room.muted[account.id] = Sentence(None, "")
        case Standing.MODERATOR:
            room.roles[account.id] = Role.MODERATOR
        case Standing.OWNER:
            room.roles[account.id] = Role.OWNER
        case _:
            pass
    assert policy.standing(account, room) is standing


ROOMS = [kind for kind in ALL if policy.TABLE[kind].scope in (Scope.ROOM, Scope.PLACE)]
SERVER = [kind for kind in ALL if policy.TABLE[kind].scope is Scope.SERVER]
WRITES = (actions.NewMessage, actions.Typing, actions.Topic)


@pytest.mark.parametrize(("kind", "standing"), list(product(RoomKind, Standing)))
def test_in_a_room_the_gate_lets_through_whom_the_table_names_and_says_why_not(
    kind: RoomKind, standing: Standing
) -> None:
    house = House(kind, standing)
    for action in ROOMS:
        row = policy.TABLE[action]
        assert row.kinds is not None
        asked = msgspec.structs.replace(EXAMPLES[action], room=house.room.shown, id=None)
        house.heard.clear()
        codes = house.ask(asked, row)
        if standing & row.kinds[kind]:
            assert house.heard == [(house.session, asked, house.room)], action
            assert codes == []
            continue
        absent = Code.NO_SUCH_ROOM if action is actions.Join else Code.NOT_A_MEMBER
        if not standing & IN:
            told = absent
            if standing is Standing.BANNED and action is actions.Join and kind in OPEN_KINDS:
                told = Code.BANNED
        elif standing is Standing.MUTED and action in WRITES:
            told = Code.MUTED
        else:
            told = Code.NOT_ALLOWED
        assert (house.heard, codes) == ([], [told]), action
        # What one may not know of is refused as what is not there.
        if told is absent:
            nowhere = msgspec.structs.replace(asked, room="#none")
            assert house.ask(nowhere, row) == [absent] and house.heard == []


@pytest.mark.parametrize("role", list(Role))
def test_on_the_server_the_gate_lets_through_whom_the_table_names(role: Role) -> None:
    house = House(RoomKind.PUBLIC, Standing.OUTSIDER)
    house.account.role = role
    for action in SERVER:
        row = policy.TABLE[action]
        assert row.roles is not None
        house.heard.clear()
        codes = house.ask(msgspec.structs.replace(EXAMPLES[action], id=None), row)
        if role in row.roles:
            assert (len(house.heard), codes) == (1, [])
        else:
            assert (house.heard, codes) == ([], [Code.NOT_ALLOWED])


@pytest.mark.parametrize("kind", [k for k in ALL if policy.TABLE[k].scope is Scope.PLACE])
def test_a_place_may_be_a_person_and_not_a_room_too(kind: type[Action]) -> None:
    house = House(RoomKind.PUBLIC, Standing.OWNER)
    row = policy.TABLE[kind]
    whom = "to" if kind is actions.Typing else "with_"
    bare = msgspec.structs.replace(EXAMPLES[kind], id=None, room=None)
    assert house.ask(bare, row) == [] and house.heard.pop()[2] is house.chat.hall.common
    assert house.ask(msgspec.structs.replace(bare, **{whom: "anna"}), row) == []
    found = house.heard.pop()[2]
    assert isinstance(found, Direct) and found.one is found.other is house.account
    nobody = msgspec.structs.replace(bare, **{whom: "nobody"})
    assert house.ask(nobody, row) == [Code.NO_SUCH_USER]
    both = msgspec.structs.replace(EXAMPLES[kind], id=None, **{whom: "anna"})
    assert house.ask(both, row) == [Code.BAD_FIELD] and house.heard == []


# -- What one is to a room -------------------------------------------------------------------------


def account(number: int, name: str, role: Role = Role.MEMBER) -> Account:
    made = Account(AccountId(number), parse_name(name), None)
    made.role = role
    return made


ANNA, BORIS, VERA = account(1, "anna"), account(2, "boris"), account(3, "vera")

FLAGS = list(product((False, True), repeat=5))
HEIGHT = (Standing.MEMBER, Standing.MODERATOR, Standing.OWNER)


@pytest.mark.parametrize("kind", list(RoomKind))
@pytest.mark.parametrize("role", list(Role))
def test_standing_is_what_the_room_says_and_in_open_rooms_the_server(
    kind: RoomKind, role: Role
) -> None:
    anna = account(1, "anna", role)
    staff = {Role.MODERATOR: 1, Role.ADMIN: 2, Role.OWNER: 2}.get(role, 0)
    for own, (member, leaving, muted, banned, invited) in product(ROOM_ROLES, FLAGS):
        place = room(kind)
        place.members = {anna.id: Seq(1)} if member else {}
        place.leaving = {anna.id} if leaving else set()
        place.roles = {} if own is Role.MEMBER else {anna.id: own}
        place.muted = {anna.id: Sentence(None, "")} if muted else {}
        place.banned = {anna.id: Sentence(None, "")} if banned else {}
        place.invited = {anna.id: None} if invited else {}
        if member and not leaving:
            height = ROOM_ROLES.index(own)
            if kind in (RoomKind.PUBLIC, RoomKind.ANNOUNCEMENT):
                height = max(height, staff)
            wanted = HEIGHT[height]
            if muted and wanted is Standing.MEMBER:
                wanted = Standing.MUTED
        elif banned:
            wanted = Standing.BANNED
        else:
            wanted = Standing.INVITED if invited else Standing.OUTSIDER
        assert policy.standing(anna, place) is wanted


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("muted", [False, True])
def test_in_the_common_room_everybody_is_what_they_are_on_the_server(
    role: Role, muted: bool
) -> None:
    general = room(id=CommonRoom, name=parse_room("#general"))
    anna = account(1, "anna", role)
    if muted:
        general.muted[anna.id] = Sentence(None, "")
    quiet = Standing.MUTED if muted else Standing.MEMBER
    assert policy.standing(anna, general) is {
        Role.MODERATOR: Standing.MODERATOR,
        Role.ADMIN: Standing.OWNER,
        Role.OWNER: Standing.OWNER,
    }.get(role, quiet)


# -- Who stands higher -----------------------------------------------------------------------------


def two(place: Room, roles: Sequence[Role], on_server: Sequence[Role]) -> list[Account]:
    """Return two members of a room, with their roles there and on the server."""
    people = [account(1, "anna", on_server[0]), account(2, "boris", on_server[1])]
    for person, role in zip(people, roles, strict=True):
        place.members[person.id] = Seq(1)
        if role is not Role.MEMBER:
            place.roles[person.id] = role
    return people


@pytest.mark.parametrize("kind", list(RoomKind))
def test_one_acts_on_who_stands_lower_there(kind: RoomKind) -> None:
    for roles in product(ROOM_ROLES, repeat=2):
        for on_server in product(Role, repeat=2):
            place = room(kind)
            anna, boris = two(place, roles, on_server)
            heights = []
            for role, server in zip(roles, on_server, strict=True):
                height = {Role.MEMBER: 1, Role.MODERATOR: 2, Role.OWNER: 3}[role]
                # Where all may come, who keeps the server in order is above a room's owners.
                above = {Role.MODERATOR: 2, Role.ADMIN: 4, Role.OWNER: 5}.get(server, 1)
                heights.append(max(height, above) if kind in OPEN_KINDS else height)
            assert policy.outranks(anna, boris, place) is (heights[0] > heights[1])
            assert not policy.outranks(anna, anna, place)
            for given in ROOM_ROLES:
                worth = {Role.MEMBER: 1, Role.MODERATOR: 2, Role.OWNER: 3}[given]
                may = heights[0] > heights[1] and (worth < heights[0] or heights[0] >= 3)
                assert policy.may_give(anna, boris, given, place) is may
                assert policy.may_give(anna, anna, given, place) is (worth < heights[0])


def test_in_the_common_room_the_roles_of_the_server_count() -> None:
    general = room(id=CommonRoom, name=parse_room("#general"))
    order = list(Role)
    for mine, theirs in product(order, repeat=2):
        anna, boris = account(1, "anna", mine), account(2, "boris", theirs)
        higher = order.index(mine) > order.index(theirs)
        assert policy.outranks(anna, boris, general) is higher
        for given in order:
            below = order.index(given) < order.index(mine)
            may = higher and (below or mine is Role.OWNER)
            assert policy.may_give(anna, boris, given, general) is may
            assert policy.may_give(anna, anna, given, general) is below


def test_who_holds_the_machine_stands_above_all_and_makes_and_unmakes_owners() -> None:
    operator = account(ServerAccount, "x", Role.OWNER)
    owner = account(1, "anna", Role.OWNER)
    for place in (room(id=CommonRoom, name=parse_room("#general")), *map(room, RoomKind)):
        place.roles[owner.id] = Role.OWNER
        assert policy.outranks(operator, owner, place)
        assert not policy.outranks(owner, operator, place)
        assert all(policy.may_give(operator, owner, role, place) for role in ROOM_ROLES)
        assert not any(policy.may_give(owner, operator, role, place) for role in Role)


# -- Who may see -----------------------------------------------------------------------------------


def log() -> Log:
    return Log(Seq(0), 0)


def entry(seq: int, body: entries.AnyBody, author: Account = VERA) -> Entry:
    return Entry(ConversationId("r7"), Seq(seq), 0, 0, author.id, author.shown, None, body)


def test_everyone_but_the_server_itself_is_in_the_common_room() -> None:
    general = room(id=CommonRoom, name=parse_room("#general"))
    assert policy.member(ANNA, general) and policy.floor(ANNA, general) == 1
    assert not policy.member(account(ServerAccount, "x"), general)


def test_a_room_is_its_members_and_who_is_leaving_sees_it_but_acts_no_more() -> None:
    place = room()
    said = entry(1, entries.Message("hi"))
    assert not policy.member(ANNA, place) and not policy.visible(ANNA, place, said)
    place.members[ANNA.id] = Seq(1)
    assert policy.member(ANNA, place) and policy.visible(ANNA, place, said)
    place.leaving.add(ANNA.id)
    assert not policy.member(ANNA, place) and policy.visible(ANNA, place, said)


@pytest.mark.parametrize("since", [None, 1, 3, 6])
@pytest.mark.parametrize("open_from", [None, 1, 3, 5])
def test_a_member_sees_what_was_said_since_they_came_or_since_it_was_open(
    since: int | None, open_from: int | None
) -> None:
    place = room()
    place.open_from = None if open_from is None else Seq(open_from)
    if since is not None:
        place.members[ANNA.id] = Seq(since)
    place.invited[ANNA.id] = None
    for seq in range(1, 8):
        seen = since is not None and (seq >= since or (open_from or 99) <= seq)
        assert policy.visible(ANNA, place, entry(seq, entries.Message("hi"))) is seen
        floor = policy.floor(ANNA, place)
        assert (floor is not None and floor <= seq) is seen
    assert not policy.visible(BORIS, place, entry(7, entries.Message("hi")))


def test_a_direct_conversation_is_the_two_and_an_own_log_its_owners() -> None:
    direct = Direct(ConversationId("1:2"), log(), ANNA, BORIS)
    own = OwnLog(ConversationId("@1"), log(), ANNA, Hall())
    said = entry(1, entries.Message("hi"))
    assert [policy.member(who, direct) for who in (ANNA, BORIS, VERA)] == [True, True, False]
    assert [policy.visible(who, direct, said) for who in (ANNA, BORIS, VERA)] == [True, True, False]
    assert [policy.visible(who, own, said) for who in (ANNA, BORIS, VERA)] == [True, False, False]
    assert [policy.floor(who, own) for who in (ANNA, BORIS, VERA)] == [1, None, None]


def test_what_somebody_does_not_hear_only_its_author_sees() -> None:
    direct = Direct(ConversationId("1:2"), log(), ANNA, BORIS)
    unheard = entry(1, entries.Unheard("hi"), ANNA)
    assert [policy.visible(who, direct, unheard) for who in (ANNA, BORIS, VERA)] == [
        *(True, False, False),
    ]


def test_who_blocks_somebody_does_not_hear_them_and_is_heard() -> None:
    anna, boris = account(1, "anna"), account(2, "boris")
    anna.blocked = {boris.id: None}
    assert not policy.hears(anna, boris.id) and policy.hears(anna, VERA.id)
    assert policy.hears(boris, anna.id)
