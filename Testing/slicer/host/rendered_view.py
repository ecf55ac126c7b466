"""A view that VTK draws into an offscreen window, shown as a picture. It is drawn when asked for, never on a timer."""

import numpy as np
import vtk
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from vtk.util.numpy_support import vtk_to_numpy

from . import mouse
from .qmrml_nodes import qMRMLWidget


class RenderedView(QWidget):
    """Derived classes fill the renderer in `_fill(renderer)` and adapt to a size in `_prepare(width, height)`."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._window, self._picture = None, None
        self.setMinimumSize(120, 120)
        self.sizePolicy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self):
        return QSize(320, 320)

    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(self.rect, 0)
        if self._picture is not None:
            painter.drawPixmap(0, 0, self._picture)
        painter.end()

    def _hear_mouse(self, style, managers):
        """Let the displayable managers hear of the mouse, by Slicer's interactor style."""
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        style.SetDisplayableManagers(managers)
        style.SetInteractor(self._interactor)
        self._style = style
        self.setMouseTracking(True)

    def mousePressEvent(self, event):
        if self._window is not None:
            mouse.pass_on(event, self._interactor, self.height)

    mouseReleaseEvent = mouseMoveEvent = mousePressEvent

    def _render(self):
        size = self.size.expandedTo(self.minimumSize)
        if self._window is None:
            self._window = vtk.vtkEGLRenderWindow()
            self._window.SetOffScreenRendering(1)
            self._window.SetMultiSamples(0)
            renderer = vtk.vtkRenderer()
            self._window.AddRenderer(renderer)
            self._interactor = vtk.vtkGenericRenderWindowInteractor()
            self._interactor.SetRenderWindow(self._window)
            self._fill(renderer)
        self._window.SetSize(size.width(), size.height())
        self._prepare(size.width(), size.height())
        self._window.Render()
        self._picture = QPixmap.fromImage(_grab(self._window))
        self.update()


class AnnotatedView(RenderedView):
    """A view with words in its corners and at its edges."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._corners = vtk.vtkCornerAnnotation()
        self._corners.SetMaximumFontSize(14)

    def cornerAnnotation(self):
        return self._corners

    def scheduleRender(self):
        """Rendering happens on demand."""

    def _fill(self, renderer):
        renderer.AddViewProp(self._corners)


def _grab(window):
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.Update()
    image = grabber.GetOutput()
    width, height, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1, :, :3]
    return QImage(np.ascontiguousarray(pixels).tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)


class TitledView(qMRMLWidget):
    """A view under its coloured title."""

    def __init__(self, view, title, color):
        super().__init__()
        self._view = view
        self._title = label = QLabel(f" {title}", self)
        label.styleSheet = "color: black; background: #" + "".join(f"{int(255 * part):02x}" for part in color)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(label)
        layout.addWidget(view, 1)


def displayable_managers(factory, application_logic, names, renderer):
    """Slicer's displayable managers of these classes, drawing into the renderer."""
    factory.SetMRMLApplicationLogic(application_logic)
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    return factory.InstantiateDisplayableManagers(renderer)
