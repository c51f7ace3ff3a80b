"""The chat: guests and their names, what stays when they go, and random days of it."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molva.core.chat import RETRY_SECONDS
from molva.core.effects import WindowClosed, WindowOpened
from molva.terms import actions, events
from molva.terms.entries import Created, Left
from molva.terms.errors import Code
from molva.terms.ids import AccountId, ConversationId, direct_id, own_log_id
from molva.terms.roles import Role
from tests.core.stage import Peer, Stage

# -- Guests ----------------------------------------------------------------------------------------


def names(stage: Stage) -> list[str]:
    """Return whose names are taken."""
    return [account.shown for account in stage.store.disk.accounts.values()]


def test_a_guest_who_cannot_come_back_ends_with_its_connection() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=())
    anna.leave()
    assert names(stage) == []
    assert stage.enter("anna").welcome.result == "successful"


def test_a_guest_who_can_come_back_is_waited_for_and_then_let_go() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.leave()
    stage.advance(stage.limits.guest_hold_seconds - 1)
    assert stage.enter("anna").results[-1].code is Code.NAME_TAKEN
    stage.advance(1)
    assert names(stage) == []
    assert stage.enter("anna", token=anna.token).results[-1].code is Code.BAD_TOKEN


def test_a_guest_who_came_back_is_waited_for_anew() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.leave()
    stage.advance(stage.limits.guest_hold_seconds - 1)
    anna = stage.resume(anna)
    stage.advance(stage.limits.guest_hold_seconds)
    assert names(stage) == ["anna"]
    anna.leave()
    stage.advance(stage.limits.guest_hold_seconds - 1)
    assert names(stage) == ["anna"]


def test_who_has_a_password_is_never_let_go() -> None:
    stage = Stage()
    anna = stage.enter("anna", password="swordfish")
    stage.hash()
    anna.leave()
    stage.advance(10 * stage.limits.guest_hold_seconds)
    assert names(stage) == ["anna"]


def test_a_guest_keeps_the_name_while_any_device_is_connected() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.resume(anna)
    stage.advance(10 * stage.limits.guest_hold_seconds)
    assert names(stage) == ["anna"]


def test_while_the_store_cannot_write_a_guest_is_kept_and_let_go_later() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    boris.send(actions.Create(room="#tea"))
    anna.send(actions.Join(room="#tea"))
    stage.store.unavailable = True
    boris.leave()
    stage.advance(RETRY_SECONDS * 2.5)
    assert names(stage) == ["anna", "boris"]
    stage.store.unavailable = False
    stage.advance(RETRY_SECONDS)
    assert names(stage) == ["anna"]
    assert [event.user for event in anna.of(events.Left)] == ["boris"]


def test_after_a_restart_guests_are_waited_for_from_then_on() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    stage.enter("vera", password="swordfish")
    stage.hash()
    boris.send(actions.NewMessage(text="hi"))
    later = stage.restart()
    assert names(later) == ["anna", "vera"]
    later.advance(later.limits.guest_hold_seconds - 1)
    assert later.resume(anna).welcome.name == "anna"
    later.advance(later.limits.guest_hold_seconds)
    assert names(later) == ["anna", "vera"]
    last = later.restart()
    last.advance(last.limits.guest_hold_seconds)
    assert names(last) == ["vera"]


# -- Names that pass on ----------------------------------------------------------------------------


def test_a_new_guest_of_an_old_name_is_another_person_with_a_log_of_their_own() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    boris.send(actions.NewWhisper(to="anna", text="old"))
    anna.send(actions.NewWhisper(to="boris", text="old too"))
    boris.leave()
    heir = stage.enter("boris")
    assert heir.texts() == []
    anna.send(actions.NewWhisper(to="boris", text="new", id="w"))
    assert heir.texts() == ["new"]
    assert anna.texts() == ["old", "old too", "new"]
    for spelled, there in (("boris", ["new"]), ("boris~2", ["old", "old too"])):
        page = anna.ask(actions.History(with_=spelled, id="h"))
        assert isinstance(page, events.History) and page.with_ == spelled
        assert [getattr(entry, "text", "") for entry in page.entries] == there
    told = anna.ask(actions.Read(with_="boris~2", through=2, id="r"))
    assert isinstance(told, events.Read) and told.with_ == "boris~2"
    refused = heir.ask(actions.History(with_="boris~2", id="h"))
    # Nothing was ever said between these two: it is as if they were strangers.
    assert isinstance(refused, events.History) and refused.entries == []


@pytest.mark.parametrize("restarted", [False, True])
def test_the_old_log_is_resumed_under_the_tag(restarted: bool) -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    boris.send(actions.NewWhisper(to="anna", text="one"))
    anna.leave()
    boris.send(actions.NewWhisper(to="anna", text="two"))
    boris.leave()
    heir = stage.enter("boris")
    heir.send(actions.NewWhisper(to="anna", text="from another"))
    if restarted:
        stage = stage.restart()
    again = stage.resume(anna)
    assert sorted(again.texts()) == ["from another", "two"]
    froms = {e.text: e.from_ for e in again.heard if isinstance(e, events.NewWhisper)}
    assert froms == {"two": "boris~2", "from another": "boris"}
    labels = [c.with_ for c in again.welcome.conversations or () if c.with_]
    assert sorted(labels) == ["boris", "boris~2"]


def test_what_one_said_who_is_gone_is_not_taken_for_what_the_next_of_that_name_says() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    anna.close_window()
    boris.send(actions.NewWhisper(to="anna", text="old"))
    boris.leave()
    heir = stage.enter("boris", features=())
    heir.send(actions.NewWhisper(to="anna", text="new"))
    anna.open_window()
    said = {e.text: e.from_ for e in anna.heard if isinstance(e, events.NewWhisper)}
    assert said == {"old": "boris~2", "new": "boris"}


def test_a_retry_of_a_whisper_goes_to_whom_it_went_and_not_to_the_next_of_that_name() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    whisper = actions.NewWhisper(to="boris", text="hi", id="w")
    anna.send(whisper)
    boris.leave()
    heir = stage.enter("boris")
    assert anna.ask(whisper) == events.Stored(id="w", seq=1, to="boris~2")
    heir.send(actions.NewWhisper(to="anna", text="who are you?"))
    assert anna.ask(whisper) == events.Stored(id="w", seq=1, to="boris~2")
    assert heir.texts() == ["who are you?"]
    other = actions.NewWhisper(to="boris", text="other", id="w")
    assert anna.refused(other) is Code.ID_CONFLICT


def test_a_first_whisper_that_crosses_the_end_of_its_receiver_is_answered() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    stage.prompt = False
    anna.send(actions.NewWhisper(to="boris", text="are you there?", id="w"))
    boris.leave()
    stage.settle()
    (answer,) = [e for e in anna.heard if isinstance(e, events.NewWhisper)]
    assert answer.id == "w" and answer.seq == 1


def test_two_who_are_both_gone_leave_nothing_in_memory_and_everything_in_the_store() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna", features=()), stage.enter("boris", features=())
    anna.send(actions.NewWhisper(to="boris", text="hi"))
    anna.send(actions.NewWhisper(to="anna", text="note"))
    vera = stage.enter("vera")
    anna.send(actions.NewWhisper(to="vera", text="hi"))
    boris.leave()
    anna.leave()
    # Vera talked with one of them, and with the other nobody who is here did.
    assert vera.refused(actions.History(with_="boris~2")) is Code.NO_SUCH_USER
    assert isinstance(vera.ask(actions.History(with_="anna~1", id="h")), events.History)
    assert len(stage.entries("1:2")) == len(stage.entries("1:1")) == 1
    again = stage.restart().resume(vera)
    assert [c.with_ for c in again.welcome.conversations or () if c.with_] == ["anna~1"]


def test_who_talked_with_nobody_else_is_forgotten_whole() -> None:
    stage = Stage()
    anna, vera = stage.enter("anna", features=()), stage.enter("vera")
    anna.send(actions.NewWhisper(to="anna", text="note"))
    anna.leave()
    assert vera.refused(actions.History(with_="anna~1")) is Code.NO_SUCH_USER


def test_a_retired_name_is_refused_under_its_own_tag_to_those_who_never_talked() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    boris.leave()
    assert anna.refused(actions.History(with_="boris~2")) is Code.NO_SUCH_USER


# -- Contents that a store may hold ----------------------------------------------------------------


def test_members_and_markers_of_nobody_are_passed_over() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    disk, nobody = stage.store.disk, AccountId(99)
    (room, _), since = next(iter(disk.members.items()))
    disk.members[room, nobody] = since
    disk.markers[nobody, room] = (since, 0)
    again = stage.restart().resume(anna)
    listed = again.ask(actions.Rooms(id="r"))
    assert isinstance(listed, events.Rooms)
    assert [room.members for room in listed.rooms if room.room == "#tea"] == [1]


def test_a_guest_who_is_made_a_member_keeps_the_name_and_is_one_after_a_restart() -> None:
    stage = Stage(owned=False)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    for role in (Role.MEMBER, Role.GUEST, Role.MEMBER):
        anna.send(actions.SetRole(user="boris", role=role))
        for one in (stage, stage.restart()):
            assert one.resume(boris).welcome.role == role
        boris = stage.resume(boris)
    boris.leave()
    stage.advance(stage.limits.guest_hold_seconds + 1)
    assert stage.connect().send(actions.Registration(name="boris")).results[0].result == "error"


# -- Random days -----------------------------------------------------------------------------------

PEOPLE = ("anna", "boris", "vera")
ROOMS = ("#general", "#tea", "#cocoa")
TINY: dict[str, Any] = {"window_entries": 3, "deliver_entries_max": 2, "backlog_entries_max": 6}


class Day:
    """Three people who do anything, on a store that answers whenever it likes."""

    def __init__(self, seed: int, **limits: Any) -> None:
        self.random = random.Random(seed)
        self.stage = Stage(**limits)
        self.words = 0
        self.peers: dict[str, list[Peer]] = {}
        """The connections of each, one after the other."""
        for name in PEOPLE:
            # One is a guest, who might be let go, and comes back before that.
            keeper: dict[str, Any] = {} if name == "anna" else {"password": "swordfish"}
            self.peers[name] = [self.stage.enter(name, **keeper)]
            if keeper:
                self.stage.hash()
        for room in ROOMS[1:]:
            self.peers[self.random.choice(PEOPLE)][0].send(actions.Create(room=room))
        self.stage.prompt = False

    def action(self) -> actions.AnyAction:
        """Return something to do."""
        roll = self.random
        self.words += 1
        text = f"word {self.words}"
        id = roll.choice([None, f"id{self.words}", f"id{roll.randint(1, 40)}"])
        room, other = roll.choice(ROOMS), roll.choice(ROOMS[1:])
        kinds: list[actions.AnyAction] = [
            *[actions.NewMessage(room=room, text=text, id=id)] * 4,
            *[actions.NewWhisper(to=roll.choice(PEOPLE), text=text, id=id)] * 2,
            actions.Create(room=f"#room{self.words}", id=id),
            *[actions.Join(room=other, id=id)] * 3,
            actions.Leave(room=other, id=id),
            actions.Topic(room=room, text=text, id=id),
            actions.Read(room=room, through=roll.randint(0, 9), id=id),
            actions.History(room=room, limit=roll.randint(1, 9), id=id),
            actions.Ping(id=id),
        ]
        return roll.choice(kinds)

    def turn(self) -> None:
        """Let one thing happen."""
        roll, stage = self.random, self.stage
        name = roll.choice(PEOPLE)
        peer = self.peers[name][-1]
        match roll.randrange(16):
            case 0:
                stage.persist(roll.randint(1, 5))
            case 1 | 2 | 3:
                stage.persist(roll.randint(1, 5))
                stage.acknowledge(roll.randint(1, 5))
            case 4:
                stage.read(1)
            case 5:
                stage.hand_back(1)
            case 6:
                stage.step(WindowClosed(peer.connection))
            case 7 | 8:
                stage.step(WindowOpened(peer.connection))
            case 9 if roll.random() < 0.5:
                if peer.gone or roll.random() < 0.3:
                    self.peers[name].append(stage.resume(peer))
                else:
                    peer.leave()
            case 10 if stage.store.unavailable or roll.random() < 0.1:
                stage.store.unavailable = not stage.store.unavailable
            case _:
                peer.send(*[self.action() for _ in range(roll.randint(1, 4))])

    def end(self) -> None:
        """Let the faults stop, and everybody come back and catch up."""
        stage = self.stage
        stage.store.unavailable = False
        for peers in self.peers.values():
            if peers[-1].gone:
                peers.append(stage.resume(peers[-1]))
            stage.step(WindowOpened(peers[-1].connection))
        stage.settle()
        stage.prompt = True
        stage.advance(2 * RETRY_SECONDS)

    def check(self, *, whole: bool) -> None:
        """Compare what each saw, over all their connections, with what the store holds.

        `whole`: nobody was ever so far behind that a gap was named instead.
        """
        disk = self.stage.store.disk
        # A room whose last member has left is closed; its log stays.
        rooms = {c.shown: id for id, c in disk.conversations.items() if c.shown}
        rooms |= {
            log[0].body.name: id
            for id, log in disk.logs.items()
            if log and isinstance(log[0].body, Created)
        }
        accounts = {stored.shown: id for id, stored in disk.accounts.items()}
        for name, peers in self.peers.items():
            account = accounts[name]
            told: dict[str, list[tuple[int, str]]] = {}
            for peer in peers:
                for key, seq, text in peer.log:
                    told.setdefault(key, []).append((seq, text))
            for key, seen in told.items():
                if key == "@":
                    id = own_log_id(account)
                elif key.startswith("#"):
                    id = rooms[key]
                else:
                    id = direct_id(account, AccountId(int(key, 36)))
                log = [(e.seq, getattr(e.body, "text", "")) for e in disk.logs[id]]
                assert seen == sorted(set(seen)), f"{key} is not in order, or twice, for {name}"
                assert set(seen) <= set(log)
                if whole and (key == "#general" or not key.startswith(("#", "@"))):
                    assert seen == log
                if key == "@" or (id, account) in disk.members or key == "#general":
                    assert peers[-1].cursors[key] == log[-1][0]
                elif key.startswith("#"):
                    assert seen[-1][0] < self.last_left(id, account)

    def last_left(self, room: ConversationId, account: AccountId) -> int:
        """Return at which seq somebody left a room for the last time."""
        log = self.stage.store.disk.logs[room]
        return max(e.seq for e in log if e.account == account and isinstance(e.body, Left))


@pytest.mark.parametrize("limits", [TINY, {}], ids=["tiny", "usual"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_whatever_the_order_of_completions_everyone_ends_with_the_log_as_it_is(
    limits: dict[str, Any], seed: int
) -> None:
    day = Day(seed, **limits)
    for _ in range(250):
        day.turn()
    day.end()
    day.check(whole=not limits)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_a_hub_taken_up_from_the_store_knows_what_the_one_before_knew(seed: int) -> None:
    day = Day(seed)
    for _ in range(200):
        day.turn()
    day.end()
    later = day.stage.restart()
    for peers in day.peers.values():
        before, after = day.stage.resume(peers[-1]), later.resume(peers[-1])
        assert before.welcome.conversations is not None
        assert after.welcome.conversations is not None
        assert sorted(map(str, before.welcome.conversations)) == sorted(
            map(str, after.welcome.conversations)
        )
        lists = [each.ask(actions.Rooms(id="rooms")) for each in (before, after)]
        assert lists[0] == lists[1]
