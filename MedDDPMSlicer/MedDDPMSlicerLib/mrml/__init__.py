"""What the module does with the scene: MRML and VTK, no Qt, so that it runs under slicer-core alone."""
