"""The place: where others find this server, as a link and as a command.

Owns what stands before and after a code that is handed out. Refuses to know how the server listens
there; it makes a link only where others can come by it.
"""

import ipaddress
from typing import NamedTuple

from molva.admin.desk import Desk
from molva.admin.line import Complaint
from molva.client import exit_codes
from molva.client.way import PORT, WayRefused, parse_server
from molva.config import EVERYWHERE, Config
from molva.server import lan
from molva.server.operator import Pass
from molva.terms.catalogue import Language, say
from molva.wire.terminal import safe_line

EVERYWHERE_4 = "0.0.0.0"


class Place(NamedTuple):
    """An address of a server."""

    host: str | None
    """None where it is not known."""
    port: int
    secure: bool = False
    """Whether a browser comes by https: the certificate is one that it trusts."""
    far: bool = True
    """Whether it is one by which others come."""
    words: str | None = None
    """The fingerprint; None where it is not known or there is no TLS."""

    def link(self, code: str) -> str | None:
        """Return the link of a code; None where others could not follow it."""
        if self.host is None or not self.far:
            return None
        return lan.link(self.host, self.port, f"/join/{code}", secure=self.secure)

    def command(self, code: str, language: Language, *, name: str | None = None) -> str:
        """Return what one types in a terminal to come in by a code."""
        host = say("admin.host", language)
        if self.host is not None:
            host = lan.spelled(self.host, self.port, default=PORT)
        command = f"molva chat {host} --code {code}"
        if name is None:
            return command
        # Of all that a name may hold, only the apostrophe means something to a shell.
        return f'{command} --name "{name}"' if "'" in name else f"{command} --name {name}"


def place_of(desk: Desk, host: str | None) -> Place:
    """Return where others find the server of a desk; `host` is what the operator says of it.

    Raises Complaint for a host that is none.
    """
    known = _stopped(desk.config) if desk.shown is None else _running(desk.shown)
    if host is None:
        return known
    try:
        way = parse_server(host)
    except WayRefused as refused:
        text = say(refused.reason, desk.language, text=safe_line(refused.text))
        raise Complaint(text, exit_codes.USAGE) from None
    port = way.port if _names_port(host) else known.port
    secure = known.secure or bool(way.tls)
    return Place(way.host, port, secure, words=known.words)


def _names_port(text: str) -> bool:
    server = text.partition("://")[2] or text
    end = server.partition("/")[0].rpartition("]")[2]
    return end.count(":") == 1


def _running(shown: Pass) -> Place:
    host, far = _for_others(shown.listens)
    if shown.secure and shown.name is not None:
        host = shown.name
    return Place(host or shown.host, shown.port, shown.secure, far, shown.words)


def _stopped(config: Config) -> Place:
    """Return what the settings let one know; those of the command line are gone with it."""
    host, far = _for_others(config.host)
    return Place(host if far else None, config.port or PORT, config.cert is not None, far)


def _for_others(listens: str) -> tuple[str | None, bool]:
    """Return an address by which others come, and whether there is any."""
    if listens in (EVERYWHERE, EVERYWHERE_4, "*", ""):
        here = lan.addresses()
        if listens == EVERYWHERE_4:
            here = [address for address in here if ":" not in address]
        return (here[0], True) if here else (None, False)
    return listens, not _is_loopback(listens)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
