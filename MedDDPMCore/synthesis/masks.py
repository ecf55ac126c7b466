"""Which masks there are, what their images are named by, and what is given with each: its labels' meaning, its MRI."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..base.errors import MedDDPMError, VolumeError, shown
from ..base.tables import csv_rows, named_in
from ..volumes.folder import distinct_names, require_content, volume_files
from ..volumes.labels import LabelMapping
from ..volumes.volume import Volume
from .output import record_beside, stem

_KIND = re.compile(r"[-_. ]?(mask|seg(m|mentation)?|tumou?r|labels?|lesions?|gtv)$", re.IGNORECASE)
"""What a mask's name ends with beside the patient's."""
_HOW = (
    "Give a folder of MRIs whose names begin as the masks' do (--mri-suffix says how they end), or a CSV with the "
    "columns mask and mri."
)


class Given(NamedTuple):
    """What is given of one patient: a mask (z, y, x), what it calls its labels, and the MRI (z, y, x)."""

    mask: Volume
    mapping: LabelMapping | None = None
    mri: Volume | None = None


def reader(
    mapping_of: Callable[[Path], LabelMapping | None] = lambda _: None,
    mris: Mapping[Path, Path] | None = None,
    frames: str = "",
) -> Callable[[Path], Given]:
    """What reads all that is given with a mask. mapping_of: what a mask's file calls its labels; mris: whose MRI is
    where, as of `find_mris`; frames: which images of MRIs in DICOM files, see `Volume.read`."""

    def read(path: Path) -> Given:
        mri = (mris or {}).get(path)
        return Given(
            Volume.read(path, labels=True), mapping_of(path), None if mri is None else Volume.read(mri, frames=frames)
        )

    return read


def find_masks(path: str | Path) -> list[Path]:
    """The mask itself, or the volume files of a folder and those below, sorted by path.

    VolumeError where there is none. Images that have their record of being synthetic beside them are no masks.
    """
    path = Path(path)
    require_content(path)
    if not path.exists():
        raise VolumeError(f"There is no file or folder {path}.")
    if not path.is_dir():
        return [path]
    return [file for file in volume_files(path) if record_beside(file) is None] or [path]


def mask_names(masks: Sequence[Path]) -> dict[Path, str]:
    """What the images of each mask are named by, no two alike; see `folder.distinct_names`."""
    return dict(zip(masks, distinct_names(masks, [stem(path) for path in masks]), strict=True))


def find_mris(given: str | Path, masks: Sequence[Path], suffix: str = "") -> dict[Path, Path]:
    """Mask -> MRI of the same patient, of the masks that have one.

    given: the MRI of the one mask; a CSV with the columns mask and mri, whose paths start from its folder; or a folder,
    in which a mask's MRI is called as the mask is without its kind (p1_seg: p1, p1_t1c), or lies in a folder of the
    same name. An MRI whose name begins as those of several masks do, p1_2_t1c as p1_seg and p1_2_seg, is that of the
    longest. suffix: what names of MRIs end with. VolumeError where there is none, or several could be meant;
    MedDDPMError where one MRI is given for several masks.
    """
    given = Path(given)
    require_content(given)
    found = _found(given, masks, suffix)
    first_of: dict[Path, Path] = {}
    for mask, mri in found.items():
        if (first := first_of.setdefault(mri.resolve(), mask)) != mask:
            raise MedDDPMError(
                f"{mri} is the MRI of one patient, and is given for {shown(first)} and {shown(mask)}.",
                f"{_HOW} Several masks of one patient: give one at a time.",
            )
    return found


def _found(given: Path, masks: Sequence[Path], suffix: str) -> dict[Path, Path]:
    if given.suffix.lower() == ".csv":
        return _by_table(given, masks)
    files = volume_files(given) if given.is_dir() else []
    own = {mask.resolve() for mask in masks}
    images = [path for path in files if path.resolve() not in own]
    if images:
        return _by_name(given, [path for path in images if stem(path).endswith(suffix)], masks)
    if len(masks) > 1:
        raise MedDDPMError(f"{given} is the MRI of one patient, and there are {len(masks)} masks.", _HOW)
    return {masks[0]: given}


def _by_name(folder: Path, images: Sequence[Path], masks: Sequence[Path]) -> dict[Path, Path]:
    def beside(mask: Path, image: Path) -> bool:
        return image.parent.name == mask.parent.name and image.parent != folder

    patients = {mask: _KIND.sub("", stem(mask)) for mask in masks}
    begins = {mask: re.compile(rf"{re.escape(name)}(?![a-z0-9])", re.IGNORECASE) for mask, name in patients.items()}
    named: dict[Path, list[Path]] = {mask: [] for mask in masks}
    nobodys = []
    for image in images:
        fits = {m: (beside(m, image), len(n)) for m, n in patients.items() if n and begins[m].match(stem(image))}
        for mask in (mask for mask, how in fits.items() if how == max(fits.values())):
            named[mask].append(image)
        nobodys += [] if fits else [image]
    found = {}
    for mask in masks:
        fitting = [path for path in named[mask] if beside(mask, path)] or named[mask]
        fitting = fitting or [path for path in nobodys if beside(mask, path)]
        if len(images) == len(masks) == 1:
            fitting = list(images)
        if len(fitting) > 1:
            listed = ", ".join(path.name for path in fitting[:4])
            raise VolumeError(f"Several MRIs in {folder} could be that of {shown(mask)}: {listed}.", _HOW)
        if fitting:
            found[mask] = fitting[0]
    if not found:
        raise VolumeError(f"No MRI in {folder} is named as a mask is, such as {shown(masks[0].name)}.", _HOW)
    return found


def _by_table(table: Path, masks: Sequence[Path]) -> dict[Path, Path]:
    try:
        rows, _ = csv_rows(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VolumeError(f"{table} cannot be read as CSV: {error}.", "Save it as CSV in UTF-8.") from error
    known = {mask.resolve(): mask for mask in masks}
    found: dict[Path, Path] = {}
    for line, row in rows.items():
        if not row.get("mask") or not row.get("mri"):
            raise VolumeError(f"{table} lacks a mask or an mri in line {line}.", "It needs the columns mask and mri.")
        mask, mri = (named_in(table, row[name]) for name in ("mask", "mri"))
        if mask.resolve() not in known:
            raise VolumeError(f"{table} names {shown(mask)} in line {line}, which is none of the masks.")
        require_content(mri)
        if not mri.exists():
            raise VolumeError(f"{table} names {shown(mri)} in line {line}, which is not there.")
        if known[mask.resolve()] in found:
            raise VolumeError(f"{table} names {shown(mask)} again in line {line}.", "Each mask has one line.")
        found[known[mask.resolve()]] = mri
    return found
