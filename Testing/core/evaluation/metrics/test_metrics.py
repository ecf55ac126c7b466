"""Metrics against independent implementations and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.evaluation.metrics import metrics

RANDOM = np.random.default_rng(7)


def features(count: int, width: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Correlated normal samples."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(100 + width).normal(size=(width, width))
    return scale * random.normal(size=(count, width)) @ mixing + shift


def images(count: int, side: int = 24) -> np.ndarray:
    """Smooth random images of one kind, -1..1."""
    noise = torch.from_numpy(RANDOM.normal(size=(count, 1, side, side, side)).astype(np.float32))
    smooth = torch.nn.functional.avg_pool3d(noise, 5, 1, 2)[:, 0]
    return (smooth / smooth.abs().amax()).numpy()


def test_mse_is_that_of_scikit_image():
    skimage_metrics = pytest.importorskip("skimage.metrics")
    a, b = images(2)
    assert metrics.mean_squared_error(a, b) == pytest.approx(skimage_metrics.mean_squared_error(a, b), rel=1e-6)


def linear_mmd(first, second):
    a, b = (array.reshape(len(array), -1) for array in (first, second))
    return metrics.mmd(a @ a.T, b @ b.T, a @ b.T)


def test_linear_mmd_is_that_of_monai():
    mmd = pytest.importorskip("monai.metrics").MMDMetric()
    a, b = (torch.from_numpy(features(12, 40, seed)).reshape(12, 1, 4, 5, 2) for seed in (1, 2))
    assert linear_mmd(a.numpy(), b.numpy()) == pytest.approx(float(mmd(a, b)), rel=1e-9)


def test_linear_mmd_of_unequal_counts_tends_to_the_squared_distance_of_the_means():
    a, b = features(2000, 3, 1), features(1500, 3, 2, shift=2.0)
    assert linear_mmd(a, b) == pytest.approx(12.0, rel=0.1)


def test_rbf_mmd_is_the_known_one_of_two_normal_distributions():
    """E k(x, y) of N(0, 1) and N(2, 1) with bandwidth s: s / √(s² + 2) exp(-4 / (2 (s² + 2)))."""
    random, s = np.random.default_rng(0), 1.5
    a, b = random.normal(size=(1000, 1)), random.normal(size=(1000, 1)) + 2
    height = s / np.sqrt(s**2 + 2)
    expected = 2 * height - 2 * height * np.exp(-4 / (2 * (s**2 + 2)))
    assert metrics.mmd(*metrics.rbf_kernels(a, b, s)) == pytest.approx(expected, rel=0.1)


def test_rbf_mmd_of_one_distribution_is_about_zero_and_is_not_bounded_by_it():
    values = [metrics.mmd(*metrics.rbf_kernels(features(20, 5, i), features(20, 5, 50 + i))) for i in range(40)]
    assert abs(np.mean(values)) < 0.005
    assert min(values) < 0


def test_the_bandwidth_is_the_median_distance_of_all_samples():
    spatial = pytest.importorskip("scipy.spatial.distance")
    a, b = features(9, 4, 1), features(6, 4, 2)
    assert metrics.median_bandwidth(a, b) == pytest.approx(np.median(spatial.pdist(np.concatenate([a, b]))))
    assert metrics.median_bandwidth(np.ones((3, 2)), np.ones((2, 2))) == 1.0


@pytest.mark.parametrize(("count", "width"), [(60, 8), (10, 8), (7, 30)])
def test_the_frechet_distance_is_that_of_scipys_matrix_root(count, width):
    """Also where the covariances are singular."""
    linalg = pytest.importorskip("scipy.linalg")
    a, b = features(count, width, 1), features(count + 3, width, 2, 1.5, 0.5)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * np.real(root))
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


def test_the_frechet_distance_is_that_of_monai():
    fid = pytest.importorskip("monai.metrics").FIDMetric()
    a, b = features(80, 6, 1), features(80, 6, 2, 1.3, 0.4)
    expected = float(fid(torch.from_numpy(a), torch.from_numpy(b)))
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_the_frechet_distance_tends_to_that_of_the_gaussians():
    """N(0, 1) and N(3, 4) in two dimensions: 2 · 9 + 2 · (1 - 2)²."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(50_000, 2)), 3 + 2 * random.normal(size=(50_000, 2))
    for shrink in (False, True):
        assert metrics.frechet_distance(a, b, shrink) == pytest.approx(20.0, rel=0.02)


def test_the_frechet_distance_of_a_set_to_itself_is_zero():
    a = features(9, 20)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(a, a, shrink=True) == pytest.approx(0, abs=1e-6)


