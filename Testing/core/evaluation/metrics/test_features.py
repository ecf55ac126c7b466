"""Feature networks are the ones they say, and nothing else is taken for them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.evaluation.metrics import features, medicalnet
from MedDDPMCore.evaluation.metrics.head_encoder import to_input

IMAGE = np.random.default_rng(0).uniform(-1, 1, (16, 18, 20)).astype(np.float32)


def saved(path, network: torch.nn.Module):
    """As MedicalNet's files are: a checkpoint whose names begin with DataParallel's module."""
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}, "epoch": 3}, path)
    return path


@pytest.mark.parametrize(
    ("depth", "blocks", "bottleneck", "projected"),
    [(10, (1, 1, 1, 1), False, True), (18, (2, 2, 2, 2), False, False), (50, (3, 4, 6, 3), True, True)],
)
def test_medicalnet_has_the_names_and_shapes_of_monais_resnet(depth, blocks, bottleneck, projected):
    resnet = pytest.importorskip("monai.networks.nets.resnet")
    theirs = getattr(resnet, f"resnet{depth}")(
        spatial_dims=3, n_input_channels=1, num_classes=2, shortcut_type="B" if projected else "A",
        bias_downsample=False, feed_forward=False,
    )  # fmt: skip
    with torch.device("meta"):
        ours = medicalnet.MedicalNet(blocks, bottleneck, projected)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


def test_the_first_two_groups_of_medicalnet_are_monais():
    """The last two are dilated in MedicalNet and strided in MONAI."""
    resnet = pytest.importorskip("monai.networks.nets.resnet")
    torch.manual_seed(0)
    theirs = resnet.resnet10(
        spatial_dims=3, n_input_channels=1, num_classes=2, bias_downsample=False, feed_forward=False, conv1_t_stride=2
    ).eval()
    ours = medicalnet.MedicalNet((1, 1, 1, 1), False, True).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        expected = theirs.layer2(theirs.layer1(theirs.maxpool(theirs.act(theirs.bn1(theirs.conv1(x))))))
        found = ours.layer2(ours.layer1(ours.pool(torch.relu(ours.bn1(ours.conv1(x))))))
        third = ours.layer3(found)
    torch.testing.assert_close(found, expected)
    assert third.shape[2:] == found.shape[2:]
    assert ours.layer4[0].conv1.dilation == (4, 4, 4)


def test_medicalnet_is_read_from_its_file_with_its_hash(tmp_path):
    torch.manual_seed(1)
    path = saved(tmp_path / "resnet_10.pth", medicalnet.MedicalNet((1, 1, 1, 1), False, True))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    network = features.load_features(path, digest[:12])
    assert (network.name, network.sha256) == ("MedicalNet ResNet-10", digest)
    assert network.features(IMAGE, (2, 2, 2)).shape == (512,)
    with pytest.raises(EvaluationError, match=digest):
        features.load_features(path, "0" * 64)


def test_what_is_not_medicalnet_is_refused(tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    network = medicalnet.MedicalNet((1, 1, 1, 1), False, True)
    network.bn1 = torch.nn.BatchNorm3d(32)
    wrong = saved(tmp_path / "wrong.pth", network)
    for path, message in (
        (tmp_path / "none.pth", "no file"),
        (tmp_path / "text.pth", "cannot be read"),
        (tmp_path / "other.safetensors", "does not hold a MedicalNet"),
        (wrong, "bn1.weight is missing or of another shape"),
    ):
        with pytest.raises(EvaluationError, match=message):
            features.load_features(path)


def test_without_weights_the_encoder_that_ships_says_that_it_is_not_medicalnet():
    network = features.load_features()
    assert "in-domain" in network.name and "not MedicalNet" in network.name
    found = network.features(IMAGE, (2, 2, 2))
    assert found.shape == (64,) and (found >= 0).all() and found.any()
    assert np.abs(found - network.features(np.roll(IMAGE, 3, 0) * 0.5, (2, 2, 2))).max() > 0


def test_the_encoder_sees_2_mm_whatever_the_spacing():
    assert to_input(IMAGE, (2, 2, 2)).shape == (1, 1, 16, 18, 20)
    assert to_input(IMAGE, (1, 1, 1)).shape == (1, 1, 8, 10, 10)
    assert to_input(IMAGE, (1.5, 1.5, 4)).shape == (1, 1, 32, 14, 16)
    flat = np.full((9, 9, 9), 0.25, np.float32)
    assert to_input(flat, (1, 1, 1))[..., :4, :4, :4].numpy() == pytest.approx(0.25)


def test_equalisation_is_that_of_scikit_image():
    exposure = pytest.importorskip("skimage.exposure")
    head = np.zeros(IMAGE.shape, bool)
    head[3:13, 3:14, 4:16] = True
    image = np.where(head, IMAGE**3, -1).astype(np.float32)
    found = features.equalised(image, head)
    expected = 2 * exposure.equalize_hist(image.astype(np.float64), mask=head) - 1
    assert found[head] == pytest.approx(expected[head], abs=0.01)
    assert (found[~head] == -1).all()
    with pytest.raises(EvaluationError):
        features.equalised(image, np.zeros_like(head))
