"""The 3D ResNets of MedicalNet (Chen, Ma & Zheng, Med3D, arXiv 1904.00625), with the names of its published weights.

Strides are 2 up to the second group of blocks; the third and fourth keep their size and are dilated by 2 and 4.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, relu

from ...base.errors import EvaluationError
from ...base.shortage import memory_explained

BLOCKS = {(1, 1, 1, 1): (10,), (2, 2, 2, 2): (18,), (3, 4, 6, 3): (34, 50), (3, 4, 23, 3): (101,)}
"""Blocks of each group -> the networks that have them; of two, the second has bottleneck blocks."""
_STRIDES, _DILATIONS = (1, 2, 1, 1), (1, 1, 2, 4)
_DAMAGE = (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError)


class Block(nn.Module):
    """A residual block: two 3x3x3 convolutions, or with bottleneck 1, 3 and 1 and four times as many outputs.

    projected: the shortcut that changes size is a 1x1x1 convolution; else voxels are skipped and channels of 0 added.
    """

    def __init__(self, inputs: int, planes: int, stride: int, dilation: int, bottleneck: bool, projected: bool):
        super().__init__()
        outputs = planes * (4 if bottleneck else 1)
        sides = (1, 3, 1) if bottleneck else (3, 3)
        widths = (inputs, planes, planes, outputs) if bottleneck else (inputs, planes, outputs)
        first_3 = sides.index(3)
        for i, side in enumerate(sides):
            step, gap = stride if i == first_3 else 1, dilation if side == 3 else 1
            padding = dilation if side == 3 else 0
            layer = nn.Conv3d(widths[i], widths[i + 1], side, step, padding, gap, bias=False)
            setattr(self, f"conv{i + 1}", layer)
            setattr(self, f"bn{i + 1}", nn.BatchNorm3d(widths[i + 1]))
        self.convolutions = len(sides)
        self.stride, self.extra = stride, outputs - inputs
        self.downsample = None
        if projected and (stride > 1 or self.extra):
            self.downsample = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        if self.downsample is not None:
            shortcut = self.downsample(x)
        else:
            shortcut = avg_pool3d(x, 1, self.stride) if self.stride > 1 else x
            shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, 0, 0, 0, self.extra))
        for i in range(1, self.convolutions + 1):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            if i < self.convolutions:
                x = relu(x)
        return relu(x + shortcut)


class MedicalNet(nn.Module):
    """(batch, 1, z, y, x) -> (batch, 512), or 2048 with bottlenecks: the spatial mean of the last group's output."""

    def __init__(self, blocks: tuple[int, ...], bottleneck: bool, projected: bool):
        super().__init__()
        self.conv1 = nn.Conv3d(1, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.pool = nn.MaxPool3d(3, 2, padding=1)
        width = 64
        groups: list[nn.Sequential] = []
        for group, (count, stride, dilation) in enumerate(zip(blocks, _STRIDES, _DILATIONS, strict=True)):
            planes, layers = 64 * 2**group, []
            for i in range(count):
                layers.append(Block(width, planes, stride if i == 0 else 1, dilation, bottleneck, projected))
                width = planes * (4 if bottleneck else 1)
            groups.append(nn.Sequential(*layers))
        self.layer1, self.layer2, self.layer3, self.layer4 = groups
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Features of a batch."""
        x = self.pool(relu(self.bn1(self.conv1(x))))
        for group in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = group(x)
        return x.mean(dim=(2, 3, 4))


def read_medicalnet(path: Path) -> tuple[MedicalNet, str]:
    """The network of a published weights file (.pth, or .safetensors with the same names), and its name.

    Nothing but tensors is unpickled. Depth and kind of shortcut are read off the weights. EvaluationError where it is
    not such a file.
    """
    state = _tensors(path)
    blocks = tuple(len({k.split(".")[1] for k in state if k.startswith(f"layer{g}.")}) for g in (1, 2, 3, 4))
    bottleneck = "layer1.0.conv3.weight" in state
    if blocks not in BLOCKS:
        raise EvaluationError(f"{path} does not hold a MedicalNet ResNet: its groups have {blocks} blocks.")
    network = MedicalNet(blocks, bottleneck, "layer2.0.downsample.0.weight" in state)
    wanted = network.state_dict()
    wrong = [
        name
        for name, value in wanted.items()
        if not name.endswith("num_batches_tracked") and (name not in state or state[name].shape != value.shape)
    ]
    if wrong:
        raise EvaluationError(f"{path} does not hold a MedicalNet ResNet: {wrong[0]} is missing or of another shape.")
    network.load_state_dict({name: state[name] for name in wanted if name in state}, strict=False)
    depth = BLOCKS[blocks][-1 if bottleneck else 0]
    return network.eval(), f"MedicalNet ResNet-{depth}"


def to_input(image: np.ndarray, spacing: tuple[float, float, float]) -> Tensor:  # noqa: ARG001
    """An image (z, y, x) in -1..1 -> (1, 1, z, y, x): mean 0 and SD 1 over what is not air, and air (-1) is 0.

    MedicalNet fills air with random noise of that mean and SD; here it is the mean, so that features do not vary.
    """
    x = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))
    tissue = x > -1
    inside = x[tissue] if int(tissue.sum()) > 1 else x.reshape(-1)
    return torch.where(tissue, (x - inside.mean()) / inside.std().clamp(min=1e-6), 0.0)[None, None]


def _tensors(path: Path) -> dict[str, Tensor]:
    """Names without DataParallel's `module.` -> tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with memory_explained():
            is_safe = path.suffix == ".safetensors"
            data: Any = load_file(path) if is_safe else torch.load(path, map_location="cpu", weights_only=True)
    except (*_DAMAGE, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EvaluationError(f"{path} cannot be read as weights: {reason}.", "Download it again.") from error
    data = data.get("state_dict", data) if isinstance(data, dict) else {}
    return {str(k).removeprefix("module."): v.float() for k, v in data.items() if isinstance(v, Tensor)}
