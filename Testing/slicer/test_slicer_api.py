"""The module uses nothing that real Slicer lacks, by Testing/data/slicer_api; and the check finds such uses."""

from __future__ import annotations

import project
import pytest
from slicer_api.python_files import check_python_file
from slicer_api.ui_files import check_ui_file, widgets_of

OLDEST = (5, 10)
"""The oldest Slicer that the module supports."""

UI = """<ui version="4.0"><class>Form</class><widget class="QWidget" name="Form">
<layout class="QVBoxLayout" name="rows">
<item><widget class="QPushButton" name="button">{}</widget></item>
<item><widget class="{}" name="selector"/></item></layout></widget>
<connections><connection><sender>button</sender><signal>{}</signal>
<receiver>Form</receiver><slot>{}</slot></connection></connections>
</ui>
"""


def ui_findings(tmp_path, inner="", selector="qMRMLNodeComboBox", signal="clicked(bool)", slot="setVisible(bool)"):
    path = tmp_path / "Form.ui"
    path.write_text(UI.format(inner, selector, signal, slot), encoding="utf-8")
    return check_ui_file(path)


def python_findings(tmp_path, code, oldest=OLDEST):
    path = tmp_path / "code.py"
    path.write_text(code, encoding="utf-8")
    return check_python_file(path, {"button": "QPushButton", "slider": "ctkSliderWidget"}, oldest)


def test_real_slicer_offers_all_that_the_module_uses():
    sources = project.MODULE.parent
    widgets: dict[str, str | None] = {}
    found = []
    for path in sorted((sources / "Resources" / "UI").glob("*.ui")):
        found += check_ui_file(path)
        for name, kind in widgets_of(path).items():
            widgets[name] = kind if widgets.get(name, kind) == kind else None
    assert len(widgets) > 50
    for path in sorted(sources.rglob("*.py")):
        found += check_python_file(path, widgets, OLDEST)
    assert found == []


def test_a_ui_file_that_asks_for_what_is_there_is_passed(tmp_path):
    assert ui_findings(tmp_path, '<property name="text"><string>Go</string></property>') == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"inner": '<property name="caption"><string>Go</string></property>'}, "no property caption"),
        ({"selector": "qMRMLNodeComboBoxes"}, "no class qMRMLNodeComboBoxes"),
        ({"selector": "qSlicerApplication"}, "no Designer plugin"),
        ({"signal": "pushed()"}, "no signal pushed()"),
        ({"slot": "vanish()"}, "no slot vanish()"),
    ],
)
def test_a_ui_file_that_asks_for_what_is_not_there_is_found(tmp_path, wrong, said):
    [found] = ui_findings(tmp_path, **wrong)
    assert said in found


@pytest.mark.parametrize(
    "code",
    [
        "self.ui.button.text = 'Go'",
        "self.ui.button.connect('clicked(bool)', f)",
        "self.ui.slider.value = 3",
        "qt.QMessageBox.Yes; qt.qVersion(); qt.QTimer.singleShot(0, f)",
        "from slicer.util import pip_install",
        "def f(button):\n    button.anything()",
        "timer = qt.QTimer()\ntimer.timeout.connect(f)\ntimer.start(5)",
    ],
)
def test_python_that_uses_what_is_there_is_passed(tmp_path, code):
    assert python_findings(tmp_path, code) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("self.ui.button.text()", "QPushButton.text is a property, and cannot be called"),
        ("self.ui.button.caption = 'Go'", "QPushButton has no caption"),
        ("self.ui.button.setText = 'Go'", "QPushButton.setText is no property"),
        ("self.ui.button.connect('pushed()', f)", "no signal pushed()"),
        ("self.ui.slider.setMinimum(3)", "ctkSliderWidget has no setMinimum"),
        ("self.ui.knob.value = 3", "no .ui file has a widget knob"),
        ("qt.QMessageBox.Perhaps", "QMessageBox has no Perhaps"),
        ("qt.QRingDialog()", "qt has no QRingDialog"),
        ("ctk.ctkCollapsible()", "ctk has no ctkCollapsible"),
        ("slicer.util.pip_everything()", "slicer.util has no pip_everything"),
        ("from slicer.util import pip_everything", "slicer.util has no pip_everything"),
        ("slicer.app.mainWindow()", "qSlicerApplication has no mainWindow"),
        ("timer = qt.QTimer()\ntimer.begin()", "QTimer has no begin"),
        (
            "class Panel:\n    def f(self):\n        self.timer = qt.QTimer()\n        self.timer.begin()",
            "QTimer has no begin",
        ),
    ],
)
def test_python_that_uses_what_is_not_there_is_found(tmp_path, code, said):
    [found] = python_findings(tmp_path, code)
    assert said in found


def test_what_came_with_a_later_slicer_is_found(tmp_path):
    code = "from slicer.packaging import pip_ensure"
    assert python_findings(tmp_path, code, (5, 12)) == []
    careful = f"try:\n    {code}\nexcept ImportError:\n    pip_ensure = None"
    assert python_findings(tmp_path, careful, (5, 10)) == []
    [found] = python_findings(tmp_path, code, (5, 10))
    assert "came with Slicer 5.12" in found
