"""Smoothing by a Gaussian of any width."""

import numpy as np
import pytest

from MedDDPMCore.base.smoothing import gaussian


@pytest.mark.parametrize("variance", [9, 121, 390, 784, 1600, 10000])
def test_a_point_becomes_a_bell_of_the_variance_asked_for(variance):
    line = np.zeros((2, 2, 801), np.float32)
    line[..., 400] = 1
    bell = gaussian(line, (variance, 0, 0), widest=801)[0, 0]
    places = np.arange(-400, 401)
    assert bell.sum() == pytest.approx(1, abs=5e-3)
    assert (bell * places).sum() == pytest.approx(0, abs=1e-2)
    assert (bell * places**2).sum() == pytest.approx(variance, rel=0.1)
