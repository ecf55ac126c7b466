"""How long a user waits before anything happens: imports, help, the worker's first answer, the second click.

    python Testing/benchmarks/startup.py [--repeats 5]

Each in processes of their own, in turns; a bare Python stands beside them. Prints a Markdown table of medians: wall
seconds, and CPU seconds (user and system) of the process, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "python -c pass": ([sys.executable, "-c", "pass"], None),
    "import MedDDPMCore": ([sys.executable, "-c", "import MedDDPMCore"], 0.15),
    "medddpm --help": ([sys.executable, "-m", "MedDDPMCore.cli", "--help"], 0.5),
}


def one(command: list[str]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def busy_seconds(pid: int) -> float:
    """CPU seconds (user and system) of a running process; nan where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worker() -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds until a new worker is ready, and until the first step of a first and of a second click."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "MedDDPMCore.worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

        def ask(**request) -> None:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()

        def wait(wanted) -> dict:
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "error":
                    raise RuntimeError(event["message"])
                if wanted(event):
                    return event
            raise RuntimeError("the worker ended")

        ask(request="hello", id="0")
        wait(lambda event: event["event"] == "ready")
        found["worker ready"] = time.perf_counter() - started, busy_seconds(process.pid)
        mask = str(ROOT / "Resources/masks/one_tumor.nii.gz")
        for click in ("first", "second"):
            started, busy = time.perf_counter(), busy_seconds(process.pid)
            ask(request="synthesize", id=click, mask=mask, output=folder, device="cpu", steps=1, output_grid="model")
            wait(lambda event: event["event"] == "progress" and event["step"] == 1)
            found[f"{click} click to its first step"] = time.perf_counter() - started, busy_seconds(process.pid) - busy
            wait(lambda event: event["event"] == "done")
        ask(request="shutdown")
        process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    taken = {name: [] for name in COMMANDS}
    for _ in range(args.repeats):
        for name, (command, _) in COMMANDS.items():
            taken[name].append(one(command))
    print("| what | wall s | CPU s | aim |\n| --- | --- | --- | --- |")
    for name, (_, aim) in COMMANDS.items():
        walls, busy = zip(*taken[name], strict=True)
        print(f"| {name} | {median(walls):.3f} | {median(busy):.3f} | {aim or ''} |", flush=True)
    for name, (wall, busy) in worker().items():
        print(f"| {name} | {wall:.2f} | {busy:.2f} | {4 if name == 'worker ready' else ''} |")


if __name__ == "__main__":
    main()
