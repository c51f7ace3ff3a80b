"""Registration: how a connection becomes somebody, by name, password or token."""

import pytest

from molva.core.effects import Connected, HashPassword, Received, Speak, VerifyPassword
from molva.core.rate import REMEMBERED_MAX
from molva.terms import actions, events
from molva.terms.errors import Code
from molva.terms.ids import ConnectionId
from molva.terms.limits import (
    CONVERSATIONS_LISTED_MAX,
    FRAME_BYTES_MAX,
    PASSWORD_BYTES_MAX,
    PASSWORD_CHARACTERS_MIN,
    TOPIC_BYTES_MAX,
    Rate,
)
from molva.terms.names import parse_name
from molva.terms.ports import MakeAccount
from molva.wire.jsonl import format_event
from tests.core.stage import Peer, Stage

PASSWORD = "swordfish"


def register(peer: Peer, name: str = "anna", **more: object) -> events.Result:
    """Register on a connection and return the reply."""
    before = len(peer.results)
    peer.send(actions.Registration(name=name, **more))  # type: ignore[arg-type]
    (result,) = peer.results[before:]
    return result


def refusal(peer: Peer, name: str = "anna", **more: object) -> str | None:
    """Register on a connection and return why not."""
    result = register(peer, name, **more)
    assert result.result == "error" and result.text
    return result.code


def account_of(stage: Stage, name: str = "anna") -> Peer:
    """Return a connection of an account with a password, made just now."""
    peer = stage.enter(name, password=PASSWORD)
    stage.hash()
    return peer


# -- Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", Code.NAME_EMPTY),
        ("x" * 65, Code.NAME_TOO_LONG),
        ("a b", Code.NAME_BAD_CHARACTER),
        ("admin", Code.NAME_RESERVED),
        ("Boris", Code.NAME_TAKEN),
        ("bоris", Code.NAME_CONFUSABLE),
        ("boris~2", Code.NAME_BAD_CHARACTER),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_and_another_may_be_asked(
    name: str, code: Code
) -> None:
    stage = Stage()
    stage.enter("boris")
    peer = stage.connect()
    assert refusal(peer, name, id="r") is code
    assert peer.results[-1].id == "r"
    assert register(peer, "anna").result == "successful"


def test_a_refusal_is_told_in_the_language_asked_for() -> None:
    stage = Stage()
    peer = stage.connect()
    assert register(peer, "", language="ru-RU").text == "Нужно имя."
    assert register(peer, "", language="en").text == "A name is needed."


def test_after_too_many_refusals_the_connection_is_closed() -> None:
    stage = Stage(registrations_failed_max=3)
    peer = stage.connect()
    for _ in range(3):
        assert not peer.closed
        refusal(peer, "")
    assert peer.code is Code.TOO_MANY_REFUSALS


def test_who_asks_for_one_name_at_once_is_refused_but_the_first() -> None:
    stage = Stage(prompt=False)
    first, second = stage.connect(), stage.connect()
    for peer in (first, second):
        peer.send(actions.Registration(name="anna"))
    stage.settle()
    assert [peer.results[0].result for peer in (first, second)] == ["successful", "error"]
    assert second.results[0].code is Code.NAME_TAKEN


@pytest.mark.parametrize(
    ("there", "code"), [("anna", Code.NAME_TAKEN), ("аnna", Code.NAME_CONFUSABLE)]
)
def test_a_name_that_the_store_knows_is_refused_though_the_hub_does_not(
    there: str, code: Code
) -> None:
    stage = Stage()
    peer = stage.connect()
    other = Stage(stage.store.disk, ids=stage.ids)
    other.enter(there)
    assert refusal(peer) is code
    assert register(peer, "boris").result == "successful"


def test_while_the_store_cannot_write_nobody_comes_and_the_name_stays_free() -> None:
    stage = Stage()
    peer = stage.connect()
    stage.store.unavailable = True
    assert refusal(peer) is Code.UNAVAILABLE
    stage.store.unavailable = False
    assert register(peer).result == "successful"


def test_accounts_are_bounded_and_those_that_are_there_may_come() -> None:
    stage = Stage(accounts_max=1)
    account_of(stage)
    peer = stage.connect()
    assert refusal(peer, "boris") is Code.LIMIT_REACHED
    peer.send(actions.Registration(name="anna", password=PASSWORD))
    stage.hash()
    assert peer.results[-1].result == "successful"


# -- The welcome -----------------------------------------------------------------------------------


