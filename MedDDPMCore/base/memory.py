"""How much memory is free on a device, and how much a computation holds at its fullest."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class PeakMemory(TorchDispatchMode):
    """While this context is entered, follows the memory of every tensor made in it. peak, live: bytes.

    Works on the meta device too, where nothing is computed: so a need can be known before it arises. What a kernel
    takes and gives back within itself is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],  # noqa: ARG002
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
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


def free_memory(device: torch.device) -> int:
    """Bytes that a new computation can have on a device."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    if device.type == "mps":
        limit = getattr(torch.mps, "recommended_max_memory", available_memory)  # torch < 2.5 does not tell
        return limit() - torch.mps.driver_allocated_memory()
    return available_memory()


def available_memory() -> int:
    """Bytes of main memory that this process can still have without swapping: what the computer has free, or what is
    left of a limit set for it (a container's or a user's control group, RLIMIT_AS), whichever is least.
    """
    import psutil

    within = [*_left_in_groups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")), *_left_of_addresses()]
    return max(0, min([psutil.virtual_memory().available, *within]))


_LIMIT_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
"""Version of Linux's control groups -> files with a group's limit and use, and which entry of memory.stat counts file
contents that make room when memory is wanted."""


def _left_in_groups(own: Path, mounted: Path) -> Iterator[int]:
    """What is left of the limits of the control groups that this process is in, and of those around them.

    own: /proc/self/cgroup, lines of "number:controllers:path"; the path may be one that only the host sees, and then
    what is mounted is the container's own group. mounted: where the groups' folders are.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return
    for _number, controllers, path in lines:
        if not controllers:
            roots = [(2, mounted), (2, mounted / "unified")]
        elif "memory" in controllers.split(","):
            roots = [(1, mounted / "memory")]
        else:
            continue
        parts = Path(path.lstrip("/")).parts
        for version, root in roots:
            for depth in range(len(parts) + 1):
                yield from _left_in_group(root.joinpath(*parts[:depth]), *_LIMIT_FILES[version])


def _left_in_group(folder: Path, limit_file: str, use_file: str, reclaimable: str) -> Iterator[int]:
    try:
        limit, used = ((folder / name).read_text().strip() for name in (limit_file, use_file))
        counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        if limit != "max":
            yield int(limit) - int(used) + int(counts.get(reclaimable, 0))
    except (OSError, ValueError):
        return


def _left_of_addresses() -> Iterator[int]:
    """What is left of a limit of address space."""
    try:
        import resource
    except ImportError:  # Windows
        return
    import psutil

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        yield limit - psutil.Process().memory_info().vms
