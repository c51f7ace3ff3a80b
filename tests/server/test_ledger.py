"""The ledger: who did what to whom, why and until when, for all members, and nothing besides."""

from tests.peer import Object, Peer
from tests.serving import Server


def told(page: Object) -> list[tuple[str, str, str, str]]:
    """Return a page in short: what, by whom, to whom, why."""
    return [
        (
            entry["action"],
            entry.get("from", ""),
            str(entry.get("user", entry.get("target", ""))),
            entry.get("reason", ""),
        )
        for entry in page["entries"]
    ]


def moderate(keeper: Peer) -> None:
    """Do one of each, with words between."""
    deeds: tuple[tuple[str, Object], ...] = (
        ("mute", {"user": "boris", "seconds": 60, "reason": "flooding"}),
        ("unmute", {"user": "boris", "reason": "sorry said"}),
        ("role", {"user": "vera", "role": "moderator"}),
        ("mode", {"slow_seconds": 5, "reason": "too fast"}),
        ("remove", {"seq": 1, "reason": "rude"}),
        ("restore", {"seq": 1, "reason": "it was not"}),
        ("ban", {"user": "boris", "seconds": 3600, "reason": "enough"}),
        ("unban", {"user": "boris"}),
    )
    for number, (action, fields) in enumerate(deeds):
        assert keeper.ask(action, **fields)["action"] != "error", action
        keeper.ask("new_message", text=f"word {number}")


WANTED = [
    ("muted", "keeper", "boris", "flooding"),
    ("unmuted", "keeper", "boris", "sorry said"),
    ("role", "keeper", "vera", ""),
    ("mode", "keeper", "", "too fast"),
    ("removed", "keeper", "boris", "rude"),
    ("restored", "keeper", "boris", "it was not"),
    ("banned", "keeper", "boris", "enough"),
    ("unbanned", "keeper", "boris", ""),
]


def test_members_read_what_was_done_and_why_in_order_and_in_pages(server: Server) -> None:
    with (
        server.enter("keeper") as keeper,
        server.enter("boris", password="a long password") as boris,
        server.enter("vera") as vera,
        server.enter("gleb") as gleb,
    ):
        assert boris.ask("new_message", text="a word")["seq"] == 1
        moderate(keeper)
        for reader in (keeper, vera, gleb):
            assert told(reader.ask("ledger", id="whole")) == WANTED
        newest = gleb.ask("ledger", limit=3, id="newest")
        assert (told(newest), newest["more"]) == (WANTED[-3:], True)
        before = newest["entries"][0]["seq"]
        older = gleb.ask("ledger", before=before, id="older")
        assert (told(older), older.get("more", False)) == (WANTED[:-3], False)


def test_it_is_the_same_after_a_restart(server: Server) -> None:
    with server.enter("keeper") as keeper, server.enter("vera"):
        with server.enter("boris", password="a long password") as boris:
            boris.ask("new_message", text="a word")
        moderate(keeper)
        token = keeper.token
    server.kill()
    server.start()
    with server.enter("keeper", token=token) as keeper:
        assert told(keeper.ask("ledger", id="afterwards")) == WANTED
