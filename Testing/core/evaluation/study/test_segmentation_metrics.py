"""Scores of masks, against closed forms, MONAI and scikit-learn's definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from MedDDPMCore.evaluation.study.segmentation_metrics import SegmentationScores, scores


def test_the_scores_of_a_known_overlap():
    predicted, true = np.zeros((2, 4, 5), bool), np.zeros((2, 4, 5), bool)
    predicted[0, 0], true[0, 0, 2:], true[0, 1, :3] = True, True, True  # 5 made, 6 wanted, 3 of them both
    found = scores(predicted, true)
    assert found == SegmentationScores(dice=6 / 11, iou=3 / 8, accuracy=35 / 40, recall=3 / 6, precision=3 / 5)


@pytest.mark.parametrize(
    ("made", "wanted", "expected"),
    [
        (0, 0, SegmentationScores(1, 1, 1, 1, 1)),
        (2, 0, SegmentationScores(0, 0, 0.75, 0, 0)),
        (0, 2, SegmentationScores(0, 0, 0.75, 0, 0)),
        (8, 8, SegmentationScores(1, 1, 1, 1, 1)),
    ],
)
def test_empty_and_full_masks_follow_the_stated_convention(made, wanted, expected):
    predicted, true = (np.arange(8).reshape(2, 2, 2) < n for n in (made, wanted))
    assert scores(predicted, true) == expected


@given(arrays(bool, (3, 4, 5)), arrays(bool, (3, 4, 5)))
def test_dice_and_iou_and_precision_and_recall_keep_their_relations(predicted, true):
    found = scores(predicted, true)
    assert found.dice == pytest.approx(2 * found.iou / (1 + found.iou))
    turned = scores(true, predicted)
    assert (turned.recall, turned.precision, turned.dice) == (found.precision, found.recall, found.dice)
    if found.dice > 0:
        assert found.dice == pytest.approx(2 / (1 / found.recall + 1 / found.precision))
    assert found.accuracy == pytest.approx((predicted == true).mean())


@given(st.integers(0, 1000))
def test_the_scores_are_monais(seed):
    metrics = pytest.importorskip("monai.metrics")
    random = np.random.default_rng(seed)
    predicted, true = random.random((4, 4, 4)) < 0.3, random.random((4, 4, 4)) < 0.4
    p, t = (torch.from_numpy(mask)[None, None].float() for mask in (predicted, true))
    found = scores(predicted, true)
    assert found.dice == pytest.approx(float(metrics.compute_dice(p, t)), abs=1e-6)
    assert found.iou == pytest.approx(float(metrics.compute_iou(p, t)), abs=1e-6)
    confusion = metrics.get_confusion_matrix(p, t)
    for name, value in (("sensitivity", found.recall), ("precision", found.precision), ("accuracy", found.accuracy)):
        assert value == pytest.approx(float(metrics.compute_confusion_matrix_metric(name, confusion)), abs=1e-6)


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        scores(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool))
