"""The segmentation study: what a network learns about real lesions from real, augmented and synthetic images.

Everything is in one folder and made in order: sets/ (real images), masks/, models/ (those that the study trains),
synthetic/ (an image a mask and model, made as `medddpm synthesize` does), arms/ (a checkpoint and a result an arm),
report.md with its tables and pictures. Whatever is there already is not made again, so that a study that was killed
goes on. Under torchrun the masks and the arms are shared by the processes, which find each other's work as files.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from ...base.device import own_gpu, pick_device
from ...base.errors import ResourceError, TrainingError
from ...base.files import make_folder, only_writer, write_json, write_text
from ...base.parallel import rank_and_world
from ...base.typed_json import read_json
from ...models.catalogue import SPEC_FILE, find_model
from ...models.spec import DIFFUSION, ModelSpec
from ...synthesis.batch import synthesize_files
from ...synthesis.masks import reader
from ...synthesis.output import output_path, stem
from ...synthesis.synthesize import Settings, load_model
from ...training.data.dataset import PackedDataset, check_fits
from ...training.run import differences, train
from ...training.stages.config import TrainingConfig
from ...training.train import RunOptions
from .config import REAL, Arm, StudyConfig, slug
from .images import ImageSet, is_whole, mask_path, matched_pairs, real_pairs, synthetic_pairs, write_masks, write_set
from .nnunet_augmentation import NnunetAugmentation
from .report import write_report
from .segmentation_metrics import scores
from .segmentation_network import SegmentationNetwork, segment, train_segmenter

HELD_OUT = "held-out"
EXTRAS = ("scipy", "matplotlib", "monai")
Report = Callable[[str], None]
"""Called with a line of text when something begins or goes on."""


def run_study(config: StudyConfig, out: str | Path, device: str = "auto", report: Report = print) -> Path | None:
    """Runs a study, or what is left of one, in the folder `out`; returns its report (None on all ranks but the first).

    TrainingError where the folder holds another study, or data and models do not fit; ResourceError without the extras;
    BusyError where another process runs it.
    """
    out, (rank, world) = Path(out), rank_and_world()
    data, used = _begun(config, device)
    with only_writer(out):
        if rank == 0:
            _settle(out / "config.json", config.to_dict())
            _write_real_sets(config, data, out)
            with _timed(out, "masks"):
                masks = out / "masks"
                write_masks(masks, data, max(config.synthetic), config.lesions, config.mask_augmentation, config.seed)
                write_json(out / "masks.json", max(config.synthetic))
        _wait_for([out / "masks.json"])
        # All images are made before any arm is trained: processes that train a model together wait for each other.
        for name in config.models:
            _make_images(config, name, out, data, used, report)
        for arm in dealt(config, config.real or len(data.indices("train")), world)[rank]:
            _run_arm(config, arm, out, used, report)
        if rank != 0:
            return None
        _wait_for([_result(out, arm) for arm in config.arms()])
        return write_report(config, out, [read_json(_result(out, arm), TrainingError) for arm in config.arms()])


def outline(config: StudyConfig, out: str | Path, device: str = "auto") -> list[str]:
    """What `run_study` would do, or what is left of it, in lines; nothing is computed or written. Errors as of it."""
    out = Path(out)
    data, used = _begun(config, device)
    _require_same(out / "config.json", config.to_dict())
    lines = [
        f"on {used}: {config.real or len(data.indices('train'))} real images to train on, "
        f"{len(data.indices('validation'))} held out, {max(config.synthetic)} masks"
    ]
    for name, other in _tests_of(config, data).items():
        lines.append(f"test {name}: {len(other.cases)} images")
    for name, value in config.models.items():
        path = Path(value)
        spec = TrainingConfig.read(path).model if path.is_file() else ModelSpec.read(find_model(value))
        _require_fit(data, spec)
        first = (
            " is trained, then" if path.is_file() and not (out / "models" / slug(name) / "done.json").exists() else ""
        )
        made = "are there" if is_whole(out / "sets" / slug(name)) else "are made"
        lines.append(f"model {name}{first}: {max(config.synthetic)} images {made}")
    for arm in config.arms():
        steps = _steps(config, arm, config.real or len(data.indices("train")))
        lines.append(f"arm {arm.name}: {'done' if _result(out, arm).exists() else f'{steps} steps'}")
    return lines


def _steps(config: StudyConfig, arm: Arm, real: int) -> int:
    """How many steps an arm is trained for; real: how many real images there are to train on."""
    return config.segmentation.steps(sum(real if name == REAL else arm.count for name in arm.sources))


def _begun(config: StudyConfig, device: str) -> tuple[PackedDataset, torch.device]:
    """The study's data, and the device of this rank."""
    _need_extras()
    return PackedDataset.open(config.data), own_gpu(pick_device(device))


