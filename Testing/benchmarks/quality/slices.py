"""Fréchet distance of slice features in three planes, by the encoder of HD-BET: a public network, not trained here.

HD-BET is a 3D network. Here it sees one slice at a time, as if the image went on unchanged along the slice's normal:
each 3x3x3 kernel, summed along that axis, is then a kernel of the plane, and thirty slices of a head take a second. Of
each level the mean activation of each channel over the head is a feature; all count by their deviation over the slices
of the real heads that the others are held against.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from MedDDPMCore.evaluation.metrics.bootstrap import Interval, half_interval
from MedDDPMCore.evaluation.metrics.metrics import frechet_distance

from .judge import feature_scale
from .public import HD_BET, Published

LEVELS = (1, 2, 3, 4)
SLOPE = 0.01
"""Of the network's leaky rectifiers."""
TINY = 1e-30
"""Weights that small are taken for 0: with the denormal ones among them an Intel Xeon is ten times as slow."""
MIDDLE = 0.8
"""Slices are spread evenly over this share of the head's extent; its ends are left out."""
PLANES = {"S": "axial", "I": "axial", "A": "coronal", "P": "coronal", "R": "sagittal", "L": "sagittal"}
REPEATS = 60


class SliceEncoder:
    """The encoder's kernels, for slices across each of the array's three axes."""

    def __init__(self, folder: Path, published: Published = HD_BET):
        weights = torch.load(published.open(folder), map_location="cpu", weights_only=True)
        self.weights = {name: F.hardshrink(w, TINY) for name, w in weights.items()}

    @torch.inference_mode()
    def features(self, image: np.ndarray, head: np.ndarray, axis: int, count: int) -> np.ndarray:
        """(count, features) of slices across `axis` of an image (z, y, x), whose head (z, y, x) is bool."""
        inside = np.flatnonzero(head.any(axis=tuple(other for other in range(3) if other != axis)))
        places = np.linspace((1 - MIDDLE) / 2, (1 + MIDDLE) / 2, count) * (len(inside) - 1)
        chosen = inside[np.rint(places).astype(int)]
        x, weight = (
            torch.from_numpy(np.moveaxis(array, axis, 0)[chosen].astype(np.float32))[:, None]
            for array in ((image - image.mean()) / image.std(), head)
        )
        x = self._convolved(x, "init_conv", axis)
        found = []
        for level in LEVELS:
            block = f"context{level}"
            y = self._convolved(self._activated(x, f"{block}.bn_1"), f"{block}.conv1", axis)
            x = x + self._convolved(self._activated(y, f"{block}.bn_2"), f"{block}.conv2", axis)
            seen = self._activated(x, f"down{level}.bn")
            share = F.adaptive_avg_pool2d(weight, x.shape[2:])
            found.append((seen * share).sum(dim=(2, 3)) / share.sum(dim=(2, 3)))
            x = self._convolved(seen, f"down{level}.downsample", axis, stride=2)
        return torch.cat(found, dim=1).numpy()

    def _convolved(self, x: Tensor, name: str, axis: int, stride: int = 1) -> Tensor:
        kernel = self.weights[f"{name}.weight"].sum(dim=2 + axis)
        return F.conv2d(x, kernel, self.weights[f"{name}.bias"], stride, padding=1)

    def _activated(self, x: Tensor, name: str) -> Tensor:
        scale, shift = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.leaky_relu(F.instance_norm(x, weight=scale, bias=shift), SLOPE)


def slice_features(encoder: SliceEncoder, image: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """(3, count, features) float32: of `count` slices across each axis of an image (z, y, x); mask: 0 is air."""
    return np.stack([encoder.features(image, mask > 0, axis, count) for axis in range(3)])


def slice_distances(features: np.ndarray, real: np.ndarray, axes: str) -> dict[str, Interval]:
    """Squared Fréchet distance of two sets' slices (heads, 3, slices, features): of all planes at once, and of each.

    axes: where x, y and z of the images point. Intervals are over heads, all slices of which are drawn together.
    """
    scale = feature_scale(real.reshape(-1, real.shape[-1]))
    first, second = ((values - real.mean(axis=(0, 1, 2))) / scale for values in (features, real))

    def interval(a: np.ndarray, b: np.ndarray) -> Interval:
        def distance(i: np.ndarray, j: np.ndarray) -> float:
            return frechet_distance(*(rows.reshape(-1, rows.shape[-1]) for rows in (a[i], b[j])), shrink=True)

        return half_interval(distance, len(a), len(b), REPEATS)

    found = {"slices, all planes": interval(first, second)}
    for axis, letter in enumerate(reversed(axes)):
        found[f"slices, {PLANES[letter]}"] = interval(first[:, axis], second[:, axis])
    return found
