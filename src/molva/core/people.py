"""People: who is online, who is away, who types, and whether they are still there.

Owns how presence is told and how a list of names is cut to fit a frame.
"""

from molva.core import policy
from molva.core.accounts import Account
from molva.core.chat import Chat
from molva.core.conversation import Conversation, Room
from molva.core.effects import Deliver
from molva.core.session import Session, State
from molva.terms import actions, events, limits
from molva.terms.errors import Code, Refusal
from molva.terms.ids import ConnectionId
from molva.terms.roles import Role

OFFLINE_LISTED_MAX = 128
"""Members of a room who are not here, in a list of its users: beside a full list of those who are,
with what some said on going away, they still fit a frame."""

TYPING_SECONDS = 3.0
"""Between two notices of one session; more often says nothing more."""

TYPING_AUDIENCE_MAX = 200
"""In a larger room nobody is told who types."""


def listed(names: list[str]) -> tuple[list[str], int | None]:
    """Cut a list of names to what a frame holds; return it, and how many there are if cut."""
    size = 0
    for place, name in enumerate(names):
        size += len(name.encode()) + 3
        if size > limits.LIST_BYTES_MAX:
            return names[:place], len(names)
    return names, None


def tell_presence(chat: Chat) -> None:
    """Tell everyone who arrived and who left since the last time, each no more than they need."""
    arrived, left = chat.presence.take(chat.now.elapsed, chat.limits)
    if not arrived and not left:
        return
    several: list[ConnectionId] = []
    one_each: list[ConnectionId] = []
    new = {account.id for account in arrived}
    for session in chat.sessions.values():
        if session.state is not State.LIVE or not session.window_open:
            continue
        account = session.account
        assert account is not None
        if account is chat.accounts.operator:
            continue
        if account.blocked and any(a.id in account.blocked for a in (*arrived, *left)):
            _tell_alone(chat, session, account, arrived, left)
        elif session.presence:
            # One who came alone knows it.
            if left or len(new) > 1 or account.id not in new:
                several.append(session.connection)
        elif account.id not in new:
            one_each.append(session.connection)
    online = len(chat.presence)
    if several:
        for event in _changes(arrived, left, online):
            chat.effects.append(Deliver(several, [event]))
    departures: list[events.AnyEvent] = [events.UserLeft(user=account.shown) for account in left]
    arrivals: list[events.AnyEvent] = [events.NewUser(user=account.shown) for account in arrived]
    if one_each:
        chat.effects.append(Deliver(one_each, departures + arrivals))
    # Who arrived in this window was shown those before in the welcome, and hears of those after.
    for place, account in enumerate(arrived):
        later = arrivals[place + 1 :]
        told = [s.connection for s in account.sessions if s.window_open and not s.presence]
        if account.blocked and any(a.id in account.blocked for a in (*arrived, *left)):
            continue
        if told and (later or departures):
            chat.effects.append(Deliver(told, departures + later))


def _tell_alone(
    chat: Chat, session: Session, account: Account, arrived: list[Account], left: list[Account]
) -> None:
    """Tell one who blocks somebody of those who came or went, without the others noticing."""
    came = [a for a in arrived if policy.hears(account, a.id) and a is not account]
    went = [a for a in left if policy.hears(account, a.id)]
    if not came and not went:
        return
    told: list[events.AnyEvent] = []
    if session.presence:
        told.extend(_changes(came, went, len(names_for(chat, account))))
    else:
        told.extend(events.UserLeft(user=a.shown) for a in went)
        told.extend(events.NewUser(user=a.shown) for a in came)
    chat.effects.append(Deliver((session.connection,), told))


def names_for(chat: Chat, account: Account) -> list[str]:
    """Return who is online as an account is to see it: without those it blocks."""
    names = chat.presence.names()
    if not account.blocked:
        return names
    people = (chat.accounts.get(id) for id in account.blocked)
    hidden = {person.shown for person in people if person is not None and not person.retired}
    return [name for name in names if name not in hidden]


def _changes(arrived: list[Account], left: list[Account], online: int) -> list[events.Presence]:
    """Return presence events that each fit a frame; who left comes before who arrived."""
    gone = [account.shown for account in left]
    here = [account.shown for account in arrived]
    if listed(gone + here)[1] is None:
        return [events.Presence(left=gone or None, arrived=here or None, online=online)]
    told: list[events.Presence] = []
    while gone:
        fit, _ = listed(gone)
        told.append(events.Presence(left=fit, online=online))
        gone = gone[len(fit) :]
    while here:
        fit, _ = listed(here)
        told.append(events.Presence(arrived=fit, online=online))
        here = here[len(fit) :]
    return told


