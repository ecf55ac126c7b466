"""Synthetic volumes on disk: files that say in every place they can that they are synthetic."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from ..base.errors import VolumeError, shown
from ..base.files import sha256_of, together, write_json
from ..base.pictures import overview, save_png
from ..base.reading import read_json
from ..models.spec import ModelSpec
from ..version import __version__
from ..volumes.files import ENDINGS
from ..volumes.folder import is_volume_file
from ..volumes.volume import Volume, resample_image
from ..volumes.writers import require_ending
from .plan import Plan, Settings

FULL_SCALE = 1000
"""What the model's brightest intensity is in a file; air is 0."""
_HEADER_BYTES = 4096
"""Within so many, packed or not, headers of volumes say that they are synthetic."""


def scanner_units(volume: Volume) -> Volume:
    """-1..1 float32 -> 0..FULL_SCALE int16, as files hold it."""
    scaled = np.rint((np.clip(volume.array, -1, 1) + 1) * (FULL_SCALE / 2)).astype(np.int16)
    return Volume(scaled, volume.geometry)


def model_units(stored: np.ndarray) -> np.ndarray:
    """0..FULL_SCALE as files hold it -> -1..1 float32."""
    return stored.astype(np.float32) * (2 / FULL_SCALE) - 1


@dataclass(frozen=True, kw_only=True)
class Making:
    """How an image was made: by which model, where (such as "cuda:0"), in which precision (such as "float32"), of which
    plan, with which settings."""

    spec: ModelSpec
    device: str
    precision: str
    plan: Plan
    settings: Settings

    @property
    def mark(self) -> str:
        """The model's name and the beginning of its weights' hash, for file headers."""
        return f"{self.spec.name} {self.spec.weights_sha256[:8]}"


@dataclass(frozen=True)
class Synthesis:
    """One synthetic image: a Volume a modality (float32, -1 air .. 1), by modality name, the seed it came from, and how
    it was made."""

    volumes: dict[str, Volume]
    seed: int
    making: Making

    def write(self, out: str | Path, name: str = "mask", preview: bool = True) -> list[Path]:
        """Writes a NIfTI file a modality, as int16 that says in its name and header that it is synthetic, its record as
        JSON beside it, and, with `preview`, a PNG of the mask above the image; returns the NIfTI paths.

        out: a folder, made where it is not there, in which they are called as of `output_path` after `name`; of an
        image of one modality, also the file. An image that was made before is replaced. VolumeError where a file is
        there that was not made so, ResourceError where it cannot be written.
        """
        paths = output_paths(Path(out), name, list(self.volumes), self.seed)
        for path in paths.values():
            require_own(path)
        for modality, path in paths.items():
            record = provenance(self.making, self.seed, modality)
            text = f"{modality} {self.making.mark} seed {self.seed}"
            write_with_record(path, scanner_units(self.volumes[modality]), {"SYNTHETIC": text}, record)
            if preview:
                self._write_preview(self.volumes[modality], path)
        return list(paths.values())

    def _write_preview(self, volume: Volume, path: Path) -> None:
        """The mask above the image as a PNG beside it, on the model's grid."""
        spec, plan = self.making.spec, self.making.plan
        tumor = max(spec.labels.lesion_values, default=None)
        image = resample_image(volume, plan.grid, -1.0).array
        save_png(picture_beside(path), overview(plan.labels, image, spec.grid.spacing, tumor, spec.grid.axes))


def identity(spec: ModelSpec, plan: Plan, settings: Settings, seed: int) -> dict:
    """What decides how an image looks and where its voxels lie: two images with equal values here are the same one."""
    return {
        "model_sha256": spec.weights_sha256,
        "seed": seed,
        "sampler": settings.sampler or spec.sampler,
        "steps": settings.steps or spec.steps,
        "mask_sha256": plan.mask_sha256,
        "output_grid": settings.output_grid,
    }


