"""`medddpm` privacy, deface."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import console
from .command import EXIT_ERROR, Commands, add_command, begun_folder, require_new, require_new_volume

REPORT, TABLE, CACHE = "privacy.md", "pairs.csv", "cache"
PICTURES = {"image": "closest_pairs.png", "features": "closest_pairs_by_features.png"}


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(
        commands, "privacy", privacy, "Say whether synthetic images are copies of real ones (exit code 1 if any is)."
    )
    p.add_argument("synthetic", help="folder of synthetic images")
    p.add_argument("out", nargs="?", help="folder for report, table and pictures; one that was begun is gone on with")
    p.add_argument("--against", required=True, metavar="REAL_DIR", help="folder of the images the model was trained on")
    p.add_argument("--held-out", metavar="DIR", help="folder of real images it was not trained on, to compare with")
    p.add_argument("--real-suffix", default="", help="what the real images' names end with, such as _T1")
    p.add_argument("--synthetic-suffix", default="", help="and the synthetic images' names")
    p.add_argument("--model", default="default", help="model whose field of view is compared")
    p.add_argument("--features", help="weights of MedicalNet (default: the head encoder that ships with the project)")
    p.add_argument("--features-sha256", help="what the sha256 of these weights must be")
    p.add_argument("--device", default="auto", help="of the feature network: auto, cpu, cuda:0 …")

    p = add_command(commands, "deface", deface, "Remove the face from a head image.")
    p.add_argument("image", help="image or label volume; the record (.json) of a synthetic one goes with it")
    p.add_argument("out", help="new file")
    p.add_argument("--mask", help="head mask, what is not 0 is head (default: made from the image)")


def deface(args: argparse.Namespace) -> int:
    """Head image -> the same without its face."""
    from ..anatomy.deface import deface as without_face
    from ..anatomy.head import head_mask
    from ..export.record import read_record
    from ..synthesis.output import require_own_record, sidecar, write_with_record
    from ..volumes.same_world import require_together
    from ..volumes.volume import Volume

    image, out = Path(args.image), Path(args.out)
    require_own_record(image)
    record = _record_beside(image)
    require_new_volume(out)
    require_new([sidecar(out)] if record else [])
    volume = Volume.read(image)
    head = Volume.read(args.mask, labels=True) if args.mask else head_mask(volume)
    require_together("mask", head, "image", volume)
    marks = {"SYNTHETIC": read_record(sidecar(image)).title} if record else {}
    defaced, marks = without_face(volume, head), {**marks, "DEFACED": "face removed by medddpm deface"}
    if record:
        write_with_record(out, defaced, marks, {**record, "defaced": True})
    else:
        defaced.write(out, marks)
    print(args.out)
    return 0


def _record_beside(image: Path) -> dict:
    """The record of a synthetic image; {} where there is none, as beside a scan, or beside one with other JSON."""
    from ..base.reading import read_json
    from ..synthesis.output import sidecar

    try:
        values = read_json(sidecar(image))
    except (FileNotFoundError, ValueError):
        return {}
    return values if isinstance(values, dict) and values.get("synthetic") is True else {}


def privacy(args: argparse.Namespace) -> int:
    """Synthetic and real images -> what they have in common."""
    from ..base.device import pick_device
    from ..base.files import write_text
    from ..base.pictures import save_png
    from ..evaluation.metrics.features import load_features
    from ..evaluation.metrics.standard_head import find_images
    from ..evaluation.privacy.compare import closest_pairs, compare, markdown, table
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec

    grid = ModelSpec.read(find_model(args.model)).grid
    synthetic = find_images(args.synthetic, args.synthetic_suffix)
    real = find_images(args.against, args.real_suffix)
    held_out = find_images(args.held_out, args.real_suffix) if args.held_out else []
    network = load_features(args.features, args.features_sha256, pick_device(args.device))
    folder = begun_folder(args.out, CACHE, {REPORT, TABLE, *PICTURES.values()}) if args.out else None
    with console.bar(args, len(real) + len(synthetic) + len(held_out), "image") as bar:
        report = compare(
            synthetic,
            real,
            grid,
            network=network,
            held_out=held_out,
            report=bar.update,
            cache=folder / CACHE if folder else None,
        )
    if folder:
        write_text(folder / TABLE, table(report))
        for space, name in PICTURES.items():
            save_png(folder / name, closest_pairs(report, getattr(report, space).synthetic, grid))
        write_text(folder / REPORT, markdown(report))
    print(markdown(report), end="")
    return EXIT_ERROR if report.copies.any() else 0
