"""Puts stages that were trained in run folders of their own into a model, its weights in 8 bits.

    python Resources/training/assembled.py MODEL OUT --stage 0 RUN --stage 1 RUN ... [--sampler NAME]

OUT gets MODEL, a bundle, with the stages named exchanged for the averaged weights of RUN's checkpoints, and beside it
training-log.jsonl: MODEL's lines, but for those of a stage whose network or domain is another now, then of each RUN
every tenth step and each validation.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import torch

from MedDDPMCore.models.bundle import load_with_atlas, save_bundle
from MedDDPMCore.training.run import CONFIG_FILE
from MedDDPMCore.training.stages.checkpoint import load_checkpoint
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.train import checkpoint_path

LOG = "training-log.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stage", nargs=2, action="append", required=True, metavar=("N", "RUN"))
    parser.add_argument("--sampler", help="instead of the model's own")
    args = parser.parse_args()
    spec, networks, atlas = load_with_atlas(args.model)
    stages, states = list(spec.stages), [network.state_dict() for network in networks]
    lines = [json.loads(line) for line in (args.model / LOG).read_text("utf-8").splitlines()]
    for number, run in ((int(n), Path(run)) for n, run in args.stage):
        trained = TrainingConfig.read(run / CONFIG_FILE).model.stages[number]
        if (trained.network, trained.domain) != (stages[number].network, stages[number].domain):
            lines = [line for line in lines if line["stage"] != number]
        stages[number] = trained
        states[number] = load_checkpoint(checkpoint_path(run, number))["ema"]
        log = [json.loads(line) for line in (run / f"stage-{number}.jsonl").read_text("utf-8").splitlines()]
        lines += [line for line in log if line["step"] % 10 == 0 or "validation_loss" in line]
    spec = dataclasses.replace(spec, stages=tuple(stages), sampler=args.sampler or spec.sampler)
    save_bundle(args.out, spec, states, dtype=torch.int8, atlas=atlas)
    lines.sort(key=lambda line: line["stage"])  # which keeps the order of a stage's own
    (args.out / LOG).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
