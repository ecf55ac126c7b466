"""Figures for readers who know MRI: planes with sides named and a scale, in the radiological view (right on the left).

Every figure is drawn with matplotlib, and written whole or not at all. Images of one figure keep one scale in mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...base.errors import EvaluationError
from ...base.pictures import save_figure
from ...synthesis.output import stem
from ...volumes.same_world import require_together
from ...volumes.volume import Geometry, Volume, reorient, resample_image, resample_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = "RAS"
PLANES = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
"""Plane -> what lies at its left, right, top and bottom."""
SCALE_MM = 50.0
ZOOM_MM = 70.0
OUTLINE = "#ff5040"
_LETTERS = (
    (0.02, 0.5, "left", "center"),
    (0.98, 0.5, "right", "center"),
    (0.5, 0.98, "center", "top"),
    (0.5, 0.02, "center", "bottom"),
)
"""Where a panel's letters stand: x and y, as shares of it, and how they are aligned."""


@dataclass(frozen=True, kw_only=True)
class FigurePanel:
    """One picture: a slice (rows, columns), its pixels' height and width in mm, the letters at left, right, top and
    bottom, grey levels at which it is black and white, and a lesion outlined in it (rows, columns) or None.
    """

    picture: np.ndarray
    pixel_mm: tuple[float, float]
    letters: str
    window: tuple[float, float]
    lesion: np.ndarray | None = None
    title: str = ""
    colours: str = "gray"


def compare(path: Path, images: Sequence[Path], names: Sequence[str] = ()) -> None:
    """Images below each other in three planes through the middle of each head; names: what each row is called."""
    rows = []
    for number, file in enumerate(images):
        volume = _read(file)
        centre = _middle(_foreground(volume.array))
        name = names[number] if number < len(names) else stem(file)
        rows.append([_panel(volume, plane, centre, title=f"{name}, {plane}") for plane in PLANES])
    draw(path, rows)


def tumors(path: Path, images: Sequence[Path], masks: Sequence[Path], label: int) -> None:
    """A row an image: the axial slice with most tumour, zoomed around it, and outlined as in the mask.

    All are zoomed alike, ZOOM_MM wide or so that the largest tumour fits.
    """
    shown = []
    for file, mask_file in zip(images, masks, strict=True):
        volume, mask = _pair(file, mask_file)
        lesion = mask.array == label
        if not lesion.any():
            raise EvaluationError(f"{mask_file.name} has no voxel of label {label}.", "Name the tumour's with --tumor.")
        shown.append((f"{stem(file)}\n{_millilitres(lesion, volume)}", volume, lesion, _middle(lesion)))
    zoom = max(ZOOM_MM, *(1.3 * _width(lesion[centre[0]], volume) for _, volume, lesion, centre in shown))
    rows = []
    for title, volume, lesion, centre in shown:
        window = _window(volume, lesion)
        whole = _panel(volume, "axial", centre, lesion, title, window)
        zoomed = [
            _zoomed(volume, centre, outlined, name, window, zoom)
            for outlined, name in ((None, "zoomed"), (lesion, "mask's outline"))
        ]
        rows.append([whole, *zoomed])
    draw(path, rows)


def samples(path: Path, mask_file: Path, images: Sequence[Path], label: int) -> None:
    """One mask and the images made of it, axial above sagittal; of three or more images their SD at the end."""
    first, mask = _pair(images[0], mask_file)
    lesion = mask.array == label
    centre = _middle(lesion if lesion.any() else mask.array > 0)
    volumes = [first, *(_onto(file, first.geometry) for file in images[1:])]
    rows = []
    for plane in ("axial", "sagittal"):
        row = [_panel(mask, plane, centre, lesion, "mask", (0, max(2, int(mask.array.max()))))]
        row += [
            _panel(v, plane, centre, title=f"sample {i}", window=_window(v, lesion)) for i, v in enumerate(volumes, 1)
        ]
        if len(volumes) >= 3:
            spread = np.std([v.array for v in volumes], axis=0)
            shown = Volume(spread, first.geometry)
            top = float(np.percentile(spread[mask.array > 0], 99))
            title = f"SD of intensity, 0 … {top:.0f}"
            row.append(_panel(shown, plane, centre, title=title, window=(0, top), colours="magma"))
        rows.append(row)
    draw(path, rows)


