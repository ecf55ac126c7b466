"""Synthetic images as DICOM: what it says, where it lies, what it refuses, and what others make of it."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from phantoms import AXES, box, head, rotation

pytest.importorskip("pydicom", reason="needs pydicom (pip install pydicom highdicom)")
pytest.importorskip("highdicom", reason="needs highdicom (pip install pydicom highdicom)")

import pydicom
import SimpleITK as sitk

from MedDDPMCore.base.errors import LabelError, ResourceError, VolumeError
from MedDDPMCore.cli import main
from MedDDPMCore.export import dicom as export
from MedDDPMCore.export.dicom import export_dicom, stored_values
from MedDDPMCore.export.record import Record
from MedDDPMCore.synthesis.output import write_with_record
from MedDDPMCore.volumes import dicom
from MedDDPMCore.volumes.volume import Geometry, Volume, direction_of_axes, resample_image, resample_labels

RECORD = Record(model="small", model_sha256="0123456789abcdef" * 4, seed=7, modality="T1", sampler="ddpm", steps=30)
NEWER_THAN_DCIODVFY = "(0x0008,0x001c)"
"""Synthetic Data: an attribute of the standard that Debian's dciodvfy of 2022 does not know yet."""


def image_on(geometry: Geometry) -> Volume:
    random = np.random.default_rng(0)
    return Volume((random.integers(0, 1000, geometry.shape)).astype(np.int16), geometry)


def oblique(spacing=(6.0, 7.0, 8.0), axes="RAS") -> Geometry:
    return box(spacing, (190, 230, 220), rotation((12, -20, 7)) @ direction_of_axes(axes))


def slices_of(out) -> list:
    return [pydicom.dcmread(path) for path in sorted((out / "MR").iterdir())]


def all_text(out) -> str:
    return "\n".join(str(pydicom.dcmread(path)) for path in sorted(out.rglob("*.dcm")))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "out"
    geometry = oblique()
    export_dicom([(image_on(geometry), RECORD)], out, head(geometry))
    return out


