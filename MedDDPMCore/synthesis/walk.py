"""The walk from noise to an image: over a model's stages, coarse to fine, and over the steps of each.

Where part of the image is known (`diffusion.known_region`), every step keeps it, and a stage may work on nothing but a
window around the part to make.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..diffusion.domain import Domain, shrink
from ..diffusion.known_region import KnownRegion
from ..diffusion.samplers import Denoiser, Sampler, noise_like
from ..diffusion.schedule import Schedule
from ..models.spec import StageSpec
from ..models.stage import denoiser
from ..volumes.geometry import Window, triple

STEPS_AHEAD = 2
"""Steps queued on a GPU beyond the one told of: enough to keep it busy, few enough that a cancel is quick."""


@dataclass(frozen=True)
class Filling:
    """What is known of the image, and the window of the model grid, of whole blocks, that each stage works on."""

    known: KnownRegion
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class WalkStep:
    """One step of a walk.

    image: makes the present guess (batch, modality, z, y, x) -1..1, on the stage's grid. made: makes the same before
    what is known was put in. finished: this was the last step of the last stage.
    """

    image: Callable[[], Tensor]
    made: Callable[[], Tensor]
    finished: bool


@torch.inference_mode()
def walk(
    stages: Sequence[StageSpec],
    networks: Sequence[nn.Module],
    condition: Tensor,
    *,
    sampler: Sampler,
    counts: Sequence[int],
    generators: Sequence[torch.Generator],
    precision: torch.dtype,
    filling: Filling | None = None,
) -> Iterator[WalkStep]:
    """Yields after each step of each stage.

    condition: (batch, channel, z, y, x) on the model grid. sampler: one of `diffusion.samplers`. counts: its steps, a
    stage. generators: one a sample, so that a sample does not depend on what it is computed together with.
    """
    queue = _GpuQueue(condition.device)
    image: Callable[[], Tensor] | None = None
    for i, (stage, network, count) in enumerate(zip(stages, networks, counts, strict=True)):
        coarse = shrink(image(), 2 * stage.domain.factor // stages[i - 1].domain.factor) if image else None
        view = _Whole(stage.domain, coarse) if filling is None else _Around(stage.domain, coarse, filling, i)
        near = view.cut(condition)
        denoise = denoiser(network, stage, stage.domain.pack(near, view.coarse), view.coarse, precision)
        denoise = view.guide(denoise, stage.timesteps, generators)
        shape = (len(generators), *stage.domain.x_shape(triple(near.shape[2:])))
        x = noise_like(torch.empty(shape, device=condition.device), generators) * stage.temperature
        for step in sampler(denoise, x, Schedule.cosine(stage.timesteps), count, generators, stage.temperature):
            queue.wait()
            image = partial(view.image, step.x0)
            yield WalkStep(image, view.made(image), i == len(stages) - 1 and step.index == step.total)


class _Whole:
    """What a stage works on where nothing is known: all of the model grid. coarse: what the stage before made."""

    def __init__(self, domain: Domain, coarse: Tensor | None):
        self.domain, self.coarse = domain, coarse

    def cut(self, condition: Tensor) -> Tensor:
        """The part of the condition (batch, channel, z, y, x) that the stage is given."""
        return condition

    def guide(self, denoise: Denoiser, timesteps: int, generators: Sequence[torch.Generator]) -> Denoiser:  # noqa: ARG002
        """The denoiser that the sampler is to use."""
        return denoise

    def image(self, x0: Tensor) -> Tensor:
        """The image of an x0, of the whole grid, at the size of the stage."""
        return self.domain.decode(x0, self.coarse)

    def made(self, image: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """What makes the present image before what is known was put in."""
        return image


class _Around(_Whole):
    """What a stage works on where part of the image is known: a window."""

    def __init__(self, domain: Domain, coarse: Tensor | None, filling: Filling, index: int):
        self.window = filling.windows[index]
        self.inner = triple(slice(side.start // domain.factor, side.stop // domain.factor) for side in self.window)
        halves = triple(slice(side.start // 2, side.stop // 2) for side in self.inner)
        super().__init__(domain, None if coarse is None else _cut(coarse, halves))
        self.known = filling.known.part(self.window)
        self.whole = shrink(filling.known.image, domain.factor)

    def cut(self, condition: Tensor) -> Tensor:
        return _cut(condition, self.window)

    def guide(self, denoise: Denoiser, timesteps: int, generators: Sequence[torch.Generator]) -> Denoiser:
        self.guided = self.known.guide(denoise, self.domain, timesteps, self.coarse, generators)
        return self.guided

    def image(self, x0: Tensor) -> Tensor:
        return self._placed(super().image(x0))

    def made(self, image: Callable[[], Tensor]) -> Callable[[], Tensor]:  # noqa: ARG002
        latest = self.guided.latest
        return image if latest is None else partial(self._placed, latest)

    def _placed(self, part: Tensor) -> Tensor:
        """The known image with this part of it in the window."""
        image = self.whole.repeat(len(part), 1, 1, 1, 1)
        _cut(image, self.inner).copy_(part)
        return image


def _cut(image: Tensor, window: Window) -> Tensor:
    """A view of the window of (batch, channel, z, y, x)."""
    z, y, x = window
    return image[..., z, y, x]


class _GpuQueue:
    """Keeps a GPU's queue short: a step is told of when the GPU is at most STEPS_AHEAD steps behind."""

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"
        self.events: deque[torch.cuda.Event] = deque()

    def wait(self) -> None:
        """Called after a step was queued. The GPU has work left while this waits."""
        if not self.on_gpu:
            return
        self.events.append(torch.cuda.Event())
        self.events[-1].record()
        if len(self.events) > STEPS_AHEAD:
            self.events.popleft().synchronize()
