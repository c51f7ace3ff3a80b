"""Limits: every bound the program has, with its unit and what others use.

All of them live here; the configuration may set any by its name. The relations that must hold
between them are checked when a `Limits` is made, so a wrong combination refuses to start.
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

FRAME_BYTES_MAX = 64 * KIB
"""One JSON object on the wire, either way. Part of the protocol. (Ergo 4 KiB multiline, Tinode
128 KiB, Synapse 64 KiB an event.)"""

NESTING_MAX = 32
"""Depth of objects and lists within a frame. No action of ours needs more than 3."""

TEXT_BYTES_MAX = 16 * KIB
"""A message's text in UTF-8. (Mattermost 16,383 characters, Zulip 10,000.)"""

ENVELOPE_BYTES_MAX = 8 * KIB
"""Room in a frame for everything but the text."""

ID_CHARACTERS_MAX = 64
"""A client's own id of a write, printable ASCII. (UUIDs have 36, Matrix allows 255.)"""

TOPIC_BYTES_MAX = 1 * KIB
"""(IRC 307 to 390 bytes; Mattermost 1,024 characters.)"""

AWAY_BYTES_MAX = 256
"""(IRC 200 to 390.)"""

PASSWORD_BYTES_MAX = 1 * KIB
"""Checked before hashing: a longer one is refused, never cut. (OpenSSH CVE-2016-6515.)"""

PASSWORD_CHARACTERS_MIN = 8
"""(NIST SP 800-63B section 5.1.1.)"""

TOKEN_CHARACTERS_MAX = 128
"""A token of ours has 43."""

DEVICE_CHARACTERS_MAX = 64
"""What a device calls itself."""

LEGACY_OBJECT_BYTES_MAX = 4096
"""A client of 2022 reads with one `recv(4096)`; nothing longer is sent to it."""

HISTORY_PAGE_MAX = 100
"""Entries in one answer to `history`. (IRCv3 chathistory 100 to 1,000, Zulip 5,000.)"""

ENTRY_OVERHEAD_BYTES = 512
"""What an entry's event holds beside its text, at most: names, seq, time, id, keys."""

HISTORY_PAGE_BYTES_MAX = 56 * KIB
"""One answer to `history`, each entry counted at its worst: twice its text and the overhead."""

CURSORS_MAX = 512
"""Conversations a registration may name."""

CODE_CHARACTERS_MAX = 64
"""A code as it is typed: join code, invitation or the code for a second device."""

REASON_CHARACTERS_MAX = 512
"""Characters of why somebody was kicked, banned, muted … (IRC 307 to 390 bytes, Discord 512.)"""

SANCTION_SECONDS_MAX = 10 * 365 * 86_400
"""The longest ban or mute with an end."""

SLOW_SECONDS_MAX = 86_400
"""The slowest slow mode. (Discord 6 hours, Telegram 1 hour.)"""

GROUP_PEOPLE_MAX = 49
"""People in a group beside who makes it. (Slack 9, Telegram and Discord 10 to 200.)"""

INVITATION_SECONDS = 7 * 86_400
"""How long an invitation is good unless said. (Prosody 1 week.)"""

INVITATION_SECONDS_MAX = 366 * 86_400

INVITATION_USES_MAX = 10_000

LINK_SECONDS = 300
"""How long a code for a second device is good."""

FEATURES_MAX = 16
"""Features a registration may name."""

LIST_BYTES_MAX = 48 * KIB
"""Names or rooms in one list; a longer list is cut and says how many there are in all."""

