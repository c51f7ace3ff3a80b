"""`molva invite`: what it prints lets people in, and only those it was made for."""

import json
import os
import re
import stat
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from molva.terms.admission import ALPHABET
from tests.admin.machine import Machine, here
from tests.namespaces import PATHS, Cable
from tests.serving import Server

CODE = re.compile(rf"^Code: ((?:[{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}})$", re.MULTILINE)
PASSWORD = "correct horse"


def code_of(printed: str) -> str:
    """Return the code that a command printed."""
    found = CODE.search(printed)
    assert found is not None, printed
    return found[1]


def test_a_printed_code_lets_somebody_in_once(machine: Machine) -> None:
    assert machine.refused("anna") == "invitation_required"
    code = code_of(machine.done("invite", whole=True))
    anna = machine.enter("anna", code=code, password=PASSWORD)
    assert machine.refused("boris", code=code) == "bad_code"
    assert anna.welcome["account"]


def test_it_is_good_for_as_many_as_were_said(machine: Machine) -> None:
    code = code_of(machine.done("invite", "--uses", "2", "--days", "1"))
    assert machine.rows("invite", "--list")[0]["uses"] == 2
    machine.enter("anna", code=code)
    machine.enter("boris", code=code)
    assert machine.refused("vera", code=code) == "bad_code"


def test_one_for_a_name_is_good_for_no_other(machine: Machine) -> None:
    printed = machine.done("invite", "--name", "@Anna")
    code = code_of(printed)
    assert f"--code {code} --name Anna" in printed
    assert machine.refused("boris", code=code) == "bad_code"
    assert machine.enter("anna", code=code).name == "anna"


def test_a_role_is_given_with_it(machine: Machine) -> None:
    machine.enter("olga", code=code_of(machine.done("invite")), password=PASSWORD)
    code = code_of(machine.done("invite", "--role", "модератор"))
    boris = machine.enter("boris", code=code, password=PASSWORD)
    boris.fence()
    people = {row["user"]: row["role"] for row in machine.rows("user", "list")}
    assert people == {"olga": "owner", "boris": "moderator"}


def test_they_are_listed_and_ended_by_id_and_by_code(machine: Machine) -> None:
    assert "no invitations" in machine.done("invite", "--list")
    first = machine.rows("invite")[0]
    second = code_of(machine.done("invite", "--name", "vera"))
    listed = machine.done("invite", "--list")
    assert first["invitation"] in listed and "for vera" in listed and "by molva" in listed
    assert first["code"] not in listed and second not in listed
    machine.done("invite", "--end", first["invitation"])
    machine.done("invite", "--end", second)
    assert machine.rows("invite", "--list") == []
    assert machine.refused("anna", code=first["code"]) == "bad_code"
    assert machine.refused("vera", code=second) == "bad_code"
    done = machine.do("invite", "--end", first["invitation"])
    assert (done.returncode, done.stderr) == (1, "molva: There is no such invitation.\n")


def test_json_has_all_of_it(machine: Machine) -> None:
    (row,) = machine.rows("invite", "--name", "anna", "--host", "chat.example:99")
    assert row["link"] == f"http://chat.example:99/join/{row['code']}"
    assert row["command"] == f"molva chat chat.example:99 --code {row['code']} --name anna"
    assert (row["name"], row["role"], row["uses"]) == ("anna", "member", 1)
    assert row["until"].endswith("Z")


@pytest.mark.parametrize(
    ("host", "link", "command"),
    [
        ("chat.example", "http://chat.example:8888/", "molva chat chat.example "),
        ("[::1]:99", "http://[::1]:99/", "molva chat [::1]:99 "),
        ("fe80::8888", "http://[fe80::8888]:8888/", "molva chat fe80::8888 "),
        ("https://chat.example", "https://chat.example:8888/", "molva chat chat.example "),
    ],
)
def test_the_operator_says_where_others_find_it(
    still: Machine, host: str, link: str, command: str
) -> None:
    printed = still.done("invite", "--host", host)
    assert f"Link: {link}join/{code_of(printed)}\n" in printed
    assert f"In a terminal: {command}--code" in printed


def test_without_an_address_for_others_there_is_no_link(machine: Machine) -> None:
    done = machine.do("invite")
    assert done.returncode == 0 and "Link" not in done.stdout
    if machine.running:
        assert f"molva chat 127.0.0.1:{machine.server.port} --code" in done.stdout
        assert "--host" in done.stderr
    else:
        assert "molva chat HOST --code" in done.stdout


