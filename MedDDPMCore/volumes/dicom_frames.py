"""Enhanced multi-frame DICOM images in: frames by their functional groups (DICOM PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.decoding import decoding, require_regular, require_room
from MedDDPMCore.volumes.dicom_slices import frame_affine, group, load, pixels, planes, require_even
from MedDDPMCore.volumes.geometry import Geometry, triple
from MedDDPMCore.volumes.voxels import Voxels, warn

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_KINDS = (
    ("component", "MRImageFrameTypeSequence", "ComplexImageComponent", ""),
    ("frame type", "MRImageFrameTypeSequence", "FrameType", ""),
    ("frame type", "CTImageFrameTypeSequence", "FrameType", ""),
    ("stack", "FrameContentSequence", "StackID", ""),
    ("echo time", "MREchoSequence", "EffectiveEchoTime", " ms"),
    ("inversion time", "MRModifierSequence", "InversionTimes", " ms"),
    ("time point", "FrameContentSequence", "TemporalPositionIndex", ""),
    ("b-value", "MRDiffusionSequence", "DiffusionBValue", ""),
    ("cardiac delay", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", " ms"),
    ("contrast phase", "ContrastBolusUsageSequence", "ContrastBolusAgentPhase", ""),
    ("contrast given", "ContrastBolusUsageSequence", "ContrastBolusAgentAdministered", ""),
)
"""What may tell apart the frames of one place: name, functional group, attribute, unit."""


def read(path: Path, frames: str = "") -> Voxels:
    """A multi-frame image (z, y, x): frames sorted along their normal, each rescaled by its own slope.

    Of magnitude and other components at the same places the magnitude is taken, with a warning. Of other echoes, time
    points or contrasts in one file those are taken that `frames` tells, as "echo time=5 ms" or "echo time=5, stack=1";
    where it does not, they are refused and named. Raises VolumeError for gaps and for what is not stated.
    """
    size = require_regular(path)
    with decoding(path):
        dataset = load(path)
        positions, orientations, spacing = planes(path, dataset)
        chosen = _one_kind(path, dataset, positions, _wanted(frames))
    if len(chosen) < 2:
        raise VolumeError(f"{path} holds a single frame; a 3D volume is needed.", "Export the whole series.")
    normal = np.cross(orientations[0, :3], orientations[0, 3:])
    order = chosen[np.argsort(positions[chosen] @ normal, kind="stable")]
    places = positions[order]
    require_even(places, [f"Frames {a + 1} and {b + 1} of {path}" for a, b in zip(order, order[1:], strict=False)])
    with decoding(path):
        claimed = int(dataset.Rows) * int(dataset.Columns) * len(positions) * int(dataset.BitsAllocated) // 8
        require_room(path, claimed, size, "gzip" if dataset.file_meta.TransferSyntaxUID.is_compressed else "raw")
        stored = pixels(path, dataset)
        scales = np.array([_scale(dataset, dataset.PerFrameFunctionalGroupsSequence[frame]) for frame in order])
    array = _rescaled(stored[order], scales)
    affine = frame_affine(places[0], (places[-1] - places[0]) / (len(places) - 1), orientations[0], spacing)
    return Voxels(array, Geometry.from_affine_lps(affine, triple(array.shape)))


def _wanted(frames: str) -> dict[str, str]:
    """ "echo time=5 ms, stack=1" -> name: value."""
    wanted, names = {}, [kind[0] for kind in _KINDS]
    for part in filter(str.strip, frames.split(",")):
        name, _, value = part.partition("=")
        if name.strip() not in names or not value.strip():
            raise VolumeError(
                f"{part.strip()!r} does not say which frames are meant.",
                f"Write NAME=VALUE, such as 'echo time=5 ms'; names are {', '.join(dict.fromkeys(names))}.",
            )
        wanted[name.strip()] = value.strip()
    return wanted


def _one_kind(path: Path, dataset: Dataset, positions: np.ndarray, wanted: Mapping[str, str]) -> np.ndarray:
    """The indices of the frames that make one volume."""
    frames = dataset.PerFrameFunctionalGroupsSequence
    chosen = np.arange(len(frames))
    for name, sequence, attribute, unit in _KINDS:
        stated = np.array([_said(group(dataset, frames[n], sequence), attribute, unit) for n in chosen])
        choices = sorted(set(stated.tolist()), key=_by_number)
        if len(choices) == 1 or len(choices) == len(chosen):
            continue
        if name in wanted:
            unit_less = {choice.removesuffix(unit): choice for choice in choices}
            kept = unit_less.get(wanted[name].removesuffix(unit.strip()).strip())
            if kept is not None:
                chosen = chosen[stated == kept]
                continue
        magnitudes = [choice for choice in choices if choice == "MAGNITUDE" or "\\M\\" in f"\\{choice}\\"]
        if name in ("component", "frame type") and len(magnitudes) == 1:
            others = ", ".join(choice for choice in choices if choice not in magnitudes)
            warn(f"{path} holds several images at the same places; the magnitude is read, not {others}.")
            chosen = chosen[stated == magnitudes[0]]
            continue
        counted = ", ".join(f"{choice} ({np.count_nonzero(stated == choice)} frames)" for choice in choices[:12])
        raise VolumeError(
            f"{path} holds {len(choices)} images, told apart by {name}: {counted}.",
            f"Say which with --frames '{name}={choices[0]}'; or give one alone: `dcm2niix -o OUT FOLDER` writes a "
            "NIfTI file of each.",
        )
    places = np.unique(np.round(positions[chosen], 2), axis=0)
    if len(places) < len(chosen):
        raise VolumeError(
            f"{path} holds {len(chosen)} frames at {len(places)} places, and does not say what tells them apart.",
            "Export the echo, phase or time point that you want as a series of its own.",
        )
    return chosen


def _said(item: Dataset | None, attribute: str, unit: str) -> str:
    value = item.get(attribute) if item is not None else None
    if value is None:
        return "not stated"
    if isinstance(value, float):
        return f"{value:.5g}{unit}"
    return str(value) + unit if isinstance(value, (str, int)) else "\\".join(str(part) for part in value) + unit


def _by_number(text: str) -> tuple[float, str]:
    try:
        return float(text.split()[0]), text
    except ValueError:
        return float("inf"), text


def _scale(dataset: Dataset, frame: Dataset) -> tuple[float, float]:
    """A frame's rescale slope and intercept."""
    item = group(dataset, frame, "PixelValueTransformationSequence")
    if item is None:
        return 1.0, 0.0
    return float(item.get("RescaleSlope", 1)), float(item.get("RescaleIntercept", 0))


def _rescaled(stored: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Frames (z, y, x) by their own slope and intercept (frame, 2); whole numbers stay such."""
    slope, intercept = scales[:, 0, None, None], scales[:, 1, None, None]
    if (scales == (1, 0)).all():
        return stored
    if stored.dtype.kind in "iu" and (scales == np.rint(scales)).all():
        values = stored.astype(np.int64) * slope.astype(np.int64) + intercept.astype(np.int64)
        fits = values.min() >= -(2**15) and values.max() < 2**15
        return values.astype(np.int16 if fits else np.int32)
    return (stored * slope + intercept).astype(np.float32)
