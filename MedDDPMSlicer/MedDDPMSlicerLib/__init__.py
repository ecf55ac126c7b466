"""The parts of the MedDDPM module for 3D Slicer."""

from . import paths

paths.make_core_importable()
