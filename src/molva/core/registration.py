"""Registration: how a connection becomes somebody.

Owns the way from a name to a live session: limits, the verdict of `Accounts.authenticate`, hashing,
making accounts, taking a device's place, and the welcome with its cursors. Refuses to know how a
password is hashed.
"""

from collections.abc import Callable

from molva.core import people, policy
from molva.core.accounts import Account, Decision, Device, Verdict
from molva.core.chat import RETRY_SECONDS, Chat
from molva.core.conversation import Direct
from molva.core.effects import HashPassword, Speak, VerifyPassword
from molva.core.invitations import Invitation
from molva.core.places import paged, places
from molva.core.rooms import change_unasked
from molva.core.session import FEATURES, Feature, Session, State, Trigger
from molva.terms import entries, limits
from molva.terms.actions import Registration
from molva.terms.catalogue import parse_language, say
from molva.terms.errors import Code, Refusal
from molva.terms.events import Conversation as Snapshot
from molva.terms.events import Conversations, Result
from molva.terms.ids import (
    CommonRoom,
    own_log_id,
)
from molva.terms.instant import rfc3339
from molva.terms.names import Name, NameRefused, parse_name
from molva.terms.ports import (
    AddDevice,
    ForgetDevices,
    Made,
    MakeAccount,
    Outcome,
    Spent,
    Taken,
    Unavailable,
)
from molva.terms.roles import Role

SERVER = "molva"
"""What the welcome says of the program; the shell adds nothing to it."""

PAUSE_SECONDS = 1.0
"""Until a connection is heard again whose registration was one too many."""


def password_refusal(password: str | None) -> Refusal | None:
    """Return why a text cannot be a password, or None."""
    if password is None:
        return None
    if len(password) < limits.PASSWORD_CHARACTERS_MIN:
        return Refusal(Code.PASSWORD_TOO_SHORT, {"characters": limits.PASSWORD_CHARACTERS_MIN})
    if len(password.encode()) > limits.PASSWORD_BYTES_MAX:
        return Refusal(Code.PASSWORD_TOO_LONG, {"bytes": limits.PASSWORD_BYTES_MAX})
    return None


def _nobody_seated(account: Account) -> None:
    raise AssertionError("nobody seats")


