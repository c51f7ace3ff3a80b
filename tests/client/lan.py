"""A network of two machines for tests: two network namespaces and a cable between them.

Nothing on it leaves this machine, and it is gone with the two processes that hold it. On one of its
machines this file runs as a program: servers, and an answer to whoever looks for them by multicast
DNS (RFC 6762), written by hand so that it may hold anything.
"""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from molva.client.trust import pin_of, words_of
from tests.client.presented import Authority, Host, der, encrypted, plain, shown

ROOT = Path(__file__).resolve().parents[2]
GROUP, PORT = "224.0.0.251", 5353
SERVERS, CLIENTS = "10.77.0.1", "10.77.0.2"
"""The addresses of the two machines."""
TYPE = [b"_molva", b"_tcp", b"local"]


class Lan:
    """The network."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self.machines: dict[str, int] = {}
        """By address: the process in whose network a machine is."""
        for address in (SERVERS, CLIENTS):
            holder = self._start("unshare", "-n", "sh", "-c", "echo there; exec cat")
            assert holder.stdout is not None and holder.stdout.readline() == "there\n"
            self.machines[address] = holder.pid
        ends = [
            part
            for end, pid in zip(("name", "peer"), self.machines.values(), strict=True)
            for part in ([end, "eth0"] if end == "name" else [end, "name", "eth0"])
            + ["netns", str(pid)]
        ]
        at = ends.index("peer")
        self._run("ip", "link", "add", *ends[:at], "type", "veth", *ends[at:])
        for address in self.machines:
            for command in (
                "link set lo up",
                f"address add {address}/24 dev eth0",
                "link set eth0 up",
                "route add 224.0.0.0/4 dev eth0",
            ):
                self._run(*self.at(address), "ip", *command.split())

    def at(self, address: str) -> list[str]:
        """Return what a command begins with to run on a machine."""
        return ["nsenter", "-t", str(self.machines[address]), "-n", "--"]

    def serve(self, address: str, *servers: dict[str, Any]) -> list[dict[str, Any]]:
        """Run servers on a machine and answer for them; return what each has of port and words.

        A server: `name`, as it is announced (None: not at all); `texts`, its TXT record; `port`;
        `encrypted`; `times`, under how many names it is announced.
        """
        process = self._start(
            *self.at(address),
            sys.executable,
            "-m",
            "tests.client.lan",
            address,
            json.dumps(servers),
        )
        assert process.stdout is not None
        ready: list[dict[str, Any]] = json.loads(process.stdout.readline())
        return ready

    def close(self) -> None:
        """End it all."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def _start(self, *command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            cwd=ROOT,
        )
        self._processes.append(process)
        return process

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, timeout=20)


# -- On one of its machines ---------------------------------------------------------------------


def _name(labels: list[bytes]) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _record(labels: list[bytes], kind: int, data: bytes, *, shared: bool = False) -> bytes:
    flush = 0 if shared else 0x8000
    return _name(labels) + struct.pack("!HHIH", kind, flush | 1, 120, len(data)) + data


def answer(address: str, name: bytes, port: int, texts: list[bytes]) -> bytes:
    """Return one packet that announces a server: PTR, SRV, TXT and A."""
    instance, host = [name, *TYPE], [b"h%d" % port, b"local"]
    records = [
        _record(TYPE, 12, _name(instance), shared=True),
        _record(instance, 33, struct.pack("!HHH", 0, 0, port) + _name(host)),
        _record(instance, 16, b"".join(bytes([len(text)]) + text for text in texts) or b"\0"),
        _record(host, 1, socket.inet_aton(address)),
    ]
    return struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def main(address: str, servers: list[dict[str, Any]]) -> None:
    """Run servers, and answer each question until the standard input ends."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(_directory()))
        ready, packets = [], [b"\x00\x00\x84\x00" + b"\xff" * 40]
        for server in servers:
            authority = Authority()
            key, chain = authority.issue(host=address)
            manner = encrypted(shown(directory, key, chain)) if server.get("encrypted") else plain
            bound = server.get("bound", address), server.get("port", 0)
            port = stack.enter_context(Host(manner, bound)).port
            words = words_of(pin_of(der(chain)))
            ready.append({"port": port, "words": words})
            if server["name"] is None:
                continue
            texts = [text.replace("WORDS", words).encode() for text in server.get("texts", [])]
            name = server["name"].encode()
            for number in range(server.get("times", 1)):
                own = name if not number else b"%s %d" % (name, number)
                packets.append(answer(address, own, port, texts))
        asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stack.callback(asked.close)
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        asked.bind(("", PORT))
        own_address = socket.inet_aton(address)
        group = socket.inet_aton(GROUP) + own_address
        asked.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        asked.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own_address)
        print(json.dumps(ready), flush=True)
        while True:
            packet, _ = asked.recvfrom(9000)
            if not packet[2] & 0x80:  # A question.
                for reply in packets:
                    asked.sendto(reply, (GROUP, PORT))


def _directory() -> Any:
    import tempfile

    return tempfile.TemporaryDirectory()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
