"""`medddpm lesion …`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import LabelError, MedDDPMError
from . import console
from .command import (
    Commands,
    add_command,
    add_label_options,
    add_mri,
    label_mapping,
    read_mri,
    require_new,
    require_new_volume,
)

if TYPE_CHECKING:
    from ..lesions.tools import EditedMask
    from ..volumes.labels import LabelScheme
    from ..volumes.volume import Volume

_RAS = "R,A,S: to the patient's right, to the front and up, in mm, as 3D Slicer shows them"


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    lesion = commands.add_parser("lesion", help="Tools for the lesions of a mask: move, scale, place …")
    tools = lesion.add_subparsers(dest="tool", required=True, metavar="TOOL")
    p = _tool(tools, "move", lambda a: _change(a, _lps(a.by)), "Move lesions.")
    p.add_argument("--by", required=True, help=_RAS)
    p = _tool(tools, "scale", lambda a: _change(a, a.factor), "Scale lesions about their own centres.")
    p.add_argument("--factor", type=float, required=True, help="of the diameter")
    p = _tool(tools, "rotate", lambda a: _change(a, _lps(a.degrees)), "Turn lesions about their centres.")
    p.add_argument("--degrees", required=True, help="R,A,S: about these axes, right-handed, one after the other")
    p = _tool(tools, "mirror", mirror, "Mirror lesions to the other side of the head.")
    p.add_argument("--geometric", action="store_true", help="across the plane through the head's centre, unestimated")
    p = _tool(tools, "grow", lambda a: _change(a, a.mm), "Grow lesions by mm, or shrink them by -mm.")
    p.add_argument("--mm", type=float, required=True)
    p = _tool(tools, "smooth", lambda a: _change(a, a.mm), "Smooth lesions, their volume kept.")
    p.add_argument("--mm", type=float, required=True)
    _tool(tools, "remove", _change, "Take lesions away.")
    p = _tool(tools, "duplicate", duplicate, "Add copies of a lesion in the brain, as metastases.")
    p.add_argument("--count", type=int, required=True)
    p.add_argument("--scales", default="0.3,0.8", help="smallest and largest scale of a copy (default 0.3,0.8)")
    p.add_argument("--seed", type=int, default=0)
    p = _tool(tools, "place", place, "Add a lesion: simulated, or saved by `medddpm lesion save`.")
    p.add_argument("--ml", type=float, default=5.0, help="volume of a simulated lesion (default 5)")
    p.add_argument("--shape", help="a saved shape's name, or a file with one lesion")
    p.add_argument("--library", type=Path, help="folder of saved shapes")
    p.add_argument("--at", help=f"{_RAS}; at random in the brain if not given")
    p.add_argument("--seed", type=int, default=0, help="of the shape and the place")
    p = add_command(tools, "sweep", sweep, "Write a folder of manipulated masks: scaled, and shifted in steps.")
    p.add_argument("mask")
    p.add_argument("out", help="folder for the masks")
    _common(p)
    p.add_argument("--scales", default="0.5,0.75,1,1.5,2", help="default 0.5,0.75,1,1.5,2")
    p.add_argument("--step", help=f"one step of shifts; {_RAS}")
    p.add_argument("--steps", type=int, default=3, help="how many steps to either side (default 3)")
    for name, function, text in (
        ("list", show, "List the lesions of a mask: number, volume and centre."),
        ("save", save, "Save one lesion's shape to the library."),
    ):
        p = add_command(tools, name, function, text)
        p.add_argument("mask")
        _common(p)
        if name == "save":
            p.add_argument("name")
            p.add_argument("--library", type=Path, help="folder of saved shapes")


def _tool(
    tools: Commands, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """A command that writes one mask into a file that is not there yet."""

    def to_a_file(args: argparse.Namespace) -> int:
        require_new_volume(Path(args.out))
        return function(args)

    p = add_command(tools, name, to_a_file, text)
    p.add_argument("mask")
    p.add_argument("out", help="the new mask's file")
    _common(p)
    return p


def _common(p: argparse.ArgumentParser) -> None:
    add_label_options(p)
    add_mri(p)
    p.add_argument("--scheme", choices=("whole-head", "brats"), default="whole-head")
    p.add_argument("--number", type=int, help="only this lesion, the largest is 1 (see `medddpm lesion list`)")


def _read(args: argparse.Namespace) -> tuple[Volume, LabelScheme]:
    """The mask in its scheme's values, with a head, and the scheme."""
    from ..anatomy.completed import completed
    from ..volumes.labels import BRATS, WHOLE_HEAD
    from ..volumes.volume import Volume

    scheme = BRATS if args.scheme == "brats" else WHOLE_HEAD
    mask, mri = Volume.read(args.mask, labels=True), read_mri(args, args.mri) if args.mri else None
    own, report = completed(mask, scheme, label_mapping(args, scheme, args.mask), mri)
    args.said = report.warnings
    console.tell(report.notes if args.mri else [], report.warnings)
    return own, scheme


