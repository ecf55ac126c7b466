"""Whether a segmentation is as it was when an image was made of it, with the real worker."""

import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib import pieces
from MedDDPMSlicerLib.mrml import drawn
from test_run import opened, window  # noqa: F401
from test_window import HEAD_SHAPE, drawn_head


@pytest.mark.parametrize("grid", ["mask", "model"])
def test_an_image_knows_whether_it_was_made_of_what_is_drawn_now(window, grid):  # noqa: F811
    mri, node, ids = drawn_head(window)
    window.parameters.grid = grid
    window.parameters.samples = 2
    result = window.synthesize()
    window.parameters.grid, window.parameters.samples = "mask", 1

    def is_drawn_so():
        return pieces.finished(drawn.is_drawn_so(result, node, window.widget.roles, window.widget.segments))

    assert is_drawn_so()
    slicer.util.updateSegmentBinaryLabelmapFromArray(phantom.tumor_array(HEAD_SHAPE) * 0, node, ids["Tumor"], mri)
    assert not is_drawn_so()
