"""The convolution that the networks use: torch's output, however it is computed; trains in bfloat16 at every size."""

from __future__ import annotations

import pytest
import torch
from published_networks import draw

from MedDDPMCore.networks import convolution
from MedDDPMCore.networks.convolution import Conv3d
from MedDDPMCore.networks.translation import Discriminator
from MedDDPMCore.networks.winograd import winograd_conv3d


def filled(channels: int, out_channels: int, stride: int = 1) -> Conv3d:
    conv = Conv3d(channels, out_channels, 3, stride, padding=1).requires_grad_(False)
    conv.weight.copy_(draw("weight", conv.weight.shape) / (27 * channels) ** 0.5)
    conv.bias.copy_(draw("bias", conv.bias.shape))
    return conv


def exact(conv: Conv3d, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.conv3d(x.double(), conv.weight.double(), conv.bias.double(), conv.stride, 1)


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.detach().double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("size", [(4, 4, 4), (1, 1, 1), (5, 6, 7), (9, 70, 3), (3, 9, 33)])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last_3d])
def test_winograds_output_is_the_exact_one(size, memory):
    conv, x = filled(5, 3), draw(str(size), (2, 5, *size)).contiguous(memory_format=memory)
    found = winograd_conv3d(x, conv.weight, conv.bias)
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    assert distance(found, exact(conv, x)) < 1e-5


def test_winograds_output_is_the_exact_one_at_a_published_width():
    conv, x = filled(128, 64), draw("wide", (1, 128, 16, 16, 16))
    assert distance(winograd_conv3d(x, conv.weight, conv.bias), exact(conv, x)) < 1e-5


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing_beyond_rounding(threads):
    conv, x = filled(4, 4), draw("threads", (1, 4, 8, 64, 64))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert distance(winograd_conv3d(x, conv.weight, conv.bias), exact(conv, x)) < 1e-5
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("channels", "out_channels", "size", "stride"), [(3, 8, 8, 1), (6, 6, 8, 2), (48, 48, 16, 1)])
def test_every_way_to_compute_gives_the_same_output_and_keeps_the_memory_format(channels, out_channels, size, stride):
    conv = filled(channels, out_channels, stride).to(memory_format=torch.channels_last_3d)
    x = draw("ways", (1, channels, size, size, size)).contiguous(memory_format=torch.channels_last_3d)
    wanted = exact(conv, x)
    fast = conv(x)
    assert fast.is_contiguous(memory_format=torch.channels_last_3d)
    assert distance(fast, wanted) < 1e-5
    assert distance(conv(x.requires_grad_()), wanted) < 1e-5


def test_gradients_and_half_precision_go_by_torchs_own_convolution(monkeypatch):
    def refuse(*_):
        raise AssertionError("by Winograd's method")

    monkeypatch.setattr(convolution, "winograd_conv3d", refuse)
    conv, x = filled(48, 48), draw("torch", (1, 48, 16, 16, 16))
    conv(x.clone().requires_grad_())
    conv.bfloat16()(x.bfloat16())
    conv.float()
    with torch.autocast("cpu", torch.bfloat16):
        conv(x)
    with pytest.raises(AssertionError, match="Winograd"):
        conv(x)


def leave_nan_in_freed_memory() -> None:
    for count in (64, 256, 1024, 4096, 16384, 65536):
        [torch.full((count,), float("nan")) for _ in range(20)]


@pytest.mark.parametrize("planes", [1, 2, 3])
def test_gradients_in_bfloat16_are_those_in_float32_whatever_memory_held_before(planes):
    torch.manual_seed(0)
    conv, x = Conv3d(16, 8, 3, padding=1), torch.randn(2, 16, planes, 4, 4)
    conv(x).square().mean().backward()
    wanted = conv.weight.grad.clone()
    for _ in range(5):
        conv.zero_grad()
        leave_nan_in_freed_memory()
        with torch.autocast("cpu", torch.bfloat16):
            loss = conv(x).float().square().mean()
        leave_nan_in_freed_memory()
        loss.backward()
        assert (conv.weight.grad - wanted).norm() < 0.02 * wanted.norm()


def test_a_discriminator_of_small_patches_trains_in_bfloat16():
    torch.manual_seed(0)
    judge, x = Discriminator(1, 8, 4), torch.randn(1, 1, 16, 16, 16)
    for _ in range(5):
        leave_nan_in_freed_memory()
        with torch.autocast("cpu", torch.bfloat16):
            loss = judge(x).float().square().mean()
        leave_nan_in_freed_memory()
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in judge.parameters())
