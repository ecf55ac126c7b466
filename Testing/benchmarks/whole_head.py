"""The published whole-head configuration from mask to MRI on this machine: minutes, time to the first preview, memory.

    python Testing/benchmarks/whole_head.py [--steps 15] [--edge 128] [--precision auto] [--device cpu]

Random weights, which take as long as trained ones; the sample mask, at DPM++(2M). Every step's preview is made, as in
the module. Prints Markdown.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import torch
from growth import published_spec
from rivals import ours

from MedDDPMCore.models.bundle import save_bundle
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.volumes.volume import Volume

MASK = Path(__file__).resolve().parents[2] / "Resources/masks/one_tumor.nii.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--edge", type=int, default=128)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_bundle(Path(folder) / "model", published_spec(64, args.edge), [ours(64).state_dict()])
        started = time.perf_counter()
        model = load_model(Path(folder) / "model", args.device, args.precision)
        walk = model.steps(Volume.read(MASK, labels=True), sampler="dpmpp_2m", steps=args.steps)
        seen = []
        for progress in walk:
            progress.on_model_grid()
            seen.append(time.perf_counter() - started)
        progress.results()
        whole = time.perf_counter() - started
    print("| steps | precision | threads | first preview, s | whole, s | share before the preview | peak memory, GB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| {args.steps} | {str(model.precision).removeprefix('torch.')} | {torch.get_num_threads()} | {seen[0]:.1f} | "
        f"{whole:.1f} | {100 * seen[0] / whole:.1f} % | {peak:.2f} |"
    )


if __name__ == "__main__":
    main()
