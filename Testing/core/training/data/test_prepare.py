"""Preparing a training set: finding files, packing them, and what is said of those that cannot be packed."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from small_training import write_data

from MedDDPMCore.anatomy.intensity import CONVENTIONS, min_max, per_slice, robust
from MedDDPMCore.base.errors import ResourceError, TrainingError
from MedDDPMCore.training.data import prepare as prepare_module
from MedDDPMCore.training.data.cases import Case, find_cases, read_csv
from MedDDPMCore.training.data.contact_sheet import TUMOR_COLOUR, _picture, write_contact_sheet
from MedDDPMCore.training.data.dataset import PackedDataset, from_bytes
from MedDDPMCore.training.data.packing import PrepareOptions
from MedDDPMCore.training.data.prepare import find_outliers, prepare
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD

GRID = ModelGrid((24, 24, 24), (9.0, 9.0, 9.0), "head_top", "RAS")
AFFINE = np.diag([8.0, 8.0, 8.0, 1.0])
SIZE = 26


def radius(centre=(0, 0, 0)) -> np.ndarray:
    """Distance in mm from a place (x, y, z) relative to the middle, NIfTI axes (x, y, z)."""
    line = (np.arange(SIZE) - (SIZE - 1) / 2) * 8.0
    return np.sqrt(sum((a - c) ** 2 for a, c in zip(np.meshgrid(line, line, line, indexing="ij"), centre, strict=True)))


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)
    return path


def head_image(seed: int = 0, gain: float = 1.0) -> np.ndarray:
    """A ball of 85 mm with a shell, noisy as a scan is."""
    noise = np.random.default_rng(seed).normal(0, 5, (SIZE,) * 3)
    shape = np.where(radius() < 85, 500, 0) + np.where(radius() < 65, 300, 0)
    return (np.abs(shape + noise) * gain).astype(np.float32)


def head_mask() -> np.ndarray:
    return (radius() < 85).astype(np.uint8)


def packed(out: Path, cases: list[Case], progress=None, **options) -> tuple[prepare_module.Report, PackedDataset]:
    report = prepare(cases, out, PrepareOptions(grid=GRID, scheme=WHOLE_HEAD, modalities=("T1",), **options), progress)
    return report, PackedDataset.open(out)


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """Four heads with masks in one folder."""
    for i in range(4):
        save(tmp_path / "heads" / f"s{i}_T1.nii.gz", head_image(i, 1 + i))
        save(tmp_path / "heads" / f"s{i}_head.nii.gz", head_mask())
    return tmp_path / "heads"


def test_heads_are_packed_whatever_their_scale_and_one_is_held_out(heads, tmp_path):
    report, data = packed(tmp_path / "out", find_cases(heads, ["_T1"]))
    assert report.packed == ["s0", "s1", "s2", "s3"] and not report.left_out
    assert data.indices("train") == [0, 1, 2] and data.indices("validation") == [3]
    images = from_bytes(data.images)
    assert images[:, 0, 0, 0, 0] == pytest.approx([-1] * 4, abs=0.05)
    inside = np.stack([np.median(images[i, 0][data.brain[i] > 0]) for i in range(4)])
    assert inside == pytest.approx([0.6] * 4, abs=0.05)
    assert all(case.white_matter == pytest.approx(0.55, abs=0.15) for case in data.cases)
    assert ((data.brain == 0) | (data.labels == 1)).all() and data.brain.any(axis=(1, 2, 3)).all()
    head_ml = (data.labels == 1).sum(axis=(1, 2, 3)) * 0.729
    assert head_ml == pytest.approx([4 / 3 * np.pi * 8.5**3] * 4, rel=0.05)


def test_the_set_has_a_contact_sheet_and_a_report(heads, tmp_path):
    save(heads / "s9_T1.nii.gz", np.zeros((SIZE,) * 3, np.float32))
    packed(tmp_path / "out", find_cases(heads, ["_T1"]))
    assert (tmp_path / "out" / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "4 cases packed" in text and "1 cases left out" in text and "s9" in text
    described = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert list(described["left_out"]) == ["s9"] and described["intensity"] == "robust"


def test_a_tumour_mask_joins_the_head_mask_and_such_a_case_gets_no_place_for_others(heads, tmp_path):
    tumor = radius((30, 10, 0)) < 20
    save(heads / "s1_tumor.nii.gz", (tumor * 7).astype(np.int16))
    _, data = packed(tmp_path / "out", find_cases(heads, ["_T1"]))
    tumor_ml = (data.labels == 2).sum(axis=(1, 2, 3)) * 0.729
    assert tumor_ml == pytest.approx([0, 4 / 3 * np.pi * 2**3, 0, 0], rel=0.25)
    assert data.brain.any(axis=(1, 2, 3)).tolist() == [True, False, True, True]


def test_a_whole_mask_is_taken_as_it_is_or_with_other_names(tmp_path):
    image = save(tmp_path / "a.nii.gz", head_image())
    mask = head_mask() * 5
    mask[radius((30, 0, 0)) < 20] = 9
    case = Case("a", (image,), mask=save(tmp_path / "m.nii.gz", mask))
    with pytest.raises(TrainingError, match="a: .*does not know"):
        packed(tmp_path / "out", [case])
    _, data = packed(tmp_path / "out", [case], mapping={"head": 5, "tumor": 9})
    assert np.unique(data.labels).tolist() == [0, 1, 2]


def test_without_any_mask_the_head_is_found_in_the_image(tmp_path):
    _, data = packed(tmp_path / "out", [Case("a", (save(tmp_path / "a.nii.gz", head_image()),))])
    assert (data.labels == 1).sum() * 0.729 == pytest.approx(4 / 3 * np.pi * 8.5**3, rel=0.15)


def test_files_that_cannot_be_used_are_left_out_with_the_reason(heads, tmp_path):
    flat = save(heads / "f2d_T1.nii.gz", np.ones((8, 8), np.float32))
    series = save(heads / "f4d_T1.nii.gz", np.ones((8, 8, 8, 3), np.float32))
    nowhere = save(heads / "nan_T1.nii.gz", np.full((8, 8, 8), np.nan, np.float32))
    (heads / "text_T1.nii.gz").write_text("no image")
    report, data = packed(tmp_path / "out", find_cases(heads, ["_T1"]))
    assert set(report.left_out) == {"f2d", "f4d", "nan", "text"} and len(data.cases) == 4
    assert all(str(path) in report.left_out[path.name.split("_")[0]] for path in (flat, series, nowhere))


def test_a_case_whose_tumour_mask_was_never_fetched_is_left_out_and_not_packed_as_healthy(cases, tmp_path):
    report, _ = packed(tmp_path / "out", find_cases(cases / "c10_annex", ["_T1"]))
    assert report.packed == ["sub2", "sub3"] and report.failed == ["sub1"]
    assert "sub1_tumor" in report.left_out["sub1"] and "datalad get" in report.left_out["sub1"]


def test_a_label_map_is_no_training_image_and_the_image_beside_it_is_told_of(tmp_path):
    folder, tumor = tmp_path / "heads", head_mask()
    tumor[radius((30, 10, 0)) < 20] = 2
    for name, seed, suffix in (("p1", 1, "_mask"), ("p2", 2, "_Mask")):
        save(folder / f"{name}.nii.gz", head_image(seed))
        save(folder / f"{name}{suffix}.nii.gz", tumor)
    report, _ = packed(tmp_path / "out", find_cases(folder))
    assert report.packed == ["p1", "p2"] and report.failed == ["p2_Mask"]
    assert "p2_Mask.nii.gz" in report.left_out["p2_Mask"] and "label map" in report.left_out["p2_Mask"]
    assert "--mask-suffix" in report.left_out["p2_Mask"]
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "no mask: taken as healthy" in text and "Warning: Of 2 cases 1 have no mask" in text and ": p2." in text


def test_a_label_map_among_the_modalities_is_no_image_either(tmp_path):
    images = (save(tmp_path / "a_T1.nii.gz", head_image()), save(tmp_path / "a_T2.nii.gz", head_mask()))
    with pytest.raises(TrainingError, match="a_T2.nii.gz: .*label map"):
        prepare(
            [Case("a", images)], tmp_path / "out", PrepareOptions(grid=GRID, scheme=WHOLE_HEAD, modalities=("T1", "T2"))
        )


def test_a_set_of_healthy_heads_says_so_and_warns_of_nothing(heads, tmp_path):
    report, _ = packed(tmp_path / "out", find_cases(heads, ["_T1"]))
    assert report.warnings == [] and "4 of them with no mask: taken as healthy" in report.text()


def test_what_macos_lays_beside_files_is_no_case(cases):
    read = find_cases(cases / "c09_appledouble" / "prep", ["_T1"])
    assert [case.id for case in read] == ["p1", "p2", "p3"] and all(case.mask.name[0] == "p" for case in read)


def test_two_files_that_differ_by_their_endings_alone_are_not_chosen_between(tmp_path):
    for name in ("a_T1.nii.gz", "a_mask.nii.gz", "a_mask.nrrd"):
        (tmp_path / name).touch()
    with pytest.raises(TrainingError, match="which of the two"):
        find_cases(tmp_path, ["_T1"])


def test_a_mask_that_lies_elsewhere_than_its_image_is_left_out_with_the_distance(cases, tmp_path):
    report, data = packed(tmp_path / "out", find_cases(cases / "c07_mask_elsewhere", ["_T1"]))
    assert [case.id for case in data.cases] == ["p2"] and report.failed == ["p1", "p3"]
    assert "39 mm" in report.left_out["p1"] and "18 mm" in report.left_out["p3"]


def test_a_modality_that_lies_elsewhere_is_left_out_and_one_on_other_voxels_is_resampled(tmp_path):
    first = save(tmp_path / "a_T1.nii.gz", head_image())
    for name, shift in (("far", 45), ("near", 4)):
        affine = AFFINE.copy()
        affine[0, 3] = shift
        nib.save(nib.Nifti1Image(head_image(1), affine), tmp_path / f"{name}_T2.nii.gz")
    cases = [Case(name, (first, tmp_path / f"{name}_T2.nii.gz")) for name in ("far", "near")]
    report = prepare(cases, tmp_path / "out", PrepareOptions(grid=GRID, scheme=WHOLE_HEAD, modalities=("T1", "T2")))
    assert report.packed == ["near"] and "resampled" in report.notes["near"]
    assert "T2 image" in report.left_out["far"] and "45 mm" in report.left_out["far"]


def test_a_folder_of_nothing_but_unusable_files_is_an_error(tmp_path):
    save(tmp_path / "a.nii.gz", np.ones((8, 8), np.float32))
    with pytest.raises(TrainingError, match="No case could be prepared"):
        packed(tmp_path / "out", find_cases(tmp_path))
    with pytest.raises(TrainingError, match="not a packed training set"):
        PackedDataset.open(tmp_path / "out")


def test_an_unlike_case_is_named_with_what_is_unlike():
    random = np.random.default_rng(0)
    traces = np.column_stack([random.normal(m, s, 20) for m, s in ((0.3, 0.02), (0, 0.05), (0.4, 0.03), (0.2, 0.05))])
    traces[7, 0], traces[9, 3] = 0.9, np.nan
    found = find_outliers([f"c{i}" for i in range(20)], traces)
    assert set(found) == {"c7"} and "head size +" in found["c7"]
    assert find_outliers(["a", "b"], traces[6:8]) == {}


def test_a_preparation_that_is_broken_off_leaves_nothing_that_looks_whole(heads, tmp_path):
    def progress(index: int, _count: int, _name: str) -> None:
        if index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packed(tmp_path / "out", find_cases(heads, ["_T1"]), progress=progress)
    with pytest.raises(TrainingError, match="not a packed training set"):
        PackedDataset.open(tmp_path / "out")
    _, data = packed(tmp_path / "out", find_cases(heads, ["_T1"])[:2])
    assert len(data.cases) == 2 and not list((tmp_path / "out").glob(".*"))
    with pytest.raises(TrainingError, match="holds a training set already"):
        packed(tmp_path / "out", find_cases(heads, ["_T1"]))


def test_too_little_disk_space_is_said_before_any_work(heads, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 1000}))
    with pytest.raises(ResourceError, match="needs"):
        packed(tmp_path / "out", find_cases(heads, ["_T1"]))


def test_wrong_settings_are_refused(tmp_path):
    for options, message in (({"hold_out": 1}, "hold_out"), ({"convention": "median"}, "median")):
        with pytest.raises(TrainingError, match=message):
            packed(tmp_path / "out", [], **options)


@pytest.mark.parametrize(
    ("files", "suffixes", "ids"),
    [
        (["a_T1", "b_T1", "b_mask", "c_T2"], ["_T1"], ["a", "b"]),
        (["a_t1", "a_t1ce", "b_t1", "b_t1ce"], ["_t1", "_t1ce"], ["a", "b"]),
        (["s1/s1_t1", "s2/s2_t1", "s2/s2_mask"], ["_t1"], ["s1", "s2"]),
        (["s1/t1", "s1/t2", "s2/t1", "s2/t2"], ["t1", "t2"], ["s1", "s2"]),
        (["s1/image", "s1/image_mask", "s2/image"], [""], ["s1_image", "s2_image"]),
        (["a", "a_mask", "a_head", "a_tumor", "b"], [""], ["a", "b"]),
    ],
    ids=lambda v: "+".join(v),
)
def test_cases_are_found_in_one_folder_or_in_a_folder_a_subject(tmp_path, files, suffixes, ids):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.nii.gz").touch()
    cases = find_cases(tmp_path, suffixes)
    assert [case.id for case in cases] == ids and all(len(case.images) == len(suffixes) for case in cases)
    masks = [name for name in files if name.endswith("_mask")]
    assert [case.mask.name for case in cases if case.mask] == [f"{Path(name).name}.nii.gz" for name in masks]


def test_what_is_missing_in_a_folder_is_named(tmp_path):
    with pytest.raises(TrainingError, match="There is no folder"):
        find_cases(tmp_path / "none")
    with pytest.raises(TrainingError, match=r"no image named \*_T1"):
        find_cases(tmp_path, ["_T1"])
    (tmp_path / "a_t1.nii").touch()
    with pytest.raises(TrainingError, match="lacks .*a_t2"):
        find_cases(tmp_path, ["_t1", "_t2"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_csv_as_spreadsheets_write_it_is_read(tmp_path, encoding):
    (tmp_path / "köpfe").mkdir()
    for name in ("köpfe/ä.nii", "m.nii"):
        (tmp_path / name).touch()
    text = "ID;Image;Tumour;\r\np1;köpfe\\ä.nii;m.nii;\r\n;;;\r\n"
    (tmp_path / "c.csv").write_bytes(text.encode(encoding))
    [case] = read_csv(tmp_path / "c.csv")
    assert case == Case("p1", (tmp_path / "köpfe/ä.nii",), tumor=tmp_path / "m.nii")


def test_a_csv_names_files_relative_to_itself(tmp_path):
    for name in ("i1.nii", "i2.nii", "m.nii"):
        (tmp_path / name).touch()
    table = tmp_path / "cases.csv"
    table.write_text("id,image,mask,split\na,i1.nii;i2.nii,m.nii,validation\nb,i1.nii;i2.nii,,\n")
    first, second = read_csv(table)
    assert first == Case("a", (tmp_path / "i1.nii", tmp_path / "i2.nii"), tmp_path / "m.nii", split="validation")
    assert (second.mask, second.split) == (None, "")


@pytest.mark.parametrize("name", ["semicolon", "capital"])
def test_a_csv_of_other_separators_and_headings_is_read(cases, name):
    folder = cases / "c19_csv"
    first, second = read_csv(folder / f"{name}.csv")
    assert first == Case("a", (folder / "i1.nii.gz",), folder / "m1.nii.gz") and second.id == "b"


@pytest.mark.parametrize("line", ["a;x.nii,y.nii;x.nii", 'a;"x.nii;y.nii";x.nii', "a\tx.nii;y.nii\tx.nii"])
def test_several_images_stand_in_one_field_whatever_the_separator(tmp_path, line):
    for name in ("x.nii", "y.nii"):
        (tmp_path / name).touch()
    separator = ";" if line[1] == ";" else "\t"
    (tmp_path / "c.csv").write_text(separator.join(("Id", "IMAGE", "mask")) + f"\n{line}\n")
    [case] = read_csv(tmp_path / "c.csv")
    assert [path.name for path in case.images] == ["x.nii", "y.nii"] and case.mask.name == "x.nii"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a header"),
        ("name,file\na,b\n", "columns id and image"),
        ("id,image,age\na,i.nii,3\n", "unknown columns: age"),
        ("id,image\na,gone.nii\n", "line 2, which is not there"),
        ("id,image\n,i.nii\n", "lacks an id or an image in line 2"),
        ("id,image,split\na,i.nii,test\n", "split 'test' in line 2"),
        ("id,image\na,i.nii\na,i.nii\n", "names the case 'a' twice"),
    ],
)
def test_a_wrong_csv_is_refused_with_the_line(tmp_path, text, message):
    (tmp_path / "i.nii").touch()
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(TrainingError, match=message):
        read_csv(tmp_path / "c.csv")


def test_intensity_conventions_scale_as_they_say():
    image = np.random.default_rng(0).uniform(5, 100, (4, 5, 6)).astype(np.float32)
    image[2] = 3
    slices, whole = per_slice(image), min_max(image)
    assert slices[[0, 1, 3]].min(axis=(1, 2)) == pytest.approx([-1] * 3) and (slices[2] == -1).all()
    assert slices[[0, 1, 3]].max(axis=(1, 2)) == pytest.approx([1] * 3, abs=1e-6)
    assert (whole.min(), whole.max()) == pytest.approx((-1, 1)) and (whole[2] == -1).all()
    with pytest.raises(ValueError, match="no brighter"):
        robust(np.ones((3, 3, 3)), np.eye(3, dtype=bool)[None].repeat(3, 0))


def test_a_head_stored_in_another_order_of_axes_is_packed_the_same_in_every_convention(tmp_path):
    image = head_image() * np.linspace(1, 2, SIZE, dtype=np.float32)[:, None, None]
    stored = nib.Nifti1Image(image, AFFINE)
    turned = stored.as_reoriented(np.array([[2, 1], [0, -1], [1, 1]]))
    cases = []
    for name, file in (("a", stored), ("b", turned)):
        nib.save(file, tmp_path / f"{name}.nii.gz")
        cases.append(Case(name, (tmp_path / f"{name}.nii.gz",)))
    for convention in CONVENTIONS:
        _, data = packed(tmp_path / convention, cases, convention=convention)
        assert abs(from_bytes(data.images[0]) - from_bytes(data.images[1])).mean() < 0.01


def test_the_contact_sheet_outlines_tumours(tmp_path):
    data = PackedDataset.open(write_data(tmp_path / "data", tumor=True))
    assert (_picture(data, 0, False) == TUMOR_COLOUR).all(axis=-1).sum() > 3
    assert write_contact_sheet(tmp_path / "sheet.png", data) == 5
    healthy = PackedDataset.open(write_data(tmp_path / "healthy"))
    assert not (_picture(healthy, 0, False) == TUMOR_COLOUR).all(axis=-1).any()


def test_a_damaged_set_is_refused_by_name(tmp_path):
    folder = write_data(tmp_path)
    np.save(folder / "labels.npy", np.zeros((1, 2, 3), np.uint8))
    with pytest.raises(TrainingError, match="labels.npy holds uint8"):
        PackedDataset.open(folder)
    (folder / "labels.npy").unlink()
    with pytest.raises(TrainingError, match="labels.npy"):
        PackedDataset.open(folder)


def test_the_published_sample_is_packed_as_the_published_code_does(shared, tmp_path):
    golden = json.loads((shared / "golden" / "preprocess_sample_3.json").read_text())
    folder = shared / "data" / "med_ddpm_whole_head"
    case = Case("3", (folder / "sample_3_image.nii.gz",), mask=folder / "sample_3_mask.nii.gz")
    grid = ModelGrid((128, 128, 128), (1.5, 1.5, 1.5), "head_centre", "RAS")
    prepare(
        [case],
        tmp_path / "out",
        PrepareOptions(grid=grid, scheme=WHOLE_HEAD, modalities=("T1c",), convention="per_slice"),
    )
    data = PackedDataset.open(tmp_path / "out")
    image, condition = from_bytes(data.images[0]), WHOLE_HEAD.to_condition(data.labels[0])
    z, y, x = np.array(golden["probe_zyx"]).T
    assert image[0, z, y, x] == pytest.approx(np.array(golden["target_probe"]), abs=1 / 255 + 1e-5)
    assert np.array_equal(condition[:, z, y, x].T, golden["condition_probe"])
    assert (image.mean(), image.std()) == pytest.approx((golden["target_mean"], golden["target_std"]), abs=1e-3)
    assert condition.mean(axis=(1, 2, 3)) == pytest.approx(np.array(golden["condition_mean"]), abs=1e-6)


def test_a_real_four_modality_case_is_packed_as_it_is(shared, tmp_path):
    [case] = find_cases(shared / "data" / "brats_case", ["_t1", "_t1ce", "_t2", "_flair"], mask_suffix="_seg")
    grid = ModelGrid((144, 192, 192), (1.0, 1.0, 1.0), "head_centre", "LPS")
    modalities = ("T1", "T1ce", "T2", "FLAIR")
    options = PrepareOptions(grid=grid, scheme=BRATS, modalities=modalities, convention="min_max")
    prepare([case], tmp_path / "out", options)
    data = PackedDataset.open(tmp_path / "out")
    for channel, path in enumerate(case.images):
        stored = np.asanyarray(nib.load(path).dataobj).transpose(2, 1, 0)
        assert abs(from_bytes(data.images[0, channel]) - stored).max() < 0.005
    labels = np.asanyarray(nib.load(case.mask).dataobj).transpose(2, 1, 0)
    assert np.array_equal(data.labels[0], labels) and not data.brain.any()
