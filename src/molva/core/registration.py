"""Registration: how a connection becomes somebody.

Owns the way from a name to a live session: limits, the verdict of `Accounts.authenticate`, hashing,
making accounts, taking a device's place, and the welcome with its cursors. Refuses to know how a
password is hashed.
"""

from collections.abc import Callable

from molva.core import people
from molva.core.accounts import Account, Device, Verdict
from molva.core.chat import Chat
from molva.core.conversation import Conversation, Direct, OwnLog, Room
from molva.core.effects import HashPassword, Speak, VerifyPassword
from molva.core.rate import ACTION, Bucket, spend
from molva.core.session import FEATURES, Feature, Session, State, Trigger
from molva.terms import entries, limits
from molva.terms.actions import Registration
from molva.terms.catalogue import parse_language, say
from molva.terms.errors import Code, Refusal
from molva.terms.events import Conversation as Snapshot
from molva.terms.events import Conversations, Result
from molva.terms.ids import CommonRoom, Seq, direct_id, own_log_id
from molva.terms.instant import rfc3339
from molva.terms.names import Name, NameRefused, parse_name
from molva.terms.ports import AddDevice, Made, MakeAccount, Outcome, Taken

SERVER = "molva"
"""What the welcome says of the program; the shell adds nothing to it."""

ADDRESSES_REMEMBERED_MAX = 10_000


