"""Recipes of `medddpm prepare`: registration to a template, BraTS labels, outliers taken out."""

from __future__ import annotations

import numpy as np
import phantoms
import pytest

from MedDDPMCore.anatomy.registration import moved, registration
from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.training.data.cases import Case, find_cases
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.packing import PrepareOptions
from MedDDPMCore.training.data.prepare import OUTLIER, prepare
from MedDDPMCore.training.data.recipes import RECIPES, TEMPLATE, brats_labels
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import WHOLE_HEAD
from MedDDPMCore.volumes.volume import Volume, resample_image

TARGET = phantoms.box((4, 4, 4), (200, 240, 220))


def head(matrix: np.ndarray | None = None) -> Volume:
    """An uneven head: an ellipsoid with a nose; matrix moves it in the world."""
    points = phantoms.world(TARGET)
    body = ((points / (72, 92, 82)) ** 2).sum(axis=-1) <= 1
    nose = np.square(points - (0, -95, -20)).sum(axis=-1) <= 15**2
    volume = Volume((body | nose).astype(np.uint8), TARGET)
    return volume if matrix is None else moved(volume, matrix)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.mark.parametrize(("kind", "scale"), [("rigid", 1.0), ("affine", 1.12)])
def test_a_moved_head_is_brought_back(kind, scale):
    matrix = np.eye(4)
    matrix[:3, :3] = phantoms.rotation((6, -4, 8)) * scale
    matrix[:3, 3] = (60, -40, 25)
    image = head(matrix)
    found = registration(image, head(), kind)
    back = resample_image(moved(image, found), TARGET, 0.0).array > 0.5
    assert dice(back, head().array > 0) > 0.96
    assert found[:3, :3] @ matrix[:3, :3] == pytest.approx(np.eye(3), abs=0.12)


def test_what_is_no_head_is_not_registered():
    empty = Volume(np.zeros(TARGET.shape, np.uint8), TARGET)
    with pytest.raises(TrainingError, match="empty"):
        registration(empty, head())
    stick = empty.array.copy()
    stick[20:24, :, 20:24] = 1
    with pytest.raises(TrainingError, match="cannot be registered"):
        registration(Volume(stick, TARGET), head(), "rigid")
    with pytest.raises(TrainingError, match="rigid or affine"):
        registration(head(), head(), "elastic")


def test_prepared_heads_lie_in_the_templates_space_and_the_odd_one_is_taken_out(tmp_path):
    random = np.random.default_rng(0)
    cases = []
    for i in range(5):
        matrix = np.eye(4)
        matrix[:3, :3] = phantoms.rotation(random.uniform(-5, 5, 3))
        matrix[:3, 3] = random.uniform(-40, 40, 3)
        mask = head(matrix)
        texture = random.normal(100, 60 if i == 3 else 10, mask.array.shape)
        for name, array in (("", np.where(mask.array > 0, texture, 0).astype(np.float32)), ("_head", mask.array)):
            Volume(array, mask.geometry).write(tmp_path / f"s{i}{name}.nii")
        cases.append(Case(f"s{i}", (tmp_path / f"s{i}.nii",), head=tmp_path / f"s{i}_head.nii"))
    grid = ModelGrid((32, 32, 32), (8.0, 8.0, 8.0), "head_centre")
    options = PrepareOptions(
        grid=grid,
        scheme=WHOLE_HEAD,
        modalities=("T1",),
        hold_out=0,
        template=head(),
        registration="rigid",
        remove_outliers=True,
    )
    report = prepare(cases, tmp_path / "out", options)
    data = PackedDataset.open(tmp_path / "out")
    assert min(dice(data.labels[0] > 0, labels > 0) for labels in data.labels) > 0.93
    assert "s3" in report.left_out and "unlike the rest" in report.left_out["s3"]
    assert [c.split for c in data.cases] == ["train"] * 3 + [OUTLIER, "train"]
    assert data.indices("train") == [0, 1, 2, 4]
    assert "unlike the rest" in (tmp_path / "out" / "report.txt").read_text()


