"""How much memory is free on a device, and how much a computation holds at its fullest."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import weakref
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class PeakMemory(TorchDispatchMode):
    """While this context is entered, follows the memory of every tensor made in it. peak, live: bytes.

    Works on the meta device too, where nothing is computed: so a need can be known before it arises. What a kernel
    takes and gives back within itself is not seen.
    """

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # noqa: ARG002
        given = {t.untyped_storage()._cdata for t in tree_iter((args, kwargs)) if isinstance(t, Tensor)}
        result = function(*args, **(kwargs or {}))
        for tensor in tree_iter(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in given:
                self._follow(tensor.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        self._known.add(key)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def free_memory(device: torch.device) -> int | None:
    """Bytes that a new computation can have on a device, None where that cannot be told."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return available_memory()


def available_memory() -> int | None:
    """Bytes of main memory that programs can have without swapping, None where the system does not tell."""
    if sys.platform == "win32":
        return _available_on_windows()
    if sys.platform == "darwin":
        return _available_on_macos()
    return _available_on_linux(Path("/proc/meminfo"), Path("/sys/fs/cgroup"))


def _available_on_linux(meminfo: Path, cgroup: Path) -> int | None:
    """What the kernel holds available, or what is left to this container, whichever is less."""
    try:
        entries = dict(line.split(":") for line in meminfo.read_text().splitlines())
        available = int(entries["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit, used = ((cgroup / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return available
    return available if limit == "max" else min(available, int(limit) - int(used))


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = [
        ("length", ctypes.c_uint32), ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in (
            "total", "available", "total_page_file", "available_page_file", "total_virtual", "available_virtual",
            "available_extended_virtual",
        )),
    ]  # fmt: skip


def _available_on_windows() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    done = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.available) if done else None


def _available_on_macos() -> int | None:
    try:
        told = subprocess.run(["vm_stat"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return _from_vm_stat(told, os.sysconf("SC_PAGE_SIZE"))


def _from_vm_stat(told: str, page: int) -> int:
    """Free, inactive and speculative pages are to be had."""
    counts = dict(line.split(":") for line in told.splitlines()[1:] if ":" in line)
    names = ("Pages free", "Pages inactive", "Pages speculative")
    return page * sum(int(counts[name].strip().rstrip(".")) for name in names if name in counts)
