"""The node: the shell around the hub. One pass a turn of the loop.

Owns the inbox, the connections, the store's threads and one timer. A turn gathers what arrived,
steps the hub once, hands its writes to the store, encodes each event once and writes to each
connection once. Knows nothing of what is decided.
"""

import asyncio
import time
from collections.abc import Callable
from typing import assert_never

from molva.core.effects import (
    AdmissionChanged,
    Close,
    Commit,
    Committed,
    Connected,
    Deliver,
    Disconnected,
    Effect,
    HashPassword,
    Hold,
    Input,
    LimitsChanged,
    Load,
    Loaded,
    PasswordHashed,
    PasswordVerified,
    Release,
    Report,
    Send,
    Speak,
    Stopping,
    VerifyPassword,
    WindowClosed,
    WindowOpened,
)
from molva.core.hub import Hub
from molva.server.archive import Archive
from molva.server.connection import Connection
from molva.server.identity import Passwords, SecretIds
from molva.terms.admission import Admission
from molva.terms.entries import Entry
from molva.terms.events import AnyEvent, Result
from molva.terms.ids import ConnectionId
from molva.terms.instant import Instant
from molva.terms.limits import Limits
from molva.terms.ports import Outcome, Store, Write
from molva.wire.jsonl import format_event
from molva.wire.legacy import format_legacy

BATCH_WRITES_MAX = 2_000
"""Writes in one transaction; more wait for the next, so that nobody waits for everybody."""


