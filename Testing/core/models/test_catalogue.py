"""Names of models and where they are looked for."""

from __future__ import annotations

import os

import pytest

from MedDDPMCore.base.errors import ModelError
from MedDDPMCore.models.catalogue import find_model, find_models


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for folder in ("first/a", "second/a", "second/b"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.json").write_text("{}")
    (tmp_path / "first" / "no model").mkdir()
    monkeypatch.setenv("MEDDDPM_MODELS", os.pathsep.join(str(tmp_path / name) for name in ("first", "second", "gone")))
    return tmp_path


def test_an_earlier_folder_wins(folders):
    assert find_models()["a"] == folders / "first" / "a"
    assert find_model("b") == folders / "second" / "b"
    assert "no model" not in find_models()


def test_a_path_works_as_well_as_a_name(folders):
    assert find_model(folders / "second" / "a") == folders / "second" / "a"


@pytest.mark.usefixtures("folders")
def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ModelError, match="'c'.*a, b"):
        find_model("c")
