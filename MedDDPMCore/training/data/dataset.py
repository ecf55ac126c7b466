"""A packed training set: a folder that trains with torch and numpy alone.

dataset.json    grid, labels (the label scheme), modalities, intensity (a name of `anatomy.intensity.CONVENTIONS`),
                cases, left_out and outliers (id -> reason), about (what the user says of the images; see ABOUT), and
                arrays (of each its hash; see `digest`).
                A case has an id, a split ("train" or "validation") and
                white_matter (the intensity of healthy white matter, -1..1; only used where brain is not empty)
images.npy      (cases, modalities, z, y, x) uint8: 0..255 is the intensity -1..1
labels.npy      (cases, z, y, x) uint8, in the label scheme's values
brain.npy       (cases, z, y, x) uint8, in the values of `anatomy.brain`: TISSUE where a lesion may be simulated,
                OTHER_BRAIN elsewhere in it; empty in cases with a tumour

dataset.json is written last: a folder without it is not a training set.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
import torch

from ...base.errors import MedDDPMError, TrainingError, shown
from ...base.files import together, write_json
from ...base.reading import map_array
from ...base.typed_json import from_json, read_json
from ...models.spec import ModelSpec
from ...volumes.grid import ModelGrid
from ...volumes.labels import LabelScheme

DESCRIPTION = "dataset.json"
LARGEST_LABEL = 63
ABOUT = ("training_data", "licence", "notes")
"""What a user may say of the images, and a model trained on them then says of itself."""
ARRAYS = ("images", "labels", "brain")


@dataclass(frozen=True)
class CaseEntry:
    """What is known of a case beside its arrays. white_matter: the intensity of healthy white matter, -1..1."""

    id: str
    split: str
    white_matter: float


@dataclass(frozen=True)
class _Description:
    """What dataset.json holds."""

    grid: ModelGrid
    labels: LabelScheme
    modalities: tuple[str, ...]
    cases: tuple[CaseEntry, ...]
    intensity: str = ""
    registration: str = ""
    about: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    outliers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PackedDataset:
    """The cases of one packed folder; the arrays are memory-mapped."""

    grid: ModelGrid
    labels_scheme: LabelScheme
    modalities: tuple[str, ...]
    cases: tuple[CaseEntry, ...]
    images: np.ndarray
    labels: np.ndarray
    brain: np.ndarray
    intensity: str = ""
    about: dict[str, str] = field(default_factory=dict)
    notes: dict[str, dict] = field(default_factory=dict)
    """Of each array the SHA-256 of its values, as its writer noted it; see `digest`."""

    @classmethod
    def open(cls, folder: str | Path) -> PackedDataset:
        """Raises TrainingError naming the file that is missing, damaged or of the wrong shape."""
        folder = Path(folder)
        try:
            described = from_json(_Description, read_json(folder / DESCRIPTION), DESCRIPTION)
            arrays = {name: map_array(folder / f"{name}.npy") for name in ARRAYS}
        except (OSError, ValueError, MedDDPMError) as error:
            reason = error.message if isinstance(error, MedDDPMError) else error
            raise TrainingError(
                f"{shown(folder)} is not a packed training set: {reason}", "Make one with `medddpm prepare`."
            ) from error
        cases, grid = described.cases, described.grid
        shape = (len(cases), *grid.shape)
        wanted = {"images": (len(cases), len(described.modalities), *grid.shape), "labels": shape, "brain": shape}
        for name, array in arrays.items():
            if array.shape != wanted[name] or array.dtype != np.uint8:
                raise TrainingError(f"{folder / name}.npy holds {array.dtype} {array.shape}, not uint8 {wanted[name]}.")
        about = {name: str(text) for name, text in described.about.items()}
        return cls(
            grid,
            described.labels,
            described.modalities,
            cases,
            **arrays,
            intensity=described.intensity,
            about=about,
            notes=described.arrays,
        )

    def has(self, split: str) -> bool:
        """Whether any case is of this split."""
        return any(case.split == split for case in self.cases)

    def indices(self, split: str) -> list[int]:
        """The case numbers of one split; TrainingError where there are none."""
        chosen = [i for i, case in enumerate(self.cases) if case.split == split]
        if not chosen:
            raise TrainingError(f"The training set has no {split} cases.", "Prepare it with more images.")
        return chosen


def check_fits(data: PackedDataset, model: ModelSpec) -> None:
    """TrainingError naming what of the data's grid, labels, modalities or intensities is not the model's.

    Intensities are compared where both say what theirs are.
    """
    pairs = [(f"grid {key}", value, model.grid.to_dict()[key]) for key, value in data.grid.to_dict().items()]
    for key in ("values", "channels", "low", "high"):
        pairs.append((f"label {key}", getattr(data.labels_scheme, key), getattr(model.labels, key)))
    pairs.append(("modalities", list(data.modalities), list(model.modalities)))
    if data.intensity and model.convention:
        pairs.append(("intensities", data.intensity, model.convention))
    differing = [f"{name} {ours} where the model has {theirs}" for name, ours, theirs in pairs if ours != theirs]
    if differing:
        raise TrainingError(
            f"The training set does not fit the model: it has {'; '.join(differing)}.",
            "Prepare it for this model: `medddpm prepare` with --config and its configuration, or with --model.",
        )


class PackedWriter:
    """Writes a packed training set case by case; until the end of its context, after `finish`, nothing is seen of it.

    ResourceError where the disk is full.
    """

    def __init__(self, folder: Path, grid: ModelGrid, modalities: int):
        self.folder, self.cases = folder, 0
        self.hashes = {name: hashlib.sha256() for name in ARRAYS}
        self.shapes = {"images": (modalities, *grid.shape), "labels": grid.shape, "brain": grid.shape}

    def __enter__(self) -> PackedWriter:
        with contextlib.ExitStack() as stack:
            self.part = stack.enter_context(together(self.folder, DESCRIPTION))
            self.files = {name: stack.enter_context(open(self.part / f"{name}.npy", "wb")) for name in ARRAYS}  # noqa: SIM115
            for name, file in self.files.items():
                file.write(_npy_header((0, *self.shapes[name])))
            self.stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self.stack.__exit__(kind, error, trace)

    def add(self, image: np.ndarray, labels: np.ndarray, brain: np.ndarray) -> None:
        """image (modality, z, y, x) -1..1, labels and brain (z, y, x), all on the grid."""
        for name, array in (("images", to_bytes(image)), ("labels", labels), ("brain", brain)):
            values = array.astype(np.uint8).tobytes()
            self.hashes[name].update(values)
            self.files[name].write(values)
            self.files[name].flush()
        self.cases += 1

    def finish(self, description: dict) -> None:
        """Completes the arrays and writes dataset.json."""
        for name, file in self.files.items():
            file.seek(0)
            file.write(_npy_header((self.cases, *self.shapes[name])))
            file.flush()
        notes = {name: noted(self.part / f"{name}.npy", self.hashes[name].hexdigest()) for name in ARRAYS}
        write_json(self.part / DESCRIPTION, {**description, "arrays": notes})


def noted(path: Path, sha256: str) -> dict:
    """A note of an array's hash, for the file as it is now."""
    status = path.stat()
    return {"size": status.st_size, "changed_ns": status.st_mtime_ns, "sha256": sha256}


def _npy_header(shape: Sequence[int]) -> bytes:
    """The first 128 bytes of a .npy file of uint8, version 1.0, whatever the number of cases."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": tuple(int(n) for n in shape)}).encode("latin1")
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117) + b"\n"


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Intensities -1..1 (clipped) -> uint8 0..255."""
    return np.round((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)


def from_bytes(stored: np.ndarray) -> np.ndarray:
    """uint8 0..255 -> float32 -1..1."""
    return intensities(torch.from_numpy(stored.astype(np.float32))).numpy()


def intensities(stored: torch.Tensor) -> torch.Tensor:
    """0..255 -> float32 -1..1; a float32 tensor is changed itself."""
    return stored.float().div_(127.5).sub_(1)
