"""Pix2Pix in 3D (Isola et al. 2017): a U-Net generator G(z, mask) and a discriminator that sees mask and image.

The losses are L1, mean squared and adversarial. The noise z is a channel beside the mask's instead of dropout, so that
one seed always gives one image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...models.spec import ModelSpec
from ...networks.translation import Discriminator
from .adversarial_run import IMAGE_WEIGHT, AdversarialRun, judged_made, judged_real


class Pix2PixRun(AdversarialRun):
    """The training of a Pix2Pix model."""

    def other_networks(self, spec: ModelSpec) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
        """One discriminator, of mask and image together."""
        width, groups = spec_width(spec)
        channels = len(spec.labels.channels) + len(spec.modalities)
        return {}, {"pair": Discriminator(channels, width, groups)}

    def make(self, images: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """The image of each mask."""
        return {"image": self.generators["image"](torch.cat([noise, labels], dim=1))}

    def discriminator_losses(self, images: Tensor, labels: Tensor, made: dict[str, Tensor]) -> list[Tensor]:
        """Real and made pairs told apart; halved, as in sec. 3.3."""
        judge = self.discriminators["pair"]
        real, fake = (torch.cat([labels, image], dim=1) for image in (images, made["image"]))
        return [0.5 * judged_real(judge(real)), 0.5 * judged_made(judge(fake))]

    def generator_losses(self, images: Tensor, labels: Tensor, made: dict[str, Tensor]) -> list[Tensor]:
        """The discriminator is deceived, and the image is near the real one."""
        logits = self.discriminators["pair"](torch.cat([labels, made["image"]], dim=1))
        near = self.image_loss(made["image"], images, labels)
        return [judged_real(logits), *(IMAGE_WEIGHT * loss for loss in near)]


def spec_width(spec: ModelSpec) -> tuple[int, int]:
    """Base width and norm groups of a baseline's discriminators: those of its generator."""
    network = spec.stages[0].network
    return network.get("base_channels", 64), network.get("groups", 8)
