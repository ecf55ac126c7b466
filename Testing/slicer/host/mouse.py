"""The mouse over a rendered view, as Slicer's views hand it to their displayable managers."""

from PySide6.QtCore import QEvent, Qt

_EVENTS = {
    (QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton): "LeftButtonPressEvent",
    (QEvent.Type.MouseButtonRelease, Qt.MouseButton.LeftButton): "LeftButtonReleaseEvent",
    (QEvent.Type.MouseMove, Qt.MouseButton.NoButton): "MouseMoveEvent",
}


def pass_on(event, interactor, height):
    """Let VTK hear a Qt event: its positions count from the lower left."""
    name = _EVENTS.get((event.type(), event.button()))
    if name is not None:
        place = event.position()
        interactor.SetEventInformation(int(place.x()), height - 1 - int(place.y()), 0, 0)
        interactor.InvokeEvent(name)
