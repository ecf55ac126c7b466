"""Pictures of volumes."""

import numpy as np
import pytest
from skimage.io import imread

from MedDDPMCore.base.pictures import before_and_after, lettered, overview, save_png, three_planes, write_png


def test_a_written_picture_reads_back_the_same(tmp_path):
    generator = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3)):
        picture = generator.integers(0, 256, shape, dtype=np.uint8)
        save_png(tmp_path / "p.png", picture)
        assert np.array_equal(imread(tmp_path / "p.png"), picture)


def test_the_axial_slice_shows_the_front_at_the_top_and_the_patients_right_on_the_left():
    volume = np.full((9, 11, 13), -1.0)
    volume[4, 10, 12] = 1.0  # z middle, front, right
    picture = three_planes(volume, (1, 1, 1))
    assert picture[0, 0] == 255
    assert picture[:, :13].astype(int).sum() == 255


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAI"])
def test_arrays_of_any_axes_are_drawn_upright(axes):
    generator = np.random.default_rng(0)
    volume, centre = generator.uniform(-1, 1, (40, 42, 44)), (30, 11, 7)
    flips = [2 - axis for axis in range(3) if axes[axis] != "RAS"[axis]]
    there = tuple(volume.shape[k] - 1 - centre[k] if k in flips else centre[k] for k in range(3))
    expected = three_planes(volume, (1, 1, 2), centre)
    assert np.array_equal(three_planes(np.flip(volume, flips), (1, 1, 2), there, axes), expected)


def sides_of(picture: np.ndarray, widths: tuple[int, ...]) -> list[str]:
    """What stands in the upper corners of views that lie beside each other, two columns between them."""
    letters = {lettered(letter).tobytes(): letter for letter in "RLAP"}
    named, left = [], 0
    for width in widths:
        view = picture[:, left : left + width]
        corners = (view[:9, :7], view[:9, width - 7 : width])
        named.append("".join(letters.get(corner.tobytes(), "?") for corner in corners))
        left += width + 2
    return named


def test_the_sides_of_every_slice_are_named_in_its_upper_corners(tmp_path):
    volume = np.random.default_rng(0).uniform(-1, 1, (40, 42, 44))
    assert sides_of(three_planes(volume, (1, 1, 1)), (44, 44, 42)) == ["RL", "RL", "AP"]
    assert sides_of(three_planes(volume, (1, 1, 1), sides="LR"), (44, 44, 42)) == ["LR", "LR", "AP"]
    assert sides_of(three_planes(volume, (1, 1, 1), sides=""), (44, 44, 42)) == ["??", "??", "??"]
    write_png(tmp_path / "p.png", volume[None])
    assert sides_of(imread(tmp_path / "p.png"), (44, 44, 42)) == ["RL", "RL", "AP"]
    labels = np.zeros(volume.shape, np.uint8)
    labels[10:30, 10:30, 10:30] = 1
    both = overview(labels, volume, (1, 1, 1), 2)[::2, ::2, 1]
    assert sides_of(both, (44, 44, 42)) == sides_of(both[42:], (44, 44, 42)) == ["RL", "RL", "AP"]


def test_long_voxels_are_drawn_as_long_as_they_are():
    picture = three_planes(np.zeros((10, 30, 30)), (1, 1, 3))
    assert picture.shape[0] == 30


def test_the_overview_shows_the_tumor_in_red_above_the_image():
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[4:16, 4:16, 4:16] = 1
    labels[8:11, 8:11, 8:11] = 2
    picture = overview(labels, np.zeros(labels.shape), (1, 1, 1), 2)
    red = (picture[..., 0] > 200) & (picture[..., 1] < 100)
    assert red.sum() == 3 * 9 * 4
    assert not red[picture.shape[0] // 2 :].any()


def test_the_overview_of_a_healthy_head_has_no_red():
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[3:9, 3:9, 3:9] = 1
    picture = overview(labels, np.zeros(labels.shape), (1, 1, 1), 2)
    assert (picture[..., 0] == picture[..., 1]).all()


def test_rows_of_volumes_are_stacked(tmp_path):
    write_png(tmp_path / "p.png", np.zeros((3, 8, 8, 8)))
    assert imread(tmp_path / "p.png").shape[0] == 24


def test_before_and_after_are_drawn_in_one_scale_through_the_fullest_plane_of_the_region():
    before = np.random.default_rng(0).uniform(100, 200, (40, 42, 44)).astype(np.int16)
    region = np.zeros(before.shape, bool)
    region[20:24, 10:14, 30:34] = True
    after = np.where(region, 5000, before).astype(np.int16)
    picture = before_and_after(before, after, region, (1, 1, 1))
    rows = picture.shape[0] // 2
    first, second = picture[9:rows], picture[rows + 9 :]
    assert sides_of(first, (44, 44, 42)) == sides_of(second, (44, 44, 42)) == ["RL", "RL", "AP"]
    changed = first != second
    assert (second[changed] == 255).all() and changed[:, :44].sum() == 16
    titles = [lettered(word) for word in ("BEFORE", "AFTER")]
    for title, row in zip(titles, (0, rows), strict=True):
        assert np.array_equal(picture[row : row + 9, : title.shape[1]], title)
