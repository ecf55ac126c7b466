"""`medddpm` synthesize, head-mask."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import MedDDPMError, shown
from . import console
from .command import (
    EXIT_ERROR,
    NUMBERINGS,
    Commands,
    add_command,
    add_dry_run,
    add_json,
    add_label_options,
    add_mri,
    add_sampling,
    image_written,
    mask_reader,
    print_result,
    read_mri,
    require_new_volume,
)

if TYPE_CHECKING:
    from ..synthesis.masks import Given
    from ..synthesis.plan import Settings
    from ..synthesis.synthesize import Progress
    from ..volumes.labels import LabelScheme


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(
        commands, "synthesize", synthesize, "Make MRI volumes from a label mask, or from each mask of a folder."
    )
    p.add_argument(
        "mask", help="label volume (.nii.gz, .nrrd, .seg.nrrd, .mha), DICOM folder, or a folder of label volumes"
    )
    p.add_argument(
        "out", help="folder for the NIfTI images, their JSON records and PNG previews; of one image, also its file"
    )
    add_synthesis_options(p)
    add_mri(p, several=True)
    add_dry_run(p, "--check")
    add_json(p)

    p = add_command(commands, "head-mask", head_mask, "Make a head mask from an MRI, with a tumour where there is one.")
    p.add_argument("image")
    p.add_argument("out")
    add_mri(p, needed=True)
    p.add_argument("--tumor", help="tumour mask of this MRI: the result is 1 in the head and 2 in the tumour")
    either = p.add_mutually_exclusive_group()
    either.add_argument("--tumor-labels", help="its values that are tumour, such as 1+2+4 (default: all but 0)")
    either.add_argument("--brats-labels", choices=NUMBERINGS, help="or: its values are BraTS' of this year")


def add_synthesis_options(p: argparse.ArgumentParser) -> None:
    """What every command that synthesizes takes."""
    add_label_options(p)
    add_sampling(p)
    p.add_argument(
        "--grid", choices=("mask", "model"), default="mask", help="voxel grid of the result (default: the mask's)"
    )
    p.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))


def synthesize(args: argparse.Namespace) -> int:
    """Mask in, MRI out."""
    from ..anatomy.completed import completed
    from ..base.parallel import rank_and_world
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..synthesis.batch import synthesize_files
    from ..synthesis.masks import find_masks, mask_names
    from ..synthesis.synthesize import load_model

    masks = find_masks(args.mask)
    scheme = ModelSpec.read(find_model(args.model)).labels
    read, names = mask_reader(args, masks, scheme), mask_names(masks)
    rank, world = rank_and_world()
    if args.dry_run:
        return check_masks(args, masks, scheme, read)
    if len(masks) == 1:  # before a model is loaded; masks of a folder are told of one by one
        given = read(masks[0])
        completed(given.mask, scheme, given.mapping, given.mri)
        read = {masks[0]: given}.__getitem__  # it is not read from the disk again
    model = load_model(args.model, picked_device(args.device), args.precision)
    messages = []
    mine, out, made = masks[rank::world], Path(args.out), 0
    with console.bar(args, len(masks[rank::world]) * args.samples, "image") as bar:

        def report(mask: Path, what: Progress | str) -> None:
            nonlocal made
            if isinstance(what, str):
                messages.append({"mask": mask, "words": what})
                bar.clear()
                bad = what.startswith(("left out", "warning: "))
                console.tell(**{"warnings" if bad else "notes": [what.removeprefix("warning: ")]}, of=mask.name)
                passed = args.samples if what.startswith("left out") else what.endswith("is there already")
                made += passed
                console.pass_over(bar, passed)
            else:
                bar.set_description(f"{mask.name} seed {what.seeds[0]}", refresh=False)
                made += what.finished
            bar.n = made + (0 if isinstance(what, str) or what.finished else round(what.share, 2))
            bar.refresh()

        written, failed = synthesize_files(
            model, mine, out, settings=settings_of(args), read=read, report=report, names=names
        )
    images = [image_written(path) for path in written] if args.json else []
    print_result(args, {"images": images, "failed": failed, "messages": messages}, written)
    return EXIT_ERROR if failed else 0


def settings_of(args: argparse.Namespace) -> Settings:
    """What the options of `add_synthesis_options` say of how images are made."""
    from ..synthesis.plan import Settings

    return Settings(seed=args.seed, sampler=args.sampler, steps=args.steps, samples=args.samples, output_grid=args.grid)


def picked_device(name: str) -> str:
    """The device of that name; under torchrun "auto" is this process's own GPU, where there are any."""
    from ..base.device import own_gpu, pick_device

    return str(own_gpu(pick_device(name))) if name == "auto" else name


def check_masks(args: argparse.Namespace, masks: list[Path], scheme: LabelScheme, read: Callable[[Path], Given]) -> int:
    """Says what each mask holds, and what is wrong with it, without loading any weights."""
    from ..anatomy.completed import completed
    from ..synthesis.masks import mask_names

    worst, names, checked = 0, mask_names(masks), []
    for path in masks:
        name = path.name if len(masks) == 1 else f"{names[path]} ({shown(path)})"
        try:
            given = read(path)
            own, report = completed(given.mask, scheme, given.mapping, given.mri)
        except MedDDPMError as error:
            checked.append({"mask": path, "error": error.message, "hint": error.hint})
            lines, worst = [f"{name}: {error}"], EXIT_ERROR
        else:
            told = {"labels": report.present, "warnings": report.warnings, "notes": report.notes}
            checked.append({"mask": path, **told})
            present = ", ".join(f"{name} {own.geometry.in_ml(count)}" for name, count in report.present.items())
            lines = ["\n  ".join([f"{name}: {present}", *report.warnings, *report.notes])]
        if not args.json:
            print(*lines)
    print_result(args, {"masks": checked}, [])
    return worst


def head_mask(args: argparse.Namespace) -> int:
    """Head mask from an MRI."""
    from ..anatomy.completed import head_with_tumor
    from ..anatomy.head import head_mask as make
    from ..volumes.brats import mapping_of
    from ..volumes.labels import WHOLE_HEAD, parse_label_mapping
    from ..volumes.plausible import doubt, doubt_image
    from ..volumes.volume import Volume

    require_new_volume(Path(args.out))
    mri, note = read_mri(args, args.image), ""
    if args.tumor is None:
        mask = make(mri)
    else:
        stated = mapping_of(Path(args.tumor).name, WHOLE_HEAD, args.brats_labels)
        if args.tumor_labels:
            stated = parse_label_mapping(f"tumor={args.tumor_labels}")
        mask, note = head_with_tumor(mri, Volume.read(args.tumor, labels=True), (stated or {}).get("tumor", ()))
    doubted = doubt(mask, WHOLE_HEAD)
    console.tell(warnings=filter(None, [doubt_image(mri), note, doubted and doubted[0]]))
    mask.write(args.out)
    print(args.out)
    return 0
