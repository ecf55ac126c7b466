"""DICOM segmentations in (PS3.3 A.51 and C.8.20): binary, fractional and label map; segments by number and name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.decoding import damaged, decoding, require_regular, require_room
from MedDDPMCore.volumes.dicom_slices import UNEVEN, frame_affine, group, load, pixels, planes
from MedDDPMCore.volumes.geometry import Geometry, triple
from MedDDPMCore.volumes.segments import merge
from MedDDPMCore.volumes.voxels import Voxels, warn

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

_MOST_SLICES = 4096


def read(path: Path) -> Voxels:
    """The segments as labels (z, y, x), each under its number, on the grid that their frames span.

    Slices without a frame are background. Where segments overlap the smallest is on top. Fractions count from one half
    on, with a warning. A segment without a name of its own is called by what its code says it is.
    """
    size = require_regular(path)
    with decoding(path):
        dataset = load(path)
        positions, orientations, spacing = planes(path, dataset)
        kind = str(dataset.SegmentationType).upper()
        names = {int(item.SegmentNumber): _name(item) for item in dataset.SegmentSequence}
        claimed = int(dataset.Rows) * int(dataset.Columns) * len(positions) * int(dataset.BitsAllocated) // 8
        require_room(path, claimed, size, "gzip" if dataset.file_meta.TransferSyntaxUID.is_compressed else "raw")
        stored = pixels(path, dataset)
        numbers = None if kind == "LABELMAP" else [_segment(dataset, frame) for frame in _frames(dataset)]
        steps = _stated_steps(dataset)
    if numbers is not None and (unknown := sorted(set(numbers) - set(names))):
        raise damaged(path, f"it has frames of the segments {unknown}, which it does not describe")
    normal = np.cross(orientations[0, :3], orientations[0, 3:])
    slices, step = _slices(path, positions @ normal, *steps)
    first = positions[int(np.argmin(slices))]
    shape = triple((int(slices.max()) + 1, *stored.shape[1:]))
    if numbers is None:
        labels = np.zeros(shape, stored.dtype)
        labels[slices] = stored
    else:
        stored = _inside(path, dataset, stored, kind)
        places = {number: np.zeros(shape, bool) for number in sorted(set(numbers))}
        for plane, number, where in zip(slices, numbers, stored, strict=True):
            places[number][plane] |= where
        labels = merge(list(places.values()), list(places))
    affine = frame_affine(first, normal * step, orientations[0], spacing)
    return Voxels(labels, Geometry.from_affine_lps(affine, shape), {n: name for n, name in names.items() if n})


def _frames(dataset: Dataset) -> Sequence:
    return dataset.PerFrameFunctionalGroupsSequence


def _segment(dataset: Dataset, frame: Dataset) -> int:
    item = group(dataset, frame, "SegmentIdentificationSequence")
    if item is None:
        raise ValueError("a frame does not say which segment it shows")
    return int(item.ReferencedSegmentNumber)


def _name(item: Dataset) -> str:
    label = str(item.get("SegmentLabel", "")).strip()
    if label and not re.fullmatch(r"segment[ _]?\d*|\d+", label, re.IGNORECASE):
        return label
    code = item.get("SegmentedPropertyTypeCodeSequence")
    return str(code[0].get("CodeMeaning", "")).strip() or label if code else label or f"Segment {item.SegmentNumber}"


def _stated_steps(dataset: Dataset) -> tuple[float, float]:
    """The distance of neighbouring slices and their thickness in mm; 0 where it is not stated."""
    measures = group(dataset, _frames(dataset)[0], "PixelMeasuresSequence")
    if measures is None:
        return 0.0, 0.0
    return abs(float(measures.get("SpacingBetweenSlices") or 0)), abs(float(measures.get("SliceThickness") or 0))


def _slices(path: Path, depths: np.ndarray, distance: float, thickness: float) -> tuple[np.ndarray, float]:
    """Which slice each frame lies in, from 0, by its depth in mm; and the distance of slices."""
    gaps = np.diff(np.unique(np.round(depths, 3)))
    smallest = float(gaps[gaps > 1e-2].min()) if (gaps > 1e-2).any() else thickness
    for step in (distance, smallest):
        if not step:
            continue
        slices = (depths - depths.min()) / step
        whole = np.rint(slices)
        if whole.max() < _MOST_SLICES and np.abs(slices - whole).max() <= UNEVEN:
            step = step if whole.max() == 0 else float((depths.max() - depths.min()) / whole.max())
            return whole.astype(int), step
    if not distance and not smallest:
        raise VolumeError(f"{path} does not state how far its slices are apart.", "Export it again, with its spacing.")
    raise VolumeError(
        f"The frames of {path} are unevenly spaced: {', '.join(f'{gap:.2f}' for gap in np.unique(gaps)[:6])} mm apart.",
        "Export the segmentation again on an evenly spaced image.",
    )


def _inside(path: Path, dataset: Dataset, stored: np.ndarray, kind: str) -> np.ndarray:
    """Where frames hold their segment."""
    if kind == "BINARY":
        return stored != 0
    most = float(dataset.get("MaximumFractionalValue", 255))
    meaning = str(dataset.get("SegmentationFractionalType", "fraction")).lower()
    warn(
        f"{path} holds fractions ({meaning}) from 0 to {most:g}, {stored.min():g} to {stored.max():g} in use: from "
        f"{most / 2:g} on a voxel belongs to the segment."
    )
    return stored >= most / 2
