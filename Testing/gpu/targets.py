"""Every target for CUDA, measured on the card at hand: pass or fail, in a table and a result file.

    python Testing/gpu/targets.py [--published FOLDER] [--out FOLDER] [--only whole_head,…] [--dry-run]

FOLDER is a checkout of the published Med-DDPM code; without it the two targets that compare with it are left out.
Without a CUDA GPU nothing is measured, the reason is said, and nothing is written. Writes gpu-<card>.json and .md with
device, versions and date into --out (gpu-results), anew after each group of figures, so that one that is cut off loses
nothing. Times are wall seconds after a warm-up, with the GPU waited for. Needs torch, numpy and safetensors alone.
--dry-run runs every line that a CPU can run, at a tiny size, to find faults before a GPU is paid for: its figures mean
nothing, and it says so instead of passing or failing a target.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "benchmarks"), str(HERE.parents[1])]

from alternating import circumstances, table  # noqa: E402
from measurements import DRY, GROUPS, REAL, Card  # noqa: E402


@dataclass(frozen=True)
class Target:
    """What is to be reached: a figure, and the bound that it must keep ("<=" or ">=")."""

    name: str
    sense: str
    bound: float
    figure: str

    def row(self, figures: dict[str, float], dry: bool) -> dict:
        found = figures.get(self.figure)
        if found is None:
            verdict = "not measured"
        elif dry:
            verdict = "dry run"
        else:
            verdict = "pass" if (found <= self.bound if self.sense == "<=" else found >= self.bound) else "FAIL"
        return {"target": self.name, "bound": f"{self.sense} {self.bound}", "measured": found, "verdict": verdict}


TARGETS = (
    Target("whole head 128^3, 250 ancestral steps, s", "<=", 6, "whole_head.ddpm250_s"),
    Target("the same, times as fast as the published code", ">=", 6, "whole_head.times_published"),
    Target("whole head, 15 steps of DPM++(2M), s", "<=", 0.5, "whole_head.dpmpp15_s"),
    Target("share of the card's measured bf16 matrix rate in the loop", ">=", 0.35, "whole_head.share_of_matrix_rate"),
    Target("whole head, peak memory at batch 1, GB", "<=", 4, "whole_head.peak_gb"),
    Target("BraTS 192x192x144, 15 steps, s", "<=", 2, "brats.dpmpp15_s"),
    Target("BraTS, peak memory at batch 1, GB", "<=", 12, "brats.peak_gb"),
    Target("bundled model at its own steps, s", "<=", 0.3, "bundled.own_s"),
    Target("training step, times as fast as the published trainer", ">=", 3, "training.times_published"),
    Target("128^3 training at batch 1 with checkpointing, peak GB", "<=", 8, "training.checkpointed_gb"),
    Target("half precision, relative L2 of one step", "<=", 0.02, "half.one_step"),
    Target("half precision, relative L2 of the final image at equal seed", "<=", 0.1, "half.final_image"),
    Target("batch of 2 against single samples, float32, relative L2", "<=", 0.01, "batch"),
    Target("memory counted beforehand over memory measured", ">=", 1, "memory.counted_over_measured"),
    Target("slabs against the whole, float32, relative L2", "<=", 0.01, "memory.slabs"),
    Target("seconds to stop after a cancel", "<=", 2, "cancel_s"),
)
"""Figures beside these are in the result file: each acceleration's time a step and time to the first image."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", help="folder of the published Med-DDPM code")
    parser.add_argument("--out", default="gpu-results")
    parser.add_argument("--only", help=f"of {','.join(GROUPS)}")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args()
    if not args.dry_run and not torch.cuda.is_available():
        print(f"skipped: torch {torch.__version__} finds no CUDA GPU here, so no target was measured.")
        return 0
    device, sizes = (torch.device("cpu"), DRY) if args.dry_run else (torch.device("cuda", 0), REAL)
    card = Card(device, args.published, sizes)
    about = circumstances(device)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    about_name = "dry-run" if args.dry_run else "gpu-" + re.sub(r"\W+", "-", about["device"]).strip("-").lower()
    started = time.monotonic()
    for group in card.measure(args.only.split(",") if args.only else None):
        print(f"{group}: {time.monotonic() - started:.0f} s", flush=True)
        rows = [target.row(card.figures, args.dry_run) for target in TARGETS]
        record = {"circumstances": about, "targets": rows, "figures": card.figures, "failed": card.failed}
        record["seconds"] = round(time.monotonic() - started)
        (out / f"{about_name}.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        more = table([{"figure": key, "value": value} for key, value in card.figures.items()])
        text = "\n\n".join([table([about]), table(rows), more, *(f"{k}: {v}" for k, v in card.failed.items())])
        (out / f"{about_name}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(bool(card.failed) or any(row["verdict"] == "FAIL" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
