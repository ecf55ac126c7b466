"""A patient's intensities and the model's: how one becomes the other, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..anatomy.intensity import WHITE
from ..base.errors import LabelError, VolumeError
from ..lesions.placement import brain_in_head
from ..synthesis.synthesize import AIR, Model, Plan
from ..volumes.volume import Volume, resample_labels, where_labels
from .fill import expected

_ALIKE = 1.15
"""A brain that is brighter or darker than the model's by a smaller factor is left at its own level."""
_FURTHEST = 4.0
"""What is brighter or darker by a larger one is no contrast of MRI, and is told and not matched."""


@dataclass(frozen=True)
class Levels:
    """A linear map: `low`, a patient's intensity (broadcast to z, y, x), becomes -1, and `high` becomes `top`.

    foreign: the brain's level had to be matched, so the scan is of another contrast than the model's."""

    low: np.ndarray
    high: np.ndarray
    top: float
    foreign: bool = False

    def to_model(self, image: np.ndarray) -> np.ndarray:
        """A patient's image (z, y, x) on the model grid as float32 -1..1; what is brighter is clipped."""
        share = (image - self.low) / (self.high - self.low)
        return np.clip(share * (self.top + 1) - 1, -1, 1).astype(np.float32)

    def to_patient(self, image: np.ndarray) -> np.ndarray:
        """The inverse, float32."""
        return (self.low + (image + 1) / (self.top + 1) * (self.high - self.low)).astype(np.float32)


def levels(model: Model, image: np.ndarray, plan: Plan) -> tuple[Levels, list[str]]:
    """How a patient's image (z, y, x) on the model grid becomes the model's, and what is to be said of it.

    First by the convention that the model was trained in, "robust" where that is not known. Where the brain then is
    brighter or darker than in the image that the model expects of this head, by more than a factor of 1.15, it is
    brought to that level: in a scan with contrast agent or bright fat, the brightest tissue in the head is no measure
    of the brain. By more than a factor of 4 it is not, and that is said. VolumeError where the head is no brighter than
    its surroundings.
    """
    head = plan.labels > 0
    if model.spec.convention == "per_slice":
        low, high = image.min(axis=(1, 2), keepdims=True), image.max(axis=(1, 2), keepdims=True)
        _require_contrast(high.max() > low.min())
        return Levels(low, np.where(high > low, high, low + 1), 1.0), []
    levels = _of_the_whole(model.spec.convention, image, head)
    _require_contrast(bool(levels.high > levels.low))
    brain = _brain(model, plan)
    if not brain.any():
        return levels, []
    own, wanted = float(np.median(levels.to_model(image)[brain])), float(np.median(expected(model, plan)[brain]))
    factor = (wanted - AIR) / max(own - AIR, 1e-6)
    if 1 / _ALIKE <= factor <= _ALIKE:
        return levels, []
    note = f"The brain is {'darker' if factor > 1 else 'brighter'} than the model's by "
    if not 1 / _FURTHEST <= factor <= _FURTHEST:
        note += f"more than a factor of {_FURTHEST:g}, and was not matched: what is made may be too bright or too dark."
        return levels, [f"{note} Is it the right MRI, and does the mask lie on its head?"]
    note += f"a factor of {max(factor, 1 / factor):.2f}: its intensities were matched."
    return replace(levels, high=levels.low + (levels.high - levels.low) / factor, foreign=True), [note]


def _of_the_whole(convention: str, image: np.ndarray, head: np.ndarray) -> Levels:
    """The map of a convention that scales the whole image (z, y, x)."""
    if convention == "min_max":
        return Levels(np.array(image.min()), np.array(image.max()), 1.0)
    outside = image[~head]
    dark = np.percentile(outside, 1) if outside.size else 0.0
    return Levels(np.array(dark), np.array(np.percentile(image[head], 99.5)), WHITE)


def _brain(model: Model, plan: Plan) -> np.ndarray:
    """Roughly where healthy brain is on the model grid (z, y, x); nowhere where the head is too small for one."""
    scheme = model.spec.labels
    healthy = where_labels(plan.labels, (scheme.values[name] for name in scheme.required))
    if "brain" in scheme.required:
        return healthy
    try:
        brain = brain_in_head(Volume((plan.labels > 0).astype(np.uint8), plan.grid))
    except LabelError:
        return np.zeros(plan.labels.shape, bool)
    return (resample_labels(brain, plan.grid).array > 0) & healthy


def _require_contrast(there_is: bool) -> None:
    if not there_is:
        raise VolumeError(
            "The MRI shows no head: inside the mask it is no brighter than outside.", "Is it the right one?"
        )
