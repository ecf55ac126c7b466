"""Masks in, a data set out: images, masks and provenance, restartable, shared among torchrun's processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..anatomy.deface import face_region
from ..base.errors import LabelError, MedDDPMError, VolumeError
from ..base.files import only_writer, sha256_of, together, write_json, write_text
from ..base.parallel import rank_and_world
from ..synthesis.output import identity, provenance, scanner_units, stem
from ..synthesis.synthesize import AIR, Model, Plan, Progress, Settings, Synthesis
from ..training.data.contact_sheet import case_picture, save_sheet
from ..volumes.labels import LabelMapping
from ..volumes.volume import Geometry, Volume, reorient
from .bids import Bids
from .case import ExportedCase, read_case, record_name, whole_cases, write_record
from .case import place as place_in
from .data_card import data_card
from .nnunet import NnUnet, label_values

LAYOUTS = {layout.name: layout for layout in (NnUnet, Bids)}
MARKER = "medddpm-dataset.json"
"""What the data set was begun with: a folder without it is not ours to write into."""
CHECKSUMS, SHEET = "SHA256SUMS", "contact_sheet.png"
MOST_PICTURES = 48
_PICTURE_MM = 2.0


@dataclass
class DatasetReport:
    """made: cases made in this call. there: those that were there before. failed: masks left out, and why. cases: how
    many whole cases the data set has now."""

    made: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    cases: int = 0


def make_dataset(
    model: Model,
    masks: Sequence[Path],
    out: str | Path,
    layout: str,
    settings: Settings,
    mapping: LabelMapping | None = None,
    keep_names: bool = False,
    deface: bool = False,
    report: Callable[[int, int, str, Progress | str], None] = lambda *_: None,
) -> DatasetReport:
    """Makes settings.samples cases a mask in the folder `out`, in the layout "nnunet" or "bids", and completes it:
    data card, checksums, contact sheet, and what the layout asks for.

    Cases that are whole, from the same mask and seed, are not made again; a process that is killed leaves no half case
    that counts. Cases are called by a hash of their mask, or by the mask's file name if keep_names. deface: the images'
    faces are set to air, and the masks' to background (`synthesis.deface`); masks in which no face is seen are left
    out. The processes of torchrun may work on one folder: each is given all masks, and makes its own part. When
    interrupted, what is made is completed before KeyboardInterrupt goes on. report(cases done, cases in all, case id or
    mask's name, a Progress or words).
    Raises VolumeError where `out` holds anything but such a data set, begun with the same model and settings;
    BusyError where another process writes into it; ResourceError on a full disk.
    """
    if layout not in LAYOUTS:
        raise MedDDPMError(f"There is no layout {layout!r}.", f"Choose one of {', '.join(LAYOUTS)}.")
    out, place = Path(out), LAYOUTS[layout](model.spec)
    marker = {
        "format": 1,
        "layout": layout,
        "model": model.spec.name,
        "model_sha256": model.spec.weights_sha256,
        "sampler": settings.sampler or model.spec.sampler,
        "steps": settings.steps or model.spec.steps,
        "output_grid": settings.output_grid,
        "defaced": deface,
    }
    if keep_names:
        _refuse_equal_names(masks, place)
    rank, world = rank_and_world()
    masks = masks[rank::world]
    result = DatasetReport()
    _is_begun(out, marker)
    with only_writer(out):
        if not _is_begun(out, marker):
            write_json(out / MARKER, marker)
        try:
            _make_cases(model, masks, out, place, settings, mapping, keep_names, deface, report, result)
        except KeyboardInterrupt:
            complete(out, place, model, marker)
            raise
        result.cases = len(complete(out, place, model, marker))
    return result


def _make_cases(
    model, masks, out: Path, place, settings, mapping, keep_names, deface, report, result: DatasetReport
) -> None:
    total, done = len(masks) * settings.samples, 0
    for path in masks:
        try:
            mask = Volume.read(path, labels=True)
            plan = model.plan(mask, mapping, settings.output_grid)
            labels = _labels(model, plan, mask, mapping, settings)
            face = face_region(labels) if deface else None
            if face is not None:
                labels = Volume(np.where(face, labels.array.dtype.type(0), labels.array), labels.geometry)
        except (LabelError, VolumeError) as error:
            result.failed[path] = str(error)
            done += settings.samples
            report(done, total, path.name, f"left out: {error}")
            continue
        for words in [*plan.warnings, *plan.notes]:
            report(done, total, path.name, words)
        mask_id = stem(path) if keep_names else f"m{plan.mask_sha256[:10]}"
        for seed in range(settings.seed, settings.seed + settings.samples):
            one = replace(settings, seed=seed, samples=1, batch_size=1)
            case_id = place.case_id(mask_id, seed)
            if _is_there(read_case(out, case_id), identity(model, plan, one, seed)):
                result.there.append(case_id)
            else:
                for progress in model.run(plan, one):
                    report(done, total, case_id, progress)
                made = progress.results()[0]
                if face is not None:
                    made = Synthesis({name: _without(v, face) for name, v in made.volumes.items()}, made.seed)
                _write_case(progress.model, progress.plan, one, made, labels, deface, out, place, mask_id, case_id)
                result.made.append(case_id)
            done += 1
            report(done, total, case_id, "made" if result.made[-1:] == [case_id] else "is there already")


def _is_begun(out: Path, marker: dict) -> bool:
    """Whether the data set is begun; VolumeError where the folder holds anything else, or one begun otherwise."""
    if out.exists() and not out.is_dir():
        raise VolumeError(f"{out} is a file.", "Name a new folder.")
    if not out.exists() and not out.parent.is_dir():
        raise VolumeError(f"There is no folder {out.parent}.", "Make it first, or choose another.")
    if not out.exists():
        return False
    try:
        before = json.loads((out / MARKER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        others = [path.name for path in out.iterdir() if not path.name.startswith(".")]
        if others and not (out / MARKER).exists():
            raise VolumeError(
                f"{out} holds other things ({', '.join(sorted(others)[:3])}), and nothing is written over.",
                "Name a new folder.",
            ) from None
        return False
    except ValueError:
        raise VolumeError(f"{out / MARKER} is damaged.", "Name a new folder.") from None
    different = [key for key, value in marker.items() if before.get(key) != value]
    if different:
        told = ", ".join(f"{key} {before.get(key)} and not {marker[key]}" for key in different)
        raise VolumeError(f"{out} holds a data set begun otherwise: {told}.", "Name a new folder, or go on as begun.")
    return True


def _refuse_equal_names(masks: Sequence[Path], place) -> None:
    seen: dict[str, Path] = {}
    for path in masks:
        other = seen.setdefault(place.case_id(stem(path), 0).lower(), path)
        if other != path:
            raise VolumeError(
                f"{other.name} and {path.name} would get the same name in the data set.", "Rename one of them."
            )


def _labels(model: Model, plan: Plan, mask: Volume, mapping: LabelMapping | None, settings: Settings) -> Volume:
    """The mask on the images' voxels, in the data set's values (`label_values`), uint8."""
    own = plan.labels if settings.output_grid == "model" else model.spec.labels.apply(mask, mapping)
    table = np.zeros(256, np.uint8)
    for name, value in label_values(model.spec).items():
        table[model.spec.labels.values[name]] = value
    return Volume(table[own], plan.output)


def _without(image: Volume, face: np.ndarray) -> Volume:
    return Volume(np.where(face, np.float32(AIR), image.array), image.geometry)


def _is_there(case: ExportedCase | None, wanted: dict) -> bool:
    return case is not None and all(case.record.get(key) == value for key, value in wanted.items())


def _write_case(
    model: Model,
    plan: Plan,
    one: Settings,
    made: Synthesis,
    labels: Volume,
    deface: bool,
    out: Path,
    place,
    mask_id: str,
    case_id: str,
) -> ExportedCase:
    records = {name: provenance(model, plan, one, made.seed, name) | {"defaced": deface} for name in made.volumes}
    with together(out, record_name(case_id)) as part:
        labels.write(place_in(part, place.label(case_id)))
        for name, volume in made.volumes.items():
            text = f"{name} {model.spec.name} {model.spec.weights_sha256[:8]} seed {made.seed}"
            scanner_units(volume).write(place_in(part, place.image(case_id, name)), {"SYNTHETIC": text})
        for name, content in place.sidecars(case_id, records).items():
            write_json(place_in(part, name), content)
        record = next(iter(records.values()))
        del record["modality"]
        volumes = {
            name: round(int((labels.array == value).sum()) * float(np.prod(labels.geometry.spacing)) / 1000, 3)
            for name, value in label_values(model.spec).items()
        }
        return write_record(part, case_id, {**record, "mask": mask_id, "modalities": list(records), "labels": volumes})


def complete(out: Path, place, model: Model, marker: dict) -> list[ExportedCase]:
    """Writes what speaks of all cases: the layout's files, README.md, contact sheet, checksums. Returns the cases.

    Where another process has finished a case meanwhile, it is done again: whoever is last sees all.
    """
    while True:
        cases = whole_cases(out)
        if not cases:
            return cases
        texts = {**place.common_files(cases), "README.md": data_card(model.spec, marker, cases)}
        for name, text in texts.items():
            write_text(out / name, text)
        _write_sheet(out, place, model, cases)
        sums = {name: digest for case in cases for name, digest in case.files.items()}
        for name in [*texts, SHEET, MARKER, *(record_name(case.id) for case in cases)]:
            sums[name] = sha256_of(out / name)
        write_text(out / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
        if [case.id for case in whole_cases(out)] == [case.id for case in cases]:
            return cases


def _write_sheet(out: Path, place, model: Model, cases: list[ExportedCase]) -> None:
    """Three planes of some of the cases, evenly chosen, lesions outlined."""
    chosen = np.linspace(0, len(cases) - 1, min(len(cases), MOST_PICTURES)).astype(int).tolist()
    values = label_values(model.spec)
    lesions = [values[name] for name in model.spec.labels.lesions]
    pictures = []
    for number in chosen:
        case_id = cases[number].id
        labels, image = (
            _coarse(Volume.read(out / name))
            for name in (place.label(case_id), place.image(case_id, model.spec.modalities[0]))
        )
        lesion = np.isin(labels.array, lesions)
        pictures.append(case_picture(image.array / 500 - 1, lesion, labels.array > 0, image.geometry.spacing))
    save_sheet(out / SHEET, pictures)


def _coarse(volume: Volume) -> Volume:
    """Upright (RAS), with every n-th voxel, so that none is much smaller than a picture needs."""
    upright = reorient(volume, "RAS")
    every = [max(1, int(_PICTURE_MM / step + 0.5)) for step in upright.geometry.spacing]
    array = upright.array[:: every[2], :: every[1], :: every[0]]
    spacing = tuple(step * n for step, n in zip(upright.geometry.spacing, every, strict=True))
    return Volume(array, Geometry(array.shape, spacing, upright.geometry.origin, upright.geometry.direction))
