"""The Haar transform: nothing is lost, and each band is where it is said to be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_networks import draw

from MedDDPMCore.networks.haar import haar, inverse_haar

shapes = st.tuples(st.integers(1, 2), st.integers(1, 3), *[st.integers(1, 4).map(lambda n: 2 * n)] * 3)


@settings(max_examples=30, deadline=None)
@given(shape=shapes)
def test_the_inverse_brings_back_the_image(shape):
    x = draw(str(shape), shape)
    bands = haar(x)
    assert bands.shape == (shape[0], 8 * shape[1], *(n // 2 for n in shape[2:]))
    torch.testing.assert_close(inverse_haar(bands), x)


@settings(max_examples=30, deadline=None)
@given(shape=shapes)
def test_energy_is_kept(shape):
    x = draw(str(shape), shape).double()
    torch.testing.assert_close(haar(x).square().sum(), x.square().sum())


@pytest.mark.parametrize("band", range(8))
def test_bands_are_ordered_by_the_letters_for_z_y_x(band):
    signs = [torch.tensor([1.0, -1.0]) if band & bit else torch.ones(2) for bit in (4, 2, 1)]
    pattern = torch.einsum("z,y,x->zyx", *signs)[None, None]
    energy = haar(pattern).flatten().square()
    assert energy.argmax() == band
    assert energy[band] == pytest.approx(8)
    assert energy.sum() == pytest.approx(8)


def test_each_channel_becomes_eight_neighbouring_ones():
    x = draw("channels", (1, 3, 4, 6, 2))
    torch.testing.assert_close(haar(x)[:, 8:16], haar(x[:, 1:2]))
    torch.testing.assert_close(inverse_haar(haar(x)[:, 16:]), x[:, 2:])


def test_an_odd_size_is_refused():
    with pytest.raises(ValueError, match="even sizes"):
        haar(torch.zeros(1, 1, 4, 3, 4))
