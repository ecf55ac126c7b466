"""What is no file, and what decoders raise."""

from __future__ import annotations

import os

import numpy as np
import pytest

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.decoding import decoding
from MedDDPMCore.volumes.volume import Geometry, Volume

ENDINGS = [".nii", ".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".dcm"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pipe_is_refused_at_once(tmp_path, ending):
    os.mkfifo(tmp_path / f"a{ending}")
    with pytest.raises(VolumeError, match="a pipe or a device, not a file"):
        Volume.read(tmp_path / f"a{ending}")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_device_is_refused_at_once(tmp_path, ending):
    (tmp_path / f"a{ending}").symlink_to("/dev/zero")
    with pytest.raises(VolumeError, match="a pipe or a device, not a file"):
        Volume.read(tmp_path / f"a{ending}")


def test_a_pipe_named_as_data_by_a_header_is_refused_at_once(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    os.mkfifo(tmp_path / "data.raw")
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: data.raw\n\n"
    (tmp_path / "a.nhdr").write_text(header)
    with pytest.raises(VolumeError, match="a pipe or a device"):
        Volume.read(tmp_path / "a.nhdr")


@pytest.mark.parametrize("ending", ENDINGS[:-1])
def test_a_folder_given_as_a_file_is_refused(tmp_path, ending):
    (tmp_path / f"a{ending}").mkdir()
    with pytest.raises(VolumeError, match="a folder, not a file"):
        Volume.read(tmp_path / f"a{ending}")


@pytest.mark.parametrize("name", ["x" * 5000 + ".nii", "a\0b.nii"])
def test_a_name_that_no_file_can_have_is_the_users_error(tmp_path, name):
    with pytest.raises(VolumeError, match="cannot be opened"):
        Volume.read(tmp_path / name)


@pytest.mark.parametrize("error", [KeyError("x"), OverflowError("y"), UnicodeDecodeError("utf-8", b"", 0, 1, "z")])
def test_whatever_a_decoder_raises_is_the_files_error(tmp_path, error):
    with pytest.raises(VolumeError, match="a.nii cannot be read") as caught, decoding(tmp_path / "a.nii"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".seg.nrrd"])
def test_a_file_whose_name_is_not_ascii_is_read(tmp_path, ending):
    array = (np.arange(120) % 3).reshape(4, 5, 6).astype(np.uint8)
    Volume(array, Geometry((4, 5, 6), (1, 1, 1), (0, 0, 0), np.eye(3))).write(tmp_path / f"a{ending}")
    (tmp_path / f"a{ending}").rename(tmp_path / f"Schädel 頭{ending}")
    assert np.array_equal(Volume.read(tmp_path / f"Schädel 頭{ending}").array, array)


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha"])
def test_no_mutated_header_ends_in_anything_but_a_volume_or_the_files_error(tmp_path, ending):
    array = (np.arange(120) % 3).reshape(4, 5, 6).astype(np.int16)
    path = tmp_path / f"a{ending}"
    Volume(array, Geometry((4, 5, 6), (1, 2, 3), (0, 0, 0), np.eye(3))).write(path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        content = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 400), 3):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            Volume.read(path)
        except VolumeError:
            refused += 1
    assert refused > 20
