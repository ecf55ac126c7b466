"""The U-Net against the published numbers, and at sizes, precisions and settings the published code does not have."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_networks import BRATS, CASES, WHOLE_HEAD, draw, fill

from MedDDPMCore.networks.unet import UNet


@pytest.fixture(scope="module")
def small() -> UNet:
    network = UNet(3, 1, 8, (1, 2), attention_factors=(2,), groups=4).requires_grad_(False)
    fill(network)
    return network


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_output_is_the_published_networks(case):
    output = case.build()(draw(f"input:{case.name}", (2, case.channels[0], *case.forward_size)), torch.tensor([3, 201]))
    assert case.difference("forward", output) < 1e-4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_parameters_have_the_published_names_and_shapes(case):
    wanted = case.description()
    with torch.device("meta"):
        network = UNet(*case.channels, 32, **case.network)
    assert {name: list(p.shape) for name, p in network.named_parameters()} == wanted["params"]
    assert sum(p.numel() for p in network.parameters()) == wanted["n_params"]


@pytest.mark.parametrize(("case", "millions"), [(WHOLE_HEAD, 40.2), (BRATS, 57.6)], ids=["whole head", "BraTS"])
def test_the_published_width_has_the_published_number_of_parameters(case, millions):
    with torch.device("meta"):
        network = UNet(*case.channels, 64, **case.network)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == millions


@settings(max_examples=15, deadline=None)
@given(size=st.tuples(*[st.integers(1, 9)] * 3))
def test_a_volume_of_any_size_is_padded_with_its_last_plane_and_cropped_back(small, size):
    x, t = draw(str(size), (1, 3, *size)), torch.tensor([7])
    padded = torch.nn.functional.pad(x, [n for size_ in reversed(size) for n in (0, size_ % 2)], mode="replicate")
    output = small(x, t)
    assert output.shape == (1, 1, *size)
    torch.testing.assert_close(output, small(padded, t)[:, :, : size[0], : size[1], : size[2]])


def test_samples_of_a_batch_do_not_touch_each_other(small):
    x, t = draw("batch", (3, 3, 8, 6, 4)), torch.tensor([0, 100, 249])
    singles = torch.cat([small(x[i : i + 1], t[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(small(x, t), singles, rtol=1e-4, atol=1e-5)


def test_channels_last_memory_gives_the_same_output(small):
    x, t = draw("format", (1, 3, 8, 8, 8)), torch.tensor([11])
    turned = small.to(memory_format=torch.channels_last_3d)(x.to(memory_format=torch.channels_last_3d), t)
    torch.testing.assert_close(turned, small.to(memory_format=torch.contiguous_format)(x, t), rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_within_three_percent_of_the_largest_output(small):
    x, t = draw("precision", (1, 3, 16, 16, 16)), torch.tensor([120])
    exact = small(x, t)
    with torch.autocast("cpu", torch.bfloat16):
        rough = small(x, t).float()
    error = float((rough - exact).abs().max() / exact.abs().max())
    assert 0 < error < 0.03


def test_checkpointing_gives_the_same_gradients():
    network = UNet(3, 1, 8, (1, 2), attention_factors=(2,), groups=4)
    fill(network)
    x, t = draw("gradients", (1, 3, 8, 8, 8)), torch.tensor([50])
    gradients = []
    for network.checkpointing in (False, True):
        network.zero_grad()
        network(x, t).square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(checkpointed, plain)


def test_an_untrained_network_predicts_zero():
    assert not UNet(3, 1, 8, (1, 2), groups=4)(draw("zero", (1, 3, 4, 4, 4)), torch.tensor([1])).any()


def test_without_attention_at_the_bottom_there_is_none():
    names = UNet(3, 1, 8, (1, 2), attention_factors=(), groups=4, bottom_attention=False).state_dict()
    assert not any("qkv" in name for name in names)


@pytest.mark.parametrize("planes", [1, 3, 8, 100])
def test_slab_by_slab_gives_the_same_output(planes):
    network = UNet(3, 1, 8, (1, 2, 2), attention_factors=(4,), groups=4).requires_grad_(False)
    fill(network)
    x, t = draw("slabs", (2, 3, 10, 6, 8)), torch.tensor([7, 200])
    whole = network(x, t)
    network.slab_planes = planes
    torch.testing.assert_close(network(x, t), whole, rtol=1e-4, atol=1e-5)
