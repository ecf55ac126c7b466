"""Folders or a CSV of images -> a packed training set."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import MedDDPMError, TrainingError
from ..grid import ModelGrid
from ..labels import LabelScheme
from ..volume import Volume, resample_image, resample_labels
from .brain import brain_region
from .dataset import to_bytes
from .intensity import per_slice, robust

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


@dataclass(frozen=True)
class Case:
    """One subject's files. images: one a modality. mask: labels in the scheme's values, or None: head (or a mask made from the first
    image) is all there is. split: "train", "validation" or "" (decided by `prepare`)."""

    id: str
    images: tuple[Path, ...]
    mask: Path | None = None
    head: Path | None = None
    split: str = ""


@dataclass
class Report:
    """What `prepare` did: ids packed, ids left out with the reason, and packed ids that look unlike the rest."""

    packed: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    outliers: dict[str, str] = field(default_factory=dict)


def find_cases(
    folder: str | Path, image_suffixes: Sequence[str] = ("",), mask_suffix: str = "_mask", head_suffix: str = "_head"
) -> list[Case]:
    """Cases of a folder whose files are named <id><suffix>.nii.gz (or .nii, .nrrd, .mha, .mhd), sorted by id."""
    folder = Path(folder)
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}.")
    named = {}
    for path in sorted(folder.rglob("*")):
        suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
        if suffix:
            named[str(path)[: -len(suffix)]] = path
    aside = tuple(s for s in (mask_suffix, head_suffix) if s)
    cases = []
    for stem in named:
        if not stem.endswith(image_suffixes[0]) or (aside and stem.endswith(aside)):
            continue
        base = stem[: len(stem) - len(image_suffixes[0])]
        images = [named.get(base + suffix) for suffix in image_suffixes]
        if None in images:
            raise TrainingError(f"{base} lacks {base}{image_suffixes[images.index(None)]}.nii.gz.")
        cases.append(Case(Path(base).name, tuple(images), named.get(base + mask_suffix), named.get(base + head_suffix)))
    if not cases:
        raise TrainingError(f"{folder} holds no image named *{image_suffixes[0]}.nii.gz (or .nii, .nrrd, .mha).")
    return cases


def read_csv(path: str | Path) -> list[Case]:
    """Cases of a CSV with the columns id, image (several files: separated by ;) and, as wished, mask, head, split.

    Relative paths start from the CSV's folder.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read as CSV: {error}.") from error
    if not rows or not {"id", "image"} <= set(rows[0]):
        raise TrainingError(f"{path} needs a header line with the columns id and image, and at least one case.")

    def resolved(row, column):
        return path.parent / row[column] if row.get(column) else None

    return [
        Case(
            row["id"], tuple(path.parent / name.strip() for name in row["image"].split(";")), resolved(row, "mask"),
            resolved(row, "head"), row.get("split") or "",
        )
        for row in rows
    ]


