"""Where to compute: this computer, or another that SSH reaches. Part of the Advanced box; kept in Slicer's settings."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from .panel import Window

HOST_KEY, LAUNCH_KEY, AGREED_KEY = "MedDDPM/computeOn", "MedDDPM/launch", "MedDDPM/computeOnAgreed"
NOTICE = _(
    "From now on, each click on Synthesize sends the mask, and for an edit the MRI and its masks, to {host} over SSH, "
    "where the image is made. They are deleted there when the click has ended, but whoever administers that computer "
    "can read them meanwhile. Send only what may be there. Go on?"
)


class ComputeOn:
    """Its widgets in `ui`. What was chosen holds from the moment that the user has agreed to where images go."""

    def __init__(self, ui, window: Window):
        self.ui, self.window = ui, window
        self._testing = False
        self.host, self._launch = (slicer.util.settingsValue(key, "") for key in (HOST_KEY, LAUNCH_KEY))
        if self.host and self.host != slicer.util.settingsValue(AGREED_KEY, ""):
            self.host = ""
        ui.hostEdit.text, ui.launchEdit.text = self.host, self._launch
        window.process.compute_on(self.host, self._launch)
        ui.hostEdit.connect("editingFinished()", self._changed)
        ui.launchEdit.connect("editingFinished()", self._changed)
        ui.hostButton.connect("clicked()", self._test)

    def refresh(self) -> None:
        busy = self.window.run.is_active
        self.ui.hostEdit.enabled = not busy
        self.ui.launchEdit.enabled = not busy
        self.ui.hostButton.enabled = bool(self.host) and not busy and not self._testing
        self.ui.hostText.visible = bool(self.ui.hostText.text)

    def handle(self, event: dict) -> None:
        """What the worker says of its connection."""
        if not self.host:
            return
        kind = event["event"]
        if kind == "waiting":
            self.ui.hostText.text = f"{event['text'][:1].upper()}{event['text'][1:]} …"
        elif kind == "ready":
            names = ", ".join(str(device["name"]) for device in event.get("devices") or [])
            self.ui.hostText.text = _("Connected to {host}: {devices}.").format(host=self.host, devices=names)
        elif kind == "error" and event.get("id") is None:
            self.ui.hostText.text = f"{event.get('message', '')} {event.get('hint', '')}".strip()
        if kind in ("ready", "error", "stopped"):
            self._testing = False
        self.refresh()

    def _changed(self) -> None:
        host, launch = self.ui.hostEdit.text.strip(), self.ui.launchEdit.text.strip()
        if (host, launch) == (self.host, self._launch):
            return
        if host and host != self.host:
            previous, self.host = self.host, host  # a second editingFinished comes as the question takes the focus
            if not slicer.util.confirmOkCancelDisplay(NOTICE.format(host=host), _("Compute on another computer")):
                self.host = self.ui.hostEdit.text = previous
                return
            qt.QSettings().setValue(AGREED_KEY, host)
        self.host, self._launch, self.ui.hostText.text = host, launch, ""
        qt.QSettings().setValue(HOST_KEY, host)
        qt.QSettings().setValue(LAUNCH_KEY, launch)
        self._testing = False
        self.window.process.compute_on(host, launch)
        self.window.show_devices([])  # those of the other place
        self.window.refresh()

    def _test(self) -> None:
        """A new connection, so that what is said holds for now."""
        self._changed()
        if self.host:
            self._testing, self.ui.hostText.text = True, _("Connecting to {host} …").format(host=self.host)
            self.window.process.kill()
            self.window.process.start()
            self.refresh()
