"""Where a step of the bundled model's networks spends its time, by class of operation, and how near that is to the
processor's own rate of matrix products.

    python Testing/benchmarks/profile_steps.py [--threads 1] [--repeats 3]

Random weights, batch 1, the real grid; both stages, in bfloat16 and float32. Prints Markdown. Shares are of CPU time
within torch's operations, by torch.profiler. It uses nothing but the network, so that an older commit's can be profiled
too: PYTHONPATH=OLDER_CHECKOUT.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from MedDDPMCore.networks.unet import UNet

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {
    "trilinear doubling": ("upsample",),
    "convolutions": ("conv",),
    "group norm": ("group_norm", "sum", "vector_norm", "rsqrt"),
    "SiLU": ("silu",),
    "matrix products (Winograd's too) and attention": ("mm", "linear", "attention", "matmul"),
    "joining and copying": ("cat", "copy", "clone", "fill", "zero"),
    "additions": ("add", "mul"),
}
"""Class -> what the names of its operations contain; the first that fits."""


def networks(precision: torch.dtype) -> list[tuple[str, UNet, torch.Tensor]]:
    """Name, network and input of each stage of the bundled model."""
    spec = json.loads((ROOT / "Resources/models/default/model.json").read_text(encoding="utf-8"))
    conditions = len(spec["labels"]["channels"]) + len(spec["modalities"]) * bool(spec.get("atlas"))
    found = []
    for index, stage in enumerate(spec["stages"]):
        domain = stage["domain"]
        detail = domain["kind"] == "haar_detail"
        diffused = 7 if detail else 8
        network = UNet(diffused + 8 * conditions + detail, diffused, **stage["network"]).eval().requires_grad_(False)
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
        for module in network.modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv3d)):
                module.to(precision)
        network.to(memory_format=torch.channels_last_3d)
        size = [n // (2 * domain["factor"]) for n in spec["grid"]["shape"]]
        x = torch.randn(1, network.in_channels, *size, dtype=precision).contiguous(memory_format=torch.channels_last_3d)
        found.append((f"stage {index}", network, x))
    return found


def matrix_rate(precision: torch.dtype, repeats: int = 5) -> float:
    """GFLOP a CPU second of one large matrix product, the best of some."""
    a, b = (torch.randn(2048, 2048).to(precision) for _ in range(2))
    taken = []
    for _ in range(repeats):
        busy = time.process_time()
        a @ b
        taken.append(time.process_time() - busy)
    return 2 * 2048**3 / min(taken) / 1e9


def shares(events) -> dict[str, float]:
    """Share of the time by class, from torch.profiler's events."""
    spent = dict.fromkeys([*CLASSES, "rest"], 0.0)
    for event in events:
        name = event.key.removeprefix("aten::")
        kind = next((kind for kind, parts in CLASSES.items() if any(part in name for part in parts)), "rest")
        spent[kind] += event.self_cpu_time_total
    whole = sum(spent.values())
    return {kind: value / whole for kind, value in spent.items()}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    columns, t = {}, torch.tensor([125])
    for precision in (torch.bfloat16, torch.float32):
        rate = matrix_rate(precision)
        for name, network, x in networks(precision):
            with FlopCounterMode(display=False) as counter:  # which knows torch's own operations alone
                copy.deepcopy(network).to("meta")(x.to("meta"), t.to("meta"))
            network(x, t)
            taken = []
            for _ in range(args.repeats):
                busy = time.process_time()
                network(x, t)
                taken.append(time.process_time() - busy)
            with profile(activities=[ProfilerActivity.CPU]) as profiler:
                network(x, t)
            done = counter.get_total_flops() / min(taken) / 1e9
            columns[f"{name}, {precision}".replace("torch.", "")] = {
                **{kind: f"{100 * share:.1f} %" for kind, share in shares(profiler.key_averages()).items()},
                "CPU s a step": f"{min(taken):.3f}",
                "GFLOP a step": f"{counter.get_total_flops() / 1e9:.1f}",
                "GFLOP a CPU second": f"{done:.0f}",
                "the same of a large matrix product": f"{rate:.0f}",
                "share of that rate": f"{100 * done / rate:.0f} %",
            }
    print("| | " + " | ".join(columns) + " |\n|" + " --- |" * (len(columns) + 1))
    for row in next(iter(columns.values())):
        print(f"| {row} | " + " | ".join(column[row] for column in columns.values()) + " |")


if __name__ == "__main__":
    main()
