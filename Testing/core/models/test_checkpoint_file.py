"""Checkpoints made to run code, written by hand: none does."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from MedDDPMCore.base.errors import ModelError, TrainingError
from MedDDPMCore.models.checkpoint_file import read_tensors
from MedDDPMCore.training.stages.checkpoint import load_checkpoint


def _named(module: str, name: str) -> bytes:
    return b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93"


def _called(function: bytes, argument: str) -> bytes:
    return function + b"(\x8c" + bytes([len(argument)]) + argument.encode() + b"tR"


ATTACKS = {
    "GLOBAL": lambda owned: b"\x80\x02" + _called(b"cos\nmkdir\n", owned) + b".",
    "GLOBAL of protocol 0": lambda owned: b"cos\nmkdir\n(S'" + owned.encode() + b"'\ntR.",
    "STACK_GLOBAL": lambda owned: b"\x80\x04" + _called(_named("os", "mkdir"), owned) + b".",
    "STACK_GLOBAL of memorised names": lambda owned: (
        b"\x80\x04\x8c\x02os\x940\x8c\x05mkdir\x940" + _called(b"h\x00h\x01\x93", owned) + b"."
    ),
    "STACK_GLOBAL of a dotted name": lambda owned: (
        b"\x80\x04" + _called(_named("torch", "serialization.os.mkdir"), owned) + b"."
    ),
    "INST": lambda owned: b"(S'" + owned.encode() + b"'\nios\nmkdir\n.",
    "OBJ": lambda owned: b"(cos\nmkdir\nS'" + owned.encode() + b"'\no.",
    "NEWOBJ": lambda owned: b"\x80\x02cpathlib\nPath\n(S'" + owned.encode() + b"'\nt\x81.",
    "eval": lambda owned: b"\x80\x02" + _called(b"cbuiltins\neval\n", f"__import__('os').mkdir({owned!r})") + b".",
    "getattr": lambda owned: (
        b"\x80\x04"
        + _called(_named("builtins", "getattr") + b"(" + _named("posixpath", "os") + b"\x8c\x05mkdirtR", owned)
        + b"."
    ),
    "EXT1": lambda owned: b"\x80\x02" + _called(b"\x82\x01", owned) + b".",
    "an allowed class with a state": lambda owned: (
        b"\x80\x02ccollections\nOrderedDict\n)R}(X\x0a\x00\x00\x00__reduce__cos\nmkdir\nub."
    ),
    "a storage that is named by code": lambda owned: b"\x80\x02" + _called(b"cos\nmkdir\n", owned) + b"Q.",
    "torch's own loader": lambda owned: b"\x80\x02" + _called(b"ctorch.hub\nload_state_dict_from_url\n", owned) + b".",
}
"""Pickles written by hand, that make a folder if anything of them is run."""


def checkpoint_of(path: Path, pickled: bytes) -> Path:
    """A file as torch.save writes it, with this pickle in the place of its own."""
    content = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, content)
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, pickled if entry.filename.endswith("/data.pkl") else old.read(entry))
    return path


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_pickle_written_by_hand_runs_code(tmp_path, kind):
    owned = tmp_path / "owned"
    path = checkpoint_of(tmp_path / "model.pt", ATTACKS[kind](str(owned)))
    with pytest.raises(ModelError):
        read_tensors(path)
    with pytest.raises(TrainingError):
        load_checkpoint(path)
    assert not owned.exists()


@pytest.mark.parametrize("kind", ["GLOBAL", "GLOBAL of protocol 0", "STACK_GLOBAL", "INST", "OBJ", "eval", "getattr"])
def test_pickles_written_by_hand_would_run_where_nothing_stops_them(tmp_path, kind):
    with contextlib.suppress(Exception):
        pickle.loads(ATTACKS[kind](str(tmp_path / "owned")))
    assert (tmp_path / "owned").exists()


def test_a_zip_file_of_several_disks_is_refused(tmp_path):
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, 0, 2)
    (tmp_path / "model.pt").write_bytes(locator + b"PK\x05\x06" + bytes(18))
    with pytest.raises(ModelError, match="cannot be read as a PyTorch checkpoint"):
        read_tensors(tmp_path / "model.pt")
