"""Models of random weights, small enough for a test's patience: "tiny" and, with BraTS' four modalities, "four".

As a program (tiny_models.py FOLDER) it writes them whole, in a process of its own because that needs torch.
"""

import json
import sys
from pathlib import Path

NETWORK = {"base_channels": 8, "channel_multipliers": [1, 2], "res_blocks": 1, "attention_factors": [], "groups": 4}
GRID = {"shape": [32, 32, 24], "spacing": [8.0, 8.0, 8.0], "placement": "head_top", "axes": "RAS"}
WHOLE_HEAD = {
    "name": "whole_head",
    "values": {"head": 1, "tumor": 2},
    "channels": ["head", "tumor"],
    "low": -1.0,
    "high": 1.0,
    "head": ["head"],
    "required": ["head"],
}
PARTS = ["necrotic_core", "edema", "enhancing_tumor", "brain"]
BRATS = {
    "name": "brats",
    "values": {name: value for value, name in enumerate(PARTS, start=1)},
    "channels": PARTS,
    "low": 0.0,
    "high": 1.0,
    "head": PARTS,
    "required": ["brain"],
}


def specification(name, labels, modalities):
    domain = {"kind": "haar", "channels": len(modalities), "factor": 2}
    stage = {"domain": domain, "prediction": "v", "timesteps": 250, "network": NETWORK}
    return {
        "format_version": 1,
        "name": name,
        "labels": labels,
        "grid": GRID,
        "modalities": modalities,
        "stages": [stage],
        "sampler": "dpmpp_2m",
        "steps": 8,
        "title": f"Untrained: {name}",
    }


MODELS = [specification("tiny", WHOLE_HEAD, ["T1"]), specification("four", BRATS, ["T1", "T1ce", "T2", "FLAIR"])]


def describe(folder):
    """model.json alone: enough for the window, not for a run."""
    for model in MODELS:
        (folder / model["name"]).mkdir(parents=True)
        (folder / model["name"] / "model.json").write_text(json.dumps(model), encoding="utf-8")
    return folder


def write(folder):
    import torch

    from MedDDPMCore.models.bundle import save_bundle
    from MedDDPMCore.models.spec import ModelSpec
    from MedDDPMCore.models.stage import build_network

    for model in MODELS:
        torch.manual_seed(1)
        spec = ModelSpec.from_dict(model)
        save_bundle(folder / spec.name, spec, [build_network(spec, stage).state_dict() for stage in spec.stages])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    write(Path(sys.argv[1]))
