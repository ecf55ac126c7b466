"""A training run: all stages of a model, one folder, resumable at any moment, and a bundle at the end.

A run folder holds config.json, what `training.train` writes for each stage, and, once every stage has a checkpoint,
the model so far as a bundle in model/.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path

import torch

from ..anatomy.intensity import CONVENTIONS
from ..base.device import pick_device
from ..base.errors import TrainingError
from ..base.files import only_writer, write_json
from ..base.parallel import rank_and_world
from ..models.bundle import load_atlas, load_bundle, save_bundle
from ..models.catalogue import find_model
from ..models.spec import ModelSpec
from .data.atlas import bend_into_cases, build_atlas, read_atlas, read_cases, write_atlas
from .data.cases import SPLITS
from .data.dataset import ABOUT, PackedDataset, check_fits
from .data.digest import set_digest
from .stages.checkpoint import load_checkpoint
from .stages.config import TrainingConfig
from .stages.distributed import join, wait_for_all
from .stages.statistics import with_band_statistics
from .train import Report, RunOptions, checkpoint_path, train_stage

CONFIG_FILE = "config.json"
MODEL_FOLDER = "model"
_CHANGEABLE = re.compile(
    r"training\[\d+\]\.(steps|learning_rate|batch_size|micro_batch|precision|checkpointing)"
    r"|model\.(title|licence|training_data|intensity|notes|sampler|steps)"
)
"""What of a configuration may change when a run is resumed."""


def train(
    config: TrainingConfig,
    data_folder: str | Path,
    run_folder: str | Path,
    options: RunOptions,
    report: Report,
    stage: int | None = None,
    start_from: str | Path | None = None,
) -> Path | None:
    """Trains all stages in order, or the one named by its number, and writes the model as a bundle.

    Resumes where the run folder has checkpoints. start_from: a bundle (name or path) to fine-tune: its description
    replaces config.model, but for the name, and its weights are where training starts.
    Returns the bundle's folder; None while a stage has no checkpoint, and under torchrun on all ranks but the first.
    Raises TrainingError, ModelError or ResourceError saying what is wrong with configuration, data, bundle or computer,
    BusyError where another process trains in that folder; the last good checkpoint stays.
    """
    run, (config, data) = Path(run_folder), _begun(config, data_folder, stage, start_from)
    join(pick_device(options.device))
    with only_writer(run):
        config, notes = _settled(config, data, run)
        config = _with_statistics(config, data)
        digest = set_digest(data, run)
        wait_for_all()
        if rank_and_world()[0] == 0:
            write_json(run / CONFIG_FILE, config.to_dict())
            for note in notes:
                warnings.warn(note, stacklevel=2)
            if config.model.atlas:
                _prepare_atlas(config, data, run)
        wait_for_all()
        atlas = read_cases(run, data) if config.model.atlas else None
        weights = _start_weights(config, run)
        for index in range(len(config.stages)) if stage is None else [stage]:
            train_stage(
                config,
                index,
                data,
                run=run,
                options=options,
                report=report,
                start=weights[index],
                atlas=atlas,
                digest=digest,
            )
        return write_model(config, run) if rank_and_world()[0] == 0 else None


def outline(
    config: TrainingConfig,
    data_folder: str | Path,
    run_folder: str | Path,
    options: RunOptions,
    stage: int | None = None,
    start_from: str | Path | None = None,
) -> list[str]:
    """What `train` would do, in lines; nothing is computed or written. Errors as of `train`."""
    run, (config, data) = Path(run_folder), _begun(config, data_folder, stage, start_from)
    device = pick_device(options.device)
    config, notes = _settled(config, data, run)
    lines = [f"{config.model.name}, on {device}: {config.model.training_data} Licence: {config.model.licence}"]
    for index in range(len(config.stages)) if stage is None else [stage]:
        training = config.stages[index]
        where = "goes on from" if checkpoint_path(run, index).exists() else "begins, and saves"
        steps = training.steps if options.stop_after is None else min(training.steps, options.stop_after)
        lines.append(
            f"stage {index}: {steps} steps of {training.batch_size} images; it {where} {checkpoint_path(run, index)}"
        )
    return [*lines, *notes]


def _begun(
    config: TrainingConfig, data_folder: str | Path, stage: int | None, start_from: str | Path | None
) -> tuple[TrainingConfig, PackedDataset]:
    """The configuration, with what it starts from, and the data, which it fits."""
    data = PackedDataset.open(data_folder)
    if stage is not None and not 0 <= stage < len(config.stages):
        raise TrainingError(f"There is no stage {stage}: the model has the stages 0 to {len(config.stages) - 1}.")
    if start_from is not None:
        config = with_start(config, start_from)
    check_fits(data, config.model)
    return config, data


def with_start(config: TrainingConfig, bundle: str | Path) -> TrainingConfig:
    """The configuration that fine-tunes a bundle, given by name or path; ModelError where there is none."""
    folder = find_model(bundle).resolve()
    spec, _ = load_bundle(folder)
    if len(spec.stages) != len(config.stages):
        raise TrainingError(
            f"{spec.name} has {len(spec.stages)} stages, and the configuration trains {len(config.stages)}.",
            f"Give a configuration with {len(spec.stages)} entries under training, such as the one that {spec.name} "
            "was trained with (Resources/training/default.json for the bundled model).",
        )
    notes = f"Fine-tuned from {spec.name} (weights {spec.weights_sha256[:12]})."
    model = dataclasses.replace(spec, name=config.model.name, notes=f"{spec.notes} {notes}".strip())
    return dataclasses.replace(config, model=model, start_from=str(folder))


def differences(before: object, now: object, where: str = "") -> dict[str, tuple[object, object]]:
    """Path -> (before, now) of each entry in which two JSON values differ; None where one has no such entry."""
    if isinstance(before, dict) and isinstance(now, dict):
        prefix = f"{where}." if where else ""
        pairs = {f"{prefix}{key}": (before.get(key), now.get(key)) for key in {**before, **now}}
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = {f"{where}[{i}]": pair for i, pair in enumerate(zip(before, now, strict=True))}
    else:
        return {} if before == now else {where: (before, now)}
    return {path: values for key, pair in pairs.items() for path, values in differences(*pair, key).items()}


def said_of(model: ModelSpec, data: PackedDataset, fine_tuned: bool) -> ModelSpec:
    """The model with training data, licence and notes as the packed set has them, never as a recipe does.

    fine_tuned: the model's own are those of the bundle that training starts from, and stay beside."""
    count = {split: sum(case.split == split for case in data.cases) for split in SPLITS}
    whose = data.about.get("training_data") or "whose they are is not stated"
    images = f"{count['train']} images, {count['validation']} more held out: {whose.rstrip('.')}."
    licence, notes = data.about.get("licence") or "not stated", data.about.get("notes", "")
    if fine_tuned:
        images = f"{model.training_data or 'Not stated.'} Then fine-tuned on {images}"
        licence = f"{model.licence or 'not stated'} Of the images it was fine-tuned on: {licence}"
        notes = f"{model.notes} {notes}".strip()
    return dataclasses.replace(model, training_data=images, licence=licence, notes=notes)


