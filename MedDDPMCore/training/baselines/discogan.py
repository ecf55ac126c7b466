"""DiscoGAN in 3D (Kim et al. 2017): two generators, mask to image and image to mask, each undone by the other.

Each domain has a discriminator. What both generators make of a mask or an image one after the other is held to the
start (mean squared error, Kim et al., eq. 1-7). Kim et al. train on unpaired images; here every mask has its image, so
an L1 loss on the pairs is added, as comparisons of paired data do.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ...models.spec import ModelSpec
from ...networks.translation import Discriminator, Generator
from .adversarial_run import IMAGE_WEIGHT, AdversarialRun, judged_made, judged_real
from .pix2pix import spec_width


class DiscoGANRun(AdversarialRun):
    """The training of a DiscoGAN model."""

    def other_networks(self, spec: ModelSpec) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
        """The way back, and a discriminator for each domain."""
        labels, modalities = len(spec.labels.channels), len(spec.modalities)
        back = Generator(modalities, labels, False, **spec.stages[0].network)
        width, groups = spec_width(spec)
        judges: dict[str, nn.Module] = {
            "image": Discriminator(modalities, width, groups),
            "mask": Discriminator(labels, width, groups),
        }
        return {"mask": back}, judges

    def make(self, images: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Each mask's image and each image's mask, and both led back; masks are in -1..1."""
        to_image, to_mask = self.generators["image"], self.generators["mask"]
        image, mask = to_image(labels), to_mask(images)
        return {
            "image": image,
            "mask": mask,
            "mask again": to_mask(image),
            "image again": to_image(self._in_scheme(mask)),
        }

    def discriminator_losses(self, images: Tensor, labels: Tensor, made: dict[str, Tensor]) -> list[Tensor]:
        """Real and made told apart in both domains."""
        losses = []
        for name, real in (("image", images), ("mask", self._scaled(labels))):
            judge = self.discriminators[name]
            losses += [0.5 * judged_real(judge(real)), 0.5 * judged_made(judge(made[name]))]
        return losses

    def generator_losses(self, images: Tensor, labels: Tensor, made: dict[str, Tensor]) -> list[Tensor]:
        """Both discriminators are deceived, both ways lead back to the start, and pairs are near each other."""
        masks = self._scaled(labels)
        near, _ = self.image_loss(made["image"], images, labels)
        _, again = self.image_loss(made["image again"], images, labels)
        return [
            judged_real(self.discriminators["image"](made["image"])),
            judged_real(self.discriminators["mask"](made["mask"])),
            IMAGE_WEIGHT * again,
            IMAGE_WEIGHT * F.mse_loss(made["mask again"].float(), masks),
            IMAGE_WEIGHT * near,
            IMAGE_WEIGHT * F.l1_loss(made["mask"].float(), masks),
        ]

    def _scaled(self, labels: Tensor) -> Tensor:
        """Label channels from the scheme's range to -1..1."""
        low, high = self.scheme.low, self.scheme.high
        return (labels - low) * (2 / (high - low)) - 1

    def _in_scheme(self, masks: Tensor) -> Tensor:
        """The inverse of `_scaled`."""
        low, high = self.scheme.low, self.scheme.high
        return (masks + 1) * ((high - low) / 2) + low
