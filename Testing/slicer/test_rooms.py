"""The folders of MedDDPMSlicerLib as floors: each imports from its own or from those below; only the upper know Qt."""

import ast
import re

import project
import pytest

LIBRARY = project.MODULE.parent / "MedDDPMSlicerLib"
FLOORS = ("", "mrml", "processes", "panels")
"""From the ground up; "" is what lies in the library itself: plain Python, without Slicer."""
FORBIDDEN = {"": {"slicer", "vtk", "qt", "ctk"}, "mrml": {"qt", "ctk"}, "processes": {"ctk"}, "panels": set()}


def files():
    return [path for path in sorted(LIBRARY.rglob("*.py")) if "__pycache__" not in path.parts]


def floor_of(path):
    return "" if path.parent == LIBRARY else path.relative_to(LIBRARY).parts[0]


def imported(source, package):
    """Full names of all modules that a source imports, anywhere in it; package: where it lies, as a list of names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


def imports_of(path):
    package = ["MedDDPMSlicerLib", *path.relative_to(LIBRARY).parts[:-1]]
    return set(imported(path.read_text(encoding="utf-8"), package))


def upward(floor, names):
    """The imports that a file of a floor must not have."""
    wrong = []
    for name in names:
        parts = name.split(".")
        if parts[0] in FORBIDDEN[floor]:
            wrong.append(name)
        if parts[0] == "MedDDPMSlicerLib" and len(parts) > 1 and parts[1] in FLOORS[FLOORS.index(floor) + 1 :]:
            wrong.append(name)
    return wrong


def test_every_folder_has_a_floor():
    assert {floor_of(path) for path in files()} == set(FLOORS)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_imports_go_down_only(path):
    assert upward(floor_of(path), imports_of(path)) == []


def test_an_import_upwards_or_of_qt_is_found():
    package = ["MedDDPMSlicerLib", "mrml"]
    source = (
        "from ..panels import edit\nfrom .. import roles\nfrom ..processes.run import Edit\nfrom qt import QTimer\n"
    )
    found = upward("mrml", imported(source, package))
    assert {name.split(".")[1] for name in found if name.startswith("MedDDPMSlicerLib")} == {"panels", "processes"}
    assert "qt" in found and not any("roles" in name for name in found)


def test_of_the_processes_only_the_transport_knows_qt():
    knowing = {path.name for path in files() if floor_of(path) == "processes" and "qt" in imports_of(path)}
    assert knowing == {"qt_transport.py"}


def test_no_module_of_the_library_imports_itself_in_a_circle():
    names = {path: ".".join(["MedDDPMSlicerLib", *path.relative_to(LIBRARY).with_suffix("").parts]) for path in files()}
    edges = {names[path]: imports_of(path) & set(names.values()) for path in files()}
    while leaves := {name for name, targets in edges.items() if not targets & set(edges)}:
        edges = {name: targets for name, targets in edges.items() if name not in leaves}
    assert sorted(edges) == []


def test_boxes_ask_of_the_window_what_it_promises():
    """Where `self.window.x` is not in the protocol, the next who changes the window cannot know of it."""
    tree = ast.parse((LIBRARY / "panels" / "panel.py").read_text(encoding="utf-8"))
    (protocol,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Window")
    promised = {node.target.id for node in protocol.body if isinstance(node, ast.AnnAssign)}
    promised |= {node.name for node in protocol.body if isinstance(node, ast.FunctionDef)}
    used = set()
    for path in (LIBRARY / "panels").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r"\bwindow\.(\w+)", text))
    assert used == promised
    widget = ast.parse(project.MODULE.read_text(encoding="utf-8"))
    (cls,) = (node for node in widget.body if isinstance(node, ast.ClassDef) and node.name == "MedDDPMSlicerWidget")
    kept = {node.name for node in cls.body if isinstance(node, ast.FunctionDef)}
    kept |= {node.attr for node in ast.walk(cls) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    assert promised - kept == {"resourcePath"}  # of ScriptedLoadableModuleWidget
