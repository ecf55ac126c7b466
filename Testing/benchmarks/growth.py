"""Time, memory and FLOPs of the published configuration's network against volume size, batch and steps, with a plot."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from alternating import alternate, once, peak_bytes
from rivals import ours
from torch.utils.flop_counter import FlopCounterMode

from MedDDPMCore.base.device import pick_precision
from MedDDPMCore.base.memory import free_memory
from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.diffusion.samplers import dpmpp_2m
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.models.footprint import SLABS, working_memory
from MedDDPMCore.models.spec import ModelSpec, StageSpec
from MedDDPMCore.models.stage import denoiser, in_precision
from MedDDPMCore.networks.unet import UNet

ROOT = Path(__file__).resolve().parents[2]
SIZES = (32, 48, 64, 96, 128, 192, 256)
LARGEST_REPEATED = 64
"""Edge up to which a call on a CPU is timed several times, after one to warm up."""
BATCHES = (1, 2, 4)
STEPS = (1, 2, 4)
STAGE = StageSpec(Domain("voxels"), "noise", 250, {})


def growth(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """One row a size, batch or number of steps. Sizes above args.largest, or that do not fit, are counted, not run.

    What needs more than half of the free memory is run in slabs.
    """
    precision = pick_precision("auto", device)
    network = in_precision(ours(args.base).eval().requires_grad_(False), precision).to(device)
    rows = []
    for size in SIZES:
        rows.append(_row(args, network, device, precision, size, 1, 1, size <= args.largest))
    for batch in BATCHES[1:]:
        rows.append(_row(args, network, device, precision, 32, batch, 1, True))
    for steps in STEPS[1:]:
        rows.append(_row(args, network, device, precision, 32, 1, steps, True))
    _plot(rows, Path(args.out) / "growth.png")
    return rows


def _row(args, network, device, precision, size: int, batch: int, steps: int, run: bool) -> dict:
    spec = published_spec(args.base, size)
    counted = working_memory(spec, precision, batch)
    cube = (size,) * 3
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        meta = in_precision(UNet(3, 1, args.base), precision)
        with torch.inference_mode():
            meta(torch.empty(batch, 3, *cube, dtype=precision), torch.empty(batch, dtype=torch.long))
    row = {
        "edge": size,
        "batch": batch,
        "steps": steps,
        "TFLOP": steps * counter.get_total_flops() / 1e12,
        "counted GB": counted / 1e9,
        "counted GB in slabs": working_memory(spec, precision, batch, SLABS[-1]) / 1e9,
        "slab planes": 0,
        "peak GB": None,
        "cpu_s": None,
        "wall_s": None,
        "GFLOP a CPU second": None,
        "TFLOP/s": None,
    }
    there = (free_memory(device) or 0) / 2
    fitting = (n for n in (0, *SLABS) if working_memory(spec, precision, batch, n) < there)
    if not run or (planes := next(fitting, None)) is None:
        return row
    network.slab_planes = planes
    condition = torch.randn(batch, 2, *cube, device=device).sign()
    x = torch.randn(batch, 1, *cube, device=device)
    denoise = denoiser(network, STAGE, condition, None, precision)

    @torch.inference_mode()
    def call() -> None:
        for _ in dpmpp_2m(denoise, x, Schedule.cosine(250), steps):
            pass

    measured: dict[str, int] = {}
    if size > LARGEST_REPEATED and device.type == "cpu":
        times = once(lambda: measured.update(peak=peak_bytes(call, device)), device)
    else:
        times = alternate({"call": call}, device, args.repeats)["call"]
        measured["peak"] = peak_bytes(call, device)
    row |= {
        "slab planes": planes,
        "peak GB": measured["peak"] / 1e9,
        "cpu_s": times["cpu_s"],
        "wall_s": times["wall_s"],
        "GFLOP a CPU second": 1e3 * row["TFLOP"] / times["cpu_s"],
        "TFLOP/s": row["TFLOP"] / times["wall_s"],
    }
    return row


def published_spec(base: int, size: int) -> ModelSpec:
    """The published whole-head model's description with a cube of this edge as its grid."""
    described = json.loads((ROOT / "Resources/training/whole_head_128.json").read_text(encoding="utf-8"))["model"]
    spec = ModelSpec.from_dict(described)
    [stage] = spec.stages
    stage = dataclasses.replace(stage, network={**stage.network, "base_channels": base})
    return dataclasses.replace(spec, grid=dataclasses.replace(spec.grid, shape=(size,) * 3), stages=(stage,))


def _plot(rows: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    sizes = [row for row in rows if row["batch"] == row["steps"] == 1]
    done = [row for row in sizes if row["cpu_s"]]
    time = "wall_s" if torch.cuda.is_available() else "cpu_s"
    left.loglog(
        [r["edge"] for r in done], [r[time] for r in done], "o-", label="wall s" if time == "wall_s" else "CPU s"
    )
    rate = done[0]["TFLOP"] / done[0][time]
    left.loglog([r["edge"] for r in sizes], [r["TFLOP"] / rate for r in sizes], ":", label="as the FLOPs grow")
    left.set_ylabel("one step")
    right.loglog([r["edge"] for r in done], [r["peak GB"] for r in done], "o-", label="measured peak, GB")
    right.loglog([r["edge"] for r in sizes], [r["counted GB"] for r in sizes], ":", label="counted beforehand")
    right.loglog([r["edge"] for r in sizes], [r["counted GB in slabs"] for r in sizes], "--", label="counted, in slabs")
    for axes in (left, right):
        axes.set_xlabel("edge of the volume")
        axes.set_xticks([r["edge"] for r in sizes], [str(r["edge"]) for r in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=90)
