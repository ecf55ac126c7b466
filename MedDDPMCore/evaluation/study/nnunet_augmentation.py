"""The data augmentation of nnU-Net, by MONAI's transforms.

Kinds, order, probabilities and ranges follow Isensee et al., "nnU-Net" (Nature Methods 2021), supplementary note 4:
rotation and scaling, noise, blur, brightness, contrast, low resolution, inverted gamma, gamma, and mirroring.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...base.errors import ResourceError

_RANGES = {"rotate_range": (math.pi / 6,) * 3, "scale_range": ((-0.3, 0.4),) * 3}


class NnunetAugmentation:
    """augment(image, mask, seed) -> both, varied; the same for the same seed. ResourceError without MONAI."""

    def __init__(self) -> None:
        try:
            from monai import transforms as t
        except ImportError as error:
            raise ResourceError(
                "The augmentation arm needs MONAI, which is not installed.", "pip install monai"
            ) from error
        both, image = ["image", "mask"], ["image"]
        self.transform = t.Compose(
            [
                t.RandAffined(both, prob=0.36, mode=["bilinear", "nearest"], padding_mode="zeros", **_RANGES),
                t.RandGaussianNoised(image, prob=0.1, std=0.1),
                t.RandGaussianSmoothd(image, (0.5, 1.0), (0.5, 1.0), (0.5, 1.0), prob=0.2),
                t.RandScaleIntensityd(image, factors=0.25, prob=0.15),
                t.RandScaleIntensityFixedMeand(image, factors=0.25, preserve_range=True, prob=0.15),
                t.RandSimulateLowResolutiond(image, prob=0.25, zoom_range=(0.5, 1.0)),
                t.RandAdjustContrastd(image, prob=0.1, gamma=(0.7, 1.5), invert_image=True, retain_stats=True),
                t.RandAdjustContrastd(image, prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
                *(t.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
            ]
        )

    def __call__(self, image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """image (channel, z, y, x) -1 (air) .. 1, mask (1, z, y, x) 0 or 1."""
        self.transform.set_random_state(seed=seed)
        varied = self.transform({"image": image + 1, "mask": mask})
        image, mask = (torch.as_tensor(varied[name]).as_subclass(torch.Tensor).float() for name in ("image", "mask"))
        return (image - 1).clamp(-1, 1), (mask > 0.5).float()