def users(chat: Chat, session: Session, action: actions.Users, room: Room) -> None:
    """List who is online, or who is in a room."""
    account = session.account
    assert account is not None
    if room.common:
        names, online = listed(names_for(chat, account))
        # Of those who are here, not of all accounts: there may be ten times as many.
        here_now = [s.account for s in chat.sessions.values() if s.state is State.LIVE]
        heard = [a for a in here_now if a is not None and policy.hears(account, a.id)]
        away = {a.shown: a.away for a in heard if a.away is not None}
        roles = {a.shown: str(a.role) for a in heard if a.role.rank > Role.MEMBER.rank}
        roles.pop(chat.accounts.operator.shown, None)
        chat.reply(
            session,
            events.Users(
                users=names,
                away=_fitting(away),
                roles=_fitting(roles),
                room=None if action.room is None else room.shown,
                online=online,
                id=action.id,
            ),
        )
        return
    people = [a for a in (chat.accounts.get(id) for id in room.members) if a is not None]
    people.sort(key=lambda person: person.name.key)
    heard = [person for person in people if policy.hears(account, person.id)]
    here, online = listed([person.shown for person in heard if person.online])
    gone, _ = listed([p.shown for p in people if not p.online or not policy.hears(account, p.id)])
    away = {p.shown: p.away for p in heard if p.online and p.away is not None}
    roles = {p.shown: str(room.roles[p.id]) for p in people if p.id in room.roles}
    chat.reply(
        session,
        events.Users(
            users=here,
            away=_fitting(away),
            offline=gone[:OFFLINE_LISTED_MAX] or None,
            roles=_fitting(roles),
            room=room.shown,
            online=online,
            id=action.id,
        ),
    )


def _fitting(away: dict[str, str]) -> dict[str, str] | None:
    """Cut what is said of people to a small part of a frame."""
    kept: dict[str, str] = {}
    size = 0
    for name, text in away.items():
        size += len(name.encode()) + 2 * len(text.encode()) + 6
        if size > limits.ENVELOPE_BYTES_MAX // 4:
            break
        kept[name] = text
    return kept or None


def away(chat: Chat, session: Session, action: actions.Away) -> None:
    """Be away, or back."""
    account = session.account
    assert account is not None
    text = action.text
    if text is not None and len(text.encode()) > limits.AWAY_BYTES_MAX:
        refusal = Refusal(Code.TEXT_TOO_LONG, {"bytes": limits.AWAY_BYTES_MAX})
        chat.reply(session, chat.error(session, refusal, action.id))
        return
    if text != account.away:
        account.away = text
        others = [
            s.connection
            for s in chat.sessions.values()
            if s.modern and _hears(s) and s.account is not None
            if policy.hears(s.account, account.id) and s.account is not chat.accounts.operator
        ]
        chat.effects.append(Deliver(others, [events.Away(user=account.shown, text=text)]))
    chat.reply(session, events.Done(id=action.id))


def _hears(session: Session) -> bool:
    return session.state is State.LIVE and session.window_open


def typing(chat: Chat, session: Session, action: actions.Typing, found: Conversation) -> None:
    """Tell others that somebody types; told to nobody when it is too often or too many."""
    account = session.account
    assert account is not None
    if action.id is not None:
        chat.reply(session, events.Done(id=action.id))
    if chat.now.elapsed - session.typed_at < TYPING_SECONDS:
        return
    audience = found.audience
    if len(audience.echo) + len(audience.quiet) > TYPING_AUDIENCE_MAX:
        return
    session.typed_at = chat.now.elapsed
    told = [
        other.connection
        for group in (audience.echo, audience.quiet)
        for other in group.values()
        if other.typing and other.account is not None and other.account is not account
        if policy.hears(other.account, account.id)
    ]
    if told:
        room = found.shown if isinstance(found, Room) else None
        to = found.label(account).get("with_")
        chat.effects.append(Deliver(told, [events.Typing(from_=account.shown, room=room, to=to)]))


def arm_ping(chat: Chat, session: Session) -> None:
    """Ask a silent client whether it is there, in time, and give it up when it does not answer."""
    chat.at(_ping_due(chat, session), lambda: _ping(chat, session))


def _ping_due(chat: Chat, session: Session) -> float:
    seconds = chat.limits.dead_seconds if session.pinged else chat.limits.ping_seconds
    return session.heard_at + seconds


def _ping(chat: Chat, session: Session) -> None:
    if session.state is not State.LIVE:
        return
    # The same sum as the timer's, or rounding could make it due for ever and never over.
    if _ping_due(chat, session) <= chat.now.elapsed:
        if session.pinged:
            chat.violate(session, Code.NO_ANSWER, seconds=round(chat.limits.dead_seconds))
            return
        session.pinged = True
        if session.window_open:
            chat.effects.append(Deliver((session.connection,), [events.Ping()]))
    arm_ping(chat, session)
