"""Finds the files of each subject: in folders, or in a CSV."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...base.errors import TrainingError
from ...base.tables import csv_rows, named_in
from ...volumes.files import ENDINGS
from ...volumes.folder import require_content, volume_files

SPLITS = ("train", "validation")
COLUMNS = ("id", "image", "mask", "tumor", "head", "brain", "split")


@dataclass(frozen=True)
class Case:
    """One subject's files.

    images: one a modality. mask: a whole segmentation in the label scheme's values; without one, the labels are made of
    head (what is not 0 is head; by default a head mask made from the first image) and tumor (what is not 0 is tumour;
    by default none). brain: where lesions may be simulated (1) and the rest of the brain (2); by default a rough guess
    from the first image. split: "train", "validation" or "" (decided by `prepare`).
    """

    id: str
    images: tuple[Path, ...]
    mask: Path | None = None
    tumor: Path | None = None
    head: Path | None = None
    brain: Path | None = None
    split: str = ""

    @property
    def unmarked(self) -> bool:
        """Whether no file says where lesions are: it is taken as healthy."""
        return self.mask is None and self.tumor is None


def unmarked_beside_marked(cases: Sequence[Case]) -> list[str]:
    """A warning that names the cases without a mask where others have one; none where all are alike."""
    names = [case.id for case in cases if case.unmarked]
    if not 0 < len(names) < len(cases):
        return []
    return [
        f"Of {len(cases)} cases {len(names)} have no mask, and are taken as healthy: {', '.join(names)}. If they have "
        "lesions, give their masks the names that the others have, or name them in a CSV."
    ]


def find_cases(
    folder: str | Path,
    image_suffixes: Sequence[str] = ("",),
    mask_suffix: str = "_mask",
    tumor_suffix: str = "_tumor",
    head_suffix: str = "_head",
    brain_suffix: str = "_brain",
) -> list[Case]:
    """Cases of a folder whose files are named <id><suffix>.nii.gz (or .nii, .nrrd, .nhdr, .mha, .mhd), sorted by path.

    Files may lie in one folder or in a folder a subject: with the suffixes ("t1", "t2"), s1/t1.nii.gz and s1/t2.nii.gz
    are the case s1. Ids that would be the same have their folder's name in front. TrainingError naming what is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}.")
    if not image_suffixes:
        raise TrainingError("No image suffix is given; it takes one for each modality.")
    named = _volumes(folder)
    side_suffixes = (mask_suffix, tumor_suffix, head_suffix, brain_suffix)
    others = tuple(s for s in (*side_suffixes, *image_suffixes[1:]) if s)
    cases: list[tuple[str, Case]] = []
    for stem in named:
        if not stem.endswith(image_suffixes[0]) or _has_longer_suffix(stem, others, image_suffixes[0]):
            continue
        base = stem[: len(stem) - len(image_suffixes[0])]
        if missing := [suffix for suffix in image_suffixes if base + suffix not in named]:
            raise TrainingError(f"{base} lacks {base}{missing[0]}.nii.gz.")
        images = tuple(named[base + suffix] for suffix in image_suffixes)
        mask, tumor, head, brain = (named.get(base + s) if s else None for s in side_suffixes)
        cases.append((base, Case(Path(base).name, images, mask, tumor, head, brain)))
    if not cases:
        raise TrainingError(f"{folder} holds no image named *{image_suffixes[0]}.nii.gz (or .nii, .nrrd, .mha, .mhd).")
    counts = Counter(case.id for _, case in cases)
    return [replace(case, id=_id_with_folder(folder, base)) if counts[case.id] > 1 else case for base, case in cases]


def read_csv(path: str | Path) -> list[Case]:
    """Cases of a CSV with the columns id and image (several files: separated by ;) and any of the other COLUMNS.

    Columns are separated by commas, semicolons (files are then separated by commas, or by ; within quotes) or tabs, and
    their names are of any case.
    Relative paths start from the CSV's folder. TrainingError naming the line that is wrong.
    """
    path = Path(path)
    try:
        rows, separator = csv_rows(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read as CSV: {error}.", "Save it as CSV in UTF-8.") from error
    named = next(iter(rows.values()), {})
    if not rows or not {"id", "image"} <= set(named):
        raise TrainingError(f"{path} needs a header line with the columns id and image, and at least one case.")
    if unknown := sorted(str(name) for name in set(named) - set(COLUMNS)):
        raise TrainingError(f"{path} has unknown columns: {', '.join(unknown)}.", f"Known are {', '.join(COLUMNS)}.")
    cases = [_case_of(row, path, line, separator) for line, row in rows.items()]
    repeated = [name for name, count in Counter(case.id for case in cases).items() if count > 1]
    if repeated:
        raise TrainingError(f"{path} names the case {repeated[0]!r} twice.", "Give every line an id of its own.")
    return cases


def _case_of(row: dict[str, str | None], path: Path, line: int, separator: str) -> Case:
    values = {key: (row.get(key) or "").strip() for key in COLUMNS}
    if not values["id"] or not values["image"]:
        raise TrainingError(f"{path} lacks an id or an image in line {line}.")
    if values["split"] not in ("", *SPLITS):
        raise TrainingError(f"{path} has the split {values['split']!r} in line {line}; it is {' or '.join(SPLITS)}.")
    names = re.split("[;,]" if separator == ";" else ";", values["image"])
    images = tuple(named_in(path, name) for name in names)
    mask, tumor, head, brain = (
        named_in(path, values[key]) if values[key] else None for key in ("mask", "tumor", "head", "brain")
    )
    for file in (*images, mask, tumor, head, brain):
        if file is not None:
            require_content(file)
        if file is not None and not os.path.exists(file):  # not Path.exists, which raises where a name is too long
            raise TrainingError(f"{path} names {file} in line {line}, which is not there.")
    return Case(id=values["id"], images=images, mask=mask, tumor=tumor, head=head, brain=brain, split=values["split"])


def _volumes(folder: Path) -> dict[str, Path]:
    """Path without its ending -> file, of every volume in the folder and below. TrainingError where two are the
    same."""
    named: dict[str, Path] = {}
    for path in volume_files(folder):
        ending = next(s for s in ENDINGS if path.name.lower().endswith(s))
        other = named.setdefault(path.as_posix()[: -len(ending)], path)
        if other != path:
            raise TrainingError(
                f"{other} and {path.name} differ by their endings alone: which of the two is meant?",
                "Rename or remove one of them, or name the files in a CSV.",
            )
    return named


def _has_longer_suffix(stem: str, others: Sequence[str], suffix: str) -> bool:
    """Whether a name ends as another kind of file does, in a way that says more than `suffix`."""
    return any(stem.endswith(other) and len(other) > len(suffix) for other in others)


def _id_with_folder(folder: Path, base: str) -> str:
    return Path(base).relative_to(folder).as_posix().replace("/", "_")
