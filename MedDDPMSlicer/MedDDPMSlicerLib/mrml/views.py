"""What the slice views show: source behind, synthetic in front, one fade for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import slicer
import vtk

from .scene import nodes_of

_DISPLAYS = (
    "vtkMRMLSegmentationDisplayNode",
    "vtkMRMLModelDisplayNode",
    "vtkMRMLMarkupsDisplayNode",
    "vtkMRMLVolumeRenderingDisplayNode",
)


def _composites(scene) -> list:
    return nodes_of(scene, "vtkMRMLSliceCompositeNode")


def _slices(scene) -> list:
    return nodes_of(scene, "vtkMRMLSliceNode")


def show(scene, synthetic, source, fade: float) -> None:
    """Show a synthetic volume over its source (or alone), in all slice views, linked.

    fade: 0 shows the source only, 1 the synthetic volume only.
    """
    for composite in _composites(scene):
        composite.SetLinkedControl(True)
        if source is None:
            composite.SetBackgroundVolumeID(synthetic.GetID())
            composite.SetForegroundVolumeID(None)
        else:
            composite.SetBackgroundVolumeID(source.GetID())
            composite.SetForegroundVolumeID(synthetic.GetID())
            composite.SetForegroundOpacity(fade)


def show_map(scene, volume, under) -> None:
    """Show a map in colours over the anatomy that it belongs to, with its legend; its clear parts let that through."""
    show(scene, volume, under, 1.0)
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(volume)
    legend.SetTitleText(volume.GetName()[-24:])
    legend.SetMaxNumberOfColors(64)
    legend.SetNumberOfLabels(3)
    legend.SetLabelFormat("%.0f")
    legend.SetVisibility(True)


def set_fade(scene, fade: float) -> None:
    for composite in _composites(scene):
        composite.SetForegroundOpacity(fade)


def layers(scene) -> dict[str, tuple]:
    """What each slice view shows now, to be given back to `restore`."""
    return {
        node.GetID(): (
            node.GetBackgroundVolumeID(),
            node.GetForegroundVolumeID(),
            node.GetLabelVolumeID(),
            node.GetForegroundOpacity(),
            node.GetLinkedControl(),
        )
        for node in _composites(scene)
    }


def restore(scene, saved: dict[str, tuple]) -> None:
    """Show again what `layers` saw; volumes that are gone since are left out."""
    for composite in _composites(scene):
        if composite.GetID() in saved:
            *volumes, opacity, linked = saved[composite.GetID()]
            there = [identity if identity and scene.GetNodeByID(identity) else None for identity in volumes]
            composite.SetBackgroundVolumeID(there[0])
            composite.SetForegroundVolumeID(there[1])
            composite.SetLabelVolumeID(there[2])
            composite.SetForegroundOpacity(opacity)
            composite.SetLinkedControl(linked)


def places(scene) -> dict[str, tuple]:
    """Where each slice view is, its plane, middle and zoom, to be given back to `put_back`."""
    return {node.GetID(): (_plane_of(node), node.GetXYZOrigin(), node.GetFieldOfView()) for node in _slices(scene)}


def put_back(scene, saved: dict[str, tuple]) -> None:
    """Move and zoom the slice views to where `places` saw them."""
    for node in _slices(scene):
        if node.GetID() in saved:
            plane, origin, field = saved[node.GetID()]
            _cut(node, plane)
            node.SetXYZOrigin(*origin)
            node.SetFieldOfView(*field)


def jump_to(scene, point) -> None:
    """Move every slice view to a point (RAS, mm)."""
    for node in _slices(scene):
        node.JumpSliceByOffsetting(*point)


def hide_all(scene) -> list[str]:
    """Hide every segmentation, model, markup and rendering, which would tell a reader something; returns their ids."""
    displays = [node for kind in _DISPLAYS for node in nodes_of(scene, kind) if node.GetVisibility()]
    hidden = [node.GetID() for node in displays]
    for node in displays:
        node.SetVisibility(False)
    return hidden


def show_again(scene, hidden: list[str]) -> None:
    """Undo `hide_all`; what is gone since is left out."""
    for identity in hidden:
        node = scene.GetNodeByID(identity)
        if node is not None:
            node.SetVisibility(True)


def need_three_d(scene) -> None:
    """Show the usual four views where the layout has no 3D view."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is not None and "vtkMRMLViewNode" not in (layout.GetCurrentLayoutDescription() or "vtkMRMLViewNode"):
        layout.SetViewArrangement(layout.SlicerLayoutFourUpView)


