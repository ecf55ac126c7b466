"""The host itself: a small module runs in it by real clicks, on real MRML, under PythonQt's rules."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

SAMPLE = pathlib.Path(__file__).parent / "sample_module" / "HostSample.py"


@pytest.fixture
def sample(host):
    """The sample module's Python widget, freshly loaded and shown."""
    module = host.load(SAMPLE)
    yield host.open(module.name)
    host.unload(module.name)


@pytest.fixture
def volume(host):
    import slicer

    z, y, x = np.mgrid[:20, :24, :28]
    return slicer.util.addVolumeFromArray((x + y + z).astype("int16"), name="ramp")


def click(widget):
    import qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(widget, qt.Qt.LeftButton)


def test_a_click_on_apply_makes_the_result(host, sample, volume):
    import slicer

    assert not sample.ui.applyButton.enabled
    sample.ui.inputSelector.setCurrentNode(volume)
    sample.ui.thresholdSlider.value = 35
    click(sample.ui.applyButton)
    result = sample.parameters.result
    assert result.GetName() == "ramp above"
    assert slicer.util.arrayFromVolume(result).sum() == (slicer.util.arrayFromVolume(volume) > 35).sum()


def test_what_the_module_raises_is_shown_and_its_clean_up_runs(host, sample, volume):
    sample.ui.inputSelector.setCurrentNode(volume)
    sample.parameters.threshold = 450
    click(sample.ui.applyButton)
    assert "threshold is too high" in host.dialogs.shown[0].text
    assert isinstance(host.failures.pop(), ValueError)
    assert host.app.overrideCursor() is None


def test_parameters_and_widgets_follow_each_other(host, sample):
    from HostSample import Shape

    sample.ui.samplerComboBox.currentIndex = 1
    sample.ui.shapeComboBox.currentIndex = 1
    sample.ui.titleLineEdit.text = "typed"
    sample.ui.radiusSpinBox.value = 12
    sample.ui.invertCheckBox.click()
    assert (sample.parameters.sampler, sample.parameters.shape, sample.parameters.title) == ("dpm", Shape.BOX, "typed")
    assert (sample.parameters.size.radius, sample.parameters.invert) == (12, True)
    sample.parameters.steps = 99
    assert sample.ui.stepsSpinBox.value == 99
    with pytest.raises(ValueError):
        sample.parameters.steps = 0
    sample.parameters.disconnectGui(sample.guiTag)
    sample.parameters.steps = 5
    assert sample.ui.stepsSpinBox.value == 99
    sample.guiTag = sample.parameters.connectGui(sample.ui)


def test_parameters_survive_a_scene_file(host, sample, volume, tmp_path):
    import slicer

    sample.parameters.inputVolume = volume
    sample.parameters.title = "kept"
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    assert sample.parameters.title == "none"
    assert sample.ui.inputSelector.currentNode() is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert sample.parameters.title == "kept"
    assert sample.parameters.inputVolume.GetName() == "ramp"
    assert sample.ui.inputSelector.currentNode().GetName() == "ramp"
    assert sample.ui.titleLineEdit.text == "kept"


def test_a_deleted_node_leaves_the_selector_and_the_parameter(host, sample, volume):
    import slicer

    sample.parameters.inputVolume = volume
    slicer.mrmlScene.RemoveNode(volume)
    assert sample.ui.inputSelector.currentNode() is None
    assert sample.parameters.inputVolume is None
    assert not sample.ui.applyButton.enabled


def test_a_renamed_node_is_renamed_in_the_selector(host, sample, volume):
    sample.ui.inputSelector.setCurrentNode(volume)
    names = []
    sample.ui.inputSelector.connect("currentNodeRenamed(QString)", names.append)
    volume.SetName("slope")
    assert names == ["slope"]
    assert sample.ui.inputSelector.findChildren("QComboBox")[0].currentText == "slope"