def _numbers(text: str, count: int | None = None) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or (count is not None and len(numbers) != count):
        wanted = f"{count} numbers" if count else "numbers"
        raise MedDDPMError(f"{text!r} is not {wanted} with commas between.", "Write them like 10,0,-5.")
    return numbers


def _lps(text: str) -> list[float]:
    right, front, up = _numbers(text, 3)
    return [-right, -front, up]


def _change(args: argparse.Namespace, *by: float | list[float]) -> int:
    """Applies a tool that takes how far, and which lesion."""
    from ..lesions import tools

    changes: dict[str, Callable[..., EditedMask]] = {
        "move": tools.move,
        "scale": tools.scale,
        "rotate": tools.rotate,
        "grow": tools.grow,
        "smooth": tools.smooth,
        "remove": tools.remove,
    }
    mask, scheme = _read(args)
    return _write(args, changes[args.tool](mask, *by, number=args.number, scheme=scheme))


def _write(args: argparse.Namespace, edited: EditedMask) -> int:
    edited.mask.write(args.out)
    _say(args, edited)
    print(args.out)
    return 0


def _say(args: argparse.Namespace, edited: EditedMask) -> None:
    volumes = [f"lesions {edited.before_ml:.2f} ml -> {edited.after_ml:.2f} ml, {edited.clipped_ml:.2f} ml cut off"]
    console.tell([*volumes, *(note for note in edited.notes if note not in args.said)], edited.warnings)


def mirror(args: argparse.Namespace) -> int:
    """Mirrors lesions to the other side of the head."""
    from ..lesions import tools

    mask, scheme = _read(args)
    return _write(args, tools.mirror(mask, args.number, not args.geometric, scheme))


def duplicate(args: argparse.Namespace) -> int:
    """Puts copies of a lesion into the brain, as metastases."""
    from ..lesions import tools

    mask, scheme = _read(args)
    low, high = _numbers(args.scales, 2)
    return _write(
        args,
        tools.duplicate(mask, args.count, (low, high), seed=args.seed, number=args.number, brain=None, scheme=scheme),
    )


def place(args: argparse.Namespace) -> int:
    """Puts a saved or simulated shape into the head."""
    from ..lesions import tools
    from ..lesions.library import load_shape, simulated_shape

    mask, scheme = _read(args)
    if args.shape:
        shape = load_shape(args.shape, scheme, args.library)
    else:
        shape = simulated_shape(args.ml, args.seed, scheme.values[scheme.lesions[-1]])
    return _write(args, tools.place(mask, shape, _lps(args.at) if args.at else None, args.seed, None, scheme))


def sweep(args: argparse.Namespace) -> int:
    """A folder of masks, and sweep.csv that says what each holds. A shift that leaves the head is passed over."""
    from ..base.files import make_folder, write_text
    from ..base.tables import csv_text
    from ..lesions import tools
    from ..synthesis.output import stem

    mask, scheme = _read(args)
    step = _lps(args.step) if args.step else []
    shifts = [[k * s for s in step] for k in range(-args.steps, args.steps + 1) if k and step]
    folder = Path(args.out)
    make_folder(folder)
    require_new([folder / "sweep.csv"])
    rows = []
    one_scale: list[tuple[list[float], list[list[float]]]] = [([factor], []) for factor in _numbers(args.scales)]
    for scales, shift in [*one_scale, *(([], [shift]) for shift in shifts)]:
        try:
            [(name, edited)] = tools.sweep(mask, scales, shift, args.number, scheme)
        except LabelError as error:
            if scales:
                raise
            console.tell(warnings=[f"a shift is left out: {error}"])
            continue
        path = folder / f"{stem(args.mask)}_{name}.nii.gz"
        require_new([path])
        edited.mask.write(path)
        console.tell(warnings=edited.warnings, of=path.name)
        rows.append((path.name, round(edited.after_ml, 4), round(edited.clipped_ml, 4)))
        print(path)
    write_text(folder / "sweep.csv", csv_text(("mask", "lesion_ml", "clipped_ml"), rows))
    return 0


def show(args: argparse.Namespace) -> int:
    """Lists the lesions of a mask: volume and place."""
    from ..lesions.tools import list_lesions

    mask, scheme = _read(args)
    for lesion in list_lesions(mask, scheme):
        right, front, up = lesion.centre * (-1, -1, 1)
        print(f"{lesion.number}: {lesion.ml:.2f} ml at R {right:.1f}, A {front:.1f}, S {up:.1f} mm")
    return 0


def save(args: argparse.Namespace) -> int:
    """Saves one lesion's shape to the library."""
    from ..lesions.library import save_shape
    from ..lesions.tools import list_lesions

    mask, scheme = _read(args)
    lesions = list_lesions(mask, scheme)
    number = args.number or 1
    if not 1 <= number <= len(lesions):
        raise LabelError(f"There is no lesion {number}.", f"The mask has {len(lesions)}.")
    print(save_shape(lesions[number - 1], args.name, args.library))
    return 0
