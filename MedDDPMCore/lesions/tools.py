"""Lesion tools: the lesions of a mask moved, scaled, turned, mirrored, grown, smoothed, multiplied, and placed.

Masks are label Volumes (z, y, x) in a scheme's values, on any geometry; distances are mm and points LPS mm. Each tool
returns an `EditedMask` and leaves its input as it is. Where a lesion leaves, the scheme's required label (head, or
brain) takes its place. A lesion never leaves the head: what would lie outside is cut off, and said. Lesions have
numbers: the largest is 1; `number=None` means all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..base.errors import LabelError
from ..volumes.labels import WHOLE_HEAD, LabelScheme
from ..volumes.volume import Volume, where_labels
from .placement import astray, brain_in_head, midsagittal_plane, random_points
from .shapes import Lesion, about, grown, lesions_of, millilitres, put, smoothed, transformed

FURTHEST_MM = 500.0
SCALES = (0.05, 20.0)


@dataclass(frozen=True)
class EditedMask:
    """A mask after a tool.

    before_ml, after_ml: all lesions together. clipped_ml: what of the tool's lesions would have lain outside the head
    or the image and was cut off. notes: in words, what was cut, chosen or estimated. warnings: of lesions that lie
    where no brain is.
    """

    mask: Volume
    before_ml: float
    after_ml: float
    clipped_ml: float
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def list_lesions(mask: Volume, scheme: LabelScheme = WHOLE_HEAD) -> list[Lesion]:
    """The lesions of a mask, the largest first; [] for a healthy head. LabelError where labels are not the scheme's."""
    return lesions_of(Volume(scheme.apply(mask), mask.geometry), scheme)


def move(
    mask: Volume, shift: Sequence[float], number: int | None = None, scheme: LabelScheme = WHOLE_HEAD
) -> EditedMask:
    """Moved by (x, y, z) mm LPS. LabelError for shifts beyond FURTHEST_MM, or one that leaves nothing in the head."""
    by = _triple(shift, FURTHEST_MM, "A shift")
    return _each(mask, number, scheme, lambda lesion: transformed(lesion.labels, about(lesion.centre, np.eye(3), by)))


def scale(mask: Volume, factor: float, number: int | None = None, scheme: LabelScheme = WHOLE_HEAD) -> EditedMask:
    """Each lesion's diameter multiplied by a factor, about its own centre."""
    if not SCALES[0] <= factor <= SCALES[1]:
        raise LabelError(f"A lesion cannot be scaled by {factor:g}.", f"Use {SCALES[0]:g} to {SCALES[1]:g}.")
    return _each(
        mask, number, scheme, lambda lesion: transformed(lesion.labels, about(lesion.centre, np.eye(3) * factor))
    )


def rotate(
    mask: Volume, degrees: Sequence[float], number: int | None = None, scheme: LabelScheme = WHOLE_HEAD
) -> EditedMask:
    """Each lesion turned about its own centre: by degrees about the patient's L axis, then P, then S, right-handed."""
    turn = rotation(_triple(degrees, 360, "A rotation"))
    return _each(mask, number, scheme, lambda lesion: transformed(lesion.labels, about(lesion.centre, turn)))


def mirror(
    mask: Volume, number: int | None = None, estimate: bool = True, scheme: LabelScheme = WHOLE_HEAD
) -> EditedMask:
    """Mirrored to the other side of the head.

    estimate: across the midsagittal plane estimated from the head's shape, and not the geometric one through its centre
    of mass (see `midsagittal_plane`); the notes say which.
    """
    plane = midsagittal_plane(mask, estimate)
    tilt = np.degrees(np.arccos(np.clip(np.abs(plane.normal[0]), 0, 1)))
    way = "estimated from the head's symmetry" if estimate else "through the head's centre, across the image's axis"
    note = f"Mirrored across the midsagittal plane {way}: {tilt:.1f} degrees off the scanner's, the head's halves "
    note += f"differing by {plane.mismatch_mm:.1f} mm."
    edited = _each(mask, number, scheme, lambda lesion: transformed(lesion.labels, plane.reflection))
    return replace(edited, notes=[note, *edited.notes])


