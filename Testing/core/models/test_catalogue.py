"""Names of models and where they are looked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.posix
def test_a_user_without_a_home_folder_or_who_may_not_look_into_it_has_the_bundled_models(tmp_path):
    code = (
        "import os; from MedDDPMCore.models.catalogue import find_model\n"
        "os.getuid() or (os.setgroups([]), os.setuid(12345))\nprint(find_model('default'))"
    )
    root = Path(__file__).resolve().parents[3]
    for home in ({}, {"HOME": "/root"}, {"HOME": "/no/such/home"}, {"HOME": "/dev/null"}):
        environment = {**{key: value for key, value in os.environ.items() if key != "HOME"}, **home}
        done = subprocess.run([sys.executable, "-B", "-c", code], cwd=root, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert b"models" in done.stdout
