"""Errors: the registry of codes.

A code is stable: programs depend on it. Its text in each language, with what to do, is in the
catalogue under `error.<code>`; its name here is all that the core says. Three kinds (as
IRCv3's standard replies have them): most refuse one action and life goes on; `CLOSING` ones end the
connection, because nothing after them can be understood or trusted.
"""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why something was refused."""

    # What arrived is not a frame or an action.
    BAD_PROTOCOL = "bad_protocol"
    TOO_LONG = "too_long"
    BAD_UTF8 = "bad_utf8"
    BAD_JSON = "bad_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_ACTION = "unknown_action"
    BAD_FIELD = "bad_field"
    BAD_TEXT = "bad_text"

    # Who is asking.
    NOT_AUTHENTICATED = "not_authenticated"
    ALREADY_REGISTERED = "already_registered"
    NAME_EMPTY = "name_empty"
    NAME_TOO_LONG = "name_too_long"
    NAME_BAD_CHARACTER = "name_bad_character"
    NAME_RESERVED = "name_reserved"
    NAME_TAKEN = "name_taken"
    NAME_CONFUSABLE = "name_confusable"
    WRONG_PASSWORD = "wrong_password"
    PASSWORD_REQUIRED = "password_required"
    PASSWORD_TOO_SHORT = "password_too_short"
    PASSWORD_TOO_LONG = "password_too_long"
    BAD_TOKEN = "bad_token"
    TOO_MANY_DEVICES = "too_many_devices"
    REGISTRATION_TIMEOUT = "registration_timeout"
    TOO_MANY_REFUSALS = "too_many_refusals"
    CODE_REQUIRED = "code_required"
    INVITATION_REQUIRED = "invitation_required"
    BAD_CODE = "bad_code"
    BANNED = "banned"
    KICKED = "kicked"
    SIGNED_OUT = "signed_out"

    # What is asked for.
    NO_SUCH_USER = "no_such_user"
    NO_SUCH_ROOM = "no_such_room"
    NOT_A_MEMBER = "not_a_member"
    ROOM_EXISTS = "room_exists"
    COMMON_ROOM = "common_room"
    LIMIT_REACHED = "limit_reached"
    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    ID_CONFLICT = "id_conflict"
    NOT_ALLOWED = "not_allowed"
    MUTED = "muted"
    FROZEN = "frozen"
    SLOW_MODE = "slow_mode"
    LAST_OWNER = "last_owner"
    NO_SUCH_MESSAGE = "no_such_message"
    NO_SUCH_DEVICE = "no_such_device"
    NO_SUCH_INVITATION = "no_such_invitation"
    BAD_ADDRESS = "bad_address"
    CURSOR_AHEAD = "cursor_ahead"

    # The state of the server or of the line.
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    NO_ANSWER = "no_answer"
    STALLED = "stalled"
    SHUTTING_DOWN = "shutting_down"
    RESUMED_ELSEWHERE = "resumed_elsewhere"
    INTERNAL = "internal"


CLOSING = frozenset(
    {
        Code.BAD_PROTOCOL,
        Code.TOO_LONG,
        Code.BAD_UTF8,
        Code.REGISTRATION_TIMEOUT,
        Code.TOO_MANY_REFUSALS,
        Code.TOO_MANY_CONNECTIONS,
        Code.NO_ANSWER,
        Code.STALLED,
        Code.SHUTTING_DOWN,
        Code.RESUMED_ELSEWHERE,
        Code.BANNED,
        Code.KICKED,
        Code.SIGNED_OUT,
        Code.INTERNAL,
    }
)
"""Codes after which the server closes the connection."""


class Refusal(msgspec.Struct, frozen=True):
    """An action, or what should have been one, that is refused; nothing of it took effect."""

    code: Code
    values: dict[str, str | int | float] = {}
    """What the text of the catalogue names."""
    id: str | None = None
    """The id of the action refused, where one could be read."""
