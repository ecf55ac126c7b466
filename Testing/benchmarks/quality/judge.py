"""The judge: a small segmentation network trained on simulated lesions in real training heads, at twice the voxel size.

It says whether tumours in other images are where the mask says, and its deepest features say how images differ.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from MedDDPMCore.evaluation.study.images import ImageSet, write_set
from MedDDPMCore.evaluation.study.segmentation_metrics import scores
from MedDDPMCore.evaluation.study.segmentation_network import (
    SegmentationNetwork,
    SegmentationSettings,
    segment,
    train_segmenter,
)
from MedDDPMCore.training.data.dataset import PackedDataset, from_bytes, to_bytes

from .images import TUMOR, Heads, with_lesions

FACTOR = 2
SETTINGS = SegmentationSettings(
    batch_size=2, learning_rate=4e-3, schedule="cosine", warmup=30, base_channels=8, levels=4
)
FEATURES = "mean over the head of the 64 deepest features of the judge (3D U-Net on 4 mm, trained on simulated lesions)"
CPU = torch.device("cpu")


def coarse(image: np.ndarray) -> np.ndarray:
    """(z, y, x) averaged over FACTOR^3 voxels."""
    return F.avg_pool3d(torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None], FACTOR)[0, 0].numpy()


def lesion_set(data: PackedDataset, folder: Path, say) -> ImageSet:
    """Each training head with one simulated lesion, at the judge's voxel size; kept in the folder."""

    def drawn():
        for k, case in enumerate(data.indices("train")):
            heads = with_lesions(data, [case])
            yield coarse(heads.images[0])[None], coarse(heads.masks[0] == TUMOR) >= 0.5, heads.ids[0]
            if k % 20 == 0:
                say(f"judge: lesion {k} drawn")

    if not (folder / "ids.json").exists():
        write_set(folder, len(data.indices("train")), drawn())
    return ImageSet.open(folder)


def train_judge(lesions: ImageSet, steps: int, folder: Path, say) -> SegmentationNetwork:
    """Trained on simulated lesions in training heads, mirrored in half of the steps; kept in the folder."""

    def flipped(image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        return (image.flip(-1), mask.flip(-1)) if seed % 2 else (image, mask)

    def report(step: int, steps: int, loss: float) -> None:
        if step % 25 == 0:
            say(f"judge: step {step} of {steps}, loss {loss:.4f}")

    settings = dataclasses.replace(SETTINGS, most_steps=steps)
    return train_segmenter([lesions], settings, 1, CPU, folder / f"judge-{steps}.pt", flipped, report=report)


def dices(judge: SegmentationNetwork, heads: Heads) -> list[float]:
    """Dice of the tumour that the judge finds in each image against its mask."""
    found = []
    for image, mask in zip(heads.images, heads.masks, strict=True):
        wanted = coarse((mask == TUMOR).astype(np.float32)) >= 0.5
        found.append(scores(segment(judge, to_bytes(coarse(image))[None], CPU), wanted).dice)
    return found


def features(judge: SegmentationNetwork, heads: Heads) -> np.ndarray:
    """(n, 64): FEATURES of each image."""
    pairs = zip(heads.images, heads.masks, strict=True)
    return np.stack([_features(judge, coarse(image), coarse(mask > 0)) for image, mask in pairs])


def training_features(judge: SegmentationNetwork, lesions: ImageSet, data: PackedDataset) -> np.ndarray:
    """(n, 64): FEATURES of the training heads with lesions."""
    rows = zip(lesions.images, data.indices("train"), strict=True)
    return np.stack([_features(judge, from_bytes(image[0]), coarse(data.labels[case] > 0)) for image, case in rows])


def feature_scale(training: np.ndarray) -> np.ndarray:
    """What each feature is divided by: its deviation over the training heads, not less than a tenth of the mean one."""
    deviation = training.std(axis=0)
    return np.maximum(deviation, 0.1 * deviation.mean())


@torch.inference_mode()
def _features(judge: SegmentationNetwork, image: np.ndarray, head: np.ndarray) -> np.ndarray:
    """image and head (z, y, x) at the judge's voxel size."""
    x = torch.from_numpy(image)[None, None]
    for level, block in enumerate(judge.down):
        x = block(F.max_pool3d(x, 2) if level else x)
    weight = F.adaptive_avg_pool3d(torch.from_numpy(head)[None, None], x.shape[2:])
    return ((x * weight).sum(dim=(2, 3, 4)) / weight.sum())[0].numpy()
