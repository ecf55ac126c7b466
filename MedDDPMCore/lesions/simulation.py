"""Enhancing tumours painted into healthy T1-like heads: what a T1c scan shows where the mask says tumour.

A lesion has a lobed, rough outline; it is solid and bright, a bright ring of uneven thickness around a dark core, or
patchy. Around it, white matter is darkened by oedema, whose fingers end where grey matter begins, and large lesions
push the brain aside. The mask is the enhancing part together with the core, oedema excluded, as in the masks published
with Med-DDPM. How bright, how dark and how thick has been matched to T1c scans of gliomas: see
Testing/benchmarks/lesion_contrast.py and the model card.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ..anatomy.brain import TISSUE
from ..base.deformation import radial_push, unfolded, warp
from ..base.randomness import uniform
from ..base.typed_json import RISING, above, within
from .outline import lesion_outline, lesion_radius, smooth_noise

_SMALLEST_RING_MM = 4.0
_SMALLEST_PUSH_MM = 6.0
_PUSH = (0.1, 0.4)
"""How far the surface of a lesion with mass effect has pushed the brain, relative to its radius."""
_PUSH_FADES_MM = 30.0
_CSF = 0.55
"""Relative to white matter: lesions do not begin in what is darker, such as the ventricles."""


@dataclass(frozen=True, kw_only=True)
class LesionSettings:
    """How lesions are drawn. Volumes in ml; intensities relative to healthy white matter, counted from air (0) up.

    probability: that a head has any. several: that it then has 2 to 6. smallest_ml, largest_ml: of one lesion, small
    ones more often (log-uniform, leaning to the large end where there is one); an eighth of largest_ml where there are
    several. enhancement: of the bright part. core: of the dark one. oedema: of the white matter around. mass_effect:
    the share of the large ones that push the brain aside.
    """

    probability: Annotated[float, within(0, 1)] = 0.75
    several: Annotated[float, within(0, 1)] = 0.3
    smallest_ml: Annotated[float, above(0)] = 0.05
    largest_ml: Annotated[float, above(0)] = 60.0
    enhancement: Annotated[tuple[float, float], RISING] = (1.2, 1.8)
    core: Annotated[tuple[float, float], RISING] = (0.5, 0.9)
    oedema: Annotated[tuple[float, float], RISING] = (0.7, 0.95)
    mass_effect: Annotated[float, within(0, 1)] = 0.6


def simulate_lesions(
    image: Tensor,
    labels: Tensor,
    brain: Tensor,
    white_matter: float,
    spacing: tuple[float, float, float],
    tumor_value: int,
    settings: LesionSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Paints no, one or several lesions into the brain.

    image (channel, z, y, x) -1..1, labels (z, y, x) integer, brain (z, y, x) as in `training.data.dataset` (TISSUE
    where a lesion may lie, OTHER_BRAIN in ventricles and the like), white_matter -1..1, spacing (x, y, z) mm. Returns
    the image and the labels with the lesions; the inputs stay as they are. Nothing changes outside the brain, nor by
    anything but mass effect outside its tissue: a lesion is cut off there. A brain without tissue gets none.
    """
    image, labels, brain = image.clone(), labels.clone(), brain.clone()
    if torch.rand((), generator=generator) >= settings.probability:
        return image, labels
    painter = _Painter(white_matter + 1, spacing, tumor_value, settings, generator)
    several = torch.rand((), generator=generator) < settings.several
    largest = settings.largest_ml / (8 if several else 1)
    for _ in range(int(torch.randint(2, 7, (), generator=generator)) if several else 1):
        share = float(uniform(generator, 0, 1)) ** (1.0 if several else 0.6)
        painter.paint(image, labels, brain, settings.smallest_ml * max(1.0, largest / settings.smallest_ml) ** share)
    return image, labels


