"""Training samples: variation that keeps image, labels and brain together, simulated lesions, and batches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training import write_data

from MedDDPMCore.anatomy.brain import OTHER_BRAIN
from MedDDPMCore.base.randomness import generator_for
from MedDDPMCore.lesions.simulation import LesionSettings, simulate_lesions
from MedDDPMCore.training.data.augment import Augmentation, between_knots, recoloured, resample, sampling_grid
from MedDDPMCore.training.data.dataset import PackedDataset, PackedWriter, from_bytes, to_bytes
from MedDDPMCore.training.data.samples import NO_AUGMENTATION, Batches, Samples
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import WHOLE_HEAD

SHAPE, SPACING = (12, 16, 20), (2.0, 3.0, 4.0)
WHOLE = ((0, 0, 0), SHAPE)
NEVER, ALWAYS = LesionSettings(probability=0.0), LesionSettings(probability=1.0)


def only(**changes) -> Augmentation:
    none = {"flip": False, "degrees": 0.0, "scale": 0.0, "shift_mm": 0.0, "warp_mm": 0.0, "gain": 0.0}
    return Augmentation(**{**none, **changes})


def volume() -> torch.Tensor:
    return torch.rand((1, *SHAPE), generator=torch.Generator().manual_seed(0)) * 2 - 1


def millimetres(axis: int, shape=SHAPE, spacing=SPACING) -> torch.Tensor:
    """The coordinate along x, y or z of each voxel (z, y, x), in mm from the middle."""
    n, size = shape[2 - axis], spacing[axis]
    line = (torch.arange(n) - (n - 1) / 2) * size
    return line.view([-1 if 2 - axis == d else 1 for d in range(3)]).expand(shape)


def as_points(grid: torch.Tensor, shape=SHAPE, spacing=SPACING) -> torch.Tensor:
    """A sampling grid as mm from the middle, (z, y, x, 3)."""
    return grid[0] * torch.tensor([n * s / 2 for n, s in zip(shape[::-1], spacing, strict=True)])


def test_without_variation_every_voxel_stays_where_it_is():
    grid = sampling_grid(SHAPE, SPACING, NO_AUGMENTATION, WHOLE, generator_for(0))
    assert torch.allclose(resample(volume(), grid, "bilinear"), volume(), atol=1e-4)
    assert torch.equal(resample(volume(), grid, "nearest"), volume())


def test_between_the_knots_a_grid_is_interpolated_as_by_torch():
    knots = torch.randn((4, 5, 6, 3), generator=generator_for(1))
    wanted = F.interpolate(knots.movedim(-1, 0)[None], size=SHAPE, mode="trilinear", align_corners=True)[0]
    assert torch.allclose(between_knots(knots, SHAPE), wanted.movedim(0, -1), atol=1e-5)


@pytest.mark.parametrize("sideways", [0, 1])
def test_a_flip_mirrors_the_axis_that_runs_from_side_to_side_in_half_of_the_cases(sideways):
    flipped = []
    for seed in range(40):
        grid = sampling_grid(SHAPE, SPACING, only(flip=True), WHOLE, generator_for(seed), sideways)
        made = resample(volume(), grid, "nearest")
        flipped.append(torch.equal(made, volume().flip(3 - sideways)))
        assert flipped[-1] or torch.equal(made, volume())
    assert 10 <= sum(flipped) <= 30


@given(seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_a_rotation_keeps_distances_in_millimetres_and_the_middle(seed):
    points = as_points(sampling_grid(SHAPE, SPACING, only(degrees=30.0), WHOLE, generator_for(seed)))
    own = torch.stack([millimetres(axis) for axis in range(3)], dim=-1)
    assert torch.allclose(points.norm(dim=-1), own.norm(dim=-1), atol=1e-3)
    matrix = torch.linalg.lstsq(own.reshape(-1, 3), points.reshape(-1, 3)).solution
    assert torch.det(matrix) == pytest.approx(1, abs=1e-3)
    angle = torch.rad2deg(torch.arccos(((matrix.trace() - 1) / 2).clamp(-1, 1)))
    assert angle <= 3 * 30.0


@given(seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_shifts_and_scalings_stay_within_their_limits(seed):
    own = torch.stack([millimetres(axis) for axis in range(3)], dim=-1)
    moved = as_points(sampling_grid(SHAPE, SPACING, only(shift_mm=4.0), WHOLE, generator_for(seed))) - own
    assert moved.abs().max() <= 4.0 + 1e-3 and moved.flatten(0, 2).std(dim=0).max() < 1e-3
    scaled = as_points(sampling_grid(SHAPE, SPACING, only(scale=0.1), WHOLE, generator_for(seed)))
    assert ((scaled - own).abs() <= 0.1 * own.abs() + 1e-3).all()


@given(seed=st.integers(0, 2**31), start=st.tuples(*(st.integers(0, n - 8) for n in SHAPE)))
@settings(max_examples=15, deadline=None)
def test_a_window_is_the_same_part_of_the_whole_grid(seed, start):
    """Rotations and shifts are the same function of place, in a window and in the whole grid."""
    everything = only(degrees=10.0, scale=0.1, shift_mm=5.0, flip=True)
    whole = sampling_grid(SHAPE, SPACING, everything, WHOLE, generator_for(seed))
    part = sampling_grid(SHAPE, SPACING, everything, (start, (8, 8, 8)), generator_for(seed))
    cut = whole[:, start[0] : start[0] + 8, start[1] : start[1] + 8, start[2] : start[2] + 8]
    assert torch.allclose(part, cut, atol=1e-4)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_image_and_labels_move_together(data_of_spheres, seed):
    """The image is bright just where the label is: after any variation their overlap stays near complete."""
    samples = Samples(data_of_spheres, Augmentation(gain=0.0), NEVER)
    image, channels, _ = samples.draw(0, generator_for(seed))
    bright, head = image[0] > -0.5, channels[0] > 0
    assert 2 * (bright & head).sum() / (bright.sum() + head.sum()) > 0.93


@pytest.fixture(scope="module")
def data_of_spheres(tmp_path_factory) -> PackedDataset:
    grid = ModelGrid((32, 32, 32), (4.0, 4.0, 4.0), "head_top", "RAS")
    return PackedDataset.open(write_data(tmp_path_factory.mktemp("spheres"), 3, grid))


def with_lesions(image, labels, brain, chosen, seed):
    """simple_head's image and labels with lesions as the chosen settings say."""
    return simulate_lesions(
        image,
        labels,
        brain,
        white_matter=0.2,
        spacing=(2.0, 2.0, 2.0),
        tumor_value=2,
        settings=chosen,
        generator=generator_for(seed),
    )


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_a_simulated_lesion_lies_in_the_brain_and_only_its_surroundings_change(seed):
    image, labels, brain = simple_head()
    made, marked = with_lesions(image, labels, brain, ALWAYS, seed)
    lesion = marked == 2
    assert not (lesion & ~brain).any() and torch.equal(marked[~lesion], labels[~lesion])
    assert made.min() >= -1 and made.max() <= 1
    near_brain = torch.nn.functional.max_pool3d(brain[None].float(), 3, 1, 1)[0] > 0
    assert torch.allclose(made[0][~near_brain], image[0][~near_brain], atol=1e-6)
    assert torch.equal(image, simple_head()[0]) and torch.equal(labels, simple_head()[1])


