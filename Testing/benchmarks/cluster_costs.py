"""What many images cost on GPUs, counted and reckoned, and what reading and writing them costs, measured on this CPU.

    python Testing/benchmarks/cluster_costs.py [--images 100000] [--share 0.35] [--price 2.5] [--device-seconds 0.5]

Counted: floating-point operations of one image, by torch's counter on tensors that hold nothing, of the bundled model
and of the published whole-head configuration. Assumed: --share of an H100's 989 TFLOP/s of dense bfloat16 (its data
sheet) is reached, a GPU hour costs --price US dollars, and N GPUs are N times as fast, as they share nothing but a file
system. Measured, in CPU seconds, so that other work on this computer counts little: a case's way from its mask to its
files, the image made by the bundled model in a few steps. Overlap is measured on the clock: a device that takes
--device-seconds an image is stood in for by waiting. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "benchmarks")]

from alternating import table  # noqa: E402

from MedDDPMCore import Volume, load_model  # noqa: E402
from MedDDPMCore.base.files import sha256_of  # noqa: E402
from MedDDPMCore.base.overlap import Behind, ahead  # noqa: E402
from MedDDPMCore.models.catalogue import bundled_folder  # noqa: E402
from MedDDPMCore.models.spec import ModelSpec  # noqa: E402
from MedDDPMCore.models.stage import build_network, in_precision  # noqa: E402
from MedDDPMCore.synthesis.output import scanner_units  # noqa: E402
from MedDDPMCore.synthesis.synthesize import Settings  # noqa: E402

H100_TFLOPS = 989
GPUS = (1, 8, 64)
LEVELS = (0, 1, 4, 6)


def flop_of_a_step(spec: ModelSpec, number: int) -> int:
    """Of one call of a stage's network for one image."""
    stage = spec.stages[number]
    with FlopCounterMode(display=False) as counter, torch.device("meta"), torch.inference_mode():
        network = in_precision(build_network(spec, stage), torch.bfloat16)
        channels, *size = stage.domain.x_shape(spec.grid.shape)
        joined = channels + stage.domain.condition_channels(spec.conditions)
        network(torch.empty(1, joined, *size, dtype=torch.bfloat16), torch.empty(1, dtype=torch.long))
    return counter.get_total_flops()


def costs(args: argparse.Namespace) -> list[dict]:
    """One row a model and sampler."""
    bundled = ModelSpec.read(bundled_folder() / "default")
    config = json.loads((ROOT / "Resources" / "training" / "whole_head_128.json").read_text(encoding="utf-8"))
    published = ModelSpec.from_dict(config["model"])
    rows = []
    for name, spec, sampler, steps in (
        ("bundled, 2 mm", bundled, bundled.sampler, bundled.steps),
        ("published, 1.5 mm", published, "dpmpp_2m", 15),
        ("published, 1.5 mm", published, "ddpm, as published", published.stages[0].timesteps),
    ):
        flop = steps * sum(flop_of_a_step(spec, number) for number in range(len(spec.stages)))
        seconds = flop / (args.share * H100_TFLOPS * 1e12)
        hours = seconds * args.images / 3600
        row = {"model": name, "sampler": sampler, "steps a stage": steps, "TFLOP an image": f"{flop / 1e12:.2f}"}
        row |= {"GPU s an image": f"{seconds:.4f}"}
        row |= {f"hours on {count}": f"{hours / count:.3g}" for count in GPUS}
        rows.append(row | {"US$": f"{hours * args.price:.0f}"})
    return rows


def busy(call: Callable[[], object], repeats: int) -> tuple[float, object]:
    """Fewest CPU seconds of a call, and what it returned last."""
    found, result = [], None
    for _ in range(repeats):
        started = time.process_time()
        result = call()
        found.append(time.process_time() - started)
    return min(found), result


