"""Administration: who may come to this server, and helping those who cannot come any more.

Invitations, the list of people, a new password for who has forgotten theirs, and deleting an
account. Whoever holds the machine asks for the same by its command line.
"""

from molva.core import policy
from molva.core.accounts import Account
from molva.core.affairs import delete_account, store_password
from molva.core.chat import Chat
from molva.core.invitations import Invitation
from molva.core.moderation import last_owner
from molva.core.registration import Registrar, password_refusal
from molva.core.retirement import Retirement
from molva.core.session import Session
from molva.terms import actions, events, limits
from molva.terms.admission import spelled_code
from molva.terms.errors import Code, Refusal
from molva.terms.instant import rfc3339
from molva.terms.names import NameRefused, parse_name
from molva.terms.ports import EndInvitation, Made, MakeInvitation, Missing, Outcome

Helping = actions.ResetPassword | actions.RemoveAccount


class Administration:
    """The server's people."""

    def __init__(self, chat: Chat, registrar: Registrar, retirement: Retirement) -> None:
        self._chat = chat
        self._registrar = registrar
        self._retirement = retirement

    def _refuse(self, session: Session, action: actions.Action, refusal: Refusal) -> None:
        self._chat.reply(session, self._chat.error(session, refusal, action.id))

    # -- Invitations ---------------------------------------------------------------------------

    def invitation(self, session: Session, action: actions.Invitation) -> None:
        """Answer with a code that lets people join."""
        chat = self._chat
        account = session.account
        assert account is not None
        name = None
        if action.name is not None:
            try:
                name = parse_name(action.name)
            except NameRefused as refused:
                values: dict[str, str | int | float] = {"detail": refused.detail}
                self._refuse(session, action, Refusal(Code(refused.code), values))
                return
        refusal = self._invitation_refusal(account, action)
        if refusal is not None:
            self._refuse(session, action, refusal)
            return
        code = chat.ids.invitation()
        digest = chat.ids.digest(code)
        until = chat.now.wall + action.seconds * 1000
        key = name.key if name is not None else None
        uses = 1 if name is not None else action.uses
        made = Invitation(digest, action.role, uses, until, account.id, key)
        session.writes_sent += 1

        def stored(outcome: Outcome) -> None:
            if not isinstance(outcome, Made):
                refused = Refusal(Code.UNAVAILABLE)
                chat.written(session, chat.error(session, refused, action.id))
                return
            chat.accounts.invitations.add(made)
            chat.written(
                session,
                events.Invitation(
                    code=spelled_code(code),
                    invitation=made.id,
                    role=action.role,
                    uses=uses,
                    until=rfc3339(until),
                    name=name.shown if name is not None else None,
                    id=action.id,
                ),
            )

        write = MakeInvitation(digest, action.role, uses, until, account.id, key)
        chat.write(write, stored)

    def _invitation_refusal(self, account: Account, action: actions.Invitation) -> Refusal | None:
        chat = self._chat
        operator = account is chat.accounts.operator
        if action.role.rank >= account.role.rank and not operator:
            return Refusal(Code.NOT_ALLOWED)
        for one in chat.accounts.invitations.over(chat.now.wall):
            chat.accounts.invitations.end(one)
            chat.write(EndInvitation(one.digest), chat.told)
        if len(chat.accounts.invitations) >= chat.limits.invitations_max:
            return Refusal(Code.LIMIT_REACHED, {"detail": "invitations"})
        if operator:
            return None
        return chat.limited("invitations_per_account", account.id)

    def invitations(self, session: Session, action: actions.Invitations) -> None:
        """List the invitations that still let somebody in."""
        chat = self._chat
        rows = []
        for one in chat.accounts.invitations:
            if one.until <= chat.now.wall or one.uses <= 0:
                continue
            by = chat.accounts.get(one.by)
            row = events.InvitationListed(
                invitation=one.id,
                role=one.role,
                uses=one.uses,
                until=rfc3339(one.until),
                from_=by.label if by is not None else chat.accounts.operator.shown,
                name=one.name,
            )
            rows.append(row)
        fit = limits.LIST_BYTES_MAX // 384
        chat.reply(
            session,
            events.Invitations(
                invitations=rows[:fit],
                total=len(rows) if len(rows) > fit else None,
                id=action.id,
            ),
        )

    def end_invitation(self, session: Session, action: actions.EndInvitation) -> None:
        """Let nobody in by an invitation any more."""
        chat = self._chat
        account = session.account
        assert account is not None
        found = chat.accounts.invitations.named(action.invitation)
        if found is None:
            self._refuse(session, action, Refusal(Code.NO_SUCH_INVITATION))
            return
        operator = account is chat.accounts.operator
        if found.by != account.id and found.role.rank >= account.role.rank and not operator:
            self._refuse(session, action, Refusal(Code.NOT_ALLOWED))
            return
        session.writes_sent += 1

        def ended(outcome: Outcome) -> None:
            if isinstance(outcome, Made | Missing):
                chat.accounts.invitations.end(found)
                chat.written(session, events.Done(id=action.id))
            else:
                refused = Refusal(Code.UNAVAILABLE)
                chat.written(session, chat.error(session, refused, action.id))

        chat.write(EndInvitation(found.digest), ended)

    # -- People --------------------------------------------------------------------------------

    def accounts(self, session: Session, action: actions.Accounts) -> None:
        """List the people of this server."""
        chat = self._chat
        after = ""
        if action.after is not None:
            try:
                after = parse_name(action.after).key
            except NameRefused as refused:
                values: dict[str, str | int | float] = {"detail": refused.detail}
                self._refuse(session, action, Refusal(Code(refused.code), values))
                return
        people = [a for a in chat.accounts if not a.pending and a.name.key > after]
        people.sort(key=lambda account: account.name.key)
        rows = [
            events.Account(
                user=account.shown,
                role=account.role,
                password=account.password_hash is not None,
                online=account.online,
                devices=len(account.devices),
            )
            for account in people[: limits.LIST_BYTES_MAX // 192]
        ]
        total = len(people) if len(people) > len(rows) else None
        chat.reply(session, events.Accounts(accounts=rows, total=total, id=action.id))

    def _below(self, session: Session, action: Helping) -> Account | None:
        """Return whom an action is about; None, with the refusal told, if one may not."""
        chat = self._chat
        account = session.account
        assert account is not None
        person = chat.find_account(action.user)
        if person is None or person.retired:
            self._refuse(session, action, Refusal(Code.NO_SUCH_USER, {"name": action.user}))
            return None
        if not policy.outranks(account, person, chat.hall.common):
            self._refuse(session, action, Refusal(Code.NOT_ALLOWED))
            return None
        return person

    @staticmethod
    def _lost(session: Session) -> bool:
        """Say whether who asked has lost the role for it since."""
        assert session.account is not None
        return session.account.role not in (policy.TABLE[actions.ResetPassword].roles or ())

    def reset_password(self, session: Session, action: actions.ResetPassword) -> None:
        """Give somebody a new password; their devices must enter anew."""
        chat = self._chat
        refusal = password_refusal(action.new)
        if refusal is not None:
            self._refuse(session, action, refusal)
            return
        person = self._below(session, action)
        if person is None:
            return
        session.busy = True

        def hashed(hash: str | None) -> None:
            if not session.open():
                chat.free(session)
                return
            if chat.hall.common.changing:
                # Who may is being changed.
                hash = None
            elif self._lost(session):
                chat.free(session)
                self._refuse(session, action, Refusal(Code.NOT_ALLOWED))
                return
            elif self._below(session, action) is not person:
                chat.free(session)
                return
            if hash is None or person.retiring or person.retired:
                chat.free(session)
                self._refuse(session, action, Refusal(Code.BUSY))
                return
            store_password(chat, person, hash, None, done)

        def done(taken: bool) -> None:
            chat.free(session)
            if taken:
                chat.reply(session, events.Done(id=action.id))
            else:
                self._refuse(session, action, Refusal(Code.UNAVAILABLE))

        self._registrar.hash(action.new, hashed)

    def remove_account(self, session: Session, action: actions.RemoveAccount) -> None:
        """Delete somebody's account."""
        person = self._below(session, action)
        if person is None:
            return
        if person.retiring:
            self._refuse(session, action, Refusal(Code.BUSY))
        elif last_owner(self._chat, person, self._chat.hall.common):
            self._refuse(session, action, Refusal(Code.LAST_OWNER))
        else:
            delete_account(
                self._chat, self._retirement, session, action, person, words=action.words
            )
