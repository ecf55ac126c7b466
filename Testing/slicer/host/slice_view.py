"""A slice view: Slicer's slice logic and displayable managers drawing into an offscreen window, shown as a picture."""
import numpy as np
import slicer
import vtk
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from vtk.util.numpy_support import vtk_to_numpy

from .qmrml_nodes import qMRMLWidget

_SIZE = 320


class qMRMLSliceView(QWidget):
    """The picture of one slice. It is drawn when asked for, never on a timer."""

    def __init__(self, logic, parent=None):
        super().__init__(parent)
        self._logic = logic
        self._window, self._pixmap = None, None
        self.setMinimumSize(120, 120)
        self.sizePolicy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def sizeHint(self):
        return QSize(_SIZE, _SIZE)

    def _render(self):
        size = self.size.expandedTo(self.minimumSize)
        if self._window is None:
            self._build()
        self._window.SetSize(size.width(), size.height())
        self._logic.ResizeSliceNode(size.width(), size.height())
        connection = self._logic.GetImageDataConnection()
        self._actor.SetVisibility(connection is not None)
        if connection is not None:
            self._mapper.SetInputConnection(connection)
        self._window.Render()
        self._pixmap = QPixmap.fromImage(self._grab_window(size))
        self.update()
        return self._pixmap

    def _build(self):
        self._window = vtk.vtkEGLRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        renderer = vtk.vtkRenderer()
        self._window.AddRenderer(renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        renderer.AddViewProp(self._actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        for name in ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLModelSliceDisplayableManager"):
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._managers = factory.InstantiateDisplayableManagers(renderer)
        self._managers.SetMRMLDisplayableNode(self._logic.GetSliceNode())

    def _grab_window(self, size):
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self._window)
        grabber.ReadFrontBufferOff()
        grabber.Update()
        image = grabber.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1, :, :3]
        return QImage(np.ascontiguousarray(pixels).tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)

    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(self.rect, 0)
        if self._pixmap is not None:
            painter.drawPixmap(0, 0, self._pixmap)
        painter.end()


class qMRMLSliceWidget(qMRMLWidget):
    """A slice view under its coloured title."""

    def __init__(self, logic):
        super().__init__()
        self._logic = logic
        node = logic.GetSliceNode()
        self.setMRMLScene(node.GetScene())
        self._view = qMRMLSliceView(logic, self)
        color = "#%02x%02x%02x" % tuple(int(255 * part) for part in node.GetLayoutColor())
        title = QLabel(f" {node.GetLayoutLabel()}   {node.GetOrientation()}", self)
        title.styleSheet = f"background: {color}; color: black"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(title)
        layout.addWidget(self._view, 1)

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def sliceView(self):
        return self._view

    def fitSliceToBackground(self):
        self._logic.FitSliceToAll()
