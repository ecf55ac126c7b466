"""nnU-Net v2's data set: imagesTr/CASE_0000.nii.gz …, labelsTr/CASE.nii.gz, dataset.json.

https://github.com/MIC-DKFZ/nnUNet, documentation/dataset_format.md. The folder should be called DatasetNNN_Name.
"""

from __future__ import annotations

import json
import re

from ..models.spec import ModelSpec
from .case import ExportedCase

IMAGES, LABELS = "imagesTr", "labelsTr"


class NnUnet:
    """Where nnU-Net v2 looks for things. Labels are numbered from 1, as it needs them."""

    name = "nnunet"

    def __init__(self, spec: ModelSpec, ending: str = ".nii.gz"):
        self.spec, self.ending = spec, ending

    def case_id(self, mask: str, seed: int) -> str:
        return f"{re.sub('[^A-Za-z0-9-]+', '-', mask)}_seed{seed}"

    def image(self, case_id: str, modality: str) -> str:
        return f"{IMAGES}/{case_id}_{self.spec.modalities.index(modality):04}{self.ending}"

    def label(self, case_id: str) -> str:
        return f"{LABELS}/{case_id}{self.ending}"

    def sidecars(self, _case_id: str, _records: dict[str, dict]) -> dict[str, dict]:
        """Nothing: what nnU-Net's folders hold is NIfTI alone."""
        return {}

    def common_files(self, cases: list[ExportedCase]) -> dict[str, str]:
        """dataset.json, which lists the cases that are whole."""
        values = {
            "channel_names": {str(number): name for number, name in enumerate(self.spec.modalities)},
            "labels": {"background": 0, **label_values(self.spec)},
            "numTraining": len(cases),
            "file_ending": self.ending,
            "name": "Synthetic images",
            "description": f"SYNTHETIC images made by MedDDPM, model {self.spec.name}. See README.md.",
            "licence": self.spec.licence,
            "dataset": {
                case.id: {
                    "images": [self.image(case.id, name) for name in self.spec.modalities],
                    "label": self.label(case.id),
                }
                for case in cases
            },
        }
        return {"dataset.json": json.dumps(values, indent=1)}


def label_values(spec: ModelSpec) -> dict[str, int]:
    """The labels as data sets hold them: the model's, in the order of its values, numbered from 1 without a gap."""
    values = spec.labels.values
    return {name: number for number, name in enumerate(sorted(values, key=lambda name: values[name]), start=1)}