def write_model(config: TrainingConfig, run: Path) -> Path | None:
    """Writes the averaged weights of all stages as a half-precision bundle; None while a stage has no checkpoint."""
    paths = [checkpoint_path(run, index) for index in range(len(config.stages))]
    if not all(path.exists() for path in paths):
        return None
    states = [load_checkpoint(path) for path in paths]
    steps = " + ".join(str(int(state["step"])) for state in states)
    notes = f"{config.model.notes} Trained for {steps} steps.".strip()
    spec = dataclasses.replace(config.model, notes=notes)
    save_bundle(run / MODEL_FOLDER, spec, [state["ema"] for state in states], atlas=read_atlas(run))
    return run / MODEL_FOLDER


def _prepare_atlas(config: TrainingConfig, data: PackedDataset, run: Path) -> None:
    """Sees to it that the run folder has the atlas, that of the bundle to start from or a new one, and its cases."""
    atlas = read_atlas(run)
    if atlas is None:
        atlas = (load_atlas(config.start_from) if config.start_from else None) or build_atlas(data)
        write_atlas(run, atlas)
    bend_into_cases(run, atlas, data)


def _settled(config: TrainingConfig, data: PackedDataset, run: Path) -> tuple[TrainingConfig, list[str]]:
    """The configuration completed by what the run folder says, and notes on what has changed since.

    TrainingError where the folder is that of another run.
    """
    notes = []
    path = run / CONFIG_FILE
    if not path.exists() or not TrainingConfig.read(path).start_from:
        config = dataclasses.replace(config, model=said_of(config.model, data, bool(config.start_from)))
    if path.exists():
        before = TrainingConfig.read(path)
        if before.start_from:
            about = {name: getattr(before.model, name) for name in ABOUT}
            config = dataclasses.replace(config, model=dataclasses.replace(config.model, **about))
        config = _with_bands_of(before.model, config)
        if before.start_from and not config.start_from:
            config = dataclasses.replace(config, model=before.model, start_from=before.start_from)
        changes = differences(before.to_dict(), config.to_dict())
        listed = {key: f"{key} was {old!r} and is now {new!r}" for key, (old, new) in changes.items()}
        refused = [text for key, text in listed.items() if not _CHANGEABLE.fullmatch(key) and key != "start_from"]
        if refused:
            raise TrainingError(
                f"{run} is a run of another configuration: {'; '.join(refused)}.",
                "Name a new run folder, or resume with the configuration that started this one.",
            )
        notes = [f"Resuming with a change: {text}." for text in listed.values()]
    return config, notes


