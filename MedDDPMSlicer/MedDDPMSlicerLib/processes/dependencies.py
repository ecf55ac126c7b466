"""What synthesis needs beyond Slicer, and whether it is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from slicer.i18n import tr as _

from .. import paths
from .command_process import NOT_STARTED
from .requirements import SYNTHESIS

_PROBE = ["-X", "utf8", "-m", "MedDDPMSlicerLib.processes.probe"]


@dataclass(frozen=True, kw_only=True)
class State:
    """What a probe found.

    broken: package -> what its import said. old, versions: package -> version, where it will not do and where it will.
    devices: what torch can compute on, as the worker's `ready` tells it. cards: NVIDIA cards seen without torch.
    torch_build: which of PyTorch's builds suits them ("cpu", "cu126", …). machine: "Darwin arm64" and its like.
    """

    missing: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    old: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    devices: tuple[dict, ...] = ()
    cards: tuple[str, ...] = ()
    torch_build: str = "cpu"
    machine: str = ""
    failure: str = ""

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.broken or self.old or self.failure)

    @property
    def lacks_torch(self) -> bool:
        return "torch" in {*self.missing, *dict(self.broken), *dict(self.old)}

    def device_text(self) -> str:
        """Which device will do the work, in words; says so where a GPU lies idle."""
        gpus = [str(device["name"]) for device in self.devices if device["id"] != "cpu"]
        if gpus:
            return _("Synthesis will run on: {devices}").format(devices=", ".join(gpus))
        if self.cards and not self.lacks_torch:
            return _(
                "The installed PyTorch cannot use the GPU ({cards}); synthesis will run on the processor. "
                "To change that, reinstall PyTorch with the PyTorch module."
            ).format(cards="; ".join(self.cards))
        if self.cards and self.torch_build == "cpu":
            return _(
                "The driver of the GPU ({cards}) is too old for PyTorch: synthesis will run on the processor."
            ).format(cards="; ".join(self.cards))
        if self.cards:
            return _("Will use the GPU: {cards}").format(cards="; ".join(self.cards))
        return _("No GPU was found: synthesis will run on the processor.")

    def download_text(self) -> str:
        if not self.lacks_torch:
            return _("Download: a few megabytes.")
        on_gpu = self.torch_build != "cpu"
        size = _("about 3 GB (PyTorch for NVIDIA GPUs)") if on_gpu else _("about 250 MB (PyTorch for the processor)")
        return _("Download: {size}. It is kept inside Slicer and needed once.").format(size=size)


def parse(output: str) -> State:
    """The state that a probe's output tells; a probe that says nothing understandable is a failure."""
    try:
        report = json.loads(output.strip().splitlines()[-1])
        packages = report["packages"]

        def of_packages(key: str) -> tuple[tuple[str, str], ...]:
            return tuple((name, facts[key]) for name, facts in packages.items() if key in facts)

        return State(
            missing=tuple(name for name, facts in packages.items() if facts.get("missing")),
            broken=of_packages("broken"),
            old=of_packages("old"),
            versions=of_packages("version"),
            devices=tuple(report["devices"]),
            cards=tuple(report["graphics_cards"]),
            torch_build=report["torch_build"],
            machine=report["machine"],
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return State(failure=_("Python's check of its packages gave no answer."))


class Probe:
    """Looks for the packages in a child process and hands a State to `on_state`; the window stays free."""

    def __init__(self, transport, on_state: Callable[[State], None], python: str):
        self._transport, self._on_state, self._python = transport, on_state, python
        self._said = bytearray()
        transport.on_output, transport.on_end = self._said.extend, self._ended

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    def start(self) -> None:
        if not self.is_running:
            self._said.clear()
            self._transport.start(self._python, [*_PROBE, *SYNTHESIS], str(paths.module_folder()))

    def close(self) -> None:
        self._on_state = lambda _state: None
        self._transport.kill()

    def _ended(self, description: str) -> None:
        if description == NOT_STARTED:
            failure = _("Slicer's Python could not be started ({path}).").format(path=self._python)
            self._on_state(State(failure=failure))
        else:
            self._on_state(parse(self._said.decode("utf-8", "replace")))
