"""The version of MedDDPMCore, and of all here. CHANGELOG.md says what its numbers mean."""

__version__ = "0.1.0.dev0"
