"""Several processes, GPUs or machines under torchrun."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from ...base.device import own_gpu
from ...base.parallel import cores_each, rank_and_world


def loading_threads(device: torch.device) -> int:
    """How many threads of this process are to draw training samples: beside a GPU one a core, from 2 to 8, the cores
    being shared with the other processes of this machine; 2 beside a CPU, whose cores are busy with the training."""
    if device.type == "cpu":
        return 2
    return max(2, min(8, cores_each()))


def join(device: torch.device) -> torch.device:
    """Joins the other processes, once and until this process ends; returns the device that this process is to use.

    Leaving and joining again is not done: under torchrun the second meeting would find the traces of the first.
    """
    if rank_and_world()[1] == 1:
        return device
    device = own_gpu(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return device


def share(total: int, rank: int, world: int) -> range:
    """The part of range(total) that is this rank's; the parts differ in size by one at most."""
    return range(total * rank // world, total * (rank + 1) // world)


def sum_over_ranks(values: list[float], device: torch.device) -> list[float]:
    """The sum of each number over all processes."""
    if not dist.is_initialized():
        return values
    tensor = torch.tensor(values, device=device, dtype=torch.float32)
    dist.all_reduce(tensor)
    return tensor.tolist()


def sum_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Adds up each parameter's gradient over all processes, for networks that are not wrapped."""
    if dist.is_initialized():
        for parameter in parameters:
            dist.all_reduce(parameter.grad)


def wait_for_all() -> None:
    """Returns when every process has come here."""
    if dist.is_initialized():
        dist.barrier()


def wrap(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The network with its gradients averaged over all processes; the network itself without torchrun."""
    if not dist.is_initialized():
        return network
    return DistributedDataParallel(network, device_ids=[device.index] if device.type == "cuda" else None)


@contextmanager
def gradients_stay_here(network: torch.nn.Module, yes: bool) -> Iterator[None]:
    """Within the context gradients add up on this process alone: for all but the last part of a batch."""
    if yes and isinstance(network, DistributedDataParallel):
        with network.no_sync():
            yield
    else:
        yield