def test_the_welcome_of_a_modern_client_says_all_it_needs() -> None:
    stage = Stage()
    stage.enter("boris")
    anna = stage.enter("Anna", features=("typing", "unknown", "echo"), id="r", language="ru")
    welcome = anna.welcome
    assert welcome.users == ["Anna", "boris"]
    assert welcome.name == "Anna" and welcome.id == "r" and welcome.account is False
    assert welcome.features == ["echo", "typing"]
    assert welcome.token == "token-2" and welcome.language == "ru" and welcome.server
    assert welcome.ping_seconds == stage.limits.ping_seconds
    assert welcome.text == "Добро пожаловать, Anna! В сети: 2."
    assert welcome.role == "guest" and welcome.blocked is None and welcome.invited is None
    assert welcome.conversations == [
        events.Conversation(room="#general", tag="0", head=0, cursor=0, role="guest")
    ]
    assert anna.modern


def test_a_client_of_2022_gets_what_it_knows_and_no_token() -> None:
    stage = Stage()
    peer = stage.connect()
    effects = stage.step(Received(peer.connection, [actions.Registration(name="anna")], 0))
    assert not any(isinstance(effect, Speak) for effect in effects)
    welcome = peer.welcome
    assert welcome.users == ["anna"] and welcome.token is None
    assert welcome.conversations is None and welcome.features is None
    assert not peer.modern and stage.ids.tokens == 0


def test_a_welcome_lists_so_many_conversations_and_the_rest_follow_before_any_entry() -> None:
    stage = Stage(rooms_per_account_max=400)
    anna = stage.enter("anna")
    count = 2 * CONVERSATIONS_LISTED_MAX + 5
    anna.send(*[actions.Create(room=f"#room{number}") for number in range(count)])
    anna.leave()
    again = stage.connect()
    registration = actions.Registration(
        name="anna", token=anna.token, features=["echo"], cursors={"#room7": 0, "@anna": 0}
    )
    again.send(registration)
    kinds = [type(event) for event in again.heard]
    lists = kinds.count(events.Conversations)
    assert kinds[: lists + 1] == [events.Result] + [events.Conversations] * lists
    assert lists >= 2 and kinds[lists + 1] is not events.Conversations
    listed = list(again.welcome.conversations or ())
    for event in again.of(events.Conversations):
        assert len(event.conversations) <= CONVERSATIONS_LISTED_MAX
        listed += event.conversations
    # Its own log, the common room, and what it made.
    assert len(listed) == count + 2
    assert all(len(format_event(event)) < 64 * 1024 for event in again.heard)


def test_whatever_a_welcome_tells_of_it_fits_a_frame_and_so_do_the_rest() -> None:
    stage = Stage(rooms_per_account_max=200)
    stage.crowd(800)
    anna = stage.enter("anna")
    names = [f"#room-{'ж' * 23}{number:03d}" for number in range(110)]
    anna.send(*[actions.Create(room=name, topic='"' * TOPIC_BYTES_MAX) for name in names])
    again = stage.resume(anna)
    welcome = again.welcome
    assert welcome.users is not None
    assert len(welcome.users) < 801 == welcome.online
    assert all(len(format_event(event)) < FRAME_BYTES_MAX for event in again.heard)
    listed = [c.room for c in welcome.conversations or ()]
    for event in again.of(events.Conversations):
        listed += [c.room for c in event.conversations]
    assert listed == [None, "#general", *names]


# -- Passwords -------------------------------------------------------------------------------------


def test_with_a_password_a_free_name_becomes_an_account() -> None:
    stage = Stage()
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", password=PASSWORD, features=["echo"]))
    assert isinstance(stage.passwords[0], HashPassword)
    assert peer.results == []
    stage.hash()
    assert peer.welcome.account is True
    assert stage.store.contents().accounts[0].password_hash == f"hash of {PASSWORD}"


def test_the_password_lets_in_and_a_wrong_one_does_not() -> None:
    stage = Stage()
    account_of(stage)
    peer = stage.connect()
    peer.send(actions.Registration(name="ANNA", password="not it at all", features=["echo"]))
    assert isinstance(stage.passwords[0], VerifyPassword)
    stage.hash()
    assert peer.results[-1].code is Code.WRONG_PASSWORD
    peer.send(actions.Registration(name="ANNA", password=PASSWORD, features=["echo"]))
    stage.hash()
    assert peer.welcome.name == "anna"
    assert peer.token == "token-2"


