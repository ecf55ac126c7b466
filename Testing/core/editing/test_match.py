"""What a model made, brought to the level and the texture of the scan around it."""

import numpy as np
import pytest
from phantoms import box

from MedDDPMCore.editing.match import contrast, levelled
from MedDDPMCore.editing.texture import SHARE, texture

SPACING = (2.0, 2.0, 2.0)
SHAPE = (40, 44, 48)


def ball(radius: float, shape=SHAPE) -> np.ndarray:
    distance = np.stack(np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij"))
    return (distance**2).sum(axis=0) <= radius**2


REGION, LESION, HEAD = ball(9), ball(4), ball(18)


def scene(tissue: float, lesion: float, spread: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A known image of level 0.2 and, in the region, a made one, of another tissue level and spread, with a lesion."""
    random = np.random.default_rng(1)
    known = random.normal(0.2, 0.1, SHAPE)
    made = np.where(LESION, lesion, tissue) + random.normal(0, spread, SHAPE)
    return known, np.where(REGION, made, known)


@pytest.mark.parametrize(("tissue", "spread"), [(-0.2, 0.1), (0.4, 0.18), (0.2, 0.05)])
def test_healthy_tissue_gets_the_level_and_at_most_the_spread_of_what_is_around_it(tissue, spread):
    known, made = scene(tissue, tissue, spread)
    result = levelled(
        made, known, REGION.astype(float), healthy=HEAD, lesion=HEAD & False, spacing=SPACING, wanted=None
    )
    assert np.median(result[REGION]) == pytest.approx(0.2, abs=0.02)
    assert result[REGION].std() == pytest.approx(min(spread, 0.1), rel=0.15)
    assert np.array_equal(result[~REGION], made[~REGION])


@pytest.mark.parametrize("wanted", [None, 1.2, 1.5])
def test_a_lesion_keeps_its_ratio_to_the_tissue_or_gets_that_of_the_patients_own(wanted):
    known, made = scene(-0.2, 0.04, 0.02)  # the lesion's ratio, counted from air, is 1.3
    result = levelled(
        made, known, REGION.astype(float), healthy=HEAD & ~LESION, lesion=LESION, spacing=SPACING, wanted=wanted
    )
    ratio, tissue = contrast(np.where(REGION, result, known) + 1, LESION, HEAD & ~LESION, SPACING)
    assert ratio == pytest.approx(max(wanted or 0, 1.3), abs=0.09 if wanted != 1.5 else 0.02)
    assert tissue == pytest.approx(1.2, abs=0.05)


def test_where_there_is_too_little_healthy_tissue_nothing_is_levelled():
    known, made = scene(-0.2, 0.1)
    for healthy in (HEAD & ~HEAD, REGION, HEAD & ~REGION):
        assert (
            levelled(made, known, REGION.astype(float), healthy=healthy, lesion=LESION, spacing=SPACING, wanted=2.0)
            is made
        )
    assert contrast(known, LESION & False, HEAD, SPACING) == (None, 0.0)


def test_smooth_tissue_gets_the_noise_of_the_scan_around_it_and_only_there():
    geometry = box((1, 1, 4), (48, 44, 100))
    head, region = ball(20, geometry.shape), ball(8, geometry.shape)
    scan = np.random.default_rng(2).normal(300, 12, geometry.shape).astype(np.float32)
    made, weight = np.full(geometry.shape, 300, np.float32), region.astype(np.float32)
    added, again = (texture(scan, made, weight, head, geometry, 5) for _ in range(2))
    assert np.array_equal(added, again)
    assert not np.array_equal(added, texture(scan, made, weight, head, geometry, 6))
    assert (added[~region] == 0).all() and added.dtype == np.float32
    fine = added[region]
    assert fine.std() == pytest.approx(SHARE * 12, rel=0.25) and abs(fine.mean()) < 3


def test_nothing_is_added_to_what_is_as_fine_as_the_scan_or_where_there_is_no_scan_around_it():
    geometry = box((1, 1, 1), (48, 44, 40))
    head, region = ball(18, geometry.shape), ball(8, geometry.shape)
    random = np.random.default_rng(2)
    scan, made = random.normal(300, 12, geometry.shape), random.normal(300, 20, geometry.shape)
    assert not texture(scan, made, region.astype(np.float32), head, geometry, 5).any()
    assert not texture(scan, made * 0, region.astype(np.float32), region, geometry, 5).any()
    assert not texture(scan * 0, made * 0, region.astype(np.float32), head, geometry, 5).any()