def test_a_reset_puts_turned_slices_back_into_their_own_planes(host):
    import slicer

    def planes():
        return {node.GetName(): node.GetOrientation() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")}

    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.SetOrientationToCoronal() if node.GetName() == "Red" else node.SetOrientationToAxial()
    host.reset()
    assert planes() == {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


def test_layouts_bring_their_views(host):
    import slicer

    manager = host.app.layoutManager()
    assert manager.threeDViewCount == 1 and manager.plotWidget(0) is None
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)
    assert manager.plotWidget(0).mrmlPlotViewNode() is not None
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    assert manager.plotWidget(0) is None


def test_nodes_have_subject_hierarchy_items_while_they_live(host, volume):
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    assert hierarchy.GetItemName(hierarchy.GetItemByDataNode(volume)) == "ramp"
    slicer.mrmlScene.RemoveNode(volume)
    assert hierarchy.GetNumberOfItems() == 0


def test_reload_cleans_the_old_panel_up_and_builds_a_new_one(host, sample):
    import slicer

    slicer.util.reloadScriptedModule("HostSample")
    assert sample.cleaned == 1
    fresh = slicer.modules.HostSampleWidget
    assert fresh is not sample and fresh.ui.applyButton != sample.ui.applyButton


def test_the_modules_own_test_runs(host, sample):
    import slicer

    slicer.selfTests["HostSample"]()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_sample_data_is_registered_at_start_up(host, sample):
    import SampleData

    registered = SampleData.SampleDataLogic.sampleDataSourcesByCategory("HostSample")
    assert [source.sampleName for source in registered] == ["HostSample1"]


def test_segments_appear_in_the_editor_and_undo_restores_them(host, sample, volume):
    import slicer

    sample.ui.editorCollapsibleButton.collapsed = False
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    editor = sample.ui.segmentEditor
    editor.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    click(editor.AddSegmentButton)
    segment = editor.currentSegmentID()
    assert segmentation.GetSegmentation().GetSegmentIDs() == (segment,)
    editor.setActiveEffectByName("Paint")
    assert editor.activeEffect().name == "Paint"
    painted = np.zeros((20, 24, 28), "uint8")
    painted[5:9, 5:9, 5:9] = 1
    editor.saveStateForUndo()
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, segment, volume)
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume).sum() == 64
    editor.undo()
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume).sum() == 0
    sample.ui.segmentSelector.setCurrentNode(segmentation)
    assert sample.ui.segmentSelector.currentSegmentID() == segment


def test_files_go_out_and_come_in_through_the_storage_nodes(host, volume, tmp_path):
    import slicer

    assert slicer.util.saveNode(volume, str(tmp_path / "ramp.nii.gz"))
    again = slicer.util.loadVolume(str(tmp_path / "ramp.nii.gz"))
    assert np.array_equal(slicer.util.arrayFromVolume(again), slicer.util.arrayFromVolume(volume))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment = segmentation.GetSegmentation().AddEmptySegment("", "tumour")
    painted = (slicer.util.arrayFromVolume(volume) > 40).astype("uint8")
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, segment, volume)
    assert slicer.util.saveNode(segmentation, str(tmp_path / "a.seg.nrrd"))
    loaded = slicer.util.loadSegmentation(str(tmp_path / "a.seg.nrrd"))
    assert loaded.GetSegmentation().GetSegmentIdBySegmentName("tumour")
    with pytest.raises(RuntimeError):
        slicer.util.loadVolume(str(tmp_path / "missing.nii.gz"))


def test_the_slice_views_show_the_volume_and_the_segment(host, volume, tmp_path):
    import qt
    import slicer

    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    host.screenshot(tmp_path / "plain.png")
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment = segmentation.GetSegmentation().AddEmptySegment("", "tumour", (1.0, 0.0, 0.0))
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((20, 24, 28), "uint8"), segmentation, segment, volume)
    host.screenshot(tmp_path / "red.png")
    centre = [qt.QImage(str(tmp_path / name)).pixelColor(650, 220) for name in ("plain.png", "red.png")]
    assert centre[0].red() == centre[0].green() > 0
    assert centre[1].red() > centre[1].green()


