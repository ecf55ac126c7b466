"""Devices and precisions by name."""

from __future__ import annotations

import pytest
import torch

from MedDDPMCore.base import device
from MedDDPMCore.base.device import PRECISIONS, describe_devices, pick_device, pick_precision
from MedDDPMCore.base.errors import ResourceError


def test_a_precision_has_the_name_that_torch_gives_it():
    assert {name: str(dtype) for name, dtype in PRECISIONS.items()} == {name: f"torch.{name}" for name in PRECISIONS}
    assert pick_precision("bfloat16", torch.device("cpu")) == torch.bfloat16
    assert pick_precision("auto", torch.device("cpu")) in PRECISIONS.values()


@pytest.mark.parametrize("name", ["float", "nn", "load", "", "Float32"])
def test_a_word_that_is_no_precision_is_refused_and_the_known_ones_are_named(name):
    with pytest.raises(ResourceError, match="no precision") as refused:
        pick_precision(name, torch.device("cpu"))
    assert "bfloat16" in refused.value.hint


def test_a_device_that_is_not_there_is_refused():
    for name in ("cuda:99", "toaster"):
        with pytest.raises(ResourceError, match=name):
            pick_device(name)


def test_the_cpu_is_always_among_the_devices():
    assert describe_devices()[-1]["id"] == "cpu"


@pytest.fixture
def apple(monkeypatch):
    """A torch that claims to have Apple's GPU; returns a function that lets it compute in truth (on the CPU)."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "__version__", "2.9.0")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device._mps_works.cache_clear()
    ones = torch.ones
    yield lambda: monkeypatch.setattr(torch, "ones", lambda size, **_device: ones(size))
    device._mps_works.cache_clear()


@pytest.mark.usefixtures("apple")
def test_apples_gpu_is_left_out_where_a_convolution_of_volumes_fails(caplog):
    assert device.pick_device().type == "cpu"
    assert [found["id"] for found in device.describe_devices()] == ["cpu"]
    assert "Apple" in caplog.text


def test_apples_gpu_is_chosen_once_it_convolved_a_volume(apple):
    apple()
    assert device.pick_device().type == "mps"
    assert [found["id"] for found in device.describe_devices()] == ["mps", "cpu"]


def test_apples_gpu_is_not_even_tried_before_torch_2_3(apple, monkeypatch):
    apple()
    monkeypatch.setattr(torch, "__version__", "2.2.2")
    assert device.pick_device().type == "cpu"


@pytest.fixture
def gpus(monkeypatch):
    """A torch that claims to have the CUDA GPUs of a list: their free bytes, or None for one that takes no process."""

    def mem_get_info(i):
        if have[i] is None:
            raise RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`")
        return have[i], 100

    have = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(have))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(have))
    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: f"GPU {i}")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    device._mps_works.cache_clear()
    yield have
    device._mps_works.cache_clear()


@pytest.mark.parametrize(
    "have, picked, usable",
    [
        ([20, 80, 40], "cuda:1", ["cuda:0", "cuda:1", "cuda:2"]),
        ([None, 20, 80], "cuda:2", ["cuda:1", "cuda:2"]),
        ([80, None], "cuda:0", ["cuda:0"]),
        ([None, None], "cpu", []),
    ],
)
def test_a_gpu_that_is_full_or_taken_is_left_out_and_hinders_no_other_device(gpus, caplog, have, picked, usable):
    gpus.extend(have)
    assert str(pick_device()) == picked
    assert [found["id"] for found in describe_devices()] == [*usable, "cpu"]
    assert all((f"cuda:{i} is left out: CUDA error: out of memory" in caplog.text) == (have[i] is None) for i in (0, 1))


def test_a_full_gpu_that_was_asked_for_is_said_by_its_name(gpus, monkeypatch):
    def full(*_size, **_device):
        raise RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`")

    gpus.append(None)
    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(ResourceError, match="'cuda:0' cannot be used: CUDA error: out of memory[.]") as refused:
        pick_device("cuda:0")
    assert refused.value.hint == "Choose auto or cpu."
