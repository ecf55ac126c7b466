"""Masks in, a data set out: images, masks and provenance, restartable, shared among torchrun's processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..anatomy.completed import completed
from ..anatomy.deface import face_region
from ..base.errors import LabelError, MedDDPMError, VolumeError, shown
from ..base.files import make_folder, only_writer, sha256_of, together, write_json, write_text
from ..base.overlap import Behind, ahead
from ..base.parallel import rank_and_world
from ..base.reading import read_json
from ..synthesis.batch import hands_beside
from ..synthesis.masks import Given, reader
from ..synthesis.output import identity, model_units, provenance, scanner_units, stem
from ..synthesis.synthesize import AIR, Model, Plan, Progress, Settings
from ..training.data.contact_sheet import case_picture, save_sheet
from ..volumes.geometry import Geometry, triple
from ..volumes.volume import Volume, reorient, where_labels
from ..volumes.writers import COMPRESSION
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
PARTS = ".parts"
"""A folder of empty files, one a process that has made its part."""
_PICTURE_MM = 2.0

Report = Callable[[int, int, str, Progress | str], None]


@dataclass
class DatasetReport:
    """made: cases made in this call. there_before: those that were whole already. failed: masks left out, and why.
    same: masks that hold the same labels, at the same place, as another: one case is made of both.
    cases: how many whole cases the data set has now; None where other processes are still at work on it."""

    made: list[str] = field(default_factory=list)
    there_before: list[str] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    same: dict[Path, Path] = field(default_factory=dict)
    cases: int | None = 0


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """read: what gives a mask with its labels' meaning and MRI. keep_names: cases are called by their mask's file name,
    not by a hash of it. deface: faces are removed from images and masks (`anatomy.deface`); masks in which none is seen
    are left out. compression: gzip's level of the images, 1 (fast) to 9; 0 writes files .nii without."""

    read: Callable[[Path], Given] = field(default_factory=reader)
    keep_names: bool = False
    deface: bool = False
    compression: int = COMPRESSION


def make_dataset(
    model: Model,
    masks: Sequence[Path],
    out: str | Path,
    layout: str,
    settings: Settings,
    options: DatasetOptions | None = None,
    report: Report = lambda *_: None,
) -> DatasetReport:
    """Makes settings.samples cases a mask in the folder `out`, in the layout "nnunet" or "bids", and completes it:
    data card, checksums, contact sheet, and what the layout asks for.

    Cases that are whole, from the same mask and seed, are not made again; a process that is killed leaves no half
    case that counts. The processes of torchrun, or the elements of a job array that set RANK and WORLD_SIZE, may work
    on one folder: each is given all masks, and makes its own part; the last to end completes it. When interrupted, what
    is made is written, and by a single process completed, before KeyboardInterrupt goes on. report(cases computed,
    cases in all, case id or mask's name, a Progress or words).
    Raises VolumeError where `out` holds anything but such a data set, begun with the same model and settings;
    BusyError where another process writes into it; ResourceError on a full disk.
    """
    options = options or DatasetOptions()
    if layout not in LAYOUTS:
        raise MedDDPMError(f"There is no layout {layout!r}.", f"Choose one of {', '.join(LAYOUTS)}.")
    if not 0 <= options.compression <= 9:
        raise MedDDPMError(f"The compression {options.compression} is not a level from 0 to 9.")
    ending = ".nii.gz" if options.compression else ".nii"
    out, place = Path(out), LAYOUTS[layout](model.spec, ending)
    marker = {
        "format": 1,
        "layout": layout,
        "model": model.spec.name,
        "model_sha256": model.spec.weights_sha256,
        "sampler": settings.sampler or model.spec.sampler,
        "steps": settings.steps or model.spec.steps,
        "output_grid": settings.output_grid,
        "defaced": options.deface,
        "file_ending": ending,
    }
    if options.keep_names:
        _refuse_equal_names(masks, place)
    rank, world = rank_and_world()
    _is_begun(out, marker)
    with only_writer(out):
        if not _is_begun(out, marker):
            write_json(out / MARKER, marker)
        _part(out, rank, world).unlink(missing_ok=True)
        making = _Making(model, out, place, settings, options)
        try:
            result = making.all(masks[rank::world], report)
        except KeyboardInterrupt:
            if world == 1:
                complete(out, place, model, marker)
            raise
        result.cases = complete(out, place, model, marker) if _is_last(out) else None
    return result


