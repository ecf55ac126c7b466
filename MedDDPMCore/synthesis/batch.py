"""Many masks: what is made already is skipped, and torchrun ranks share the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..base.errors import LabelError, VolumeError
from ..base.pictures import overview, save_png
from ..volumes.files import ENDINGS
from ..volumes.labels import LabelMapping
from ..volumes.volume import Volume
from .output import identity, output_path, record_beside, stem, write_synthesis
from .synthesize import Model, Plan, Progress, Settings


def find_masks(path: str | Path) -> list[Path]:
    """The mask itself, or the volume files of a folder, sorted by name. VolumeError where there is none."""
    path = Path(path)
    if not path.exists():
        raise VolumeError(f"There is no file or folder {path}.")
    found = sorted(p for p in path.iterdir() if p.name.lower().endswith(ENDINGS)) if path.is_dir() else []
    return found or [path]


def synthesize_files(
    model: Model,
    masks: Sequence[Path],
    out: Path,
    settings: Settings,
    mapping: LabelMapping | None = None,
    report: Callable[[Path, Progress | str], None] = lambda *_: None,
) -> tuple[list[Path], dict[Path, str]]:
    """Synthesizes each mask into the folder `out`, with a PNG preview beside each image.

    An image whose file and sidecar are there, made from the same mask with the same model and settings, is skipped.
    report is called with each Progress, and with words where something is to be said. Returns the images written, and
    the masks that failed with the reason.
    """
    written: list[Path] = []
    failed: dict[Path, str] = {}
    for path in masks:
        try:
            mask = Volume.read(path, labels=True)
            plan = model.plan(mask, mapping, settings.output_grid)
        except (LabelError, VolumeError) as error:
            if len(masks) == 1:
                raise
            failed[path] = str(error)
            report(path, f"left out: {error}")
            continue
        for words in [*plan.warnings, *plan.notes]:
            report(path, words)
        for seed in range(settings.seed, settings.seed + settings.samples):
            one = Settings(seed, settings.sampler, settings.steps, 1, 1, settings.output_grid)
            if is_done(model, plan, one, out, stem(path)):
                report(path, f"seed {seed} is there already")
                continue
            for progress in model.run(plan, one):
                report(path, progress)
            written += write_synthesis(progress.model, progress.plan, one, progress.results()[0], out, stem(path))
            write_preview(model, plan, progress, out, stem(path))
    return written, failed


def is_done(model: Model, plan: Plan, settings: Settings, out: Path, name: str) -> bool:
    """Whether every modality of this mask and seed is there, whole, from the same mask, model and settings."""
    wanted = identity(model, plan, settings, settings.seed)
    for modality in model.spec.modalities:
        path = output_path(out, name, modality, settings.seed)
        record = record_beside(path)
        if record is None or any(record.get(key) != value for key, value in wanted.items()):
            return False
    return True


def write_preview(model: Model, plan: Plan, progress: Progress, out: Path, name: str) -> list[Path]:
    """A PNG a modality: the mask above the image, on the model's grid."""
    tumor = max((model.spec.labels.values[name] for name in model.spec.labels.lesions), default=None)
    paths = []
    for modality, image in zip(model.spec.modalities, progress.images[0].float().cpu().numpy(), strict=True):
        path = output_path(out, name, modality, progress.seeds[0])
        path = path.with_name(path.name.removesuffix(".nii.gz") + ".png")
        upright = [_upright(array, model.spec.grid.axes) for array in (plan.labels, image)]
        save_png(path, overview(*upright, model.spec.grid.spacing, tumor))
        paths.append(path)
    return paths


def _upright(array: np.ndarray, axes: str) -> np.ndarray:
    """A model-grid array (z, y, x) flipped so that its axes run to the right, front and top."""
    return np.flip(array, [2 - i for i, letter in enumerate(axes) if letter in "LPI"])
