"""Copies of real heads are found, however they are dressed up; independent heads are not."""

from __future__ import annotations

import csv
import tracemalloc

import numpy as np
import pytest
from evaluation.metrics.small_images import small_network
from phantoms import box, rotation, world
from scipy import ndimage
from scipy.spatial.distance import cdist

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.cli import main
from MedDDPMCore.evaluation.privacy import vectors
from MedDDPMCore.evaluation.privacy.alignment import Aligner
from MedDDPMCore.evaluation.privacy.compare import Distances, PrivacyReport, compare, markdown, table
from MedDDPMCore.evaluation.privacy.nearest import BLOCK, OTHERS, Nearest, nearest
from MedDDPMCore.evaluation.privacy.vectors import has_face
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Volume

GRID = ModelGrid((24, 24, 20), (6.0, 6.0, 6.0))
AXES = (42.0, 56.0, 50.0)


def small_head(seed: int, direction=None, centre=(0, 0, 0)) -> Volume:
    """A small ellipsoid whose inside, in millimetres, is everybody's own."""
    geometry = box((4, 4, 4), (110, 136, 124), direction)
    points = world(geometry) - centre
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(32, 36, 32)), 1.5)
    field = field / field.std()
    index = np.moveaxis(points / 5 + np.array([16, 18, 16]), -1, 0)
    inside = ((points / AXES) ** 2).sum(axis=-1) <= 1
    texture = ndimage.map_coordinates(field, index, order=1, mode="nearest")
    return Volume(np.where(inside, 500 + 120 * texture, 4).clip(0).astype(np.float32), geometry)


