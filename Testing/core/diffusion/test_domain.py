"""Voxels, Haar bands and detail bands: what is encoded comes back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from published_networks import draw

from MedDDPMCore.diffusion.domain import Domain, shrink
from MedDDPMCore.diffusion.names import DOMAINS


def domain_of(kind: str, factor: int = 1, channels: int = 1, scaled: bool = True) -> Domain:
    plain = Domain(kind, channels, factor)
    if not scaled:
        return plain
    return Domain(kind, channels, factor, tuple(0.1 * k for k in range(plain.x_channels)), (0.5,) * plain.x_channels)


def image_of(channels: int = 1) -> torch.Tensor:
    return draw(f"image {channels}", (2, channels, 8, 12, 16)).clamp(-1, 1)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("kind", DOMAINS)
def test_an_image_comes_back_at_the_domains_own_size(kind, factor, channels, scaled):
    domain, image = domain_of(kind, factor, channels, scaled), image_of(channels)
    x0, coarse = domain.encode(image), domain.coarse(image)
    assert x0.shape[1:] == domain.x_shape((8, 12, 16))
    torch.testing.assert_close(domain.decode(x0, coarse), shrink(image, factor), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", DOMAINS)
def test_the_x0_of_an_image_in_range_is_not_limited(kind):
    domain, image = domain_of(kind, 2), image_of()
    x0 = domain.encode(image)
    torch.testing.assert_close(domain.limit(x0, domain.coarse(image)), x0, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["voxels", "haar"])
def test_a_limited_x0_is_that_of_an_image_in_range(kind):
    domain = domain_of(kind, scaled=kind == "haar")
    limited = domain.limit(3 * draw("wild", (1, *domain.x_shape((4, 4, 4)))))
    again = Domain(kind, 1, 1, domain.mean, domain.std)
    torch.testing.assert_close(again.encode(again.decode(limited)), limited, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", DOMAINS)
def test_decoded_images_lie_within_their_range(kind):
    domain = domain_of(kind)
    coarse = torch.ones(1, 1, 2, 2, 2)
    assert domain.decode(5 * draw("wild", (1, *domain.x_shape((4, 4, 4)))), coarse).abs().max() <= 1


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("kind", DOMAINS)
def test_condition_channels_fit_what_is_diffused(kind, factor):
    domain, image = domain_of(kind, factor), image_of()
    labels = image_of(2).sign()
    packed = domain.pack(labels, domain.coarse(image) if kind == "haar_detail" else None)
    assert packed.shape[1] == domain.condition_channels(2)
    assert packed.shape[2:] == domain.encode(image).shape[2:]
    assert packed.abs().max() <= 1 + 1e-5


def test_detail_bands_leave_out_the_mean_of_each_block():
    domain = Domain("haar_detail")
    flat = F.interpolate(draw("blocks", (1, 1, 2, 2, 2)).clamp(-1, 1), scale_factor=2)
    torch.testing.assert_close(domain.encode(flat), torch.zeros(1, 7, 2, 2, 2))
    torch.testing.assert_close(domain.decode(torch.zeros(1, 7, 2, 2, 2), domain.coarse(flat)), flat)


def test_a_grid_that_the_blocks_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        Domain("haar", 1, 2).x_shape((8, 6, 8))
