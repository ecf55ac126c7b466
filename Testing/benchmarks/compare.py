"""The published configuration's network, trainer and samplers against their rivals, as ratios, in one run.

    python Testing/benchmarks/compare.py [--published FOLDER] [--data PACKED_SET] [--out FOLDER] [--only step,…]

FOLDER is a checkout of the published Med-DDPM code; without it, or without MONAI or diffusers, those rows are left out.
The rivals take turns (A B A B …) and medians are compared; CPU seconds stand beside wall seconds, and are the ones to
read on a busy machine. Sections: step (one network call), training (one optimiser step), samplers (their arithmetic
alone), growth (time, memory and FLOPs against size, batch and steps, plotted), loading (the share of a training step
spent waiting for data; needs --data), scaling (two processes under torchrun against one). Writes compare.md,
compare.json and growth.png into --out, anew after each section: the command begun again, with --only or without, adds
to what --out holds; each says what it was measured with.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from alternating import circumstances, table
from comparison import SECTIONS

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", help="folder of the published Med-DDPM code")
    parser.add_argument("--data", help="packed training set, of `medddpm prepare`")
    parser.add_argument("--out", default="benchmark-results")
    parser.add_argument("--only", help=f"of {','.join(SECTIONS)}")
    parser.add_argument("--size", type=int, default=64, help="edge of the volume (published: 128)")
    parser.add_argument("--base", type=int, default=64, help="base channels (published: 64)")
    parser.add_argument("--largest", type=int, default=96, help="largest edge of the growth section")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    from MedDDPMCore.base.device import pick_device

    if args.threads:
        torch.set_num_threads(args.threads)
    device = pick_device(args.device)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    asked = {name: value for name, value in vars(args).items() if name in ("size", "base", "largest", "repeats")}
    kept = out / "compare.json"
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    chosen = args.only.split(",") if args.only else [name for name in SECTIONS if name not in results]
    for name in chosen:
        rows = SECTIONS[name](args, device)
        results[name] = {"circumstances": circumstances(device), "arguments": asked, "rows": rows}
        print(f"{name}\n\n{table(rows) if rows else 'left out'}", flush=True)
        kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "compare.md").write_text("\n\n".join(words(results)) + "\n", encoding="utf-8")


def words(results: dict[str, dict]) -> list[str]:
    """The paragraphs of compare.md."""
    found = ["# Benchmarks"]
    for name, section in results.items():
        about = {**section["circumstances"], **section["arguments"]}
        found += [
            f"## {name}",
            "; ".join(f"{key} {value}" for key, value in about.items() if value is not None),
            table(section["rows"]) if section["rows"] else "left out",
        ]
    return found


if __name__ == "__main__":
    main()
