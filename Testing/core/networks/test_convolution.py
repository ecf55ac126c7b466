"""The convolution that the networks use: torch's, made to train in bfloat16 at every size."""

import pytest
import torch

from MedDDPMCore.networks.convolution import Conv3d
from MedDDPMCore.networks.translation import Discriminator


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
