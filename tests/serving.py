"""A server: the real program in a process of its own, on a free port and a file of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from molva.store.sqlite import SqliteStore
from molva.terms.ids import AccountId
from molva.terms.names import parse_name
from molva.terms.ports import Made, MakeAccount, RetireAccount
from tests.peer import Peer

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"^ready on .*:(\d+)")


class Server:
    """Starts, stops and kills `molva serve`."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        limits: bool = False,
        within: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Use a data directory. `within`: what runs the program, as in a network of its own."""
        self.data = data
        self.within = within
        self.environment = dict(environment or {})
        self.arguments = arguments if limits else ("--limits", "off", *arguments)
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        self.said: list[str] = []
        """What its terminal showed until it was ready."""

    def found(self) -> "Server":
        """Let it have had an owner, who has gone: nobody becomes one by coming first."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        keeper, name = AccountId(1), parse_name("keeper")
        made = MakeAccount(
            *(keeper, name.shown, name.key, name.skeleton),
            *("no password fits", None, None, 0),
            claims=True,
        )
        with closing(SqliteStore(self.data / "molva.sqlite")) as store:
            assert store.commit([made, RetireAccount(keeper)]) == [Made(owner=True), Made()]
        return self

    def start(self, port: int | None = None) -> "Server":
        """Start, and return once it is ready; on the port it had, when it had one."""
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("MOLVA_", "LC_"))
        }
        environment |= {"LANG": "C.UTF-8", "PYTHONPATH": str(ROOT / "src"), **self.environment}
        chosen = self.port if port is None else port
        log = (self.data.parent / f"{self.data.name}.stderr").open("a")
        with log:
            self.process = subprocess.Popen(
                [*self.within, sys.executable, "-m", "molva", "serve", "--port", str(chosen)]
                + ["--data", str(self.data), *self.arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                text=True,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            match = READY.match(line)
            if match:
                self.port = int(match[1])
                return self
        raise AssertionError(f"the server did not start: {self.said} {self.errors()}")

    def errors(self) -> str:
        """Return what it wrote to its standard error."""
        return (self.data.parent / f"{self.data.name}.stderr").read_text()

    def peer(self) -> Peer:
        """Connect."""
        return Peer(self.port)

    def enter(self, name: str, **more: object) -> Peer:
        """Connect and register."""
        peer = self.peer()
        reply = peer.register(name, **more)  # type: ignore[arg-type]
        assert reply["result"] == "successful", reply
        return peer

    def kill(self) -> None:
        """End it as a power cut would: without warning."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def reload(self) -> None:
        """Have it read its settings again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def see(self, wanted: str) -> str:
        """Return the next line that it shows with a word in it; those before are in `said`."""
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if wanted in line:
                return self.said[-1]
        raise AssertionError(f"{wanted!r} is not in {self.said}")

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        code = self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def close(self) -> None:
        """End it if it runs."""
        if self.process is not None:
            self.kill()
