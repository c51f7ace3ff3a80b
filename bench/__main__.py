"""Measure the server beside a C floor and bare loops: `python -m bench`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, servers
from bench.cases import Case, all_cases
from bench.servers import FailureError, Figures, Place
from bench.table import Line, render

BUSY = 0.95  # a core busier than this has no more to give
QUIET = 0.9  # a load that polls has nearly all of its core, or somebody else works there too
DISK = Path("/var/tmp")  # on a disk, where /tmp may be kept in memory and an fsync cost nothing


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if needs := machine.missing():
        print("the benchmark needs " + "; ".join(needs), file=sys.stderr)
        return 2
    files = machine.raise_file_limit()
    cases = all_cases(options.quick, max(files - 200, 100))
    if options.case:
        unknown = set(options.case) - {case.name for case in cases}
        if unknown:
            names = ", ".join(case.name for case in cases)
            print(f"no case {', '.join(sorted(unknown))}; there are {names}", file=sys.stderr)
            return 2
        cases = [case for case in cases if case.name in options.case]
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as programs,
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.data) as data,
    ):
        *rest, last = sorted(os.sched_getaffinity(0))
        place = Place(Path(programs), Path(data), {last}, set(rest))
        about = machine.describe(place.data)
        try:
            servers.compile_programs(place.programs)
        except FailureError as error:
            print(error, file=sys.stderr)
            return 2
        lines, notes = _measure(cases, options, place)
    if about["filesystem"] in ("tmpfs", "ramfs"):
        notes.insert(0, "the data is kept in memory, where an fsync costs nothing: see --data")
    notes += _disturbances(place.runs)
    commit = machine.commit(servers.TREE)
    print(", ".join([f"commit {commit}", *(f"{name} {value}" for name, value in about.items())]))
    print()
    print(render(lines))
    print()
    print("CPU is that of the server, all its threads; a ratio is taken within a round.")
    for note in notes:
        print(f"note: {note}")
    if options.json:
        record = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit,
            "machine": about,
            "rounds": options.rounds,
            "quick": options.quick,
            "rows": [_record(line) for line in lines],
            "runs": place.runs,
            "notes": notes,
        }
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
    return 1 if any("failed" in note for note in notes) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, help="rounds of every case (3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="shorter and noisier")
    parser.add_argument("--only", choices=("floor", "molva"), help="measure one side alone")
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case (again)")
    parser.add_argument("--data", type=Path, default=DISK, help=f"where data is put ({DISK})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line of figures here")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 1 if options.quick else 3
    if not 1 <= options.rounds <= 100:
        parser.error("--rounds: 1 to 100")
    if not options.data.is_dir():
        parser.error(f"--data: {options.data} is not a directory")
    return options


def _measure(
    cases: Sequence[Case], options: argparse.Namespace, place: Place
) -> tuple[list[Line], list[str]]:
    lines = {case.name: [Line(case.name, row) for row in case.rows] for case in cases}
    notes: list[str] = []
    for number in range(1, options.rounds + 1):
        for case in cases:
            # Beside and Molva follow each other, so that both meet the machine in one mood.
            results: dict[str, Figures] = {}
            for side, measure in (("floor", case.beside), ("molva", case.molva)):
                if measure is None or options.only not in (None, side):
                    continue
                name = "molva" if side == "molva" else "beside"
                print(f"round {number} of {options.rounds}: {case.name}, {name}", file=sys.stderr)
                try:
                    results[name] = measure(place)
                except FailureError as error:
                    notes.append(f"{case.name}: {name} failed: {error}")
            for line in lines[case.name]:
                line.beside.append(results.get("beside", {}).get(line.row.key))
                line.molva.append(results.get("molva", {}).get(line.row.key))
            notes += _doubts(case.name, results)
    return [line for some in lines.values() for line in some], list(dict.fromkeys(notes))


def _doubts(case: str, results: dict[str, Figures]) -> list[str]:
    """Say where the load was the limit, or the two servers did not move the same bytes."""
    doubts = []
    sizes = {}
    for name, figures in results.items():
        if "server_cpu_s" not in figures:
            continue
        server = figures["server_cpu_s"] / figures["elapsed_s"]
        load = figures["load_busy_s"] / figures["elapsed_s"]
        if load > BUSY > server:
            doubts.append(
                f"{case}: {name}: the load was the limit (it was busy {load:.0%} of the "
                f"time, the server {server:.0%})"
            )
        sizes[name] = figures["bytes"] / figures["deliveries"]
    if len(sizes) == 2 and abs(sizes["molva"] / sizes["beside"] - 1) > 0.03:
        doubts.append(
            f"{case}: a delivery is {sizes['beside']:.0f} bytes from the floor, "
            f"{sizes['molva']:.0f} from Molva"
        )
    return doubts


def _disturbances(runs: Sequence[Figures]) -> list[str]:
    """Say that the machine was not ours alone."""
    shares = [run["load_cpu_s"] / run["elapsed_s"] for run in runs if run.get("polls")]
    disturbed = [share for share in shares if share < QUIET]
    if not disturbed:
        return []
    return [
        f"other work was on the load's core in {len(disturbed)} of {len(shares)} runs (worst: the "
        f"load had {min(disturbed):.0%} of it): CPU holds, times and rates may be better than shown"
    ]


def _record(line: Line) -> dict[str, Any]:
    return {
        "case": line.case,
        "key": line.row.key,
        "unit": line.row.unit,
        "beside": line.beside,
        "molva": line.molva,
        "ratio": line.ratios(),
        "met": line.met(),
    }


if __name__ == "__main__":
    sys.exit(main())
