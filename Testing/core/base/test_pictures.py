"""Pictures of volumes."""

import numpy as np
from skimage.io import imread

from MedDDPMCore.base.pictures import overview, save_png, three_planes, write_png


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
