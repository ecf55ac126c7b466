"""What is free, and what a computation holds at its fullest."""

from __future__ import annotations

import torch

from MedDDPMCore.base.memory import PeakMemory, _available_on_linux, _from_vm_stat, available_memory, free_memory


def test_the_peak_is_that_of_what_lives_at_one_time():
    x = torch.zeros(1000)
    with PeakMemory() as memory:
        doubled = x + x
        view = doubled.view(10, 100)
        del doubled
        made = view * 2
        assert memory.live == memory.peak == 8000
        del view
        made.add_(1)
        torch.ones(500)
        assert memory.live == 4000
        assert memory.peak == 8000


def test_nothing_is_computed_on_the_meta_device_but_the_peak_is_known():
    with PeakMemory() as memory, torch.device("meta"):
        x = torch.empty(1 << 40, dtype=torch.bfloat16)
        del x
    assert memory.peak == 2 << 40
    assert memory.live == 0


def test_this_machine_says_what_is_free():
    assert 10e6 < available_memory() < 100e12
    assert 10e6 < free_memory(torch.device("cpu")) < 100e12


def test_a_container_has_what_its_limit_leaves(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  8000 kB\nMemAvailable:  3000 kB\n")
    assert _available_on_linux(meminfo, tmp_path) == 3000 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert _available_on_linux(meminfo, tmp_path) == 600000
    (tmp_path / "memory.max").write_text("max\n")
    assert _available_on_linux(meminfo, tmp_path) == 3000 * 1024
    assert _available_on_linux(tmp_path / "none", tmp_path) is None


def test_a_macs_free_pages_are_counted():
    told = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:   10.\nPages active:  99.\n"
        "Pages inactive:   20.\nPages speculative:  3.\n"
    )
    assert _from_vm_stat(told, 16384) == 33 * 16384