def units(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return (centred / np.linalg.norm(centred, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Six real heads, and as "synthetic" ones: copies of the 2nd, 3rd and 5th, and two heads of their own."""
    folder = tmp_path_factory.mktemp("privacy")
    for name in ("real", "synthetic"):
        (folder / name).mkdir()
    for seed in range(6):
        small_head(seed).write(folder / "real" / f"real{seed}.nii.gz")
    small_head(1).write(folder / "synthetic" / "same.nii.gz")
    noisy = small_head(2)
    noise = np.random.default_rng(9).normal(0, 60, noisy.array.shape)
    mirrored = (noisy.array[:, :, ::-1] * 3 + 3 * noise).clip(0).astype(np.int16)
    Volume(mirrored, noisy.geometry).write(folder / "synthetic" / "mirrored.nii.gz")
    turned = small_head(4, rotation((0, 0, 6)) @ np.diag([-1.0, -1.0, 1.0]))
    straight = Volume(np.sqrt(turned.array), small_head(4).geometry)  # turned by 6 degrees, and of another contrast
    straight.write(folder / "synthetic" / "turned.nii.gz")
    for seed in (50, 51):
        small_head(seed).write(folder / "synthetic" / f"own{seed}.nii.gz")
    return folder


def test_copies_are_found_whatever_was_done_to_them_and_own_heads_are_not(folders):
    synthetic, real = (sorted((folders / name).iterdir()) for name in ("synthetic", "real"))
    report = compare(synthetic, real, GRID, small_network())
    names = [path.name.partition(".")[0] for path in synthetic]
    assert dict(zip(names, report.copies, strict=True)) == {
        "mirrored": True,
        "own50": False,
        "own51": False,
        "same": True,
        "turned": True,
    }
    found, alike = report.image.synthetic, report.features.synthetic
    by_name = dict(zip(names, found.index.tolist(), strict=True))
    assert (by_name["same"], by_name["mirrored"], by_name["turned"]) == (1, 2, 4)
    assert found.mirrored[names.index("mirrored")] and not found.mirrored[names.index("same")]
    assert found.distance[names.index("same")] < 1e-3
    assert alike.index[names.index("same")] == 1 and alike.distance[names.index("same")] < 1e-3
    assert all(alike.distance[names.index(name)] > 0.05 for name in ("own50", "own51"))
    assert "untrained 0" in markdown(report)
    rows = {row["synthetic"]: row for row in csv.DictReader(table(report).splitlines())}
    assert rows["same.nii.gz"]["nearest_by_features"] == "real1.nii.gz"
    assert "3 of 5 synthetic images are copies" in report.verdict and "Do not share" in markdown(report)


def test_the_command_line_writes_report_table_and_picture_and_says_it_by_its_exit_code(
    folders, tmp_path, capsys, monkeypatch
):
    from small_models import write_model

    write_model(tmp_path / "models" / "small", grid=GRID)
    monkeypatch.setenv("MEDDDPM_MODELS", str(tmp_path / "models"))
    (tmp_path / "few").mkdir()
    small_head(60).write(tmp_path / "few" / "own.nii.gz")
    arguments = [
        "privacy",
        str(tmp_path / "few"),
        str(tmp_path / "out"),
        "--against",
        str(folders / "real"),
        "--model",
        "small",
    ]
    assert main(arguments) == 0
    assert "No copy" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out" / "pairs.csv").open()))
    assert [row["synthetic"] for row in rows] == ["own.nii.gz"] and rows[0]["copy"] == "0"
    assert (tmp_path / "out" / "closest_pairs.png").read_bytes()[:4] == b"\x89PNG"
    names = ["cache", "closest_pairs.png", "closest_pairs_by_features.png", "pairs.csv", "privacy.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert main(arguments) == 0
    (tmp_path / "out" / "mine.txt").write_text("of somebody else")
    assert main(arguments) == 1 and "not empty" in capsys.readouterr().err


def test_a_comparison_that_was_stopped_goes_on_where_it_was(folders, tmp_path, monkeypatch):
    synthetic, real = (sorted((folders / name).iterdir())[:count] for name, count in (("synthetic", 2), ("real", 4)))
    heard = []

    def stop_after_three():
        heard.append(1)
        if len(heard) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(synthetic, real, GRID, network=small_network(), held_out=(), report=stop_after_three, cache=tmp_path)
    computed, original = [], vectors.Spaces.vectors
    monkeypatch.setattr(vectors.Spaces, "vectors", lambda self, path: computed.append(path) or original(self, path))
    resumed = compare(synthetic, real, GRID, network=small_network(), held_out=(), report=None, cache=tmp_path)
    assert computed == [real[3], *synthetic]
    assert [entry.suffix for entry in tmp_path.glob("*/*")] == [".npz"] * 6
    whole = compare(synthetic, real, GRID, small_network())
    assert table(resumed) == table(whole) and markdown(resumed) == markdown(whole)
    aligner = Aligner(real, GRID)
    keys = {vectors.Spaces(GRID, aligner, small_network(seed)).key for seed in (0, 0, 1)}
    assert len(keys) == 2  # vectors by other features are kept apart


def test_too_few_real_images_are_refused(folders):
    real = sorted((folders / "real").iterdir())
    with pytest.raises(EvaluationError, match="3 real images are too few"):
        compare(real[:1], real[:3], GRID, small_network())


def test_nearest_distances_are_scipys():
    rng = np.random.default_rng(0)
    queries, mirrored, references = (units(rng.normal(size=(n, 40))) for n in (BLOCK + 30, BLOCK + 30, BLOCK + 7))
    found = nearest(queries, mirrored, references)
    every = np.minimum(cdist(queries, references, "correlation"), cdist(mirrored, references, "correlation"))
    assert found.distance == pytest.approx(every.min(axis=1), abs=1e-5)
    assert np.array_equal(found.index, every.argmin(axis=1))
    assert found.others == pytest.approx(np.median(np.sort(every, axis=1)[:, 1 : OTHERS + 1], axis=1), abs=1e-5)


def test_nobody_is_compared_with_itself():
    rows = units(np.random.default_rng(0).normal(size=(BLOCK + 5, 20)))
    found = nearest(rows, -rows, rows, same=True)
    assert (found.index != np.arange(len(rows))).all() and found.distance.min() > 1e-4


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    def peak(count):
        rows = np.memmap(tmp_path / str(count), np.float32, "w+", shape=(count, 2000))
        rows[:] = units(np.random.default_rng(0).normal(size=(count, 2000)))
        rows.flush()
        tracemalloc.start()
        nearest(rows, rows, rows, same=True)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(6 * BLOCK) < 1.3 * peak(2 * BLOCK)


def findings(synthetic: np.ndarray, real: np.ndarray, others: float = 1.0, by_features=None) -> PrivacyReport:
    """These nearest distances, by features the same unless given; the next ones are at `others` times each synthetic
    one, 1.2 times each real one."""

    def as_nearest(distance, next_ones):
        zeros = np.zeros(len(distance), int)
        return Nearest(distance, zeros, zeros > 0, next_ones)

    paths = [[None] * len(values) for values in (synthetic, real)]
    usual = as_nearest(real, real * 1.2)
    image = Distances(as_nearest(synthetic, synthetic * others), usual)
    features = image if by_features is None else Distances(as_nearest(by_features, by_features * others), usual)
    return PrivacyReport(*paths, image, features, "features", False, 0)


def test_the_verdict_tells_copying_from_blur_and_from_nothing():
    rng = np.random.default_rng(0)
    real = rng.normal(0.2, 0.02, 200)
    usual = findings(rng.normal(0.2, 0.02, 100), real, 1.2)
    assert usual.verdict.startswith("No copy, and") and usual.image.closer().low < 0.5 < usual.image.closer().high
    blurred = findings(rng.normal(0.14, 0.01, 100), real, 1.1)
    assert "as images with less of their own do" in blurred.verdict
    remembered = findings(rng.normal(0.14, 0.01, 100), real, 1.8)
    assert "may remember" in remembered.verdict
    assert "their voxels and features" in remembered.verdict
    alike = findings(rng.normal(0.2, 0.02, 100), real, 1.8, rng.normal(0.14, 0.01, 100))
    assert "by their features the synthetic images lie closer to single" in alike.verdict
    one = np.append(rng.normal(0.2, 0.02, 99), 0.02)
    assert "1 of 100 synthetic images are copies" in findings(one, real).verdict


def test_a_head_without_a_nose_has_no_face():
    assert not has_face(Volume((small_head(0).array > 50).astype(np.uint8), small_head(0).geometry))
