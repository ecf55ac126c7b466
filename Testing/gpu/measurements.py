"""The figures of targets.py, each group measured by a method of its own."""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from acceleration import accelerated
from alternating import synchronize
from comparison import training
from growth import published_spec
from rivals import filled, published
from torch.utils.flop_counter import FlopCounterMode

from MedDDPMCore.base.device import pick_precision
from MedDDPMCore.diffusion.samplers import SAMPLERS
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.models.footprint import working_memory
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.models.stage import build_network, denoiser, in_precision
from MedDDPMCore.synthesis.fitting import MARGIN
from MedDDPMCore.synthesis.synthesize import Model, Plan, Settings, load_model
from MedDDPMCore.volumes.volume import Geometry

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How large everything is. edge, brats: of the volumes; base: channels; steps: of the few-step sampler."""

    edge: int = 128
    brats: tuple[int, int, int] = (144, 192, 192)
    base: int = 64
    steps: int = 15
    ancestral: int = 250
    matrix: int = 8192
    own_steps: int | None = None
    accelerations: tuple[str, ...] = ("none", "graph", "compile")


REAL = Sizes()
DRY = Sizes(16, (16, 16, 16), 32, 2, 3, 256, 1, ("none",))


class Card:
    """One device and what was found on it. figures: by name; failed: group -> last line of its error."""

    def __init__(self, device: torch.device, published_code: str | None, sizes: Sizes = REAL):
        self.device, self.published_code, self.sizes = device, published_code, sizes
        self.precision = pick_precision("auto", device)
        self.figures: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    def measure(self, only: list[str] | None = None) -> Iterator[str]:
        """Each group, whose name is given when it is done; one that fails leaves its reason in `failed`."""
        for name in only or GROUPS:
            started = time.perf_counter()
            try:
                getattr(self, name)()
            except (RuntimeError, ValueError, OSError, AttributeError, TypeError, ImportError, LookupError) as error:
                traceback.print_exc()
                self.failed[name] = str(error).splitlines()[0] if str(error) else type(error).__name__
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.figures[f"{name}.whole_group_s"] = time.perf_counter() - started
            yield name

    def seconds(self, call, repeats: int = 3) -> float:
        """The shortest of some calls, after one to warm up."""
        call()
        taken = []
        for _ in range(repeats):
            synchronize(self.device)
            started = time.perf_counter()
            call()
            synchronize(self.device)
            taken.append(time.perf_counter() - started)
        return min(taken)

    def start_counting(self) -> None:
        """Of the memory at its fullest."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> int:
        """Bytes of the allocator at their fullest since; not known of a CPU."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else 1

    def matrix_rate(self) -> None:
        """The card's own rate of matrix products, TFLOP/s."""
        n = self.sizes.matrix
        a, b = (torch.randn(n, n, device=self.device, dtype=self.precision) for _ in range(2))
        self.figures["matrix_tflops"] = 2 * n**3 / self.seconds(lambda: a @ b, 10) / 1e12

    def network(self, spec: ModelSpec, precision: torch.dtype):
        """A stage's network with random weights, each time the same, and packed condition channels."""
        torch.manual_seed(0)
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
        with (
            FlopCounterMode(display=False) as counter,
            torch.inference_mode(),
            torch.autocast(self.device.type, self.precision),
        ):
            network(x, torch.zeros(1, dtype=torch.long, device=self.device))
        return counter.get_total_flops()

    def whole_head(self) -> None:
        spec = published_spec(self.sizes.base, self.sizes.edge)
        network, condition = self.network(spec, self.precision)
        self.start_counting()
        few = self.sizes.steps
        fifteen = self.seconds(lambda: self.walk(spec, network, condition, "dpmpp_2m", few))
        self.figures["whole_head.dpmpp15_s"] = fifteen
        self.figures["whole_head.peak_gb"] = self.peak() / 1e9
        self.figures["whole_head.ddpm250_s"] = self.seconds(
            lambda: self.walk(spec, network, condition, "ddpm", self.sizes.ancestral), 1
        )
        rate = few * self.flops(spec, network) / fifteen / 1e12
        self.figures["whole_head.tflops"] = rate
        if "matrix_tflops" in self.figures:
            self.figures["whole_head.share_of_matrix_rate"] = rate / self.figures["matrix_tflops"]

    def accelerations(self) -> None:
        """Time to the first step and time a step, each way."""
        spec = published_spec(self.sizes.base, self.sizes.edge)
        for how in self.sizes.accelerations:
            network, condition = self.network(spec, self.precision)
            synchronize(self.device)
            started = time.perf_counter()
            fast = accelerated(network, how)
            self.walk(spec, fast, condition, "dpmpp_2m", 1)
            synchronize(self.device)
            self.figures[f"acceleration.{how}.first_image_s"] = time.perf_counter() - started
            steps = self.seconds(lambda fast=fast, c=condition: self.walk(spec, fast, c, "dpmpp_2m", self.sizes.steps))
            self.figures[f"acceleration.{how}.step_s"] = steps / self.sizes.steps

    def brats(self) -> None:
        described = json.loads((RESOURCES / "training/brats.json").read_text(encoding="utf-8"))["model"]
        described["grid"]["shape"] = list(self.sizes.brats)
        described["stages"][0]["network"]["base_channels"] = self.sizes.base
        spec = ModelSpec.from_dict(described)
        network, condition = self.network(spec, self.precision)
        self.start_counting()
        self.figures["brats.dpmpp15_s"] = self.seconds(
            lambda: self.walk(spec, network, condition, "dpmpp_2m", self.sizes.steps)
        )
        self.figures["brats.peak_gb"] = self.peak() / 1e9

    def bundled(self) -> None:
        """From the labels on the model's grid to the image on it, at the model's own sampler and steps."""
        model, plan = self.default_model()

        def call() -> torch.Tensor:
            *_, last = model.run(plan, Settings(steps=self.sizes.own_steps, output_grid="model"))
            return last.images.cpu()

        self.figures["bundled.own_s"] = self.seconds(call)
        self.figures["bundled.condition_s"] = self.seconds(lambda: model.condition(plan.labels))

    def default_model(self) -> tuple[Model, Plan]:
        """The bundled model, and an egg with a ball in it on its grid: no file is read, so no package for it needed."""
        model = load_model("default", str(self.device))
        shape = model.spec.grid.shape
        z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
        labels = (z**2 + (y / 0.8) ** 2 + (x / 0.8) ** 2 < 0.7).astype(np.uint8)
        labels[z**2 + y**2 + (x - 0.3) ** 2 < 0.02] = 2
        grid = Geometry(shape, model.spec.grid.spacing, (0.0, 0.0, 0.0), np.eye(3))
        return model, Plan(labels=labels, grid=grid, output=grid, mask_sha256="")

    def half_precision(self) -> None:
        spec = published_spec(self.sizes.base, max(16, self.sizes.edge // 2))
        exact, condition = self.network(spec, torch.float32)
        half, _ = self.network(spec, self.precision)
        pair = condition.expand(2, -1, -1, -1, -1)
        for name, steps in (("one_step", 1), ("final_image", self.sizes.steps)):
            wanted = self.walk(spec, exact, condition, "dpmpp_2m", steps, torch.float32)
            self.figures[f"half.{name}"] = distance(self.walk(spec, half, condition, "dpmpp_2m", steps), wanted)
        for name, network, precision in (("", exact, torch.float32), ("_in_half", half, self.precision)):
            together = self.walk(spec, network, pair, "dpmpp_2m", self.sizes.steps, precision)[1:]
            alone = self.walk(spec, network, condition, "dpmpp_2m", self.sizes.steps, precision, seed=1)
            self.figures[f"batch{name}"] = distance(together, alone)

    def memory(self) -> None:
        """What was counted beforehand, with its margin, over what the allocator says; and slabs against the whole, in
        float32, as half precision rounds one and the other differently."""
        spec = published_spec(self.sizes.base, self.sizes.edge)
        network, condition = self.network(spec, self.precision)
        before = torch.cuda.memory_allocated(self.device) if self.device.type == "cuda" else 0
        for planes in (0, 8):
            network.slab_planes = planes
            self.start_counting()
            self.walk(spec, network, condition, "dpmpp_2m", 2)
            peak = self.peak() - before
            counted = MARGIN * working_memory(spec, self.precision, 1, planes)
            self.figures[f"memory.peak_gb_slabs_{planes}"] = peak / 1e9
            if not planes:
                self.figures["memory.counted_over_measured"] = counted / peak
        exact, condition = self.network(spec, torch.float32)
        images = []
        for exact.slab_planes in (0, 8):
            images.append(self.walk(spec, exact, condition, "dpmpp_2m", 2, torch.float32))
        self.figures["memory.slabs"] = distance(*images)

    def rival(self) -> None:
        """One step of the published network in float32, as the published sampler runs it, against ours."""
        if not self.published_code:
            return
        spec = published_spec(self.sizes.base, self.sizes.edge)
        network, condition = self.network(spec, torch.float32)
        theirs = (
            published(self.published_code, self.sizes.base, self.sizes.edge, network)
            .eval()
            .requires_grad_(False)
            .to(self.device)
        )
        x = torch.cat([torch.randn(1, 1, *spec.grid.shape, device=self.device), condition], dim=1)
        t = torch.tensor([125], device=self.device)
        with torch.no_grad():
            self.figures["published.step_s"] = self.seconds(lambda: theirs(x, t))
        if "whole_head.ddpm250_s" in self.figures:
            ours = self.figures["whole_head.ddpm250_s"] / self.sizes.ancestral
            self.figures["whole_head.times_published"] = self.figures["published.step_s"] / ours

    def trainer(self) -> None:
        args = argparse.Namespace(size=self.sizes.edge, base=self.sizes.base, repeats=3, published=self.published_code)
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
        model, plan = self.default_model()
        walk = model.run(plan, Settings(steps=100, output_grid="model"))
        for _ in range(2 if self.sizes is DRY else 10):
            next(walk)
        started = time.perf_counter()
        walk.close()
        synchronize(self.device)
        self.figures["cancel_s"] = time.perf_counter() - started


GROUPS = (
    "matrix_rate", "whole_head", "accelerations", "brats", "bundled", "half_precision", "memory", "rival", "trainer",
    "cancel",
)  # fmt: skip


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Relative L2."""
    return float((found.float() - wanted.float()).norm() / wanted.float().norm())
