"""What public networks say of the sets: how far their slices lie from real ones, whether brains are in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from default_model import dice

from MedDDPMCore.evaluation.metrics.bootstrap import Interval, mean_interval
from MedDDPMCore.volumes.grid import ModelGrid

from .anatomy import CLASSES, Anatomy, BrainFinder, anatomy
from .images import Heads, blurred, kept
from .slices import SliceEncoder, slice_distances, slice_features

VOLUMES = (*CLASSES, "ventricles")
REAL, OTHER = "these real heads", "other real heads"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Kept:
    """Heads, and the folder that keeps what networks see in them."""

    heads: Heads
    folder: Path

    def each(self, name: str, kind: str, make: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """make(image, mask) of each head of the set of this name, stacked."""
        found = []
        for image, mask, head in zip(self.heads.images, self.heads.masks, self.heads.ids, strict=True):
            path = self.folder / "public" / f"{kind}-{name.replace(' ', '-')}-{head}.npy"
            found.append(kept(path, lambda image=image, mask=mask: make(image, mask)))
        return np.stack(found)


def blurred_heads(heads: Heads, grid: ModelGrid, deviation_mm: float) -> Heads:
    """The heads under a Gaussian blur of this standard deviation."""
    images = [blurred(image, deviation_mm / grid.spacing[0]) for image in heads.images]
    return Heads(np.stack(images), heads.masks, heads.ids)


def slice_table(
    sets: dict[str, Kept], encoder: SliceEncoder, count: int, grid: ModelGrid, say: Say
) -> dict[str, dict[str, Interval]]:
    """`slice_distances` of each set, and of the real heads blurred by 1 and 2 mm, to the real heads (the set REAL).

    Those blurred are the same heads, so without blur their distance would be 0, and not that of other real heads.
    """
    real = sets[REAL]
    blurs = {f"blurred by {mm} mm": Kept(blurred_heads(real.heads, grid, mm), real.folder) for mm in (1, 2)}
    found = {}
    for name, one in {**sets, **blurs}.items():
        found[name] = one.each(name, f"slices-{count}", lambda image, mask: slice_features(encoder, image, mask, count))
        say(f"slices seen: {name}")
    own = found.pop(REAL)
    return {name: slice_distances(features, own, grid.axes) for name, features in found.items()}


def anatomy_table(
    sets: dict[str, Kept], brains: np.ndarray, finder: BrainFinder, grid: ModelGrid, say: Say
) -> dict[str, dict[str, Interval]]:
    """The brain found in each image of each set, and its parts.

    brains: (heads, z, y, x) bool, of the set REAL as their data set has them. The real heads' spread is from the
    smallest to the largest of all real heads looked at, those of OTHER too.
    """
    found: dict[str, list[Anatomy]] = {}
    for name, one in sets.items():
        seen = one.each(name, "brain", lambda image, _: finder.find(image, grid))
        found[name] = [anatomy(*image, grid) for image in zip(one.heads.images, one.heads.masks, seen, strict=True)]
        say(f"brains found: {name}")
    known = found[REAL] + found[OTHER]
    spread = {part: np.nanquantile([litres(row, part) for row in known], (0, 1)) for part in VOLUMES}
    table = {}
    for name, rows in found.items():
        column = table[name] = {
            "heads with a plausible brain": mean_interval([float(row.plausible) for row in rows]),
            "brain, litres": mean_interval([row.litres for row in rows]),
        }
        if name != OTHER:
            against = [row.brain for row in found[REAL]]
            if name != REAL:
                column["Dice, real head's brain"] = mean_interval(dices(rows, against))
            column["Dice, data set's brain"] = mean_interval(dices(rows, brains))
        for part in VOLUMES:
            values = np.array([litres(row, part) for row in rows])
            if np.isfinite(values).any():
                column[f"{part}, litres"] = mean_interval(values[np.isfinite(values)])
            low, high = spread[part]
            column[f"{part}, within the real spread"] = mean_interval(
                ((values >= low) & (values <= high)).astype(float)
            )
    return table


def litres(found: Anatomy, part: str) -> float:
    return found.litres * found.shares[part]


def dices(rows: list[Anatomy], brains) -> list[float]:
    return [dice(row.brain, brain) for row, brain in zip(rows, brains, strict=True)]
