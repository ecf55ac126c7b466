"""`medddpm` synthesize, head-mask."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import MedDDPMError
from .command import EXIT_ERROR, Commands, add_command, at_least_one, require_new

if TYPE_CHECKING:
    from ..synthesis.synthesize import Progress
    from ..volumes.labels import LabelMapping


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
    p.add_argument("--check", action="store_true", help="only say what the masks hold and whether they fit")

    p = add_command(commands, "head-mask", head_mask, "Make a head mask from an MRI, with a tumour where there is one.")
    p.add_argument("image")
    p.add_argument("out")
    p.add_argument("--tumor", help="tumour mask of this MRI: the result is 1 in the head and 2 in the tumour")
    p.add_argument("--tumor-labels", help="its values that are tumour, such as 1+2+4 (default: all but 0)")


def add_synthesis_options(p: argparse.ArgumentParser) -> None:
    """What every command that synthesizes takes."""
    p.add_argument("--model", default="default", help="name or folder of a model (see `medddpm models`)")
    p.add_argument("--labels", help="what this mask calls its labels, such as head=1,tumor=2")
    p.add_argument("--seed", type=int, default=0, help="same seed, model, mask, device: same image (default 0)")
    p.add_argument("--samples", type=at_least_one, default=1, help="how many images; sample k has seed + k")
    p.add_argument("--sampler", help="ddpm, ddim or dpmpp_2m (default: the model's own)")
    p.add_argument("--steps", type=int, help="diffusion steps (default: the model's own)")
    p.add_argument(
        "--grid", choices=("mask", "model"), default="mask", help="voxel grid of the result (default: the mask's)"
    )
    p.add_argument("--device", default="auto", help="auto, cpu, cuda:0 …")
    p.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))


def synthesize(args: argparse.Namespace) -> int:
    """Mask in, MRI out."""
    from tqdm import tqdm

    from ..base.parallel import rank_and_world
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..synthesis.batch import find_masks, mask_names, synthesize_files
    from ..synthesis.synthesize import Settings, load_model
    from ..volumes.labels import parse_label_mapping
    from ..volumes.plausible import examine
    from ..volumes.volume import Volume

    mapping = parse_label_mapping(args.labels) if args.labels else None
    masks = find_masks(args.mask)
    names = mask_names(masks)
    rank, world = rank_and_world()
    if args.check:
        return _check(masks, args.model, mapping)
    if len(masks) == 1:  # before a model is loaded; masks of a folder are told of one by one
        examine(Volume.read(masks[0], labels=True), ModelSpec.read(find_model(args.model)).labels, mapping)
    model = load_model(args.model, picked_device(args.device), args.precision)
    settings = Settings(
        seed=args.seed,
        sampler=args.sampler,
        steps=args.steps,
        samples=args.samples,
        batch_size=1,
        output_grid=args.grid,
    )
    with tqdm(disable=None, unit="step") as bar:

        def report(mask: Path, what: Progress | str) -> None:
            if isinstance(what, str):
                bar.write(f"{mask.name}: {what}", file=sys.stderr)
            else:
                bar.set_description(f"{mask.name} seed {what.seeds[0]}")
                bar.total, bar.n = what.total, what.index
                bar.refresh()

        written, failed = synthesize_files(
            model, masks[rank::world], Path(args.out), settings=settings, mapping=mapping, report=report, names=names
        )
    for path in written:
        print(path)
    return EXIT_ERROR if failed else 0


def picked_device(name: str) -> str:
    """The device of that name; under torchrun "auto" is this process's own GPU, where there are any."""
    import torch

    from ..base.parallel import rank_and_world

    if rank_and_world()[1] > 1 and name == "auto" and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    return name


def _check(masks: list[Path], model: str, mapping: LabelMapping | None) -> int:
    """Says what each mask holds, and what is wrong with it, without loading any weights."""
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..volumes.plausible import examine
    from ..volumes.volume import Volume

    scheme = ModelSpec.read(find_model(model)).labels
    worst = 0
    for path in masks:
        try:
            _, report = examine(Volume.read(path, labels=True), scheme, mapping)
        except MedDDPMError as error:
            print(f"{path.name}: {error}")
            worst = EXIT_ERROR
            continue
        present = ", ".join(f"{name} {count} voxels" for name, count in report.present.items())
        print("\n  ".join([f"{path.name}: {present}", *report.warnings, *report.notes]))
    return worst


def head_mask(args: argparse.Namespace) -> int:
    """Head mask from an MRI."""
    from ..anatomy.head import head_mask as make
    from ..anatomy.head import head_with_tumor
    from ..volumes.labels import parse_label_mapping
    from ..volumes.volume import Volume

    require_new([Path(args.out)])
    mri = Volume.read(args.image)
    if args.tumor is None:
        mask = make(mri)
    else:
        chosen = parse_label_mapping(f"tumor={args.tumor_labels}")["tumor"] if args.tumor_labels else ()
        values = chosen if isinstance(chosen, tuple) else (chosen,)
        mask, note = head_with_tumor(mri, Volume.read(args.tumor, labels=True), values)
        if note:
            print(f"medddpm: warning: {note}", file=sys.stderr)
    mask.write(args.out)
    print(args.out)
    return 0
