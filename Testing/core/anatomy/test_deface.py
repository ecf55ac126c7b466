"""The face is removed and the brain is not, however the image lies."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from phantoms import box, head, rotation, world

from MedDDPMCore.anatomy.deface import deface, face_region, find_nasion
from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume, reorient

NASION, TIP = np.array([0.0, -90.0, 20.0]), np.array([0.0, -113.0, -23.0])
"""Where the phantom's bridge and tip of the nose are, LPS mm."""


def inside(points: np.ndarray, centre, semi_axes) -> np.ndarray:
    return (((points - centre) / semi_axes) ** 2).sum(axis=-1) <= 1


def phantom(geometry) -> tuple[Volume, np.ndarray, np.ndarray]:
    """A head with a nose, eyes and a brain as a T1-like image; its head and its brain, bool."""
    points = world(geometry)
    x, y, z = np.moveaxis(points, -1, 0)
    nose = (np.abs(x) < 14) & (z < 20) & (z > -25) & (y < -60) & (y > -88 - (20 - z) * 0.6)
    brow = inside(points, (0, -60, 40), (40, 40, 14))
    body = inside(points, (0, 0, 0), (72, 92, 105)) | nose | brow | (inside(points, (0, 10, -90), (55, 75, 60)))
    brain = inside(points, (0, 12, 32), (60, 74, 55))
    eyes = inside(points, (-32, -72, 0), (12, 12, 12)) | inside(points, (32, -72, 0), (12, 12, 12))
    image = np.where(brain, 700, np.where(eyes, 300, np.where(body, 500, 3)))
    return Volume(image.astype(np.int16), geometry), body, brain


TURNS = {
    "upright": (np.diag([-1.0, -1.0, 1.0]), (3.0, 3.0, 3.0)),
    "sagittal slices": (np.array([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]]), (2.5, 2.5, 5.0)),
    "left-handed": (np.diag([1.0, -1.0, 1.0]), (3.0, 2.0, 4.0)),
    "oblique": (rotation((15, -10, 20)) @ np.diag([-1.0, -1.0, 1.0]), (3.0, 3.0, 3.0)),
}


@pytest.mark.parametrize("turn", TURNS)
def test_nose_and_front_of_the_eyes_go_and_the_brain_stays_bit_for_bit(turn):
    direction, spacing = TURNS[turn]
    extent = np.abs(direction.T) @ (200, 250, 300)
    image, body, brain = phantom(box(spacing, extent, direction))
    given = image.array.copy()
    result = deface(image, Volume(body.astype(np.uint8), image.geometry))
    assert np.array_equal(image.array, given)
    assert np.array_equal(result.array[brain], image.array[brain]) and result.array.dtype == np.int16
    points = world(image.geometry)
    face = body & (points[..., 1] < NASION[1] + 8) & (points[..., 2] < NASION[2] - 14)
    assert face.sum() > 20 and (result.array[face] == 3).all()
    front_of_eye = (np.abs(np.abs(points[..., 0]) - 32) < 8) & (points[..., 1] < -74) & (np.abs(points[..., 2]) < 8)
    assert (result.array[front_of_eye] == 3).all()
    behind = points[..., 1] > NASION[1] + 72
    assert np.array_equal(result.array[behind], image.array[behind])
    above = points[..., 2] > NASION[2] + 16
    assert np.array_equal(result.array[above], image.array[above])


def test_the_bridge_of_the_nose_is_found():
    image, body, _ = phantom(box((2, 2, 2), (180, 240, 250)))
    assert np.abs(find_nasion(Volume(body.astype(np.uint8), image.geometry)) - NASION).max() <= 6


def test_a_mask_on_another_grid_serves():
    image, _, brain = phantom(box((3, 3, 3), (190, 240, 280)))
    fine = box((2, 2, 2), (190, 240, 280), rotation((0, 0, 30)), centre=(1, 2, 3))
    result = deface(image, Volume(phantom(fine)[1].astype(np.uint8), fine))
    own = deface(image, Volume((image.array > 10).astype(np.uint8), image.geometry))
    assert (result.array != own.array).mean() < 0.01
    assert np.array_equal(result.array[brain], image.array[brain])


def test_labels_lose_the_face_and_keep_their_names():
    image, body, brain = phantom(box((4, 4, 4), (190, 240, 280)))
    labels = Volume(np.where(brain, 2, body).astype(np.uint8), image.geometry, {1: "head", 2: "brain"})
    result = deface(labels, labels, background=0)
    assert (result.array == 2).sum() == brain.sum() and result.label_names == labels.label_names
    removed = (labels.array == 1) & (result.array == 0)
    assert np.array_equal(removed, (labels.array == 1) & face_region(labels))


