"""What a worker on another machine costs: seconds added to a warm click, bytes for a 256^3 mask and its image, cancel.

    python Testing/benchmarks/remote.py [--clicks 5] [--steps 2]

Over a real sshd on loopback, with the bundled model on the CPU of this computer for both. The mask is the first sample
mask at 256^3 voxels of 1 mm. Clicks here and there take turns after a first one that is not counted. Prints a Markdown
table of medians.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT), str(ROOT / "Testing" / "core")]

from conversation import Conversation  # noqa: E402
from loopback import Loopback  # noqa: E402

from MedDDPMCore.volumes.volume import Geometry, Volume, resample_labels  # noqa: E402

SIZE = 256


def mask_of(folder: Path) -> Path:
    """A sample mask on 256^3 voxels of 1 mm around the same centre, uncompressed, as the Slicer module writes it."""
    mask = Volume.read(sorted((ROOT / "Resources" / "masks").glob("*.nii.gz"))[0], labels=True)
    here = mask.geometry
    centre = (here.affine_lps @ [*((n - 1) / 2 for n in here.size), 1])[:3]
    axes = here.affine_lps[:3, :3] / here.spacing
    origin = centre - axes.sum(axis=1) * (SIZE - 1) / 2
    grid = Geometry((SIZE,) * 3, (1.0, 1.0, 1.0), tuple(origin), here.direction)
    path = folder / "mask.nii"
    resample_labels(mask, grid).write(path)
    return path


def click(worker: Conversation, request: dict) -> tuple[float, float]:
    """Seconds from request to `done`, and those that the computing itself says it took."""
    started = time.perf_counter()
    worker.say(request)
    done = worker.hear("done", "error")
    assert done["event"] == "done", done
    return time.perf_counter() - started, done["seconds"]


def cancel(worker: Conversation, request: dict) -> float:
    """Seconds from a cancel during the steps until it is confirmed."""
    worker.say({**request, "samples": 100, "steps": 50})
    while worker.hear("progress")["step"] < 1:
        pass
    started = time.perf_counter()
    worker.say({"request": "cancel", "id": request["id"]})
    worker.hear("cancelled")
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        far, mask, log = Loopback(folder / "far"), mask_of(folder), folder / "log"
        path = {"PATH": f"{far.bin}:{os.environ['PATH']}"}
        workers = {"here": Conversation(folder)}
        with log.open("w") as errors:
            command = ("--on", "far", "--remote-command", far.program())
            workers["there"] = Conversation(folder, *command, errors=errors, **path)
            try:
                request = {"request": "synthesize", "id": "a", "mask": str(mask), "device": "cpu", "steps": args.steps}
                requests = {place: {**request, "output": str(folder / place)} for place in workers}
                found: dict[str, list] = {place: [] for place in workers}
                for number in range(args.clicks + 1):
                    for place, worker in workers.items():
                        seconds = click(worker, requests[place])
                        if number:
                            found[place].append(seconds)
                cancels = {place: [cancel(workers[place], requests[place]) for _ in range(3)] for place in workers}
                workers["there"].say({"request": "shutdown"})
                workers["there"].process.wait(60)
                once = Conversation(folder, *command, errors=errors, **path)
                click(once, {**requests["there"], "preview": False})
                once.say({"request": "shutdown"})
                once.process.wait(60)
            finally:
                for worker in workers.values():
                    worker.end()
                far.stop()
        sent, received = map(int, re.findall(r"closed, (\d+) bytes sent, (\d+) received", log.read_text())[-1])
        image = next((folder / "there").glob("*.nii.gz")).stat().st_size
        print("| | here | there |\n|---|---|---|")
        for row, index in (("warm click, s", 0), ("of that computing, s", 1)):
            values = [statistics.median(pair[index] for pair in found[place]) for place in workers]
            print(f"| {row} | {values[0]:.2f} | {values[1]:.2f} |")
        print("| cancel, s | " + " | ".join(f"{statistics.median(cancels[place]):.2f}" for place in workers) + " |")
        print(f"| bytes out, for a mask of {mask.stat().st_size:,} | | {sent:,} |")
        print(f"| bytes back without previews, for an image of {image:,} | | {received:,} |")


if __name__ == "__main__":
    main()