def test_an_account_with_tokens_enough_lets_further_devices_in_without_one() -> None:
    stage = Stage(devices_per_account_max=2)
    account_of(stage)
    tokens = []
    for _ in range(2):
        peer = stage.connect()
        peer.send(actions.Registration(name="anna", password=PASSWORD, features=["echo"]))
        stage.hash()
        tokens.append(peer.welcome.token)
    assert tokens[0] is not None and tokens[1] is None


def test_a_client_of_2022_may_have_a_password_and_gets_no_device() -> None:
    stage = Stage()
    account_of(stage)
    peer = stage.enter("anna", features=(), password=PASSWORD)
    stage.hash()
    assert peer.welcome.token is None
    assert len(stage.store.contents().devices) == 1


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * (PASSWORD_CHARACTERS_MIN - 1), Code.PASSWORD_TOO_SHORT),
        ("ж" * (PASSWORD_BYTES_MAX // 2 + 1), Code.PASSWORD_TOO_LONG),
        (None, Code.PASSWORD_REQUIRED),
    ],
)
def test_a_password_is_bounded_and_needed(password: str | None, code: Code) -> None:
    stage = Stage()
    account_of(stage)
    assert refusal(stage.connect(), password=password) is code
    assert not stage.passwords


@pytest.mark.parametrize("known", [False, True])
def test_when_too_many_wait_to_be_hashed_the_answer_is_busy(known: bool) -> None:
    stage = Stage()
    if known:
        account_of(stage)
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", password=PASSWORD))
    stage.hash(busy=True)
    assert peer.results[-1].code is Code.BUSY
    peer.send(actions.Registration(name="anna", password=PASSWORD))
    stage.hash()
    assert peer.results[-1].result == "successful"


@pytest.mark.parametrize("known", [False, True])
def test_who_goes_while_a_password_is_hashed_leaves_nothing(known: bool) -> None:
    stage = Stage()
    if known:
        account_of(stage)
    before = stage.store.contents()
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", password=PASSWORD, features=["echo"]))
    peer.leave()
    stage.hash()
    assert peer.results == []
    assert stage.store.contents() == before


def test_who_takes_the_name_while_a_password_is_hashed_keeps_it() -> None:
    stage = Stage()
    slow = stage.connect()
    slow.send(actions.Registration(name="anna", password=PASSWORD))
    quick = stage.enter("anna")
    stage.hash()
    assert slow.results[-1].code is Code.NAME_TAKEN
    assert quick.welcome.account is False


def test_who_goes_while_the_account_is_made_leaves_an_account_and_a_guest_leaves_none() -> None:
    stage = Stage()
    stage.prompt = False
    keeper, guest, device = stage.connect(), stage.connect(), stage.connect()
    keeper.send(actions.Registration(name="anna", password=PASSWORD))
    guest.send(actions.Registration(name="boris"))
    device.send(actions.Registration(name="vera", features=["echo"]))
    stage.hash()
    for peer in (keeper, guest, device):
        peer.leave()
    stage.settle()
    stage.prompt = True
    assert [account.shown for account in stage.store.contents().accounts] == ["vera", "anna"]
    stage.advance(stage.limits.guest_hold_seconds)
    assert [account.shown for account in stage.store.contents().accounts] == ["anna"]


def test_who_goes_while_an_account_is_made_that_cannot_be_leaves_the_name_free() -> None:
    stage = Stage()
    stage.prompt = False
    peer = stage.connect()
    peer.send(actions.Registration(name="anna"))
    peer.leave()
    stage.store.unavailable = True
    stage.settle()
    stage.store.unavailable = False
    assert peer.results == []
    stage.prompt = True
    assert stage.enter("anna").welcome.result == "successful"


def test_who_goes_while_a_device_is_added_leaves_nothing_wrong() -> None:
    stage = Stage()
    account_of(stage)
    stage.prompt = False
    peer = stage.connect()
    peer.send(actions.Registration(name="anna", password=PASSWORD, features=["echo"]))
    stage.hash()
    peer.leave()
    stage.settle()
    assert peer.results == []
    again = stage.enter("anna", token="token-2")
    assert again.welcome.result == "successful"


def test_while_the_store_cannot_write_a_password_does_not_let_in() -> None:
    stage = Stage()
    account_of(stage)
    stage.store.unavailable = True
    peer = stage.enter("anna", password=PASSWORD)
    stage.hash()
    assert peer.results[-1].code is Code.UNAVAILABLE


