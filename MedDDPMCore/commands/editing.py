"""`medddpm edit`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..base.errors import VolumeError
from . import console
from .command import (
    Commands,
    add_command,
    add_dry_run,
    add_json,
    add_label_options,
    add_mri,
    add_sampling,
    image_written,
    label_mapping,
    print_result,
    read_mri,
    require_apart,
)


def add(commands: Commands) -> None:
    """Adds the command to the command line's."""
    p = add_command(
        commands, "edit", edit, "Make a region of a patient's MRI anew: put in, enlarge, move or remove a lesion."
    )
    p.add_argument("mri", help="a single 3D image, of any intensity range")
    p.add_argument("mask", help="the labels wanted, where the MRI lies; a tumour alone gets the head seen in the MRI")
    p.add_argument(
        "out", help="folder for the NIfTI images, their JSON records and PNG previews; of one, also its file"
    )
    add_mri(p, needed=True)
    p.add_argument("--source", help="the labels as they are in the MRI: what differs from MASK is made anew")
    p.add_argument("--edit-mask", help="the region to make anew, instead of what lies around the changed labels")
    add_label_options(p, "the masks call their labels")
    p.add_argument("--margin", type=float, help="mm around changed labels that are made anew")
    p.add_argument("--blend", type=float, help="mm over which the new part is blended in")
    p.add_argument("--mass-effect", type=float, default=0.0, help="0..1: how strongly new lesions push the tissue")
    add_sampling(p, "ddpm")
    add_dry_run(p, "--check")
    add_json(p)


def edit(args: argparse.Namespace) -> int:
    """The patient's MRI with a region made anew."""
    from dataclasses import replace

    from ..base.files import require_writable
    from ..editing.check import USUAL, EditOptions, check_edit
    from ..editing.output import edit_identity, edited_path
    from ..editing.plan import plan_edit
    from ..editing.run import edit_settings, run_edit
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..synthesis.output import is_made, names_a_file, require_own, stem
    from ..synthesis.synthesize import Settings, load_model
    from ..volumes.volume import Volume

    options = EditOptions(
        margin_mm=USUAL.margin_mm if args.margin is None else args.margin,
        blend_mm=USUAL.blend_mm if args.blend is None else args.blend,
        mass_effect=args.mass_effect,
    )
    mask = Volume.read(args.mask, labels=True)
    source, edit_mask = (Volume.read(path, labels=True) if path else None for path in (args.source, args.edit_mask))
    out = Path(args.out)
    if names_a_file(out) and args.samples > 1:
        raise VolumeError(f"{out} is one file, and {args.samples} images are to be made.", "Name a folder.")
    paths = {seed: edited_path(out, stem(args.mri), seed) for seed in range(args.seed, args.seed + args.samples)}
    for path in paths.values():
        require_apart(path, args.mri, args.mask, args.source, args.edit_mask)
        require_own(path)
    spec = ModelSpec.read(find_model(args.model))
    mapping = label_mapping(args, spec.labels, args.mask)
    checked = check_edit(  # before a model is loaded
        spec, read_mri(args, args.mri), mask, source=source, edit_mask=edit_mask, mapping=mapping, options=options
    )
    if args.dry_run:
        notes, warnings = [*checked.notes, *checked.report.notes], checked.report.warnings
        console.tell(notes, warnings)
        print_result(args, {"warnings": warnings, "notes": notes}, [])
        return 0
    require_writable(out.parent if names_a_file(out) else out)
    model = load_model(args.model, args.device)
    plan = plan_edit(model, checked)
    console.tell(plan.notes, plan.warnings)
    settings = edit_settings(Settings(sampler=args.sampler, steps=args.steps))
    todo = [s for s, path in paths.items() if not is_made(path, edit_identity(model.spec, plan, settings, s))]
    console.tell([f"{paths[seed]} is there already." for seed in paths if seed not in todo], [])
    written = []
    with console.bar(args, unit="image") as bar:
        for made, seed in enumerate(todo):
            for progress, result in run_edit(model, plan, replace(settings, seed=seed)):
                console.show(bar, round(made + progress.share, 2), len(todo))
                if result:
                    written.append(result.write(out, stem(args.mri)))
                    if not args.json:
                        print(written[-1])
    images = [image_written(path) for path in written] if args.json else []
    print_result(args, {"images": images, "warnings": plan.warnings, "notes": plan.notes}, [])
    return 0