def test_lesions_are_brighter_or_darker_than_the_brain_and_within_their_sizes():
    image, labels, brain = simple_head()
    volumes, brightest = [], []
    for seed in range(30):
        chosen = LesionSettings(probability=1.0, several=0.0, smallest_ml=1.0, largest_ml=20.0)
        made, marked = with_lesions(image, labels, brain, chosen, seed)
        volumes.append(int((marked == 2).sum()) * 0.008)
        if volumes[-1] > 1:
            brightest.append(float(made[0][marked == 2].max()))
    assert 0.5 < sorted(volumes)[15] < 15 and max(volumes) < 40
    assert sum(value > 0.25 for value in brightest) > 0.95 * len(brightest)


def test_lesions_are_as_frequent_as_asked_for_and_the_same_for_the_same_seed():
    image, labels, brain = simple_head()
    sometimes = LesionSettings(probability=0.5, smallest_ml=2.0)
    given = (image, labels, brain, 0.2, (2.0,) * 3, 2, sometimes)
    marked = [simulate_lesions(*given, generator_for(seed)) for seed in range(40)]
    assert 10 <= sum(bool((labels == 2).any()) for _, labels in marked) <= 30
    again = simulate_lesions(*given, generator_for(7))
    assert torch.equal(again[0], marked[7][0]) and torch.equal(again[1], marked[7][1])
    never = (image, labels, brain, 0.2, (2.0,) * 3, 2, NEVER)
    assert not any((simulate_lesions(*never, generator_for(seed))[1] == 2).any() for seed in range(5))