def test_shrinkage_takes_bias_from_small_sets():
    plain, shrunk = (
        np.mean([metrics.frechet_distance(features(12, 16, i), features(12, 16, 30 + i), s) for i in range(10)])
        for s in (False, True)
    )
    assert shrunk < plain
    assert metrics.has_too_few(features(12, 16), features(40, 16))
    assert not metrics.has_too_few(features(17, 16), features(40, 16))


@pytest.mark.parametrize(("count", "width"), [(30, 6), (8, 25)])
def test_shrinkage_is_ledoit_and_wolfs_in_full_matrices(count, width):
    covariance = pytest.importorskip("sklearn.covariance")
    linalg = pytest.importorskip("scipy.linalg")
    a, b = features(count, width, 1), features(count + 2, width, 2, 0.8)
    matrices = []
    for rows in (a, b):
        own = np.cov(rows, rowvar=False)
        share, level = metrics.ledoit_wolf(rows - rows.mean(0))
        assert share == pytest.approx(covariance.ledoit_wolf(rows)[1], abs=1e-9)
        assert level == pytest.approx(np.trace(own) / width)
        matrices.append((1 - share) * own + share * level * np.eye(width))
    root = np.real(linalg.sqrtm(matrices[0] @ matrices[1]))
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(matrices[0] + matrices[1] - 2 * root)
    assert metrics.frechet_distance(a, b, shrink=True) == pytest.approx(expected, rel=1e-6)


def test_one_scale_is_scikit_images_ssim():
    skimage_metrics = pytest.importorskip("skimage.metrics")
    a, b = images(2, 20)
    _, full = skimage_metrics.structural_similarity(
        a.astype(float), b.astype(float), data_range=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True, truncate=5 / 1.5,
    )  # fmt: skip
    inner = full[5:-5, 5:-5, 5:-5].mean()
    assert metrics.ms_ssim(a, b, scales=1) == pytest.approx(max(inner, 0) ** 1.0001, abs=1e-4)


@pytest.mark.parametrize("scales", [2, 3])
def test_several_scales_are_monais(scales):
    monai_metrics = pytest.importorskip("monai.metrics")
    a = images(1, 48)[0]
    b = np.clip(a + 0.6 * images(1, 48)[0], -1, 1)
    weights = np.array(metrics.SCALE_WEIGHTS[:scales])
    weights *= sum(metrics.SCALE_WEIGHTS) / weights.sum()
    metric = monai_metrics.MultiScaleSSIMMetric(3, data_range=2.0, weights=weights.tolist())
    theirs = float(metric(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None]))
    assert 0 < theirs < 0.95
    assert metrics.ms_ssim(a, b, scales) == pytest.approx(theirs, abs=2e-5)


def test_scales_adapt_to_the_image_and_say_when_none_fits():
    assert [metrics.scales_for((side, 200, 200)) for side in (11, 21, 22, 64, 96, 128, 176, 500)] == [
        1,
        1,
        2,
        3,
        4,
        4,
        5,
        5,
    ]
    with pytest.raises(EvaluationError, match="11 voxels"):
        metrics.scales_for((10, 200, 200))


def test_ms_ssim_is_one_of_an_image_with_itself_and_falls_with_noise():
    a, noise = images(2, 32)
    values = [metrics.ms_ssim(a, a + level * noise) for level in (0, 0.05, 0.2, 1)]
    assert values[0] == pytest.approx(1)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.8


def test_pairs_are_different_ones_and_all_where_there_are_few():
    assert metrics.random_pairs(3, 10) == [(0, 1), (0, 2), (1, 2)]
    pairs = metrics.random_pairs(50, 200, seed=3)
    assert len(set(pairs)) == 200
    assert all(0 <= i < j < 50 for i, j in pairs)
    assert pairs == metrics.random_pairs(50, 200, seed=3)
    assert metrics.random_pairs(1, 5) == []


def test_what_cannot_be_compared_is_refused():
    a = images(1)[0]
    with pytest.raises(EvaluationError, match="one 3D shape"):
        metrics.ms_ssim(a, a[:-1])
    with pytest.raises(EvaluationError, match="not finite"):
        metrics.mean_squared_error(a, np.full_like(a, np.nan))
    with pytest.raises(EvaluationError, match="two samples"):
        linear_mmd(a[:1], a)
    with pytest.raises(EvaluationError, match="two samples"):
        metrics.frechet_distance(features(1, 3), features(5, 3))
    with pytest.raises(EvaluationError, match="differ in their number of values"):
        metrics.frechet_distance(features(5, 3), features(5, 4))
