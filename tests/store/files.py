"""What tests of a store's file share: looking into it, and other processes that have it open."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and modes of POSIX")


def behind_its_back(path: Path, statement: str) -> None:
    """Change the file as no server would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def value(connection: sqlite3.Connection, query: str) -> Any:
    (found,) = connection.execute(query).fetchone()
    return found


@contextmanager
def child(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another Python with ours on its path; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_from(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
