"""Exports in the background, by the command line: a DICOM study, or a data set. MRML only, no Qt."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import deque
from pathlib import Path

import slicer

from MedDDPMCore.errors import LabelError, MedDDPMError, ResourceError, VolumeError

from . import results, scene

STOP_GRACE_MS = 60_000
DATASET_FOLDER = "MedDDPM-dataset"
_MARKER = "medddpm-dataset.json"
_COMMAND = ["-u", "-X", "utf8", "-m", "MedDDPMCore.cli"]
_NUMBERS = ("seed", "steps")


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
        raise VolumeError(f"“{volume.GetName()}” is no synthetic image.", "Choose one that was made here.")
    names = [name for name in volume.GetAttributeNames() if name.startswith(results.PREFIX)]
    facts = {name.removeprefix(results.PREFIX): volume.GetAttribute(name) for name in names}
    facts = {key: int(value) if key in _NUMBERS else value for key, value in facts.items() if key != "segmentation"}
    return {**facts, "synthetic": True}


def dicom_arguments(volume, segmentation, roles, found, burn_in: bool, out: Path, folder: Path) -> list[str]:
    """Writes the volume, its record and, where there is a segmentation, its mask into `folder`; returns the command.

    Raises VolumeError for a volume that is not synthetic or lies under a transform, LabelError for a segmentation
    without a head.
    """
    if volume.GetParentTransformNode() is not None:
        raise VolumeError(
            f"“{volume.GetName()}” lies under a transform, which a DICOM series cannot hold.",
            "Harden the transform first (right click in the Data module).",
        )
    image, mask = folder / "image.nrrd", folder / "mask.nrrd"
    (folder / "image.json").write_text(json.dumps(record_of(volume)), encoding="utf-8")
    storage = slicer.vtkMRMLNRRDStorageNode()
    storage.SetFileName(str(image))
    if not storage.WriteData(volume):
        raise ResourceError("The image could not be written to the temporary folder.", "Make room on the disk.")
    arguments = ["dicom", str(image), str(out)]
    if segmentation is not None:
        _write_mask(scene.build_mask(segmentation, roles, found, volume), mask)
        arguments += ["--mask", str(mask), "--labels", _labels(roles)]
    return arguments + (["--burn-in"] if burn_in else [])


def masks_of_scene(mrml_scene, roles, folder: Path) -> tuple[int, list[str]]:
    """Writes the mask of every segmentation of the scene into `folder`; returns how many, and what was left out.

    LabelError where there is none.
    """
    written, left_out = 0, []
    for number in range(mrml_scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")):
        node = mrml_scene.GetNthNodeByClass(number, "vtkMRMLSegmentationNode")
        try:
            mask = scene.build_mask(node, roles, scene.find_segments(node, roles, {}))
        except MedDDPMError as error:
            left_out.append(str(error))
            continue
        _write_mask(mask, folder / f"mask{number}.nrrd")
        written += 1
    if not written:
        raise LabelError(
            "The scene holds no segmentation with a head to make images from.",
            " ".join(left_out) or "Paint one, or choose a folder of masks.",
        )
    return written, left_out


def dataset_arguments(masks: Path, out: Path, layout: str, roles, settings: dict) -> list[str]:
    """The command that makes a data set. settings: option of the command line -> value; empty ones are left out."""
    arguments = ["dataset", str(masks), str(out), "--layout", layout, "--progress"]
    for option, value in settings.items():
        if value not in ("", 0, None):
            arguments += [f"--{option}", str(value)]
    return arguments + (["--labels", _labels(roles)] if roles else [])


def _write_mask(mask: scene.Mask, path: Path) -> None:
    for _piece in scene.write_mask(mask, str(path)):
        pass


def _labels(roles) -> str:
    return ",".join(f"{role.label}={role.value}" for role in roles)


class ExportProcess:
    """Runs one command at a time; `on_change()` hears of its progress, `on_end(problem)` of its end ("": all is well).

    `folder` is for the command's input: new with each `prepare`, removed at the end.
    """

    def __init__(self, transport, python: str, core_folder: str, temporary: str, on_change, on_end):
        self._transport, self._python, self._core_folder = transport, python, core_folder
        self._temporary, self._on_change, self._on_end = temporary, on_change, on_end
        transport.on_output, transport.on_error_output, transport.on_end = self._output, self._errors, self._ended
        self.folder: Path | None = None
        self.percent, self.text = 0, ""
        self.notes: deque[str] = deque(maxlen=20)
        self._problem: deque[str] = deque(maxlen=20)
        self._rest, self._stopping = b"", False

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def prepare(self) -> Path:
        """A new folder for what the command is to read."""
        self.discard()
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="MedDDPM-export-", dir=self._temporary))
        except OSError as error:
            raise ResourceError(f"The temporary folder cannot be written to: {error}.", "Make room on it.") from error
        return self.folder

    def start(self, arguments: list[str]) -> None:
        self.percent, self.text, self._rest, self._stopping = 0, "", b"", False
        self.notes.clear()
        self._problem.clear()
        self._transport.start(self._python, [*_COMMAND, *arguments], self._core_folder)

    def stop(self) -> None:
        """Ask for the end: images that are whole stay; kill if that takes longer than a minute."""
        if self.is_running and not self._stopping:
            self._stopping = True
            self._transport.interrupt()
            self._transport.call_later(STOP_GRACE_MS, self._kill_if_still)

    def close(self) -> None:
        """End it now: Slicer quits or the module is reloaded."""
        self._on_change, self._on_end = lambda: None, lambda _problem: None
        self._transport.kill()
        self.discard()

    def _kill_if_still(self) -> None:
        if self._stopping and self.is_running:
            self._transport.kill()

    def _output(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in (line.decode("utf-8", "replace").strip() for line in lines):
            if line.startswith("{"):
                self._progress(json.loads(line))
            elif line:
                self.notes.append(line)
        self._on_change()

    def _progress(self, said: dict) -> None:
        done, cases = said["done"], max(1, said["cases"])
        if "words" in said:
            if said["words"] not in ("made", "is there already"):
                self.notes.append(f"{said['name']}: {said['words']}")
            self.percent = 100 * done // cases
            return
        self.percent = int(100 * (done + said["step"] / max(1, said["total"])) / cases)
        self.text = f"Image {done + 1} of {cases}: step {said['step']} of {said['total']}"

    def _errors(self, data: bytes) -> None:
        lines = data.decode("utf-8", "replace").splitlines()
        self._problem.extend(line.strip() for line in lines if line.strip())

    def _ended(self, description: str) -> None:
        stopped, self._stopping = self._stopping, False
        self.discard()
        said = [line for line in self._problem if line.startswith("medddpm: ")]
        last = said[-1].removeprefix("medddpm: ") if said else (self._problem[-1] if self._problem else "")
        fine = stopped or description == "exit code 0"
        self._on_end("" if fine else last or "\n".join(self.notes) or description)

    def discard(self) -> None:
        """Remove what was prepared."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
