"""The desk: where the operator asks the hub, whether a server runs or not.

Owns the choice between the two lines to it, and what is said when there is none. The lock of the
store decides: who gets it knows that no server runs, who does not knows that one does, and which
process it is. Refuses to know what is asked.

Invariants: a token is shown only to the process that holds the store; what is refused is said in
one line, in the person's language.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from molva.admin.line import Complaint, Line
from molva.client import exit_codes
from molva.config import Config, ConfigRefused, load
from molva.server import operator
from molva.server.operator import Pass
from molva.store.lock import Lock
from molva.terms import events
from molva.terms.actions import AnyAction
from molva.terms.catalogue import Language, say
from molva.terms.errors import Code
from molva.terms.events import AnyEvent
from molva.terms.ports import StoreLost, StoreRefused, StoreUnavailable
from molva.wire.terminal import safe_line

DATABASE = "molva.sqlite"

LATER = frozenset({Code.BUSY, Code.RATE_LIMITED, Code.SHUTTING_DOWN, Code.UNAVAILABLE})
"""What is refused now and not for ever."""

E = TypeVar("E", bound=events.Event)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the operator sits: a line, and what is known of the server at its end."""

    line: Line
    config: Config
    """As the data directory, the environment and the command line have it."""
    shown: Pass | None
    """What the server that runs says of itself; None when none does."""
    language: Language

    def ask(self, action: AnyAction, kind: type[E]) -> E:
        """Return the answer to an action. Raises Complaint with the server's words if refused."""
        asked = msgspec.structs.replace(action, id=f"operator-{secrets.token_hex(8)}")
        answer = self._put(asked)
        if isinstance(answer, events.Error):
            later = answer.code in LATER
            code = exit_codes.UNAVAILABLE if later else exit_codes.REFUSED
            raise Complaint(safe_line(answer.text), code)
        if not isinstance(answer, kind):
            raise Complaint(say("admin.no_answer", self.language), exit_codes.UNAVAILABLE)
        return answer

    def _put(self, action: AnyAction) -> AnyEvent:
        try:
            return self.line.put(action)
        except UnicodeEncodeError:
            # An argument that is not UTF-8 becomes surrogates.
            raise Complaint(say("error.bad_text", self.language), exit_codes.USAGE) from None


def configured(data: Path | None, language: Language) -> Config:
    """Return the settings for a data directory; None: that of the environment, or the usual one.

    Raises Complaint.
    """
    try:
        return load({"data": data})
    except ConfigRefused as refused:
        text = say(refused.reason, language, **refused.values)
        raise Complaint(safe_line(text), exit_codes.USAGE) from None


@contextmanager
def at_desk(data: Path | None, language: Language) -> Iterator[Desk]:
    """Sit down at the desk of a data directory, and leave it in order. Raises Complaint."""
    config = configured(data, language)
    line, shown = _reached(config, language)
    try:
        yield Desk(line, config, shown, language)
    finally:
        line.close()


def _reached(config: Config, language: Language) -> tuple[Line, Pass | None]:
    file = config.data / DATABASE
    if not _is_ours(file, language):
        # Files that another account makes in this directory would lock its owner out.
        pid = _holder(file, language)
        if pid is None:
            text = say("admin.not_ours", language, path=safe_line(str(config.data)))
            raise Complaint(text)
        return _asked(config, pid, language)
    from molva.store.sqlite import SqliteStore

    try:
        store = SqliteStore(file)
    except StoreRefused as refused:
        if refused.reason != "locked":
            values = {key: safe_line(str(value)) for key, value in refused.values.items()}
            text = say(f"store.{refused.reason}", language, **values)
            raise Complaint(text) from None
        return _asked(config, str(refused.values["pid"]), language)
    from molva.admin.shell import Shell

    try:
        return Shell(store, limits=config.limits, language=language), None
    except (StoreUnavailable, StoreLost) as error:
        store.close()
        path, detail = safe_line(str(file)), safe_line(str(error))
        text = say("store.unusable", language, path=path, detail=detail)
        raise Complaint(text, exit_codes.UNAVAILABLE) from None
    except BaseException:
        store.close()
        raise


def _is_ours(file: Path, language: Language) -> bool:
    """Say whether a database is of who asks. Raises Complaint where there is none."""
    try:
        owner = file.stat().st_uid
    except FileNotFoundError:
        raise Complaint(say("admin.no_data", language, path=safe_line(str(file.parent)))) from None
    except OSError as error:
        raise _unreadable(file.parent, error, language) from None
    return not hasattr(os, "geteuid") or owner == os.geteuid()


def _holder(file: Path, language: Language) -> str | None:
    """Return which process has a store that is another user's; None for none."""
    file = file.resolve()
    if not file.with_name(f"{file.name}.lock").exists():
        return None
    try:
        Lock(file).release()
    except StoreRefused as refused:
        return str(refused.values["pid"])
    except OSError as error:
        raise _unreadable(file.parent, error, language) from None
    return None


def _asked(config: Config, pid: str, language: Language) -> tuple[Line, Pass]:
    """Return a line to the server that has the store, by its pass. Raises Complaint."""
    try:
        shown = operator.read(config.data)
    except OSError as error:
        raise _unreadable(config.data / operator.FILE, error, language) from None
    if shown is None or str(shown.pid) != pid:
        # It starts, or it stops, or it is a command like this one.
        path = safe_line(str(config.data))
        text = say("admin.between", language, path=path, pid=safe_line(pid))
        raise Complaint(text, exit_codes.UNAVAILABLE)
    from molva.admin.running import Running

    return Running(shown, language=language), shown


def _unreadable(path: Path, error: OSError, language: Language) -> Complaint:
    return Complaint(
        say("admin.unreadable", language, path=safe_line(str(path)), error=error.strerror)
    )
