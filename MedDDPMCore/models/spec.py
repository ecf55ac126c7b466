"""model.json as typed data: everything about a model but its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import ModelError, VolumeError
from ..diffusion.domain import DOMAINS, Domain
from ..diffusion.objective import PREDICTIONS
from ..diffusion.samplers import SAMPLERS
from ..volumes.grid import ModelGrid
from ..volumes.labels import LabelScheme
from .atlas import BLOCK
from .catalogue import SPEC_FILE, read_json
from .checks import check_choice, check_entries, check_range

FORMAT_VERSION = 1
MOST_STAGES = 8
DIFFUSION = "diffusion"
KINDS = (DIFFUSION, "pix2pix", "discogan")
_SPEC = {
    "name": str, "labels": dict, "grid": dict, "modalities": [str], "stages": [dict], "sampler": str, "steps": int,
    "kind": str, "title": str, "licence": str, "training_data": str, "intensity": str, "notes": str, "atlas": bool,
    "weights_sha256": str,
}  # fmt: skip
_LABELS = {
    "name": str, "values": {str: int}, "channels": [str], "low": float, "high": float, "head": [str], "required": [str],
}  # fmt: skip
_GRID = {"shape": [int], "spacing": [float], "placement": str, "axes": str}
_STAGE = {"domain": dict, "prediction": str, "timesteps": int, "network": dict, "temperature": float}
_DOMAIN = {"kind": str, "channels": int, "factor": int, "mean": [float], "std": [float]}
_NETWORK = {
    "base_channels": int, "channel_multipliers": [int], "res_blocks": int, "attention_factors": [int], "groups": int,
    "bottom_attention": bool,
}  # fmt: skip
_GENERATOR = {name: _NETWORK[name] for name in ("base_channels", "channel_multipliers", "groups")}


@dataclass(frozen=True)
class StageSpec:
    """One diffusion process of a model: what it diffuses, and the network that it trains.

    prediction: what the network predicts, "noise", "v" or "x0". timesteps: of the cosine schedule. network: arguments
    of `MedDDPMCore.networks.unet.UNet` beside its channel counts, which follow from the domain and the label scheme.
    temperature: standard deviation of the noise in sampling; below 1 the images are smoother and differ less, which
    suits a network that has not been trained for long.
    The generators of the baselines (`networks.translation`) are such a stage of a single step: voxels, x0, timesteps 1.
    """

    domain: Domain
    prediction: str
    timesteps: int
    network: dict
    temperature: float = 1.0


@dataclass(frozen=True)
class ModelSpec:
    """What a model is: its labels, grid, modalities and stages (coarse to fine), and what it says about itself.

    kind: "diffusion", or the baselines "pix2pix" and "discogan", which make an image in one step.
    atlas: whether a mean head, bent into the mask (`models.atlas`), is a condition too.
    """

    name: str
    labels: LabelScheme
    grid: ModelGrid
    modalities: tuple[str, ...]
    stages: tuple[StageSpec, ...]
    sampler: str = "dpmpp_2m"
    steps: int = 15
    kind: str = DIFFUSION
    title: str = ""
    licence: str = ""
    training_data: str = ""
    intensity: str = ""
    notes: str = ""
    atlas: bool = False
    weights_sha256: str = field(default="", compare=False)

    @property
    def conditions(self) -> int:
        """How many channels on the model grid the networks are given beside what they diffuse."""
        return len(self.labels.channels) + (len(self.modalities) if self.atlas else 0)

    def to_dict(self) -> dict:
        """A JSON-ready dictionary; `from_dict` is its inverse."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["labels"] = self.labels.to_dict()
        values["grid"] = self.grid.to_dict()
        values["modalities"] = list(self.modalities)
        values["stages"] = [dataclasses.asdict(stage) for stage in self.stages]
        return {"format_version": FORMAT_VERSION, **values}

    @classmethod
    def read(cls, folder: str | Path) -> ModelSpec:
        """The description of the model in a folder; ModelError as of `from_dict`."""
        return cls.from_dict(read_json(Path(folder) / SPEC_FILE))

    @classmethod
    def from_dict(cls, values: dict) -> ModelSpec:
        """Raises ModelError naming the entry that is missing, unknown or out of range."""
        values = dict(values) if isinstance(values, dict) else {}
        version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ModelError(
                f"model.json has format version {str(version)[:40]}; this program reads version {FORMAT_VERSION}.",
                "Update MedDDPMCore, or import the model again.",
            )
        optional = {f.name for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING}
        check_entries(values, _SPEC, "model.json", optional)
        values["labels"] = _labels(values["labels"])
        values["grid"] = _grid(values["grid"])
        values["modalities"] = tuple(values["modalities"])
        check_choice(values.get("kind", DIFFUSION), KINDS, "The kind of the model")
        known = _NETWORK if values.get("kind", DIFFUSION) == DIFFUSION else _GENERATOR
        values["stages"] = tuple(_stage(stage, f"stage {i}", known) for i, stage in enumerate(values["stages"]))
        spec = cls(**values)
        spec._check()
        return spec

    def _check(self) -> None:
        """ModelError where parts that are right by themselves do not fit each other."""
        check_range(len(self.stages), 1, MOST_STAGES, "The number of stages")
        check_choice(self.sampler, SAMPLERS, "The sampler")
        check_range(self.steps, 1, 10000, "The number of steps")
        names = {name.strip() for name in self.modalities}
        if not names or "" in names or len(names) < len(self.modalities):
            raise ModelError("The modalities need names, each its own.")
        if self.kind != DIFFUSION:
            self._check_one_step()
        if self.atlas and self.kind != DIFFUSION:
            raise ModelError(f"A {self.kind} model takes no atlas.")
        if self.atlas and any(n % BLOCK for n in self.grid.shape):
            raise ModelError(f"An atlas needs grid sizes that {BLOCK} divides, not {self.grid.shape}.")
        factors = [2 * self.stages[0].domain.factor]
        for i, stage in enumerate(self.stages):
            domain = stage.domain
            if domain.channels != len(self.modalities):
                raise ModelError(f"Stage {i} makes {domain.channels} images, but {len(self.modalities)} are named.")
            if any(n % domain.block for n in self.grid.shape):
                raise ModelError(f"Stage {i} needs grid sizes that {domain.block} divides, not {self.grid.shape}.")
            if (domain.kind == "haar_detail") != (i > 0) or 2 * domain.factor != factors[-1]:
                raise ModelError(f"Stage {i} does not follow from the one before: it must double its resolution.")
            factors.append(domain.factor)

    def _check_one_step(self) -> None:
        stage = self.stages[0]
        found = (len(self.stages), stage.domain.kind, stage.domain.factor, stage.prediction, stage.timesteps)
        if found != (1, "voxels", 1, "x0", 1):
            raise ModelError(
                f"A {self.kind} model has one stage of 1 timestep, over voxels of factor 1, predicting x0."
            )


