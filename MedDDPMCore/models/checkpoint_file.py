"""Tensors out of a checkpoint file that may be hostile or damaged: no code in it is run, nothing it merely claims is
allocated."""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import ModelError
from ..base.shortage import memory_explained
from .bundle import read_safetensors

_PLAIN_PICKLE = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_(tensor_v2|parameter)"
    r"|torch\.([A-Z]\w+Storage|Size)|torch\.storage\.(Typed|Untyped)Storage"
)
_MOST_NESTING = 4


def read_tensors(path: Path) -> tuple[dict[str, Tensor], int | None]:
    """The tensors of a file that torch.save (1.6 or later) or safetensors wrote, and the training step it states.

    Names of nested dictionaries are joined by dots, without DataParallel's `module`. Raises ModelError.
    """
    if not path.is_file():
        raise ModelError(f"There is no file {path}.")
    data = _unpickled(path) if _is_zip(path) else _plain(path)
    tensors = _flat(data)
    step = data.get("step") if isinstance(data, dict) else None
    return tensors, step if type(step) is int else None


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # it is one, of a damaged directory
        return True


def _plain(path: Path) -> dict[str, Tensor]:
    try:
        return read_safetensors(path)
    except ModelError as error:
        raise ModelError(
            f"{path} is neither a PyTorch checkpoint nor a safetensors file, or it is cut short: {error.message}",
            "Download it again. A file written by PyTorch before 1.6 must be saved anew with a later one.",
        ) from error


def _unpickled(path: Path) -> object:
    """What torch.save wrote. A file that holds more than tensors in plain containers is refused before it is read."""
    try:
        _refuse_code(require_archive(path), path)
        with memory_explained():
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
    except DAMAGE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path} cannot be read as a PyTorch checkpoint: {reason[:200]}.", "Download it again."
        ) from error


def require_archive(path: Path) -> bytes:
    """The pickle in a zip file as torch.save writes it: nothing in it is packed, so nothing can claim to be larger than
    it is. ModelError for any other."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
        compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if len(pickles) != 1 or compressed or sum(e.file_size for e in entries) > path.stat().st_size:
            raise ModelError(f"{path} is a zip file, but not one that PyTorch wrote.")
        return archive.read(pickles[0])


DAMAGE = (
    OSError, RuntimeError, ValueError, TypeError, LookupError, EOFError, AttributeError, AssertionError, OverflowError,
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError,
)  # fmt: skip
"""What the readers of zip files and pickles raise for bytes that make no sense."""


def _refuse_code(pickled: bytes, path: Path) -> None:
    for opcode, argument, _ in pickletools.genops(pickled):
        named = argument.replace(" ", ".") if isinstance(argument, str) else "an object of computed name"
        if opcode.name in ("GLOBAL", "INST", "STACK_GLOBAL") and not _PLAIN_PICKLE.fullmatch(named):
            raise ModelError(
                f"{path} holds {named[:80]}, which is no part of a plain checkpoint.",
                "It might run code: get the checkpoint from its authors.",
            )


def _flat(data: object, prefix: str = "", depth: int = _MOST_NESTING) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, value in data.items() if isinstance(data, dict) else ():
        full = re.sub(r"(^|\.)module\.", r"\1", f"{prefix}{name}")
        if isinstance(value, Tensor):
            tensors[full] = value
        elif depth:
            tensors.update(_flat(value, f"{full}.", depth - 1))
    return tensors
