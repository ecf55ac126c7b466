"""Images, and masks where there are any -> a packed training set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...anatomy.brain import TISSUE, brain_labels, brain_region, white_matter_level
from ...anatomy.intensity import CONVENTIONS, min_max, per_slice, robust
from ...anatomy.registration import moved, registration
from ...base.errors import MedDDPMError, ResourceError, TrainingError
from ...base.files import only_writer, write_text
from ...volumes.grid import ModelGrid
from ...volumes.labels import LabelMapping, LabelScheme
from ...volumes.same_world import require_together
from ...volumes.volume import Volume, resample_image, resample_labels
from .cases import Case
from .contact_sheet import write_contact_sheet
from .dataset import DESCRIPTION, LARGEST_LABEL, PackedDataset, PackedWriter

CONTACT_SHEET = "contact_sheet.png"
REPORT = "report.txt"
OUTLIER = "outlier"
"""The split of cases that were taken out: they stay in the arrays, but are neither trained on nor validated with."""
_FEWEST_FOR_OUTLIERS = 5
_TRACES = ("head size", "mean intensity", "contrast", "white matter intensity")


@dataclass
class Report:
    """What `prepare` did: ids packed, ids left out with the reason, packed ids that look unlike the rest, and what else
    is to be known of packed ones. removed: of those left out, the ids that were taken out as outliers, as asked."""

    packed: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    outliers: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """The ids that could not be packed."""
        return [name for name in self.left_out if name not in self.removed]

    def text(self) -> str:
        """The report in lines for a reader."""
        lines = [f"{len(self.packed)} cases packed."]
        for title, entries in (
            ("left out", self.left_out),
            ("to look at", self.outliers),
            ("with a note", self.notes),
        ):
            if entries:
                lines += [f"{len(entries)} cases {title}:", *(f"  {name}: {why}" for name, why in entries.items())]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Steps:
    """What is done beside placing heads on the grid; see `recipes`.

    template: a head mask (not 0 is head) that every head is registered to, and then stands in for the case's own where
    the grid is placed; None: none. registration: "rigid" or "affine". remove_outliers: whether cases that
    `find_outliers` finds are taken out. relabel: (mask, first image) -> mask, before labels are looked at.
    """

    template: Volume | None = None
    registration: str = "affine"
    remove_outliers: bool = False
    relabel: Callable[[Volume, Volume], Volume] | None = None


@dataclass(frozen=True)
class _Packed:
    """One case on the grid: image (modality, z, y, x) -1..1, labels and brain (z, y, x) uint8, white matter."""

    image: np.ndarray
    labels: np.ndarray
    brain: np.ndarray
    white_matter: float
    remark: str = ""
    notes: tuple[str, ...] = ()

    def traces(self) -> tuple[float, float, float, float]:
        """What outliers are found by, as named in _TRACES; white matter is not a number where none was looked for."""
        inside = self.image[0][self.labels > 0]
        white_matter = self.white_matter if self.brain.any() else float("nan")
        return float((self.labels > 0).mean()), float(inside.mean()), float(inside.std()), white_matter


def prepare(
    cases: Sequence[Case],
    out: str | Path,
    grid: ModelGrid,
    scheme: LabelScheme,
    modalities: Sequence[str],
    convention: str = "robust",
    hold_out: int = 8,
    progress: Callable[[int, int, str], None] | None = None,
    mapping: LabelMapping | None = None,
    steps: Steps = Steps(),  # noqa: B008 (it cannot be changed)
    about: Mapping[str, str] | None = None,
) -> Report:
    """Reorients, resamples, scales and packs the cases into the folder `out` (see `training.dataset`).

    convention: "robust", "per_slice" or "min_max" (see `training.intensity`). hold_out: every hold_out-th case that
    names no split is for validation, and of fewer cases the last; 0: none. progress: called before each case with its
    number from 0, the number of cases and its id. mapping: label name -> the values that the cases' masks use for it,
    where not the scheme's own. steps: registration and the removal of outliers. about: what is said of the images
    (`dataset.ABOUT`). Beside the set it writes a contact sheet and the report as text. A case that fails is left out
    and reported.
    Raises TrainingError where none is left or the folder holds a set, BusyError where another process writes into it,
    ResourceError on a full disk; nothing is seen of a set before it is whole.
    """
    out, report = Path(out), Report()
    _check(out, scheme, convention, hold_out)
    described, traces = [], []
    with only_writer(out):
        _check(out, scheme, convention, hold_out)
        _check_space(out, len(cases) * (len(modalities) + 2) * int(np.prod(grid.shape)))
        with PackedWriter(out, grid, len(modalities)) as writer:
            for i, case in enumerate(cases):
                if progress is not None:
                    progress(i, len(cases), case.id)
                try:
                    packed = _pack_case(case, grid, scheme, modalities, convention, mapping, steps)
                except (MedDDPMError, ValueError) as error:
                    report.left_out[case.id] = str(error)
                    continue
                writer.add(packed.image, packed.labels, packed.brain)
                described.append({"id": case.id, "split": case.split, "white_matter": round(packed.white_matter, 4)})
                traces.append(packed.traces())
                if packed.remark:
                    report.outliers[case.id] = packed.remark
                if packed.notes:
                    report.notes[case.id] = " ".join(packed.notes)
            if not described:
                reasons = [f"{name}: {why}" for name, why in list(report.left_out.items())[:3]]
                raise TrainingError(f"No case could be prepared. {' '.join(reasons)}".strip())
            _split(described, hold_out)
            odd = find_outliers([entry["id"] for entry in described], np.array(traces))
            for entry in described:
                if entry["id"] in odd and steps.remove_outliers:
                    entry["split"] = OUTLIER
                    report.removed.append(entry["id"])
                    report.left_out[entry["id"]] = f"unlike the rest: {odd[entry['id']]}"
            report.packed = [entry["id"] for entry in described if entry["split"] != OUTLIER]
            for name, why in odd.items():
                if not steps.remove_outliers:
                    report.outliers[name] = "; ".join(filter(None, (report.outliers.get(name), why)))
            writer.finish(
                {
                    "grid": grid.to_dict(),
                    "labels": scheme.to_dict(),
                    "modalities": list(modalities),
                    "intensity": convention,
                    "registration": steps.registration if steps.template is not None else "none",
                    "cases": described,
                    "about": dict(about or {}),
                    "left_out": report.left_out,
                    "outliers": report.outliers,
                }
            )
        write_contact_sheet(out / CONTACT_SHEET, PackedDataset.open(out), {*report.outliers, *report.left_out})
        write_text(out / REPORT, report.text())
    return report


def find_outliers(ids: Sequence[str], traces: np.ndarray, limit: float = 4.0) -> dict[str, str]:
    """Cases whose head size or intensities lie more than `limit` robust standard deviations from the median.

    traces: (cases, 4), as `_Packed.traces` gives; not-a-numbers are passed over. Too few cases have no outliers.
    """
    found: dict[str, list[str]] = {}
    for name, values in zip(_TRACES, traces.T, strict=True):
        known = values[np.isfinite(values)]
        if len(known) < _FEWEST_FOR_OUTLIERS:
            continue
        middle = np.median(known)
        spread = 1.4826 * np.median(np.abs(known - middle)) + 0.01 * abs(middle) + 1e-3
        for case, value in zip(ids, values, strict=True):
            score = (value - middle) / spread
            if abs(score) > limit:
                found.setdefault(case, []).append(f"{name} {score:+.1f} SD")
    return {case: ", ".join(reasons) for case, reasons in found.items()}


def _check(out: Path, scheme: LabelScheme, convention: str, hold_out: int) -> None:
    if (out / DESCRIPTION).exists():
        raise TrainingError(f"{out} holds a training set already.", "Name a new folder.")
    if convention not in CONVENTIONS:
        raise TrainingError(f"There is no intensity convention {convention!r}: use {' or '.join(CONVENTIONS)}.")
    if hold_out == 1 or hold_out < 0:
        raise TrainingError(f"hold_out must be 2 or more, or 0 for none, not {hold_out}.")
    if max(scheme.values.values()) > LARGEST_LABEL:
        raise TrainingError(f"A training set packs label values up to {LARGEST_LABEL}, not {scheme.values}.")


def _check_space(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if free < needed:
        raise ResourceError(
            f"The training set needs {needed / 1e9:.1f} GB; {out} has {free / 1e9:.1f} GB left.",
            "Free disk space, or name a folder on another disk.",
        )


def _split(described: list[dict], hold_out: int) -> None:
    """Fills in the split of the cases that name none."""
    open_ones = [entry for entry in described if not entry["split"]]
    for k, entry in enumerate(described):
        held_out = hold_out and k % hold_out == hold_out - 1
        entry["split"] = entry["split"] or ("validation" if held_out else "train")
    if hold_out and len(described) > 1 and open_ones and all(entry["split"] == "train" for entry in described):
        open_ones[-1]["split"] = "validation"


def _pack_case(
    case: Case,
    grid: ModelGrid,
    scheme: LabelScheme,
    modalities: Sequence[str],
    convention: str,
    mapping: LabelMapping | None,
    steps: Steps,
) -> _Packed:
    if len(case.images) != len(modalities):
        raise TrainingError(f"{len(case.images)} images were given for {len(modalities)} modalities.")
    notes: list[str] = []
    volumes = [Volume.read(path) for path in case.images]
    for name, volume in zip(modalities[1:], volumes[1:], strict=True):
        notes.append(require_together(f"{name} image", volume, f"{modalities[0]} image", volumes[0], labels=False))
    labels = _labels(case, volumes[0], scheme, mapping, steps, notes)
    brain_given = None if case.brain is None else _mask("brain mask", case.brain, volumes[0], notes)
    if steps.template is None:
        geometry = grid.geometry_for(labels, scheme.head_values)
    else:
        matrix = registration(labels, steps.template, steps.registration)
        labels, *volumes = (moved(volume, matrix) for volume in (labels, *volumes))
        brain_given = None if brain_given is None else moved(brain_given, matrix)
        geometry = grid.geometry_for(steps.template, range(1, int(steps.template.array.max()) + 1))
    packed = resample_labels(labels, geometry).array.astype(np.uint8)
    head = packed > 0
    if not head.any():
        raise TrainingError("No part of the head lies in the model's grid.")
    channels = []
    for volume in volumes:
        if convention == "per_slice":
            scaled = Volume(per_slice(volume.array), volume.geometry)
            channels.append(resample_image(scaled, geometry, -1.0).array)
        elif convention == "min_max":
            channels.append(resample_image(Volume(min_max(volume.array), volume.geometry), geometry, -1.0).array)
        else:
            channels.append(robust(resample_image(volume, geometry).array, head))
    image = np.stack(channels).astype(np.float32)
    brain, white_matter, remark = np.zeros(grid.shape, np.uint8), 0.0, ""
    tumor = scheme.values.get("tumor")
    if tumor is not None and not (packed == tumor).any():
        try:
            if brain_given is not None:
                brain = brain_labels(resample_labels(brain_given, geometry).array, head)
                white = white_matter_level(image[0] + 1, brain == TISSUE, grid.spacing)
            else:
                brain, white = brain_region(image[0] + 1, head, grid.spacing, grid.axes)
        except TrainingError as error:
            remark = f"no lesion will be simulated in it: {error}"
        else:
            white_matter = white - 1
    return _Packed(image, packed, brain, white_matter, remark, tuple(filter(None, notes)))


def _mask(name: str, path: Path, image: Volume, notes: list[str]) -> Volume:
    """A mask of the image, which it must lie on."""
    mask = Volume.read(path, labels=True)
    notes.append(require_together(name, mask, "image", image))
    return mask


def _labels(
    case: Case, image: Volume, scheme: LabelScheme, mapping: LabelMapping | None, steps: Steps, notes: list[str]
) -> Volume:
    """The case's labels (z, y, x) in the scheme's values, validated, on its mask's own geometry."""
    if case.mask is not None:
        mask = _mask("mask", case.mask, image, notes)
        mask = steps.relabel(mask, image) if steps.relabel else mask
        return Volume(scheme.apply(mask, mapping), mask.geometry)
    if case.head is not None:
        head = _mask("head mask", case.head, image, notes)
    else:
        from ...anatomy.head import head_mask

        head = head_mask(image)
    body = scheme.values[scheme.required[0]]
    joined = Volume((head.array > 0).astype(np.uint8) * body, head.geometry)
    if case.tumor is None:
        return joined
    if "tumor" not in scheme.values:
        raise TrainingError(f"A tumour mask alone does not make {scheme.name} labels: give a whole segmentation.")
    tumor = resample_labels(_mask("tumour mask", case.tumor, image, notes), head.geometry)
    joined.array[tumor.array > 0] = scheme.values["tumor"]
    return Volume(scheme.apply(joined), head.geometry)
