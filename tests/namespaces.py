"""Networks of one's own: two machines on a cable, made for a test and gone with it.

Linux network namespaces, joined by a pair of virtual interfaces: what is sent there, multicast
too, leaves this machine nowhere. They live as long as the processes that hold them. They need
`ip` (the package iproute2), and either root or a kernel that lets anybody make user namespaces.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Where `ip` is, also for somebody who is not root."""

PATHS = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
HOLD_SECONDS = 600
"""After so long a namespace ends by itself, whatever became of the test."""

ADDRESSES = ("10.77.0.1", "10.77.0.2")
ADDRESSES6 = ("fd77::1", "fd77::2")


class Machine:
    """One end of the cable."""

    def __init__(self, holder: subprocess.Popen[str], enter: list[str], number: int) -> None:
        self._holder = holder
        self.enter = enter
        """What stands before a command that is to run there."""
        self.address = ADDRESSES[number]
        self.address6 = ADDRESSES6[number]
        self.pid = holder.pid

    def run(self, *command: str) -> str:
        """Run a command there, and return what it writes."""
        done = subprocess.run(
            [*self.enter, *command],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PATH": TOOLS},
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def python(self, code: str, *arguments: str) -> str:
        """Run Python there, with the program and the tests to import; return what it writes."""
        return self.run("env", f"PYTHONPATH={PATHS}", sys.executable, "-c", code, *arguments)

    def begin(self, code: str, *arguments: str) -> "subprocess.Popen[str]":
        """Begin to run Python there, with a pipe either way."""
        return subprocess.Popen(
            [*self.enter, sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": PATHS},
        )

    def end(self) -> None:
        """Let the namespace go."""
        self._holder.kill()
        self._holder.wait(timeout=20)
        assert self._holder.stdout is not None
        self._holder.stdout.close()


class Cable:
    """Two machines, joined."""

    def __init__(self) -> None:
        """Make them. Fails, saying why, where the system has no way to."""
        missing = [
            tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool, path=TOOLS) is None
        ]
        assert not missing, f"{missing} missing: install iproute2 and util-linux"
        self._outer: subprocess.Popen[str] | None = None
        within: list[str] = []
        if os.geteuid() != 0:
            # Root within a user namespace of one's own.
            self._outer = _hold(["unshare", "--user", "--map-root-user"])
            within = ["nsenter", f"--target={self._outer.pid}", "--user", "--preserve-credentials"]
        self.machines: list[Machine] = []
        try:
            for number in range(2):
                holder = _hold([*within, "unshare", "--net"])
                enter = [*within, "nsenter", f"--target={holder.pid}", "--net"]
                self.machines.append(Machine(holder, enter, number))
            self._join()
        except BaseException:
            self.end()
            raise

    def _join(self) -> None:
        here, there = self.machines
        here.run(*"ip link add cable type veth peer name cable netns".split(), str(there.pid))
        for machine in self.machines:
            machine.run(*"ip link set lo up".split())
            machine.run(*"ip addr add".split(), f"{machine.address}/24", "dev", "cable")
            six = [f"{machine.address6}/64", "dev", "cable", "nodad"]
            machine.run(*"ip -6 addr add".split(), *six)
            machine.run(*"ip link set cable up".split())

    def end(self) -> None:
        """Let everything go."""
        for machine in self.machines:
            machine.end()
        if self._outer is not None:
            self._outer.kill()
            self._outer.wait(timeout=20)
            assert self._outer.stdout is not None
            self._outer.stdout.close()


def _hold(command: Sequence[str]) -> subprocess.Popen[str]:
    """Run what makes a namespace, and return the process that holds it once it is made."""
    script = f"echo made; exec sleep {HOLD_SECONDS}"
    holder = subprocess.Popen(
        [*command, "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stderr is not None
    made = holder.stdout.readline()
    if made != "made\n":
        why = holder.stderr.read().strip()
        raise AssertionError(
            f"no network namespace can be made here: {why}. It takes root (in a container with "
            "CAP_SYS_ADMIN and CAP_NET_ADMIN), or a kernel that lets anybody make user namespaces."
        )
    holder.stderr.close()
    return holder
