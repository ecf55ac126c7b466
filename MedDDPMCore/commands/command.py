"""What the files of commands share."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import MedDDPMError
from ..base.files import make_folder, writing
from ..diffusion.names import SAMPLERS

if TYPE_CHECKING:
    from ..synthesis.masks import Given
    from ..volumes.labels import LabelMapping, LabelScheme
    from ..volumes.volume import Volume

Commands = argparse._SubParsersAction
"""What commands are added to: `ArgumentParser.add_subparsers` gives it."""
EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
NUMBERINGS = ("2021", "2023", "2024", "ped")
"""Of `volumes.brats`."""


class Parser(argparse.ArgumentParser):
    """A parser whose options all begin with --, but for -h: their values may begin with -, as -t1n and -5,0,9 do."""

    def _parse_optional(self, arg_string: str):  # type: ignore[no-untyped-def]  # what it gives depends on the Python
        if arg_string.startswith("--") or arg_string == "-h":
            return super()._parse_optional(arg_string)
        return None


def add_command(
    commands: Commands, name: str, function: Callable[[argparse.Namespace], int], text: str, threads: bool = True
) -> argparse.ArgumentParser:
    """Adds a command to the parser's commands: function(args) -> exit code, and a sentence that says what it does.

    It takes what `console` does for every command. threads: whether --threads is among that.
    """
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    group = parser.add_argument_group("for every command")
    group.add_argument("--quiet", action="store_true", help="no bar and no notes: results, warnings and errors alone")
    group.add_argument("--log", metavar="FILE", help="add all that is told, with the time, to this file, too")
    if threads:
        group.add_argument("--threads", type=at_least_one, metavar="N", help="CPU threads (default: a core each)")
    return parser


def add_label_options(p: argparse.ArgumentParser, what: str = "this mask calls its labels") -> None:
    """Adds what says which values of a mask mean what; see `label_mapping`."""
    either = p.add_mutually_exclusive_group()
    either.add_argument("--labels", help=f"what {what}, such as head=1,tumor=2; overrules a doubt about the head")
    either.add_argument(
        "--brats-labels",
        choices=NUMBERINGS,
        help="the values are BraTS' of this year (2021: and before; 2024: and later, 4 is a resection cavity), or ped, "
        "of children",
    )


def label_mapping(args: argparse.Namespace, scheme: LabelScheme, path: str | Path = "") -> LabelMapping | None:
    """The mapping that the label options state, or the mask's file name, where that is one of BraTS'; else None."""
    from ..volumes.brats import mapping_of
    from ..volumes.labels import parse_label_mapping

    if args.labels:
        return parse_label_mapping(args.labels)
    return mapping_of(Path(path).name, scheme, args.brats_labels)


def add_mri(p: argparse.ArgumentParser, needed: bool = False, several: bool = False) -> None:
    """Adds --mri, unless the command needs one in any case, and which of its images is meant; see `read_mri`. several:
    of several patients, see `mask_reader`."""
    if not needed:
        more = "; of several masks, a folder of MRIs named as the masks are, or a CSV with columns mask and mri"
        text = "the patient's MRI: a mask of a tumour alone gets the head that is seen in it"
        p.add_argument("--mri", help=text + more * several)
    if several:
        p.add_argument("--mri-suffix", default="", help="what the names of MRIs in a folder end with, such as _t1c")
    p.add_argument("--frames", default="", help="of an MRI in one DICOM file with several images: 'echo time=5 ms'")


def read_mri(args: argparse.Namespace, path: str) -> Volume:
    """The patient's MRI, and of a file of several images the one that --frames names."""
    from ..volumes.volume import Volume

    return Volume.read(path, frames=args.frames)


def mask_reader(args: argparse.Namespace, masks: Sequence[Path], scheme: LabelScheme) -> Callable[[Path], Given]:
    """What gives each mask with its labels' meaning and its MRI, as the options say; see `synthesis.masks`."""
    from ..synthesis.masks import find_mris, reader

    mris = find_mris(args.mri, masks, args.mri_suffix) if args.mri else {}
    return reader(lambda path: label_mapping(args, scheme, path), mris, args.frames)


