"""Folders of a process alone: none of a live process is taken from it, none of a dead one stays."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path

import pytest

from MedDDPMCore.worker.private import private_folder

DAY = 24 * 3600


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["ENOSYS", "ENOLCK", "ENOTSUP"])
def without_locks(request, monkeypatch):
    """File systems on which nobody can lock a file, by what they say."""

    def flock(*_arguments):
        raise OSError(getattr(errno, request.param), "no locks")

    monkeypatch.setattr("fcntl.flock", flock)


def left_by_another(place: Path, seconds_ago: float) -> Path:
    """A folder, with its lock, that was last written to so long ago."""
    folder = place / "medddpm-private-0"
    folder.mkdir()
    for path in (folder / "mri.nrrd", place / f"{folder.name}.lock"):
        path.write_text("")
    for path in (folder / "mri.nrrd", folder, place / f"{folder.name}.lock"):
        os.utime(path, (time.time() - seconds_ago,) * 2)
    return folder


def test_a_folder_that_is_in_use_stays_and_goes_with_its_context(place):
    with private_folder() as first:
        with private_folder() as second:
            assert first.is_dir() and second.is_dir()
        assert first.is_dir() and not second.exists()
    assert os.listdir(place) == []


@pytest.mark.posix
@pytest.mark.usefixtures("without_locks")
def test_a_folder_that_is_in_use_stays_where_there_are_no_locks(place):
    with private_folder() as first:
        with private_folder() as second:
            assert first.is_dir() and second.is_dir()
        assert first.is_dir()
    assert os.listdir(place) == []


@pytest.mark.posix
@pytest.mark.usefixtures("without_locks")
@pytest.mark.parametrize("seconds_ago, stays", [(DAY - 600, True), (DAY + 600, False)])
def test_where_there_are_no_locks_a_folder_left_behind_stays_for_a_day(place, seconds_ago, stays):
    left = left_by_another(place, seconds_ago)
    with private_folder():
        assert left.exists() == stays


def test_a_folder_left_behind_goes_at_once_where_there_are_locks(place):
    left = left_by_another(place, 0)
    with private_folder() as folder:
        assert sorted(os.listdir(place)) == [folder.name, f"{folder.name}.lock"] and not left.exists()