def test_passwords_tried_for_one_account_are_counted_wherever_they_come_from() -> None:
    stage = Stage(passwords_per_account=Rate(per_second=0.1, burst=2))
    account_of(stage)
    for number in range(2):
        peer = stage.enter("anna", password="not it at all", address=f"192.0.2.{number}")
        stage.hash()
        assert peer.results[-1].code is Code.WRONG_PASSWORD
    peer = stage.enter("anna", password=PASSWORD, address="192.0.2.9")
    assert peer.results[-1].code is Code.RATE_LIMITED
    wait = peer.results[-1].retry_after
    assert wait is not None
    stage.advance(wait)
    peer.send(actions.Registration(name="anna", password=PASSWORD))
    stage.hash()
    assert peer.results[-1].result == "successful"


def test_registrations_from_one_address_are_counted_over_its_connections() -> None:
    stage = Stage(registrations_per_address=Rate(per_second=1, burst=2))
    for _ in range(2):
        refusal(stage.connect("192.0.2.7"), "")
    peer = stage.connect("192.0.2.7")
    assert refusal(peer) is Code.RATE_LIMITED
    assert register(stage.connect("192.0.2.8"), "boris").result == "successful"
    stage.advance(1.1)
    assert register(peer).result == "successful"


def test_addresses_that_were_quiet_long_enough_are_not_remembered() -> None:
    stage = Stage(
        registrations_per_address=Rate(per_second=1, burst=1),
        connections_max=50_000,
        connections_new_max=50_000,
    )

    def crowd(first: int) -> None:
        """Let as many addresses as are remembered try once."""
        inputs: list[Connected | Received] = []
        for number in range(first, first + REMEMBERED_MAX):
            connection = ConnectionId(1_000_000 + number)
            stage.peers[connection] = Peer(stage, connection, f"address {number}")
            inputs.append(Connected(connection, f"address {number}"))
            inputs.append(Received(connection, [actions.Registration(name="")], 0))
        stage.step(*inputs)

    crowd(0)
    late = stage.connect("192.0.2.7")
    assert refusal(late, "") is Code.NAME_EMPTY
    assert refusal(late, "") is Code.RATE_LIMITED
    stage.advance(61)
    assert refusal(late, "") is Code.NAME_EMPTY
    assert refusal(late, "") is Code.RATE_LIMITED


# -- Devices ---------------------------------------------------------------------------------------


def test_a_token_brings_the_device_back_without_a_password() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.leave()
    again = stage.enter("anna", token=anna.token)
    assert again.welcome.token is None
    assert stage.ids.accounts == 1


def test_a_token_that_is_not_known_under_the_name_is_refused() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    assert refusal(stage.connect(), "anna", token="other") is Code.BAD_TOKEN
    assert refusal(stage.connect(), "boris", token=anna.token) is Code.BAD_TOKEN


def test_a_device_that_comes_back_takes_the_place_of_its_old_connection() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.advance(1)
    boris.take()
    again = stage.resume(anna)
    assert anna.code is Code.RESUMED_ELSEWHERE
    assert isinstance(anna.heard[-1], events.Bye)
    boris.send(actions.NewMessage(text="hi"))
    assert again.texts() == ["hi"] and anna.texts() == []
    stage.advance(1)
    # Nobody is told that somebody went who has not.
    assert not [e for e in boris.take() if isinstance(e, events.UserLeft | events.NewUser)]
    anna.leave()
    assert again.ask(actions.Ping(id="p")) == events.Pong(id="p")


def test_a_device_that_comes_back_on_a_new_connection_is_away_as_before() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(actions.Away(text="lunch"))
    stage.resume(anna)
    told = boris.ask(actions.Users(id="u"))
    assert isinstance(told, events.Users) and told.away == {"anna": "lunch"}


def test_devices_connected_at_once_are_bounded_and_one_that_comes_back_is_no_more() -> None:
    stage = Stage(sessions_per_account_max=2)
    first, second = account_of(stage), account_of(stage)
    third = account_of(stage)
    assert third.results[-1].code is Code.TOO_MANY_DEVICES
    again = stage.resume(first)
    assert again.welcome.result == "successful"
    assert first.code is Code.RESUMED_ELSEWHERE and not second.closed
    second.leave()
    third.send(actions.Registration(name="anna", password=PASSWORD))
    stage.hash()
    assert third.results[-1].result == "successful"


