"""The images of a folder, one at a time brought to one grid and intensity scale, and kept on disk with their features.

A prepared image is stored under the sha256 of its file, so that an evaluation that was killed goes on where it was, and
memory holds a few images however many there are.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import EvaluationError, MedDDPMError
from ...base.files import make_folder, replacing, sha256_of
from ...base.reading import read_arrays
from ...synthesis.output import stem
from ...volumes.grid import ModelGrid
from ...volumes.volume import Volume
from .features import FeatureNetwork, equalised
from .standard_head import find_images, standard_head


@dataclass(frozen=True)
class ImageFile:
    """One image: its path, its name without suffix and ending, and the sha256 of the file."""

    path: Path
    name: str
    sha256: str


def list_images(folder: str | Path, suffix: str = "") -> list[ImageFile]:
    """The images of a folder and those below it (see `standard_head.find_images`), sorted by path.

    suffix: what names end with before their ending, such as _T1. EvaluationError where there is no folder, or where it
    holds fewer than two images.
    """
    paths = find_images(folder, suffix)
    if len(paths) < 2:
        raise EvaluationError(f"{folder} holds one image, {paths[0].name}; an evaluation needs two or more.")
    return [ImageFile(path, stem(path).removesuffix(suffix), sha256_of(path)) for path in paths]


def prepare_image(path: Path, grid: ModelGrid) -> tuple[np.ndarray, np.ndarray]:
    """An image file as a standard head: float32 (z, y, x) in -1..1 on the grid, and the head, bool.

    EvaluationError naming the file, and what is wrong with it; NaN and infinities are wrong here.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "(?s).*NaN or infinite", UserWarning)
            standard = standard_head(Volume.read(path), grid)
    except (MedDDPMError, UserWarning) as error:
        reason = str(error).replace("; they are set to the image's minimum", "")
        raise EvaluationError(
            f"{path.name} cannot be evaluated: {reason}", "Repair it or take it out of the folder, and start again."
        ) from error
    return standard.image, standard.head


class ImageCache:
    """Prepared images, and their features, in two folders with one file an image, each written whole or not at all."""

    def __init__(self, folder: Path, grid: ModelGrid, network: FeatureNetwork):
        self.grid, self.network = grid, network
        described = {"version": 1, "grid": grid.to_dict()}
        self.images = folder / f"images-{settings_key(described)}"
        self.feature_folder = folder / f"features-{settings_key({**described, 'network': network.sha256})}"
        for made in (self.images, self.feature_folder):
            make_folder(made)

    def add(self, file: ImageFile) -> None:
        """Prepares an image and computes its features, unless they are there."""
        image_path, features_path = self._paths(file)
        if not image_path.exists():
            image, head = prepare_image(file.path, self.grid)
            save_arrays(image_path, {"image": image.astype(np.float16), "head": np.packbits(head)})
        if not features_path.exists():
            image = self.image(file)
            packed = load_array(image_path, "head")
            head = np.unpackbits(packed, count=image.size).reshape(image.shape).astype(bool)
            spacing = self.grid.spacing
            features = self.network.features(image, spacing)
            save_arrays(
                features_path,
                {"features": features, "equalised": self.network.features(equalised(image, head), spacing)},
            )

    def image(self, file: ImageFile) -> np.ndarray:
        """The prepared image (z, y, x), float32."""
        return load_array(self._paths(file)[0], "image").astype(np.float32)

    def features(self, files: list[ImageFile], name: str = "features") -> np.ndarray:
        """The features (images, features) of all files; name: "features" or "equalised"."""
        return np.stack([load_array(self._paths(file)[1], name) for file in files])

    def _paths(self, file: ImageFile) -> tuple[Path, Path]:
        return self.images / f"{file.sha256}.npz", self.feature_folder / f"{file.sha256}.npz"


def settings_key(settings: dict) -> str:
    """A short hash of plain values, for the name of the folder of what was made by them."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def load_array(path: Path, name: str) -> np.ndarray:
    """One array of a file that `save_arrays` wrote; EvaluationError where it is damaged."""
    try:
        return read_arrays(path)[name]
    except (OSError, ValueError, KeyError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}.", "Delete it: it is made again.") from error


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays as .npz, whole or not at all. ResourceError on a full disk."""
    with replacing(path, durable=False) as part, open(part, "wb") as stream:
        named: dict[str, Any] = dict(arrays)
        np.savez(stream, **named)


class PairValues:
    """Values of pairs of images, in a file that each is appended to as it is known."""

    def __init__(self, path: Path):
        self.path = path
        self.known: dict[tuple[str, str], tuple[float, float]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self.known[entry["first"], entry["second"]] = float(entry["ms_ssim"]), float(entry["mse"])
                except (ValueError, KeyError, TypeError):
                    continue  # the last line of a killed run

    def add(self, key: tuple[str, str], similarity: float, error: float) -> None:
        """Appends a pair's MS-SSIM and MSE; key: the files' sha256."""
        self.known[key] = similarity, error
        entry = {"first": key[0], "second": key[1], "ms_ssim": similarity, "mse": error}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(entry))
