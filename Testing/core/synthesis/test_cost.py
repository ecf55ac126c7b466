"""What a run costs, in operations and memory, not in seconds: neither may grow unseen."""

from __future__ import annotations

import pytest
import torch
from phantoms import box, head
from small_models import write_model
from torch.utils.flop_counter import FlopCounterMode

from MedDDPMCore.base.memory import PeakMemory
from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.diffusion.names import SAMPLERS
from MedDDPMCore.models.footprint import working_memory
from MedDDPMCore.networks import convolution
from MedDDPMCore.synthesis.synthesize import load_model

MASK = head(box((5, 6, 7), (190, 230, 220)))
MEGAFLOP_A_STEP = {"voxels": 1652.696064, "haar": 243.753984}
"""Of the small test model's network, at batch 1."""


@pytest.fixture(scope="module", params=["voxels", "haar"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(tmp_path_factory, kind):
    """After a first run: what it needs is counted once, by operations and memory of its own."""
    loaded = load_model(write_model(tmp_path_factory.mktemp("model") / kind, kinds=(kind,)), "cpu", "float32")
    list(loaded.steps(MASK, steps=3))
    return loaded


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_costs_as_many_network_calls_as_it_has_steps(model, kind, sampler, monkeypatch):
    monkeypatch.setattr(convolution, "_plain_float32", lambda *_: False)  # the counter knows torch's way alone
    with FlopCounterMode(display=False) as counter:
        for _ in model.steps(MASK, steps=3, sampler=sampler):
            pass
    assert counter.get_total_flops() / 1e6 == pytest.approx(3 * MEGAFLOP_A_STEP[kind], rel=1e-4)


def test_a_run_holds_no_more_than_was_counted_beforehand(model):
    plan_and_image = 3 * 4 * 32 * 32 * 24 * 3
    with PeakMemory() as memory:
        for _ in model.steps(MASK, steps=3, sampler="ddpm"):
            pass
    counted = working_memory(model.spec, torch.float32)
    assert 0.8 * counted < memory.peak < 1.05 * counted + plan_and_image


def test_more_steps_hold_no_more_memory(model):
    peaks = []
    for steps in (4, 8):
        with PeakMemory() as memory:
            for _ in model.steps(MASK, steps=steps):
                pass
        peaks.append(memory.peak)
    assert peaks[1] == pytest.approx(peaks[0], rel=0.02)


def test_an_image_that_nobody_looks_at_is_not_made(model, monkeypatch):
    made = []
    decode = Domain.decode
    monkeypatch.setattr(Domain, "decode", lambda self, *given: made.append(1) or decode(self, *given))
    walk = list(model.steps(MASK, steps=4))
    assert len(made) == 4  # one a step, to keep x0 within the range of images
    assert walk[-1].images is walk[-1].images
    assert len(made) == 5