CONVERSATIONS_LISTED_MAX = 100
"""Conversations in a welcome or in one `conversations` event; the rest follow in further ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A token bucket: `burst` may be spent at once, `per_second` come back."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds an operator may set. Rates that are None are lifted (`--limits off`)."""

    connections_max: int = 20_000
    """Open sockets. (Ergo is sized for 10,000.)"""
    connections_per_address_max: int = 512
    """Open sockets from one address; a class behind one router is one address. (Ergo 16.)"""
    connections_new_max: int = 4_096
    """Sockets that have not registered yet; beyond it the next is closed at once."""
    accounts_max: int = 200_000
    """Accounts, guests included."""
    rooms_max: int = 10_000
    """Rooms on the server. (Ergo 500 channels a client, Slack none.)"""
    rooms_per_account_max: int = 200
    """Rooms one account may be in."""
    directs_per_account_max: int = 2_000
    """Direct conversations one account may begin."""
    devices_per_account_max: int = 64
    """Devices of one account that may come back by a token; a further one enters by password."""
    invites_per_account_max: int = 200
    """Rooms an account is invited to and has not joined."""
    blocks_per_account_max: int = 1_000
    """People one account blocks."""
    sanctions_per_room_max: int = 10_000
    """Bans and mutes that hold in one room."""
    invitations_max: int = 10_000
    """Invitations to the server that still let somebody in."""
    links_max: int = 1_000
    """Codes for a second device that are good at one time."""
    sessions_per_account_max: int = 32
    """Devices of one account connected at once."""
    frame_seconds: float = 10.0
    """From the first byte of a frame to its last, before registration. (Ergo 60, Prosody 30.)"""
    registration_seconds: float = 300.0
    """From connecting to being somebody. Long, because a client of 2022 connects first and then
    asks its user for a name; `connections_new_max` bounds what the silent ones cost."""
    ping_seconds: float = 45.0
    """After that much silence a client that knows `ping` is asked. (Tinode 55, Ergo 90.)"""
    dead_seconds: float = 100.0
    """After that much silence such a client is gone: two pings unanswered. (Ergo 150.)"""
    stall_seconds: float = 60.0
    """A reader that takes nothing for so long is cut; it resumes from its cursor. (NATS 10.)"""
    guest_hold_seconds: float = 600.0
    """How long a name without a password waits for its device to come back."""
    write_buffer_bytes_max: int = 256 * KIB
    """Bytes waiting for one socket before its window closes and its cursor lags. (Ergo 96 KiB.)"""
    inbox_actions_max: int = 256
    """Actions of one connection waiting for the hub before its socket is no longer read."""
    window_entries: int = 512
    """Entries of a conversation kept in memory for those who lag a little."""
    window_bytes_max: int = 1 * MIB
    """Text in such a window: large texts push older entries out sooner."""
    deliver_entries_max: int = 256
    """Entries that leave for one lagging connection in one step."""
    deliver_bytes_max: int = 256 * KIB
    """Text that leaves for one lagging connection in one step."""
    backlog_entries_max: int = 10_000
    """Entries a resume streams for one conversation; what is older is named by a `gap`.
    (soju 4,000 by default, Prosody pages of 50.)"""
    legacy_spacing_seconds: float = 0.005
    """Between two objects to a client of 2022, so that one `recv` gets one."""
    legacy_queue_objects_max: int = 64
    """Objects waiting for a client of 2022 before its window closes."""
    presence_window_seconds: float = 0.05
    """Arrivals and departures within it are told together; it grows with the number online."""
    presence_window_seconds_max: float = 2.0
    """The longest such window."""
    hashes_waiting_max: int = 64
    """Passwords waiting to be hashed before `busy` is answered: 30 a second and core is usual."""
    registrations_failed_max: int = 20
    """Refused registrations on one connection before it is closed."""
    drain_seconds: float = 5.0
    """What a stop waits for: commits to end, buffers to leave."""

    actions_per_connection: Rate | None = Rate(per_second=20, burst=200)
    """Cost units: 1 an action, 1 a KiB, 5 an error, 2 a page of history. (Prosody 10 KB/s, Synapse
    0.2 messages/s, Ergo 2 lines/s after 5; a pasted text of 200 lines is not spam.)"""
    actions_per_account: Rate | None = Rate(per_second=40, burst=400)
    """The same over all devices of an account."""
    registrations_per_address: Rate | None = Rate(per_second=5, burst=200)
    """Registrations tried from one address; a class arrives at once. (Ergo 30 in 10 minutes.)"""
    passwords_per_account: Rate | None = Rate(per_second=0.1, burst=10)
    """Passwords tried for one account, from wherever. (Campfire 10 in 3 minutes.)"""

    passwords_per_address: Rate | None = Rate(per_second=0.5, burst=60)
    """Passwords tried from one address, for whomever; a class behind one router is one."""
    passwords_total: Rate | None = Rate(per_second=10, burst=200)
    """Passwords tried on this server, from wherever: a core hashes about 30 a second."""
    codes_per_address: Rate | None = Rate(per_second=0.1, burst=30)
    """Wrong codes from one address. A join code has 40 bits, and this lets 260,000 a month pass."""
    rooms_per_account: Rate | None = Rate(per_second=0.02, burst=30)
    """Rooms made by one account."""
    reports_per_account: Rate | None = Rate(per_second=0.05, burst=20)
    """Messages reported by one account."""
    invitations_per_account: Rate | None = Rate(per_second=0.5, burst=1_000)
    """Invitations made by one account; a school prints a sheet at once."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, int | float) and value <= 0:
                raise ValueError(f"limit {name} must be above 0")
        relations = {
            "window_entries >= deliver_entries_max": self.window_entries
            >= self.deliver_entries_max,
            "window_bytes_max >= deliver_bytes_max": self.window_bytes_max
            >= self.deliver_bytes_max,
            "dead_seconds >= 2 * ping_seconds": self.dead_seconds >= 2 * self.ping_seconds,
            "registration_seconds >= frame_seconds": self.registration_seconds
            >= self.frame_seconds,
            "deliver_bytes_max >= 16 KiB": self.deliver_bytes_max >= TEXT_BYTES_MAX,
            "backlog_entries_max >= deliver_entries_max": self.backlog_entries_max
            >= self.deliver_entries_max,
        }
        for relation, holds in relations.items():
            if not holds:
                raise ValueError(f"limits must keep {relation}")


# A text of Cyrillic or emoji triples when a client escapes it as ASCII (Python's json does), so
# every allowed text fits a frame whichever way it is written. Six bytes a byte, the worst that JSON
# permits, is only reached by escaping plain letters, which nobody's encoder does.
assert FRAME_BYTES_MAX >= TEXT_BYTES_MAX * 3 + ENVELOPE_BYTES_MAX
# What we write escapes at most a quote, a backslash, a newline and a tab, each to two bytes.
assert HISTORY_PAGE_BYTES_MAX >= TEXT_BYTES_MAX * 2 + ENTRY_OVERHEAD_BYTES
assert FRAME_BYTES_MAX >= HISTORY_PAGE_BYTES_MAX + ENVELOPE_BYTES_MAX
assert FRAME_BYTES_MAX >= LIST_BYTES_MAX + ENVELOPE_BYTES_MAX

DEFAULT = Limits()
UNLIMITED = Limits(
    actions_per_connection=None,
    actions_per_account=None,
    registrations_per_address=None,
    passwords_per_account=None,
    passwords_per_address=None,
    passwords_total=None,
    codes_per_address=None,
    rooms_per_account=None,
    reports_per_account=None,
    invitations_per_account=None,
    connections_per_address_max=DEFAULT.connections_max,
)
"""For benches and tests: no rates; sizes stay."""
