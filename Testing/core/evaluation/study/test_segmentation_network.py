"""The judge of the study: it learns, resumes exactly, and its augmentation keeps image and mask together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from MedDDPMCore.evaluation.study.images import ImageSet
from MedDDPMCore.evaluation.study.nnunet_augmentation import NnunetAugmentation
from MedDDPMCore.evaluation.study.segmentation_metrics import scores
from MedDDPMCore.evaluation.study.segmentation_network import (
    SegmentationNetwork,
    SegmentationSettings,
    segment,
    train_segmenter,
)
from MedDDPMCore.training.stages.checkpoint import load_checkpoint

CPU = torch.device("cpu")
TINY = SegmentationSettings(most_steps=30, batch_size=2, learning_rate=1e-2, base_channels=4, levels=2)


def balls(count: int = 2) -> ImageSet:
    """Bright balls in grey noise, at another place in each image."""
    random = np.random.default_rng(0)
    images, masks = [], []
    for k in range(count):
        z, y, x = np.indices((12, 14, 10))
        mask = (z - 5) ** 2 + (y - 5 - k) ** 2 + (x - 5) ** 2 < 9
        images.append(np.where(mask, 220, random.integers(40, 120, mask.shape))[None])
        masks.append(mask)
    return ImageSet(np.array(images, np.uint8), np.array(masks, np.uint8), tuple(map(str, range(count))))


def weights(network) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_two_cases_are_learnt_by_heart(tmp_path):
    one = balls()
    losses = []
    network = train_segmenter(
        [one], TINY, 0, CPU, tmp_path / "c.pt", report=lambda s, n, loss: losses.append((s, n, loss))
    )
    assert [entry[:2] for entry in losses] == [(k + 1, 30) for k in range(30)] and losses[-1][2] < losses[0][2] / 3
    for image, mask in zip(one.images, one.masks, strict=True):
        assert scores(segment(network, image, CPU), mask > 0).dice > 0.9


def test_a_resumed_training_equals_one_that_was_never_stopped(tmp_path):
    short = dataclasses.replace(TINY, most_steps=3)
    train_segmenter([balls(3)], short, 5, CPU, tmp_path / "parts.pt")
    assert load_checkpoint(tmp_path / "parts.pt")["step"] == 3
    longer = dataclasses.replace(TINY, most_steps=6)
    resumed = train_segmenter([balls(3)], longer, 5, CPU, tmp_path / "parts.pt")
    whole = train_segmenter([balls(3)], longer, 5, CPU, tmp_path / "whole.pt")
    other = train_segmenter([balls(3)], longer, 6, CPU, tmp_path / "other.pt")
    assert torch.equal(weights(resumed), weights(whole)) and not torch.equal(weights(other), weights(whole))


def test_the_number_of_steps_follows_epochs_or_is_fixed():
    assert SegmentationSettings(epochs=3, batch_size=4).steps(10) == 8
    assert SegmentationSettings(epochs=3, most_steps=5).steps(10) == 5


def test_the_learning_rate_rises_first(tmp_path):
    slow = dataclasses.replace(TINY, most_steps=2, warmup=10**9)
    torch.manual_seed(0)
    start = weights(SegmentationNetwork(1, slow))[:-1]  # the last bias follows the share of lesion
    end = weights(train_segmenter([balls()], slow, 0, CPU, tmp_path / "slow.pt"))[:-1]
    usual = weights(train_segmenter([balls()], dataclasses.replace(slow, warmup=0), 0, CPU, tmp_path / "c.pt"))[:-1]
    assert (end - start).abs().max() < 1e-6 < 1e-3 < (usual - start).abs().max()


def test_any_size_is_taken_and_kept():
    network = SegmentationNetwork(2, SegmentationSettings(base_channels=4, levels=3))
    assert network(torch.zeros(1, 2, 9, 13, 6)).shape == (1, 1, 9, 13, 6)


def test_an_augmentation_is_repeatable_keeps_air_and_moves_mask_with_image():
    pytest.importorskip("monai")
    augment = NnunetAugmentation()
    image = torch.full((1, 16, 16, 16), -1.0)
    image[:, 4:9, 5:11, 3:8] = 0.8
    mask = (image > 0).float()
    different = 0
    for seed in range(12):
        varied, moved = augment(image, mask, seed)
        again, _ = augment(image, mask, seed)
        assert torch.equal(varied, again) and type(varied) is torch.Tensor
        assert set(moved.unique().tolist()) <= {0.0, 1.0} and varied.min() >= -1 and varied.max() <= 1
        different += not torch.equal(varied, image)
        inside, outside = varied[moved > 0].mean(), varied[moved == 0].mean()
        assert inside > outside + 0.4
    assert different >= 10
