"""What the README shows works, with the bundled model."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.cli import parser
from MedDDPMCore.models.bundle import load_bundle
from MedDDPMCore.models.catalogue import bundled_folder
from MedDDPMCore.volumes.volume import Volume

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder in which the README's Python ran, on the sample mask with one tumour."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(ROOT / "Resources/masks/one_tumor.nii.gz", folder / "mask.nii.gz")
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, env={"PYTHONPATH": str(ROOT), "HOME": str(folder)}
    )
    return folder


def test_the_readmes_python_makes_a_head_that_fills_its_mask_with_a_bright_tumor(made):
    mask = Volume.read(made / "mask.nii.gz", labels=True)
    image = Volume.read(made / "synthetic.nii.gz")
    image = Volume(image.array / 500 - 1, image.geometry)
    assert image.geometry.matches(mask.geometry)
    head, tumor = mask.array > 0, mask.array == 2
    found = head_mask(Volume(image.array + 1, image.geometry)).array > 0
    assert 2 * (found & head).sum() / (found.sum() + head.sum()) > 0.9
    assert image.array[~head].mean() < -0.95
    assert image.array[tumor].mean() > image.array[head & ~tumor].mean() + 0.15


def test_the_bundled_model_is_whole_small_and_says_where_it_comes_from():
    folder = bundled_folder() / "default"
    spec, networks = load_bundle(folder)
    assert (folder / "weights.safetensors").stat().st_size <= 20e6
    assert sum(p.numel() for network in networks for p in network.parameters()) > 1e6
    assert "CC BY-SA 4.0" in spec.licence and "IXI" in spec.training_data


def test_the_bundled_model_is_what_its_training_configuration_describes():
    described = json.loads((ROOT / "Resources/training/default.json").read_text())["model"]
    bundled = json.loads((bundled_folder() / "default" / "model.json").read_text())
    assert described["grid"] == bundled["grid"]
    for theirs, ours in zip(described["stages"], bundled["stages"], strict=True):
        assert theirs["network"] == ours["network"]
        for key in ("kind", "factor"):
            assert theirs["domain"][key] == ours["domain"][key]


def test_the_commands_of_the_readme_are_ones_that_the_program_takes():
    commands = re.findall(r"^medddpm (.*?)(?:\s+#.*)?$", README, re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        parser().parse_args(command.split())


@pytest.mark.parametrize("name, lesions", [("healthy", 0), ("one_tumor", 1), ("metastases", 4)])
def test_the_sample_masks_hold_what_their_names_say(name, lesions):
    import SimpleITK as sitk

    mask = Volume.read(ROOT / f"Resources/masks/{name}.nii.gz", labels=True)
    assert set(np.unique(mask.array)) == ({0, 1, 2} if lesions else {0, 1})
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((mask.array == 2).astype(np.uint8)))
    assert len(np.unique(sitk.GetArrayViewFromImage(parts))) - 1 == lesions


def test_files_that_the_documentation_links_to_are_there():
    for page in [ROOT / "README.md", *(ROOT / "Documentation").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
