"""A run is made to fit into the memory that is free, and what is done is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.base.errors import ResourceError
from MedDDPMCore.models import footprint
from MedDDPMCore.models.footprint import working_memory
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.synthesis import fitting, synthesize
from MedDDPMCore.synthesis.fitting import Fit, fit, needed
from MedDDPMCore.synthesis.output import sidecar
from MedDDPMCore.synthesis.synthesize import load_model

RESOURCES = Path(__file__).resolve().parents[3] / "Resources"
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def spec(folder):
    return ModelSpec.read(folder)


def need(spec, device=GPU, batch=1, planes=0):
    return needed(spec, device, torch.float32, batch, planes)


def fitted(spec, on_gpu, on_cpu=1 << 40, batch=4):
    return fit(spec, GPU, torch.float32, batch, {GPU: on_gpu, CPU: on_cpu}.__getitem__)


def test_the_need_grows_with_the_batch_and_falls_with_precision_and_slabs(spec):
    whole = working_memory(spec, torch.float32)
    assert working_memory(spec, torch.float32, 3) == pytest.approx(3 * whole, rel=0.01)
    assert working_memory(spec, torch.bfloat16) == pytest.approx(whole / 2, rel=0.2)
    assert working_memory(spec, torch.float32, 1, 4) < 0.9 * whole


def test_what_fits_is_left_as_it_is(spec):
    assert fitted(spec, need(spec, batch=4)) == Fit(GPU, 4)


def test_fewer_samples_at_once_come_first(spec):
    found = fitted(spec, need(spec, batch=4) - 1)
    assert (found.device, found.batch_size, found.slab_planes) == (GPU, 2, 0)
    assert "2 at once" in found.warnings[0]


def test_then_slabs(spec):
    found = fitted(spec, need(spec) - 1)
    assert (found.device, found.batch_size) == (GPU, 1)
    assert found.slab_planes
    assert "slabs" in found.warnings[0]


def test_then_the_cpu(spec):
    found = fitted(spec, 1000)
    assert (found.device, found.batch_size, found.slab_planes) == (CPU, 1, 0)
    assert "CPU" in found.warnings[0]


def test_then_an_error_says_how_much_is_needed(spec):
    with pytest.raises(ResourceError, match="GB of memory free; this model needs"):
        fitted(spec, 1000, 1000)


def test_a_run_in_slabs_makes_the_same_image_and_tells_the_user(folder, monkeypatch):
    mask = head(box((5, 6, 7), (190, 230, 220)))
    model = load_model(folder, "cpu", "float32")
    [whole] = model.synthesize(mask, seed=3)
    monkeypatch.setattr(synthesize, "fit", lambda *_: Fit(CPU, 1, 4, ("In slabs.",)))
    plan = model.fitted(model.place(mask))
    assert plan.warnings[-1] == "In slabs."
    *_, last = model.run(plan, synthesize.Settings(seed=3))
    assert last.plan.warnings.count("In slabs.") == 1
    assert model.network.slab_planes == 4
    np.testing.assert_allclose(last.results()[0].volumes["T1"].array, whole.volumes["T1"].array, atol=1e-4)


def test_what_a_run_finds_out_about_memory_is_told_by_the_run_and_leaves_the_plan_as_it_was(folder, monkeypatch):
    model = load_model(folder, "cpu", "float32")
    plan = model.fitted(model.place(head(box((5, 6, 7), (190, 230, 220)))))
    before = plan.warnings
    monkeypatch.setattr(synthesize, "fit", lambda *_: Fit(CPU, 1, 0, ("Less is free than there was.",)))
    first = next(model.run(plan, synthesize.Settings(steps=1)))
    assert plan.warnings == before
    assert first.plan.warnings == (*before, "Less is free than there was.")


def test_where_a_run_takes_place_is_its_own_matter_and_the_next_one_asks_again(folder, monkeypatch, tmp_path):
    """The meta device stands for a GPU: a model can be there without one."""
    monkeypatch.setattr(synthesize, "pick_device", torch.device)  # which takes no device that computes nothing
    model = load_model(folder, "meta", "float32")
    free = {"meta": 0, "cpu": 1 << 40}
    monkeypatch.setattr(synthesize, "fit", lambda *given: fit(*given, free=lambda device: free[device.type]))
    monkeypatch.setitem(fitting.RESERVE, "meta", 0)
    plan = model.fitted(model.place(head(box((5, 6, 7), (190, 230, 220)))))
    *_, short = model.run(plan, synthesize.Settings(steps=1))
    assert short.model.device == CPU and short.images.device == CPU and "far slower" in short.plan.warnings[-1]
    [path] = short.results()[0].write(tmp_path, "a")
    assert json.loads(sidecar(path).read_text())["device"] == "cpu"
    assert model.device.type == "meta" and all(p.device.type == "meta" for p in model.network.parameters())
    free["meta"] = 1 << 40
    placed, fitted = model.placed(synthesize.Settings(steps=1))
    assert placed is model and fitted == Fit(model.device, 1)


def test_a_batch_that_was_made_smaller_makes_the_same_samples(folder, monkeypatch):
    mask = head(box((5, 6, 7), (190, 230, 220)))
    model = load_model(folder, "cpu", "float32")
    monkeypatch.setattr(synthesize, "fit", lambda *_: Fit(CPU, 1, 0, ("One at once.",)))
    assert [result.seed for result in model.synthesize(mask, samples=3, batch_size=3, steps=1)] == [0, 1, 2]


def test_an_allocation_that_fails_all_the_same_is_explained(folder, monkeypatch):
    mask = head(box((5, 6, 7), (190, 230, 220)))
    model = load_model(folder, "cpu", "float32")

    def full(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")

    monkeypatch.setattr(model.networks[0], "forward", full)
    with pytest.raises(ResourceError, match="ran out of memory"):
        model.synthesize(mask)


@pytest.mark.parametrize(("name", "least", "most"), [("whole_head_128", 1, 3), ("brats", 3, 9)])
def test_the_needs_of_a_large_model_are_known_without_computing(name, least, most):
    described = json.loads((RESOURCES / "training" / f"{name}.json").read_text())["model"]
    large = ModelSpec.from_dict(described)
    assert least < working_memory(large, torch.bfloat16) / 1e9 < most
    assert working_memory(large, torch.bfloat16, 1, 8) < 0.85 * working_memory(large, torch.bfloat16)


def test_what_was_counted_once_is_not_counted_again(spec, monkeypatch):
    first = working_memory(spec, torch.float32, 3)
    monkeypatch.setattr(footprint, "_stage_memory", lambda *_: pytest.fail("it was counted again"))
    assert working_memory(spec, torch.float32, 3) == first
