"""Two ways to spend less time between a GPU's kernels: CUDA graphs, and torch.compile.

targets.py measures both, with the time to the first image. Neither is in the program until it is known to pay.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ACCELERATIONS = ("none", "graph", "compile")
_WARM_UP_CALLS = 3


def accelerated(network: nn.Module, how: str):
    """network(x, t) made faster on CUDA. how: one of ACCELERATIONS.

    "graph": the kernels of one call are recorded and then replayed with a single launch. "compile": torch.compile,
    whose kernels torch keeps on disk (TORCHINDUCTOR_CACHE_DIR) for later processes; needs a C compiler.
    """
    if how == "graph":
        return Graphed(network)
    return torch.compile(network, dynamic=False) if how == "compile" else network


class Graphed:
    """A network whose calls of one shape are replayed from a CUDA graph.

    The output is overwritten by the next call. The graph's memory is kept as long as this object.
    """

    def __init__(self, network: nn.Module):
        self.network = network
        self.key: tuple | None = None

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        key = (x.shape, x.dtype, x.stride(), torch.get_autocast_dtype("cuda"), torch.is_autocast_enabled("cuda"))
        if key != self.key:
            self._record(x, t)
            self.key = key
        if x.data_ptr() != self.x.data_ptr():
            self.x.copy_(x)
        self.t.copy_(t)
        self.graph.replay()
        return self.output

    def _record(self, x: Tensor, t: Tensor) -> None:
        """Keeps x itself as the graph's input: a denoiser always hands over the same buffer."""
        self.x, self.t = x, t.clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_CALLS):
                self.network(self.x, self.t)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = self.network(self.x, self.t)
