"""The patient's own MRI with part of it made anew: a lesion put in, enlarged, moved or removed, all else kept.

Only a region around the changed labels is made; every other voxel is the patient's, bit for bit, in its own grid and
dtype. The MRI is brought to the model's grid and intensity, the model fills the region with the rest given
(`diffusion.known_region`), and what it made is brought back: matched to the patient by an affine fit in the band around
the region and a smooth (harmonic) correction inside it, and blended in at the region's edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..lesions.shapes import bounding_box, shifted
from ..synthesis.synthesize import Model, Progress, Settings
from ..volumes.labels import LabelMapping
from ..volumes.volume import Volume, resample_image, where_labels
from .check import USUAL, EditOptions, check_edit
from .fill import at_grid_size, filling
from .match import levelled, matched
from .output import Edited
from .plan import EditPlan, plan_edit
from .texture import SHELL_MM, texture

FINER = 0.75
"""In a scan of finer voxels than so much of the model's, what is made gets the scan's texture."""
EDIT_SAMPLER = "ddpm"
"""The noise of each step carries the known surroundings into the region; without it edits are measurably worse."""


def edit_settings(settings: Settings) -> Settings:
    """The settings with the sampler of edits, where none is asked for, whatever sampler is the model's own."""
    return settings if settings.sampler else replace(settings, sampler=EDIT_SAMPLER)


def run_edit(model: Model, edit: EditPlan, settings: Settings) -> Iterator[tuple[Progress, Edited | None]]:
    """Yields after each step: the progress, and, when a sample is finished, the edited image. Leaving the loop stops
    the work. settings: see `edit_settings`. Errors as of `Model.run`."""
    for progress in model.run(
        edit.plan, replace(edit_settings(settings), batch_size=1), filling(model.spec, edit.known)
    ):
        yield progress, _finished(model, edit, progress) if progress.finished else None


def edit(
    model: Model,
    mri: Volume,
    mask: Volume,
    source: Volume | None = None,
    edit_mask: Volume | None = None,
    *,
    labels: LabelMapping | None = None,
    options: EditOptions = USUAL,
    seed: int = 0,
    sampler: str | None = None,
    steps: int | None = None,
    samples: int = 1,
) -> list[Edited]:
    """The patient's MRI with a region made anew, as many samples as are asked for; `Edited.write` makes files of them.

    labels is the mapping of `check_edit`, the rest as there and in `Settings`. Errors as of `check_edit`, `plan_edit`
    and `Model.run`.
    """
    checked = check_edit(model.spec, mri, mask, source=source, edit_mask=edit_mask, mapping=labels, options=options)
    settings = Settings(seed=seed, sampler=sampler, steps=steps, samples=samples)
    return [result for _, result in run_edit(model, plan_edit(model, checked), settings) if result]


def _finished(model: Model, edit: EditPlan, progress: Progress) -> Edited:
    """The image just made, in the patient's intensities, blended into the patient's image."""
    [seed], guess = progress.seeds, progress.made()[0, 0].float().cpu().numpy()
    known, unknown = (t[0, 0].cpu().numpy() for t in (edit.known.image, edit.known.unknown))
    labels, spacing = edit.plan.labels, edit.plan.grid.spacing
    guess = at_grid_size(guess, len(known) // len(guess))
    made = matched(guess, known, unknown, labels > 0, spacing)
    scheme = model.spec.labels
    lesion = where_labels(labels, scheme.lesion_values)
    if edit.levels.foreign:
        made = levelled(
            made, known, unknown, healthy=(labels > 0) & ~lesion, lesion=lesion, spacing=spacing, wanted=edit.contrast
        )
    in_patients_units = edit.levels.to_patient(made)
    finer = min(edit.mri.geometry.spacing) < FINER * min(spacing)
    window = bounding_box(edit.region, int(np.ceil(SHELL_MM / min(edit.mri.geometry.spacing))) if finer else 0)
    start = np.array([side.start for side in window[::-1]])
    part = shifted(edit.mri.geometry, start, edit.region[window].shape)
    filled = resample_image(Volume(in_patients_units, edit.plan.grid), part, 0.0).array
    result = edit.mri.array.copy()
    if edit.bent is not None:
        result[edit.bent[0]] = _in_dtype(edit.bent[1], result.dtype)
    base, weight = result[window].astype(np.float32), edit.weight[window]
    blended = base + weight * (filled - base)
    if finer:
        head = resample_image(Volume((labels > 0).astype(np.float32), edit.plan.grid), part, 0.0).array > 0.5
        blended += texture(base, filled, weight, head, part, seed)
    result[window] = np.where(weight > 0, _in_dtype(blended, result.dtype), result[window])
    return Edited(Volume(result, edit.mri.geometry), seed, edit, progress.making)


def _in_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values rounded and clipped into an image's dtype."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
