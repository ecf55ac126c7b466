"""`python -m Testing.faults`: a table of what was done to the program, and of what it did wrong."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from MedDDPMCore.base.interrupts import ended_in_order

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
CORE = Path(__file__).resolve().parents[1] / "core"
sys.path[:0] = [str(CORE), str(CORE / "volumes")]

QUICK = {"fuzz": 12, "kills": 1, "company": 1, "scarce": 1, "endurance": 1}
SHARES = {"fuzz": 0.45, "kills": 0.35, "company": 0.1, "scarce": 0.1, "endurance": 0.0}
"""Of the minutes; what endures takes as long as it takes."""
GOOD = ("accepted", "refused", "tried")
"""Outcomes; all others are faults."""


def main() -> int:
    """Returns 1 where there was a fault."""
    parser = argparse.ArgumentParser("python -m Testing.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, help="how long (default: small counts, each once)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=tuple(SHARES), help="these rooms; with --minutes, all but "
                        "endurance, which takes as long as it takes, unless it is named")  # fmt: skip
    parser.add_argument("--json", type=Path, help="the rows as JSON too")
    args = parser.parse_args()
    rooms = args.only or [name for name in SHARES if SHARES[name] or not args.minutes]
    found: dict[tuple[str, str], Counter] = {}
    whole = sum(SHARES[name] for name in rooms)
    with (
        tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as scratch,
        contextlib.suppress(KeyboardInterrupt),
        ended_in_order(),
    ):
        for name in rooms:
            started = time.monotonic()
            seconds = args.minutes * 60 * SHARES[name] / (whole or 1) if args.minutes else float("inf")
            count = None if args.minutes else QUICK[name]
            for what, outcome in room(name)(Path(scratch, name), args.seed, count, started + seconds):
                found.setdefault((name, what), Counter())[outcome] += 1
                if outcome not in GOOD:
                    print(f"{what}: {outcome}", file=sys.stderr, flush=True)
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    rows = [row(*key, outcomes) for key, outcomes in found.items()]
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    print(table(rows))
    print(f"\n{date.today()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
          f"{platform.python_version()}: python -m Testing.faults {' '.join(sys.argv[1:])}")  # fmt: skip
    return int(any(row["faults"] for row in rows))


def row(room: str, what: str, outcomes: Counter) -> dict:
    """A row of the table."""
    faults = {kind: number for kind, number in outcomes.items() if kind not in GOOD}
    tries = sum(number for kind, number in outcomes.items() if kind in GOOD or room == "fuzz")
    return {"room": room, "what": what, "inputs": tries, "refused": outcomes["refused"], "faults": faults}


def room(name: str) -> Callable[[Path, int, int | None, float], Iterator[tuple[str, str]]]:
    """What does the work of that name: (folder, seed, count or None, until when) -> (what was tried, outcome) …"""
    from . import company, endurance, fuzz, kills, scarce
    from .forked import load_everything

    load_everything()

    rooms = (fuzz.fuzz, kills.kills, company.company, scarce.scarce, endurance.endurance)
    return {work.__name__: work for work in rooms}[name]


def table(rows: list[dict]) -> str:
    """Rows as Markdown: a fault of one kind is told once, with how often it came."""
    lines = ["| What | Tries | Refused by name | Faults |", "| --- | ---: | ---: | --- |"]
    for row in rows:
        told = "; ".join(f"{number} x {kind}" for kind, number in sorted(row["faults"].items())) or "0"
        lines.append(f"| {row['what']} | {row['inputs']} | {row['refused'] or ''} | {told.replace('|', '/')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
