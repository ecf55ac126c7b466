"""The noise schedule against the published numbers and its own definitions."""

from __future__ import annotations

import pytest
import torch
from published_networks import WHOLE_HEAD

from MedDDPMCore.diffusion.schedule import Schedule, expand


def test_the_betas_are_the_published_ones():
    assert (Schedule.cosine(250).betas - WHOLE_HEAD.reference("betas")).abs().max() < 1e-6


@pytest.mark.parametrize("timesteps", [1, 2, 250, 1000])
def test_signal_falls_noise_grows_and_their_powers_add_to_one(timesteps):
    schedule = Schedule.cosine(timesteps)
    assert len(schedule) == timesteps
    assert schedule.betas.min() > 0
    assert schedule.betas.max() <= 0.999
    assert (schedule.alphas.diff() < 0).all() and (schedule.half_log_snr.diff() < 0).all()
    torch.testing.assert_close(schedule.alphas**2 + schedule.sigmas**2, torch.ones(timesteps, dtype=torch.float64))


def test_the_posterior_is_bayes_rule_for_two_gaussians():
    schedule = Schedule.cosine(50)
    on_x0, on_xt, variance = schedule.posterior()
    t = 30
    bar = schedule.alphas_cumprod[t - 1]
    a = (1 - schedule.betas[t]).sqrt()
    precision = 1 / (1 - bar) + a**2 / schedule.betas[t]
    torch.testing.assert_close(variance[t], 1 / precision)
    torch.testing.assert_close(on_x0[t], bar.sqrt() / (1 - bar) / precision)
    torch.testing.assert_close(on_xt[t], a / schedule.betas[t] / precision)


def test_the_last_step_of_the_posterior_is_x0_itself():
    on_x0, on_xt, variance = (values[0] for values in Schedule.cosine(250).posterior())
    assert (float(on_x0), float(on_xt), float(variance)) == (1, 0, 0)


def test_values_are_picked_by_step_and_shaped_to_multiply():
    picked = expand(torch.arange(5.0, dtype=torch.float64), torch.tensor([4, 0]), torch.zeros(2, 3, 2, 2, 2))
    assert picked.shape == (2, 1, 1, 1, 1)
    assert picked.dtype == torch.float32
    assert picked.flatten().tolist() == [4, 0]
