"""An evaluation in a process of its own: `evaluate_process.py REAL SYNTHETIC OUT`; says a line an image."""

from __future__ import annotations

import sys
from pathlib import Path

from evaluation.metrics.small_images import SETTINGS, small_network

from MedDDPMCore.evaluation.metrics.evaluate import evaluate

if __name__ == "__main__":
    real, synthetic, out = (Path(argument) for argument in sys.argv[1:])
    evaluate(real, synthetic, out, small_network(), SETTINGS, lambda *step: print(*step, flush=True))
