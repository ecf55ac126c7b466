"""`medddpm edit`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .command import Commands, add_command, at_least_one, require_new


def add(commands: Commands) -> None:
    """Adds the command to the command line's."""
    p = add_command(
        commands, "edit", edit, "Make a region of a patient's MRI anew: put in, enlarge, move or remove a lesion."
    )
    p.add_argument("mri", help="a single 3D image, of any intensity range")
    p.add_argument("mask", help="the labels wanted, on the MRI's voxels; without a head label it is found in the MRI")
    p.add_argument("out", help="folder for the edited NIfTI images and their JSON records")
    p.add_argument("--source", help="the labels as they are in the MRI: what differs from MASK is made anew")
    p.add_argument("--edit-mask", help="the region to make anew, instead of what lies around the changed labels")
    p.add_argument("--labels", help="what the masks call their labels, such as head=1,tumor=2")
    p.add_argument("--margin", type=float, help="mm around changed labels that are made anew")
    p.add_argument("--blend", type=float, help="mm over which the new part is blended in")
    p.add_argument("--mass-effect", type=float, default=0.0, help="0..1: how strongly new lesions push the tissue")
    p.add_argument("--model", default="default", help="name or folder of a model (see `medddpm models`)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--samples", type=at_least_one, default=1, help="how many images; sample k has seed + k")
    p.add_argument("--sampler", help="ddpm (default), ddim or dpmpp_2m")
    p.add_argument("--steps", type=int, help="diffusion steps (default: the model's own)")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda:0 …")


def edit(args: argparse.Namespace) -> int:
    """The patient's MRI with a region made anew."""
    from tqdm import tqdm

    from ..base.files import require_writable
    from ..editing.output import edited_path, write_edited
    from ..editing.plan import EditOptions, plan_edit
    from ..editing.run import run_edit
    from ..synthesis.output import stem
    from ..synthesis.synthesize import Settings, load_model
    from ..volumes.labels import parse_label_mapping
    from ..volumes.volume import Volume

    usual = EditOptions()
    options = EditOptions(
        margin_mm=usual.margin_mm if args.margin is None else args.margin,
        blend_mm=usual.blend_mm if args.blend is None else args.blend,
        mass_effect=args.mass_effect,
    )
    mask = Volume.read(args.mask, labels=True)
    source, edit_mask = (Volume.read(path, labels=True) if path else None for path in (args.source, args.edit_mask))
    mapping = parse_label_mapping(args.labels) if args.labels else None
    require_new([edited_path(Path(args.out), stem(args.mri), args.seed + k) for k in range(args.samples)])
    require_writable(args.out)
    model = load_model(args.model, args.device)
    plan = plan_edit(
        model,
        Volume.read(args.mri),
        mask,
        source=source,
        edit_mask=edit_mask,
        mapping=mapping,
        options=options,
    )
    print("\n".join([*plan.warnings, *plan.notes]), file=sys.stderr)
    settings = Settings(seed=args.seed, sampler=args.sampler, steps=args.steps, samples=args.samples)
    with tqdm(disable=None, unit="step") as bar:
        for progress, result in run_edit(model, plan, settings):
            bar.total, bar.n = progress.total, progress.index
            bar.refresh()
            if result:
                print(write_edited(plan, settings, result, args.out, stem(args.mri)))
    return 0
