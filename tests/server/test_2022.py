"""Clients of 2022, as they were written then, beside those of today.

Such a client sends `json.dumps(…).encode()` with nothing after it, and a thread of it reads with
one `recv(4096)` and takes what came for one object. Nothing here is done for the server's sake, but
that the pause between two objects is longer than usual: five clients share one interpreter, on a
machine that has other work, and a chunk is one object only for a reader that is woken in time.
"""

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.peer import TIMEOUT_SECONDS, Peer
from tests.serving import Server

SPACING_SECONDS = 0.03


class Client:
    """The client of 2022. What it would have printed it puts in a queue."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.connect(("127.0.0.1", port))
        self.users: list[str] = []
        self.refused = 0
        self.printed: queue.Queue[Any] = queue.Queue()

    def registration(self, *names: str) -> None:
        for name in names:
            data = json.dumps({"action": "registration", "name": name}).encode()
            self.socket.send(data)
            answer = json.loads(self.socket.recv(4096))
            if answer["result"] == "successful":
                self.name = name
                self.users = answer["users"]
                self.printed.put(answer["text"])
                break
            self.refused += 1
        self.thread = threading.Thread(target=self.receive)
        self.thread.start()

    def receive(self) -> None:
        while True:
            try:
                data = self.socket.recv(4096)
                if not data:
                    self.printed.put("disconnected")
                    break
                self.printed.put(json.loads(data))
            except ValueError as error:
                self.printed.put(AssertionError(f"{error}: {data!r}"))
                break
            except OSError:
                self.printed.put("disconnected")
                break

    def new_message(self, text: str) -> None:
        self.socket.send(json.dumps({"action": "new_message", "text": text}).encode())

    def new_whisper(self, to: str, text: str) -> None:
        self.socket.send(json.dumps({"action": "new_whisper", "to": to, "text": text}).encode())

    def close(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join()
        self.socket.close()

    # What follows is the test's: looking at what it printed.

    def next(self, *actions: str) -> dict[str, Any]:
        """Return the next object with one of these actions."""
        while True:
            object = self.printed.get(timeout=TIMEOUT_SECONDS)
            if isinstance(object, Exception):
                raise object
            if object == "disconnected":
                raise EOFError
            if isinstance(object, dict) and object["action"] in actions:
                return object

    def texts_through(self, last: str) -> list[tuple[str, str]]:
        """Return who wrote what, through a text."""
        heard: list[tuple[str, str]] = []
        while not heard or heard[-1][1] != last:
            object = self.next("new_message")
            heard.append((object["from"], object["text"]))
        return heard[:-1]


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Iterator[Server]:
    """Return a running server, and see that it ends well."""
    server = new_server("--quiet")
    server.data.mkdir()
    config = f"[limits]\nlegacy_spacing_seconds = {SPACING_SECONDS}\n"
    (server.data / "molva.toml").write_text(config)
    yield server.start()
    assert server.stop() == 0
    assert server.errors() == ""


@pytest.fixture
def clients(server: Server) -> Iterator[dict[str, Client]]:
    """Return five clients of 2022 under their names."""
    made = {name: Client(server.port) for name in ("anna", "boris", "clara", "dmitri", "eva")}
    for name, client in made.items():
        client.registration(name)
        assert client.name == name
    yield made
    for client in made.values():
        client.close()


def test_it_finds_everything_there_was_in_2022(server: Server) -> None:
    anna, boris = Client(server.port), Client(server.port)
    try:
        anna.registration("anna")
        assert anna.users == ["anna"]
        boris.registration("anna", "boris")
        assert boris.refused == 1
        assert boris.users == ["anna", "boris"]
        assert anna.next("new_user") == {"action": "new_user", "user": "boris"}

        boris.new_message("hi")
        assert anna.next("new_message").items() >= {"text": "hi", "from": "boris"}.items()
        anna.new_whisper("boris", "hi yourself")
        assert boris.next("new_whisper").items() >= {"text": "hi yourself", "from": "anna"}.items()
        boris.new_whisper("nemo", "and you?")
        assert boris.next("error", "new_message", "new_whisper")["action"] == "error"

        boris.close()
        assert anna.next("user_left") == {"action": "user_left", "user": "boris"}
    finally:
        anna.close()
        boris.close()


def test_a_burst_of_today_reaches_each_of_them_whole_and_in_order(
    server: Server, clients: dict[str, Client]
) -> None:
    # More than the queue of one of them holds, so that its window closes and opens again.
    texts = [f"{number}: " + "ё" * (number % 50) for number in range(100)]
    with server.enter("modern") as modern:
        for text in texts:
            modern.send("new_message", text=text)
        modern.send("new_message", text="the end")
        for client in clients.values():
            assert client.texts_through("the end") == [("modern", text) for text in texts]


def test_long_texts_in_a_row_reach_each_of_them_in_parts_that_make_the_whole(
    server: Server, clients: dict[str, Client]
) -> None:
    texts = ["".join(f"{part}-{n} " for n in range(1500)) for part in "abc"]
    texts += ["й" * 8000, "\\" * 5000]
    with server.enter("modern") as modern:
        for text in texts:
            modern.send("new_message", text=text)
        modern.send("new_message", text="the end")
        for client in clients.values():
            parts = client.texts_through("the end")
            assert "".join(text for _, text in parts) == "".join(texts)
            assert len(parts) > 2 * len(texts)


def test_they_talk_all_at_once_and_each_hears_all_the_others_and_never_itself(
    clients: dict[str, Client],
) -> None:
    def talk(client: Client) -> None:
        for number in range(15):
            client.new_message(f"{client.name} {number}")

    talkers = [threading.Thread(target=talk, args=(c,)) for c in clients.values()]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    for name, client in clients.items():
        others = set(clients) - {name}
        heard: dict[str, list[str]] = {other: [] for other in others}
        for _ in range(15 * len(others)):
            object = client.next("new_message", "error")
            heard[object["from"]].append(object["text"])
        assert heard == {other: [f"{other} {n}" for n in range(15)] for other in others}


def test_whispers_both_ways_with_a_client_of_today(
    server: Server, clients: dict[str, Client]
) -> None:
    anna = clients["anna"]
    with server.enter("modern") as modern:
        for number in range(10):
            anna.new_whisper("modern", f"to {number}")
            modern.send("new_whisper", to="anna", text=f"fro {number}")
        told = [modern.receive_until("new_whisper", from_="anna")["text"] for _ in range(10)]
        assert told == [f"to {number}" for number in range(10)]
        for number in range(10):
            object = anna.next("new_whisper", "error")
            assert (object["from"], object["text"]) == ("modern", f"fro {number}")


def test_it_may_close_in_the_middle_of_a_burst_and_the_others_lose_nothing(
    server: Server, clients: dict[str, Client]
) -> None:
    with server.enter("modern") as modern:
        for number in range(30):
            modern.send("new_message", text=f"{number}")
        assert clients["eva"].next("new_message")["text"] == "0"
        clients["eva"].close()
        modern.send("new_message", text="the end")
        for name in ("anna", "boris", "clara", "dmitri"):
            heard = clients[name].texts_through("the end")
            assert [text for _, text in heard] == [f"{number}" for number in range(30)]


def test_its_object_may_arrive_in_any_pieces(server: Server, clients: dict[str, Client]) -> None:
    with Peer(server.port) as watcher:
        watcher.register("watcher")
        data = json.dumps({"action": "new_message", "text": 'braces } { and \\" quotes'}).encode()
        for place in range(len(data)):
            clients["anna"].socket.send(data[place : place + 1])
        assert watcher.receive_until("new_message")["text"] == 'braces } { and \\" quotes'
