"""What a review found: one connection must not cost the others their time or the server its memory.

Each of these failed on the real server before it was mended.
"""

import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from molva.config import ConfigRefused, load
from tests.serving import Server

FENCES = 100
"""Asked for while the flood goes on; one used to take more than three seconds."""

GROWTH_MIB_MAX = 16
"""A flood used to leave 16 MiB a second in the server."""


def test_a_flood_that_reads_its_answers_keeps_nobody_waiting_in_a_growing_queue(
    new_server: Callable[..., Server],
) -> None:
    server = new_server("--quiet", limits=True).start()
    assert server.process is not None
    statm = Path(f"/proc/{server.process.pid}/statm")

    def mebibytes() -> int:
        return int(statm.read_text().split()[1]) * 4 // 1024

    with server.enter("honest") as honest, server.enter("flood") as flood:
        before = mebibytes()

        def send() -> None:
            block = b'{"action":"ping"}' * 10_000
            try:
                while True:
                    flood.socket.sendall(block)
            except OSError:
                pass

        def receive() -> None:
            try:
                while flood.socket.recv(1 << 20):
                    pass
            except OSError:
                pass

        threads = [threading.Thread(target=act, daemon=True) for act in (send, receive)]
        for thread in threads:
            thread.start()
        for _ in range(FENCES):
            honest.fence()
        grown = mebibytes() - before
        flood.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
    assert grown < GROWTH_MIB_MAX


def test_who_comes_and_goes_leaves_nothing_behind_until_a_deadline_far_away(
    server: Server,
) -> None:
    assert server.process is not None
    statm = Path(f"/proc/{server.process.pid}/statm")
    kibibytes = []
    with server.enter("honest") as honest:
        for _ in range(4):
            for _ in range(1_500):
                socket.create_connection(("127.0.0.1", server.port)).close()
            honest.fence()
            # What a closed connection is kept for at most is `drain_seconds`, by its socket alone.
            kibibytes.append(int(statm.read_text().split()[1]) * 4)
    # The first round takes what any first round takes; it is no more for all that follow.
    assert kibibytes[-1] - kibibytes[1] < 2_048


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_limit_that_is_no_number_refuses_to_start(tmp_path: Path, value: str) -> None:
    file = tmp_path / "molva.toml"
    file.write_text(f"[limits]\ndrain_seconds = {value}\n")
    with pytest.raises(ConfigRefused):
        load({"data": tmp_path}, {})


def test_a_terminal_that_nobody_reads_does_not_keep_it_from_stopping(
    new_server: Callable[..., Server],
) -> None:
    server = new_server().start()
    assert server.process is not None
    with server.enter("anna") as anna:
        for _ in range(8):
            for _ in range(300):
                anna.send("new_message", text="z" * 300)
            anna.fence()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0