def test_brats_labels_become_those_of_the_published_model():
    geometry = phantoms.box((1, 1, 1), (4, 4, 4))
    t1 = np.zeros((4, 4, 4), np.float32)
    t1[1:3] = 5
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[1, 0, :3] = 1, 2, 4
    with pytest.raises(TrainingError, match="resection cavity"):
        brats_labels(Volume(mask, geometry), Volume(t1, geometry))
    found = brats_labels(Volume(mask, geometry), Volume(t1, geometry), "2021").array
    assert found[1, 0].tolist() == [1, 2, 3, 4]
    assert (found[2] == 4).all() and not found[0].any()
    done = Volume(found, geometry)
    assert brats_labels(done, Volume(t1, geometry)) is done
    with pytest.raises(TrainingError, match="different voxels"):
        brats_labels(done, Volume(t1, phantoms.box((2, 2, 2), (8, 8, 8))))


def test_a_resection_cavity_is_not_taken_for_the_brain():
    geometry = phantoms.box((1, 1, 1), (6, 6, 6))
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[1, 0, :4] = 1, 2, 3, 4
    with pytest.raises(TrainingError, match="resection cavity"):
        brats_labels(Volume(mask, geometry), Volume(np.pad(np.ones((4, 4, 4)), 1), geometry))
    labels = brats_labels(Volume(mask, geometry), Volume(np.pad(np.ones((4, 4, 4)), 1), geometry), "2024").array
    assert labels[1, 0].tolist() == [1, 2, 3, 0, 0, 0] and labels[2, 2, 2] == 4
    with pytest.raises(TrainingError, match="do not have 3"):
        brats_labels(Volume(mask, geometry), Volume(np.pad(np.ones((4, 4, 4)), 1), geometry), "2021")


def test_the_brats_2024_phantom_is_refused_for_its_cavity(cases):
    case = cases / "c21b_brats2024_cases"
    with pytest.raises(TrainingError, match="resection cavity"):
        brats_labels(Volume.read(case / "c1_seg.nii.gz", labels=True), Volume.read(case / "c1_t1.nii.gz"))
    told = brats_labels(Volume.read(case / "c1_seg.nii.gz", labels=True), Volume.read(case / "c1_t1.nii.gz"), "2024")
    cavity = Volume.read(case / "c1_seg.nii.gz", labels=True).array == 4
    assert (told.array[cavity] == 0).all() and (told.array == 4).sum() > 10 * cavity.sum()


def test_the_recipes_are_the_papers_grids():
    whole, brats, bundled = (RECIPES[name].spec() for name in ("whole-head", "brats", "bundled"))
    assert (whole.grid.shape, whole.grid.extent_mm) == ((128, 128, 128), (192, 192, 192))
    assert (brats.grid.shape, brats.grid.spacing) == ((144, 192, 192), (1, 1, 1))
    assert bundled.name
    assert Volume.read(TEMPLATE, labels=True).array.max() == 1


def test_the_real_brats_case_is_prepared_as_published(shared):
    """The same labels whether the brain is marked in the segmentation or has to be found in the T1."""
    recipe = RECIPES["brats"]
    [case] = find_cases(shared / "data" / "brats_case", recipe.suffixes, recipe.mask_suffix)
    stored, t1 = Volume.read(case.mask, labels=True), Volume.read(case.images[0])
    raw = stored.array.copy()
    raw[raw == 4] = 0
    raw[raw == 3] = 4
    found = recipe.relabel(Volume(raw, stored.geometry), t1, "2021").array
    assert np.array_equal(found[stored.array < 4], np.where(stored.array == 0, found, stored.array)[stored.array < 4])
    assert dice(found > 0, stored.array > 0) > 0.99
    assert np.array_equal(found == 3, stored.array == 3)
