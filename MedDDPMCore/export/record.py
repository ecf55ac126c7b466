"""The record that lies beside a synthetic image, read back: nothing is exported as synthetic without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..base.errors import VolumeError
from ..base.reading import read_json

_YES = (True, "true")
"""As JSON says it, and as attributes of a Slicer scene hold it."""
_NOBODY = "Not a scan of any person. Research only, not for diagnosis."
_SOMEBODY = (
    "The rest is the source scan. Shows nothing that was found in the patient. Research only, not for diagnosis."
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What an exported image says of its making: the model's name and weights (SHA-256), the seed, the contrast.

    edited: a part of a patient's scan was made anew (`synthesis.edit`), the rest is the scan. defaced: it has no face.
    """

    model: str
    model_sha256: str
    seed: int
    modality: str
    sampler: str = ""
    steps: int = 0
    edited: bool = False
    defaced: bool = False

    @property
    def kind(self) -> str:
        """The first word of everything that it says: SYNTHETIC, or PARTLY SYNTHETIC where a scan was edited."""
        return "PARTLY SYNTHETIC" if self.edited else "SYNTHETIC"

    @property
    def limits(self) -> str:
        """Whose image it is not, and what it is not for."""
        return _SOMEBODY if self.edited else _NOBODY

    @property
    def title(self) -> str:
        """One line for the places where viewers show little: "SYNTHETIC T1 default seed 4"."""
        return f"{self.kind} {self.modality} {self.model} seed {self.seed}"

    @property
    def model_id(self) -> str:
        """The model's name and the beginning of its weights' hash: "default 68b00247"."""
        return f"{self.model} {self.model_sha256[:8]}"

    @property
    def statement(self) -> str:
        """Some sentences for the places where there is room."""
        how = f", sampler {self.sampler}, {self.steps} steps" if self.sampler else ""
        made = f"made by a generative model (MedDDPM, model {self.model_id}, seed {self.seed}{how}) from a mask"
        what = f"image, a region of it {made}." if self.edited else f"image {made}."
        return f"{self.kind} {self.modality} {what} {self.limits}"


def read_record(path: Path) -> Record:
    """From a JSON file as `synthesis.output` writes it. VolumeError where it is missing, or tells of no synthetic
    image."""
    try:
        values = read_json(path)
        if values["synthetic"] is not True:
            raise ValueError("it does not say synthetic")
        return Record(
            model=str(values["model"]),
            model_sha256=str(values["model_sha256"]),
            seed=int(values["seed"]),
            modality=str(values["modality"]),
            sampler=str(values.get("sampler") or ""),
            steps=int(values.get("steps") or 0),
            edited=values.get("edited") in _YES,
            defaced=values.get("defaced") in _YES,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise VolumeError(
            f"{path} is no record of a synthetic image ({type(error).__name__}: {error}).",
            "Only what has its record beside it, as `medddpm synthesize` writes it, is exported as synthetic.",
        ) from error