class Registrar:
    """Lets connections in."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._unowned = all(account.password_hash is None for account in chat.accounts)
        """Whether the first who can come back is to own this server: nobody kept a name before."""
        self._hashing: dict[int, Callable[[str | None], None]] = {}
        self._verifying: dict[int, Callable[[bool | None], None]] = {}
        self.seat: Callable[[Account], None] = _nobody_seated
        """Lets who moderates the server into `#moderators`: the hub puts it here."""

    # -- Asking --------------------------------------------------------------------------------

    def register(self, session: Session, action: Registration) -> None:
        """Decide on a registration; answered by a `result`."""
        chat = self._chat
        session.move(Trigger.REGISTRATION)
        session.busy = True
        session.language = parse_language(action.language)
        if chat.accounts.is_operator(action.name, action.token):
            self._enter_operator(session, action)
            return
        refusal = self._rate(session, action) or password_refusal(action.password)
        if refusal is not None:
            self._refuse(session, action, refusal)
            return
        try:
            name = parse_name(action.name)
        except NameRefused as refused:
            values: dict[str, str | int | float] = {"detail": refused.detail}
            self._refuse(session, action, Refusal(Code(refused.code), values))
            return
        decision = chat.accounts.authenticate(
            name,
            action.password,
            action.token,
            action.code,
            address_banned=chat.ranges.cover(session.address),
            now=chat.now,
        )
        if decision.guessed:
            # What is guessed is counted whatever comes of it; what is known costs nothing.
            chat.limited("codes_per_address", session.address)
        self._carry_out(session, action, name, decision)

    def _carry_out(
        self, session: Session, action: Registration, name: Name, decision: Decision
    ) -> None:
        chat = self._chat
        if decision.verdict is Verdict.REFUSE:
            assert decision.code is not None
            values = self._banned(session, decision.account) if decision.account else {}
            self._refuse(session, action, Refusal(decision.code, values))
        elif decision.verdict is Verdict.ENTER:
            assert decision.account is not None
            self._enter(session, action, decision.account, decision.device, token=None)
        elif decision.verdict is Verdict.ADD:
            assert decision.account is not None
            self._add_device(session, action, decision.account)
        elif decision.verdict is Verdict.VERIFY:
            self._verify(session, action, name, decision.account)
        elif len(chat.accounts) >= chat.limits.accounts_max:
            self._refuse(session, action, Refusal(Code.LIMIT_REACHED, {"detail": "accounts"}))
        elif action.password is None:
            self._make(session, action, name, None, decision.invitation)
        else:
            self._hash(session, action, name, action.password)

    def _banned(self, session: Session, account: Account) -> dict[str, str | int | float]:
        return self._chat.sentence(session, self._chat.hall.common.banned.get(account.id))

    def _rate(self, session: Session, action: Registration) -> Refusal | None:
        """Refuse who tries too often: any registration, passwords, and codes that were wrong."""
        chat = self._chat
        limits, now, address = chat.limits, chat.now.elapsed, session.address
        wait = chat.rates.wait(limits, "registrations_per_address", address, now)
        if not wait and action.password is not None:
            wait = chat.rates.wait(limits, "passwords_per_address", address, now)
            wait = wait or chat.rates.wait(limits, "passwords_total", None, now)
        if not wait and action.code is not None:
            wait = chat.rates.empty(limits, "codes_per_address", address, now)
        return Refusal(Code.RATE_LIMITED, {"seconds": round(wait, 1)}) if wait else None

    def _refuse(self, session: Session, action: Registration, refusal: Refusal) -> None:
        if session.state is not State.CHECKING:
            return
        chat = self._chat
        session.move(Trigger.REFUSED)
        session.busy = False
        session.refused += 1
        error = chat.error(session, refusal, action.id)
        chat.reply(
            session,
            Result(
                result="error",
                text=error.text,
                code=refusal.code,
                retry_after=error.retry_after,
                id=action.id,
            ),
        )
        chat.report("report.refused", address=session.address, code=refusal.code)
        if session.refused >= chat.limits.registrations_failed_max:
            chat.violate(session, Code.TOO_MANY_REFUSALS)
        chat.idle[session.connection] = session
        if refusal.code is Code.RATE_LIMITED:
            self._pause(session)

    def _pause(self, session: Session) -> None:
        """Hear who tries too often again after a while: refusing costs the others, too."""
        session.busy = True
        chat = self._chat
        chat.at(chat.now.elapsed + PAUSE_SECONDS, lambda: chat.free(session))

    # -- Passwords -----------------------------------------------------------------------------

    def _hash(self, session: Session, action: Registration, name: Name, password: str) -> None:
        def hashed(hash: str | None) -> None:
            if session.state is not State.CHECKING:
                return
            if hash is None:
                self._refuse(session, action, Refusal(Code.BUSY))
                return
            # Somebody may have taken the name, or the invitation, meanwhile.
            accounts = self._chat.accounts
            decision = accounts.authenticate(name, None, None, action.code, now=self._chat.now)
            if decision.verdict is Verdict.MAKE:
                self._make(session, action, name, hash, decision.invitation)
            elif decision.code is Code.BAD_CODE:
                self._refuse(session, action, Refusal(Code.BAD_CODE))
            else:
                self._refuse(session, action, Refusal(Code.NAME_TAKEN))

        self.hash(password, hashed)

    def _verify(
        self, session: Session, action: Registration, name: Name, account: Account | None
    ) -> None:
        """Compare a password with an account's, or with nobody's: the work is the same."""
        chat = self._chat
        assert action.password is not None
        hash = ""
        if account is not None:
            assert account.password_hash is not None
            hash = account.password_hash
        # By the key, whether anybody has it or not, or the bounds would tell.
        limited = chat.limited("passwords_per_account", name.key)
        if limited is not None:
            self._refuse(session, action, limited)
            return

        def verified(fits: bool | None) -> None:
            if session.state is not State.CHECKING:
                return
            if fits is None:
                self._refuse(session, action, Refusal(Code.BUSY))
            elif not fits or account is None or account.password_hash != hash:
                self._refuse(session, action, Refusal(Code.WRONG_PASSWORD))
            elif account.retired or account.retiring:
                self._refuse(session, action, Refusal(Code.NAME_TAKEN))
            elif account.id in chat.accounts.banned:
                banned = self._banned(session, account)
                self._refuse(session, action, Refusal(Code.BANNED, banned))
            else:
                self._add_device(session, action, account)

        self.verify(hash, action.password, verified)

    def hash(self, password: str, then: Callable[[str | None], None]) -> None:
        """Have a password hashed; `then` hears the hash, or None when too many are waiting."""
        request = next(self._chat.requests)
        self._hashing[request] = then
        self._chat.effects.append(HashPassword(request, password))

    def verify(self, hash: str, password: str, then: Callable[[bool | None], None]) -> None:
        """Have a password compared; `then` hears whether it fits, or None, as `hash`."""
        request = next(self._chat.requests)
        self._verifying[request] = then
        self._chat.effects.append(VerifyPassword(request, hash, password))

    def hashed(self, request: int, hash: str | None) -> None:
        """Take the answer to a `HashPassword`."""
        self._hashing.pop(request)(hash)

    def verified(self, request: int, fits: bool | None) -> None:
        """Take the answer to a `VerifyPassword`."""
        self._verifying.pop(request)(fits)

    # -- Making --------------------------------------------------------------------------------

    def _make(
        self,
        session: Session,
        action: Registration,
        name: Name,
        password_hash: str | None,
        invitation: Invitation | None,
    ) -> None:
        chat = self._chat
        token = chat.ids.token() if action.features else None
        digest = chat.ids.digest(token) if token is not None else None
        # Who was invited to be somebody keeps the name without a password.
        invited = invitation is not None and invitation.role is not Role.GUEST
        guest = password_hash is None and not (invited and digest is not None)
        account = chat.accounts.reserve(chat.ids.account(), name, password_hash, guest=guest)
        if invitation is not None:
            invitation.uses -= 1
            invitation.taking += 1

        def made(outcome: Outcome) -> None:
            chat.flush()
            if invitation is not None:
                invitation.taking -= 1
            if not isinstance(outcome, Made):
                chat.accounts.remove(account)
                if invitation is not None:
                    invitation.uses += not isinstance(outcome, Spent)
                self._refuse(session, action, Refusal(_unmade(outcome)))
                return
            account.pending = False
            account.markers[CommonRoom] = chat.hall.common.marker_at_head()
            if digest is not None:
                chat.accounts.add_device(account, digest, action.device, chat.now.wall)
            if outcome.owner:
                self._crown(account)
            if invitation is not None:
                self._welcome_invited(account, invitation)
            if session.state is State.CHECKING:
                device = chat.accounts.device(digest) if digest is not None else None
                self._enter(session, action, account, device, token)
                return
            if digest is not None and password_hash is None and not (guest or outcome.owner):
                # Nobody was told the token, so nobody can come back by it.
                chat.accounts.remove_device(digest)
            if account.passing and not account.online:
                chat.hold(account)

        chat.write(
            MakeAccount(
                account=account.id,
                shown=name.shown,
                key=name.key,
                skeleton=name.skeleton,
                password_hash=password_hash,
                token_digest=digest,
                device=action.device,
                at=chat.now.wall,
                guest=guest,
                invitation=invitation.digest if invitation is not None else None,
                claims=self._unowned and (digest is not None or password_hash is not None),
            ),
            made,
        )

    def _crown(self, account: Account) -> None:
        """Make the first person the owner: the store has, with the account itself."""
        chat = self._chat
        self._unowned = False
        chat.hall.common.roles[account.id] = Role.OWNER
        account.guest = False
        account.role = Role.OWNER
        chat.report("report.owner", name=account.shown)
        self.seat(account)

    def _welcome_invited(self, account: Account, invitation: Invitation) -> None:
        chat = self._chat
        if not invitation.uses and not invitation.taking:
            chat.accounts.invitations.end(invitation)
        if invitation.role.rank > Role.MEMBER.rank and account.role is not Role.OWNER:
            by = chat.accounts.get(invitation.by) or chat.accounts.operator
            common = chat.hall.common
            if common.changing or by.retiring or policy.level(by, common) <= invitation.role.rank:
                # Who invited them may not give it any more, but it was promised.
                by = chat.accounts.operator
            given = entries.RoleSet(account.id, account.shown, invitation.role)
            self._give(by, given)

    def _give(self, by: Account, given: entries.RoleSet) -> None:
        chat = self._chat

        def after(outcome: Outcome) -> None:
            if isinstance(outcome, Unavailable):
                again = chat.now.elapsed + RETRY_SECONDS
                chat.at(again, lambda: self._give(chat.accounts.operator, given))

        change_unasked(chat, by, chat.hall.common, given, after)

    def _add_device(self, session: Session, action: Registration, account: Account) -> None:
        """Enter by password or by a code: a device of ours gets a token, one of 2022 needs none.

        The token that it may have come with is good no more. Where an account has tokens enough, a
        further device has its password to come back by.
        """
        chat = self._chat
        old = chat.ids.digest(action.token) if action.token is not None else None
        replaces = old if old in account.devices else None
        full = len(account.devices) >= chat.limits.devices_per_account_max and replaces is None
        if not action.features or full:
            self._enter(session, action, account, device=None, token=None)
            return
        token = chat.ids.token()
        digest = chat.ids.digest(token)
        ended = account.entries_ended

        def added(outcome: Outcome) -> None:
            chat.flush()
            if not isinstance(outcome, Made):
                self._refuse(session, action, Refusal(Code.UNAVAILABLE))
                return
            if account.entries_ended != ended:
                # The password changed meanwhile, or all devices were signed out: this one too.
                forget_late(chat, account, digest)
                self._refuse(session, action, Refusal(Code.BAD_TOKEN))
                return
            if replaces is not None:
                replaced = chat.accounts.remove_device(replaces)
                if replaced is not None and replaced.session is not None:
                    chat.violate(replaced.session, Code.RESUMED_ELSEWHERE)
            device = chat.accounts.add_device(account, digest, action.device, chat.now.wall)
            if session.state is State.CHECKING:
                self._enter(session, action, account, device, token)

        at = chat.now.wall
        chat.write(AddDevice(account.id, digest, action.device, at, replaces), added)

    # -- Entering ------------------------------------------------------------------------------

    def _enter_operator(self, session: Session, action: Registration) -> None:
        """Let in who holds the machine: it is in no list and hears of nothing."""
        chat = self._chat
        operator = chat.accounts.operator
        session.move(Trigger.ACCEPTED)
        session.busy = False
        session.account = operator
        session.modern = True
        chat.strangers -= 1
        operator.sessions.append(session)
        chat.effects.append(Speak(session.connection))
        chat.reply(
            session,
            Result(
                result="successful",
                name=operator.shown,
                role=operator.role,
                features=[],
                language=session.language,
                server=SERVER,
                id=action.id,
            ),
        )
        chat.idle[session.connection] = session

    def _enter(
        self,
        session: Session,
        action: Registration,
        account: Account,
        device: Device | None,
        token: str | None,
    ) -> None:
        """Make a session live: the welcome first, then what it has missed."""
        chat = self._chat
        if account.id in chat.accounts.banned:
            # It may have happened while a password was compared or a device written down.
            self._refuse(session, action, Refusal(Code.BANNED, self._banned(session, account)))
            return
        if account.retiring or account.retired:
            self._refuse(session, action, Refusal(Code.NAME_TAKEN))
            return
        replaced = device is not None and device.session is not None
        if len(account.sessions) - replaced >= chat.limits.sessions_per_account_max:
            self._refuse(session, action, Refusal(Code.TOO_MANY_DEVICES))
            return
        if device is not None:
            if device.session is not None:
                # It never went: nobody is told that it did, so it is away as before.
                away = account.away
                chat.violate(device.session, Code.RESUMED_ELSEWHERE)
                account.away = away
            device.session = session
        session.move(Trigger.ACCEPTED)
        session.busy = False
        session.account = account
        chat.strangers -= 1
        session.device = device
        features = [feature for feature in FEATURES if feature in (action.features or ())]
        session.modern = bool(action.features)
        session.echo = Feature.ECHO in features
        session.presence = Feature.PRESENCE in features
        session.ping = Feature.PING in features
        session.typing = Feature.TYPING in features
        first = not account.sessions
        account.sessions.append(session)
        account.hold_until = None
        if first:
            chat.presence.arrive(account, chat.now.elapsed)
        found = places(chat, session, account, action.cursors or {})
        snapshots = [chat.snapshot(account, place, cursor) for place, cursor, _ in found]
        if session.modern:
            chat.effects.append(Speak(session.connection))
        pages = paged(snapshots)
        chat.reply(session, self._welcome(session, action, features, token, pages[0]))
        if session.modern:
            for page in pages[1:]:
                chat.reply(session, Conversations(conversations=page))
        for place, cursor, ahead in found:
            if ahead:
                chat.reply(session, chat.error(session, Refusal(Code.CURSOR_AHEAD)))
            chat.attach(session, place, cursor)
            if not session.modern and isinstance(place, Direct) and place.log.head > cursor:
                # A client of 2022 cannot say what it has read: what it is sent counts as read.
                read = entries.Read(place.id, place.log.head)
                chat.append(account, own_log_id(account.id), read, None, chat.told)
        what = "report.registered" if first else "report.device"
        chat.report(what, name=account.shown, address=session.address)
        if session.ping:
            people.arm_ping(chat, session)
        chat.idle[session.connection] = session

    def _welcome(
        self,
        session: Session,
        action: Registration,
        features: list[str],
        token: str | None,
        snapshots: list[Snapshot],
    ) -> Result:
        chat = self._chat
        account = session.account
        assert account is not None
        names, online = people.listed(people.names_for(chat, account))
        text = say("welcome", session.language, name=account.shown, online=len(chat.presence))
        if not session.modern:
            return Result(
                result="successful",
                text=text,
                users=names,
                online=online,
                name=account.shown,
                language=session.language,
                id=action.id,
            )
        return Result(
            result="successful",
            text=text,
            users=names,
            online=online,
            name=account.shown,
            token=token,
            account=account.password_hash is not None,
            role=account.role,
            blocked=[
                other.label for id in account.blocked or () if (other := chat.accounts.get(id))
            ]
            or None,
            invited=[chat.hall.room_name(id) for id in account.invited or ()] or None,
            features=features,
            language=session.language,
            server=SERVER,
            at=rfc3339(chat.now.wall),
            ping_seconds=chat.limits.ping_seconds,
            conversations=snapshots,
            id=action.id,
        )


def forget_late(chat: Chat, account: Account, digest: str) -> None:
    """Have the store forget a device that was let in too late, however often it must be asked."""

    def forgotten(outcome: Outcome) -> None:
        if isinstance(outcome, Unavailable):
            again = chat.now.elapsed + RETRY_SECONDS
            chat.at(again, lambda: forget_late(chat, account, digest))

    chat.write(ForgetDevices(account.id, (digest,)), forgotten)


def _unmade(outcome: Outcome) -> Code:
    """Return why an account was not made."""
    if isinstance(outcome, Taken):
        return Code.NAME_CONFUSABLE if outcome.confusable else Code.NAME_TAKEN
    return Code.BAD_CODE if isinstance(outcome, Spent) else Code.UNAVAILABLE