def test_every_object_says_that_it_is_synthetic_wherever_a_viewer_looks(study):
    for dataset in [*slices_of(study), pydicom.dcmread(study / "SEG" / "mask.dcm")]:
        assert dataset.PatientName == "SYNTHETIC^small" and dataset.PatientID.startswith("SYNTHETIC")
        assert "SYNTHETIC" in dataset.SeriesDescription and "SYNTHETIC" in dataset.StudyDescription
        assert dataset.SyntheticData == "YES" and dataset.ImageType[0] == "DERIVED"
        purposes = [e.PurposeOfReferenceCodeSequence[0].CodeMeaning for e in dataset.ContributingEquipmentSequence]
        equipment = dataset.ContributingEquipmentSequence[purposes.index("Synthesizing Equipment")]
        assert "small 01234567" in equipment.ManufacturerModelName and "SYNTHETIC" in equipment.ContributionDescription
    first = slices_of(study)[0]
    assert list(first.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
    for text in (first.ImageComments, first.DerivationDescription):
        assert "SYNTHETIC" in text and "small 01234567" in text and "seed 7" in text and "not for diagnosis" in text
    assert first.BurnedInAnnotation == "NO" and first.RecognizableVisualFeatures == "YES"


def test_an_edited_scan_says_that_it_is_partly_synthetic_and_not_that_it_is_of_nobody(tmp_path):
    record = replace(RECORD, edited=True)
    notes = export_dicom([(image_on(oblique()), record)], tmp_path / "out", head(oblique()))
    assert any("patient's own" in note for note in notes)
    for dataset in [*slices_of(tmp_path / "out"), pydicom.dcmread(tmp_path / "out" / "SEG" / "mask.dcm")]:
        assert "PARTLY SYNTHETIC" in dataset.SeriesDescription and "PARTLY SYNTHETIC" in dataset.StudyDescription
        assert dataset.SyntheticData == "YES"
    for text in (dataset := slices_of(tmp_path / "out")[0]).ImageComments, dataset.DerivationDescription:
        assert text.startswith("PARTLY SYNTHETIC") and "region" in text and "source scan" in text
    assert not re.search("not (a scan )?of any person", all_text(tmp_path / "out"), re.IGNORECASE)


@pytest.mark.parametrize("marked", [True, "true"])
def test_what_the_record_says_of_edit_and_face_goes_on_into_the_study(marked, tmp_path):
    image = tmp_path / "image.nii.gz"
    image_on(oblique()).write(image)
    values = {"synthetic": True, "model": "small", "model_sha256": "ab" * 32, "seed": 7, "modality": "T1"}
    (tmp_path / "image.json").write_text(json.dumps(values | {"edited": marked, "defaced": marked}))
    assert main(["dicom", str(image), str(tmp_path / "out")]) == 0
    first = slices_of(tmp_path / "out")[0]
    assert "PARTLY" in first.SeriesDescription and first.RecognizableVisualFeatures == "NO"


def test_several_images_of_a_head_are_series_of_one_study_in_one_place(tmp_path):
    values = {"synthetic": True, "model": "small", "model_sha256": "ab" * 32, "seed": 7}
    for name in ("T1", "T2"):
        image_on(oblique()).write(tmp_path / f"{name}.nii.gz")
        (tmp_path / f"{name}.json").write_text(json.dumps(values | {"modality": name}))
    head(oblique()).write(tmp_path / "mask.nii.gz")
    images, out = [str(tmp_path / f"{name}.nii.gz") for name in ("T1", "T2")], tmp_path / "out"
    assert main(["dicom", *images, str(out), "--mask", str(tmp_path / "mask.nii.gz")]) == 0
    assert sorted(os.listdir(out)) == ["MR1", "MR2", "SEG"]
    first, second = (pydicom.dcmread(out / folder / "0001.dcm") for folder in ("MR1", "MR2"))
    seg = pydicom.dcmread(out / "SEG" / "mask.dcm")
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "StudyDate", "StudyTime"):
        assert getattr(first, name) == getattr(second, name) == getattr(seg, name)
    assert [d.SeriesNumber for d in (first, second, seg)] == [1, 2, 3]
    assert len({d.SeriesInstanceUID for d in (first, second, seg)}) == 3
    assert "T1" in first.SeriesDescription and "T2" in second.SeriesDescription
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == first.SeriesInstanceUID
    assert main(["dicom", *images, str(tmp_path / "no"), "--record", str(tmp_path / "T1.json")]) == 1
    far = box((8, 8, 8), (190, 230, 220), centre=(900, 0, 0))
    with pytest.raises(VolumeError, match="image 2 lies outside"):
        export_dicom([(image_on(oblique()), RECORD), (image_on(far), RECORD)], tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_identifiers_are_new_and_shared_as_a_study_shares_them(study, tmp_path):
    export_dicom([(image_on(oblique()), RECORD)], tmp_path / "again", head(oblique()))
    first, again = ([*slices_of(out), pydicom.dcmread(out / "SEG" / "mask.dcm")] for out in (study, tmp_path / "again"))
    assert len({d.SOPInstanceUID for d in first + again}) == len(first + again)
    for name, count in (("StudyInstanceUID", 1), ("FrameOfReferenceUID", 1), ("SeriesInstanceUID", 2)):
        one, other = ({getattr(d, name) for d in objects} for objects in (first, again))
        assert len(one) == count and not one & other


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("axes", AXES[::5])
def test_voxels_come_back_at_their_places_from_any_orientation(axes, tmp_path):
    geometry = oblique(axes=axes)
    image = image_on(geometry)
    export_dicom([(image, RECORD)], tmp_path / "out")
    back = Volume.read(tmp_path / "out" / "MR")
    assert np.linalg.det(back.geometry.direction) > 0
    assert back.geometry.turned_to(geometry.direction).matches(geometry, 1e-6)
    assert np.array_equal(resample_image(back, geometry).array, image.array)


@pytest.mark.parametrize("axes, rows, columns", [("RAS", 0, 1), ("RSA", 0, 2), ("ASL", 1, 2)])
def test_viewers_see_each_plane_the_usual_way_up(axes, rows, columns, tmp_path):
    export_dicom([(image_on(box((8, 8, 8), (190, 230, 220), direction_of_axes(axes))), RECORD)], tmp_path / "out")
    orientation = np.array(slices_of(tmp_path / "out")[0].ImageOrientationPatient, float).reshape(2, 3)
    assert orientation[0, rows] == pytest.approx(1)  # to the patient's left, or to the back
    assert orientation[1, columns] == pytest.approx(1 if columns == 1 else -1)  # to the back, or down


def test_itk_reads_the_series_at_the_same_place(study):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(study / "MR")))
    image = reader.Execute()
    geometry = export.for_viewers(image_on(oblique())).geometry
    assert np.allclose(image.GetOrigin(), geometry.origin) and np.allclose(image.GetSpacing(), geometry.spacing)
    assert np.allclose(np.reshape(image.GetDirection(), (3, 3)), geometry.direction)


