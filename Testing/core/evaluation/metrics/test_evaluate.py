"""`medddpm evaluate`: folders in, report out; killed, it goes on; what is wrong is named."""

from __future__ import annotations

import csv
import dataclasses
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
from evaluation.metrics.small_images import GRID, SETTINGS, small_network, write_heads

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.evaluation.metrics import evaluate as module
from MedDDPMCore.evaluation.metrics import images, metrics
from MedDDPMCore.evaluation.metrics.evaluate import EvaluationSettings, evaluate, match
from MedDDPMCore.evaluation.metrics.report import write_report


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("folders")
    return write_heads(root / "real", 8, 1), write_heads(root / "synthetic", 6, 2, texture=60, name="head0_seed")


@pytest.fixture(scope="module")
def result(folders, tmp_path_factory) -> tuple[module.Evaluation, Path]:
    work = tmp_path_factory.mktemp("work")
    return evaluate(*folders, work, small_network(), SETTINGS), work


def figure(result: module.Evaluation, metric: str) -> module.Row:
    return next(row for row in result.rows if row.metric == metric)


def prepared(folder: Path) -> np.ndarray:
    files = sorted(folder.iterdir())
    stored = [images.prepare_image(path, GRID)[0].astype(np.float16) for path in files]
    return np.stack(stored).astype(np.float32)


def test_each_figure_is_the_metric_of_the_prepared_images(result, folders):
    real, synthetic = (prepared(folder) for folder in folders)
    evaluation = result[0]
    voxels = real[0].size
    linear = figure(evaluation, "MMD², linear on voxels, a voxel")
    a, b = real.reshape(8, -1), synthetic.reshape(6, -1)
    assert linear.interval.value == pytest.approx(metrics.mmd(a @ a.T, b @ b.T, a @ b.T) / voxels, rel=1e-4)
    a, b = (np.stack([small_network().features(i, GRID.spacing) for i in part]) for part in (real, synthetic))
    assert figure(evaluation, "3D-FID").interval.value == pytest.approx(metrics.frechet_distance(a, b), rel=0.02)
    rbf = figure(evaluation, "MMD², RBF on features")
    assert rbf.interval.value == pytest.approx(metrics.mmd(*metrics.rbf_kernels(a, b)), abs=0.02)
    assert rbf.images == (8, 6)
    mse = np.mean([metrics.mean_squared_error(real[0], image) for image in synthetic])
    assert figure(evaluation, "MSE of matched images").interval.value == pytest.approx(mse, rel=1e-5)
    within = figure(evaluation, "MS-SSIM between different real images")
    pairs = metrics.random_pairs(8, SETTINGS.pairs, SETTINGS.seed)
    expected = np.mean([metrics.ms_ssim(real[i], real[j]) for i, j in pairs])
    assert within.interval.value == pytest.approx(expected, rel=1e-5)


def test_sets_that_differ_stand_above_the_halves_of_the_real_one(result):
    for metric in ("3D-FID", "3D-FID, shrunk covariances", "MMD², RBF on features"):
        row = figure(result[0], metric)
        assert row.equal > row.floor, metric
        assert row.interval.low <= row.interval.value <= row.interval.high


def test_two_sets_of_one_kind_do_not_stand_above_them(tmp_path):
    real, more = write_heads(tmp_path / "a", 12, 5), write_heads(tmp_path / "b", 6, 6, name="other")
    found = evaluate(real, more, tmp_path / "work", small_network(), SETTINGS)
    row = figure(found, "MMD², RBF on features")
    assert row.equal < row.floor + 0.1
    assert not [row for row in found.rows if "matched" in row.metric]
    assert any("left out" in note for note in found.notes)


def test_the_report_says_what_it_was_made_with(result, tmp_path):
    written = write_report(tmp_path, result[0])
    assert {path.name for path in written} >= {"metrics.csv", "report.md", "matched.csv"}
    text = (tmp_path / "report.md").read_text()
    assert "untrained 0; weights sha256 " in text
    assert "Warning: there are 8 real and 6 synthetic images and 64 features" in text
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert [row["metric"] for row in rows] == [row.metric for row in result[0].rows]
    assert float(rows[0]["value"]) == result[0].rows[0].interval.value
    assert len(list(csv.DictReader((tmp_path / "matched.csv").open()))) == 6
    assert "| MS-SSIM between different real images, 6 pairs of 8 images |" in text
    assert [row["pairs"] for row in rows if "MS-SSIM" in row["metric"]] == ["6", "6", "6"]


