"""The bare loops: the same bytes made durable, with no server around."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from pathlib import Path

from bench.servers import Figures, Place, pinned


def appends(place: Place, rows: int, batch: int, row_bytes: int) -> Figures:
    """Insert rows into one table, a transaction for each batch."""
    body = b"x" * row_bytes
    with (
        tempfile.TemporaryDirectory(prefix="bare-", dir=place.data) as data,
        pinned(place.server_cores),
    ):
        base = sqlite3.connect(Path(data) / "bare.sqlite3", isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=FULL")
            base.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
            started = time.perf_counter()
            for first in range(0, rows, batch):
                some = [(seq, body) for seq in range(first, min(first + batch, rows))]
                base.execute("BEGIN IMMEDIATE")
                base.executemany("INSERT INTO entry VALUES (?, ?)", some)
                base.execute("COMMIT")
            elapsed = time.perf_counter() - started
        finally:
            base.close()
    return {"per_s": rows / elapsed}


def syncs(place: Place, count: int, row_bytes: int) -> Figures:
    """Write a row to the end of a file and fdatasync, again and again."""
    body = b"x" * row_bytes
    times = []
    with tempfile.TemporaryFile(dir=place.data, buffering=0) as file, pinned(place.server_cores):
        for _ in range(count):
            started = time.perf_counter()
            file.write(body)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    times.sort()
    return {"p50_us": times[count // 2] * 1e6, "p99_us": times[count * 99 // 100] * 1e6}
