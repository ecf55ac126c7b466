"""The tiny training set of the trainer's tests."""

from __future__ import annotations

from training.conftest import data, data_folder, one_thread  # noqa: F401
