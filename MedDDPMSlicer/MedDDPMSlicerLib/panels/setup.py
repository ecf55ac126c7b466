"""Setup: what is needed, which GPU, how large a download; installs on a click and never by itself."""

from __future__ import annotations

import logging

import slicer
from slicer.i18n import tr as _

from .. import paths
from ..processes import dependencies
from .panel import Panel, Window


class SetupPanel(Panel):
    FILE = "Setup"

    def __init__(self, window: Window):
        super().__init__(window)
        self.state: dependencies.State | None = None
        self._entered = False
        self._probe = dependencies.Probe(self._found, paths.python())
        self.ui.installButton.connect("clicked()", self._install)
        self.ui.checkButton.connect("clicked()", self.check)
        self.ui.helpLabel.text = _(
            "Behind a proxy, set the environment variable HTTPS_PROXY before you start Slicer. Without internet, "
            "install PyTorch and safetensors from downloaded files with pip's --find-links, then press “Check again”. "
            "Everything but synthesis and training works without them."
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
        state = self.state
        self.ui.installButton.visible = state is not None and not state.is_complete
        self.ui.checkButton.enabled = not self._probe.is_running
        self.ui.helpLabel.visible = state is not None and not state.is_complete
        self.ui.downloadLabel.visible = state is not None and not state.is_complete
        self.ui.deviceLabel.visible = state is not None and not state.failure
        if state is None:
            self.widget.text = _("Setup")
            self.ui.stateLabel.text = _("Looking for the packages that synthesis needs…")
            return
        self.widget.text = _("Setup: ready") if state.is_complete else _("Setup: something is missing")
        self.ui.stateLabel.text = self._text(state)
        self.ui.deviceLabel.text = state.device_text()
        self.ui.downloadLabel.text = state.download_text()
        self.ui.installButton.text = _("Continue installing") if dependencies.is_to_continue() else _("Install")

    def close(self) -> None:
        self._probe.close()

    def _text(self, state: dependencies.State) -> str:
        if state.failure:
            return state.failure
        parts = []
        if state.missing:
            parts.append(_("Missing: {names}.").format(names=", ".join(state.missing)))
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
        if state.is_complete:
            dependencies.remember_to_continue(False)
        self.widget.collapsed = state.is_complete
        if state.devices and not self.window.process.is_elsewhere:
            self.window.show_devices(state.devices)
        self.window.refresh()

    def _install(self) -> None:
        """The one place where anything is installed: PyTorch's installer raises whatever pip raises."""
        try:
            must_restart = dependencies.install(self.state)
        except Exception as error:  # noqa: BLE001: shown to the user
            logging.exception("Installation failed")
            slicer.util.errorDisplay(
                _("The installation did not work:\n{error}\n\nSee “Setup” for other ways.").format(error=error)
            )
            self.check()
            return
        if must_restart:
            dependencies.remember_to_continue(True)
            if slicer.util.confirmYesNoDisplay(
                _(
                    "The PyTorch extension is there. Slicer must restart before PyTorch itself can be "
                    "installed; this panel will come back. Restart now?"
                )
            ):
                slicer.util.restart()
            return
        self.check()
