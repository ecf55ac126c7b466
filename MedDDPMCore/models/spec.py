"""model.json as typed data: everything about a model but its weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from ..diffusion.domain import DOMAINS, Domain
from ..diffusion.objective import PREDICTIONS
from ..errors import ModelError
from ..grid import ModelGrid
from ..labels import LabelScheme

FORMAT_VERSION = 1


@dataclass(frozen=True)
class StageSpec:
    """One diffusion process of a model: what it diffuses, and the network that it trains.

    prediction: what the network predicts, "noise", "v" or "x0". timesteps: of the cosine schedule. network: arguments of
    `MedDDPMCore.networks.unet.UNet` beside its channel counts, which follow from the domain and the label scheme.
    """

    domain: Domain
    prediction: str
    timesteps: int
    network: dict


@dataclass(frozen=True)
class ModelSpec:
    """What a model is: its labels, grid, modalities and stages (coarse to fine), and what it should say about itself."""

    name: str
    labels: LabelScheme
    grid: ModelGrid
    modalities: tuple[str, ...]
    stages: tuple[StageSpec, ...]
    sampler: str = "dpmpp_2m"
    steps: int = 15
    title: str = ""
    licence: str = ""
    training_data: str = ""
    intensity: str = ""
    notes: str = ""
    weights_sha256: str = field(default="", compare=False)

    def to_dict(self) -> dict:
        """A JSON-ready dictionary; `from_dict` is its inverse."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["labels"] = self.labels.to_dict()
        values["grid"] = self.grid.to_dict()
        values["modalities"] = list(self.modalities)
        values["stages"] = [dataclasses.asdict(stage) for stage in self.stages]
        return {"format_version": FORMAT_VERSION, **values}

    @classmethod
    def from_dict(cls, values: dict) -> ModelSpec:
        """Raises ModelError naming the entry that is missing, unknown or out of range."""
        if not isinstance(values, dict):
            raise ModelError("model.json does not hold a JSON object.")
        values = dict(values)
        version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ModelError(
                f"model.json has format version {version!r}; this program reads version {FORMAT_VERSION}.",
                "Update MedDDPMCore, or import the model again.",
            )
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ModelError(f"model.json has unknown entries: {', '.join(unknown)}.")
        try:
            values["labels"] = LabelScheme.from_dict(values["labels"])
            values["grid"] = ModelGrid.from_dict(values["grid"])
            values["modalities"] = tuple(values["modalities"])
            values["stages"] = tuple(_stage(stage) for stage in values["stages"])
            spec = cls(**values)
        except KeyError as missing:
            raise ModelError(f"model.json lacks the entry {missing}.") from missing
        except (TypeError, ValueError) as wrong:
            raise ModelError(f"model.json cannot be understood: {wrong}.") from wrong
        if not spec.stages or not spec.modalities:
            raise ModelError("model.json names no stages or no modalities.")
        return spec


def _stage(values: dict) -> StageSpec:
    domain = Domain(**{k: tuple(v) if isinstance(v, list) else v for k, v in values["domain"].items()})
    if domain.kind not in DOMAINS:
        raise ValueError(f"unknown domain {domain.kind!r}, known are {', '.join(DOMAINS)}")
    if values["prediction"] not in PREDICTIONS:
        raise ValueError(f"unknown prediction {values['prediction']!r}, known are {', '.join(PREDICTIONS)}")
    if any(len(v) not in (0, domain.x_channels) for v in (domain.mean, domain.std)) or any(s <= 0 for s in domain.std):
        raise ValueError(f"the domain needs {domain.x_channels} means and positive standard deviations")
    if not 1 <= int(values["timesteps"]) <= 10000:
        raise ValueError(f"{values['timesteps']} timesteps are out of range")
    return StageSpec(domain, values["prediction"], int(values["timesteps"]), dict(values["network"]))


def read_json(path) -> dict:
    """The JSON object in a file; ModelError where it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}.") from error
