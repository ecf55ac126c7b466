"""The processes that a program such as 3D Slicer talks to."""
