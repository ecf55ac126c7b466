"""Files out of masks: records, previews, what is skipped, and folders."""

import contextlib
import json
import subprocess
import sys
import time

import nibabel
import numpy as np
import pytest
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.base import files
from MedDDPMCore.base.errors import LabelError, ResourceError, VolumeError
from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.synthesis.batch import synthesize_files
from MedDDPMCore.synthesis.masks import find_masks
from MedDDPMCore.synthesis.output import record_beside, sidecar, stem, write_with_record
from MedDDPMCore.synthesis.synthesize import Settings, load_model
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(write_model(tmp_path_factory.mktemp("model") / "small"), "cpu", "float32")


@pytest.fixture
def mask_file(tmp_path):
    path = tmp_path / "patient one.nii.gz"
    head(box((6, 6, 6), (190, 230, 220))).write(path)
    return path


def test_each_image_has_a_record_that_says_it_is_synthetic_and_how_it_was_made(model, mask_file, tmp_path):
    [path], failed = synthesize_files(model, [mask_file], tmp_path / "out", Settings(seed=4))
    assert not failed
    assert path.name == "patient one_synthetic_T1_seed4.nii.gz"
    record = json.loads(path.with_name("patient one_synthetic_T1_seed4.json").read_text())
    assert record["synthetic"] is True and "not for diagnosis" in record["statement"]
    assert record["model_sha256"] == model.spec.weights_sha256
    assert (record["seed"], record["sampler"], record["steps"], record["device"]) == (4, "dpmpp_2m", 4, "cpu")
    assert len(record["mask_sha256"]) == 64 and record["software"]["torch"]
    assert "SYNTHETIC" in nibabel.load(path).header["descrip"].item().decode()


def test_files_hold_whole_numbers_from_zero_in_air(model, mask_file, tmp_path):
    [path], _ = synthesize_files(model, [mask_file], tmp_path / "out", Settings())
    image = nibabel.load(path)
    assert image.get_data_dtype() == np.int16
    assert np.asarray(image.dataobj).min() >= 0 and np.asarray(image.dataobj).max() <= 1000


def test_a_picture_lies_beside_each_image(model, mask_file, tmp_path):
    [path], _ = synthesize_files(model, [mask_file], tmp_path / "out", Settings())
    picture = path.with_name(path.name.replace(".nii.gz", ".png")).read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_what_is_there_already_is_skipped_and_never_replaced_by_what_is_made_otherwise(model, mask_file, tmp_path):
    out = tmp_path / "out"
    assert len(synthesize_files(model, [mask_file], out, Settings(samples=2))[0]) == 2
    assert synthesize_files(model, [mask_file], out, Settings(samples=2))[0] == []
    assert len(synthesize_files(model, [mask_file], out, Settings(samples=3))[0]) == 1
    before = {path: path.read_bytes() for path in out.iterdir()}
    for settings, told in ((Settings(steps=2), "steps 4, not 2"), (Settings(output_grid="model"), "output_grid")):
        with pytest.raises(VolumeError, match=f"made otherwise .*{told}.*not written over"):
            synthesize_files(model, [mask_file], out, settings)
    head(box((6, 6, 6), (190, 230, 220)), radius=20).write(mask_file)
    with pytest.raises(VolumeError, match="mask_sha256"):
        synthesize_files(model, [mask_file], out, Settings())
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_an_output_that_is_a_files_name_is_that_file_with_its_record_and_picture(model, mask_file, tmp_path):
    out = tmp_path / "made" / "x.nrrd"
    assert synthesize_files(model, [mask_file], out, Settings()) == ([out], {})
    assert {path.name for path in out.parent.iterdir()} == {"x.nrrd", "x.json", "x.png"} and record_beside(out)
    assert synthesize_files(model, [mask_file], out, Settings())[0] == []
    with pytest.raises(VolumeError, match="several images"):
        synthesize_files(model, [mask_file], out, Settings(samples=2))


def test_an_output_that_is_the_mask_or_a_users_file_is_refused(model, mask_file, tmp_path):
    other = tmp_path / "mri.nii.gz"
    other.write_bytes(mask_file.read_bytes())
    for out, told in ((mask_file, "is an input"), (other, "is there already")):
        before = out.read_bytes()
        with pytest.raises(VolumeError, match=told):
            synthesize_files(model, [mask_file], out, Settings())
        assert out.read_bytes() == before


