"""The LAN: what `--lan` says, what the network is told, and who finds the server by it.

Whatever needs a network has one of its own (`tests/namespaces.py`), so that nothing leaves this
machine.
"""

import ipaddress
import json
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import segno
from cryptography import x509

from molva.server import lan
from molva.server.certificates import fingerprint
from molva.terms.admission import ALPHABET, Access, plain_code, spelled_code
from tests.namespaces import Cable, Machine
from tests.peer import Peer
from tests.serving import Server

NewServer = Callable[..., Server]


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Return two machines on a network of their own."""
    made = Cable()
    yield made
    made.end()


def serve(machine: Machine, data: Path, *arguments: str) -> Server:
    """Start a server on a machine, on the port that needs no naming."""
    return Server(data, *arguments, within=machine.enter).start(8888)


def said(server: Server, pattern: str) -> str:
    """Return the first group of the one line that fits."""
    (found,) = [match for line in server.said if (match := re.fullmatch(pattern, line))]
    return found[1]


# -- What is said -------------------------------------------------------------------------------


def modules(lines: list[str]) -> list[list[int]]:
    """Read half blocks back into modules, 1 for a dark one."""
    rows = []
    for line in lines:
        rows.append([int(block in " ▄") for block in line])
        rows.append([int(block in " ▀") for block in line])
    return rows


@pytest.mark.parametrize("text", ["http://192.168.1.5:8888/join/7QF3-M0RD", "http://[fd00::1]:1/"])
def test_the_qr_code_is_the_one_that_the_library_makes(text: str) -> None:
    rows = modules(lan.qr_lines(text))
    wanted = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)]
    assert rows[: len(wanted)] == wanted
    assert all(not any(row) for row in (rows[0], rows[1])), "the frame is light, which is drawn"
    assert lan.qr_lines(text)[0] == "█" * len(wanted[0])


def test_the_greeting_has_all_that_others_need(cable: Cable, tmp_path: Path) -> None:
    here = cable.machines[0]
    server = serve(here, tmp_path / "data", "--lan")
    first = server.said.index("Others reach this server at:")
    host = lan.host_name()
    shown = [line.strip() for line in server.said[first + 1 : first + 4]]
    assert shown == [here.address, here.address6, f"{host}.local"]
    code = said(server, r"Join code: (.*)")
    assert re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)
    link = said(server, r"With a phone: (.*)")
    assert link == f"http://{here.address}:8888/join/{code}"
    qr = [line for line in server.said if line and set(line) <= set("█▀▄ ")]
    assert qr == lan.qr_lines(link)
    assert (
        said(server, r"To join from a terminal: (.*)") == f"molva chat {here.address} --code {code}"
    )
    authority = x509.load_pem_x509_certificate((server.data / "tls" / "authority.pem").read_bytes())
    assert said(server, r"Fingerprint: (.*)") == fingerprint([authority])
    assert server.said[-1] == "ready on [::]:8888"
    # The code is kept, for its owner alone, over a restart.
    file = server.data / "join-code"
    assert plain_code(code) == file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server.stop() == 0
    server.said.clear()
    server.start()
    assert said(server, r"Join code: (.*)") == code
    assert server.stop() == 0
    assert server.errors() == ""


def test_a_machine_without_a_network_serves_itself(cable: Cable, tmp_path: Path) -> None:
    here = cable.machines[0]
    here.run(*"ip link set cable down".split())
    here.run(*"ip addr flush dev cable".split())
    server = serve(here, tmp_path / "data", "--lan")
    assert "Others cannot reach this server: it has no address on a network." in server.said
    # It is said once that nobody is told, and the server goes on.
    assert "no network" in server.see("cannot be told")
    code = "import sys; from tests.peer import Peer; p = Peer(8888); p.send('ping', id='a'); "
    assert "pong" in here.python(code + "print(p.receive())")
    assert server.stop() == 0
    assert server.errors() == ""


def test_who_serves_one_address_tells_of_that_alone(cable: Cable, tmp_path: Path) -> None:
    here, there = cable.machines
    here.run("ip", "addr", "add", "10.77.0.9/24", "dev", "cable")
    server = serve(here, tmp_path / "data", "--lan", "--host", "10.77.0.9")
    assert said(server, r"With a phone: (.*)").startswith("http://10.77.0.9:8888/join/")
    assert f"  {here.address}" not in server.said
    assert json.loads(there.python(LOOK, "0"))[2] == ["10.77.0.9"]
    assert server.stop() == 0
    # And who serves nobody else, tells nobody.
    inside = serve(here, tmp_path / "inside", "--lan", "--host", "127.0.0.1")
    assert "Others cannot reach this server: it has no address on a network." in inside.said
    assert inside.stop() == 0
    assert not any("cannot be told" in line for line in inside.said)
    assert server.errors() == inside.errors() == ""


@pytest.mark.parametrize(
    ("host", "port", "spelled"),
    [
        ("192.168.1.5", 8888, "192.168.1.5"),
        ("192.168.1.5", 9, "192.168.1.5:9"),
        ("fd00::1", 8888, "fd00::1"),
        ("fd00::1", 9, "[fd00::1]:9"),
    ],
)
def test_an_address_is_spelled_as_the_command_takes_it(host: str, port: int, spelled: str) -> None:
    assert lan.spelled(host, port, default=8888) == spelled


def test_addresses_are_those_that_others_can_use(cable: Cable) -> None:
    here = cable.machines[0]
    for extra in ("8.8.8.8/24", "192.168.7.1/24", "127.0.0.9/8", "169.254.3.3/16"):
        here.run("ip", "addr", "add", extra, "dev", "cable")
    here.run(*"ip -6 addr add 2600::5/64 dev cable nodad".split())
    found = json.loads(
        here.python("import json; from molva.server import lan; print(json.dumps(lan.addresses()))")
    )
    assert set(found[:2]) == {here.address, "192.168.7.1"}
    assert (
        found[2:] == ["8.8.8.8", here.address6, "2600::5"]
        and "127.0.0.9" not in found
        and "169.254.3.3" not in found
    )
    assert not any(ipaddress.ip_address(text).is_link_local for text in found)


# -- What the network is told -------------------------------------------------------------------

LOOK = """
import asyncio, json, sys
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

