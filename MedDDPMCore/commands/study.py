"""`medddpm` study."""

from __future__ import annotations

import argparse
import sys

from .command import Commands, add_command, add_dry_run


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(
        commands,
        "study",
        study,
        "Train a lesion segmenter on real and synthetic images, and compare: the paper's study.",
    )
    p.add_argument("config", help="study configuration (see Resources/studies)")
    p.add_argument("out", help="folder of the study; one that exists is resumed")
    p.add_argument("--device", default="auto")
    add_dry_run(p)


def study(args: argparse.Namespace) -> int:
    """Configuration -> report."""
    from ..evaluation.study.config import StudyConfig
    from ..evaluation.study.run import outline, run_study

    def told(message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    config = StudyConfig.read(args.config)
    if args.dry_run:
        print("\n".join(outline(config, args.out, args.device)))
        return 0
    path = run_study(config, args.out, args.device, told)
    if path:
        print(path)
    return 0
