"""`medddpm` dicom."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import MedDDPMError
from .command import add_command


def add(commands) -> None:
    """Their grammar."""
    p = add_command(commands, "dicom", dicom, "Write a synthetic image as a DICOM series, its mask as a DICOM SEG.")
    p.add_argument("image", help="a synthetic image with its record (.json) beside it")
    p.add_argument("out", help="new folder for the study; nothing is ever written over")
    p.add_argument("--mask", help="the mask it was made from, for a segmentation object (SEG)")
    p.add_argument("--labels", help="what the mask calls its labels, such as head=1,tumor=2")
    p.add_argument("--record", help="the image's record, where it does not lie beside it")
    p.add_argument("--source", help="DICOM folder of the patient's own series; only with --keep-identity")
    p.add_argument(
        "--keep-identity",
        action="store_true",
        help="put the images into the study of --source: its patient, dates and frame of reference are copied",
    )
    p.add_argument("--burn-in", action="store_true", help="draw the word SYNTHETIC into the voxels")
    p.add_argument("--face-is-removed", action="store_true", help="the image was defaced; DICOM says so")


def dicom(args: argparse.Namespace) -> int:
    """Synthetic image -> DICOM study."""
    from ..export.dicom import export_dicom, require_dicom
    from ..export.record import read_record, record_of
    from ..labels import parse_label_mapping
    from ..volume import Volume

    if bool(args.source) != args.keep_identity:
        raise MedDDPMError(
            "--source and --keep-identity belong together: one names the patient, the other says that you mean it.",
            "Give both to put the images into that patient's study, or neither for a study without identity.",
        )
    require_dicom()
    image = Path(args.image)
    record = read_record(Path(args.record) if args.record else record_of(image))
    mask = Volume.read(args.mask, labels=True) if args.mask else None
    mapping = parse_label_mapping(args.labels) if args.labels else None
    notes = export_dicom(
        Volume.read(image), record, args.out, mask, mapping, args.source, args.burn_in, args.face_is_removed
    )
    print("\n".join([*notes, args.out]))
    return 0
