"""Enhancing tumours painted into healthy T1-like heads: what a T1c scan shows where the mask says tumour.

A lesion is a rotated ellipsoid with a rough surface; a bright rim or a solid bright body, often a dark core, and darker
oedema around it. The mask is the enhancing part together with the core, oedema excluded, as in the masks published with
Med-DDPM.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .augment import uniform


@dataclass(frozen=True)
class LesionSettings:
    """How lesions are drawn. Volumes in ml; intensities relative to healthy white matter, counted from air (0) up.

    probability: that a head has any. several: that it then has 2 to 5. smallest_ml, largest_ml: of one lesion; an
    eighth of largest_ml where there are several. enhancement: of the bright part. core: of the dark one. oedema: of the
    tissue around.
    """

    probability: float = 0.75
    several: float = 0.3
    smallest_ml: float = 0.1
    largest_ml: float = 40.0
    enhancement: tuple[float, float] = (1.12, 1.5)
    core: tuple[float, float] = (0.4, 0.8)
    oedema: tuple[float, float] = (0.7, 0.92)


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

    image (channel, z, y, x) -1..1, labels (z, y, x) integer, brain (z, y, x) bool, white_matter -1..1, spacing
    (x, y, z) mm. Returns the image and the labels with the lesions; the inputs stay as they are. An empty brain gets
    none.
    """
    image, labels = image.clone(), labels.clone()
    if torch.rand((), generator=generator) >= settings.probability:
        return image, labels
    several = torch.rand((), generator=generator) < settings.several
    for _ in range(int(torch.randint(2, 6, (), generator=generator)) if several else 1):
        largest = settings.largest_ml / (8 if several else 1)
        _paint(image, labels, brain, white_matter, spacing, tumor_value, settings, largest, generator)
    return image, labels


def _paint(image, labels, brain, white_matter, spacing, tumor_value, settings, largest_ml, generator) -> None:
    inside = brain.nonzero()
    if len(inside) == 0:
        return
    millilitres = math.exp(float(uniform(generator, math.log(settings.smallest_ml), math.log(largest_ml))))
    radius = (3 * millilitres * 1000 / (4 * math.pi)) ** (1 / 3)
    oedema_mm = float(uniform(generator, 0, 1)) * (4 + radius) * (torch.rand((), generator=generator) < 0.7)
    centre = inside[int(torch.randint(len(inside), (), generator=generator))]
    window = _window(centre, radius * 1.6 + oedema_mm + 4, image.shape[1:], spacing)
    distance = rough_ellipsoid(centre, window, radius, spacing, generator)
    body = torch.sigmoid(-distance / 0.7)
    soft_brain = F.avg_pool3d(brain[window].float()[None, None], 3, 1, 1)[0, 0]
    air_based = image[(slice(None), *window)] + 1
    reference = white_matter + 1
    result = _with_oedema(air_based, distance, oedema_mm, soft_brain, settings, generator)
    texture = _tissue(distance, radius, settings, generator) * reference
    result = result * (1 - body * soft_brain) + texture * body * soft_brain
    image[(slice(None), *window)] = (result - 1).clamp(-1, 1)
    part = labels[window]
    part[(distance < 0) & brain[window]] = tumor_value


def _window(centre: Tensor, reach_mm: float, shape, spacing) -> tuple[slice, slice, slice]:
    reach = [int(math.ceil(reach_mm / s)) for s in spacing[::-1]]
    sides = zip(centre, reach, shape, strict=True)
    return tuple(slice(max(0, int(c) - r), min(n, int(c) + r + 1)) for c, r, n in sides)


def _noise(size, cells: float, generator) -> Tensor:
    """Smooth noise (z, y, x) of unit variance, varying over `cells` voxels."""
    coarse = [max(2, math.ceil(n / cells) + 1) for n in size]
    field = torch.randn((1, 1, *coarse), generator=generator)
    return F.interpolate(field, size=tuple(size), mode="trilinear", align_corners=True)[0, 0] * 1.5


def rough_ellipsoid(centre, window, radius: float, spacing, generator) -> Tensor:
    """Signed distance in mm (negative inside) to an ellipsoid of this mean radius with a rough surface.

    centre (z, y, x) in voxels, window (z, y, x) slices of the voxels wanted, spacing (x, y, z) mm. Shapes of the lesion
    library are drawn from here too.
    """
    lines = [
        (torch.arange(w.start, w.stop, dtype=torch.float32) - float(c)) * s
        for w, c, s in zip(window, centre, spacing[::-1], strict=True)
    ]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
    rotation = torch.linalg.qr(torch.randn((3, 3), generator=generator))[0]
    stretch = torch.exp(uniform(generator, -0.3, 0.3, (3,)))
    stretch = stretch / stretch.prod() ** (1 / 3)
    length = torch.linalg.vector_norm((points @ rotation) / stretch, dim=-1)
    roughness = float(uniform(generator, 0.05, 0.3)) * radius
    return length - radius + roughness * _noise(length.shape, max(2.0, radius / 2.5), generator)


def _with_oedema(image, distance, oedema_mm: float, soft_brain, settings, generator) -> Tensor:
    """Tissue darkened to a ragged border oedema_mm beyond the lesion."""
    if oedema_mm <= 0:
        return image
    darkening = float(uniform(generator, *settings.oedema))
    border = oedema_mm * (0.7 + 0.4 * _noise(distance.shape, 4.0, generator))
    share = torch.sigmoid((border - distance) / 1.5) * soft_brain
    return image * (1 - (1 - darkening) * share)


def _tissue(distance, radius: float, settings, generator) -> Tensor:
    """Intensity of the lesion relative to white matter: solid, ring with a dark core, or patchy."""
    bright = float(uniform(generator, *settings.enhancement))
    dark = float(uniform(generator, *settings.core))
    speckle = 1 + 0.06 * _noise(distance.shape, 1.5, generator)
    kind = float(torch.rand((), generator=generator))
    if radius < 4 or kind < 0.3:
        share = torch.zeros_like(distance)
    else:
        rim = float(uniform(generator, 2.0, max(2.5, 0.4 * radius)))
        depth = -distance - rim * (1 + 0.35 * _noise(distance.shape, max(2.0, radius / 4), generator))
        share = torch.sigmoid(depth / 0.8)
        if kind > 0.75:
            share = share * torch.sigmoid(2 * _noise(distance.shape, max(2.0, radius / 3), generator))
    return (bright * (1 - share) + dark * share) * speckle