def _tests_of(config: StudyConfig, data: PackedDataset) -> dict[str, PackedDataset]:
    """The further test sets, which fit the data."""
    tests = {name: PackedDataset.open(folder) for name, folder in config.tests.items()}
    for name, other in tests.items():
        if other.grid.shape != data.grid.shape or other.labels_scheme.channels != data.labels_scheme.channels:
            raise TrainingError(f"The test set {name} does not fit {config.data}: its grid or labels differ.")
    return tests


def _require_fit(data: PackedDataset, spec: ModelSpec) -> None:
    """TrainingError where a model does not fit the data; one of another grid is resampled by synthesis, and the images
    of any are brought to the data's level of white matter."""
    check_fits(data, dataclasses.replace(spec, grid=data.grid, convention=""))


def dealt(config: StudyConfig, real: int, world: int) -> list[list[Arm]]:
    """The arms of each of `world` processes: the longest first, each to the one that has least to do (Graham 1969).

    real: how many real images there are to train on.
    """
    steps = partial(_steps, config, real=real)
    shares: list[list[Arm]] = [[] for _ in range(world)]
    for arm in sorted(config.arms(), key=steps, reverse=True):
        min(shares, key=lambda share: sum(map(steps, share))).append(arm)
    return shares


def _run_arm(config: StudyConfig, arm: Arm, out: Path, device: torch.device, report: Report) -> None:
    """Trains an arm's network and tests it, unless that is done."""
    result = _result(out, arm)
    if result.exists():
        return
    report(f"{arm.name}: training")
    folder = result.parent
    make_folder(folder)
    sets = [ImageSet.open(out / "sets" / slug(name)) for name in arm.sources]
    sets = [one if name == REAL else one.first(arm.count) for name, one in zip(arm.sources, sets, strict=True)]
    steps = config.segmentation.steps(sum(len(one.ids) for one in sets))
    last = [time.monotonic()]

    def told(step: int, total: int, loss: float) -> None:
        if time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            report(f"{arm.name}: step {step} of {total}, loss {loss:.4f}")

    with _timed(out, f"arm {arm.name}"):
        augment = NnunetAugmentation() if arm.augmented else None
        network = train_segmenter(
            sets, config.segmentation, config.seed, device, folder / "checkpoint.pt", augment, report=told
        )
        tested = {name: _tested(network, ImageSet.open(out / "sets" / slug(name)), device) for name in _tests(config)}
    values = {"arm": arm.name, "images": sum(len(one.ids) for one in sets), "steps": steps, "scores": tested}
    write_json(result, values)
    report(f"{arm.name}: done")


def _tested(network: SegmentationNetwork, test: ImageSet, device: torch.device) -> list[dict]:
    return [
        {"case": name, **dataclasses.asdict(scores(segment(network, image, device), mask > 0))}
        for image, mask, name in zip(test.images, test.masks, test.ids, strict=True)
    ]


def _write_real_sets(config: StudyConfig, data: PackedDataset, out: Path) -> None:
    """The real images to train on, the held-out ones, and those of the further tests."""
    train_cases, held_out = data.indices("train"), data.indices("validation")
    wanted = {REAL: (data, train_cases, config.real or len(train_cases)), HELD_OUT: (data, held_out, len(held_out))}
    for name, other in _tests_of(config, data).items():
        wanted[name] = (other, list(range(len(other.cases))), len(other.cases))
    for name, (source, cases, count) in wanted.items():
        packed = out / "sets" / slug(name)
        if not is_whole(packed):
            pairs = real_pairs(source, cases, count, config.lesions, config.seed, name == REAL)
            if config.match_tests and name in config.tests:
                level = float(np.mean([data.cases[case].white_matter for case in train_cases]))
                pairs = matched_pairs(pairs, source, cases, level)
            write_set(packed, count, pairs)


