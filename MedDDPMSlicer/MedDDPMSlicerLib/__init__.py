"""The parts of the MedDDPM module for 3D Slicer."""
