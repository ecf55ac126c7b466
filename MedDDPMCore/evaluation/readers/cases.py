"""A reader study: real and synthetic heads under blind names, so that people can be asked to tell them apart.

Nothing but what the images show may tell a reader which is which. All cases are on one grid and in one intensity, air
is black in all, their headers are equal byte for byte, their files are of one size and one date, uncompressed (how well
an image compresses tells much), and were written in the order of their numbers, which is drawn. Grey values are
dithered by one level of 255, or as far as the levels of a coarser image lie apart, as images of few bits would
otherwise be known by the levels that they never take. What is what stands in the key alone, which lies beside the
study's folder and not in it, and which no reader opens.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...base.errors import EvaluationError
from ...base.files import make_folder, only_writer, sha256_of, write_json, write_text
from ...base.pictures import save_png, three_planes
from ...base.reading import read_json
from ...synthesis.output import says_synthetic, sidecar
from ...volumes.grid import ModelGrid
from ...volumes.volume import Geometry, Volume, direction_of_axes
from ..metrics.standard_head import StandardHead, central_voxel, read_standard_head
from .files import FORM_FILE, FORMAT_VERSION, SLICES, STUDY_FILE, TRUTHS, write_answers

LEVELS = 255
ENLARGEMENT = 3
_DATE = 946_728_000  # noon of 1 January 2000, for every file
_NOTICE = {"BLINDED": "reader study, real or synthetic; not for diagnosis"}
_INSTRUCTIONS = """Reader study: which of these heads are real, which are synthetic?

Some cases are MRIs of people, the others were made by a computer. Look at each case in the order of the numbers, once,
without talking to the other readers, and without any program that measures the images.
In 3D Slicer: module MedDDPM, box "Reader study", choose this folder.
Otherwise: copy form.csv to answers-<your name>.csv and fill in for every case
  answer      real or synthetic
  confidence  1 (a guess) to 5 (certain)
  seconds     the time it took, if you like
The file that says what is what is kept by the organiser of the study. Not for diagnosis.
"""


@dataclass(frozen=True)
class ReaderStudyPlan:
    """What decides a study, by which a stopped one goes on. order: which image is which case."""

    seed: int
    slices: str
    grid: dict
    order: tuple[tuple[str, str], ...]
    """(truth, path) of every case."""


def plan_study(
    real: Sequence[Path], synthetic: Sequence[Path], cases: int, seed: int, slices: str, grid: ModelGrid
) -> ReaderStudyPlan:
    """Draws `cases` images of each kind and their common order. EvaluationError if there are too few."""
    if cases < 1:
        raise EvaluationError(f"A study needs at least one case of each kind, not {cases}.")
    if slices not in SLICES:
        raise EvaluationError(f"Slices are {' or '.join(SLICES)}, not {slices!r}.")
    rng = np.random.default_rng(seed)
    drawn = []
    for truth, paths in zip(TRUTHS, (real, synthetic), strict=True):
        if len(paths) < cases:
            raise EvaluationError(f"There are {len(paths)} {truth} images, fewer than {cases}.", "Ask for fewer cases.")
        drawn += [(truth, str(paths[index].resolve())) for index in rng.permutation(len(paths))[:cases]]
    _check_sources(drawn)
    return ReaderStudyPlan(seed, slices, grid.to_dict(), tuple(drawn[index] for index in rng.permutation(len(drawn))))


def make_study(
    plan: ReaderStudyPlan,
    out: str | Path,
    key: str | Path | None = None,
    report: Callable[[int], object] | None = None,
    keep_names: bool = False,
) -> tuple[Path, Path]:
    """Makes the study's folder and its key; returns both paths. A stopped call goes on where it was.

    report hears how many cases are there. key: a JSON file outside `out`; by default <out>-key.json beside it. It names
    images by the SHA-256 of their files; keep_names: by their paths.
    EvaluationError where anything else is in the way: nothing is written over. ResourceError on a full disk,
    BusyError where another process makes it.
    """
    out = Path(out)
    key = key_path(out) if key is None else Path(key)
    if out.resolve() in key.resolve().parents:
        raise EvaluationError(f"The key {key} would lie in the readers' folder {out}.", "Keep it elsewhere.")
    names = case_names(len(plan.order))
    grid = ModelGrid.from_dict(plan.grid)
    with only_writer(out):
        identity = _begin(plan, out, key, keep_names)
        for number, (name, (_, source)) in enumerate(zip(names, plan.order, strict=True)):
            path = out / f"{name}{'.png' if plan.slices == 'centre' else '.nii'}"
            if not path.exists():
                head = read_standard_head(Path(source), grid)
                _write_case(path, _grey(head, plan.seed + number), head, grid, plan.slices)
            if report:
                report(number + 1)
        _finish(out, names, identity, plan.slices)
    return out, key


def key_path(out: str | Path) -> Path:
    """Where a study's key lies unless told otherwise: beside the study's folder."""
    out = Path(out).resolve()
    return out.with_name(f"{out.name}-key.json")


def seed_of(key: str | Path) -> int | None:
    """The seed of a study that was begun, or None."""
    try:
        return int(read_json(key)["seed"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None


def case_names(count: int) -> tuple[str, ...]:
    """case-001, case-002 …"""
    return tuple(f"case-{number:0{max(3, len(str(count)))}d}" for number in range(1, count + 1))


def read_key(path: str | Path, study_id: str) -> dict[str, str]:
    """Case -> real or synthetic. EvaluationError if it cannot be read, or is another study's."""
    path = Path(path)
    try:
        values = read_json(path)
        order, identity = values["order"], values["id"]
        truths = {name: truth for name, (truth, _) in zip(case_names(len(order)), order, strict=True)}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EvaluationError(
            f"The study's key {path} cannot be read ({error}).", "Say where it is kept with --key."
        ) from error
    if identity != study_id:
        raise EvaluationError(f"{path} is the key of another study.", "Give the one that was made with this folder.")
    return truths


