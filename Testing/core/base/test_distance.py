"""The distance of voxels from a region."""

from __future__ import annotations

import numpy as np

from MedDDPMCore.base.distance import signed_distance


def test_distances_are_in_mm_along_each_axis_and_negative_inside():
    inside = np.zeros((9, 9, 9), bool)
    inside[3:6, 3:6, 3:6] = True
    away = signed_distance(inside, (1.0, 2.0, 4.0))
    assert [away[4, 4, 8], away[4, 8, 4], away[8, 4, 4]] == [3, 6, 12], "x, y and z are 1, 2 and 4 mm apart"
    assert away[4, 4, 4] < 0 and away[4, 4, 5] == 0, "the outermost voxels are at distance 0"


def test_labels_other_than_zero_are_inside():
    labels = np.zeros((3, 3, 5), np.int16)
    labels[..., :2] = 200
    assert (signed_distance(labels, (1.0, 1.0, 1.0))[1, 1] == [-1, 0, 1, 2, 3]).all()