@dataclass(frozen=True)
class _Ready:
    """A mask made ready: its plan, the labels that the data set is to hold, and the face to remove from its images."""

    plan: Plan
    labels: Volume
    face: np.ndarray | None


class _Making:
    """The making of a data set's cases in a folder: masks are read and cases written while others are computed."""

    def __init__(self, model: Model, out: Path, place: NnUnet | Bids, settings: Settings, options: DatasetOptions):
        self.model, self.out, self.place, self.settings, self.options = model, out, place, settings, options
        self.result = DatasetReport()
        self._first_of: dict[str, Path] = {}

    def all(self, masks: Sequence[Path], report: Report) -> DatasetReport:
        """Makes the cases of the masks; see `make_dataset`."""
        samples, done = self.settings.samples, 0
        total = len(masks) * samples

        def written(case_id: str) -> None:
            self.result.made.append(case_id)
            report(done, total, case_id, "made")

        hands = hands_beside(self.model.device)
        with Behind(hands, written) as behind:
            for path, ready_of in ahead(self._ready, masks, hands):
                try:
                    ready = ready_of()
                except (LabelError, VolumeError) as error:
                    self.result.failed[path] = str(error)
                    done += samples
                    report(done, total, path.name, f"left out: {error}")
                    continue
                plan = self.model.fitted(ready.plan)
                for remark in [*plan.warnings, *plan.notes]:
                    report(done, total, path.name, remark)
                mask_id = stem(path) if self.options.keep_names else f"m{plan.mask_sha256[:10]}"
                if (twin := self._first_of.setdefault(mask_id, path)) != path:
                    self.result.same[path] = twin
                    done += samples
                    report(done, total, path.name, f"holds the labels of {shown(twin)} at the same place: one case")
                    continue
                for seed in range(self.settings.seed, self.settings.seed + samples):
                    single = replace(self.settings, seed=seed, samples=1, batch_size=1)
                    case_id = self.place.case_id(mask_id, seed)
                    if _is_there(read_case(self.out, case_id), identity(self.model.spec, plan, single, seed)):
                        done += 1
                        self.result.there_before.append(case_id)
                        report(done, total, case_id, "is there already")
                        continue
                    for progress in self.model.run(plan, single):
                        report(done, total, case_id, progress)
                    done += 1
                    behind.do(self._write, progress, ready, mask_id, case_id)
        return self.result

    def _ready(self, path: Path) -> _Ready:
        given = self.options.read(path)
        own, found = completed(given.mask, self.model.spec.labels, given.mapping, given.mri)
        plan = self.model.on_grid(own, found, self.settings.output_grid)
        labels = _labels(self.model, plan, own, self.settings)
        if not self.options.deface:
            return _Ready(plan, labels, None)
        face = face_region(labels)
        return _Ready(plan, Volume(np.where(face, labels.array.dtype.type(0), labels.array), labels.geometry), face)

    def _write(self, progress: Progress, ready: _Ready, mask_id: str, case_id: str) -> str:
        """Writes a case that has been computed; returns its id."""
        model, place, labels = progress.model, self.place, ready.labels
        [made] = progress.results()
        records = {
            name: provenance(made.making, made.seed, name) | {"defaced": self.options.deface} for name in made.volumes
        }
        with together(self.out, record_name(case_id)) as part:
            labels.write(place_in(part, place.label(case_id)), compression=self.options.compression)
            for name, volume in made.volumes.items():
                if ready.face is not None:
                    volume = _without(volume, ready.face)
                text = {"SYNTHETIC": f"{name} {made.making.mark} seed {made.seed}"}
                path = place_in(part, place.image(case_id, name))
                scanner_units(volume).write(path, text, compression=self.options.compression)
            for name, content in place.sidecars(case_id, records).items():
                write_json(place_in(part, name), content)
            record = next(iter(records.values()))
            del record["modality"]
            volumes = {
                name: round(int((labels.array == value).sum()) * float(np.prod(labels.geometry.spacing)) / 1000, 3)
                for name, value in label_values(model.spec).items()
            }
            own = {"mask": mask_id, "modalities": list(records), "labels": volumes}
            write_record(part, case_id, {**record, **own})
        return case_id