def _check_sources(drawn: list[tuple[str, str]]) -> None:
    """No image twice, and none among the real that says it is synthetic."""
    seen: dict[str, str] = {}
    for truth, path in drawn:
        digest = sha256_of(path)
        if digest in seen:
            raise EvaluationError(f"{path} and {seen[digest]} are the same image.", "Each may be there once only.")
        seen[digest] = path
        if truth == "real" and _says_synthetic(Path(path)):
            raise EvaluationError(f"{path} is among the real images, but says that it is synthetic.")


def _says_synthetic(path: Path) -> bool:
    """Whether a file bears the mark of this project's synthetic images."""
    record = sidecar(path)
    recorded = record.is_file() and '"synthetic": true' in record.read_text(encoding="utf-8", errors="replace")
    return recorded or says_synthetic(path)


def _begin(plan: ReaderStudyPlan, out: Path, key: Path, keep_names: bool) -> str:
    """Writes the key, or finds it there from an earlier call; returns the study's id."""
    if (out / STUDY_FILE).exists():
        raise EvaluationError(f"{out} holds a finished study, which is not written over.", "Name another folder.")
    named = json.loads(json.dumps(asdict(plan)))
    hashed = {**named, "order": [[truth, sha256_of(path)] for truth, path in plan.order]}
    wanted = named if keep_names else hashed
    try:
        values = read_json(key)
        if not isinstance(values, dict):
            raise ValueError("it is no object")
    except FileNotFoundError:
        values = None
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{key} is in the way, and is no key ({error}).", "Name another folder.") from error
    if values is None:
        if any(not path.name.startswith(".") for path in out.iterdir()):
            raise EvaluationError(f"{out} is not empty, and nothing is written over.", "Name another folder.")
        values = {"id": uuid.uuid4().hex, **wanted}
    elif {name: values.get(name) for name in named} not in (named, hashed):
        raise EvaluationError(
            f"{key} belongs to a study of other images or settings, and is not written over.",
            "Call it as the first time to go on, or name another folder.",
        )
    make_folder(key.parent)
    write_json(key, values)
    return str(values["id"])


def _grey(head: StandardHead, seed: int) -> np.ndarray:
    """-1..1 -> 0..255 uint8, dithered inside the head so that no level is left out; air is 0."""
    levels = (head.image + 1) / 2 * LEVELS
    steps = np.diff(np.unique(levels[head.head]))
    reach = max(1.0, float(np.median(steps)) / 2) if steps.size else 1.0
    noise = np.random.default_rng(seed).uniform(-reach, reach, levels.shape)
    return np.where(head.head, np.clip(np.rint(levels + noise), 1, LEVELS), 0).astype(np.uint8)


def _write_case(path: Path, grey: np.ndarray, head: StandardHead, grid: ModelGrid, slices: str) -> None:
    """One case's file, whole or not at all."""
    direction = direction_of_axes(grid.axes)
    if slices == "volume":
        origin = -direction @ ((np.array(grid.shape[::-1]) - 1) / 2 * grid.spacing)
        Volume(grey, Geometry(grid.shape, grid.spacing, tuple(origin), direction)).write(path, _NOTICE)
        return
    picture = three_planes(grey / (LEVELS / 2) - 1, grid.spacing, central_voxel(head.head, grid), grid.axes)
    save_png(path, _enlarged(picture, ENLARGEMENT), compression=0)


def _enlarged(picture: np.ndarray, factor: int) -> np.ndarray:
    """A uint8 picture (rows, columns) with `factor` times its pixels a side, interpolated linearly."""
    pixels = torch.from_numpy(picture).float()[None, None]
    return F.interpolate(pixels, scale_factor=factor, mode="bilinear")[0, 0].round().to(torch.uint8).numpy()


def _finish(out: Path, names: tuple[str, ...], identity: str, slices: str) -> None:
    """Form, instructions and, last of all, the file that makes the folder a study; one date for all."""
    write_answers(out / FORM_FILE, names, {})
    write_text(out / "instructions.txt", _INSTRUCTIONS)
    study = {"format_version": FORMAT_VERSION, "id": identity, "slices": slices, "cases": names}
    for path in out.iterdir():
        os.utime(path, (_DATE, _DATE))
    write_json(out / STUDY_FILE, study)
    os.utime(out / STUDY_FILE, (_DATE, _DATE))
