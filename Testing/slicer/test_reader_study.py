"""The Reader study box by real keys and clicks, on a study as the command line makes it; crashes lose nothing."""

import csv
import json
import os
import subprocess
import sys
import zlib

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from test_window import drawn_head
from window import open_window, packages_are_there  # noqa: F401

from MedDDPMCore.evaluation.readers.files import FORM_FILE, read_answers, read_study, write_answers

TRUTHS = ("real", "synthetic", "synthetic", "real")
SHAPE = (40, 48, 44)


def png(path, picture):
    """Grey, uint8 (rows, columns)."""
    rows, columns = picture.shape
    raw = np.concatenate([np.zeros((rows, 1), np.uint8), picture], axis=1).tobytes()
    size = columns.to_bytes(4, "big") + rows.to_bytes(4, "big")
    chunks = ((b"IHDR", size + bytes([8, 0, 0, 0, 0])), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    body = b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def make(folder, slices="volume"):
    """Four heads of differing brightness in the study's form; case n has the grey value 40 n."""
    import SimpleITK

    folder.mkdir()
    head = phantom.head_array(SHAPE)
    cases = tuple(f"case-00{number}" for number in range(1, 5))
    for number, case in enumerate(cases, start=1):
        array = head * np.uint8(40 * number)
        if slices == "volume":
            image = SimpleITK.GetImageFromArray(array)
            image.SetSpacing((5.0, 5.0, 5.0))
            SimpleITK.WriteImage(image, str(folder / f"{case}.nii"))
        else:
            array[:, :8] = 0
            png(folder / f"{case}.png", np.ascontiguousarray(array[SHAPE[0] // 2]))
    write_answers(folder / FORM_FILE, cases, {})
    study = {"format_version": 1, "id": "abc", "slices": slices, "cases": cases}
    (folder / "study.json").write_text(json.dumps(study), encoding="utf-8")
    return folder


@pytest.fixture
def study(tmp_path):
    return make(tmp_path / "study")


@pytest.fixture(autouse=True)
def remembered():
    """Nothing of the user's own is remembered afterwards."""
    yield
    import qt
    from MedDDPMSlicerLib.panels.reader_study import FOLDER_KEY, READER_KEY

    for key in (FOLDER_KEY, READER_KEY):
        qt.QSettings().remove(key)


class Reader:
    """A reader at the window's Reader study box."""

    def __init__(self, window):
        self.window, self.panel = window, window.widget.panels["reader_study"]
        self.ui = self.panel.ui
        self.panel.widget.collapsed = False
        window.host.process_events()

    def start(self, folder, name="Ann"):
        self.window.host.dialogs.answer(str(folder))
        self.window.click(self.ui.studyButton)
        self.type_into(self.ui.readerEdit, name)
        self.window.click(self.ui.startButton)

    def type_into(self, edit, text):
        from PySide6.QtTest import QTest

        edit.text = ""
        QTest.keyClicks(edit, text)
        self.window.host.process_events()

    def press(self, keys):
        """Keys on the window, as a reader presses them; they must be heard wherever the focus is."""
        from PySide6.QtTest import QTest

        main = slicer.util.mainWindow()
        main.activateWindow()
        self.window.host.process_events()
        for key in keys:
            QTest.keyClick(main, key)
            self.window.host.process_events()

    def read(self):
        """Clicks through: the answer, then how sure."""
        self.window.click(self.ui.realButton)
        self.window.click(self.ui.sureButton4)

    @property
    def grey(self):
        """The grey value of the head that the axial view shows now."""
        composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
        node = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID())
        return int(slicer.util.arrayFromVolume(node).max())

    def log(self, folder, name="Ann"):
        lines = (folder / f"log-{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(json.loads, lines) if "case" in entry]


@pytest.fixture
def reader(window):
    return Reader(window)


def test_cases_are_read_by_keys_and_exported_for_the_score(reader, study, tmp_path):
    reader.start(study)
    assert reader.grey == 40 and "Case 1 of 4: Real or synthetic?" in reader.ui.caseLabel.text
    reader.window.screenshot("50-reader-study")
    reader.press("S")
    assert "How sure" in reader.ui.caseLabel.text and reader.ui.syntheticButton.checked
    reader.press("5")
    assert reader.grey == 80 and "Case 2 of 4" in reader.ui.caseLabel.text
    reader.press("R1S2R3")
    assert "All 4 cases are read" in reader.ui.caseLabel.text and not reader.ui.realButton.enabled
    out = tmp_path / "answers-Ann.csv"
    reader.window.host.dialogs.answer(str(out))
    reader.window.click(reader.ui.exportButton)
    answers = read_answers(out, read_study(study))
    assert [(a.answer, a.confidence) for a in answers.values()] == [
        ("synthetic", 5),
        ("real", 1),
        ("synthetic", 2),
        ("real", 3),
    ]
    assert all(0 <= answer.seconds < 60 for answer in answers.values())


def test_cases_are_read_by_mouse(reader, study):
    reader.start(study)
    assert not reader.ui.sureButton4.enabled
    reader.read()
    assert reader.grey == 80 and not reader.ui.realButton.checked and not reader.ui.sureButton4.enabled
    assert [(e["case"], e["answer"], e["confidence"]) for e in reader.log(study)] == [("case-001", "real", 4)]


def test_a_number_without_an_answer_does_nothing(reader, study):
    reader.start(study)
    reader.press("35")
    assert reader.log(study) == [] and reader.grey == 40


def test_back_asks_for_the_last_case_again(reader, study, tmp_path):
    reader.start(study)
    reader.press("S5R4B")
    assert reader.grey == 80 and "Case 2" in reader.ui.caseLabel.text
    reader.press("S1")
    out = tmp_path / "out.csv"
    reader.window.host.dialogs.answer(str(out))
    reader.window.click(reader.ui.exportButton)
    assert "2 cases are not read yet" in reader.ui.studyStatus.text
    rows = list(csv.DictReader(out.open()))
    assert [row["answer"] for row in rows] == ["synthetic", "synthetic", "", ""] and rows[1]["confidence"] == "1"


def test_time_in_another_module_does_not_count(reader, study, monkeypatch):
    import time

    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    reader.start(study)
    now[0] += 4
    reader.panel.leave()
    now[0] += 1000
    reader.panel.enter()
    now[0] += 3
    reader.panel._choose("real")
    reader.panel._rate(2)
    monkeypatch.undo()
    assert reader.log(study)[0]["seconds"] == 7.0


CRASH = """
import os, sys
sys.path[:0] = sys.argv[1:3]
import project, slicer
from host import python_sources
python_sources.install()
slicer.mrmlScene = None
from MedDDPMSlicerLib.mrml.reader_study import ReaderStudy
reading = ReaderStudy(sys.argv[3], "Ann")
reading.answer("real", 2, 3.0)
reading.answer("synthetic", 5, 4.0)
os.kill(os.getpid(), 9)
"""


def test_a_crash_loses_no_answer_and_the_next_start_goes_on(reader, study):
    testing = project.FAKE_WORKER.parent
    done = subprocess.run([sys.executable, "-c", CRASH, str(testing), str(project.ROOT), str(study)])
    assert done.returncode == -9
    with open(study / "log-Ann.jsonl", "ab") as log:
        log.write(b'{"case": "case-003", "ans')  # what a power cut may leave
    reader.start(study)
    assert reader.grey == 120 and "Case 3 of 4" in reader.ui.caseLabel.text and reader.ui.studyProgress.value == 2
    reader.press("R3")
    assert [entry["confidence"] for entry in reader.log(study)] == [2, 5, 3]


def test_closing_the_study_or_the_scene_loses_nothing(reader, study):
    reader.start(study)
    reader.press("S5")
    reader.window.click(reader.ui.closeStudyButton)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert not reader.ui.readingBox.isVisibleTo(reader.panel.widget)
    reader.press("S5")
    assert len(reader.log(study)) == 1
    reader.window.click(reader.ui.startButton)
    assert reader.grey == 80
    slicer.mrmlScene.Clear(False)
    reader.window.host.process_events()
    assert "scene was closed" in reader.ui.studyStatus.text
    reader.window.click(reader.ui.startButton)
    assert reader.grey == 80 and len(reader.log(study)) == 1


def test_what_the_views_showed_comes_back_and_cases_are_not_saved_with_the_scene(reader, study, tmp_path):
    mri = phantom.volume(name="MRI")
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    slicer.util.setSliceViewerLayers(background=mri, label=labels)
    slices = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    for node in slices:
        node.SetSliceOffset(7)
        node.SetXYZOrigin(3, 4, 0)
        node.SetFieldOfView(*(0.5 * side for side in node.GetFieldOfView()))
    before = [(node.GetSliceOffset(), node.GetXYZOrigin(), node.GetFieldOfView()) for node in slices]
    reader.start(study)
    for node in slices:
        node.SetSliceOffset(-20)
    assert slicer.util.saveScene(str(tmp_path / "scene.mrml"))
    assert "case-00" not in (tmp_path / "scene.mrml").read_text(encoding="utf-8")
    reader.window.click(reader.ui.closeStudyButton)
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert composite.GetBackgroundVolumeID() == mri.GetID() and composite.GetLabelVolumeID() == labels.GetID()
    assert [(node.GetSliceOffset(), node.GetXYZOrigin(), node.GetFieldOfView()) for node in slices] == before


def test_nothing_of_the_scene_is_seen_over_a_case_and_all_comes_back(reader, study):
    node, ids = phantom.segmentation(phantom.volume(), {"Tumor": phantom.tumor_array()})
    hidden, _ids = phantom.segmentation(phantom.volume(), {"Head": phantom.head_array()})
    hidden.GetDisplayNode().SetVisibility(False)
    reader.start(study)
    assert not node.GetDisplayNode().GetVisibility()
    reader.window.click(reader.ui.closeStudyButton)
    assert node.GetDisplayNode().GetVisibility() and not hidden.GetDisplayNode().GetVisibility()


def test_a_study_does_not_start_while_an_image_is_made_that_would_cover_its_cases(reader, study):
    window = reader.window
    drawn_head(window)
    window.click(window.synthesize_button)
    reader.start(study)
    assert "still being made" in reader.ui.studyStatus.text and reader.panel.reading is None
    window.run.cancel()
    window.wait(lambda: not window.run.is_active)
    window.click(reader.ui.startButton)
    assert reader.grey == 40 and not reader.ui.studyStatus.isVisibleTo(reader.panel.widget)


def test_nothing_else_touches_the_views_while_cases_are_read(reader, study):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    window = reader.window
    drawn_head(window)
    window.widget.panels["synthesize"].widget.collapsed = False
    reader.start(study)
    QTest.keyClick(slicer.util.mainWindow(), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    window.host.process_events()
    assert not window.run.is_active and not window.synthesize_button.enabled
    assert not window.input.sampleButton.enabled and "close the study" in window.widget.panels["input"].widget.toolTip
    window.parameters.mri = None
    drawn_head(window)
    assert reader.grey == 40
    window.click(reader.ui.closeStudyButton)
    assert window.synthesize_button.enabled and not window.widget.panels["synthesize"].widget.collapsed


def test_pictures_are_shown_upright_in_one_large_view(reader, tmp_path):
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    before = layout.GetViewArrangement()
    reader.start(make(tmp_path / "pictures", "centre"))
    assert layout.GetViewArrangement() == layout.SlicerLayoutOneUpRedSliceView
    node = slicer.util.getNode("case-001")
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    node.GetIJKToRASMatrix(matrix)
    assert [matrix.GetElement(i, i) for i in range(3)] == [-1, 1, 1]
    top = slicer.util.arrayFromVolume(node)[0, -1]  # the file's first row lies at the front
    assert top.shape == (SHAPE[2],)
    assert node.GetDisplayNode().GetWindow() == 255
    reader.window.screenshot("51-reader-study-pictures")
    reader.read()
    assert reader.grey == 80
    reader.window.click(reader.ui.closeStudyButton)
    assert layout.GetViewArrangement() == before


def test_wrong_folders_names_and_rights_are_explained(reader, study, tmp_path):
    assert not reader.ui.startButton.enabled
    reader.start(tmp_path, "Ann")
    assert "no reader study in" in reader.ui.studyStatus.text
    reader.start(study, "/..")
    assert "no name yet" in reader.ui.studyStatus.text
    (study / "case-002.nii").unlink()
    reader.start(study)
    assert "lacks the files of case-002" in reader.ui.studyStatus.text


def test_a_disk_that_is_full_keeps_the_answers_before_and_says_so(reader, study, monkeypatch):
    reader.start(study)
    reader.press("S5")
    before = (study / "log-Ann.jsonl").read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    reader.press("R3")
    assert "could not be written" in reader.ui.studyStatus.text and "Case 2" in reader.ui.caseLabel.text
    assert (study / "log-Ann.jsonl").read_bytes() == before
    reader.press("B")
    assert "could not be written" in reader.ui.studyStatus.text and "Case 2" in reader.ui.caseLabel.text
    assert (study / "log-Ann.jsonl").read_bytes() == before
    monkeypatch.undo()
    reader.press("R")
    reader.press("3")
    assert len(reader.log(study)) == 2 and not reader.ui.studyStatus.isVisibleTo(reader.panel.widget)


def test_another_studys_or_a_damaged_log_is_not_mixed_in(reader, study):
    log = study / "log-Ann.jsonl"
    log.write_text('{"study": "other"}\n')
    reader.start(study)
    assert "another study" in reader.ui.studyStatus.text
    log.write_text('{"case": "case-001", "answer": "perhaps", "confidence": 3, "seconds": 1}\n')
    reader.start(study)
    assert "Line 1" in reader.ui.studyStatus.text and log.read_text().count("\n") == 1


def test_painting_keys_rest_while_cases_are_read(reader, study, monkeypatch):
    calls = []
    edit = reader.window.widget.panels["edit"]
    monkeypatch.setattr(edit, "leave", lambda: calls.append("leave"))
    monkeypatch.setattr(edit, "enter", lambda: calls.append("enter"))
    reader.start(study)
    reader.window.click(reader.ui.closeStudyButton)
    assert calls == ["leave", "enter"]
    monkeypatch.undo()
