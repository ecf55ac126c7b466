"""The version, and what is said of it, in one place."""

from __future__ import annotations

import re
from pathlib import Path

from MedDDPMCore.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_newest_changes_are_those_of_the_version():
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert newest == "Unreleased" if __version__.endswith(".dev0") else newest.split()[0] == __version__


def test_the_version_is_one_that_packages_may_have():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev0)?", __version__)


def test_every_command_and_file_that_the_workflow_names_is_there():
    text = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    scripts = re.findall(r"run: bash (\S+)", text)
    assert {"Resources/demo.sh", "Testing/run.sh"} <= set(scripts)
    assert [name for name in scripts if not (ROOT / name).is_file()] == []
