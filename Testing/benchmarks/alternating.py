"""Times rivals against each other in turns (A B A B …), so that a busy machine is as unfair to one as to the other."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from datetime import datetime, timezone
from statistics import median

import torch

from MedDDPMCore.base.memory import PeakMemory


def alternate(rivals: dict[str, Callable[[], object]], device: torch.device, repeats: int) -> dict[str, dict]:
    """Calls each once to warm up, then all in turns, `repeats` times.

    Returns, by name: the medians of wall seconds and of this process's CPU seconds (user and system; of little meaning
    on a GPU), and the fewest CPU seconds.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
    for call in rivals.values():
        call()
    for _ in range(repeats):
        for name, call in rivals.items():
            taken = once(call, device)
            times[name].append((taken["wall_s"], taken["cpu_s"]))
    return {
        name: {
            "wall_s": median(wall for wall, _ in taken),
            "cpu_s": median(busy for _, busy in taken),
            "least_cpu_s": min(busy for _, busy in taken),
        }
        for name, taken in times.items()
    }


def once(call: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Wall and CPU seconds of a call, without one to warm up."""
    synchronize(device)
    wall, busy = time.perf_counter(), time.process_time()
    call()
    synchronize(device)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - busy}


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """What the tensors made in a call hold at their fullest: counted on a CPU, the allocator's word on a GPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with PeakMemory() as memory:
        call()
    return memory.peak


def circumstances(device: torch.device) -> dict:
    """What the figures hold for."""
    cuda = device.type == "cuda"
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU, {torch.get_num_threads()} threads",
        "processor": _processor(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        return platform.processor()


def synchronize(device: torch.device) -> None:
    """Waits for a GPU to have done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def table(rows: list[dict]) -> str:
    """Rows of equal keys as a Markdown table."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(_shown(row[key]) for key in head) + " |" for row in rows)])


def _shown(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
