"""The command line as a user types it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from phantoms import box, head
from published_networks import WHOLE_HEAD
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    write_model(tmp_path / "models" / "small")
    monkeypatch.setenv("MEDDDPM_MODELS", str(tmp_path / "models"))


@pytest.fixture
def mask(tmp_path):
    path = tmp_path / "mask.nii.gz"
    head(box((6, 6, 6), (190, 230, 220))).write(path)
    return str(path)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}
    )


def test_a_mask_becomes_an_image_whose_path_is_printed(mask, tmp_path, capsys):
    assert main(["synthesize", mask, str(tmp_path / "out"), "--model", "small", "--device", "cpu", "--seed", "2"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.name == "mask_synthetic_T1_seed2.nii.gz"
    assert Volume.read(path).array.shape == Volume.read(mask).array.shape


def test_check_says_what_a_mask_holds_without_a_model_run(mask, tmp_path, capsys):
    assert main(["synthesize", mask, str(tmp_path / "out"), "--model", "small", "--check"]) == 0
    printed = capsys.readouterr().out
    assert "head" in printed and "tumor" in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space")
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_mask_too_large_for_the_memory_there_is_is_the_users_error(tmp_path, ending):
    size, path = 1200, tmp_path / f"mask{ending}"
    nifti = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.uint8), np.eye(4))
    nifti.header["dim"][1:4] = size
    begin = nifti.header.binaryblock + bytes(4)
    text = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {size} {size} {size}\nencoding: gzip\n\n".encode()
    zeros = gzip.compress(bytes(size * size), 1) * size
    path.write_bytes(text + zeros if ending == ".nrrd" else gzip.compress(begin) + zeros)
    command = f"ulimit -v 3000000; {sys.executable} -m MedDDPMCore.cli synthesize {path} {tmp_path}/out --model small"
    done = subprocess.run(["bash", "-c", command + " --device cpu"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"mask{ending} does not fit into memory" in done.stderr


def test_check_of_a_wrong_mask_says_what_to_do_and_fails(mask, tmp_path, capsys):
    volume = Volume.read(mask, labels=True)
    Volume((volume.array == 2).astype(np.uint8) * 2, volume.geometry).write(mask)
    assert main(["synthesize", mask, str(tmp_path / "out"), "--model", "small", "--check"]) == 1
    assert "head-mask" in capsys.readouterr().out


def test_label_values_of_other_programs_are_mapped(mask, tmp_path):
    volume = Volume.read(mask, labels=True)
    Volume((volume.array * 10).astype(np.uint8), volume.geometry).write(mask)
    command = ["synthesize", mask, str(tmp_path / "out"), "--model", "small", "--device", "cpu"]
    assert main(command) == 1
    assert main([*command, "--labels", "head=10,tumor=20"]) == 0


def test_an_error_is_one_line_with_a_hint_and_exit_code_one(mask, tmp_path, capsys):
    assert main(["synthesize", mask, str(tmp_path / "out"), "--model", "no-such"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("medddpm: ") and "no-such" in message and "small" in message
    assert "Traceback" not in message


def test_what_a_reader_warns_of_is_one_line_on_stderr(tmp_path, mask):
    image = sitk.ReadImage(str(mask))
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: {} {} {}\nspacings: {} {} {}\nencoding: raw\n\n"
    text = header.format(*image.GetSize(), *image.GetSpacing()).encode()
    array = sitk.GetArrayFromImage(image).astype(np.uint8)
    (tmp_path / "plain.nrrd").write_bytes(text + array.tobytes())
    done = run("MedDDPMCore.cli", "synthesize", str(tmp_path / "plain.nrrd"), str(tmp_path), "--check")
    assert "medddpm: warning: " in done.stderr and "left and right may be swapped" in done.stderr
    assert "UserWarning" not in done.stderr


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    assert "small" in capsys.readouterr().out


def test_a_head_mask_is_made_from_an_image_and_with_a_tumour_mask(tmp_path):
    phantom = head(box((2, 2, 2), (190, 230, 220)))
    noise = np.random.default_rng(0).normal(0, 5, phantom.array.shape)
    Volume(((phantom.array > 0) * 500 + noise).astype(np.float32), phantom.geometry).write(tmp_path / "mri.nii.gz")
    assert main(["head-mask", str(tmp_path / "mri.nii.gz"), str(tmp_path / "head.nii.gz")]) == 0
    made = Volume.read(tmp_path / "head.nii.gz", labels=True).array > 0
    true = phantom.array > 0
    assert 2 * (made & true).sum() / (made.sum() + true.sum()) > 0.95
    parts = Volume((phantom.array == 2).astype(np.uint8) * 4, phantom.geometry)
    parts.write(tmp_path / "parts.nii.gz")
    given = ["--tumor", str(tmp_path / "parts.nii.gz"), "--tumor-labels", "1+4"]
    assert main(["head-mask", str(tmp_path / "mri.nii.gz"), str(tmp_path / "both.nii.gz"), *given]) == 0
    both = Volume.read(tmp_path / "both.nii.gz", labels=True).array
    assert np.array_equal(both == 2, phantom.array == 2) and np.array_equal(both > 0, made)


def test_images_are_prepared_trained_on_and_the_model_synthesizes(tmp_path, mask, capsys):
    generator = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for k in range(4):
        phantom = head(box((6, 6, 6), (190, 230, 220)), radius=0)
        values = (phantom.array > 0) * generator.normal(400, 40, phantom.array.shape)
        Volume(values.astype(np.float32), phantom.geometry).write(tmp_path / "images" / f"case{k}.nii.gz")
    spec = json.loads((tmp_path / "models" / "small" / "model.json").read_text())
    config = {"model": {**spec, "name": "mine"}, "training": [{"steps": 3, "batch_size": 2, "warmup": 1}], "seed": 0}
    (tmp_path / "config.json").write_text(json.dumps(config))
    packed, run_folder = tmp_path / "packed", tmp_path / "run"
    assert (
        main(
            [
                "prepare",
                str(tmp_path / "images"),
                str(packed),
                "--config",
                str(tmp_path / "config.json"),
                "--hold-out",
                "4",
            ]
        )
        == 0
    )
    assert main(["train", str(tmp_path / "config.json"), str(packed), str(run_folder), "--device", "cpu"]) == 0
    model = capsys.readouterr().out.strip().splitlines()[-1]
    assert main(["synthesize", mask, str(tmp_path / "out"), "--model", model, "--device", "cpu"]) == 0


def test_a_published_checkpoint_becomes_a_model_and_says_what_it_is(tmp_path, capsys):
    weights = {f"denoise_fn.{name}": value for name, value in WHOLE_HEAD.build().state_dict().items()}
    torch.save({"step": 7, "model": weights, "ema": weights}, tmp_path / "model_128.pt")
    assert main(["import-model", str(tmp_path / "model_128.pt"), str(tmp_path / "models" / "published")]) == 0
    printed = capsys.readouterr().out
    assert "10,065,729 parameters, training step 7" in printed and "licence" in printed
    assert main(["models"]) == 0
    assert "published" in capsys.readouterr().out


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, capsys):
    (tmp_path / "model.pt").write_bytes(b"not a checkpoint")
    assert main(["import-model", str(tmp_path / "model.pt"), str(tmp_path / "out")]) == 1
    assert "model.pt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_ranks_share_a_folder_of_masks(tmp_path, mask):
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in "abc":
        Volume.read(mask, labels=True).write(masks / f"{name}.nii.gz")
    command = [
        "MedDDPMCore.cli",
        "synthesize",
        str(masks),
        str(tmp_path / "out"),
        "--model",
        "small",
        "--device",
        "cpu",
    ]
    printed = [run(*command, RANK=rank, WORLD_SIZE="2").stdout.split() for rank in "01"]
    names = [[Path(p).name[0] for p in paths] for paths in printed]
    assert names == [["a", "c"], ["b"]]
    assert run(*command).stdout == ""


def test_importing_the_package_and_asking_for_help_load_no_torch():
    code = "import sys, MedDDPMCore, MedDDPMCore.cli as cli\nassert 'synthesize' in cli.parser().format_help()\n"
    code += "sys.exit('torch' in sys.modules or 'SimpleITK' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_wrong_usage_ends_with_code_two():
    assert run("MedDDPMCore.cli", "dance").returncode == 2


def test_no_output_is_an_input_or_takes_the_place_of_a_file(mask, tmp_path, capsys):
    before = Path(mask).read_bytes()
    for arguments in (["head-mask", mask, mask], ["figures", "compare", mask, mask], ["lesion", "remove", mask, mask]):
        assert main(arguments) == 1
        assert "not written over" in capsys.readouterr().err
    assert Path(mask).read_bytes() == before
    assert main(["prepare", str(tmp_path), str(tmp_path)]) == 1
    assert "is an input" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "1.5"])
def test_samples_that_are_none_are_wrong_usage(mask, tmp_path, number, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["synthesize", mask, str(tmp_path / "out"), "--samples", number])
    assert "1 or more" in capsys.readouterr().err


def test_without_a_command_the_commands_are_listed(capsys):
    assert main([]) == 2
    assert "synthesize" in capsys.readouterr().out


def test_models_are_told_to_programs_as_json(capsys):
    assert main(["models", "--json"]) == 0
    small = json.loads(capsys.readouterr().out)["small"]
    assert small["modalities"] == ["T1"] and len(small["weights_sha256"]) == 64


def test_a_name_that_the_terminal_cannot_show_is_readable_and_stops_nothing(tmp_path):
    done = run("MedDDPMCore.cli", "synthesize", str(tmp_path / "Köpfe.nii.gz"), "o", PYTHONIOENCODING="ascii")
    assert done.returncode == 1 and "Kopfe.nii.gz" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.linux
@pytest.mark.parametrize("kind", ["a full disk", "a closed pipe"])
def test_words_that_nobody_takes_end_a_command_with_a_sentence(kind):
    if kind == "a full disk":
        output = os.open("/dev/full", os.O_WRONLY)
    else:
        unread, output = os.pipe()
        os.close(unread)
    done = subprocess.run(
        [sys.executable, "-m", "MedDDPMCore.cli", "models"], cwd=ROOT, stdout=output, stderr=subprocess.PIPE, text=True
    )
    os.close(output)
    assert done.returncode == 1 and "nobody takes what is printed" in done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
