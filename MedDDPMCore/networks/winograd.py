"""3x3x3 convolutions in float32 on CPUs by Winograd's minimal filtering F(4x4x4, 3x3x3): an eighth of the products.

Reference: Winograd 1980; Lavin and Gray 2016, here along three axes. Tiles of 6^3 values that overlap by two give 4^3
of the output. With the interpolation points 0, 1, -1, 1/2, -2 and infinity the output is within 1e-5 of the exact one
(relative L2; a direct float32 convolution: 1e-6). No library that Slicer has offers it in 3D.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

OUT, IN = 4, 6
"""Values of a tile along one axis, of the output and of the input."""
_POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
_ONE = _POINTS.index(1.0)
_TILES_A_THREAD, _MOST_THREADS = 64, 4
"""Tiles in work at a time: few enough for the processor's cache."""


@lru_cache(maxsize=1)
def _transforms() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of the input along z (6, 6) and along y and x (36, 36), of the weights along all (216, 27), of the products along
    z (4, 6) and along y and x (16, 36): float32.

    Cook and Toom: the product of two polynomials is found from its values at points; transposed, that is a filter.
    """
    with torch.inference_mode(False):
        points = torch.tensor(_POINTS, dtype=torch.float64)

        def values(powers: int) -> Tensor:
            infinity = F.one_hot(torch.tensor([powers - 1]), powers).double()
            return torch.cat([points[:, None] ** torch.arange(powers), infinity])

        of_output, of_weights, of_input = values(OUT).T, values(3), torch.linalg.inv(values(IN)).T
        scale = of_input.abs().amax(dim=1, keepdim=True)  # the rows may be weighed either way: this loses fewest digits
        of_input, of_weights = of_input / scale, of_weights * scale
        both = torch.kron(of_input, of_input), torch.kron(of_output, of_output)
        all_three = torch.kron(of_weights, torch.kron(of_weights, of_weights))
        first, second, third, fourth, fifth = (
            v.float().contiguous() for v in (of_input, both[0], all_three, of_output, both[1])
        )
        return first, second, third, fourth, fifth


@torch.no_grad()
def winograd_conv3d(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """conv3d(x, weight, bias, padding=1) without gradients, float32 on the CPU, within 1e-5 (relative L2).

    x (batch, channels, z, y, x), any memory format; weight (out_channels, channels, 3, 3, 3); returns
    (batch, out_channels, z, y, x), channels last.
    """
    batch, channels, depth, height, width = x.shape
    count = len(weight)
    along_z, along_yx, of_weights, back_z, back_yx = _transforms()
    factors = (of_weights @ weight.permute(2, 3, 4, 1, 0).reshape(27, -1)).view(IN**3, channels, count)
    columns, rows = -(-width // OUT), -(-height // OUT)
    at_once = max(1, min(rows, _TILES_A_THREAD * min(torch.get_num_threads(), _MOST_THREADS) // columns))
    tiles = at_once * columns
    taken = x.new_zeros(IN, at_once * OUT + 2, columns * OUT + 2, channels)  # planes, with what overlaps
    mixed = torch.empty_like(taken)
    gathered, spectra = (x.new_empty(IN, IN * IN, tiles * channels) for _ in range(2))
    products = x.new_empty(IN**3, tiles, count)
    less, made = x.new_empty(OUT, IN * IN, tiles * count), x.new_empty(OUT, OUT * OUT, tiles * count)
    in_z, in_y, in_x, _ = mixed.stride()
    overlapping = mixed.as_strided(
        (IN, IN, IN, at_once, columns, channels), (in_z, in_y, in_x, OUT * in_y, OUT * in_x, 1)
    )
    image = x.movedim(1, -1)
    out = x.new_empty(batch, depth, height, width, count)
    for sample in range(batch):
        for z in range(0, depth, OUT):
            for y in range(0, height, OUT * at_once):
                _take(image[sample], taken, z, y)
                torch.mm(along_z, taken.view(IN, -1), out=mixed.view(IN, -1))
                gathered.view(overlapping.shape).copy_(overlapping)
                torch.matmul(along_yx, gathered, out=spectra)
                torch.bmm(spectra.view(IN**3, tiles, channels), factors, out=products)
                products[_ONE * (IN * IN + IN + 1)] += bias  # the polynomial 1 has the value 1 at 1: all outputs get it
                torch.mm(back_z, products.view(IN, -1), out=less.view(OUT, -1))
                torch.matmul(back_yx, less, out=made)
                _place(made.view(OUT, OUT, OUT, at_once, columns, count), out[sample], z, y)
    return out.movedim(-1, 1)


def _take(image: Tensor, taken: Tensor, z: int, y: int) -> None:
    """Copies the planes and rows around an output slab of an image (z, y, x, channels), zero beyond its ends."""
    depth, height, width = image.shape[:3]
    planes = slice(max(0, z - 1), min(depth, z - 1 + taken.shape[0]))
    rows = slice(max(0, y - 1), min(height, y - 1 + taken.shape[1]))
    part = image[planes, rows]
    if part.shape[:2] != taken.shape[:2]:
        taken.zero_()
    first_plane, first_row = planes.start - z + 1, rows.start - y + 1
    taken[first_plane : first_plane + len(part), first_row : first_row + part.shape[1], 1 : width + 1] = part


def _place(made: Tensor, out: Tensor, z: int, y: int) -> None:
    """Copies finished tiles (z, y, x in a tile, row and column of tiles, channels) into out (z, y, x, channels)."""
    ordered = made.permute(0, 3, 1, 4, 2, 5)
    size, rows, _, columns, _, count = ordered.shape
    part = out[z : z + size, y : y + rows * size]
    if part.shape == (size, rows * size, columns * size, count):
        part.view(ordered.shape).copy_(ordered)
    else:
        part.copy_(
            ordered.reshape(size, rows * size, columns * size, count)[: len(part), : part.shape[1], : part.shape[2]]
        )
