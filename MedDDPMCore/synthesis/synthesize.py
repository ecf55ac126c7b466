"""Mask in, MRI out: a loaded model and the walk from noise to volumes on the mask's own geometry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..anatomy.completed import completed
from ..base.device import pick_device, pick_precision, placed
from ..base.errors import LabelError, MedDDPMError
from ..base.shortage import memory_explained
from ..diffusion.samplers import SAMPLERS, Sampler
from ..models.bundle import load_with_atlas
from ..models.catalogue import DEFAULT, find_model
from ..models.footprint import stage_work
from ..models.stage import in_precision
from ..networks.unet import UNet
from ..volumes.geometry import Geometry, triple
from ..volumes.labels import LabelMapping, LabelReport
from ..volumes.volume import Volume, resample_image, resample_labels
from .fitting import Fit, fit
from .output import Making, Synthesis
from .plan import Plan, Settings
from .walk import Filling, WalkStep, walk

__all__ = ["AIR", "Model", "Plan", "Progress", "Settings", "Synthesis", "load_model"]

AIR = -1.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """index of total steps are done, and this share of the run's work, as the steps of a finer stage take longer. The
    samples with these seeds are at work, or, when finished, made.

    model: where the run takes place, and in which precision. plan: that of the run, with what it warns of beside what
    it did when it was made. images is made when it is first looked at.
    """

    index: int
    total: int
    share: float
    seeds: tuple[int, ...]
    step: WalkStep
    model: Model
    plan: Plan
    settings: Settings

    @property
    def finished(self) -> bool:
        """Whether the samples with these seeds are made."""
        return self.step.finished

    @cached_property
    def images(self) -> Tensor:
        """(batch, modality, z, y, x) -1..1, the present guess, on the model grid or coarser."""
        with torch.inference_mode():
            return self.step.image()

    def made(self) -> Tensor:
        """The same, before what is known of the image was put in."""
        with torch.inference_mode():
            return self.step.made()

    def results(self) -> list[Synthesis]:
        """The present guess of each sample, as volumes on the output geometry."""
        return [
            Synthesis(
                {name: resample_image(image, self.plan.output, AIR) for name, image in sample.items()},
                seed,
                self.making,
            )
            for sample, seed in zip(self.on_model_grid(), self.seeds, strict=True)
        ]

    @property
    def making(self) -> Making:
        """How the samples are made, as their records say it."""
        return Making(
            spec=self.model.spec,
            device=str(self.model.device),
            precision=str(self.model.precision).removeprefix("torch."),
            plan=self.plan,
            settings=self.settings,
        )

    def on_model_grid(self) -> list[dict[str, Volume]]:
        """The same on the model's own grid, or a coarser one in its place: at no cost, for previews."""
        grid = coarser(self.plan.grid, self.plan.grid.shape[0] // self.images.shape[2])
        return [
            {name: Volume(channel, grid) for name, channel in zip(self.model.spec.modalities, sample, strict=True)}
            for sample in self.images.float().cpu().numpy()
        ]


class Model:
    """A model ready to run on a device. Made by `load_model`."""

    def __init__(self, folder: Path, device: torch.device, precision: torch.dtype):
        self.folder, self.device, self.precision = folder, device, precision
        self.spec, networks, atlas = load_with_atlas(folder)
        bends = device.type == "cuda"  # older versions of torch do not sample volumes on Apple's GPUs
        with device_memory_explained(device):
            self.atlas = atlas.to(device) if atlas and bends else atlas
            self.networks = [placed(in_precision(network, precision), device) for network in networks]

    @property
    def network(self) -> torch.nn.Module:
        """The raw network of the first stage: network(x, t), x (batch, channels, z, y, x), t (batch,)."""
        return self.networks[0]

    def fitted(self, plan: Plan) -> Plan:
        """The plan, with words where it does not fit into the memory that is free now."""
        return plan.warned(fit(self.spec, self.device, self.precision).warnings)

    def place(
        self,
        mask: Volume,
        mapping: LabelMapping | None = None,
        output_grid: str = "mask",
        mri: Volume | None = None,
    ) -> Plan:
        """Checks a label volume and brings it onto the model's grid. LabelError says what a clinician can do about it.

        mri: the patient's, (z, y, x), from which a mask of a tumour alone gets its head; the result is then on the
        MRI's voxels (see `anatomy.completed`). It can be made while the model is at work on another.
        """
        return self.on_grid(*completed(mask, self.spec.labels, mapping, mri), output_grid)

    def on_grid(self, own: Volume, report: LabelReport, output_grid: str = "mask") -> Plan:
        """`place` of a mask that was examined: in the scheme's values, and what was found of it."""
        scheme, grid = self.spec.labels, self.spec.grid
        geometry = grid.geometry_for(own, scheme.head_values)
        warnings = [*report.warnings, *grid.warnings_for(own, geometry, scheme.head_values)]
        labels = resample_labels(own, geometry).array
        if not labels.any():
            raise LabelError(
                "No part of the head lies in the model's field of view.", "Check the mask's spacing and units."
            )
        digest = hashlib.sha256(np.ascontiguousarray(own.array).data)
        place = np.array([*own.geometry.shape, *np.round(own.geometry.affine_lps, 4).ravel()]) + 0.0  # no -0
        digest.update(place.tobytes())
        target = own.geometry if output_grid == "mask" else geometry
        return Plan(
            labels=labels,
            grid=geometry,
            output=target,
            mask_sha256=digest.hexdigest(),
            warnings=tuple(warnings),
            notes=tuple(report.notes),
        )

    def steps(
        self,
        mask: Volume,
        *,
        seed: int = 0,
        sampler: str | None = None,
        steps: int | None = None,
        samples: int = 1,
        batch_size: int = 1,
        output_grid: str = "mask",
        labels: LabelMapping | None = None,
        mri: Volume | None = None,
    ) -> Iterator[Progress]:
        """Synthesizes step by step: yields a Progress after each, with previews; leaving the loop stops the work.

        Arguments and errors as of `synthesize`.
        """
        settings = Settings(
            seed=seed, sampler=sampler, steps=steps, samples=samples, batch_size=batch_size, output_grid=output_grid
        )
        yield from self.run(self.place(mask, labels, output_grid, mri), settings)

    def synthesize(
        self,
        mask: Volume,
        *,
        seed: int = 0,
        sampler: str | None = None,
        steps: int | None = None,
        samples: int = 1,
        batch_size: int = 1,
        output_grid: str = "mask",
        labels: LabelMapping | None = None,
        mri: Volume | None = None,
    ) -> list[Synthesis]:
        """All samples for a label volume (z, y, x), on its own geometry voxel for voxel (or the model's:
        output_grid="model").

        labels: label names -> the values that this mask uses, where these are not the model's own. mri: see `place`.
        The rest as in `Settings`.
        Raises LabelError for labels that do not fit, MedDDPMError for settings out of range, ResourceError without
        memory.
        """
        results = []
        for progress in self.steps(
            mask,
            seed=seed,
            sampler=sampler,
            steps=steps,
            samples=samples,
            batch_size=batch_size,
            output_grid=output_grid,
            labels=labels,
            mri=mri,
        ):
            if progress.finished:
                results += progress.results()
        return results

    def run(self, plan: Plan, settings: Settings, filling: Filling | None = None) -> Iterator[Progress]:
        """Yields Progress after each step of each batch of samples of a plan; with `filling`, of images of which part
        is known. Where the run takes place is decided by the memory that is free now, for this run alone."""
        sampling = self.sampler_for(settings)
        placed, fitted = self.placed(settings)
        yield from placed._run(plan.warned(fitted.warnings), settings, filling, sampling, fitted.batch_size)

    def _run(
        self, plan: Plan, settings: Settings, filling: Filling | None, sampler: Sampler, batch_size: int
    ) -> Iterator[Progress]:
        if filling is not None:
            filling = replace(filling, known=filling.known.to(self.device))
        condition = self.condition(plan.labels)
        counts = [min(settings.steps or self.spec.steps, stage.timesteps) for stage in self.spec.stages]
        work = np.cumsum(np.repeat(self._step_work(filling), counts))
        total, done = len(work) * settings.samples, 0
        for first in range(0, settings.samples, batch_size):
            seeds = tuple(settings.seed + k for k in range(first, min(first + batch_size, settings.samples)))
            with device_memory_explained(self.device):
                steps = walk(
                    self.spec.stages,
                    self.networks,
                    condition.expand(len(seeds), -1, -1, -1, -1),
                    sampler=sampler,
                    counts=counts,
                    generators=[torch.Generator().manual_seed(seed) for seed in seeds],
                    precision=self.precision,
                    filling=filling,
                )
                for step, worked in zip(steps, work / work[-1], strict=True):
                    done += len(seeds)
                    yield Progress(
                        index=done,
                        total=total,
                        share=float(first + len(seeds) * worked) / settings.samples,
                        seeds=seeds,
                        step=step,
                        model=self,
                        plan=plan,
                        settings=settings,
                    )

    def _step_work(self, filling: Filling | None) -> list[float]:
        """Operations of a step of each stage, in its window where part of the image is known."""
        work = [float(stage_work(self.spec, stage)) for stage in self.spec.stages]
        if filling is None:
            return work
        whole = np.prod(self.spec.grid.shape)
        return [
            w * np.prod([s.stop - s.start for s in window]) / whole
            for w, window in zip(work, filling.windows, strict=True)
        ]

    def placed(self, settings: Settings) -> tuple[Model, Fit]:
        """The model where a run fits into the memory which is free now: itself, or a copy on another device; and how it
        fits."""
        fitted = fit(self.spec, self.device, self.precision, min(settings.batch_size, settings.samples))
        placed_model = self
        if fitted.device != self.device:
            placed_model = Model(self.folder, fitted.device, pick_precision("auto", fitted.device))
        for network in placed_model.networks:
            if isinstance(network, UNet):
                network.slab_planes = fitted.slab_planes
        return placed_model, fitted

    def condition(self, labels: np.ndarray) -> Tensor:
        """Condition channels (1, channel, z, y, x) for labels (z, y, x) on the model grid, on the model's device: label
        channels, then the atlas bent into the head, where the model has one."""
        with device_memory_explained(self.device):
            channels = torch.from_numpy(self.spec.labels.to_condition(labels)).to(self.device)[None]
            if self.atlas is None:
                return channels
            bent = self.atlas.onto(torch.from_numpy(labels > 0).to(self.atlas.head.device))
            return torch.cat([channels, bent.to(self.device)[None]], dim=1)

    def sampler_for(self, settings: Settings) -> Sampler:
        """The sampler that settings ask for; MedDDPMError where any of them is out of range."""
        name = settings.sampler or self.spec.sampler
        if name not in SAMPLERS:
            raise MedDDPMError(f"There is no sampler {name!r}.", f"Choose one of {', '.join(SAMPLERS)}.")
        longest = max(stage.timesteps for stage in self.spec.stages)
        if settings.steps is not None and not 1 <= settings.steps <= longest:
            raise MedDDPMError(f"{settings.steps} steps were asked for.", f"This model takes 1 to {longest}.")
        if settings.samples < 1 or settings.batch_size < 1:
            raise MedDDPMError("The number of samples and the batch size must be at least 1.")
        if not 0 <= settings.seed < 2**63:
            raise MedDDPMError(f"The seed {settings.seed} is not a whole number from 0 to 2^63 - 1.")
        if settings.output_grid not in ("mask", "model"):
            raise MedDDPMError(f"Unknown output grid {settings.output_grid!r}.", "Choose mask or model.")
        return SAMPLERS[name]


def load_model(name_or_path: str | Path = DEFAULT, device: str = "auto", precision: str = "auto") -> Model:
    """A model by name or folder, on a device ("auto", "cpu", "cuda:0" …), computing in a precision ("auto",
    "float32", "bfloat16" …).

    Raises ModelError for a model that is not there or damaged, ResourceError for a device that cannot be used.
    """
    picked = pick_device(device)
    return Model(find_model(name_or_path), picked, pick_precision(precision, picked))


def coarser(geometry: Geometry, factor: int) -> Geometry:
    """The geometry whose voxels are blocks of factor^3 voxels of this one."""
    if factor == 1:
        return geometry
    shape = triple(n // factor for n in geometry.shape)
    spacing = triple(s * factor for s in geometry.spacing)
    return Geometry(shape, spacing, triple(geometry.to_world(np.full(3, (factor - 1) / 2))), geometry.direction)


def device_memory_explained(device: torch.device) -> AbstractContextManager[None]:
    """Makes of a lack of memory in synthesis a ResourceError that says what to do."""
    return memory_explained(
        f"The device {device}",
        "Make fewer samples at once, close other programs that use it, choose a smaller model, or the device cpu.",
    )
