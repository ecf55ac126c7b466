"""Feature networks: what Fréchet distance and MMD compare images by. Which one was used is part of every result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...base.errors import EvaluationError
from ...base.files import sha256_of
from ...base.resources import resource
from ...base.shortage import memory_explained
from . import head_encoder, medicalnet

HEAD_ENCODER = resource("features") / "head_encoder.safetensors"
HEAD_ENCODER_NAME = "in-domain head encoder (64 features, trained on 140 IXI T1 heads at 2 mm; not MedicalNet)"
BINS = 256


@dataclass(frozen=True)
class FeatureNetwork:
    """A named network with the sha256 of its weights' file; to_input: image, spacing -> (1, 1, z, y, x)."""

    name: str
    sha256: str
    module: nn.Module
    to_input: Callable[[np.ndarray, tuple[float, float, float]], Tensor]
    device: torch.device

    def features(self, image: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
        """An image (z, y, x) in -1..1, spacing (x, y, z) mm -> float32 (features,)."""
        with torch.inference_mode():
            features = self.module(self.to_input(image, spacing).to(self.device))[0].float().cpu().numpy()
        if not np.isfinite(features).all():
            raise EvaluationError(f"{self.name} gives features that are not finite.")
        return features


def load_features(
    weights: str | Path | None = None, sha256: str | None = None, device: torch.device | str = "cpu"
) -> FeatureNetwork:
    """MedicalNet from its weights' file, or with None the in-domain encoder that ships with the project.

    sha256: what the file's hash must be (its beginning will do); another one is refused by EvaluationError, as are a
    missing file and weights of another network.
    """
    path = Path(weights) if weights is not None else HEAD_ENCODER
    if not path.is_file():
        raise EvaluationError(f"There is no file of feature weights {path}.", "Name another, or none.")
    digest = sha256_of(path)
    if sha256 and not digest.startswith(sha256.lower()):
        raise EvaluationError(f"{path} has the sha256 {digest}, not {sha256}.", "Download it again.")
    if weights is None:
        module, name, to_input = _head_encoder(path), HEAD_ENCODER_NAME, head_encoder.to_input
    else:
        module, name = medicalnet.read_medicalnet(path)
        to_input = medicalnet.to_input
    return FeatureNetwork(name, digest, module.to(device), to_input, torch.device(device))


def equalised(image: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Histogram equalisation of an image (z, y, x) within the head (z, y, x) bool: 256 bins, to 0..1 and so to -1..1.

    Outside the head is air, -1. The same as scikit-image's equalize_hist with a mask.
    """
    if not head.any():
        raise EvaluationError("An image without a head cannot be equalised.")
    inside = image[head].astype(np.float64)
    counts, edges = np.histogram(inside, BINS)
    share = np.cumsum(counts) / counts.sum()
    result = np.full(image.shape, -1, np.float32)
    result[head] = 2 * np.interp(inside, (edges[:-1] + edges[1:]) / 2, share) - 1
    return result


def _head_encoder(path: Path) -> nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = head_encoder.HeadEncoder()
    try:
        with memory_explained():
            state = {name: value.float() for name, value in load_file(path).items()}
        missing, unexpected = network.load_state_dict(state, strict=False)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise EvaluationError(f"{path} cannot be read as the head encoder: {error}.", "Install again.") from error
    if unexpected or [name for name in missing if not name.endswith("num_batches_tracked")]:
        raise EvaluationError(f"{path} does not hold the head encoder.", "Install the project again.")
    return network.eval()