def test_a_mean_over_too_few_pairs_says_so_and_has_no_interval(tmp_path):
    real, synthetic = write_heads(tmp_path / "a", 3, 5), write_heads(tmp_path / "b", 2, 6, name="other")
    write_report(tmp_path, evaluate(real, synthetic, tmp_path / "work", small_network(), SETTINGS))
    text = (tmp_path / "report.md").read_text()
    assert "synthetic images, 1 pair of 2 images: too few for an interval" in text
    rows = {row["metric"]: row for row in csv.DictReader((tmp_path / "metrics.csv").open())}
    assert rows["MS-SSIM between different real images"]["low"] == ""


def test_without_matplotlib_the_report_says_how_to_get_plots(result, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    written = write_report(tmp_path, result[0])
    assert not (tmp_path / "plots.png").exists()
    assert all(path.exists() for path in written)
    assert "pip install matplotlib" in (tmp_path / "report.md").read_text()


def test_plots_are_drawn_where_matplotlib_is(result, tmp_path):
    pytest.importorskip("matplotlib")
    assert tmp_path / "plots.png" in write_report(tmp_path, result[0])


def test_a_killed_evaluation_goes_on_where_it_was(result, folders, tmp_path, monkeypatch):
    script = Path(__file__).parent / "evaluate_process.py"
    command = [sys.executable, str(script), *map(str, folders), str(tmp_path)]
    root = Path(__file__).resolve().parents[4]
    environment = {"PYTHONPATH": f"{root}:{script.parents[2]}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        if line.startswith("5 "):
            process.kill()
            break
    process.wait()
    process.stdout.close()
    assert process.returncode != 0
    kept = len(list(tmp_path.glob("images-*/*.npz")))
    assert 5 <= kept < 14

    prepared_now = []
    original = images.prepare_image
    monkeypatch.setattr(images, "prepare_image", lambda *a: prepared_now.append(a) or original(*a))
    resumed = evaluate(*folders, tmp_path, small_network(), SETTINGS)
    assert len(prepared_now) == 14 - kept
    now, whole = ([dataclasses.astuple(row.interval) for row in each.rows] for each in (resumed, result[0]))
    np.testing.assert_allclose(now, whole, rtol=1e-5, err_msg="but for what other numbers of threads round")
    similar = []
    monkeypatch.setattr(module, "ms_ssim", lambda *a: similar.append(a))
    evaluate(*folders, tmp_path, small_network(), SETTINGS)
    assert similar == []


def test_a_line_cut_off_by_a_kill_loses_that_pair_alone(tmp_path):
    values = images.PairValues(tmp_path / "pairs.jsonl")
    values.add(("a", "b"), 0.5, 0.25)
    with open(values.path, "a") as file:
        file.write('\n{"first": "c", "seco')
    again = images.PairValues(values.path)
    again.add(("e", "f"), 0.75, 0.5)
    assert images.PairValues(values.path).known == {("a", "b"): (0.5, 0.25), ("e", "f"): (0.75, 0.5)}


def test_another_network_or_grid_never_takes_what_was_stored_for_the_first(tmp_path):
    first, second = (images.ImageCache(tmp_path, GRID, small_network(seed)) for seed in (0, 1))
    third = images.ImageCache(tmp_path, dataclasses.replace(GRID, axes="LPS"), small_network())
    assert len({first.feature_folder, second.feature_folder, third.feature_folder}) == 3
    assert first.images == second.images != third.images


def test_images_of_any_spacing_and_size_are_brought_to_one_grid(tmp_path):
    real = write_heads(tmp_path / "real", 2, spacing=8.0)
    synthetic = write_heads(tmp_path / "synthetic", 2, spacing=5.0)
    found = evaluate(real, synthetic, tmp_path / "work", small_network(), SETTINGS)
    assert figure(found, "MSE of matched images").interval.value < 0.3


def test_an_image_with_nan_is_named(result, tmp_path, folders):
    bad = write_heads(tmp_path / "bad", 3)
    stored = nibabel.load(bad / "head1.nii.gz")
    array = stored.get_fdata().copy()
    array[5, 5, 5] = np.nan
    nibabel.save(nibabel.Nifti1Image(array.astype(np.float32), stored.affine), bad / "head1.nii.gz")
    with pytest.raises(EvaluationError, match=r"head1\.nii\.gz cannot be evaluated: .*NaN"):
        evaluate(folders[0], bad, result[1], small_network(), SETTINGS)


def test_a_label_map_among_the_images_is_named(result, tmp_path, folders):
    mixed = write_heads(tmp_path / "mixed", 3)
    stored = nibabel.load(mixed / "head1.nii.gz")
    labels = (stored.get_fdata() > 100).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(labels, stored.affine), mixed / "head1_dseg.nii.gz")
    with pytest.raises(EvaluationError, match=r"head1_dseg\.nii\.gz cannot be evaluated: .*as a label map does"):
        evaluate(folders[0], mixed, result[1], small_network(), SETTINGS)


def test_empty_missing_and_damaged_inputs_are_named(result, tmp_path, folders):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="holds no image"):
        evaluate(folders[0], tmp_path / "empty", result[1], small_network(), SETTINGS)
    with pytest.raises(EvaluationError, match="There is no folder"):
        evaluate(tmp_path / "none", folders[1], result[1], small_network(), SETTINGS)
    with pytest.raises(EvaluationError, match=r"no image named \*_T1"):
        evaluate(*folders, result[1], small_network(), EvaluationSettings(grid=GRID, real_suffix="_T1"))
    (alone := tmp_path / "alone").mkdir()
    shutil.copy(folders[0] / "head0.nii.gz", alone)
    with pytest.raises(EvaluationError, match="holds one image, head0"):
        evaluate(folders[0], alone, result[1], small_network(), SETTINGS)
    flat = write_heads(tmp_path / "flat", 2)
    (flat / "head0.nii.gz").write_bytes(b"not an image")
    with pytest.raises(EvaluationError, match=r"head0\.nii\.gz cannot be evaluated"):
        evaluate(folders[0], flat, result[1], small_network(), SETTINGS)
    (flat / "head0.nii.gz").unlink()
    (flat / "head0.nii.gz").symlink_to("../.git/annex/objects/x/y/MD5E-s1--z.nii.gz/MD5E-s1--z.nii.gz")
    with pytest.raises(EvaluationError, match="not there.*datalad get"):
        evaluate(folders[0], flat, result[1], small_network(), SETTINGS)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path, monkeypatch):
    """Twenty-four images are held no more than six are, once there are more than the groups of the linear MMD."""
    monkeypatch.setattr(module, "BLOCKS", 4)
    settings, work, peaks = EvaluationSettings(grid=GRID, pairs=3), tmp_path / "work", []
    heads = sorted(write_heads(tmp_path / "heads", 4).iterdir())
    for count in (6, 24):
        (real := tmp_path / f"real{count}").mkdir()
        for i in range(count):  # copies are prepared once, but read each by itself
            shutil.copy(heads[i % len(heads)], real / f"copy{i}.nii.gz")
        evaluate(real, real, work, small_network(), settings)
        tracemalloc.start()
        evaluate(real, real, work, small_network(), settings)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    image = int(np.prod(GRID.shape)) * 4
    assert peaks[1] - peaks[0] < 10 * image


def test_synthetic_images_are_matched_by_name():
    def named(*names: str) -> list[images.ImageFile]:
        return [images.ImageFile(Path(name), name, name) for name in names]

    real = named("IXI01", "IXI012", "IXI012_a")
    pairs = match(real, named("IXI012_head_synthetic", "IXI012_a_seed0", "IXI01", "IXI0122", "other"))
    assert [(a.name, b.name) for a, b in pairs] == [
        ("IXI012", "IXI012_head_synthetic"),
        ("IXI012_a", "IXI012_a_seed0"),
        ("IXI01", "IXI01"),
    ]
