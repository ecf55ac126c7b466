"""`medddpm` dataset, dicom."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import MedDDPMError
from . import console
from .command import (
    EXIT_ERROR,
    Commands,
    add_command,
    add_dry_run,
    add_json,
    add_label_options,
    add_mri,
    label_mapping,
    mask_reader,
    print_result,
)
from .synthesis import add_synthesis_options, check_masks, picked_device, settings_of

if TYPE_CHECKING:
    from ..export.dataset import Report
    from ..synthesis.synthesize import Progress


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(commands, "dataset", dataset, "Make a data set of synthetic images from a folder of masks.")
    p.add_argument("masks", help="folder of label volumes, or one of them")
    p.add_argument("out", help="folder for the data set; one that was begun is gone on with")
    p.add_argument("--layout", required=True, choices=("nnunet", "bids"))
    p.add_argument("--keep-names", action="store_true", help="call cases by their mask's file name, not by a hash")
    p.add_argument("--deface", action="store_true", help="take the faces out of images (air) and labels")
    p.add_argument(
        "--compression",
        type=int,
        default=4,
        metavar="LEVEL",
        help="gzip's level of the images, 1 (fast) to 9; 0 writes .nii without (default 4)",
    )
    p.add_argument("--progress", action="store_true", help="print a JSON line a step, for programs")
    add_synthesis_options(p)
    add_mri(p, several=True)
    add_dry_run(p, "--check")
    add_json(p)

    p = add_command(
        commands, "dicom", dicom, "Write synthetic images of a head as a DICOM study, their mask as a DICOM SEG."
    )
    p.add_argument(
        "image",
        nargs="+",
        help="a synthetic image with its record (.json) beside it; several of one head become series of one study",
    )
    p.add_argument("out", help="new folder for the study; nothing is ever written over")
    p.add_argument("--mask", help="the mask it was made from, for a segmentation object (SEG)")
    add_label_options(p)
    p.add_argument("--record", help="the record of a single image, where it does not lie beside it")
    p.add_argument("--source", help="DICOM folder of the patient's own series; only with --keep-identity")
    p.add_argument(
        "--keep-identity",
        action="store_true",
        help="put the images into the study of --source: its patient, dates and frame of reference are copied",
    )
    p.add_argument("--burn-in", action="store_true", help="draw the word SYNTHETIC into the voxels")
    p.add_argument("--face-is-removed", action="store_true", help="the image was defaced; DICOM says so")


def dataset(args: argparse.Namespace) -> int:
    """Masks -> data set."""
    from ..export.dataset import DatasetOptions, make_dataset
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..synthesis.masks import find_masks
    from ..synthesis.synthesize import load_model

    masks = find_masks(args.masks)
    scheme = ModelSpec.read(find_model(args.model)).labels
    read = mask_reader(args, masks, scheme)
    if args.dry_run:
        return check_masks(args, masks, scheme, read)
    model = load_model(args.model, picked_device(args.device), args.precision)
    report, close = _json_lines() if args.progress else _bar(args)
    try:
        options = DatasetOptions(
            read=read, keep_names=args.keep_names, deface=args.deface, compression=args.compression
        )
        made = make_dataset(
            model, masks, args.out, layout=args.layout, settings=settings_of(args), options=options, report=report
        )
    finally:
        close()
    holds = f"holds {made.cases} cases" if made.cases is not None else "is completed by the last process to end"
    counts = f"{len(made.made)} made, {len(made.there_before)} there before, {len(made.failed)} masks left out"
    counts += f", {len(made.same)} masks the same as another" if made.same else ""
    print_result(args, {"folder": args.out, **dataclasses.asdict(made)}, [f"{counts}; {args.out} {holds}"])
    return EXIT_ERROR if made.failed else 0


def _json_lines() -> tuple[Report, Callable[[], None]]:
    """Tells progress as JSON, one object a line: cases done and in all, name, and step, total and share, or words."""

    def report(done: int, total: int, name: str, state: Progress | str) -> None:
        facts: dict = {"words": state}
        if not isinstance(state, str):
            facts = {"step": state.index, "total": state.total, "share": round(state.share, 4)}
        print(json.dumps({"done": done, "cases": total, "name": name, **facts}), flush=True)

    return report, lambda: None


def _bar(args: argparse.Namespace) -> tuple[Report, Callable[[], None]]:
    """Tells progress as a bar over the cases, and in words what is left out or noteworthy."""
    bar = console.bar(args, unit="case")

    def report(done: int, total: int, name: str, state: Progress | str) -> None:
        bar.total = total
        if isinstance(state, str):
            console.pass_over(bar, state == "is there already")
            bar.update(done - bar.n)
            if state not in ("made", "is there already"):
                bar.clear()
                console.tell(**{"warnings" if state.startswith("left out") else "notes": [state]}, of=name)
        else:
            bar.set_description(f"{name} step {state.index}/{state.total}")

    return report, bar.close


def dicom(args: argparse.Namespace) -> int:
    """Synthetic image -> DICOM study."""
    from ..export.dicom import export_dicom, require_dicom
    from ..export.record import read_record
    from ..synthesis.output import require_own_record, sidecar
    from ..volumes.labels import BRATS
    from ..volumes.volume import Volume

    if bool(args.source) != args.keep_identity:
        raise MedDDPMError(
            "--source and --keep-identity belong together: one names the patient, the other says that you mean it.",
            "Give both to put the images into that patient's study, or neither for a study without identity.",
        )
    require_dicom()
    if args.record and len(args.image) > 1:
        raise MedDDPMError("--record names the record of one image.", "Let each image's record lie beside it.")
    for image in args.image if not args.record else []:
        require_own_record(Path(image))
    records = [read_record(Path(args.record or sidecar(Path(image)))) for image in args.image]
    images = [Volume.read(image) for image in args.image]
    mask = Volume.read(args.mask, labels=True) if args.mask else None
    mapping = label_mapping(args, BRATS, args.mask or "")
    notes = export_dicom(
        list(zip(images, records, strict=True)),
        args.out,
        mask,
        mapping=mapping,
        source=args.source,
        burn_in=args.burn_in,
        face_is_removed=args.face_is_removed,
    )
    print("\n".join([*notes, args.out]))
    return 0
