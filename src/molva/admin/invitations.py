"""Invitations: `molva invite`, which hands out ways in.

Owns what is printed of an invitation, and when a sheet of them is written. Refuses to know who may:
the hub says so.

Invariant: a code is shown once, so whatever was made is printed, also when what follows fails.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from molva.admin import printing
from molva.admin.desk import Desk, at_desk
from molva.admin.line import Complaint
from molva.admin.people import everybody
from molva.admin.place import Place, place_of
from molva.admin.sheet import Slip, plain_sheet, printable_page, read_names
from molva.client import exit_codes
from molva.terms import actions, events
from molva.terms.catalogue import Language, say
from molva.terms.names import Name, NameRefused, parse_name
from molva.terms.roles import Role
from molva.wire.terminal import safe_line

NAMES_BYTES_MAX = 4 * 1024 * 1024


class Wanted(NamedTuple):
    """What sort of invitation is asked for."""

    role: Role
    uses: int
    seconds: int
    host: str | None
    """Where others find the server, as the operator says."""

    def action(self, name: str | None) -> actions.Invitation:
        """Return the action that asks for one."""
        return actions.Invitation(role=self.role, uses=self.uses, seconds=self.seconds, name=name)


def invite(desk: Desk, wanted: Wanted, name: str | None, *, json: bool) -> None:
    """Make one invitation and print it. Raises Complaint."""
    language = desk.language
    place = place_of(desk, wanted.host)
    made = desk.ask(wanted.action(name), events.Invitation)
    if json:
        printing.row({**printing.fields(made), **_ways(made, place, language)})
        return
    printing.line(say("admin.invite.code", language, code=made.code))
    link = place.link(made.code)
    if link is not None:
        printing.line(say("admin.invite.link", language, link=link))
    command = place.command(made.code, language, name=made.name)
    printing.line(say("admin.invite.terminal", language, command=command))
    until = printing.moment(made.until, language)
    role = say(f"chat.role.{made.role}", language)
    if made.name is None:
        text = say("admin.invite.good", language, role=role, n=made.uses, until=until)
    else:
        text = say("admin.invite.named", language, role=role, name=made.name, until=until)
    printing.line(text)
    if not place.far and place.host is not None:
        printing.note(say("admin.invite.near", language))


def _ways(made: events.Invitation, place: Place, language: Language) -> dict[str, Any]:
    return {
        "link": place.link(made.code),
        "command": place.command(made.code, language, name=made.name),
    }


def list_invitations(desk: Desk, *, json: bool) -> None:
    """Print the invitations that still let somebody in. Raises Complaint."""
    language = desk.language
    listed = desk.ask(actions.Invitations(), events.Invitations)
    for one in listed.invitations:
        if json:
            printing.row(printing.fields(one))
            continue
        values = {
            "invitation": one.invitation,
            "role": say(f"chat.role.{one.role}", language),
            "n": one.uses,
            "until": printing.moment(one.until, language),
            "by": one.from_,
        }
        if one.name is None:
            text = say("chat.invitation_row", language, **values)
        else:
            text = say("chat.invitation_row_named", language, name=one.name, **values)
        printing.line(text)
    if not listed.invitations and not json:
        printing.line(say("admin.invite.none", language))
    printing.cut(len(listed.invitations), listed.total, language)


def end_invitation(desk: Desk, invitation: str) -> None:
    """Let nobody in by an invitation any more. Raises Complaint."""
    desk.ask(actions.EndInvitation(invitation=invitation), events.Done)
    printing.line(say("admin.invite.ended", desk.language))


# -- A sheet -----------------------------------------------------------------------------------


def invite_all(
    data: Path | None,
    wanted: Wanted,
    names: Path,
    page: Path | None,
    language: Language,
    *,
    json: bool,
) -> None:
    """Make an invitation for each name of a file, and print them or write a page of them.

    Raises Complaint: before anything is made if the file has a fault or the page cannot be made.
    """
    people = _names(names, language)
    out = _new_page(page, language) if page is not None else None
    slips: list[Slip] = []
    try:
        with at_desk(data, language) as desk:
            _make_slips(desk, wanted, people, slips, json=json)
    finally:
        # What was made is shown whatever happened after it: it can be shown this once.
        if out is not None and page is not None:
            _write_page(out, page, slips, language)
        elif slips and not json:
            printing.text(plain_sheet(slips, language))


def _names(file: Path, language: Language) -> list[Name]:
    try:
        with file.open("rb") as opened:
            data = opened.read(NAMES_BYTES_MAX + 1)
    except OSError as error:
        path = safe_line(str(file))
        text = say("admin.unreadable", language, path=path, error=error.strerror)
        raise Complaint(text, exit_codes.USAGE) from None
    if len(data) > NAMES_BYTES_MAX:
        raise Complaint(say("error.too_long", language, bytes=NAMES_BYTES_MAX), exit_codes.USAGE)
    names, faults = read_names(data, language)
    if faults:
        path = safe_line(str(file))
        for fault in faults:
            printing.complain(f"{path}:{fault.line}: {fault.text}")
        raise Complaint(say("admin.names.nothing", language), exit_codes.USAGE)
    return names


def _make_slips(
    desk: Desk, wanted: Wanted, people: Sequence[Name], slips: list[Slip], *, json: bool
) -> None:
    language = desk.language
    place = place_of(desk, wanted.host)
    here = {_key(account.user) for account in everybody(desk)}
    for name in people:
        if name.key in here:
            printing.complain(say("admin.names.here", language, name=safe_line(name.shown)))
            continue
        made = desk.ask(wanted.action(name.shown), events.Invitation)
        if json:
            printing.row({**printing.fields(made), **_ways(made, place, language)})
        slips.append(
            Slip(
                name=name.shown,
                code=made.code,
                until=printing.moment(made.until, language),
                link=place.link(made.code),
                command=place.command(made.code, language, name=name.shown),
                words=place.words,
            )
        )
    if slips and slips[0].link is None:
        printing.complain(say("admin.invite.no_link", language))


def _key(shown: str) -> str:
    try:
        return parse_name(shown).key
    except NameRefused:
        # It was a name once; the rules of today know it no more, nor does a list.
        return shown


def _new_page(page: Path, language: Language) -> TextIO:
    """Make the file, its owner's alone, and nobody else's file over."""
    try:
        descriptor = os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        path = safe_line(str(page))
        text = say("admin.page.refused", language, path=path, error=error.strerror)
        raise Complaint(text, exit_codes.USAGE) from None
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _write_page(out: TextIO, page: Path, slips: list[Slip], language: Language) -> None:
    path = safe_line(str(page))
    try:
        with out:
            out.write(printable_page(slips, language) if slips else "")
    except OSError as error:
        printing.complain(say("admin.page.refused", language, path=path, error=error.strerror))
        printing.text(plain_sheet(slips, language))
        return
    if slips:
        printing.line(say("admin.page.written", language, path=path, n=len(slips)))
    else:
        with suppress(OSError):
            page.unlink()
