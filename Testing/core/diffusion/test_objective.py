"""What the network predicts, and the loss, against the published numbers and their own inverses."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_networks import CASES, draw

from MedDDPMCore.diffusion.names import PREDICTIONS
from MedDDPMCore.diffusion.objective import diffusion_error, q_sample, target, x0_from
from MedDDPMCore.diffusion.schedule import Schedule

SCHEDULE = Schedule.cosine(250)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_noising_and_loss_are_the_published_ones(case):
    shape, t = (1, case.channels[1], 32, 32, 32), torch.tensor([17])
    x0, noise = draw(f"x0:{case.name}", shape).clamp(-1, 1), draw(f"noise:{case.name}", shape)
    assert case.difference("q_sample_t17", q_sample(SCHEDULE, x0, t, noise)) < 1e-6
    loss = diffusion_error(
        case.build(), "noise", "l1", schedule=SCHEDULE, x0=x0, condition=case.condition(), t=t, noise=noise
    )
    assert float(loss.mean()) == pytest.approx(float(case.reference("l1_loss_t17")), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(t=st.lists(st.integers(0, 200), min_size=2, max_size=2), prediction=st.sampled_from(PREDICTIONS))
def test_a_perfect_prediction_gives_back_x0(t, prediction):
    x0, noise, t = draw("x0", (2, 3, 4, 4, 4)), draw("noise", (2, 3, 4, 4, 4)), torch.tensor(t)
    x = q_sample(SCHEDULE, x0, t, noise)
    output = target(prediction, SCHEDULE, x0, t, noise)
    torch.testing.assert_close(x0_from(prediction, SCHEDULE, output, x, t), x0, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("loss", "wanted"), [("l1", 0.8), ("l2", 1.0)])
def test_a_network_that_says_zero_loses_the_noises_mean(loss, wanted):
    noise = draw("noise", (1, 1, 20, 20, 20))
    found = diffusion_error(
        lambda x, _: torch.zeros_like(x[:, :1]),
        "noise",
        loss,
        schedule=SCHEDULE,
        x0=noise * 0,
        condition=noise,
        t=torch.tensor([9]),
        noise=noise,
    )
    assert float(found.mean()) == pytest.approx(wanted, abs=0.03)


def test_half_precision_outputs_are_computed_with_in_float32():
    x = draw("x", (1, 1, 4, 4, 4))
    for prediction in PREDICTIONS:
        assert x0_from(prediction, SCHEDULE, x.half(), x.half(), torch.tensor([100])).dtype == torch.float32
