"""A machine with one server's data on it, and the commands of who holds it.

`running` says whether the server runs while a command does; everything else is the same, so that
each test can be put to both ways. The server is a process of its own. A command runs in this one,
over the same store or the same socket: to start Python for each would take most of the time. Where
it matters that a process is whole (its streams, its end), a test says so.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from molva.cli import run
from tests.peer import Peer
from tests.serving import ROOT, Server

TIMEOUT_SECONDS = 60

Done = subprocess.CompletedProcess[str]


def _surroundings(environment: dict[str, str]) -> dict[str, str]:
    ours = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "LANG": "C.UTF-8"}
    return ours | environment


def molva(*arguments: str, stdin: str = "", **environment: str) -> Done:
    """Run a command as a process, with nothing of this one's surroundings."""
    return subprocess.run(
        [sys.executable, "-m", "molva", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env=_surroundings(environment),
    )


def here(*arguments: str, stdin: str = "", **environment: str) -> Done:
    """Run a command in this process, with nothing of its surroundings but where it stands."""
    wanted = _surroundings(environment)
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as surroundings, redirect_stdout(out), redirect_stderr(err):
        for key in list(os.environ):
            surroundings.delenv(key)
        for key, value in wanted.items():
            surroundings.setenv(key, value)
        surroundings.setattr(sys, "stdin", given)
        code = run(arguments, os.environ)
    said = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        said.append(stream.read())
    return Done(arguments, code, *said)


class Machine:
    """Starts the server when somebody wants to talk, and stops it before a command if it must."""

    def __init__(self, data: Path, *, running: bool, arguments: tuple[str, ...] = ()) -> None:
        self.server = Server(data, "--quiet", *arguments)
        self.data = data
        self.running = running
        self._peers: list[Peer] = []
        self.up()

    def up(self) -> Server:
        """Have the server run."""
        if self.server.process is None:
            self.server.start()
        return self.server

    def down(self) -> None:
        """Have it end, with all who are connected."""
        for peer in self._peers:
            peer.close()
        self._peers = []
        if self.server.process is not None:
            assert self.server.stop() == 0

    def peer(self) -> Peer:
        """Connect."""
        peer = self.up().peer()
        self._peers.append(peer)
        return peer

    def enter(self, name: str, **more: object) -> Peer:
        """Connect and register, which succeeds."""
        peer = self.peer()
        reply = peer.register(name, **more)  # type: ignore[arg-type]
        assert reply["result"] == "successful", reply
        return peer

    def refused(self, name: str, **more: object) -> str:
        """Connect and fail to register; return the code."""
        reply = self.peer().register(name, **more)  # type: ignore[arg-type]
        assert reply["result"] == "error", reply
        return str(reply["code"])

    def do(self, *arguments: str, stdin: str = "", whole: bool = False) -> Done:
        """Run a command, however it ends; `whole`: as a process of its own."""
        if not self.running:
            self.down()
        command = molva if whole else here
        return command(*arguments, stdin=stdin, MOLVA_DATA=str(self.data))

    def done(self, *arguments: str, stdin: str = "", whole: bool = False) -> str:
        """Run a command that succeeds; return what it printed."""
        done = self.do(*arguments, stdin=stdin, whole=whole)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def rows(self, *arguments: str, whole: bool = False) -> list[dict[str, Any]]:
        """Run a command that prints JSON; return its rows."""
        lines = self.done(*arguments, "--json", whole=whole).split("\n")
        assert lines.pop() == ""
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """End all."""
        for peer in self._peers:
            peer.close()
        self.server.close()