def test_on_a_lan_it_has_the_address_that_others_use(tmp_path: Path) -> None:
    cable = Cable()
    server = Server(tmp_path / "data", "--lan", within=cable.machines[0].enter)
    try:
        here, there = cable.machines
        server.start(8888)
        command = ["env", f"PYTHONPATH={PATHS}", sys.executable, "-m", "molva"]
        asked = here.run(*command, "invite", "--json", "--data", str(server.data))
        row = json.loads(asked)
        assert row["link"] == f"http://{here.address}:8888/join/{row['code']}"
        assert row["command"] == f"molva chat {here.address} --code {row['code']}"
        code = here.run(*command, "code", "--data", str(server.data))
        assert f"Link: {next(s for s in server.said if '/join/' in s).split(': ')[1]}\n" in code
        entering = (
            "import sys; from tests.peer import Peer; peer = Peer(8888, sys.argv[1]); "
            "print(peer.register('anna', code=sys.argv[2])['result'])"
        )
        assert there.python(entering, here.address, row["code"]) == "successful\n"
    finally:
        server.close()
        cable.end()


def test_with_tls_it_says_the_fingerprint_and_the_link_is_as_the_qr_codes(
    new_machine: Callable[..., Machine], tmp_path: Path
) -> None:
    machine = new_machine("--cert", *_certificate(tmp_path))
    (row,) = machine.rows("invite", "--host", "127.0.0.1")
    assert row["link"] == f"https://127.0.0.1:{machine.server.port}/join/{row['code']}"
    names = tmp_path / "names"
    names.write_text("anna\n")
    printed = machine.done("invite", "--names", str(names))
    words = [line for line in printed.split("\n") if "Fingerprint" in line]
    assert len(words) == 1 and re.search(r": [a-z]{5}(-[a-z]{5}){4}$", words[0])


def _certificate(directory: Path) -> tuple[str, str, str]:
    from molva.server.certificates import own

    own(directory / "tls", names=["localhost"], addresses=["127.0.0.1"])
    (file,) = [f for f in (directory / "tls").iterdir() if "authority" not in f.name]
    return str(file), "--key", str(file)


# -- A list of names ---------------------------------------------------------------------------


