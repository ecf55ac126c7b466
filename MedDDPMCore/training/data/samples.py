"""Training samples: a case, varied, with simulated lesions; the same for the same seed, step and place in the batch."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ...base.deformation import sample_cubic
from ...base.randomness import generator_for
from ...lesions.simulation import LesionSettings, simulate_lesions
from ...volumes.geometry import triple
from ...volumes.volume import where_labels
from .augment import Augmentation, Window, recoloured, resample, sampling_grid
from .dataset import PackedDataset, intensities

_BRAIN = 64  # added to a label where it lies in the brain
NO_AUGMENTATION = Augmentation(flip=False, degrees=0, scale=0, shift_mm=0, warp_mm=0, gain=0)
_TRIES = 64


class Samples:
    """Draws training samples from a packed data set.

    What a stage is to make is not blurred by the way it is drawn. Where the augmentation moves nothing but left to
    right, stored voxels are taken as they are. Otherwise heads are resampled by cubic splines; or, for a stage whose
    image is `shrink` times coarser than the grid, from means over neighbouring voxels onto a grid of half its spacing.

    patch: size (z, y, x) in voxels of the part that is drawn; None: whole heads. brain_patches: the share of patches
    around a random place in the brain (of a case that has none marked, as beside a real tumour: in its lesions, or else
    its head), the others around one in the head. shrink: voxels of the model grid along one axis in a voxel of the
    stage's image. atlas: each case's bent atlas (case, modality, z, y, x) as bytes, joined to the label channels.

    Of what is drawn a voxel is `factor` voxels of the model grid wide.
    """

    def __init__(
        self,
        data: PackedDataset,
        augmentation: Augmentation,
        lesions: LesionSettings,
        patch: tuple[int, int, int] | None = None,
        brain_patches: float = 0.0,
        shrink: int = 1,
        atlas: np.ndarray | None = None,
    ):
        self.data, self.augmentation, self.lesions, self.atlas = data, augmentation, lesions, atlas
        self.factor = shrink // 2 if augmentation.moves and shrink > 1 else 1
        self.shape = triple(n // self.factor for n in data.grid.shape)
        self.spacing = triple(s * self.factor for s in data.grid.spacing)
        self.patch = None if patch is None else triple(n // self.factor for n in patch)
        self.brain_patches = brain_patches
        scheme = data.labels_scheme
        self.tumor_value = scheme.values.get("tumor")
        values = [scheme.values[name] for name in scheme.channels]
        self.values = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
        self.sideways = next(axis for axis, letter in enumerate(data.grid.axes) if letter in "LR")

    def draw(self, case: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """image (modality, z, y, x) float32 -1..1; condition channels (channel, z, y, x) float32: label channels in the
        scheme's range, then the atlas, -1..1; and the brain (1, z, y, x) bool.

        Lesions are simulated into cases without a tumour, where the scheme has the label "tumor".
        """
        window = self._window(case, generator)
        image, atlas, regions = (self._moved if self.augmentation.moves else self._stored)(case, window, generator)
        image, changed = recoloured(image, self.augmentation, generator)
        labels, brain = regions % _BRAIN, regions // _BRAIN
        if self.tumor_value is not None and not (labels == self.tumor_value).any():
            white_matter = changed(self.data.cases[case].white_matter)
            image, labels = simulate_lesions(
                image,
                labels,
                brain,
                white_matter=white_matter,
                spacing=self.spacing,
                tumor_value=self.tumor_value,
                settings=self.lesions,
                generator=generator,
            )
        scheme = self.data.labels_scheme
        channels = (labels[None] == self.values).float().mul_(scheme.high - scheme.low).add_(scheme.low)
        return image, torch.cat([channels, atlas]), brain[None] > 0

    def _stored(self, case: int, window: Window, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Image, atlas and regions of a window, mirrored or not, else voxel for voxel as they are stored."""
        start, size = window
        z, y, x = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        mirrored = self.augmentation.flip and bool(torch.rand((), generator=generator) < 0.5)

        def cut(array: np.ndarray) -> Tensor:
            tensor = torch.from_numpy(np.array(array[..., z, y, x]))
            return tensor.flip(-1 - self.sideways) if mirrored else tensor

        image = intensities(cut(self.data.images[case]))
        atlas = image[:0] if self.atlas is None else intensities(cut(self.atlas[case]))
        return image, atlas, cut(self.data.labels[case]) + _BRAIN * cut(self.data.brain[case])

    def _moved(self, case: int, window: Window, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Image, atlas and regions of a window, resampled where the augmentation has moved it."""
        data, factor = self.data, self.factor
        grid = sampling_grid(self.shape, self.spacing, self.augmentation, window, generator, self.sideways)
        stored = torch.from_numpy(data.images[case].astype(np.float32))
        image = sample_cubic(stored, grid) if factor == 1 else resample(stored, grid, "bilinear", factor)
        image, atlas = intensities(image), image[:0]
        if self.atlas is not None:
            atlas = intensities(resample(torch.from_numpy(self.atlas[case].astype(np.float32)), grid, "bilinear"))
        regions = torch.from_numpy(data.labels[case] + _BRAIN * data.brain[case])[None]
        return image, atlas, resample(regions.float(), grid, "nearest")[0].to(torch.uint8)

    def _window(self, case: int, generator: torch.Generator) -> Window:
        """The part that is drawn: around a random place that lies where one is wanted."""
        if self.patch is None:
            return (0, 0, 0), self.shape
        in_brain = self.brain_patches > 0 and bool(torch.rand((), generator=generator) < self.brain_patches)
        wanted = self.data.brain[case] if in_brain else self.data.labels[case]
        shape = wanted.shape
        places = torch.stack([torch.randint(n, (_TRIES,), generator=generator) for n in shape], dim=1).numpy()
        inside = np.flatnonzero(wanted[tuple(places.T)])
        centre = places[inside[0]] if len(inside) else self._of_few(case, wanted, generator)
        start = triple(
            min(max(0, int(c) // self.factor - p // 2), n - p)
            for c, p, n in zip(centre, self.patch, self.shape, strict=True)
        )
        return start, self.patch

    def _of_few(self, case: int, wanted: np.ndarray, generator: torch.Generator) -> np.ndarray:
        """One of the voxels wanted (z, y, x), where they are too few to be hit by chance; of none, a lesion's, the
        head's, or any."""
        labels = self.data.labels[case]
        regions = (wanted, where_labels(labels, self.data.labels_scheme.lesion_values), labels, labels == 0)
        voxels = next(found for region in regions if len(found := np.argwhere(region)))
        return voxels[int(torch.randint(len(voxels), (), generator=generator))]


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
        self.drawing_seconds = 0.0
        """Processor time that the threads have spent on drawing."""

    def get(self, step: int) -> tuple[Tensor, Tensor, list[torch.Generator], Tensor]:
        """Images, condition channels, a generator and the brain of each of this rank's places in the batch (place,
        channel, z, y, x).

        The generators are for the places' diffusion steps and noises. The next steps' images are begun meanwhile.
        """
        for s in range(step, step + self.ahead + 1):
            if s not in self.pending:
                self.pending[s] = {i: self.pool.submit(self._draw, s, i) for i in self.wanted}
        drawn = {i: future.result() for i, future in self.pending.pop(step).items()}
        self.drawing_seconds += sum(seconds for _, seconds in drawn.values())
        parts = zip(*(drawn[place // self.repeats][0] for place in self.places), strict=True)
        images, channels, brain = (torch.stack(part) for part in parts)
        return images, channels, [generator_for(self.seed, 3, step, p) for p in self.places], brain

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Stops the threads."""
        self.pool.shutdown(cancel_futures=True)
        torch.set_num_threads(torch.get_num_threads())  # later threads are to compute as this one, not as the pool's

    def _draw(self, step: int, image: int) -> tuple[tuple[Tensor, Tensor, Tensor], float]:
        began = time.thread_time()
        epoch, position = divmod(step * self.images_a_step + image, len(self.cases))
        order = torch.randperm(len(self.cases), generator=generator_for(self.seed, 1, epoch))
        drawn = self.samples.draw(self.cases[int(order[position])], generator_for(self.seed, 2, step, image))
        return drawn, time.thread_time() - began