def provenance(making: Making, seed: int, modality: str) -> dict:
    """Everything needed to make this image again, and the plain statement that it is synthetic."""
    import torch

    spec = making.spec
    return {
        "synthetic": True,
        "statement": "Synthetic image made by a generative model. Not a scan of any person. Research only, not for "
        "diagnosis.",
        "model": spec.name,
        "model_licence": spec.licence,
        "modality": modality,
        **identity(spec, making.plan, making.settings, seed),
        "device": making.device,
        "precision": making.precision,
        "intensity": f"int16, 0 is air, {FULL_SCALE} the model's brightest",
        "warnings": making.plan.warnings,
        "software": {
            "MedDDPMCore": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def stem(path: str | Path) -> str:
    """A volume file's name without its suffix: "a/b.nii.gz" -> "b", "b.seg.nrrd" -> "b"."""
    name = Path(path).name
    lower = name.lower()
    ending = next((s for s in (".seg.nrrd", *ENDINGS) if lower.endswith(s)), "")
    return name[: len(name) - len(ending)] or "mask"


def output_path(folder: Path, stem: str, modality: str, seed: int) -> Path:
    """<folder>/<stem>_synthetic_<modality>_seed<seed>.nii.gz."""
    return folder / f"{stem}_synthetic_{modality}_seed{seed}.nii.gz"


def output_paths(out: Path, stem: str, modalities: Sequence[str], seed: int) -> dict[str, Path]:
    """Where each modality of an image goes: as of `output_path` in the folder `out`, or `out` itself where it is called
    as volume files are. VolumeError where that is one file for several, or one that holds no image."""
    if not names_a_file(out):
        return {name: output_path(out, stem, name, seed) for name in modalities}
    if len(modalities) > 1:
        raise VolumeError(f"{out} is one file, and several images are to be made.", "Name a folder.")
    require_ending(out)
    return dict.fromkeys(modalities, out)


def names_a_file(out: Path) -> bool:
    """Whether an output is one file to make, and not a folder for it."""
    return is_volume_file(out) and not out.is_dir()


def require_own(path: Path) -> None:
    """VolumeError where an image, its record or its picture would take the place of what was not made here, or belongs
    to another image: of a file that has no record beside it and does not say that it is synthetic, of JSON that is no
    record or is that of a neighbour of the same stem, of a picture without either."""
    if record_beside(path) is not None:
        return
    made, record = says_synthetic(path), _record(sidecar(path))
    for file, own in (
        (path, made),
        (sidecar(path), record is not None and _whose_record(path) is None),
        (picture_beside(path), made or record is not None),
    ):
        if (file.exists() or file.is_symlink()) and not own:
            raise VolumeError(f"{file} is there already, and is not written over.", "Name another file.")


def is_made(path: Path, wanted: Mapping[str, object]) -> bool:
    """Whether an image is there, whole, whose record says this. VolumeError where a file is there that says otherwise,
    or was not made here."""
    require_own(path)
    record = record_beside(path)
    if record is None:
        return False
    if others := [f"{key} {record.get(key)}, not {value}" for key, value in wanted.items() if record.get(key) != value]:
        raise VolumeError(
            f"{path} is there already, made otherwise ({'; '.join(others)}), and is not written over.",
            "Name another folder, or move it first.",
        )
    return True


def says_synthetic(path: Path) -> bool:
    """Whether a file bears, where it begins, the mark that writers of volumes put there."""
    try:
        with open(path, "rb") as file:
            start = file.read(_HEADER_BYTES)
        if start.startswith(b"\x1f\x8b"):
            start = zlib.decompressobj(wbits=31).decompress(start, _HEADER_BYTES)
    except (OSError, zlib.error):
        return False
    return b"SYNTHETIC" in start


def write_with_record(path: Path, volume: Volume, metadata: dict[str, str], record: dict) -> None:
    """Writes an image and, as its sidecar, its record, to which the image's hash is added; existing ones are replaced.

    Both are there or the old ones stay, and a record never lies beside an image that it does not speak of, whenever
    the process is killed. ResourceError on a full disk.
    """
    with together(path.parent, sidecar(path).name) as part:
        volume.write(part / path.name, metadata)
        write_json(part / sidecar(path).name, {**record, "image_sha256": sha256_of(part / path.name)}, durable=False)


def record_beside(path: Path) -> dict | None:
    """The record of a synthetic image that is there and is the one that the record speaks of; else None.

    Records of the first versions hold no hash: they are believed.
    """
    record = _record(sidecar(path))
    try:
        return record if record and record.get("image_sha256") in (None, sha256_of(path)) else None
    except OSError:
        return None


def _record(path: Path) -> dict | None:
    """What a JSON file says of a synthetic image; None where there is no such file, or it says something else."""
    try:
        record = read_json(path)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("synthetic") is True else None


def require_own_record(path: Path) -> None:
    """VolumeError where the record beside an image is that of another of the same stem, as a.json of a.nrrd lies beside
    a scan a.nii.gz, too."""
    if record_beside(path) is None and (other := _whose_record(path)):
        raise VolumeError(
            f"{sidecar(path)} is the record of {shown(other.name)}, not of {shown(path.name)}.",
            "Give the image that was made; or, where both were, give one of them another name with its own record.",
        )


def _whose_record(path: Path) -> Path | None:
    """The other image of the same stem, beside a path, whose record lies beside both; None where there is none."""
    try:
        beside = [other for other in path.parent.iterdir() if is_volume_file(other) and stem(other) == stem(path)]
    except OSError:
        return None
    return next((other for other in beside if other.name != path.name and record_beside(other) is not None), None)


def sidecar(path: Path) -> Path:
    """The JSON file with an image's record: "a/b.nii.gz" -> "a/b.json"."""
    return path.with_name(f"{stem(path)}.json")


def picture_beside(path: Path) -> Path:
    """The PNG file with an image's preview: "a/b.nii.gz" -> "a/b.png"."""
    return path.with_name(f"{stem(path)}.png")
