"""Real memory of a run on the CPU against what was counted beforehand, each in a process of its own. Linux only.

    python Testing/benchmarks/peak_memory.py [--edge 128] [--only default]

Bundled model: every sampler, three steps a stage. Published whole-head configuration (random weights): one step, whole
and in slabs. Prints Markdown: what was counted; how far the process's resident memory rose at its fullest above what it
was when the model was loaded; that over what was counted; what the guard asks to be free; peak of the whole process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

MASK = Path(__file__).resolve().parents[2] / "Resources/masks/one_tumor.nii.gz"


@dataclass(frozen=True)
class Case:
    """A run. planes: of a slab, 0 for the whole volume."""

    model: str
    precision: str
    sampler: str = "dpmpp_2m"
    steps: int = 3
    planes: int = 0


BUNDLED = [Case("default", p, s) for p in ("bfloat16", "float32") for s in ("dpmpp_2m", "ddim", "ddpm")]
WHOLE = [Case("whole head", p, steps=1, planes=n) for p in ("bfloat16", "float32") for n in (0, 32, 8, 4)]


def run(case: Case, edge: int) -> dict:
    """Measures a case in this process."""
    from growth import published_spec
    from rivals import ours

    from MedDDPMCore.models.bundle import save_bundle
    from MedDDPMCore.models.footprint import working_memory
    from MedDDPMCore.synthesis import synthesize
    from MedDDPMCore.synthesis.fitting import Fit, needed
    from MedDDPMCore.volumes.volume import Volume

    mask = Volume.read(MASK, labels=True)
    with tempfile.TemporaryDirectory() as folder:
        name = case.model
        if name != "default":
            name = str(Path(folder) / "model")
            save_bundle(Path(name), published_spec(64, edge), [ours(64).state_dict()])
        model = synthesize.load_model(name, "cpu", case.precision)
        synthesize.fit = lambda *_: Fit(model.device, 1, case.planes)
        counted = working_memory(model.spec, model.precision, 1, case.planes)
        asked = needed(model.spec, model.device, model.precision, 1, case.planes)
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
        for progress in model.steps(mask, sampler=case.sampler, steps=case.steps):
            progress.on_model_grid()
        progress.results()
        peak = _memory("VmHWM")
    return {
        "model": case.model,
        "precision": case.precision,
        "sampler": case.sampler,
        "slab planes": case.planes,
        "counted GB": counted / 1e9,
        "rise GB": (peak - before) / 1e9,
        "rise / counted": (peak - before) / counted,
        "asked for GB": asked / 1e9,
        "whole process GB": peak / 1e9,
    }


def _memory(entry: str) -> int:
    """Bytes, of this process, by the kernel's name for it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=128)
    parser.add_argument("--only", help="default, or whole head")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(run(Case(**json.loads(args.case)), args.edge)))
        return
    from alternating import table

    rows = []
    for case in (c for c in (*BUNDLED, *WHOLE) if args.only in (None, c.model)):
        command = [sys.executable, __file__, "--edge", str(args.edge), "--case", json.dumps(asdict(case))]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows.append(json.loads(told))
        print(rows[-1], file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
