"""What must hold on a CUDA GPU; skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from acceleration import accelerated
from phantoms import box, head
from published_networks import draw, fill
from small_models import write_model

from MedDDPMCore.models.bundle import load_atlas
from MedDDPMCore.models.catalogue import find_model
from MedDDPMCore.networks.group_norm import GroupNormSiLU
from MedDDPMCore.networks.unet import UNet
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.training.stages.optimizers import make_optimizer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU, which is not here")


@pytest.fixture
def mask():
    return head(box((5, 6, 7), (190, 230, 220)))


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "small", kinds=("haar", "haar_detail"))


def test_the_gpus_image_is_the_cpus(folder, mask):
    cpu, gpu = (load_model(folder, d, "float32").synthesize(mask)[0].volumes["T1"].array for d in ("cpu", "cuda:0"))
    np.testing.assert_allclose(gpu, cpu, atol=5e-3)


def test_half_precision_and_batches_stay_near(folder, mask):
    exact = load_model(folder, "cuda:0", "float32").synthesize(mask, seed=1)[0].volumes["T1"].array
    model = load_model(folder, "cuda:0")
    alone = model.synthesize(mask, seed=1)[0].volumes["T1"].array
    together = model.synthesize(mask, samples=2, batch_size=2)[1].volumes["T1"].array
    for found in (alone, together):
        assert np.linalg.norm(found - exact) / np.linalg.norm(exact + 1) < 0.05


def test_a_step_makes_the_host_wait_for_nothing(folder, mask, monkeypatch):
    model = load_model(folder, "cuda:0")
    monkeypatch.setattr("MedDDPMCore.synthesis.walk._GpuQueue.wait", lambda _: None)
    walk = model.steps(mask, sampler="ddpm", steps=6)
    next(walk)
    next(walk)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            next(walk)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_atlas_is_bent_as_on_the_cpu_and_the_host_waits_for_nothing():
    atlas, mask = load_atlas(find_model("default")), torch.zeros(128, 128, 96)
    mask[10:120, 15:115, 10:85] = 1
    there, on_gpu = atlas.to("cuda"), mask.to("cuda")
    there.onto(on_gpu)
    torch.cuda.set_sync_debug_mode("error")
    try:
        bent = there.onto(on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.allclose(bent.cpu(), atlas.onto(mask), atol=5e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_norm_over_rows_has_the_output_and_gradients_of_torchs(dtype):
    x = (draw("rows", (2, 8, 4, 6, 2)) + 1).to("cuda", dtype).to(memory_format=torch.channels_last_3d)
    norm = GroupNormSiLU(4, 8).cuda()
    pull = draw("pull", x.shape).cuda()
    results = []
    for image, function in (
        (x.clone(), norm),
        (x.float(), lambda v: torch.nn.functional.silu(torch.nn.GroupNorm.forward(norm, v))),
    ):
        output = function(image.requires_grad_())
        results.append([output, *torch.autograd.grad((output * pull).sum(), [image, norm.weight, norm.bias])])
    for ours, theirs in zip(*results, strict=True):
        assert float((ours.float() - theirs).norm() / theirs.norm()) < (1e-4 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize("how", ["graph", "compile"])
def test_an_accelerated_network_gives_the_same_output(how):
    network = UNet(3, 1, 8, (1, 2), attention_factors=(2,), groups=4).requires_grad_(False).cuda()
    fill(network)
    x, t = draw("fast", (1, 3, 8, 8, 8)).cuda(), torch.tensor([11]).cuda()
    with torch.inference_mode():
        wanted, fast = network(x, t), accelerated(network, how)
        for _ in range(2):
            torch.testing.assert_close(fast(x, t), wanted, rtol=1e-3, atol=1e-4)
        other = torch.tensor([200]).cuda()
        torch.testing.assert_close(fast(x, other), network(x, other), rtol=1e-3, atol=1e-4)


def test_a_step_of_muon_is_the_cpus():
    steps = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        layer = torch.nn.Conv3d(6, 4, 3).to(device)
        before = layer.weight.detach().cpu()
        layer.weight.grad, layer.bias.grad = (draw(n, p.shape).to(device) for n, p in layer.named_parameters())
        make_optimizer("muon", layer, 0.1).step()
        steps.append(layer.weight.detach().cpu() - before)
    assert float((steps[1] - steps[0]).norm() / steps[0].norm()) < 0.05, "it rounds to bfloat16 where that is fast"