class Node:
    """One process's chat, on a running loop."""

    def __init__(
        self,
        store: Store,
        *,
        limits: Limits,
        admission: Admission,
        report: Callable[[Report], None] | None,
        failed: Callable[[BaseException], None],
    ) -> None:
        """Take up a store. `report` shows what happens; `failed` hears of a bug, which ends it."""
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self._report = report
        self._failed = failed
        self._hub = Hub(
            store.contents(),
            limits=limits,
            admission=admission,
            ids=SecretIds(),
            now=_now(),
            reports=report is not None,
        )
        self._archive = Archive(
            store,
            in_loop=self._in_loop,
            committed=self._committed,
            loaded=self._loaded,
            failed=failed,
        )
        self._passwords = Passwords(limits.hashes_waiting_max)
        self._hashing: set[asyncio.Task[None]] = set()
        self._connections: dict[ConnectionId, Connection] = {}
        self._legacy: set[ConnectionId] = set()
        self._outlets: dict[ConnectionId, Callable[[bytes], None]] = {}
        """What writes to those who are not of 2022: looked up once for each write of a turn."""
        self._last = 0
        self._inbox: list[Input] = []
        self._turn_due = False
        self._unwritten: list[Write] = []
        """What the next transaction will hold."""
        self._writing = False
        """Whether the archive has a batch."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._stopped = asyncio.Event()
        self._stopping = False
        self._ended = False
        # Names held since the last run have timers already.
        self._wake()

    # -- Inputs --------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """A socket was accepted."""
        self._last += 1
        connection.id = ConnectionId(self._last)
        self._connections[connection.id] = connection
        self._legacy.add(connection.id)
        self.hear(Connected(connection.id, connection.address))

    def disconnected(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.pop(connection.id, None)
        self._legacy.discard(connection.id)
        self._outlets.pop(connection.id, None)
        self.hear(Disconnected(connection.id))
        if self._stopping and not self._connections:
            self._stopped.set()

    def window_closed(self, connection: Connection) -> None:
        """A socket takes no more."""
        self.hear(WindowClosed(connection.id))

    def window_opened(self, connection: Connection) -> None:
        """A socket takes more again."""
        self.hear(WindowOpened(connection.id))

    def hear(self, input: Input) -> None:
        """Put an input where the next turn finds it."""
        self._inbox.append(input)
        self._schedule()

    def _schedule(self) -> None:
        """Have a turn soon, if none is due."""
        if not self._turn_due:
            self._turn_due = True
            self.loop.call_soon(self._turn_if_due)

    def _turn_if_due(self) -> None:
        """Take the turn that was asked for, unless it has been taken already."""
        if self._turn_due:
            self._turn()

    def _in_loop(self, act: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(act)
        except RuntimeError:
            # The loop is closed: nobody waits for the answer any more.
            pass

    def _committed(self, outcomes: list[Outcome]) -> None:
        self._inbox.append(Committed(outcomes))
        self._turn()
        # What this turn has told brings answers. Those that are here already, after one look at the
        # sockets, go with what waits as one transaction, instead of in two that take turns.
        self.loop.call_soon(self._look_and_write)

    def _look_and_write(self) -> None:
        self._writing = False
        self._turn_if_due()
        self._write_next()

    def _write_next(self) -> None:
        """Give the archive the next batch, if it has none."""
        if self._writing or not self._unwritten:
            return
        self._writing = True
        batch, self._unwritten = self._unwritten, []
        if len(batch) > BATCH_WRITES_MAX:
            batch, self._unwritten = batch[:BATCH_WRITES_MAX], batch[BATCH_WRITES_MAX:]
        self._archive.commit(batch)

    def _loaded(self, request: int, entries: list[Entry] | None) -> None:
        self.hear(Loaded(request, entries))

    def set_limits(self, limits: Limits) -> None:
        """Go on with other limits."""
        self.limits = limits
        self.hear(LimitsChanged(limits))

    def set_admission(self, admission: Admission) -> None:
        """Go on with others let in."""
        self.hear(AdmissionChanged(admission))

    def let_operator_in(self, token: str) -> None:
        """Let who holds the machine register by a token that nobody else has."""
        self._hub.let_operator_in(token)

    @property
    def online(self) -> int:
        """How many are online."""
        return len(self._hub.presence)

    # -- The turn ------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._turn_due = False
        if self._ended:
            return
        inputs, self._inbox = self._inbox, []
        try:
            effects = self._hub.step(inputs, _now())
            self._perform(effects)
        except Exception as error:
            # A bug. The log is whole and everyone resumes, so stopping costs less than going on.
            self._ended = True
            self._failed(error)
            return
        self._wake()

    def _wake(self) -> None:
        """Arm the one timer for the hub's next deadline."""
        deadline = self._hub.next_deadline()
        if deadline is None:
            return
        if deadline <= time.monotonic():
            self._schedule()
            return
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        delay = deadline - time.monotonic()
        self._timer = self.loop.call_later(max(delay, 0.0), self._time)

    def _time(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        if not self._turn_due:
            self._turn()

    # -- Effects -------------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        out: dict[ConnectionId, bytes] = {}
        encoded: dict[int, bytes] = {}
        legacy = self._legacy
        for effect in effects:
            kind = type(effect)
            if kind is Deliver:
                assert isinstance(effect, Deliver)
                self._deliver(effect, out, encoded)
            elif kind is Send:
                assert isinstance(effect, Send)
                connection = effect.connection
                if connection in legacy:
                    self._write_legacy(connection, effect.event)
                else:
                    data = format_event(effect.event)
                    before = out.get(connection)
                    out[connection] = data if before is None else before + data
            else:
                self._perform_rare(effect, out)
        outlets = self._outlets
        for id, data in out.items():
            write = outlets.get(id)
            if write is not None:
                write(data)

    def _deliver(
        self, effect: Deliver, out: dict[ConnectionId, bytes], encoded: dict[int, bytes]
    ) -> None:
        """Encode events once for everyone, and each only once in a turn."""
        legacy = self._legacy
        modern = effect.connections
        if legacy:
            old = [c for c in effect.connections if c in legacy]
            if old:
                modern = [c for c in effect.connections if c not in legacy]
                for connection in old:
                    for event in effect.events:
                        self._write_legacy(connection, event)
        if not modern:
            return
        lines = []
        for event in effect.events:
            line = encoded.get(id(event))
            if line is None:
                line = encoded[id(event)] = format_event(event)
            lines.append(line)
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        for connection in modern:
            before = out.get(connection)
            out[connection] = data if before is None else before + data

    def _write_legacy(self, connection: ConnectionId, event: AnyEvent | Result) -> None:
        told = self._connections.get(connection)
        if told is not None:
            told.write_objects(format_legacy(event))

    def _perform_rare(self, effect: Effect, out: dict[ConnectionId, bytes]) -> None:
        match effect:
            case Commit(writes):
                self._unwritten.extend(writes)
                self._write_next()
            case Load():
                self._archive.load(effect)
            case Speak(connection):
                self._legacy.discard(connection)
                if connection in self._connections:
                    self._outlets[connection] = self._connections[connection].speak()
            case Close(connection, code):
                told = self._connections.get(connection)
                data = out.pop(connection, None)
                write = self._outlets.pop(connection, None)
                if write is not None and data is not None:
                    write(data)
                if told is not None:
                    told.close(code)
            case Hold(connection) | Release(connection):
                if connection in self._connections:
                    self._connections[connection].hold(isinstance(effect, Hold))
            case HashPassword() | VerifyPassword():
                task = self.loop.create_task(self._hash(effect), name="molva-password")
                self._hashing.add(task)
                task.add_done_callback(self._hashing.discard)
            case Report():
                if self._report is not None:
                    self._report(effect)
            case Send() | Deliver():
                raise AssertionError("performed above")
            case _:
                assert_never(effect)

    async def _hash(self, effect: HashPassword | VerifyPassword) -> None:
        try:
            if isinstance(effect, HashPassword):
                hash = await self._passwords.hash(effect.password)
                self.hear(PasswordHashed(effect.request, hash))
            else:
                fits = await self._passwords.verify(effect.hash, effect.password)
                self.hear(PasswordVerified(effect.request, fits))
        except Exception as error:
            self._failed(error)

    # -- The end -------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End what was begun, tell everyone, close; within `drain_seconds`."""
        self._stopping = True
        self.hear(Stopping())
        if self._connections:
            try:
                async with asyncio.timeout(self.limits.drain_seconds):
                    await self._stopped.wait()
            except TimeoutError:
                for connection in tuple(self._connections.values()):
                    connection.abort()
        await self.loop.run_in_executor(None, self._archive.close)
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._passwords.close()


def _now() -> Instant:
    return Instant(time.monotonic(), time.time_ns() // 1_000_000)