class Registrar:
    """Lets connections in."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._addresses: dict[str, Bucket] = {}
        self._hashing: dict[int, Callable[[str | None], None]] = {}
        self._verifying: dict[int, Callable[[bool | None], None]] = {}

    # -- Asking --------------------------------------------------------------------------------

    def register(self, session: Session, action: Registration) -> None:
        """Decide on a registration; answered by a `result`."""
        chat = self._chat
        session.move(Trigger.REGISTRATION)
        session.busy = True
        session.language = parse_language(action.language)
        refusal = self._rate(session) or self._password_refusal(action.password)
        if refusal is not None:
            self._refuse(session, action, refusal)
            return
        try:
            name = parse_name(action.name)
        except NameRefused as refused:
            values: dict[str, str | int | float] = {"detail": refused.detail}
            self._refuse(session, action, Refusal(Code(refused.code), values))
            return
        decision = chat.accounts.authenticate(name, action.password, action.token)
        if decision.verdict is Verdict.REFUSE:
            assert decision.code is not None
            self._refuse(session, action, Refusal(decision.code))
        elif decision.verdict is Verdict.ENTER:
            assert decision.account is not None
            self._enter(session, action, decision.account, decision.device, token=None)
        elif decision.verdict is Verdict.VERIFY:
            assert decision.account is not None
            self._verify(session, action, decision.account)
        elif len(chat.accounts) >= chat.limits.accounts_max:
            self._refuse(session, action, Refusal(Code.LIMIT_REACHED, {"detail": "accounts"}))
        elif action.password is None:
            self._make(session, action, name, password_hash=None)
        else:
            self._hash(session, action, name, action.password)

    def _rate(self, session: Session) -> Refusal | None:
        rate = self._chat.limits.registrations_per_address
        if rate is None:
            return None
        now = self._chat.now.elapsed
        if len(self._addresses) >= ADDRESSES_REMEMBERED_MAX:
            # What has been quiet long enough to be full again need not be remembered.
            kept = {a: b for a, b in self._addresses.items() if now - b.tokens_at < 60.0}
            self._addresses = kept
        bucket = self._addresses.setdefault(session.address, Bucket(now))
        wait = spend(bucket, rate, ACTION, now)
        return Refusal(Code.RATE_LIMITED, {"seconds": round(wait, 1)}) if wait else None

    @staticmethod
    def _password_refusal(password: str | None) -> Refusal | None:
        if password is None:
            return None
        if len(password) < limits.PASSWORD_CHARACTERS_MIN:
            return Refusal(Code.PASSWORD_TOO_SHORT, {"characters": limits.PASSWORD_CHARACTERS_MIN})
        if len(password.encode()) > limits.PASSWORD_BYTES_MAX:
            return Refusal(Code.PASSWORD_TOO_LONG, {"bytes": limits.PASSWORD_BYTES_MAX})
        return None

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

    # -- Passwords -----------------------------------------------------------------------------

    def _hash(self, session: Session, action: Registration, name: Name, password: str) -> None:
        request = next(self._chat.requests)

        def hashed(hash: str | None) -> None:
            if session.state is not State.CHECKING:
                return
            if hash is None:
                self._refuse(session, action, Refusal(Code.BUSY))
                return
            # Somebody may have taken the name meanwhile.
            decision = self._chat.accounts.authenticate(name, None, None)
            if decision.verdict is Verdict.MAKE:
                self._make(session, action, name, password_hash=hash)
            else:
                self._refuse(session, action, Refusal(Code.NAME_TAKEN))

        self._hashing[request] = hashed
        self._chat.effects.append(HashPassword(request, password))

    def _verify(self, session: Session, action: Registration, account: Account) -> None:
        chat = self._chat
        rate = chat.limits.passwords_per_account
        if rate is not None:
            account.password_tokens = account.password_tokens or Bucket(chat.now.elapsed)
            wait = spend(account.password_tokens, rate, ACTION, chat.now.elapsed)
            if wait:
                self._refuse(
                    session, action, Refusal(Code.RATE_LIMITED, {"seconds": round(wait, 1)})
                )
                return
        assert account.password_hash is not None and action.password is not None
        request = next(chat.requests)

        def verified(fits: bool | None) -> None:
            if session.state is not State.CHECKING:
                return
            if fits is None:
                self._refuse(session, action, Refusal(Code.BUSY))
            elif not fits:
                self._refuse(session, action, Refusal(Code.WRONG_PASSWORD))
            elif account.retired:
                self._refuse(session, action, Refusal(Code.NAME_TAKEN))
            else:
                self._add_device(session, action, account)

        self._verifying[request] = verified
        chat.effects.append(VerifyPassword(request, account.password_hash, action.password))

    def hashed(self, request: int, hash: str | None) -> None:
        """Take the answer to a `HashPassword`."""
        self._hashing.pop(request)(hash)

    def verified(self, request: int, fits: bool | None) -> None:
        """Take the answer to a `VerifyPassword`."""
        self._verifying.pop(request)(fits)

    # -- Making --------------------------------------------------------------------------------

    def _make(
        self, session: Session, action: Registration, name: Name, password_hash: str | None
    ) -> None:
        chat = self._chat
        token = chat.ids.token() if action.features else None
        digest = chat.ids.digest(token) if token is not None else None
        account = chat.accounts.reserve(chat.ids.account(), name, password_hash)

        def made(outcome: Outcome) -> None:
            chat.flush()
            if not isinstance(outcome, Made):
                chat.accounts.remove(account)
                code = Code.UNAVAILABLE
                if isinstance(outcome, Taken):
                    code = Code.NAME_CONFUSABLE if outcome.confusable else Code.NAME_TAKEN
                self._refuse(session, action, Refusal(code))
                return
            account.pending = False
            common = chat.hall.common
            account.markers[CommonRoom] = common.marker_at_head()
            device = chat.accounts.add_device(account, digest) if digest is not None else None
            if session.state is State.CHECKING:
                self._enter(session, action, account, device, token)
            elif password_hash is None:
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
            ),
            made,
        )

    def _add_device(self, session: Session, action: Registration, account: Account) -> None:
        """Enter by password: a device of ours gets a token, a client of 2022 needs none.

        Where an account has tokens enough, a further device has its password to come back by.
        """
        chat = self._chat
        if not action.features or len(account.devices) >= chat.limits.devices_per_account_max:
            self._enter(session, action, account, device=None, token=None)
            return
        token = chat.ids.token()
        digest = chat.ids.digest(token)

        def added(outcome: Outcome) -> None:
            chat.flush()
            if not isinstance(outcome, Made):
                self._refuse(session, action, Refusal(Code.UNAVAILABLE))
                return
            device = chat.accounts.add_device(account, digest)
            if session.state is State.CHECKING:
                self._enter(session, action, account, device, token)

        chat.write(AddDevice(account.id, digest, action.device, chat.now.wall), added)

    # -- Entering ------------------------------------------------------------------------------

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
        places = self._places(session, account, action.cursors or {})
        snapshots = [chat.snapshot(account, place, cursor) for place, cursor, _ in places]
        if session.modern:
            chat.effects.append(Speak(session.connection))
        pages = _paged(snapshots)
        chat.reply(session, self._welcome(session, action, features, token, pages[0]))
        if session.modern:
            for page in pages[1:]:
                chat.reply(session, Conversations(conversations=page))
        for place, cursor, ahead in places:
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
        names, online = people.listed(chat.presence.names())
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
            features=features,
            language=session.language,
            server=SERVER,
            at=rfc3339(chat.now.wall),
            ping_seconds=chat.limits.ping_seconds,
            conversations=snapshots,
            id=action.id,
        )

    def _places(
        self, session: Session, account: Account, cursors: dict[str, int]
    ) -> list[tuple[Conversation, Seq, bool]]:
        """Return what a session will hear, its own log first, each with where it begins.

        The third value says that its cursor lay beyond the end.
        """
        chat = self._chat
        named: dict[str, int] = {}
        for label, seq in cursors.items():
            id = self._conversation_id(account, label)
            if id is not None:
                named[id] = seq
        found: list[Conversation] = []
        own = chat.hall.by_id.get(own_log_id(account.id))
        if own is not None:
            found.append(own)
        found.append(chat.hall.common)
        found += [chat.hall.by_id[id] for id in (*account.rooms, *(account.directs or ()))]
        return [self._place(session, account, place, named.get(place.id)) for place in found]

    def _conversation_id(self, account: Account, label: str) -> str | None:
        chat = self._chat
        if label.startswith("#"):
            room = chat.find_room(label)
            return room.id if room is not None else None
        if label.startswith("@"):
            return own_log_id(account.id)
        other = chat.find_account(label)
        return direct_id(account.id, other.id) if other is not None else None

    @staticmethod
    def _place(
        session: Session, account: Account, place: Conversation, cursor: int | None
    ) -> tuple[Conversation, Seq, bool]:
        head = place.log.head
        if cursor is not None:
            return place, Seq(min(cursor, head)), cursor > head
        if isinstance(place, OwnLog) or (isinstance(place, Room) and not session.modern):
            # The snapshot says all that an own log holds; 2022 had no history in its room.
            return place, head, False
        return place, account.marker(place.id).through, False


def _paged(snapshots: list[Snapshot]) -> list[list[Snapshot]]:
    """Split a list into parts that each fit a frame; the first is the welcome's, beside names."""
    pages: list[list[Snapshot]] = [[]]
    left = limits.FRAME_BYTES_MAX - limits.LIST_BYTES_MAX - limits.ENVELOPE_BYTES_MAX // 2
    for snapshot in snapshots:
        label = snapshot.room or snapshot.with_ or snapshot.log or ""
        size = len(label.encode()) + 2 * len((snapshot.topic or "").encode()) + 192
        if size > left or len(pages[-1]) == limits.CONVERSATIONS_LISTED_MAX:
            pages.append([])
            left = limits.LIST_BYTES_MAX
        pages[-1].append(snapshot)
        left -= size
    return pages
