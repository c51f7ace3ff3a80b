"""Affairs: what people do with what is their own: password, devices, account, whom they block.

Each begins with who asks: their own account and no other. What ends a device ends its connection in
the same step.
"""

from collections.abc import Callable

from molva.core.accounts import Account
from molva.core.chat import Chat
from molva.core.moderation import last_owner
from molva.core.registration import Registrar, password_refusal
from molva.core.retirement import Retirement
from molva.core.session import Session
from molva.terms import actions, entries, events, limits
from molva.terms.admission import spelled_code
from molva.terms.errors import Code, Refusal
from molva.terms.ids import own_log_id
from molva.terms.instant import rfc3339
from molva.terms.ports import ForgetDevices, Made, Outcome, SetPassword
from molva.terms.roles import Role

Then = Callable[[], None]
Done = Callable[[bool], None]


def end_devices(chat: Chat, digests: tuple[str, ...]) -> None:
    """Let devices that the store has forgotten go, at once."""
    for digest in digests:
        device = chat.accounts.remove_device(digest)
        if device is not None and device.session is not None:
            chat.violate(device.session, Code.SIGNED_OUT)


class Affairs:
    """One's own account."""

    def __init__(self, chat: Chat, registrar: Registrar, retirement: Retirement) -> None:
        self._chat = chat
        self._registrar = registrar
        self._retirement = retirement

    def _refuse(self, session: Session, action: actions.Action, refusal: Refusal) -> None:
        self._chat.reply(session, self._chat.error(session, refusal, action.id))

    # -- The password --------------------------------------------------------------------------

    def password(self, session: Session, action: actions.SetPassword) -> None:
        """Keep one's name by a password, or change it; other devices must then enter anew."""
        account = session.account
        assert account is not None
        refusal = password_refusal(action.new)
        if refusal is not None:
            self._refuse(session, action, refusal)
            return
        self._verify(
            session, action, action.old, lambda: self._set_password(session, action, account)
        )

    def _verify(
        self,
        session: Session,
        action: actions.AnyAction,
        password: str | None,
        then: Then,
    ) -> None:
        """Go on once a password was found to be the account's, if it has one."""
        chat = self._chat
        account = session.account
        assert account is not None
        hash = account.password_hash
        if hash is None:
            then()
            return
        if password is None:
            self._refuse(session, action, Refusal(Code.PASSWORD_REQUIRED))
            return
        limited = chat.limited("passwords_per_account", account.name.key)
        if limited is not None:
            self._refuse(session, action, limited)
            return
        session.busy = True

        def verified(fits: bool | None) -> None:
            self._chat.free(session)
            if not session.open():
                # Whoever was put out meanwhile does nothing more.
                return
            if fits is None:
                self._refuse(session, action, Refusal(Code.BUSY))
            elif not fits or account.password_hash != hash:
                self._refuse(session, action, Refusal(Code.WRONG_PASSWORD))
            else:
                then()

        self._registrar.verify(hash, password, verified)

    def _set_password(
        self, session: Session, action: actions.SetPassword, account: Account
    ) -> None:
        session.busy = True

        def hashed(hash: str | None) -> None:
            if not session.open():
                self._chat.free(session)
                return
            if hash is None or account.retiring or account.retired:
                self._chat.free(session)
                self._refuse(session, action, Refusal(Code.BUSY))
                return
            keep = session.device.digest if session.device is not None else None

            def done(taken: bool) -> None:
                self._chat.free(session)
                if taken:
                    self._chat.reply(session, events.Done(id=action.id))
                else:
                    self._refuse(session, action, Refusal(Code.UNAVAILABLE))

            store_password(self._chat, account, hash, keep, done, but=session)

        self._registrar.hash(action.new, hashed)

    # -- Devices -------------------------------------------------------------------------------

    def devices(self, session: Session, action: actions.Devices) -> None:
        """List the devices that may come back under one's name."""
        account = session.account
        assert account is not None
        rows = []
        for digest in account.devices:
            device = self._chat.accounts.device(digest)
            row = events.Device(
                device=device.id,
                name=device.name or "",
                at=rfc3339(device.at),
                online=device.session is not None,
                this=device is session.device,
            )
            rows.append(row)
        self._chat.reply(session, events.Devices(devices=rows, id=action.id))

    def forget_device(self, session: Session, action: actions.ForgetDevice) -> None:
        """Let one of one's devices come back no more."""
        account = session.account
        assert account is not None
        found = [d for d in account.devices if self._chat.accounts.device(d).id == action.device]
        if not found:
            self._refuse(session, action, Refusal(Code.NO_SUCH_DEVICE))
            return
        self._forget(session, action, account, tuple(found))

    def sign_out(self, session: Session, action: actions.SignOut) -> None:
        """Forget this device, or all of them, and end their connections."""
        account = session.account
        assert account is not None
        if action.everywhere:
            self._forget(session, action, account, account.devices, everyone=True)
        elif session.device is not None:
            self._forget(session, action, account, (session.device.digest,))
        else:
            self._chat.reply(session, events.Done(id=action.id))
            self._chat.violate(session, Code.SIGNED_OUT)

    def _forget(
        self,
        session: Session,
        action: actions.AnyAction,
        account: Account,
        digests: tuple[str, ...],
        *,
        everyone: bool = False,
    ) -> None:
        chat = self._chat
        lost = account.password_hash is None and set(account.devices) <= set(digests)
        if lost and last_owner(chat, account, chat.hall.common):
            # Nobody could come back as the owner: a password first.
            self._refuse(session, action, Refusal(Code.LAST_OWNER))
            return
        session.busy = True
        session.writes_sent += 1
        if everyone:
            end_entries(chat, account)

        def forgotten(outcome: Outcome) -> None:
            self._chat.free(session)
            if not isinstance(outcome, Made):
                unavailable = chat.error(session, Refusal(Code.UNAVAILABLE), action.id)
                chat.written(session, unavailable)
                return
            chat.written(session, events.Done(id=action.id))
            chat.flush()
            end_devices(chat, digests)
            if everyone:
                end_entries(chat, account)
                # Those that came by password alone, too.
                for other in tuple(account.sessions):
                    chat.violate(other, Code.SIGNED_OUT)
            if account.passing and not account.online:
                chat.hold(account)

        chat.write(ForgetDevices(account.id, digests), forgotten)

    def link(self, session: Session, action: actions.Link) -> None:
        """Answer with a code by which a second device registers."""
        chat = self._chat
        account = session.account
        assert account is not None
        invitations = chat.accounts.invitations
        if invitations.links(chat.now.elapsed) >= chat.limits.links_max:
            self._refuse(session, action, Refusal(Code.BUSY))
            return
        code = chat.ids.code()
        invitations.add_link(code, account.id, chat.now.elapsed + limits.LINK_SECONDS)
        seconds = limits.LINK_SECONDS
        chat.reply(session, events.Link(code=spelled_code(code), seconds=seconds, id=action.id))

    # -- The account ---------------------------------------------------------------------------

    def delete(self, session: Session, action: actions.DeleteAccount) -> None:
        """Be nobody any more."""
        account = session.account
        assert account is not None
        if last_owner(self._chat, account, self._chat.hall.common):
            self._refuse(session, action, Refusal(Code.LAST_OWNER))
            return

        def then() -> None:
            if account.retiring or account.retired or self._chat.hall.common.changing:
                # Another owner may be stepping down.
                self._refuse(session, action, Refusal(Code.BUSY))
            elif last_owner(self._chat, account, self._chat.hall.common):
                self._refuse(session, action, Refusal(Code.LAST_OWNER))
            else:
                delete_account(
                    self._chat, self._retirement, session, action, account, words=action.words
                )

        self._verify(session, action, action.password, then)

    # -- Blocking ------------------------------------------------------------------------------

    def block(self, session: Session, action: actions.Block) -> None:
        """Hear no whisper, mention, coming or going of somebody."""
        chat = self._chat
        account = session.account
        assert account is not None
        other = chat.find_account(action.user)
        if other is None or other is account:
            chat.refuse_write(session, action, Refusal(Code.NO_SUCH_USER, {"name": action.user}))
        elif other.id in (account.blocked or ()):
            chat.done_or_known(session, action)
        elif len(account.blocked or ()) >= chat.limits.blocks_per_account_max:
            chat.refuse_write(session, action, Refusal(Code.LIMIT_REACHED, {"detail": "blocks"}))
        else:
            body = entries.Blocked(other.id, other.label)
            chat.append_for(session, own_log_id(account.id), body, action)

    def unblock(self, session: Session, action: actions.Unblock) -> None:
        """Hear them again."""
        chat = self._chat
        account = session.account
        assert account is not None
        other = chat.find_account(action.user)
        if other is None:
            chat.refuse_write(session, action, Refusal(Code.NO_SUCH_USER, {"name": action.user}))
        elif other.id not in (account.blocked or ()):
            chat.done_or_known(session, action)
        else:
            body = entries.Unblocked(other.id, other.label)
            chat.append_for(session, own_log_id(account.id), body, action)

    def blocks(self, session: Session, action: actions.Blocks) -> None:
        """List whom one blocks."""
        account = session.account
        assert account is not None
        people = (self._chat.accounts.get(id) for id in account.blocked or ())
        users = [person.label for person in people if person is not None]
        self._chat.reply(session, events.Blocks(users=users, id=action.id))