def _with_statistics(config: TrainingConfig, data: PackedDataset) -> TrainingConfig:
    """The configuration completed by what the data say."""
    model = config.model
    for index in range(len(model.stages)):
        model = with_band_statistics(model, index, data)
    if not model.convention and data.intensity in CONVENTIONS:
        model = dataclasses.replace(model, convention=data.intensity)
    if not model.intensity:
        words = CONVENTIONS.get(model.convention, data.intensity)
        model = dataclasses.replace(model, intensity=words)
    return dataclasses.replace(config, model=model)


def _with_bands_of(before: ModelSpec, config: TrainingConfig) -> TrainingConfig:
    """The configuration with the band statistics and intensities that the run has found out already."""
    model = config.model
    stages = list(model.stages)
    for index, (old, new) in enumerate(zip(before.stages, stages, strict=False)):
        if not new.domain.std:
            domain = dataclasses.replace(new.domain, mean=old.domain.mean, std=old.domain.std)
            stages[index] = dataclasses.replace(new, domain=domain)
    model = dataclasses.replace(
        model,
        stages=tuple(stages),
        convention=model.convention or before.convention,
        intensity=model.intensity or before.intensity,
    )
    return dataclasses.replace(config, model=model)


def _start_weights(config: TrainingConfig, run: Path) -> list[dict[str, torch.Tensor] | None]:
    """A state dict a stage to start from; None for each where the run starts from random weights."""
    stages = range(len(config.stages))
    if not config.start_from or all(checkpoint_path(run, index).exists() for index in stages):
        return [None for _ in stages]
    spec, networks = load_bundle(config.start_from)
    if spec.weights_sha256 != config.model.weights_sha256:
        raise TrainingError(
            f"{config.start_from} holds other weights than when this run began.",
            "Name a new run folder, or restore them.",
        )
    return [network.state_dict() for network in networks]