def prepare(
    cases: Sequence[Case], out: str | Path, grid: ModelGrid, scheme: LabelScheme, modalities: Sequence[str],
    convention: str = "robust", hold_out: int = 8, progress: Callable[[int, int, str], None] = lambda i, n, name: None,
) -> Report:
    """Reorients, resamples, scales and packs the cases into the folder `out` (see `training.dataset`).

    convention: "robust" or "per_slice" (see `training.intensity`). hold_out: every hold_out-th case without a split is for validation.
    A case that fails is left out and reported; TrainingError where none is left.
    """
    out, report, described = Path(out), Report(), []
    if (out / "dataset.json").exists():
        raise TrainingError(f"{out} holds a training set already.", "Name a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    n = len(cases)
    shapes = {"images": (n, len(modalities), *grid.shape), "labels": (n, *grid.shape), "brain": (n, *grid.shape)}
    arrays = {
        name: np.lib.format.open_memmap(out / f"{name}.part.npy", "w+", np.uint8, shape) for name, shape in shapes.items()
    }
    statistics = []
    for i, case in enumerate(cases):
        progress(i, n, case.id)
        try:
            image, labels, brain, white_matter = _pack_case(case, grid, scheme, len(modalities), convention)
        except (MedDDPMError, ValueError) as error:
            report.left_out[case.id] = str(error)
            continue
        k = len(described)
        arrays["images"][k], arrays["labels"][k], arrays["brain"][k] = to_bytes(image), labels, brain
        split = case.split or ("validation" if hold_out and k % hold_out == hold_out - 1 else "train")
        described.append({"id": case.id, "split": split, "white_matter": round(white_matter, 4)})
        head = labels > 0
        statistics.append((head.mean(), image[0][head].mean(), image[0][head].std(), white_matter))
    if not described:
        raise TrainingError(
            "No case could be prepared. " + " ".join(f"{name}: {why}" for name, why in list(report.left_out.items())[:3])
        )
    report.packed = [entry["id"] for entry in described]
    report.outliers = find_outliers(report.packed, np.array(statistics))
    for name, array in arrays.items():
        if len(described) < n:
            np.save(out / f"{name}.npy", array[: len(described)])
            (out / f"{name}.part.npy").unlink()
        else:
            array.flush()
            (out / f"{name}.part.npy").replace(out / f"{name}.npy")
    (out / "dataset.json").write_text(
        json.dumps(
            {
                "grid": grid.to_dict(), "labels": scheme.to_dict(), "modalities": list(modalities), "intensity": convention,
                "cases": described, "left_out": report.left_out, "outliers": report.outliers,
            },
            indent=1,
        ),
        encoding="utf-8",
    )
    return report


def find_outliers(ids: Sequence[str], statistics: np.ndarray, limit: float = 4.0) -> dict[str, str]:
    """Cases whose head size or intensities lie more than `limit` robust standard deviations from the median.

    statistics (cases, 4): head share of the grid, mean and standard deviation in the head, white matter.
    """
    names = ("head size", "mean intensity", "contrast", "white matter intensity")
    middle = np.median(statistics, axis=0)
    spread = 1.4826 * np.median(np.abs(statistics - middle), axis=0) + 1e-6
    scores = (statistics - middle) / spread
    return {
        ids[i]: ", ".join(f"{names[j]} {scores[i, j]:+.1f} SD" for j in np.flatnonzero(np.abs(scores[i]) > limit))
        for i in np.flatnonzero((np.abs(scores) > limit).any(axis=1))
    }


def _pack_case(case: Case, grid: ModelGrid, scheme: LabelScheme, modalities: int, convention: str):
    """image (modality, z, y, x) -1..1, labels (z, y, x) uint8, brain (z, y, x) bool, white matter -1..1, on the grid."""
    if len(case.images) != modalities:
        raise TrainingError(f"{len(case.images)} images were given for {modalities} modalities.")
    volumes = [Volume.read(path) for path in case.images]
    labels = _labels(case, volumes[0], scheme)
    geometry = grid.geometry_for(labels, scheme.head_values)
    packed = resample_labels(labels, geometry).array.astype(np.uint8)
    head = packed > 0
    channels = []
    for volume in volumes:
        if convention == "per_slice":
            scaled = Volume(per_slice(volume.array), volume.geometry)
            channels.append(resample_image(scaled, geometry, -1.0).array)
        else:
            channels.append(robust(resample_image(volume, geometry).array, head))
    image = np.stack(channels).astype(np.float32)
    brain, white_matter = brain_region(image[0] + 1, head, grid.spacing)
    return image, packed, brain, white_matter - 1


def _labels(case: Case, image: Volume, scheme: LabelScheme) -> Volume:
    if case.mask is not None:
        mask = Volume.read(case.mask, labels=True)
        return Volume(scheme.apply(mask), mask.geometry)
    if case.head is not None:
        head = Volume.read(case.head, labels=True)
    else:
        from ..synthesis.head import head_mask

        head = head_mask(image)
    return Volume((head.array > 0).astype(np.uint8) * scheme.head_values[0], head.geometry)
