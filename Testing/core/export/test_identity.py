"""What was planted in the inputs of an export is in none of its outputs: names, dates, paths, UIDs, the host's name."""

import gzip
import json
import re
import socket
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume

NAME, DATE, UID = "Mueller", "19610229", "1.2.840.99.4711"
FOLDER, HOST = "ward-7", "pacs-of-the-hospital"
PLANTED = [NAME, DATE, "1961-02-29", UID, FOLDER, "Else"]


@pytest.fixture(autouse=True)
def host(monkeypatch):
    """The computer's name; a real one may be so short that it is in everything."""
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A folder of a patient's: a model, and masks that say in every place whose they are."""
    folder = tmp_path_factory.mktemp("home") / FOLDER
    folder.mkdir()
    write_model(folder / "model")
    mask = head(box((7, 8, 9), (190, 230, 220)))
    named = Volume(mask.array, mask.geometry, {1: "Head", 2: f"Tumor Else {NAME} {DATE}"})
    masks = folder / f"Else {NAME} {DATE}"
    masks.mkdir()
    named.write(masks / f"{NAME}_1961-02-29.seg.nrrd")
    image = nibabel.Nifti1Image(mask.array.T, mask.geometry.affine_lps * [[-1], [-1], [1], [1]])
    image.header["descrip"], image.header["db_name"] = f"{NAME}^Else {DATE} {UID}", NAME
    image.header["aux_file"], image.header["intent_name"] = f"{NAME}.hdr", NAME
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", f"{NAME}^Else {UID}".encode()))
    nibabel.save(image, masks / f"Else_{NAME}.nii.gz")
    return folder


def contents(out: Path):
    """Name and bytes of every file and folder below, as they are, and unpacked where they are compressed."""
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix().encode()
        data = path.read_bytes() if path.is_file() else b""
        yield name, data + (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else b"")


def assert_nothing_of_the_patient(out: Path) -> None:
    words = [*PLANTED, str(out.parent), HOST]
    files = list(contents(out))
    assert len(files) > 3
    for name, data in files:
        found = [word for word in words if word.lower().encode() in (name + b" " + data).lower()]
        assert found == [], f"{name.decode()} holds {found}"


@pytest.mark.parametrize("layout", ["nnunet", "bids"])
def test_a_data_set_tells_nothing_of_whose_masks_it_was_made(layout, patient, tmp_path):
    masks = next(patient.glob("Else*"))
    arguments = ["dataset", str(masks), str(tmp_path / "out"), "--layout", layout, "--model", str(patient / "model")]
    assert main([*arguments, "--steps", "1", "--device", "cpu"]) == 0
    assert_nothing_of_the_patient(tmp_path / "out")


def test_a_dicom_study_tells_nothing_of_whose_mask_it_was_made(patient, tmp_path, capsys):
    mask = next(patient.rglob("*.seg.nrrd"))
    made = tmp_path / "made"
    common = ["--model", str(patient / "model"), "--steps", "1", "--device", "cpu"]
    assert main(["synthesize", str(mask), str(made), *common]) == 0
    [image] = made.glob("*.nii.gz")
    assert NAME in image.name
    assert main(["dicom", str(image), str(tmp_path / "out"), "--mask", str(mask)]) == 0
    assert_nothing_of_the_patient(tmp_path / "out")
    seg = pydicom.dcmread(tmp_path / "out" / "SEG" / "mask.dcm")
    assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["head", "tumor"]


def test_the_name_of_a_segment_that_means_nothing_is_not_stored_and_that_is_said(patient, tmp_path, capsys):
    mask = Volume.read(next(patient.rglob("*.seg.nrrd")), labels=True)
    mask.array[2:5, 2:5, 2:5] = 3
    named = Volume(mask.array, mask.geometry, {1: "head", 2: "tumor", 3: f"for Dr {NAME}"})
    named.write(tmp_path / "mask.seg.nrrd")
    image = tmp_path / "image_synthetic_T1_seed0.nii.gz"
    Volume(np.arange(mask.array.size, dtype=np.int16).reshape(mask.array.shape), mask.geometry).write(image)
    record = {"synthetic": True, "model": "small", "model_sha256": "0" * 64, "seed": 0, "modality": "T1"}
    (tmp_path / "image_synthetic_T1_seed0.json").write_text(json.dumps(record))
    assert main(["dicom", str(image), str(tmp_path / "out"), "--mask", str(tmp_path / "mask.seg.nrrd")]) == 0
    assert re.search(f"'for Dr {NAME}' is stored as a label with a number", capsys.readouterr().out)
    assert NAME not in str(pydicom.dcmread(tmp_path / "out" / "SEG" / "mask.dcm"))


def test_the_test_finds_what_is_planted(patient, tmp_path):
    masks = next(patient.glob("Else*"))
    arguments = ["dataset", str(masks), str(tmp_path / "out"), "--layout", "nnunet", "--model", str(patient / "model")]
    assert main([*arguments, "--steps", "1", "--device", "cpu", "--keep-names"]) == 0
    with pytest.raises(AssertionError, match="holds"):
        assert_nothing_of_the_patient(tmp_path / "out")