def _model_folder(config: StudyConfig, name: str, out: Path, device: torch.device, report: Report) -> Path:
    """The bundle of a model, trained first where the configuration names a training configuration."""
    path = Path(config.models[name])
    if not path.is_file():
        return find_model(config.models[name])
    run = out / "models" / slug(name)
    if not (run / "done.json").exists():
        report(f"{name}: training")
        with _timed(out, f"training {name}"):
            train(TrainingConfig.read(path), config.data, run, RunOptions(device=str(device)), _silent)
        if rank_and_world()[0] == 0:
            write_json(run / "done.json", {})
    _wait_for([run / "done.json", run / "model" / SPEC_FILE])
    return run / "model"


def _silent(_entry: dict) -> None:
    """A report that is not told: of the training of a model within a study."""


def _make_images(
    config: StudyConfig, name: str, out: Path, data: PackedDataset, device: torch.device, report: Report
) -> None:
    """Makes this rank's share of one model's images, training the model first if need be; rank 0 then packs them all.
    TrainingError where the model does not fit the data, or is not the one that the study began with.
    """
    rank, world = rank_and_world()
    folder = _model_folder(config, name, out, device, report)
    spec = ModelSpec.read(folder)
    _require_fit(data, spec)
    made, packed, count = out / "synthetic" / slug(name), out / "sets" / slug(name), max(config.synthetic)
    make_folder(made)
    if rank == 0:
        _settle(made / "model.json", {"weights_sha256": spec.weights_sha256})
    if is_whole(packed):
        return
    model = load_model(folder, str(device))
    diffusion = model.spec.kind == DIFFUSION
    report(f"{name}: making images")
    with _timed(out, f"synthesis {name}"):
        for k in range(rank, count, world):
            settings = Settings(
                seed=config.seed + k,
                sampler=config.sampler if diffusion else None,
                steps=config.sampling_steps if diffusion else None,
            )
            # the labels of the data: nobody need ask whether its heads are heads
            read = reader(lambda _: dict(model.spec.labels.values))
            synthesize_files(model, [mask_path(out / "masks", k)], made, settings, read=read)
    write_text(made / f"done-{rank}-of-{world}", "")
    if rank == 0:
        _wait_for([made / f"done-{r}-of-{world}" for r in range(world)])
        masks = [mask_path(out / "masks", k) for k in range(count)]
        files = [
            [output_path(made, stem(mask), modality, config.seed + k) for modality in data.modalities]
            for k, mask in enumerate(masks)
        ]
        write_set(packed, count, synthetic_pairs(files, masks, data.labels_scheme))
    _wait_for([packed / "ids.json"])


def _tests(config: StudyConfig) -> list[str]:
    return [HELD_OUT, *config.tests]


def _result(out: Path, arm: Arm) -> Path:
    return out / "arms" / slug(arm.name) / "result.json"


def _settle(path: Path, values: dict) -> None:
    """Writes what a study is of, or checks that it is still that."""
    _require_same(path, values)
    write_json(path, values)


def _require_same(path: Path, values: dict) -> None:
    """TrainingError that says what differs where a study is of something else."""
    if path.exists() and (changes := differences(read_json(path, TrainingError), values)):
        told = "; ".join(f"{key} was {old!r} and is now {new!r}" for key, (old, new) in changes.items())
        raise TrainingError(f"{path.parent} is another study: {told}.", "Name a new folder.")


def _wait_for(paths: Sequence[Path]) -> None:
    """Returns once all files are there: another process makes those that are not."""
    while not all(path.exists() for path in paths):
        time.sleep(0.5)


@contextmanager
def _timed(out: Path, what: str) -> Iterator[None]:
    """Adds the seconds that something took in this process to the study's times."""
    begun = time.monotonic()
    try:
        yield
    finally:  # what was interrupted took its time, too
        with open(out / f"times-{rank_and_world()[0]}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "seconds": round(time.monotonic() - begun, 2)}) + "\n")


def _need_extras() -> None:
    if missing := [name for name in EXTRAS if find_spec(name) is None]:
        raise ResourceError(
            f"A study needs the packages {', '.join(missing)}, which are not installed.",
            f"pip install {' '.join(missing)}",
        )
