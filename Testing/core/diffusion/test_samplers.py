"""Samplers against Gaussian data, whose exact denoiser and exact paths are known."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from MedDDPMCore.diffusion import names
from MedDDPMCore.diffusion.objective import LOSSES
from MedDDPMCore.diffusion.samplers import SAMPLERS, ddim, ddpm, dpmpp_2m, noise_like, spaced_steps
from MedDDPMCore.diffusion.schedule import Schedule

SCHEDULE = Schedule.cosine(250)
FINE = Schedule.cosine(8000)


def exact_denoiser(schedule: Schedule, mean: float, std: float):
    """The best guess of x0 ~ N(mean, std^2) from x at step t."""

    def denoise(x, t):
        alpha, sigma = float(schedule.alphas[t[0]]), float(schedule.sigmas[t[0]])
        return mean + alpha * std**2 * (x - alpha * mean) / (alpha**2 * std**2 + sigma**2)

    return denoise


def last(steps):
    *_, step = steps
    return step


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sampled(name: str, x: torch.Tensor, mean: float = 0.3, std: float = 0.5, **settings_) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return last(SAMPLERS[name](exact_denoiser(SCHEDULE, mean, std), x, SCHEDULE, generator=generator, **settings_)).x0


@pytest.mark.parametrize(("name", "steps"), [("ddpm", None), ("ddim", 100), ("dpmpp_2m", 25), ("dpmpp_2m_sde", 50)])
def test_gaussian_data_come_out_with_their_mean_and_spread(name, steps):
    x0 = sampled(name, noise(1, 1, 30, 30, 30), steps=steps)
    assert float(x0.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(x0.std()) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(
    ("name", "steps", "kept"),
    [("ddpm", None, 0.94), ("ddpm", 15, 0.74), ("dpmpp_2m", 15, 1.00), ("dpmpp_2m_sde", 15, 1.00)],
)
def test_fine_texture_keeps_as_much_of_its_spread_as_the_design_says(name, steps, kept):
    x0 = sampled(name, noise(1, 1, 40, 40, 40), mean=0, std=0.1, steps=steps)
    assert float(x0.std()) / 0.1 == pytest.approx(kept, abs=0.012)


def error_of(sampler, steps: int) -> float:
    """How far a sampler ends from the exact solution of the probability-flow ODE of N(0.3, 0.5^2)."""
    mean, std = 0.3, 0.5

    def spread(t: int) -> float:
        return math.sqrt(float(FINE.alphas[t]) ** 2 * std**2 + float(FINE.sigmas[t]) ** 2)

    first = spaced_steps(FINE, steps)[0]
    z = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 1, 1, 1, 9)
    x = float(FINE.alphas[first]) * mean + spread(first) * z
    found = last(sampler(exact_denoiser(FINE, mean, std), x, FINE, steps)).x0
    wanted = mean + float(FINE.alphas[0]) * std**2 / spread(0) * z
    return float((found - wanted).abs().max())


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1), (dpmpp_2m, 2)])
def test_the_error_falls_with_the_order_of_the_method(sampler, order):
    errors = [error_of(sampler, steps) for steps in (20, 40, 80)]
    measured = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert all(abs(found - order) < 0.35 for found in measured), (errors, measured)


def test_files_know_every_sampler_and_loss_and_no_other():
    assert set(SAMPLERS) == set(names.SAMPLERS) and set(LOSSES) == set(names.LOSSES)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_denoiser_that_knows_the_answer_is_believed(name):
    answer = noise(2, 1, 4, 4, 4, seed=3)
    for steps in (1, 2, 7, 250):
        walk = list(SAMPLERS[name](lambda *_: answer, noise(2, 1, 4, 4, 4), SCHEDULE, steps))
        assert [step.index for step in walk] == list(range(1, steps + 1))
        assert {step.total for step in walk} == {steps}
        torch.testing.assert_close(walk[-1].x0, answer)


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_equal_seed_gives_an_equal_image(name):
    assert torch.equal(sampled(name, noise(1, 1, 4, 4, 4), steps=20), sampled(name, noise(1, 1, 4, 4, 4), steps=20))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_batch_with_a_generator_a_sample_equals_single_runs(name):
    def run(seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        x = noise_like(torch.empty(len(seeds), 2, 4, 4, 4), generators)
        return last(SAMPLERS[name](exact_denoiser(SCHEDULE, 0, 0.5), x, SCHEDULE, 12, generators)).x0

    assert torch.equal(run([7, 8]), torch.cat([run([7]), run([8])]))


@pytest.mark.parametrize("name", SAMPLERS)
def test_leaving_the_loop_stops_the_work(name):
    calls = []

    def denoise(x, t):
        calls.append(int(t[0]))
        return x

    for step in SAMPLERS[name](denoise, noise(1, 1, 2, 2, 2), SCHEDULE, 30):
        if step.index == 4:
            break
    assert calls == spaced_steps(SCHEDULE, 30)[:4]


@settings(max_examples=80, deadline=None)
@given(steps=st.integers(1, 250))
def test_spaced_steps_fall_from_noise_to_the_last_step(steps):
    numbers = spaced_steps(SCHEDULE, steps)
    assert len(numbers) == steps
    assert all(a > b for a, b in zip(numbers, numbers[1:], strict=False))
    assert numbers[0] <= 249
    assert float(SCHEDULE.half_log_snr[numbers[0]]) < -5
    assert numbers[-1] == 0 or steps == 1


def test_as_many_steps_as_the_schedule_has_are_all_of_them():
    assert spaced_steps(SCHEDULE, 250) == list(range(249, -1, -1))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [0, -1, 251])
def test_a_number_of_steps_out_of_range_is_refused(name, steps):
    with pytest.raises(ValueError, match="1 to 250"):
        next(SAMPLERS[name](lambda x, _: x, noise(1, 1, 2, 2, 2), SCHEDULE, steps))


def test_ancestral_sampling_draws_noise_at_every_step_as_published():
    generator = torch.Generator().manual_seed(1)
    last(ddpm(lambda x, _: x, torch.zeros(1, 1, 2, 2, 2), SCHEDULE, generator=generator))
    expected = torch.Generator().manual_seed(1)
    for _ in range(250):
        torch.randn((1, 1, 2, 2, 2), generator=expected)
    assert torch.equal(torch.randn(3, generator=generator), torch.randn(3, generator=expected))