def test_a_property_hides_its_getter_and_unknown_names_raise(host):
    import ctk
    import qt

    button = qt.QPushButton("text")
    assert button.text == "text"
    with pytest.raises(TypeError):
        button.text()
    slider, box = ctk.ctkSliderWidget(), ctk.ctkCollapsibleButton()
    for target, name in ((button, "texd"), (slider, "setMinimum"), (box, "setCollapsed")):
        with pytest.raises(AttributeError):
            getattr(target, name)
        with pytest.raises(AttributeError):
            setattr(target, name, 1)
    with pytest.raises(AttributeError):
        qt.QSpinBox().value = None
    with pytest.raises(AttributeError):
        getattr(qt, "QFontMetricsX")  # noqa: B009


def test_signals_connect_three_ways_and_surplus_arguments_are_trimmed(host, capsys):
    import qt

    button, got = qt.QPushButton(), []
    assert button.connect("clicked(bool)", lambda: got.append("string"))
    assert button.clicked.connect(lambda checked: got.append(checked))
    assert button.clicked.connect(lambda *everything: got.append(everything))
    line = qt.QLineEdit("x")
    assert button.connect("clicked()", line, "clear()")
    button.click()
    assert got == ["string", False, (False,)] and line.text == ""
    assert button.connect("klicked()", print) is False
    assert "klicked" in capsys.readouterr().err
    with pytest.raises(AttributeError):
        getattr(button, "klicked")  # noqa: B009


def test_what_a_handler_raises_is_printed_and_kept_for_the_test(host, capsys):
    import qt

    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert isinstance(host.failures.pop(), ZeroDivisionError)


def test_a_child_process_is_talked_to_through_qprocess(host):
    import qt

    process, lines = qt.QProcess(), []
    process.connect("readyReadStandardOutput()", lambda: lines.append(process.readAllStandardOutput().data()))
    process.start(sys.executable, ["-c", "print(input())"])
    assert process.waitForStarted()
    process.write("hello\n")
    assert host.wait(lambda: process.state() == qt.QProcess.NotRunning, 20)
    assert b"".join(lines).strip() == b"hello" and process.exitCode() == 0


def test_dialogs_are_recorded_and_answered(host):
    import qt
    import slicer

    assert not slicer.util.confirmYesNoDisplay("Delete?")
    host.dialogs.answer(qt.QMessageBox.Yes, "/data")
    assert slicer.util.confirmYesNoDisplay("Delete?")
    assert qt.QFileDialog.getExistingDirectory(None, "Choose") == "/data"
    assert [shown.text for shown in host.dialogs.shown] == ["Delete?", "Delete?", ""]
    host.testing(True)
    slicer.util.confirmYesNoDisplay("Delete?")
    assert slicer.app.testingEnabled() and len(host.dialogs.shown) == 3


def test_child_processes_find_a_pip_that_records_and_installs_nothing(host):
    host.pip.answer("Collecting monai", errors=["ERROR: no such host"])
    done = subprocess.run([sys.executable, "-m", "pip", "install", "monai"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "Collecting monai\n", "ERROR: no such host\n")
    assert host.installs == [["install", "monai"]]
    host.reset()
    assert host.installs == []


@pytest.mark.skipif("SLICER_PYTHON_SOURCE" in os.environ, reason="these tests run over the real sources already")
def test_the_host_runs_over_slicers_own_python_sources_where_they_are_at_hand():
    source = pathlib.Path(__file__).resolve().parents[3] / "slicer-python-source"
    if not source.is_dir():
        pytest.skip("no checkout of Slicer's Python sources beside this checkout")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "sample or parameters"]
    environment = {**os.environ, "SLICER_PYTHON_SOURCE": str(source)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-4000:]
