"""Simulated lesions: shape and size of their outline, and what is painted and pushed."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from MedDDPMCore.base.randomness import generator_for
from MedDDPMCore.lesions.outline import lesion_outline, lesion_radius, smooth_noise
from MedDDPMCore.lesions.simulation import LesionSettings, averaged, simulate_lesions

SPACING = (2.0, 2.0, 2.0)
WHITE, GREY = 0.2, -0.2
ONE = LesionSettings(probability=1.0, several=0.0, mass_effect=0.0)


def of_size(ml: float, **changes) -> LesionSettings:
    return dataclasses.replace(ONE, smallest_ml=ml, largest_ml=ml, **changes)


def head(size: int = 56) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """White matter with stripes of grey in a ball, in a head with a skull around it."""
    line = (torch.arange(size) - (size - 1) / 2) * 2.0
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    radius = (x**2 + y**2 + z**2).sqrt()
    brain = radius < size - 14
    image = torch.where(radius < size - 4, -0.6, -1.0)
    image[brain] = torch.where((x / 6).round() % 3 == 0, GREY, WHITE)[brain]
    return image[None], (radius < size - 4).long(), brain


def lesions(chosen: LesionSettings, seeds: range):
    for seed in seeds:
        image, labels, brain = head()
        yield simulate_lesions(
            image,
            labels,
            brain,
            white_matter=WHITE,
            spacing=SPACING,
            tumor_value=2,
            settings=chosen,
            generator=generator_for(seed),
        )


@given(ml=st.floats(0.05, 60.0), lobes=st.integers(1, 4), seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_an_outline_has_the_volume_asked_for_and_lies_whole_in_its_box(ml, lobes, seed):
    reach = [round((1.9 * lesion_radius(ml) + 4) / s) for s in (3.0, 2.0, 2.0)]
    size = [2 * r + 1 for r in reach]
    inside = lesion_outline(size, (2.0, 2.0, 3.0), reach, ml, lobes, generator_for(seed)) < 0
    assert abs(int(inside.sum()) - max(1, round(ml * 1000 / 12))) <= 2
    border = inside.clone()
    border[1:-1, 1:-1, 1:-1] = False
    assert border.sum() <= 0.02 * inside.sum()


def test_the_smallest_lesion_is_seen_at_4_mm():
    assert (lesion_outline((7, 7, 7), (4.0,) * 3, (3, 3, 3), 0.05, 1, generator_for(0)) < 0).sum() == 1


def test_noise_varies_over_the_length_asked_for():
    field = smooth_noise((60, 60, 60), 16.0, SPACING, generator_for(3))
    steps = (field[1:] - field[:-1]).std() / field.std()
    assert 0.05 < steps < 0.25 and 0.6 < field.std() < 1.6


def test_small_lesions_are_bright_and_solid():
    for image, labels in lesions(of_size(0.2), range(12)):
        inside = (image[0][labels == 2] + 1) / (WHITE + 1)
        assert len(inside) == 0 or inside.mean() > 0.9


def test_large_lesions_are_rings_patches_and_some_are_solid():
    dark = []
    for image, labels in lesions(of_size(30.0), range(24)):
        inside = (image[0][labels == 2] + 1) / (WHITE + 1)
        dark.append(float((inside < 0.92).float().mean()))
        assert inside.quantile(0.95) > 1.0
    assert sum(share < 0.05 for share in dark) >= 2 and sum(share > 0.15 for share in dark) >= 8


def test_large_lesions_have_rims_that_are_brighter_than_white_matter():
    rims = []
    for image, labels in lesions(of_size(30.0), range(24)):
        lesion = labels == 2
        outside = (~lesion).float()[None, None]
        rim = lesion & (F.max_pool3d(outside, 3, 1, 1)[0, 0] > 0)
        rims.append(float(((image[0][rim] + 1) / (WHITE + 1)).mean()))
    assert sorted(rims)[12] > 1.15 and sorted(rims)[3] > 1.05


def test_oedema_darkens_white_matter_more_than_grey():
    changed = {WHITE: [], GREY: []}
    before, _, brain = head()
    for image, labels in lesions(of_size(4.0), range(12)):
        lesion = (labels == 2)[None, None].float()
        around = (torch.nn.functional.max_pool3d(lesion, 7, 1, 3) - torch.nn.functional.max_pool3d(lesion, 5, 1, 2))[
            0, 0
        ]
        for value, found in changed.items():
            chosen = (around > 0) & brain & (before[0] == value)
            found.append(float((image[0][chosen] - value).mean()))
    means = {value: sum(found) / len(found) for value, found in changed.items()}
    assert means[WHITE] < 1.5 * means[GREY] < 0 and means[WHITE] < -0.02


@pytest.mark.parametrize("seed", range(4))
def test_mass_effect_moves_the_brain_but_not_its_surface_nor_the_head(seed):
    image, labels, brain = head()
    given = (image, labels, brain, WHITE, SPACING, 2)
    still = of_size(12.0, oedema=(1.0, 1.0))
    pushed, marked = simulate_lesions(*given, dataclasses.replace(still, mass_effect=1.0), generator_for(seed))
    away = (marked != 2) & brain
    assert ((pushed[0] - image[0]).abs() > 0.1)[away].sum() > 50
    beyond = torch.nn.functional.max_pool3d(brain[None].float(), 3, 1, 1)[0] == 0
    assert torch.equal(pushed[0][beyond], image[0][beyond])
    assert torch.equal(marked > 0, labels > 0)
    assert pushed.min() >= -1 and pushed.max() <= 1


def test_a_lesion_that_was_there_is_pushed_along_and_kept():
    chosen = LesionSettings(probability=1.0, several=1.0, smallest_ml=1.0, largest_ml=40.0, mass_effect=1.0)
    for image, labels in lesions(chosen, range(6)):
        inside = (image[0][labels == 2] + 1) / (WHITE + 1)
        assert set(labels.unique().tolist()) == {0, 1, 2} and inside.quantile(0.9) > 1.0


def test_lesions_begin_in_tissue_not_in_the_ventricles():
    image, labels, brain = head()
    ventricle = torch.zeros_like(brain)
    ventricle[20:36, 20:36, 20:36] = True
    image[0][ventricle] = -0.8
    chosen = of_size(0.05)
    hits = 0
    for seed in range(20):
        _, marked = simulate_lesions(
            image,
            labels,
            ventricle | brain,
            white_matter=WHITE,
            spacing=SPACING,
            tumor_value=2,
            settings=chosen,
            generator=generator_for(seed),
        )
        hits += int(((marked == 2) & ventricle).any())
    assert hits <= 2


def test_averages_over_cubes_are_those_of_one_pooling_with_air_beyond():
    volume = torch.rand((1, 1, 12, 9, 11), generator=generator_for(0))
    for side in (3, 9):
        assert torch.allclose(averaged(volume, side), F.avg_pool3d(volume, side, 1, side // 2), atol=1e-6)
