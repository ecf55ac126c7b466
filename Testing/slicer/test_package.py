"""What the extension's package holds, against the tree: a file that no CMakeLists.txt names would not be installed."""

import ast
import json
import re
import xml.etree.ElementTree as ElementTree

import project
import pytest

LINE = 120


def listed(cmake, variable):
    """The files of `set(variable …)` in a CMakeLists.txt."""
    text = (project.ROOT / cmake).read_text(encoding="utf-8")
    return re.search(rf"set\({variable}\s+(.*?)\)", text, re.DOTALL).group(1).split()


def in_tree(folder, pattern, base):
    found = (project.ROOT / folder).glob(f"**/{pattern}")
    return sorted(
        path.relative_to(base).as_posix() for path in found if path.is_file() and "__pycache__" not in path.parts
    )


def python_files():
    tests = sorted(project.FAKE_WORKER.parent.glob("*.py"))
    own = [path for path in tests if path.name != "conftest.py" and "host" not in path.name]
    return [*sorted(project.MODULE.parent.glob("**/*.py")), *own]


def test_every_file_of_the_core_is_installed():
    assert sorted(listed("CMakeLists.txt", "MedDDPMCore_PYTHON_SCRIPTS")) == in_tree(
        "MedDDPMCore", "*.py", project.ROOT
    )


def test_every_model_mask_and_training_recipe_is_installed():
    folders = ("features", "lesions", "models", "masks", "studies", "templates", "training")
    found = [path for folder in folders for path in in_tree(f"Resources/{folder}", "*", project.ROOT)]
    found = [path for path in found if not path.endswith((".py", ".jsonl"))]  # how they were made stays in the tree
    assert sorted(listed("CMakeLists.txt", "MedDDPMCore_PYTHON_RESOURCES")) == sorted(found)


def test_every_file_of_the_module_is_installed():
    module = project.MODULE.parent
    assert sorted(listed("MedDDPMSlicer/CMakeLists.txt", "MODULE_PYTHON_SCRIPTS")) == in_tree(
        "MedDDPMSlicer", "*.py", module
    )
    assert sorted(listed("MedDDPMSlicer/CMakeLists.txt", "MODULE_PYTHON_RESOURCES")) == in_tree(
        "MedDDPMSlicer/Resources", "*", module
    )


def test_the_packages_that_setup_installs_are_the_cores_requirements():
    from MedDDPMSlicerLib.processes.requirements import DICOM, SYNTHESIS, requirement

    text = (project.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = ast.literal_eval(re.search(r"^dependencies = (\[.*?\])", text, re.DOTALL | re.MULTILINE).group(1))
    for_dicom = ast.literal_eval(re.search(r"^dicom = (\[.*?\])", text, re.DOTALL | re.MULTILINE).group(1))
    in_slicer = {"numpy", "SimpleITK"}
    assert set(needed) - in_slicer == {requirement(name, SYNTHESIS) for name in SYNTHESIS}
    assert set(for_dicom) == {requirement(name, DICOM) for name in DICOM}


def test_the_icon_and_the_catalogue_entry_are_as_the_index_wants_them():
    data = (project.MODULE.parent / "Resources" / "Icons" / "MedDDPMSlicer.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (128, 128)
    entry = json.loads((project.ROOT / "MedDDPM.json").read_text(encoding="utf-8"))
    assert set(entry) <= {
        "$schema",
        "category",
        "scm_url",
        "scm_revision",
        "scm_type",
        "build_dependencies",
        "build_subdirectory",
        "enabled",
        "tier",
    }
    assert entry["category"] == "Image Synthesis" and entry["build_dependencies"] == ["PyTorch"]
    text = (project.ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert re.search(rf'set\(EXTENSION_{name} "[^"\n]+"\)', text), name


def test_all_addresses_name_one_repository():
    entry = json.loads((project.ROOT / "MedDDPM.json").read_text(encoding="utf-8"))
    text = (project.ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    addresses = re.findall(r"https://(?:github|raw\.githubusercontent)\.com/([\w-]+/[\w-]+)", text + entry["scm_url"])
    assert len(addresses) == 5 and set(addresses) == {entry["scm_url"].split("github.com/")[1].removesuffix(".git")}
    assert all(f"/{entry['scm_revision']}/" in line for line in re.findall(r"https://raw\S+", text))


def test_screenshots_named_in_the_package_are_in_the_tree():
    text = (project.ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    names = re.findall(r"main/(Resources/Screenshots/\S+?\.png)", text)
    assert names
    if not (project.ROOT / "Resources" / "models" / "default").is_dir():
        pytest.skip("without the bundled model there are no pictures yet")
    assert all((project.ROOT / name).stat().st_size < 300_000 for name in names)


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.relative_to(project.ROOT).as_posix())
def test_files_are_short_and_lines_too(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    assert max(map(len, lines), default=0) <= LINE


def test_slicers_own_process_never_imports_torch():
    for path in (project.MODULE.parent).glob("**/*.py"):
        if path.name == "probe.py":  # runs as a program of its own
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
            )
            assert not any(name.split(".")[0] in ("torch", "safetensors") for name in names), path


def test_designer_can_read_every_ui_file():
    for path in (project.MODULE.parent / "Resources" / "UI").glob("*.ui"):
        root = ElementTree.parse(path).getroot()
        assert root.find("class").text == path.stem
        names = [widget.get("name") for widget in root.iter("widget")]
        assert len(names) == len(set(names))
