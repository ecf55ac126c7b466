"""Sampling with part of the image given."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.diffusion.known_region import KnownRegion
from MedDDPMCore.diffusion.samplers import SAMPLERS
from MedDDPMCore.diffusion.schedule import Schedule

SHAPE = (8, 8, 8)


def known_region(rounds: int = 1) -> KnownRegion:
    image = torch.rand((1, 1, *SHAPE), generator=torch.Generator().manual_seed(1)) - 0.5
    unknown = torch.zeros((1, 1, *SHAPE))
    unknown[..., 2:6, 2:6, 2:6] = 1
    return KnownRegion(image, unknown, rounds)


@pytest.mark.parametrize("kind", ["voxels", "haar"])
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_every_sampler_ends_with_the_known_part_and_makes_the_rest(kind, sampler):
    known, domain = known_region(), Domain(kind)
    guide = known.guide(lambda x, _: x * 0, domain, 50, None, None)
    x = torch.randn((1, *domain.x_shape(SHAPE)), generator=torch.Generator().manual_seed(2))
    *_, step = sampler(guide, x, Schedule.cosine(50), 5)
    image, made = domain.decode(step.x0), known.unknown > 0
    torch.testing.assert_close(image[~made], known.image[~made])
    assert image[made].abs().max() < 1e-5


def test_what_the_denoiser_made_of_the_known_part_is_kept_beside_what_is_known():
    known, domain = known_region(), Domain("voxels")
    guide = known.guide(lambda x, _: x * 0 + 0.25, domain, 50, None, None)
    assert guide.latest is None
    x0 = guide(torch.zeros((1, 1, *SHAPE)), torch.tensor([3]))
    assert (guide.latest == 0.25).all()
    assert torch.equal(x0, torch.where(known.unknown > 0, guide.latest, known.image))


class ReadValues(TorchDispatchMode):
    """Counts how often a tensor's value is read into Python: on a GPU each of these waits for all that is queued."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ARG002
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_step_reads_no_tensors_value(rounds):
    guide = known_region(rounds).guide(lambda x, _: x * 0, Domain("haar"), 50, None, torch.Generator().manual_seed(1))
    x, t = torch.zeros((1, *Domain("haar").x_shape(SHAPE))), torch.tensor([3])
    with ReadValues() as read:
        guide(x, t)
        assert read.count == 0
        int(t[0])
        assert read.count == 1


def test_the_denoiser_sees_the_known_image_at_the_noise_of_its_step():
    known, seen = known_region(), []

    def denoise(x, t):
        seen.append((int(t[0]), x.clone()))
        return x * 0

    schedule = Schedule.cosine(1000)
    guide = known.guide(denoise, Domain("voxels"), 1000, None, None)
    x = torch.randn((1, 1, *SHAPE), generator=torch.Generator().manual_seed(3))
    for _ in SAMPLERS["ddpm"](guide, x, schedule, 60, torch.Generator().manual_seed(4)):
        pass
    outside = known.unknown == 0
    for t, x in seen[20::10]:
        noise = (x - float(schedule.alphas[t]) * known.image)[outside]
        assert float(noise.std()) == pytest.approx(float(schedule.sigmas[t]), rel=0.2, abs=0.02)


def test_more_rounds_call_the_denoiser_as_often_more_and_part_is_a_window():
    known, calls = known_region(3), []
    guide = known.guide(lambda x, t: calls.append(int(t[0])) or x * 0, Domain("voxels"), 50, None, None)
    for _ in SAMPLERS["ddim"](guide, torch.randn((1, 1, *SHAPE)), Schedule.cosine(50), 2):
        pass
    assert len(calls) == 6 and len(set(calls)) == 2
    part = known.part((slice(2, 6), slice(0, 8), slice(0, 4)))
    assert part.image.shape == part.unknown.shape == (1, 1, 4, 8, 4) and part.rounds == 3