def test_the_segmentation_holds_the_mask_voxel_for_voxel(study):
    import highdicom

    seg = highdicom.seg.segread(study / "SEG" / "mask.dcm")
    names = [seg.get_segment_description(number).SegmentLabel for number in seg.segment_numbers]
    assert names == ["head", "tumor"]
    volume = seg.get_volume(combine_segments=True)
    affine = volume.affine  # index (slice, row, column) to LPS mm
    upright = export.for_viewers(image_on(oblique())).geometry
    array = np.asarray(volume.array)
    voxels = np.argwhere(array > 0)
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    index = np.rint(upright.to_index(world)).astype(int)
    found = np.zeros(upright.shape, np.uint8)
    found[tuple(index.T[::-1])] = array[tuple(voxels.T)]
    assert np.array_equal(found, resample_labels(head(oblique()), upright).array)


def test_the_segmentation_is_read_back_as_the_mask_voxel_for_voxel(study):
    upright = export.for_viewers(image_on(oblique())).geometry
    for path in (study / "SEG", study / "SEG" / "mask.dcm"):
        read = Volume.read(path, labels=True)
        assert read.label_names == {1: "head", 2: "tumor"}
        assert np.array_equal(resample_labels(read, upright).array, resample_labels(head(oblique()), upright).array)
        first = upright.to_index(np.array(read.geometry.origin))
        assert np.allclose(first, np.rint(first), atol=1e-3) and np.allclose(read.geometry.spacing, upright.spacing)


def test_the_parts_of_a_brats_mask_are_called_so_by_year_and_its_numbers_alone_are_refused(tmp_path):
    image_on(oblique()).write(tmp_path / "image.nii.gz")
    values = {"synthetic": True, "model": "small", "model_sha256": "ab" * 32, "seed": 7, "modality": "T1"}
    (tmp_path / "image.json").write_text(json.dumps(values))
    parts = head(oblique(), semi_axes=(28, 28, 28), tumor=(0, 0, 0), radius=18)
    Volume(np.array([0, 2, 4], np.uint8)[parts.array], parts.geometry).write(tmp_path / "seg.nii.gz")
    command = ["dicom", str(tmp_path / "image.nii.gz"), str(tmp_path / "out"), "--mask", str(tmp_path / "seg.nii.gz")]
    assert main(command) == 1 and not (tmp_path / "out").exists()
    for year, names in (("2021", {1: "edema", 2: "enhancing_tumor"}), ("2024", {1: "edema"})):
        command[2] = str(tmp_path / year)
        assert main([*command, "--brats-labels", year]) == 0
        assert Volume.read(tmp_path / year / "SEG", labels=True).label_names == names


def test_a_mask_on_another_grid_is_resampled_and_said(tmp_path):
    notes = export_dicom([(image_on(oblique()), RECORD)], tmp_path / "out", head(box((5, 5, 5), (190, 230, 220))))
    assert any("another grid" in note for note in notes)


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs dciodvfy (apt-get install dicom3tools)")
@pytest.mark.parametrize("burn", [False, True])
def test_dciodvfy_finds_no_error(burn, tmp_path):
    geometry = oblique((3.0, 7.0, 8.0))
    export_dicom([(image_on(geometry), RECORD)], tmp_path / "out", head(geometry), burn_in=burn)
    files = sorted((tmp_path / "out").rglob("*.dcm"))
    assert len(files) > 20
    for path in files:
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert "MRImage" in said or "Segmentation" in said
        errors = [line for line in said.splitlines() if "Error" in line and NEWER_THAN_DCIODVFY not in line]
        assert errors == [], path


