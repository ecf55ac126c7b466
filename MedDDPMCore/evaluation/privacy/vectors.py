"""What heads are compared by, one image at a time, and kept on disk: vectors of the image and of its features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...anatomy.deface import find_nasion
from ...anatomy.head import head_mask
from ...base.errors import MedDDPMError, VolumeError
from ...base.files import make_folder, sha256_of
from ...volumes.grid import ModelGrid
from ...volumes.volume import Volume
from ..metrics.features import FeatureNetwork
from ..metrics.images import load_array, save_arrays, settings_key
from ..metrics.standard_head import StandardHead, standard_head
from .alignment import Aligner

SPACES = ("image", "features")
FACE = "face"


@dataclass(frozen=True)
class Spaces:
    """Brings images to what they are compared by. network: of the features, which see the image on `grid`."""

    grid: ModelGrid
    aligner: Aligner
    network: FeatureNetwork

    @property
    def key(self) -> str:
        """Of everything that decides the vectors of an image."""
        described = {"version": 1, "grid": self.grid.to_dict(), "features": self.network.sha256}
        for name in ("reference", "region"):
            described[name] = hashlib.sha256(np.ascontiguousarray(getattr(self.aligner, name)).tobytes()).hexdigest()
        return settings_key(described)

    def vectors(self, path: Path) -> dict[str, np.ndarray]:
        """An image file's SPACES, each (2, d) float32 of the head and of its mirror image, and whether a face is seen.

        "image" holds unit vectors of mean 0, "features" what the network says. An error names the file.
        """
        try:
            volume = Volume.read(path)
            mask = head_mask(volume)
            head = standard_head(volume, self.grid, mask)
            small = standard_head(volume, self.aligner.grid, mask)
        except MedDDPMError as error:
            raise type(error)(f"{path.name}: {error.message}", error.hint) from error
        image = np.stack(self.aligner.vectors(self.aligner.align(small)))
        features = np.stack([self.network.features(side, self.grid.spacing) for side in _both_sides(head, self.grid)])
        face = has_face(Volume(small.head.astype(np.uint8), small.geometry))
        return {"image": image, "features": features, FACE: np.array(face)}


class VectorCache:
    """The vectors of images, in a folder with one file an image, each written whole or not at all: what is there from
    an earlier call is used. 0.3 MB an image at 4 mm."""

    def __init__(self, folder: Path, spaces: Spaces):
        self.spaces, self.folder = spaces, make_folder(folder / spaces.key)

    def add(self, path: Path) -> Path:
        """Computes an image's vectors, unless they are there; returns their file."""
        made = self.folder / f"{sha256_of(path)}.npz"
        if not made.exists():
            save_arrays(made, self.spaces.vectors(path))
        return made

    def gather(self, files: Sequence[Path], space: str, scratch: Path) -> np.ndarray:
        """The vectors of one space (2, n, d), as an array on disk in the new file `scratch`."""
        first = load_array(files[0], space)
        gathered = np.memmap(scratch, np.float32, "w+", shape=(2, len(files), first.shape[1]))
        for number, file in enumerate(files):
            gathered[:, number] = load_array(file, space)
        return gathered


def has_face(head_mask: Volume) -> bool:
    """Whether the profile of a head mask shows the bridge of a nose."""
    try:
        find_nasion(head_mask)
    except VolumeError:
        return False
    return True


def _both_sides(head: StandardHead, grid: ModelGrid) -> tuple[np.ndarray, np.ndarray]:
    axis = next(axis for axis, letter in enumerate(grid.axes) if letter in "LR")
    return head.image, np.ascontiguousarray(np.flip(head.image, 2 - axis))