def test_an_empty_brain_gets_no_lesion():
    image, labels, brain = simple_head()
    made, marked = simulate_lesions(
        image,
        labels,
        brain & False,
        white_matter=0.2,
        spacing=(2.0,) * 3,
        tumor_value=2,
        settings=ALWAYS,
        generator=generator_for(1),
    )
    assert torch.equal(made, image) and torch.equal(marked, labels)


def simple_head() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    shape = (40, 40, 40)
    radius = sum(millimetres(axis, shape, (2.0, 2.0, 2.0)) ** 2 for axis in range(3)).sqrt()
    image = torch.where(radius < 36, 0.1, -1.0)
    return image[None], (radius < 36).long(), radius < 28


def test_a_case_with_a_tumour_keeps_its_own_and_gets_no_other(tmp_path):
    data = PackedDataset.open(write_data(tmp_path, tumor=True))
    _, channels, _ = Samples(data, NO_AUGMENTATION, ALWAYS).draw(0, generator_for(1))
    stored = torch.from_numpy(data.labels[0].copy())
    assert torch.equal(channels[1] > 0, stored == 2) and torch.equal(channels[0] > 0, stored == 1)
    assert set(channels.unique().tolist()) == {-1.0, 1.0}


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_patch_is_a_part_of_the_head_voxel_for_voxel(data_of_spheres, seed):
    samples = Samples(data_of_spheres, NO_AUGMENTATION, NEVER, (8, 16, 32))
    image, channels, _ = samples.draw(0, generator_for(seed))
    assert image.shape == (1, 8, 16, 32) and channels.shape == (2, 8, 16, 32) and (channels[0] > 0).any()
    (z, y, x), _ = samples._window(0, generator_for(seed))
    whole = from_bytes(data_of_spheres.images[0])[:, z : z + 8, y : y + 16, x : x + 32]
    assert torch.equal(image, torch.from_numpy(whole))


def test_bytes_keep_intensities_to_half_a_step():
    values = torch.linspace(-1, 1, 1001).numpy()
    assert abs(from_bytes(to_bytes(values)) - values).max() <= 1 / 255 + 1e-6


def test_batches_are_the_same_however_they_are_asked_for(data):
    samples = Samples(data, Augmentation(), LesionSettings())
    everything = {}
    with Batches(samples, data.indices("train"), 4, 3, range(4), 1, repeats=2) as batches:
        for step in range(4):
            everything[step] = batches.get(step)
    for rank in range(2):
        with Batches(samples, data.indices("train"), 4, 3, range(2 * rank, 2 * rank + 2), 2, repeats=2) as batches:
            for step in (3, 1):
                images, labels, generators, _ = batches.get(step)
                part = slice(2 * rank, 2 * rank + 2)
                assert torch.equal(images, everything[step][0][part])
                assert torch.equal(labels, everything[step][1][part])
                seeds = [generator.initial_seed() for generator in everything[step][2][part]]
                assert [generator.initial_seed() for generator in generators] == seeds