def manipulated(path: Path, masks: Sequence[Path], images: Sequence[Path], label: int) -> None:
    """Masks above the images made of them, each in the axial slice with most tumour."""
    rows: list[list[FigurePanel]] = [[], []]
    for mask_file, file in zip(masks, images, strict=True):
        volume, mask = _pair(file, mask_file)
        lesion = mask.array == label
        centre = _middle(lesion if lesion.any() else mask.array > 0)
        top = max(2, int(mask.array.max()))
        title = f"{stem(mask_file)}\n{_millilitres(lesion, volume)}"
        rows[0].append(_panel(mask, "axial", centre, lesion, title, (0, top)))
        rows[1].append(_panel(volume, "axial", centre, window=_window(volume, lesion)))
    draw(path, rows)


def draw(path: Path, rows: Sequence[Sequence[FigurePanel]]) -> None:
    """Writes rows of panels as one PNG. EvaluationError without matplotlib, ResourceError without disk."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EvaluationError("Figures need matplotlib.", "Install it: pip install matplotlib") from error
    columns = max(len(row) for row in rows)
    sides = [max(p.picture.shape[i] * p.pixel_mm[i] for row in rows for p in row) for i in (0, 1)]
    width = 2.6 if columns > 3 else 3.4
    figure = Figure(figsize=(columns * width, len(rows) * (width * sides[0] / sides[1] + 0.25)), facecolor="black")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    figure.subplots_adjust(0.005, 0.01, 0.995, 0.95, 0.02, 0.12)
    for axes in grid.ravel():
        axes.set_axis_off()
    for row, line in zip(rows, grid, strict=True):
        for panel, axes in zip(row, line[: len(row)], strict=True):
            _draw_panel(axes, panel)
    save_figure(path, figure, dpi=110, facecolor="black")


def _draw_panel(axes: Axes, panel: FigurePanel) -> None:
    height, width = (n * mm for n, mm in zip(panel.picture.shape, panel.pixel_mm, strict=True))
    extent = (0, width, height, 0)
    low, high = panel.window
    axes.imshow(panel.picture, cmap=panel.colours, vmin=low, vmax=high, extent=extent, interpolation="bilinear")
    if panel.lesion is not None and panel.lesion.any():
        edges = [(np.arange(n) + 0.5) * mm for n, mm in zip(panel.lesion.shape, panel.pixel_mm, strict=True)]
        axes.contour(edges[1], edges[0], panel.lesion, [0.5], colors=OUTLINE, linewidths=1.0)
    for letter, (x, y, side, level) in zip(panel.letters, _LETTERS, strict=True):
        axes.text(x, y, letter, transform=axes.transAxes, color="#ffd84a", fontsize=9, ha=side, va=level)
    bar = SCALE_MM if width > 2.5 * SCALE_MM else SCALE_MM / 5
    axes.plot([0.04 * width, 0.04 * width + bar], [0.96 * height] * 2, color="white", linewidth=2)
    axes.text(0.04 * width, 0.945 * height, f"{bar / 10:g} cm", color="white", fontsize=7, va="bottom")
    axes.set_title(panel.title, color="white", fontsize=8, pad=2)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _read(file: Path) -> Volume:
    volume = reorient(Volume.read(file), AXES)
    return Volume(volume.array.astype(np.float32), volume.geometry)


def _onto(file: Path, geometry: Geometry) -> Volume:
    return resample_image(Volume.read(file), geometry)


def _pair(file: Path, mask_file: Path) -> tuple[Volume, Volume]:
    """An image and its mask, upright, on the image's voxels."""
    volume = _read(file)
    drawn = Volume.read(mask_file, labels=True)
    require_together(mask_file.name, drawn, file.name, volume)
    mask = resample_labels(drawn, volume.geometry)
    if not mask.array.any():
        raise EvaluationError(f"{mask_file.name} shows nothing where {file.name} lies.", "Is it that image's mask?")
    return volume, mask


