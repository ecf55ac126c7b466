"""Which device computes, and in which precision."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any, TypeVar

import torch
from torch import nn

from .errors import ResourceError, shown
from .parallel import rank_and_world

Network = TypeVar("Network", bound=nn.Module)

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""What a computation may be done in, by name."""


def pick_device(name: str = "auto") -> torch.device:
    """ "auto" is the usable CUDA GPU with the most free memory, else Apple's, else the CPU. ResourceError where a named
    one is not there or cannot be used.
    """
    if name == "auto":
        if usable := _usable_gpus():
            return torch.device("cuda", max(usable, key=lambda i: usable[i][0]))
        return torch.device("mps") if _mps_works() else torch.device("cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("nothing is computed there")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError, ImportError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ResourceError(f"The device {shown(name)!r} cannot be used: {reason}.", "Choose auto or cpu.") from error
    return device


def _usable_gpus() -> dict[int, tuple[int, int]]:
    """Free and total memory, in bytes, of each CUDA GPU that takes this process, by its number."""
    numbers = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    found = {i: _free_of(i) for i in numbers}
    return {i: memory for i, memory in found.items() if memory is not None}


def _free_of(i: int) -> tuple[int, int] | None:
    """Free and total memory of a CUDA GPU; None where others have filled it or have it for themselves alone."""
    try:
        return torch.cuda.mem_get_info(i)
    except RuntimeError as error:
        logging.warning("The GPU cuda:%d is left out: %s", i, str(error).partition("\n")[0])
        return None


def own_gpu(device: torch.device) -> torch.device:
    """The device; where it is a GPU and torchrun started several processes, this process's own GPU of its computer."""
    if device.type == "cuda" and rank_and_world()[1] > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """ "auto" is bfloat16 where the device multiplies it fast, float16 on older GPUs, else float32. ResourceError for a
    name that is none of PRECISIONS.
    """
    if name != "auto":
        if name not in PRECISIONS:
            raise ResourceError(f"There is no precision {name!r}.", f"Choose auto, {', '.join(PRECISIONS)}.")
        return PRECISIONS[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    if device.type == "cpu" and _cpu_multiplies_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU has AMX or AVX-512 BF16 instructions."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


@functools.cache
def _mps_works() -> bool:
    """Whether Apple's GPU convolves volumes, which it learned with torch 2.3 and not on every macOS: one is tried."""
    if not torch.backends.mps.is_available() or tuple(map(int, torch.__version__.split(".")[:2])) < (2, 3):
        return False
    try:
        ones = torch.ones((1, 1, 4, 4, 4), device="mps")
        return float(torch.nn.functional.conv3d(ones, ones[..., :3, :3, :3].contiguous()).sum()) == 8 * 27
    except (RuntimeError, NotImplementedError) as error:
        logging.warning("Apple's GPU is left out: %s", error)
        return False


def describe_devices() -> list[dict]:
    """Every usable device: id, name, free and total memory in bytes (0 where unknown)."""
    devices = [
        {"id": f"cuda:{i}", "name": torch.cuda.get_device_name(i), "free": free, "total": total}
        for i, (free, total) in _usable_gpus().items()
    ]
    if _mps_works():
        devices.append({"id": "mps", "name": "Apple GPU", "free": 0, "total": 0})
    return [*devices, {"id": "cpu", "name": f"CPU, {torch.get_num_threads()} threads", "free": 0, "total": 0}]


def placed(network: Network, device: torch.device) -> Network:
    """The network on a device, its convolutions' weights laid out as they are fastest: channels last."""
    layout: dict[str, Any] = {"memory_format": torch.channels_last_3d}  # torch's own annotations do not know it
    return network.to(device, **layout)
