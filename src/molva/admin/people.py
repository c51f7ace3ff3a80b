"""People: `molva user` and `molva admin`, which help, put out and raise those who have accounts.

Owns what is printed of them. Refuses to know who may do what: the hub says so.
"""

import secrets
from collections.abc import Iterator

from molva.admin import printing
from molva.admin.desk import Desk
from molva.terms import actions, events
from molva.terms.catalogue import say
from molva.terms.proquint import proquint
from molva.terms.roles import Role
from molva.wire.terminal import safe_line

PASSWORD_BYTES = 8
"""Of chance in a password that is made: four words to say over a telephone."""


def everybody(desk: Desk) -> Iterator[events.Account]:
    """Return all accounts, by name, however many. Raises Complaint."""
    after = None
    while True:
        page = desk.ask(actions.Accounts(after=after), events.Accounts)
        yield from page.accounts
        if page.total is None or not page.accounts:
            return
        after = page.accounts[-1].user


def list_people(desk: Desk, *, json: bool, above: Role | None = None) -> None:
    """Print the accounts; `above`: only those who are more than that. Raises Complaint."""
    language = desk.language
    for account in everybody(desk):
        if above is not None and Role(account.role).rank <= above.rank:
            continue
        if json:
            printing.row(printing.fields(account))
            continue
        marks = [] if account.password else [say("chat.account_no_password", language)]
        marks += [say("chat.device_online", language)] if account.online else []
        printing.line(
            say(
                "chat.account",
                language,
                name=account.user,
                role=say(f"chat.role.{account.role}", language),
                n=account.devices,
                marks="".join(f", {mark}" for mark in marks),
            )
        )


def new_password(desk: Desk, name: str, password: str | None) -> None:
    """Give somebody a password; None: one is made, and printed. Raises Complaint."""
    made = proquint(secrets.token_bytes(PASSWORD_BYTES)) if password is None else None
    desk.ask(actions.ResetPassword(user=name, new=made or password or ""), events.Done)
    if made is not None:
        printing.line(made)
    printing.note(say("admin.user.password", desk.language, name=safe_line(name)))


def remove(desk: Desk, name: str, *, words: bool) -> None:
    """Delete an account; `words`: whether what was said stays. Raises Complaint."""
    desk.ask(actions.RemoveAccount(user=name, words=words), events.Done)
    printing.line(say("admin.user.removed", desk.language, name=name))


def ban(desk: Desk, who: str, seconds: int | None, reason: str, *, devices: bool) -> None:
    """Put somebody, or an address, out of the server. Raises Complaint."""
    user, address = whom(who)
    action = actions.Ban(
        user=user, address=address, devices=devices, seconds=seconds, reason=reason
    )
    desk.ask(action, events.Stored)
    printing.line(say("admin.user.banned", desk.language, name=who))


def unban(desk: Desk, who: str, reason: str) -> None:
    """Let somebody, or an address, come again. Raises Complaint."""
    user, address = whom(who)
    answer = desk.ask(actions.Unban(user=user, address=address, reason=reason), events.Event)
    key = "admin.user.unbanned" if isinstance(answer, events.Stored) else "admin.user.not_banned"
    printing.line(say(key, desk.language, name=who))


def whom(word: str) -> tuple[str | None, str | None]:
    """Return a name, or an address: no name has a slash or a colon."""
    return (None, word) if "/" in word or ":" in word else (word, None)


def sanctions(desk: Desk, *, json: bool) -> None:
    """Print the bans and mutes that hold on the server. Raises Complaint."""
    language = desk.language
    told = desk.ask(actions.Sanctions(), events.Sanctions)
    for one in told.sanctions:
        if json:
            printing.row(printing.fields(one))
            continue
        until = say("until.ever", language).strip() if one.until is None else None
        printing.line(
            say(
                f"admin.sanction.{one.sanction}",
                language,
                name=one.user if one.user is not None else one.address,
                until=until or printing.moment(one.until or "", language),
            )
        )
    if not told.sanctions and not json:
        printing.line(say("admin.sanction.none", language))
    printing.cut(len(told.sanctions), told.total, language)


def give_role(desk: Desk, name: str, role: Role) -> None:
    """Give somebody a role on the server. Raises Complaint."""
    desk.ask(actions.SetRole(user=name, role=role), events.Stored)
    text = say("admin.role", desk.language, name=name, role=say(f"chat.role.{role}", desk.language))
    printing.line(text)
