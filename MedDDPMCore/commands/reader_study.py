"""`medddpm` reader-study make, reader-study score."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from . import console
from .command import Commands, add_command, new_folder


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    parser = commands.add_parser(
        "reader-study", help="Ask people to tell synthetic from real: make a blinded study, score its answers."
    )
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")

    p = add_command(parts, "make", make, "Mix real and synthetic images under blind names.")
    p.add_argument("real", help="folder of real images")
    p.add_argument("synthetic", help="folder of synthetic images")
    p.add_argument("out", help="new folder, for the readers")
    p.add_argument("--cases", type=int, required=True, metavar="N", help="N real and N synthetic")
    p.add_argument("--seed", type=int, help="of the drawing and its order (default: a new one)")
    p.add_argument("--slices", choices=("centre", "volume"), default="volume", help="what is shown (default: volume)")
    p.add_argument("--key", help="file that says what is what (default: OUT-key.json); no reader may open it")
    p.add_argument("--keep-names", action="store_true", help="the key names images by path, and not by their SHA-256")
    p.add_argument("--real-suffix", default="", help="what the real images' names end with, such as _T1")
    p.add_argument("--synthetic-suffix", default="", help="and the synthetic images' names")
    p.add_argument("--model", default="default", help="model whose grid all images are brought to")

    p = add_command(parts, "score", score, "Say how well the readers could tell, and how far they agree.")
    p.add_argument("study", help="the folder that the readers had")
    p.add_argument("answers", nargs="+", help="a CSV file a reader, named answers-<reader>.csv")
    p.add_argument("--key", help="the study's key (default: STUDY-key.json)")
    p.add_argument("--report", help="new folder for the scores as Markdown and CSV")


def make(args: argparse.Namespace) -> int:
    """Images -> blinded study and its key."""
    from ..evaluation.metrics.standard_head import find_images
    from ..evaluation.readers.cases import key_path, make_study, plan_study, seed_of
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec

    real, synthetic = find_images(args.real, args.real_suffix), find_images(args.synthetic, args.synthetic_suffix)
    key = Path(args.key) if args.key else key_path(args.out)
    begun = seed_of(key)
    seed = next(value for value in (args.seed, begun, secrets.randbits(31)) if value is not None)
    grid = ModelSpec.read(find_model(args.model)).grid
    plan = plan_study(real, synthetic, args.cases, seed, args.slices, grid)
    with console.bar(args, len(plan.order), "case") as bar:
        out, key = make_study(plan, args.out, key, lambda done: bar.update(done - bar.n), args.keep_names)
    print(f"{out}: {len(plan.order)} cases, for the readers\n{key}: what is what, for no reader")
    return 0


def score(args: argparse.Namespace) -> int:
    """Answers -> figures."""
    import numpy as np

    from ..base.files import write_text
    from ..evaluation.readers.cases import key_path, read_key
    from ..evaluation.readers.files import read_study
    from ..evaluation.readers.score import markdown, read_readings, table
    from ..evaluation.readers.score import score as figures

    study = read_study(args.study)
    truths = read_key(args.key or key_path(args.study), study.id)
    scores = figures(
        read_readings(args.answers, study), np.array([truths[case] == "synthetic" for case in study.cases])
    )
    if args.report:
        folder = new_folder(args.report)
        write_text(folder / "scores.md", markdown(scores))
        write_text(folder / "scores.csv", table(scores))
    print(markdown(scores), end="")
    return 0
