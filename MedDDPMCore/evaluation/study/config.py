"""A segmentation study as a file: the images, the models that are compared, and how the judge is trained."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated

from ...base.errors import TrainingError, shown
from ...base.typed_json import Limit, at_least, count_within, from_json, one_of, read_json, to_json
from ...diffusion.names import SAMPLERS
from ...lesions.simulation import LesionSettings
from ...training.data.augment import Augmentation
from .segmentation_network import SegmentationSettings

REAL, AUGMENTED = "Real", "Real + augmentation"
_NAMED = Limit(lambda models: models and REAL not in models, f"one named model or more, none of them {REAL}")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One training set of the judge. sources: names of image sets; count: images of each synthetic one; table: 1 for
    single sources, 2 for synthetic ones together, 3 for real and synthetic ones together."""

    name: str
    sources: tuple[str, ...]
    count: int
    table: int
    augmented: bool = False


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """data: packed training set, whose train cases are the real images and whose validation cases are held out. tests:
    name -> a further packed set, all of whose cases are tested. models: name -> a model (name or folder), or a training
    configuration that the study trains first; images of a model of another grid are resampled. Paths start from the
    configuration's folder.

    match_tests: scale the further tests' images so that their white matter is as bright as that of the training images,
    as those of another scanner or sequence need. synthetic: numbers of synthetic images. real: real images to train on,
    cycling through the cases with new lesions (0: one a case). mask_augmentation: how head masks are varied before
    images are made for them. sampler, sampling_steps: of diffusion models; None is each model's own.
    """

    data: str
    models: Annotated[dict[str, str], _NAMED]
    tests: dict[str, str] = field(default_factory=dict)
    match_tests: bool = False
    synthetic: Annotated[tuple[Annotated[int, at_least(1)], ...], count_within(1, 100)] = (1000, 2000, 5000)
    real: Annotated[int, at_least(0)] = 0
    seed: int = 0
    sampler: Annotated[str | None, one_of(SAMPLERS)] = None
    sampling_steps: Annotated[int | None, at_least(1)] = None
    lesions: LesionSettings = field(default_factory=lambda: LesionSettings(probability=1.0))
    mask_augmentation: Augmentation = field(default_factory=Augmentation)
    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)

    @classmethod
    def read(cls, path: str | Path) -> StudyConfig:
        """With its paths made absolute. TrainingError naming the entry that is wrong."""
        path = Path(path)
        config = from_json(cls, read_json(path, TrainingError), shown(path), TrainingError)
        models, tests = (
            {name: _beside(path, value) for name, value in named.items()} for named in (config.models, config.tests)
        )
        numbers = tuple(sorted(set(config.synthetic)))
        data = _beside(path, config.data)
        return dataclasses.replace(config, data=data, synthetic=numbers, models=models, tests=tests)

    def to_dict(self) -> dict:
        """As plain data."""
        return to_json(self)

    def arms(self) -> list[Arm]:
        """Every training set of the study, in the order of its tables."""
        several = len(self.synthetic) > 1
        arms = [
            Arm(name=REAL, sources=(REAL,), count=0, table=1),
            Arm(name=AUGMENTED, sources=(REAL,), count=0, table=1, augmented=True),
        ]
        for count in self.synthetic:
            end = f" ({count})" if several else ""
            names = list(self.models)
            groups = [group for size in range(2, len(names) + 1) for group in combinations(names, size)]
            arms += [Arm(name=name + end, sources=(name,), count=count, table=1) for name in names]
            arms += [Arm(name=" + ".join(group) + end, sources=group, count=count, table=2) for group in groups]
            mixed = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
            arms += [
                Arm(name=" + ".join((REAL, *group)) + end, sources=(REAL, *group), count=count, table=3)
                for group in mixed
            ]
        return sorted(arms, key=lambda arm: arm.table)


def slug(name: str) -> str:
    """A name as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _beside(path: Path, value: str) -> str:
    """The path beside the configuration, where there is something; a model's name stays as it is."""
    beside = path.parent / value
    return str(beside.resolve()) if os.path.exists(beside) else value