def test_a_sheet_has_an_invitation_for_each_name(machine: Machine, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_bytes("\ufeff# 7b\n\nАнна\r\n  boris  \n".encode())
    printed = machine.done("invite", "--names", str(names), whole=True)
    slips = re.split(r"^(?:- )+-$", printed, flags=re.MULTILINE)[1:-1]
    codes = {}
    for slip in slips:
        command = re.search(r"--code (\S+) --name (\S+)$", slip, re.MULTILINE)
        assert command is not None, slip
        assert slip.strip().startswith(command[2]) and slip.count(command[1]) == 2
        codes[command[2]] = command[1]
    assert list(codes) == ["Анна", "boris"]
    assert machine.refused("Анна", code=codes["boris"]) == "bad_code"
    machine.enter("Анна", code=codes["Анна"], password=PASSWORD)
    machine.enter("boris", code=codes["boris"])
    # Given again, it passes over those who have come.
    names.write_text("Анна\nvera\n")
    done = machine.do("invite", "--names", str(names))
    assert done.returncode == 0 and "Анна is here already" in done.stderr
    assert "vera" in done.stdout and "Анна" not in done.stdout


def test_a_list_with_faults_makes_nothing_and_names_each_line(
    machine: Machine, tmp_path: Path
) -> None:
    names, page = tmp_path / "names", tmp_path / "page.html"
    names.write_text("anna\nmolva\n# note\nAnna\n\x1b[31mx\nok\n", encoding="utf-8")
    done = machine.do("invite", "--names", str(names), "--html", str(page), whole=True)
    assert done.returncode == 2 and done.stdout == "" and not page.exists()
    lines = done.stderr.split("\n")
    assert [re.search(r":(\d+): ", line) and line.split(":")[2] for line in lines[:3]] == [
        "2",
        "4",
        "5",
    ]
    assert "line 1" in lines[1] and "\x1b" not in done.stderr
    assert machine.rows("invite", "--list") == []


@pytest.mark.parametrize(
    "content", [b"", b"# nobody\n", "Анна\n".encode("cp1251"), b"a\x00b\n"], ids=repr
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes) -> None:
    names = tmp_path / "names"
    names.write_bytes(content)
    done = here("invite", "--names", str(names), "--data", str(tmp_path))
    assert done.returncode == 2 and done.stdout == ""
    assert f"{names}:1: " in done.stderr and "Traceback" not in done.stderr


def test_a_list_longer_than_a_rate_is_done_whole(
    new_machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """The rates that hold for everybody do not stop it half-way; these are soon used up."""
    machine = new_machine("--access", "accounts")
    machine.down()
    rate = "{per_second = 200, burst = 20}"
    (machine.data / "molva.toml").write_text(f"[limits]\nactions_per_connection = {rate}\n")
    machine.server.arguments = tuple(a for a in machine.server.arguments if a != "--limits")
    machine.server.arguments = tuple(a for a in machine.server.arguments if a != "off")
    machine.up()
    names = tmp_path / "names"
    names.write_text("".join(f"pupil{n}\n" for n in range(60)))
    rows = machine.rows("invite", "--names", str(names))
    assert len({row["code"] for row in rows}) == 60


# -- The page ----------------------------------------------------------------------------------


class Elements(HTMLParser):
    """Notes every element and attribute of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_the_page_runs_nothing_and_is_its_owners_alone(machine: Machine, tmp_path: Path) -> None:
    names, page = tmp_path / "names", tmp_path / "page.html"
    names.write_text("anna\nO'Neil\n")
    sheet = ("invite", "--names", str(names), "--html", str(page), "--host", "192.0.2.7")
    old = os.umask(0)
    try:
        printed = machine.done(*sheet)
    finally:
        os.umask(old)
    assert "invitations: 2" in printed.lower()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text()
    elements = Elements()
    elements.feed(text)
    assert set(elements.tags) == set(
        "html head meta title style body section svg path div h2 bdi p".split()
    )
    kinds = {name for name, _ in elements.attributes}
    assert not any(name.startswith("on") or name in ("src", "href", "style") for name in kinds)
    assert "default-src 'none'" in text and elements.tags.count("svg") == 2
    assert "O&#x27;Neil" in text and '--name "O\'Neil"' in "".join(elements.said)
    code = re.search(r"--code (\S+) --name anna", "".join(elements.said))
    assert code is not None
    # Another page is never written over: its codes are shown this once.
    done = machine.do(*sheet)
    assert done.returncode == 2 and page.read_text() == text
    machine.enter("anna", code=code[1])


def test_whatever_a_slip_holds_is_escaped() -> None:
    from molva.admin.sheet import Slip, printable_page
    from molva.terms.catalogue import Language

    evil = "<script>alert(1)</script>\"'&"
    slip = Slip(name=evil, code=evil, until=evil, link=evil, command=evil, words=evil)
    elements = Elements()
    page = printable_page([slip], Language.ENGLISH)
    elements.feed(page)
    assert "script" not in elements.tags and "<script" not in page
    assert "".join(elements.said).count(evil) == 6


def test_its_qr_code_leads_to_the_link() -> None:
    import segno

    from molva.admin.sheet import Slip, printable_page
    from molva.terms.catalogue import Language

    link = "http://192.0.2.7:8888/join/7QF3-M0RD-AAAA-BBBB"
    slip = Slip(name="a", code="c", until="u", link=link, command="m", words=None)
    page = printable_page([slip], Language.ENGLISH)
    path = re.search(r'<path[^>]* d="([^"]+)"', page)
    assert path is not None
    assert drawn(path[1]) == {
        (x, y)
        for y, row in enumerate(segno.make(link, error="m", micro=False).matrix)
        for x, dark in enumerate(row)
        if dark
    }


def drawn(path: str) -> set[tuple[int, int]]:
    """Return the dark modules of a path of horizontal strokes, without the light frame."""
    x, y, modules = 0.0, 0.0, set()
    for kind, numbers in re.findall(r"([Mmh])([^Mmh]+)", path):
        values = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        if kind == "h":
            modules |= {(int(x) + step - 4, int(y) - 4) for step in range(int(values[0]))}
            x += values[0]
        else:
            x, y = (values[0], values[1]) if kind == "M" else (x + values[0], y + values[1])
    return modules


def test_a_page_that_cannot_be_made_makes_nothing(machine: Machine, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("anna\n")
    done = machine.do("invite", "--names", str(names), "--html", str(tmp_path / "no" / "page"))
    assert done.returncode == 2 and machine.rows("invite", "--list") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--list", "--name", "anna"),
        ("--uses", "2", "--name", "anna"),
        ("--html", "page"),
        ("--role", "king"),
        ("--days", "0"),
        ("--uses", "0"),
        ("--host", "a b"),
        ("--name", "molva"),
        ("--name", "\udcff"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(still: Machine, arguments: tuple[str, ...]) -> None:
    done = still.do("invite", *arguments)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert done.stderr.startswith("molva: ") and done.stderr.count("\n") == 1


def test_rows_are_json_whatever_was_asked(machine: Machine) -> None:
    machine.done("invite", "--name", "anna")
    for line in machine.done("invite", "--list", "--json").strip().split("\n"):
        assert json.loads(line)["name"] == "anna"