@dataclass(frozen=True)
class _Painter:
    """Paints lesions one by one. reference: white matter, counted from air."""

    reference: float
    spacing: tuple[float, float, float]
    tumor_value: int
    settings: LesionSettings
    generator: torch.Generator

    def paint(self, image: Tensor, labels: Tensor, brain: Tensor, millilitres: float) -> None:
        """Paints one lesion into image and labels, and moves the brain."""
        inside = (brain == TISSUE).flatten().nonzero()[:, 0]
        if len(inside) == 0:
            return
        generator, spacing = self.generator, self.spacing
        radius = lesion_radius(millilitres)
        centre = _centre(image, inside, self.reference, generator)
        if radius >= _SMALLEST_PUSH_MM and torch.rand((), generator=generator) < self.settings.mass_effect:
            self._push_aside((image, labels, brain), centre, radius)
        oedema_mm = float(uniform(generator, 0, 1) * (8 + radius) * (torch.rand((), generator=generator) < 0.8))
        reach = [math.ceil((1.9 * radius + oedema_mm + 4) / s) for s in spacing[::-1]]
        size, lobes = [2 * r + 1 for r in reach], int(torch.randint(1, 5, (), generator=generator))
        whole = lesion_outline(size, spacing, reach, millilitres, lobes, generator)
        window, part = _overlap(centre, reach, brain.shape)
        distance = whole[part]
        tissue = brain[window] == TISSUE
        soft_brain = averaged(tissue.float()[None, None], 3)[0, 0]
        in_image = (slice(None), *window)
        result = image[in_image] + 1
        if oedema_mm > 0:
            result = self._with_oedema(result, distance, oedema_mm, soft_brain)
        body = torch.sigmoid(-distance / 0.6) * soft_brain
        texture = self._texture(distance, radius) * self.reference
        image[in_image] = (result * (1 - body) + texture * body - 1).clamp(-1, 1)
        labels[window][(distance < 0) & tissue] = self.tumor_value

    def _push_aside(self, head: tuple[Tensor, Tensor, Tensor], centre: Tensor, radius: float) -> None:
        """Mass effect: moves the brain, and lesions in it, away from the centre; what is at its surface stays.

        head: image, labels and brain.
        """
        (image, labels, brain), spacing = head, self.spacing
        push = float(uniform(self.generator, *_PUSH)) * radius
        reach_mm = radius + _PUSH_FADES_MM
        window, _ = _overlap(centre, [math.ceil(reach_mm / s) for s in spacing[::-1]], brain.shape)
        region = brain[window] > 0
        inner = F.pad(region.float()[None, None], [4] * 6)
        inner = averaged((averaged(inner, 9) * 2 - 1).clamp(0, 1), 5)[0, 0, 4:-4, 4:-4, 4:-4]
        at = [float(c) - w.start for c, w in zip(centre, window, strict=True)]
        field = radial_push(inner.shape, spacing, at, radius, push, reach_mm) * (inner * region)
        field = unfolded(field, spacing)
        moved = (field != 0).any(dim=0)
        in_image = (slice(None), *window)
        image[in_image] = torch.where(moved, warp(image[in_image], field, spacing, "cubic"), image[in_image])
        for part in (labels, brain):
            pushed = warp(part[window][None], field, spacing, "nearest")[0].round().to(part.dtype)
            part[window] = torch.where(moved, pushed, part[window])

    def _with_oedema(self, image: Tensor, distance: Tensor, oedema_mm: float, soft_brain: Tensor) -> Tensor:
        """White matter darkened to a ragged border oedema_mm beyond the lesion, grey matter a little."""
        darkening = 1 - float(uniform(self.generator, *self.settings.oedema))
        border = oedema_mm * (0.8 + 0.4 * smooth_noise(distance.shape, 8.0, self.spacing, self.generator))
        share = torch.sigmoid((border - distance) / 2.0) * soft_brain
        white = torch.sigmoid((image[0] / self.reference - 0.82) / 0.05)
        white = 0.25 + 0.75 * F.avg_pool3d(white[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
        return image * (1 - darkening * share * white)

    def _texture(self, distance: Tensor, radius: float) -> Tensor:
        """Intensity (z, y, x) of the lesion relative to white matter: solid, ring with a dark core, or patchy."""
        size, spacing, settings, generator = distance.shape, self.spacing, self.settings, self.generator
        bright = settings.enhancement[0] + (settings.enhancement[1] - settings.enhancement[0]) * float(
            uniform(generator, 0, 1)
        )
        dark = float(uniform(generator, *settings.core))
        kind = float(torch.rand((), generator=generator))
        if radius < _SMALLEST_RING_MM or kind < 0.1:
            share = 0.3 * torch.sigmoid(2 * smooth_noise(size, max(3.0, radius / 2), spacing, generator) - 1.5)
        else:
            rim = float(uniform(generator, 2.5, max(4.5, 0.42 * radius)))
            uneven = (1 + 0.5 * smooth_noise(size, max(5.0, radius / 2), spacing, generator)).clamp(0.3, 1.6)
            share = torch.sigmoid((-distance - rim * uneven) / 1.0)
            if kind > 0.7:
                share = share * torch.sigmoid(2.5 * smooth_noise(size, max(4.0, radius / 2.5), spacing, generator))
        varied = (
            1 + 0.08 * smooth_noise(size, 8.0, spacing, generator) + 0.05 * smooth_noise(size, 2.5, spacing, generator)
        )
        return (bright * (1 - share) + dark * share) * varied


def _centre(image: Tensor, inside: Tensor, reference: float, generator: torch.Generator) -> Tensor:
    """One of some random voxels (z, y, x) inside that is as bright as tissue; or any. inside: where lesions may begin,
    counted along the flattened image."""
    tried = inside[torch.randint(len(inside), (8,), generator=generator)]
    tissue = image[0].flatten()[tried] + 1 > _CSF * reference
    return torch.stack(torch.unravel_index(tried[int(tissue.int().argmax())], image.shape[1:]))


def _overlap(centre: Tensor, reach: Sequence[int], shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The part of an array around the centre that lies within `reach` voxels, and the same part of that box."""
    window = tuple(
        slice(max(0, int(c) - r), min(n, int(c) + r + 1)) for c, r, n in zip(centre, reach, shape, strict=True)
    )
    offsets = [int(c) - r for c, r in zip(centre, reach, strict=True)]
    return window, tuple(slice(w.start - o, w.stop - o) for w, o in zip(window, offsets, strict=True))


def averaged(volume: Tensor, side: int) -> Tensor:
    """Means (1, 1, z, y, x) over cubes of an odd side in voxels, one axis after the other; 0 is beyond the volume."""
    for axis in range(3):
        size = [side if a == axis else 1 for a in range(3)]
        volume = F.avg_pool3d(volume, size, 1, [n // 2 for n in size])
    return volume
