"""Way: where a server is and how it is to be reached, as a person says it or a search finds it.

Owns addresses and links as they are typed, and what a command line adds to them. Refuses to know
sockets; whom to trust there is `trust`. It is read for every command, so it imports nothing heavy
before it must.

Invariants: nothing in a link makes the line less safe than without it; a text is taken as an
address whole, or refused.
"""

import ipaddress
import re
import sys
from typing import Final, NamedTuple

from molva.terms.catalogue import Language, say

PORT: Final = 8888
SERVER: Final = f"127.0.0.1:{PORT}"

_LINK: Final = re.compile(
    r"(?P<scheme>molva|https?)://(?P<server>[^/?#]+)(?:/|/join/(?P<code>[A-Za-z0-9-]{1,64})/?)?",
    re.IGNORECASE | re.ASCII,
)


class WayRefused(ValueError):
    """What was typed is no way to a server: `reason` is a key of the catalogue."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class Way(NamedTuple):
    """How a server is reached."""

    host: str
    port: int
    code: str | None = None
    """The join code or an invitation."""
    tls: bool | None = None
    """Whether the line must be encrypted; None: see `trust.Encryption.AUTO`."""
    fingerprint: str | None = None
    """The words that the person gave."""
    advertised: str | None = None
    """The words that were announced on the network."""

    def asked(self, *, code: str | None, tls: bool | None, fingerprint: str | None) -> "Way":
        """Return the way with what options say, which goes before what a link says.

        Raises WayRefused for words that are none.
        """
        if fingerprint is not None:
            from molva.client.trust import plain_words

            try:
                fingerprint = plain_words(fingerprint)
            except ValueError:
                raise WayRefused("chat.bad_words", fingerprint) from None
        return self._replace(
            code=code or self.code,
            tls=self.tls if tls is None else tls,
            fingerprint=fingerprint or self.fingerprint,
        )


def parse_server(text: str) -> Way:
    """Return the way of `HOST`, `HOST:PORT`, `[IPv6]:PORT`, `IPv6` or a link.

    A link is `molva://HOST:PORT/join/CODE` or that of a page, `https://HOST:PORT/join/CODE`; the
    path may be missing. Raises WayRefused for anything else.
    """
    link = _LINK.fullmatch(text)
    try:
        if link is None:
            return Way(*_parse_host(text))
        host, port = _parse_host(link["server"])
    except ValueError:
        raise WayRefused("chat.bad_server", text) from None
    # A page that is not encrypted says nothing of the line; one that is, is not spoken to without.
    return Way(host, port, link["code"], True if link["scheme"].lower() == "https" else None)


def _parse_host(text: str) -> tuple[str, int]:
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(text)
        port = rest[1:]
        if rest and not port:
            raise ValueError(text)
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError(text)
    if ":" in host:
        ipaddress.IPv6Address(host)  # Its AddressValueError is a ValueError.
    if not host or not host.isprintable() or any(sign in host for sign in " /@?#"):
        raise ValueError(text)
    if not port:
        return host, PORT
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
        raise ValueError(text)
    return host, int(port)


def find(language: Language) -> Way | None:
    """Return the way to a server of this network or machine; None when nobody chose one of many.

    Says what was found, and asks where there is somebody to ask. Without any it is this machine.
    """
    import asyncio

    from molva.client.discovery import choose, look, name_of

    servers = asyncio.run(look(port=PORT))
    if not servers:
        print(say("chat.found.none", language), flush=True)
        return parse_server(SERVER)
    found = servers[0]
    if len(servers) > 1:
        present = sys.stdin.isatty() and sys.stdout.isatty()
        show = print if present else complain
        chosen = choose(servers, language, show=show, ask=input if present else None)
        if chosen is None:
            complain(say("chat.found.choose", language, server=found.address))
            return None
        found = chosen
    name = name_of(found, language)
    print(say("chat.found.one", language, name=name, server=found.address), flush=True)
    # What is announced can ask for encryption, and never for less of it.
    return Way(found.host, found.port, tls=found.encrypted or None, advertised=found.words)


def complain(text: str) -> None:
    """Say on the standard error what is wrong, as every command does."""
    print(f"molva: {text}", file=sys.stderr)
