"""Many masks: what is made already is skipped, and torchrun ranks share the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ..base.errors import LabelError, MedDDPMError, VolumeError
from ..base.files import require_writable
from ..base.overlap import Behind, ahead
from ..base.parallel import cores_each
from .masks import Given, mask_names, reader
from .output import identity, is_made, names_a_file, output_paths
from .synthesize import Model, Plan, Progress, Settings


def synthesize_files(
    model: Model,
    masks: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    read: Callable[[Path], Given] | None = None,
    report: Callable[[Path, Progress | str], None] = lambda *_: None,
    names: Mapping[Path, str] | None = None,
) -> tuple[list[Path], dict[Path, str]]:
    """Synthesizes each mask into the folder `out`, with a PNG preview beside each image.

    Masks are read and images written while others are computed. An image whose file and sidecar are there, made from
    the same mask with the same model and settings, is skipped; one made otherwise is never replaced: its mask fails.
    out: a folder, or, for one image of one mask, the file to make. names: what the images of each mask are named by,
    where masks are only some of all (default: `mask_names`). read: what gives a mask with its labels' meaning and MRI
    (default: `reader`). report is called with each Progress, and with words where something is to be said. Returns the
    images written, and the masks that failed with the reason.
    """
    written: list[Path] = []
    failed: dict[Path, str] = {}
    names = mask_names(masks) if names is None else names
    seeds = range(settings.seed, settings.seed + settings.samples)
    paths_of = {
        mask: {seed: output_paths(out, names[mask], model.spec.modalities, seed) for seed in seeds} for mask in masks
    }
    _require_place(out, len(names), settings.samples)
    read = read or reader()

    def placed(path: Path) -> Plan:
        given = read(path)
        return model.place(given.mask, given.mapping, settings.output_grid, given.mri)

    def finished(progress: Progress, name: str) -> list[Path]:
        [result] = progress.results()
        return result.write(out, name)

    hands = hands_beside(model.device)
    with Behind(hands, written.extend) as behind:
        for path, plan_of in ahead(placed, masks, hands):
            try:
                plan = model.fitted(plan_of())
                done = {seed: is_done(model, plan, settings, seed, paths_of[path][seed], masks) for seed in seeds}
            except (LabelError, VolumeError) as error:
                if len(masks) == 1:
                    raise
                failed[path] = str(error)
                report(path, f"left out: {error}")
                continue
            for remark in [*(f"warning: {warning}" for warning in plan.warnings), *plan.notes]:
                report(path, remark)
            for seed in seeds:
                single = replace(settings, seed=seed, samples=1, batch_size=1)
                if done[seed]:
                    report(path, f"seed {seed} is there already")
                    continue
                for progress in model.run(plan, single):
                    report(path, progress)
                behind.do(finished, progress, names[path])
    return written, failed


def _require_place(out: Path, masks: int, samples: int) -> None:
    """An error where so many images cannot be written to `out`."""
    if samples < 1:
        raise MedDDPMError(f"The number of samples must be 1 or more, not {samples}.")
    file = names_a_file(out)
    if file and (masks, samples) != (1, 1):
        raise VolumeError(f"{out} is one file, and several images are to be made.", "Name a folder.")
    require_writable(out.parent if file else out)


def hands_beside(device: torch.device) -> int:
    """How many threads read and write while the device computes: beside a GPU one a core, 8 at most; 1 beside a CPU."""
    return 1 if device.type == "cpu" else min(8, cores_each())


def is_done(
    model: Model, plan: Plan, settings: Settings, seed: int, paths: Mapping[str, Path], masks: Sequence[Path]
) -> bool:
    """Whether every modality of this mask and seed is there, whole, from the same mask, model and settings.

    paths: modality -> file. VolumeError where one was made otherwise, or is one of the masks.
    """
    for path in paths.values():
        if any(path.exists() and path.samefile(mask) for mask in masks):
            raise VolumeError(f"{path} is an input, and is not written over.", "Name another file or folder.")
    wanted = identity(model.spec, plan, settings, seed)
    return all([is_made(path, wanted) for path in paths.values()])