def test_a_users_file_that_is_called_like_an_output_is_refused_and_an_own_one_whose_record_is_gone_is_not(
    model, mask_file, tmp_path
):
    out = tmp_path / "out" / "x_synthetic_T1.mha"
    out.parent.mkdir()
    out.write_bytes(b"a scan")
    with pytest.raises(VolumeError, match="is there already"):
        synthesize_files(model, [mask_file], out, Settings())
    assert out.read_bytes() == b"a scan"
    for ending in (".nii", ".nii.gz", ".nrrd", ".mha"):
        [path], _ = synthesize_files(model, [mask_file], tmp_path / ending[1:] / f"own{ending}", Settings(steps=1))
        sidecar(path).unlink()
        assert synthesize_files(model, [mask_file], path, Settings(steps=1))[0] == [path]


@pytest.mark.parametrize("ending", [".json", ".png"])
@pytest.mark.parametrize("beside", [True, False])
def test_a_users_json_or_picture_is_not_written_over(model, mask_file, tmp_path, ending, beside):
    """As dcm2niix and screenshots leave them beside a scan of that name, or alone."""
    scan, other = tmp_path / "patient1.nii.gz", tmp_path / f"patient1{ending}"
    other.write_text('{"Modality": "MR"}')
    if beside:
        scan.write_bytes(mask_file.read_bytes())
    for out in (tmp_path / "patient1.nrrd", scan):
        with pytest.raises(VolumeError, match="is there already"):
            synthesize_files(model, [mask_file], out, Settings(), report=lambda *_: pytest.fail("it began"))
    assert other.read_text() == '{"Modality": "MR"}' and not (tmp_path / "patient1.nrrd").exists()


def test_a_users_scan_is_not_taken_for_an_own_image_because_of_json_beside_it(model, mask_file, tmp_path):
    scan = tmp_path / "patient1.nii.gz"
    scan.write_bytes(mask_file.read_bytes())
    sidecar(scan).write_text('{"Modality": "MR"}')
    [made] = model.synthesize(Volume.read(mask_file, labels=True), steps=1)
    with pytest.raises(VolumeError, match="is there already"):
        made.write(scan)
    assert scan.read_bytes() == mask_file.read_bytes()


def test_the_record_of_a_neighbour_of_the_same_stem_is_not_written_over(model, mask_file, tmp_path):
    first = tmp_path / "made" / "x.nii.gz"
    synthesize_files(model, [mask_file], first, Settings(steps=1))
    with pytest.raises(VolumeError, match=r"x\.json is there already"):
        synthesize_files(model, [mask_file], first.with_name("x.nrrd"), Settings(steps=1))
    assert record_beside(first)
    first.unlink()
    assert synthesize_files(model, [mask_file], first, Settings(steps=1))[0] == [first], "the record was nobody's"


def test_a_mask_beside_the_record_of_another_image_of_its_stem_stays_a_mask(model, mask_file, tmp_path):
    out = mask_file.with_name("patient one.nrrd")
    synthesize_files(model, [mask_file], out, Settings(steps=1))
    assert record_beside(out) and find_masks(tmp_path) == [mask_file]


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_sampled(model, mask_file, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ResourceError, match="could not be written"):
        synthesize_files(model, [mask_file], tmp_path / "out", Settings(), report=lambda *_: pytest.fail("it began"))


@pytest.mark.parametrize("name", ["x.mhd", "x.nhdr", "x.seg.nrrd"])
def test_a_file_that_holds_no_image_is_refused_before_anything_is_sampled(model, mask_file, tmp_path, name):
    out = tmp_path / "out" / name
    with pytest.raises(VolumeError, match=name):
        synthesize_files(model, [mask_file], out, Settings(), report=lambda *_: pytest.fail("it began"))
    assert not out.parent.exists()


