"""Setup: what is needed, which GPU, how large a download; installs on a click and never by itself."""

from __future__ import annotations

from collections.abc import Callable

import slicer
from slicer.i18n import tr as _

from .. import paths
from ..processes import dependencies, installation
from ..processes.qt_transport import QtTransport
from ..processes.requirements import SYNTHESIS, requirement
from .panel import Panel, Window


class SetupPanel(Panel):
    FILE = "Setup"

    def __init__(self, window: Window):
        super().__init__(window)
        self.state: dependencies.State | None = None
        self._entered = False
        self._problem = ""
        self._then: Callable[[str], None] = lambda _problem: None
        python, folder = paths.python(), str(paths.core_folder())
        self._probe = dependencies.Probe(QtTransport(), self._found, python)
        self._installation = installation.Installation(QtTransport(), python, folder, self._heard, self._installed)
        self.ui.installButton.connect("clicked()", self._install)
        self.ui.installCancelButton.connect("clicked()", self._installation.stop)
        self.ui.checkButton.connect("clicked()", self._check_again)
        self.ui.installProgress.maximum = 0  # nobody knows how long it takes
        self.ui.helpLabel.text = _(
            "Behind a proxy, set the environment variable HTTPS_PROXY before you start Slicer. Without internet, "
            "install PyTorch, safetensors, nibabel, tqdm and psutil from downloaded files with pip's --find-links, "
            "then press “Check again”. Everything but synthesis and training works without them."
        )
        self.refresh()

    def enter(self) -> None:
        if not self._entered:
            self._entered = True
            self.check()

    def check(self) -> None:
        """Look for the packages, in a process of their own."""
        self.state = None
        self._probe.start()
        self.window.refresh()

    @property
    def allows_synthesis(self) -> bool:
        """False only when it is known that something is missing."""
        return self.state is None or self.state.is_complete

    def show(self) -> None:
        self.widget.collapsed = False

    def refresh(self) -> None:
        state, busy = self.state, self._installation.is_running
        lacking = state is not None and not state.is_complete
        self.ui.installButton.visible = lacking and not busy
        self.ui.checkButton.enabled = not self._probe.is_running and not busy
        self.ui.installProgress.visible = self.ui.installCancelButton.visible = busy
        self.ui.installLog.visible = busy or bool(self._problem)
        self.ui.helpLabel.visible = lacking or bool(self._problem)
        self.ui.downloadLabel.visible = lacking
        self.ui.deviceLabel.visible = state is not None and not state.failure
        if busy:
            self.widget.text = _("Setup: installing…")
            return
        if state is None:
            self.widget.text = _("Setup")
            self.ui.stateLabel.text = _("Looking for the packages that synthesis needs…")
            return
        host = self.window.process.host
        if host:
            self.widget.text = _("Setup: images are made on {host}").format(host=host)
        else:
            self.widget.text = _("Setup: ready") if state.is_complete else _("Setup: something is missing")
        parts = (self._problem, self._elsewhere_text(host), self._text(state))
        self.ui.stateLabel.text = "\n".join(part for part in parts if part)
        self.ui.deviceLabel.text = self._devices_there(host) if host else state.device_text()
        self.ui.downloadLabel.text = state.download_text()

    def close(self) -> None:
        self._probe.close()
        self._installation.close()

    def install(self, commands: list[list[str]], then: Callable[[str], None]) -> None:
        """Run pip's commands in the background; `then` hears what went wrong, or ""."""
        refusal = self._installation.install(commands)
        if refusal:
            then(refusal)
            return
        self._then, self._problem = then, ""
        self.ui.installLog.plainText = ""
        self.ui.stateLabel.text = _("Starting pip…")
        self.show()
        self.window.refresh()

    def _elsewhere_text(self, host: str) -> str:
        if not host:
            return ""
        return _(
            "Images are made on {host}, with the packages that are there (Advanced, Compute on). "
            "The rest is of this computer, where training and export run:"
        ).format(host=host)

    def _devices_there(self, host: str) -> str:
        ready = self.window.process.ready or {}
        names = ", ".join(str(device["name"]) for device in ready.get("devices") or [])
        if ready.get("host") != host or not names:
            return _("Which devices {host} has is known once it was asked: press Test under Advanced.").format(
                host=host
            )
        return _("Synthesis will run on {host}: {devices}").format(host=host, devices=names)

    def _text(self, state: dependencies.State) -> str:
        if state.failure:
            return state.failure
        parts = []
        if state.missing:
            parts.append(_("Missing: {names}.").format(names=", ".join(state.missing)))
        for name, version in state.old:
            parts.append(
                _("{name} {version} is too old: {needed} is needed.").format(
                    name=name, version=version, needed=requirement(name, SYNTHESIS)
                )
            )
        for name, reason in state.broken:
            parts.append(
                _("{name} is installed by half and does not start: {reason}").format(name=name, reason=reason[:300])
            )
        if not parts:
            versions = ", ".join(f"{name} {version}" for name, version in state.versions)
            parts.append(_("All that synthesis needs is there ({versions}).").format(versions=versions))
        return "\n".join(parts)

    def _found(self, state: dependencies.State) -> None:
        self.state = state
        lies_here = not self.window.process.is_elsewhere
        self.widget.collapsed = (state.is_complete or not lies_here) and not self._problem
        if state.devices and lies_here:
            self.window.show_devices(state.devices)
        self.window.refresh()

    def _check_again(self) -> None:
        self._problem = ""
        self.check()

    def _install(self) -> None:
        self.install(installation.commands(self.state), self._tell)

    def _tell(self, problem: str) -> None:
        self._problem = _("The installation did not work: {problem}").format(problem=problem) if problem else ""
        self.refresh()

    def _heard(self, line: str) -> None:
        self.ui.installLog.appendPlainText(line)
        self.ui.stateLabel.text = line[:200]

    def _installed(self, problem: str) -> None:
        then, self._then = self._then, lambda _problem: None
        then(problem)
        self.check()
        replaced = self._installation.replaced_while_loaded()
        question = _(
            "This Slicer still works with what was replaced ({names}) and should be restarted before you go on. "
            "Restart now?"
        ).format(names=", ".join(replaced))
        if replaced and slicer.util.confirmYesNoDisplay(question, _("MedDDPM")):
            slicer.util.restart()
