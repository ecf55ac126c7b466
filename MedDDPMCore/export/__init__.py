"""Synthetic images handed on: DICOM for viewers and archives, data sets for training, each saying what it is."""
