"""The judge: a small segmentation network trained on simulated lesions in real training heads, at twice the voxel size.

It says whether tumours in other images are where the mask says, and its deepest features say how images differ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from quality_images import LESIONS, TUMOR, Heads

from MedDDPMCore.evaluation.segmentation_metrics import scores
from MedDDPMCore.evaluation.segmentation_network import (
    SegmentationNetwork,
    SegmentationSettings,
    segment,
    train_segmenter,
)
from MedDDPMCore.evaluation.study_images import ImageSet, write_set
from MedDDPMCore.training.augment import Augmentation
from MedDDPMCore.training.dataset import PackedDataset, to_bytes
from MedDDPMCore.training.samples import Samples, generator_for

FACTOR = 2
SETTINGS = SegmentationSettings(most_steps=600, batch_size=4, learning_rate=2e-3, base_channels=8, levels=4)
FEATURES = "mean over the head of the 64 deepest features of the judge (3D U-Net on 4 mm, trained on simulated lesions)"
CPU = torch.device("cpu")


def coarse(image: np.ndarray) -> np.ndarray:
    """(z, y, x) averaged over FACTOR^3 voxels."""
    return F.avg_pool3d(torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None], FACTOR)[0, 0].numpy()


def train_judge(data: PackedDataset, folder: Path, say) -> SegmentationNetwork:
    """Trained on two drawings of each training head, varied as the model's training varies them; kept in the folder."""
    cases = data.indices("train") * 2
    if not (folder / "ids.json").exists():
        write_set(folder, len(cases), _drawn(data, cases))

    def report(step: int, steps: int, loss: float) -> None:
        if step % 50 == 0:
            say(f"judge: step {step} of {steps}, loss {loss:.4f}")

    return train_segmenter([ImageSet.open(folder)], SETTINGS, 1, CPU, folder / "judge.pt", report=report)


def _drawn(data: PackedDataset, cases: list[int]):
    samples = Samples(data, Augmentation(), LESIONS)
    for k, case in enumerate(cases):
        image, channels = samples.draw(case, generator_for(12, k))
        tumor = coarse((channels[1] > 0).numpy().astype(np.float32)) >= 0.5
        yield coarse(image[0].numpy())[None], tumor, f"{data.cases[case]['id']}-{k}"


def dices(judge: SegmentationNetwork, heads: Heads) -> list[float]:
    """Dice of the tumour that the judge finds in each image against its mask."""
    found = []
    for image, mask in zip(heads.images, heads.masks, strict=True):
        wanted = coarse((mask == TUMOR).astype(np.float32)) >= 0.5
        found.append(scores(segment(judge, to_bytes(coarse(image))[None], CPU), wanted).dice)
    return found


@torch.inference_mode()
def features(judge: SegmentationNetwork, heads: Heads) -> np.ndarray:
    """(n, 64): FEATURES of each image."""
    rows = []
    for image, mask in zip(heads.images, heads.masks, strict=True):
        x = torch.from_numpy(coarse(image))[None, None]
        for level, block in enumerate(judge.down):
            x = block(F.max_pool3d(x, 2) if level else x)
        weight = F.adaptive_avg_pool3d(torch.from_numpy((mask > 0).astype(np.float32))[None, None], x.shape[2:])
        rows.append(((x * weight).sum(dim=(2, 3, 4)) / weight.sum())[0].numpy())
    return np.stack(rows)