def end_entries(chat: Chat, account: Account) -> None:
    """Let nobody in by what was begun before: a password compared, a code for a device."""
    account.entries_ended += 1
    chat.accounts.invitations.drop_links(account.id)


def store_password(
    chat: Chat,
    account: Account,
    hash: str,
    keep: str | None,
    done: Done,
    *,
    but: Session | None = None,
) -> None:
    """Give an account another password; every device but `keep` must enter anew.

    `done` hears whether it could be written; then the connections end, all `but` one.
    """
    forget = tuple(digest for digest in account.devices if digest != keep)
    end_entries(chat, account)

    def stored(outcome: Outcome) -> None:
        chat.flush()
        if not isinstance(outcome, Made):
            done(False)
            return
        end_entries(chat, account)
        account.password_hash = hash
        account.guest = False
        account.role = max(account.role, Role.MEMBER, key=lambda role: role.rank)
        done(True)
        end_devices(chat, forget)
        for session in tuple(account.sessions):
            if session is not but:
                chat.violate(session, Code.SIGNED_OUT)

    chat.write(SetPassword(account.id, hash, forget), stored)


def delete_account(
    chat: Chat,
    retirement: Retirement,
    session: Session,
    action: actions.AnyAction,
    account: Account,
    *,
    words: bool,
) -> None:
    """Delete an account as a session asks, and answer."""
    session.busy = True

    def deleted(taken: bool) -> None:
        chat.free(session)
        if taken:
            chat.reply(session, events.Done(id=action.id))
        else:
            chat.reply(session, chat.error(session, Refusal(Code.UNAVAILABLE), action.id))

    retirement.delete(account, words=words, after=deleted)
