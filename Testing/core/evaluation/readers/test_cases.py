"""A blinded study made from two folders, as its readers and its organiser see it."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantoms import box, rotation, world

from MedDDPMCore.base.errors import EvaluationError, MedDDPMError
from MedDDPMCore.evaluation.metrics.standard_head import find_images, read_standard_head
from MedDDPMCore.evaluation.readers.cases import key_path, make_study, plan_study, read_key
from MedDDPMCore.evaluation.readers.files import read_study
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Volume

ROOT = Path(__file__).resolve().parents[4]
GRID = ModelGrid((32, 32, 24), (8.0, 8.0, 8.0))


def head_image(seed: int, spacing: float, dtype, direction=None, scale: float = 800.0) -> Volume:
    """A bright ellipsoid with texture in slightly noisy air."""
    geometry = box((spacing,) * 3, (118, 142, 134), direction)
    rng = np.random.default_rng(seed)
    inside = ((world(geometry) / (42 + seed, 56, 50)) ** 2).sum(axis=-1) <= 1
    image = np.where(inside, rng.normal(0.7, 0.1, geometry.shape), rng.normal(0, 0.01, geometry.shape))
    return Volume((np.clip(image, 0, 1) * scale).astype(dtype), geometry)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Three "real" images of 8 bits, one oblique, and three "synthetic" ones that say what they are."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("real", "synthetic"):
        (folder / name).mkdir()
    for seed in range(3):
        real = head_image(seed, 7.0, np.uint8, rotation((0, 0, 8)) if seed == 1 else None, 250)
        real.write(folder / "real" / f"IXI{seed}_T1.nii.gz")
        head_image(seed, 8.0, np.int16).write(folder / "synthetic" / f"s{seed}.nii.gz", {"SYNTHETIC": "default"})
    return folder


@pytest.fixture(scope="module")
def made(sources):
    """The finished study of all six."""
    return make_study(plan(sources), sources / "study")


@pytest.fixture
def folders(sources, tmp_path):
    """Copies of the images, for a test of its own."""
    for name in ("real", "synthetic"):
        shutil.copytree(sources / name, tmp_path / name)
    return tmp_path


def plan(folders: Path, cases: int = 3, seed: int = 1, slices: str = "volume"):
    real, synthetic = find_images(folders / "real"), find_images(folders / "synthetic")
    return plan_study(real, synthetic, cases, seed, slices, GRID)


def of_kind(out: Path, truth: str) -> list[Path]:
    """The case files that are real, or synthetic."""
    study = read_study(out)
    return [study.path(case) for case, kind in read_key(key_path(out), study.id).items() if kind == truth]


def test_all_cases_are_there_under_blind_names(made):
    out, key = made
    study = read_study(out)
    assert study.cases == tuple(f"case-00{n}" for n in range(1, 7))
    assert sorted(read_key(key, study.id).values()) == ["real"] * 3 + ["synthetic"] * 3
    assert key.parent == out.parent and not any("key" in path.name for path in out.iterdir())
    text = " ".join(p.name for p in out.iterdir()) + (out / "study.json").read_text() + (out / "form.csv").read_text()
    assert "IXI" not in text and "real" not in text


def test_headers_types_sizes_and_dates_are_equal_in_all_cases(made):
    out, _ = made
    paths = [path for path in out.iterdir() if path.suffix == ".nii"]
    offset = nib.load(paths[0]).dataobj.offset
    assert len({path.read_bytes()[:offset] for path in paths}) == 1
    assert len({path.stat().st_size for path in paths}) == 1
    assert len({path.stat().st_mtime_ns for path in out.iterdir()}) == 1
    assert b"SYNTHETIC" not in paths[0].read_bytes()[:offset]
    assert b"synthetic; not for diagnosis" in paths[0].read_bytes()[:offset]  # of all alike


def facts(path: Path) -> list[float]:
    """All that a program can tell of a case without looking at the head: header bytes, size, date, place in the
    folder, the levels of air, and how many grey levels are left out."""
    data = path.read_bytes()
    array = np.asarray(nib.load(path).dataobj)
    header = [float(byte) for byte in data[: nib.load(path).dataobj.offset]]
    corner = array[:2, :2, -2:]
    return [*header, len(data), path.stat().st_mtime, float(corner.min()), float(corner.max()), left_out(array)]


def left_out(array: np.ndarray) -> float:
    """The share, to a tenth, of the grey levels in use that no voxel takes, less what chance leaves empty where levels
    are as frequent as their neighbours."""
    counts = np.bincount(array[array > 0].ravel(), minlength=256)
    used = np.flatnonzero(counts)
    middle = np.arange(np.percentile(used, 30), np.percentile(used, 70)).astype(int)
    usual = np.convolve(counts, np.ones(11) / 11, "same")[middle]
    return abs(round(float((counts[middle] == 0).mean() - np.exp(-usual).mean()), 1))


def test_no_fact_but_the_image_tells_real_from_synthetic(made):
    """Any single fact that separates the kinds would be found by a threshold."""
    out, _ = made
    real, synthetic = (np.array([facts(path) for path in of_kind(out, truth)]) for truth in ("real", "synthetic"))
    separated = (real.max(axis=0) < synthetic.min(axis=0)) | (synthetic.max(axis=0) < real.min(axis=0))
    assert not separated.any()


def test_an_image_of_few_grey_levels_on_the_studys_own_voxels_leaves_none_out(folders):
    for path in (folders / "real").iterdir():
        path.unlink()
    coarse = head_image(0, 8.0, np.uint8, scale=60)
    coarse.write(folders / "real" / "coarse.nii.gz")
    head = read_standard_head(folders / "real" / "coarse.nii.gz", GRID)
    assert left_out(np.rint((head.image + 1) / 2 * 255).astype(np.uint8) * head.head) >= 0.5
    out, _ = make_study(plan(folders, cases=1), folders / "study")
    assert [left_out(np.asarray(nib.load(path).dataobj)) for path in of_kind(out, "real")] == [0.0]


def test_the_sources_would_be_told_apart_by_those_facts(sources):
    kinds = {}
    for name in ("real", "synthetic"):
        images = [nib.load(path) for path in find_images(sources / name)]
        kinds[name] = {(image.header.get_data_dtype().str, image.shape) for image in images}
    assert not kinds["real"] & kinds["synthetic"]


def test_numbers_and_order_follow_the_seed_and_not_the_kind(sources):
    orders = {tuple(truth for truth, _ in plan(sources, 3, seed).order) for seed in range(20)}
    assert len(orders) > 10
    assert plan(sources, seed=5) == plan(sources, seed=5)
    real_is_first = [plan(sources, 3, seed).order[0][0] == "real" for seed in range(60)]
    assert 15 < sum(real_is_first) < 45


def test_pictures_are_of_one_size_and_show_three_planes(sources, tmp_path):
    out, _ = make_study(plan(sources, cases=1, slices="centre"), tmp_path / "study")
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == 2 and len({path.stat().st_size for path in pictures}) == 1
    assert len({path.read_bytes()[:33] for path in pictures}) == 1
    width, height = struct.unpack(">II", pictures[0].read_bytes()[16:24])
    assert height == 3 * 32 and width == 3 * (24 + 24 + 32 + 3 * 2)


def test_a_case_shows_the_head_of_its_source(made, sources):
    out, _ = made
    for name, (_, source) in zip(read_study(out).cases, plan(sources).order, strict=True):
        array = np.asarray(nib.load(out / f"{name}.nii").dataobj)
        share = (array > 80).sum() * 512 / 1e6
        volume = Volume.read(source)
        true = (volume.array > 0.4 * volume.array.max()).sum() * np.prod(volume.geometry.spacing) / 1e6
        assert share == pytest.approx(true, rel=0.15)


def test_a_killed_call_goes_on_and_makes_the_same_study(folders, made):
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\nfrom pathlib import Path\nimport test_cases as t\n"
        "out, _ = t.make_study(t.plan(Path(sys.argv[3])), Path(sys.argv[3]) / 'study')\n"
    )
    arguments = [str(ROOT), str(Path(__file__).parent), str(folders)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "Testing" / "core")])}
    child = subprocess.Popen([sys.executable, "-c", program, *arguments], env=environment)
    out = folders / "study"
    while not (out / "case-002.nii").exists() and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    with pytest.raises(EvaluationError, match="call it again"):
        read_study(out)
    kept = (out / "case-001.nii").stat().st_ino
    make_study(plan(folders), out)
    assert (out / "case-001.nii").stat().st_ino == kept and not list(out.glob(".*"))
    for name in read_study(out).cases:
        assert (out / f"{name}.nii").read_bytes() == (made[0] / f"{name}.nii").read_bytes()


def test_nothing_is_written_over(folders, made):
    out, key = folders / "study", folders / "study-key.json"
    shutil.copytree(made[0], out)
    shutil.copy(made[1], key)
    before = {path: path.read_bytes() for path in [key, *out.iterdir()]}
    for other in (plan(folders), plan(folders, seed=2)):
        with pytest.raises(EvaluationError, match="finished study"):
            make_study(other, out)
    (out / "study.json").unlink()
    with pytest.raises(EvaluationError, match="other images or settings"):
        make_study(plan(folders, seed=2), out)
    (folders / "notes").mkdir()
    (folders / "notes" / "mine.txt").write_text("x")
    with pytest.raises(EvaluationError, match="not empty"):
        make_study(plan(folders), folders / "notes")
    del before[out / "study.json"]
    assert {path: path.read_bytes() for path in before} == before


def test_the_key_names_no_file_unless_that_is_asked_for(folders, made):
    assert "IXI" not in made[1].read_text() and str(folders.parent) not in made[1].read_text()
    out, key = make_study(plan(folders, cases=1), folders / "named", keep_names=True)
    assert "IXI" in key.read_text()
    (out / "study.json").unlink()
    make_study(plan(folders, cases=1), out)
    assert sorted(read_key(key, read_study(out).id).values()) == ["real", "synthetic"]


def test_the_key_never_lies_in_the_readers_folder(folders):
    with pytest.raises(EvaluationError, match="readers' folder"):
        make_study(plan(folders), folders / "study", folders / "study" / "sub" / "key.json")
    assert not (folders / "study").exists()


def test_too_few_images_mixed_up_folders_and_doubles_are_refused(folders):
    with pytest.raises(EvaluationError, match="3 real images, fewer than 4"):
        plan(folders, cases=4)
    with pytest.raises(EvaluationError, match="at least one case"):
        plan(folders, cases=0)
    images = find_images(folders / "synthetic")
    with pytest.raises(EvaluationError, match="says that it is synthetic"):
        plan_study(images[:2], images[2:], 1, 0, "volume", GRID)
    real = find_images(folders / "real")
    with pytest.raises(EvaluationError, match="the same image"):
        plan_study(real, real, 3, 0, "volume", GRID)
    with pytest.raises(EvaluationError, match="no folder"):
        find_images(folders / "nowhere")


def test_an_image_without_a_head_is_named(folders):
    empty = head_image(0, 8.0, np.int16)
    Volume(np.zeros_like(empty.array), empty.geometry).write(folders / "real" / "IXI0_T1.nii.gz")
    with pytest.raises(MedDDPMError, match="IXI0_T1.nii.gz: No head is seen"):
        read_standard_head(folders / "real" / "IXI0_T1.nii.gz", GRID)


def test_another_studys_key_is_refused(made, tmp_path):
    out, key = made[0], tmp_path / "key.json"
    values = json.loads(made[1].read_text())
    key.write_text(json.dumps({**values, "id": "other"}))
    with pytest.raises(EvaluationError, match="key of another study"):
        read_key(key, read_study(out).id)
    with pytest.raises(EvaluationError, match="--key"):
        read_key(tmp_path / "none.json", read_study(out).id)
