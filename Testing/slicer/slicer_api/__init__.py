"""What real Slicer offers a scripted module, and whether files keep to it."""
