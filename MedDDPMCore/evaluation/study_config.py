"""A segmentation study as a file: the images, the models that are compared, and how the judge is trained."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from ..errors import TrainingError
from ..models.spec import read_json
from ..training.augment import Augmentation
from ..training.config import parsed
from ..training.lesion_simulation import LesionSettings
from .segmentation_network import SegmentationSettings

REAL, AUGMENTED = "Real", "Real + augmentation"


@dataclass(frozen=True)
class Arm:
    """One training set of the judge. sources: names of image sets; count: images of each synthetic one; table: 1 for
    single sources, 2 for synthetic ones together, 3 for real and synthetic ones together."""

    name: str
    sources: tuple[str, ...]
    count: int
    table: int
    augmented: bool = False


@dataclass(frozen=True)
class StudyConfig:
    """data: packed training set, whose train cases are the real images and whose validation cases are held out. tests:
    name -> a further packed set, all of whose cases are tested. models: name -> a model (name or folder), or a training
    configuration that the study trains first; images of a model of another grid are resampled. Paths start from the
    configuration's folder.

    synthetic: numbers of synthetic images. real: real images to train on, cycling through the cases with new lesions
    (0: one a case). mask_augmentation: how head masks are varied before images are made for them. sampler,
    sampling_steps: of diffusion models; None is each model's own.
    """

    data: str
    models: dict[str, str]
    tests: dict[str, str] = field(default_factory=dict)
    synthetic: tuple[int, ...] = (1000, 2000, 5000)
    real: int = 0
    seed: int = 0
    sampler: str | None = None
    sampling_steps: int | None = None
    lesions: LesionSettings = field(default_factory=lambda: LesionSettings(probability=1.0))
    mask_augmentation: Augmentation = field(default_factory=Augmentation)
    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)

    @classmethod
    def read(cls, path: str | Path) -> StudyConfig:
        """With its paths made absolute. TrainingError naming the entry that is wrong."""
        path = Path(path)
        values = dict(read_json(path))
        for name in ("models", "tests"):
            entry = values.get(name, {})
            if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
                raise TrainingError(f"{name} of {path} must name a path for each name.")
        counts = values.get("synthetic", [1000])
        if not isinstance(counts, list) or not counts or not all(type(n) is int and n > 0 for n in counts):
            raise TrainingError(f"synthetic of {path} must be a list of whole numbers above 0, not {counts!r}.")
        for name, kind in (("data", str), ("models", dict)):
            if not isinstance(values.get(name), kind) or not values[name]:
                raise TrainingError(f"{path} needs the entry {name}.")
        taken = {name: values.pop(name) for name in ("data", "models", "tests", "synthetic") if name in values}
        rest = parsed(_Plain, values, str(path))
        found = {f.name: getattr(rest, f.name) for f in dataclasses.fields(_Plain)}
        if found["segmentation"].most_steps < 0 or min(_sizes(found["segmentation"])) < 1 or found["real"] < 0:
            raise TrainingError(f"{path}: epochs, batch_size, base_channels and levels must be 1 or more.")
        if REAL in taken["models"]:
            raise TrainingError(f"No model of {path} can have the name {REAL}.")
        paths = {name: _beside(path, value) for name, value in taken["models"].items()}
        tests = {name: _beside(path, value) for name, value in taken.get("tests", {}).items()}
        numbers = tuple(sorted(set(taken.get("synthetic", cls.synthetic))))
        return cls(_beside(path, taken["data"]), paths, tests, numbers, **found)

    def to_dict(self) -> dict:
        """As plain data."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def arms(self) -> list[Arm]:
        """Every training set of the study, in the order of its tables."""
        several = len(self.synthetic) > 1
        found = [Arm(REAL, (REAL,), 0, 1), Arm(AUGMENTED, (REAL,), 0, 1, augmented=True)]
        for count in self.synthetic:
            end = f" ({count})" if several else ""
            names = list(self.models)
            groups = [group for size in range(2, len(names) + 1) for group in combinations(names, size)]
            found += [Arm(name + end, (name,), count, 1) for name in names]
            found += [Arm(" + ".join(group) + end, group, count, 2) for group in groups]
            mixed = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
            found += [Arm(" + ".join((REAL, *group)) + end, (REAL, *group), count, 3) for group in mixed]
        return sorted(found, key=lambda arm: arm.table)


@dataclass(frozen=True)
class _Plain:
    """The entries that `training.config.parsed` reads."""

    real: int = 0
    seed: int = 0
    sampler: str | None = None
    sampling_steps: int | None = None
    lesions: LesionSettings = field(default_factory=lambda: LesionSettings(probability=1.0))
    mask_augmentation: Augmentation = field(default_factory=Augmentation)
    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)


def slug(name: str) -> str:
    """A name as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _sizes(settings: SegmentationSettings) -> tuple[int, ...]:
    return settings.epochs, settings.batch_size, settings.base_channels, settings.levels


def _beside(path: Path, value: str) -> str:
    """The path beside the configuration, where there is something; a model's name stays as it is."""
    beside = path.parent / value
    return str(beside.resolve()) if beside.exists() else value
