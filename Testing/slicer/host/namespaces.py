"""Puts the stand-ins where a module looks for them: `ctk`, and the q-classes of `slicer`."""

import sys
import types

import slicer

from . import (
    application,
    ctk_buttons,
    ctk_numbers,
    ctk_paths,
    io_manager,
    layout_manager,
    main_window,
    module_manager,
    plot_view,
    qmrml_nodes,
    qmrml_numbers,
    qmrml_segment_editor,
    qmrml_segments,
    segment_editor_effects,
    slice_view,
    three_d_view,
)

CTK = (ctk_buttons, ctk_numbers, ctk_paths)
SLICER = (
    application,
    io_manager,
    layout_manager,
    main_window,
    module_manager,
    plot_view,
    qmrml_nodes,
    qmrml_numbers,
    qmrml_segment_editor,
    qmrml_segments,
    segment_editor_effects,
    slice_view,
    three_d_view,
)


def classes(sources, prefixes):
    """Name -> class, of the stand-ins defined in the source modules."""
    return {
        name: value
        for source in sources
        for name, value in vars(source).items()
        if isinstance(value, type) and name.startswith(prefixes) and value.__module__ == source.__name__
    }


def install():
    ctk = types.ModuleType("ctk", "Stand-ins of the CTK widgets over PySide6")
    vars(ctk).update(classes(CTK, ("ctk",)))
    sys.modules["ctk"] = ctk
    vars(slicer).update(classes(SLICER, ("qMRML", "qSlicer")))