def is_shown(scene, volume) -> bool:
    """Whether every slice view shows a volume behind or in front."""
    shown = [{node.GetBackgroundVolumeID(), node.GetForegroundVolumeID()} for node in _composites(scene)]
    return all(volume.GetID() in volumes for volumes in shown)


def set_visible(segmentation, visible: bool) -> None:
    """Show or hide a segmentation everywhere."""
    if segmentation is not None and segmentation.GetDisplayNode() is not None:
        segmentation.GetDisplayNode().SetVisibility(visible)


class ComparingLayout:
    """A layout to compare in, in place of the user's, which `restore` brings back."""

    def __init__(self, scene):
        self._scene = scene
        self._before: tuple | None = None

    @property
    def is_shown(self) -> bool:
        return self._before is not None

    def side_by_side(self, left, right) -> None:
        """Two volumes in the views Red and Yellow, cut alike."""
        self._take("SlicerLayoutSideBySideView")
        first, second = self._node("Red"), self._node("Yellow")
        _cut(second, _plane_of(first))  # not its orientation's name: a plane along an oblique image has none
        second.SetFieldOfView(*first.GetFieldOfView())
        for composite in _composites(self._scene):
            composite.SetForegroundVolumeID(None)
            shown = right if composite.GetLayoutName() == second.GetLayoutName() else left
            composite.SetBackgroundVolumeID(shown.GetID())

    def in_one_view(self, volume) -> None:
        """A volume alone, in the view Red alone."""
        self._take("SlicerLayoutOneUpRedSliceView")
        alone(self._scene, volume)

    def _take(self, arrangement: str) -> None:
        self.restore()
        layout = self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        self._before = layout.GetViewArrangement(), _plane_of(self._node("Yellow"))
        layout.SetViewArrangement(getattr(layout, arrangement))

    def restore(self) -> None:
        if self._before is not None:
            (arrangement, plane), self._before = self._before, None
            self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode").SetViewArrangement(arrangement)
            _cut(self._node("Yellow"), plane)

    def _node(self, name: str):
        return next(node for node in _slices(self._scene) if node.GetLayoutName() == name)


def _plane_of(node):
    """The plane that a slice view cuts, as its matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(node.GetSliceToRAS())
    return matrix


def _cut(node, plane) -> None:
    node.GetSliceToRAS().DeepCopy(plane)
    node.UpdateMatrices()


def alone(scene, volume) -> None:
    """Show one volume and nothing over it."""
    for composite in _composites(scene):
        composite.SetBackgroundVolumeID(volume.GetID())
        composite.SetForegroundVolumeID(None)


class Outlines:
    """Segmentations shown by their outlines alone, so that their fill does not hide the image under it.

    The user's own display comes back with `restore`, and for a while with `pause`: it is never saved or left changed.
    """

    def __init__(self, scene):
        self._scene = scene
        self._filled: dict[str, bool] = {}
        self._hidden: list[str] = []

    def show(self, segmentation) -> None:
        """Leave the fill away from now on; outlines that `hide` hid come back."""
        self._each(self._hidden, lambda display: display.SetVisibility2D(True))
        self._hidden = []
        display = segmentation.GetDisplayNode() if segmentation is not None else None
        if display is not None:
            self._filled.setdefault(display.GetID(), bool(display.GetVisibility2DFill()))
            display.SetVisibility2DFill(False)

    def hide(self) -> None:
        """Hide all outlines: in a montage they would lie over one of its images."""
        displays = nodes_of(self._scene, "vtkMRMLSegmentationDisplayNode")
        self._hidden += [display.GetID() for display in displays if display.GetVisibility2D()]
        self.resume()

    def pause(self) -> None:
        self._each(self._filled, lambda display: display.SetVisibility2DFill(self._filled[display.GetID()]))
        self._each(self._hidden, lambda display: display.SetVisibility2D(True))

    def resume(self) -> None:
        self._each(self._filled, lambda display: display.SetVisibility2DFill(False))
        self._each(self._hidden, lambda display: display.SetVisibility2D(False))

    def restore(self) -> None:
        self.pause()
        self._filled, self._hidden = {}, []

    def _each(self, identities: Iterable[str], change: Callable) -> None:
        for identity in identities:
            display = self._scene.GetNodeByID(identity)
            if display is not None:
                change(display)