def test_so_many_steps_are_begun_ahead_that_no_thread_is_idle(data):
    samples = Samples(data, NO_AUGMENTATION, NEVER)
    for threads, images, ahead in ((2, 4, 1), (2, 2, 1), (8, 2, 4), (3, 2, 2)):
        with Batches(samples, data.indices("train"), images, 0, range(images), threads) as batches:
            batches.get(7)
            assert sorted(batches.pending) == list(range(8, 8 + ahead))


def test_a_loading_thread_computes_alone_and_later_threads_as_many_as_this_one(data):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with Batches(Samples(data, NO_AUGMENTATION, NEVER), data.indices("train"), 1, 0, range(1)) as batches:
        assert batches.pool.submit(torch.get_num_threads).result() == 1 and torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 2
    torch.set_num_threads(before)


def test_every_case_is_seen_once_an_epoch(data):
    samples = Samples(data, NO_AUGMENTATION, NEVER)
    stored = [from_bytes(data.images[i]) for i in data.indices("train")]
    with Batches(samples, data.indices("train"), 2, 0, range(2), 1) as batches:
        seen = [image.numpy() for step in range(2) for image in batches.get(step)[0]]
    assert sorted(int(abs(image - s).max() < 1e-6) for image in seen for s in stored) == [0] * 12 + [1] * 4


def test_what_is_drawn_has_not_changed(data):
    """Runs that began with an earlier version go on with the same samples."""
    with Batches(Samples(data, Augmentation(), LesionSettings()), data.indices("train"), 2, 3, range(2), 1) as batches:
        images, labels, generators, _ = batches.get(5)
    assert [generator.initial_seed() for generator in generators] == SEEDS
    assert float(images.double().mean()) == pytest.approx(IMAGE_MEAN, abs=1e-5)
    assert float(labels.double().mean()) == pytest.approx(LABEL_MEAN, abs=1e-5)


SEEDS = [3136919479569741236, 2262486878645972870]
IMAGE_MEAN = -0.7223404
LABEL_MEAN = -0.734375


def test_where_nothing_is_moved_stored_voxels_are_drawn_as_they_are_or_mirrored(data_of_spheres):
    samples = Samples(data_of_spheres, only(flip=True), NEVER, (8, 16, 32))
    mirrored = []
    for seed in range(20):
        image, _, _ = samples.draw(0, generator_for(seed))
        (z, y, x), _ = samples._window(0, generator_for(seed))
        stored = torch.from_numpy(from_bytes(data_of_spheres.images[0])[:, z : z + 8, y : y + 16, x : x + 32])
        mirrored.append(torch.equal(image, stored.flip(-1)))
        assert mirrored[-1] or torch.equal(image, stored)
    assert 4 <= sum(mirrored) <= 16


def test_brain_patches_lie_around_the_brain_as_often_as_asked_for(data):
    case = data.indices("train")[0]
    size = (2, 2, 2)
    shares = []
    for wanted in (0.0, 1.0):
        samples = Samples(data, NO_AUGMENTATION, NEVER, size, wanted)
        drawn = [samples.draw(case, generator_for(seed))[2] for seed in range(40)]
        shares.append(sum(bool(brain.any()) for brain in drawn) / len(drawn))
    assert shares[1] == 1 and shares[0] < 1


def test_brain_patches_of_a_case_with_a_tumour_lie_around_the_tumour(tmp_path):
    data = off_centre(tmp_path, brain=False)
    samples = Samples(data, NO_AUGMENTATION, NEVER, (2, 2, 2), 1.0)
    drawn = [samples.draw(0, generator_for(seed))[1][1] for seed in range(20)]
    assert all((tumor > 0).any() for tumor in drawn) and len({tumor.sum() for tumor in drawn}) > 1


def test_brain_patches_of_a_small_brain_lie_in_it_and_of_none_in_the_head(tmp_path):
    for brain, part in ((True, 2), (False, 1)):
        data = off_centre(tmp_path / str(brain), brain=brain, tumor=False)
        samples = Samples(data, NO_AUGMENTATION, NEVER, (2, 2, 2), 1.0)
        for seed in range(20):
            _, channels, inside = samples.draw(0, generator_for(seed))
            assert inside.any() if part == 2 else (channels[0] > 0).any()
        starts = {samples._window(0, generator_for(seed))[0] for seed in range(20)}
        assert len(starts) > 1


