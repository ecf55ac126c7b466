"""The space in which a stage of a model diffuses: voxels, Haar bands, or the detail bands that refine an image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from ..base.typed_json import above, one_of, within
from .names import DOMAINS

if TYPE_CHECKING:  # torch is loaded when something is computed, so that a model's description is read without it
    import torch
    from torch import Tensor

LOW_GAIN = 8**0.5
"""The low-pass band of a constant image, relative to the image."""


@dataclass(frozen=True)
class Domain:
    """How an image becomes what the network diffuses, and back.

    kind: "voxels" diffuses the image; "haar" its eight Haar bands; "haar_detail" the seven detail bands, given the
    low-pass one. factor: the image is first averaged over blocks of factor^3 voxels of the model grid (1: not at all).
    channels: image channels (modalities). mean, std: one value a diffused channel, taken out so that each has unit
    variance; () takes nothing out.
    """

    kind: Annotated[str, one_of(DOMAINS)]
    channels: Annotated[int, within(1, 64)] = 1
    factor: Annotated[int, within(1, 64)] = 1
    mean: tuple[float, ...] = ()
    std: tuple[Annotated[float, above(0)], ...] = ()

    @property
    def block(self) -> int:
        """Voxels of the model grid along one axis that one element of x covers."""
        return self.factor * (1 if self.kind == "voxels" else 2)

    @property
    def x_channels(self) -> int:
        """Channels of what is diffused."""
        return self.channels * {"voxels": 1, "haar": 8, "haar_detail": 7}[self.kind]

    def condition_channels(self, labels: int) -> int:
        """Channels joined to x: the label channels, packed, and the coarser image where this domain refines one."""
        if self.kind == "voxels":
            return labels
        return 8 * labels + (self.channels if self.kind == "haar_detail" else 0)

    def x_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
        """(channels, z, y, x) of what is diffused for a model grid of this (z, y, x) shape."""
        if any(n % self.block for n in shape):
            raise ValueError(f"a grid of {tuple(shape)} voxels is not a multiple of {self.block}")
        z, y, x = (n // self.block for n in shape)
        return self.x_channels, z, y, x

    def _normalised(self, bands: Tensor, sign: int) -> Tensor:
        if not self.std:
            return bands
        mean, std = (_per_channel(values, bands.dtype, bands.device) for values in (self.mean, self.std))
        return (bands - mean) / std if sign > 0 else bands * std + mean

    def bands(self, image: Tensor) -> Tensor:
        """The diffused channels of an image (batch, channels, z, y, x) in -1..1, before normalisation."""
        from ..networks.haar import haar

        image = shrink(image, self.factor)
        if self.kind == "voxels":
            return image
        return self._kept(haar(image))

    def _kept(self, bands: Tensor) -> Tensor:
        return bands.unflatten(1, (-1, 8))[:, :, 1:].flatten(1, 2) if self.kind == "haar_detail" else bands

    def encode(self, image: Tensor) -> Tensor:
        """(batch, channels, z, y, x) image in -1..1 at model-grid size -> x0, unit variance a channel."""
        return self._normalised(self.bands(image), 1)

    def coarse(self, image: Tensor) -> Tensor:
        """The image that a "haar_detail" stage refines: half the size of what it makes, -1..1."""
        return shrink(image, 2 * self.factor)

    def decode(self, x0: Tensor, coarse: Tensor | None = None) -> Tensor:
        """x0 -> image (batch, channels, z, y, x) in -1..1 at 1/factor of model-grid size.

        coarse: of a "haar_detail" domain, the image it refines, as from `coarse` or an earlier stage.
        """
        import torch

        from ..networks.haar import inverse_haar

        bands = self._normalised(x0, -1)
        if self.kind == "haar_detail":
            assert coarse is not None, "detail bands are added to a coarser image"
            low = (coarse * LOW_GAIN)[:, :, None]
            bands = torch.cat([low, bands.unflatten(1, (-1, 7))], dim=2).flatten(1, 2)
        image = bands if self.kind == "voxels" else inverse_haar(bands)
        return image.clamp(-1, 1)

    def limit(self, x0: Tensor, coarse: Tensor | None = None) -> Tensor:
        """The x0 of the image, once that is clamped to -1..1."""
        return self.encode_shrunk(self.decode(x0, coarse))

    def encode_shrunk(self, image: Tensor) -> Tensor:
        """The x0 of an image that is at 1/factor of model-grid size already, as `decode` gives it."""
        from ..networks.haar import haar

        return self._normalised(image if self.kind == "voxels" else self._kept(haar(image)), 1)

    def pack(self, labels: Tensor, coarse: Tensor | None = None) -> Tensor:
        """Condition channels for x: label channels (batch, label, z, y, x) at model-grid size, then the coarse."""
        import torch

        from ..networks.haar import haar

        labels = shrink(labels, self.factor)
        if self.kind == "voxels":
            return labels
        packed = haar(labels) / LOW_GAIN
        return packed if coarse is None else torch.cat([packed, coarse], dim=1)


@lru_cache(maxsize=64)
def _per_channel(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """(1, channel, 1, 1, 1). Kept, as sending it to a GPU at each step would make the GPU wait."""
    import torch

    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device).view(1, -1, 1, 1, 1)


def shrink(image: Tensor, factor: int) -> Tensor:
    """Averages blocks of factor^3 voxels: (batch, channels, z, y, x) -> the same, each axis divided by factor."""
    from torch.nn.functional import avg_pool3d

    return image if factor == 1 else avg_pool3d(image, factor)
