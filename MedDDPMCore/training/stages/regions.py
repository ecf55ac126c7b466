"""Where in what is diffused lesion and brain lie: what the loss counts more, and the validation reports apart."""

from __future__ import annotations

from torch import Tensor

from ...diffusion.domain import shrink
from ...volumes.labels import LabelScheme
from .config import StageTraining


def lesions_and_brain(scheme: LabelScheme, labels: Tensor, brain: Tensor | None, block: int) -> tuple[Tensor, Tensor]:
    """Whether an element of what is diffused covers a voxel of a lesion, or else one of the brain.

    labels (batch, channel, z, y, x), the scheme's channels first, and brain (batch, 1, z, y, x) bool, None for none, as
    drawn; block: voxels along one axis that an element covers. Both results are (batch, 1, z, y, x)
    bool, and never both true.
    """
    marked = labels[:, scheme.lesion_channels] == scheme.high
    lesion = shrink(marked.any(dim=1, keepdim=True).float(), block) > 0
    return lesion, (lesion & False) if brain is None else (shrink(brain.float(), block) > 0) & ~lesion


def loss_weights(
    training: StageTraining, scheme: LabelScheme, labels: Tensor, brain: Tensor | None, block: int
) -> Tensor:
    """(batch, 1, z, y, x): lesion_weight in lesions, brain_weight in the brain beside them, 1 elsewhere."""
    lesion, beside = lesions_and_brain(scheme, labels, brain, block)
    return 1 + lesion * (training.lesion_weight - 1.0) + beside * (training.brain_weight - 1.0)