def test_two_masks_of_one_stem_get_images_of_two_names(model, mask_file, tmp_path):
    folder = tmp_path / "masks"
    for name in ("p1.nii.gz", "p1.nrrd", "deeper/p1.nii.gz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Volume.read(mask_file, labels=True).write(folder / name)
    written, failed = synthesize_files(model, find_masks(folder), folder / "out", Settings(steps=1))
    assert not failed and len({path.name for path in written}) == 3
    assert len(find_masks(folder)) == 3, "images made before are no masks"


def test_an_image_without_its_record_is_made_again(model, mask_file, tmp_path):
    [path], _ = synthesize_files(model, [mask_file], tmp_path / "out", Settings())
    path.with_name(path.name.replace(".nii.gz", ".json")).unlink()
    assert synthesize_files(model, [mask_file], tmp_path / "out", Settings())[0] == [path]


def test_an_image_that_is_not_the_one_of_its_record_is_made_again(model, mask_file, tmp_path):
    [path], _ = synthesize_files(model, [mask_file], tmp_path / "out", Settings())
    assert json.loads(sidecar(path).read_text())["image_sha256"] == sha256_of(path)
    [other], _ = synthesize_files(model, [mask_file], tmp_path / "out", Settings(seed=1))
    path.write_bytes(other.read_bytes())
    assert synthesize_files(model, [mask_file], tmp_path / "out", Settings())[0] == [path]


def test_a_record_of_the_first_versions_which_held_no_hash_is_believed(model, mask_file, tmp_path):
    [path], _ = synthesize_files(model, [mask_file], tmp_path / "out", Settings())
    record = json.loads(sidecar(path).read_text())
    del record["image_sha256"]
    sidecar(path).write_text(json.dumps(record))
    assert synthesize_files(model, [mask_file], tmp_path / "out", Settings())[0] == []


@pytest.mark.parametrize("moment", range(5))
def test_stopped_at_any_moment_no_record_lies_beside_another_image(tmp_path, monkeypatch, moment):
    """An exception at each change of a name in turn stands for the end of the process."""
    path, old = tmp_path / "a.nii.gz", head(box((6, 6, 6), (60, 60, 60)))
    new = Volume(old.array + 1, old.geometry)
    write_with_record(path, old, {}, {"synthetic": True, "which": "old"})

    def end_at(function, count=[0]):  # noqa: B006
        def changed(*arguments, **named):
            count[0] += 1
            if count[0] == moment:
                raise KeyboardInterrupt
            return function(*arguments, **named)

        return changed

    with monkeypatch.context() as patched:
        patched.setattr(files, "_replace", end_at(files._replace))
        with pytest.raises(KeyboardInterrupt) if moment else contextlib.nullcontext():
            write_with_record(path, new, {}, {"synthetic": True, "which": "new"})
    assert sidecar(path).exists() == (moment < 3)
    if record := record_beside(path):
        assert np.array_equal(Volume.read(path).array, (old if record["which"] == "old" else new).array)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"a.nii.gz", "a.json"}


def test_killed_at_random_moments_no_record_lies_beside_another_image(tmp_path):
    code = """
import sys
import numpy as np
from MedDDPMCore.synthesis.output import write_with_record
from MedDDPMCore.volumes.volume import Geometry, Volume
from pathlib import Path
array = np.random.default_rng(0).integers(0, 99, (40, 40, 40)).astype(np.int16)
for number in range(100000):
    volume = Volume(array + number, Geometry.from_affine_ras(np.eye(4), array.shape))
    record = {"synthetic": True, "first": int(volume.array[0, 0, 0])}
    write_with_record(Path(sys.argv[1]) / "a.nii.gz", volume, {}, record)
    print(number, flush=True)
"""
    path = tmp_path / "a.nii.gz"
    for milliseconds in (3, 17, 40):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(2):
            assert process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.kill()
        process.communicate()
        if sidecar(path).exists():
            assert json.loads(sidecar(path).read_text())["first"] == int(Volume.read(path).array[0, 0, 0])
            assert record_beside(path)


def test_a_bad_mask_in_a_folder_is_left_out_with_the_reason_and_the_rest_are_made(model, mask_file, tmp_path):
    bad = tmp_path / "a bad one.nii.gz"
    empty = head(box((6, 6, 6), (190, 230, 220)))
    Volume(np.zeros_like(empty.array), empty.geometry).write(bad)
    written, failed = synthesize_files(model, find_masks(tmp_path), tmp_path / "out", Settings())
    assert [path.name for path in written] == ["patient one_synthetic_T1_seed0.nii.gz"]
    assert list(failed) == [bad]


def test_a_single_bad_mask_is_an_error(model, mask_file, tmp_path):
    volume = Volume.read(mask_file, labels=True)
    Volume(np.full_like(volume.array, 9), volume.geometry).write(mask_file)
    with pytest.raises(LabelError):
        synthesize_files(model, [mask_file], tmp_path / "out", Settings())


def test_the_masks_of_a_folder_are_found_in_order(mask_file, tmp_path):
    (tmp_path / "notes.txt").write_text("no mask")
    (tmp_path / "b.nrrd").write_text("")
    assert [path.name for path in find_masks(tmp_path)] == ["b.nrrd", "patient one.nii.gz"]
    assert find_masks(mask_file) == [mask_file]
    with pytest.raises(VolumeError, match="no file"):
        find_masks(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name, expected", [("a/b.nii.gz", "b"), ("b.SEG.NRRD", "b"), ("x.y.mha", "x.y"), ("series", "series")]
)
def test_a_files_stem_lacks_its_suffix_alone(name, expected):
    assert stem(name) == expected
