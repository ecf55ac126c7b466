"""model.json as typed data: everything about a model but its weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from ..anatomy.intensity import CONVENTIONS, convention_in
from ..base.errors import ModelError, shown
from ..base.typed_json import (
    above_up_to,
    at_least,
    count_within,
    from_json,
    given_entries,
    one_of,
    read_json,
    to_json,
    within,
)
from ..diffusion.domain import Domain
from ..diffusion.names import PREDICTIONS, SAMPLERS
from ..volumes.grid import ModelGrid
from ..volumes.labels import LabelScheme
from .catalogue import SPEC_FILE

FORMAT_VERSION = 1
MOST_STAGES = 8
DIFFUSION = "diffusion"
FLOAT, INT8 = "float", "int8"
KINDS = (DIFFUSION, "pix2pix", "discogan")
ATLAS_FACTOR = 2
"""Voxels of the model grid along one axis that one voxel of an atlas covers."""
ATLAS_BLOCK = 2 * ATLAS_FACTOR
"""What divides the sizes of a grid that can have an atlas: it is fitted at half its size."""


@dataclass(frozen=True)
class _Generator:
    """What may be said of a baseline's generator."""

    base_channels: Annotated[int, within(2, 1024)] = 64
    channel_multipliers: Annotated[tuple[Annotated[int, within(1, 64)], ...], count_within(1, 8)] = (1,)
    groups: Annotated[int, at_least(1)] = 32


@dataclass(frozen=True)
class _UNet(_Generator):
    """What may be said of a U-Net."""

    res_blocks: Annotated[int, within(1, 8)] = 1
    attention_factors: tuple[int, ...] = ()
    bottom_attention: bool = True


@dataclass(frozen=True)
class StageSpec:
    """One diffusion process of a model: what it diffuses, and the network that it trains.

    prediction: what the network predicts, "noise", "v" or "x0". timesteps: of the cosine schedule. network: arguments
    of `MedDDPMCore.networks.unet.UNet` beside its channel counts, which follow from the domain and the label scheme.
    temperature: standard deviation of the noise in sampling; below 1 the images are smoother and differ less, which
    suits a network that has not been trained for long.
    A "haar_detail" stage refines what the one before made, averaged where that is finer than its own coarse image.
    The generators of the baselines (`networks.translation`) are such a stage of a single step: voxels, x0, timesteps 1.
    """

    domain: Domain
    prediction: Annotated[str, one_of(PREDICTIONS)]
    timesteps: Annotated[int, within(1, 10000)]
    network: dict
    temperature: Annotated[float, above_up_to(0, 1)] = 1.0


