"""What all boxes of the window share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import qt
import slicer

from .icons import set_icons

if TYPE_CHECKING:
    from ..model_info import ModelInfo
    from ..mrml.parameters import MedDDPMParameters
    from ..processes.run import SynthesisRun
    from ..processes.synthesis_process import SynthesisProcess
    from ..roles import Role

_NARROWEST = 60
PARAMETER_PROPERTY = "SlicerParameterName"


class Editor(Protocol):
    """The Segment Editor of the window, for the boxes beside it."""

    def edit_segment(self, identity: str) -> None:
        """Open it with a segment ready to be painted."""

    def save_for_undo(self) -> None:
        """Remember the segments as they are now."""

    def undo(self) -> None: ...
    def redo(self) -> None: ...

    def enter(self) -> None:
        """Take its keys and views."""

    def leave(self) -> None:
        """Put the brush down and give keys and views back."""


class Window(Protocol):
    """What the module's widget offers its boxes, and all that they may ask of it."""

    run: SynthesisRun
    process: SynthesisProcess
    editor: Editor
    models: dict[str, ModelInfo]
    segments: dict[str, tuple[str, ...]]
    """Label of the model -> ids of the segments that play it."""

    @property
    def model(self) -> ModelInfo | None:
        """The chosen one."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """The chosen model's labels as segments."""

    @property
    def can_synthesize(self) -> bool:
        """Whether the packages for it are there, as far as is known."""

    @property
    def has_gpu(self) -> bool:
        """Whether any device but the CPU was found; True while that is not known, as on another computer."""

    def resourcePath(self, filename: str) -> str: ...

    def refresh(self) -> None:
        """Show the present state in every box."""

    @property
    def views_are_taken(self) -> bool:
        """Whether a box shows something in the slice views that no other may replace, or will do so."""

    def set_others_aside(self, panel: Panel) -> Callable[[], None]:
        """Close every box but one, and let them rest; returns what brings them back."""

    def show_setup(self) -> None: ...

    def install(self, commands: list[list[str]], then: Callable[[str], None]) -> None:
        """Run pip's commands in the background; `then` hears what went wrong, or ""."""

    def show_devices(self, devices: list[dict]) -> None:
        """Offer what torch can compute on."""

    def finish_edits(self) -> bool:
        """Complete what the user has begun in any box; False where that was refused, which its box says."""

    def show_source(self) -> None:
        """Show in the slice views what is painted on."""

    def jump_to_lesion(self) -> None:
        """Move the slice views to the tumor, or to the head if there is none."""

    def add_model(self, folder: str) -> None:
        """Remember an imported model and choose it."""

    def copy_report(self) -> None:
        """Put the error report into the clipboard."""


_SHRINKABLE = {"QComboBox", "qMRMLNodeComboBox", "QProgressBar", "QLineEdit", "ctkSliderWidget"}


def let_shrink(widget) -> None:
    """Let a widget be narrower than its contents, so that long names do not widen the whole panel."""
    policy = widget.sizePolicy
    widget.setSizePolicy(qt.QSizePolicy.Ignored, policy.verticalPolicy())
    widget.setMinimumWidth(_NARROWEST)


class Panel:
    """One box: its .ui file, and its settings' connection to the scene."""

    FILE = ""
    COLLAPSED = False

    def __init__(self, window: Window):
        self.window = window
        self.widget = slicer.util.loadUI(window.resourcePath(f"UI/{self.FILE}.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        set_icons(self.ui)
        self.widget.collapsed = self.COLLAPSED
        for widget in vars(self.ui).values():
            if widget.className() in _SHRINKABLE:
                let_shrink(widget)
        self._parameters: MedDDPMParameters | None = None

    def parameter_widgets(self) -> list[tuple[str, object]]:
        """The names of parameters, each with the widget that shows and sets it."""
        named = ((widget.property(PARAMETER_PROPERTY), widget) for widget in vars(self.ui).values())
        return [(name, widget) for name, widget in named if name]

    def bind(self, parameters: MedDDPMParameters | None) -> None:
        """Work on a parameter node, or on nothing."""
        self._parameters = parameters

    def refresh(self) -> None:
        """Show the present state."""

    def new_result(self) -> None:
        """Another image is the result, or none: what is shown of an earlier one goes."""

    def enter(self) -> None:
        """The user has come to the module."""

    def leave(self) -> None:
        """The user goes to another module."""

    @property
    def takes_views(self) -> bool:
        """Whether this box shows something in the slice views that no other may replace, or will do so."""
        return False

    def finish(self) -> bool:
        """Complete what the user has begun in this box, before an image is made of it; False where that was refused."""
        return True

    def forget_scene(self) -> None:
        """The scene is being closed, and every node with it."""

    def close(self) -> None:
        """Stop whatever this box has under way."""
