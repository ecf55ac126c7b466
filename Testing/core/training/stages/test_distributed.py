"""How many threads a process draws samples with."""

from __future__ import annotations

import os

import pytest
import torch

from MedDDPMCore.training.stages.distributed import loading_threads


@pytest.mark.parametrize(
    ("device", "cores", "processes", "threads"),
    [("cpu", 16, 1, 2), ("cuda", 16, 1, 8), ("cuda", 6, 1, 6), ("cuda", 16, 4, 4), ("cuda", 4, 4, 2)],
)
def test_beside_a_gpu_a_thread_a_core_from_2_to_8_shared_by_the_machines_processes(
    device, cores, processes, threads, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert loading_threads(torch.device(device)) == threads
