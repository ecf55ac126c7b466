"""Training samples: a case, varied, with simulated lesions; the same for the same seed, step and place in the batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ...base.randomness import generator_for, uniform
from ...lesions.simulation import LesionSettings, simulate_lesions
from .augment import Augmentation, Window, resample, sampling_grid
from .dataset import PackedDataset

_BRAIN = 64  # added to a label where it lies in the brain
NO_AUGMENTATION = Augmentation(flip=False, degrees=0, scale=0, shift_mm=0, warp_mm=0, gain=0)


class Samples:
    """Draws training samples from a packed data set.

    patch: size (z, y, x) in voxels of the part that is drawn, around a random place in the head; None: whole heads.
    align: patches start at multiples of this many voxels. atlas: each case's bent atlas (case, modality, z, y, x) as
    bytes, joined to the label channels.
    """

    def __init__(
        self,
        data: PackedDataset,
        augmentation: Augmentation,
        lesions: LesionSettings,
        patch: tuple[int, int, int] | None = None,
        align: int = 1,
        atlas: np.ndarray | None = None,
    ):
        self.data, self.augmentation, self.lesions = data, augmentation, lesions
        self.patch, self.align, self.atlas = patch, align, atlas
        scheme = data.labels_scheme
        self.tumor_value = scheme.values.get("tumor")
        values = [scheme.values[name] for name in scheme.channels]
        self.values = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
        self.sideways = next(axis for axis, letter in enumerate(data.grid.axes) if letter in "LR")

    def draw(self, case: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """image (modality, z, y, x) float32 -1..1, and condition channels (channel, z, y, x) float32: label channels in
        the scheme's range, then the atlas, -1..1.

        Lesions are simulated into cases without a tumour, where the scheme has the label "tumor".
        """
        data, shape = self.data, self.data.grid.shape
        stored = data.images[case] if self.atlas is None else np.concatenate([data.images[case], self.atlas[case]])
        stored = torch.from_numpy(stored.astype(np.float32))
        regions = torch.from_numpy(data.labels[case] + _BRAIN * data.brain[case])[None]
        window = self._window(regions[0], generator)
        if self.augmentation != NO_AUGMENTATION or self.patch:
            grid = sampling_grid(shape, data.grid.spacing, self.augmentation, window, generator, self.sideways)
            stored = resample(stored, grid, "bilinear")
            regions = resample(regions.float(), grid, "nearest").to(torch.uint8)
        image, atlas = (stored / 127.5 - 1).split([len(data.modalities), len(stored) - len(data.modalities)])
        gain = 1 + float(uniform(generator, -1, 1)) * self.augmentation.gain
        image = (image + 1).mul_(gain).sub_(1).clamp_(-1, 1)
        labels, brain = regions[0] % _BRAIN, regions[0] >= _BRAIN
        if self.tumor_value is not None and not (labels == self.tumor_value).any():
            white_matter = (data.cases[case]["white_matter"] + 1) * gain - 1
            image, labels = simulate_lesions(
                image, labels, brain, white_matter, data.grid.spacing, self.tumor_value, self.lesions, generator
            )
        scheme = data.labels_scheme
        channels = (labels[None] == self.values).float().mul_(scheme.high - scheme.low).add_(scheme.low)
        return image, torch.cat([channels, atlas])

    def _window(self, regions: Tensor, generator: torch.Generator) -> Window:
        shape = self.data.grid.shape
        if self.patch is None:
            return (0, 0, 0), shape
        inside, centre = regions.flatten().nonzero()[:, 0], [n // 2 for n in shape]
        if len(inside):
            centre = torch.unravel_index(inside[torch.randint(len(inside), (), generator=generator)], shape)
        start = [
            min(max(0, int(c) - p // 2), n - p) // self.align * self.align
            for c, p, n in zip(centre, self.patch, shape, strict=True)
        ]
        return tuple(start), self.patch


class Batches:
    """Batches of a run, drawn ahead of use by threads.

    Place i of step s of a run depends on (seed, s, i) alone, so a resumed run, or one split over ranks, sees the same
    samples. repeats: neighbouring places of a batch that share one drawn image, each with its own step and noise.
    threads: that draw; each computes alone, and so many steps are begun ahead that none is idle.
    """

    def __init__(
        self,
        samples: Samples,
        cases: list[int],
        batch_size: int,
        seed: int,
        places: range,
        threads: int = 2,
        repeats: int = 1,
    ):
        self.samples, self.cases, self.seed, self.places, self.repeats = samples, cases, seed, places, repeats
        self.images_a_step = -(-batch_size // repeats)
        self.wanted = sorted({place // repeats for place in places})
        self.ahead = -(-threads // len(self.wanted))
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        self.pending: dict[int, dict] = {}

    def get(self, step: int) -> tuple[Tensor, Tensor, list[torch.Generator]]:
        """Images and label channels of this rank's places in the batch (place, channel, z, y, x), a generator for each.

        The generators are for the places' diffusion steps and noises. The next steps' images are begun meanwhile.
        """
        for s in range(step, step + self.ahead + 1):
            if s not in self.pending:
                self.pending[s] = {i: self.pool.submit(self._draw, s, i) for i in self.wanted}
        futures = self.pending.pop(step)
        images, channels = zip(*(futures[place // self.repeats].result() for place in self.places), strict=True)
        return torch.stack(images), torch.stack(channels), [generator_for(self.seed, 3, step, p) for p in self.places]

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *exc_info) -> None:
        """Stops the threads."""
        self.pool.shutdown(cancel_futures=True)
        torch.set_num_threads(torch.get_num_threads())  # later threads are to compute as this one, not as the pool's

    def _draw(self, step: int, image: int) -> tuple[Tensor, Tensor]:
        epoch, position = divmod(step * self.images_a_step + image, len(self.cases))
        order = torch.randperm(len(self.cases), generator=generator_for(self.seed, 1, epoch))
        return self.samples.draw(self.cases[int(order[position])], generator_for(self.seed, 2, step, image))
