"""Makes the pictures of the tutorial anew, in the test host, by clicks, with the bundled model.

    python Testing/slicer/tutorial_pictures.py [--steps N] [--out FOLDER]

The patient is ReMIND-022 of ../shared/data, whose terms ask for credit beside each picture of it. Some minutes of a CPU
at the model's own steps; fewer are for trials. remote.png and reader-study.png are screenshots of the tests
(MEDDDPM_SCREENSHOTS). Needs Pillow.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import host
import project

PATIENT = project.ROOT.parent / "shared" / "data" / "remind_t1c"
SCREENSHOTS = project.CORE_FOLDER / "Resources" / "Screenshots"
SEED = 3


class Tutorial:
    """The window, led through the tutorial's jobs."""

    def __init__(self, out, steps):
        from window import Window

        self.host, self.out, self.steps = host.start(), out, steps
        self.window = Window(self.host)
        self.settle()

    def settle(self):
        """The settings, which a closed scene takes with it; the 3D view looks at the head alone, not at its box."""
        import slicer

        view = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLViewNode")
        view.SetBoxVisible(False)
        view.SetAxisLabelsVisible(False)
        p = self.window.parameters
        p.newSeed, p.seed, p.steps = False, SEED, self.steps

    def picture(self, name):
        """Of the window, in 256 colours."""
        import slicer
        from PIL import Image

        slicer.util.showStatusMessage("", 1)
        self.host.wait(lambda: False, 0.1)
        path = self.host.screenshot(self.out / f"{name}.png")
        with Image.open(path) as picture:
            made = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        made.save(path, optimize=True)

    def open(self, *names):
        """Open these boxes and close the others."""
        for name, panel in self.window.widget.panels.items():
            panel.widget.collapsed = name not in names
        self.host.process_events()

    def synthesize(self):
        result = self.window.synthesize()
        if result is None:
            raise SystemExit(self.window.error_text or self.window.status.text)
        return result

    def drag(self, shift, factor):
        """What dragging the handle does: RAS mm, and how many times the diameter."""
        import numpy as np
        import slicer

        transforms = slicer.util.getNodesByClass("vtkMRMLLinearTransformNode")
        [hand] = [node for node in transforms if node.GetName() == "Lesions by hand"]
        matrix = np.diag([factor, factor, factor, 1.0])
        matrix[:3, 3] = np.array(hand.GetCenterOfTransformation()) * (1 - factor) + shift
        hand.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        self.host.process_events()

    def sample_head(self):
        """empty, running and result: from an empty scene to an image."""
        window = self.window
        self.open("setup", "input", "synthesize")
        self.picture("empty")
        self.open("input", "synthesize")
        window.choose(window.input.sampleCombo, "One tumor")
        window.click(window.input.sampleButton)
        window.click(window.results.surfacesCheckBox)
        window.click(window.synthesize_button)
        window.wait(lambda: window.status.percent >= 60 or not window.run.is_active)
        self.picture("running")
        window.wait(lambda: not window.run.is_active)
        self.picture("result")

    def four_samples(self):
        """samples: four images of one mask in a grid, and what is measured in each."""
        import slicer

        slicer.mrmlScene.Clear(False)
        window = self.window
        self.settle()
        self.open("input", "synthesize")
        window.choose(window.input.sampleCombo, "One tumor")
        window.click(window.input.sampleButton)
        window.parameters.samples = 4
        self.synthesize()
        self.open("compare")
        window.click(window.compare.measureButton)
        window.choose(window.compare.viewsCombo, "All samples in a grid")
        window.wait(lambda: window.compare.viewsCombo.enabled)
        self.host.wait(lambda: False, 0.3)
        self.picture("samples")

    def patient_by_hand(self):
        """lesion-tools: a patient's tumor moved and grown by hand."""
        import slicer

        slicer.mrmlScene.Clear(False)
        window = self.window
        self.settle()
        slicer.util.loadVolume(str(PATIENT / "ReMIND-022_t1c.nii.gz"))
        self.host.process_events()
        slicer.util.loadVolume(str(PATIENT / "ReMIND-022_tumor.nii.gz"))
        self.host.process_events()
        self.open("input", "lesion_tools")
        window.click(window.input.headButton)
        window.click(window.input.labelsButton)
        self.open("lesion_tools", "synthesize")
        window.click(window.results.surfacesCheckBox)
        self.open("lesion_tools")
        window.click(window.lesions.handButton)
        self.drag(shift=(-30, 0, 10), factor=2.2)
        self.picture("lesion-tools")
        window.click(window.lesions.handApplyButton)

    def patient_edited(self):
        """edited and compare: the tumor made where it was moved to."""
        window = self.window
        self.open("synthesize")
        window.click(window.results.keepCheckBox)
        self.synthesize()
        self.picture("edited")
        self.open("compare")
        window.click(window.compare.measureButton)
        window.choose(window.compare.viewsCombo, "Side by side")
        self.host.wait(lambda: False, 0.3)
        self.picture("compare")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=0, help="steps of the model; 0 for its own number")
    parser.add_argument("--out", type=Path, default=SCREENSHOTS)
    arguments = parser.parse_args()
    if not PATIENT.is_dir():
        raise SystemExit(f"The patient is not here: {PATIENT}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    tutorial = Tutorial(arguments.out, arguments.steps)
    tutorial.sample_head()
    tutorial.four_samples()
    tutorial.patient_by_hand()
    tutorial.patient_edited()
    tutorial.host.quit()


if __name__ == "__main__":
    main()
