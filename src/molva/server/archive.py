"""The archive: the store's two threads, one that writes and one that reads.

Owns who calls the store. A batch is one transaction; the node gives the next when the outcomes of
the last have come back, so that while the disk works, the next batch gathers: that is the group
commit.
"""

import queue
import threading
from collections.abc import Callable

from molva.core.effects import Load
from molva.terms.entries import Entry
from molva.terms.ports import Outcome, Store, Write

Deliver = Callable[[Callable[[], None]], None]
"""Runs something in the loop's thread, from another."""


class Archive:
    """Calls a store off the loop."""

    def __init__(
        self,
        store: Store,
        *,
        in_loop: Deliver,
        committed: Callable[[list[Outcome]], None],
        loaded: Callable[[int, list[Entry] | None], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """`committed`, `loaded` and `failed` (a bug: the server must stop) are run in the loop."""
        self._store = store
        self._in_loop = in_loop
        self._committed = committed
        self._loaded = loaded
        self._failed = failed
        self._writes: queue.SimpleQueue[list[Write] | None] = queue.SimpleQueue()
        self._loads: queue.SimpleQueue[Load | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for work, name in ((self._write, "molva-writer"), (self._read, "molva-reader"))
        ]
        for thread in self._threads:
            thread.start()

    def commit(self, writes: list[Write]) -> None:
        """Have writes made durable as one transaction; `committed` hears of them."""
        self._writes.put(writes)

    def load(self, load: Load) -> None:
        """Have entries read; `loaded` hears of them."""
        self._loads.put(load)

    def close(self) -> None:
        """Finish what was asked for, then end the threads."""
        self._writes.put(None)
        self._loads.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # A thread that died must not be missed.
            failure = error
            self._in_loop(lambda: self._failed(failure))

    def _write(self) -> None:
        while (batch := self._writes.get()) is not None:
            self._tell(self._store.commit(batch))

    def _tell(self, outcomes: list[Outcome]) -> None:
        self._in_loop(lambda: self._committed(outcomes))

    def _read(self) -> None:
        while (load := self._loads.get()) is not None:
            entries = load.read(self._store)
            request = load.request
            self._in_loop(lambda r=request, e=entries: self._loaded(r, e))  # type: ignore[misc]
