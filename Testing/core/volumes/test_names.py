"""What segments' names mean."""

from __future__ import annotations

import pytest

from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD
from MedDDPMCore.volumes.names import is_generic, label_of


@pytest.mark.parametrize(
    "name", ["Head", "whole_head", "HeadMask", "head mask", "Segment Head", "skin", "Kopf", "Tête", "cabeza"]
)
def test_a_head_is_a_head_in_any_spelling(name):
    assert label_of(name, WHOLE_HEAD.values) == "head"


@pytest.mark.parametrize(
    "name",
    ["Tumour", "tumor_1", "TumorCore", "GTV", "GTVp", "GTVn1", "gtv_2", "ET", "TC", "WT", "BrainMetastasis",
     "brainMets", "Non-enhancing tumor core", "EnhancingTumor", "met1", "Lesions", "glioblastoma", "NCR/NET", "Mass",
     "Hirntumor", "Tumeur", "Läsion", "pGTV", "contrast-enhancing lesion", "ET and NCR"],
)  # fmt: skip
def test_tumors_and_their_parts_are_tumor_where_no_parts_are_told_apart(name):
    assert label_of(name, WHOLE_HEAD.values) == "tumor"


@pytest.mark.parametrize(
    "name",
    ["Left eye", "right_eye", "brain", "BrainMask", "brainstem", "optic nerve head", "headphones", "metal clip", "PTV",
     "No tumor", "NoTumor", "non-tumor tissue", "tumor-free brain", "without lesion", "Resection cavity", "ventricle",
     "Surrounding non-enhancing FLAIR hyperintensity", "Segment_1", "kein Tumor", "sans tumeur", "sin tumor",
     "Brain and tumor", "Tumor + edema", "tumor-bearing hemisphere", "enhancing vessels", "radiation necrosis",
     "mass effect", "former tumor"],
)  # fmt: skip
def test_eyes_brains_negations_and_what_surrounds_a_tumor_are_neither_head_nor_tumor(name):
    assert label_of(name, WHOLE_HEAD.values) is None


@pytest.mark.parametrize(
    "name, label",
    [
        ("Non-enhancing tumor core", "necrotic_core"), ("NCR", "necrotic_core"), ("NETC", "necrotic_core"),
        ("Surrounding non-enhancing FLAIR hyperintensity", "edema"), ("SNFH", "edema"), ("PeritumoralOedema", "edema"),
        ("ET", "enhancing_tumor"), ("enhancing tissue", "enhancing_tumor"), ("whole brain", "brain"),
        ("WT", None), ("Œdème", "edema"), ("Nekrose", "necrotic_core"),
        ("necrotic and non-enhancing tumor core", "necrotic_core"), ("left non-enhancing tumor", "necrotic_core"),
        ("Tumor and edema", None), ("vessel enhancement", None),
        ("tumor core", None), ("Resection cavity", None), ("head", None),
    ],
)  # fmt: skip
def test_the_parts_that_brats_names_are_told_apart(name, label):
    assert label_of(name, BRATS.values) == label


def test_a_label_is_meant_by_its_own_name_and_background_by_its():
    assert label_of("Left Eye", {"left_eye": 5}) == "left_eye"
    assert label_of("Background", WHOLE_HEAD.values) == "background"


def test_a_name_that_says_nothing_is_generic():
    assert all(map(is_generic, ("Segment_1", "label 2", "3", "")))
    assert not is_generic("Left eye")