def off_centre(folder: Path, brain: bool, tumor: bool = True) -> PackedDataset:
    """A head in a corner of the grid with a tumour, or a brain, of 8 voxels."""
    image, labels, marked = np.zeros((1, 32, 32, 32)), np.zeros((32, 32, 32)), np.zeros((32, 32, 32))
    small = (slice(4, 6),) * 3
    labels[:10, :10, :10] = 1
    labels[small] = 2 if tumor else 1
    marked[small] = brain
    folder.mkdir(parents=True, exist_ok=True)
    grid = ModelGrid((32, 32, 32), (4.0, 4.0, 4.0))
    with PackedWriter(folder, grid, 1) as writer:
        writer.add(image, labels, marked)
        case = {"id": "a", "split": "train", "white_matter": 0.2}
        known = {"grid": grid.to_dict(), "labels": WHOLE_HEAD.to_dict(), "modalities": ["T1"], "cases": [case]}
        writer.finish(known)
    return PackedDataset.open(folder)


def test_intensities_are_changed_by_a_monotone_map_that_white_matter_follows():
    image = torch.linspace(-1, 0.5, 64).view(1, 4, 4, 4)
    for seed in range(10):
        made, changed = recoloured(image.clone(), only(gain=0.1, contrast=0.3), generator_for(seed))
        assert (made.flatten().diff() > 0).all() and made.flatten()[0] == -1
        assert changed(0.5) == pytest.approx(float(made.flatten()[-1]), abs=1e-5)


def test_a_bias_field_is_smooth_and_leaves_air_alone():
    image = torch.full((1, 24, 24, 24), 0.2)
    image[:, :4] = -1
    made, _ = recoloured(image.clone(), only(bias=0.1), generator_for(3))
    assert torch.equal(made[:, :4], image[:, :4])
    inside = made[:, 4:]
    assert inside.std() > 0.01 and inside.diff(dim=1).abs().max() < 0.05


@pytest.mark.parametrize("factor", [2, 4])
def test_a_coarse_stage_is_drawn_on_a_grid_of_half_its_spacing(data_of_spheres, factor):
    samples = Samples(data_of_spheres, only(degrees=5.0), NEVER, shrink=factor)
    image, channels, brain = samples.draw(0, generator_for(1))
    shape = tuple(n * 2 // factor for n in data_of_spheres.grid.shape)
    assert image.shape[1:] == channels.shape[1:] == brain.shape[1:] == shape
    assert samples.spacing == tuple(s * factor / 2 for s in data_of_spheres.grid.spacing)


def test_means_over_voxels_are_sampled_where_they_lie():
    """A ramp stays a ramp, whatever the width of the means."""
    line = torch.arange(16.0)
    ramp = (line[:, None, None] + 2 * line[:, None] + 3 * line).view(1, 16, 16, 16)
    grid = sampling_grid((8, 8, 8), (2.0,) * 3, NO_AUGMENTATION, ((0, 0, 0), (8, 8, 8)), generator_for(0))
    assert torch.allclose(resample(ramp, grid, "bilinear", 2), F.avg_pool3d(ramp, 2), atol=1e-4)


def test_no_lesion_lies_in_the_part_of_the_brain_that_is_not_tissue():
    image, labels, brain = simple_head()
    parts = brain.to(torch.uint8)
    parts[:, :, 20:][brain[:, :, 20:]] = OTHER_BRAIN
    still = LesionSettings(probability=1.0, smallest_ml=5.0, mass_effect=0.0)
    for seed in range(10):
        made, marked = simulate_lesions(
            image,
            labels,
            parts,
            white_matter=0.2,
            spacing=(2.0,) * 3,
            tumor_value=2,
            settings=still,
            generator=generator_for(seed),
        )
        assert (marked == 2).any() and not (marked[:, :, 20:] == 2).any()
        assert torch.equal(made[..., 20:], image[..., 20:]) or (made - image)[..., 22:].abs().max() < 1e-6
