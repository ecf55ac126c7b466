"""From labels to a denoiser; and, when asked for, the whole published chain of 250 steps."""

from __future__ import annotations

import pytest
import torch
from published_networks import CASES, draw

from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.diffusion.names import DOMAINS
from MedDDPMCore.diffusion.objective import q_sample, target
from MedDDPMCore.diffusion.samplers import ddpm
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.models.spec import StageSpec
from MedDDPMCore.models.stage import denoiser


@pytest.mark.parametrize("prediction", ["noise", "v", "x0"])
@pytest.mark.parametrize("kind", DOMAINS)
def test_a_perfect_network_denoises_perfectly(kind, prediction):
    domain, schedule = Domain(kind), Schedule.cosine(250)
    image, t = draw("image", (2, 1, 4, 4, 4)).clamp(-1, 1), torch.tensor([3, 150])
    x0, coarse = domain.encode(image), domain.coarse(image)
    noise = draw("noise", tuple(x0.shape))
    stage = StageSpec(domain, prediction, 250, {})
    denoise = denoiser(lambda x, _: target(prediction, schedule, x0, t, noise), stage, x0[:, :1], coarse)
    torch.testing.assert_close(denoise(q_sample(schedule, x0, t, noise), t), x0, rtol=1e-3, atol=1e-3)


def test_the_condition_is_joined_behind_the_image():
    seen = []
    stage = StageSpec(Domain("voxels"), "x0", 250, {})
    condition = draw("condition", (1, 2, 2, 2, 2))
    x = draw("x", (1, 1, 2, 2, 2))
    denoiser(lambda joined, _: seen.append(joined) or joined[:, :1], stage, condition)(x, torch.tensor([0]))
    assert torch.equal(seen[0], torch.cat([x, condition], dim=1))


def test_x0_is_kept_within_the_range_of_images():
    stage = StageSpec(Domain("voxels"), "x0", 250, {})
    denoise = denoiser(lambda x, _: x * 100, stage, torch.zeros(1, 0, 2, 2, 2))
    assert denoise(draw("x", (1, 1, 2, 2, 2)), torch.tensor([0])).abs().max() <= 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_whole_ancestral_chain_is_the_published_one(case):
    stage = StageSpec(Domain("voxels", case.channels[1]), "noise", 250, case.network)
    network = case.build().to(memory_format=torch.channels_last_3d)  # as a loaded model has it
    denoise = denoiser(network, stage, case.condition())
    torch.manual_seed(1234)
    x = torch.randn((1, case.channels[1], 32, 32, 32))
    *_, last = ddpm(denoise, x, Schedule.cosine(stage.timesteps))
    assert case.difference("ddpm250", last.x0) < 5e-3
