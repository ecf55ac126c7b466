"""MedDDPMCore: whole-head MRI from a head/tumour mask, by conditional 3D diffusion (Med-DDPM, Dorjsembe et al., IEEE
JBHI 2024).

>>> import MedDDPMCore
>>> mask = MedDDPMCore.Volume.read("mask.nii.gz", labels=True)      # doctest: +SKIP
>>> model = MedDDPMCore.load_model("default")                       # doctest: +SKIP
>>> [result] = model.synthesize(mask)                               # doctest: +SKIP
>>> result.volumes["T1"].write("synthetic.nii.gz")                  # doctest: +SKIP

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
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
