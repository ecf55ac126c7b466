"""`medddpm` evaluate, figures."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from ..base.errors import EvaluationError
from . import console
from .command import Commands, add_command, add_json, begun_folder, print_result, require_apart, require_new


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(commands, "evaluate", evaluate, "Compare a folder of synthetic images with one of real images.")
    p.add_argument("real", help="folder of real images")
    p.add_argument("synthetic", help="folder of synthetic images")
    p.add_argument(
        "out",
        nargs="?",
        default="evaluation",
        help="folder for the report; one that was begun is gone on with (default: evaluation)",
    )
    p.add_argument("--real-suffix", default="", help="what the names of real images end with, such as _T1")
    p.add_argument("--synthetic-suffix", default="", help="what the names of synthetic images end with")
    p.add_argument("--model", default="default", help="name or folder of a model whose grid all are brought to")
    p.add_argument("--features", help="weights of MedicalNet (default: the head encoder that ships with the project)")
    p.add_argument("--features-sha256", help="what the sha256 of these weights must be")
    p.add_argument("--pairs", type=int, default=200, help="random pairs of MS-SSIM within a set (default 200)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="auto", help="of the feature network: auto, cpu, cuda:0 …")
    add_json(p)

    p = add_command(commands, "figures", figures, "Draw a figure for a reader: planes with sides named and a scale.")
    kinds = p.add_subparsers(dest="kind", required=True, metavar="KIND")
    q = kinds.add_parser("compare", help="real beside synthetic images in three planes")
    q.add_argument("out", type=Path, help="the PNG to write")
    q.add_argument("images", type=Path, nargs="+", help="images, a row each")
    q.add_argument("--names", nargs="+", default=[], help="what the rows are called")
    for kind, text in (
        ("tumors", "tumours zoomed, with the mask's outline"),
        ("samples", "one mask and many images made of it"),
        ("masks", "manipulated masks above the images made of them"),
    ):
        q = kinds.add_parser(kind, help=text)
        q.add_argument("out", type=Path, help="the PNG to write")
        q.add_argument("--masks", type=Path, nargs="+", required=True, help="masks, in the order of the images")
        q.add_argument("--images", type=Path, nargs="+", required=True)
        q.add_argument("--tumor", type=int, default=2, help="the tumour's label in the masks (default 2)")


def figures(args: argparse.Namespace) -> int:
    """Images and masks -> one PNG."""
    from ..evaluation.metrics import figures as draw

    require_new([args.out])
    if args.out.suffix.lower() != ".png":
        raise EvaluationError(f"{args.out} is not named as a PNG.", "Name the PNG to write first, then the images.")
    if args.kind == "compare":
        draw.compare(args.out, args.images, args.names)
    elif args.kind == "samples":
        if len(args.masks) != 1:
            raise EvaluationError(f"Samples of one mask are shown, not of {len(args.masks)}.")
        draw.samples(args.out, args.masks[0], args.images, args.tumor)
    else:
        if len(args.masks) != len(args.images):
            raise EvaluationError(f"{len(args.masks)} masks were given for {len(args.images)} images.")
        if args.kind == "tumors":
            draw.tumors(args.out, args.images, args.masks, args.tumor)
        else:
            draw.manipulated(args.out, args.masks, args.images, args.tumor)
    print(args.out)
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Two folders of images -> a report."""
    from ..evaluation.metrics.report import CACHE, FILES, MARKDOWN_FILE, evaluate_folders

    out = Path(args.out)
    require_apart(out, args.real, args.synthetic)
    begun_folder(args.out, CACHE, FILES)
    with console.bar(args) as bar:

        def progress(done: int, total: int, what: str) -> None:
            console.show(bar, done, total, what)

        result = evaluate_folders(
            args.real,
            args.synthetic,
            out,
            model=args.model,
            features=args.features,
            features_sha256=args.features_sha256,
            pairs=args.pairs,
            real_suffix=args.real_suffix,
            synthetic_suffix=args.synthetic_suffix,
            seed=args.seed,
            device=args.device,
            progress=progress,
        )
    metrics = [dataclasses.asdict(row) for row in result.rows]
    report = (out / MARKDOWN_FILE).read_text(encoding="utf-8")
    print_result(args, {"metrics": metrics, "notes": result.notes, "files": result.files}, [report, *result.files])
    return 0
