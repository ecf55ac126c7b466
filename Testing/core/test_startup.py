"""What starts fast: no heavy package is loaded before it is needed. Packages are looked at, not seconds."""

from __future__ import annotations

import pytest
from test_structure import loaded_by

HEAVY = {
    "torch", "numpy", "SimpleITK", "nibabel", "scipy", "matplotlib", "monai", "skimage", "pydicom", "safetensors",
    "tqdm",
}  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "import MedDDPMCore",
        "from MedDDPMCore.cli import parser; parser()",
        "import MedDDPMCore.worker",
    ],
)
def test_nothing_heavy_is_loaded_by(statement):
    assert loaded_by(statement) & HEAVY == set()


def test_loading_a_model_loads_no_package_for_evaluation_compiling_or_plotting():
    loaded = loaded_by("import MedDDPMCore.synthesis.synthesize")
    assert (
        loaded & {"scipy", "matplotlib", "monai", "skimage", "pydicom", "torch._inductor", "torch._dynamo", "sympy"}
        == set()
    )
