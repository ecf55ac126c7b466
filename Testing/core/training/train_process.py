"""A training run as a process of its own: train_process.py CONFIG DATA RUN [stop_after]. Checkpoints at every step."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import torch

from MedDDPMCore.training.run import train
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.train import RunOptions

torch.set_num_threads(1)
config_path, data_path, run_path = sys.argv[1:4]
config = TrainingConfig.read(config_path)
options = {"device": "cpu", "validate_every": 1000, "sample_every": 1000, "checkpoint_seconds": 0.0, "threads": 1}
if len(sys.argv) > 4:
    first = RunOptions(**options, stop_after=int(sys.argv[4]))
    train(config, data_path, run_path, first, [].append)
train(config, data_path, run_path, RunOptions(**options), [].append)
