"""Files of text, JSON and arrays that are damaged, hostile or no files."""

import io
import os
import zipfile

import numpy as np
import pytest

from MedDDPMCore.base.reading import map_array, read_arrays, read_json, read_text


@pytest.mark.posix
@pytest.mark.parametrize("read", [read_text, read_json, map_array, read_arrays])
def test_a_pipe_a_device_and_a_folder_are_refused_at_once(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(ValueError, match="pipe|folder"):
            read(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "{", "", "\x00"])
def test_json_that_no_parser_takes_is_a_value_error(text, tmp_path):
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(ValueError):
        read_json(tmp_path / "file.json")


def header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117) + b"\n"


@pytest.mark.parametrize(
    "content", [b"", header((1 << 42,)), header((5,), "|O") + b"x" * 99, header((2, -3)), b"x" * 99]
)
def test_arrays_that_are_not_what_they_claim_are_refused_before_memory_is_asked_for(content, tmp_path):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError):
        map_array(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError):
        read_arrays(tmp_path / "a.npz")


def test_what_numpy_writes_is_read_as_numpy_reads_it(tmp_path):
    arrays = {
        "a": np.arange(24.0).reshape(2, 3, 4),
        "b": np.asfortranarray(np.eye(3, dtype=np.uint8)),
        "c": np.array(5),
    }
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, **arrays)
        (tmp_path / "a.npz").write_bytes(stream.getvalue())
        found = read_arrays(tmp_path / "a.npz")
        assert found.keys() == arrays.keys()
        assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
