"""What is to be made: how images are made, and a mask made ready for a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..volumes.geometry import Geometry


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are made. sampler and steps: None is the model's own choice; steps are of each stage. Sample k has
    seed + k.

    batch_size: samples computed together; it does not change them. output_grid: "mask" (the mask's own voxels) or
    "model".
    """

    seed: int = 0
    sampler: str | None = None
    steps: int | None = None
    samples: int = 1
    batch_size: int = 1
    output_grid: str = "mask"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A mask made ready for a model: its labels on the model grid (z, y, x), where that and the output lie, and what
    the user should know. mask_sha256: of the mask's labels and place."""

    labels: np.ndarray
    grid: Geometry
    output: Geometry
    mask_sha256: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def warned(self, warnings: Iterable[str]) -> Plan:
        """The same plan with further warnings; none is there twice."""
        return replace(self, warnings=tuple(dict.fromkeys([*self.warnings, *warnings])))
