"""The head found in real MRIs, and in what scanners do to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import box, head, rotation

from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Geometry, Volume, reorient, resample_image, resample_labels


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * float(((first > 0) & (second > 0)).sum()) / float((first > 0).sum() + (second > 0).sum())


def subject(shared: Path, number: int) -> tuple[Volume, Volume]:
    """An IXI head's image and the mask given with it."""
    path = sorted((shared / "data" / "ixi_t1_2mm").glob("*_T1.nii.gz"))[number]
    return Volume.read(path), Volume.read(str(path).replace("_T1", "_head"), labels=True)


def rician(array: np.ndarray, sigma: float) -> np.ndarray:
    """An MRI magnitude image with noise of `sigma` in its real and imaginary parts."""
    rng = np.random.default_rng(0)
    return np.hypot(array + rng.normal(0, sigma, array.shape), rng.normal(0, sigma, array.shape)).astype(np.float32)


def ramp(array: np.ndarray) -> np.ndarray:
    """-1..1 from the lowest to the highest slice, (z, 1, 1)."""
    return np.linspace(-1, 1, len(array))[:, None, None]


def wrapped(array: np.ndarray) -> np.ndarray:
    """The front of the head folded in at the back."""
    result = array.astype(np.float32)
    result[:, :20] = np.maximum(result[:, :20], 0.9 * result[:, -20:])
    return rician(result, 4)


DEGRADED = {
    "noise": (lambda a: rician(a, 20), 0.97),
    "heavy noise": (lambda a: rician(a, 45), 0.96),
    "a background of 300": (lambda a: rician(a, 5) + 300, 0.97),
    "negative int16 values": (lambda a: a.astype(np.int16) * 8 - 1024, 0.99),
    "a white background": (lambda a: np.where(a < 12, 255, a), 0.95),
    "wrap-around": (wrapped, 0.95),
    "a ghost": (lambda a: rician(a + 0.08 * np.roll(a, 30, 1), 6), 0.97),
    "bias from top to neck": (lambda a: rician(a * np.exp(0.8 * ramp(a)), 4), 0.95),
}


def test_the_given_heads_are_found(shared):
    pairs = (subject(shared, number) for number in range(0, 160, 14))
    scores = [dice(head_mask(image).array, given.array) for image, given in pairs]
    assert np.mean(scores) >= 0.98 and min(scores) >= 0.95


@pytest.mark.parametrize("what", DEGRADED)
def test_the_head_is_found_in_spite_of(shared, what):
    image, given = subject(shared, 40)
    degrade, least = DEGRADED[what]
    assert dice(head_mask(Volume(degrade(image.array), image.geometry)).array, given.array) >= least


@pytest.mark.parametrize("spacing, tilt, axes", [((0.86, 0.86, 6.5), (0, 0, 0), "LPS"), ((1, 1, 1), (12, 5, -8), "PIR"),
                                                 ((4, 4, 4), (0, 20, 0), "RAS")])  # fmt: skip
def test_spacing_tilt_and_storage_axes_do_not_matter(shared, spacing, tilt, axes):
    image, given = subject(shared, 20)
    own = image.geometry
    other = box(spacing, own.extent_mm, rotation(tilt) @ own.direction, own.centre)
    scan = reorient(resample_image(image, other), axes)
    found = head_mask(scan)
    assert found.geometry.matches(scan.geometry) and found.array.dtype == np.uint8
    assert dice(found.array, resample_labels(given, scan.geometry).array) >= 0.96


def test_patients_heads_are_of_human_size_and_hold_their_tumors(shared):
    for path in [
        shared / "data" / "btp_t1c" / "BTP-05_v1_t1c.nii.gz",
        shared / "data" / "remind_t1c" / "ReMIND-022_t1c.nii.gz",
    ]:
        image = Volume.read(path)
        found = head_mask(image).array > 0
        tumor = Volume.read(str(path).replace("_t1c.nii", "_tumor.nii"), labels=True).array > 0
        litres = found.sum() * np.prod(image.geometry.spacing) / 1e6
        assert 2.5 < litres < 5 and found[tumor].mean() > 0.999


def test_the_published_sample_and_a_skull_stripped_brain_are_found(shared):
    sample = shared / "data" / "med_ddpm_whole_head"
    found = head_mask(Volume.read(sample / "sample_3_image.nii.gz")).array
    assert dice(found, Volume.read(sample / "sample_3_mask.nii.gz", labels=True).array) > 0.93
    case = shared / "data" / "brats_case"
    found = head_mask(Volume.read(case / "BraTS2021_01306_t1.nii.gz")).array
    assert dice(found, Volume.read(case / "BraTS2021_01306_seg.nii.gz", labels=True).array) > 0.95


def test_a_phantom_is_one_solid_piece_without_what_lies_beside_it():
    phantom = head(box((2, 2, 2), (170, 210, 190)))
    image = np.where(phantom.array > 0, 100.0, 0)
    image[phantom.array == 2] = 0
    image[:6, :6, :6] = 100
    found = head_mask(Volume(image, phantom.geometry)).array
    assert not found[:5, :5, :5].any() and found[phantom.array > 0].all()


@pytest.mark.parametrize("array", [np.zeros((20, 20, 20)), np.full((20, 20, 20), 7, np.int16)])
def test_an_image_that_shows_nothing_is_refused(array):
    with pytest.raises(VolumeError, match="No head"):
        head_mask(Volume(array, Geometry((20, 20, 20), (2, 2, 2), (0, 0, 0), np.eye(3))))


def test_several_channels_are_refused():
    geometry = box((2, 2, 2), (20, 20, 20))
    with pytest.raises(VolumeError, match="single"):
        head_mask(Volume(np.zeros((2, *geometry.shape)), geometry))


def noisy_air(phantom: Volume) -> Volume:
    """A uniform image of an MP2RAGE: even tissue, air of any value."""
    rng = np.random.default_rng(0)
    tissue = 2300 + rng.normal(0, 250, phantom.array.shape)
    return Volume(np.where(phantom.array > 0, tissue, rng.uniform(0, 4095, phantom.array.shape)), phantom.geometry)


@pytest.mark.parametrize("spacing", [2, 4])
def test_a_head_in_air_that_is_noise_of_any_value_is_found(spacing):
    phantom = head(box((spacing,) * 3, (190, 230, 220)), radius=0)
    assert dice(head_mask(noisy_air(phantom)).array, phantom.array) >= 0.95


def test_the_head_of_the_mp2rage_phantom_is_found(cases):
    case = cases / "c20_mp2rage"
    found = head_mask(Volume.read(case / "uni.nii.gz"))
    assert dice(found.array, Volume.read(case / "true_head.nii.gz", labels=True).array) >= 0.95


def test_an_image_of_nothing_but_noise_has_no_head():
    geometry = box((4, 4, 4), (190, 230, 220))
    with pytest.raises(VolumeError, match="No head is seen"):
        head_mask(Volume(np.random.default_rng(0).uniform(0, 100, geometry.shape), geometry))