def _labels(values: dict) -> LabelScheme:
    check_entries(values, _LABELS, "labels")
    for name, value in values["values"].items():
        check_range(value, 1, 255, f"The label {name[:40]!r}")
    return LabelScheme.from_dict(values)


def _grid(values: dict) -> ModelGrid:
    check_entries(values, _GRID, "grid", ("placement", "axes"))
    for n in values["shape"]:
        check_range(n, 1, 2048, "A size of the grid")
    try:
        return ModelGrid.from_dict(values)
    except VolumeError as error:
        raise ModelError(error.message, error.hint) from error


def _stage(values: dict, where: str, network_entries: dict) -> StageSpec:
    check_entries(values, _STAGE, where, ("temperature",))
    given = check_entries(values["domain"], _DOMAIN, f"the domain of {where}", ("channels", "factor", "mean", "std"))
    domain = Domain(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    check_choice(domain.kind, DOMAINS, f"The domain of {where}")
    check_choice(values["prediction"], PREDICTIONS, f"The prediction of {where}")
    check_range(domain.channels, 1, 64, f"The number of images of {where}")
    check_range(domain.factor, 1, 64, f"The factor of {where}")
    check_range(values["timesteps"], 1, 10000, f"The number of timesteps of {where}")
    if len(domain.mean) != len(domain.std) or len(domain.std) not in (0, domain.x_channels):
        raise ModelError(f"The domain of {where} needs {domain.x_channels} means and standard deviations, or none.")
    if any(s <= 0 for s in domain.std):
        raise ModelError(f"The domain of {where} has a standard deviation that is not positive.")
    network = _network(values["network"], f"the network of {where}", network_entries)
    temperature = values.get("temperature", 1.0)
    if not 0 < temperature <= 1:
        raise ModelError(f"The temperature of {where} must be above 0 and at most 1, not {temperature}.")
    return StageSpec(domain, values["prediction"], values["timesteps"], network, temperature)


def _network(values: dict, where: str, known: dict) -> dict:
    """The values, once they are known to describe a network that can be built in a moment."""
    check_entries(values, known, where, known)
    multipliers = values.get("channel_multipliers", [1])
    check_range(len(multipliers), 1, 8, f"The number of levels of {where}")
    check_range(values.get("res_blocks", 1), 1, 8, f"res_blocks of {where}")
    base, groups = values.get("base_channels", 64), values.get("groups", 32)
    check_range(base, 2, 1024, f"base_channels of {where}")
    for multiplier in multipliers:
        check_range(multiplier, 1, 64, f"A channel multiplier of {where}")
    if groups < 1 or any(base * multiplier % groups for multiplier in multipliers):
        raise ModelError(f"{where} has {groups} norm groups, which do not divide all its widths.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
