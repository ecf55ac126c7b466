"""Which prediction, noise schedule, width, augmentation, optimiser? Short trainings from nothing, all else equal.

    medddpm prepare IXI_FOLDER packed8 --config Resources/studies/small/med_ddpm.json --image-suffix _T1
    python Testing/benchmarks/choices.py packed8 OUT [--steps 400] [--seeds 2]

Each choice changes one entry of the first line of the table. After the training the averaged network is held against
heads that it was not trained on: by the error of the image that it sees through given amounts of noise, and by samples
of their masks. OUT gets choices.md and choices.json, and what is done is kept there: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from quality.images import TUMOR, Heads
from quality.measures import contrasts, histogram_distances, sharpness

from MedDDPMCore.base.randomness import generator_for
from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.diffusion.objective import q_sample
from MedDDPMCore.diffusion.samplers import ddpm
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.lesions.simulation import LesionSettings
from MedDDPMCore.models.spec import ModelSpec, StageSpec
from MedDDPMCore.models.stage import denoiser
from MedDDPMCore.training.data.augment import Augmentation
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.samples import NO_AUGMENTATION, Batches, Samples
from MedDDPMCore.training.stages.config import StageTraining
from MedDDPMCore.training.stages.stage_run import StageRun
from MedDDPMCore.training.stages.statistics import with_band_statistics
from MedDDPMCore.volumes.labels import WHOLE_HEAD

SIGNAL = (0.99, 0.9, 0.6, 0.3, 0.1, 0.02)
"""Shares of signal in the variance at which images seen through noise are judged."""
STEPS = 15
CPU = torch.device("cpu")


def linear(timesteps: int) -> Schedule:
    """The schedule of Ho et al. 2020, its betas scaled from 1000 steps to this many."""
    return Schedule(torch.linspace(1e-4, 0.02, timesteps, dtype=torch.float64) * 1000 / timesteps)


@dataclass(frozen=True)
class Choice:
    """One line of the table. low_band: by what the low-pass band is scaled beyond a deviation of 1."""

    prediction: str = "v"
    width: int = 16
    low_band: float = 3.0
    schedule: Callable[[int], Schedule] = Schedule.cosine
    augmentation: Augmentation = Augmentation()  # noqa: RUF009 - frozen
    optimizer: str = "adam"
    learning_rate: float = 1e-3


CHOICES = {
    "v, cosine, width 16, low band x 3, augmented": Choice(),
    "noise": Choice(prediction="noise"),
    "image": Choice(prediction="x0"),
    "linear schedule": Choice(schedule=linear),
    "low band x 1": Choice(low_band=1.0),
    "width 8": Choice(width=8),
    "width 32": Choice(width=32),
    "no augmentation": Choice(augmentation=NO_AUGMENTATION),
    "half the learning rate": Choice(learning_rate=5e-4),
    "twice the learning rate": Choice(learning_rate=2e-3),
    "Muon at twice the learning rate": Choice(optimizer="muon", learning_rate=2e-3),
    "Muon at 4 times the learning rate": Choice(optimizer="muon", learning_rate=4e-3),
}
COLUMNS = ("error of the image", "histogram distance", "sharpness over the real", "tumour over surroundings", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    data = PackedDataset.open(args.data)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "choices.json"
    rows: dict[str, list[dict]] = json.loads(path.read_text()) if path.exists() else {}
    for seed in range(1, args.seeds + 1):
        for name, choice in CHOICES.items():
            done = rows.setdefault(name, [])
            if len(done) < seed:
                done.append(tried(choice, data, args.steps, seed))
                path.write_text(json.dumps(rows, indent=1))
                print(name, done[-1], flush=True)
    (args.out / "choices.md").write_text(table(rows) + "\n")


def spec_of(choice: Choice, data: PackedDataset) -> ModelSpec:
    network = {"base_channels": choice.width, "channel_multipliers": [1, 2, 3], "res_blocks": 1,
               "attention_factors": [4], "groups": 4}  # fmt: skip
    stage = StageSpec(Domain("haar"), choice.prediction, 250, network)
    spec = ModelSpec("choice", WHOLE_HEAD, data.grid, ("T1",), (stage,), "ddpm", STEPS)
    [stage] = with_band_statistics(spec, 0, data).stages
    std = (stage.domain.std[0] / choice.low_band, *stage.domain.std[1:])
    return replace(spec, stages=(replace(stage, domain=replace(stage.domain, std=std)),))


def tried(choice: Choice, data: PackedDataset, steps: int, seed: int) -> dict[str, float]:
    """One training, and its figures on the held-out heads."""
    lesions = LesionSettings(probability=1.0, smallest_ml=2.0)
    training = StageTraining(
        steps=steps, batch_size=4, repeats=2, optimizer=choice.optimizer, learning_rate=choice.learning_rate, warmup=50,
        ema_decay=0.99, lesion_weight=10, precision="float32", augmentation=choice.augmentation, lesions=lesions,
    )  # fmt: skip
    spec = spec_of(choice, data)
    with mock.patch.object(Schedule, "cosine", staticmethod(choice.schedule)):
        run = StageRun(spec, 0, training, seed, CPU)
        started = time.process_time()
        samples = Samples(data, training.augmentation, lesions)
        with Batches(
            samples, data.indices("train"), 4, seed=seed, places=range(4), threads=1, repeats=training.repeats
        ) as batches:
            for step in range(steps):
                run.train_step(*batches.get(step))
        seconds = time.process_time() - started
        return judged(run, spec.stages[0], data) | {"seconds": seconds}


@torch.inference_mode()
def judged(run: StageRun, stage: StageSpec, data: PackedDataset) -> dict[str, float]:
    samples = Samples(data, NO_AUGMENTATION, LesionSettings(probability=1.0, several=0.0, smallest_ml=2.0))
    cases, errors, made, real, masks = data.indices("validation"), [], [], [], []
    schedule = Schedule.cosine(stage.timesteps)
    for case in cases:
        generator = generator_for(11, case)
        image, labels, _ = samples.draw(case, generator)
        x0, denoise = stage.domain.encode(image[None]), denoiser(run.ema, stage, stage.domain.pack(labels[None]))
        for signal in SIGNAL:
            t = (schedule.alphas_cumprod - signal).abs().argmin()[None]
            found = denoise(q_sample(schedule, x0, t, torch.randn(x0.shape, generator=generator)), t)
            errors.append(float((stage.domain.decode(found) - image[None]).square().mean().sqrt()))
        noise = torch.randn(x0.shape, generator=generator)
        *_, last = ddpm(denoise, noise, schedule, STEPS, [generator])
        made.append(stage.domain.decode(last.x0)[0, 0].numpy())
        real.append(image[0].numpy())
        masks.append(((labels[0] > 0) + TUMOR * (labels[1] > 0)).numpy())
    ids = tuple(str(case) for case in cases)
    ours, theirs = (Heads(np.stack(images), np.stack(masks), ids) for images in (made, real))
    some = (ours.masks == TUMOR).any(axis=(1, 2, 3))  # a small lesion may fill no voxel
    with_tumor = Heads(ours.images[some], ours.masks[some], ids)
    return {
        "error of the image": float(np.mean(errors)),
        "histogram distance": float(np.mean(histogram_distances(ours, theirs))),
        "sharpness over the real": float(np.mean(np.divide(sharpness(ours), sharpness(theirs)))),
        "tumour over surroundings": float(np.mean(contrasts(with_tumor, with_tumor.masks == TUMOR))),
    }


def table(rows: dict[str, list[dict]]) -> str:
    """Markdown: mean and range over the seeds."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, done in rows.items():
        cells = [[of[column] for of in done] for column in COLUMNS]
        lines.append(
            f"| {name} | " + " | ".join(f"{np.mean(c):.3g} ({min(c):.3g}, {max(c):.3g})" for c in cells) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