def carry(mask: Volume, affine: np.ndarray, number: int | None = None, scheme: LabelScheme = WHOLE_HEAD) -> EditedMask:
    """The lesions carried through the world together, by a 4x4 matrix of LPS mm: moved, turned and scaled in one.

    LabelError for a matrix that is not finite or not affine, or that scales beyond SCALES or shifts beyond FURTHEST_MM.
    """
    matrix = np.asarray(affine, dtype=float)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.array_equal(matrix[3], (0, 0, 0, 1)):
        raise LabelError("Lesions are carried by a 4x4 matrix of finite numbers, with 0, 0, 0, 1 in the last row.")
    stretches = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if not SCALES[0] <= stretches[-1] <= stretches[0] <= SCALES[1]:
        raise LabelError(
            f"A lesion cannot be scaled by {stretches[-1]:.3g} to {stretches[0]:.3g}.",
            f"Use {SCALES[0]:g} to {SCALES[1]:g}.",
        )

    def carried(lesion: Lesion) -> Volume:
        _triple(matrix[:3, :3] @ lesion.centre + matrix[:3, 3] - lesion.centre, FURTHEST_MM, "A shift")
        return transformed(lesion.labels, matrix)

    return _each(mask, number, scheme, carried)


def grow(mask: Volume, mm: float, number: int | None = None, scheme: LabelScheme = WHOLE_HEAD) -> EditedMask:
    """Grown by mm beyond each lesion's surface, or shrunk by -mm. LabelError where nothing is left."""
    if not -100 <= mm <= 100:
        raise LabelError(f"A lesion cannot be grown by {mm:g} mm.", "Use -100 to 100.")
    return _each(mask, number, scheme, lambda lesion: grown(lesion.labels, mm))


def smooth(mask: Volume, mm: float, number: int | None = None, scheme: LabelScheme = WHOLE_HEAD) -> EditedMask:
    """Each lesion's surface smoothed over about mm (a Gaussian's standard deviation), its volume kept."""
    if not 0 <= mm <= 50:
        raise LabelError(f"A lesion cannot be smoothed over {mm:g} mm.", "Use 0 to 50.")
    return _each(mask, number, scheme, lambda lesion: smoothed(lesion.labels, mm))


def remove(mask: Volume, number: int | None = None, scheme: LabelScheme = WHOLE_HEAD) -> EditedMask:
    """The lesions taken away: head in their place."""
    own, chosen, _ = _chosen(mask, number, scheme)
    array = _without(own, chosen, scheme)
    return _edited(mask, own, array, 0.0, [], scheme)


def duplicate(
    mask: Volume,
    count: int,
    scales: tuple[float, float] = (0.3, 0.8),
    seed: int = 0,
    number: int | None = None,
    brain: Volume | None = None,
    scheme: LabelScheme = WHOLE_HEAD,
) -> EditedMask:
    """Adds `count` copies of a lesion (the largest, or `number`) as metastases: each turned at random, scaled by a
    random factor within `scales`, and placed at random in the brain, clear of all others.

    brain: where it is (z, y, x), non-zero; by default estimated (see `place`). Fewer are added, and said, where there
    is no room.
    """
    if not 1 <= count <= 200:
        raise LabelError(f"{count} copies cannot be made.", "Ask for 1 to 200.")
    if not SCALES[0] <= scales[0] <= scales[1] <= SCALES[1]:
        raise LabelError(f"Copies cannot be scaled by {scales[0]:g} to {scales[1]:g}.", "Name the smaller one first.")
    own, [source, *_], _ = _chosen(mask, number or 1, scheme)
    brain, notes = _brain(own, brain, scheme)
    generator = np.random.default_rng(seed)
    array, asked, cut, made = own.array.copy(), 0.0, 0.0, 0
    taken = [_ball(lesion) for lesion in lesions_of(own, scheme)]
    for _ in range(count):
        factor = float(generator.uniform(*scales))
        radius = _ball(source)[3] * factor
        try:
            [point] = random_points(brain, np.array(taken), radius, 1, generator)
        except LabelError:
            if not made:
                raise
            notes.append(f"Only {made} of {count} copies were added: there is no more room in the brain.")
            break
        shift = point - source.centre
        linear = random_rotation(generator) * factor
        wanted, lost = put(array, own.geometry, transformed(source.labels, about(source.centre, linear, shift)))
        asked, cut, made = asked + wanted, cut + lost, made + 1
        taken.append((*point, radius))
    return _edited(mask, own, array, cut, notes, scheme)


