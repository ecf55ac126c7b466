"""The figures of targets.py, each group measured by a method of its own."""

from __future__ import annotations

import argparse
import gc
import json
import time
import traceback
from pathlib import Path

import torch
from comparison import training
from growth import published_spec
from rivals import filled, published
from torch.utils.flop_counter import FlopCounterMode

from MedDDPMCore.device import pick_precision
from MedDDPMCore.diffusion.samplers import SAMPLERS
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.models.acceleration import ACCELERATIONS, accelerated
from MedDDPMCore.models.footprint import working_memory
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.models.stage import build_network, denoiser, in_precision
from MedDDPMCore.synthesis.fitting import MARGIN
from MedDDPMCore.synthesis.synthesize import Settings, load_model
from MedDDPMCore.volume import Volume

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"


class Card:
    """One GPU and what was found on it. figures: by name; failed: group -> last line of its error."""

    def __init__(self, device: torch.device, published_code: str | None):
        self.device, self.published_code = device, published_code
        self.precision = pick_precision("auto", device)
        self.figures: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    def measure(self) -> None:
        """Every group; one that fails leaves its figures out and its reason in `failed`."""
        for group in (
            self.matrix_rate, self.whole_head, self.accelerations, self.brats, self.bundled, self.half_precision,
            self.memory, self.rival, self.trainer, self.cancel,
        ):  # fmt: skip
            try:
                group()
            except (RuntimeError, ValueError, OSError, AttributeError, TypeError) as error:
                traceback.print_exc()
                self.failed[group.__name__] = str(error).splitlines()[0] if str(error) else type(error).__name__
            gc.collect()
            torch.cuda.empty_cache()

    def seconds(self, call, repeats: int = 3) -> float:
        """The shortest of some calls, after one to warm up."""
        call()
        taken = []
        for _ in range(repeats):
            torch.cuda.synchronize()
            started = time.perf_counter()
            call()
            torch.cuda.synchronize()
            taken.append(time.perf_counter() - started)
        return min(taken)

    def matrix_rate(self) -> None:
        """The card's own rate of matrix products, TFLOP/s."""
        a, b = (torch.randn(8192, 8192, device=self.device, dtype=self.precision) for _ in range(2))
        self.figures["matrix_tflops"] = 2 * 8192**3 / self.seconds(lambda: a @ b, 10) / 1e12

    def network(self, spec: ModelSpec, precision: torch.dtype):
        """A stage's network with random weights, and packed condition channels."""
        network = filled(build_network(spec, spec.stages[0])).eval().requires_grad_(False)
        network = in_precision(network, precision).to(self.device, memory_format=torch.channels_last_3d)
        generator = torch.Generator().manual_seed(1)
        condition = torch.randn(1, spec.conditions, *spec.grid.shape, generator=generator).sign().to(self.device)
        return network, condition

    def walk(self, spec: ModelSpec, network, condition, sampler: str, steps: int | None, precision=None, seed: int = 0):
        """A whole sample: its x0."""
        stage = spec.stages[0]
        denoise = denoiser(network, stage, condition, None, precision or self.precision)
        shape = stage.domain.x_shape(spec.grid.shape)
        generators = [torch.Generator().manual_seed(seed + k) for k in range(len(condition))]
        x = torch.stack([torch.randn(shape, generator=g) for g in generators]).to(self.device)
        with torch.inference_mode():
            *_, last = SAMPLERS[sampler](denoise, x, Schedule.cosine(stage.timesteps), steps, generators)
        return last.x0

    def flops(self, spec: ModelSpec, network) -> int:
        """Of one step."""
        x = torch.zeros(1, network.in_channels, *spec.grid.shape, device=self.device, dtype=self.precision)
        with FlopCounterMode(display=False) as counter, torch.inference_mode(), torch.autocast("cuda", self.precision):
            network(x, torch.zeros(1, dtype=torch.long, device=self.device))
        return counter.get_total_flops()

    def whole_head(self) -> None:
        spec = published_spec(64, 128)
        network, condition = self.network(spec, self.precision)
        torch.cuda.reset_peak_memory_stats()
        fifteen = self.seconds(lambda: self.walk(spec, network, condition, "dpmpp_2m", 15))
        self.figures["whole_head.dpmpp15_s"] = fifteen
        self.figures["whole_head.peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
        self.figures["whole_head.ddpm250_s"] = self.seconds(
            lambda: self.walk(spec, network, condition, "ddpm", None), 1
        )
        rate = 15 * self.flops(spec, network) / fifteen / 1e12
        self.figures["whole_head.tflops"] = rate
        if "matrix_tflops" in self.figures:
            self.figures["whole_head.share_of_matrix_rate"] = rate / self.figures["matrix_tflops"]

    def accelerations(self) -> None:
        """Time to the first step and time a step, each way."""
        spec = published_spec(64, 128)
        for how in ACCELERATIONS:
            network, condition = self.network(spec, self.precision)
            torch.cuda.synchronize()
            started = time.perf_counter()
            fast = accelerated(network, how)
            self.walk(spec, fast, condition, "dpmpp_2m", 1)
            torch.cuda.synchronize()
            self.figures[f"acceleration.{how}.first_image_s"] = time.perf_counter() - started
            steps = self.seconds(lambda fast=fast, c=condition: self.walk(spec, fast, c, "dpmpp_2m", 15))
            self.figures[f"acceleration.{how}.step_s"] = steps / 15

    def brats(self) -> None:
        described = json.loads((RESOURCES / "training/brats.json").read_text(encoding="utf-8"))["model"]
        spec = ModelSpec.from_dict(described)
        network, condition = self.network(spec, self.precision)
        torch.cuda.reset_peak_memory_stats()
        self.figures["brats.dpmpp15_s"] = self.seconds(lambda: self.walk(spec, network, condition, "dpmpp_2m", 15))
        self.figures["brats.peak_gb"] = torch.cuda.max_memory_allocated() / 1e9

    def bundled(self) -> None:
        """From the mask on the model's grid to the image on it, at the model's own sampler and steps."""
        model = load_model("default", str(self.device))
        plan = model.plan(Volume.read(RESOURCES / "masks/one_tumor.nii.gz", labels=True), None, "model")

        def call():
            *_, last = model.run(plan, Settings(output_grid="model"))
            return last.images.cpu()

        self.figures["bundled.own_s"] = self.seconds(call)

    def half_precision(self) -> None:
        spec = published_spec(64, 64)
        exact, condition = self.network(spec, torch.float32)
        half, _ = self.network(spec, self.precision)
        pair = condition.expand(2, -1, -1, -1, -1)
        for name, steps in (("one_step", 1), ("final_image", 15)):
            wanted = self.walk(spec, exact, condition, "dpmpp_2m", steps, torch.float32)
            self.figures[f"half.{name}"] = distance(self.walk(spec, half, condition, "dpmpp_2m", steps), wanted)
        together = self.walk(spec, half, pair, "dpmpp_2m", 15)[1:]
        self.figures["half.batch"] = distance(together, self.walk(spec, half, condition, "dpmpp_2m", 15, seed=1))

    def memory(self) -> None:
        """What was counted beforehand, with its margin, over what the allocator says; and slabs against the whole."""
        spec = published_spec(64, 128)
        network, condition = self.network(spec, self.precision)
        before = torch.cuda.memory_allocated()
        whole = {}
        for planes in (0, 8):
            network.slab_planes = planes
            torch.cuda.reset_peak_memory_stats()
            whole[planes] = self.walk(spec, network, condition, "dpmpp_2m", 2)
            peak = torch.cuda.max_memory_allocated() - before
            counted = MARGIN * working_memory(spec, self.precision, 1, planes)
            self.figures[f"memory.peak_gb_slabs_{planes}"] = peak / 1e9
            if not planes:
                self.figures["memory.counted_over_measured"] = counted / peak
        self.figures["memory.slabs"] = distance(whole[8], whole[0])

    def rival(self) -> None:
        """One step of the published network in float32, as the published sampler runs it, against ours."""
        if not self.published_code:
            return
        spec = published_spec(64, 128)
        network, condition = self.network(spec, torch.float32)
        theirs = published(self.published_code, 64, 128, network).eval().requires_grad_(False).to(self.device)
        x = torch.cat([torch.randn(1, 1, *spec.grid.shape, device=self.device), condition], dim=1)
        t = torch.tensor([125], device=self.device)
        with torch.no_grad():
            self.figures["published.step_s"] = self.seconds(lambda: theirs(x, t))
        if "whole_head.ddpm250_s" in self.figures:
            ours = self.figures["whole_head.ddpm250_s"] / 250
            self.figures["whole_head.times_published"] = self.figures["published.step_s"] / ours

    def trainer(self) -> None:
        args = argparse.Namespace(size=128, base=64, repeats=3, published=self.published_code)
        rows = {row["trainer"]: row for row in training(args, self.device)}
        for name, row in rows.items():
            self.figures[f"training.{name}.images_s"] = row["images/s (wall)"]
            self.figures[f"training.{name}.peak_gb"] = row["peak GB"]
        own = next(row for name, row in rows.items() if name.startswith("ours (b") or name.startswith("ours (f"))
        if self.published_code:
            self.figures["training.times_published"] = own["times as fast (wall)"]
        kept = next(row for name, row in rows.items() if "checkpointed" in name)
        state = 4 * 4 * 40.2e6 / 1e9  # weights, averaged weights and Adam's two moments, made before the step
        self.figures["training.checkpointed_gb"] = kept["peak GB"] + state

    def cancel(self) -> None:
        """From leaving the loop in mid-run until the GPU is idle."""
        model = load_model("default", str(self.device))
        plan = model.plan(Volume.read(RESOURCES / "masks/one_tumor.nii.gz", labels=True), None, "model")
        walk = model.run(plan, Settings(steps=100, output_grid="model"))
        for _ in range(10):
            next(walk)
        started = time.perf_counter()
        walk.close()
        torch.cuda.synchronize()
        self.figures["cancel_s"] = time.perf_counter() - started


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Relative L2."""
    return float((found.float() - wanted.float()).norm() / wanted.float().norm())