def test_a_head_without_a_nose_is_refused_rather_than_left_as_it_is():
    geometry = box((4, 4, 4), (190, 230, 250))
    for mask in (head(geometry), Volume(np.zeros(geometry.shape, np.uint8), geometry)):
        with pytest.raises(VolumeError, match="No bridge of a nose.*removed already"):
            deface(mask, mask)


def test_a_real_heads_face_goes_and_its_brain_stays(shared):
    """IXI is given with its face; the brain region is found by training.brain, which holds some skull base."""
    from MedDDPMCore.anatomy.brain import brain_region

    path = sorted((shared / "data" / "ixi_t1_2mm").glob("*_T1.nii.gz"))[40]
    image = reorient(Volume.read(path), "RAS")
    mask = reorient(Volume.read(str(path).replace("_T1", "_head"), labels=True), "RAS")
    region = face_region(mask)
    brain, _ = brain_region(image.array.astype(np.float32), mask.array > 0, image.geometry.spacing)
    assert (region & brain).sum() * 0.008 < 0.2 < 900 < brain.sum() * 0.008
    result = deface(image, mask)
    front = np.flatnonzero((mask.array > 0).any(axis=(0, 2)))[-1]
    assert result.array[: round(mask.array.shape[0] * 0.5), front - 4 :].max() == result.array[0, -1, 0]


def test_the_command_line_defaces_a_file_and_writes_nothing_over(tmp_path, capsys):
    image, body, brain = phantom(box((4, 4, 4), (200, 250, 290)))
    image.write(tmp_path / "in.nii.gz")
    Volume(body.astype(np.uint8), image.geometry).write(tmp_path / "head.nii.gz")
    arguments = [
        "deface",
        str(tmp_path / "in.nii.gz"),
        str(tmp_path / "out.nii.gz"),
        "--mask",
        str(tmp_path / "head.nii.gz"),
    ]
    assert main(arguments) == 0
    result = Volume.read(tmp_path / "out.nii.gz")
    assert np.array_equal(
        reorient(result, "RAS").array[reorient(Volume(brain, image.geometry), "RAS").array] == 700,
        np.ones(brain.sum(), bool),
    )
    assert main(arguments) == 1 and "not written over" in capsys.readouterr().err
    assert main([*arguments[:2], arguments[1]]) == 1


def test_a_defaced_synthetic_image_keeps_its_record_which_says_so(tmp_path):
    image, body, _ = phantom(box((4, 4, 4), (200, 250, 290)))
    image.write(tmp_path / "in.nii.gz", {"SYNTHETIC": "T1 small"})
    Volume(body.astype(np.uint8), image.geometry).write(tmp_path / "head.nii.gz")
    values = {"synthetic": True, "model": "small", "model_sha256": "ab" * 32, "seed": 7, "modality": "T1"}
    (tmp_path / "in.json").write_text(json.dumps(values))
    mask = ["--mask", str(tmp_path / "head.nii.gz")]
    assert main(["deface", str(tmp_path / "in.nii.gz"), str(tmp_path / "out.nii.gz"), *mask]) == 0
    record = json.loads((tmp_path / "out.json").read_text())
    assert record.pop("image_sha256") == sha256_of(tmp_path / "out.nii.gz")
    assert record == {**values, "defaced": True}
    header = nibabel.load(tmp_path / "out.nii.gz").header
    assert b"SYNTHETIC T1 small seed 7" in header.extensions[0].get_content() and b"DEFACED" in header["descrip"].item()
    (tmp_path / "new.json").write_text("mine")
    assert main(["deface", str(tmp_path / "in.nii.gz"), str(tmp_path / "new.nii.gz"), *mask]) == 1
    assert (tmp_path / "new.json").read_text() == "mine" and not (tmp_path / "new.nii.gz").exists()


def test_other_json_beside_a_scan_is_no_hindrance_and_stays_where_it_is(tmp_path):
    image, body, _ = phantom(box((4, 4, 4), (200, 250, 290)))
    image.write(tmp_path / "in.nii.gz")
    Volume(body.astype(np.uint8), image.geometry).write(tmp_path / "head.nii.gz")
    (tmp_path / "in.json").write_text('{"EchoTime": 0.003}')
    assert (
        main(
            [
                "deface",
                str(tmp_path / "in.nii.gz"),
                str(tmp_path / "out.nii.gz"),
                "--mask",
                str(tmp_path / "head.nii.gz"),
            ]
        )
        == 0
    )
    assert not (tmp_path / "out.json").exists()