def test_the_word_is_burned_in_only_on_request_and_then_said(tmp_path):
    geometry = box((2, 7, 8), (190, 230, 220))
    image = image_on(geometry)
    export_dicom([(image, RECORD)], tmp_path / "out", burn_in=True)
    first = slices_of(tmp_path / "out")[0]
    assert first.BurnedInAnnotation == "YES"
    changed = first.pixel_array != export.for_viewers(image).array[0]
    assert changed[:9].any() and not changed[9:].any()
    with pytest.raises(VolumeError, match="too small"):
        export_dicom([(image_on(box((20, 20, 20), (190, 230, 220))), RECORD)], tmp_path / "small", burn_in=True)


def test_fractions_are_scaled_to_within_half_a_stated_step(tmp_path):
    geometry = oblique()
    image = Volume(np.random.default_rng(1).normal(3, 2, geometry.shape).astype(np.float32), geometry)
    [note] = export_dicom([(image, RECORD)], tmp_path / "out")
    low, step = (float(number) for number in re.search(r"is (\S+) \+ (\S+) x", note).groups())
    assert note in slices_of(tmp_path / "out")[0].DerivationDescription
    back = resample_image(Volume.read(tmp_path / "out" / "MR"), geometry).array
    assert np.abs(low + step * back - image.array).max() <= step * 0.51
    assert step == pytest.approx((image.array.max() - image.array.min()) / 32767)


def test_whole_numbers_of_16_bits_stay_as_they_are():
    for array in (np.array([-5, 7], np.int32), np.array([0.0, 65535.0]), np.array([3, 3], np.uint8)):
        assert np.array_equal(stored_values(array)[0], array)
    assert stored_values(np.array([0, 70000]))[0].tolist() == [0, 32767]
    with pytest.raises(VolumeError, match="NaN"):
        stored_values(np.array([0.0, np.nan]))


def patient_series(folder, geometry):
    """A series of a patient of flesh and blood, as a scanner writes it."""
    export_dicom([(image_on(geometry), RECORD)], folder)
    for path in (folder / "MR").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SpecificCharacterSet = "ISO_IR 100"
        dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Müller^Else", "MRN-4711", "19600229"
        dataset.AccessionNumber, dataset.StudyDescription = "A99", "Brain"
        del dataset.PatientComments
        dataset.save_as(path)
    return folder / "MR"


