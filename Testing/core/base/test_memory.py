"""What is free, and what a computation holds at its fullest."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from MedDDPMCore.base.memory import PeakMemory, _left_in_groups, available_memory, free_memory


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


def group(folder, version, limit, used, files=0):
    folder.mkdir(parents=True, exist_ok=True)
    names = {1: ("limit_in_bytes", "usage_in_bytes", "total_"), 2: ("max", "current", "")}[version]
    (folder / f"memory.{names[0]}").write_text(f"{limit}\n")
    (folder / f"memory.{names[1]}").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 17\n{names[2]}inactive_file {files}\n")


@pytest.mark.parametrize(
    ("version", "root", "line"),
    [
        (2, "", "0::/user/job"),
        (2, "unified", "4:cpu:/user/job\n0::/user/job"),
        (1, "memory", "3:cpu:/elsewhere\n4:memory,hugetlb:/user/job\n0::/"),
    ],
)
def test_a_process_has_what_the_limits_of_its_groups_leave(tmp_path, version, root, line):
    (tmp_path / "cgroup").write_text(line + "\n")
    mounted = tmp_path / "mounted"
    group(mounted / root / "user", version, 9000, 2000)
    group(mounted / root / "user" / "job", version, 5000, 4000, files=300)
    assert min(_left_in_groups(tmp_path / "cgroup", mounted)) == 1300
    group(mounted / root / "user", version, 9000, 8500)
    assert min(_left_in_groups(tmp_path / "cgroup", mounted)) == 500


def test_a_container_that_sees_its_own_group_alone_has_what_its_limit_leaves(tmp_path):
    (tmp_path / "cgroup").write_text("4:memory:/docker/0123\n")
    group(tmp_path / "memory", 1, 5000, 1000)
    assert list(_left_in_groups(tmp_path / "cgroup", tmp_path)) == [4000]


def test_where_there_is_no_limit_none_is_found(tmp_path):
    (tmp_path / "cgroup").write_text("0::/\n")
    group(tmp_path, 2, "max", 1000)
    assert list(_left_in_groups(tmp_path / "cgroup", tmp_path)) == []
    assert list(_left_in_groups(tmp_path / "none", tmp_path)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space")
def test_a_limit_of_address_space_is_seen():
    code = """
import resource
from MedDDPMCore.base.memory import available_memory
import psutil
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (500 << 20),) * 2)
print(available_memory())
"""
    left = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert 300 << 20 < left <= 500 << 20
