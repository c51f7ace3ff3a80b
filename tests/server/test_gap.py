"""Gaps: who was away for long is told at once what is missing, and `history` has it.

What lies further back than `backlog_entries_max` is not streamed, so that an absence of any length
costs one event. Here a backlog is twenty entries.
"""

from collections.abc import Callable

import pytest

from tests.peer import Object, Peer
from tests.serving import Server

BACKLOG_MAX = 20
CONFIG = f"""\
[limits]
backlog_entries_max = {BACKLOG_MAX}
deliver_entries_max = 8
window_entries = 16
"""


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    """Return a running server with a short backlog."""
    server = new_server("--quiet")
    server.data.mkdir()
    (server.data / "molva.toml").write_text(CONFIG)
    return server.start()


def say(peer: Peer, count: int, **where: str) -> None:
    """Say so many things, and see that they are stored."""
    action = "new_whisper" if "to" in where else "new_message"
    for number in range(count):
        peer.send(action, text=f"{number}", **where)
    peer.fence()


def hear(peer: Peer, count: int) -> list[Object]:
    """Return the next entries and gaps, and see that there are no more of them than so many."""
    told: list[Object] = []
    while len(told) < count:
        told += _of_logs([peer.receive()])
    assert _of_logs(peer.fence()) == []
    return told


def _of_logs(objects: list[Object]) -> list[Object]:
    return [o for o in objects if "seq" in o or o["action"] == "gap"]


def history(peer: Peer, gap: Object) -> list[int]:
    """Return the seqs that fill a gap, page by page."""
    where = {key: gap[key] for key in ("room", "with") if key in gap}
    filled: list[int] = []
    after = gap["after"]
    while after < gap["through"]:
        page = peer.ask("history", after=after, limit=min(100, gap["through"] - after), **where)
        filled += [entry["seq"] for entry in page["entries"]]
        after = filled[-1]
    return filled


@pytest.mark.parametrize("away", [0, 1, BACKLOG_MAX - 1, BACKLOG_MAX])
def test_an_absence_no_longer_than_a_backlog_has_no_gap(server: Server, away: int) -> None:
    with server.enter("anna") as anna, server.enter("boris") as boris:
        say(anna, 5)
        boris.fence()
        token = boris.token
        boris.close()
        say(anna, away)
        with server.enter("boris", token=token, cursors={"#general": 5}) as again:
            told = hear(again, away)
        assert [o["seq"] for o in told] == list(range(6, 6 + away))
    assert server.errors() == ""


@pytest.mark.parametrize("away", [BACKLOG_MAX + 1, BACKLOG_MAX + 17, 300])
def test_a_longer_one_has_a_gap_that_names_exactly_what_history_then_fills(
    server: Server, away: int
) -> None:
    with server.enter("anna") as anna, server.enter("boris") as boris:
        say(anna, 5)
        boris.fence()
        token = boris.token
        boris.close()
        say(anna, away)
        head = 5 + away
        with server.enter("boris", token=token, cursors={"#general": 5}) as again:
            gap, *told = hear(again, 1 + BACKLOG_MAX)
            assert gap == {
                "action": "gap",
                "room": "#general",
                "after": 5,
                "through": head - BACKLOG_MAX,
            }
            streamed = [o["seq"] for o in told]
            filled = history(again, gap)
            assert filled + streamed == list(range(6, head + 1))
            # And then it goes on live.
            say(anna, 1)
            assert [o["seq"] for o in hear(again, 1)] == [head + 1]
    assert server.errors() == ""


def test_it_is_complete_however_long_the_absence_and_over_a_power_cut(server: Server) -> None:
    with server.enter("anna") as anna, server.enter("boris") as boris:
        token, boris_token = anna.token, boris.token
        anna.ask("create", room="#hall")
        boris.ask("join", room="#hall")
        say(anna, 1, to="boris")
        boris.receive_until("opened")
        anna.close()
        for _ in range(15):
            say(boris, 100)
            say(boris, 50, room="#hall")
            say(boris, 50, to="anna")
    heads = {"#general": 1500, "#hall": 2 + 750, "boris": 1 + 750}
    for _ in range(2):
        cursors = {"#general": 0, "#hall": 2, "boris": 1}
        with server.enter("anna", token=token, cursors=cursors) as anna:
            told = hear(anna, len(heads) * (1 + BACKLOG_MAX))
            for label, head in heads.items():
                key = "room" if label[0] == "#" else "with"
                after = cursors[label]
                (gap,) = [o for o in told if o["action"] == "gap" and o.get(key) == label]
                assert (gap["after"], gap["through"]) == (after, head - BACKLOG_MAX)
                streamed = [o["seq"] for o in told if _label(o, "anna") == label and "seq" in o]
                assert history(anna, gap) + streamed == list(range(after + 1, head + 1))
        server.kill()
        server.start()
    with server.enter("boris", token=boris_token, cursors={"#hall": 752}) as boris:
        assert boris.ask("history", room="#hall", limit=1)["head"] == 752
    assert server.errors() == ""


def _label(object: Object, viewer: str) -> str | None:
    if object["action"] != "new_whisper":
        return object.get("room")
    return str(object["to"] if object["from"] == viewer else object["from"])


def test_without_a_cursor_the_gap_begins_at_the_read_marker(server: Server) -> None:
    with server.enter("anna") as anna, server.enter("boris") as boris:
        say(anna, 40)
        boris.fence()
        boris.ask("read", room="#general", through=10)
        token = boris.token
        boris.close()
        with server.enter("boris", token=token) as again:
            (listed,) = [c for c in again.welcome["conversations"] if c.get("room") == "#general"]
            assert (listed["head"], listed["read"], listed["unread"]) == (40, 10, 30)
            gap, *told = hear(again, 1 + BACKLOG_MAX)
            assert (gap["after"], gap["through"]) == (10, 40 - BACKLOG_MAX)
            assert [o["seq"] for o in told] == list(range(21, 41))
            assert history(again, gap) == list(range(11, 21))
    assert server.errors() == ""


def test_a_gap_in_ones_own_log_hides_nothing_that_the_welcome_does_not_say(
    server: Server,
) -> None:
    with server.enter("anna") as anna, server.enter("boris", password="correct horse") as boris:
        say(anna, 50)
        telephone = server.enter("boris", password="correct horse")
        boris.ask("read", room="#general", through=1)
        telephone.receive_until("read")
        telephone.close()
        for through in range(2, 41):
            boris.ask("read", room="#general", through=through)
        cursors = {"@boris": 1, "#general": 50}
        with server.enter("boris", token=telephone.token, cursors=cursors) as again:
            marker = {c.get("room"): c.get("read") for c in again.welcome["conversations"]}
            assert marker["#general"] == 40
            gap, *told = hear(again, 1 + BACKLOG_MAX)
            assert gap == {"action": "gap", "log": "@boris", "after": 1, "through": BACKLOG_MAX}
            assert [o["through"] for o in told] == list(range(21, 41))
    assert server.errors() == ""


def test_who_lags_on_an_open_connection_gets_no_gap_however_far_behind(server: Server) -> None:
    # A gap is for who was away; for who is here the log is read from the disk.
    with server.enter("anna") as anna, server.enter("boris") as boris:
        text = "x" * 4000
        for number in range(500):
            anna.send("new_message", text=f"{number} {text}")
            anna.receive_until("new_message")
        told = hear(boris, 500)
        assert [o["seq"] for o in told] == list(range(1, 501))
    assert server.errors() == ""