def test_identity_is_kept_on_purpose_alone(tmp_path):
    image, geometry = tmp_path / "Else Mueller_synthetic_T1_seed7.nii.gz", oblique()
    image_on(geometry).write(image)
    values = {"synthetic": True, "model": "small", "model_sha256": "ab" * 32, "seed": 7, "modality": "T1"}
    image.with_name("Else Mueller_synthetic_T1_seed7.json").write_text(json.dumps(values))
    source = patient_series(tmp_path / "source", geometry)
    for lone in (["--source", str(source)], ["--keep-identity"]):
        assert main(["dicom", str(image), str(tmp_path / "no"), *lone]) == 1
    assert not (tmp_path / "no").exists()
    assert main(["dicom", str(image), str(tmp_path / "plain")]) == 0
    assert not re.search("Else|M[uü]e?ller|MRN-4711", all_text(tmp_path / "plain"))

    assert main(["dicom", str(image), str(tmp_path / "kept"), "--source", str(source), "--keep-identity"]) == 0
    original, kept = pydicom.dcmread(source / "0001.dcm"), slices_of(tmp_path / "kept")[0]
    for name in ("PatientID", "PatientBirthDate", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDescription"):
        assert getattr(kept, name) == getattr(original, name)
    assert str(kept.PatientName) == "Müller^Else" and "SYNTHETIC" in kept.SeriesDescription
    assert kept.SeriesInstanceUID != original.SeriesInstanceUID and kept.SOPInstanceUID != original.SOPInstanceUID


def test_identity_is_that_of_the_images_whatever_else_lies_in_their_folder_and_however_that_is_called(
    study, tmp_path, monkeypatch
):
    source = patient_series(tmp_path / "Müller", oblique())
    segmentation = pydicom.dcmread(study / "SEG" / "mask.dcm")
    segmentation.SeriesInstanceUID = "1.2.3"  # the first of the two by its number
    segmentation.save_as(source / "other.dcm")
    export_dicom([(image_on(oblique()), RECORD)], tmp_path / "kept", source=source)
    assert slices_of(tmp_path / "kept")[0].PatientID == "MRN-4711"

    monkeypatch.setattr(dicom, "_NEEDS_ASCII", True)
    read, names = pydicom.dcmread, []
    monkeypatch.setattr(pydicom, "dcmread", lambda name, **options: names.append(name) or read(name, **options))
    export_dicom([(image_on(oblique()), RECORD)], tmp_path / "again", source=source)
    assert names and all(str(name).isascii() for name in names)
    assert slices_of(tmp_path / "again")[0].PatientID == "MRN-4711"


def test_a_source_that_lies_elsewhere_is_refused(tmp_path):
    source = patient_series(tmp_path / "source", box((8, 8, 8), (190, 230, 220), centre=(900, 0, 0)))
    with pytest.raises(VolumeError, match="outside the series"):
        export_dicom([(image_on(oblique()), RECORD)], tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    with pytest.raises(VolumeError, match="there already"):
        export_dicom([(image_on(oblique()), RECORD)], out)
    assert [path.name for path in out.iterdir()] == ["precious"]


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path, monkeypatch):
    """After the fifth slice, as the file system says it."""
    real, calls = pydicom.dcmwrite, []

    def dcmwrite(*arguments, **options):
        calls.append(1)
        if len(calls) > 5:
            raise OSError(28, "No space left on device")
        real(*arguments, **options)

    monkeypatch.setattr(pydicom, "dcmwrite", dcmwrite)
    with pytest.raises(ResourceError, match="the disk is full"):
        export_dicom([(image_on(oblique()), RECORD)], tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_a_dicom_series_is_refused(tmp_path):
    geometry = oblique()
    sheared = geometry.affine_lps
    sheared[:3, 2] += sheared[:3, 0]
    with pytest.raises(VolumeError, match="sheared"):
        export_dicom([(image_on(Geometry.from_affine_lps(sheared, geometry.shape)), RECORD)], tmp_path / "out")
    empty = Volume(np.zeros(geometry.shape, np.uint8), geometry)
    with pytest.raises(LabelError, match="no label"):
        export_dicom([(image_on(geometry), RECORD)], tmp_path / "out", empty)
    with pytest.raises(VolumeError, match="elsewhere"):
        far = head(box((8, 8, 8), (190, 230, 220), centre=(500, 0, 0)), tumor=(500, 0, 0))
        export_dicom([(image_on(geometry), RECORD)], tmp_path / "out", far)
    assert os.listdir(tmp_path) == []


def test_a_scan_beside_the_record_of_a_synthetic_image_of_its_stem_is_not_called_synthetic(tmp_path, capsys):
    scan = tmp_path / "a.nii.gz"
    image_on(oblique()).write(scan)
    values = {"synthetic": True, "model": "small", "model_sha256": "ab" * 32, "seed": 7, "modality": "T1"}
    write_with_record(tmp_path / "a.nrrd", head(oblique()), {}, values)
    for command, out in (("dicom", "out"), ("deface", "out.nii.gz")):
        assert main([command, str(scan), str(tmp_path / out)]) == 1
        assert "is the record of a.nrrd, not of a.nii.gz" in capsys.readouterr().err and not (tmp_path / out).exists()
    assert main(["dicom", str(tmp_path / "a.nrrd"), str(tmp_path / "out")]) == 0


def test_an_image_without_a_record_is_not_called_synthetic(tmp_path, capsys):
    image = tmp_path / "scan.nii.gz"
    image_on(oblique()).write(image)
    assert main(["dicom", str(image), str(tmp_path / "out")]) == 1
    assert "record" in capsys.readouterr().err
    (tmp_path / "scan.json").write_text('{"synthetic": false, "model": "x", "model_sha256": "", "seed": 1}')
    assert main(["dicom", str(image), str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()
