"""A BIDS derivative: sub-CASE/anat/sub-CASE_T1w.nii.gz …, sub-CASE_dseg.nii.gz, JSON beside each.

https://bids-specification.readthedocs.io (derivatives, imaging data types). A case, an image made from one mask and
seed, is a subject; participants.tsv says which subjects share a mask.
"""

from __future__ import annotations

import json
import re

from ..base.errors import MedDDPMError
from ..base.tables import csv_text
from ..models.spec import ModelSpec
from ..version import __version__
from .case import PROVENANCE, ExportedCase
from .nnunet import label_values

BIDS_VERSION = "1.10.0"
_SUFFIXES = {"t1": "T1w", "t1w": "T1w", "t1ce": "ce-gadolinium_T1w", "t1c": "ce-gadolinium_T1w", "t2": "T2w",
             "t2w": "T2w", "flair": "FLAIR", "pd": "PDw"}  # fmt: skip
_NOT_BIDS = (PROVENANCE, "SHA256SUMS", "contact_sheet.png", "medddpm-dataset.json", "*.part", "*.medddpm-lock")


class Bids:
    """Where BIDS puts things. MedDDPMError for a model whose contrast has no name in BIDS."""

    name = "bids"

    def __init__(self, spec: ModelSpec, ending: str = ".nii.gz"):
        self.spec, self.ending = spec, ending
        unknown = [name for name in spec.modalities if name.lower() not in _SUFFIXES]
        if unknown:
            raise MedDDPMError(
                f"BIDS has no name for the contrast {', '.join(unknown)} of the model {spec.name}.",
                "Choose the layout nnunet.",
            )

    def case_id(self, mask: str, seed: int) -> str:
        return f"{re.sub('[^A-Za-z0-9]+', '', mask)}s{seed}"

    def image(self, case_id: str, modality: str) -> str:
        return f"sub-{case_id}/anat/sub-{case_id}_{_SUFFIXES[modality.lower()]}{self.ending}"

    def label(self, case_id: str) -> str:
        return f"sub-{case_id}/anat/sub-{case_id}_dseg{self.ending}"

    def sidecars(self, case_id: str, records: dict[str, dict]) -> dict[str, dict]:
        """Path -> content of the JSON beside each image (from its modality's provenance) and beside the mask."""
        mask = self.label(case_id)
        values = {
            _json_of(self.image(case_id, modality)): {
                "Description": record["statement"],
                "SkullStripped": "head" not in self.spec.labels.values,
                "Sources": [f"bids::{mask}"],
                "Synthetic": True,
                "Provenance": record,
            }
            for modality, record in records.items()
        }
        values[_json_of(mask)] = {
            "Description": "The mask that the synthetic image was made from: its condition, not a reading of it.",
            "Manual": False,
        }
        return values

    def common_files(self, cases: list[ExportedCase]) -> dict[str, str]:
        """dataset_description.json, participants.tsv with its JSON, dseg.tsv, .bidsignore."""
        made_by = {
            "Name": "MedDDPM",
            "Version": __version__,
            "Description": f"Synthetic images made from masks by the model {self.spec.name} "
            f"(weights SHA-256 {self.spec.weights_sha256}). Not scans of any person.",
        }
        description = {
            "Name": f"SYNTHETIC images made by MedDDPM, model {self.spec.name}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "License": self.spec.licence or "See the model's licence",
            "GeneratedBy": [made_by],
        }
        names = list(self.spec.labels.values)
        columns = ["participant_id", "mask", "seed", *(f"{name}_ml" for name in names)]
        rows = [
            [f"sub-{case.id}", case.record["mask"], case.record["seed"], *(case.record["labels"][n] for n in names)]
            for case in cases
        ]
        meaning = {
            "participant_id": {"Description": "A synthetic head: one mask, one seed. Not a person."},
            "mask": {"Description": "Subjects with equal values were made from the same mask: keep them in one split."},
            "seed": {"Description": "Seed of the random numbers."},
            **{f"{n}_ml": {"Description": f"Volume of the label {n} in the mask.", "Units": "mL"} for n in names},
        }
        labels = [[value, name] for name, value in label_values(self.spec).items()]
        return {
            "dataset_description.json": json.dumps(description, indent=1),
            "participants.tsv": csv_text(columns, rows, "\t"),
            "participants.json": json.dumps(meaning, indent=1),
            "dseg.tsv": csv_text(["index", "name"], labels, "\t"),
            ".bidsignore": "".join(f"{name}\n" for name in _NOT_BIDS),
        }


def _json_of(image: str) -> str:
    return image.removesuffix(".gz").removesuffix(".nii") + ".json"
