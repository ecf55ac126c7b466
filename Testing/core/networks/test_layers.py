"""The U-Net's parts against plain formulas."""

from __future__ import annotations

import math

import pytest
import torch
from published_networks import draw

from MedDDPMCore.networks.group_norm import GroupNorm, GroupNormSiLU, moments
from MedDDPMCore.networks.layers import AttentionBlock, PointwiseConv, Upsample, timestep_embedding


def test_the_step_embedding_is_cosines_then_sines_of_falling_frequencies():
    embedding = timestep_embedding(torch.tensor([0, 249]), 32)
    frequencies = [1000 ** (-k / 16) for k in range(16)]
    wanted = [math.cos(249 * f) for f in frequencies] + [math.sin(249 * f) for f in frequencies]
    assert embedding[0].tolist() == [1.0] * 16 + [0.0] * 16
    torch.testing.assert_close(embedding[1], torch.tensor(wanted), rtol=1e-4, atol=1e-5)


def test_an_odd_embedding_ends_with_a_zero():
    assert timestep_embedding(torch.tensor([5]), 7).shape == (1, 7)
    assert timestep_embedding(torch.tensor([5]), 7)[0, -1] == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_group_norm_takes_statistics_in_float32_whatever_comes_in(dtype):
    x = (draw("norm", (1, 4, 16, 16, 16)) * 0.01 + 10).to(dtype)
    norm = GroupNorm(2, 4)
    output = norm(x)
    assert output.dtype == dtype
    torch.testing.assert_close(output.float(), norm(x.float()), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last_3d])
def test_the_fused_norm_and_silu_has_the_output_and_gradients_of_the_two(dtype, error, memory):
    x = (draw("fused", (2, 8, 4, 6, 2)) + 1).to(dtype).to(memory_format=memory)
    norm = GroupNormSiLU(4, 8)
    norm.weight.data, norm.bias.data = 1 + 0.1 * draw("w", (8,)), 0.1 * draw("b", (8,))
    pull = draw("pull", x.shape)
    found, wanted = [], []
    for results, image, function in (
        (found, x.clone(), norm),
        (wanted, x.float(), lambda v: torch.nn.functional.silu(torch.nn.GroupNorm.forward(norm, v))),
    ):
        output = function(image.requires_grad_())
        results += [output, *torch.autograd.grad((output * pull).sum(), [image, norm.weight, norm.bias])]
    assert found[0].dtype == found[1].dtype == dtype
    for ours, theirs in zip(found, wanted, strict=True):
        assert float((ours.float() - theirs).norm() / theirs.norm()) < error
    assert torch.equal(found[0], norm(x).detach())
    with torch.inference_mode():
        assert torch.equal(found[0], norm(x))


def test_a_pointwise_convolution_is_an_ordinary_one():
    convolution = PointwiseConv(3, 5)
    x = draw("pointwise", (2, 3, 4, 5, 6))
    wanted = torch.nn.functional.conv3d(x, convolution.weight, convolution.bias)
    torch.testing.assert_close(convolution(x), wanted, rtol=1e-4, atol=1e-5)


def test_attention_weighs_every_voxel_by_its_scaled_product():
    block = AttentionBlock(8, 2)
    block.proj_out.weight.data = draw("projection", (8, 8, 1))
    x = draw("attention", (2, 8, 2, 3, 2))
    q, k, v = block.qkv(block.norm(x.flatten(2))).chunk(3, dim=1)
    weights = torch.einsum("bci,bcj->bij", q * 8**-0.25, k * 8**-0.25).softmax(-1)
    wanted = x.flatten(2) + block.proj_out(torch.einsum("bij,bcj->bci", weights, v))
    torch.testing.assert_close(block(x), wanted.reshape(x.shape), rtol=1e-4, atol=1e-5)


def test_upsampling_doubles_a_ramp_linearly():
    up = Upsample(1)
    up.conv = torch.nn.Identity()
    ramp = torch.arange(4.0).expand(1, 1, 4, 4, 4)
    torch.testing.assert_close(up(ramp)[0, 0, 3, 3], torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]))


def test_the_moments_of_joined_parts_are_those_of_the_groups_of_the_whole():
    x = draw("moments", (2, 12, 3, 4, 5)) + 2
    mean, variance = moments([x[:, :5], x[:, 5:]], 3)
    torch.testing.assert_close(mean, x.unflatten(1, (3, 4)).flatten(2).mean(dim=2))
    torch.testing.assert_close(variance, x.unflatten(1, (3, 4)).flatten(2).var(dim=2, unbiased=False))
