"""MedDDPMCore: whole-head MRI from a head/tumour mask, by conditional 3D diffusion (Med-DDPM, Dorjsembe et al., IEEE
JBHI 2024).

>>> import MedDDPMCore
>>> mask = MedDDPMCore.Volume.read("mask.nii.gz", labels=True)      # doctest: +SKIP
>>> model = MedDDPMCore.load_model("default")                       # doctest: +SKIP
>>> [result] = model.synthesize(mask)                               # doctest: +SKIP
>>> result.write("out")                                             # doctest: +SKIP

`edit` makes a region of a patient's MRI anew, `evaluate` compares folders of images: see Documentation/python.md.

Importing this package loads neither torch nor SimpleITK: each name below is loaded when it is first used.
"""

from importlib import import_module
from typing import Any

from .version import __version__

_HOMES = {
    "load_model": "synthesis.synthesize",
    "Model": "synthesis.synthesize",
    "Settings": "synthesis.synthesize",
    "Volume": "volumes.volume",
    "Geometry": "volumes.volume",
    "ModelGrid": "volumes.grid",
    "LabelScheme": "volumes.labels",
    "WHOLE_HEAD": "volumes.labels",
    "BRATS": "volumes.labels",
    "MedDDPMError": "base.errors",
    "head_mask": "anatomy.head",
    "edit": "editing.run",
    "EditOptions": "editing.check",
    "evaluate": "evaluation.metrics.report:evaluate_folders",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own_name = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), own_name or name)


def __dir__() -> list[str]:
    return sorted(__all__)
