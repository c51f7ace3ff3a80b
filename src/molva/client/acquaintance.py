"""Acquaintance: `molva trust`, what a person does about the servers they know.

Owns what is shown of them and what is asked for. Refuses to know by what a server is known: that
is `trust`. Invariant: nothing is said to a server here beyond a TLS handshake.
"""

import asyncio

from molva.client import exit_codes
from molva.client.transport import shown_by
from molva.client.trust import (
    Distrusted,
    Known,
    Pins,
    Problem,
    distrust_phrases,
    pin_of,
)
from molva.client.way import complain
from molva.terms.catalogue import Language, say
from molva.wire.terminal import safe_line


def list_servers(language: Language) -> int:
    """Show each server that is known, with its words; return the exit code."""
    try:
        known = Pins().all()
    except Distrusted as refused:
        return _refuse(refused, "", language)
    for server, by in sorted(known.items()):
        words = by.words or say("chat.trust.by_authorities", language)
        print(f"{safe_line(server)}  {words}")
    return exit_codes.OK


def forget_server(host: str, port: int, language: Language) -> int:
    """Know a server no more; return the exit code."""
    server = _shown(host, port)
    try:
        forgotten = Pins().forget(host, port)
    except Distrusted as refused:
        return _refuse(refused, server, language)
    except OSError as error:
        return _fail_to_keep(error, language)
    key = "chat.trust.forgotten" if forgotten else "chat.trust.unknown"
    print(say(key, language, server=server))
    return exit_codes.OK if forgotten else exit_codes.REFUSED


def accept(host: str, port: int, expected: str | None, language: Language) -> int:
    """Know a server by what it shows now, where that is what is expected; return the exit code."""
    server = _shown(host, port)
    try:
        chain = asyncio.run(shown_by(host, port))
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or say("chat.cut.no_detail", language)
        complain(say("chat.unavailable", language, server=server, detail=safe_line(detail)))
        return exit_codes.UNAVAILABLE
    pins = Pins()
    try:
        shown = Known(pin_of(chain).hex())
        if expected is not None and shown.words != expected:
            raise Distrusted(Problem.OTHER, shown=shown.words, known=expected)
        before = pins.get(host, port)
        pins.replace(host, port, shown)
    except Distrusted as refused:
        return _refuse(refused, server, language)
    except OSError as error:
        return _fail_to_keep(error, language)
    print(say("chat.trust.accepted", language, server=server, words=shown.words))
    if before is not None and before != shown:
        words = before.words or say("chat.trust.by_authorities", language)
        print(say("chat.trust.accepted_was", language, words=words))
    return exit_codes.OK


def _shown(host: str, port: int) -> str:
    return safe_line(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _refuse(refused: Distrusted, server: str, language: Language) -> int:
    for key, values in distrust_phrases(refused, server):
        complain(say(key, language, **values))
    return exit_codes.DISTRUSTED


def _fail_to_keep(error: OSError, language: Language) -> int:
    reason = safe_line(error.strerror or str(error))
    complain(say("chat.trust.not_kept", language, error=reason))
    return exit_codes.REFUSED