async def look(kind, wanted):
    network = AsyncZeroconf(ip_version=IPVersion.V4Only)
    heard = asyncio.Queue()
    def on_change(zeroconf, service_type, name, state_change):
        heard.put_nowait((state_change.name, name))
    browser = AsyncServiceBrowser(network.zeroconf, kind, handlers=[on_change])
    async with asyncio.timeout(30):
        if wanted == "goodbye":
            print("looking", flush=True)
        while True:
            change, name = await heard.get()
            if wanted == "goodbye":
                print(change, flush=True)
                if change == "Removed":
                    break
                continue
            info = AsyncServiceInfo(kind, name)
            await info.async_request(network.zeroconf, 3000)
            texts = {k.decode(): (v or b"").decode() for k, v in info.properties.items()}
            if texts.get("online") == wanted:
                found = [name, info.port, info.parsed_addresses(), texts]
                print(json.dumps(found), flush=True)
                break
    await browser.async_cancel()
    await network.async_close()

asyncio.run(look("_molva._tcp.local.", sys.argv[1]))
"""

STAY = """
import sys
from tests.peer import Peer
with Peer(8888) as peer:
    peer.register("anna")
    print("in", flush=True)
    sys.stdin.read()
"""

JOIN = """
import sys
from tests.peer import Peer
with Peer(8888, sys.argv[1]) as peer:
    print(peer.register(sys.argv[2]))
