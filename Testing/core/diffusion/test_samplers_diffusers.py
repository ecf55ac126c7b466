"""Samplers against the schedulers of the diffusers library, given the same betas, steps and denoiser."""

from __future__ import annotations

import pytest
import torch

from MedDDPMCore.diffusion.samplers import ddim, ddpm, dpmpp_2m, dpmpp_2m_sde, spaced_steps
from MedDDPMCore.diffusion.schedule import Schedule

diffusers = pytest.importorskip("diffusers", reason="needs diffusers as an oracle")
SCHEDULE = Schedule.cosine(250)
COMMON = {"trained_betas": SCHEDULE.betas.numpy(), "num_train_timesteps": 250, "prediction_type": "sample"}
X = torch.randn((1, 1, 6, 6, 6), generator=torch.Generator().manual_seed(0))


def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Any smooth function of x and t does."""
    return torch.tanh(x * (0.5 + 0.002 * float(t[0]))) * 0.9 + 0.05


def walk(scheduler, **settings) -> torch.Tensor:
    x = X
    for t in scheduler.timesteps:
        x = scheduler.step(denoise(x, t[None]), t, x, **settings).prev_sample
    return x


def last(steps) -> torch.Tensor:
    return list(steps)[-1].x0


def test_ddpm_is_theirs_with_the_small_variance():
    theirs = diffusers.DDPMScheduler(**COMMON, clip_sample=False, variance_type="fixed_small")
    theirs.set_timesteps(250)
    wanted = walk(theirs, generator=torch.Generator().manual_seed(3))
    found = last(ddpm(denoise, X, SCHEDULE, generator=torch.Generator().manual_seed(3)))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_ddim_is_theirs_over_all_steps():
    theirs = diffusers.DDIMScheduler(**COMMON, clip_sample=False, set_alpha_to_one=True)
    theirs.set_timesteps(250)
    torch.testing.assert_close(last(ddim(denoise, X, SCHEDULE, 250)), walk(theirs), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [2, 10, 25, 250])
@pytest.mark.parametrize(("sampler", "kind"), [(dpmpp_2m, "dpmsolver++"), (dpmpp_2m_sde, "sde-dpmsolver++")])
def test_dpmpp_2m_is_theirs_at_the_same_steps_and_noises(sampler, kind, steps):
    theirs = diffusers.DPMSolverMultistepScheduler(
        **COMMON, algorithm_type=kind, solver_order=2, final_sigmas_type="zero", lower_order_final=True
    )
    numbers = spaced_steps(SCHEDULE, steps)
    theirs.set_timesteps(timesteps=numbers)
    assert theirs.timesteps.tolist() == numbers
    wanted = walk(theirs, generator=torch.Generator().manual_seed(3))
    found = last(sampler(denoise, X, SCHEDULE, steps, torch.Generator().manual_seed(3)))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