def _foreground(array: np.ndarray) -> np.ndarray:
    return array > array.min() + 0.1 * (np.percentile(array, 99) - array.min())


def _middle(mask: np.ndarray) -> tuple[int, int, int]:
    """The fullest axial slice of a mask (z, y, x), and the middle of what it holds there."""
    if not mask.any():
        raise EvaluationError("There is nothing in the image to show.")
    fullest = int(np.argmax(mask.sum(axis=(1, 2))))
    y, x = (int(np.median(indices)) for indices in np.nonzero(mask[fullest]))
    return fullest, y, x


def _slice(array: np.ndarray, plane: str, centre: tuple[int, int, int]) -> np.ndarray:
    z, y, x = centre
    if plane == "axial":
        return array[z, ::-1, ::-1]
    return array[::-1, y, ::-1] if plane == "coronal" else array[::-1, ::-1, x]


def _panel(
    volume: Volume,
    plane: str,
    centre: tuple[int, int, int],
    lesion: np.ndarray | None = None,
    title: str = "",
    window: tuple[float, float] | None = None,
    colours: str = "gray",
) -> FigurePanel:
    x, y, z = volume.geometry.spacing
    pixel = {"axial": (y, x), "coronal": (z, x), "sagittal": (z, y)}[plane]
    window = window or _window(volume)
    outlined = None if lesion is None else _slice(lesion, plane, centre)
    return FigurePanel(
        picture=_slice(volume.array, plane, centre),
        pixel_mm=pixel,
        letters=PLANES[plane],
        window=window,
        lesion=outlined,
        title=title,
        colours=colours,
    )


def _window(volume: Volume, lesion: np.ndarray | None = None) -> tuple[float, float]:
    """Grey levels shown as black and white: nearly all of the image, and of a lesion, which may be the brightest."""
    top = float(np.percentile(volume.array, 99.7))
    if lesion is not None and lesion.any():
        top = max(top, float(np.percentile(volume.array[lesion], 99)))
    return float(volume.array.min()), top


def _millilitres(lesion: np.ndarray, volume: Volume) -> str:
    return f"tumour {lesion.sum() * np.prod(volume.geometry.spacing) / 1000:.1f} ml" if lesion.any() else "no tumour"


def _width(lesion: np.ndarray, volume: Volume) -> float:
    """The larger side in mm of what is in an axial slice (y, x), twice as far as it reaches from its middle."""
    sides = zip(np.nonzero(lesion), volume.geometry.spacing[1::-1], strict=True)
    return max(2 * float(np.abs(where - int(np.median(where))).max() + 1) * mm for where, mm in sides)


def _zoomed(
    volume: Volume,
    centre: tuple[int, int, int],
    lesion: np.ndarray | None,
    title: str,
    window: tuple[float, float],
    width: float,
) -> FigurePanel:
    """The axial slice, `width` mm wide around the centre."""
    sides = []
    for axis, mm in ((1, volume.geometry.spacing[1]), (2, volume.geometry.spacing[0])):
        half = max(2, round(width / 2 / mm))
        middle = min(max(centre[axis], half), volume.array.shape[axis] - half)
        sides.append(slice(max(0, middle - half), middle + half))
    part = (slice(None), *sides)
    cut = Volume(volume.array[part], _cropped(volume.geometry, volume.array[part].shape))
    return _panel(cut, "axial", (centre[0], 0, 0), None if lesion is None else lesion[part], title, window)


def _cropped(geometry: Geometry, shape: tuple[int, int, int]) -> Geometry:
    return Geometry(shape, geometry.spacing, geometry.origin, geometry.direction)
