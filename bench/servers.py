"""The servers under measurement, and the load on them: started, pinned, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import machine

READY = re.compile(rb"ready .*:(\d+)[^\n]*\n")  # what a server prints when it takes clients
START_S = 30.0  # a server that is not ready by then has failed
LOAD_S = 120  # a load that has not ended by then has failed

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
MOLVA = [sys.executable, "-m", "molva", "serve", "--port", "0", "--quiet"]
JOIN_CODE = "7QF3-M0RD"

Figures = dict[str, Any]


class FailureError(Exception):
    """A server or a load did not do its work."""


@dataclass
class Place:
    """Where everything runs: the compiled programs, the data, the cores."""

    programs: Path
    data: Path
    server_cores: set[int]
    load_cores: set[int]
    runs: list[Figures] = field(default_factory=list)  # every run of the load, as it was


@dataclass(frozen=True)
class Server:
    kind: str
    pid: int
    port: int
    ready_s: float


def compile_programs(into: Path) -> None:
    for name in ("floor", "load"):
        command = [machine.compiler(), "-O2", "-o", str(into / name), str(HERE / f"{name}.c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise FailureError(f"{name}.c does not compile:\n{done.stderr}")


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Run on these cores; what is started meanwhile stays on them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def serving(
    kind: str, place: Place, *, limits: bool = False, access: str = "open"
) -> Iterator[Server]:
    """Start a floor or a Molva with fresh data; stop it in the end.

    `limits`: whether a Molva has its rates. `access`: who may join it.
    """
    with tempfile.TemporaryDirectory(prefix=f"{kind}-", dir=place.data) as data:
        command = [str(place.programs / "floor"), "0"]
        if kind == "molva":
            command = [*MOLVA, *(() if limits else ("--limits", "off")), "--data", data]
        paths = [str(TREE / "src"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        environment |= {"MOLVA_ACCESS": access, "MOLVA_JOIN_CODE": JOIN_CODE}
        log = place.programs / f"{kind}.log"
        with log.open("wb") as output, pinned(place.server_cores):
            started = time.perf_counter()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        try:
            port = _await_ready(kind, process, log, started + START_S)
            yield Server(kind, process.pid, port, time.perf_counter() - started)
            if process.poll() is not None:
                raise FailureError(f"{kind} did not stay up")
        except FailureError as error:
            if process.poll() is None:
                raise
            raise FailureError(f"{error}; {kind} ended, saying: {_tail(log)}") from error
        finally:
            stop(process)


def _await_ready(kind: str, process: subprocess.Popen[bytes], log: Path, until: float) -> int:
    # The log is a file, not a pipe: nobody has to empty it while the server works.
    while time.perf_counter() < until:
        ended = process.poll() is not None
        if found := READY.search(log.read_bytes()):
            return int(found[1])
        if ended:
            raise FailureError(f"{kind} did not start")
        time.sleep(0.001)
    raise FailureError(f"{kind} was not ready in {START_S:.0f} s: {_tail(log)}")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-3:]) or "it said nothing"


def _command(place: Place, server: Server, case: str, options: dict[str, int]) -> Sequence[str]:
    flags = {"clients": "-n", "in_flight": "-w", "messages": "-m", "warmup": "-u"}
    flags |= {"payload": "-b", "polls": "-y"}
    command = [str(place.programs / "load"), "-p", str(server.port), "-s", str(server.pid)]
    command += ["-k", server.kind, "-c", case, "-t", str(LOAD_S)]
    for name, value in options.items():
        command += [flags[name], str(value)]
    return command


def load(place: Place, server: Server, case: str, **options: int) -> Figures:
    """Put a load on the server; return what it measured."""
    command = _command(place, server, case, options)
    try:
        with pinned(place.load_cores):
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LOAD_S + 30
            )
    except subprocess.TimeoutExpired as error:
        raise FailureError("the load did not end") from error
    if done.returncode:
        raise FailureError(done.stderr.decode(errors="replace").strip() or "the load failed")
    figures: Figures = json.loads(done.stdout)
    place.runs.append(figures)
    return figures


@contextlib.contextmanager
def holding(place: Place, server: Server, clients: int) -> Iterator[None]:
    """Keep that many idle clients connected meanwhile."""
    command = _command(place, server, "idle", {"clients": clients})
    with tempfile.TemporaryFile() as errors:
        with pinned(place.load_cores):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        assert process.stdin is not None and process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], LOAD_S)
            if not ready or not process.stdout.readline():
                errors.seek(0)
                told = errors.read().decode(errors="replace").strip()
                raise FailureError(told or "the idle clients did not get in")
            yield
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                stop(process)


def resident(server: Server) -> int:
    """Bytes of memory the server holds."""
    for line in Path(f"/proc/{server.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise FailureError("no Rss in smaps_rollup")
