"""Data sets of synthetic images: layouts that validators accept, whole cases only, what a kill leaves, shared work."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from phantoms import box, head, rotation
from small_models import write_model

from MedDDPMCore.anatomy.deface import face_region
from MedDDPMCore.base.errors import MedDDPMError, ResourceError, VolumeError
from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.cli import main
from MedDDPMCore.export.case import whole_cases
from MedDDPMCore.export.dataset import DatasetOptions, make_dataset
from MedDDPMCore.synthesis.masks import reader
from MedDDPMCore.synthesis.synthesize import Settings, load_model
from MedDDPMCore.volumes.volume import Volume

ROOT = Path(__file__).resolve().parents[3]
BOX = box((7, 8, 9), (190, 230, 220))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder, "cpu", "float32")


@pytest.fixture
def masks(tmp_path):
    """Two masks with names that nobody should see."""
    place = tmp_path / "masks"
    place.mkdir()
    for name, radius in (("Else Mueller", 12), ("Karl_Maier", 25)):
        head(BOX, radius=radius).write(place / f"{name}.nii.gz")
    return sorted(place.iterdir())


def names_in(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def check_sums(out: Path) -> None:
    """Every file but the list itself is in SHA256SUMS, and is as it says."""
    lines = (out / "SHA256SUMS").read_text().splitlines()
    named = {name for name in names_in(out) if not name.startswith(".parts/")}
    assert {line.split("  ", 1)[1] for line in lines} == named - {"SHA256SUMS"}
    for line in lines:
        digest, name = line.split("  ", 1)
        assert sha256_of(out / name) == digest


def test_nnunets_layout_holds_channels_labels_and_a_list_of_both(model, masks, tmp_path):
    out = tmp_path / "Dataset501_Synthetic"
    report = make_dataset(model, masks, out, "nnunet", Settings(seed=5, samples=2, steps=1))
    assert (len(report.made), report.there_before, report.failed, report.cases) == (4, [], {}, 4)
    values = json.loads((out / "dataset.json").read_text())
    assert values["channel_names"] == {"0": "T1"} and values["numTraining"] == 4
    assert values["labels"] == {"background": 0, "head": 1, "tumor": 2}
    for entry in values["dataset"].values():
        image, label = nibabel.load(out / entry["images"][0]), nibabel.load(out / entry["label"])
        assert image.shape == label.shape and np.array_equal(image.affine, label.affine)
        assert set(np.unique(label.dataobj)) == {0, 1, 2}
    original = Volume.read(masks[0], labels=True)
    written = {tuple(Volume.read(out / e["label"]).array.ravel()) for e in values["dataset"].values()}
    assert tuple(original.array.ravel()) in written and len(written) == 2
    check_sums(out)


def test_bids_layout_says_who_made_it_and_from_what(model, masks, tmp_path):
    out = tmp_path / "bids"
    make_dataset(model, masks, out, "bids", Settings(samples=2, steps=1))
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative" and "SYNTHETIC" in description["Name"]
    assert "small" in description["GeneratedBy"][0]["Description"]
    rows = [line.split("\t") for line in (out / "participants.tsv").read_text().splitlines()]
    assert rows[0] == ["participant_id", "mask", "seed", "head_ml", "tumor_ml"] and len(rows) == 5
    assert len({row[1] for row in rows[1:]}) == 2
    for subject, *_ in rows[1:]:
        image = out / subject / "anat" / f"{subject}_T1w.nii.gz"
        sidecar = json.loads(image.with_name(f"{subject}_T1w.json").read_text())
        assert image.is_file() and sidecar["Synthetic"] is True and sidecar["Provenance"]["model"] == "small"
        assert sidecar["Sources"] == [f"bids::{subject}/anat/{subject}_dseg.nii.gz"]
        assert (out / sidecar["Sources"][0].removeprefix("bids::")).is_file()
    check_sums(out)


@pytest.mark.parametrize("layout", ["nnunet", "bids"])
def test_names_of_masks_stay_out_unless_they_are_kept_on_purpose(layout, model, masks, tmp_path):
    for keep in (False, True):
        out = tmp_path / f"out{keep}"
        make_dataset(model, masks, out, layout, Settings(steps=1), DatasetOptions(keep_names=keep))
        everything = "\n".join(names_in(out)) + "".join(
            path.read_text("utf-8") for path in out.rglob("*") if path.suffix in (".json", ".md", ".tsv")
        )
        assert ("Mueller" in everything) == keep
        assert "synthetic" in (out / "README.md").read_text() and "2 cases from 2 masks" in everything


def test_masks_whose_names_would_be_one_are_refused(model, masks, tmp_path):
    shutil.copy(masks[0], masks[0].with_name("Else-Mueller.nii.gz"))
    with pytest.raises(VolumeError, match="same name"):
        kept = DatasetOptions(keep_names=True)
        make_dataset(model, sorted(masks[0].parent.iterdir()), tmp_path / "o", "bids", Settings(), kept)
    assert not (tmp_path / "o").exists()


def test_what_is_whole_is_not_made_again_and_more_can_be_added(model, masks, tmp_path):
    out = tmp_path / "out"
    first = make_dataset(model, masks[:1], out, "nnunet", Settings(steps=1))
    stamp = (out / "labelsTr" / f"{first.made[0]}.nii.gz").stat().st_mtime_ns
    again = make_dataset(model, masks, out, "nnunet", Settings(samples=2, steps=1))
    assert again.there_before == first.made and len(again.made) == 3 and again.cases == 4
    assert (out / "labelsTr" / f"{first.made[0]}.nii.gz").stat().st_mtime_ns == stamp
    (out / "imagesTr" / f"{first.made[0]}_0000.nii.gz").unlink()
    assert make_dataset(model, masks, out, "nnunet", Settings(samples=2, steps=1)).made == first.made
    check_sums(out)


def test_a_killed_process_leaves_no_half_case_and_the_next_goes_on(folder, masks, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "MedDDPMCore.cli", "dataset", str(masks[0].parent), str(out), "--layout"]
    command += ["nnunet", "--model", str(folder), "--samples", "4", "--steps", "3", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while len(list(out.glob("provenance/*.json"))) < 3:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    before = {case.id: case.record["date"] for case in whole_cases(out)}
    assert 3 <= len(before) < 8
    for case in whole_cases(out):
        for name, digest in case.files.items():
            assert sha256_of(out / name) == digest
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{8 - len(before)} made, {len(before)} there before" in done.stdout
    assert {
        key: value for key, value in ((c.id, c.record["date"]) for c in whole_cases(out)) if key in before
    } == before
    assert json.loads((out / "dataset.json").read_text())["numTraining"] == 8
    assert not list(out.rglob(".*.part")) and not list(out.rglob(".*lock"))
    check_sums(out)


def test_an_interrupted_run_completes_what_it_has(model, masks, tmp_path):
    out = tmp_path / "out"

    def report(done, _total, _name, _what):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_dataset(model, masks, out, "nnunet", Settings(steps=1), report=report)
    assert json.loads((out / "dataset.json").read_text())["numTraining"] == 1
    check_sums(out)


def test_processes_share_the_masks_and_complete_one_data_set(folder, masks, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "MedDDPMCore.cli", "dataset", str(masks[0].parent), str(out), "--layout", "bids"]
    command += ["--model", str(folder), "--samples", "2", "--steps", "1", "--device", "cpu"]
    ranks = [
        subprocess.Popen(
            command,
            env={**os.environ, "OMP_NUM_THREADS": "1", "RANK": str(rank), "WORLD_SIZE": "2", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [process.communicate()[0] for process in ranks]
    assert all("2 made, 0 there before" in words for words in said) and any("4 cases" in words for words in said)
    assert len((out / "participants.tsv").read_text().splitlines()) == 5
    check_sums(out)


def test_only_the_last_process_to_end_completes_the_data_set(model, masks, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("WORLD_SIZE", "2")

    def run(rank: int) -> int | None:
        monkeypatch.setenv("RANK", str(rank))
        return make_dataset(model, masks, out, "nnunet", Settings(steps=1)).cases

    assert run(1) is None and not (out / "dataset.json").exists()
    assert run(0) == 2 and json.loads((out / "dataset.json").read_text())["numTraining"] == 2
    (out / "dataset.json").unlink()
    assert run(1) == 2 and (out / "dataset.json").exists()


@pytest.mark.parametrize(("level", "ending"), [(0, ".nii"), (1, ".nii.gz")])
@pytest.mark.parametrize("layout", ["nnunet", "bids"])
def test_images_are_compressed_as_little_as_is_asked_for(layout, level, ending, model, masks, tmp_path):
    options = DatasetOptions(compression=level)
    make_dataset(model, masks[:1], tmp_path / "out", layout, Settings(steps=1), options)
    make_dataset(model, masks[:1], tmp_path / "usual", layout, Settings(steps=1))
    images, usual = (sorted((tmp_path / name).rglob("*.nii*")) for name in ("out", "usual"))
    assert [path.name for path in images] == [path.name.replace(".nii.gz", ending) for path in usual]
    for image, same in zip(images, usual, strict=True):
        assert np.array_equal(Volume.read(image).array, Volume.read(same).array)
    if layout == "nnunet":
        assert json.loads((tmp_path / "out" / "dataset.json").read_text())["file_ending"] == ending
    check_sums(tmp_path / "out")
    if level == 0:
        with pytest.raises(VolumeError, match="begun otherwise"):
            make_dataset(model, masks[:1], tmp_path / "out", layout, Settings(steps=1))


def test_a_folder_with_other_things_is_left_alone(model, masks, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    with pytest.raises(VolumeError, match="holds other things"):
        make_dataset(model, masks, out, "nnunet", Settings())
    assert names_in(out) == {"precious"}


def test_a_data_set_is_gone_on_with_as_it_was_begun(model, masks, tmp_path):
    out = tmp_path / "out"
    make_dataset(model, masks[:1], out, "nnunet", Settings(steps=1))
    before = names_in(out)
    for layout, settings in (("bids", Settings(steps=1)), ("nnunet", Settings(steps=2))):
        with pytest.raises(VolumeError, match="begun otherwise"):
            make_dataset(model, masks, out, layout, settings)
    assert names_in(out) == before


def test_a_bad_mask_is_left_out_with_the_reason(model, masks, tmp_path):
    volume = Volume.read(masks[0], labels=True)
    Volume(np.zeros_like(volume.array), volume.geometry).write(masks[0])
    report = make_dataset(model, masks, tmp_path / "out", "nnunet", Settings(steps=1))
    assert "empty" in report.failed[masks[0]] and report.cases == 1


def test_a_full_disk_is_said_and_leaves_whole_cases_alone(model, masks, tmp_path, monkeypatch):
    out = tmp_path / "out"
    make_dataset(model, masks[:1], out, "nnunet", Settings(steps=1))

    def replace(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(ResourceError, match="disk is full"):
        make_dataset(model, masks[1:], out, "nnunet", Settings(steps=1))
    monkeypatch.undo()
    assert len(whole_cases(out)) == 1
    assert make_dataset(model, masks, out, "nnunet", Settings(steps=1)).cases == 2


def test_a_contrast_without_a_name_in_bids_is_refused(masks, tmp_path):
    model = load_model(write_model(tmp_path / "model", ("Swirl",), name="swirl"), "cpu", "float32")
    with pytest.raises(MedDDPMError, match="Swirl"):
        make_dataset(model, masks, tmp_path / "out", "bids", Settings())
    assert not (tmp_path / "out").exists()


def test_on_the_models_grid_masks_lie_there_too(model, masks, tmp_path):
    out = tmp_path / "out"
    make_dataset(model, masks[:1], out, "nnunet", Settings(steps=1, output_grid="model"))
    [path], [image] = (out / "labelsTr").iterdir(), (out / "imagesTr").iterdir()
    label = Volume.read(path)
    assert label.geometry.shape == model.spec.grid.shape and label.geometry.matches(Volume.read(image).geometry)
    assert set(np.unique(label.array)) == {0, 1, 2}


def test_progress_is_told_to_programs_line_by_line(folder, masks, tmp_path, capsys):
    command = ["dataset", str(masks[0]), str(tmp_path / "out"), "--layout", "nnunet", "--model", str(folder)]
    assert main([*command, "--samples", "2", "--progress", "--device", "cpu"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    steps = [(line["done"], line["step"], line["total"]) for line in lines if "step" in line]
    assert steps == [(case, step, 4) for case in (0, 1) for step in (1, 2, 3, 4)]
    assert (lines[-1]["done"], lines[-1]["cases"], lines[-1]["words"]) == (2, 2, "made")


@pytest.mark.skipif(
    not importlib.util.find_spec("bids_validator_deno") and not shutil.which("bids-validator-deno"),
    reason="needs the official BIDS validator (pip install bids-validator-deno)",
)
@pytest.mark.parametrize("modalities", [("T1",), ("T1", "T1ce", "T2", "FLAIR")])
def test_the_official_bids_validator_finds_no_error(modalities, masks, tmp_path):
    model = load_model(write_model(tmp_path / "model", modalities, name="m"), "cpu", "float32")
    mapping = None if len(modalities) == 1 else {"brain": 1, "enhancing_tumor": 2}
    options = DatasetOptions(read=reader(lambda _: mapping))
    make_dataset(model, masks, tmp_path / "out", "bids", Settings(samples=2, steps=1), options)
    program = shutil.which("bids-validator-deno") or str(Path(sys.executable).with_name("bids-validator-deno"))
    done = subprocess.run([program, str(tmp_path / "out"), "--json"], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert done.returncode == 0


@pytest.mark.skipif(not importlib.util.find_spec("nnunetv2"), reason="needs nnU-Net's own check (pip install nnunetv2)")
def test_nnunets_own_check_accepts_its_layout(model, masks, tmp_path):
    out = tmp_path / "Dataset501_Synthetic"
    make_dataset(model, masks, out, "nnunet", Settings(samples=2, steps=1))
    code = "from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity as v\n"
    code += "if __name__ == '__main__': v(__import__('sys').argv[1], 1)"
    (tmp_path / "check.py").write_text(code)
    done = subprocess.run([sys.executable, str(tmp_path / "check.py"), str(out)], capture_output=True, text=True)
    assert done.returncode == 0 and "Done" in done.stdout, done.stderr


def test_masks_of_equal_labels_at_one_place_are_one_case_and_listed_and_at_two_places_two(model, masks, tmp_path):
    twin, moved = masks[0].with_name("twin.nii.gz"), masks[0].with_name("moved.nii.gz")
    twin.write_bytes(masks[0].read_bytes())
    Volume(Volume.read(masks[0], labels=True).array, box((7, 8, 9), (190, 230, 220), centre=(9, 0, 0))).write(moved)
    said = []
    report = make_dataset(
        model,
        [masks[0], moved, twin],
        tmp_path / "out",
        "nnunet",
        Settings(steps=1),
        report=lambda *told: said.append(told),
    )
    assert report.cases == 2 and report.same == {twin: masks[0]}
    assert any(name == "twin.nii.gz" and "one case" in str(words) for _, _, name, words in said)


def test_a_left_handed_oblique_mask_goes_through_on_its_own_voxels(model, tmp_path):
    geometry = box((7, 8, 9), (190, 230, 220), rotation((12, -20, 7)) @ np.diag([1.0, 1.0, -1.0]))
    head(geometry).write(tmp_path / "mask.nii.gz")
    report = make_dataset(model, [tmp_path / "mask.nii.gz"], tmp_path / "out", "nnunet", Settings(steps=1))
    assert report.failed == {} and report.cases == 1
    [image], [label] = ((tmp_path / "out" / name).iterdir() for name in ("imagesTr", "labelsTr"))
    assert Volume.read(image).geometry.matches(geometry) and Volume.read(label).geometry.matches(geometry)


def test_faces_go_on_request_and_masks_without_one_are_left_out(model, masks, tmp_path):
    out, bundled = tmp_path / "out", ROOT / "Resources" / "masks" / "one_tumor.nii.gz"
    report = make_dataset(model, [bundled, masks[0]], out, "nnunet", Settings(steps=1), DatasetOptions(deface=True))
    assert report.cases == 1 and "nose" in report.failed[masks[0]]
    [image], [label] = ((out / name).iterdir() for name in ("imagesTr", "labelsTr"))
    region = face_region(Volume.read(bundled, labels=True))
    assert not Volume.read(image).array[region].any() and Volume.read(image).array[~region].any()
    assert np.array_equal(Volume.read(label).array, np.where(region, 0, Volume.read(bundled, labels=True).array))
    assert region[Volume.read(bundled, labels=True).array > 0].any()
    assert whole_cases(out)[0].record["defaced"] is True and "Faces are removed" in (out / "README.md").read_text()
    with pytest.raises(VolumeError, match="begun otherwise"):
        make_dataset(model, [bundled], out, "nnunet", Settings(steps=1))
