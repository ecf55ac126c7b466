"""Whatever writes a folder refuses one that another process is writing, says who that is, and changes nothing in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from phantoms import box, head
from published_networks import fill
from small_models import write_model
from small_training import config_values, write_data

from MedDDPMCore.cli import main
from MedDDPMCore.networks.unet import UNet

HOLD = """
import sys
from MedDDPMCore.base.files import only_writer
with only_writer(sys.argv[1]):
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process holds."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "held")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield tmp_path / "held", process.pid
        process.kill()


def training(folder: Path) -> list[str]:
    (folder / "config.json").write_text(json.dumps(config_values(steps=1)))
    return ["train", str(folder / "config.json"), str(write_data(folder / "data"))]


def packing(folder: Path) -> list[str]:
    (folder / "config.json").write_text(json.dumps(config_values()))
    head(box((8, 8, 8), (190, 230, 220))).write(folder / "image_T1.nii.gz")
    (folder / "cases.csv").write_text(f"id,image\na,{folder / 'image_T1.nii.gz'}\n")
    return ["prepare", str(folder / "cases.csv"), None, "--config", str(folder / "config.json")]


def exporting(folder: Path) -> list[str]:
    head(box((8, 8, 8), (190, 230, 220))).write(folder / "mask.nii.gz")
    model = write_model(folder / "model")
    return [
        "dataset",
        str(folder / "mask.nii.gz"),
        None,
        "--layout",
        "nnunet",
        "--model",
        str(model),
        "--device",
        "cpu",
    ]


def importing(folder: Path) -> list[str]:
    network = UNet(3, 1, 32, channel_multipliers=(1, 2), res_blocks=2, attention_factors=(2,))
    fill(network.requires_grad_(False))
    torch.save({f"denoise_fn.{name}": value for name, value in network.state_dict().items()}, folder / "model.pt")
    return ["import-model", str(folder / "model.pt")]


def studying(folder: Path) -> list[str]:
    pytest.importorskip("monai", reason="a study needs monai, scipy and matplotlib")
    settings = {"data": str(write_data(folder / "data")), "models": {"small": str(write_model(folder / "model"))}}
    (folder / "study.json").write_text(json.dumps({**settings, "synthetic": [1]}))
    return ["study", str(folder / "study.json")]


def blinding(folder: Path) -> list[str]:
    for kind in ("real", "synthetic"):
        (folder / kind).mkdir()
        head(box((8, 8, 8), (190, 230, 220)), radius=20 if kind == "real" else 15).write(folder / kind / "a.nii.gz")
    return ["reader-study", "make", str(folder / "real"), str(folder / "synthetic"), None, "--cases", "1"]


@pytest.mark.parametrize("command", [training, packing, exporting, importing, studying, blinding])
def test_the_second_writer_is_told_who_the_first_is_and_changes_nothing(command, held, tmp_path, capsys):
    folder, pid = held
    arguments = command(tmp_path)
    arguments = [*arguments, str(folder)] if None not in arguments else [a or str(folder) for a in arguments]
    before = sorted(path.name for path in folder.iterdir())
    assert main(arguments) == 1
    assert f"is being written by another process (number {pid} " in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == before
