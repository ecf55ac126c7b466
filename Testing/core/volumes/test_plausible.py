"""What calls itself a head, or a brain, and cannot be one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import box, head

from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD
from MedDDPMCore.volumes.plausible import examine
from MedDDPMCore.volumes.volume import Geometry, Volume

ROOM = box((6, 6, 6), (190, 230, 220))
SMALL = box((5, 5, 5), (160, 190, 185))


def with_spacing(volume: Volume, spacing: float) -> Volume:
    own = volume.geometry
    return Volume(volume.array, Geometry(own.shape, (spacing,) * 3, own.origin, own.direction))


def shell() -> Volume:
    skin, inside = head(ROOM, radius=0), head(ROOM, radius=0, semi_axes=(58, 78, 68))
    return Volume(skin.array - inside.array, ROOM)


def cut_out(volume: Volume) -> Volume:
    """The part of a mask that its labels span."""
    spans = [np.flatnonzero(volume.array.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    array = volume.array[tuple(slice(span[0], span[-1] + 1) for span in spans)]
    own = volume.geometry
    return Volume(array, Geometry(array.shape, own.spacing, own.origin, own.direction))


BRAIN = head(ROOM, semi_axes=(62, 78, 60), radius=0)
SWAPPED = Volume(np.array([0, 2, 1], np.uint8)[head(ROOM).array], ROOM)
NO_HEADS = {
    "a lesion mask": (Volume((head(ROOM).array == 2).astype(np.uint8), ROOM), "too small", "Is label 1 the tumour"),
    "parts of a tumour": (head(ROOM, semi_axes=(25, 25, 25), tumor=(0, 0, 0)), "too small", "--tumor-labels 1+2"),
    "a skull-stripped brain": (BRAIN, "as small as a brain", "whole head"),
    "a head whose spacing was lost": (with_spacing(head(ROOM), 1), "too small", "spacing lost"),
    "a head in tenths of a millimetre": (with_spacing(head(ROOM), 60), "too large", "units"),
    "head and tumour swapped": (SWAPPED, "is larger than what it calls head", "head=2,tumor=1"),
    "a box": (Volume(np.ones(SMALL.shape, np.uint8), SMALL), "is a box", "background"),
    "the background": (Volume((head(ROOM).array == 0).astype(np.uint8), ROOM), "corners of the image", "as 0"),
    "a brain cut out along its outline": (cut_out(BRAIN), "as small as a brain", "whole head"),
    "the skin alone": (shell(), "hollow", "skin"),
}


@pytest.mark.parametrize("what", NO_HEADS)
def test_what_can_be_no_head_is_refused_with_a_question_unless_the_user_says_that_it_is_one(what):
    mask, message, hint = NO_HEADS[what]
    with pytest.raises(LabelError, match=message) as caught:
        examine(mask, WHOLE_HEAD)
    assert hint in caught.value.hint and "--labels head=" in caught.value.hint
    _, report = examine(mask, WHOLE_HEAD, {"head": 1})
    assert any(message in warning for warning in report.warnings)


def test_heads_of_children_and_adults_whole_or_cut_by_the_image_pass():
    for semi_axes in ((70, 90, 80), (66, 80, 82), (85, 110, 130)):
        assert examine(head(box((6, 6, 6), (190, 230, 280)), semi_axes=semi_axes), WHOLE_HEAD)
    slab = box((4, 4, 4), (180, 220, 70))
    assert "cut" in " ".join(examine(head(slab), WHOLE_HEAD)[1].warnings)


def test_a_brain_passes_as_brain_and_a_whole_head_or_a_resection_cavity_does_not():
    brain = head(ROOM, semi_axes=(62, 78, 60), radius=0)
    as_brain = Volume(brain.array * 4, ROOM)
    assert examine(as_brain, BRATS)[1].warnings == []
    with pytest.raises(LabelError, match="too large"):
        examine(Volume(head(ROOM, radius=0, semi_axes=(80, 100, 100)).array * 4, ROOM), BRATS)
    cavity = head(ROOM, semi_axes=(30, 30, 30), tumor=(0, 0, 0), radius=15).array
    with pytest.raises(LabelError, match="too small") as caught:
        examine(Volume(np.array([0, 4, 3], np.uint8)[cavity], ROOM), BRATS)
    assert "resection cavity" in caught.value.hint


def test_the_bundled_masks_are_heads():
    masks = sorted((Path(__file__).parents[3] / "Resources" / "masks").glob("*.nii.gz"))
    assert masks and all(examine(Volume.read(path, labels=True), WHOLE_HEAD)[1].warnings == [] for path in masks)


@pytest.mark.parametrize("folder", ["c13_not_a_head", "c21_brats2024"])
def test_phantoms_that_are_no_heads_are_refused(cases, folder):
    for path in sorted((cases / folder).glob("*.nii.gz")):
        with pytest.raises(LabelError):
            examine(Volume.read(path, labels=True), WHOLE_HEAD)