"""


def test_a_server_is_found_told_of_and_joined_from_another_machine(
    cable: Cable, tmp_path: Path
) -> None:
    here, there = cable.machines
    name = "Class 5, Room «12»"
    options = ("--lan", "--access", "open", "--server-name", name)
    server = serve(here, tmp_path / "data", *options)
    words = said(server, r"Fingerprint: (.*)")
    found = json.loads(there.python(LOOK, "0"))
    assert found[0] == f"{name}.{lan.SERVICE}"
    assert (found[1], found[3]) == (
        8888,
        {"v": "1", "tls": "1", "fp": words, "online": "0", "access": "open"},
    )
    assert set(found[2]) >= {here.address}
    # By the address that was found, plainly.
    assert "'result': 'successful'" in there.python(JOIN, found[2][0], "four")
    assert "'result': 'successful'" in there.python(JOIN, here.address6, "six")
    assert server.stop() == 0
    assert server.errors() == ""


def test_the_network_hears_how_many_are_online_and_of_the_end(cable: Cable, tmp_path: Path) -> None:
    here, there = cable.machines
    server = serve(here, tmp_path / "data", "--lan", "--access", "open", "--quiet")
    with here.begin(STAY) as anna, there.begin(LOOK, "goodbye") as looking:
        assert anna.stdout is not None and looking.stdout is not None
        assert anna.stdout.readline() == "in\n"
        assert looking.stdout.readline() == "looking\n"
        assert looking.stdout.readline() == "Added\n"
        assert json.loads(there.python(LOOK, "1"))[3]["online"] == "1"
        assert server.stop() == 0
        assert "Removed\n" in looking.stdout.readlines()
        anna.communicate()
    assert server.errors() == ""


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Tower", "Tower"),
        ("  ", "Molva"),
        ("a\nb\x1b[0m", "ab[0m"),
        ("ж" * 60, "ж" * 29),
        ("x" * 200, "x" * 58),
        ("a.b", "a.b"),
    ],
)
def test_a_name_is_cut_to_what_an_announcement_holds(name: str, label: str) -> None:
    assert lan.instance(name) == label


def test_what_is_announced_says_what_a_client_needs() -> None:
    plain = lan.Announced("a", 1, None, Access.CODE)
    assert plain.texts(3) == {"v": "1", "tls": "0", "online": "3", "access": "code"}
    assert lan.Announced("a", 1, "w", Access.ACCOUNTS).texts(0)["fp"] == "w"


# -- The join code ------------------------------------------------------------------------------


def test_the_join_code_may_be_chosen_and_changes_at_a_reload(
    new_server: NewServer, tmp_path: Path
) -> None:
    server = new_server("--lan", "--host", "127.0.0.1", "--quiet")
    server.data.mkdir()
    settings = server.data / "molva.toml"
    settings.write_text('join_code = "first-code"\n')
    server.start()
    assert not (server.data / "join-code").exists(), "a chosen code is not kept elsewhere"
    with server.peer() as stays:
        assert stays.register("anna", code="FIRST CODE")["result"] == "successful"
        with server.peer() as wrong:
            assert wrong.register("boris", code="second-code")["result"] == "error"
        settings.write_text('join_code = "second-code"\n')
        server.reload()
        server.see("read again")
        with server.peer() as old:
            assert old.register("clara", code="first-code")["result"] == "error"
        with server.peer() as right:
            assert right.register("boris", code="Sec0nd-c0de")["result"] == "successful"
        settings.write_text('access = "open"\n')
        server.reload()
        server.see("read again")
        with server.peer() as free:
            assert free.register("david")["result"] == "successful"
        stays.fence()
    assert server.stop() == 0
    assert server.errors() == ""


def test_what_only_a_restart_changes_is_said(new_server: NewServer) -> None:
    server = new_server("--quiet")
    server.data.mkdir()
    settings = server.data / "molva.toml"
    server.start()
    settings.write_text('lan = true\nhost = "::"\nserver_name = "x"\n')
    server.reload()
    line = server.see("next start")
    assert all(key in line for key in ("host", "lan", "server_name"))
    assert "port" not in line and "data" not in line
    server.see("read again")
    settings.write_text("")
    server.reload()
    server.see("read again")
    assert "next start" not in server.said[-2], "all is as it was at the start"
    assert server.stop() == 0


def test_a_damaged_code_is_made_anew(new_server: NewServer) -> None:
    server = new_server("--lan", "--host", "127.0.0.1")
    server.data.mkdir()
    for damage in (b"", b"\xff\xfe", b"short\n", "кодовое слово".encode()):
        (server.data / "join-code").write_bytes(damage)
        server.said.clear()
        server.start()
        code = said(server, r"Join code: (.*)")
        assert spelled_code(plain_code(code)) == code and len(code) == 9
        assert server.stop() == 0


def test_peers_of_2022_come_in_where_it_is_open(new_server: NewServer) -> None:
    server = new_server("--lan", "--host", "127.0.0.1", "--access", "open", "--quiet").start()
    with Peer(server.port) as old:
        old.send("registration", name="alice")
        assert old.receive()["result"] == "successful"
    assert server.stop() == 0
