"""Several synthetic images of one head, and the image they were made from: maps, differences, a table."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import arrayFromVolume
from vtk.util.numpy_support import vtk_to_numpy

from MedDDPMCore.base.distance import signed_distance
from MedDDPMCore.base.errors import LabelError, VolumeError

from .. import pieces
from . import grids, original, results, scene

DIFFERENCE_COLORS, SPREAD_COLORS = "MedDDPM difference", "MedDDPM spread"
CHECKER_MM = 25.0
_AROUND_MM = (2.0, 6.0)  # where “around the lesion” begins and ends
_SPREAD_MM = 5.0  # how far beyond its outline a lesion may be seen
_REACH_MM = 8.0  # how far from a lesion anything is looked at
COLUMNS = (
    _("Sample"),
    _("Seed"),
    _("Drawn (ml)"),
    _("Seen (ml)"),
    _("Mean inside"),
    _("Mean around"),
    _("Contrast (%)"),
)


@dataclass(frozen=True)
class SampleNodes:
    """The images of one run. shown: the volume in the views. browser: steps through them; None for a single one."""

    shown: object
    volumes: list
    browser: object = None

    def seed(self, number: int) -> str:
        return self.volumes[number].GetAttribute(results.PREFIX + "seed") or ""


def samples_of(mrml_scene, shown) -> SampleNodes:
    """The samples that a result volume stands for: those of its sequence, or itself."""
    browser = results.browser_of(mrml_scene, shown)
    sequence = browser.GetSequenceNode(shown) if browser is not None else None
    if sequence is None or not sequence.GetNumberOfDataNodes():
        return SampleNodes(shown, [shown])
    return SampleNodes(shown, [sequence.GetNthDataNode(n) for n in range(sequence.GetNumberOfDataNodes())], browser)


def contrast(volume, mask: scene.Mask, lesions: set[int]) -> float | None:
    """How much brighter than the tissue around them the lesions of a mask are in an image made of it: 0 not at all, 1
    twice as bright; negative where they are darker. Intensities are counted from the image's darkest.

    None where the mask has too little of a lesion, or of other tissue around it. lesions: their values in the mask.
    """
    from MedDDPMCore.editing.match import contrast as ratio
    from MedDDPMCore.volumes.geometry import Geometry
    from MedDDPMCore.volumes.volume import Volume, resample_labels

    image, grid, labels = arrayFromVolume(volume), grids.geometry_of_volume(volume), mask.array
    if image.shape != labels.shape:
        own, other = (Geometry.from_affine_ras(g.ijk_to_ras, g.dimensions[::-1]) for g in (grid, mask.geometry))
        labels = resample_labels(Volume(labels, other), own).array
    lesion = np.isin(labels, list(lesions))
    box = boxed(lesion, _spacing(volume))
    if box is None:
        return None
    ratio_to_around, _tissue = ratio(
        image[box] - float(image.min()), lesion[box], (labels > 0)[box] & ~lesion[box], volume.GetSpacing()
    )
    return None if ratio_to_around is None else ratio_to_around - 1


def boxed(lesion: np.ndarray, spacing: tuple[float, ...]) -> tuple[slice, ...] | None:
    """The part of an array (k, j, i) that holds a lesion and what counts as around it; None without a lesion."""
    if not lesion.any():
        return None
    margin = [int(np.ceil(_REACH_MM / mm)) for mm in spacing]
    return tuple(
        slice(max(0, int(where.min()) - more), int(where.max()) + 1 + more)
        for where, more in zip(np.nonzero(lesion), margin, strict=True)
    )


def maps(mrml_scene, samples: SampleNodes) -> Generator[None, None, list]:
    """Add the voxel-wise mean and standard deviation (n - 1) of the samples as volumes, yielding between slabs."""
    if len(samples.volumes) < 2:
        raise VolumeError(
            _("A mean needs several images."), _("Under Advanced, set Images to 2 or more, and synthesize.")
        )
    arrays = [arrayFromVolume(volume) for volume in samples.volumes]
    images = [_image(arrays[0].shape) for _ in range(2)]
    mean, deviation = (array for _image_of, array in images)
    for slab in pieces.slabs(mean):
        stack = np.stack([array[slab] for array in arrays]).astype(np.float32)
        mean[slab] = stack.mean(axis=0)
        deviation[slab] = stack.std(axis=0, ddof=1)
        yield
    name = samples.shown.GetName()
    average = _derived(mrml_scene, samples.shown, images[0][0], f"{name} mean")
    yield
    spread = _derived(mrml_scene, samples.shown, images[1][0], f"{name} SD")
    spread.GetDisplayNode().SetAndObserveColorNodeID(_colors(mrml_scene, SPREAD_COLORS, _black_yellow_white))
    return [average, spread]


def difference(mrml_scene, shown, source) -> Generator[None, None, object]:
    """Add result minus source, the source's intensities brought to the result's, blue below and red above zero."""
    own, scale, shift = yield from _matched(shown, source)
    (image, array), other = _image(own.shape), arrayFromVolume(source)
    for slab in pieces.slabs(array):
        array[slab] = own[slab] - (other[slab] * scale + shift)
        yield
    node = _derived(mrml_scene, shown, image, f"{shown.GetName()} difference")
    sample = np.abs(array.ravel()[:: max(1, array.size // 50_000)])
    limit = float(np.percentile(sample[sample > 0], 99)) if (sample > 0).any() else 1.0
    node.GetDisplayNode().SetWindowLevelMinMax(-limit, limit)
    node.GetDisplayNode().SetAndObserveColorNodeID(_colors(mrml_scene, DIFFERENCE_COLORS, _blue_black_red))
    return node


def checkerboard(mrml_scene, shown, source) -> Generator[None, None, object]:
    """Add a volume of cubes of CHECKER_MM, by turns of the result and of the source in the result's intensities."""
    own, scale, shift = yield from _matched(shown, source)
    (image, array), other = _image(own.shape), arrayFromVolume(source)
    sides = zip(own.shape, _spacing(shown), strict=True)
    steps = [np.arange(size) // max(1, round(CHECKER_MM / mm)) for size, mm in sides]
    for slab in pieces.slabs(array):
        odd = (steps[0][slab][:, None, None] + steps[1][None, :, None] + steps[2][None, None, :]) % 2 == 1
        array[slab] = np.where(odd, other[slab] * scale + shift, own[slab])
        yield
    return _derived(mrml_scene, shown, image, f"{shown.GetName()} checkerboard")


def measure(mrml_scene, samples: SampleNodes, segmentation, lesion_ids: list[str], head_ids: list[str], patient=None):
    """Add a table of the lesion in every sample, and in the patient's MRI (or None): one row an image, COLUMNS.

    Drawn: the segments' volume; in the MRI that of the lesion that it shows, where that is remembered. Around: the head
    from 2 to 6 mm outside of it. Seen: the voxels within 5 mm of it that are nearer to the mean inside than to that
    around. Contrast: (inside - around) / around.
    """
    painted = [s for s in lesion_ids if not scene.is_empty(segmentation, s)]
    if not painted:
        raise LabelError(_("There is no lesion to measure."), _("Paint one, or add one with the lesion tools."))
    grid = grids.geometry_of_volume(samples.shown)
    head = scene.merged(segmentation, [(s, 1) for s in head_ids], grid, every_piece=False) > 0
    lesion = scene.merged(segmentation, [(s, 1) for s in painted], grid) > 0
    if not lesion.any():
        raise LabelError(
            _("The lesion lies outside the synthetic image."), _("Choose the segmentation it was made from.")
        )
    figures = _figures(samples.volumes, head | lesion, lesion, _spacing(samples.shown))
    if figures is None:
        raise LabelError(
            _("There is no head around the lesion to compare it with."), _("Make the head segment larger.")
        )
    rows = [(f"{number + 1}", samples.seed(number), *values) for number, values in enumerate(figures)]
    if patient is not None:
        grid, known = grids.geometry_of_volume(patient), original.original_of(segmentation, patient)
        if known is None:
            lesion = scene.merged(segmentation, [(s, 1) for s in painted], grid) > 0
        else:
            lesion = scene.merged(known, [(s, 1) for s in scene.segments_of(known)], grid) > 0
        head = scene.merged(segmentation, [(s, 1) for s in head_ids], grid, every_piece=False) > 0
        figures = _figures([patient], head | lesion, lesion, _spacing(patient)) if lesion.any() else None
        if figures is not None:
            rows.append(("MRI", "", *figures[0]))
    return _table(mrml_scene, f"{samples.shown.GetName()} lesion", rows)


def _figures(volumes: list, head: np.ndarray, lesion: np.ndarray, spacing: tuple[float, ...]) -> list[tuple] | None:
    """The numbers of COLUMNS for a lesion in each of these volumes of one grid; None with no head around it."""
    box = boxed(lesion, spacing)
    inside, head = lesion[box], head[box]
    distance = signed_distance(inside, spacing[::-1])
    around = head & ~inside & (distance >= _AROUND_MM[0]) & (distance <= _AROUND_MM[1])
    if not around.any():
        return None
    voxel_ml, rows = float(np.prod(spacing)) / 1000, []
    for volume in volumes:
        values = arrayFromVolume(volume)[box].astype(np.float32)
        within, beside = float(values[inside].mean()), float(values[around].mean())
        seen = (np.abs(values - within) < np.abs(values - beside)) & head & (distance <= _SPREAD_MM)
        contrast_percent = 100 * (within - beside) / beside if beside else float("nan")
        rows.append((inside.sum() * voxel_ml, seen.sum() * voxel_ml, within, beside, contrast_percent))
    return rows


def montage(mrml_scene, samples: SampleNodes) -> Generator[None, None, object]:
    """Add a volume with all samples side by side in its slices, so that one scroll goes through them all."""
    arrays = [arrayFromVolume(volume) for volume in samples.volumes]
    k, j, i = arrays[0].shape
    columns = int(np.ceil(np.sqrt(len(arrays))))
    lines = int(np.ceil(len(arrays) / columns))
    image, array = _image((k, lines * j, columns * i))
    array[:] = float(min(values.min() for values in arrays))
    for number, values in enumerate(arrays):
        line, column = divmod(number, columns)
        array[:, line * j : (line + 1) * j, column * i : (column + 1) * i] = values
        yield
    return _derived(mrml_scene, samples.shown, image, f"{samples.shown.GetName()} side by side")


def _table(mrml_scene, name: str, rows: list[tuple]):
    node = mrml_scene.AddNewNodeByClass("vtkMRMLTableNode", mrml_scene.GenerateUniqueName(name))
    for index, title in enumerate(COLUMNS):
        column = vtk.vtkStringArray() if index < 2 else vtk.vtkDoubleArray()
        column.SetName(title)
        for row in rows:
            column.InsertNextValue(row[index])
        node.AddColumn(column)
    node.SetDescription(results.NOTICE)
    return node


def _matched(shown, source) -> Generator[None, None, tuple[np.ndarray, float, float]]:
    """The result's array, and the line that brings the source's intensities to the result's: that of air to air's, and
    the median of all that is brighter to the other's; none where the result is the source but for a part of it.
    VolumeError for another grid."""
    first, second = grids.geometry_of_volume(shown), grids.geometry_of_volume(source)
    same = first.dimensions == second.dimensions and first.transform_id == second.transform_id
    if not same or np.abs(first.ijk_to_ras - second.ijk_to_ras).max() > 1e-3:
        raise VolumeError(
            _("The MRI and the synthetic image do not lie on the same voxels."),
            _("Under Advanced, set the output grid to that of the MRI, and synthesize again with this MRI chosen."),
        )
    own, other = arrayFromVolume(shown), arrayFromVolume(source)
    yield
    (low, high), (other_low, other_high) = (_levels(array) for array in (own, other))
    if other_high <= other_low:
        raise VolumeError(_("“{name}” has no contrast.").format(name=source.GetName()), _("Choose an MRI."))
    if _are_mostly_equal(own, other, other_low + 0.05 * (other_high - other_low)):
        return own, 1.0, 0.0
    scale = (high - low) / (other_high - other_low)
    return own, scale, low - other_low * scale


def _are_mostly_equal(first: np.ndarray, second: np.ndarray, above: float) -> bool:
    """Whether most voxels brighter than air have one value in both, as in an image of which a part was made anew."""
    step = max(1, first.size // 200_000)
    first, second = first.ravel()[::step], second.ravel()[::step]
    inside = second > above
    return bool(np.count_nonzero((first == second) & inside) > 0.5 * np.count_nonzero(inside))


def _levels(array: np.ndarray) -> tuple[float, float]:
    """The intensity of air, and the median of what is brighter."""
    values = array.ravel()[:: max(1, array.size // 200_000)].astype(float)
    air, top = float(np.percentile(values, 1)), float(values.max())
    inside = values[values > air + 0.05 * (top - air)]
    return (air, float(np.median(inside))) if inside.size else (air, air)


def _spacing(volume) -> tuple[float, ...]:
    return volume.GetSpacing()[::-1]


def _image(shape: tuple[int, ...]) -> tuple[vtk.vtkImageData, np.ndarray]:
    """An image of floats, and its voxels (k, j, i)."""
    image = vtk.vtkImageData()
    image.SetDimensions(*shape[::-1])
    image.AllocateScalars(vtk.VTK_FLOAT, 1)
    return image, vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)


def _derived(mrml_scene, like, image, name: str):
    """A volume of voxels on another's grid, marked as made of synthetic images."""
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(mrml_scene.GenerateUniqueName(name) if mrml_scene.GetFirstNodeByName(name) else name)
    results.place(node, image, grids.geometry_of_volume(like))
    mrml_scene.AddNode(node)
    results.set_window(node)
    node.SetAttribute(results.PREFIX + "synthetic", "true")
    node.SetAttribute(results.PREFIX + "derived_from", like.GetName())
    node.SetDescription(results.NOTICE)
    return node


def _colors(mrml_scene, name: str, color_at: Callable[[float], tuple[float, float, float]]):
    """A table of colours made once a scene; color_at: from 0..1 to red, green, blue."""
    node = mrml_scene.GetFirstNodeByName(name)
    if node is None:
        node = slicer.vtkMRMLColorTableNode()
        node.SetName(name)
        node.SetTypeToUser()
        node.SetNumberOfColors(256)
        for index in range(256):
            color = color_at(index / 255)
            node.SetColor(index, f"{index}", *color, min(1.0, 2 * max(color)))  # what is nothing is clear
        node.SetHideFromEditors(True)
        mrml_scene.AddNode(node)
    return node.GetID()


def _blue_black_red(place: float) -> tuple[float, float, float]:
    way = 2 * place - 1
    return max(0.0, way), 0.3 * abs(way), max(0.0, -way)


def _black_yellow_white(place: float) -> tuple[float, float, float]:
    return min(1.0, 2 * place), min(1.0, 1.4 * place), max(0.0, 2 * place - 1)