@dataclass(frozen=True)
class ModelSpec:
    """What a model is: its labels, grid, modalities and stages (coarse to fine), and what it says about itself.

    kind: "diffusion", or the baselines "pix2pix" and "discogan", which make an image in one step.
    convention: of the intensities it was trained in, a name of `anatomy.intensity.CONVENTIONS`, "" where that is not
    known (yet); intensity says the same in words. Of a description without it, the words tell.
    atlas: whether a mean head, bent into the mask (`models.atlas`), is a condition too.
    weight_format: how the file holds the weights, "float" or "int8" (`models.bundle`); of the file, not of the model.
    """

    name: str
    labels: LabelScheme
    grid: ModelGrid
    modalities: tuple[str, ...]
    stages: Annotated[tuple[StageSpec, ...], count_within(1, MOST_STAGES)]
    sampler: Annotated[str, one_of(SAMPLERS)] = SAMPLERS[0]
    steps: Annotated[int, within(1, 10000)] = 15
    kind: Annotated[str, one_of(KINDS)] = DIFFUSION
    title: str = ""
    licence: str = ""
    training_data: str = ""
    convention: Annotated[str, one_of(("", *CONVENTIONS))] = ""
    intensity: str = ""
    notes: str = ""
    atlas: bool = False
    weight_format: Annotated[str, one_of((FLOAT, INT8))] = field(default=FLOAT, compare=False)
    weights_sha256: str = field(default="", compare=False)

    @property
    def conditions(self) -> int:
        """How many channels on the model grid the networks are given beside what they diffuse."""
        return len(self.labels.channels) + (len(self.modalities) if self.atlas else 0)

    def to_dict(self) -> dict:
        """A JSON-ready dictionary; `from_dict` is its inverse."""
        values = {"format_version": FORMAT_VERSION, **to_json(self)}
        if self.weight_format == FLOAT:  # as older programs, which know no other, expect it
            del values["weight_format"]
        return values

    @classmethod
    def read(cls, folder: str | Path) -> ModelSpec:
        """The description of the model in a folder; ModelError as of `from_dict`."""
        path = Path(folder) / SPEC_FILE
        return cls.from_dict(read_json(path, ModelError), shown(path))

    @classmethod
    def from_dict(cls, values: object, where: str = SPEC_FILE) -> ModelSpec:
        """Raises ModelError naming what holds the values and the entry that is missing, unknown or out of range."""
        values = dict(values) if isinstance(values, dict) else {}
        version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ModelError(
                f"{where} has format version {str(version)[:40]}; this program reads version {FORMAT_VERSION}.",
                "Update MedDDPMCore, or import the model again.",
            )
        spec = from_json(cls, values, where, ModelError)
        known = _UNet if spec.kind == DIFFUSION else _Generator
        networks = [
            given_entries(known, stage.network, where, ModelError, f"stages[{i}].network")
            for i, stage in enumerate(spec.stages)
        ]
        stages = (replace(stage, network=network) for stage, network in zip(spec.stages, networks, strict=True))
        spec = replace(spec, stages=tuple(stages), convention=spec.convention or convention_in(spec.intensity))
        try:
            spec._check()
        except ModelError as error:
            raise ModelError(f"{where}: {error.message}", error.hint) from error
        return spec

    def _check(self) -> None:
        """ModelError where parts that are right by themselves do not fit each other."""
        names = {name.strip() for name in self.modalities}
        if not names or "" in names or len(names) < len(self.modalities):
            raise ModelError("The modalities need names, each its own.")
        if self.kind != DIFFUSION:
            self._check_one_step()
        if self.atlas and self.kind != DIFFUSION:
            raise ModelError(f"A {self.kind} model takes no atlas.")
        if self.atlas and any(n % ATLAS_BLOCK for n in self.grid.shape):
            raise ModelError(f"An atlas needs grid sizes that {ATLAS_BLOCK} divides, not {self.grid.shape}.")
        factors = [2 * self.stages[0].domain.factor]
        for i, stage in enumerate(self.stages):
            domain = stage.domain
            if domain.channels != len(self.modalities):
                raise ModelError(f"Stage {i} makes {domain.channels} images, but {len(self.modalities)} are named.")
            if any(n % domain.block for n in self.grid.shape):
                raise ModelError(f"Stage {i} needs grid sizes that {domain.block} divides, not {self.grid.shape}.")
            if (domain.kind == "haar_detail") != (i > 0) or 2 * domain.factor % factors[-1]:
                raise ModelError(
                    f"Stage {i} does not follow from the one before: it must refine that image, or an average of it."
                )
            factors.append(domain.factor)
            if len(domain.mean) != len(domain.std) or len(domain.std) not in (0, domain.x_channels):
                raise ModelError(f"Stage {i} needs {domain.x_channels} means and standard deviations, or none.")
            network = {**vars(_UNet()), **stage.network}
            widths = [network["base_channels"] * multiplier for multiplier in network["channel_multipliers"]]
            if any(width % network["groups"] for width in widths):
                raise ModelError(f"The {network['groups']} norm groups of stage {i}'s network do not divide {widths}.")

    def _check_one_step(self) -> None:
        stage = self.stages[0]
        layout = (len(self.stages), stage.domain.kind, stage.domain.factor, stage.prediction, stage.timesteps)
        if layout != (1, "voxels", 1, "x0", 1):
            raise ModelError(
                f"A {self.kind} model has one stage of 1 timestep, over voxels of factor 1, predicting x0."
            )