def place(
    mask: Volume,
    shape: Volume,
    at: Sequence[float] | None = None,
    seed: int = 0,
    brain: Volume | None = None,
    scheme: LabelScheme = WHOLE_HEAD,
) -> EditedMask:
    """Adds a lesion of the library (`lesions.library`), its middle at a point LPS mm, or at random in the brain.

    At random it is also turned at random, lies clear of other lesions, and as deep as it fits. brain: where the brain
    is, a Volume (z, y, x), non-zero there; by default it is estimated from the head's outline (see `brain_in_head`),
    or read from the mask where the scheme labels the brain. LabelError for a point outside the head.
    """
    own = Volume(scheme.apply(mask), mask.geometry)
    present = lesions_of(own, scheme)
    where = np.stack(np.nonzero(shape.array)[::-1], axis=1)
    middle = shape.geometry.to_world(where.mean(axis=0))
    generator = np.random.default_rng(seed)
    notes: list[str] = []
    if at is None:
        brain, notes = _brain(own, brain, scheme)
        radius = _radius(millilitres(shape.array, shape.geometry))
        [point] = random_points(brain, np.array([_ball(lesion) for lesion in present]), radius, 1, generator)
        linear = random_rotation(generator)
        right, front, up = (point * (-1, -1, 1)).round(1).tolist()
        notes.append(f"Placed at R {right:g}, A {front:g}, S {up:g} mm.")
    else:
        point, linear = _triple(at, 1e5, "A place"), np.eye(3)
        index = np.rint(own.geometry.to_index(point)).astype(int)
        inside = ((index >= 0) & (index < own.geometry.size)).all() and own.array[tuple(index[::-1])] != 0
        if not inside:
            right, front, up = (point * (-1, -1, 1)).round(1).tolist()
            raise LabelError(
                f"The place R {right:g}, A {front:g}, S {up:g} mm is not in the head.",
                "Read it off the head in 3D Slicer.",
            )
    array = own.array.copy()
    piece = transformed(shape, about(middle, linear, point - middle))
    asked, cut = put(array, own.geometry, piece)
    _require_some(asked, cut)
    return _edited(mask, own, array, cut, notes, scheme)


def sweep(
    mask: Volume,
    scales: Iterable[float] = (),
    shifts: Iterable[Sequence[float]] = (),
    number: int | None = None,
    scheme: LabelScheme = WHOLE_HEAD,
) -> Iterator[tuple[str, EditedMask]]:
    """The manipulated masks of a study: each scale about the lesion's centre, then each shift (mm LPS), with a name.

    LabelError where a lesion would lie wholly outside the head.
    """
    for factor in scales:
        yield f"scale{factor:.2f}", scale(mask, factor, number, scheme)
    for shift in shifts:
        name = "shift{:+g}R{:+g}A{:+g}S".format(*(np.array(shift, float) * (-1, -1, 1) + 0.0))
        yield name, move(mask, shift, number, scheme)


