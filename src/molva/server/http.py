"""HTTP: the few pages for who comes with a browser instead of a chat.

Owns the routes, their headers and their HTML: how to join, the way in of a QR code, and how a
device comes to trust the server's own authority. Nothing is run in a browser, nothing is asked of
it, and no page says whether a code is right: that is asked by the chat alone, at its rate.

Invariants: every answer, an error's too, has the same strict headers; each value in a page is
escaped where it is put in; nothing of a request comes back but a code that looks like one; one
request a connection, so nothing of a body is ever taken for the next request.
"""

import asyncio
import html
import logging
import plistlib
import re
import sys
import traceback
import uuid
from collections.abc import Callable
from hashlib import sha256

from aiohttp import web
from aiohttp.web import BaseRequest, Response, StreamResponse

from molva.server.face import Site
from molva.terms.catalogue import Language, parse_language, say

LINE_BYTES_MAX = 2048
"""The first line of a request."""
FIELD_BYTES_MAX = 4096
"""One of its header fields."""
FIELDS_MAX = 64
LINGER_SECONDS = 1.0
"""How long a body that nobody asked for is read and ignored, so that the answer arrives."""

DEFAULT_PORT = 8888

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "molva",
}
"""Of every answer. (CSP Level 3, Fetch, RFC 9110, RFC 9111.)"""

CODE = re.compile(r"[A-Za-z0-9-]{1,64}")
"""What looks like a join code or an invitation."""

STYLE = """\
:root { color-scheme: light dark; }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2rem; }
pre, .words { font: 1.05rem/1.6 ui-monospace, monospace; padding: .6rem .8rem; border-radius: .4rem;
  background: #8882; white-space: pre-wrap; overflow-wrap: anywhere; }
"""


class Pages:
    """Answers requests, and makes what speaks HTTP on a connection."""

    def __init__(self, site: Callable[[], Site]) -> None:
        """Tell of a site, asked for at each request: its certificate may change."""
        self._site = site
        self._server = web.Server(self._answer)
        self._routes: dict[str, Callable[[BaseRequest, Site, Language], Response]] = {
            "/": self._home,
            "/trust": self._trust,
            "/trust/molva.crt": self._certificate,
            "/trust/molva.mobileconfig": self._profile,
            "/style.css": lambda request, site, language: _made(STYLE.encode(), "text/css"),
            "/up": lambda request, site, language: _made(b"ok\n", "text/plain"),
        }

    def speaker(self) -> asyncio.Protocol:
        """Return what speaks HTTP on one connection."""
        return _Speaker(
            self._server,
            loop=asyncio.get_running_loop(),
            logger=_SILENT,
            access_log=_SILENT,
            keepalive_timeout=0.0,
            tcp_keepalive=False,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=FIELD_BYTES_MAX,
            max_headers=FIELDS_MAX,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )

    async def _answer(self, request: BaseRequest) -> StreamResponse:
        try:
            return _strict(self._respond(request))
        except Exception:
            # A bug in a page is told to who runs the server, and ends nobody's chat.
            traceback.print_exc(file=sys.stderr)
            return _strict(_error(500, Language.ENGLISH))

    def _respond(self, request: BaseRequest) -> Response:
        language = _language(request.headers.get("Accept-Language", ""))
        path = request.raw_path.partition("?")[0]
        respond = self._routes.get(path)
        if respond is None and path.startswith("/join/") and CODE.fullmatch(path[6:]):
            respond = self._join
        if request.method not in ("GET", "HEAD"):
            refused = _error(405 if respond is not None else 404, language)
            if respond is not None:
                refused.headers["Allow"] = "GET, HEAD"
            return refused
        if respond is None:
            return _error(404, language)
        if request.version < (1, 0):
            return _error(400, language)
        return respond(request, self._site(), language)

    # -- The pages -----------------------------------------------------------------------------

    def _home(self, request: BaseRequest, site: Site, language: Language) -> Response:
        pieces = [
            _paragraph("web.about", language),
            _heading("web.join", language),
            _paragraph("web.terminal", language),
            _verbatim(f"molva chat{_address(request, site)}"),
            _paragraph("web.code_wanted", language),
            *_fingerprint(site, language),
        ]
        return _page(site.name, pieces, language)

    def _join(self, request: BaseRequest, site: Site, language: Language) -> Response:
        code = request.raw_path.partition("?")[0][6:]
        pieces = [
            _paragraph("web.terminal", language),
            _verbatim(f"molva chat{_address(request, site)} --code {code}"),
            _paragraph("web.no_browser", language),
            _paragraph("web.get_molva", language),
            *_fingerprint(site, language),
        ]
        return _page(say("web.join", language), pieces, language)

    def _trust(self, request: BaseRequest, site: Site, language: Language) -> Response:
        title = say("web.trust", language)
        if site.authority is None:
            key = "web.no_tls" if site.words is None else "web.no_authority"
            pieces = [_paragraph(key, language), *_fingerprint(site, language, link=False)]
            return _page(title, pieces, language)
        pieces = [
            _paragraph("web.trust.what", language),
            _paragraph("web.trust.means", language),
            _paragraph("web.trust.bounds", language),
            *_fingerprint(site, language, link=False),
            _paragraph("web.trust.sha", language),
            _verbatim(_colons(sha256(site.authority).digest())),
        ]
        for system in ("android", "apple", "windows", "macos", "firefox", "linux"):
            file = "molva.mobileconfig" if system == "apple" else "molva.crt"
            pieces += [
                _heading(f"web.trust.{system}", language),
                f'<p><a href="/trust/{file}">{file}</a></p>',
                _paragraph(f"web.trust.{system}.how", language),
            ]
        pieces.append(_paragraph("web.trust.undo", language))
        return _page(title, pieces, language)

    def _certificate(self, request: BaseRequest, site: Site, language: Language) -> Response:
        if site.authority is None:
            return _error(404, language)
        return _file(site.authority, "molva.crt", "application/x-x509-ca-cert")

    def _profile(self, request: BaseRequest, site: Site, language: Language) -> Response:
        if site.authority is None:
            return _error(404, language)
        profile = _apple_profile(site.authority, site.name)
        return _file(profile, "molva.mobileconfig", "application/x-apple-aspen-config")


