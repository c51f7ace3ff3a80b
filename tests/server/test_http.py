"""HTTP: what the pages say, their headers on every route, and what requests must not achieve."""

import html.parser
import http.client
import plistlib
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from molva.server.certificates import fingerprint
from tests.peer import TIMEOUT_SECONDS, Peer
from tests.serving import Server

STRICT = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "server": "molva",
}
PAGES = ("/", "/join/7QF3-M0RD", "/trust")
FILES = ("/trust/molva.crt", "/trust/molva.mobileconfig", "/style.css", "/up")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server with an authority of its own, whose name tries to be markup."""
    options = ("--lan", "--host", "127.0.0.1", "--server-name", "<b>&\"'Tower</b>", "--quiet")
    server = Server(tmp_path_factory.mktemp("site") / "data", *options).start()
    yield server
    assert server.stop() == 0
    assert server.errors() == ""
    server.close()


class Answer:
    """An answer, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()
        self.text = self.body.decode(errors="replace")


def ask(
    server: Server, path: str, *, method: str = "GET", language: str = "en", **headers: str
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in {"Accept-Language": language, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def send(server: Server, data: bytes) -> bytes:
    """Send bytes, and return everything until the end."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as raw:
        raw.sendall(data)
        got = b""
        try:
            while piece := raw.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got


def assert_strict(answer: Answer) -> None:
    for name, value in STRICT.items():
        assert answer.headers.get(name) == value, name
    shown = f"{answer.headers} {answer.text}".lower()
    assert not any(word in shown for word in ("aiohttp", "python", "<script", "traceback"))


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser would: its elements, and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.shown += data


ELEMENTS = set("html head meta title link body h1 h2 p pre a".split())


@pytest.mark.parametrize("path", [*PAGES, *FILES])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_route_answers_with_the_strict_headers(site: Server, path: str, method: str) -> None:
    answer = ask(site, path, method=method)
    assert answer.status == 200
    assert_strict(answer)
    assert bool(answer.body) == (method == "GET")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        *("/nope", "/join", "/join/", "/join/a/b", "/join/a%2Fb", "/join/../trust", "/trust/"),
        *("//", "/./", "/%2e%2e/", "/trust/../../molva.sqlite", "/tls/authority.pem", "/join-code"),
        *("/join/<b>", "/join/%3Cb%3E", f"/join/{'A' * 65}", "/join/%D0%B6", "/UP", "/style.css/"),
        *("http://evil.example/", "http://evil.example/up", "*", "/join/AAAA%00"),
    ],
)
def test_any_other_path_is_not_found(site: Server, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        answer = ask(site, path, method=method)
        assert answer.status in (400, 404), path
        assert_strict(answer)
        assert "evil" not in answer.text and "%3C" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_pages_can_only_be_read(site: Server, method: str) -> None:
    for path in (*PAGES, *FILES):
        answer = ask(site, path, method=method, **{"Content-Length": "0"})
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert_strict(answer)


BAD_REQUESTS = {
    "no version": b"GET /\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nbad\r\n\r\n",
    "long line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long field": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
    "megabyte": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Y: " * 200_000 + b"\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "bad field": b"GET / HTTP/1.1\r\nHost: a\r\nX\x00Y: 1\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: a\r\n X: 1\r\n\r\n",
    "controls": b"GET /\x01\x02 HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_d9_what_is_no_request_is_refused_and_closed(site: Server, name: str) -> None:
    got = send(site, BAD_REQUESTS[name])
    if got or name not in ("many fields", "megabyte", "long line", "long field"):
        head, _, body = got.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/\d\.\d 4\d\d ", head), got[:200]
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        assert STRICT.items() <= {name.lower(): value for name, value in lines.items()}.items()
        assert b"aiohttp" not in got and b"Traceback" not in body
    assert ask(site, "/up").body == b"ok\n"


def test_f18_nothing_of_a_body_is_an_action_or_a_request(site: Server) -> None:
    with Peer(site.port) as witness:
        witness.send("ping", id="before")
        assert witness.receive()["id"] == "before"
        for body in (
            b'{"action":"ping"}\n',
            b"GET /up HTTP/1.1\r\nHost: a\r\n\r\n",
            b"0\r\n\r\nGET /up HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            for method in (b"POST", b"GET"):
                head = method + b" / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
                got = send(site, head + body)
                assert got.count(b"HTTP/1.") == 1 and b"pong" not in got
        # Two requests at once: one a connection.
        one = b"GET /up HTTP/1.1\r\nHost: a\r\n\r\n"
        got = send(site, one * 50)
        assert got.count(b"HTTP/1.1 200") == 1 and b"Connection: close" in got
        witness.send("ping", id="after")
        assert witness.receive()["id"] == "after"


def test_a_body_that_never_comes_holds_nothing_up(site: Server) -> None:
    got = send(site, b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 405 ")


def test_nothing_of_a_request_comes_back(site: Server) -> None:
    evil = "evil.example"
    for path in (*PAGES, "/nope"):
        answer = ask(site, f"{path}?next={evil}", Host=evil, Referer=f"http://{evil}/", Origin=evil)
        assert evil not in f"{answer.headers}{answer.text}"
        asked = {"User-Agent": evil, "X-Forwarded-Host": evil, "Forwarded": f"host={evil}"}
        answer = ask(site, path, language=evil, **asked)
        assert evil not in f"{answer.headers}{answer.text}"


def test_every_value_is_escaped_and_nothing_is_run(site: Server) -> None:
    for path in (*PAGES, "/nope"):
        for language in ("en", "ru"):
            page = Reader(ask(site, path, language=language).text)
            assert set(page.elements) <= ELEMENTS
            assert page.attributes <= {"lang", "charset", "name", "content", "rel", "href", "class"}
    home = Reader(ask(site, "/").text)
    assert "<b>&\"'Tower</b>" in home.shown


def test_the_pages_say_how_to_join(site: Server) -> None:
    address = f"127.0.0.1:{site.port}"
    assert f"molva chat {address}\n" in Reader(ask(site, "/").text).shown
    shown = Reader(ask(site, "/join/7QF3-M0RD").text).shown
    assert f"molva chat {address} --code 7QF3-M0RD\n" in shown


def test_no_page_says_whether_a_code_is_right(site: Server) -> None:
    right = (site.data / "join-code").read_text().strip()
    wrong = "A" * len(right)
    pages = [ask(site, f"/join/{code}") for code in (right, wrong)]
    assert pages[0].text.replace(right, "") == pages[1].text.replace(wrong, "")
    assert right not in ask(site, "/").text + ask(site, "/trust").text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ru", "ru"),
        ("ru-RU,ru;q=0.9,en-US;q=0.8", "ru"),
        ("en-GB,en;q=0.9,ru;q=0.8", "en"),
        ("en;q=0.1,ru;q=0.2", "ru"),
        ("de, fr;q=0.5", "en"),
        ("ru;q=0", "en"),
        ("", "en"),
        (";;q=,=,;q=x,ru;q=nan", "en"),
        (",".join(["de"] * 100), "en"),
    ],
)
def test_the_language_is_the_readers(site: Server, accepted: str, language: str) -> None:
    page = ask(site, "/", language=accepted)
    assert f'<html lang="{language}">' in page.text
    assert ("Как войти" in page.text) == (language == "ru")


def test_the_authority_can_be_installed_and_is_the_one_that_is_used(site: Server) -> None:
    got = ask(site, "/trust/molva.crt")
    assert got.headers["content-type"] == "application/x-x509-ca-cert"
    authority = x509.load_der_x509_certificate(got.body)
    pem = (site.data / "tls" / "authority.pem").read_bytes()
    assert authority == x509.load_pem_x509_certificate(pem)
    assert b"PRIVATE" not in got.body
    words = fingerprint([authority])
    for path in PAGES:
        assert words in ask(site, path).text
    profile = ask(site, "/trust/molva.mobileconfig")
    assert profile.headers["content-type"] == "application/x-apple-aspen-config"
    payload = plistlib.loads(profile.body)
    (root,) = payload["PayloadContent"]
    assert (root["PayloadType"], root["PayloadContent"]) == ("com.apple.security.root", got.body)
    assert ask(site, "/trust/molva.mobileconfig").body == profile.body, "installed twice it is one"
    # Who trusts it speaks HTTPS.
    context = ssl.create_default_context(cadata=authority.public_bytes(Encoding.DER))
    secure = http.client.HTTPSConnection(
        "localhost", site.port, timeout=TIMEOUT_SECONDS, context=context
    )
    secure.request("GET", "/up")
    answer = Answer(secure.getresponse())
    secure.close()
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert_strict(answer)


def test_without_tls_there_is_nothing_to_trust_and_it_is_said(server: Server) -> None:
    assert "does not encrypt" in ask(server, "/").text
    assert "does not encrypt" in ask(server, "/trust").text
    for path in ("/trust/molva.crt", "/trust/molva.mobileconfig"):
        answer = ask(server, path)
        assert answer.status == 404
        assert_strict(answer)
    assert server.errors() == ""


def test_a_hundred_at_once_are_answered(site: Server) -> None:
    sockets = [
        socket.create_connection(("127.0.0.1", site.port), TIMEOUT_SECONDS) for _ in range(100)
    ]
    for each in sockets:
        each.sendall(b"GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
    for each in sockets:
        with each, each.makefile("rb") as lines:
            assert lines.read().endswith(b"ok\n")


def test_nothing_is_left_behind(site: Server) -> None:
    """No descriptor and no file: what comes and goes leaves the server as it was."""
    assert site.process is not None
    descriptors = Path(f"/proc/{site.process.pid}/fd")
    ask(site, "/")
    before = len(list(descriptors.iterdir()))
    for path in PAGES:
        ask(site, path)
    with Peer(site.port) as fence:
        fence.send("ping", id="a")
        fence.receive()
    assert len(list(descriptors.iterdir())) <= before + 1