def add_sampling(p: argparse.ArgumentParser, sampler: str = "the model's own") -> None:
    """Adds what says by which model, how and where images are made. sampler: that of those who ask for none."""
    p.add_argument("--model", default="default", help="name or folder of a model (see `medddpm models`)")
    p.add_argument("--seed", type=int, default=0, help="same seed, model, mask, device: same image (default 0)")
    p.add_argument("--samples", type=at_least_one, default=1, help="how many images; sample k has seed + k")
    p.add_argument("--sampler", choices=SAMPLERS, help=f"default: {sampler}")
    p.add_argument("--steps", type=int, help="diffusion steps (default: the model's own)")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda:0 …")


def add_dry_run(p: argparse.ArgumentParser, *names: str) -> None:
    """Adds --dry-run, also by other names: all is checked and said, and nothing is computed or written."""
    p.add_argument(
        *names, "--dry-run", dest="dry_run", action="store_true", help="only check what is given, and say what would be"
    )


def add_json(p: argparse.ArgumentParser) -> None:
    """Adds --json, which `print_result` heeds."""
    p.add_argument("--json", action="store_true", help="print what came of it as one JSON document, for programs")


def print_result(args: argparse.Namespace, values: dict, lines: Iterable[object]) -> None:
    """Prints what came of a command: lines for people, or with --json the values, plain data, paths and numbers."""
    if args.json:
        print(json.dumps(_plain(values), indent=1, default=str))
    else:
        for line in lines:
            print(line)


def _plain(value: Any) -> Any:
    """The same with null for numbers that are not one, which JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def image_written(path: Path) -> dict:
    """What a program is told of an image that was written with its record: its files, and what the record says."""
    from ..synthesis.output import picture_beside, record_beside, sidecar

    record = record_beside(path) or {}
    facts = {key: record.get(key) for key in ("modality", "seed", "model", "device", "warnings")}
    return {"path": path, "record": sidecar(path), "picture": picture_beside(path), **facts}


def at_least_one(text: str) -> int:
    """A number of things to make, as argparse's type."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return number


def new_folder(path: str) -> Path:
    """Makes a folder that is not there yet, or finds it empty; MedDDPMError where it holds anything."""
    from ..volumes.folder import is_hidden

    folder = make_folder(path)
    with writing(folder):
        if any(not is_hidden(path, folder) for path in folder.iterdir()):
            raise MedDDPMError(f"{folder} is not empty, and nothing is written over.", "Name another folder.")
    return folder


def begun_folder(path: str, cache: str, files: Iterable[str]) -> Path:
    """A new folder with a folder `cache` in it, or one that holds nothing but that and some of these files, which is
    gone on with. MedDDPMError where it holds anything else."""
    from ..volumes.folder import is_hidden

    folder, ours = Path(path), {cache, *files}
    if (folder / cache).is_dir() and all(e.name in ours or is_hidden(e, folder) for e in folder.iterdir()):
        return folder
    make_folder(new_folder(path) / cache)
    return folder


def require_apart(out: str | Path, *inputs: str | Path | None) -> None:
    """MedDDPMError where what is to be written is one of the inputs, by whatever name."""
    for path in inputs:
        if path and Path(path).exists() and Path(out).exists() and Path(out).samefile(path):
            raise MedDDPMError(f"{out} is an input, and is not written over.", "Name another for what is made.")


def require_new_volume(path: Path) -> None:
    """MedDDPMError where a volume cannot be written to a file of that name, or one is there already: to be asked before
    the volume is made."""
    from ..volumes.writers import require_ending

    require_new([path])
    require_ending(path, labels=True)


def require_new(paths: Iterable[Path]) -> None:
    """MedDDPMError where one of the files is there already."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise MedDDPMError(
                f"{path} is there already, and is not written over.", "Name another, or remove it first."
            )
