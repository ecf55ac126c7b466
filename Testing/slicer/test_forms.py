"""The boxes as forms: labels that lead to their fields, a word on each control, a key, words to translate."""

import ast
import importlib.util
import re
import xml.etree.ElementTree as ElementTree

import project
import pytest

pytest.importorskip("slicer")
import slicer
from test_window import drawn_head
from window import open_window, packages_are_there  # noqa: F401

FORMS = sorted((project.MODULE.parent / "Resources" / "UI").glob("*.ui"))
SILENT = ("QLabel", "QWidget", "QProgressBar", "ctkCollapsibleButton", "ctkCollapsibleGroupBox", "QGroupBox",
          "qMRMLSegmentEditorWidget", "QFrame")  # fmt: skip


def properties(widget):
    """Name -> text of a widget's own properties in a .ui file."""
    return {entry.get("name"): entry[0].text for entry in widget.findall("property") if len(entry)}


def rows(form):
    """The label and the fields of each row of a form's layouts that has both."""
    for layout in (layout for layout in form.iter("layout") if layout.get("class") == "QFormLayout"):
        cells = {}
        for item in layout.findall("item"):
            cells.setdefault(item.get("row"), {})[item.get("column")] = item
        for cell in cells.values():
            label = cell["0"].find("widget") if "0" in cell else None
            if label is not None and label.get("class") == "QLabel" and "1" in cell:
                yield label, [part for part in cell["1"].iter("widget") if part.get("class") != "QLabel"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_the_label_of_a_field_leads_to_it_and_each_control_says_what_it_does(path):
    form = ElementTree.parse(path).getroot()
    strangers, mute = [], []
    for label, fields in rows(form):
        if fields and properties(label).get("buddy") not in [field.get("name") for field in fields]:
            strangers.append(label.get("name"))
    for widget in form.iter("widget"):
        if widget.get("class") not in SILENT and not properties(widget).get("toolTip"):
            mute.append(widget.get("name"))
    assert (strangers, mute) == ([], [])


def test_ctrl_and_enter_synthesize(window):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    drawn_head(window)
    window.widget.panels["synthesize"].widget.collapsed = False
    main = slicer.util.mainWindow()
    main.activateWindow()
    window.host.process_events()
    assert window.synthesize_button.enabled and "Ctrl+Enter" in window.synthesize_button.toolTip
    pressed = []
    window.synthesize_button.connect("clicked()", lambda: pressed.append(1))
    QTest.keyClick(main, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    window.wait(lambda: pressed)  # a button that a key pressed stays down for a moment
    window.run.cancel()
    assert pressed == [1]
    window.wait(lambda: not window.run.is_active)


def test_buttons_that_start_and_stop_have_icons(window):
    for button in (window.synthesize_button, window.cancel_button, window.train.stopButton, window.train.dataButton):
        assert not button.icon.isNull()


def test_help_leads_to_pages_that_are_there(window):
    links = [part.split('"')[0] for part in window.module.helpText.split('href="')[1:]]
    assert len(links) >= 4
    for link in links:
        assert (project.ROOT / "Documentation" / link.rpartition("/")[2]).is_file()


NOT_SAID = {
    "Synthetic image made by a generative model. Research only, not for diagnosis.",  # in files, with the record
    "The worker is busy.",  # a fault of the caller
    "No module named",  # what Python says
    "Binary labelmap",  # names of nodes and representations, by which they are found
    "Lesions by hand",
}


def sentences(source):
    """The texts of a source that read as a sentence does, are not through tr, and are no docstrings."""
    tree, through = ast.parse(source), set()
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "translate")
        if called or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            through |= {id(part) for part in ast.walk(node)}
    for node in (node for node in ast.walk(tree) if id(node) not in through):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if isinstance(node, ast.JoinedStr):  # what is filled in stands as a word
            text = "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            through |= {id(part) for part in node.values}
        begins = re.match(r"“?[A-Z]+[a-z]*[”:]? ([a-z]+[.,:]?|X)( |$)", text)
        if begins and (text[0] != "X" or len(re.findall(r"\b[a-z]+", text)) > 3):  # names of nodes are shorter
            yield text


def test_what_the_module_says_can_be_translated():
    library = project.MODULE.parent / "MedDDPMSlicerLib"
    modules = [path for path in sorted(library.rglob("*.py")) if path.name not in ("report.py", "roles.py")]  # English
    found = {path.name: set(sentences(path.read_text(encoding="utf-8"))) - NOT_SAID for path in modules}
    assert {name: texts for name, texts in found.items() if texts} == {}
    assert list(sentences('text = f"Done in {n} s"')) == ["Done in X s"] and not list(sentences('text = _("Done in")'))
    assert list(sentences('raise LabelError(f"“{name}” has no head.")')) == ["“X” has no head."]


@pytest.fixture
def translation():
    """The script that writes the template."""
    spec = importlib.util.spec_from_file_location("t", project.ROOT / "Resources" / "translation_template.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_translation_template_holds_what_is_said_in_the_context_that_slicer_asks_for(translation):
    from slicer.i18n import getContext

    found = {(message.context, message.source): message for message in translation.messages(project.MODULE.parent)}
    assert ("panels.synthesize", "Ready.") in found and ("Synthesize", "Cancel") in found
    for (context, _text), message in found.items():
        if message.file.suffix == ".py" and context != "qSlicerAbstractCoreModule":
            assert context == getContext(str(message.file))
    tree = ElementTree.fromstring(translation.template(list(found.values()), project.MODULE.parent))
    assert len(tree.findall("context/message")) == len(found) > 300
    assert not any("notr" in message.source or message.source == "Ctrl+Return" for message in found.values())


def test_the_template_in_the_repository_is_of_the_words_of_today(translation):
    made, kept = translation.template(translation.messages()), translation.TEMPLATE.read_text(encoding="utf-8")
    assert made == kept, "run: python Resources/translation_template.py"


def test_a_text_that_is_made_when_it_runs_cannot_be_translated(translation, tmp_path):
    (tmp_path / "code.py").write_text('_(f"{count} images")', encoding="utf-8")
    with pytest.raises(ValueError, match="plain text"):
        translation.messages(tmp_path)
