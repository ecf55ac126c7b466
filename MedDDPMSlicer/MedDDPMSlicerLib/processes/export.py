"""Exports in the background, by the command line: a DICOM study, or a data set."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Generator
from pathlib import Path

from slicer.i18n import tr as _

from MedDDPMCore.base.errors import LabelError, MedDDPMError, VolumeError

from ..mrml import drawn, grids, nrrd, results, scene
from . import temporary
from .command_process import CommandProcess

DATASET_FOLDER = "MedDDPM-dataset"
_MARKER = "medddpm-dataset.json"
_NUMBERS = ("seed", "steps")
_OF_THE_SCENE = ("segmentation", drawn.KEY)


def new_folder(parent: Path, name: str) -> Path:
    """A folder of that name that is not there yet: with a number if there is one."""
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def dataset_folder(chosen: Path) -> Path:
    """The chosen folder if it is empty or holds a data set to go on with; else one for data sets within it."""
    if (chosen / _MARKER).is_file() or not any(chosen.iterdir()):
        return chosen
    return chosen / DATASET_FOLDER


def dicom_name(volume) -> str:
    """A name for the study's folder that holds nothing of the segmentation's, which may be a patient's."""
    facts = record_of(volume)
    model = Path(str(facts.get("model") or "model")).name
    return f"MedDDPM-{model}-seed{facts.get('seed', 0)}-DICOM"


def record_of(volume) -> dict:
    """A synthetic volume's provenance, from its attributes, as the file beside an image holds it. VolumeError for
    any other volume."""
    if not results.is_synthetic(volume):
        raise VolumeError(
            _("“{name}” is no synthetic image.").format(name=volume.GetName()), _("Choose one that was made here.")
        )
    names = [name for name in volume.GetAttributeNames() if name.startswith(results.PREFIX)]
    facts = {name.removeprefix(results.PREFIX): volume.GetAttribute(name) for name in names}
    facts = {key: value for key, value in facts.items() if key not in _OF_THE_SCENE}
    facts = {key: int(value) if key in _NUMBERS else value for key, value in facts.items()}
    return {**facts, "synthetic": True}


def prepare_dicom(
    volume, segmentation, roles, segments, out: Path, folder: Path, *, burn_in: bool
) -> Generator[None, None, list[str]]:
    """Write the volume, its record and, where there is a segmentation, its mask into `folder`, in pieces; returns the
    command.

    Raises VolumeError for a volume that is not synthetic or lies under a transform, LabelError for a segmentation
    without a head, or that is not as it was when the volume was made.
    """
    if volume.GetParentTransformNode() is not None:
        raise VolumeError(
            _("“{name}” lies under a transform, which a DICOM series cannot hold.").format(name=volume.GetName()),
            _("Harden the transform first (right click in the Data module)."),
        )
    image, mask = folder / "image.nrrd", folder / "mask.nrrd"
    (folder / "image.json").write_text(json.dumps(record_of(volume)), encoding="utf-8")
    yield from nrrd.write_array(grids.array_of_volume(volume), grids.geometry_of_volume(volume), str(image))
    arguments = ["dicom", str(image), str(out)]
    if segmentation is not None:
        if not (yield from drawn.is_drawn_so(volume, segmentation, roles, segments)):
            raise LabelError(
                _(
                    "“{image}” was not made of “{segmentation}” as it is now, which may mark what it does not show."
                ).format(image=volume.GetName(), segmentation=segmentation.GetName()),
                _(
                    "Choose the segmentation and the model that it was made with and undo what was changed since, or "
                    "untick “With the segmentation”."
                ),
            )
        made = yield from scene.mask_in_pieces(segmentation, roles, segments, volume)
        yield from scene.write_mask(made, str(mask))
        arguments += ["--mask", str(mask), "--labels", _labels(roles)]
    return arguments + (["--burn-in"] if burn_in else [])


def masks_of_scene(mrml_scene, roles, folder: Path) -> Generator[None, None, list[str]]:
    """Write the mask of every segmentation of the scene into `folder`, in pieces; returns what was left out of
    segmentations and of segments, in words.

    LabelError where there is none.
    """
    left_out, written = [], 0
    for number, node in enumerate(scene.segmentations(mrml_scene)):
        segments = scene.find_segments(node, roles)
        try:
            mask = yield from scene.mask_in_pieces(node, roles, segments)
        except MedDDPMError as error:
            left_out.append(str(error))
            continue
        yield from scene.write_mask(mask, str(folder / f"mask{number}.nrrd"))
        written += 1
        if names := scene.drawn_left_over(node, roles, segments):
            unknown = _("Not known what it is, and left out of “{name}”: {segments}.")
            left_out.append(unknown.format(name=node.GetName(), segments=names))
    if not written:
        raise LabelError(
            _("The scene holds no segmentation with a head to make images from."),
            " ".join(left_out) or _("Paint one, or choose a folder of masks."),
        )
    return left_out


def dataset_arguments(masks: Path, out: Path, layout: str, roles, settings: dict) -> list[str]:
    """The command that makes a data set. settings: option of the command line -> value; empty ones are left out."""
    arguments = ["dataset", str(masks), str(out), "--layout", layout, "--progress"]
    for option, value in settings.items():
        if value not in ("", 0, None):
            arguments += [f"--{option}", str(value)]
    return arguments + (["--labels", _labels(roles)] if roles else [])


def _labels(roles) -> str:
    return ",".join(f"{role.label}={role.value}" for role in roles)


class ExportProcess(CommandProcess):
    """Runs one command at a time; `on_change()` hears of its progress, `on_end(problem)` of its end ("": all is well).

    `folder` is for the command's input: new with each `prepare`, removed at the end. Asked to stop it leaves whole
    images.
    """

    def __init__(self, transport, python: str, core_folder: str, temporary: str, on_change, on_end):
        super().__init__(transport, python, core_folder, self._hear, lambda problem: self._over(problem, on_end))
        self._temporary, self._on_change = temporary, on_change
        self.folder: Path | None = None
        self._folders = contextlib.ExitStack()
        self.percent, self.text = 0, ""
        self.notes: deque[str] = deque(maxlen=20)

    def prepare(self) -> Path:
        """A new folder for what the command is to read."""
        self.discard()
        self.folder = temporary.new_folder("MedDDPM-export-", self._temporary, self._folders)
        return self.folder

    def export(self, arguments: list[str]) -> None:
        self.percent, self.text = 0, ""
        self.notes.clear()
        self.start(arguments)

    def close(self) -> None:
        super().close()
        self.discard()

    def discard(self) -> None:
        """Remove what was prepared."""
        self.folder = None
        self._folders.close()

    def _hear(self, line: str) -> None:
        if line.startswith("{"):
            self._progress(json.loads(line))
        else:
            self.notes.append(line)
        self._on_change()

    def _progress(self, event: dict) -> None:
        done, cases = event["done"], max(1, event["cases"])
        if "words" in event:
            if event["words"] not in ("made", "is there already"):
                self.notes.append(f"{event['name']}: {event['words']}")
            self.percent = 100 * done // cases
            return
        self.percent = int(100 * (done + event["share"]) / cases)
        self.text = _("Image {image} of {images}: step {step} of {total}").format(
            image=done + 1, images=cases, step=event["step"], total=event["total"]
        )

    def _over(self, problem: str, on_end) -> None:
        self.discard()
        on_end(problem)
