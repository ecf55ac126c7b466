"""Images, and masks where there are any -> a packed training set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...base.errors import MedDDPMError, ResourceError, TrainingError
from ...base.files import only_writer, write_text
from .cases import Case, unmarked_beside_marked
from .contact_sheet import write_contact_sheet
from .dataset import DESCRIPTION, PackedDataset, PackedWriter
from .packing import TRACES, PrepareOptions, pack_case

CONTACT_SHEET = "contact_sheet.png"
REPORT = "report.txt"
OUTLIER = "outlier"
"""The split of cases that were taken out: they stay in the arrays, but are neither trained on nor validated with."""
_FEWEST_FOR_OUTLIERS = 5


@dataclass
class Report:
    """What `prepare` did: ids packed, ids left out with the reason, packed ids that look unlike the rest, and what else
    is to be known of packed ones. removed: of those left out, the ids that were taken out as outliers, as asked.
    unmarked: packed ids without a mask; warnings: of the set as a whole."""

    packed: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    outliers: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """The ids that could not be packed."""
        return [name for name in self.left_out if name not in self.removed]

    def text(self) -> str:
        """The report in lines for a reader."""
        lines = [f"{len(self.packed)} cases packed."]
        if self.unmarked:
            lines.append(f"{len(self.unmarked)} of them with no mask: taken as healthy.")
        lines += [f"Warning: {text}" for text in self.warnings]
        for title, entries in (
            ("left out", self.left_out),
            ("to look at", self.outliers),
            ("with a note", self.notes),
        ):
            if entries:
                lines += [f"{len(entries)} cases {title}:", *(f"  {name}: {why}" for name, why in entries.items())]
        return "\n".join(lines) + "\n"


def prepare(
    cases: Sequence[Case],
    out: str | Path,
    options: PrepareOptions,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Reorients, resamples, scales and packs the cases into the folder `out` (see `training.data.dataset`).

    progress: called before each case with its number from 0, the number of cases and its id. Beside the set it writes
    a contact sheet and the report as text. A case that fails is left out and reported.
    Raises TrainingError where none is left or the folder holds a set, BusyError where another process writes into it,
    ResourceError on a full disk; nothing is seen of a set before it is whole.
    """
    out, report = Path(out), Report()
    _require_no_set(out)
    with only_writer(out):
        _require_no_set(out)
        _check_space(out, len(cases) * (len(options.modalities) + 2) * int(np.prod(options.grid.shape)))
        with PackedWriter(out, options.grid, len(options.modalities)) as writer:
            described, traces = _pack(cases, options, writer, report, progress)
            _split(described, options.hold_out)
            _sort_outliers(described, traces, options, report)
            kept = [case for case in cases if case.id in report.packed]
            report.unmarked = [case.id for case in kept if case.unmarked]
            report.warnings += unmarked_beside_marked(kept)
            writer.finish(
                {
                    "grid": options.grid.to_dict(),
                    "labels": options.scheme.to_dict(),
                    "modalities": list(options.modalities),
                    "intensity": options.convention,
                    "registration": options.registration if options.template is not None else "none",
                    "cases": described,
                    "about": dict(options.about),
                    "left_out": report.left_out,
                    "outliers": report.outliers,
                }
            )
        write_contact_sheet(out / CONTACT_SHEET, PackedDataset.open(out), {*report.outliers, *report.left_out})
        write_text(out / REPORT, report.text())
    return report


def _pack(
    cases: Sequence[Case],
    options: PrepareOptions,
    writer: PackedWriter,
    report: Report,
    progress: Callable[[int, int, str], None] | None,
) -> tuple[list[dict], np.ndarray]:
    """Packs each case; returns what the set says of each, and what outliers are found by. TrainingError where none can
    be packed."""
    described, traces = [], []
    for i, case in enumerate(cases):
        if progress is not None:
            progress(i, len(cases), case.id)
        try:
            packed = pack_case(case, options)
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
    return described, np.array(traces)


def _sort_outliers(described: list[dict], traces: np.ndarray, options: PrepareOptions, report: Report) -> None:
    """Cases unlike the rest are taken out where the options say so, else reported; the others are packed."""
    odd = find_outliers([entry["id"] for entry in described], traces)
    for entry in described:
        if entry["id"] in odd and options.remove_outliers:
            entry["split"] = OUTLIER
            report.removed.append(entry["id"])
            report.left_out[entry["id"]] = f"unlike the rest: {odd[entry['id']]}"
    report.packed = [entry["id"] for entry in described if entry["split"] != OUTLIER]
    for name, why in odd.items():
        if not options.remove_outliers:
            report.outliers[name] = "; ".join(filter(None, (report.outliers.get(name), why)))


def find_outliers(ids: Sequence[str], traces: np.ndarray, limit: float = 4.0) -> dict[str, str]:
    """Cases whose head size or intensities lie more than `limit` robust standard deviations from the median.

    traces: (cases, 4), as `PackedCase.traces` gives; not-a-numbers are passed over. Too few cases have no outliers.
    """
    reasons: dict[str, list[str]] = {}
    for name, values in zip(TRACES, traces.T, strict=True):
        known = values[np.isfinite(values)]
        if len(known) < _FEWEST_FOR_OUTLIERS:
            continue
        middle = np.median(known)
        spread = 1.4826 * np.median(np.abs(known - middle)) + 0.01 * abs(middle) + 1e-3
        for case, value in zip(ids, values, strict=True):
            score = (value - middle) / spread
            if abs(score) > limit:
                reasons.setdefault(case, []).append(f"{name} {score:+.1f} SD")
    return {case: ", ".join(why) for case, why in reasons.items()}


def _require_no_set(out: Path) -> None:
    if (out / DESCRIPTION).exists():
        raise TrainingError(f"{out} holds a training set already.", "Name a new folder.")


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
