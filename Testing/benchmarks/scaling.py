"""One process of the scaling section of compare.py: torchrun … scaling.py OUT EDGE BASE STEPS."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from comparison import batch_of, run_of, training_configuration

from MedDDPMCore.base.parallel import rank_and_world
from MedDDPMCore.training.stages.distributed import join, share, sum_over_ranks


def main() -> None:
    out, edge, base, steps = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    torch.set_num_threads(1)
    device = join(torch.device("cpu"))
    rank, world = rank_and_world()
    args = argparse.Namespace(size=edge, base=base)
    run = run_of(training_configuration(args, world), device)
    batch = batch_of(args, len(share(world, rank, world)))
    run.train_step(*batch)
    wall, busy = time.perf_counter(), time.process_time()
    for _ in range(steps):
        run.train_step(*batch)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    total_busy = sum_over_ranks([busy], device)[0]
    if rank == 0:
        rate = {"images_s": steps * world / wall, "images_cpu_s": steps * world / total_busy}
        out.write_text(json.dumps(rate), encoding="utf-8")


if __name__ == "__main__":
    main()
