"""The rules of Documentation/architecture.md that a machine can hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "MedDDPMCore"
LONGEST = 400
FLOORS = (
    ("errors", "version", "resource_files"),
    (
        "geometry",
        "deformation",
        "distance",
        "volume",
        "volume_files",
        "volume_writers",
        "dicom_files",
        "labels",
        "grid",
        "device",
        "memory",
    ),
    ("networks", "diffusion"),
    ("models",),
    ("synthesis", "training", "evaluation", "baselines", "export"),
    ("worker", "worker_jobs", "commands", "cli", "child", "__main__"),
)
"""Rooms of MedDDPMCore from the ground up: a room imports from its own floor or from below."""
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file of the repository imports, anywhere in it."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            found |= {".".join(base)} | {".".join([*base, alias.name]) for alias in node.names}
    return found


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


def test_imports_flow_from_the_upper_floors_to_the_lower():
    wrong = []
    for path in sources(CORE):
        room = path.relative_to(CORE).with_suffix("").parts[0]
        if room == "__init__":
            continue
        for name in imports(path):
            parts = name.split(".")
            other = parts[1] if parts[0] == "MedDDPMCore" and len(parts) > 1 else None
            if other in FLOOR_OF and FLOOR_OF[other] > FLOOR_OF[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_every_room_of_the_core_has_a_floor():
    rooms = {path.relative_to(CORE).with_suffix("").parts[0] for path in sources(CORE)} - {"__init__"}
    assert rooms - set(FLOOR_OF) == set()


def test_networks_and_diffusion_know_nothing_of_volumes_and_labels():
    allowed = {"MedDDPMCore", "MedDDPMCore.networks", "MedDDPMCore.diffusion", "MedDDPMCore.errors"}
    for room in ("networks", "diffusion"):
        for path in sources(CORE / room):
            own = {name for name in imports(path) if name.startswith("MedDDPMCore")}
            assert {".".join(name.split(".")[:2]) for name in own} <= allowed, path


def test_the_core_never_imports_slicer_or_qt():
    foreign = {"slicer", "qt", "ctk", "vtk", "vtkmodules", "PySide6", "MedDDPMSlicer", "MedDDPMSlicerLib"}
    assert [str(path) for path in sources(CORE) if {name.split(".")[0] for name in imports(path)} & foreign] == []


def test_the_module_never_imports_torch():
    """But for probe.py, which a process of its own runs to see whether it can."""
    files = [path for path in sources(ROOT / "MedDDPMSlicer") if path.name != "probe.py"]
    assert [str(path) for path in files if "torch" in {name.split(".")[0] for name in imports(path)}] == []


@pytest.mark.parametrize("module", ["MedDDPMCore", "MedDDPMCore.volume", "MedDDPMCore.labels"])
def test_a_light_import_loads_neither_torch_nor_simpleitk(module):
    assert loaded_by(f"import {module}") & {"torch", "SimpleITK", "nibabel"} == set()
