"""The version of MedDDPMCore."""

__version__ = "0.1.0"
