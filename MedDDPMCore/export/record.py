"""The record that lies beside a synthetic image, read back: nothing is exported as synthetic without it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import VolumeError
from ..volume_files import ENDINGS

RESEARCH_ONLY = "Not a scan of any person. Research only, not for diagnosis."


@dataclass(frozen=True)
class Record:
    """What an exported image says of its making: the model's name and weights (SHA-256), the seed, the contrast."""

    model: str
    model_sha256: str
    seed: int
    modality: str
    sampler: str = ""
    steps: int = 0

    @property
    def title(self) -> str:
        """One line for the places where viewers show little: "SYNTHETIC T1 default seed 4"."""
        return f"SYNTHETIC {self.modality} {self.model} seed {self.seed}"

    @property
    def model_id(self) -> str:
        """The model's name and the beginning of its weights' hash: "default 68b00247"."""
        return f"{self.model} {self.model_sha256[:8]}"

    @property
    def statement(self) -> str:
        """Some sentences for the places where there is room."""
        how = f", sampler {self.sampler}, {self.steps} steps" if self.sampler else ""
        return (
            f"SYNTHETIC {self.modality} image made by a generative model (MedDDPM, model {self.model_id}, seed "
            f"{self.seed}{how}) from a mask. {RESEARCH_ONLY}"
        )


def read_record(path: Path) -> Record:
    """From a JSON file as `synthesis.output` writes it. VolumeError where it is missing, or tells of no synthetic
    image."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["synthetic"] is not True:
            raise ValueError("it does not say synthetic")
        return Record(
            str(values["model"]),
            str(values["model_sha256"]),
            int(values["seed"]),
            str(values["modality"]),
            str(values.get("sampler") or ""),
            int(values.get("steps") or 0),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VolumeError(
            f"{path} is no record of a synthetic image ({type(error).__name__}: {error}).",
            "Only what has its record beside it, as `medddpm synthesize` writes it, is exported as synthetic.",
        ) from error


def record_of(image: Path) -> Path:
    """Where an image's record lies: "a/b.nii.gz" -> "a/b.json"."""
    ending = next((ending for ending in ENDINGS if image.name.lower().endswith(ending)), "")
    return image.with_name(f"{image.name[: len(image.name) - len(ending)]}.json")
