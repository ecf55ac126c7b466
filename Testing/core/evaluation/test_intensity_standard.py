"""Images of one scanner take on the intensities of another's, whatever their scale was."""

from __future__ import annotations

import numpy as np
import pytest

from MedDDPMCore.evaluation.intensity_standard import landmarks, standardised

SPACING = (4.0, 4.0, 4.0)


def head(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A head of 160 mm in air, -1, with tissue of many intensities."""
    random = np.random.default_rng(seed)
    inside = np.zeros((44, 30, 30), bool)
    inside[2:42, 3:27, 3:27] = True
    return np.where(inside, random.beta(2, 3, inside.shape) * 1.6 - 0.9, -1), inside


def test_another_scale_and_contrast_is_undone():
    image, inside = head(0)
    other, _ = head(1)
    darker = np.where(inside, -1 + 0.5 * (other + 1) ** 0.7, -1)
    wanted, own = (landmarks(one, inside, SPACING, "RAS") for one in (image, darker))
    made = standardised(darker, own, wanted)
    assert np.abs(darker - other)[inside].mean() > 0.2
    assert np.abs(made - other)[inside].mean() < 0.02 and (made[~inside] == -1).all()
    assert landmarks(made, inside, SPACING, "RAS") == pytest.approx(wanted, abs=0.01)


def test_order_is_kept_and_what_is_brighter_than_every_landmark_stays_brighter():
    image, inside = head(0)
    own = landmarks(image, inside, SPACING, "RAS")
    line = np.linspace(-1, 1, 400)
    made = standardised(line, own, 0.5 * own - 0.2)
    assert (np.diff(made) >= 0).all() and made[0] == -1 and made[-1] > 0.5 * own[-1] - 0.2


def test_a_neck_below_the_head_does_not_count():
    image, inside = head(0)
    changed = image.copy()
    changed[:12] = np.where(inside[:12], 0.9, -1)
    upward, downward = (landmarks(one, inside, SPACING, "RAS") for one in (image, changed))
    assert upward == pytest.approx(downward)
    turned = landmarks(changed[::-1], inside[::-1], SPACING, "RAI")
    assert turned == pytest.approx(upward)


def test_an_image_of_few_grey_values_and_one_without_a_head():
    image, inside = head(0)
    flat = np.where(inside, 0.25, -1)
    made = standardised(flat, landmarks(flat, inside, SPACING, "RAS"), landmarks(image, inside, SPACING, "RAS"))
    assert np.isfinite(made).all() and np.ptp(made[inside]) == 0
    with pytest.raises(ValueError, match="without a head"):
        landmarks(image, np.zeros_like(inside), SPACING, "RAS")