def piece(name: str, seconds: float, file: Path | None = None) -> dict:
    """A row: what was done, and how large its file is."""
    return {"piece": name, "CPU s": f"{seconds:.3f}", "MB": f"{file.stat().st_size / 1e6:.2f}" if file else ""}


def files(folder: Path, args: argparse.Namespace) -> tuple[list[dict], Callable[[int], object], Path]:
    """CPU seconds and bytes of the pieces of a case; what writes the case of a number, and its mask's path."""
    model = load_model(device="cpu")
    path = ROOT / "Resources" / "masks" / "one_tumor.nii.gz"
    seconds, mask = busy(lambda: Volume.read(path, labels=True), args.repeats)
    rows = [piece("mask read", seconds, path)]
    seconds, placed = busy(lambda: model.place(mask), args.repeats)
    rows.append(piece("placed on the model's grid, checked", seconds))
    *_, progress = model.run(model.fitted(placed), Settings(steps=args.steps))
    seconds, results = busy(progress.results, args.repeats)
    rows.append(piece("image brought to the mask's voxels", seconds))
    [result] = results
    [image] = [scanner_units(volume) for volume in result.volumes.values()]
    for level in LEVELS:
        target = folder / ("image.nii.gz" if level else "image.nii")
        seconds, _ = busy(lambda target=target, level=level: image.write(target, compression=level), args.repeats)
        name = f"image written, gzip {level}" if level else "image written, not compressed"
        rows.append(piece(name, seconds, target))
    seconds, _ = busy(lambda: sha256_of(folder / "image.nii.gz"), args.repeats)
    rows.append(piece("its hash", seconds))
    seconds, _ = busy(lambda: result.write(folder), args.repeats)
    rows.append(piece("image (gzip 4), record and preview (PNG), of `synthesize`", seconds))

    def write(number: int) -> None:
        [made] = progress.results()
        for name, volume in made.volumes.items():
            scanner_units(volume).write(folder / f"{number}-{name}.nii.gz")

    return rows, write, path


def overlap(write: Callable[[int], object], mask: Path, args: argparse.Namespace) -> list[dict]:
    """Seconds on the clock for some images, one thing after the other and overlapped, in turns; medians."""

    def read(_number: int) -> Volume:
        return Volume.read(mask, labels=True)

    def device() -> None:
        time.sleep(args.device_seconds)

    def in_line() -> None:
        for number in range(args.cases):
            read(number)
            device()
            write(number)

    def overlapped() -> None:
        with Behind(1, lambda _: None) as behind:
            for number, mask_of in ahead(read, range(args.cases), 1):
                mask_of()
                device()
                behind.do(write, number)

    taken: dict[str, list[float]] = {"one after the other": [], "overlapped": []}
    for _ in range(args.repeats):
        for name, call in zip(taken, (in_line, overlapped), strict=True):
            started = time.perf_counter()
            call()
            taken[name].append((time.perf_counter() - started) / args.cases)
    return [{"way": name, "s an image": f"{statistics.median(found):.2f}"} for name, found in taken.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.35, help="of the GPU's peak that is reached")
    parser.add_argument("--price", type=float, default=2.5, help="US dollars a GPU hour")
    parser.add_argument("--device-seconds", type=float, default=0.5, help="that the stood-in device takes an image")
    parser.add_argument("--cases", type=int, default=8, help="images a turn of the overlap")
    parser.add_argument("--steps", type=int, default=4, help="of the image that is written")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{args.images:,} images, {args.share:.0%} of {H100_TFLOPS} TFLOP/s, {args.price} US$ a GPU hour\n")
    print(table(costs(args)) + "\n")
    with tempfile.TemporaryDirectory() as name:
        rows, write, mask = files(Path(name), args)
        print(f"An image of {' x '.join(map(str, Volume.read(mask).geometry.size))} voxels\n\n{table(rows)}\n")
        print(f"A device of {args.device_seconds} s an image, {args.cases} images\n")
        print(table(overlap(write, mask, args)))


if __name__ == "__main__":
    main()
