"""What a data set says of itself to its readers: README.md."""

from __future__ import annotations

import numpy as np

from ..models.spec import ModelSpec
from ..version import __version__
from .case import ExportedCase

_LAYOUTS = {
    "nnunet": "nnU-Net v2: images in `imagesTr` (one file a channel), masks in `labelsTr`, `dataset.json`.",
    "bids": "BIDS derivative: a synthetic head is a subject; the image and its mask (`_dseg`) in `sub-…/anat`.",
}


def data_card(spec: ModelSpec, marker: dict, cases: list[ExportedCase]) -> str:
    """Markdown: what is in the data set, how it was made, what it is not good for. marker: the data set's settings."""
    records = [case.record for case in cases]
    masks = len({record["mask"] for record in records})
    seeds = sorted({record["seed"] for record in records})
    rows = [f"| {name} | {_spread([record['labels'][name] for record in records])} |" for name in spec.labels.values]
    warnings = sorted({warning for record in records for warning in record["warnings"]})
    warned = sum(bool(record["warnings"]) for record in records)
    return "\n".join(
        [
            "# Synthetic images made by MedDDPM",
            "",
            "**Every image in this data set is synthetic**: made by a generative model from a mask. None is a scan of "
            "any person. Research only, not for diagnosis.",
            "",
            "## What is here",
            f"- {len(cases)} cases from {masks} masks; {_seeds(seeds)}; contrasts: {', '.join(spec.modalities)}.",
            f"- {_LAYOUTS[marker['layout']]}",
            "- `provenance/`: a JSON record a case (model, seed, sampler, steps, SHA-256 of the mask, versions).",
            f"- `contact_sheet.png`: a look at {'all' if len(cases) <= 48 else 'some'} of them. "
            "`SHA256SUMS`: check with `sha256sum -c SHA256SUMS`.",
            "- Intensity: int16, 0 is air, 1000 the model's brightest"
            + (f" ({spec.intensity})." if spec.intensity else "."),
            *(["- Faces are removed from the images and the masks."] if marker["defaced"] else []),
            "",
            "| label | ml, median (least to most) |",
            "| --- | --- |",
            *rows,
            "",
            "## How it was made",
            f"- Model: {spec.name}" + (f" ({spec.title})" if spec.title else "") + f", weights SHA-256 "
            f"`{spec.weights_sha256}`.",
            f"- Model's training data: {spec.training_data or 'not stated'}",
            f"- Sampler {marker['sampler']}, {marker['steps']} steps a stage, voxel grid of the {marker['output_grid']}"
            f"; MedDDPMCore {__version__}.",
            "- The same model, mask, seed, settings and device make the same image again.",
            "",
            "## Licence",
            spec.licence or "The model does not state one.",
            "",
            "## Limits",
            "- The mask is what the image was made from, not a reading of the image: how well they agree is the "
            "model's fidelity, and differs from case to case.",
            "- Cases of one mask share the head's outline and the lesion's: keep them on one side of a train/test "
            "split." + ("" if marker["defaced"] else " Masks made from patients carry the outline of their faces."),
            "- What a method scores on these images says nothing of how it does on patients. Test on real images.",
            "- The model's training data and notes limit what can be seen here"
            + (f": {spec.notes}" if spec.notes else "."),
            *([f"- {warned} cases were made with a warning: {'; '.join(warnings)}"] if warned else []),
            "",
        ]
    )


def _seeds(seeds: list[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    run = seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"seeds {seeds[0]} to {seeds[-1]}" if run else f"{len(seeds)} seeds from {seeds[0]} to {seeds[-1]}"


def _spread(volumes: list[float]) -> str:
    present = [volume for volume in volumes if volume]
    if not present:
        return "in no case"
    without = len(volumes) - len(present)
    return f"{np.median(present):.4g} ({min(present):.4g} to {max(present):.4g})" + (
        f"; absent in {without}" if without else ""
    )
