"""The optimisers: what a step of Muon is, and that a run with it resumes as if it had never stopped."""

from __future__ import annotations

import pytest
import torch

from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.training.stages.checkpoint import load_checkpoint
from MedDDPMCore.training.stages.optimizers import make_optimizer
from MedDDPMCore.training.train import RunOptions, train_stage


def convolution_with_gradients() -> torch.nn.Conv3d:
    torch.manual_seed(0)
    layer = torch.nn.Conv3d(6, 4, 3).to(memory_format=torch.channels_last_3d)
    layer(torch.randn(2, 6, 5, 5, 5)).square().mean().backward()
    return layer


def test_a_first_step_of_muon_is_along_the_orthogonal_factor_of_the_gradient():
    layer = convolution_with_gradients()
    before, gradient = layer.weight.detach().clone(), layer.weight.grad.flatten(1)
    make_optimizer("muon", layer, 0.1).step()
    step = (before - layer.weight.detach()).flatten(1) / (0.1 * 0.2 * (6 * 27) ** 0.5)
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    values = torch.linalg.svdvals(step)
    assert values.min() > 0.6 and values.max() < 1.3, "its Newton-Schulz steps reach 1 only roughly"
    assert torch.trace(left.T @ step @ right.T) > 0.97 * values.sum()


def test_muon_moves_biases_by_adam():
    layer, other = convolution_with_gradients(), convolution_with_gradients()
    make_optimizer("muon", layer, 0.1).step()
    make_optimizer("adam", other, 0.1).step()
    assert torch.equal(layer.bias, other.bias) and not torch.equal(layer.weight, other.weight)


def test_forgotten_gradients_move_nothing_more_than_momentum_does():
    layer = convolution_with_gradients()
    optimizer = make_optimizer("muon", layer, 0.1)
    optimizer.zero_grad(set_to_none=False)
    before = layer.weight.detach().clone()
    optimizer.step()
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_training_that_resumes_ends_with_the_weights_of_training_that_never_stopped(optimizer, config, data, tmp_path):
    wanted = config(optimizer=optimizer, steps=4, learning_rate=1e-3)
    for run, stops in (("whole", [None]), ("parts", [1, 2, None])):
        (tmp_path / run).mkdir()
        for stop in stops:
            options = RunOptions(device="cpu", validate_every=100, sample_every=100, threads=1, stop_after=stop)
            train_stage(wanted, 0, data, tmp_path / run, options, lambda entry: None)
    whole, parts = (load_checkpoint(tmp_path / run / "stage-0.pt")["network"] for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon to compare with")
def test_steps_of_muon_are_torchs_own_but_for_its_rounding_to_bfloat16():
    layer = convolution_with_gradients()
    before = layer.weight.detach().flatten(1).clone()
    matrix = before.clone()
    ours = make_optimizer("muon", layer, 0.01)
    theirs = torch.optim.Muon([matrix], lr=0.01, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    for gradient in torch.randn(3, 4, 6 * 27):
        layer.weight.grad.copy_(gradient.view_as(layer.weight))
        matrix.grad = gradient
        ours.step()
        theirs.step()
    moved = matrix - before
    assert float((layer.weight.detach().flatten(1) - matrix).norm() / moved.norm()) < 0.05


def test_an_unknown_optimizer_is_refused_by_name(config):
    with pytest.raises(TrainingError, match=r"training\[0\].optimizer must be one of adam, muon"):
        config(optimizer="sgd")
