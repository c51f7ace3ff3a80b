"""The join code: `molva code`, which shows it and puts another in its place.

Owns how a running server comes to take a new one: it reads its settings again. Refuses to know what
a code opens.

Invariant: a new code is shown only once it lets people in.
"""

import os
import signal
import time
from pathlib import Path

from molva.admin import printing
from molva.admin.desk import DATABASE, Desk
from molva.admin.line import Complaint
from molva.admin.place import place_of
from molva.client import exit_codes
from molva.server import joincode, operator
from molva.server.operator import Pass
from molva.terms.admission import spelled_code
from molva.terms.catalogue import say
from molva.wire.terminal import safe_line

FILE = "join-code"

RELOAD_SECONDS = 10.0
"""How long a server may take to read its settings again."""
LOOK_SECONDS = 0.02


def show_code(desk: Desk, *, host: str | None, json: bool) -> None:
    """Print the join code. Raises Complaint where there is none."""
    _print(desk, _current(desk), host=host, json=json)


def renew_code(desk: Desk, *, host: str | None, json: bool) -> None:
    """Make another join code and print it; the old one lets nobody in. Raises Complaint."""
    file = desk.config.data / FILE
    if desk.shown is None:
        if desk.config.join_code is not None:
            raise _given(desk)
        _print(desk, _renewed(desk, file), host=host, json=json)
        return
    current = _current(desk)
    if not file.exists() or joincode.kept_code(file) != current:
        raise _given(desk)
    if not _is_ours(desk.config.data):
        path = safe_line(str(desk.config.data))
        raise Complaint(say("admin.not_ours", desk.language, path=path))
    code = _renewed(desk, file)
    _have_it_read(desk, desk.shown, code)
    _print(desk, code, host=host, json=json)


def _current(desk: Desk) -> str:
    """Return the code in use, in its plain form."""
    file = desk.config.data / FILE
    if desk.shown is not None:
        if desk.shown.join_code is None:
            raise Complaint(say("admin.code.none", desk.language))
        return desk.shown.join_code
    if desk.config.join_code is not None:
        return desk.config.join_code
    try:
        if not file.exists():
            raise Complaint(say("admin.code.not_yet", desk.language))
        return joincode.kept_code(file)
    except OSError as error:
        raise _unkept(desk, file, error) from None


def _renewed(desk: Desk, file: Path) -> str:
    try:
        file.unlink(missing_ok=True)
        return joincode.kept_code(file)
    except OSError as error:
        raise _unkept(desk, file, error) from None


def _have_it_read(desk: Desk, shown: Pass, code: str) -> None:
    """Have a server take the code of the file, and wait until it says so."""
    until = time.monotonic()
    if hasattr(signal, "SIGHUP") and shown.namespace == operator.namespace():
        # The lock of the store says that this process lives and is the server.
        os.kill(shown.pid, signal.SIGHUP)
        until += RELOAD_SECONDS
    while time.monotonic() < until:
        now = operator.read(desk.config.data)
        if now is not None and now.token == shown.token and now.join_code == code:
            return
        time.sleep(LOOK_SECONDS)
    text = say("admin.code.not_taken", desk.language, pid=shown.pid)
    raise Complaint(text, exit_codes.UNAVAILABLE)


def _is_ours(data: Path) -> bool:
    return not hasattr(os, "geteuid") or (data / DATABASE).stat().st_uid == os.geteuid()


def _given(desk: Desk) -> Complaint:
    return Complaint(say("admin.code.given", desk.language))


def _unkept(desk: Desk, file: Path, error: OSError) -> Complaint:
    path = safe_line(str(file))
    return Complaint(say("serve.join_code", desk.language, file=path, error=error.strerror))


def _print(desk: Desk, code: str, *, host: str | None, json: bool) -> None:
    place = place_of(desk, host)
    spelled = spelled_code(code)
    link, command = place.link(spelled), place.command(spelled, desk.language)
    if json:
        printing.row({"code": spelled, "link": link, "command": command})
        return
    printing.line(say("admin.code.code", desk.language, code=spelled))
    if link is not None:
        printing.line(say("admin.invite.link", desk.language, link=link))
    printing.line(say("admin.invite.terminal", desk.language, command=command))
