"""The rules of Documentation/architecture.md that a machine can hold."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from import_graph import cycles, folder_graph, imports, module_graph, module_of, sources, upward

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "MedDDPMCore"
LONGEST = 400
FLOORS = (
    "version",
    "base",
    "volumes",
    "anatomy",
    "networks",
    "diffusion",
    "models",
    "lesions",
    "synthesis",
    "editing",
    "training.data",
    "training.stages",
    "training.baselines",
    "training",
    "evaluation.metrics",
    "evaluation.privacy",
    "evaluation.readers",
    "evaluation.study",
    "export",
    "worker",
    "commands",
    "cli",
    "child",
)
"""Rooms of MedDDPMCore from the ground up: a room imports from itself or from below."""


def loaded_by(statement: str) -> set[str]:
    """The modules a fresh Python has loaded after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("folder", ["MedDDPMCore", "MedDDPMSlicer", "Testing"])
def test_no_file_is_longer_than_400_lines(folder):
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in sources(ROOT / folder)}
    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}


def test_imports_lead_from_the_upper_floors_to_the_lower():
    assert upward(module_graph(CORE), FLOORS, "MedDDPMCore") == []


def test_no_modules_and_no_folders_import_each_other_in_circles():
    graph = module_graph(CORE)
    assert cycles(graph) == []
    assert cycles(folder_graph(graph)) == []


@pytest.mark.parametrize(
    "file, statement, modules, folders",
    [
        ("volumes/voxels.py", "from .volume import Volume", 1, 0),
        ("base/errors.py", "def later():\n    from ..synthesis.output import stem", 1, 1),
        ("volumes/labels.py", "import MedDDPMCore.models.spec", 1, 1),
    ],
)
def test_a_planted_cycle_is_found(tmp_path, file, statement, modules, folders):
    core = tmp_path / "MedDDPMCore"
    shutil.copytree(CORE, core, ignore=shutil.ignore_patterns("__pycache__"))
    with open(core / file, "a", encoding="utf-8") as stream:
        stream.write(f"\n{statement}\n")
    graph = module_graph(core)
    assert len(cycles(graph)) == modules
    assert len(cycles(folder_graph(graph))) == folders
    assert bool(upward(graph, FLOORS, "MedDDPMCore")) == bool(folders)


def test_every_folder_of_the_core_has_a_floor_and_every_floor_something_on_it():
    assert upward({"MedDDPMCore.attic.trunk": set()}, FLOORS, "MedDDPMCore") == ["MedDDPMCore.attic.trunk has no floor"]
    assert {f"MedDDPMCore.{room}" for room in FLOORS} == set(folder_graph(module_graph(CORE)))


def test_no_two_classes_of_the_core_have_one_name():
    homes: dict[str, list[str]] = {}
    for path in sources(CORE):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module_of(path, CORE))
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_the_architecture_names_every_module_of_the_core_in_its_folder():
    page = (ROOT / "Documentation" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(line.strip("| ").split(" | ", 1) for line in page.splitlines() if line.startswith("| "))
    missing = []
    for path in sources(CORE):
        folder = path.parent.relative_to(CORE).as_posix()
        if (
            folder != "."
            and not path.stem.startswith("__")
            and not re.search(rf"\b{path.stem}\b", rows.get(folder, ""))
        ):
            missing.append(f"{folder}/{path.stem}")
    assert missing == []


def test_the_packages_of_the_core_import_nothing_themselves():
    """But for MedDDPMCore, whose names are loaded when they are first used: a package cannot hide an import."""
    packages = [path for path in sources(CORE) if path.name == "__init__.py" and path.parent != CORE]
    assert [str(path) for path in packages if imports(path, CORE)] == []


def test_networks_and_diffusion_know_nothing_of_volumes_and_labels():
    allowed = {"MedDDPMCore", "MedDDPMCore.networks", "MedDDPMCore.diffusion", "MedDDPMCore.base"}
    for room in ("networks", "diffusion"):
        for path in sources(CORE / room):
            own = {name for name in imports(path, CORE) if name.startswith("MedDDPMCore")}
            assert {".".join(name.split(".")[:2]) for name in own} <= allowed, path


def test_the_core_never_imports_slicer_or_qt():
    foreign = {"slicer", "qt", "ctk", "vtk", "vtkmodules", "PySide6", "MedDDPMSlicer", "MedDDPMSlicerLib"}
    assert [str(path) for path in sources(CORE) if {name.split(".")[0] for name in imports(path, CORE)} & foreign] == []


def test_the_module_never_imports_torch():
    """But for probe.py, which a process of its own runs to see whether it can."""
    files = [path for path in sources(ROOT / "MedDDPMSlicer") if path.name != "probe.py"]
    assert [
        str(path) for path in files if "torch" in {name.split(".")[0] for name in imports(path, ROOT / "MedDDPMSlicer")}
    ] == []


@pytest.mark.parametrize("module", ["MedDDPMCore", "MedDDPMCore.volumes.labels", "MedDDPMCore.models.spec"])
def test_a_light_import_loads_neither_torch_nor_simpleitk(module):
    assert loaded_by(f"import {module}") & {"torch", "SimpleITK", "nibabel"} == set()