class _Speaker(web.RequestHandler):
    """Speaks HTTP; its own complaints look like ours, and name no library."""

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer what cannot be read as a request."""
        return _strict(_error(status, Language.ENGLISH))


_SILENT = logging.Logger("molva.http")
"""Anybody may send what is no HTTP; the operator need not hear of each."""
_SILENT.addHandler(logging.NullHandler())


# -- Answers -----------------------------------------------------------------------------------


def _strict(response: Response) -> Response:
    response.headers.update(HEADERS)
    response.force_close()
    return response


def _made(data: bytes, kind: str, status: int = 200) -> Response:
    return Response(body=data, status=status, content_type=kind, charset="utf-8")


def _file(data: bytes, name: str, kind: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body=data, content_type=kind, headers=disposition)


def _error(status: int, language: Language) -> Response:
    key = {404: "web.not_found", 405: "web.not_allowed", 500: "web.bug"}.get(status, "web.bad")
    return _page(str(status), [_paragraph(key, language)], language, status=status)


def _page(title: str, pieces: list[str], language: Language, *, status: int = 200) -> Response:
    heading = html.escape(title)
    head = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{heading} · Molva</title>\n<link rel="stylesheet" href="/style.css">\n</head>\n'
    )
    body = "\n".join([f"<h1>{heading}</h1>", *pieces])
    text = f"{head}<body>\n{body}\n</body>\n</html>\n"
    return _made(text.encode(errors="replace"), "text/html", status)


def _paragraph(key: str, language: Language) -> str:
    return f"<p>{html.escape(say(key, language))}</p>"


def _heading(key: str, language: Language) -> str:
    return f"<h2>{html.escape(say(key, language))}</h2>"


def _verbatim(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"


def _fingerprint(site: Site, language: Language, *, link: bool = True) -> list[str]:
    """Return what is said of the encryption."""
    if site.words is None:
        return [_paragraph("web.no_tls", language)] if link else []
    pieces = [
        _heading("web.fingerprint", language),
        f'<p class="words">{html.escape(site.words)}</p>',
        _paragraph("web.compare", language),
    ]
    if link and site.authority is not None:
        text = html.escape(say("web.trust", language))
        pieces.append(f'<p><a href="/trust">{text}</a></p>')
    return pieces


def _address(request: BaseRequest, site: Site) -> str:
    """Return where this server was reached, as the command takes it.

    By the socket itself: a Host field says whatever its sender likes.
    """
    own = request.transport.get_extra_info("sockname") if request.transport is not None else None
    if not own:
        return ""
    host = str(own[0]).partition("%")[0]
    if site.port == DEFAULT_PORT:
        return f" {host}"
    return f" [{host}]:{site.port}" if ":" in host else f" {host}:{site.port}"


def _language(accepted: str) -> Language:
    """Return the language that an Accept-Language field likes best (RFC 9110, section 12.5.4)."""
    liked: list[tuple[float, str]] = []
    for item in accepted.split(",", 16)[:16]:
        tag, _, quality = item.partition(";q=")
        try:
            liked.append((float(quality or 1), tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    known = [pair for pair in liked if pair[1] in ("en", "ru") and pair[0] > 0]
    return parse_language(max(known, key=lambda pair: pair[0])[1] if known else None)


def _colons(digest: bytes) -> str:
    return ":".join(f"{byte:02X}" for byte in digest)


def _apple_profile(authority: bytes, name: str) -> bytes:
    """Return a profile that holds an authority, as iPhones and iPads install it."""
    own = str(uuid.uuid5(uuid.NAMESPACE_OID, sha256(authority).hexdigest())).upper()
    within = str(uuid.uuid5(uuid.NAMESPACE_OID, own)).upper()
    shown = f"Molva: {name}"
    certificate = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"molva.authority.{within}",
        "PayloadUUID": within,
        "PayloadDisplayName": shown,
        "PayloadContent": authority,
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"molva.profile.{own}",
            "PayloadUUID": own,
            "PayloadDisplayName": shown,
            "PayloadContent": [certificate],
        }
    )