def test_two_devices_are_one_person() -> None:
    stage = Stage()
    boris = stage.enter("boris")
    first, second = account_of(stage), account_of(stage)
    boris.send(actions.NewWhisper(to="anna", text="to both"))
    first.send(actions.NewMessage(text="from one"))
    assert first.texts() == second.texts() == ["to both", "from one"]
    assert second.welcome.users == ["anna", "boris"]
    first.leave()
    stage.advance(1)
    assert not boris.of(events.UserLeft)
    second.leave()
    stage.advance(1)
    assert [event.user for event in boris.of(events.UserLeft)] == ["anna"]


# -- Resuming --------------------------------------------------------------------------------------


def test_who_comes_back_hears_what_came_meanwhile_and_nothing_twice() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.send(actions.NewMessage(text="one"), actions.NewWhisper(to="anna", text="two"))
    anna.leave()
    boris.send(actions.NewMessage(text="three"), actions.NewWhisper(to="anna", text="four"))
    again = stage.resume(anna)
    assert again.texts() == ["three", "four"]
    assert again.welcome.conversations is not None
    unread = {c.room or c.with_ or c.log: c.unread for c in again.welcome.conversations}
    assert unread == {"@anna": 0, "#general": 2, "boris": 2}


def test_without_cursors_delivery_begins_at_the_read_marker() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.send(actions.NewMessage(text="read"), actions.NewMessage(text="unread"))
    anna.send(actions.Read(through=1))
    anna.leave()
    again = stage.enter("anna", token=anna.token)
    assert again.texts() == ["unread"]


def test_a_cursor_beyond_the_end_is_told_and_begins_at_the_end() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.NewMessage(text="one"))
    again = stage.enter("anna", token=anna.token, cursors={"#general": 9})
    assert again.one(events.Error).code is Code.CURSOR_AHEAD
    anna = again.send(actions.NewMessage(text="two"))
    assert anna.texts() == ["two"]


def test_cursors_of_what_is_not_theirs_or_not_there_are_passed_over() -> None:
    stage = Stage()
    stage.enter("boris").send(actions.Create(room="#tea"))
    anna = stage.enter(
        "anna", cursors={"#tea": 0, "#none": 1, "boris": 1, "nobody": 1, "#": 1, "a b": 2, "": 0}
    )
    assert [c.room for c in anna.welcome.conversations or ()] == ["#general"]


def test_a_client_of_2022_hears_whispers_it_missed_once_and_no_history_of_its_room() -> None:
    stage = Stage()
    boris = stage.enter("boris")
    legacy = stage.enter("anna", features=(), password=PASSWORD)
    stage.hash()
    legacy.leave()
    boris.send(actions.NewMessage(text="not this"))
    boris.send(actions.NewWhisper(to="anna", text="this"))

    def come() -> Peer:
        peer = stage.enter("anna", features=(), password=PASSWORD)
        stage.hash()
        return peer

    again = come()
    assert again.texts() == ["this"]
    again.leave()
    assert come().texts() == []


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_client_of_2022_was_sent_while_it_was_here_is_not_sent_again(closed: bool) -> None:
    stage = Stage()
    boris = stage.enter("boris")

    def come() -> Peer:
        peer = stage.enter("anna", features=(), password=PASSWORD)
        stage.hash()
        return peer

    anna = come()
    boris.send(actions.NewWhisper(to="anna", text="one"))
    if closed:
        anna.close_window()
        boris.send(actions.NewWhisper(to="anna", text="two"))
    anna.leave()
    assert anna.texts() == ["one"]
    again = come()
    assert again.texts() == (["two"] if closed else [])
    again.send(actions.Quit())
    assert come().texts() == []


def test_who_came_is_reported_with_the_address_and_refusals_too() -> None:
    stage = Stage(reports=True)
    peer = stage.connect()
    refusal(peer, "")
    register(peer)
    account_of(stage, "boris")
    account_of(stage, "boris")
    peer.leave()
    gone = stage.connect()
    gone.leave()
    assert [report.what.removeprefix("report.") for report in stage.reports] == [
        *("connected", "refused", "registered"),
        *("connected", "registered"),
        *("connected", "device"),
        "left",
        *("connected", "disconnected"),
    ]


def test_the_account_is_made_with_all_three_forms_of_its_name() -> None:
    stage = Stage(prompt=False)
    stage.enter("Анна", device="laptop")
    (write,) = stage.writes
    assert isinstance(write, MakeAccount)
    name = parse_name("Анна")
    assert (write.shown, write.key, write.skeleton) == (name.shown, name.key, name.skeleton)
    assert (write.device, write.password_hash, write.token_digest) == (
        "laptop",
        None,
        "digest of token-1",
    )