def _is_begun(out: Path, marker: dict) -> bool:
    """Whether the data set is begun; VolumeError where the folder holds anything else, or one begun otherwise."""
    if out.exists() and not out.is_dir():
        raise VolumeError(f"{out} is a file.", "Name a new folder.")
    if not out.exists() and not out.parent.is_dir():
        raise VolumeError(f"There is no folder {out.parent}.", "Make it first, or choose another.")
    if not out.exists():
        return False
    try:
        before = read_json(out / MARKER)
        if not isinstance(before, dict):
            raise ValueError("it is no object")
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
    before = {"file_ending": ".nii.gz", **before}  # the first versions knew no other
    different = [key for key, value in marker.items() if before.get(key) != value]
    if different:
        differences = ", ".join(f"{key} {before.get(key)} and not {marker[key]}" for key in different)
        raise VolumeError(
            f"{out} holds a data set begun otherwise: {differences}.", "Name a new folder, or go on as begun."
        )
    return True


def _refuse_equal_names(masks: Sequence[Path], place: NnUnet | Bids) -> None:
    seen: dict[str, Path] = {}
    for path in masks:
        other = seen.setdefault(place.case_id(stem(path), 0).lower(), path)
        if other != path:
            raise VolumeError(
                f"{other.name} and {path.name} would get the same name in the data set.", "Rename one of them."
            )


def _labels(model: Model, plan: Plan, mask: Volume, settings: Settings) -> Volume:
    """The mask, in the model's values, on the images' voxels, in the data set's values (`label_values`), uint8."""
    own = plan.labels if settings.output_grid == "model" else mask.array
    table = np.zeros(256, np.uint8)
    for name, value in label_values(model.spec).items():
        table[model.spec.labels.values[name]] = value
    return Volume(table[own], plan.output)


def _without(image: Volume, face: np.ndarray) -> Volume:
    return Volume(np.where(face, np.float32(AIR), image.array), image.geometry)


def _is_there(case: ExportedCase | None, wanted: dict) -> bool:
    return case is not None and all(case.record.get(key) == value for key, value in wanted.items())


def complete(out: Path, place: NnUnet | Bids, model: Model, marker: dict) -> int:
    """Writes what speaks of all cases: the layout's files, README.md, contact sheet, checksums. Returns how many there
    are."""
    cases = whole_cases(out)
    if not cases:
        return 0
    texts = {**place.common_files(cases), "README.md": data_card(model.spec, marker, cases)}
    for name, text in texts.items():
        write_text(out / name, text)
    _write_sheet(out, place, model, cases)
    sums = {name: digest for case in cases for name, digest in case.files.items()}
    sums |= {record_name(case.id): case.sha256 for case in cases}
    sums |= {name: sha256_of(out / name) for name in (*texts, SHEET, MARKER)}
    write_text(out / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
    return len(cases)


def _part(out: Path, rank: int, world: int) -> Path:
    """A file that is there when that process's part of the cases is."""
    return out / PARTS / f"{rank}-of-{world}"


def _is_last(out: Path) -> bool:
    """Notes that this process has made its part; returns whether all others of torchrun have made theirs, too."""
    rank, world = rank_and_world()
    if world == 1:
        return True
    make_folder(out / PARTS)
    write_text(_part(out, rank, world), "")
    return all(_part(out, other, world).exists() for other in range(world))


def _write_sheet(out: Path, place: NnUnet | Bids, model: Model, cases: list[ExportedCase]) -> None:
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
        lesion = where_labels(labels.array, lesions)
        pictures.append(case_picture(model_units(image.array), lesion, labels.array > 0, image.geometry.spacing))
    save_sheet(out / SHEET, pictures)


def _coarse(volume: Volume) -> Volume:
    """Upright (RAS), with every n-th voxel, so that none is much smaller than a picture needs."""
    upright = reorient(volume, "RAS")
    every = [max(1, int(_PICTURE_MM / step + 0.5)) for step in upright.geometry.spacing]
    array = upright.array[:: every[2], :: every[1], :: every[0]]
    spacing = triple(step * n for step, n in zip(upright.geometry.spacing, every, strict=True))
    return Volume(array, Geometry(triple(array.shape), spacing, upright.geometry.origin, upright.geometry.direction))
