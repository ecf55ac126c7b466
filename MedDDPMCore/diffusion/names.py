"""What files call the things of this folder: apart from them, so that a model is described without torch."""

from __future__ import annotations

DOMAINS = ("voxels", "haar", "haar_detail")
PREDICTIONS = ("noise", "v", "x0")
LOSSES = ("l1", "l2")
SAMPLERS = ("dpmpp_2m", "dpmpp_2m_sde", "ddim", "ddpm")