def rotation(degrees: Sequence[float] | np.ndarray) -> np.ndarray:
    """3x3: turns about x, then y, then z, right-handed."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        about_axis = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        about_axis[i, i] = about_axis[j, j] = np.cos(angle)
        about_axis[j, i], about_axis[i, j] = np.sin(angle), -np.sin(angle)
        turn = about_axis @ turn
    return turn


def random_rotation(generator: np.random.Generator) -> np.ndarray:
    """3x3, uniform over all rotations (QR of a Gaussian matrix; Mezzadri 2007)."""
    q, r = np.linalg.qr(generator.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def _each(mask: Volume, number: int | None, scheme: LabelScheme, tool: Callable[[Lesion], Volume]) -> EditedMask:
    """Every chosen lesion replaced by what the tool makes of it."""
    own, chosen, notes = _chosen(mask, number, scheme)
    array = _without(own, chosen, scheme)
    asked = cut = 0.0
    vanished = 0
    for lesion in reversed(chosen):
        piece = tool(lesion)
        if not piece.array.any():
            vanished += 1
            continue
        wanted, lost = put(array, own.geometry, piece)
        asked, cut = asked + wanted, cut + lost
    if vanished == len(chosen):
        raise LabelError("Nothing is left of the lesion.", "Shrink it by less.")
    if vanished:
        notes.append(f"{vanished} of {len(chosen)} lesions vanished.")
    _require_some(asked, cut)
    return _edited(mask, own, array, cut, notes, scheme)


def _chosen(mask: Volume, number: int | None, scheme: LabelScheme) -> tuple[Volume, list[Lesion], list[str]]:
    """The mask in the scheme's values, the lesions meant, and what the check of the mask said."""
    labels, report = scheme.examine(mask)
    own = Volume(labels, mask.geometry)
    lesions = lesions_of(own, scheme)
    if not lesions:
        raise LabelError("The mask has no lesion.", "Paint one, or add one with `medddpm lesion place`.")
    if number is not None and not 1 <= number <= len(lesions):
        raise LabelError(f"There is no lesion {number}.", f"The mask has {len(lesions)}, the largest is 1.")
    return own, lesions if number is None else [lesions[number - 1]], list(report.warnings)


def _without(own: Volume, lesions: list[Lesion], scheme: LabelScheme) -> np.ndarray:
    """The labels (z, y, x) with the scheme's first required label where these lesions were."""
    array = own.array.copy()
    for lesion in lesions:
        inside = np.argwhere(lesion.labels.array)[:, ::-1]
        start = np.rint(own.geometry.to_index(lesion.labels.geometry.origin)).astype(int)
        x, y, z = (inside + start).T
        array[z, y, x] = scheme.values[scheme.required[0]]
    return array


def _edited(
    mask: Volume, own: Volume, array: np.ndarray, cut: float, notes: list[str], scheme: LabelScheme
) -> EditedMask:
    values = scheme.lesion_values
    before, after = (millilitres(where_labels(a, values), own.geometry) for a in (own.array, array))
    if cut > 0:
        notes = [*notes, f"{cut:.2g} ml would have lain outside the head and were cut off."]
    names = {value: name for name, value in scheme.values.items()}
    made = Volume(array, mask.geometry, names)
    return EditedMask(made, before, after, cut, notes, astray(made, own, scheme))


def _brain(own: Volume, brain: Volume | None, scheme: LabelScheme) -> tuple[Volume, list[str]]:
    """Where the brain is, and how that is known."""
    if brain is not None:
        return Volume((brain.array != 0).astype(np.uint8), brain.geometry), []
    if "brain" in scheme.required:
        return Volume((own.array != 0).astype(np.uint8), own.geometry), []
    return brain_in_head(own), ["The brain was estimated from the head's outline."]


def _radius(ml: float) -> float:
    return (3000 * ml / (4 * np.pi)) ** (1 / 3)


def _ball(lesion: Lesion) -> tuple[float, float, float, float]:
    """A lesion as a ball of its volume: centre, LPS mm, and radius."""
    return (*lesion.centre.tolist(), _radius(lesion.ml))


def _require_some(asked: float, cut: float) -> None:
    if asked > 0 and cut >= asked * (1 - 1e-9):
        raise LabelError("The lesion would lie wholly outside the head.", "Move it by less, or place it elsewhere.")


def _triple(values: Sequence[float], most: float, what: str) -> np.ndarray:
    triple = np.asarray(values, dtype=float)
    if triple.shape != (3,) or not np.isfinite(triple).all() or np.abs(triple).max() > most:
        raise LabelError(f"{what} needs three numbers of at most {most:g}, not {list(values)}.")
    return triple
